"""The tables of locks of an HTML report: cells, what sorts them, and which towers are theirs.

Owns which rows a page has room for, and how a row finds its towers in the flame graphs; ``tables``
owns the columns. All text is still as it was recorded: ``html`` makes it safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvprof.analysis.lock_table import NO_NAME, Row
from pvprof.analysis.report import Report, Section
from pvprof.model.stacks import clean_frame
from pvprof.units import Unit, format_exact, format_value
from pvprof.views.tables.report import lock_columns
from pvprof.views.tables.table import Column, LockColumn

_MOST_ROWS, _MOST_ASIDE = 500, 100
_ARROW = " -> "


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and by what its column is sorted (empty: after all others).

    Attributes:
        is_counted: whether that is a number, which the text may only begin with.
    """

    text: str
    order: str
    is_counted: bool


@dataclass(frozen=True, slots=True)
class LockRow:
    """One row of a table of locks.

    Attributes:
        unit, kind: of which graphs it has towers in.
        frames: what a tower must have to be one of its towers; empty where no frame tells.
        colour: of its class in the flame graph, or empty.
        cells: one for each column.
    """

    unit: Unit
    kind: str
    frames: tuple[str, ...]
    colour: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class LockTable:
    """A table of locks.

    Attributes:
        sorted_by: the column by which its rows stand, or -1.
        rest: what rows were left out, since there are too many for a page; or empty.
    """

    title: str
    columns: tuple[Column, ...]
    sorted_by: int
    rows: tuple[LockRow, ...]
    rest: str


def lock_table(
    section: Section, report: Report, colours: Mapping[str, str], *, is_aside: bool
) -> LockTable | None:
    """Return the table of what was kept, or of what was set aside; None where that is nothing."""
    rows = section.aside_rows if is_aside else section.rows
    if not rows:
        return None
    most = _MOST_ASIDE if is_aside else _MOST_ROWS
    columns = _columns(rows, section, report, is_aside=is_aside)
    headings = tuple([column.heading for column in columns])
    kinds = {row.kind for row in rows}
    titles = [kind.title for kind in report.kinds if kind.id in kinds]
    title = "; ".join(titles) if len(titles) < 4 else f"{len(titles)} kinds"
    value = sum(row.value for row in rows)
    made = [
        LockRow(
            unit=section.unit,
            kind=row.kind,
            frames=frames_of_row(row),
            colour=colour_of_row(row, colours),
            cells=tuple([_cell(one, row) for one in columns]),
        )
        for row in _largest(rows, most)
    ]
    return LockTable(
        f"{title}: {format_value(value, section.unit)} ({format_exact(value, section.unit)})",
        headings,
        # Rows stand by kind, and of each kind the largest first.
        next(place for place, one in enumerate(headings) if one.is_number)
        if len(kinds) == 1
        else -1,
        tuple(made),
        _rest_words(rows, most, section),
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
    if is_aside:  # a share of what was kept says nothing of them
        columns = [column for column in columns if column.heading.name != "Share"]
    return columns


def _cell(column: LockColumn, row: Row) -> Cell:
    order = column.order(row)
    is_counted = isinstance(order, int)
    return Cell(column.text(row), "" if order is None else str(order), is_counted)


def _largest(rows: Sequence[Row], most: int) -> list[Row]:
    """Return the largest rows, in the order in which they stand."""
    places = sorted(range(len(rows)), key=lambda place: -rows[place].value)[:most]
    return [rows[place] for place in sorted(places)]


def _rest_words(rows: Sequence[Row], most: int, section: Section) -> str:
    number = len(rows) - most
    if number <= 0:
        return ""
    value = sum(sorted([row.value for row in rows])[:number])
    return (
        f"{number:,} more rows, all smaller: {format_value(value, section.unit)} together."
        " pvprof locks on this file lists them."
    )


def frames_of_row(row: Row) -> tuple[str, ...]:
    """Return the frames that the towers of a row have and others have not."""
    if row.name == NO_NAME:
        return ()
    waker, sleeper = _both_sides(row)
    if sleeper:
        return tuple(clean_frame(text) for text in (waker, f"-> {sleeper}") if text)
    return (clean_frame(row.name),)


def colour_of_row(row: Row, colours: Mapping[str, str]) -> str:
    """Return the colour of what a row waited for, as the flame graphs have it, or empty.

    Args:
        row: of a table.
        colours: by what was waited for, in words: a class, or who was woken.
    """
    _, sleeper = _both_sides(row)
    return colours.get(f"woken: {sleeper}" if sleeper else row.lock_class, "")


def _both_sides(row: Row) -> tuple[str, str]:
    """Return waker and sleeper of a wake-up's row; of others nothing."""
    if row.kind != "wakeup" or _ARROW not in row.name:
        return "", ""
    waker, _, sleeper = row.name.partition(_ARROW)
    return waker, sleeper
