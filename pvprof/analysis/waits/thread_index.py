"""The waits of each thread in order of time, for binary search.

Owns the numbers of threads and the search: which wait of a thread began, or ended, last before a
moment. It refuses to know what that means (``threads``, ``waker_chains``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.analysis.waits.groups import numbered
from pvprof.model.arrays import INT64_MAX
from pvprof.model.runs import RunSpan
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints, Times

NO_WAIT = -1
"""In place of the row of a wait: there is no such wait."""

UNKNOWN_THREAD = -1
"""In place of the number of a thread: none of its waits was recorded."""


def run_of_waits(events: WaitTable, runs: Sequence[RunSpan]) -> Ints:
    """Return for each wait the index of its run; 0 without any runs."""
    sizes = [run.events for run in runs] or [len(events)]
    return np.repeat(np.arange(len(sizes)), sizes)


@dataclass(frozen=True, slots=True, eq=False)
class ThreadNumbers:
    """A number for each thread id of each run: one id in two runs is two threads.

    ::

                   run 0    run 1
        tid 100      0        1            number = index of the tid * runs + run
        tid 205      2        3

    Attributes:
        tids: int64, ascending: the ids of all threads with recorded waits.
        runs: the number of runs, at least 1.
    """

    tids: Ints
    runs: int

    @classmethod
    def of_waits(cls, events: WaitTable, runs: Sequence[RunSpan]) -> tuple[ThreadNumbers, Ints]:
        """Return the numbers of all threads, and for each wait the number of its thread."""
        tids, index = numbered(events.tid)
        numbers = cls(tids, max(len(runs), 1))
        return numbers, index * numbers.runs + run_of_waits(events, runs)

    def __len__(self) -> int:
        return len(self.tids) * self.runs

    def find(self, tid: Ints, run: Ints) -> Ints:
        """Return the number of each thread; `UNKNOWN_THREAD` for an id without recorded waits."""
        index = np.minimum(np.searchsorted(self.tids, tid), max(len(self.tids) - 1, 0))
        return np.where(self.tids[index] == tid, index * self.runs + run, UNKNOWN_THREAD)


@dataclass(frozen=True, slots=True, eq=False)
class ThreadIndex:
    """Waits sorted by thread and time, each with one integer that sorts in the same way.

    A wait's code is its thread and the rank of its time, packed. If there is room for it, the rank
    is the time itself, from the earliest on::

        thread       0    0    1    1    1
        time         3    7    3    5    7      from 3 to 7: ranks 1 to 5, width 6
        code         1    5    7    9   11      = thread * width + rank

    The last wait of thread 1 at or before time 6: its rank is 4 and its code 1 * 6 + 4 = 10, and
    the last code that is not larger belongs to the wait at time 5. If a thread has no such wait,
    the search ends at another thread's wait, which the comparison of threads rejects.

    Attributes:
        wait: the row of each wait.
        thread: the number of its thread.
        code: its code; ascending.
        times: the distinct times, ascending, if times are too far apart for that: then the rank is
            the number of these that are not later.
        earliest, latest: of the times.
    """

    wait: Ints
    thread: Ints
    code: Ints
    times: npt.NDArray[np.integer[Any]] | None
    earliest: int
    latest: int

    @classmethod
    def of_sorted(cls, wait: Ints, thread: Ints, time: Ints | Times) -> ThreadIndex:
        """Return the index of waits that are sorted by thread and time."""
        none = np.empty(0, dtype=np.int64)
        if not len(wait):
            return cls(wait, thread, none, None, 0, 0)
        earliest, latest, last = int(time.min()), int(time.max()), int(thread[-1])
        times = np.unique(time) if (last + 2) * (latest - earliest + 2) > INT64_MAX else None
        index = cls(wait, thread, none, times, earliest, latest)
        return replace(index, code=index._codes(thread, time))

    def _codes(self, thread: Ints, time: Ints | Times) -> Ints:
        """Return the code of each thread and time."""
        if self.times is None:
            inside = np.clip(time, self.earliest, self.latest) - self.earliest + 1
            rank = np.where(time < self.earliest, 0, inside.view(np.int64))
            width = self.latest - self.earliest + 2
        else:
            rank = np.searchsorted(self.times, time, "right")
            width = len(self.times) + 1
        known: Ints = np.clip(thread, -1, int(self.thread[-1]) + 1).astype(np.int64)
        return known * width + rank

    def last_until(self, thread: Ints, time: Ints | Times) -> Ints:
        """Return for each thread its last wait at or before the time; `NO_WAIT` if none is."""
        return self._wait_at(self._behind(thread, time) - 1, thread)

    def around(self, thread: Ints, time: Ints | Times) -> tuple[Ints, Ints]:
        """Return the same as `last_until`, and each thread's first wait after the time."""
        behind = self._behind(thread, time)
        return self._wait_at(behind - 1, thread), self._wait_at(behind, thread)

    def _behind(self, thread: Ints, time: Ints | Times) -> Ints:
        """Return for each thread the index behind its last wait at or before the time."""
        if not len(self.wait):
            return np.zeros(len(thread), dtype=np.int64)
        return np.searchsorted(self.code, self._codes(thread, time), "right")

    def _wait_at(self, index: Ints, thread: Ints) -> Ints:
        """Return the wait at each index, if there is one and it is of that thread."""
        if not len(self.wait):
            return np.full(len(index), NO_WAIT, dtype=np.int64)
        inside = np.clip(index, 0, len(self.wait) - 1)
        is_of_thread = (inside == index) & (self.thread[inside] == thread)
        return np.where(is_of_thread, self.wait[inside], NO_WAIT)
