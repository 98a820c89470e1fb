"""Read single waits of the layout that ``events`` draws, piece by piece, with numpy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.errors import quote
from pvprof.model.arrays import INT64_MAX
from pvprof.model.clocks import Clocks, drift_problems
from pvprof.model.column_table import order_by
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack, stack_of
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.parse.dtrace.aggregates import AggregateReader
from pvprof.parse.dtrace.duplicates import without_duplicates
from pvprof.parse.dtrace.records import AggregateLayout
from pvprof.parse.dtrace.regular_events import MAX_WAIT_NS, MECHANISMS, regular_events
from pvprof.parse.line_cache import FallBackError, Numbering
from pvprof.parse.native.halves import narrow
from pvprof.parse.native.join import Waits, ends_of, wakeup_problems
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import parse_diagnostics
from pvprof.parse.text.frames import decode
from pvprof.parse.text.values import split_row

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints

_LONG = re.compile(rb"(\d+) (-?\d+) (\d+) (\d+) (\d+) (.*?) ([ts]) ([0-9a-f]+) (\d+) (.*)", re.S)
_THREAD = re.compile(rb"(\d+) (-?\d+) (\d+) (\d+) (.*?)\|(.*?)\|(.*)", re.S)
_SHORT = re.compile(rb"(\d+) (-?\d+) (\d+) (?!\d+ \d+ )(\S+) (.*)", re.S)
_WAKE = re.compile(rb"W (\d{1,20}) (\d{1,20}) (\d{1,20}) (\d{1,20}) (.*)")
_MARK = re.compile(rb"([BZ]) (\d{1,20}) (\d{1,20})")
_UNKNOWN = b"-1"
# The end mark of a regular piece is that near to its end.
_MAX_END_BYTES = 4096

Row = Sequence[bytes]
"""start, wait, pid, tid, cpu, execname, mechanism letter, object (hex), owner, name."""

_DTYPES: dict[str, type] = {
    "start_ns": np.int64,
    "wait_ns": np.int64,
    "object_address": np.uint64,
}
"""Types of columns in which int32 is not enough."""

# Positions in a row.
_DECIMALS = (0, 1, 2, 3, 4, 8)
_WAIT, _EXECNAME, _MECHANISM, _OBJECT, _NAME = 1, 5, 6, 7, 9


def _is_row(line: bytes) -> bool:
    """Tell whether a line is a name and its count in a column, as `printa` prints them.

    It is no frame: blanks in the name of a function are single ones.
    """
    row = split_row(line)
    return row is not None and row[2]


def read_row(head: bytes) -> Row | None:
    """Return the fields of an ``E`` line of any form, or None if it has none of the forms."""
    match = _LONG.fullmatch(head)
    if match:
        return match.groups()
    match = _THREAD.fullmatch(head)
    if match:
        start, wait, tid, cpu, execname = match.groups()[:5]
        return (start, wait, _UNKNOWN, tid, cpu, execname, b"", b"0", b"0", b"")
    match = _SHORT.fullmatch(head)
    if match:
        start, wait, tid, execname, name = match.groups()
        return (start, wait, _UNKNOWN, tid, _UNKNOWN, execname, b"", b"0", b"0", name)
    return None


_DECIMAL = re.compile(rb"-?[0-9]{1,19}")
_ADDRESS = re.compile(rb"(?:0x)?[0-9a-fA-F]{1,16}")


def _is_fit(row: Row) -> bool:
    """Tell whether all fields that must be numbers are numbers, and fit into 64 bits."""
    # int() would take "2_0", and blanks around a number, too.
    if not all(_DECIMAL.fullmatch(row[position]) for position in _DECIMALS):
        return False
    decimals = [int(row[position]) for position in _DECIMALS]
    return (
        min(decimals) > -INT64_MAX
        and max(decimals) < INT64_MAX
        and 0 <= decimals[_WAIT] <= MAX_WAIT_NS
        and _ADDRESS.fullmatch(row[_OBJECT]) is not None
        and (row[_MECHANISM] in MECHANISMS or row[_MECHANISM] == b"")
    )


def _numbers(columns: Sequence[Sequence[bytes]]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of numbers of a piece's rows, by their names in `WaitTable`.

    Each column is read, and checked, in one call to C.

    Raises:
        ValueError, OverflowError: a field is no number, or does not fit.
    """

    def integers(column: Sequence[bytes]) -> Ints:
        text = b" ".join(column)
        if text.translate(None, b"0123456789- ") or b"" in column:
            raise ValueError
        values = np.fromstring(text, dtype=np.int64, sep=" ")
        if len(values) != len(column) or values.max() == INT64_MAX:
            raise OverflowError
        return values

    numbers = [integers(columns[position]) for position in _DECIMALS]
    longest = numbers[_WAIT].max()
    if (
        numbers[_WAIT].min() < 0
        or longest > MAX_WAIT_NS
        or not MECHANISMS.keys() >= set(columns[_MECHANISM]) - {b""}
    ):
        raise ValueError
    addresses = [int(text, 16) for text in columns[_OBJECT]]
    ids = dict(zip(("pid", "tid", "cpu", "owner_tid"), map(narrow, numbers[2:]), strict=True))
    return {
        "start_ns": numbers[0],
        "wait_ns": numbers[_WAIT],
        **ids,
        "object_address": np.array(addresses, dtype=np.uint64),
    }


class EventReader:
    """Reads records of single waits, piece by piece, into a `ParseResult`.

    Text between the records that is no record (aggregations printed by END) goes to a reader of
    aggregations.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._piece, self._offset = b"", 0
        self._damage: dict[str, Problem] = {}
        self._keys: Numbering[tuple[bytes, bytes, bytes]] = Numbering()
        self._stacks: Numbering[Stack] = Numbering()
        self._bodies: dict[bytes, int] = {}
        self._parts: list[dict[str, npt.NDArray[Any]]] = []
        self._wakes: list[tuple[int, ...]] = []
        self._wakers: Numbering[Key] = Numbering()
        self._other_texts: list[bytes] = []
        self._parsed = ParseResult()

    def feed(self, piece: bytes, offset: int) -> None:
        """Read the next piece, which begins with a record."""
        self._piece, self._offset = piece, offset
        if not self._add_at_once(piece):
            self._read_one_by_one(piece)

    def _add_at_once(self, piece: bytes) -> bool:
        """Add a piece if all of its records are regular; else add nothing and return False."""
        first = 0 if piece.startswith(b"E ") else piece.find(b"\nE ") + 1
        end = piece.rfind(b"\nZ ", max(len(piece) - _MAX_END_BYTES, 0)) + 1 or len(piece)
        if piece.find(b"\nE ", end) >= 0:  # a second recording
            return False
        try:
            records = regular_events(piece[first:end])
        except FallBackError:
            return False
        self._read_between(piece[: max(first - 1, 0)])
        known = self._bodies
        stacks = [known.get(body) for body in records.bodies]
        for place in [place for place, stack in enumerate(stacks) if stack is None]:
            stacks[place] = self._read_body(records.bodies[place])
        keys = [self._keys[identity] for identity in records.identities]
        self._parts.append(
            {
                **records.columns,
                "key_id": np.array(keys, dtype=np.int32)[records.identity],
                "stack_id": np.array(stacks, dtype=np.int32),
            }
        )
        self._read_between(piece[end:])
        return True

    def _read_one_by_one(self, piece: bytes) -> None:
        records = (b"\n" + piece).split(b"\nE ")
        self._read_between(records[0])
        bodies = self._bodies
        rows: list[Row] = []
        stack_ids: list[int] = []
        for record in records[1:]:
            head, _, body = record.partition(b"\n")
            stack = bodies.get(body)
            if stack is None:
                stack = self._read_body(body)
            row: Row | None = head.split(b" ", 9)
            if len(row) <= _NAME:  # type: ignore[arg-type]
                row = self._check_row(head)
                if row is None:
                    continue
            rows.append(row)  # type: ignore[arg-type]
            stack_ids.append(stack)
        if rows:
            self._add_rows(rows, stack_ids)

    def _add_rows(self, rows: list[Row], stack_ids: list[int]) -> None:
        columns = list(zip(*rows, strict=True))
        try:
            part = _numbers(columns)
        except (ValueError, OverflowError):
            # Look at each row: this is slow, and never happens with an undamaged file.
            checked = [
                (row if _is_fit(row) else self._check_row(b" ".join(row)), stack)
                for row, stack in zip(rows, stack_ids, strict=True)
            ]
            fit = [(row, stack) for row, stack in checked if row is not None]
            if not fit:
                return
            columns = list(zip(*(row for row, _ in fit), strict=True))
            stack_ids = [stack for _, stack in fit]
            part = _numbers(columns)
        identities = zip(columns[_MECHANISM], columns[_EXECNAME], columns[_NAME], strict=True)
        part["key_id"] = np.fromiter(map(self._keys.__getitem__, identities), dtype=np.int32)
        part["stack_id"] = np.array(stack_ids, dtype=np.int32)
        self._parts.append(part)

    def finish(self) -> ParseResult:
        """Return the result, with columns as narrow as their values allow, for `settle`."""
        self._parsed.problems.extend(self._damage.values())
        self._parsed.events = self._events()
        if self._wakes:
            self._parsed.wakeups = self._wakeups()
        self._parsed.hex_frames = self._names.hex_frames
        self._parsed.records += len(self._parsed.events) + len(self._wakes)
        for text in self._other_texts:
            layout = AggregateLayout(key_first=True, single="events")
            aggregates = AggregateReader(self._source, layout)
            aggregates.feed(text, 0)
            self._parsed.merge(aggregates.finish())
        return self._parsed

    def _check_row(self, head: bytes) -> Row | None:
        row = read_row(head)
        if row is None:
            self._problem("bad-event", "not an event", b"E " + head)
            return None
        if row[_WAIT].startswith(b"-"):
            self._problem("negative-wait", "negative wait", b"E " + head)
            return None
        if not _is_fit(row):
            self._problem("bad-event", "number too large", b"E " + head)
            return None
        return row

    def _read_body(self, body: bytes) -> int:
        """Return the id of the stack at the beginning of `body`, and read the text after it."""
        lines = body.split(b"\n")
        stack, end = self._read_stack(lines, 0)
        number = self._stacks[stack]
        rest = b"\n".join(lines[end:])
        if rest.strip():
            self._read_between(rest)
        else:
            self._bodies[body] = number
        return number

    def _read_stack(self, lines: list[bytes], index: int) -> tuple[Stack, int]:
        """Return the stack that begins at `index` of the lines, and the index after it."""
        frames: list[str] = []
        while index < len(lines):
            line = lines[index]
            if line.startswith(b" ") and line.strip() and not _is_row(line):
                frames.extend(self._names[line])
            elif not self._take_message(line) and (line or frames):
                break
            index += 1
        return stack_of(reversed(frames)), index

    def _take_message(self, line: bytes) -> bool:
        """Keep a message of dtrace apart from the data; return False for any other line."""
        if not line.startswith((b"dtrace: ", b"lockstat: ")):
            return False
        self._parsed.problems.extend(parse_diagnostics([decode(line)], self._file))
        return True

    def _read_between(self, text: bytes) -> None:
        """Read all that is no ``E`` record: marks, wake-ups, messages, and aggregations."""
        rest: list[bytes] = []
        lines = text.split(b"\n")
        index = 0
        while index < len(lines):
            line = lines[index]
            index += 1
            mark = _MARK.fullmatch(line)
            wake = _WAKE.fullmatch(line)
            if mark:
                self._read_mark(mark.group(1), Clocks(int(mark.group(2)), int(mark.group(3))))
            elif wake:
                stack, index = self._read_stack(lines, index)
                self._add_wake(wake, stack)
            elif not self._take_message(line):
                rest.append(line)
        if any(line.strip() for line in rest):
            self._other_texts.append(b"\n".join(rest))

    def _read_mark(self, letter: bytes, clocks: Clocks) -> None:
        """Read a mark; the first of each kind counts."""
        if letter == b"B":
            self._parsed.has_begin = True
            self._parsed.begin = self._parsed.begin or clocks
        else:
            self._parsed.has_end = True
            self._parsed.end = self._parsed.end or clocks

    def _add_wake(self, wake: re.Match[bytes], stack: Stack) -> None:
        numbers = [int(text) for text in wake.groups()[:4]]
        if max(numbers) >= INT64_MAX:
            self._problem("bad-event", "number too large", wake[0])
            return
        key = self._wakers[Key("wakeup", "", decode(wake.group(5)))]
        self._wakes.append((*numbers, key, self._stacks[stack]))

    def _problem(self, kind: str, reason: str, line: bytes) -> None:
        """Note a line that is left out: one problem per reason, with the first line and a count."""
        known = self._damage.get(reason)
        if known is not None:
            self._damage[reason] = replace(known, count=known.count + 1)
            return
        offset = max(self._piece.find(line), 0)
        text = f"{reason}, left out; the first: {quote(decode(line))}"
        number = self._source.line_of(self._offset + offset)
        self._damage[reason] = Problem(kind, text, self._file, number, severity="loss")

    def _events(self) -> WaitTable:
        def column(name: str) -> npt.NDArray[Any]:
            dtype = _DTYPES.get(name, np.int32)
            return np.concatenate([np.empty(0, dtype), *(part[name] for part in self._parts)])

        return WaitTable(
            **{name: column(name) for name in WaitTable.columns()},
            keys=tuple(
                Key(MECHANISMS.get(mechanism, ""), decode(name), decode(execname))
                for mechanism, execname, name in self._keys
            ),
            stacks=tuple(self._stacks),
        )

    def _wakeups(self) -> WakeupTable:
        columns = np.array(self._wakes, dtype=np.int64).T
        names = [name for name in WakeupTable.columns() if name != "row"]
        return WakeupTable(
            **dict(zip(names, columns, strict=True)),
            row=np.full(len(self._wakes), -1, dtype=np.int64),
            keys=tuple(self._wakers),
            stacks=tuple(self._stacks),
        )


def settle(parsed: ParseResult, data: Any, file: str) -> None:
    """Finish the result of a whole text, `data`: find the wait that each wake-up ended.

    A thread cannot be in two waits at once. If it seems to be, records were damaged or repeated: a
    repeated one is left out, others are noted.
    """
    parsed.problems.extend(drift_problems(parsed.begin, parsed.end, file))
    if parsed.events is not None:
        parsed.events = without_duplicates(parsed, parsed.events, data, file)
    events, wakeups = parsed.events, parsed.wakeups
    if events is None or wakeups is None:
        return
    start = events.start_ns
    end = np.minimum(start, INT64_MAX - events.wait_ns) + events.wait_ns  # saturates
    order = order_by(events.tid, end, start)
    waits = Waits(events.tid[order], start[order], end[order], order)
    ended = ends_of(wakeups.time_ns, wakeups.sleeper_tid, waits)
    parsed.wakeups = replace(wakeups, row=ended.row)
    parsed.problems.extend(wakeup_problems(ended.lone, ended.more, file))
