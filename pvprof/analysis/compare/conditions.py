"""What all runs of a comparison have in common: workload, number of CPUs, release, kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar

from pvprof.dataset.sides import RecordedRun
from pvprof.recording.manifest import Kernel

_Value = TypeVar("_Value", str, int)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all runs have in common; a text is empty, a number 0, if they differ or do not say.

    Attributes:
        workload: the command line.
        ncpu: number of CPUs.
        kernel: the release and name of the kernel, or else how the names of all begin.
    """

    workload: str = ""
    ncpu: int = 0
    kernel: str = ""


def common_conditions(runs: Sequence[RecordedRun]) -> Conditions:
    """Return the common conditions of all runs."""
    names = [kernel_name(run.manifest.kernel).split() for run in runs]
    shared = list(takewhile(lambda words: len(set(words)) == 1, zip(*names, strict=False)))
    return Conditions(
        workload=_common((run.manifest.workload or "" for run in runs), ""),
        ncpu=_common((run.manifest.ncpu for run in runs), 0),
        kernel=" ".join(words[0] for words in shared).rstrip(","),
    )


def _common(values: Iterable[_Value], otherwise: _Value) -> _Value:
    """Return the one value that all are, else `otherwise`."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else otherwise


def kernel_name(kernel: Kernel) -> str:
    """Return release and name of a kernel without repetition: ``13.2-RELEASE GENERIC``.

    The version of FreeBSD mostly has both in it, and more. Parts that another part contains are
    left out, so is the name of the system at the front.
    """
    parts = kernel.text.split(", ")
    kept = [
        part
        for part in parts
        if not any(set(part.split()) < set(other.split()) for other in parts if other is not part)
    ]
    text = ", ".join(kept)
    return text.removeprefix(f"{kernel.system or 'FreeBSD'} ")
