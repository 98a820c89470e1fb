"""A document in Markdown as GitHub and GitLab read it: names are code spans, not escaped text."""

from __future__ import annotations

import re
from urllib.parse import quote

from pvprof.render.rendered import Rendered
from pvprof.render.text.markup import Markup
from pvprof.views.documents.blocks import Document
from pvprof.views.tables.table import Column


class Markdown(Markup):
    """GitHub's Markdown."""

    def heading(self, text: str, level: int) -> str:
        """Return a heading: number signs, the text."""
        return f"{'#' * level} {text}"

    def code(self, text: str) -> str:
        """Return a code span; its fence is longer than any run of backticks in it."""
        longest = max((len(run) for run in re.findall("`+", text)), default=0)
        fence = "`" * (longest + 1)
        blank = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{fence}{blank}{text}{blank}{fence}"

    def rule(self, column: Column) -> str:
        """Return dashes, with a colon at the side to which the column is aligned."""
        return "---:" if column.is_number else "---"

    def cell(self, text: str) -> str:
        """Return the text; GitHub takes a bar out of a cell only behind a backslash."""
        return text.replace("|", "\\|")

    def picture(self, path: str) -> str:
        """Return a link to the picture."""
        return f"[{self.code(path)}](<{quote(path)}>)"


def render(document: Document) -> Rendered:
    """Return the document in Markdown."""
    return Markdown().render(document)
