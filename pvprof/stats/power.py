"""How many runs would show a difference: power calculations for Student's t.

Assumes that further runs vary as those at hand do. A difference counts as shown if `POWER` of such
experiments would prove it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pvprof.stats.distributions import student_power, student_quantile

POWER = 0.8
ROUND_PERCENTS = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Round differences in percent: the next one that the runs do not show is suggested."""

MAX_RUNS = 1_000_000
# Beyond this many standard errors power is 1, and the distribution hard to compute.
_CERTAIN_SHIFT = 30.0


@dataclass(frozen=True, slots=True)
class RunsNeeded:
    """The difference that the runs at hand show, and the number of runs for a smaller one.

    Attributes:
        shown_percent: the smallest true difference, in percent of the base's mean, that the runs
            at hand show.
        percent: the difference that `runs` is for.
        runs: the number of runs on each side that shows it; None for more than `MAX_RUNS`.
    """

    shown_percent: float
    percent: float
    runs: int | None


def runs_needed(
    runs: tuple[int, int], relative_stddev: float, confidence: float, percent: float | None
) -> RunsNeeded:
    """Return the difference that these runs show, and the number of runs that shows `percent`.

    Args:
        runs: the numbers of runs of the base and of the other side.
        relative_stddev: the pooled standard deviation divided by the base's mean.
        confidence: in percent.
        percent: the difference to show; None for the next of `ROUND_PERCENTS`.
    """
    quantile = student_quantile(confidence, sum(runs) - 2)
    standard_error = relative_stddev * math.sqrt(1 / runs[0] + 1 / runs[1])
    shown = 100 * standard_error * _shift(quantile, sum(runs) - 2)
    if percent is None:
        smaller = (step for step in ROUND_PERCENTS if step < shown)
        percent = next(smaller, ROUND_PERCENTS[-1])
    return RunsNeeded(shown, percent, _runs_for(percent / 100 / relative_stddev, confidence))


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
    """Return the number of runs on each side that shows `effect` standard deviations, or None."""
    low, high = 2, MAX_RUNS
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
    shift = min(effect * math.sqrt(n / 2), quantile + _CERTAIN_SHIFT)
    return student_power(shift, quantile, 2 * n - 2) >= POWER
