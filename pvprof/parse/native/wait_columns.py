"""Wait records as numpy columns: whole pieces of pvprof's own grammar at once, and single rows.

The first byte of a line says what it is, and the words of all heads become columns of numbers
without an object for each. That only works if every record is regular: any other one raises an
error, and nothing of the piece is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.parse.line_cache import FallBackError, Numbering
from pvprof.parse.native.halves import COLUMNS, Switches, narrow
from pvprof.parse.native.wait_rows import NO_WAIT, Rows
from pvprof.parse.text.line_fields import ROW_BYTES, LineFields

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Bools, Ints

# Kinds of lines, by their first byte; a piece with any other line is refused.
_OTHER, _BODY, _DOT, _SLEEP, _WAKE, _EXIT, _RETURN = range(7)
_FIRST_BYTES = {
    b" ": _BODY,
    b"^": _BODY,
    b"\n": _BODY,
    b".": _DOT,
    b"S": _SLEEP,
    b"W": _WAKE,
    b"X": _EXIT,
    b"R": _RETURN,
}
_KIND = np.zeros(256, dtype=np.uint8)
_KIND[[byte[0] for byte in _FIRST_BYTES]] = list(_FIRST_BYTES.values())
# Whether the text behind a line of a kind is in a record.
_IS_INSIDE = np.array([0, 1, 0, 1, 1, 1, 0], dtype=np.int8)
# Positions of the words after the letter; the fields are the last.
_TIME, _TID, _PID, _CPU, _MECHANISM, _OBJECT, _OWNER, _FIELDS = range(8)
_WOKEN_AT, _SLEEPER, _WAKER, _WAKER_CPU, _WAKE_FIELDS = range(5)
_ENDED_AT, _ENDED_TID, _ENDED_PID, _ENDED_CPU, _EXIT_FIELDS = range(5)
_RETURNED_AT, _RETURNED_TID, _RETURNED_CPU, _RETURNED_WAIT = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The lines of a piece and their kinds.

    ::

        S 100 7 ...         kind  _SLEEP    is inside  1
        (empty)                   _BODY                1
                  frame           _BODY                1
        .                         _DOT                 0
        R 130 7 0                 _RETURN              0

    Attributes:
        piece: the text, and zeros behind it.
        starts, ends: of each line, the end without the newline.
        kind: of each line.
        heads: the number of the first line of each record.
        dots: the number of its last line.
    """

    piece: bytes
    starts: Ints
    ends: Ints
    kind: npt.NDArray[np.uint8]
    heads: Ints
    dots: Ints

    @classmethod
    def of(cls, piece: bytes) -> _Lines:
        """Return the lines of a piece, which ends with a newline.

        Raises:
            FallBackError: a line is irregular.
        """
        text = np.frombuffer(piece, dtype=np.uint8)
        ends = np.flatnonzero(text == ord("\n"))
        starts = np.append(0, ends[:-1] + 1)
        kind = _KIND.take(text.take(starts))
        is_inside = _IS_INSIDE.take(kind)
        is_head, is_dot = (kind >= _SLEEP) & (kind <= _EXIT), kind == _DOT
        depth = np.cumsum(is_head.astype(np.int8) - is_dot, dtype=np.int32)
        dots = np.flatnonzero(is_dot)
        if (kind == _OTHER).any() or (depth != is_inside).any() or depth[-1]:
            raise FallBackError
        if (ends[dots] - starts[dots] != 1).any():
            raise FallBackError
        return cls(piece + bytes(ROW_BYTES), starts, ends, kind, np.flatnonzero(is_head), dots)

    def fields(self, lines: Ints | Bools, words: int) -> LineFields:
        """Return the words of some lines.

        Raises:
            FallBackError: a line has fewer words.
        """
        return LineFields(self.piece, self.starts[lines], self.ends[lines], words)


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
        FallBackError: a record is irregular.
    """
    if b"\0" in piece:
        raise FallBackError
    lines = _Lines.of(piece)
    kind = lines.kind[lines.heads]
    sleeps = lines.fields(lines.heads[kind == _SLEEP], _FIELDS + 1)
    wakes = lines.fields(lines.heads[kind == _WAKE], _WAKE_FIELDS + 1)
    exits = lines.fields(lines.heads[kind == _EXIT], _EXIT_FIELDS + 1)
    begins = np.empty(len(kind), dtype=np.int64)
    begins[kind == _SLEEP] = sleeps.offset(_FIELDS)
    begins[kind == _WAKE] = wakes.offset(_WAKE_FIELDS)
    begins[kind == _EXIT] = exits.offset(_EXIT_FIELDS)
    tails = zip(begins.tolist(), (lines.starts[lines.dots] - 1).tolist(), strict=True)
    fields, stack_ids = _columns([tail_of[piece[begin:end]] for begin, end in tails], 2)
    spelled: Numbering[bytes] = Numbering()
    spelling = np.fromiter(map(spelled.__getitem__, fields), dtype=np.int64, count=len(fields))
    stack_id = np.array(stack_ids, dtype=np.int32)

    def keys_of(mechanisms: list[bytes], mechanism: Ints | int, of_kind: int) -> Ints:
        """Return the key ids of the records of a kind; each key is looked up once."""
        code = spelling[kind == of_kind] * len(mechanisms) + mechanism
        distinct, first = np.unique(code, return_index=True)
        texts, ids = list(spelled), np.empty(len(distinct), dtype=np.int32)
        for place in np.argsort(first).tolist():  # keys are numbered in the order of the text
            text, number = divmod(int(distinct[place]), len(mechanisms))
            ids[place] = key_ids[mechanisms[number], texts[text]]
        found: Ints = ids[np.searchsorted(distinct, code)]
        return found

    wake_key_id = keys_of([b"wakeup"], 0, _WAKE)
    first, mechanism = sleeps.distinct([_MECHANISM])
    mechanisms = [sleeps.text(_MECHANISM, line) for line in first.tolist()]
    key_id = keys_of(mechanisms, mechanism, _SLEEP)
    is_sleep, time, tid, wait = _switches(lines, sleeps)
    return Switches(
        time_ns=time,
        tid=narrow(tid),
        wait_ns=narrow(wait),
        is_sleep=is_sleep,
        pid=narrow(sleeps.decimals(_PID)),
        cpu=narrow(sleeps.decimals(_CPU)),
        owner_tid=narrow(sleeps.decimals(_OWNER)),
        object_address=sleeps.addresses(_OBJECT),
        key_id=key_id,
        stack_id=stack_id[kind == _SLEEP],
        wake_ns=wakes.decimals(_WOKEN_AT),
        wake_tid=narrow(wakes.decimals(_SLEEPER)),
        waker_tid=narrow(wakes.decimals(_WAKER)),
        wake_cpu=narrow(wakes.decimals(_WAKER_CPU)),
        wake_key_id=wake_key_id,
        wake_stack_id=stack_id[kind == _WAKE],
        exit_ns=exits.decimals(_ENDED_AT),
        exit_tid=narrow(exits.decimals(_ENDED_TID)),
        exit_pid=narrow(exits.decimals(_ENDED_PID)),
        exit_key_id=keys_of([b"exit"], 0, _EXIT),
        keys=(),
        stacks=(),
    )


def _switches(lines: _Lines, sleeps: LineFields) -> tuple[Bools, Ints, Ints, Ints]:
    """Return columns for all ``S`` and ``R``: whether it is an ``S``, its time, thread, wait.

    Raises:
        FallBackError: an ``R`` is irregular.
    """
    kind = lines.kind[(lines.kind == _SLEEP) | (lines.kind == _RETURN)]
    is_sleep: Bools = kind == _SLEEP
    numbers = np.flatnonzero(lines.kind == _RETURN)
    returns = lines.fields(numbers, _RETURNED_CPU + 1)
    returns.decimals(_RETURNED_CPU)  # it must be a number
    measured = lines.fields(numbers[returns.has_more], _RETURNED_WAIT + 1)
    if measured.has_more.any():
        raise FallBackError
    wait = np.full(len(kind), NO_WAIT, dtype=np.int64)
    wait[np.flatnonzero(~is_sleep)[returns.has_more]] = measured.decimals(_RETURNED_WAIT)
    time, tid = np.empty((2, len(kind)), dtype=np.int64)
    time[is_sleep], time[~is_sleep] = sleeps.decimals(_TIME), returns.decimals(_RETURNED_AT)
    tid[is_sleep], tid[~is_sleep] = sleeps.decimals(_TID), returns.decimals(_RETURNED_TID)
    return is_sleep, time, tid, wait


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
