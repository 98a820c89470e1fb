"""What a thread was waiting for at a moment, who held that, and so on.

Owns the search for a thread's waits by time, and how owners of owners are followed. It refuses to
name threads and to add anything up (``owners`` does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.waits.groups import ranks
from pvprof.analysis.waits.overlap import times_from_earliest
from pvprof.analysis.waits.thread_index import (
    NO_WAIT,
    ThreadIndex,
    ThreadNumbers,
    run_of_waits,
)
from pvprof.model.column_table import order_by
from pvprof.model.runs import RunSpan
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints, Times

NO_THREAD = -1
"""In place of the number of an owner: the lock has no known owner."""

UNSEEN_THREAD = -2
"""In place of the number of an owner: none of its waits was recorded."""


class ChainEnd(IntEnum):
    """Why a chain of owners ends."""

    NO_OWNER = 0
    """The lock has no known owner."""
    NEVER_SEEN = 1
    """No wait of the owner was recorded."""
    NOT_WAITING = 2
    """The owner was not waiting at that moment, but running or runnable."""
    CYCLE = 3
    """The owner is in the chain already."""
    DEEPER = 4
    """The chain has as many links as were asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class ThreadWaits:
    """All waits, and an index of the waits of owners by thread and beginning.

    If waits of one thread begin at the same time (only in damaged recordings), the longest is
    last; equally long ones are ordered by contents, so that the order of the file has no effect.

    Attributes:
        start, end: of each wait, ns since the earliest beginning of its run.
        owner: the number of the owner's thread, `NO_THREAD` or `UNSEEN_THREAD`.
        thread: the number of each wait's own thread.
        index: of the waits of owners that are longer than 0 ns.
    """

    start: Times
    end: Times
    owner: Ints
    thread: Ints
    index: ThreadIndex

    def waits_at(self, thread: Ints, time: Times) -> Ints:
        """Return the wait that each thread is in at the time; `NO_WAIT` if it is not waiting."""
        wait = self.index.last_until(thread, time)
        return np.where((wait != NO_WAIT) & (self.end[wait] > time), wait, NO_WAIT)

    def nearest_waits(self, thread: Ints, time: Times) -> Ints:
        """Return each thread's last wait that begins by that time, or else its next; or `NO_WAIT`.

        It names the thread's process.
        """
        before, after = self.index.around(thread, time)
        return np.where(before != NO_WAIT, before, after)


def threads_of(events: WaitTable, runs: Sequence[RunSpan]) -> ThreadWaits:
    """Return all waits with their owners, and the index of the owners' waits.

    Raises:
        InputError: the times of one run are further apart than 64 bits hold.
    """
    start, end = _times_by_run(events, runs)
    numbers, thread = ThreadNumbers.of_waits(events, runs)
    owner = numbers.find(events.owner_tid, run_of_waits(events, runs))
    # The tid may be known from another run: then this number has no waits.
    has_waits = _marked(thread, len(numbers))
    owner = np.where((owner >= 0) & has_waits[np.maximum(owner, 0)], owner, UNSEEN_THREAD)
    owner = np.where(events.owner_tid > 0, owner, NO_THREAD).astype(np.int32)
    thread = thread.astype(np.int32)  # half of the memory: there are millions of waits
    is_owner = _marked(owner[owner >= 0], len(numbers))
    wait = np.flatnonzero(is_owner[thread] & (events.wait_ns > 0)).astype(np.int32)
    contents = (
        ranks(events.keys)[events.key_id[wait]],
        ranks(events.stacks)[events.stack_id[wait]],
        events.object_address[wait],
        events.owner_tid[wait],
    )
    wait = wait[order_by(thread[wait], start[wait], end[wait], *contents)]
    return ThreadWaits(
        start, end, owner, thread, ThreadIndex.of_sorted(wait, thread[wait], start[wait])
    )


def _times_by_run(events: WaitTable, runs: Sequence[RunSpan]) -> tuple[Times, Times]:
    """Return the beginning and end of each wait, since the earliest beginning of its run."""
    start, end = (np.zeros(len(events), dtype=np.uint64) for _ in range(2))
    first = 0
    for run in runs or (RunSpan(len(events)),):
        rows = slice(first, first + run.events)
        first += run.events
        start[rows], end[rows] = times_from_earliest(events, rows)
    return start, end


def _marked(thread: Ints, count: int) -> Bools:
    """Return for each of `count` threads whether its number is in `thread`."""
    is_marked = np.zeros(count, dtype=np.bool_)
    is_marked[thread] = True
    return is_marked


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Chains of owners: one for each wait that was asked for.

    Thread A waits for a lock of B, which waits for a lock of C, which is not waiting::

                       time ->      A's wait begins
                                    |
        links[0]   A                [=================]
        links[1]   B        [===============]
                   C   (running)    |       |
                                    |<----->| together

        links      (A's wait, B's wait)         end   NOT_WAITING

    Attributes:
        links: links[0] has the waits asked for, links[n] the wait that the owner of links[n - 1]
            was in when the wait in links[0] began; `NO_WAIT` behind the end of a chain.
        end: a `ChainEnd` for each chain.
        together_ns: for how long all links of each chain went on, from that moment.
    """

    links: tuple[Ints, ...]
    end: Ints
    together_ns: Ints


def follow(threads: ThreadWaits, head: Ints, max_depth: int) -> Followed:
    """Return the chains that begin with the waits `head`, of at most `max_depth` owners each."""
    time, together_until = threads.start[head], threads.end[head].copy()
    end = np.full(len(head), ChainEnd.DEEPER, dtype=np.int64)
    links = [head]
    growing = np.arange(len(head))  # the chains that have not ended yet
    for depth in range(max_depth + 1):
        owner = threads.owner[links[-1][growing]]
        is_in_chain = threads.thread[[link[growing] for link in links]] == owner
        wait = threads.waits_at(owner, time[growing])
        end[growing] = np.select(
            [
                owner == NO_THREAD,
                owner == UNSEEN_THREAD,
                is_in_chain.any(axis=0),
                wait == NO_WAIT,
            ],
            [ChainEnd.NO_OWNER, ChainEnd.NEVER_SEEN, ChainEnd.CYCLE, ChainEnd.NOT_WAITING],
            ChainEnd.DEEPER,
        )
        goes_on = end[growing] == ChainEnd.DEEPER
        if depth == max_depth or not goes_on.any():
            break
        growing, wait = growing[goes_on], wait[goes_on]
        together_until[growing] = np.minimum(together_until[growing], threads.end[wait])
        link = np.full(len(head), NO_WAIT, dtype=np.int64)
        link[growing] = wait
        links.append(link)
    return Followed(tuple(links), end, (together_until - time).view(np.int64))
