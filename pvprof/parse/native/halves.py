"""The halves of waits as columns, before they are joined.

Import it only if there are single waits: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.model.column_table import ColumnTable
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack

if TYPE_CHECKING:
    from pvprof.model.arrays import Addresses, Bools, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Switches(ColumnTable):
    """Columns of the records of threads that leave a CPU, run again, and are woken.

    Columns of integers are as narrow as their values allow, until they are joined.

    Attributes:
        time_ns, tid, wait_ns, is_sleep: one row for each ``S`` and ``R``, in the order of the file;
            `wait_ns` is `NO_WAIT` if it was not given.
        pid, cpu, owner_tid, object_address, key_id, stack_id: one row for each ``S``.
        wake_ns, wake_tid, waker_tid, wake_cpu, wake_key_id, wake_stack_id: one row for each ``W``:
            its time, the sleeper, the waker, and the waker's CPU, process and stack.
        exit_ns, exit_tid, exit_pid, exit_key_id: one row for each ``X``: its time, the thread that
            ended, and its process.
        keys, stacks: the distinct keys and stacks.
    """

    KEY_IDS = ("key_id", "wake_key_id", "exit_key_id")
    STACK_IDS = ("stack_id", "wake_stack_id")

    time_ns: Ints
    tid: Ints
    wait_ns: Ints
    is_sleep: Bools
    pid: Ints
    cpu: Ints
    owner_tid: Ints
    object_address: Addresses
    key_id: Ints
    stack_id: Ints
    wake_ns: Ints
    wake_tid: Ints
    waker_tid: Ints
    wake_cpu: Ints
    wake_key_id: Ints
    wake_stack_id: Ints
    exit_ns: Ints
    exit_tid: Ints
    exit_pid: Ints
    exit_key_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]


COLUMNS = Switches.columns()


def concatenate(parts: Sequence[Any], keys: tuple[Key, ...], stacks: tuple[Stack, ...]) -> Switches:
    """Return the rows of all parts, which have all `COLUMNS` and ids into these keys and stacks."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Switches(**columns, keys=keys, stacks=stacks)


def narrow(values: Ints) -> Ints:
    """Return a column as int32 if its values fit: there may be millions of rows."""
    limit = (1 << 31) - 1  # so that a little more than the largest value fits, too
    if len(values) and (int(values.max()) >= limit or int(values.min()) < -limit):
        return values
    return values.astype(np.int32)
