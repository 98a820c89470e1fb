"""Compare several sets of runs with the first set, metric by metric.

Owns the rows of the tables of ``pvprof stats``, and the warnings below them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pvprof import __version__
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.stats.checks import check_series
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series, with_holm
from pvprof.stats.distributions import variance_ratio_p
from pvprof.stats.methods import STUDENT
from pvprof.stats.series import Better, Metric, Series, Summary

_MANY_COMPARISONS = 5
_MAIN_UNITS = ("s", "")
_MINISTAT_LAST_LEVEL = 99.5
_UNEVEN_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class RunSet:
    """The runs of one side.

    Attributes:
        name: of the side.
        series: one for each metric, in the order of the input.
        problems: doubts about the input, and what was set aside.
    """

    name: str
    series: tuple[Series, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """The options of a study.

    Attributes:
        compare: how series are compared.
        has_holm: correct the verdicts for their number.
        metrics: names of the metrics to show; none: times and plain numbers, or all if there are
            none of these.
        better: the direction of an improvement of metrics that have none of their own.
    """

    compare: SeriesOptions = field(default_factory=SeriesOptions)
    has_holm: bool = False
    metrics: tuple[str, ...] = ()
    better: Better = ""


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One set in the table of a metric.

    Attributes:
        series: its values.
        summary: of the values.
        comparison: with the first set; None for this set itself, and if it lacks the metric.
    """

    series: Series
    summary: Summary
    comparison: SeriesComparison | None


@dataclass(frozen=True, slots=True)
class StudySection:
    """The table of one metric: the base is first, if it has the metric."""

    metric: Metric
    rows: tuple[StudyRow, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """The result of ``pvprof stats``.

    Attributes:
        names: of the sets; the first is the base.
        options: how they were compared.
        sections: one for each metric.
        problems: warnings about input and values.
        version: of pvprof.
    """

    names: tuple[str, ...]
    options: StudyOptions
    sections: tuple[StudySection, ...]
    problems: tuple[Problem, ...]
    version: str = __version__


def build_study(sets: Sequence[RunSet], options: StudyOptions | None = None) -> Study:
    """Return the comparison of each set with the first, metric by metric.

    Raises:
        InputError: the sets have no metric in common.
        UsageError: the options name a metric that no set has.
    """
    options = options or StudyOptions()
    shown, left_out = _choose(sets, options)
    sections = [_section(metric, sets, options) for metric in shown]
    if options.has_holm:
        sections = _corrected(sections)
    comparisons = _comparisons(sections)
    if len(sets) > 1 and not comparisons:
        held = "; ".join(f"{run_set.name}: {_titles(run_set.series)}" for run_set in sets)
        raise InputError(f"nothing was measured in common: {held}")
    problems = [
        *(problem for run_set in sets for problem in run_set.problems),
        *(
            problem
            for section in sections
            for row in section.rows
            for problem in check_series(row.series)
        ),
        *_equal_sets(sets),
        *_missing_metrics(sections, sets),
        *_uneven_variances(sections, options),
        *_notes_on_verdicts(comparisons, options),
    ]
    if left_out:
        text = f"also measured: {', '.join(left_out)}; --metric shows them"
        problems.append(Problem("left-out", text, severity="note"))
    names = tuple(run_set.name for run_set in sets)
    return Study(names, options, tuple(sections), tuple(problems))


def _choose(sets: Sequence[RunSet], options: StudyOptions) -> tuple[list[Metric], list[str]]:
    """Return the metrics to show, in the order of the input, and the titles of the others."""
    every = list(dict.fromkeys(series.metric for run_set in sets for series in run_set.series))
    if options.metrics:
        for name in options.metrics:
            if name not in [metric.name for metric in every]:
                known = ", ".join(dict.fromkeys(metric.name for metric in every))
                raise UsageError(f"--metric {name}: not measured", f"measured here: {known}")
        return [metric for metric in every if metric.name in options.metrics], []
    main = [metric for metric in every if metric.unit in _MAIN_UNITS] or every
    return main, [metric.title for metric in every if metric not in main]


def _section(metric: Metric, sets: Sequence[RunSet], options: StudyOptions) -> StudySection:
    known = replace(metric, better=metric.better or options.better)
    series_of_set = {
        index: replace(series, metric=known)
        for index, run_set in enumerate(sets)
        for series in run_set.series
        if series.metric == metric
    }
    base = series_of_set.get(0)
    rows = [
        StudyRow(
            series,
            series.summary(),
            compare_series(base, series, options.compare) if base and series is not base else None,
        )
        for series in series_of_set.values()
    ]
    return StudySection(known, tuple(rows))


def _corrected(sections: list[StudySection]) -> list[StudySection]:
    corrected = iter(with_holm(_comparisons(sections)))
    return [
        replace(
            section,
            rows=tuple(
                replace(row, comparison=next(corrected)) if row.comparison else row
                for row in section.rows
            ),
        )
        for section in sections
    ]


def _comparisons(sections: Sequence[StudySection]) -> list[SeriesComparison]:
    return [row.comparison for section in sections for row in section.rows if row.comparison]


def _titles(all_series: Sequence[Series]) -> str:
    return ", ".join(series.metric.title for series in all_series)


def _equal_sets(sets: Sequence[RunSet]) -> list[Problem]:
    """Warn of sets with exactly the same numbers in the same order: a copied file."""
    problems = []
    for index, run_set in enumerate(sets):
        for other in sets[:index]:
            values = [series.values for series in run_set.series]
            if values == [series.values for series in other.series] and len(values[0]) > 1:
                text = f"the same numbers as {other.name}, in the same order: the same runs?"
                problems.append(Problem("same-numbers", text, run_set.name))
                break
    return problems


def _missing_metrics(sections: Sequence[StudySection], sets: Sequence[RunSet]) -> list[Problem]:
    """Warn of metrics that are missing in a set, or in runs of a set."""
    problems = []
    for section in sections:
        measured = [row.series.name for row in section.rows]
        without = [run_set.name for run_set in sets if run_set.name not in measured]
        if without:
            text = f"{section.metric.title}: not measured in {', '.join(without)}"
            problems.append(Problem("not-measured", text))
    for run_set in sets:
        runs = max(len(series.values) for series in run_set.series)
        incomplete = [
            f"{series.metric.title} ({len(series.values)})"
            for series in run_set.series
            if len(series.values) < runs
        ]
        if incomplete:
            text = f"of {runs} runs, not all have each metric: {', '.join(incomplete)}"
            problems.append(Problem("incomplete-runs", text, run_set.name))
    return problems


def _uneven_variances(sections: Sequence[StudySection], options: StudyOptions) -> list[Problem]:
    """Warn if Student's t compares sides with clearly different variances."""
    problems = []
    rows = [row for section in sections for row in section.rows]
    for row in rows if options.compare.method is STUDENT else []:
        comparison = row.comparison
        if comparison is None or comparison.estimate is None:
            continue
        base, new = comparison.base, comparison.new
        if _is_uneven(base, new):
            text = (
                f"{comparison.metric.title}: the sides vary differently (stddev "
                f"{base.stddev:.3g} and {new.stddev:.3g}), which Student's t does not expect; "
                "--method welch does"
            )
            problems.append(Problem("uneven-variances", text, row.series.name))
    return problems


def _is_uneven(base: Summary, new: Summary) -> bool:
    if not base.variance or not new.variance:
        return True  # only one of them can be 0: otherwise there is no estimate
    p = variance_ratio_p(new.variance / base.variance, new.n - 1, base.n - 1)
    return p < _UNEVEN_ALPHA


def _notes_on_verdicts(
    comparisons: Sequence[SeriesComparison], options: StudyOptions
) -> list[Problem]:
    """Return notes that one should know to read the verdicts."""
    confidence = options.compare.confidence
    judged = [comparison for comparison in comparisons if comparison.estimate]
    problems = []
    if len(judged) >= _MANY_COMPARISONS and not options.has_holm:
        chance = 100 * (1 - (confidence / 100) ** len(judged))
        text = (
            f"{len(judged)} comparisons at {confidence:g}%: if nothing differed, about "
            f"{chance:.0f} in 100 such tables would still show a difference; --holm corrects that"
        )
        problems.append(Problem("many-comparisons", text, severity="note"))
    if judged and confidence == _MINISTAT_LAST_LEVEL and options.compare.method is STUDENT:
        text = (
            "at 99.5% ministat's table, used here too, has the quantiles of 99.8%: "
            "intervals are wider, and fewer differences are proven"
        )
        problems.append(Problem("ministat-99.5", text, severity="note"))
    return problems
