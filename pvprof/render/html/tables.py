"""The lock tables of an HTML report: cells, their sort keys, and the stacks of each row.

Owns which rows a page has room for, and how a row finds its stacks in the flame graphs;
``views.tables`` owns the columns. All text is as it was recorded: ``page`` escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvprof.analysis.lock_table import NO_NAME, Row
from pvprof.analysis.report import Report, Section
from pvprof.dataset.dataset import measure_words
from pvprof.model.stacks import clean_frame
from pvprof.units import format_value
from pvprof.views.html_page import id_of
from pvprof.views.tables.report import lock_columns
from pvprof.views.tables.table import Column, LockColumn

_MAX_ROWS, _MAX_ASIDE = 500, 100
_ARROW = " -> "


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and its sort key (empty: after all others).

    Attributes:
        text: as shown.
        order: the sort key.
        is_counted: whether the sort key is a number; the text may only begin with it.
    """

    text: str
    order: str
    is_counted: bool


@dataclass(frozen=True, slots=True)
class LockRow:
    """One row of a lock table.

    Attributes:
        measure, kind: of the graphs that have its stacks.
        frames: the frames that identify its stacks; empty if no frame does.
        colour: of its class in the flame graph, or empty.
        cells: one for each column.
    """

    measure: str
    kind: str
    frames: tuple[str, ...]
    colour: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class LockTable:
    """A lock table.

    Attributes:
        sorted_by: the index of the column by which its rows are sorted, or -1.
        rest: the sentence on rows that were left out because a page has no room; or empty.
    """

    title: str
    columns: tuple[Column, ...]
    sorted_by: int
    rows: tuple[LockRow, ...]
    rest: str


def lock_table(
    section: Section, report: Report, colours: Mapping[str, str], *, is_aside: bool
) -> LockTable | None:
    """Return the table of what was kept, or of what was set aside; None if that is nothing."""
    rows = section.aside_rows if is_aside else section.rows
    if not rows:
        return None
    max_rows = _MAX_ASIDE if is_aside else _MAX_ROWS
    columns = _columns(rows, section, report, is_aside=is_aside)
    headings = tuple([column.heading for column in columns])
    kinds = {row.kind for row in rows}
    titles = [kind.title for kind in report.kinds if kind.id in kinds]
    title = "; ".join(titles) if len(titles) < 4 else f"{len(titles)} kinds"
    value = sum(row.value for row in rows)
    cells = [
        LockRow(
            measure=id_of(measure_words(section, report.sections)),
            kind=row.kind,
            frames=frames_of_row(row),
            colour=colour_of_row(row, colours),
            cells=tuple([_cell(column, row) for column in columns]),
        )
        for row in _largest(rows, max_rows)
    ]
    return LockTable(
        # The sentence above the table has the only kind, and its total.
        f"{title}: {format_value(value, section.unit)}" if is_aside or len(kinds) > 1 else "",
        headings,
        # Rows are sorted by kind, then the largest first.
        next(index for index, column in enumerate(headings) if column.is_number)
        if len(kinds) == 1
        else -1,
        tuple(cells),
        _rest_words(rows, max_rows, section),
    )


def _columns(
    rows: Sequence[Row], section: Section, report: Report, *, is_aside: bool
) -> list[LockColumn]:
    columns = lock_columns(rows, section, is_aside=is_aside)
    if len({row.kind for row in rows}) > 1:

        def title(row: Row) -> str:
            return report.title_of(row.kind)

        first = columns[0]
        columns[0] = LockColumn(Column("Name"), first.text, first.order)
        columns.insert(1, LockColumn(Column("Kind"), title, title))
    if is_aside:  # they have no share of what was kept
        columns = [column for column in columns if column.heading.name != "Share"]
    return columns


def _cell(column: LockColumn, row: Row) -> Cell:
    order = column.order(row)
    is_counted = isinstance(order, int)
    return Cell(column.text(row), "" if order is None else str(order), is_counted)


def _largest(rows: Sequence[Row], max_rows: int) -> list[Row]:
    """Return the largest rows, in their given order."""
    indices = sorted(range(len(rows)), key=lambda index: -rows[index].value)[:max_rows]
    return [rows[index] for index in sorted(indices)]


def _rest_words(rows: Sequence[Row], max_rows: int, section: Section) -> str:
    number = len(rows) - max_rows
    if number <= 0:
        return ""
    value = sum(sorted([row.value for row in rows])[:number])
    return (
        f"{number:,} more rows, all smaller: {format_value(value, section.unit)} together."
        " pvprof locks on this file lists them."
    )


def frames_of_row(row: Row) -> tuple[str, ...]:
    """Return the frames that identify the stacks of a row."""
    if row.name == NO_NAME:
        return ()
    waker, sleeper = _both_sides(row)
    if sleeper:
        return tuple(clean_frame(text) for text in (waker, f"-> {sleeper}") if text)
    return (clean_frame(row.name),)


def colour_of_row(row: Row, colours: Mapping[str, str]) -> str:
    """Return the colour of a row's cause in the flame graphs, or empty.

    Args:
        row: of a table.
        colours: by cause: a lock class, or the thread that was woken.
    """
    _, sleeper = _both_sides(row)
    return colours.get(f"woken: {sleeper}" if sleeper else row.lock_class, "")


def _both_sides(row: Row) -> tuple[str, str]:
    """Return waker and sleeper of a wake-up's row; two empty texts for other rows."""
    if row.kind != "wakeup" or _ARROW not in row.name:
        return "", ""
    waker, _, sleeper = row.name.partition(_ARROW)
    return waker, sleeper
