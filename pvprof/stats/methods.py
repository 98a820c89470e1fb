"""How two series are compared: what is assumed of them, and what follows.

One class for each assumption, one line in `ASSUMPTIONS`. Each needs three runs a side at least, as
ministat(1) does, and is only asked where there are that many and they vary.
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

LEAST_RUNS = 3
_MOST_PAIRS = 10_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an assumption makes of two series.

    Attributes:
        difference: new less base.
        low, high: the confidence interval of the difference.
        p: the probability of so large a difference where there is none.
        is_significant: whether the two differ at that confidence.
        reference: what the difference is a share of.
    """

    difference: float
    low: float
    high: float
    p: float
    is_significant: bool
    reference: float


class Assumption(Protocol):
    """What is assumed of the values; objects of it hold no state."""

    name: str
    title: str

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether so many runs a side can show any difference."""
        ...

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Compare; `confidence` is in percent."""
        ...


class Student:
    """Both sides are normal and vary alike: Student's t, pooled, as ministat(1) has it."""

    name = "student"
    title = "Student's t, pooled"

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether there are three runs a side."""
        return min(base, new) >= LEAST_RUNS

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Compare the means."""
        one, two = base.summary(), new.summary()
        error = pooled_stddev(one, two) * math.sqrt(1 / one.n + 1 / two.n)
        df = one.n + two.n - 2
        return _of_means(one, two, error, df, student_quantile(confidence, df))


class Welch:
    """Both sides are normal, each with a variance of its own: Welch's t."""

    name = "welch"
    title = "Welch's t"

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether there are three runs a side."""
        return min(base, new) >= LEAST_RUNS

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Compare the means."""
        one, two = base.summary(), new.summary()
        largest = max(one.stddev or 0.0, two.stddev or 0.0)
        # Scaled by the larger one: the fourth power of a small stddev is no double any more.
        parts = [((side.stddev or 0.0) / largest) ** 2 / side.n for side in (one, two)]
        df = sum(parts) ** 2 / sum(
            part**2 / (side.n - 1) for part, side in zip(parts, (one, two), strict=True)
        )
        error = largest * math.sqrt(sum(parts))
        return _of_means(one, two, error, df, exact_student_quantile(confidence, df))


class MannWhitney:
    """The sides differ by a shift, whatever their distribution: ranks (Mann and Whitney's U).

    The difference is the median of the differences of all pairs (Hodges and Lehmann), and a share
    of the base's median.
    """

    name = "mann-whitney"
    title = "Mann-Whitney U"

    def has_enough(self, base: int, new: int, confidence: float) -> bool:
        """Tell whether the most uneven order of the runs is rare enough."""
        rarest = 2 / math.comb(base + new, base)
        return min(base, new) >= LEAST_RUNS and rarest < (100 - confidence) / 100

    def estimate(self, base: Series, new: Series, confidence: float) -> Estimate:
        """Compare the ranks.

        Raises:
            InputError: there are too many pairs to hold.
        """
        import numpy as np  # noqa: PLC0415

        pairs = len(base.values) * len(new.values)
        if pairs > _MOST_PAIRS:
            raise InputError(f"{pairs:,} pairs are too many for ranks", "--method welch")
        alpha = (100 - confidence) / 100
        ranks = _doubled_midranks([*base.ordered, *new.ordered])
        p = rank_sum_tails(ranks, len(new.values))(sum(ranks[len(base.values) :]))
        apart = np.subtract.outer(new.ordered, base.ordered).ravel()
        apart.sort()
        outside = _pairs_outside(len(base.values), len(new.values), alpha)
        half = pairs // 2
        middle = apart[half] if pairs % 2 else (apart[half - 1] + apart[half]) / 2
        return Estimate(
            difference=float(middle),
            low=float(apart[outside]),
            high=float(apart[pairs - 1 - outside]),
            p=p,
            is_significant=p < alpha,
            reference=base.summary().median,
        )


STUDENT = Student()
WELCH = Welch()
MANN_WHITNEY = MannWhitney()
ASSUMPTIONS: dict[str, Assumption] = {one.name: one for one in (STUDENT, WELCH, MANN_WHITNEY)}


def pooled_stddev(base: Summary, new: Summary) -> float:
    """Return the standard deviation of both sides together, each about its own mean."""
    squares = (base.n - 1) * base.variance + (new.n - 1) * new.variance
    return math.sqrt(squares / (base.n + new.n - 2))


def _of_means(one: Summary, two: Summary, error: float, df: float, quantile: float) -> Estimate:
    difference = two.mean - one.mean
    reach = quantile * error
    return Estimate(
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p=student_p(difference / error, df),
        is_significant=abs(difference) > reach,
        reference=one.mean,
    )


def _doubled_midranks(values: list[float]) -> list[int]:
    """Return twice the rank of each value; equal values share the mean of their ranks."""
    order = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(order, 1)))}
    last = {value: place for place, value in enumerate(order, 1)}
    return [first[value] + last[value] for value in values]


def _pairs_outside(base: int, new: int, alpha: float) -> int:
    """Return how many of the sorted differences of pairs are left out at each end."""
    ranks = [2 * rank for rank in range(1, base + new + 1)]
    tail = rank_sum_tails(ranks, new)
    least = new * (new + 1)  # twice the smallest sum of ranks
    # tail(least + 2u) rises with u: the largest u whose tail is still below alpha.
    low, high = 0, base * new // 2 + 1
    while low < high:
        middle = (low + high) // 2
        if tail(least + 2 * middle) < alpha:
            low = middle + 1
        else:
            high = middle
    return max(low - 1, 0)
