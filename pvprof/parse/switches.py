r"""Threads that leave a CPU, run again and are woken: the halves of waits, and how they are joined.

Owns the join, which is offline: records stand in the order of the per-CPU buffers, and the sleep
and the return of one thread may have been read by different processes. For each thread, in the
order of time (of the file, where times are equal)::

    S ... S ... R        the first S lost its R: counted, left out
    S ...... R           a wait
    S ...                still open at the end: counted, in no total
    R                    the thread had been preempted: says nothing
    S .. W .. R          who ended the wait
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pvprof.model import Events, Key, Profile, Stack, join_distinct

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

NO_WAIT = -1
"""Stands for a wait that the kernel did not measure itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Switches:
    """What was recorded of threads that leave a CPU and run again, column by column.

    Columns of integers are as narrow as their values let them be, until they are joined.

    Attributes:
        time_ns, tid, wait_ns, is_sleep: one row for each ``S`` and ``R``, in the order of the file;
            `wait_ns` is `NO_WAIT` where it was not given.
        pid, cpu, owner_tid, object_address, key_id, stack_id: one row for each ``S``.
        wake_ns, wake_tid, wake_key_id, wake_stack_id: one row for each ``W``: when, the sleeper,
            who and with which stack.
        keys, stacks: the distinct keys and stacks.
    """

    time_ns: Ints
    tid: Ints
    wait_ns: Ints
    is_sleep: npt.NDArray[np.bool_]
    pid: Ints
    cpu: Ints
    owner_tid: Ints
    object_address: npt.NDArray[np.uint64]
    key_id: Ints
    stack_id: Ints
    wake_ns: Ints
    wake_tid: Ints
    wake_key_id: Ints
    wake_stack_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    def plus(self, other: Switches) -> Switches:
        """Return the rows of both, this one's first."""
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        keys, key_places = join_distinct(self.keys, other.keys)
        stacks, stack_places = join_distinct(self.stacks, other.stacks)
        key_map, stack_map = np.asarray(key_places, np.int32), np.asarray(stack_places, np.int32)
        moved = replace(
            other,
            key_id=key_map[other.key_id],
            stack_id=stack_map[other.stack_id],
            wake_key_id=key_map[other.wake_key_id],
            wake_stack_id=stack_map[other.wake_stack_id],
        )
        return concatenate([self, moved], keys, stacks)


COLUMNS = tuple(one.name for one in fields(Switches))[:-2]


def concatenate(parts: Sequence[Any], keys: tuple[Key, ...], stacks: tuple[Stack, ...]) -> Switches:
    """Return the rows of all parts, which have all `COLUMNS` and share the keys and stacks."""
    import numpy as np  # noqa: PLC0415

    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Switches(**columns, keys=keys, stacks=stacks)


def narrow(values: Ints) -> Ints:
    """Return a column in four bytes a row where they hold it: there may be millions of rows."""
    import numpy as np  # noqa: PLC0415

    limit = 1 << 31
    if len(values) and (int(values.max()) >= limit or int(values.min()) < -limit):
        return values
    return values.astype(np.int32)


@dataclass(frozen=True, slots=True)
class Joined:
    """The waits that a join found.

    Attributes:
        events: the waits, in the order in which they were recorded.
        wakeups: by waker and sleeper, how long the sleeper had waited by then.
        lost: waits whose end was not recorded.
        open: waits still open at the end, and `open_ns`, how long together, at least.
        lone_wakeups: wake-ups of threads that were in no recorded wait.
    """

    events: Events
    wakeups: Profile
    lost: int
    open: int
    open_ns: int
    lone_wakeups: int


def join(switches: Switches, end_ns: int | None) -> Joined:
    """Return the waits that the switches make; `end_ns` is when the recording ended, if known."""
    import numpy as np  # noqa: PLC0415

    time, tid, is_sleep = switches.time_ns, switches.tid, switches.is_sleep
    order = np.lexsort((time, tid))  # stable: the order of the file decides between equal times
    tids, sleeps = tid[order], is_sleep[order]
    is_same = np.zeros(len(order), dtype=np.bool_)  # the next row is of the same thread
    is_same[:-1] = tids[1:] == tids[:-1]
    ends_next = np.zeros(len(order), dtype=np.bool_)
    ends_next[:-1] = is_same[:-1] & ~sleeps[1:]

    place = np.flatnonzero(sleeps)  # of each S in the order of threads and times
    is_closed = ends_next[place]
    is_lost = is_same[place] & ~is_closed
    start = time[order[place]]
    following = order[np.minimum(place + 1, len(order) - 1)]
    waited = np.where(is_closed, switches.wait_ns[following], NO_WAIT).astype(np.int64)
    measured = time[following] - start
    waited = np.where(waited == NO_WAIT, measured, waited)

    last = max((int(column.max()) for column in (time, switches.wake_ns) if len(column)), default=0)
    last = last if end_ns is None else end_ns
    is_open = ~is_closed & ~is_lost
    still = np.maximum(last - start[is_open], 0).astype(object)

    # The number of an S among all S, in the order of the file.
    number = np.cumsum(is_sleep, dtype=np.int32)[order[place]] - 1
    # An open wait lasts as long as can be; a lost one at most to the thread's next.
    end = np.where(is_open, np.iinfo(np.int64).max, time[following])
    wakeups, lone = _wakeups(switches, _Waits(tids[place], start, end, number))
    picked = np.flatnonzero(is_closed)
    picked = picked[np.argsort(number[picked], kind="stable")]
    return Joined(
        events=_events(
            switches, number[picked], start[picked], waited[picked], tids[place[picked]]
        ),
        wakeups=wakeups,
        lost=int(is_lost.sum()),
        open=int(is_open.sum()),
        open_ns=int(still.sum()),
        lone_wakeups=lone,
    )


def _events(switches: Switches, rows: Ints, start: Ints, waited: Ints, tid: Ints) -> Events:
    import numpy as np  # noqa: PLC0415

    def column(values: Ints) -> npt.NDArray[np.int64]:
        return values[rows].astype(np.int64)

    return Events(
        start_ns=start.astype(np.int64),
        wait_ns=waited,
        pid=column(switches.pid),
        tid=tid.astype(np.int64),
        cpu=column(switches.cpu),
        owner_tid=column(switches.owner_tid),
        object_address=switches.object_address[rows],
        key_id=column(switches.key_id),
        stack_id=column(switches.stack_id),
        keys=switches.keys,
        stacks=switches.stacks,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Waits:
    """Waits by thread and time: starts and ends never go back within a thread."""

    tid: Ints
    start: Ints
    end: Ints
    number: Ints


def _wakeups(switches: Switches, waits: _Waits) -> tuple[Profile, int]:
    """Return the wake-ups of the waits that they stand in, and how many stand in none.

    A wake-up belongs to the first wait of its sleeper that ends no earlier, if it began no later.
    """
    import numpy as np  # noqa: PLC0415

    size, count = len(waits.tid), len(switches.wake_ns)
    if not size or not count:
        return Profile("ns", True), count
    tid = np.concatenate([switches.wake_tid, waits.tid])
    time = np.concatenate([switches.wake_ns, waits.end])
    order = np.lexsort((np.arange(len(tid)) >= count, time, tid))
    of_wake = np.flatnonzero(order < count)
    ends = np.flatnonzero(order >= count)
    nth = np.searchsorted(ends, of_wake)
    has_next = nth < len(ends)
    wake = order[of_wake[has_next]]
    wait = order[ends[nth[has_next]]] - count
    is_within = (waits.tid[wait] == switches.wake_tid[wake]) & (
        waits.start[wait] <= switches.wake_ns[wake]
    )
    wake, wait = wake[is_within], wait[is_within]
    profile = _wakeup_profile(switches, wake, waits.number[wait], waits.start[wait])
    return profile, count - len(wake)


def _wakeup_profile(switches: Switches, wake: Ints, sleep: Ints, start: Ints) -> Profile:
    import numpy as np  # noqa: PLC0415

    width = max(len(switches.keys), 1)
    codes = switches.key_id[sleep].astype(np.int64) * width + switches.wake_key_id[wake]
    distinct, key_id = np.unique(codes, return_inverse=True)
    pairs = [(switches.keys[one // width], switches.keys[one % width]) for one in distinct.tolist()]
    zeros = np.zeros(len(wake), dtype=np.int64)
    return Events(
        start_ns=start.astype(np.int64),
        wait_ns=switches.wake_ns[wake] - start,
        pid=zeros,
        tid=zeros,
        cpu=zeros,
        owner_tid=zeros,
        object_address=zeros.astype(np.uint64),
        key_id=key_id.astype(np.int64),
        stack_id=switches.wake_stack_id[wake].astype(np.int64),
        keys=tuple(
            Key("wakeup", slept.name, waker.execname, slept.execname) for slept, waker in pairs
        ),
        stacks=switches.stacks,
    ).profile()
