"""A comparison as one HTML page: it loads nothing, and can be read without script.

The page has the blocks of the document in their order, and the differential flame graphs after the
table that sums it up. It has no control of its own: only the pictures have a script.
"""

from __future__ import annotations

from typing import NamedTuple

from pvprof.render.html.template import policy_of, resource, safe, template
from pvprof.render.rendered import Rendered
from pvprof.render.svg.diff_flamegraph import diff_element
from pvprof.views.documents.blocks import Block, Heading, Line, Paragraph, Pictures, Plot, Points
from pvprof.views.documents.comparison_page import ComparisonPageView
from pvprof.views.tables.table import Table


class _Piece(NamedTuple):
    """A block as the template takes it: one field has something.

    Attributes:
        heading, level: a heading.
        sentences: of a paragraph.
        points: independent lines.
        table: a table.
    """

    heading: str = ""
    level: int = 0
    sentences: tuple[Line, ...] = ()
    points: tuple[Line, ...] = ()
    table: Table | None = None


def render(page: ComparisonPageView) -> Rendered:
    """Return the text of an HTML file, to be written as UTF-8; the same page gives the same."""
    title, *blocks = page.document.blocks
    assert isinstance(title, Heading)
    elements = [
        diff_element(one.base, one.new, one.options, f"difference{number}")
        for number, one in enumerate(page.pictures)
    ]
    first_table = next((n for n, block in enumerate(blocks) if isinstance(block, Table)), -1)
    text = template("comparison.jinja").render(
        title=title.text,
        version=page.version,
        # In a page the text of a script begins with the line break that `SvgElement.text` writes.
        policy=policy_of({f"\n{element.script}" for element in elements if element.script}),
        style=safe(resource("html.css")),
        answer=[_piece(block) for block in blocks[: first_table + 1]],
        pictures=[
            (one.options.graph.title, safe(element.text))
            for one, element in zip(page.pictures, elements, strict=True)
        ],
        details=[_piece(block) for block in blocks[first_table + 1 :]],
    )
    return Rendered(text)


def _piece(block: Block) -> _Piece:
    match block:
        case Heading():
            return _Piece(heading=block.text, level=block.level)
        case Paragraph():
            return _Piece(sentences=block.lines)
        case Points():
            return _Piece(points=block.lines)
        case Table():
            return _Piece(table=block)
        case Plot() | Pictures():  # no comparison has a plot; the page has its pictures in it
            return _Piece()
