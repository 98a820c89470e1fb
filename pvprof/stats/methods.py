"""The methods that compare two series: what each assumes of the values, and its estimate.

One class for each method, and one line in `METHODS`. Each needs at least three runs on each side,
as ministat(1) does; the caller checks that, and that the runs vary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from pvprof.errors import InputError
from pvprof.stats.distributions import (
    exact_student_quantile,
    rank_sum_tails,
    student_p,
    student_quantile,
)
from pvprof.stats.series import Series, Summary

MIN_RUNS = 3
_MAX_PAIRS = 10_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of a difference.

    Attributes:
        difference: new less base.
        low, high: the confidence interval of the difference.
        p: the probability of such a difference, or a larger one, if there is none.
        is_significant: whether the series differ at that confidence.
        reference: the value of the base that the difference is a share of.
    """

    difference: float
    low: float
    high: float
    p: float
    is_significant: bool
    reference: float


class Method(Protocol):
    """A way to compare; its objects have no state."""

    name: str
    title: str

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether these numbers of runs can show any difference."""
        ...

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Return the estimate; `confidence` is in percent."""
        ...


class Student:
    """Both sides are normal with one variance: Student's t, pooled, as in ministat(1)."""

    name = "student"
    title = "Student's t, pooled"

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether both sides have three runs."""
        return min(base, new) >= MIN_RUNS

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Return the estimate of the difference of the means."""
        old_side, new_side = base.summary(), new.summary()
        error = pooled_stddev(old_side, new_side) * math.sqrt(1 / old_side.n + 1 / new_side.n)
        df = old_side.n + new_side.n - 2
        quantile = student_quantile(confidence, df)
        return _estimate_of_means(old_side, new_side, error, df, quantile)


class Welch:
    """Both sides are normal, each with its own variance: Welch's t."""

    name = "welch"
    title = "Welch's t"

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether both sides have three runs."""
        return min(base, new) >= MIN_RUNS

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Return the estimate of the difference of the means."""
        sides = base.summary(), new.summary()
        largest = max(side.stddev or 0.0 for side in sides)
        # Scaled by the larger one: the fourth power of a small stddev underflows a double.
        parts = [((side.stddev or 0.0) / largest) ** 2 / side.n for side in sides]
        df = sum(parts) ** 2 / sum(
            part**2 / (side.n - 1) for part, side in zip(parts, sides, strict=True)
        )
        error = largest * math.sqrt(sum(parts))
        return _estimate_of_means(*sides, error, df, exact_student_quantile(confidence, df))


class MannWhitney:
    """Both sides have one distribution of any kind, shifted: ranks (Mann and Whitney's U).

    The difference is the median of the differences of all pairs (Hodges and Lehmann). Its share is
    relative to the base's median.
    """

    name = "mann-whitney"
    title = "Mann-Whitney U"

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether the most uneven order of the runs is rare enough."""
        rarest = 2 / math.comb(base + new, base)
        return min(base, new) >= MIN_RUNS and rarest < (100 - confidence) / 100

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Return the estimate from ranks.

        Raises:
            InputError: there are too many pairs for the memory.
        """
        import numpy as np  # noqa: PLC0415 (0.2 s to import: other methods do without)

        pairs = len(base.values) * len(new.values)
        if pairs > _MAX_PAIRS:
            raise InputError(f"{pairs:,} pairs are too many for ranks", "--method welch")
        alpha = (100 - confidence) / 100
        ranks = _doubled_midranks([*base.ordered, *new.ordered])
        p = rank_sum_tails(ranks, len(new.values))(sum(ranks[len(base.values) :]))
        differences = np.subtract.outer(new.ordered, base.ordered).ravel()
        differences.sort()
        outside = _pairs_outside(len(base.values), len(new.values), alpha)
        half = pairs // 2
        median = differences[half]
        if pairs % 2 == 0:
            median = (differences[half - 1] + median) / 2
        return Estimate(
            difference=float(median),
            low=float(differences[outside]),
            high=float(differences[pairs - 1 - outside]),
            p=p,
            is_significant=p < alpha,
            reference=base.summary().median,
        )


STUDENT = Student()
WELCH = Welch()
MANN_WHITNEY = MannWhitney()
METHODS: dict[str, Method] = {method.name: method for method in (STUDENT, WELCH, MANN_WHITNEY)}


def pooled_stddev(base: Summary, new: Summary) -> float:
    """Return the standard deviation of both sides together, each about its own mean."""
    squares = (base.n - 1) * base.variance + (new.n - 1) * new.variance
    return math.sqrt(squares / (base.n + new.n - 2))


def _estimate_of_means(
    base: Summary, new: Summary, error: float, df: float, quantile: float
) -> Estimate:
    difference = new.mean - base.mean
    reach = quantile * error
    return Estimate(
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p=student_p(difference / error, df),
        is_significant=abs(difference) > reach,
        reference=base.mean,
    )


def _doubled_midranks(values: list[float]) -> list[int]:
    """Return twice the rank of each value; equal values share the mean of their ranks."""
    ranked = list(enumerate(sorted(values), 1))
    first = {value: rank for rank, value in reversed(ranked)}
    last = {value: rank for rank, value in ranked}
    return [first[value] + last[value] for value in values]


def _pairs_outside(base: int, new: int, alpha: float) -> int:
    """Return the number of sorted differences of pairs outside the interval, at each end."""
    ranks = [2 * rank for rank in range(1, base + new + 1)]
    tail = rank_sum_tails(ranks, new)
    min_sum = new * (new + 1)  # twice the smallest sum of ranks
    # tail(min_sum + 2u) rises with u: find the largest u with a tail below alpha.
    low, high = 0, base * new // 2 + 1
    while low < high:
        middle = (low + high) // 2
        if tail(min_sum + 2 * middle) < alpha:
            low = middle + 1
        else:
            high = middle
    return max(low - 1, 0)
