r"""The events of pvprof's own grammar: ``S``, ``R`` and ``W`` records to columns.

::

    S 261831093548 13373 100159 0 turnstile fffff8004309a880 100107 name=9:vm object exec=2:sh
                                                     time, pid... see `formats.md`; a blank line,
                  kernel`turnstile_wait+0x332        frames, a blank line,
                                                     and a dot
    .
    R 261874135318 100159 2                          the thread runs again, on which CPU
    R 261874135318 100159 2 43041770                 the same, the wait measured by the kernel
    W 881664019048 100060 100010 7 exec=4:idle       a wake-up; then a stack and a dot, as for S

There may be millions, so whole pieces of text are read at once where every line of them is as it
should be. Any doubt (a newline in a name, a message between the lines) leaves the piece to the
careful way, in ``native``, which hands over record by record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pvprof.model import Key, Stack, stack_of
from pvprof.parse.fields import CutOffError, DamagedError, read_fields
from pvprof.parse.frames import FrameNames, decode
from pvprof.parse.switches import COLUMNS, NO_WAIT, Switches, concatenate, narrow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.parse.switches import Ints

INT64_MAX = (1 << 63) - 1

_EVENT = re.compile(rb"[a-z][a-z0-9-]*")
_RETURN = re.compile(rb"R ([0-9]{1,19}) ([0-9]{1,19}) [0-9]{1,19}(?: ([0-9]{1,19}))?")
_INDENT = b"        "
_DIGITS = b"0123456789"
# Stands for the W of a wake-up while a piece is split, and in no text that is read that way.
_MARK = b"\0"
# The words of an S and of a W line behind the letter; the fields are the last.
_TIME, _PID, _TID, _CPU, _KIND, _OBJECT, _OWNER, _FIELDS = range(8)
_WOKEN_AT, _SLEEPER, _WAKER, _WAKER_CPU, _WAKE_FIELDS = range(5)


def read_return(line: bytes) -> tuple[int, int, int] | None:
    """Return time, thread and wait (or `NO_WAIT`) of an ``R`` line, or None if it is none."""
    match = _RETURN.fullmatch(line)
    if match is None:
        return None
    time, tid, wait = match.groups()
    return int(time), int(tid), NO_WAIT if wait is None else int(wait)


def event_key(event: bytes, fields: dict[bytes, bytes]) -> Key:
    """Return the key that an event and the fields of its record spell."""
    name, execname, sleeper, lock_class = (
        decode(fields.get(key, b"")) for key in (b"name", b"exec", b"sleeper", b"class")
    )
    return Key(decode(event), name, execname, sleeper, lock_class)


class _NotPlainError(LookupError):
    """Something in a piece is not as it mostly is."""


class _KeyIds(dict[tuple[bytes, bytes], int]):
    """The number of the key that an event and the text of the fields spell."""

    def __init__(self) -> None:
        self.numbers: dict[Key, int] = {}

    def __missing__(self, spelled: tuple[bytes, bytes]) -> int:
        event, text = spelled
        try:
            fields, _ = read_fields(b" " + text + b"\n", 0)
        except (DamagedError, CutOffError) as error:
            raise _NotPlainError from error
        if not _EVENT.fullmatch(event):
            raise _NotPlainError
        number = self[spelled] = self.number(event_key(event, fields))
        return number

    def number(self, key: Key) -> int:
        """Return the number of a key, a new one if it was not seen before."""
        return self.numbers.setdefault(key, len(self.numbers))


class _StackIds(dict[bytes, int]):
    """The number of the stack that stands between the head of a record and its dot."""

    def __init__(self, names: FrameNames) -> None:
        self._names = names
        self.numbers: dict[Stack, int] = {}

    def __missing__(self, body: bytes) -> int:
        frames: list[str] = []
        for line in body.split(b"\n"):
            if not line:
                continue
            if not line.startswith(_INDENT) or not line.strip():
                raise _NotPlainError
            frames.extend(self._names[line])
        number = self[body] = self.number(stack_of(reversed(frames)))
        return number

    def number(self, stack: Stack) -> int:
        """Return the number of a stack, a new one if it was not seen before."""
        return self.numbers.setdefault(stack, len(self.numbers))


@dataclass(slots=True)
class _Rows:
    """Rows that wait to become columns, each in the order of the columns of `Switches`."""

    switches: list[tuple[int, int, int, bool]]
    sleeps: list[tuple[int, int, int, int, int, int]]
    wakes: list[tuple[int, int, int, int]]


@dataclass(slots=True)
class _Plain:
    """The records of a piece, split: words, the numbers of stacks, the ``R`` lines between.

    `places` holds for each ``S`` how many texts of `returns` precede it, less one; the first of
    those stands before all records.
    """

    sleeps: list[list[bytes]]
    stacks: list[int]
    places: list[int]
    wakes: list[list[bytes]]
    wake_stacks: list[int]
    returns: list[bytes]


class SleepReader:
    """Gathers the events of one text."""

    def __init__(self, names: FrameNames) -> None:
        self._keys = _KeyIds()
        self._stacks = _StackIds(names)
        self._rows = _Rows([], [], [])
        self._parts: list[Switches] = []

    def add_sleep(self, words: Sequence[bytes], fields: dict[bytes, bytes], stack: Stack) -> bool:
        """Add an ``S`` record: its words behind the ``S``; False if a number does not fit."""
        time, pid, tid, cpu, owner = (
            int(words[place]) for place in (_TIME, _PID, _TID, _CPU, _OWNER)
        )
        if max(time, pid, tid, cpu, owner) > INT64_MAX:
            return False
        key = self._keys.number(event_key(words[_KIND], fields))
        place = int(words[_OBJECT], 16)
        self._rows.switches.append((time, tid, NO_WAIT, True))
        self._rows.sleeps.append((pid, cpu, owner, place, key, self._stacks.number(stack)))
        return True

    def add_return(self, time: int, tid: int, wait: int) -> bool:
        """Add an ``R`` record; False if a number does not fit."""
        if max(time, tid, wait) > INT64_MAX:
            return False
        self._rows.switches.append((time, tid, wait, False))
        return True

    def add_wake(self, words: Sequence[bytes], fields: dict[bytes, bytes], stack: Stack) -> bool:
        """Add a ``W`` record: its words behind the ``W``; False if a number does not fit."""
        time, sleeper = int(words[_WOKEN_AT]), int(words[_SLEEPER])
        if max(map(int, words)) > INT64_MAX:
            return False
        key = self._keys.number(event_key(b"wakeup", fields))
        self._rows.wakes.append((time, sleeper, key, self._stacks.number(stack)))
        return True

    def feed(self, piece: bytes) -> bool:
        """Add a piece of whole records if all of it is plain; else add nothing and return False."""
        if _MARK in piece:
            return False
        text = (b"\n" + piece.removesuffix(b"\n")).replace(b"\nW ", b"\nS " + _MARK)
        first, *records = text.split(b"\nS ")
        plain = _Plain([], [], [], [], [], [first])
        try:
            self._split(records, plain)
            part = self._part(plain)
        except (_NotPlainError, ValueError, OverflowError):
            return False
        self._flush()
        self._parts.append(part)
        return True

    def _split(self, records: list[bytes], plain: _Plain) -> None:
        """Split records into what becomes columns.

        Raises:
            _NotPlainError: one is not as it mostly is.
        """
        stack_ids, sleeps, stacks, returns = self._stacks, plain.sleeps, plain.stacks, plain.returns
        for record in records:
            head, _, rest = record.partition(b"\n")
            body, dot, behind = rest.partition(b"\n.")
            if not dot:
                raise _NotPlainError
            returns.append(behind)
            if head.startswith(_MARK):
                plain.wakes.append(head[len(_MARK) :].split(b" ", _WAKE_FIELDS))
                plain.wake_stacks.append(stack_ids[body])
                continue
            plain.places.append(len(returns) - 2)
            sleeps.append(head.split(b" ", _FIELDS))
            stacks.append(stack_ids[body])

    def _part(self, plain: _Plain) -> Switches:
        """Return the columns of a piece.

        Raises:
            _NotPlainError, ValueError, OverflowError: something in it is not as it mostly is.
        """
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        sleeps = _columns(plain.sleeps, _FIELDS + 1)
        wakes = _columns(plain.wakes, _WAKE_FIELDS + 1)
        counts = np.fromiter((text.count(b"\n") for text in plain.returns), dtype=np.int64)
        returns = _return_columns(b"".join(plain.returns), int(counts.sum()))
        place = np.cumsum(counts)[plain.places] + np.arange(len(plain.places))
        is_sleep = np.zeros(len(place) + len(returns[0]), dtype=np.bool_)
        is_sleep[place] = True

        def both(of_sleeps: Ints, of_returns: Ints) -> Ints:
            values = np.empty(len(is_sleep), dtype=np.int64)
            values[is_sleep], values[~is_sleep] = of_sleeps, of_returns
            return values

        tid = both(_integers(sleeps[_TID]), returns[1])
        key_id = map(self._keys.__getitem__, zip(sleeps[_KIND], sleeps[_FIELDS], strict=True))
        wake_key_id = [self._keys[b"wakeup", text] for text in wakes[_WAKE_FIELDS]]
        for column in (wakes[_WAKER], wakes[_WAKER_CPU]):
            _integers(column)  # not kept, but anything else than a number is damage
        return Switches(
            time_ns=both(_integers(sleeps[_TIME]), returns[0]),
            tid=narrow(tid),
            wait_ns=narrow(both(np.full(len(place), NO_WAIT), returns[2])),
            is_sleep=is_sleep,
            pid=narrow(_integers(sleeps[_PID])),
            cpu=narrow(_integers(sleeps[_CPU])),
            owner_tid=narrow(_integers(sleeps[_OWNER])),
            object_address=_addresses(sleeps[_OBJECT]),
            key_id=np.fromiter(key_id, dtype=np.int32),
            stack_id=np.array(plain.stacks, dtype=np.int32),
            wake_ns=_integers(wakes[_WOKEN_AT]),
            wake_tid=narrow(_integers(wakes[_SLEEPER])),
            wake_key_id=np.array(wake_key_id, dtype=np.int32),
            wake_stack_id=np.array(plain.wake_stacks, dtype=np.int32),
            keys=(),
            stacks=(),
        )

    def finish(self) -> Switches | None:
        """Return all that was gathered, or None: there were no events."""
        self._flush()
        if not self._parts:
            return None
        return concatenate(self._parts, tuple(self._keys.numbers), tuple(self._stacks.numbers))

    def _flush(self) -> None:
        """Make columns of the rows that were added one by one, to keep the order of the file."""
        import numpy as np  # noqa: PLC0415

        rows = self._rows
        if not rows.switches and not rows.wakes:
            return
        switches = _columns(rows.switches, 4)
        sleeps = _columns(rows.sleeps, 6)
        wakes = _columns(rows.wakes, 4)
        names = ("pid", "cpu", "owner_tid", "object_address", "key_id", "stack_id")
        wake_names = ("wake_ns", "wake_tid", "wake_key_id", "wake_stack_id")
        columns = dict(zip(("time_ns", "tid", "wait_ns", "is_sleep"), switches, strict=True))
        columns |= dict(zip(names, sleeps, strict=True)) | dict(zip(wake_names, wakes, strict=True))
        types = {"is_sleep": np.bool_, "object_address": np.uint64}
        arrays: dict[str, Any] = {
            name: np.array(columns[name], dtype=types.get(name, np.int64)) for name in COLUMNS
        }
        self._parts.append(Switches(**arrays, keys=(), stacks=()))
        self._rows = _Rows([], [], [])


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[tuple[Any, ...]]:
    """Return rows as columns.

    Raises:
        ValueError: a row is not so wide.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    if len(columns) != width:
        raise ValueError
    return columns


def _integers(texts: Sequence[bytes]) -> Ints:
    """Return a column of decimal numbers, all read at once, in C.

    Raises:
        ValueError, OverflowError: some text is none, or does not fit.
    """
    text = b" ".join(texts)
    if text.translate(None, b"0123456789 ") or b"" in texts:
        raise ValueError
    return _read_integers(text, len(texts))


def _read_integers(text: bytes, count: int) -> Ints:
    import numpy as np  # noqa: PLC0415

    if not count:
        return np.empty(0, dtype=np.int64)
    values = np.fromstring(text, dtype=np.int64, sep=" ")
    # What does not fit comes out as the largest number there is.
    if len(values) != count or int(values.max()) == INT64_MAX:
        raise OverflowError
    return values


def _addresses(texts: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    import numpy as np  # noqa: PLC0415

    if b"".join(texts).translate(None, b"0123456789abcdef") or b"" in texts:
        raise ValueError
    return np.array([int(text, 16) for text in texts], dtype=np.uint64)


def _return_columns(text: bytes, count: int) -> tuple[Ints, Ints, Ints]:
    """Return time, thread and wait of ``R`` lines, each of which a newline precedes.

    Raises:
        _NotPlainError, ValueError, OverflowError: some line is no such line.
    """
    import numpy as np  # noqa: PLC0415

    shape = text.translate(None, b"0123456789")
    for width in (3, 4):
        if shape == (b"\nR" + b" " * width) * count:
            table = _read_integers(text.replace(b"\nR", b""), count * width).reshape(count, width)
            waits = table[:, 3] if width == 4 else np.full(count, NO_WAIT)
            return table[:, 0], table[:, 1], waits
    rows = [read_return(line) for line in text.split(b"\n")[1:]]
    if None in rows:
        raise _NotPlainError
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]
