"""Warnings about one series: outliers, drift. They never remove a value."""

from __future__ import annotations

import math

from pvprof.model.problems import Problem
from pvprof.stats.distributions import grubbs_limit, trend_p
from pvprof.stats.series import Series

_OUTLIER_ALPHA = 0.01
_MIN_RUNS_FOR_OUTLIERS = 4
_MAX_OUTLIERS = 10
_DRIFT_ALPHA = 0.02
# Four runs in perfect order are not rare: 2 of 4! = 24 orders.
_MIN_RUNS_FOR_DRIFT = 5
_MAX_RUNS_FOR_DRIFT = 2000
_MAX_NAMED = 5


def check_series(series: Series) -> tuple[Problem, ...]:
    """Return the warnings about one series; each is rare if nothing is wrong."""
    return (*_outliers(series), *_drift(series))


def outliers(values: tuple[float, ...]) -> list[int]:
    """Return the indices of the outliers, farthest first.

    By Rosner's generalised procedure, so that two outliers do not hide each other: it finds one in
    about 1 % of series of normal values. At most a fifth of the values, and at most
    `_MAX_OUTLIERS`, are outliers.
    """
    rest = sorted(range(len(values)), key=lambda index: (values[index], index))
    removed: list[int] = []
    outlier_count = 0
    for _ in range(min(max(1, len(values) // 5), _MAX_OUTLIERS)):
        if len(rest) < _MIN_RUNS_FOR_OUTLIERS - 1 or values[rest[0]] == values[rest[-1]]:
            break
        mean = math.fsum(values[index] for index in rest) / len(rest)
        squares = math.fsum((values[index] - mean) ** 2 for index in rest)
        limit = grubbs_limit(len(rest), _OUTLIER_ALPHA) * math.sqrt(squares / (len(rest) - 1))
        is_low = mean - values[rest[0]] > values[rest[-1]] - mean
        removed.append(rest.pop(0 if is_low else -1))
        if abs(values[removed[-1]] - mean) > limit:
            outlier_count = len(removed)
    return removed[:outlier_count]


def _outliers(series: Series) -> list[Problem]:
    if len(series.values) < _MIN_RUNS_FOR_OUTLIERS:
        return []
    runs = sorted(outliers(series.values))
    if not runs:
        return []
    named = ", ".join(f"run {run + 1} ({series.values[run]:.8g})" for run in runs[:_MAX_NAMED])
    more = f" and {len(runs) - _MAX_NAMED} more" if len(runs) > _MAX_NAMED else ""
    are = "are outliers" if len(runs) > 1 else "is an outlier"
    hint = "; the first run may be a warm-up" if runs[0] == 0 else ""
    text = f"{series.metric.title}: {named}{more} {are}, and counted{hint}"
    return [Problem("outlier", text, series.name, count=1)]


def _drift(series: Series) -> list[Problem]:
    values = series.values
    if not _MIN_RUNS_FOR_DRIFT <= len(values) <= _MAX_RUNS_FOR_DRIFT:
        return []
    score = sum(
        (later > earlier) - (later < earlier)
        for run, earlier in enumerate(values)
        for later in values[run + 1 :]
    )
    if trend_p(score, len(values)) >= _DRIFT_ALPHA:
        return []
    direction = "higher" if score > 0 else "lower"
    text = (
        f"{series.metric.title}: later runs are {direction} than earlier ones: the runs are not "
        "alike (warming up, or a machine that changes); alternate between the sides"
    )
    return [Problem("drift", text, series.name)]
