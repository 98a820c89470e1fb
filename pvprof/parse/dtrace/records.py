r"""Read records of aggregations line by line: all that are more than a stack and its value.

``aggregates`` draws the layouts and reads most records without this module, which knows each kind
of line in them: frames, texts, values, headers, histograms, dtrace's messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pvprof.errors import quote
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.parse.dtrace.keys import TextAfter, is_wait_key, split_padded
from pvprof.parse.text.diagnostics import is_diagnostic
from pvprof.parse.text.frames import UNKNOWN_FRAME, decode, is_kernel_frame
from pvprof.parse.text.histograms import (
    is_histogram_head,
    is_packed_head,
    lacks_rows,
    read_count_row,
    read_histogram_row,
)
from pvprof.parse.text.probe_rows import HEADER, HEADER_ROW
from pvprof.parse.text.values import Values, read_columns, read_values, split_row
from pvprof.units import Unit

ZERO_INDENT_FRAME = re.compile(rb"\S*`\S|0x[0-9a-fA-F]+\s*$")
_TICK = re.compile(rb"tick \d+\s*$")
_FRAME_INDENT = b"        "
# The newline behind the value is another character.
_DAMAGED_VALUE = re.compile(r"\s*\d{1,30}(?:\D|\\x[0-9a-f]{2})\s*")
_NUMBER_AT_START = re.compile(rb" +-?\d{1,30}(?:  |\D$)")  # a key, or a damaged value
_PADDING = b"   "  # of a key: frames end in no blanks

FramesOf = Callable[[bytes], tuple[Frame, ...]]
"""Returns the clean frames of a raw line, leaf first."""


@dataclass(frozen=True, slots=True)
class AggregateLayout:
    r"""The differences between the layouts of aggregations.

    Attributes:
        indented: frames are indented, so that a text without indentation is a key.
        values_after_text: the value is in one line with the text below the stack:
            ``printa("%k%s %@d\n", @)``.
        key_first: each record begins with a text, even one that looks like a number.
        text_after: the meaning of a text between stack and value.
        unit: overrides the unit of single values, or None.
        single: the unit of single values whose key names no wait.
    """

    indented: bool = False
    values_after_text: bool = False
    key_first: bool = False
    text_after: TextAfter = TextAfter.EXECNAME
    unit: Unit | None = None
    single: Unit = "samples"

    def is_frame(self, line: bytes) -> bool:
        """Tell whether a line looks like a frame; values and histogram rows are no frames."""
        if self.indented and line.startswith(_FRAME_INDENT):
            return not (line.endswith(_PADDING) or _NUMBER_AT_START.match(line))
        return ZERO_INDENT_FRAME.match(line.lstrip(b" ")) is not None


@dataclass(slots=True)
class Record:
    """One record, or what has been read of it.

    Attributes:
        frames_of: cleans texts that turn out to be frames.
        before, after: the texts before and after the stack, or None.
        segments: the stacks, each leaf first: kernel and user, in the order of the D program.
        buckets: of a histogram's body, or None if the record is no histogram.
        values: the values that closed it, or None.
        messages: messages of dtrace inside the record.
        is_cut: the record is a histogram whose end is missing.
        counts: rows of ``-x agghist``, each a key and its count.
        printed: number of lines that the program printed, which are no part of a record.
        is_packed: the record is the histograms of ``-x aggpack``, which have no readable rows.
        ticks: number of marks inside the record, which separate snapshots of running totals.
        lost_values: number of records in it whose value is missing, so that the next one follows.
    """

    frames_of: FramesOf

    before: str | None = None
    after: str | None = None
    segments: list[list[Frame]] = field(default_factory=list)
    buckets: list[tuple[int, int]] | None = None
    values: Values | None = None
    messages: list[str] = field(default_factory=list)
    is_cut: bool = False
    ticks: int = 0
    counts: list[tuple[str, int]] | None = None
    printed: int = 0
    is_packed: bool = False
    lost_values: int = 0
    _is_split: bool = False
    _has_frames: bool = False

    @property
    def is_in_body(self) -> bool:
        """Tell whether rows of a histogram follow, up to a blank line."""
        return self.buckets is not None or self.counts is not None or self.is_packed

    @property
    def has_content(self) -> bool:
        """Tell whether there is a stack or a text."""
        return bool(self.segments) or self.before is not None or self.after is not None

    @property
    def lacks_value(self) -> bool:
        """Tell whether it is two records, of which the first has lost its value, as far as seen.

        Of its stacks then two are the kernel's, or a program's, or a text for a value is above one.
        """
        if self.lost_values:
            return True
        leaves = [segment[0] for segment in self.segments]
        kernel = sum(map(is_kernel_frame, leaves))
        known = sum(1 for leaf in leaves if "`" in leaf or leaf == UNKNOWN_FRAME)
        return kernel > 1 or known - kernel > 1

    @property
    def is_whole(self) -> bool:
        """Tell whether a histogram has its end and, as far as seen, all of its rows."""
        return not self.is_cut and not lacks_rows(self.buckets or ())

    def describe(self) -> str:
        """Return the content in words, for a message."""
        frames = sum(map(len, self.segments))
        text = self.before or self.after
        return f"{frames} frames" + (f" of {quote(text)}" if text else "")

    def stack(self) -> Stack:
        """Return the whole stack, root first: user frames, a delimiter, kernel frames.

        The kernel's part is always the leaf side, even if the D program named ``ustack()`` before
        ``stack()``.
        """
        segments = self.segments
        if len(segments) > 1 and is_kernel_frame(segments[-1][0]) > is_kernel_frame(segments[0][0]):
            segments = segments[::-1]
        frames: list[Frame] = []
        for segment in reversed(segments):
            frames += [DELIMITER, *segment[::-1]] if frames else segment[::-1]
        return stack_of(frames)

    def forget_text(self) -> None:
        """Take the text before for one that the program printed by itself: no stack followed."""
        if self.before is not None and not self.segments:
            self.before, self.printed = None, self.printed + 1

    def add_key(self, texts: list[str]) -> None:
        """Add the texts of a key in columns: functions become the stack, if there is none yet."""
        frames: list[Frame] = []
        others = []
        for text in texts:
            raw = text.encode()
            if self.segments or not ZERO_INDENT_FRAME.match(raw):
                others.append(text)
                continue
            # sym() and uaddr() of one address are the same but for the offset.
            frames += [frame for frame in self.frames_of(raw) if frame not in frames[-1:]]
        if others:
            self.add_text("|".join(others))
        if frames:
            self.add_frames(tuple(frames))

    def split(self) -> None:
        """Begin another stack with the next frame."""
        self._is_split = bool(self.segments)

    def add_frames(self, frames: tuple[Frame, ...]) -> None:
        """Add frames, leaf first, to the stack."""
        if self.after is not None:
            # Below the text the value is due: a blank line ends the record, and so does a key.
            is_value = _DAMAGED_VALUE.fullmatch(self.after) is not None
            ends_record = self._is_split or is_wait_key(self.after) or is_value
            self.lost_values += self._has_frames and ends_record
            self._append_after()
        self._has_frames = True
        self._current().extend(frames)

    def add_text(self, text: str) -> None:
        """Add a text: the one before the stack, or the one after it."""
        if not self.segments and self.before is None:
            self.before = text
            return
        if self.after is not None:
            self._append_after()
        self.after = text

    def _append_after(self) -> None:
        # A text between frames was a frame itself: a virtual machine's, without a module.
        self._current().extend(self.frames_of((self.after or "").encode()))
        self.after = None

    def _current(self) -> list[Frame]:
        if self._is_split or not self.segments:
            self.segments.append([])
            self._is_split = False
        return self.segments[-1]


@dataclass(slots=True)
class RecordReader:
    """Reads lines into records.

    Attributes:
        layout: of the file.
        frames_of: cleans frames.
    """

    layout: AggregateLayout
    frames_of: FramesOf

    def read(self, lines: list[bytes], after: bytes = b"") -> Iterator[Record]:
        """Yield each record that a value line or a histogram's end closes, then the open one.

        The last record always comes, even if it is empty: its value may follow these lines.

        Args:
            lines: without their newlines.
            after: the line that follows them.
        """
        record = Record(self.frames_of)
        for line, following in zip(lines, [*lines[1:], after], strict=True):
            if record.is_in_body:
                if self._read_body(record, line):
                    continue
                # Only a blank line ends a histogram; anything else is the rest of a row.
                record.is_cut = bool(line.strip())
                yield record
                record = Record(self.frames_of)
                continue
            if not line.strip():
                record.split()
            elif is_histogram_head(line):
                if line.lstrip().startswith(b"key"):
                    record.counts = []
                else:
                    record.buckets = []
            elif self._read_line(record, line, following):
                yield record
                record = Record(self.frames_of)
        if record.is_in_body:
            record.is_cut = record.buckets is not None
            yield record
            record = Record(self.frames_of)
        yield record

    def _read_body(self, record: Record, line: bytes) -> bool:
        """Read a row of a histogram, or of ``-x agghist``; return False for any other line."""
        if record.is_packed:
            return bool(line.strip())
        if record.counts is not None:
            row = read_count_row(line)
            record.counts += [row] if row else []
            return row is not None
        bucket = read_histogram_row(line)
        if bucket is not None and record.buckets is not None:
            record.buckets.append(bucket)
        return bucket is not None

    def _read_line(self, record: Record, line: bytes, following: bytes) -> bool:
        """Add a line to the record; return True if the line closed it."""
        values = read_values(line)
        if values is not None:
            if not self._is_numeric_key(record, following):
                record.values = values
                return True
            record.add_text(decode(line).strip())
            return False
        if self._read_row(record, line, following):
            return True
        if self.layout.is_frame(line):
            record.add_frames(self.frames_of(line))
            return False
        if HEADER.match(line):
            record.forget_text()
            return False
        return self._read_text(record, line, following)

    def _is_numeric_key(self, record: Record, following: bytes) -> bool:
        """Tell whether a number at the start of a record is its key: a process may be named 123."""
        if record.has_content or not following.strip():
            return False
        if self.layout.key_first:
            return True
        is_value = read_values(following) is not None
        return self.layout.indented and self.layout.is_frame(following) and not is_value

    def _read_row(self, record: Record, line: bytes, following: bytes) -> bool:
        """Read a key and its value on one line; return False for any other line.

        Below a stack such a line has the rest of the key.
        """
        columns = read_columns(line)
        if columns is not None:
            if columns[0]:
                record.add_text("|".join(columns[0]))
            record.values = columns[1]
            return True
        row = split_row(line)
        if row is None or (record.segments and line.startswith(_FRAME_INDENT)):
            return False
        text, values, is_padded = row
        # A key of a stack may end in a number, but then the stack or its value follows.
        is_frame = self.layout.is_frame(following) and split_row(following) is None
        if read_values(following) is not None or (is_frame and read_columns(following) is None):
            return False
        if not (is_padded and line.startswith(b" ")):
            may_be_row = self.layout.values_after_text and record.segments
            if not may_be_row or self._is_no_key(line):
                return False
        record.add_key(split_padded(decode(text)))
        record.values = values
        return True

    def _is_no_key(self, line: bytes) -> bool:
        """Tell whether a line is dtrace's header or message, or a mark."""
        is_mark = _TICK.match(line) or HEADER_ROW.match(line)
        return bool(is_mark) or is_diagnostic(decode(line))

    def _read_text(self, record: Record, line: bytes, following: bytes) -> bool:
        header = HEADER_ROW.match(line)
        if header:
            record.forget_text()
            rest: bytes = header.group(2)
            if rest.strip() and not header.group(1).startswith(b":"):
                record.printed += 1  # by printf; printa is mostly in a probe like :tick-1s
                return False
            return bool(rest.strip()) and self._read_line(record, rest, following)
        text = decode(line)
        if is_diagnostic(text):
            record.messages.append(text)
        elif _TICK.match(line):
            record.ticks += 1
        elif is_packed_head(line):
            record.is_packed = True
        elif text.strip() == DELIMITER and self._may_delimit(record, following):
            record.split()
        elif self.layout.indented:
            self._read_padded(record, text, is_printed=not following.strip())
        else:
            record.add_text(text)
        return False

    def _may_delimit(self, record: Record, following: bytes) -> bool:
        """Tell whether ``-`` separates two stacks; it is also a common wait message."""
        if self.layout.text_after is TextAfter.NAME:
            return self.layout.is_frame(following)
        return record.has_content or not self.layout.key_first

    def _read_padded(self, record: Record, text: str, is_printed: bool) -> None:
        """Read a key as dtrace itself prints it: two blanks, then padded strings.

        A text in column 0 above a blank line is one that the program printed: ``after 1 s``.
        """
        if is_printed and not text.startswith(" ") and not record.segments:
            record.forget_text()
            record.printed += 1
        else:
            record.add_text("|".join(split_padded(text)))
