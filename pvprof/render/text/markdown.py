"""A document in Markdown as GitHub and GitLab read it: names are code spans, not escaped text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from pvprof.render.rendered import Rendered
from pvprof.render.text.markup import Markup
from pvprof.views.documents.blocks import Document
from pvprof.views.tables.table import Column

_MIN_FENCE = 3


class Markdown(Markup):
    """GitHub's Markdown."""

    reference = re.compile(r"(?!)")

    def heading(self, text: str, level: int) -> str:
        """Return a heading: number signs, the text."""
        return f"{'#' * level} {text}"

    def code(self, text: str) -> str:
        """Return a code span; its fence is longer than any run of backticks in it."""
        fence = "`" * (_longest_run(text) + 1)
        blank = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{fence}{blank}{text}{blank}{fence}"

    def fenced(self, lines: Sequence[str]) -> list[str]:
        """Return a block of code; its fence is longer than any run of backticks in it."""
        fence = "`" * max(_longest_run("\n".join(lines)) + 1, _MIN_FENCE)
        return [fence, *lines, fence]

    def rule(self, column: Column) -> str:
        """Return dashes, with a colon at the side to which the column is aligned."""
        return "---:" if column.is_number else "---"

    def cell(self, text: str) -> str:
        """Return the text; GitHub takes a bar out of a cell only behind a backslash."""
        return text.replace("|", "\\|")

    def picture(self, path: str) -> str:
        """Return a link to the picture."""
        return f"[{self.code(path)}](<{quote(path)}>)"


def _longest_run(text: str) -> int:
    """Return the number of backticks in the longest run of them."""
    return max((len(run) for run in re.findall("`+", text)), default=0)


def render(document: Document) -> Rendered:
    """Return the document in Markdown."""
    return Markdown().render(document)
