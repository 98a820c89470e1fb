"""A document in Remarkup, which Phabricator reads: reviews.freebsd.org.

Remarkup is not Markdown. A row of dashes makes the row above it the heading of a table, and only
dashes: a colon makes it a row of data. There are no backslash escapes. A bar ends a cell in any
case; it is written as a broken bar. A picture has a number after it was uploaded;
until then the text has the name of its file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvprof.render.rendered import Rendered
from pvprof.render.text.markup import Markup
from pvprof.views.documents.blocks import Document
from pvprof.views.tables.table import Column

_BROKEN_BAR = "¦"


class Remarkup(Markup):
    """Phabricator's Remarkup."""

    # D123 is a review, T123 a task, rS123 a commit, and so on.
    reference = re.compile(r"(?<!\w)(?:[A-Z]\d|r[A-Z]+[0-9a-f])")

    def heading(self, text: str, level: int) -> str:
        """Return a heading between equals signs."""
        signs = "=" * level
        return f"{signs} {text} {signs}"

    def code(self, text: str) -> str:
        """Return monospaced text; that between ``##`` may hold backticks."""
        if "`" not in text:
            return f"`{text}`"
        return f"##{text}##" if "#" not in text else f"`{_without_backticks(text)}`"

    def fenced(self, lines: Sequence[str]) -> list[str]:
        """Return a block of code, without backticks in it."""
        return ["```", *map(_without_backticks, lines), "```"]

    def rule(self, column: Column) -> str:
        """Return dashes; nothing else may be in the cell."""
        return "---"

    def cell(self, text: str) -> str:
        """Return the text without bars."""
        return text.replace("|", _BROKEN_BAR)

    def picture(self, path: str) -> str:
        """Return the name of the picture; its number is known only after it was uploaded."""
        return f"Picture: {self.code(path)}"


def _without_backticks(text: str) -> str:
    return text.replace("`", "'")


def render(document: Document) -> Rendered:
    """Return the document in Remarkup."""
    return Remarkup().render(document)
