"""What the values of a comparison are taken per."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pvprof.dataset.sides import RecordedRun
from pvprof.errors import UsageError
from pvprof.units import NS_PER_S

_UNIT_OF_WORK = "unit of work"


@dataclass(frozen=True, slots=True)
class Basis:
    """What every value is taken per, so that sides of different length or load compare.

    Attributes:
        kind: per ``run``; per ``second`` of wall time that was recorded; per unit of ``work``.
        unit: the name of a unit of work.
        work: how many units each run of the base, and of the new side, did.

    Raises:
        UsageError: an amount of work is not above 0.
    """

    kind: Literal["run", "second", "work"] = "run"
    unit: str = _UNIT_OF_WORK
    work: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))

    def __post_init__(self) -> None:
        if min(self.work) <= 0:
            raise UsageError("--work: an amount of work must be above 0")

    @property
    def name(self) -> str:
        """Return the name of one of what values are per."""
        return self.unit if self.kind == "work" else self.kind

    @property
    def names(self) -> str:
        """Return the name of several of what values are per; a unit of work as it was given."""
        if self.kind == "work":
            return "units of work" if self.unit == _UNIT_OF_WORK else self.unit
        return f"{self.kind}s"

    @property
    def sentence(self) -> str:
        """Return what values are per, in words."""
        if self.kind == "run":
            return "Values are per run"
        if self.kind == "second":
            return "Values are per second of the time that was recorded, run by run"
        base, new = (format_amount(amount) for amount in self.work)
        return f"Values are per {self.unit}: each run of the base did {base}, of the new side {new}"

    def amounts(self, runs: Sequence[RecordedRun], *, is_new: bool) -> tuple[Fraction, ...]:
        """Return for each run by how much its values are divided.

        Raises:
            UsageError: how long a run was is needed, and not known.
        """
        if self.kind == "run":
            return (Fraction(1),) * len(runs)
        if self.kind == "work":
            return (self.work[is_new],) * len(runs)
        for run in runs:
            if not run.duration_ns or run.duration_ns < 0:
                raise UsageError(
                    f"{run.name}: how long it was is not known", "values per second need that"
                )
        return tuple(Fraction(run.duration_ns or 0, NS_PER_S) for run in runs)


def format_amount(value: Fraction) -> str:
    """Return an amount as people write it, to six digits."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"
