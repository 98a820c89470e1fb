"""Which lines of a sample are those of the maps of bpftrace."""

from __future__ import annotations

import re

from pvprof.parse.recognition.explanation import (
    ANY_TEXT,
    FITS,
    NOTHING,
    OWN,
    Explanation,
    Marks,
    new_marks,
)
from pvprof.parse.recognition.sample import Sample

_BEGINNING = re.compile(rb"(?:\^[C\\Z])*@\w*(?:\[|: ?$)")
_ENTRY = re.compile(rb"(?:\^[C\\Z])*@\w*\[")
_ENTRY_END = re.compile(rb".*\]:(?: |$)")
_OTHER = re.compile(
    rb"@\w*: ?|[\[(][^\])]{1,60}[\])]\s+[0-9]+ \||(?:\^[C\\Z])+\s*$"
    rb"|Attach(?:ing|ed) [0-9]+ probes?|.*RLIMIT_MEMLOCK|Lost [0-9]+ events"
    rb"|.*(?:ailed to look|rror looking) up stack id|.*map_update_elem|Map full;"
    rb"|WARNING: Could not read functions"
)
_IN_KEY = re.compile(rb"[ \t]+\S|[,)\]]|\S+\+[0-9]+\s*$|(?:0x)?[0-9a-f]+(?: |$)")
_MAX_ENTRY_LINES = 1 << 10


def explain_maps(sample: Sample) -> Explanation | None:
    """Return which lines are those of a bpftrace program's maps.

    An entry is everything from its ``@name[`` to the line of its value; inside, a line may be
    anything but the beginning of another entry.
    """
    if not any(map(_BEGINNING.match, sample.distinct)):
        return None
    marks = new_marks(sample)
    start = -1
    for index, line in enumerate(sample.all_lines):
        if _ENTRY.match(line):
            start = index
        if start < 0 or index - start > _MAX_ENTRY_LINES:
            marks[index] = _mark_outside(line)
        elif _ENTRY_END.match(line):
            _mark_entry(marks, sample, start, index)
            start = -1
    if start >= 0:  # the text ends inside an entry: up to a blank line, as an entry has hardly any
        lines = sample.all_lines[start:]
        blank = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
        _mark_entry(marks, sample, start, start + blank - 1)
    return Explanation(bytes(marks))


def _mark_outside(line: bytes) -> int:
    if _BEGINNING.match(line):
        return OWN
    return FITS if line.strip() and _OTHER.match(line) else NOTHING


def _mark_entry(marks: Marks, sample: Sample, first: int, last: int) -> None:
    """Mark the lines of an entry: frames and the ends of keys fit, all else is any text."""
    for index in range(first, last + 1):
        line = sample.all_lines[index]
        if index == first or _ENTRY_END.match(line):
            marks[index] = OWN
        elif line.strip():
            marks[index] = FITS if _IN_KEY.match(line) else ANY_TEXT
