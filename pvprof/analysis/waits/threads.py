"""What a thread was waiting for at a given time, who held that, and so on.

Owns the look-up of a thread's waits by time, and how owners of owners are followed. It names
nothing and adds nothing up: ``owners`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pvprof.analysis.waits.groups import ranks
from pvprof.analysis.waits.overlap import moments
from pvprof.model.waits import RunSpan, WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]
    Times = npt.NDArray[np.uint64]

NO_THREAD = -1
"""Stands for the owner of a lock that has none that is known."""

UNSEEN_THREAD = -2
"""Stands for an owner of which no wait was recorded."""

NO_OWNER, NEVER_SEEN, NOT_WAITING, CYCLE, DEEPER = range(5)
"""Where following owners ends: at a lock without a known owner; at a thread of which no wait was
recorded; at one that was not waiting then, but running or runnable; at one that was met already;
or because it was followed no further."""


@dataclass(frozen=True, slots=True, eq=False)
class Threads:
    """All waits in the order of threads and time, to be looked up.

    A thread is one of one run. Of its waits that begin at the same time (only damage makes them)
    the longest is last, then what content says: the order of the file says nothing.

    Attributes:
        start, end: of every wait, from the earliest one of its run on.
        owner: of every wait the number of its owner's thread; -1 where there is none, -2 where no
            wait of it was recorded.
        thread: of every wait the number of its thread.
        event: the waits of owners that are longer than 0 ns, in that order.
        code: where each of them stands: its thread, and the rank of its start among `starts`.
        starts: the distinct starts.
    """

    start: Times
    end: Times
    owner: Ints
    thread: Ints
    event: Ints
    code: Ints
    starts: Times

    def around(self, thread: Ints, time: Times) -> tuple[Ints, Ints]:
        """Return of each thread the last wait that begins no later than a time, and the next.

        -1 where there is none.
        """
        import numpy as np  # noqa: PLC0415

        if not len(self.event):
            nothing = np.full(len(thread), -1, dtype=np.int64)
            return nothing, nothing
        rank = np.searchsorted(self.starts, time, "right")
        behind = np.searchsorted(self.code, thread * (len(self.starts) + 1) + rank, "right")
        last = len(self.event) - 1
        before, after = self.event[np.maximum(behind - 1, 0)], self.event[np.minimum(behind, last)]
        is_before = (behind > 0) & (self.thread[before] == thread)
        is_after = (behind <= last) & (self.thread[after] == thread)
        return np.where(is_before, before, -1), np.where(is_after, after, -1)

    def waits_at(self, thread: Ints, time: Times) -> Ints:
        """Return the wait of each thread that goes on at a time; -1 where it does not wait."""
        import numpy as np  # noqa: PLC0415

        before, _ = self.around(thread, time)
        return np.where((before >= 0) & (self.end[before] > time), before, -1)


def threads_of(events: WaitTable, runs: Sequence[RunSpan]) -> Threads:
    """Return the waits of all threads that own anything, to be looked up."""
    import numpy as np  # noqa: PLC0415

    start, end = (np.zeros(len(events), dtype=np.uint64) for _ in range(2))
    run_of = np.zeros(len(events), dtype=np.int64)
    first = 0
    for number, run in enumerate(runs or (RunSpan(len(events)),)):
        rows = np.arange(first, first + run.events)
        first += run.events
        run_of[rows] = number
        if len(rows):
            start[rows], end[rows] = moments(events, rows)
    tids, tid = np.unique(events.tid, return_inverse=True)
    width = max(len(runs), 1)
    thread = tid * width + run_of
    place = np.minimum(np.searchsorted(tids, events.owner_tid), max(len(tids) - 1, 0))
    owner = np.where(tids[place] == events.owner_tid, place * width + run_of, UNSEEN_THREAD)
    is_seen = np.zeros(len(tids) * width, dtype=np.bool_)
    is_seen[thread] = True
    owner[~is_seen[np.maximum(owner, 0)]] = UNSEEN_THREAD
    owner[events.owner_tid <= 0] = NO_THREAD
    is_owner = np.zeros(len(tids) * width, dtype=np.bool_)
    is_owner[owner[owner >= 0]] = True
    event = np.flatnonzero(is_owner[thread] & (events.wait_ns > 0))
    key_rank, stack_rank = ranks(events.keys), ranks(events.stacks)
    content = (
        events.owner_tid[event],
        events.object_address[event],
        stack_rank[events.stack_id[event]],
        key_rank[events.key_id[event]],
    )
    event = event[np.lexsort((*content, end[event], start[event], thread[event]))]
    starts, rank = np.unique(start[event], return_inverse=True)
    code = thread[event] * (len(starts) + 1) + rank + 1
    return Threads(start, end, owner, thread, event, code, starts)


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Waits with an owner, and those that their owners were in.

    Attributes:
        links: the waits; then of each the owner's, that one's owner's, ..., as they were when the
            first began; -1 behind the end.
        end: where each ends: `NO_OWNER`, ...
        together: how long all of them went on from then.
    """

    links: tuple[Ints, ...]
    end: Ints
    together: Ints


def follow(threads: Threads, head: Ints, depth: int) -> Followed:
    """Return what the owners were waiting for, and the owners' owners, `depth` of them."""
    import numpy as np  # noqa: PLC0415

    time, together = threads.start[head], threads.end[head].copy()
    end = np.full(len(head), DEEPER, dtype=np.int64)
    links = [head]
    alive = np.arange(len(head))
    for level in range(depth + 1):
        owner = threads.owner[links[-1][alive]]
        is_known = threads.thread[[link[alive] for link in links]] == owner
        found = threads.waits_at(np.maximum(owner, 0), time[alive])
        ends = np.select(
            [owner == NO_THREAD, owner == UNSEEN_THREAD, is_known.any(axis=0), found < 0],
            [NO_OWNER, NEVER_SEEN, CYCLE, NOT_WAITING],
            DEEPER,
        )
        end[alive] = ends
        is_on = ends == DEEPER
        if level == depth or not is_on.any():
            break
        alive, found = alive[is_on], found[is_on]
        together[alive] = np.minimum(together[alive], threads.end[found])
        following = np.full(len(head), -1, dtype=np.int64)
        following[alive] = found
        links.append(following)
    return Followed(tuple(links), end, (together - time).view(np.int64))
