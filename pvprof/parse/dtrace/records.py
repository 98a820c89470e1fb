r"""Lines to records, one by one: the careful way, for all that is more than a stack and its value.

``aggregates`` draws the layouts and reads most records without coming here; this module knows each
kind of line that may stand in one: frames, texts, values, headers, histograms, dtrace's messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pvprof.errors import quote
from pvprof.model.problems import Problem
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.parse.dtrace.keys import TextAfter, split_padded
from pvprof.parse.text.diagnostics import is_diagnostic
from pvprof.parse.text.frames import decode, is_kernel_frame
from pvprof.parse.text.histograms import is_histogram_head, read_histogram_row
from pvprof.units import Unit

_VALUES = re.compile(rb"[ \t]*(-?\d+)(?: (-?\d+))?[ \t\r]*$")
_HEADER = re.compile(rb"CPU\s+ID\s+FUNCTION:NAME\s*$")
# "  0  28241                         :tick-8s " and what printa wrote behind it on the same line
_HEADER_ROW = re.compile(rb"\s*\d+\s+\d+\s+\S*:\S+ ?(.*)$")
# dtrace's own print of a string key: padded text, then the value if no stack stood between
_PADDED_ROW = re.compile(rb"  (\S.*?)  +(-?\d+)\s*$")
_ZERO_INDENT_FRAME = re.compile(rb"\S*`\S|0x[0-9a-fA-F]+\s*$")
_TICK = re.compile(rb"tick \d+\s*$")
_FRAME_INDENT = b"        "

_INT64_MAX = (1 << 63) - 1

Values = tuple[int, ...]

FramesOf = Callable[[bytes], tuple[Frame, ...]]
"""Returns the clean frames of a raw line, leaf first."""


@dataclass(frozen=True, slots=True)
class AggregateLayout:
    """How the records of one file are laid out.

    Attributes:
        name: as ``--input-format`` names it.
        indented: frames are indented, so that a text without indentation is a key.
        key_first: each record begins with a text, even one that looks like a number.
        text_after: what a text between stack and value means.
        unit: overrides the unit of single values, or None.
        single: the unit of single values whose key names no wait.
    """

    name: str
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
    """Tell whether a line is dtrace's header, or a row of it with nothing printed behind."""
    row = _HEADER_ROW.match(line)
    return _HEADER.match(line) is not None or (row is not None and not row.group(1).strip())


def read_values(line: bytes) -> Values | None:
    """Return the one or two integers that a record ends in, or None for any other line."""
    match = _VALUES.match(line)
    if match is None:
        return None
    first, second = match.groups()
    return (int(first),) if second is None else (int(first), int(second))


def why_not_measured(values: Values) -> Refusal | None:
    """Return why values cannot be added up, or None: they can."""
    if max(map(abs, values)) >= _INT64_MAX:
        return Refusal("unset-value", "min() or max() of nothing")
    if min(values) < 0:
        return Refusal("negative-value", "overflowed or negative")
    return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why values cannot be added up: the kind of the problem, and in words."""

    kind: str
    reason: str

    def problem(self, values: Values, what: str, file: str, line: int = 0) -> Problem:
        """Return the problem of a record of `what`."""
        text = f"{what}: {self.reason}: {quote(' '.join(map(str, values)))}; left out"
        return Problem(self.kind, text, file, line, severity="loss")


@dataclass(slots=True)
class Record:
    """What was read of one record.

    Attributes:
        frames_of: for cleaning texts that turn out to be frames.
        before, after: the texts before and after the stack, or None.
        segments: the stacks, each leaf first: kernel and user, in the order of the D program.
        buckets: of a histogram's body, or None for a record that is none.
        values: what closed it, or None.
        messages: lines of dtrace's that stood in it.
        is_cut: a histogram whose end was not seen.
        ticks: marks between snapshots of running totals that stood in it.
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
        """Return what there is, for a message."""
        frames = sum(map(len, self.segments))
        text = self.before or self.after
        return f"{frames} frames" + (f" of {quote(text)}" if text else "")

    def stack(self) -> Stack:
        """Return the whole stack, root first: user frames, a delimiter, kernel frames.

        The kernel's part is always the leaf side, also where the D program named ``ustack()``
        before ``stack()``.
        """
        segments = self.segments
        if len(segments) > 1 and is_kernel_frame(segments[-1][0]) > is_kernel_frame(segments[0][0]):
            segments = segments[::-1]
        frames: list[Frame] = []
        for segment in reversed(segments):
            frames += [DELIMITER, *segment[::-1]] if frames else segment[::-1]
        return stack_of(frames)

    def split(self) -> None:
        """Let the next frame begin another stack."""
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
        frames_of: for cleaning frames.
    """

    layout: AggregateLayout
    frames_of: FramesOf

    def read(self, lines: list[bytes]) -> Iterator[Record]:
        """Yield each record that a value line or a histogram's end closes, then the open one.

        The last record always comes, however empty: its value may stand behind these lines.
        """
        record = Record(self.frames_of)
        for line, following in zip(lines, [*lines[1:], b""], strict=True):
            if record.buckets is not None:
                bucket = read_histogram_row(line)
                if bucket is not None:
                    record.buckets.append(bucket)
                    continue
                # Only a blank line ends a histogram; anything else is what was left of a row.
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
        """Add a line to the record; tell whether that closed it."""
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
        """Tell whether ``-`` stands between two stacks; it is also a common wait message."""
        if self.layout.text_after is TextAfter.NAME:
            return self.layout.is_frame(following)
        return record.has_content or not self.layout.key_first

    def _read_padded(self, record: Record, line: bytes, text: str) -> bool:
        """Read a key as dtrace itself prints it: padded, with the value behind the last one."""
        row = _PADDED_ROW.match(line)
        if row is None:
            record.add_text("|".join(split_padded(text)))
            return False
        record.add_text("|".join(split_padded(decode(row.group(1)))))
        record.values = (int(row.group(2)),)
        return True
