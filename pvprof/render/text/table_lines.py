"""A table as lines of text: which columns fit, how wide they are, which cells are shortened.

Owns the layout that the terminal and plain text share. Where there is no room, names are shortened
before a column is dropped; other texts are broken into several lines; numbers are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from pvprof.render.text.shorten import cut, shorten, without_kernel
from pvprof.render.text.wrap import wrap_cells, wrap_hanging
from pvprof.views.tables.table import EXTRA, Column, Table

GAP = 2
_MIN_NAME = 12
_MIN_WORDS = 12
_BONUS = 4
_MIN_TEXT = 28
_MIN_CELLS = 6


@dataclass(frozen=True, slots=True)
class TableStyle:
    """What a table is drawn with.

    Attributes:
        rule: the character of the line below the headings.
        ellipsis: marks what was left out of a name.
    """

    rule: str
    ellipsis: str


@dataclass(frozen=True, slots=True)
class TableLines:
    """A table as lines, without blanks at their ends.

    Attributes:
        header, rule: the first two lines.
        rows: the lines of all rows; a row may have several.
        rest: the line of the rows that are not shown; empty if all are.
        hidden: the names of the columns that did not fit.
    """

    header: str
    rule: str
    rows: tuple[str, ...]
    rest: tuple[str, ...]
    hidden: tuple[str, ...]


def lines_of(table: Table, width: int | None, style: TableStyle) -> TableLines:
    """Return the lines of a table, in at most `width` cells if that can be; None for no limit."""
    all_rows = [*table.rows, *([table.rest] if table.rest else [])]
    natural = [
        max(cell_len(text) for text in (column.name, *(row[index] for row in all_rows)))
        for index, column in enumerate(table.columns)
    ]
    shown = fitting_columns(table.columns, natural, width)
    columns = [table.columns[index] for index in shown]
    widths = _widths(columns, [natural[index] for index in shown], width)
    # All names of a column look alike: with the module, or all without.
    narrow = {
        index
        for index, cells in zip(shown, widths, strict=True)
        if table.columns[index].is_name and cells < natural[index]
    }

    def drawn(cells: Sequence[str]) -> list[str]:
        texts = [without_kernel(cells[i]) if i in narrow else cells[i] for i in shown]
        return _row_lines(texts, columns, widths, style)

    return TableLines(
        header=_header(columns, widths, style),
        rule=(" " * GAP).join(style.rule * cells for cells in widths),
        rows=tuple(line for row in table.rows for line in drawn(row)),
        rest=tuple(drawn(table.rest)) if table.rest else (),
        hidden=tuple(
            column.name for index, column in enumerate(table.columns) if index not in shown
        ),
    )


def fitting_columns(
    columns: Sequence[Column], natural: Sequence[int], width: int | None
) -> list[int]:
    """Return the indices of the columns that fit into `width` cells, those of rank 0 always.

    Args:
        columns: of the table.
        natural: the width of each column if nothing is shortened.
        width: in cells; None for no limit.
    """
    shown = list(range(len(columns)))
    while width is not None and sum(natural[index] + GAP for index in shown) - GAP > width:
        extras = [index for index in shown if columns[index].rank >= EXTRA]
        if not extras:
            break
        shown.remove(max(extras, key=lambda index: (columns[index].rank, index)))
    least = [_min_width(column, cells) for column, cells in zip(columns, natural, strict=True)]
    while width is not None and sum(least[index] + GAP for index in shown) - GAP > width:
        droppable = [index for index in shown if columns[index].rank]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda index: (columns[index].rank, index)))
    return shown


def _min_width(column: Column, natural: int) -> int:
    if column.is_number:
        return natural
    least = _MIN_NAME if column.is_name else _MIN_WORDS if column.is_words else _MIN_TEXT
    return min(natural, max(least, cell_len(column.name)))


def _hard_min_width(column: Column, natural: int) -> int:
    """Return the width of a column where nothing more can be dropped."""
    return natural if column.is_number else min(natural, _MIN_CELLS)


def _widths(columns: Sequence[Column], natural: Sequence[int], width: int | None) -> list[int]:
    """Return the width of each column; those that must give way are cut to the same width."""
    if width is None:
        return list(natural)
    widths = list(natural)
    # The name of a row gives way last, words such as a lock class first.
    bonus = [-_BONUS if column.is_words else 0 for column in columns]
    bonus[0] = _BONUS
    for least in (_min_width, _hard_min_width):
        lowest = [least(column, cells) for column, cells in zip(columns, natural, strict=True)]
        while sum(widths) + GAP * (len(widths) - 1) > width:
            longer = [index for index in range(len(widths)) if widths[index] > lowest[index]]
            if not longer:
                break
            widths[max(longer, key=lambda index: widths[index] - bonus[index])] -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a cell; those of an indented text stay right of where it begins."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    if not indent or cell_len(text) <= width:
        return wrap_cells(text, width)
    further = f"{indent}{' ' * GAP}"
    return wrap_hanging(text.strip(), width, indent, further)


def _header(columns: Sequence[Column], widths: Sequence[int], style: TableStyle) -> str:
    names = [
        Column(column.name, column.is_number, is_name=not column.is_number) for column in columns
    ]
    return _row_lines([column.name for column in columns], names, widths, style)[0]


def _row_lines(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], style: TableStyle
) -> list[str]:
    pieces = []
    for text, column, width in zip(cells, columns, widths, strict=True):
        if column.is_name:
            pieces.append([shorten(text, width, style.ellipsis)])
        elif column.is_words:
            pieces.append([cut(text, width, style.ellipsis)])
        elif column.is_number:
            pieces.append([text])
        else:
            pieces.append(_wrapped(text, width) or [""])
    height = max((len(lines) for lines in pieces), default=1)
    drawn = []
    for level in range(height):
        line = []
        for lines, column, width in zip(pieces, columns, widths, strict=True):
            text = lines[level] if level < len(lines) else ""
            blank = " " * (width - cell_len(text))
            line.append(blank + text if column.is_number else text + blank)
        drawn.append((" " * GAP).join(line).rstrip())
    return drawn
