"""Which functions waited for a lock, and how long on each side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pvprof.analysis.lock_table import Row
from pvprof.model.stacks import Frame


@dataclass(frozen=True, slots=True)
class CallerChange:
    """A function that waited for a lock: the mean of its waits on each side."""

    name: Frame
    base_mean: float
    new_mean: float

    @property
    def difference(self) -> float:
        """Return the new side less the base."""
        return self.new_mean - self.base_mean


def callers_of(
    runs: Sequence[Sequence[Row]], means: Callable[[Sequence[int]], tuple[float, float]]
) -> tuple[CallerChange, ...]:
    """Return the functions that waited for a lock, those of the longest waits first.

    Args:
        runs: for each run the rows of the lock.
        means: returns the mean of each side from one value for each run.
    """
    values_of_caller: dict[Frame, list[int]] = {}
    for run, rows in enumerate(runs):
        for row in rows:
            for name, value in row.callers:
                values_of_caller.setdefault(name, [0] * len(runs))[run] += value
    callers = [CallerChange(name, *means(values)) for name, values in values_of_caller.items()]
    callers.sort(key=lambda caller: (-max(caller.base_mean, caller.new_mean), caller.name))
    return tuple(callers)
