"""Wait records as numpy columns: whole pieces of pvprof's own grammar at once, and single rows.

A piece is split by C functions of bytes, and each column of numbers is read in one call. That is
ten times as fast as a loop over lines, but only works if every record is regular: any other one
raises an error, and nothing of the piece is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.parse.line_cache import FallBackError
from pvprof.parse.native.halves import COLUMNS, Switches, narrow
from pvprof.parse.native.wait_rows import NO_WAIT, Rows, read_return

if TYPE_CHECKING:
    from pvprof.model.arrays import Addresses, Bools, Ints

_ADDRESS_DIGITS = 16
# Comes before the W of a wake-up and the X of an end while a piece is split, in place of an S. A
# piece with this byte is refused before.
_MARK = b"\0"
_WAKE, _EXIT = _MARK + b"W ", _MARK + b"X "
# Positions of the words of an S and of a W line after the letter; the fields are the last.
_TIME, _TID, _PID, _CPU, _MECHANISM, _OBJECT, _OWNER, _FIELDS = range(8)
_WOKEN_AT, _SLEEPER, _WAKER, _WAKER_CPU, _WAKE_FIELDS = range(5)
_ENDED_AT, _ENDED_TID, _ENDED_PID, _ENDED_CPU, _EXIT_FIELDS = range(5)


@dataclass(slots=True)
class _SplitPiece:
    """The records of a piece, split into words.

    Attributes:
        returns: the ``R`` lines before the first record, then those after each.
        sleeps, wakes, exits: the words of each ``S``, ``W`` and ``X``.
        tails, wake_tails, exit_tails: the fields and the stack id of each.
        positions: of each ``S`` among all records of the piece.
    """

    returns: list[bytes]
    sleeps: list[list[bytes]] = field(default_factory=list)
    tails: list[tuple[bytes, int]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    wakes: list[list[bytes]] = field(default_factory=list)
    wake_tails: list[tuple[bytes, int]] = field(default_factory=list)
    exits: list[list[bytes]] = field(default_factory=list)
    exit_tails: list[tuple[bytes, int]] = field(default_factory=list)


def read_piece(
    piece: bytes,
    key_ids: Mapping[tuple[bytes, bytes], int],
    tail_of: Mapping[bytes, tuple[bytes, int]],
) -> Switches:
    """Return the columns of a piece of whole records.

    Args:
        piece: the text.
        key_ids: the key id by mechanism and text of the fields.
        tail_of: the text of the fields, and the stack id, by the text between an owner and a dot.

    Raises:
        FallBackError, ValueError, OverflowError, IndexError: a record is irregular.
    """
    if _MARK in piece:
        raise FallBackError
    text = b"\n" + piece.removesuffix(b"\n")
    # A one-byte search is 40 times faster and rules out most pieces.
    for letter, mark in ((b"W", _WAKE), (b"X", _EXIT)):
        if letter in text and b"\n" + letter + b" " in text:
            text = text.replace(b"\n" + letter + b" ", b"\nS " + mark)
    return _part(_split(text.split(b"\nS "), tail_of), key_ids)


def _split(records: list[bytes], tail_of: Mapping[bytes, tuple[bytes, int]]) -> _SplitPiece:
    """Return records, of which the first is what comes before all, split into words.

    Raises:
        FallBackError, IndexError: a record is irregular.
    """
    first, *others = records
    split = _SplitPiece([first])
    sleeps, tails, returns = split.sleeps, split.tails, split.returns
    for position, record in enumerate(others):
        if record.startswith(_MARK):
            words = record[len(_WAKE) :].split(b" ", _WAKE_FIELDS)
            tail, dot, behind = words[_WAKE_FIELDS].partition(b"\n.")
            is_wake = record.startswith(_WAKE)
            (split.wakes if is_wake else split.exits).append(words)
            (split.wake_tails if is_wake else split.exit_tails).append(tail_of[tail])
        else:
            words = record.split(b" ", _FIELDS)
            tail, dot, behind = words[_FIELDS].partition(b"\n.")
            sleeps.append(words)
            tails.append(tail_of[tail])
            split.positions.append(position)
        if not dot:
            raise FallBackError
        returns.append(behind)
    return split


def _part(split: _SplitPiece, key_ids: Mapping[tuple[bytes, bytes], int]) -> Switches:
    """Return the columns of a piece.

    Raises:
        FallBackError, ValueError, OverflowError: a record is irregular.
    """
    sleeps = _columns(split.sleeps, _FIELDS + 1)
    wakes = _columns(split.wakes, _WAKE_FIELDS + 1)
    exits = _columns(split.exits, _EXIT_FIELDS + 1)
    fields, stack_id = _columns(split.tails, 2)
    wake_fields, wake_stack_id = _columns(split.wake_tails, 2)
    exit_fields, _ = _columns(split.exit_tails, 2)
    text = b"".join(split.returns)
    is_sleep = _are_sleeps(split, text)
    returns = _return_columns(text, int((~is_sleep).sum()))

    def both(of_sleeps: Ints, of_returns: Ints) -> Ints:
        values = np.empty(len(is_sleep), dtype=np.int64)
        values[is_sleep], values[~is_sleep] = of_sleeps, of_returns
        return values

    tid = both(_integers(sleeps[_TID]), returns[1])
    key_id = map(key_ids.__getitem__, zip(sleeps[_MECHANISM], fields, strict=True))
    wake_key_id = [key_ids[b"wakeup", text] for text in wake_fields]
    return Switches(
        time_ns=both(_integers(sleeps[_TIME]), returns[0]),
        tid=narrow(tid),
        wait_ns=narrow(both(np.full(len(split.sleeps), NO_WAIT), returns[2])),
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
        exit_ns=_integers(exits[_ENDED_AT]),
        exit_tid=narrow(_integers(exits[_ENDED_TID])),
        exit_pid=narrow(_integers(exits[_ENDED_PID])),
        exit_key_id=np.array([key_ids[b"exit", text] for text in exit_fields], dtype=np.int32),
        keys=(),
        stacks=(),
    )


def _are_sleeps(split: _SplitPiece, text: bytes) -> Bools:
    """Tell of each ``S`` and ``R`` of a piece, in the order of the file, whether it is an ``S``.

    The index of an ``S`` is the number of ``R`` plus the number of ``S`` before it::

        text            R R S W R S R       letters of the lines
        returns         [R R] [] [R] [R]    before the first S or W, after each
        returns_before      2     3         for each S
        index               2     4

    Args:
        split: the piece.
        text: all its ``R`` lines, each preceded by a newline.
    """
    newlines = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))
    ends = np.cumsum(np.fromiter(map(len, split.returns), dtype=np.int64))
    returns_before = np.searchsorted(newlines, ends)[split.positions]
    is_sleep = np.zeros(len(split.positions) + len(newlines), dtype=np.bool_)
    is_sleep[returns_before + np.arange(len(split.positions))] = True
    return is_sleep


def columns_of_rows(rows: Rows) -> Switches:
    """Return the columns of rows that were added one by one."""
    switches = _columns(rows.switches, 4)
    sleeps = _columns(rows.sleeps, 6)
    wakes = _columns(rows.wakes, 6)
    exits = _columns(rows.exits, 4)
    names = ("pid", "cpu", "owner_tid", "object_address", "key_id", "stack_id")
    wake_names = [name for name in COLUMNS if name.startswith("wake")]
    exit_names = [name for name in COLUMNS if name.startswith("exit")]
    columns = dict(zip(("time_ns", "tid", "wait_ns", "is_sleep"), switches, strict=True))
    columns |= dict(zip(names, sleeps, strict=True)) | dict(zip(wake_names, wakes, strict=True))
    columns |= dict(zip(exit_names, exits, strict=True))
    types = {"is_sleep": np.bool_, "object_address": np.uint64}
    arrays: dict[str, Any] = {
        name: np.array(columns[name], dtype=types.get(name, np.int64)) for name in COLUMNS
    }
    wide = {"time_ns", "wake_ns", "exit_ns", *types}
    narrowed = {name: narrow(arrays[name]) for name in COLUMNS if name not in wide}
    return Switches(**(arrays | narrowed), keys=(), stacks=())


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[tuple[Any, ...]]:
    """Return rows as columns.

    Raises:
        ValueError: a row has another width.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    if len(columns) != width:
        raise ValueError
    return columns


def _integers(texts: Sequence[bytes]) -> Ints:
    """Return a column of decimal numbers, all read in one call to C.

    Raises:
        ValueError, OverflowError: a text is no number, or does not fit.
    """
    text = b" ".join(texts)
    if text.translate(None, b"0123456789 ") or b"" in texts:
        raise ValueError
    return _read_integers(text, len(texts))


def _read_integers(text: bytes, count: int) -> Ints:
    if not count:
        return np.empty(0, dtype=np.int64)
    values = np.fromstring(text, dtype=np.int64, sep=" ")
    # numpy reads a number that does not fit as the largest one.
    if len(values) != count or int(values.max()) == INT64_MAX:
        raise OverflowError
    return values


def _addresses(texts: Sequence[bytes]) -> Addresses:
    """Return a column of hex numbers.

    Raises:
        ValueError: a text is no such number.
    """
    joined = b"".join(texts)
    if joined.translate(None, b"0123456789abcdef") or b"" in texts:
        raise ValueError
    if set(map(len, texts)) == {_ADDRESS_DIGITS}:
        return np.frombuffer(bytes.fromhex(joined.decode()), dtype=">u8").astype(np.uint64)
    return np.array([int(text, 16) for text in texts], dtype=np.uint64)


def _return_columns(text: bytes, count: int) -> tuple[Ints, Ints, Ints]:
    """Return time, thread and wait of `count` lines ``R``, each preceded by a newline.

    Raises:
        FallBackError, ValueError, OverflowError: a line is no such line.
    """
    shape = text.translate(None, b"0123456789")
    for width in (3, 4):
        if shape == (b"\nR" + b" " * width) * count:
            table = _read_integers(text.replace(b"\nR", b""), count * width).reshape(count, width)
            waits = table[:, 3] if width == 4 else np.full(count, NO_WAIT)
            return table[:, 0], table[:, 1], waits
    rows = [read_return(line) for line in text.split(b"\n")[1:]]
    if None in rows:
        raise FallBackError
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]
