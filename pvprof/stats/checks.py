"""What is doubtful about one series: outliers, drift. A warning each; nothing is ever removed."""

from __future__ import annotations

import math

from pvprof.model.problems import Problem
from pvprof.stats.distributions import grubbs_limit, trend_p
from pvprof.stats.series import Series

_OUTLIER_ALPHA = 0.01
_LEAST_FOR_OUTLIERS = 4
_MOST_OUTLIERS = 10
_DRIFT_ALPHA = 0.02
# Fewer runs in perfect order are nothing rare: 2 of 4! orders.
_LEAST_FOR_DRIFT = 5
_MOST_FOR_DRIFT = 2000
_MOST_NAMED = 5


def doubts(series: Series) -> tuple[Problem, ...]:
    """Return the warnings about one series; each of them is rare where nothing is wrong."""
    return (*_outliers(series), *_drift(series))


def outliers(values: tuple[float, ...]) -> list[int]:
    """Return the places of the values far off from the rest, farthest first.

    Rosner's generalised procedure, so that two outliers do not hide each other: among normal values
    it finds any in about 1 % of series. At most a fifth of the values are outliers, and
    no more than `_MOST_OUTLIERS`.
    """
    rest = sorted(range(len(values)), key=lambda place: (values[place], place))
    gone: list[int] = []
    found = 0
    for _ in range(min(max(1, len(values) // 5), _MOST_OUTLIERS)):
        if len(rest) < _LEAST_FOR_OUTLIERS - 1 or values[rest[0]] == values[rest[-1]]:
            break
        mean = math.fsum(values[place] for place in rest) / len(rest)
        squares = math.fsum((values[place] - mean) ** 2 for place in rest)
        limit = grubbs_limit(len(rest), _OUTLIER_ALPHA) * math.sqrt(squares / (len(rest) - 1))
        is_low = mean - values[rest[0]] > values[rest[-1]] - mean
        gone.append(rest.pop(0 if is_low else -1))
        if abs(values[gone[-1]] - mean) > limit:
            found = len(gone)
    return gone[:found]


def _outliers(series: Series) -> list[Problem]:
    if len(series.values) < _LEAST_FOR_OUTLIERS:
        return []
    places = sorted(outliers(series.values))
    if not places:
        return []
    named = ", ".join(f"run {n + 1} ({series.values[n]:.8g})" for n in places[:_MOST_NAMED])
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    are = "are outliers" if len(places) > 1 else "is an outlier"
    hint = "; the first run may be a warm-up" if places[0] == 0 else ""
    text = f"{series.metric.title}: {named}{more} {are}, and counted{hint}"
    return [Problem("outlier", text, series.name, count=1)]


def _drift(series: Series) -> list[Problem]:
    values = series.values
    if not _LEAST_FOR_DRIFT <= len(values) <= _MOST_FOR_DRIFT:
        return []
    score = sum(
        (later > earlier) - (later < earlier)
        for place, earlier in enumerate(values)
        for later in values[place + 1 :]
    )
    if trend_p(score, len(values)) >= _DRIFT_ALPHA:
        return []
    how = "higher" if score > 0 else "lower"
    text = (
        f"{series.metric.title}: later runs are {how} than earlier ones: the runs are not alike "
        "(warming up, or a machine that changes); take turns between the sides"
    )
    return [Problem("drift", text, series.name)]
