"""Which tracer serves which system, and with which programs.

Owns the table of tracers: everything that a new one has to say of itself to the recorder and to the
command line. What its programs measure is said in its own package; how it is started, in
``recorder/NAME.sh``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pvprof.collect.bpftrace import programs as bt
from pvprof.collect.dtrace import programs as d
from pvprof.collect.options import ProgramOptions
from pvprof.errors import UsageError


class Program(Protocol):
    """A program that a tracer runs."""

    def text(self) -> str:
        """Return it as the tracer takes it."""
        ...


@dataclass(frozen=True, slots=True)
class Tracer:
    """One tracer.

    Attributes:
        name: of its command.
        system: what ``uname -s`` says where it is used.
        modes: every mode and its purpose.
        candidates: gives the programs that serve a mode, the best first.
        program: makes the program of a mode.
        environment: gives what it is to be told in its environment.
    """

    name: str
    system: str
    modes: Mapping[str, str]
    candidates: Callable[[str], tuple[str, ...]]
    program: Callable[[str, ProgramOptions], Program]
    environment: Callable[[str, ProgramOptions], Mapping[str, str]]


TRACERS = {
    one.name: one
    for one in (
        Tracer("dtrace", "FreeBSD", d.MODES, d.candidates, d.program, lambda _mode, _options: {}),
        Tracer("bpftrace", "Linux", bt.MODES, bt.candidates, bt.program, bt.environment),
    )
}
"""By name; the first is meant where nothing says which."""

MODES: Mapping[str, str] = {
    name: purpose for one in reversed(TRACERS.values()) for name, purpose in one.modes.items()
}
"""Every mode that any tracer has, and its purpose."""


def choose(name: str) -> tuple[Tracer, ...]:
    """Return the tracer of that name; without a name all of them.

    Raises:
        UsageError: there is none of that name.
    """
    if not name:
        return tuple(TRACERS.values())
    if name not in TRACERS:
        raise UsageError(f"no such tracer: {name}", "tracers: " + ", ".join(TRACERS))
    return (TRACERS[name],)
