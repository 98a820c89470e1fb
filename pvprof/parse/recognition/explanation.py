r"""Which lines of a sample a layout explains, and how sure it is of each.

Each layout brings a function that returns an `Explanation`. `lines_of` makes such a
function from patterns; a layout whose records need more writes its own, with `Marks`.

A line that any layout could have is no evidence: a key of DTrace's is any text. So a line has one
of four marks:

==========  ========================================================================
`NOTHING`   the layout has no such line here
`ANY_TEXT`  the layout has some text here, whatever it is: a key, the name of a process
`FITS`      the line has the form that the layout has here: a frame, a comment, a number
`OWN`       only this layout has such lines: the head of a record, a whole record
==========  ========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pvprof.parse.recognition.sample import Sample

NOTHING, ANY_TEXT, FITS, OWN = range(4)

Marks = bytearray
"""A mark for each of `Sample.all_lines`; blank lines have `NOTHING`."""

Explain = Callable[[Sample], "Explanation | None"]
"""Explains the lines of a sample; None if no line of it can be this layout's."""

Pattern = re.Pattern[bytes]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which lines of a sample a layout explains.

    Attributes:
        marks: one for each of `Sample.all_lines`; blank lines have `NOTHING`.
    """

    marks: bytes

    @property
    def explained(self) -> int:
        """Return the number of lines that are explained."""
        return len(self.marks) - self.marks.count(NOTHING)

    @property
    def own(self) -> int:
        """Return the number of lines that only this layout has."""
        return self.marks.count(OWN)

    def unexplained(self, sample: Sample) -> tuple[int, ...]:
        """Return the indices of the lines that are not explained, blank ones left out."""
        lines = sample.all_lines
        return tuple(
            index
            for index, mark in enumerate(self.marks)
            if mark == NOTHING and lines[index].strip()
        )


def new_marks(sample: Sample) -> Marks:
    """Return marks for a sample in which nothing is explained."""
    return Marks(len(sample.all_lines))


def lines_of(own: Pattern, fits: Pattern | None = None) -> Explain:
    """Return the function of a layout whose lines stand for themselves.

    Args:
        own: matches the start of lines that only this layout has. Without any of them, nothing is
            explained.
        fits: matches the start of its other lines.
    """

    def mark_of(line: bytes) -> int:
        if own.match(line):
            return OWN
        return FITS if fits is not None and line.strip() and fits.match(line) else NOTHING

    def explain(sample: Sample) -> Explanation | None:
        known = {line: mark_of(line) for line in sample.distinct}
        if OWN not in known.values():
            return None
        return Explanation(bytes([known.get(line, NOTHING) for line in sample.all_lines]))

    return explain
