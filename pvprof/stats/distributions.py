"""Quantiles and tails of the distributions that the statistics need.

Owns all calls of scipy. ``scipy.stats`` has the exact distributions of rank sums (without ties) and
trends too, but takes 0.9 s to import; ``scipy.special``, which has the others, takes 0.3 s. So the
two are counted here, in 40 lines, and the tests compare them with those of ``scipy.stats``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

MINISTAT_LEVELS = (80.0, 90.0, 95.0, 98.0, 99.0, 99.5)
"""The confidence levels, in percent, that ministat(1) knows."""

_MINISTAT_LAST = 99.5
# ministat's last column is headed 99.5 % and is the quantile of 99.8 % (0.001 a side) ...
_MINISTAT_LAST_TAIL = 0.001
# ... and in these rows it is off in the third decimal. Compared with the program at all levels, up
# to 150 degrees of freedom: all other rows are the rounded quantile.
_MINISTAT_ODD = {7: 4.782, 8: 4.499, 9: 4.296, 10: 4.143, 11: 4.024, 12: 3.929}
# Above this many degrees of freedom ministat uses the normal distribution.
_MINISTAT_MAX_DF = 100
_DIGITS = 3
# Above this product of the two numbers of runs, a rank sum is approximately normal.
_MAX_EXACT_PAIRS = 400
# Above this number of runs, a trend is approximately normal.
_MAX_EXACT_TREND = 50


def student_quantile(confidence: float, df: int) -> float:
    """Return the half-width of a two-sided interval of Student's t, in standard errors.

    At ministat's levels it is ministat's number: three decimals, normal above 100 degrees of
    freedom, and at 99.5 % that of 99.8 %. At other levels it is exact.

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
    if df > _MINISTAT_MAX_DF:
        return round(float(_special().ndtri(1 - tail)), _DIGITS)
    if tail == _MINISTAT_LAST_TAIL and df in _MINISTAT_ODD:
        return _MINISTAT_ODD[df]
    return round(float(_special().stdtrit(df, 1 - tail)), _DIGITS)


def exact_student_quantile(confidence: float, df: float) -> float:
    """Return the same as `student_quantile`, but exact at all levels, also for fractional `df`."""
    return -float(_special().stdtrit(df, (100 - confidence) / 200))


def student_p(t: float, df: float) -> float:
    """Return the two-sided probability of a t at least this far from 0."""
    return min(1.0, 2 * float(_special().stdtr(df, -abs(t))))


def student_power(shift: float, quantile: float, df: float) -> float:
    """Return the probability that a true difference of `shift` standard errors is shown.

    It is shown if it exceeds `quantile` standard errors. A difference with the wrong sign, in the
    other tail, does not count.
    """
    return 1.0 - float(_special().nctdtr(df, shift, quantile))


def variance_ratio_p(ratio: float, df_above: int, df_below: int) -> float:
    """Return the two-sided probability of such a ratio of variances, or one farther from 1."""
    special = _special()
    below = float(special.fdtr(df_above, df_below, ratio))
    above = float(special.fdtrc(df_above, df_below, ratio))
    return min(1.0, 2 * min(below, above))


def grubbs_limit(n: int, alpha: float) -> float:
    """Return the limit for the distance of the farthest of `n` values, in standard deviations.

    By chance, normal values exceed it with the probability `alpha`.
    """
    t = exact_student_quantile(100 * (1 - alpha / n), n - 2)
    return (n - 1) * t / math.sqrt((n - 2 + t * t) * n)


def normal_tail(z: float) -> float:
    """Return the probability of a normal value above `z`."""
    return float(_special().ndtr(-z))


def rank_sum_tails(doubled: list[int], size: int) -> Callable[[int], float]:
    """Return a function that maps a doubled rank sum to its two-sided probability.

    Args:
        doubled: twice the midranks of all values: integers, also with ties.
        size: the number of values on the side whose ranks are summed.

    For few values it is exact, also with ties: all selections of `size` ranks are counted. For many
    it is the normal approximation, corrected for ties and continuity.
    """
    n = len(doubled)
    mean = size * sum(doubled) / n
    if size * (n - size) > _MAX_EXACT_PAIRS:
        centred = math.fsum((rank - sum(doubled) / n) ** 2 for rank in doubled)
        spread = math.sqrt(centred * size * (n - size) / (n * (n - 1)))

        def normal(rank_sum: int) -> float:
            # Ranks are doubled: the continuity correction of half a rank is 1.
            distance = max(0.0, abs(rank_sum - mean) - 1)
            return min(1.0, 2 * normal_tail(distance / (spread or 1.0)))

        return normal

    ways = _ways_by_sum(doubled, size)
    total = math.comb(n, size)

    def exact(rank_sum: int) -> float:
        distance = abs(rank_sum - mean)
        return sum(count for value, count in ways.items() if abs(value - mean) >= distance) / total

    return exact


def _ways_by_sum(numbers: list[int], size: int) -> dict[int, int]:
    """Map each sum of `size` of the numbers to the number of selections with that sum.

    ``sums[taken]`` has the sums of `taken` of the numbers so far. For the numbers 2, 4, 6 and size
    2: after 2 and 4 it is [{0: 1}, {2: 1, 4: 1}, {6: 1}], in the end sums[2] = {6: 1, 8: 1, 10: 1}.
    """
    sums: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for number in numbers:
        for taken in range(size, 0, -1):
            target = sums[taken]
            for value, count in sums[taken - 1].items():
                target[value + number] = target.get(value + number, 0) + count
    return sums[size]


def trend_p(score: int, n: int) -> float:
    """Return the two-sided probability of Kendall's score for `n` values in random order.

    Args:
        score: the number of pairs in rising order less those in falling order.
        n: the number of values.
    """
    pairs = n * (n - 1) // 2
    if n > _MAX_EXACT_TREND:
        spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        return min(1.0, 2 * normal_tail(max(0, abs(score) - 1) / spread))
    ways = _inversions(n)
    # A score s has (pairs - s) / 2 pairs in falling order; equal values may make that uneven.
    falling = (pairs - abs(score) + 1) // 2
    return min(1.0, 2 * sum(ways[: falling + 1]) / math.factorial(n))


@cache
def _inversions(n: int) -> tuple[int, ...]:
    """Return the numbers of orders of `n` values with 0, 1, 2, ... pairs in falling order."""
    ways = [1]
    for size in range(2, n + 1):
        longer = [0] * (len(ways) + size - 1)
        for falling, count in enumerate(ways):
            for more in range(size):
                longer[falling + more] += count
        ways = longer
    return tuple(ways)


def _special() -> Any:
    """Return ``scipy.special``, imported when it is first needed (0.3 s)."""
    from scipy import special  # noqa: PLC0415

    return special
