"""Compare the times of the runs of two sides: real, user, sys.

Their verdicts are not corrected for their number. What the runs waited for is in ``compare``.
"""

from __future__ import annotations

from pvprof.dataset.sides import Side
from pvprof.model.problems import Problem
from pvprof.stats.checks import check_series
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series
from pvprof.stats.series import Metric, Series


def compare_times(
    base: Side, new: Side, options: SeriesOptions
) -> tuple[tuple[SeriesComparison, ...], list[Problem]]:
    """Return the comparisons of run times, and the warnings about them."""
    base_series, new_series = _series_of_times(base), _series_of_times(new)
    common = [metric for metric in base_series if metric in new_series]
    problems = [
        problem
        for metric in common
        for series in (base_series[metric], new_series[metric])
        for problem in check_series(series)
    ]
    alone = {metric.title for metric in base_series.keys() ^ new_series.keys()}
    if alone:
        text = f"times of one side only: {', '.join(sorted(alone))}"
        problems.append(Problem("times-not-compared", text, severity="note"))
    comparisons = [
        compare_series(base_series[metric], new_series[metric], options) for metric in common
    ]
    return tuple(comparisons), problems


def _series_of_times(side: Side) -> dict[Metric, Series]:
    metrics = dict.fromkeys(metric for run in side.runs for metric in run.times)
    return {
        metric: Series(
            metric,
            side.name,
            tuple(run.times[metric] for run in side.runs if metric in run.times),
        )
        for metric in metrics
    }
