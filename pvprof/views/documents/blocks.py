"""The blocks of a document: headings, lines, tables, plots, pictures.

Owns what can be said in a text. The formats of text (``render.text``) write every block, each with
its own markup; none of them knows what a document is about. Texts may come from anywhere: a block
spells out the characters of its texts that are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pvprof.model.stacks import show_controls
from pvprof.stats.series import Series
from pvprof.views.tables.table import Table

Tone = Literal["plain", "strong", "dim", "loss", "warning", "note"]
"""How much a line matters; a terminal gives each its colour."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the title of the document."""

    text: str
    level: Literal[1, 2, 3]

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", show_controls(self.text))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, a sentence or more."""

    text: str
    tone: Tone = "plain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", show_controls(self.text))


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that belong together, one after the other in one paragraph."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """Lines that are independent of each other: facts, notes, verdicts."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """The values of several sets of runs, drawn with characters on one axis.

    Attributes:
        series: of one metric.
        has_legend: whether the characters are explained below the plot.
    """

    series: tuple[Series, ...]
    has_legend: bool = True


@dataclass(frozen=True, slots=True)
class Pictures:
    """Files with pictures that the text refers to, relative to it."""

    paths: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", tuple(map(show_controls, self.paths)))


Block = Heading | Paragraph | Points | Table | Plot | Pictures


@dataclass(frozen=True, slots=True)
class Document:
    """A text, from its title to its last note; blocks without content are left out."""

    blocks: tuple[Block, ...]


def points(*texts: str, tone: Tone = "plain") -> Points:
    """Return the texts as points of one tone, without empty ones."""
    return Points(tuple(Line(text, tone) for text in texts if text))


def paragraph(*texts: str, tone: Tone = "plain") -> Paragraph:
    """Return the texts as one paragraph of one tone, without empty ones."""
    return Paragraph(tuple(Line(text, tone) for text in texts if text))


def document(*blocks: Block | None) -> Document:
    """Return the document of these blocks, without None and blocks that have no content."""
    return Document(tuple(block for block in blocks if block is not None and _has_content(block)))


def _has_content(block: Block) -> bool:
    match block:
        case Paragraph() | Points():
            return bool(block.lines)
        case Table():
            return bool(block.rows)
        case Plot():
            return bool(block.series)
        case Pictures():
            return bool(block.paths)
        case Heading():
            return True
