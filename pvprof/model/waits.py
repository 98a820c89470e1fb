"""Single waits and wake-ups, as tables of one row each.

Import it only if there are single waits, or for annotations: it imports numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.model.column_table import ColumnTable
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack

if TYPE_CHECKING:
    from pvprof.model.arrays import Addresses, Ints


@dataclass(frozen=True, slots=True, eq=False)
class WaitTable(ColumnTable):
    """One row for each recorded wait, in the order of the file (not of time).

    All arrays are one-dimensional and of equal length. Those that are int32 here are int64 if a
    value needs it: there may be millions of rows. So products of them are computed in int64.

    Attributes:
        start_ns, wait_ns: int64; on the recording's monotonic clock.
        pid, tid, cpu: int32; -1 if not recorded.
        owner_tid: int32; 0 if there is no owner or none was recorded.
        object_address: uint64; the lock object or wait channel, 0 if unknown.
        key_id, stack_id: int32 indices into `keys` and `stacks`.
        keys, stacks: the distinct keys and stacks.
    """

    start_ns: Ints
    wait_ns: Ints
    pid: Ints
    tid: Ints
    cpu: Ints
    owner_tid: Ints
    object_address: Addresses
    key_id: Ints
    stack_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def code_width(self) -> int:
        """The factor of the key in `codes`: ``divmod`` by it gives the key and the stack back."""
        return max(len(self.stacks), 1)

    def codes(self, rows: Ints | slice = slice(None)) -> Ints:
        """Return one int64 for the key and the stack of each row."""
        return self.key_id[rows].astype(np.int64) * self.code_width + self.stack_id[rows]

    def with_ids(self, ids: Literal["pid", "tid"]) -> WaitTable:
        """Return the table with the process of each wait, or with both ids, in its key."""
        ids_of_row = np.column_stack((self.key_id, self.pid, self.tid))
        ids_of_row = ids_of_row if ids == "tid" else ids_of_row[:, :2]
        found, key_id = np.unique(ids_of_row, axis=0, return_inverse=True)
        keys = tuple(
            self.keys[number]._replace(**dict(zip(("pid", "tid"), thread, strict=False)))
            for number, *thread in found.tolist()
        )
        return replace(self, keys=keys, key_id=key_id.reshape(-1))

    def profile(self) -> Profile:
        """Return the exact sum and the count of the waits, by key and stack.

        One code for each key and stack; sorted, equal codes are a segment with one sum::

            code of key and stack    5   0   5   0   7
            ordered                  0   0 | 5   5 | 7
            starts                   0       2       4
        """
        profile = Profile("ns", True)
        if not len(self):
            return profile
        code = self.codes()
        order = np.argsort(code, kind="stable")
        ordered = code[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        waits = self.wait_ns[order]
        if int(waits.max()) * len(waits) > INT64_MAX:  # may not fit: add up as Python's integers
            waits = waits.astype(object)
        sums = np.add.reduceat(waits, starts).tolist()
        counts = np.diff(np.append(starts, len(ordered))).tolist()
        for key_and_stack, value, count in zip(ordered[starts].tolist(), sums, counts, strict=True):
            key_id, stack_id = divmod(key_and_stack, self.code_width)
            profile.add(self.keys[key_id], self.stacks[stack_id], Weight(value, count, count))
        return profile


@dataclass(frozen=True, slots=True, eq=False)
class WakeupTable(ColumnTable):
    """One row for each recorded wake-up, in the order of the file (not of time).

    All arrays are one-dimensional and of equal length.

    Attributes:
        time_ns: int64; on the clock of the waits of the same recording.
        sleeper_tid, waker_tid, cpu: int64; the thread that was woken, the thread that woke it (an
            interrupt borrows any thread), and the CPU.
        row: int64; the row of the ended wait in the `WaitTable`, each at most once; -1: none.
        key_id, stack_id: int64 indices into `keys` and `stacks`.
        keys, stacks: the distinct keys and stacks of wakers.
    """

    time_ns: Ints
    sleeper_tid: Ints
    waker_tid: Ints
    cpu: Ints
    row: Ints
    key_id: Ints
    stack_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    def __len__(self) -> int:
        return len(self.time_ns)

    def moved(self, events: int) -> WakeupTable:
        """Return the same wake-ups for a table with `events` rows in front of their waits."""
        return replace(self, row=self.row + events * (self.row >= 0))
