"""The cost of tracing, as measured elsewhere: a caution for readers of a report.

Owns the ratios that ``kernel-patches/README.md`` and ``docs/bench.md`` list, by program. They come
from experiments on other machines: they say how much to expect, not what this recording cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvprof.recording.manifest import Manifest


@dataclass(frozen=True, slots=True)
class _Experiment:
    """One experiment that measured ratios of run times.

    Attributes:
        where: machine and workload, in words.
        ratios: by the program's name in manifests: (ratio, method).
        others: the range of all ratios.
    """

    where: str
    ratios: Mapping[str, tuple[str, str]]
    others: str


_DTRACE = _Experiment(
    "measured elsewhere: FreeBSD 13.2, 8 emulated CPUs, 12 processes x 60 forks, median real time"
    " to that without tracing",
    {
        "offcpu": ("1.6 to 1.76", "aggregation at sched:::sleep and on-cpu"),
        "offcpu-sdt": (
            "1.15",
            "one clause without variables on probes that carry the elapsed time",
        ),
        "events": ("1.69", "one record for each blocking"),
        "locks": ("1.33", "lockstat's block and spin probes with stacks"),
    },
    "1.15 to 2.0",
)
_BPFTRACE = _Experiment(
    "measured elsewhere: Linux 6.18, 2 CPUs, bpftrace 0.17, 12 processes x 60 programs and 2,000"
    " turns through pipes, median real time to that without tracing",
    {
        "offcpu": ("1.3", "aggregation at sched_switch"),
        "events": ("2.2", "one record for each blocking"),
        "oncpu": ("1.1", "997 samples a second"),
        "locks": ("1.0", "the tracepoints of lock contention"),
        "wakeup": ("1.6", "aggregation at sched_waking"),
        "runq": ("1.4", "aggregation at sched_wakeup and sched_switch"),
    },
    "1.0 to 2.2",
)


def overhead_notes(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """Return one sentence for each program that recorded: the cost that tracing may have had."""
    programs = {(manifest.program, manifest.tracer == "bpftrace"): None for manifest in manifests}
    notes = (_note(program, _BPFTRACE if is_linux else _DTRACE) for program, is_linux in programs)
    return tuple(notes) or (_note("", _DTRACE),)


def _note(program: str, experiment: _Experiment) -> str:
    if program in experiment.ratios:
        ratio, method = experiment.ratios[program]
        return (
            f"Tracing slows down what it measures. Program {program}: {ratio} times the run time"
            f" for {method} ({experiment.where})."
        )
    unknown = (
        f"The cost of program {program} is not known"
        if program
        else "Which program recorded is not known"
    )
    return (
        f"Tracing slows down what it measures. {unknown}; others took {experiment.others} times the"
        f" run time ({experiment.where})."
    )
