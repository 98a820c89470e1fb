"""Quantiles and tails of the distributions that the statistics need.

Owns every call of scipy. ``scipy.special`` is enough, and takes a fifth of the time to import that
``scipy.stats`` takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

MINISTAT_LEVELS = (80.0, 90.0, 95.0, 98.0, 99.0, 99.5)
"""The confidence levels, in percent, that ministat(1) knows."""

_MINISTAT_LAST = 99.5
# ministat's last column is headed 99.5 % and is the quantile of 99.8 % (0.001 a side) ...
_MINISTAT_LAST_TAIL = 0.001
# ... and in these rows off in the third decimal. Measured on the program, all levels, to 150
# degrees of freedom: everything else is the quantile, rounded.
_MINISTAT_ODD = {7: 4.782, 8: 4.499, 9: 4.296, 10: 4.143, 11: 4.024, 12: 3.929}
# Above so many degrees of freedom ministat takes the normal distribution.
_MINISTAT_MOST_DF = 100
_DIGITS = 3
# Above this product of the two numbers of runs a rank sum is taken as normal.
_MOST_EXACT = 400
_MOST_EXACT_TREND = 50


def student_quantile(confidence: float, df: int) -> float:
    """Return how many standard errors a two-sided interval of Student's t reaches to each side.

    At ministat's levels it is ministat's number: three decimals, normal above 100 degrees of
    freedom, and at 99.5 % that of 99.8 %. Elsewhere it is exact.

    Args:
        confidence: in percent.
        df: degrees of freedom.
    """
    if confidence not in MINISTAT_LEVELS:
        return exact_student_quantile(confidence, df)
    tail = _MINISTAT_LAST_TAIL if confidence == _MINISTAT_LAST else (100 - confidence) / 200
    return _ministat_quantile(tail, df)


@cache
def _ministat_quantile(tail: float, df: int) -> float:
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415

    if df > _MINISTAT_MOST_DF:
        return round(float(ndtri(1 - tail)), _DIGITS)
    if tail == _MINISTAT_LAST_TAIL and df in _MINISTAT_ODD:
        return _MINISTAT_ODD[df]
    return round(float(stdtrit(df, 1 - tail)), _DIGITS)


def exact_student_quantile(confidence: float, df: float) -> float:
    """Return the same, exact at every level and for broken degrees of freedom."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return -float(stdtrit(df, (100 - confidence) / 200))


def student_p(t: float, df: float) -> float:
    """Return the probability of a t at least that far from 0, to either side."""
    from scipy.special import stdtr  # noqa: PLC0415

    return min(1.0, 2 * float(stdtr(df, -abs(t))))


def student_power(shift: float, quantile: float, df: float) -> float:
    """Return how often a true difference of `shift` standard errors exceeds `quantile` of them."""
    from scipy.special import nctdtr  # noqa: PLC0415

    # Of the other tail, a difference with the wrong sign, nothing is counted.
    return 1.0 - float(nctdtr(df, shift, quantile))


def variance_ratio_p(ratio: float, df_above: int, df_below: int) -> float:
    """Return the probability of two variances so far from equal, to either side."""
    from scipy.special import fdtr, fdtrc  # noqa: PLC0415

    below, above = (float(tail(df_above, df_below, ratio)) for tail in (fdtr, fdtrc))
    return min(1.0, 2 * min(below, above))


def grubbs_limit(n: int, alpha: float) -> float:
    """Return how many standard deviations the farthest of `n` values is off by chance at most."""
    t = exact_student_quantile(100 * (1 - alpha / n), n - 2)
    return (n - 1) * t / math.sqrt((n - 2 + t * t) * n)


def normal_tail(z: float) -> float:
    """Return the probability of a normal value above `z`."""
    from scipy.special import ndtr  # noqa: PLC0415

    return float(ndtr(-z))


def rank_sum_tails(doubled: list[int], size: int) -> Callable[[int], float]:
    """Return a function from a doubled rank sum to the two-sided probability of it.

    Args:
        doubled: twice the midranks of all values, so that they are integers.
        size: how many of them are on the side whose ranks are summed.

    Exact for few values, also with ties: every way of sharing the ranks out is counted. Normal,
    with correction for ties and continuity, for many.
    """
    n = len(doubled)
    mean = size * sum(doubled) / n
    if size * (n - size) > _MOST_EXACT:
        centred = math.fsum((rank - sum(doubled) / n) ** 2 for rank in doubled)
        spread = math.sqrt(centred * size * (n - size) / (n * (n - 1)))

        def normal(found: int) -> float:
            # One rank is 2 here: the correction of half a rank is 1.
            return min(1.0, 2 * normal_tail(max(0.0, abs(found - mean) - 1) / (spread or 1.0)))

        return normal

    ways = _ways(doubled, size)
    total = math.comb(n, size)

    def exact(found: int) -> float:
        off = abs(found - mean)
        return sum(count for value, count in ways.items() if abs(value - mean) >= off) / total

    return exact


def _ways(numbers: list[int], size: int) -> dict[int, int]:
    """Return, for each sum of `size` of the numbers, in how many ways it comes about."""
    sums: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for number in numbers:
        for taken in range(size, 0, -1):
            target = sums[taken]
            for value, count in sums[taken - 1].items():
                target[value + number] = target.get(value + number, 0) + count
    return sums[size]


def trend_p(score: int, n: int) -> float:
    """Return the probability of Kendall's score so far from 0 among `n` values in chance order.

    Args:
        score: pairs in rising order less pairs in falling order.
        n: the number of values.
    """
    pairs = n * (n - 1) // 2
    if n > _MOST_EXACT_TREND:
        spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        return min(1.0, 2 * normal_tail(max(0, abs(score) - 1) / spread))
    ways = _inversions(n)
    # A score s is reached with (pairs - s) / 2 pairs in falling order; equal values make it uneven.
    few = (pairs - abs(score) + 1) // 2
    return min(1.0, 2 * sum(ways[: few + 1]) / math.factorial(n))


@cache
def _inversions(n: int) -> tuple[int, ...]:
    """Return how many orders of `n` values have 0, 1, 2, ... pairs in falling order."""
    ways = [1]
    for size in range(2, n + 1):
        longer = [0] * (len(ways) + size - 1)
        for falling, count in enumerate(ways):
            for more in range(size):
                longer[falling + more] += count
        ways = longer
    return tuple(ways)
