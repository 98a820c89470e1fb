"""A study as plain tables of text: the details of each metric.

Numbers have as many digits as ministat(1) prints, so that both outputs can be compared.
"""

from __future__ import annotations

from pvprof.model.stacks import show_controls
from pvprof.stats.comparison import (
    MIN_RATIO_RUNS,
    SeriesComparison,
    power_sentence,
)
from pvprof.stats.methods import STUDENT
from pvprof.stats.power import POWER
from pvprof.stats.study import Study, StudySection
from pvprof.views.tables.table import Column, Table
from pvprof.views.verdicts.words import probability_text, verdict_text

POWER_LEGEND = (
    f"{POWER:.0%} power: {POWER:.0%} of such experiments prove a true change of that size, "
    "where runs vary as they do here"
)


def has_power(study: Study) -> bool:
    """Tell whether any remark states the difference that the runs can show."""
    rows = [row for section in study.sections for row in section.rows]
    return any(row.comparison and row.comparison.needed for row in rows)


def heading(study: Study) -> str:
    """Return the first line."""
    return show_controls("pvprof stats: " + ", ".join(study.names))


def section_title(section: StudySection) -> str:
    """Return the title of a section: ``sys [s], lower is better``."""
    metric = section.metric
    unit = f" [{metric.unit}]" if metric.unit else ""
    better = f", {metric.better} is better" if metric.better else ""
    return f"{metric.title}{unit}{better}"


def summary_table(section: StudySection) -> Table:
    """Return the table that describes each set."""
    names = ("n", "Min", "Max", "Median", "Mean", "Stddev")
    columns = (Column("Set", is_name=True), *(Column(name, is_number=True) for name in names))
    rows = []
    for row in section.rows:
        summary = row.summary
        values = (summary.min, summary.max, summary.median, summary.mean)
        stddev = "-" if summary.stddev is None else f"{summary.stddev:.8g}"
        cells = (f"{summary.n:,}", *(f"{value:.8g}" for value in values), stddev)
        rows.append((row.series.name, *cells))
    return Table("", columns, tuple(rows))


def comparison_table(section: StudySection, study: Study) -> Table | None:
    """Return the table of the differences from the first set, or None if there are none."""
    compared = [(row, row.comparison) for row in section.rows if row.comparison]
    if not compared:
        return None
    options = study.options.compare
    columns = [
        Column("Set", is_name=True),
        Column("Difference", is_number=True),
        Column("% of base", is_number=True),
    ]
    columns += [Column("Pooled s", is_number=True, rank=2)] if options.method is STUDENT else []
    columns += [Column("p", is_number=True, rank=1)]
    columns += [Column("Holm's p", is_number=True, rank=1)] if study.options.has_holm else []
    columns += [Column("Verdict")]
    rows = []
    for row, comparison in compared:
        cells = [row.series.name, _difference(comparison), _percent(comparison)]
        cells += [_number(comparison.pooled_stddev)] if options.method is STUDENT else []
        cells += [probability_text(comparison.estimate.p if comparison.estimate else None)]
        cells += [probability_text(comparison.p_adjusted)] if study.options.has_holm else []
        rows.append((*cells, verdict_text(comparison)))
    holm = ", Holm's correction" if study.options.has_holm else ""
    title = (
        f"Against {section.rows[0].series.name}, at {options.confidence:g}% confidence "
        f"({options.method.title}{holm})"
    )
    return Table(title, tuple(columns), tuple(rows))


def remarks(section: StudySection) -> list[str]:
    """Return lines on each comparison: why there is no verdict, what more runs would show."""
    lines = []
    for row in section.rows:
        if row.comparison is None:
            continue
        comparison = row.comparison
        texts = [
            text
            for text in (comparison.reason, _ratio(comparison), power_sentence(comparison))
            if text
        ]
        lines += [f"{show_controls(row.series.name)}: {text}" for text in texts]
    return lines


def _difference(comparison: SeriesComparison) -> str:
    text = f"{comparison.difference:g}"
    if comparison.estimate is None:
        return text
    return text + _interval(
        comparison.difference, comparison.estimate.low, comparison.estimate.high, ""
    )


def _percent(comparison: SeriesComparison) -> str:
    if comparison.percent is None:
        return "-"
    text = f"{comparison.percent:g}%"
    interval = comparison.percent_interval
    return text + _interval(comparison.percent, *interval, "%") if interval else text


def _interval(value: float, low: float, high: float, unit: str) -> str:
    """Return the interval as ministat prints it; by its ends if it is not symmetric."""
    above, below = high - value, value - low
    if abs(above - below) <= 1e-9 * max(abs(above), abs(below), abs(value)):
        return f" ± {(high - low) / 2:g}{unit}"
    return f" ({low:g} to {high:g}{unit})"


def _ratio(comparison: SeriesComparison) -> str:
    """Return the ratio as a sentence, or an empty text."""
    if not comparison.options.has_ratio:
        return ""
    ratio = comparison.ratio
    if ratio is None:
        return "no ratio: it needs two runs a side, and values above 0"
    runs = min(comparison.base.n, comparison.new.n)
    few = "; too narrow for so few runs" if runs < MIN_RATIO_RUNS else ""
    interval = f"{ratio.low:.5g} to {ratio.high:.5g}"
    return f"{ratio.value:.5g} times the base ({interval} by the bootstrap{few})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
