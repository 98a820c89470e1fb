r"""The wait records of pvprof's own grammar: ``S``, ``R``, ``W``, ``X``; the recorder of waits.

::

    S 261831093548 100159 13373 0 turnstile fffff8004309a880 100107 name=9:vm object exec=2:sh
                                                     time, tid, pid, CPU, mechanism, object, owner's
                                                     tid (0: none), fields; a blank line
                  kernel`turnstile_wait+0x332        frames; a blank line
    .
    R 261874135318 100159 2                          the thread runs again: time, tid, CPU
    R 261874135318 100159 2 43041770                 the same, the wait measured by the kernel
    W 881664019048 100060 100010 7 exec=4:idle       a wake-up: time, sleeper, waker, CPU, fields;
                                                     then a stack and a dot, as for S
    X 881664023048 100060 100015 7 exec=2:sh         a thread ends: time, tid, pid, CPU, fields
    .

Owns `WaitRecorder`, which every reader of single waits fills: record by record, or (`add_plain`) by
whole pieces of this grammar if each of their lines is regular. A piece with any other line (part of
a name, a message) is refused; ``reader`` then reads it record by record.
The columns are made in ``wait_columns``, which is only imported if there are waits: it needs numpy.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pvprof.model.arrays import INT64_MAX
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack, stack_of
from pvprof.parse.line_cache import FallBackError, LineCache, Numbering
from pvprof.parse.native.fields import (
    INNER_MARK,
    CutOffError,
    DamagedError,
    read_fields,
    record_key,
    with_inner_frames,
)
from pvprof.parse.native.wait_rows import NO_WAIT, Exit, Rows, Sleep, WakeRecord
from pvprof.parse.text.frames import FrameNames

if TYPE_CHECKING:
    from pvprof.parse.native.halves import Switches

_MECHANISM = re.compile(rb"[a-z][a-z0-9-]*")
_INDENT = b"        "
_ROWS_PER_PART = 1 << 16


def _parse_key(keys: Numbering[Key], spelled: tuple[bytes, bytes]) -> int:
    """Return the key id of a mechanism and the text of the fields.

    Raises:
        FallBackError: they are damaged.
    """
    mechanism, text = spelled
    try:
        fields, _ = read_fields(b" " + text + b"\n", 0)
    except (DamagedError, CutOffError) as error:
        raise FallBackError from error
    if not _MECHANISM.fullmatch(mechanism):
        raise FallBackError
    return keys[record_key(mechanism, fields)]


def _parse_tail(
    frame_names: FrameNames, stacks: Numbering[Stack], tail: bytes
) -> tuple[bytes, int]:
    """Return the fields and the stack id of the text between an owner and a dot.

    Raises:
        FallBackError: a line is no frame.
    """
    fields, _, body = tail.partition(b"\n")
    lines = [line for line in body.split(b"\n") if line]
    if not all(line.startswith((_INDENT, INNER_MARK)) and line.strip() for line in lines):
        raise FallBackError
    frames = [frame for line in with_inner_frames(lines) for frame in frame_names[line]]
    return fields, stacks[stack_of(reversed(frames))]


class WaitRecorder:
    """Collects the halves of waits of one text, in the order of the text."""

    def __init__(self, frame_names: FrameNames) -> None:
        self._keys: Numbering[Key] = Numbering()
        self._stacks: Numbering[Stack] = Numbering()
        self._key_ids = LineCache(partial(_parse_key, self._keys))
        self._tails = LineCache(partial(_parse_tail, frame_names, self._stacks))
        self._rows = Rows()
        self._parts: list[Switches] = []

    def add_sleep(self, sleep: Sleep, key: Key, stack: Stack) -> bool:
        """Add the beginning of a wait; return False, and add nothing, if a number does not fit."""
        time, tid, pid, cpu, owner, address = sleep
        # Also if one is negative; pid and owner may be -1.
        if (time | tid | (pid + 1) | cpu | (owner + 1)) >> 63:
            return False
        rows = self._rows
        rows.switches.append((time, tid, NO_WAIT, True))
        rows.sleeps.append((pid, cpu, owner, address, self._keys[key], self._stacks[stack]))
        self._limit_rows()
        return True

    def add_return(self, time_ns: int, tid: int, wait_ns: int = NO_WAIT) -> bool:
        """Add the end of a wait; return False, and add nothing, if a number does not fit."""
        if (time_ns | tid) >> 63 or wait_ns > INT64_MAX:
            return False
        self._rows.switches.append((time_ns, tid, wait_ns, False))
        self._limit_rows()
        return True

    def add_wake(self, wake: WakeRecord, key: Key, stack: Stack) -> bool:
        """Add a wake-up; return False, and add nothing, if a number does not fit."""
        time, sleeper, waker, cpu = wake
        if (time | sleeper | waker | cpu) >> 63:
            return False
        row = (time, sleeper, waker, cpu, self._keys[key], self._stacks[stack])
        self._rows.wakes.append(row)
        return True

    def add_exit(self, exit_: Exit, key: Key) -> bool:
        """Add the end of a thread; return False, and add nothing, if a number does not fit."""
        time, tid, pid, cpu = exit_
        if (time | tid | pid | cpu) >> 63:
            return False
        self._rows.exits.append((time, tid, pid, self._keys[key]))
        return True

    def add_plain(self, piece: bytes) -> bool:
        """Add a piece of whole records if all of it is regular; else add nothing, return False."""
        from pvprof.parse.native.wait_columns import read_piece  # noqa: PLC0415

        try:
            part = read_piece(piece, self._key_ids, self._tails)
        except (FallBackError, ValueError, OverflowError, IndexError):
            return False
        self._flush()
        self._parts.append(part)
        return True

    def finish(self) -> Switches | None:
        """Return everything that was added, or None if that is nothing."""
        self._flush()
        if not self._parts:
            return None
        from pvprof.parse.native.halves import concatenate  # noqa: PLC0415

        return concatenate(self._parts, tuple(self._keys), tuple(self._stacks))

    def _limit_rows(self) -> None:
        """Make columns of the rows if there are many: a row takes ten times the memory."""
        if len(self._rows.switches) >= _ROWS_PER_PART:
            self._flush()

    def _flush(self) -> None:
        """Make columns of the rows that were added one by one, to keep the order of the file."""
        rows = self._rows
        if rows.switches or rows.wakes or rows.exits:
            from pvprof.parse.native.wait_columns import columns_of_rows  # noqa: PLC0415

            self._parts.append(columns_of_rows(rows))
            self._rows = Rows()
