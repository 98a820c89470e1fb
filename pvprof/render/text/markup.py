"""A document in a markup language; Markdown and Remarkup are two dialects.

Owns the order and the blank lines of a text in markup. ``markdown`` and ``remarkup`` say how their
language spells a heading, code, a table. Neither escapes anything with backslashes: a name that has
markup in it is written as code, where no character means anything.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from pvprof.render.rendered import Rendered
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Line,
    Paragraph,
    Pictures,
    Plot,
    Points,
)
from pvprof.views.tables import plot
from pvprof.views.tables.table import Column, Table

_PLOT_WIDTH = 80
_LOUD = ("strong", "loss", "warning")
# A word with a character that one of the languages, or a site that shows them, reads as markup, a
# link, the name of a user or a reference to an issue. Names of C functions have underscores: they
# are code anyway.
_SPECIAL = re.compile(
    r"[`*_\\{}$|@#&~^]|<[A-Za-z/!?]|[!%]\w|\]\(|\]:|\[\S*:|\[\[|\]\]|//|!!|==|:[\w+-]+:"
    r"|\b(?:www\.|mailto:|xmpp:|GH-\d)",
    re.IGNORECASE,
)
# A word that makes another block of its line if it is the first one: a list, a quotation, a
# heading, a rule, a task, a command of GitLab's, a box of Phabricator's.
_BLOCK = re.compile(
    r"[-+=>].*|%%%.*|\d{1,9}[.)]|/\w.*|\[.?\]?|\(?(?:NOTE|IMPORTANT|WARNING)[):].*", re.DOTALL
)
_WORD = re.compile(r"(?P<before>[(\"']*)(?P<core>.*?)(?P<after>[)\"',;:.?]*)", re.DOTALL)


class Markup(ABC):
    """One markup language."""

    reference: ClassVar[re.Pattern[str]]
    """The words that a site links, besides those that are special in every language."""

    @abstractmethod
    def heading(self, text: str, level: int) -> str:
        """Return a heading; `text` is in markup already."""

    @abstractmethod
    def code(self, text: str) -> str:
        """Return text as code within a line: no character of it is markup."""

    @abstractmethod
    def fenced(self, lines: Sequence[str]) -> list[str]:
        """Return lines as a block of code, which none of them ends."""

    @abstractmethod
    def rule(self, column: Column) -> str:
        """Return the cell between the heading of a column and its rows."""

    @abstractmethod
    def cell(self, text: str) -> str:
        """Return a cell whose text is in markup already, without an end of the cell in it."""

    @abstractmethod
    def picture(self, path: str) -> str:
        """Return the line that refers to a picture."""

    def render(self, document: Document) -> Rendered:
        """Return the document as text."""
        return Rendered("\n\n".join(map(self._block, document.blocks)) + "\n")

    def prose(self, text: str) -> str:
        """Return a part of a line, in which words that hold markup are code."""
        return " ".join(self._word(word) for word in text.split())

    def line(self, text: str) -> str:
        """Return a whole line in markup, which is a line and no other block."""
        first, blank, rest = self.prose(text).partition(" ")
        return f"{self.code(first) if _BLOCK.fullmatch(first) else first}{blank}{rest}"

    def _word(self, word: str) -> str:
        if not _SPECIAL.search(word) and not self.reference.search(word):
            return word
        match = _WORD.fullmatch(word)
        assert match is not None  # it matches any text
        core = match["core"]
        return match["before"] + (self.code(core) if core else "") + match["after"]

    def _block(self, block: Block) -> str:
        match block:
            case Heading():
                return self.heading(self.line(block.text), block.level)
            case Paragraph():
                return "\n".join(map(self._line, block.lines))
            case Points():
                return "\n".join(f"- {self._line(line)}" for line in block.lines)
            case Table():
                return self._table(block)
            case Plot():
                lines = plot.draw(block.series, _PLOT_WIDTH)
                lines += [plot.UNICODE.legend] if block.has_legend else []
                return "\n".join(self.fenced(lines))
            case Pictures():
                return "\n".join(map(self.picture, block.paths))

    def _line(self, line: Line) -> str:
        text = self.line(line.text)
        return f"**{text}**" if line.tone in _LOUD else text

    def _table(self, table: Table) -> str:
        names = [self.cell(self.prose(column.name)) for column in table.columns]
        rules = [self.rule(column) for column in table.columns]
        rows = [
            [self._cell(text, column) for text, column in zip(row, table.columns, strict=True)]
            for row in table.rows
        ]
        rest = [[self.cell(self.prose(text)) for text in table.rest]] if table.rest else []
        lines = [_row(cells) for cells in (names, rules, *rows, *rest)]
        title = [self.heading(self.line(table.title), 3)] if table.title else []
        note = [self.line(table.note)] if table.note else []
        return "\n\n".join([*title, "\n".join(lines), *note])

    def _cell(self, text: str, column: Column) -> str:
        line = " ".join(text.split())
        is_code = column.is_name and line not in ("", "-")
        return self.cell(self.code(line) if is_code else self.prose(line))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
