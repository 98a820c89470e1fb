"""Which lines of a sample are those of aggregations, in any of their layouts.

Owns the form of records: texts, frames and a line of values, in that order. ``shapes`` tells the
layouts apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pvprof.parse.recognition.explanation import (
    ANY_TEXT,
    FITS,
    NOTHING,
    OWN,
    Explanation,
    Marks,
    new_marks,
)
from pvprof.parse.recognition.sample import FRAME, Sample
from pvprof.parse.text.histograms import (
    is_histogram_head,
    is_packed_head,
    read_count_row,
    read_histogram_row,
)
from pvprof.parse.text.probe_rows import HEADER_ROW, is_header
from pvprof.parse.text.values import read_columns, split_row

_VALUES = re.compile(rb"[ \t]*-?\d{1,30}(?: -?\d{1,30})?[ \t\r]{0,20}$")
_INDENTED_FRAME = re.compile(rb" {8,}\S*[^\s\d-]")
_ROW_OF_TABLE = re.compile(rb" +\S.*\S {2,}\S")  # a reader takes it for a frame; it is none
_MESSAGE = re.compile(rb"(?:dtrace|lockstat): |(?:tick \d+|END)\s*$")
_FOLDED = re.compile(rb"[^;]*;.*[ \t]\d+(?:\.\d*)?\s*$")
_MAX_TEXTS_AT_END = 2  # a key before the stack, another after it
_MAX_TEXTS_IN_STACK = 2  # a delimiter, a key between the stacks of the kernel and the program


# Stacks repeat: most lines of a sample were seen before, and several layouts ask about each.
_once = lru_cache(maxsize=1 << 13)
_is_value = _once(lambda line: _VALUES.match(line) is not None)
_split_row = _once(split_row)
_has_columns = _once(lambda line: read_columns(line) is not None)
_is_head = _once(lambda line: is_histogram_head(line) or is_packed_head(line))


@dataclass(slots=True)
class _OpenRecord:
    """The lines of a record that no values have closed yet, by their indices."""

    texts: list[int] = field(default_factory=list)  # since the last frame
    among_frames: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    has_marks: bool = False  # all of its frames get other marks

    @property
    def is_empty(self) -> bool:
        return not (self.texts or self.frames)


class _LineMarker:
    """Marks the lines of one sample.

    Args:
        sample: the lines.
        is_indented: indented lines are frames, whatever their text.
        values_after_text: values are in one line with the text below the stack.
    """

    def __init__(self, sample: Sample, is_indented: bool, values_after_text: bool) -> None:
        self._values_after_text = values_after_text
        self._lines = sample.all_lines
        self._is_indented = is_indented
        self._open = _OpenRecord()
        self._is_in_histogram = False
        self._is_packed = False
        self._is_frame = {line: self._looks_like_a_frame(line) for line in sample.distinct}
        # Nearly all lines are one of these: nothing else can be meant by them.
        self._plain_frames = {
            line
            for line, is_frame in self._is_frame.items()
            if is_frame and not (_is_value(line) or _is_head(line) or self._may_be_row(line))
        }
        self._own_frames = {line for line in sample.distinct if FRAME.match(line)}
        self.marks: Marks = new_marks(sample)

    def mark_all(self) -> None:
        for index, line in self._outside_of_histograms():
            if line in self._plain_frames:
                self._add_frame(index)
            elif (_is_value(line) and not self._is_numeric_key(index)) or self._is_row(index):
                self._close(index)
            elif self._is_frame[line]:
                self._add_frame(index)
            elif is_message(line) or (self._is_indented and HEADER_ROW.match(line)):
                self.marks[index] = FITS
            else:
                self._open.texts.append(index)
        self._mark_open(max_texts=1)  # the text may end in the middle of a record

    def _outside_of_histograms(self) -> Iterator[tuple[int, bytes]]:
        for index, line in enumerate(self._lines):
            if line in self._plain_frames and not self._is_in_histogram:
                yield index, line
            elif not line.strip():
                self._is_in_histogram = False
            elif _is_head(line):
                self._is_packed = is_packed_head(line)
                self._mark_open(max_texts=1)
                self._open = _OpenRecord()
                self.marks[index] = OWN
                self._is_in_histogram = True
            elif self._is_in_histogram and self._is_row_of_histogram(line):
                self.marks[index] = FITS
            else:
                self._is_in_histogram = False
                yield index, line

    def _is_row_of_histogram(self, line: bytes) -> bool:
        is_row = read_histogram_row(line) is not None or read_count_row(line) is not None
        return self._is_packed or is_row

    def _may_be_row(self, line: bytes) -> bool:
        """Tell whether a line has values after something else, whatever follows it."""
        return _has_columns(line) or _split_row(line) is not None

    def _is_row(self, index: int) -> bool:
        """Tell whether a line has the value of a record, and a key."""
        line = self._lines[index]
        if _has_columns(line):
            return True
        row = _split_row(line)
        if row is None or is_message(line):
            return False
        following = self._lines[index + 1] if index + 1 < len(self._lines) else b""
        if self._is_frame.get(following, False) or _is_value(following):
            return False
        if row[2] and line.startswith(b" "):
            return self._is_indented and not (self._open.frames and line.startswith(b" " * 8))
        return self._values_after_text and bool(self._open.frames)

    def _looks_like_a_frame(self, line: bytes) -> bool:
        if FRAME.match(line):
            return _split_row(line) is None and not _FOLDED.match(line)
        is_frame = self._is_indented and _INDENTED_FRAME.match(line) is not None
        return is_frame and _split_row(line) is None

    def _is_numeric_key(self, index: int) -> bool:
        """Tell whether a number is the key of a stack below it: a process may be named 123."""
        following = self._lines[index + 1] if index + 1 < len(self._lines) else b""
        return self._open.is_empty and self._is_frame.get(following, False)

    def _add_frame(self, index: int) -> None:
        """Add a frame; of the texts before the first one, only the last is a key."""
        record = self._open
        if not record.texts:
            record.frames.append(index)
            return
        if record.frames:
            # Frames of virtual machines have no module; if they are indented, so are these.
            max_texts = _MAX_TEXTS_IN_STACK if self._is_indented else len(record.texts)
        else:
            max_texts = 1
        record.among_frames += record.texts[-max_texts:] if max_texts else []
        record.texts.clear()
        record.frames.append(index)

    def _close(self, index: int) -> None:
        """Mark the record that the values in a line close."""
        record, lines = self._open, self._lines
        own = [frame for frame in record.frames if lines[frame] in self._own_frames]
        if len(own) == len(record.frames):  # nearly always: marked below
            record.has_marks = True
        self._mark_open(max_texts=_MAX_TEXTS_AT_END)
        for line in (*own, index):
            self.marks[line] = OWN if own else FITS
        self._open = _OpenRecord()

    def _mark_open(self, max_texts: int) -> None:
        """Mark the lines of the open record, with some of the texts at its end.

        Without values they are no evidence.
        """
        record = self._open
        at_end = record.texts[:max_texts] if record.frames else record.texts[-max_texts:]
        for index in (*record.among_frames, *at_end):
            self.marks[index] = ANY_TEXT
        for index in () if record.has_marks else record.frames:
            self.marks[index] = NOTHING if _ROW_OF_TABLE.match(self._lines[index]) else FITS


@_once
def is_message(line: bytes) -> bool:
    """Tell whether a line is dtrace's own but no data: a message, a heading, a mark."""
    return _MESSAGE.match(line) is not None or is_header(line)


@lru_cache(maxsize=4)  # most layouts of aggregations ask for the same
def explain_records(
    sample: Sample, is_indented: bool, values_after_text: bool = False
) -> Explanation:
    """Return which lines are those of records.

    Args:
        sample: the lines.
        is_indented: lines with an indentation are frames, whatever their text.
        values_after_text: values are in one line with the text below the stack.
    """
    marker = _LineMarker(sample, is_indented, values_after_text)
    marker.mark_all()
    return Explanation(bytes(marker.marks))
