"""Tables of text before they are drawn: columns, cells, which rows are shown, in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pvprof.errors import UsageError
from pvprof.model.stacks import show_controls

if TYPE_CHECKING:
    from pvprof.analysis.lock_table import Row
    from pvprof.analysis.report import Section

_SORT_NAMES = {
    "lock or wait": "name",
    "process": "name",
    "function": "name",
    "waker -> sleeper": "name",
    "of it spin": "spin",
    "top caller": "caller",
    "top owner": "owner",
    "top waker": "waker",
}


EXTRA = 5
"""The lowest rank of columns that a table can do without."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its alignment, and when a narrow screen drops it.

    Attributes:
        name: the heading.
        is_number: right-aligned.
        rank: 0 is never dropped; of the others the highest is dropped first, and one of `EXTRA` or
            more before any name is shortened.
        is_name: cells are names of locks or code: shortened where there is no room, never broken
            over two lines, and code in markup.
        is_words: cells are a few words: shortened like names, but no code.
    """

    name: str
    is_number: bool = False
    rank: int = 0
    is_name: bool = False
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class LockColumn:
    """A column of a lock table: the text of a row's cell, and its sort key.

    Attributes:
        heading: of the column.
        text: of a row's cell.
        order: sort key of a row, unscaled; None if there is none.
    """

    heading: Column
    text: Callable[[Row], str]
    order: Callable[[Row], int | str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; every row has a cell for each column.

    Names come from the recording and may hold anything: control characters are made visible.

    Attributes:
        title: above the table; may be empty.
        columns, rows: the table.
        note: explains the columns, below the table.
        rest: a last row, which adds up the rows that are not shown; empty if all are.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    rest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        visible = tuple(tuple(map(show_controls, row)) for row in self.rows)
        object.__setattr__(self, "rows", visible)
        object.__setattr__(self, "title", show_controls(self.title))
        object.__setattr__(self, "note", show_controls(self.note))
        object.__setattr__(self, "rest", tuple(map(show_controls, self.rest)))


Notes = Literal["none", "few", "all"]
"""How many notes a text has: only losses and warnings; the first notes; all of them."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How much a report shows.

    Attributes:
        top: number of rows of each kind; further rows are added up in one. 0 for all.
        only_locks: leave out histograms and what was set aside.
        details: the further tables to add, of ``details.DETAILS``.
        sort: the column by which rows are sorted, of `sort_name`; empty for the largest first.
        min_share: rows with a smaller share, in percent, are added up in one.
        notes: how many notes there are.
    """

    top: int = 20
    only_locks: bool = False
    details: tuple[str, ...] = ()
    sort: str = ""
    min_share: float = 0.0
    notes: Notes = "few"


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """The rows that are shown, in order, and the others."""

    shown: tuple[Row, ...]
    others: tuple[Row, ...]


def chosen_rows(
    rows: Sequence[Row], columns: Sequence[LockColumn], section: Section, options: TableOptions
) -> ChosenRows:
    """Return the rows that the options ask for; the largest come first unless they are sorted.

    Raises:
        UsageError: there is no column by which rows are to be sorted.
    """
    wanted = _sorted(rows, columns, options.sort)
    enough = [row for row in wanted if 100 * row.value >= options.min_share * section.kept.value]
    shown = tuple(enough[: options.top] if options.top else enough)
    is_shown = {row.id for row in shown}
    return ChosenRows(shown, tuple(row for row in wanted if row.id not in is_shown))


def sort_name(column: LockColumn) -> str:
    """Return the name of a column for ``--sort``: ``wait``, ``count``, ``name``."""
    heading = column.heading.name.lower()
    return _SORT_NAMES.get(heading, heading)


def count_rows(number: int) -> str:
    """Return a number of further rows in words."""
    return f"{number:,} more {'row' if number == 1 else 'rows'}"


def _sorted(rows: Sequence[Row], columns: Sequence[LockColumn], name: str) -> list[Row]:
    if not name:
        return list(rows)
    known = {sort_name(column): column for column in columns}
    if name not in known:
        raise UsageError(f"--sort {name}: no such column", f"columns: {', '.join(known)}")
    column = known[name]

    def key(row: Row) -> tuple[bool, int, str]:
        value = column.order(row)
        if isinstance(value, str):
            return False, 0, value.lower()
        return value is None, -(value or 0), ""

    return sorted(rows, key=key)
