r"""DTrace's aggregations of stacks, as ``printa`` or dtrace itself prints them.

A file is paragraphs between blank lines; a record is all paragraphs up to one that ends in a line
of one or two integers::

    CPU     ID                    FUNCTION:NAME      header, with or without, any number of times
      0  28241                         :tick-8s
                                                     kernel stack, leaf first (14 blanks, or none)
                  kernel`lock_delay+0x32
                  kernel`trap_pfault+0x1f3
                                                     user stack, where both were recorded
                  libc.so.7`_fork+0xa
                 1533                                value, or value and count

With ``printa`` a text line may stand before the stack (``turnstile|vm object``), after it (a wait
message, ``-> sleeper``, a process) or between kernel and user stack (``-``). What the texts mean is
for ``keys`` to say.

The fast path never looks into a paragraph: it splits off the last line and counts equal heads, and
each distinct head is read once, at the end. Where nearly all records are distinct that costs as
much as reading each, which the per-line memory in `FrameNames` keeps low.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from pvprof.model import (
    DELIMITER,
    Frame,
    Histogram,
    Key,
    Problem,
    Stack,
    Unit,
    Weight,
    clean_frame,
    stack_of,
)
from pvprof.parse.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.frames import FrameNames, decode, is_kernel_frame
from pvprof.parse.histograms import is_histogram_head, read_histogram_row
from pvprof.parse.keys import TextAfter, histogram_key, key_from_texts, unit_of
from pvprof.parse.parsed import Parsed

_VALUES = re.compile(rb"[ \t]*(-?\d+)(?: (-?\d+))?[ \t\r]*$")
_HEADER = re.compile(rb"CPU\s+ID\s+FUNCTION:NAME\s*$")
# "  0  28241                         :tick-8s " and what printa wrote behind it on the same line
_HEADER_ROW = re.compile(rb"\s*\d+\s+\d+\s+\S*:\S+ ?(.*)$")
# dtrace's own print of a string key: padded text, then the value if no stack stood between
_PADDED_ROW = re.compile(rb"  (\S.*?)  +(-?\d+)\s*$")
_ZERO_INDENT_FRAME = re.compile(rb"\S*`\S|0x[0-9a-fA-F]+\s*$")
_FRAME_INDENT = b"        "
_INT64_MAX = (1 << 63) - 1

_NO_KEY = Key()

Values = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AggregateLayout:
    """How the records of one file are laid out.

    Attributes:
        name: as `--format` names it.
        indented: frames are indented, so that a text without indentation is a key.
        key_first: each record begins with a text, even one that looks like a number.
        text_after: what a text between stack and value means.
        unit: overrides the unit of single values, or None.
    """

    name: str
    indented: bool = False
    key_first: bool = False
    text_after: TextAfter = TextAfter.EXECNAME
    unit: Unit | None = None

    def is_frame(self, line: bytes) -> bool:
        """Tell whether a line looks like a frame; values and histogram rows are no frames."""
        if self.indented and line.startswith(_FRAME_INDENT):
            return True
        return _ZERO_INDENT_FRAME.match(line.lstrip(b" ")) is not None


def read_values(line: bytes) -> Values | None:
    """Return the one or two integers that a record ends in, or None for any other line."""
    match = _VALUES.match(line)
    if match is None:
        return None
    first, second = match.groups()
    return (int(first),) if second is None else (int(first), int(second))


class _Values(dict[bytes, Values | None]):
    """`read_values` by raw line, bounded, as times in nanoseconds hardly ever repeat."""

    _MOST = 1 << 16

    def __missing__(self, line: bytes) -> Values | None:
        values = read_values(line)
        if len(self) < self._MOST:
            self[line] = values
        return values


class _NotPlainError(LookupError):
    """A line may be something else than one frame, so its record is read line by line."""


class _PlainFrames(dict[bytes, Frame]):
    """The frame of a raw line that is one frame and cannot be anything else."""

    def __init__(self, names: FrameNames, layout: AggregateLayout) -> None:
        self._names = names
        self._layout = layout

    def __missing__(self, line: bytes) -> Frame:
        if not self._layout.is_frame(line) or read_values(line) is not None or b"|" in line:
            raise _NotPlainError
        frames = self._names[line]
        if len(frames) > 1:
            raise _NotPlainError
        self[line] = frames[0]
        return frames[0]


class _Keys(dict[bytes, Key]):
    """The key that the text before a stack spells."""

    def __init__(self, layout: AggregateLayout) -> None:
        self._layout = layout

    def __missing__(self, text: bytes) -> Key:
        key = self[text] = key_from_texts(decode(text), None, self._layout.text_after)
        return key


class AggregateReader:
    """Reads the text of one layout, piece by piece, into a `Parsed`."""

    def __init__(self, layout: AggregateLayout, names: FrameNames, file: str) -> None:
        self._layout = layout
        self._names = names
        self._file = file
        self._values = _Values()
        self._plain = _PlainFrames(names, layout)
        self._heads: defaultdict[bytes, list[Values]] = defaultdict(list)
        self._pending: list[bytes] = []
        self._keys = _Keys(layout)
        self._groups: dict[tuple[Key, bool], dict[Stack, Weight]] = {}
        self.parsed = Parsed(layout.name)

    def feed(self, piece: bytes) -> None:
        """Take in the next piece of text, which ends at the end of a paragraph."""
        values_of, heads, pending = self._values, self._heads, self._pending
        for paragraph in piece.rstrip(b"\n").split(b"\n\n"):
            head, _, last = paragraph.rpartition(b"\n")
            values = values_of[last]
            if values is None:
                if paragraph:
                    pending.append(paragraph)
                continue
            if pending:
                head = b"\n\n".join((*pending, head))
                pending.clear()
            heads[head].append(values)

    def finish(self) -> Parsed:
        """Read every distinct record and return the result."""
        frame_of = self._plain.__getitem__
        key_first = self._layout.key_first
        key = _NO_KEY
        for head, values in self._heads.items():
            body = head.lstrip(b"\n")
            if key_first:
                text, _, body = body.partition(b"\n")
                key = self._keys[text]
            lines = body.split(b"\n")
            lines.reverse()
            try:
                stack = Stack(";".join(map(frame_of, lines)))
            except _NotPlainError:
                self._read_record(head, values)
            else:
                self._add(key, stack, values)
        self._heads.clear()
        if self._pending:
            self._read_rest(b"\n\n".join(self._pending))
            self._pending.clear()
        return self.parsed

    def _read_record(self, head: bytes, values: list[Values]) -> None:
        """Read a head line by line; `values` holds what followed it, each time it was seen."""
        reader = _Lines(self, len(values))
        reader.read(head.split(b"\n"))
        reader.close(values)

    def _read_rest(self, text: bytes) -> None:
        """Read what no value line closes: histograms, headers, and a record that was cut off."""
        reader = _Lines(self, 1)
        reader.read(text.split(b"\n"))
        reader.flush_histogram()
        if reader.record.has_content:
            self.problem(
                "cut-off", f"the text ends inside a record; left out: {reader.record.describe()}"
            )

    def _add(self, key: Key, stack: Stack, values: list[Values]) -> None:
        """Add one record for each of `values`, all of the same length."""
        total = count = kept = 0
        for one in values:
            if not 0 <= one[0] < _INT64_MAX or one[-1] < 0:
                self._refuse(key, one)
                continue
            total += one[0]
            count += one[-1]
            kept += 1
        if kept:
            has_counts = len(values[0]) > 1
            group = self._group(key, has_counts)
            weight = Weight(total, count if has_counts else 0, kept)
            known = group.get(stack)
            group[stack] = weight if known is None else known.plus(weight)
            self.parsed.records += kept

    def _group(self, key: Key, has_counts: bool) -> dict[Stack, Weight]:
        """Return where the weights of that key go; looked up once for each key."""
        group = self._groups.get((key, has_counts))
        if group is None:
            unit = self._layout.unit or unit_of(key, has_counts)
            full = key._replace(event="on-cpu") if unit == "samples" and not key.event else key
            group = self.parsed.profile(unit, has_counts).groups.setdefault(full, {})
            self._groups[key, has_counts] = group
        return group

    def _refuse(self, key: Key, values: Values) -> None:
        """Note a value that cannot be added up."""
        what = key.name or key.execname or "a stack"
        if abs(values[0]) >= _INT64_MAX:
            self.problem("unset-value", f"{what}: min() or max() of nothing, {values[0]}; left out")
        else:
            self.problem("negative-value", f"{what}: overflowed or negative {values}; left out")

    def problem(self, kind: str, text: str) -> None:
        """Note a problem of this file."""
        self.parsed.problems.append(Problem(kind, text, self._file))

    def add_record(self, record: _Record, values: list[Values]) -> None:
        """Add a record that was read line by line."""
        layout = self._layout
        before = record.before
        after = record.after
        if layout.text_after is TextAfter.NAME and after is None and before is not None:
            before, after = None, before  # a stack-less record of the thread's layout
        key = key_from_texts(before, after, layout.text_after)
        by_length: defaultdict[int, list[Values]] = defaultdict(list)
        for one in values:
            by_length[len(one)].append(one)
        for some in by_length.values():
            self._add(key, record.stack(), some)

    def add_histogram(self, record: _Record, times: int) -> None:
        """Add a histogram; one below a stack also counts that stack's events."""
        key = histogram_key(record.before, record.after)
        buckets = tuple(record.buckets)
        histogram = Histogram(key, buckets)
        self.parsed.histograms.extend([histogram] * times)
        if record.segments:
            count = histogram.count * times
            self.parsed.add("events", key, record.stack(), (count,), times)
        else:
            self.parsed.records += times

    def diagnose(self, line: str, times: int) -> None:
        """Lift a message of dtrace's out of the data."""
        self.parsed.problems.extend(parse_diagnostics([line] * times, self._file))

    def frames(self, line: bytes) -> tuple[Frame, ...]:
        """Return the frames of one line, leaf first."""
        return self._names[line]

    @property
    def layout(self) -> AggregateLayout:
        """Return the layout that is read."""
        return self._layout


@dataclass(slots=True)
class _Record:
    """What was seen of a record so far."""

    before: str | None = None
    after: str | None = None
    segments: list[list[Frame]] = field(default_factory=list)
    buckets: list[tuple[int, int]] = field(default_factory=list)
    in_histogram: bool = False
    split_next: bool = False

    @property
    def has_content(self) -> bool:
        return bool(self.segments) or self.before is not None or self.after is not None

    def describe(self) -> str:
        frames = sum(map(len, self.segments))
        text = self.before or self.after
        return f"{frames} frames" + (f" of {text!r}" if text else "")

    def add_frames(self, frames: tuple[Frame, ...]) -> None:
        if self.after is not None:
            # A text between frames was a frame itself (a virtual machine's, without a module).
            self._current().append(clean_frame(self.after))
            self.after = None
        self._current().extend(frames)

    def add_text(self, text: str) -> None:
        if not self.segments and self.before is None:
            self.before = text
        elif self.after is None:
            self.after = text
        else:
            self._current().append(clean_frame(self.after))
            self.after = text

    def _current(self) -> list[Frame]:
        if self.split_next or not self.segments:
            self.segments.append([])
            self.split_next = False
        return self.segments[-1]

    def stack(self) -> Stack:
        """Return the whole stack, root first: user frames, a delimiter, kernel frames.

        The kernel's part is always the leaf side, also where the D program named ``ustack()``
        before ``stack()``.
        """
        segments = [segment for segment in self.segments if segment]
        if len(segments) > 1 and is_kernel_frame(segments[-1][0]) > is_kernel_frame(segments[0][0]):
            segments.reverse()
        towers = [segment[::-1] for segment in reversed(segments)]
        frames: list[Frame] = []
        for tower in towers:
            frames += [DELIMITER, *tower] if frames else tower
        return stack_of(frames)


class _Lines:
    """Reads lines one by one, for records that are more than a stack and its value."""

    def __init__(self, reader: AggregateReader, times: int) -> None:
        self._reader = reader
        self._times = times
        self._layout = reader.layout
        self.record = _Record()

    def read(self, lines: list[bytes]) -> None:
        """Read all lines; a value line among them closes a record."""
        for index, line in enumerate(lines):
            self._read_line(line, lines[index + 1] if index + 1 < len(lines) else b"")

    def close(self, values: list[Values]) -> None:
        """End the last record with the values that followed it."""
        self.flush_histogram()
        self._reader.add_record(self.record, values)
        self.record = _Record()

    def flush_histogram(self) -> None:
        """End a histogram, if one is open."""
        if self.record.in_histogram:
            self._reader.add_histogram(self.record, self._times)
            self.record = _Record()

    def _read_line(self, line: bytes, following: bytes) -> None:
        record = self.record
        if not line.strip():
            record.split_next = bool(record.segments)
            return
        if is_histogram_head(line):
            record.in_histogram = True
            return
        if record.in_histogram:
            row = read_histogram_row(line)
            if row is not None:
                record.buckets.append(row)
                return
            self.flush_histogram()
        self._read_text(line, following)

    def _read_text(self, line: bytes, following: bytes) -> None:
        record = self.record
        values = read_values(line)
        if values is not None and not self._is_numeric_key(following):
            self._reader.add_record(record, [values] * self._times)
            self.record = _Record()
        elif self._layout.is_frame(line):
            record.add_frames(self._reader.frames(line))
        elif not _HEADER.match(line):
            self._read_key(line)

    def _is_numeric_key(self, following: bytes) -> bool:
        """Tell whether a number at the start of a record is its key: a process may be named 123."""
        record = self.record
        return self._layout.key_first and not record.has_content and bool(following.strip())

    def _read_key(self, line: bytes) -> None:
        row = _HEADER_ROW.match(line)
        if row:
            if row.group(1).strip():
                self._read_text(row.group(1), b"")
            return
        text = decode(line)
        if is_diagnostic(text):
            self._reader.diagnose(text, self._times)
        elif text.strip() == DELIMITER:
            self.record.split_next = True
        elif self._layout.indented:
            self._read_padded_key(line, text)
        else:
            self.record.add_text(text)

    def _read_padded_key(self, line: bytes, text: str) -> None:
        """Read a key as dtrace itself prints it: padded, with the value behind the last one."""
        row = _PADDED_ROW.match(line)
        if row is None:
            self.record.add_text(text.strip())
            return
        self.record.add_text(decode(row.group(1)))
        self._reader.add_record(self.record, [(int(row.group(2)),)] * self._times)
        self.record = _Record()
