"""A document as plain text for mailing lists and commit messages: at most 72 columns.

Only characters that every mail program shows: no colour, no lines drawn. Tables are indented: git
takes a line of dashes at the left for the end of a commit message, and ``#`` for a comment.
"""

from __future__ import annotations

import re

from pvprof.render.rendered import Rendered
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
)
from pvprof.views.tables import plot
from pvprof.views.tables.table import Table

WIDTH = 72
"""Columns: what git and mailing lists ask for."""

_STYLE = TableStyle(rule="-", ellipsis="..")
_INDENT = "  "
# At the left of a mail these begin a comment of git, a quotation, a patch, another mail.
_NO_BEGINNING = re.compile(r"[#>]|--|\+\+\+|diff |Index: |From ")
_IN_ASCII = str.maketrans({"→": "->", "←": "<-", "…": "...", "µ": "u", "±": "+-"})


def render(document: Document) -> Rendered:
    """Return the document as plain text."""
    text = "\n\n".join("\n".join(_block(block)) for block in document.blocks)
    return Rendered(text + "\n")


def _block(block: Block) -> list[str]:
    match block:
        case Heading():
            lines = _wrapped(block.text)
            longest = max(map(len, lines), default=0)
            return [*lines, "=" * longest] if block.level == 1 else lines
        case Paragraph():
            return [text for line in block.lines for text in _wrapped(line.text)]
        case Points():
            return [text for line in block.lines for text in _wrapped(line.text, "- ", "  ")]
        case Table():
            return _table(block)
        case Plot():
            lines = plot.draw(block.series, WIDTH, plot.ASCII)
            legend = _wrapped(plot.ASCII.legend) if block.has_legend else []
            return [*lines, *legend]
        case Pictures():
            return [text for path in block.paths for text in _wrapped(f"Picture: {path}")]


def _wrapped(text: str, first: str = "", further: str = "") -> list[str]:
    lines = wrap_hanging(_ascii(text), WIDTH, first, further)
    return [f" {line}" if _NO_BEGINNING.match(line) else line for line in lines]


def _table(table: Table) -> list[str]:
    drawn = lines_of(_table_in_ascii(table), WIDTH - len(_INDENT), _STYLE)
    title = [*_wrapped(table.title), ""] if table.title else []
    rows = [drawn.header, drawn.rule, *drawn.rows, *drawn.rest]
    note = ["", *_wrapped(table.note, _INDENT, _INDENT)] if table.note else []
    return [*title, *(f"{_INDENT}{row}" for row in rows), *note]


def _table_in_ascii(table: Table) -> Table:
    rows = tuple(tuple(map(_ascii, row)) for row in table.rows)
    return Table(table.title, table.columns, rows, table.note, tuple(map(_ascii, table.rest)))


def _ascii(text: str) -> str:
    """Return the text with pvprof's own signs spelled in ASCII; names are left as they are."""
    return text.translate(_IN_ASCII)
