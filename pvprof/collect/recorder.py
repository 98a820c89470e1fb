"""The recorder: one POSIX sh program for one run, the same bytes however it is carried.

Owns the settings that stand above ``recorder.sh``. The program is run by ``sh`` here, sent to
``ssh HOST sh -s``, or printed for someone to carry by hand; it writes one recording, as a tar
archive. How it is run and what comes back is the business of ``tracer``.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files

from pvprof import __version__
from pvprof.collect.options import ProgramOptions
from pvprof.collect.tracers import Tracer, choose
from pvprof.errors import UsageError

_END_OF_PROGRAM = "END_OF_PROGRAM"
_PARTS = ("recorder.sh", "dtrace.sh", "bpftrace.sh")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the recorder.

    Attributes:
        mode: of `pvprof.tracers.MODES`.
        options: of the tracing program.
        workload: its words, exactly as it gets them; empty to trace what runs anyway.
        label: what the user calls this side of a comparison, or empty.
        run: number of the run, from 1.
        is_warmup: whether the run is to be set aside.
        has_symbols: whether the kernel's symbols are recorded, to name hex frames later.
        directory: where the target keeps the recording meanwhile; empty: its TMPDIR or /tmp.
        tracer: of `pvprof.tracers.TRACERS`; empty: the one of the target's system.
    """

    mode: str
    options: ProgramOptions = field(default_factory=ProgramOptions)
    workload: tuple[str, ...] = ()
    label: str = ""
    run: int = 1
    is_warmup: bool = False
    has_symbols: bool = True
    directory: str = ""
    tracer: str = ""

    def __post_init__(self) -> None:
        if self.options.ends_with_workload != bool(self.workload):
            raise UsageError("a program that ends with the workload needs one, and no other does")
        if self.options.scope == "tree" and not self.workload:
            raise UsageError("there is no workload whose processes could be picked out")
        if self.options.scope == "tree" and self.options.pid:
            raise UsageError(
                "--pid and a workload: only the workload's processes are traced",
                "--all traces others as well",
            )


def recorder(plan: Plan, *, is_carried: bool = False) -> str:
    """Return the recorder's text for a run.

    `is_carried`: somebody runs it by hand: it then writes a file, and heeds signals instead of
    words on stdin.

    Raises:
        UsageError: an option does not fit the mode.
    """
    programs = [_programs_of(one, plan) for one in choose(plan.tracer)]
    if all(one.refusal for one in programs):
        raise programs[0].refusal or UsageError(f"nothing serves {plan.mode}")
    settings = {
        "action": "record",
        "tracer": plan.tracer,
        "mode": plan.mode.removesuffix("-sdt"),
        "label": plan.label,
        "run": str(plan.run),
        "is_warmup": "true" if plan.is_warmup else "false",
        "scope": plan.options.scope,
        "options": _changed(plan.options),
        "wanted_s": f"{plan.options.duration_ns / 1e9:g}" if plan.options.duration_ns else "",
        "wanted_pid": str(plan.options.pid or ""),
        "takes_pid": "1" if plan.workload else "0",
        "with_symbols": "1" if plan.has_symbols else "0",
    }
    return _assemble(settings, programs, plan.workload, plan.directory, is_carried)


def doctor(directory: str = "") -> str:
    """Return the text that checks a target for all modes instead of recording."""
    settings = {"action": "doctor", "takes_pid": "0", "tracer": ""}
    programs = [_Programs(one, _texts(one, one.modes, ProgramOptions()), {}) for one in choose("")]
    return _assemble(settings, programs, (), directory, is_carried=False)


@dataclass(frozen=True, slots=True)
class _Programs:
    """The programs of one tracer that a recorder carries.

    Attributes:
        tracer: whose they are.
        texts: by name, in the order in which they are tried.
        environment: what the tracer is told there.
        refusal: why there is none.
    """

    tracer: Tracer
    texts: Mapping[str, str]
    environment: Mapping[str, str]
    refusal: UsageError | None = None

    def functions(self) -> list[str]:
        """Return functions of sh: one sets what it is told of them, the others print one each."""
        name = self.tracer.name
        settings = {
            "programs": " ".join(self.texts),
            "environment": " ".join(f"{key}={value}" for key, value in self.environment.items()),
            "refused": self.refusal.message if self.refusal else "",
        }
        lines = "\n".join(_settings(settings))
        found = [f"{name}_settings() {{\n{lines}\n}}"]
        for program, text in self.texts.items():
            function = f"{name}_program_{program.replace('-', '_')}"
            found.append(f"{function}() {{\ncat <<'{_END_OF_PROGRAM}'\n{text}{_END_OF_PROGRAM}\n}}")
        return found


def _programs_of(tracer: Tracer, plan: Plan) -> _Programs:
    """Return the programs that serve a plan, or why there are none."""
    try:
        texts = _texts(tracer, tracer.candidates(plan.mode), plan.options)
    except UsageError as error:
        return _Programs(tracer, {}, {}, error)
    return _Programs(tracer, texts, tracer.environment(plan.mode, plan.options))


def _texts(tracer: Tracer, names: Iterable[str], options: ProgramOptions) -> dict[str, str]:
    return {name: tracer.program(name, options).text() for name in names}


def _settings(settings: Mapping[str, str]) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in settings.items()]


def _assemble(
    settings: dict[str, str],
    programs: list[_Programs],
    workload: tuple[str, ...],
    directory: str,
    is_carried: bool,
) -> str:
    settings = {
        **settings,
        "version": __version__,
        "output": "" if is_carried else "-",
        "control": "0" if is_carried else "1",
    }
    lines = ["#!/bin/sh", *_settings(settings)]
    if directory:
        lines.append(f"TMPDIR={shlex.quote(directory)}")
    lines += [function for some in programs for function in some.functions()]
    lines += [
        files("pvprof.collect").joinpath("sh", part).read_text(encoding="utf-8") for part in _PARTS
    ]
    words = " ".join(["--", *map(shlex.quote, workload)])
    given = '"$@" ' if is_carried else ""
    # main ends in the same line: nothing behind it is read from a stdin that carries words.
    return "\n".join([*lines, f"main {given}{words}; exit"]) + "\n"


def _changed(options: ProgramOptions) -> str:
    """Return the options that are not the default, as JSON, for the manifest."""
    usual = asdict(ProgramOptions())
    changed = {name: value for name, value in asdict(options).items() if value != usual[name]}
    return json.dumps(changed, sort_keys=True)
