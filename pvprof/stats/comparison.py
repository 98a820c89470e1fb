"""One side against another: difference, interval, verdict, and what speaks against it.

Owns verdicts. There is none from too few runs or from runs that do not vary, and none of that is
hidden: `SeriesComparison.reason` says why. `with_holm` corrects the verdicts of many comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pvprof.errors import InputError, UsageError
from pvprof.stats.bootstrap import Ratio, ratio_of_means
from pvprof.stats.methods import (
    LEAST_RUNS,
    MANN_WHITNEY,
    STUDENT,
    Assumption,
    Estimate,
    pooled_stddev,
)
from pvprof.stats.power import MOST_RUNS, Needed, needed
from pvprof.stats.series import Metric, Series, Summary


class Verdict(Enum):
    """What a comparison says of the new side, for people."""

    LESS = "less"
    MORE = "more"
    UNPROVEN = "no difference proven"
    NONE = "no verdict"


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """How series are compared.

    Attributes:
        assumption: what is assumed of the values.
        confidence: in percent, between 0 and 100.
        has_ratio: also give the bootstrap interval of the ratio.
        detect_percent: say how many runs show such a difference; None: a little less than is shown.

    Raises:
        UsageError: a number is out of range.
    """

    assumption: Assumption = STUDENT
    confidence: float = 95.0
    has_ratio: bool = False
    detect_percent: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 100:
            raise UsageError(
                f"a confidence of {self.confidence:g} % cannot be", "between 0 and 100, as 95"
            )
        if self.detect_percent is not None and not 0 < self.detect_percent < float("inf"):
            raise UsageError(f"a difference of {self.detect_percent:g} % cannot be shown")

    @property
    def alpha(self) -> float:
        """Return how often chance alone may look like a difference."""
        return (100 - self.confidence) / 100


@dataclass(frozen=True, slots=True)
class SeriesComparison:
    """A new side against the base.

    Attributes:
        metric: what was measured.
        base, new: the two sides.
        options: how they were compared.
        verdict: what follows.
        difference: new less base: of the means, or what the assumption says.
        estimate: the interval and p; None where no verdict can be.
        reason: why there is no verdict, or empty.
        percent: the difference in percent of the base; None where that is 0.
        pooled_stddev: of both sides; None for less than three runs in all.
        p_adjusted: p after the correction for many comparisons; None without it.
        ratio: new over base, by the bootstrap; None where it was not asked for or cannot be.
        needed: what more runs would show; None where nothing can be said.
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
    needed: Needed | None = None

    @property
    def is_different(self) -> bool:
        """Tell whether a difference is proven."""
        return self.verdict in (Verdict.LESS, Verdict.MORE)

    @property
    def is_better(self) -> bool | None:
        """Tell whether the new side is proven better; None where nothing says so."""
        if not self.is_different or not self.metric.better:
            return None
        return (self.verdict is Verdict.LESS) == (self.metric.better == "lower")

    @property
    def percent_interval(self) -> tuple[float, float] | None:
        """Return the interval of the difference in percent of the base."""
        if self.estimate is None or not self.estimate.reference:
            return None
        ends = [
            100 * end / self.estimate.reference for end in (self.estimate.low, self.estimate.high)
        ]
        return min(ends), max(ends)


def compare_series(
    base: Series, new: Series, options: SeriesOptions | None = None
) -> SeriesComparison:
    """Compare a series with the base; the order of the runs does not matter.

    Raises:
        InputError: they are of different metrics.
    """
    options = options or SeriesOptions()
    if base.metric != new.metric:
        raise InputError(
            f"{base.metric.title} ({base.name}) and {new.metric.title} ({new.name}) "
            "cannot be compared"
        )
    one, two = base.summary(), new.summary()
    reason = _reason(one, two, options)
    estimate = None
    if not reason:
        estimate = options.assumption.estimate(base, new, options.confidence)
    difference = estimate.difference if estimate else two.mean - one.mean
    reference = estimate.reference if estimate else one.mean
    return SeriesComparison(
        metric=base.metric,
        base=one,
        new=two,
        options=options,
        verdict=_verdict(estimate, estimate.is_significant) if estimate else _without(one, two),
        difference=difference,
        estimate=estimate,
        reason=reason,
        percent=100 * difference / reference if reference else None,
        pooled_stddev=pooled_stddev(one, two) if one.n + two.n > 2 else None,
        ratio=ratio_of_means(base, new, options.confidence) if options.has_ratio else None,
        needed=_needed(one, two, options),
    )


def with_holm(comparisons: Sequence[SeriesComparison]) -> tuple[SeriesComparison, ...]:
    """Return the comparisons with verdicts that hold together, by Holm's correction.

    Where nothing differs, all of them together then err in at most alpha of cases. Intervals stay
    those of each comparison alone.
    """
    places = [place for place, one in enumerate(comparisons) if one.estimate is not None]
    ps = {place: one.estimate.p for place, one in enumerate(comparisons) if one.estimate}
    corrected = list(comparisons)
    largest = 0.0
    for rank, place in enumerate(sorted(places, key=lambda place: (ps[place], place))):
        one = comparisons[place]
        largest = max(largest, min(1.0, ps[place] * (len(places) - rank)))
        assert one.estimate is not None
        is_significant = largest < one.options.alpha
        corrected[place] = replace(
            one, p_adjusted=largest, verdict=_verdict(one.estimate, is_significant)
        )
    return tuple(corrected)


def _verdict(estimate: Estimate, is_significant: bool) -> Verdict:
    if not is_significant:
        return Verdict.UNPROVEN
    return Verdict.LESS if estimate.difference < 0 else Verdict.MORE


def _without(base: Summary, new: Summary) -> Verdict:
    """Return the verdict where nothing can be estimated: that equal values are equal, if so."""
    enough = min(base.n, new.n) >= LEAST_RUNS
    is_same = base.min == base.max == new.min == new.max
    return Verdict.UNPROVEN if enough and is_same else Verdict.NONE


def _reason(base: Summary, new: Summary, options: SeriesOptions) -> str:
    """Return why there can be no estimate, or an empty text."""
    if min(base.n, new.n) < LEAST_RUNS:
        return f"{_runs(base, new)}: a verdict needs {LEAST_RUNS} a side"
    if not base.stddev and not new.stddev:
        if base.mean == new.mean:
            return "all values are equal"
        return "no side varies: measure more finely, or more often"
    if not options.assumption.has_enough(base.n, new.n, options.confidence):
        least = LEAST_RUNS
        while not options.assumption.has_enough(least, least, options.confidence):
            least += 1
        return f"{_runs(base, new)}: {options.assumption.title} needs {least} a side"
    return ""


def _runs(base: Summary, new: Summary) -> str:
    if base.n == new.n:
        return f"{base.n} run{'s' if base.n > 1 else ''} a side"
    return f"{base.n} and {new.n} runs"


def _needed(base: Summary, new: Summary, options: SeriesOptions) -> Needed | None:
    if min(base.n, new.n) < LEAST_RUNS or base.mean <= 0:
        return None
    relative = pooled_stddev(base, new) / base.mean
    if not relative > 0:
        return None
    return needed((base.n, new.n), relative, options.confidence, options.detect_percent)


def _rounded(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"


def missing(comparison: SeriesComparison) -> str:
    """Return what the runs at hand show and what more would, as one sentence; or empty."""
    found = comparison.needed
    if found is None:
        return ""
    shown = _rounded(found.shown_percent)
    runs = f"{found.runs:,} runs" if found.runs else f"more than {MOST_RUNS:,} runs"
    by = " (by Student's t)" if comparison.options.assumption is MANN_WHITNEY else ""
    return (
        f"{_runs(comparison.base, comparison.new)} show {shown} % or more{by}; "
        f"{runs} a side would show {found.percent:g} %"
    )
