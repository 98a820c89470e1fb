"""What the values of a comparison are divided by: runs, seconds, units of work or totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pvprof.analysis.stacks.diff_layout import TOTAL
from pvprof.dataset.sides import RecordedRun
from pvprof.errors import UsageError
from pvprof.units import NS_PER_S, format_amount

_UNIT_OF_WORK = "unit of work"


@dataclass(frozen=True, slots=True)
class Basis:
    """What each value is divided by, so that sides of different length or load are comparable.

    Attributes:
        kind: per ``run``; per ``second`` of recorded wall time; per unit of ``work``; ``total``:
            as if all runs had the same total, so that shares are compared.
        unit: the name of a unit of work.
        work: the number of units that each run of the base, and of the new side, did.

    Raises:
        UsageError: an amount of work is not above 0.
    """

    kind: Literal["run", "second", "work", "total"] = "run"
    unit: str = _UNIT_OF_WORK
    work: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))

    def __post_init__(self) -> None:
        if min(self.work) <= 0:
            raise UsageError("--work: an amount of work must be above 0")

    @property
    def name(self) -> str:
        """Return the name of the basis, singular."""
        if self.kind == "total":
            return "run of equal total"
        return self.unit if self.kind == "work" else self.kind

    @property
    def names(self) -> str:
        """Return the name of the basis, plural; a unit of work as the user gave it."""
        if self.kind == "work":
            return "units of work" if self.unit == _UNIT_OF_WORK else self.unit
        return TOTAL if self.kind == "total" else f"{self.kind}s"

    @property
    def sentence(self) -> str:
        """Return a sentence that says what values are per."""
        if self.kind == "run":
            return "Values are per run"
        if self.kind == "second":
            return "Values are per second of the time that was recorded, run by run"
        if self.kind == "total":
            return "Values are per run, as if all runs had the same total: only shares differ"
        base, new = (format_amount(amount) for amount in self.work)
        return f"Values are per {self.unit}: each run of the base did {base}, of the new side {new}"

    def amounts(self, runs: Sequence[RecordedRun], *, is_new: bool) -> tuple[Fraction, ...]:
        """Return the divisor of each run's values, unless that is its total (`equal_totals`).

        Raises:
            UsageError: values are per second, and the length of a run is not known.
        """
        if self.kind == "run":
            return (Fraction(1),) * len(runs)
        if self.kind == "work":
            base_work, new_work = self.work
            return (new_work if is_new else base_work,) * len(runs)
        for run in runs:
            if not run.duration_ns or run.duration_ns < 0:
                raise UsageError(
                    f"{run.name}: how long it was is not known", "values per second need that"
                )
        return tuple(Fraction(run.duration_ns or 0, NS_PER_S) for run in runs)


def equal_totals(totals: Sequence[int], names: Sequence[str]) -> tuple[Fraction, ...]:
    """Return the divisors that give all runs the mean of their totals.

    Args:
        totals: of all runs of both sides.
        names: of the runs.

    Raises:
        UsageError: the total of a run is 0.
    """
    for name, total in zip(names, totals, strict=True):
        if not total:
            raise UsageError(f"{name}: its total is 0", "--per total needs values in every run")
    mean = Fraction(sum(totals), len(totals))
    return tuple(Fraction(total) / mean for total in totals)
