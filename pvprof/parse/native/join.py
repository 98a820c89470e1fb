r"""Join the halves of waits: threads that leave a CPU, run again, and are woken.

The join is offline: records are in the order of the per-CPU buffers, and different processes may
have read the sleep and the return of one thread. For each thread, in order of time (and of the
file, if times are equal)::

    S ... S ... R        the first S lost its R: counted, left out
    S ...... R           a wait
    S ...                still open at the end: counted, in no total
    R                    the thread had been preempted: no wait
    S .. W .. R          W ended the wait
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.model.column_table import order_by
from pvprof.model.mechanisms import NEW_THREAD, PREEMPTED
from pvprof.model.problems import Problem
from pvprof.model.profile import Profile, Weight
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.parse.native.halves import Switches
from pvprof.parse.native.lives import is_of, lives_of
from pvprof.parse.native.wait_rows import NO_WAIT

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints
    from pvprof.model.threads import ThreadTable


@dataclass(frozen=True, slots=True)
class Joined:
    """The result of a join.

    Attributes:
        events: the waits, in the order in which they were recorded.
        wakeups: the wake-ups that ended them; None if none was recorded.
        lost: number of waits whose end was not recorded.
        open_waits: the waits still open at the end, as long as they had lasted by then.
        lone_wakeups: number of wake-ups of threads that were in no recorded wait.
        more_wakeups: number of wake-ups after which the thread was woken again in the same wait.
        threads: the lives of the threads; None if neither a birth nor an end was recorded.
    """

    events: WaitTable
    wakeups: WakeupTable | None
    lost: int
    open_waits: Profile
    lone_wakeups: int
    more_wakeups: int
    threads: ThreadTable | None


@dataclass(frozen=True, slots=True, eq=False)
class _Sleeps:
    """The sleeps (``S``) of a recording, in order of threads and times.

    Attributes:
        row: of each in the columns of `Switches`.
        number: of each among all sleeps of the file.
        following: row of its thread's next switch, or any row if there is none.
        is_closed: that is a return: the two are a wait.
        is_lost: that is another sleep: the return between them was lost.
    """

    row: Ints
    number: Ints
    following: Ints
    is_closed: Bools
    is_lost: Bools


def _sleeps_of(switches: Switches) -> _Sleeps:
    """Return the sleeps of a recording.

    Switches are sorted by thread and time::

        order      .  .  .  .  .  .          rows of `switches`, sorted
        tids       1  1  1  1  2  2
        sleeps     S  S  R  R  S  S
        is_same    T  T  T  F  T  F          the next row is of the same thread
        ends_next  F  T  T  F  F  F          and it is an R

        index      0  1        4  5          of each S in that order
        is_closed  F  T        F  F
        is_lost    T  F        T  F          neither: open at the end of the recording
    """
    order = order_by(switches.tid, switches.time_ns)  # equal times keep the file's order
    tids, sleeps = switches.tid[order], switches.is_sleep[order]
    is_same = np.zeros(len(order), dtype=np.bool_)
    is_same[:-1] = tids[1:] == tids[:-1]
    ends_next = np.zeros(len(order), dtype=np.bool_)
    ends_next[:-1] = is_same[:-1] & ~sleeps[1:]
    index = np.flatnonzero(sleeps)
    row = order[index]
    return _Sleeps(
        row=row,
        number=np.cumsum(switches.is_sleep, dtype=np.int32)[row] - 1,
        following=order[np.minimum(index + 1, len(order) - 1)],
        is_closed=ends_next[index],
        is_lost=is_same[index] & ~ends_next[index],
    )


def join(switches: Switches, end_ns: int | None, is_path: bool = False) -> Joined:
    """Return the waits that the switches of a whole recording make up.

    Args:
        switches: the halves of waits.
        end_ns: the time at which the recording ended, if known.
        is_path: it is of the mode ``path``: a wake-up is the moment when a thread is put on a run
            queue. Another one in the same wait, or one of a preempted thread, moves it to another
            queue, since its priority has changed.
    """
    time, sleeps = switches.time_ns, _sleeps_of(switches)
    start, tid = time[sleeps.row], switches.tid[sleeps.row]
    measured = np.where(sleeps.is_closed, switches.wait_ns[sleeps.following], NO_WAIT)
    until_next = time[sleeps.following] - start
    waited = np.where(measured == NO_WAIT, until_next, measured.astype(np.int64))

    last = max(
        (int(column.max()) for column in (time, switches.wake_ns, switches.exit_ns) if len(column)),
        default=0,
    )
    last = last if end_ns is None else end_ns
    is_open = ~sleeps.is_closed & ~sleeps.is_lost

    closed = np.flatnonzero(sleeps.is_closed)
    closed = closed[np.argsort(sleeps.number[closed], kind="stable")]  # in the file's order
    # An open wait may last forever, a lost one until its thread's next sleep.
    end = np.where(is_open, INT64_MAX, time[sleeps.following])
    row = np.full(len(start), -1, dtype=np.int64)
    row[closed] = np.arange(len(closed))
    waits = Waits(tid, start, end, row)
    if is_path:
        waits = waits.take(~is_of(PREEMPTED, switches)[sleeps.number])
    ended = ends_of(switches.wake_ns, switches.wake_tid, waits, is_first=is_path)
    return Joined(
        events=_events(switches, sleeps.number[closed], start[closed], waited[closed], tid[closed]),
        wakeups=_wakeups(switches, ended.row) if len(switches.wake_ns) else None,
        lost=int(sleeps.is_lost.sum()),
        open_waits=_open_waits(switches, sleeps.number[is_open], start[is_open], last),
        lone_wakeups=ended.lone,
        more_wakeups=ended.more,
        threads=lives_of(switches),
    )


def _events(switches: Switches, rows: Ints, start: Ints, waited: Ints, tid: Ints) -> WaitTable:
    return WaitTable(
        start_ns=start.astype(np.int64),
        wait_ns=waited,
        pid=switches.pid[rows],
        tid=tid,
        cpu=switches.cpu[rows],
        owner_tid=np.where(is_of(NEW_THREAD, switches), 0, switches.owner_tid)[rows],
        object_address=switches.object_address[rows],
        key_id=switches.key_id[rows],
        stack_id=switches.stack_id[rows],
        keys=switches.keys,
        stacks=switches.stacks,
    )


def _open_waits(switches: Switches, rows: Ints, start: Ints, end_ns: int) -> Profile:
    waits = Profile("ns", True)
    ids = zip(switches.key_id[rows].tolist(), switches.stack_id[rows].tolist(), strict=True)
    for (key_id, stack_id), began_ns in zip(ids, start.tolist(), strict=True):
        so_far = Weight(max(end_ns - began_ns, 0), 1, 1)
        waits.add(switches.keys[key_id], switches.stacks[stack_id], so_far)
    return waits


def _wakeups(switches: Switches, row: Ints) -> WakeupTable:
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
    """Waits sorted by thread and time; within a thread neither starts nor ends decrease.

    Attributes:
        tid, start, end: the thread, and the times in ns.
        row: of each in the table of waits; -1 if it is not there, since it has no end.
    """

    tid: Ints
    start: Ints
    end: Ints
    row: Ints

    def take(self, rows: Bools) -> Waits:
        """Return those of these rows."""
        return Waits(self.tid[rows], self.start[rows], self.end[rows], self.row[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """The waits that wake-ups ended.

    Attributes:
        row: of the wait that each wake-up ended; -1 if it ended none.
        lone: number of wake-ups in no wait.
        more: number of wake-ups in a wait that another one ended.
    """

    row: Ints
    lone: int
    more: int


def ends_of(wake_ns: Ints, wake_tid: Ints, waits: Waits, is_first: bool = False) -> Ended:
    """Map each wake-up to the wait that it ended: of several in one wait, the last or first one.

    A wake-up is in the first wait of its sleeper that ends no earlier, if that began no later. Of
    wake-ups at the same time, the later one in the file is the last. Wake-ups and ends of waits are
    sorted together, a wake-up before an end at the same time::

        order      w0  w2  e0  w1  e1        of one thread; w: a wake-up, e: the end of a wait
        of_wake     0   1       3            positions of the wake-ups in that order
        ends                2       4        positions of the ends
        nth         0   0       1            the first end after each wake-up
        is_end      F   T       T            w2 and w1 ended e0 and e1; w0 counts in `more`

    Args:
        wake_ns: times of the wake-ups.
        wake_tid: the threads that were woken.
        waits: of all threads.
        is_first: take the first of several.
    """
    size, count = len(waits.tid), len(wake_ns)
    row = np.full(count, -1, dtype=np.int64)
    if not size or not count:
        return Ended(row, count, 0)
    tid = np.concatenate([wake_tid, waits.tid])
    time = np.concatenate([wake_ns, waits.end])
    order = order_by(tid, time)
    of_wake = np.flatnonzero(order < count)
    ends = np.flatnonzero(order >= count)
    nth = np.searchsorted(ends, of_wake)
    has_next = nth < len(ends)
    wake = order[of_wake[has_next]]
    wait = order[ends[nth[has_next]]] - count
    is_within = (waits.tid[wait] == wake_tid[wake]) & (waits.start[wait] <= wake_ns[wake])
    wake, wait = wake[is_within], wait[is_within]
    is_end = np.ones(len(wake), dtype=np.bool_)  # those of one wait are neighbours
    is_end[slice(1, None) if is_first else slice(-1)] = wait[1:] != wait[:-1]
    row[wake[is_end]] = waits.row[wait[is_end]]
    return Ended(row, count - len(wake), int((~is_end).sum()))


def wakeup_problems(lone: int, more: int, file: str) -> Iterator[Problem]:
    """Yield a note on wake-ups in no wait, and one on wake-ups before the last in a wait."""
    if lone:
        text = "wake-ups of threads that were in no recorded wait were left out"
        yield Problem("lone-wakeups", text, file, count=lone, severity="note")
    if more:
        text = "wake-ups in waits that another wake-up ended were left out"
        yield Problem("repeated-wakeups", text, file, count=more, severity="note")
