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

The fast path hardly looks into a paragraph: it splits off the last line and adds its value to the
cell of the head before it. A head seen for the first time is read, by a memory of distinct lines if
it is nothing but frames, and else by ``records``, line by line.
"""

from __future__ import annotations

from collections import defaultdict

from pvprof.errors import quote
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Key, weights_of
from pvprof.model.stacks import Frame, Stack
from pvprof.parse.dtrace.keys import TextAfter, histogram_key, key_from_texts, unit_of
from pvprof.parse.dtrace.records import (
    AggregateLayout,
    Record,
    RecordReader,
    Refusal,
    Values,
    read_values,
    why_not_measured,
)
from pvprof.parse.result import ParseResult
from pvprof.parse.text.diagnostics import parse_diagnostics
from pvprof.parse.text.frames import FrameNames, decode

_NO_KEY = Key()

Cell = list[int]
"""The sums of one stack, in the order of `Weight`'s fields."""

_Groups = defaultdict[tuple[Key, bool], dict[Stack, Cell]]
"""The cells of each key, apart for records with and without a count."""

_MOST_HEADS = 1 << 15
"""How many heads are remembered. Texts that repeat records, snapshots say, repeat a few thousand;
in one of 300,000 distinct stacks remembering all would only cost memory, and so time.
"""


class _Values(dict[bytes, Values | None]):
    """`read_values` by raw line, with ``()`` for values that cannot be added up.

    Bounded, as times in nanoseconds hardly ever repeat.
    """

    _MOST = 1 << 16

    def __missing__(self, line: bytes) -> Values | None:
        values = read_values(line)
        if values is not None and why_not_measured(values):
            values = ()
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


class _TextGroups(dict[bytes, dict[Stack, Cell]]):
    """The cells of the key that the text before a stack spells."""

    def __init__(self, groups: _Groups, layout: AggregateLayout, has_counts: bool) -> None:
        self._groups = groups
        self._layout = layout
        self._has_counts = has_counts

    def __missing__(self, text: bytes) -> dict[Stack, Cell]:
        key = key_from_texts(decode(text), None, self._layout.text_after)
        group = self[text] = self._groups[key, self._has_counts]
        return group


class AggregateReader:
    """Reads the text of one layout, piece by piece, into a `ParseResult`."""

    def __init__(self, layout: AggregateLayout, names: FrameNames, file: str) -> None:
        self._layout = layout
        self._file = file
        self._names = names
        self._records = RecordReader(layout, names.__getitem__)
        self._plain = _PlainFrames(names, layout)
        self._values = _Values()
        self._width = 0  # how many values each plain record has; told by the first record
        self._cells: dict[bytes, Cell] = {}
        self._odd: defaultdict[bytes, list[Values]] = defaultdict(list)
        self._groups: _Groups = defaultdict(dict)
        self._texts = _TextGroups(self._groups, layout, False)
        self._pending: list[bytes] = []
        self._ends_blank = False
        self._ticks = 0
        self._parsed = ParseResult(layout.name)

    def feed(self, piece: bytes) -> None:
        """Take in the next piece of text, which ends at the end of a paragraph."""
        values_of, cells, pending = self._values, self._cells, self._pending
        width = self._width
        self._ends_blank = piece.endswith(b"\n\n")
        for paragraph in piece.rstrip(b"\n").split(b"\n\n"):
            head, _, last = paragraph.rpartition(b"\n")
            values = values_of[last]
            if not values or pending or len(values) != width:
                self._set_apart(paragraph, values)
                width = self._width
                continue
            cell = cells.get(head)
            if cell is None:
                try:
                    cell = self._cell(head)
                except _NotPlainError:
                    self._odd[head].append(values)
                    continue
            cell[0] += values[0]
            if width > 1:
                cell[1] += values[1]
            cell[2] += 1

    def finish(self) -> ParseResult:
        """Read what is left and return the result."""
        for head, values in self._odd.items():
            self._read_head(head, values)
        if self._pending:
            self._read_rest(b"\n\n".join(self._pending))
        for (key, has_counts), stacks in self._groups.items():
            self._add_group(key, has_counts, stacks)
        self._parsed.hex_frames = self._names.hex_frames
        if self._ticks > 1:
            text = "running totals: all snapshots were added up, so values are too high"
            self._parsed.problems.append(
                Problem("running-totals", text, self._file, count=self._ticks)
            )
        return self._parsed

    def _set_apart(self, paragraph: bytes, values: Values | None) -> None:
        """Keep a paragraph that is no plain record for reading it line by line, at the end."""
        if values is None:
            if paragraph:
                self._pending.append(paragraph)
            return
        head, _, last = paragraph.rpartition(b"\n")
        if self._pending:
            head = b"\n\n".join((*self._pending, head))
            self._pending.clear()
        values = values or read_values(last) or ()
        self._odd[head].append(values)
        if not self._width:
            self._width = len(values)
            self._texts = _TextGroups(self._groups, self._layout, self._width > 1)

    def _cell(self, head: bytes) -> Cell:
        """Return the cell of a head that is not remembered.

        Raises:
            _NotPlainError: it is more than a key line and frames.
        """
        lines = head.split(b"\n")
        if not lines[0]:
            del lines[0]
        text = lines.pop(0) if self._layout.key_first and lines else b""
        if not lines or (text and self._layout.is_frame(text)):
            raise _NotPlainError
        lines.reverse()
        stack = ";".join(map(self._plain.__getitem__, lines))
        group = self._texts[text] if text else self._groups[_NO_KEY, self._width > 1]
        cell = group.get(stack)  # type: ignore[call-overload]
        if cell is None:
            cell = group[stack] = [0, 0, 0]  # type: ignore[index]
        if len(self._cells) < _MOST_HEADS:
            self._cells[head] = cell
        return cell  # type: ignore[no-any-return]

    def _stack_cell(self, key: Key, stack: Stack, width: int) -> Cell:
        """Return the cell of a key and stack for records of that many values."""
        return self._groups[key, width > 1].setdefault(stack, [0, 0, 0])

    def _add_group(self, key: Key, has_counts: bool, stacks: dict[Stack, Cell]) -> None:
        unit = self._layout.unit or unit_of(key, has_counts, self._layout.single)
        if unit == "samples" and not key.mechanism:
            key = key._replace(mechanism="on-cpu")
        weights = dict(zip(stacks, weights_of(stacks.values()), strict=True))
        self._parsed.records += sum([weight[2] for weight in weights.values()])
        if weights:
            self._parsed.profile(unit, has_counts).add_group(key, weights)

    def _read_head(self, head: bytes, values: list[Values]) -> None:
        """Read a head line by line; `values` holds what followed it, each time it was seen."""
        *closed, last = self._records.read(head.split(b"\n"))
        for record in closed:
            self._add_closed(record, len(values))
        self._add_messages(last, len(values))
        if not (closed and closed[-1].is_cut):  # else the number is what is left of a row
            self._add_values(last, values)

    def _read_rest(self, text: bytes) -> None:
        """Read what no value line closes: histograms, headers, and a record that was cut off."""
        lines = text.split(b"\n")
        if self._ends_blank:
            lines.append(b"")  # it ends a histogram
        *closed, last = self._records.read(lines)
        for record in closed:
            self._add_closed(record, 1)
        self._add_messages(last, 1)
        if last.has_content:
            what = f"the text ends inside a record; left out: {last.describe()}"
            self._problem("cut-off", what)

    def _add_closed(self, record: Record, times: int) -> None:
        self._add_messages(record, times)
        if record.values is not None:
            self._add_values(record, [record.values] * times)
        else:
            self._add_histogram(record, times)

    def _add_messages(self, record: Record, times: int) -> None:
        self._ticks += record.ticks * times
        messages = record.messages * times
        self._parsed.problems.extend(parse_diagnostics(messages, self._file))

    def _add_values(self, record: Record, values: list[Values]) -> None:
        before, after, meaning = record.before, record.after, self._layout.text_after
        if meaning is TextAfter.NAME and after is None:
            before, after = None, before  # a record of the thread's layout, without a stack
        key = key_from_texts(before, after, meaning)
        for one in values:
            refusal = why_not_measured(one)
            if refusal:
                self._refuse(refusal, key, one)
                continue
            cell = self._stack_cell(key, record.stack(), len(one))
            cell[0] += one[0]
            cell[1] += one[1] if len(one) > 1 else 0
            cell[2] += 1

    def _add_histogram(self, record: Record, times: int) -> None:
        """Add a histogram; one below a stack also counts that stack's events."""
        key = histogram_key(record.before, record.after)
        if record.is_cut:
            self._problem("cut-off", f"the histogram of {quote(key.name)} is not whole")
        histogram = Histogram(key, tuple(record.buckets or ()))
        self._parsed.histograms.extend([histogram] * times)
        if record.segments:
            count = histogram.count * times
            key = key_from_texts(record.before, record.after, self._layout.text_after)
            self._parsed.add("events", key, record.stack(), (count,), times)
        else:
            self._parsed.records += times

    def _refuse(self, refusal: Refusal, key: Key, values: Values) -> None:
        """Note a value that cannot be added up."""
        what = quote(key.name or key.execname or "a stack")
        self._parsed.problems.append(refusal.problem(values, what, self._file))

    def _problem(self, kind: str, text: str) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, severity="loss"))
