"""Several sets of runs, each metric of each compared with the first set.

Owns the rows of the table that people argue with, and the warnings that belong below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pvprof import __version__
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.stats.checks import doubts
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series, with_holm
from pvprof.stats.distributions import variance_ratio_p
from pvprof.stats.methods import STUDENT
from pvprof.stats.series import Better, Metric, Series, Summary

_MANY = 5
_MAIN_UNITS = ("s", "")
_LAST_LEVEL = 99.5
_UNEVEN_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class RunSet:
    """The runs of one side.

    Attributes:
        name: of the side.
        series: one for each metric, in the order in which they were found.
        problems: what was doubtful about the input, and what was set aside.
    """

    name: str
    series: tuple[Series, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What a study shows.

    Attributes:
        compare: how series are compared.
        has_holm: correct the verdicts for their number.
        metrics: names of the metrics to show; none: times and plain numbers, or else everything.
        better: direction of better of metrics that have none of their own.
    """

    compare: SeriesOptions = field(default_factory=SeriesOptions)
    has_holm: bool = False
    metrics: tuple[str, ...] = ()
    better: Better = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One set in the table of a metric.

    Attributes:
        series: its values.
        summary: of them.
        comparison: with the first set; None in the row of that set, and where it lacks the metric.
    """

    series: Series
    summary: Summary
    comparison: SeriesComparison | None


@dataclass(frozen=True, slots=True)
class Section:
    """The table of one metric: the base first, if it has it."""

    metric: Metric
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that ``pvprof stats`` says.

    Attributes:
        names: of the sets; the first is the base.
        options: what was asked.
        sections: one for each metric.
        problems: warnings about input and values.
        version: of pvprof.
    """

    names: tuple[str, ...]
    options: StudyOptions
    sections: tuple[Section, ...]
    problems: tuple[Problem, ...]
    version: str = __version__


def build_study(sets: Sequence[RunSet], options: StudyOptions | None = None) -> Study:
    """Compare each set with the first, metric by metric.

    Raises:
        InputError: there is nothing to compare: the sets have no metric in common.
        UsageError: a metric was asked for that no set has.
    """
    options = options or StudyOptions()
    shown, left_out = _choose(sets, options)
    sections = [_section(metric, sets, options) for metric in shown]
    if options.has_holm:
        sections = _corrected(sections)
    made = [row.comparison for section in sections for row in section.rows if row.comparison]
    if len(sets) > 1 and not made:
        held = "; ".join(f"{one.name}: {_titles(one.series)}" for one in sets)
        raise InputError(f"nothing was measured in common: {held}")
    problems = [
        *(problem for one in sets for problem in one.problems),
        *(
            problem
            for section in sections
            for row in section.rows
            for problem in doubts(row.series)
        ),
        *_twins(sets),
        *_lacking(sections, sets),
        *_uneven(sections, options),
        *_about(made, options),
    ]
    if left_out:
        text = f"also measured: {', '.join(left_out)}; --metric shows them"
        problems.append(Problem("left-out", text, severity="note"))
    names = tuple(one.name for one in sets)
    return Study(names, options, tuple(sections), tuple(problems))


def _choose(sets: Sequence[RunSet], options: StudyOptions) -> tuple[list[Metric], list[str]]:
    """Return the metrics to show, in the order in which they were found, and the others' names."""
    every = list(dict.fromkeys(series.metric for one in sets for series in one.series))
    if options.metrics:
        for name in options.metrics:
            if name not in [metric.name for metric in every]:
                known = ", ".join(dict.fromkeys(metric.name for metric in every))
                raise UsageError(f"--metric {name}: not measured", f"measured here: {known}")
        return [metric for metric in every if metric.name in options.metrics], []
    main = [metric for metric in every if metric.unit in _MAIN_UNITS] or every
    return main, [metric.title for metric in every if metric not in main]


def _section(metric: Metric, sets: Sequence[RunSet], options: StudyOptions) -> Section:
    known = replace(metric, better=metric.better or options.better)
    found = [
        (place, replace(series, metric=known))
        for place, one in enumerate(sets)
        for series in one.series
        if series.metric == metric
    ]
    base = found[0][1] if found[0][0] == 0 else None
    rows = [
        Row(
            series,
            series.summary(),
            compare_series(base, series, options.compare) if base and place else None,
        )
        for place, series in found
    ]
    return Section(known, tuple(rows))


def _corrected(sections: list[Section]) -> list[Section]:
    made = [row.comparison for section in sections for row in section.rows if row.comparison]
    corrected = iter(with_holm(made))
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


def _titles(series: Sequence[Series]) -> str:
    return ", ".join(one.metric.title for one in series)


def _twins(sets: Sequence[RunSet]) -> list[Problem]:
    """Warn of sets that hold the very same numbers in the same order: one file, copied."""
    problems = []
    for place, one in enumerate(sets):
        for other in sets[:place]:
            same = [series.values for series in one.series]
            if same == [series.values for series in other.series] and len(same[0]) > 1:
                text = f"the same numbers as {other.name}, in the same order: the same runs?"
                problems.append(Problem("same-numbers", text, one.name))
                break
    return problems


def _lacking(sections: Sequence[Section], sets: Sequence[RunSet]) -> list[Problem]:
    """Name the metrics that not every set has, and runs that lack one."""
    problems = []
    for section in sections:
        having = [row.series.name for row in section.rows]
        lacking = [one.name for one in sets if one.name not in having]
        if lacking:
            text = f"{section.metric.title}: not measured in {', '.join(lacking)}"
            problems.append(Problem("not-measured", text))
    for one in sets:
        most = max(len(series.values) for series in one.series)
        short = [
            f"{series.metric.title} ({len(series.values)})"
            for series in one.series
            if len(series.values) < most
        ]
        if short:
            text = f"of {most} runs, not all have each metric: {', '.join(short)}"
            problems.append(Problem("incomplete-runs", text, one.name))
    return problems


def _uneven(sections: Sequence[Section], options: StudyOptions) -> list[Problem]:
    """Warn where Student's t is asked, and the sides plainly do not vary alike."""
    problems = []
    rows = [row for section in sections for row in section.rows]
    for row in rows if options.compare.assumption is STUDENT else []:
        one = row.comparison
        if one is None or one.estimate is None or not _is_uneven(one.base, one.new):
            continue
        text = (
            f"{one.metric.title}: the sides vary differently (stddev {one.base.stddev:.3g} and "
            f"{one.new.stddev:.3g}), which Student's t does not expect; --method welch does"
        )
        problems.append(Problem("uneven-variances", text, row.series.name))
    return problems


def _is_uneven(base: Summary, new: Summary) -> bool:
    if not base.variance or not new.variance:
        return True  # of both together there would be no estimate
    p = variance_ratio_p(new.variance / base.variance, new.n - 1, base.n - 1)
    return p < _UNEVEN_ALPHA


def _about(made: Sequence[SeriesComparison], options: StudyOptions) -> list[Problem]:
    """Return what is to be known about the verdicts."""
    confidence = options.compare.confidence
    judged = [one for one in made if one.estimate]
    problems = []
    if len(judged) >= _MANY and not options.has_holm:
        chance = 100 * (1 - (confidence / 100) ** len(judged))
        text = (
            f"{len(judged)} comparisons at {confidence:g} %: if nothing differed, about "
            f"{chance:.0f} in 100 such tables would still show a difference; --holm corrects that"
        )
        problems.append(Problem("many-comparisons", text, severity="note"))
    if judged and confidence == _LAST_LEVEL and options.compare.assumption is STUDENT:
        text = (
            "at 99.5 % ministat's table, used here too, has the quantiles of 99.8 %: "
            "intervals are wider, and fewer differences are proven"
        )
        problems.append(Problem("ministat-99.5", text, severity="note"))
    return problems
