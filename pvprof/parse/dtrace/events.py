r"""One record for each blocking, as the D programs of the recordings print them.

::

    B 261815987980 1795372027596348298                       begin: monotonic and wall clock, ns
    E 261831093548 43041770 13373 100159 0 sh t fffff8004309a880 100107 vm object
                                                             start, wait, pid, tid, cpu,
                  kernel`turnstile_wait+0x332                execname, t(urnstile) or s(leepq),
                  kernel`__rw_wlock_hard+0x3f8               object, owner (0: none), name; then a
                                                             blank line and the stack
    W 881664019048 100060 100010 7 idle                      wake-up: time, sleeper, waker, cpu,
                                                             waker's execname; then a stack
    Z 274726812735 1795372041155037378                       end marker

Two shorter forms of ``E`` are read too: ``start wait tid execname name`` and
``start wait tid cpu execname|thread|arguments``. Names and process names hold blanks. Records stand
in the order of the per-CPU buffers, not of time. A wake-up ended the wait of its sleeper that holds
its time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pvprof.errors import quote
from pvprof.model.clocks import Clocks, drift_problems
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack, stack_of
from pvprof.parse.dtrace.duplicates import without_doubles
from pvprof.parse.native.join import Waits, ends_of, wakeup_problems
from pvprof.parse.result import ParseResult
from pvprof.parse.text.diagnostics import parse_diagnostics
from pvprof.parse.text.frames import FrameNames, decode

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.model.waits import WaitTable, WakeupTable

_LONG = re.compile(rb"(\d+) (-?\d+) (\d+) (\d+) (\d+) (.*?) ([ts]) ([0-9a-f]+) (\d+) (.*)", re.S)
_THREAD = re.compile(rb"(\d+) (-?\d+) (\d+) (\d+) (.*?)\|(.*?)\|(.*)", re.S)
_SHORT = re.compile(rb"(\d+) (-?\d+) (\d+) (?!\d+ \d+ )(\S+) (.*)", re.S)
_WAKE = re.compile(rb"W (\d+) (\d+) (\d+) (\d+) (.*)")
_MARK = re.compile(rb"([BZ]) (\d+) (\d+)")
_MECHANISMS = {b"t": "turnstile", b"s": "sleepq"}
_UNKNOWN = b"-1"
_INT64_MAX = (1 << 63) - 1
# A year: what claims more is damage, not a wait.
_LONGEST_WAIT_NS = 366 * 24 * 3600 * 1_000_000_000
_UINT64_MAX = (1 << 64) - 1

Row = Sequence[bytes]
"""start, wait, pid, tid, cpu, execname, mechanism letter, object (hex), owner, name."""

_DECIMALS = (0, 1, 2, 3, 4, 8)
_EXECNAME, _MECHANISM, _OBJECT, _NAME = 5, 6, 7, 9
_WAIT = 1


def read_row(head: bytes) -> Row | None:
    """Return the fields of an ``E`` line of any form, or None if it has none of them."""
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


def _is_fit(row: Row) -> bool:
    """Tell whether the fields that must be numbers are, and fit into 64 bits."""
    try:
        decimals = [int(row[place]) for place in _DECIMALS]
        address = int(row[_OBJECT], 16)
    except ValueError:
        return False
    return (
        max(decimals) < _INT64_MAX
        and 0 <= decimals[_WAIT] <= _LONGEST_WAIT_NS
        and 0 <= address <= _UINT64_MAX
        and (row[_MECHANISM] in _MECHANISMS or row[_MECHANISM] == b"")
    )


def _numbers(columns: Sequence[Sequence[bytes]]) -> dict[str, npt.NDArray[Any]]:
    """Return the number columns of a piece's rows, by the names of `WaitTable`.

    All rows are read at once, in C; whether each field is a number is told for all together.

    Raises:
        ValueError, OverflowError: some field is none, or does not fit.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    def integers(column: Sequence[bytes]) -> npt.NDArray[np.int64]:
        text = b" ".join(column)
        if text.translate(None, b"0123456789- ") or b"" in column:
            raise ValueError
        values = np.fromstring(text, dtype=np.int64, sep=" ")
        if len(values) != len(column) or values.max() == _INT64_MAX:
            raise OverflowError
        return values

    numbers = [integers(columns[place]) for place in _DECIMALS]
    longest = numbers[_WAIT].max()
    if (
        numbers[_WAIT].min() < 0
        or longest > _LONGEST_WAIT_NS
        or not _MECHANISMS.keys() >= set(columns[_MECHANISM]) - {b""}
    ):
        raise ValueError
    addresses = [int(text, 16) for text in columns[_OBJECT]]
    names = ("start_ns", "wait_ns", "pid", "tid", "cpu", "owner_tid")
    return {
        **dict(zip(names, numbers, strict=True)),
        "object_address": np.array(addresses, dtype=np.uint64),
    }


class _Ids(dict[tuple[bytes, bytes, bytes], int]):
    """A number for each distinct (mechanism, execname, name), in the order of first sight."""

    def __missing__(self, identity: tuple[bytes, bytes, bytes]) -> int:
        number = self[identity] = len(self)
        return number


class EventReader:
    """Reads event records, piece by piece, into a `ParseResult`.

    Text behind a record that is no event (aggregations printed by END) is kept in `residue`, for
    the aggregation parser.
    """

    def __init__(self, names: FrameNames, file: str, line_of: Callable[[int], int]) -> None:
        """Make a reader; `line_of` gives the line of a place in the whole text."""
        self._names = names
        self._file = file
        self._line_of = line_of
        self._piece, self._place = b"", 0
        self._damage: dict[str, Problem] = {}
        self._keys = _Ids()
        self._stacks: dict[Stack, int] = {}
        self._bodies: dict[bytes, int] = {}
        self._parts: list[dict[str, npt.NDArray[Any]]] = []
        self._wakes: list[tuple[int, ...]] = []
        self._wakers: dict[Key, int] = {}
        self.residue: list[bytes] = []
        self.parsed = ParseResult("events")

    def feed(self, piece: bytes, place: int) -> None:
        """Take in the next piece of text, which begins at the beginning of a record, at `place`."""
        self._piece, self._place = piece, place
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
        import numpy as np  # noqa: PLC0415

        columns = list(zip(*rows, strict=True))
        try:
            part = _numbers(columns)
        except (ValueError, OverflowError):
            # Only now is it worth looking at each row: a good file never comes here.
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
        part["key_id"] = np.fromiter(map(self._keys.__getitem__, identities), dtype=np.int64)
        part["stack_id"] = np.array(stack_ids, dtype=np.int64)
        self._parts.append(part)

    def finish(self) -> ParseResult:
        """Return what was read; which waits the wake-ups ended is for `settle` to say."""
        self.parsed.problems.extend(self._damage.values())
        self.parsed.events = self._events()
        if self._wakes:
            self.parsed.wakeups = self._wakeups()
        self.parsed.hex_frames = self._names.hex_frames
        self.parsed.records += len(self.parsed.events) + len(self._wakes)
        return self.parsed

    def _check_row(self, head: bytes) -> Row | None:
        row = read_row(head)
        if row is None:
            self._problem("bad-event", "not an event", b"E " + head)
            return None
        if int(row[_WAIT]) < 0:
            self._problem("negative-wait", "negative wait", b"E " + head)
            return None
        if not _is_fit(row):
            self._problem("bad-event", "number too large", b"E " + head)
            return None
        return row

    def _read_body(self, body: bytes) -> int:
        """Return the id of the stack that begins `body`; pass on what stands behind it."""
        lines = body.split(b"\n")
        stack, end = self._read_stack(lines, 0)
        number = self._stacks.setdefault(stack, len(self._stacks))
        rest = b"\n".join(lines[end:])
        if rest.strip():
            self._read_between(rest)
        else:
            self._bodies[body] = number
        return number

    def _read_stack(self, lines: list[bytes], place: int) -> tuple[Stack, int]:
        """Return the stack that begins at `place` in `lines`, and the place behind it."""
        frames: list[str] = []
        while place < len(lines):
            line = lines[place]
            if line.startswith(b" ") and line.strip():
                frames.extend(self._names[line])
            elif not self._lift_message(line) and (line or frames):
                break
            place += 1
        return stack_of(reversed(frames)), place

    def _lift_message(self, line: bytes) -> bool:
        """Take a message of dtrace's out of the data; tell whether the line was one."""
        if not line.startswith((b"dtrace: ", b"lockstat: ")):
            return False
        self.parsed.problems.extend(parse_diagnostics([decode(line)], self._file))
        return True

    def _read_between(self, text: bytes) -> None:
        """Read what is no ``E`` record: marks, wake-ups, messages, and aggregations."""
        rest: list[bytes] = []
        lines = text.split(b"\n")
        place = 0
        while place < len(lines):
            line = lines[place]
            place += 1
            mark = _MARK.fullmatch(line)
            wake = _WAKE.fullmatch(line)
            if mark:
                self._read_mark(mark.group(1), Clocks(int(mark.group(2)), int(mark.group(3))))
            elif wake:
                stack, place = self._read_stack(lines, place)
                self._add_wake(wake, stack)
            elif not self._lift_message(line):
                rest.append(line)
        if any(line.strip() for line in rest):
            self.residue.append(b"\n".join(rest))

    def _read_mark(self, letter: bytes, clocks: Clocks) -> None:
        """Take in a mark; of several the first of each kind counts."""
        if letter == b"B":
            self.parsed.has_begin = True
            self.parsed.begin = self.parsed.begin or clocks
        else:
            self.parsed.has_end = True
            self.parsed.end = self.parsed.end or clocks

    def _add_wake(self, wake: re.Match[bytes], stack: Stack) -> None:
        numbers = [int(wake.group(place)) for place in range(1, 5)]
        if max(numbers) >= _INT64_MAX:
            self._problem("bad-event", "number too large", wake[0])
            return
        key = self._wakers.setdefault(Key("wakeup", "", decode(wake.group(5))), len(self._wakers))
        self._wakes.append((*numbers, key, self._stacks.setdefault(stack, len(self._stacks))))

    def _problem(self, kind: str, what: str, line: bytes) -> None:
        """Note a line that is left out; of each kind the first is told, and how many there were."""
        known = self._damage.get(what)
        if known is not None:
            self._damage[what] = replace(known, count=known.count + 1)
            return
        place = max(self._piece.find(line), 0)
        text = f"{what}, left out; the first: {quote(decode(line))}"
        number = self._line_of(self._place + place)
        self._damage[what] = Problem(kind, text, self._file, number, severity="loss")

    def _events(self) -> WaitTable:
        import numpy as np  # noqa: PLC0415

        from pvprof.model.waits import WaitTable  # noqa: PLC0415

        def column(name: str) -> npt.NDArray[Any]:
            dtype = np.uint64 if name == "object_address" else np.int64
            return np.concatenate([np.empty(0, dtype), *(part[name] for part in self._parts)])

        return WaitTable(
            **{name: column(name) for name in WaitTable.columns()},
            keys=tuple(
                Key(_MECHANISMS.get(mechanism, ""), decode(name), decode(execname))
                for mechanism, execname, name in self._keys
            ),
            stacks=tuple(self._stacks),
        )

    def _wakeups(self) -> WakeupTable:
        import numpy as np  # noqa: PLC0415

        from pvprof.model.waits import WakeupTable  # noqa: PLC0415

        columns = np.array(self._wakes, dtype=np.int64).T
        names = ("time_ns", "sleeper_tid", "waker_tid", "cpu", "key_id", "stack_id")
        return WakeupTable(
            **dict(zip(names, columns, strict=True)),
            row=np.full(len(self._wakes), -1, dtype=np.int64),
            keys=tuple(self._wakers),
            stacks=tuple(self._stacks),
        )


def settle(parsed: ParseResult, data: Any, file: str) -> None:
    """Finish what was read of all of a text, `data`: find the wait that each wake-up ended.

    A thread cannot wait twice at once. Where it seems to, records were damaged, or stand twice in
    the text: an equal one is left out, others are told.
    """
    import numpy as np  # noqa: PLC0415

    parsed.problems.extend(drift_problems(parsed.begin, parsed.end, file))
    if parsed.events is not None:
        parsed.events = without_doubles(parsed, parsed.events, data, file)
    events, wakeups = parsed.events, parsed.wakeups
    if events is None or wakeups is None:
        return
    start = events.start_ns
    end = np.minimum(start, _INT64_MAX - events.wait_ns) + events.wait_ns  # what fits, at most
    order = np.lexsort((start, end, events.tid))
    waits = Waits(events.tid[order], start[order], end[order], order)
    ended = ends_of(wakeups.time_ns, wakeups.sleeper_tid, waits)
    parsed.wakeups = replace(wakeups, row=ended.row)
    parsed.problems.extend(wakeup_problems(ended.lone, ended.more, file))
