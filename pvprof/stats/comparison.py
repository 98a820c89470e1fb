"""Compare one series with another: difference, interval, verdict, and the reason if there is none.

Owns verdicts. Too few runs, or runs that do not vary, give none: `SeriesComparison.reason` says
why. `with_holm` corrects the verdicts of many comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from pvprof.errors import InputError, UsageError
from pvprof.stats.methods import (
    MANN_WHITNEY,
    MIN_RUNS,
    STUDENT,
    Estimate,
    Method,
    pooled_stddev,
)
from pvprof.stats.power import MAX_RUNS, POWER, RunsNeeded, runs_needed
from pvprof.stats.series import Metric, Series, Summary

if TYPE_CHECKING:
    from pvprof.stats.bootstrap import Ratio

MIN_RATIO_RUNS = 8
"""With fewer runs on a side, the interval of a ratio is too narrow: there are few resamples."""


MAX_LOSS_PERCENT = 100.0
"""No amount falls by more than all of it."""


class Verdict(Enum):
    """The result for the new side, as a text."""

    LESS = "less"
    MORE = "more"
    UNPROVEN = "no difference proven"
    NONE = "no verdict"


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """How series are compared.

    Attributes:
        method: what is assumed of the values.
        confidence: in percent, between 0 and 100.
        has_ratio: also compute the bootstrap interval of the ratio.
        detect_percent: the difference to compute the number of runs for; None: the next round
            number that the runs at hand do not show.

    Raises:
        UsageError: a number is out of range.
    """

    method: Method = STUDENT
    confidence: float = 95.0
    has_ratio: bool = False
    detect_percent: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 100:
            raise UsageError(
                f"a confidence of {self.confidence:g}% cannot be", "between 0 and 100, as 95"
            )
        if self.detect_percent is not None and not 0 < self.detect_percent < float("inf"):
            raise UsageError(f"a difference of {self.detect_percent:g}% cannot be shown")

    @property
    def alpha(self) -> float:
        """Return the probability that chance alone may show a difference."""
        return (100 - self.confidence) / 100


@dataclass(frozen=True, slots=True)
class SeriesComparison:
    """A new side against the base.

    Attributes:
        metric: what was measured.
        base, new: the two sides.
        options: how they were compared.
        verdict: the result.
        difference: new less base: of the means, or by the method's estimate.
        estimate: the interval and p; None if there is no verdict.
        reason: why there is no verdict, or empty.
        percent: the difference in percent of the base; None if the base is 0.
        pooled_stddev: of both sides; None for less than three runs in all.
        p_adjusted: p after the correction for many comparisons; None without it.
        ratio: new over base, by the bootstrap; None if not asked for, or not defined.
        needed: what more runs would show; None if that cannot be computed.
    """

    metric: Metric
    base: Summary
    new: Summary
    options: SeriesOptions
    verdict: Verdict
    difference: float
    estimate: Estimate | None = None
    reason: str = ""
    percent: float | None = None
    pooled_stddev: float | None = None
    p_adjusted: float | None = None
    ratio: Ratio | None = None
    needed: RunsNeeded | None = None

    @property
    def is_different(self) -> bool:
        """Tell whether a difference is proven."""
        return self.verdict in (Verdict.LESS, Verdict.MORE)

    @property
    def is_better(self) -> bool | None:
        """Tell whether the new side is better; None if that is not proven or has no direction."""
        if not self.is_different or not self.metric.better:
            return None
        return (self.verdict is Verdict.LESS) == (self.metric.better == "lower")

    @property
    def percent_interval(self) -> tuple[float, float] | None:
        """Return the interval of the difference in percent of the base.

        An amount cannot fall by more than all of it: its interval is cut off at -100 %. Student's t
        and Welch's know no such limit, so `estimate` may pass it.
        """
        if self.estimate is None or not self.estimate.reference:
            return None
        ends = [
            100 * end / self.estimate.reference for end in (self.estimate.low, self.estimate.high)
        ]
        low, high = min(ends), max(ends)
        if not self.metric.is_amount:
            return low, high
        return max(low, -MAX_LOSS_PERCENT), max(high, -MAX_LOSS_PERCENT)


def compare_series(
    base: Series, new: Series, options: SeriesOptions | None = None
) -> SeriesComparison:
    """Return the comparison of a series with the base; the order of the runs has no effect.

    Raises:
        InputError: they are of different metrics.
    """
    options = options or SeriesOptions()
    if base.metric != new.metric:
        raise InputError(
            f"{base.metric.title} ({base.name}) and {new.metric.title} ({new.name}) "
            "cannot be compared"
        )
    base_summary, new_summary = base.summary(), new.summary()
    reason = _reason(base_summary, new_summary, options)
    if reason:
        estimate = None
        difference, reference = new_summary.mean - base_summary.mean, base_summary.mean
        verdict = _verdict_without_estimate(base_summary, new_summary)
    else:
        estimate = options.method.estimate(base, new, options.confidence)
        difference, reference = estimate.difference, estimate.reference
        verdict = _verdict(estimate, estimate.is_significant)
    has_stddev = base_summary.n + new_summary.n > 2
    return SeriesComparison(
        metric=base.metric,
        base=base_summary,
        new=new_summary,
        options=options,
        verdict=verdict,
        difference=difference,
        estimate=estimate,
        reason=reason,
        percent=100 * difference / reference if reference else None,
        pooled_stddev=pooled_stddev(base_summary, new_summary) if has_stddev else None,
        ratio=_ratio(base, new, options.confidence) if options.has_ratio else None,
        needed=_runs_needed(base_summary, new_summary, options),
    )


def _ratio(base: Series, new: Series, confidence: float) -> Ratio | None:
    from pvprof.stats.bootstrap import ratio_of_means  # noqa: PLC0415 (numpy)

    return ratio_of_means(base, new, confidence)


def with_holm(comparisons: Sequence[SeriesComparison]) -> tuple[SeriesComparison, ...]:
    """Return the comparisons with verdicts corrected together, by Holm's method.

    If nothing differs, the probability that any of them shows a difference is at most alpha.
    Intervals are still those of each comparison alone.
    """
    estimates = {
        index: comparison.estimate
        for index, comparison in enumerate(comparisons)
        if comparison.estimate
    }
    corrected = list(comparisons)
    p_adjusted = 0.0
    smallest_p_first = sorted(estimates, key=lambda index: (estimates[index].p, index))
    for rank, index in enumerate(smallest_p_first):
        estimate, comparison = estimates[index], comparisons[index]
        p_adjusted = max(p_adjusted, min(1.0, estimate.p * (len(estimates) - rank)))
        verdict = _verdict(estimate, p_adjusted < comparison.options.alpha)
        corrected[index] = replace(comparison, p_adjusted=p_adjusted, verdict=verdict)
    return tuple(corrected)


def _verdict(estimate: Estimate, is_significant: bool) -> Verdict:
    if not is_significant:
        return Verdict.UNPROVEN
    return Verdict.LESS if estimate.difference < 0 else Verdict.MORE


def _verdict_without_estimate(base: Summary, new: Summary) -> Verdict:
    """Return the verdict if there is no estimate: enough equal values show no difference."""
    enough = min(base.n, new.n) >= MIN_RUNS
    is_same = base.min == base.max == new.min == new.max
    return Verdict.UNPROVEN if enough and is_same else Verdict.NONE


def _reason(base: Summary, new: Summary, options: SeriesOptions) -> str:
    """Return the reason why there is no estimate, or an empty text."""
    if min(base.n, new.n) < MIN_RUNS:
        return f"{_runs(base, new)}: a verdict needs {MIN_RUNS} a side"
    if not base.stddev and not new.stddev:
        if base.mean == new.mean:
            return "all values are equal"
        return "no side varies: measure more finely, or more often"
    if not options.method.has_enough(base.n, new.n, options.confidence):
        min_runs = MIN_RUNS
        while not options.method.has_enough(min_runs, min_runs, options.confidence):
            min_runs += 1
        return f"{_runs(base, new)}: {options.method.title} needs {min_runs} a side"
    return ""


def _runs(base: Summary, new: Summary) -> str:
    if base.n == new.n:
        return f"{base.n} run{'s' if base.n > 1 else ''} a side"
    return f"{base.n} and {new.n} runs"


def _runs_needed(base: Summary, new: Summary, options: SeriesOptions) -> RunsNeeded | None:
    if min(base.n, new.n) < MIN_RUNS or base.mean <= 0:
        return None
    relative_stddev = pooled_stddev(base, new) / base.mean
    if not relative_stddev > 0:
        return None
    return runs_needed((base.n, new.n), relative_stddev, options.confidence, options.detect_percent)


def _rounded(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"


def power_sentence(comparison: SeriesComparison) -> str:
    """Return one sentence: the change that these runs detect, the runs for another; or empty."""
    needed = comparison.needed
    if needed is None:
        return ""
    shown = _rounded(needed.shown_percent)
    runs = f"{needed.runs:,} runs" if needed.runs else f"more than {MAX_RUNS:,} runs"
    by = ", by Student's t" if comparison.options.method is MANN_WHITNEY else ""
    text = (
        f"{_runs(comparison.base, comparison.new)} detect a change of {shown}% "
        f"(with {POWER:.0%} power{by})"
    )
    wanted = f"{needed.percent:g}"
    return text if wanted == shown else f"{text}; for {wanted}% use {runs}"
