"""A document in Remarkup, which Phabricator reads: reviews.freebsd.org.

Remarkup is not Markdown. A row of dashes makes the row above it the heading of a table, and only
dashes: a colon makes it a row of data. There are no backslash escapes. A bar ends a cell in any
case; it is written as a broken bar. A picture has a number after it was uploaded;
until then the text has the name of its file.
"""

from __future__ import annotations

from pvprof.render.rendered import Rendered
from pvprof.render.text.markup import Markup
from pvprof.views.documents.blocks import Document
from pvprof.views.tables.table import Column

_BROKEN_BAR = "¦"


class Remarkup(Markup):
    """Phabricator's Remarkup."""

    def heading(self, text: str, level: int) -> str:
        """Return a heading between equals signs."""
        signs = "=" * level
        return f"{signs} {text} {signs}"

    def code(self, text: str) -> str:
        """Return monospaced text; that between ``##`` may hold backticks."""
        return f"##{text}##" if "`" in text and "##" not in text else f"`{text}`"

    def rule(self, column: Column) -> str:
        """Return dashes; nothing else may be in the cell."""
        return "---"

    def cell(self, text: str) -> str:
        """Return the text without bars."""
        return text.replace("|", _BROKEN_BAR)

    def picture(self, path: str) -> str:
        """Return the name of the picture; its number is known only after it was uploaded."""
        return f"Picture: {self.code(path)}"


def render(document: Document) -> Rendered:
    """Return the document in Remarkup."""
    return Remarkup().render(document)
