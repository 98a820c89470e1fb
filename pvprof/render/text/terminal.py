"""A document for a terminal, by rich: in colour, or as text for files and pipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console

from pvprof.render.rendered import Rendered
from pvprof.render.text.console import columns_asked_for, styled
from pvprof.render.text.table_lines import TableStyle, lines_of
from pvprof.render.text.wrap import wrap_hanging
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Paragraph,
    Pictures,
    Plot,
    Points,
    Tone,
)
from pvprof.views.tables import plot
from pvprof.views.tables.table import Table

_MAX_PLOT = 120
_STYLE = TableStyle(rule="─", ellipsis="…")
_TONES: dict[Tone, str] = {
    "plain": "",
    "strong": "bold",
    "dim": "dim",
    "loss": "bold red",
    "warning": "yellow",
    "note": "dim",
}


class _Styled(NamedTuple):
    """One line of text, and rich's style of it."""

    text: str
    style: str = ""


def render(document: Document) -> Rendered:
    """Return the document as text without colour, for files and pipes.

    They have no width: all columns are in it, unless COLUMNS asks for a number of columns.
    """
    lines = _lines(document, columns_asked_for())
    return Rendered("".join(f"{line.text.rstrip()}\n" for line in lines))


def draw(document: Document, console: Console) -> None:
    """Draw a document on a console; columns that do not fit are left out and named."""
    for text, style in _lines(document, console.width):
        console.print(styled(text, style), no_wrap=True, overflow="ignore", crop=False)


def _lines(document: Document, width: int | None) -> Iterator[_Styled]:
    """Yield the lines of a document, broken at `width` cells; None for no limit."""
    previous: Block | None = None
    for block in document.blocks:
        if _is_apart(block, previous):
            yield _Styled("")
        yield from _block(block, width)
        previous = block


def _is_apart(block: Block, previous: Block | None) -> bool:
    """Tell whether a blank line comes before a block: not between a title and its facts."""
    if previous is None:
        return False
    if isinstance(block, Points):
        return not isinstance(previous, Heading | Points)
    return not (isinstance(block, Paragraph) and isinstance(previous, Heading))


def _block(block: Block, width: int | None) -> Iterator[_Styled]:
    match block:
        case Heading():
            yield from _wrapped(block.text, "bold", width)
        case Paragraph():
            for line in block.lines:
                yield from _wrapped(line.text, _TONES[line.tone], width)
        case Points():
            for line in block.lines:
                yield from _wrapped(line.text, _TONES[line.tone], width, "  ")
        case Table():
            yield from _table(block, width)
        case Plot():
            lines = plot.draw(block.series, min(width or _MAX_PLOT, _MAX_PLOT))
            yield from map(_Styled, lines)
            if block.has_legend:
                yield _Styled(plot.UNICODE.legend, "dim")
        case Pictures():
            yield from map(_Styled, block.paths)


def _table(table: Table, width: int | None) -> Iterator[_Styled]:
    drawn = lines_of(table, width, _STYLE)
    if table.title:
        yield from _wrapped(table.title, "bold cyan", width)
    yield _Styled(drawn.header, "bold")
    yield _Styled(drawn.rule)
    yield from map(_Styled, drawn.rows)
    yield from (_Styled(row, "dim") for row in drawn.rest)
    if drawn.hidden:
        hidden = f"not shown at this width: {', '.join(drawn.hidden)}"
        yield from _wrapped(hidden, "dim", width)
    if table.note:
        yield from _wrapped(table.note, "dim", width)


def _wrapped(text: str, style: str, width: int | None, indent: str = "") -> Iterator[_Styled]:
    if width is None:
        yield _Styled(f"{indent}{text}", style)
        return
    for line in wrap_hanging(text, width, indent, indent):
        yield _Styled(line, style)
