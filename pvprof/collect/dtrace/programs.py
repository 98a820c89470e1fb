"""One whole D program for each mode: header, options, clauses, end.

What is measured in between is said in ``modes``.
"""

from __future__ import annotations

from pvprof import __version__
from pvprof.collect.dtrace.modes import BUILDERS, Filter
from pvprof.collect.dtrace.syntax import Clause, Program
from pvprof.collect.options import ProgramOptions
from pvprof.errors import UsageError

MODES = {
    "offcpu": "Off-CPU time of a stock kernel, by what was waited for and stack, aggregated.",
    "offcpu-sdt": "Off-CPU time of a kernel with the kernel:profile probes, aggregated.",
    "events": "One record for every time a thread waited.",
    "events-sdt": "One record for every time a thread waited, by the kernel:profile probes.",
    "oncpu": "Where the CPUs run: kernel and user stacks.",
    "locks": "Time spent spinning on locks and blocked on them, with the callers' stacks.",
    "wakeup": "Who wakes sleeping threads: the waker's stack, and how long the other one slept.",
    "runq": "How long runnable threads wait for a CPU: preemption is not contention.",
}
"""Every mode and its purpose."""

CANDIDATES = {"offcpu": ("offcpu-sdt", "offcpu"), "events": ("events-sdt", "events")}
"""Modes that a patched kernel serves better: the programs to try, best first."""

_DYNAMIC = ("offcpu", "wakeup", "runq")
"""Modes that need variables."""


def candidates(mode: str) -> tuple[str, ...]:
    """Return the programs that serve a mode, the best first."""
    return CANDIDATES.get(mode, (mode,))


def program(mode: str, options: ProgramOptions | None = None) -> Program:
    """Return the D program of a mode.

    Raises:
        UsageError: there is no such mode, or an option does not fit it.
    """
    if mode not in MODES:
        raise UsageError(f"no such mode: {mode}", "modes: " + ", ".join(MODES))
    options = options or ProgramOptions()
    options.check(mode)
    clauses, results = BUILDERS[mode](Filter(mode, options), options)
    return Program(
        mode=mode,
        purpose=MODES[mode],
        notes=_notes(mode, options),
        pragmas=_pragmas(mode, options),
        clauses=(_begin(mode, options), *clauses, *_ends(options), _end(results)),
    )


def _begin(mode: str, options: ProgramOptions) -> Clause:
    base, _, variant = mode.partition("-")
    unit = "samples" if mode == "oncpu" else "ns"
    return Clause(
        ("dtrace:::BEGIN",),
        (
            f'printf("#pvprof 1 {base} {variant or "stock"} {unit} {__version__}'
            f' frames={options.stack_frames}\\n")',
            r'printf("#begin %d %d\n", timestamp, walltimestamp)',
        ),
    )


def _ends(options: ProgramOptions) -> list[Clause]:
    clauses: list[Clause] = []
    if options.ends_with_workload:
        clauses.append(Clause(("proc:::exit",), ("exit(0)",), ("pid == $1",)))
    if options.duration_ns:
        clauses.append(Clause((f"profile:::tick-{_tick(options.duration_ns)}",), ("exit(0)",)))
    return clauses


def _tick(duration_ns: int) -> str:
    """Return a duration as the name of a tick probe has it, in the largest unit that is exact."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if duration_ns % size == 0:
            return f"{duration_ns // size}{unit}"
    return f"{duration_ns}ns"


def _end(results: list[str]) -> Clause:
    return Clause(
        ("dtrace:::END",), (*results, r'printf("#end %d %d\n", timestamp, walltimestamp)')
    )


def _pragmas(mode: str, options: ProgramOptions) -> tuple[str, ...]:
    is_events = mode.startswith("events")
    buffer_mb = options.buffer_mb or (8 if is_events else 0)
    pragmas = [
        "quiet",
        # Names are short; each string of a key or record takes this many bytes.
        "strsize=64",
        f"stackframes={options.stack_frames}",
        # How often dtrace looks: how soon it is seen to be ready, and how full buffers get.
        f"switchrate={20 if is_events else 10}hz",
    ]
    if options.user_stack or (mode == "oncpu" and options.user_stack is None):
        pragmas.append(f"ustackframes={options.stack_frames}")
    if buffer_mb:
        pragmas.append(f"bufsize={buffer_mb}m")
        if not is_events:
            pragmas.append(f"aggsize={buffer_mb}m")
    if mode in _DYNAMIC:
        pragmas.append(f"dynvarsize={options.variable_mb}m")
    return tuple(pragmas)


def _notes(mode: str, options: ProgramOptions) -> tuple[str, ...]:
    needs = "the kernel patch (pvprof patch)" if mode.endswith("-sdt") else "a stock kernel"
    has_argument = options.scope == "tree" or options.ends_with_workload
    argument = " PID" if has_argument else ""
    return (
        f"Needs: {needs}, DTrace's modules (kldload dtraceall), root.",
        f"Usage: dtrace -s {mode}.d -o {mode}.out{argument}      Ctrl-C or SIGTERM stops it",
        f"       pvprof report {mode}.out",
        *(["PID: the process that starts the workload."] if has_argument else []),
        "",
        "Output: pvprof's own grammar, see docs/formats.md. Each name stands behind its length.",
    )
