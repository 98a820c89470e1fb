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
from pvprof.parse.dtrace.keys import TextAfter, split_padded
from pvprof.parse.text.diagnostics import is_diagnostic
from pvprof.parse.text.frames import decode, is_kernel_frame
from pvprof.parse.text.histograms import is_histogram_head, read_histogram_row
from pvprof.parse.text.values import Values, read_values
from pvprof.units import Unit

_HEADER = re.compile(rb"CPU\s+ID\s+FUNCTION:NAME\s*$")
# "  0  28241                         :tick-8s " and what printa wrote after it on the same line
_HEADER_ROW = re.compile(rb"\s*\d+\s+\d+\s+\S*:\S+ ?(.*)$")
# dtrace's own print of a string key: padded text, then the value if there is no stack
_PADDED_ROW = re.compile(rb"  (\S.*?)  +(-?\d+)\s*$")
_ZERO_INDENT_FRAME = re.compile(rb"\S*`\S|0x[0-9a-fA-F]+\s*$")
_TICK = re.compile(rb"tick \d+\s*$")
_FRAME_INDENT = b"        "

FramesOf = Callable[[bytes], tuple[Frame, ...]]
"""Returns the clean frames of a raw line, leaf first."""


@dataclass(frozen=True, slots=True)
class AggregateLayout:
    """The differences between the layouts of aggregations.

    Attributes:
        indented: frames are indented, so that a text without indentation is a key.
        key_first: each record begins with a text, even one that looks like a number.
        text_after: the meaning of a text between stack and value.
        unit: overrides the unit of single values, or None.
        single: the unit of single values whose key names no wait.
    """

    indented: bool = False
    key_first: bool = False
    text_after: TextAfter = TextAfter.EXECNAME
    unit: Unit | None = None
    single: Unit = "samples"

    def is_frame(self, line: bytes) -> bool:
        """Tell whether a line looks like a frame; values and histogram rows are no frames."""
        if self.indented and line.startswith(_FRAME_INDENT):
            return True
        return _ZERO_INDENT_FRAME.match(line.lstrip(b" ")) is not None


def is_header(line: bytes) -> bool:
    """Tell whether a line is dtrace's header, or a row of it without text after the probe."""
    row = _HEADER_ROW.match(line)
    return _HEADER.match(line) is not None or (row is not None and not row.group(1).strip())


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
        ticks: number of marks inside the record, which separate snapshots of running totals.
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
    _is_split: bool = False

    @property
    def has_content(self) -> bool:
        """Tell whether there is a stack or a text."""
        return bool(self.segments) or self.before is not None or self.after is not None

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

    def split(self) -> None:
        """Begin another stack with the next frame."""
        self._is_split = bool(self.segments)

    def add_frames(self, frames: tuple[Frame, ...]) -> None:
        """Add frames, leaf first, to the stack."""
        if self.after is not None:
            self._append_after()
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

    def read(self, lines: list[bytes]) -> Iterator[Record]:
        """Yield each record that a value line or a histogram's end closes, then the open one.

        The last record always comes, even if it is empty: its value may follow these lines.
        """
        record = Record(self.frames_of)
        for line, following in zip(lines, [*lines[1:], b""], strict=True):
            if record.buckets is not None:
                bucket = read_histogram_row(line)
                if bucket is not None:
                    record.buckets.append(bucket)
                    continue
                # Only a blank line ends a histogram; anything else is the rest of a row.
                record.is_cut = bool(line.strip())
                yield record
                record = Record(self.frames_of)
                continue
            if not line.strip():
                record.split()
            elif is_histogram_head(line):
                record.buckets = []
            elif self._read_line(record, line, following):
                yield record
                record = Record(self.frames_of)
        if record.buckets is not None:
            record.is_cut = True
            yield record
            record = Record(self.frames_of)
        yield record

    def _read_line(self, record: Record, line: bytes, following: bytes) -> bool:
        """Add a line to the record; return True if the line closed it."""
        values = read_values(line)
        if values is not None:
            if not self._is_numeric_key(record, following):
                record.values = values
                return True
            record.add_text(decode(line).strip())
            return False
        if self.layout.is_frame(line):
            record.add_frames(self.frames_of(line))
            return False
        if _HEADER.match(line):
            return False
        return self._read_text(record, line, following)

    def _is_numeric_key(self, record: Record, following: bytes) -> bool:
        """Tell whether a number at the start of a record is its key: a process may be named 123."""
        if record.has_content or not following.strip():
            return False
        return self.layout.key_first or (self.layout.indented and self.layout.is_frame(following))

    def _read_text(self, record: Record, line: bytes, following: bytes) -> bool:
        header = _HEADER_ROW.match(line)
        if header:
            rest: bytes = header.group(1)
            return bool(rest.strip()) and self._read_line(record, rest, b"")
        text = decode(line)
        if is_diagnostic(text):
            record.messages.append(text)
        elif _TICK.match(line):
            record.ticks += 1
        elif text.strip() == DELIMITER and self._may_delimit(record, following):
            record.split()
        elif self.layout.indented:
            return self._read_padded(record, line, text)
        else:
            record.add_text(text)
        return False

    def _may_delimit(self, record: Record, following: bytes) -> bool:
        """Tell whether ``-`` separates two stacks; it is also a common wait message."""
        if self.layout.text_after is TextAfter.NAME:
            return self.layout.is_frame(following)
        return record.has_content or not self.layout.key_first

    def _read_padded(self, record: Record, line: bytes, text: str) -> bool:
        """Read a key as dtrace itself prints it: padded strings, then the value."""
        row = _PADDED_ROW.match(line)
        if row is None:
            record.add_text("|".join(split_padded(text)))
            return False
        record.add_text("|".join(split_padded(decode(row.group(1)))))
        record.values = (int(row.group(2)),)
        return True
