"""Tables of text, before anybody draws them: columns, cells, what a narrow screen drops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pvprof.analysis.lock_table import Row
from pvprof.model.stacks import show_controls


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its alignment, and how readily a narrow screen drops it.

    Attributes:
        name: the heading.
        is_number: right-aligned.
        rank: 0 is never dropped; of the others the highest goes first.
    """

    name: str
    is_number: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class LockColumn:
    """A column of a table of locks: what a row's cell says, and by what rows are sorted.

    Attributes:
        heading: of the column.
        text: of a row's cell.
        order: of a row, unscaled; None where there is nothing to sort by.
    """

    heading: Column
    text: Callable[[Row], str]
    order: Callable[[Row], int | str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; every row has a cell for each column.

    Names come from the recording and may hold anything: control characters are made visible.
    `note` says below it what its columns mean.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        visible = tuple(tuple(map(show_controls, row)) for row in self.rows)
        object.__setattr__(self, "rows", visible)


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How much a report shows.

    Attributes:
        top: how many rows of each kind; what is below is added up in one row. 0 for all.
        only_locks: leave out histograms and what was set aside.
        details: which further tables to add, of ``render.details.DETAILS``.
    """

    top: int = 20
    only_locks: bool = False
    details: tuple[str, ...] = ()
