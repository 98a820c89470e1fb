r"""One record for each blocking, as the D programs of the recordings print them.

::

    B 261815987980 1795372027596348298                       begin: monotonic and wall clock, ns
    E 261831093548 43041770 13373 100159 0 sh t fffff8004309a880 100107 vm object
                                                             start, wait, pid, tid, cpu,
                  kernel`turnstile_wait+0x332                execname, t(urnstile) or s(leepq),
                  kernel`__rw_wlock_hard+0x3f8               object, owner (0: none), name; then a
                                                             blank line and the stack
    W 881664019048 100060 100010 7 idle                      wake-up: time, sleeper, waker, cpu,
                                                             waker's execname
    Z 274726812735 1795372041155037378                       end marker

Two shorter forms of ``E`` are read too: ``start wait tid execname name`` and
``start wait tid cpu execname|thread|arguments``. Names and process names hold blanks. Records stand
in the order of the per-CPU buffers, not of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

from pvprof.errors import quote
from pvprof.model import Events, Key, Problem, Stack, stack_of
from pvprof.parse.diagnostics import parse_diagnostics
from pvprof.parse.frames import FrameNames, decode
from pvprof.parse.parsed import Parsed

_LONG = re.compile(rb"(\d+) (-?\d+) (\d+) (\d+) (\d+) (.*?) ([ts]) ([0-9a-f]+) (\d+) (.*)", re.S)
_THREAD = re.compile(rb"(\d+) (-?\d+) (\d+) (\d+) (.*?)\|(.*?)\|(.*)", re.S)
_SHORT = re.compile(rb"(\d+) (-?\d+) (\d+) (?!\d+ \d+ )(\S+) (.*)", re.S)
_WAKE = re.compile(rb"W (\d+) (\d+) (\d+) (\d+) (.*)")
_MARK = re.compile(rb"([BZ]) (\d+) (\d+)")
_MECHANISMS = {b"t": "turnstile", b"s": "sleepq"}
_UNKNOWN = b"-1"
_INT64_END = 1 << 63

Row = tuple[bytes, ...]
"""start, wait, pid, tid, cpu, execname, mechanism letter, object (hex), owner, name."""


def _are_numbers(row: Sequence[bytes]) -> bool:
    """Tell whether the fields that must be numbers are: a process named ``s t`` shifts them."""
    return b"".join((*row[:5], row[8])).isdigit()


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


def _is_fit(row: tuple[bytes, ...]) -> bool:
    """Tell whether a row of `_Columns` holds numbers of 64 bits."""
    *decimals, address, owner = row[:7]
    try:
        return max(map(int, (*decimals, owner))) < _INT64_END and int(address, 16) < 2 * _INT64_END
    except ValueError:
        return False


@dataclass(slots=True)
class _Columns:
    """The events read so far, column by column: integers in printed form until the end."""

    start: list[bytes] = field(default_factory=list)
    wait: list[bytes] = field(default_factory=list)
    pid: list[bytes] = field(default_factory=list)
    tid: list[bytes] = field(default_factory=list)
    cpu: list[bytes] = field(default_factory=list)
    objects: list[bytes] = field(default_factory=list)
    owner: list[bytes] = field(default_factory=list)
    key_id: list[int] = field(default_factory=list)
    stack_id: list[int] = field(default_factory=list)

    def events(self, keys: Iterable[tuple[bytes, bytes, bytes]], stacks: Iterable[Stack]) -> Events:
        """Return the events.

        Raises:
            ValueError, OverflowError: a field is no number, or none of 64 bits.
        """
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        def integers(column: list[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
            return np.array(list(map(int, column)), dtype=np.int64)

        addresses = [int(text, 16) for text in self.objects]
        return Events(
            start_ns=integers(self.start),
            wait_ns=integers(self.wait),
            pid=integers(self.pid),
            tid=integers(self.tid),
            cpu=integers(self.cpu),
            owner_tid=integers(self.owner),
            object_address=np.array(addresses, dtype=np.uint64),
            key_id=np.array(self.key_id, dtype=np.int64),
            stack_id=np.array(self.stack_id, dtype=np.int64),
            keys=tuple(
                Key(_MECHANISMS.get(mechanism, ""), decode(name), decode(execname))
                for mechanism, execname, name in keys
            ),
            stacks=tuple(stacks),
        )

    def drop_unfit(self) -> list[str]:
        """Take out the rows with a field that is no number of 64 bits; return their fields."""
        columns = [getattr(self, each.name) for each in fields(self)]
        rows = list(zip(*columns, strict=True))
        fit = [row for row in rows if _is_fit(row)]
        for column, values in zip(columns, zip(*fit, strict=True), strict=False):
            column[:] = values
        if not fit:
            for column in columns:
                column.clear()
        return [" ".join(map(decode, row[:7])) for row in rows if not _is_fit(row)]


class EventReader:
    """Reads event records, piece by piece, into a `Parsed`.

    Text behind a record that is no event (aggregations printed by END) is kept in `residue`, for
    the aggregation parser.
    """

    def __init__(self, names: FrameNames, file: str) -> None:
        self._names = names
        self._file = file
        self._rows = _Columns()
        self._keys: dict[tuple[bytes, bytes, bytes], int] = {}
        self._stacks: dict[Stack, int] = {}
        self._bodies: dict[bytes, int] = {}
        self.residue: list[bytes] = []
        self.parsed = Parsed("events")

    def feed(self, piece: bytes) -> None:
        """Take in the next piece of text, which begins at the beginning of a record."""
        records = (b"\n" + piece).split(b"\nE ")
        self._read_between(records[0])
        bodies, keys = self._bodies, self._keys
        rows = self._rows
        appends = [
            column.append for column in (rows.start, rows.wait, rows.pid, rows.tid, rows.cpu)
        ]
        add_start, add_wait, add_pid, add_tid, add_cpu = appends
        add_object, add_owner = rows.objects.append, rows.owner.append
        add_key, add_stack = rows.key_id.append, rows.stack_id.append
        for record in records[1:]:
            head, _, body = record.partition(b"\n")
            row: tuple[bytes, ...] | list[bytes] = head.split(b" ", 9)
            if len(row) != 10 or row[6] not in _MECHANISMS or not _are_numbers(row):
                checked = self._check_row(head)
                if checked is None:
                    self._read_body(body)  # its stack is nobody's, but what is behind it counts
                    continue
                row = checked
            start, wait, pid, tid, cpu, execname, mechanism, address, owner, name = row
            identity = (mechanism, execname, name)
            key = keys.get(identity)
            if key is None:
                key = keys[identity] = len(keys)
            stack = bodies.get(body)
            if stack is None:
                stack = self._read_body(body)
            add_start(start)
            add_wait(wait)
            add_pid(pid)
            add_tid(tid)
            add_cpu(cpu)
            add_object(address)
            add_owner(owner)
            add_key(key)
            add_stack(stack)

    def finish(self) -> Parsed:
        """Return what was read."""
        self.parsed.events = self._events()
        self.parsed.records += len(self.parsed.events)
        return self.parsed

    def _check_row(self, head: bytes) -> Row | None:
        row = read_row(head)
        if row is None:
            self._problem("bad-event", f"not an event: {quote('E ' + decode(head))}; left out")
            return None
        if int(row[1]) < 0:
            self._problem("negative-wait", f"negative wait: {quote('E ' + decode(head))}; left out")
            return None
        return row

    def _read_body(self, body: bytes) -> int:
        """Return the id of the stack that begins `body`; pass on what stands behind it."""
        lines = body.split(b"\n")
        stack, end = self._read_stack(lines)
        number = self._stacks.setdefault(stack, len(self._stacks))
        rest = b"\n".join(lines[end:])
        if rest.strip():
            self._read_between(rest)
        else:
            self._bodies[body] = number
        return number

    def _read_stack(self, lines: list[bytes]) -> tuple[Stack, int]:
        """Return the stack at the beginning of `lines`, and how many of them it takes."""
        frames: list[str] = []
        end = 0
        for end, line in enumerate([*lines, b"end"]):  # noqa: B007 (used behind the loop)
            if line.startswith(b" ") and line.strip():
                frames.extend(self._names[line])
            elif not self._lift_message(line) and (line or frames):
                break
        return stack_of(reversed(frames)), end

    def _lift_message(self, line: bytes) -> bool:
        """Take a message of dtrace's out of the data; tell whether the line was one."""
        if not line.startswith((b"dtrace: ", b"lockstat: ")):
            return False
        self.parsed.problems.extend(parse_diagnostics([decode(line)], self._file))
        return True

    def _read_between(self, text: bytes) -> None:
        """Read what is no ``E`` record: marks, wake-ups, messages, and aggregations."""
        rest: list[bytes] = []
        lines = iter(text.split(b"\n"))
        for line in lines:
            mark = _MARK.fullmatch(line)
            if mark:
                self.parsed.has_begin |= mark.group(1) == b"B"
                self.parsed.has_end |= mark.group(1) == b"Z"
            elif self._lift_message(line):
                continue
            elif line.startswith(b"W ") and _WAKE.fullmatch(line):
                lines = self._read_wakeup(line, lines)
            else:
                rest.append(line)
        if any(line.strip() for line in rest):
            self.residue.append(b"\n".join(rest))

    def _read_wakeup(self, head: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Read the stack of a ``W`` record; return the lines behind it."""
        match = _WAKE.fullmatch(head)
        assert match is not None
        rest = list(lines)
        stack, end = self._read_stack(rest)
        key = Key("wakeup", "", decode(match.group(5)))
        self.parsed.add("events", key, stack, (1,), 1)
        return iter(rest[end:])

    def _problem(self, kind: str, text: str) -> None:
        self.parsed.problems.append(Problem(kind, text, self._file, severity="loss"))

    def _events(self) -> Events:
        try:
            return self._rows.events(self._keys, self._stacks)
        except (ValueError, OverflowError):
            # Only now is it sure that a number is none: looking at each would cost every good file.
            for text in self._rows.drop_unfit():
                self._problem("bad-event", f"not an event: {quote(text)}; left out")
            return self._rows.events(self._keys, self._stacks)
