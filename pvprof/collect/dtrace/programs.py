"""One whole D program: header, options, clauses, end.

What is measured in between is in ``builders``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvprof import __version__
from pvprof.collect.dtrace.builders import BUILDERS
from pvprof.collect.dtrace.clause_parts import DFilter
from pvprof.collect.dtrace.syntax import Clause, DProgram
from pvprof.collect.modes import Mode, TracerProgram
from pvprof.collect.options import ProgramOptions
from pvprof.recording.layout import GRAMMAR

_EVENT_BUFFER_MB = 8
_SUMS = re.compile(r"@(\w+)")
_READ_SUMS_HZ = 20
"""How often dtrace takes the kernel's sums over: how exactly they belong to their interval."""


def build(mode: Mode, program: TracerProgram, options: ProgramOptions) -> DProgram:
    """Return the D program of a row of the table of modes, for resolved options.

    Raises:
        LookupError: it has no builder.
    """
    if program.name not in BUILDERS:
        raise LookupError(f"dtrace.builders.BUILDERS has no {program.name}")
    clauses, results = BUILDERS[program.name](DFilter(options), options)
    return DProgram(
        purpose=program.purpose,
        notes=_notes(program, options),
        pragmas=_pragmas(mode, program, options),
        clauses=(
            _begin(mode, program, options),
            *clauses,
            *_interval(options, results),
            *_ends(options),
            _end(results),
        ),
    )


def environment(_options: ProgramOptions) -> Mapping[str, str]:
    """Return no variables: a D program sets its sizes itself."""
    return {}


def _begin(mode: Mode, program: TracerProgram, options: ProgramOptions) -> Clause:
    return Clause(
        ("dtrace:::BEGIN",),
        (
            f'printf("#pvprof {GRAMMAR} {mode.name} {program.variant} {mode.unit} {__version__}'
            f' frames={options.stack_frames}\\n")',
            r'printf("#begin %d %d\n", timestamp, walltimestamp)',
        ),
    )


def _interval(options: ProgramOptions, results: list[str]) -> list[Clause]:
    """Return the clause that prints the sums of an interval, and begins anew.

    Nothing is lost between printing and removing: both work on dtrace's own copy of the sums. What
    the kernel adds in that time comes into the copy later, so it counts in the next interval.
    """
    if not options.every_ns:
        return []
    names = [name for result in results for name in _SUMS.findall(result.rpartition('"')[2])]
    removal = (f"trunc(@{name})" for name in dict.fromkeys(names))
    mark = r'printf("#snapshot %d %d\n", timestamp, walltimestamp)'
    probe = f"profile:::tick-{_tick(options.every_ns)}"
    return [Clause((probe,), (*results, *removal, mark))]


def _ends(options: ProgramOptions) -> list[Clause]:
    clauses: list[Clause] = []
    if options.ends_with_workload:
        clauses.append(Clause(("proc:::exit",), ("exit(0)",), ("pid == $1",)))
    if options.duration_ns:
        clauses.append(Clause((f"profile:::tick-{_tick(options.duration_ns)}",), ("exit(0)",)))
    return clauses


def _tick(duration_ns: int) -> str:
    """Return a duration as tick probes spell it, in the largest unit that is exact."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if duration_ns % size == 0:
            return f"{duration_ns // size}{unit}"
    return f"{duration_ns}ns"


def _end(results: list[str]) -> Clause:
    return Clause(
        ("dtrace:::END",), (*results, r'printf("#end %d %d\n", timestamp, walltimestamp)')
    )


def _pragmas(mode: Mode, program: TracerProgram, options: ProgramOptions) -> tuple[str, ...]:
    buffer_mb = options.buffer_mb or (_EVENT_BUFFER_MB if mode.is_event_log else 0)
    pragmas = [
        "quiet",
        # Names are short; each string of a key or record takes this many bytes.
        "strsize=64",
        f"stackframes={options.stack_frames}",
        # How often dtrace reads its buffers: how soon it is ready, and how full they get.
        f"switchrate={20 if mode.is_event_log else 10}hz",
    ]
    if options.every_ns:
        pragmas.append(f"aggrate={_READ_SUMS_HZ}hz")
    if options.user_stack:
        pragmas.append(f"ustackframes={options.stack_frames}")
    if buffer_mb:
        pragmas.append(f"bufsize={buffer_mb}m")
        if not mode.is_event_log:
            pragmas.append(f"aggsize={buffer_mb}m")
    if program.has_variables:
        pragmas.append(f"dynvarsize={options.variable_mb}m")
    return tuple(pragmas)


def _notes(program: TracerProgram, options: ProgramOptions) -> tuple[str, ...]:
    needs = {
        "sdt": "the kernel patch (pvprof patch)",
        "amd64": "a kernel for amd64",
        "stock": "a stock kernel",
    }
    has_argument = options.scope == "tree" or options.ends_with_workload
    argument = " PID" if has_argument else ""
    name = program.name
    return (
        f"Needs: {needs[program.variant]}, DTrace's modules (kldload dtraceall), root.",
        f"Usage: dtrace -s {name}.d -o {name}.out{argument}      Ctrl-C or SIGTERM stops it",
        f"       pvprof report {name}.out",
        *(["PID: the process that starts the workload."] if has_argument else []),
        "",
        "Output: pvprof's own grammar, see docs/layouts.md. Each name comes after its length.",
    )
