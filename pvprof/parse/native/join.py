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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.model.waits import WaitTable, WakeupTable

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
        wake_ns, wake_tid, waker_tid, wake_cpu, wake_key_id, wake_stack_id: one row for each ``W``:
            when, the sleeper, the waker, where, in which process and with which stack.
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
    waker_tid: Ints
    wake_cpu: Ints
    wake_key_id: Ints
    wake_stack_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    def plus(self, other: Switches) -> Switches:
        """Return the rows of both, this one's first."""
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        from pvprof.model.column_table import join_distinct  # noqa: PLC0415

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
        wakeups: who ended them; None where no wake-up was recorded.
        lost: waits whose end was not recorded.
        open: waits still open at the end, and `open_ns`, how long together, at least.
        lone_wakeups: wake-ups of threads that were in no recorded wait.
        more_wakeups: wake-ups of threads that were woken again in the same wait.
    """

    events: WaitTable
    wakeups: WakeupTable | None
    lost: int
    open: int
    open_ns: int
    lone_wakeups: int
    more_wakeups: int


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
    picked = np.flatnonzero(is_closed)
    picked = picked[np.argsort(number[picked], kind="stable")]
    # An open wait lasts as long as can be; a lost one at most to the thread's next.
    end = np.where(is_open, np.iinfo(np.int64).max, time[following])
    row = np.full(len(place), -1, dtype=np.int64)
    row[picked] = np.arange(len(picked))
    ended = ends_of(switches.wake_ns, switches.wake_tid, Waits(tids[place], start, end, row))
    return Joined(
        events=_events(
            switches, number[picked], start[picked], waited[picked], tids[place[picked]]
        ),
        wakeups=_wakeups(switches, ended.row) if len(switches.wake_ns) else None,
        lost=int(is_lost.sum()),
        open=int(is_open.sum()),
        open_ns=int(still.sum()),
        lone_wakeups=ended.lone,
        more_wakeups=ended.more,
    )


def _events(switches: Switches, rows: Ints, start: Ints, waited: Ints, tid: Ints) -> WaitTable:
    import numpy as np  # noqa: PLC0415

    from pvprof.model.waits import WaitTable  # noqa: PLC0415

    def column(values: Ints) -> npt.NDArray[np.int64]:
        return values[rows].astype(np.int64)

    return WaitTable(
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


def _wakeups(switches: Switches, row: Ints) -> WakeupTable:
    import numpy as np  # noqa: PLC0415

    from pvprof.model.waits import WakeupTable  # noqa: PLC0415

    return WakeupTable(
        time_ns=switches.wake_ns.astype(np.int64),
        sleeper_tid=switches.wake_tid.astype(np.int64),
        waker_tid=switches.waker_tid.astype(np.int64),
        cpu=switches.wake_cpu.astype(np.int64),
        row=row.astype(np.int64),
        key_id=switches.wake_key_id.astype(np.int64),
        stack_id=switches.wake_stack_id.astype(np.int64),
        keys=switches.keys,
        stacks=switches.stacks,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """Waits by thread and time: starts and ends never go back within a thread.

    Attributes:
        tid, start, end: whose, from when, until when.
        row: of each in the table of waits; -1 for one that is not there, since it has no end.
    """

    tid: Ints
    start: Ints
    end: Ints
    row: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """Which waits some wake-ups ended.

    Attributes:
        row: of the wait that each ended; -1 for those that ended none.
        lone: how many wake-ups are in no wait.
        more: how many are in one that a later wake-up ended.
    """

    row: Ints
    lone: int
    more: int


def ends_of(wake_ns: Ints, wake_tid: Ints, waits: Waits) -> Ended:
    """Return which wait each wake-up ended: of several in one wait the last did.

    A wake-up is in the first wait of its sleeper that ends no earlier, if that began no later. Of
    those at the same time the later one in the file is the last.

    Args:
        wake_ns: when somebody was woken.
        wake_tid: who was woken.
        waits: of all threads.
    """
    import numpy as np  # noqa: PLC0415

    size, count = len(waits.tid), len(wake_ns)
    row = np.full(count, -1, dtype=np.int64)
    if not size or not count:
        return Ended(row, count, 0)
    tid = np.concatenate([wake_tid, waits.tid])
    time = np.concatenate([wake_ns, waits.end])
    order = np.lexsort((np.arange(len(tid)) >= count, time, tid))
    of_wake = np.flatnonzero(order < count)
    ends = np.flatnonzero(order >= count)
    nth = np.searchsorted(ends, of_wake)
    has_next = nth < len(ends)
    wake = order[of_wake[has_next]]
    wait = order[ends[nth[has_next]]] - count
    is_within = (waits.tid[wait] == wake_tid[wake]) & (waits.start[wait] <= wake_ns[wake])
    wake, wait = wake[is_within], wait[is_within]
    is_last = np.ones(len(wake), dtype=np.bool_)  # those of one wait stand together, in order
    is_last[:-1] = wait[1:] != wait[:-1]
    row[wake[is_last]] = waits.row[wait[is_last]]
    return Ended(row, count - len(wake), int((~is_last).sum()))


def wakeup_problems(lone: int, more: int, file: str) -> Iterator[Problem]:
    """Yield a note on the wake-ups in no wait, and on those that a later one made idle."""
    if lone:
        text = "wake-ups of threads that were in no recorded wait were left out"
        yield Problem("lone-wakeups", text, file, count=lone, severity="note")
    if more:
        text = "wake-ups in waits that a later wake-up ended were left out"
        yield Problem("repeated-wakeups", text, file, count=more, severity="note")
