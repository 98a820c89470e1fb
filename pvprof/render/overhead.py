"""What tracing costs, as far as anybody has measured it: a caution for readers of a report.

Owns the ratios that ``kernel-patches/README.md`` lists, and which program each belongs to. They are
of one experiment on another machine: they say how much to expect, not what this recording cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_EXPERIMENT = (
    "measured elsewhere: FreeBSD 13.2, 8 emulated CPUs, 12 processes x 60 forks, median real time"
    " to that without tracing"
)

# By the name of the program, as the manifest has it: its ratio there, and of what.
_RATIOS = {
    "offcpu": ("1.6 to 1.76", "aggregation at sched:::sleep and on-cpu"),
    "offcpu-sdt": ("1.15", "one clause without variables on probes that carry the elapsed time"),
    "events": ("1.69", "one record for each blocking"),
    "locks": ("1.33", "lockstat's block and spin probes with stacks"),
}
_RANGE = "1.15 to 2.0"


def overhead_notes(manifests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return one sentence for each program that recorded, on how much tracing may have cost."""
    programs = {str(manifest.get("program") or ""): None for manifest in manifests}
    return tuple(map(_note, programs)) or (_note(""),)


def _note(program: str) -> str:
    if program in _RATIOS:
        ratio, what = _RATIOS[program]
        return (
            f"Tracing slows down what it measures. Program {program}: {ratio} times the run time"
            f" for {what} ({_EXPERIMENT})."
        )
    named = (
        f"The cost of program {program} is not known"
        if program
        else "Which program recorded is not known"
    )
    return (
        f"Tracing slows down what it measures. {named}; others took {_RANGE} times the run time"
        f" ({_EXPERIMENT})."
    )
