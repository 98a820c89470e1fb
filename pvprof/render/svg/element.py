"""One ``<svg>`` element, with its style and its script apart: in a page one copy serves all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SvgElement:
    """An ``<svg>`` element.

    Attributes:
        opening: the opening tag, and what comes before the style.
        style: CSS.
        content: what comes after the style.
        script: JavaScript; empty if there is nothing for a script to do.
    """

    opening: str
    style: str
    content: str
    script: str

    @property
    def text(self) -> str:
        """Return the whole element."""
        style = f"<style><![CDATA[\n{self.style}]]></style>\n"
        script = f"<script><![CDATA[\n{self.script}]]></script>\n" if self.script else ""
        return f"{self.opening}{style}{self.content}{script}</svg>\n"

    @property
    def markup(self) -> str:
        """Return the element without style and script, for a page that has them already."""
        return f"{self.opening}{self.content}</svg>\n"
