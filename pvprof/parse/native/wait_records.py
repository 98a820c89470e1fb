r"""The events of pvprof's own grammar: ``S``, ``R`` and ``W`` records to columns.

::

    S 261831093548 100159 13373 0 turnstile fffff8004309a880 100107 name=9:vm object exec=2:sh
                                                     time, tid, pid, cpu, event, object, owner's
                                                     tid (0: none), fields; a blank line
                  kernel`turnstile_wait+0x332        frames; a blank line
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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pvprof.model.profile import Key
from pvprof.model.stacks import Stack, stack_of
from pvprof.parse.native.fields import CutOffError, DamagedError, read_fields
from pvprof.parse.native.join import COLUMNS, NO_WAIT, Switches, concatenate, narrow
from pvprof.parse.text.frames import FrameNames, decode

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.parse.native.join import Ints

INT64_MAX = (1 << 63) - 1

_EVENT = re.compile(rb"[a-z][a-z0-9-]*")
_RETURN = re.compile(rb"R ([0-9]{1,19}) ([0-9]{1,19}) [0-9]{1,19}(?: ([0-9]{1,19}))?")
_ADDRESS_DIGITS = 16
_INDENT = b"        "
# Stands for the W of a wake-up while a piece is split, and in no text that is read that way.
_MARK = b"\0"
# The words of an S and of a W line behind the letter; the fields are the last.
_TIME, _TID, _PID, _CPU, _KIND, _OBJECT, _OWNER, _FIELDS = range(8)
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


class _Tails(dict[bytes, tuple[bytes, int]]):
    """The fields and the number of the stack, by all that stands between an owner and a dot."""

    def __init__(self, names: FrameNames) -> None:
        self._names = names
        self.numbers: dict[Stack, int] = {}

    def __missing__(self, tail: bytes) -> tuple[bytes, int]:
        fields, _, body = tail.partition(b"\n")
        frames: list[str] = []
        for line in body.split(b"\n"):
            if not line:
                continue
            if not line.startswith(_INDENT) or not line.strip():
                raise _NotPlainError
            frames.extend(self._names[line])
        found = self[tail] = (fields, self.number(stack_of(reversed(frames))))
        return found

    def number(self, stack: Stack) -> int:
        """Return the number of a stack, a new one if it was not seen before."""
        return self.numbers.setdefault(stack, len(self.numbers))


@dataclass(slots=True)
class _Rows:
    """Rows that wait to become columns, each in the order of the columns of `Switches`."""

    switches: list[tuple[int, int, int, bool]]
    sleeps: list[tuple[int, int, int, int, int, int]]
    wakes: list[tuple[int, int, int, int, int, int]]


@dataclass(slots=True)
class _Plain:
    """The records of a piece, split.

    Attributes:
        sleeps, wakes: the words of each ``S`` and ``W``.
        tails, wake_tails: the fields and the number of the stack of each.
        places: which of all records each ``S`` is.
        returns: the ``R`` lines before the first record, then those behind each.
    """

    returns: list[bytes]
    sleeps: list[list[bytes]] = field(default_factory=list)
    tails: list[tuple[bytes, int]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    wakes: list[list[bytes]] = field(default_factory=list)
    wake_tails: list[tuple[bytes, int]] = field(default_factory=list)


class SleepReader:
    """Gathers the events of one text."""

    def __init__(self, names: FrameNames) -> None:
        self._keys = _KeyIds()
        self._tails = _Tails(names)
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
        self._rows.sleeps.append((pid, cpu, owner, place, key, self._tails.number(stack)))
        return True

    def add_return(self, time: int, tid: int, wait: int) -> bool:
        """Add an ``R`` record; False if a number does not fit."""
        if max(time, tid, wait) > INT64_MAX:
            return False
        self._rows.switches.append((time, tid, wait, False))
        return True

    def add_wake(self, words: Sequence[bytes], fields: dict[bytes, bytes], stack: Stack) -> bool:
        """Add a ``W`` record: its words behind the ``W``; False if a number does not fit."""
        time, sleeper, waker, cpu = (int(words[place]) for place in range(_WAKE_FIELDS))
        if max(time, sleeper, waker, cpu) > INT64_MAX:
            return False
        key = self._keys.number(event_key(b"wakeup", fields))
        self._rows.wakes.append((time, sleeper, waker, cpu, key, self._tails.number(stack)))
        return True

    def feed(self, piece: bytes) -> bool:
        """Add a piece of whole records if all of it is plain; else add nothing and return False."""
        if _MARK in piece:
            return False
        text = b"\n" + piece.removesuffix(b"\n")
        # To look for one byte takes a fortieth of the time, and most texts have not even that.
        if b"W" in text and b"\nW " in text:
            text = text.replace(b"\nW ", b"\nS " + _MARK)
        first, *records = text.split(b"\nS ")
        plain = _Plain([first])
        try:
            self._split(records, plain)
            part = self._part(plain)
        except (_NotPlainError, ValueError, OverflowError, IndexError):
            return False
        self._flush()
        self._parts.append(part)
        return True

    def _split(self, records: list[bytes], plain: _Plain) -> None:
        """Split records into what becomes columns.

        Raises:
            _NotPlainError, IndexError: one is not as it mostly is.
        """
        sleeps, tails, returns, known = plain.sleeps, plain.tails, plain.returns, self._tails
        for place, record in enumerate(records):
            if record.startswith(_MARK):
                words = record[len(_MARK) :].split(b" ", _WAKE_FIELDS)
                tail, dot, behind = words[_WAKE_FIELDS].partition(b"\n.")
                plain.wakes.append(words)
                plain.wake_tails.append(known[tail])
            else:
                words = record.split(b" ", _FIELDS)
                tail, dot, behind = words[_FIELDS].partition(b"\n.")
                sleeps.append(words)
                tails.append(known[tail])
                plain.places.append(place)
            if not dot:
                raise _NotPlainError
            returns.append(behind)

    def _part(self, plain: _Plain) -> Switches:
        """Return the columns of a piece.

        Raises:
            _NotPlainError, ValueError, OverflowError: something in it is not as it mostly is.
        """
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        sleeps = _columns(plain.sleeps, _FIELDS + 1)
        wakes = _columns(plain.wakes, _WAKE_FIELDS + 1)
        fields, stack_id = _columns(plain.tails, 2)
        wake_fields, wake_stack_id = _columns(plain.wake_tails, 2)
        text = b"".join(plain.returns)
        newlines = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))
        ends = np.cumsum(np.fromiter(map(len, plain.returns), dtype=np.int64))
        returns = _return_columns(text, len(newlines))
        returns_before = np.searchsorted(newlines, ends)[plain.places]
        place = returns_before + np.arange(len(plain.places))
        is_sleep = np.zeros(len(place) + len(returns[0]), dtype=np.bool_)
        is_sleep[place] = True

        def both(of_sleeps: Ints, of_returns: Ints) -> Ints:
            values = np.empty(len(is_sleep), dtype=np.int64)
            values[is_sleep], values[~is_sleep] = of_sleeps, of_returns
            return values

        tid = both(_integers(sleeps[_TID]), returns[1])
        key_id = map(self._keys.__getitem__, zip(sleeps[_KIND], fields, strict=True))
        wake_key_id = [self._keys[b"wakeup", text] for text in wake_fields]
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
            stack_id=np.array(stack_id, dtype=np.int32),
            wake_ns=_integers(wakes[_WOKEN_AT]),
            wake_tid=narrow(_integers(wakes[_SLEEPER])),
            waker_tid=narrow(_integers(wakes[_WAKER])),
            wake_cpu=narrow(_integers(wakes[_WAKER_CPU])),
            wake_key_id=np.array(wake_key_id, dtype=np.int32),
            wake_stack_id=np.array(wake_stack_id, dtype=np.int32),
            keys=(),
            stacks=(),
        )

    def finish(self) -> Switches | None:
        """Return all that was gathered, or None: there were no events."""
        self._flush()
        if not self._parts:
            return None
        return concatenate(self._parts, tuple(self._keys.numbers), tuple(self._tails.numbers))

    def _flush(self) -> None:
        """Make columns of the rows that were added one by one, to keep the order of the file."""
        import numpy as np  # noqa: PLC0415

        rows = self._rows
        if not rows.switches and not rows.wakes:
            return
        switches = _columns(rows.switches, 4)
        sleeps = _columns(rows.sleeps, 6)
        wakes = _columns(rows.wakes, 6)
        names = ("pid", "cpu", "owner_tid", "object_address", "key_id", "stack_id")
        wake_names = [name for name in COLUMNS if name.startswith("wake")]
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

    joined = b"".join(texts)
    if joined.translate(None, b"0123456789abcdef") or b"" in texts:
        raise ValueError
    if set(map(len, texts)) == {_ADDRESS_DIGITS}:
        return np.frombuffer(bytes.fromhex(joined.decode()), dtype=">u8").astype(np.uint64)
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
