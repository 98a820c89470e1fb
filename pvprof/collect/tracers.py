"""The tracers: which one serves which system, and how it is run.

Owns one row per tracer: all that the recorder, the command line and the reader of recordings need
to know of it. What its programs measure is in ``modes``; how they are built is in the tracer's own
package, ``collect/NAME``; how it is started is in ``collect/sh/NAME.sh``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Protocol

from pvprof.collect.bpftrace import programs as bpftrace
from pvprof.collect.dtrace import programs as dtrace
from pvprof.collect.modes import MODES, Mode, TracerProgram, mode_of
from pvprof.collect.options import ProgramOptions
from pvprof.errors import UsageError

SHELL_FILES = files("pvprof.collect") / "sh"


class ProgramText(Protocol):
    """A program that a tracer runs."""

    def text(self) -> str:
        """Return the program as the tracer takes it."""
        ...


@dataclass(frozen=True, slots=True)
class Tracer:
    """One tracer.

    Attributes:
        name: of its command, of its functions in ``sh_file``, and in the manifest.
        system: what ``uname -s`` prints where it is used.
        suffix: of its programs: a recording has the one it was made with as ``script.SUFFIX``.
        layout: of its output, a name of the parsers' layouts.
        sh_file: its part of the recorder; ``recorder.sh`` lists the functions in it.
        build: builds the program of a mode; the options are resolved.
        environment: returns the environment variables to run a program with.
    """

    name: str
    system: str
    suffix: str
    layout: str
    sh_file: Traversable
    build: Callable[[Mode, TracerProgram, ProgramOptions], ProgramText]
    environment: Callable[[ProgramOptions], Mapping[str, str]]

    def program_names(self) -> tuple[str, ...]:
        """Return the names of all programs; of one mode, the one that needs least comes first."""
        return tuple(
            program.name
            for mode in MODES.values()
            for program in reversed(mode.programs_of(self.name))
        )

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the names of the programs that serve a mode, the best first.

        A name that is not a mode of this tracer is returned as it is: it may be one program.
        """
        programs = MODES[name].programs_of(self.name) if name in MODES else ()
        return tuple(program.name for program in programs) or (name,)

    def program(self, name: str, options: ProgramOptions | None = None) -> ProgramText:
        """Return a program.

        Raises:
            UsageError: the tracer has no program of this name, or its mode does not take an option.
        """
        if name not in self.program_names():
            hint = "modes: " + ", ".join(self.program_names())
            raise UsageError(f"no such mode: {name}", hint)
        mode = mode_of(name)
        (program,) = (row for row in mode.programs_of(self.name) if row.name == name)
        return self.build(mode, program, (options or ProgramOptions()).resolved(mode, name))


_DTRACE = Tracer(
    "dtrace",
    "FreeBSD",
    "d",
    "pvprof",
    SHELL_FILES / "dtrace.sh",
    dtrace.build,
    dtrace.environment,
)

_BPFTRACE = Tracer(
    "bpftrace",
    "Linux",
    "bt",
    "bpftrace",
    SHELL_FILES / "bpftrace.sh",
    bpftrace.build,
    bpftrace.environment,
)

TRACERS: dict[str, Tracer] = {
    tracer.name: tracer
    for tracer in (
        _DTRACE,
        _BPFTRACE,
    )
}
"""By name; the first one is the default if neither the user nor a target chooses."""


def choose(name: str) -> tuple[Tracer, ...]:
    """Return the tracer of this name; all of them if the name is empty.

    Raises:
        UsageError: there is none of this name.
    """
    if not name:
        return tuple(TRACERS.values())
    if name not in TRACERS:
        raise UsageError(f"no such tracer: {name}", "tracers: " + ", ".join(TRACERS))
    return (TRACERS[name],)
