r"""The recorded schedule of one run as a graph: threads, their waits, and who ended each wait.

Owns which life of a thread a wait belongs to, and what is known of its end. It refuses to follow
the graph (``walk``, ``replay``).

::

    time ->     begin                                   end
    make        |----s=====k--e-----------s=====k--e----|        - runs   = blocked   k--e runnable
                          ^ \                   ^
    cc                     \ born--s===k--e-----+ died            + wakes
                            \         ^
    interrupt                \--------+

Times are ns since the run began. A wait is blocked from `start` to `woken`, and runnable from then
to `end`; a preempted thread is only runnable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.analysis.waits.thread_index import ThreadIndex
from pvprof.analysis.waits.wakeups import NO_WAKEUP, wakeup_of_waits
from pvprof.classify.interrupts import is_interrupt
from pvprof.errors import InputError
from pvprof.model.column_table import order_by
from pvprof.model.mechanisms import mechanism_of
from pvprof.model.runs import RunSpan
from pvprof.model.threads import UNKNOWN, WORKLOAD, ThreadTable
from pvprof.model.waits import WaitTable, WakeupTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints

NO_LIFE = -1
"""In place of the number of a life: there is none, or it was not recorded."""

MAX_SPAN_NS = 1 << 62
"""The longest run: the sum of two times within it fits into 64 bits."""


class WaitEnd(IntEnum):
    """What ended a wait."""

    THREAD = 0
    """A thread of the recording."""
    NOBODY = 1
    """The thread was preempted: it waited for a CPU only."""
    INTERRUPT = 2
    """An interrupt or an idle CPU: a timer, or a device that was ready."""
    OUTSIDE = 3
    """A thread of which nothing was recorded."""
    UNKNOWN = 4
    """No wake-up was recorded."""


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """The threads of one run: one number for each life, in order of thread id and birth.

    Attributes:
        tid, pid: of each; `pid` is `UNKNOWN` if not known.
        parent: the number of the life that created each, or `NO_LIFE`.
        born, died: ns since the run began; `UNKNOWN` if not recorded.
        is_first: whether it is the first thread of the workload.
        key_id: of the process, in the keys of the `ThreadTable`; `UNKNOWN` if it is not there.
    """

    tid: Ints
    pid: Ints
    parent: Ints
    born: Ints
    died: Ints
    is_first: Bools
    key_id: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PathGraph:
    """The schedule of one run; all columns of waits are in order of lives and times.

    Attributes:
        length_ns: of the run; its times are from 0 to this.
        begin_ns: when it began, on the clock of the waits.
        row: of each wait in the `WaitTable`.
        life: its thread.
        start, woken, end: its times, start <= woken <= end; the waits of one life do not overlap.
        how: what ended it, a `WaitEnd`.
        waker: the life that woke it, if that is a `WaitEnd.THREAD`.
        wakeup: the row of the wake-up in the `WakeupTable`, or `NO_WAKEUP`.
        first: for each life the index of its first wait, and one more at the end.
        lives: the threads.
        trimmed: number of waits that were shortened or left out, since waits of a thread overlap or
            lie outside of the run.
    """

    length_ns: int
    begin_ns: int
    row: Ints
    life: Ints
    start: Ints
    woken: Ints
    end: Ints
    how: Ints
    waker: Ints
    wakeup: Ints
    first: Ints
    lives: Lives
    trimmed: int

    def __len__(self) -> int:
        return len(self.row)


class RunTables(NamedTuple):
    """The tables of all runs, and the place of one run in them.

    Attributes:
        events, wakeups, threads: of all runs; None if not recorded.
        run: the marks of the run.
        rows: the rows of its waits.
        lives: the rows of its threads.
    """

    events: WaitTable
    wakeups: WakeupTable | None
    threads: ThreadTable | None
    run: RunSpan
    rows: range
    lives: range


def run_tables(
    events: WaitTable,
    wakeups: WakeupTable | None,
    threads: ThreadTable | None,
    runs: Sequence[RunSpan],
) -> list[RunTables]:
    """Return one value for each run that has waits."""
    tables = []
    first = first_life = 0
    number = 0 if threads is None else len(threads)
    for run in runs or (RunSpan(len(events), threads=number),):
        rows = range(first, first + run.events)
        lives = range(first_life, first_life + run.threads)
        first, first_life = rows.stop, lives.stop
        if rows:
            tables.append(RunTables(events, wakeups, threads, run, rows, lives))
    return tables


def graph_of(tables: RunTables) -> PathGraph:
    """Return the graph of one run.

    Raises:
        InputError: the times of the run are further apart than 146 years.
    """
    events, run = tables.events, tables.run
    rows = np.arange(tables.rows.start, tables.rows.stop)
    begin_ns, length_ns = _span(events, rows, run)
    start = np.clip(events.start_ns[rows] - begin_ns, 0, length_ns)
    end = np.clip(events.start_ns[rows] - begin_ns + events.wait_ns[rows], start, length_ns)
    threads = _threads_of(tables)
    tids = np.unique(np.concatenate([events.tid[rows], threads.tid]))
    lives, index = _lives_of(threads, tids, begin_ns)
    life = index.last_until(np.searchsorted(tids, events.tid[rows]), start)
    order = order_by(life, start, end)
    rows, life, start, end = rows[order], life[order], start[order], end[order]
    end, is_real = _without_overlap(life, start, end)
    was_cut = (end - start != events.wait_ns[rows]) | ~is_real
    rows, life, start, end = rows[is_real], life[is_real], start[is_real], end[is_real]
    how, wakeup = _ends_of(tables, rows)
    woken, waker = end.copy(), np.full(len(rows), NO_LIFE, dtype=np.int64)
    woken[how == WaitEnd.NOBODY] = start[how == WaitEnd.NOBODY]
    known = np.flatnonzero(wakeup != NO_WAKEUP)
    if len(known) and tables.wakeups is not None:
        wakeups, of_wait = tables.wakeups, wakeup[known]
        woken[known] = np.clip(wakeups.time_ns[of_wait] - begin_ns, start[known], end[known])
        waker[known] = _waking_lives(wakeups.waker_tid[of_wait], woken[known], tids, index)
        is_lost = (how == WaitEnd.THREAD) & ((waker == NO_LIFE) | (waker == life))
        how[is_lost] = WaitEnd.OUTSIDE
        waker[how != WaitEnd.THREAD] = NO_LIFE
    numbers = np.arange(len(lives.tid) + 1)
    return PathGraph(
        length_ns=length_ns,
        begin_ns=begin_ns,
        row=rows,
        life=life,
        start=start,
        woken=woken,
        end=end,
        how=how,
        waker=waker,
        wakeup=wakeup,
        first=np.searchsorted(life, numbers),
        lives=lives,
        trimmed=int(was_cut.sum()),
    )


def _span(events: WaitTable, rows: Ints, run: RunSpan) -> tuple[int, int]:
    """Return the beginning and the length of a run: by its marks, or by its waits."""
    starts, waits = events.start_ns[rows], events.wait_ns[rows]
    earliest = int(starts.min())
    latest = int(starts.max())
    if latest - earliest >= MAX_SPAN_NS or int(waits.max()) >= MAX_SPAN_NS:
        raise InputError("the clock is damaged: times of the waits are more than 146 years apart")
    last = earliest + int((starts - earliest + waits).max())
    begin = earliest if run.begin_ns is None else run.begin_ns
    end = max(last if run.end_ns is None else run.end_ns, begin)
    if max(end, last) - min(begin, earliest) >= MAX_SPAN_NS:
        raise InputError("the clock is damaged: the marks are more than 146 years from the waits")
    return begin, end - begin


def _threads_of(tables: RunTables) -> ThreadTable:
    """Return the rows of this run; none if threads were not recorded."""
    if tables.threads is None:
        none = np.empty(0, dtype=np.int64)
        return ThreadTable(none, none, none, none, none, none, keys=())
    return tables.threads.take(np.arange(tables.lives.start, tables.lives.stop))


def _lives_of(threads: ThreadTable, tids: Ints, begin_ns: int) -> tuple[Lives, ThreadIndex]:
    """Return the lives of these threads, and an index of them by thread and birth.

    A thread without a row has one life. The first life of each thread is found for any time: what a
    thread did before its birth was recorded with a doubtful clock.
    """
    others = np.setdiff1d(tids, threads.tid)
    none = np.full(len(others), UNKNOWN, dtype=np.int64)
    tid = np.concatenate([threads.tid, others])
    born = _moment(np.concatenate([threads.born_ns, none]), begin_ns)
    order = np.lexsort((born, tid))  # an unknown birth is the earliest

    def column(values: Ints) -> Ints:
        return np.concatenate([values, none])[order]

    thread, born = np.searchsorted(tids, tid[order]), born[order]
    is_earliest = np.concatenate([[True], thread[1:] != thread[:-1]])[: len(thread)]
    numbers = np.arange(len(order))
    index = ThreadIndex.of_sorted(numbers, thread, np.where(is_earliest, UNKNOWN, born))
    parent_tid = column(threads.parent_tid)
    parent = _waking_lives(parent_tid, born, tids, index)
    parent[(parent_tid <= WORKLOAD) | (parent == numbers)] = NO_LIFE
    lives = Lives(
        tid=tid[order],
        pid=column(threads.pid),
        parent=parent,
        born=born,
        died=_moment(column(threads.died_ns), begin_ns),
        is_first=parent_tid == WORKLOAD,
        key_id=column(threads.key_id),
    )
    return lives, index


def _moment(time_ns: Ints, begin_ns: int) -> Ints:
    """Return times since the run began; one from before it is 0, an unknown one stays unknown."""
    moment: Ints = np.where(time_ns == UNKNOWN, UNKNOWN, np.maximum(time_ns - begin_ns, 0))
    return moment


def _waking_lives(tid: Ints, time: Ints, tids: Ints, index: ThreadIndex) -> Ints:
    """Return the life of each thread id at a time; `NO_LIFE` if nothing was recorded of it."""
    if not len(tids):
        return np.full(len(tid), NO_LIFE, dtype=np.int64)
    place = np.minimum(np.searchsorted(tids, tid), len(tids) - 1)
    life = index.last_until(place, time)
    return np.where(tids[place] == tid, life, NO_LIFE)


def _without_overlap(life: Ints, start: Ints, end: Ints) -> tuple[Ints, Bools]:
    """Return the ends of waits such that those of one life do not overlap, and which are left.

    Only damaged recordings have such waits: the earlier one ends where the next begins.
    """
    following = end.copy()
    is_followed = life[1:] == life[:-1]
    following[:-1][is_followed] = start[1:][is_followed]
    cut = np.minimum(end, following)
    return cut, (cut > start) | (end == start)


def _ends_of(tables: RunTables, rows: Ints) -> tuple[Ints, Ints]:
    """Return the `WaitEnd` of each wait, and the row of its wake-up; threads are not looked up."""
    events, wakeups = tables.events, tables.wakeups
    how = np.full(len(rows), WaitEnd.UNKNOWN, dtype=np.int64)
    wakeup = np.full(len(rows), NO_WAKEUP, dtype=np.int64)
    if wakeups is not None:
        wakeup = wakeup_of_waits(events, wakeups)[rows]
        known = np.flatnonzero(wakeup != NO_WAKEUP)
        is_by_interrupt = np.asarray([is_interrupt(one) for one in wakeups.stacks], dtype=np.bool_)
        by_interrupt = is_by_interrupt[wakeups.stack_id[wakeup[known]]]
        by_interrupt |= wakeups.waker_tid[wakeup[known]] == 0  # Linux's idle threads
        how[known] = np.where(by_interrupt, WaitEnd.INTERRUPT, WaitEnd.THREAD)
    is_runnable = np.asarray(
        [mechanism_of(key.mechanism).state == "runnable" for key in events.keys], dtype=np.bool_
    )[events.key_id[rows]]
    # A thread that only lacks a CPU needs no waker; of a new one the wake-up is its creation.
    how[is_runnable] = WaitEnd.NOBODY
    wakeup[is_runnable] = NO_WAKEUP
    return how, wakeup
