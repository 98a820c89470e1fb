"""How many runs would show a difference: stated power calculations for Student's t.

Owns what is missing. All of it supposes that further runs vary as those at hand do, and counts a
difference as shown where `POWER` of such experiments would show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pvprof.stats.distributions import student_power, student_quantile

POWER = 0.8
LADDER = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Differences in percent that one asks for."""

MOST_RUNS = 1_000_000
# Beyond so many standard errors power is 1, and the distribution hard to compute.
_CERTAIN = 30.0


@dataclass(frozen=True, slots=True)
class Needed:
    """What the runs at hand show, and what more of them would.

    Attributes:
        shown_percent: the smallest true difference, in percent of the base's mean, that as many
            runs as there are would show.
        percent: a smaller one that is asked for.
        runs: how many runs a side would show that; None for more than `MOST_RUNS`.
    """

    shown_percent: float
    percent: float
    runs: int | None


def needed(
    runs: tuple[int, int], relative: float, confidence: float, wanted: float | None
) -> Needed:
    """Return what so many runs show, and how many show less.

    Args:
        runs: those of the base and of the other side.
        relative: the pooled standard deviation over the base's mean.
        confidence: in percent.
        wanted: the difference asked for, in percent; None for the next of `LADDER`.
    """
    quantile = student_quantile(confidence, sum(runs) - 2)
    spread = relative * math.sqrt(1 / runs[0] + 1 / runs[1])
    shown = 100 * spread * _shift(quantile, sum(runs) - 2)
    if wanted is None:
        wanted = next((one for one in LADDER if one < shown), LADDER[-1])
    return Needed(shown, wanted, _runs_for(wanted / 100 / relative, confidence))


def _shift(quantile: float, df: float) -> float:
    """Return the difference, in standard errors, that is shown with a probability of `POWER`."""
    low, high = 0.0, 2 * quantile + 10
    for _ in range(60):
        middle = (low + high) / 2
        if student_power(middle, quantile, df) < POWER:
            low = middle
        else:
            high = middle
    return high


def _runs_for(effect: float, confidence: float) -> int | None:
    """Return how many runs a side show a difference of `effect` standard deviations."""
    low, high = 2, MOST_RUNS
    if not _shows(high, effect, confidence):
        return None
    while low + 1 < high:
        middle = (low + high) // 2
        if _shows(middle, effect, confidence):
            high = middle
        else:
            low = middle
    return high


def _shows(n: int, effect: float, confidence: float) -> bool:
    quantile = student_quantile(confidence, 2 * n - 2)
    shift = min(effect * math.sqrt(n / 2), quantile + _CERTAIN)
    return student_power(shift, quantile, 2 * n - 2) >= POWER
