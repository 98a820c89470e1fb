"""A report as plain tables of text, for the terminal and Markdown renderers.

Owns the wording, the columns and the scaling of values; refuses to know how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import HistogramRow, Report, Section
from pvprof.classify.rules import OTHER
from pvprof.dataset.dataset import measure_title, measure_words
from pvprof.dataset.differential import DIFFERENTIAL_BASE
from pvprof.model.stacks import show_controls
from pvprof.units import Unit, count_waits, format_share, format_value, is_of_code, unit_words
from pvprof.views.tables.table import (
    Column,
    LockColumn,
    Table,
    TableOptions,
    chosen_rows,
    count_rows,
    sort_name,
)
from pvprof.views.tables.waits import columns_of_single_waits
from pvprof.views.tables.wakers import waker_columns

_NAMES_ASIDE = 4
_WAITED_FOR = "Lock or wait"
# The headings of rows of these wait kinds.
_ROW_HEADINGS = {"runq": "Process", "wakeup": "Waker -> sleeper"}
# Heading, rank, field of `Quantiles`.
_QUANTILES = (
    ("p50", 9, "p50_ns"),
    ("p90", 9, "p90_ns"),
    ("p99", 6, "p99_ns"),
    ("max", 5, "max_ns"),
)


def heading(report: Report) -> str:
    """Return the first line of a report."""
    return show_controls("pvprof report: " + ", ".join(report.names))


def summary(section: Section, report: Report) -> str:
    """Return the sentence on what a section kept, and its share of what was measured."""
    kept, total, unit = section.kept, section.total, section.unit
    measured = section_title(section, report)
    if not total.records:
        return f"{measured}: nothing was recorded"
    titles = dict.fromkeys(report.title_of(row.kind) for row in section.rows)
    kinds = f" ({'; '.join(titles)})" if titles else ""
    waits = f" in {count_waits(kept.count)}" if section.has_counts and unit == "ns" else ""
    return (
        f"{measured}: {format_value(kept.value, unit)}{waits}{kinds}, "
        f"{format_share(kept.value, total.value)} of {format_value(total.value, unit)} recorded"
    )


def section_title(section: Section, report: Report) -> str:
    """Return the title of a section; of several modes with the mode and its recordings."""
    title = measure_title(section, report.sections)
    if title.endswith(f" ({section.mode})") and section.recordings > 1:
        return f"{title.removesuffix(')')}, {section.recordings:,} recordings)"
    return title


def mark_of(section: Section, report: Report) -> str:
    """Return the mode or the unit of a section behind a blank, if there are several sections."""
    words = measure_words(section, report.sections)
    return f" ({words})" if len(report.sections) > 1 else ""


def same_waits_sentence(section: Section, report: Report) -> str:
    """Return the sentence that warns of adding up sections; empty for the first one of a unit."""
    others = [other.mode for other in report.sections if other.unit == section.unit]
    if others[0] == section.mode:
        return ""
    if section.mode == DIFFERENTIAL_BASE:
        return f"The base side, {others[0]} above is the new one: do not add the tables up"
    if section.words != unit_words("ns"):
        return f"Measured apart from {others[0]} above: do not add the tables up"
    return (
        f"Partly the same waits as those of {others[0]} above, measured in another way: do not add"
        " the tables up"
    )


def lock_tables(section: Section, report: Report, options: TableOptions) -> list[Table]:
    """Return one table for each kind of wait that was kept.

    A table without the column by which rows are to be sorted stays as it is if another one has it.

    Raises:
        UsageError: no table has the column by which rows are to be sorted.
    """
    kinds = [kind for kind in report.kinds if any(row.kind == kind.id for row in section.rows)]
    is_elsewhere = any(_can_sort(other, options) for other in report.sections)
    tables = []
    for kind in kinds:
        rows = [row for row in section.rows if row.kind == kind.id]
        # The sentence above the only table has its kind and its total.
        title = _title(kind.title, rows, section) if len(kinds) > 1 else ""
        stays = is_elsewhere and not _can_sort_rows(rows, section, options)
        chosen = replace(options, sort="") if stays else options
        tables.append(_lock_table(title, rows, section, chosen))
    return tables


def _can_sort(section: Section, options: TableOptions) -> bool:
    """Tell whether a table of a section has the column by which rows are to be sorted."""
    return any(
        _can_sort_rows([row for row in section.rows if row.kind == kind], section, options)
        for kind in {row.kind for row in section.rows}
    )


def _can_sort_rows(rows: Sequence[Row], section: Section, options: TableOptions) -> bool:
    if not options.sort:
        return True
    return options.sort in map(sort_name, _columns_of(rows, section, options))


def waker_table(section: Section, report: Report, options: TableOptions) -> Table | None:
    """Return the table of the wakers of the waits that were kept, or None if none is known."""
    rows = list(section.asleep_rows)
    if not rows or options.only_locks:
        return None
    title = f"Sleep times by waker, a part of the waits above: {_amount(rows, section)}"
    return _lock_table(title, rows, section, replace(options, sort=""))


def _title(title: str, rows: Sequence[Row], section: Section) -> str:
    return f"{title}: {_amount(rows, section)}"


def _amount(rows: Sequence[Row], section: Section) -> str:
    value = format_value(sum(row.value for row in rows), section.unit)
    if not section.has_counts or section.unit != "ns":
        return value
    return f"{value} in {count_waits(sum(row.count or 0 for row in rows))}"


def aside_table(section: Section) -> Table | None:
    """Return the table of what was set aside, or None if nothing was."""
    if not section.set_aside:
        return None
    columns = [Column("Set aside"), Column(section.words.value, True)]
    columns += [Column("Of all", True)]
    columns += [Column("Count", True)] if section.has_counts else []
    columns += [Column("Shown by", rank=2), Column("Largest", rank=1)]
    rows = []
    for aside in sorted(section.set_aside, key=lambda aside: -aside.weight.value):
        cells = [aside.title, format_value(aside.weight.value, section.unit)]
        cells += [format_share(aside.weight.value, section.total.value)]
        cells += [f"{aside.weight.count:,}"] if section.has_counts else []
        names = [row.name for row in section.aside_rows if f"kind {row.kind}" == aside.reason]
        more = f", {len(names) - _NAMES_ASIDE} more" if len(names) > _NAMES_ASIDE else ""
        cells += [aside.shown_by, ", ".join(names[:_NAMES_ASIDE]) + more]
        rows.append(tuple(cells))
    return Table("Set aside, not in the tables above", tuple(columns), tuple(rows))


def histogram_table(rows: Sequence[HistogramRow], options: TableOptions) -> Table | None:
    """Return the table of histograms, or None if there are none."""
    if not rows:
        return None
    columns = (
        Column(_WAITED_FOR, is_name=True),
        Column("Class", rank=2, is_words=True),
        Column("Probe"),
        Column("Count", True),
        Column("p50 <", True),
        Column("p90 <", True, rank=1),
        Column("p99 <", True),
        Column("max <", True),
    )
    cells = []
    shown_rows = rows[: options.top] if options.top else rows
    for row in shown_rows:
        bounds = (row.p50_below, row.p90_below, row.p99_below, row.max_below)
        texts = ["-" if bound is None else format_value(bound, "ns") for bound in bounds]
        cells.append((row.name, row.lock_class, row.event or "-", f"{row.count:,}", *texts))
    further = rows[len(shown_rows) :]
    count = f"{sum(row.count for row in further):,}"
    rest = (f"({count_rows(len(further))})", "", "", count, "", "", "", "") if further else ()
    title = "Wait histograms (upper bounds of quantiles)"
    return Table(title, columns, tuple(cells), rest=rest)


def _lock_table(title: str, rows: Sequence[Row], section: Section, options: TableOptions) -> Table:
    columns = _columns_of(rows, section, options)
    chosen = chosen_rows(rows, columns, section, options)
    headings = [column.heading for column in columns]
    cells = [tuple([column.text(row) for column in columns]) for row in chosen.shown]
    rest = _rest(chosen.others, headings, section) if chosen.others else ()
    return Table(title, tuple(headings), tuple(cells), rest=rest)


def _columns_of(rows: Sequence[Row], section: Section, options: TableOptions) -> list[LockColumn]:
    columns = lock_columns(rows, section)
    if "wakers" in options.details and section.wakers is not None:
        columns += waker_columns(section.wakers)
    return columns


def lock_columns(
    rows: Sequence[Row], section: Section, *, is_aside: bool = False
) -> list[LockColumn]:
    """Return the columns of a lock table: those in which a row has a value.

    First come those that answer what was waited for, for how long, and from which code; a screen
    of 80 columns has room for them.

    Args:
        rows: of the table; not empty.
        section: the section of the rows.
        is_aside: whether the rows were set aside.
    """
    single_waits = section.aside_single_waits if is_aside else section.single_waits
    further = [
        column
        for column in (*_parts_of_wait(section), *columns_of_single_waits(single_waits))
        if any(column.order(row) is not None for row in rows)
    ]
    return [*_first_columns(rows, section), *further, _STACKS]


_STACKS = LockColumn(
    Column("Stacks", True, rank=12), lambda row: f"{row.stacks:,}", lambda row: row.stacks
)


def _first_columns(rows: Sequence[Row], section: Section) -> list[LockColumn]:
    unit = section.unit
    columns = [LockColumn(_name_column(rows, unit), lambda row: row.name, lambda row: row.name)]
    if any(row.lock_class != OTHER for row in rows):
        heading = Column("Class", rank=4, is_words=True)
        columns.append(LockColumn(heading, lambda row: row.lock_class, lambda row: row.lock_class))
    columns += [
        _number(section.words.value, 0, unit, lambda row: row.value),
        LockColumn(
            Column("Share", True),
            lambda row: format_share(row.value, section.kept.value),
            lambda row: row.value,
        ),
    ]
    if section.has_counts:
        columns.append(
            LockColumn(
                Column("Count", True, 2), lambda row: f"{row.count:,}", lambda row: row.count
            )
        )
        columns.append(_number("Mean", 3, unit, lambda row: row.mean))
    if not _are_functions(rows, unit):
        heading = Column("Top caller", rank=1, is_name=True)
        columns.append(LockColumn(heading, lambda row: _caller(row) or "-", _caller))
    return columns


def _name_column(rows: Sequence[Row], unit: Unit) -> Column:
    """Return the heading of the names of rows; waits without a name have that of the process."""
    if rows[0].kind in _ROW_HEADINGS:
        heading = _ROW_HEADINGS[rows[0].kind]
    elif _are_functions(rows, unit):
        heading = "Function"
    elif not any(row.is_named for row in rows):
        heading = "Process"
    else:
        heading = _WAITED_FOR
    return Column(heading, is_name=True)


def _are_functions(rows: Sequence[Row], unit: Unit) -> bool:
    return is_of_code(unit) or all(row.is_function for row in rows)


def _parts_of_wait(section: Section) -> list[LockColumn]:
    """Return the columns of parts of each wait, and of the quantiles of single waits."""
    unit = section.unit

    def quantile(row: Row, field: str) -> int | None:
        value: int | None = getattr(row.quantiles, field, None)
        return value

    return [
        _number("Of it spin", 6, unit, lambda row: row.spin or None),
        _number("Blocked", 8, unit, lambda row: row.blocked),
        _number("Runnable", 7, unit, lambda row: row.runnable),
        *(
            _number(name, rank, "ns", partial(quantile, field=field))
            for name, rank, field in _QUANTILES
        ),
    ]


def _number(name: str, rank: int, unit: Unit, order: Callable[[Row], int | None]) -> LockColumn:
    def text(row: Row) -> str:
        value = order(row)
        return "-" if value is None else format_value(value, unit)

    return LockColumn(Column(name, True, rank), text, order)


def _caller(row: Row) -> str | None:
    return row.callers[0][0] if row.callers else None


def _rest(rows: Sequence[Row], columns: Sequence[Column], section: Section) -> tuple[str, ...]:
    """Return the row that adds up the rows that are not shown."""
    value = sum(row.value for row in rows)
    known = {
        columns[0].name: f"({count_rows(len(rows))})",
        section.words.value: format_value(value, section.unit),
        "Share": format_share(value, section.kept.value),
        "Blocked": _sum_of([row.blocked for row in rows]),
        "Runnable": _sum_of([row.runnable for row in rows]),
        "Of it spin": format_value(sum(row.spin for row in rows), section.unit),
        "Count": f"{sum(row.count or 0 for row in rows):,}",
    }
    return tuple(known.get(column.name, "") for column in columns)


def _sum_of(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    return format_value(sum(known), "ns") if known else ""
