r"""Which lines of a sample a layout explains, and how sure it is of each.

Each layout brings a function that returns an `Explanation`. `lines_of` and `records_of` make such
functions from patterns; a layout whose records need more writes its own, with `Marks`.

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

    @property
    def rank(self) -> tuple[int, int]:
        """Return the key that sorts explanations: own lines count twice."""
        return 2 * self.own + self.marks.count(FITS), self.explained

    def unexplained(self, sample: Sample) -> tuple[int, ...]:
        """Return the indices of the lines that are not explained, blank ones left out."""
        lines, unexplained = sample.all_lines, []
        index = self.marks.find(NOTHING)
        while index >= 0:
            if lines[index].strip():
                unexplained.append(index)
            index = self.marks.find(NOTHING, index + 1)
        return tuple(unexplained)


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


def records_of(head: Pattern, body: Pattern, anywhere: Pattern | None = None) -> Explain:
    """Return the function of a layout whose records are a head and the lines of a body.

    A body ends at a blank line, or at any line that is neither of the body nor `anywhere`.

    Args:
        head: matches the start of heads, which only this layout has.
        body: matches the start of the lines below a head.
        anywhere: matches the start of lines that may be anywhere, such as comments.
    """
    kind_of_head, kind_anywhere, kind_of_body = range(1, 4)

    def kind_of(line: bytes) -> int:
        if head.match(line):
            return kind_of_head
        if anywhere is not None and anywhere.match(line):
            return kind_anywhere
        return kind_of_body if body.match(line) else NOTHING

    def explain(sample: Sample) -> Explanation | None:
        kinds = {line: kind_of(line) for line in sample.distinct}
        if kind_of_head not in kinds.values():
            return None
        marks = new_marks(sample)
        is_in_record = False
        for index, line in enumerate(sample.all_lines):
            kind = kinds.get(line, NOTHING)
            if kind == kind_anywhere:
                marks[index] = FITS
            elif kind == kind_of_head:
                marks[index], is_in_record = OWN, True
            elif kind == kind_of_body and is_in_record:
                marks[index] = FITS
            else:
                is_in_record = False
        return Explanation(bytes(marks))

    return explain
