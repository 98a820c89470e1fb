"""The one table that sums up a comparison: times, kinds of wait, families of lock classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import CLASS, KIND, PRIMITIVE, Measured, RowChange
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, Verdict
from pvprof.stats.study import Study, StudySection
from pvprof.views.tables.table import Column, Table
from pvprof.views.verdicts.conclusion import (
    metric_name,
    mode_mark,
    row_title,
    side_names,
    time_name,
)
from pvprof.views.verdicts.words import (
    change_text,
    confidence_text,
    p_of,
    percent_text,
    probability_text,
    spread_text,
    value_text,
    verdict_text,
)

SECONDARY = {"block": "Block", "spin": "Spin", "count": "Waits", "mean": "Mean wait", "p99": "p99"}
"""The headings of the measures beside the waiting time."""

_RANKS = {"block": 6, "spin": 5, "count": 3, "mean": 4, "p99": 4}
_INDENT = "  "
_MAX_SET_NAME = 24


def summary_table(changes: Comparison, top: int) -> Table:
    """Return times, kinds, and below each kind its families of classes with their primitives.

    Args:
        changes: the whole comparison.
        top: number of families of each kind; 0 for all. Those that differ are shown in any case.
    """
    rows: list[tuple[str, RowChange | None, SeriesComparison]] = [
        (time_name(time, changes), None, time) for time in changes.times
    ]
    for section in changes.sections:
        rows += _rows_of(section, changes, top)
    secondary = secondary_names([row for _, row, _ in rows if row])
    columns = (
        Column("What"),
        *side_columns(changes),
        Column("Change", True),
        Column("Verdict"),
        Column("p", True, rank=2),
        *secondary_columns(secondary),
    )
    cells = [(name, *change_cells(row, comparison, secondary)) for name, row, comparison in rows]
    has_holm = changes.options.has_holm
    note = signs_note([one for *_, one in rows], changes.options.stats, secondary, has_holm)
    return Table("", columns, tuple(cells), note)


def _rows_of(
    section: SectionChange, changes: Comparison, top: int
) -> Iterator[tuple[str, RowChange | None, SeriesComparison]]:
    """Yield (name, row, comparison) of a section: each kind, its families, their primitives."""
    for kind in section.level(KIND):
        families = [row for row in section.level(CLASS) if row.kind == kind.kind]
        shown = [kind]
        for family in shown_rows(families, top):
            shown += [family, *_primitives_of(family, section)]
        for row in shown:
            depth = (KIND, CLASS, PRIMITIVE).index(row.level)
            mark = mode_mark(section, changes) if row.level == KIND else ""
            if row.main.comparison:
                # Markup loses the blanks at the front: the name says what it is a part of.
                is_part = row.level == PRIMITIVE
                title = f"{row.lock_class}: {row.name}" if is_part else row_title(row, changes)
                name = f"{_INDENT * depth}{title}{mark}"
                yield name, row, row.main.comparison


def _primitives_of(family: RowChange, section: SectionChange) -> list[RowChange]:
    """Return the primitives of a family, those of the base first."""
    rows = [
        row
        for row in section.level(PRIMITIVE)
        if (row.kind, row.lock_class) == (family.kind, family.lock_class)
    ]
    return sorted(rows, key=lambda row: row.presence == "new only")


def side_columns(changes: Comparison) -> tuple[Column, Column]:
    """Return the columns of both sides: their names if they are short."""
    base, new = side_names(changes)
    return Column(base, True), Column(new, True)


def change_cells(
    row: RowChange | None, comparison: SeriesComparison, secondary: Sequence[str]
) -> tuple[str, ...]:
    """Return the cells of a row behind its name: values, change, verdict, p, further measures."""
    unit = comparison.metric.unit
    is_one_sided = row is not None and row.presence != "both"
    is_part = row is not None and row.level == PRIMITIVE
    measures = {measured.name: measured for measured in row.measures} if row else {}
    return (
        value_text(comparison.base.mean, unit),
        value_text(comparison.new.mean, unit),
        row.presence if row and is_one_sided else change_text(comparison),
        "" if is_part else verdict_text(comparison),
        "" if is_part else probability_text(p_of(comparison)),
        *("" if is_part else _secondary(measures.get(name)) for name in secondary),
    )


def secondary_names(rows: Sequence[RowChange]) -> list[str]:
    """Return the names of the measures beside the waiting time that these rows have, in order."""
    names = {measured.name for row in rows for measured in row.measures[1:]}
    return [name for name in SECONDARY if name in names]


def secondary_columns(names: Sequence[str]) -> list[Column]:
    """Return the columns of these measures."""
    return [Column(SECONDARY[name], True, rank=_RANKS[name]) for name in names]


def _secondary(measured: Measured | None) -> str:
    """Return the change of a further measure, if it is proven or has no verdict."""
    comparison = measured.comparison if measured else None
    if comparison is None or comparison.percent is None:
        return "-"
    if comparison.verdict is Verdict.UNPROVEN:
        return verdict_text(comparison)
    return percent_text(comparison.percent, signed=True)


def shown_rows(rows: Sequence[RowChange], top: int) -> list[RowChange]:
    """Return the first `top` rows (0: all) and further ones that differ."""
    return [row for index, row in enumerate(rows) if not top or index < top or row.is_different]


def signs_note(
    comparisons: Sequence[SeriesComparison],
    options: SeriesOptions,
    secondary: Sequence[str] = (),
    has_holm: bool = False,
) -> str:
    """Return the note that explains the signs and words of a table of changes.

    Args:
        comparisons: those in the table.
        options: how they were compared.
        secondary: the names of the measures beside the main one.
        has_holm: whether the verdicts are corrected for their number.
    """
    if not any(one.estimate for one in comparisons):
        return "Change: of the mean."
    signs = "± or [low, high]" if any("[" in change_text(one) for one in comparisons) else "±"
    sentences = [
        f"Change: of the mean; {signs}: {options.confidence:g}% interval",
        f"Verdicts at {confidence_text(options)}",
    ]
    if has_holm:
        sentences[1] += (
            "; those on waits are corrected for the number of rows (Holm), intervals are not"
        )
    correction = correction_note(comparisons)
    sentences += [correction] if correction else []
    further = ", ".join(SECONDARY[name] for name in secondary)
    sentences += [f"{further}: their change, if it is proven"] if further else []
    return f"{'. '.join(sentences)}."


def correction_note(comparisons: Sequence[SeriesComparison]) -> str:
    """Return the meaning of "not proven" beside an interval without 0; empty without any."""
    if not any(
        one.verdict is Verdict.UNPROVEN and one.estimate and one.estimate.is_significant
        for one in comparisons
    ):
        return ""
    return "Not proven though its interval excludes 0: proven alone, but not after the correction"


def study_table(study: Study) -> Table | None:
    """Return the table of all metrics: mean and standard deviation of each set, changes.

    None if there is one metric, which has a table of its own.
    """
    if len(study.sections) < 2:
        return None
    compared = [row.comparison for one in study.sections for row in one.rows if row.comparison]
    is_compared = len(study.names) > 1
    columns = [Column("Metric"), *([Column("Set")] if len(study.names) != 2 else [])]
    if len(study.names) == 2:
        columns += [Column(_shortened(name), True) for name in study.names]
    else:
        columns += [Column("Mean ± stddev", True)]
    columns += [Column("Change", True), Column("Verdict")] if is_compared else []
    rows = [cells for section in study.sections for cells in _study_rows(section, study)]
    conditions = {section.metric.condition for section in study.sections}
    title = next(iter(conditions)) if len(conditions) == 1 else ""
    note = "Values: mean ± standard deviation."
    if is_compared:
        note += f" {signs_note(compared, study.options.compare)}"
    return Table(title, tuple(columns), tuple(rows), note)


def _study_rows(section: StudySection, study: Study) -> Iterator[tuple[str, ...]]:
    """Yield the cells of one metric: one row for two sets, else one row for each set."""
    unit = section.metric.unit
    means = {
        row.series.name: spread_text(row.summary.mean, row.summary.stddev, unit)
        for row in section.rows
    }
    changes = {row.series.name: row.comparison for row in section.rows}
    if len(study.names) == 2:
        values = [means.get(name, "-") for name in study.names]
        yield (metric_name(section, study), *values, *_verdict_cells(changes.get(study.names[1])))
        return
    for index, name in enumerate(study.names):
        title = "" if index else metric_name(section, study)
        verdict = _verdict_cells(changes.get(name)) if len(study.names) > 1 else ()
        yield (title, name, means.get(name, "-"), *verdict)


def _verdict_cells(comparison: SeriesComparison | None) -> tuple[str, str]:
    if comparison is None:
        return "", ""
    return change_text(comparison), verdict_text(comparison)


def _shortened(name: str) -> str:
    tail = name.rsplit("/", 1)[-1]
    return tail if len(tail) <= _MAX_SET_NAME else f"{tail[: _MAX_SET_NAME - 1]}…"
