"""Tables of text before they are drawn: columns, cells, and what a narrow screen drops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pvprof.analysis.lock_table import Row
from pvprof.model.stacks import show_controls


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its alignment, and when a narrow screen drops it.

    Attributes:
        name: the heading.
        is_number: right-aligned.
        rank: 0 is never dropped; of the others the highest is dropped first.
        is_name: cells are names of locks or code: shortened where there is no room, never broken
            over two lines, and code in markup.
    """

    name: str
    is_number: bool = False
    rank: int = 0
    is_name: bool = False


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
        object.__setattr__(self, "rest", tuple(map(show_controls, self.rest)))


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How much a report shows.

    Attributes:
        top: number of rows of each kind; further rows are added up in one. 0 for all.
        only_locks: leave out histograms and what was set aside.
        details: the further tables to add, of ``details.DETAILS``.
    """

    top: int = 20
    only_locks: bool = False
    details: tuple[str, ...] = ()
