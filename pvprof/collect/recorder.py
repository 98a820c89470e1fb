"""The recorder: one POSIX sh program for one run, the same bytes however it is carried.

Owns the settings above ``recorder.sh``. The program is run by ``sh`` here, sent to ``ssh HOST sh
-s``, or printed to be carried by hand; it writes one recording, as a tar archive. ``session`` runs
it and receives the archive.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from pvprof import __version__
from pvprof.collect.head import head
from pvprof.collect.modes import mode_of, programs_named
from pvprof.collect.options import ProgramOptions
from pvprof.collect.tracers import SHELL_FILES, TRACERS, Tracer, choose
from pvprof.errors import UsageError
from pvprof.recording.manifest import SCHEMA

_END_OF_PROGRAM = "END_OF_PROGRAM"
_SH_FILES = tuple(SHELL_FILES / name for name in ("recorder.sh", "processes.sh", "lock.sh"))


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the recorder.

    Attributes:
        mode: the name of a mode, or of one program of it.
        options: of the tracing program.
        workload: its words, exactly as it gets them; empty to trace what runs anyway.
        label: the user's name for this side of a comparison, or empty.
        run: number of the run, from 1.
        is_warmup: whether comparisons leave the run out.
        has_symbols: whether the kernel's symbols are recorded, to name hex frames later.
        directory: for the target's temporary files; empty: its TMPDIR or /tmp.
        tracer: the name of a tracer; empty: the one of the target's system.
        is_live: whether the tracer's output is sent while it traces (`live.watch`).
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
    is_live: bool = False

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

    If `is_carried`, it is run by hand: it writes a file, and obeys signals, not words on stdin.

    Raises:
        UsageError: an option does not fit the mode.
    """
    plan.options.resolved(mode_of(plan.mode), plan.mode)  # refusals name what the user typed
    carried = [_carry(tracer, plan) for tracer in choose(plan.tracer)]
    refusals = [programs.refusal for programs in carried if programs.refusal]
    if len(refusals) == len(carried):
        raise refusals[0]
    settings = {
        "action": "record",
        "tracer": plan.tracer,
        "mode": mode_of(plan.mode).name,
        "label": plan.label,
        "run": str(plan.run),
        "is_warmup": "true" if plan.is_warmup else "false",
        "scope": plan.options.scope,
        "options": _changed(plan.options),
        "duration_s": f"{plan.options.duration_ns / 1e9:g}" if plan.options.duration_ns else "",
        "traced_pid": str(plan.options.pid or ""),
        "takes_pid": "1" if plan.workload else "0",
        "is_live": "1" if plan.is_live else "0",
        "with_symbols": "1" if plan.has_symbols else "0",
    }
    text = _assemble(settings, carried, plan.workload, plan.directory, is_carried)
    return f"#!/bin/sh\n{_head(plan) if is_carried else ''}{text}"


def doctor(directory: str = "", *, is_cleaning: bool = False) -> str:
    """Return the text that checks a target for all modes instead of recording.

    If `is_cleaning`, it also removes what recorders left there that were killed.
    """
    clean = "1" if is_cleaning else ""
    settings = {"action": "doctor", "takes_pid": "0", "tracer": "", "clean": clean}
    carried = [
        _Carried(tracer, _texts(tracer, tracer.program_names(), ProgramOptions()), {})
        for tracer in choose("")
    ]
    return "#!/bin/sh\n" + _assemble(settings, carried, (), directory, is_carried=False)


def _head(plan: Plan) -> str:
    purpose = programs_named(plan.mode)[0].purpose
    duration_s = plan.options.duration_ns / 1e9
    return head(plan.mode, purpose, plan.workload, f"{duration_s:g}" if duration_s else "") + "\n"


@dataclass(frozen=True, slots=True)
class _Carried:
    """The programs of one tracer that a recorder carries.

    Attributes:
        tracer: that runs them.
        texts: by name, in the order in which they are tried.
        environment: variables to run the tracer with.
        refusal: why there is no program, or None.
    """

    tracer: Tracer
    texts: Mapping[str, str]
    environment: Mapping[str, str]
    refusal: UsageError | None = None

    def functions(self) -> list[str]:
        """Return sh functions: NAME_settings sets variables, each NAME_program_X prints one."""
        name = self.tracer.name
        settings = {
            "programs": " ".join(self.texts),
            "environment": " ".join(f"{key}={value}" for key, value in self.environment.items()),
            "refused": self.refusal.message if self.refusal else "",
        }
        lines = "\n".join(_assignments(settings))
        functions = [f"{name}_settings() {{\n{lines}\n}}"]
        for program, text in self.texts.items():
            function = f"{name}_program_{program.replace('-', '_')}"
            document = f"cat <<'{_END_OF_PROGRAM}'\n{text}{_END_OF_PROGRAM}"
            functions.append(f"{function}() {{\n{document}\n}}")
        return functions


def _carry(tracer: Tracer, plan: Plan) -> _Carried:
    """Return the programs of a tracer that serve a plan, or why there are none."""
    try:
        texts = _texts(tracer, tracer.candidates(plan.mode), plan.options)
    except UsageError as error:
        return _Carried(tracer, {}, {}, error)
    return _Carried(tracer, texts, tracer.environment(plan.options))


def _texts(tracer: Tracer, names: Iterable[str], options: ProgramOptions) -> dict[str, str]:
    return {name: tracer.program(name, options).text() for name in names}


def _assignments(settings: Mapping[str, str]) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in settings.items()]


def _assemble(
    settings: dict[str, str],
    carried: list[_Carried],
    workload: tuple[str, ...],
    directory: str,
    is_carried: bool,
) -> str:
    tracers = TRACERS.values()
    settings = {
        **settings,
        "tracers": " ".join(f"{row.name}:{row.system}:{row.suffix}" for row in tracers),
        "version": __version__,
        "schema": str(SCHEMA),
        "output": "" if is_carried else "-",
        "control": "0" if is_carried else "1",
    }
    lines = _assignments(settings)
    if directory:
        lines.append(f"TMPDIR={shlex.quote(directory)}")
    lines += [function for programs in carried for function in programs.functions()]
    sh_files = [*_SH_FILES, *(tracer.sh_file for tracer in tracers)]
    lines += [sh_file.read_text(encoding="utf-8") for sh_file in sh_files]
    words = " ".join(["--", *map(shlex.quote, workload)])
    given = '"$@" ' if is_carried else ""
    # main ends in the same line: nothing after it is read from a stdin that carries words.
    return "\n".join([*lines, f"main {given}{words}; exit"]) + "\n"


def _changed(options: ProgramOptions) -> str:
    """Return the options that are not the default, as JSON, for the manifest."""
    defaults = asdict(ProgramOptions())
    changed = {name: value for name, value in asdict(options).items() if value != defaults[name]}
    return json.dumps(changed, sort_keys=True)  # noqa: TID251 (pvprof reads it back)
