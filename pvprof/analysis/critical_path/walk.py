"""The critical path: back from the end of a thread through those that it waited for.

Owns the walk, and that its segments tile the time exactly. It refuses to say which lock a segment
counts for (``causes``).

A walk begins at the end of a thread and goes back in time. While the thread runs, or is runnable,
the path is there. Where a wait ended, the path goes on in the thread that ended it, at that moment,
and stays there also for the time before the wait began: what the waiting thread did before only
made its wait shorter or longer. Where a thread was created, the path goes on in its parent::

    time ->          |                            |
    A  running  =====s........................k--e|======    A waits from s, B wakes it at k
    B  running  =========================.====+==========
    C  interrupt                         ^

    the path      [        B             | B |    A       ]

A wait that an interrupt ended, or a thread of which nothing is known, is itself on the path. If the
beginning of a thread is not known, the path returns to the thread that waited for it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.critical_path.graph import NO_LIFE, PathGraph, WaitEnd
from pvprof.model.threads import UNKNOWN

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

NO_WAIT = -1
"""In place of the index of a wait: the thread was not waiting."""


class State(IntEnum):
    """What the thread of a segment did."""

    RUNNING = 0
    RUNNABLE = 1
    """It was woken or preempted, and waited for a CPU."""
    WAITING = 2
    """It was blocked, and no recorded thread ended that; or nothing is known of that thread."""
    UNKNOWN = 3
    """Nothing was recorded of the thread at that time."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A critical path; segments and hops are in order of time.

    Attributes:
        life: the thread whose path it is.
        begin, end: ns since the run began.
        lives: the thread of each segment.
        starts, ends: of each segment; each begins where the one before ends.
        states: of each segment, a `State`.
        waits: the index in the graph of the wait that the thread was in, or `NO_WAIT`.
        hop_times: when the path goes from one thread to another.
        hop_to: the thread that was woken or created.
        hop_waits: the wait that ended there; `NO_WAIT` where a thread was created.
    """

    life: int
    begin: int
    end: int
    lives: Ints
    starts: Ints
    ends: Ints
    states: Ints
    waits: Ints
    hop_times: Ints
    hop_to: Ints
    hop_waits: Ints

    @property
    def length_ns(self) -> int:
        """Return the length of the path, which is that of the time."""
        return self.end - self.begin

    def __len__(self) -> int:
        return len(self.lives)


def walk(graph: PathGraph, life: int) -> Path:
    """Return the critical path of a thread, from its birth to its death.

    A birth or death that is not known is the beginning or the end of the run.
    """
    born, died = int(graph.lives.born[life]), int(graph.lives.died[life])
    begin = 0 if born == UNKNOWN else min(born, graph.length_ns)
    end = graph.length_ns if died == UNKNOWN else min(max(died, begin), graph.length_ns)
    walker = _Walker(graph, begin)
    walker.go(life, end, has_died=died != UNKNOWN)
    return walker.path(life, end)


@dataclass(slots=True, eq=False)
class _Walker:
    """A walk: where it is, and what it has passed, in reverse order.

    Attributes:
        graph: the schedule.
        begin: where the walk ends.
        life, time: where it is.
        passed: for each life that it has seen, the index of the last wait that it took.
        created: the lives whose creation it has passed; so it cannot go round in circles.
        returns: the waits through which it went to another thread.
    """

    graph: PathGraph
    begin: int
    life: int = NO_LIFE
    time: int = 0
    passed: dict[int, int] = field(default_factory=dict)
    created: set[int] = field(default_factory=set)
    returns: list[int] = field(default_factory=list)
    segments: array[int] = field(default_factory=lambda: array("q"))
    hops: array[int] = field(default_factory=lambda: array("q"))
    start: memoryview = field(init=False)
    woken: memoryview = field(init=False)
    end: memoryview = field(init=False)
    how: memoryview = field(init=False)
    waker: memoryview = field(init=False)
    first: memoryview = field(init=False)

    def __post_init__(self) -> None:
        # A memoryview makes an int of one number in a third of numpy's time.
        for name in ("start", "woken", "end", "how", "waker", "first"):
            column = np.ascontiguousarray(getattr(self.graph, name), dtype=np.int64)
            setattr(self, name, column.data)

    def go(self, life: int, time: int, has_died: bool) -> None:
        """Walk from the end of a life until the beginning."""
        self.life, self.time = life, time
        last = int(self.graph.first[life + 1]) - 1
        if not has_died and last >= self.graph.first[life]:
            # It ran after its last wait, or had died, or was in a wait that had no end.
            self._segment(State.UNKNOWN, self.end[last], NO_WAIT)
        while self.time > self.begin:
            self._step()

    def _step(self) -> None:
        """Go back over one wait, or over the beginning of a thread."""
        life, time = self.life, self.time
        lowest = self.first[life]
        wait = bisect_left(self.start, time, lowest, self._behind(life)) - 1
        if wait < lowest:
            self._pass_beginning()
            return
        self.passed[life] = wait
        self._segment(State.RUNNING, self.end[wait], NO_WAIT)
        if self.woken[wait] > self.time:
            # It woke another thread while it was off the CPU itself, or the path returned to it.
            self._segment(State.UNKNOWN, self.start[wait], wait)
            return
        self._segment(State.RUNNABLE, self.woken[wait], wait)
        how = self.how[wait]
        if how == WaitEnd.THREAD:
            self.returns.append(wait)
            self._hop(self.waker[wait], wait)
        elif how != WaitEnd.NOBODY:
            self._segment(State.WAITING, self.start[wait], wait)

    def _behind(self, life: int) -> int:
        """Return the index behind the waits of a life that the walk has not taken."""
        return self.passed.get(life, self.first[life + 1])

    def _pass_beginning(self) -> None:
        """Go back to the parent of the thread, or to a thread that waited for it."""
        lives, life = self.graph.lives, self.life
        born, parent = int(lives.born[life]), int(lives.parent[life])
        if born != UNKNOWN:
            self._segment(State.RUNNING, born, NO_WAIT)
            if parent != NO_LIFE and life not in self.created:
                self.created.add(life)
                self._hop(parent, NO_WAIT)
                return
        if self.returns:
            wait = self.returns.pop()
            self.life = int(self.graph.life[wait])
            self._segment(State.WAITING, self.start[wait], wait)
        else:
            self._segment(State.UNKNOWN, self.begin, NO_WAIT)

    def _segment(self, state: State, start: int, wait: int) -> None:
        """Add the time from `start` until now, if there is any, and go back there."""
        start = max(start, self.begin)
        if start < self.time:
            self.segments.extend((self.life, start, self.time, state, wait))
            self.time = start

    def _hop(self, life: int, wait: int) -> None:
        self.hops.extend((self.time, self.life, wait))
        self.life = life

    def path(self, life: int, end: int) -> Path:
        """Return the path that was passed, in order of time."""
        segments = np.asarray(self.segments, dtype=np.int64).reshape(-1, 5)[::-1]
        hops = np.asarray(self.hops, dtype=np.int64).reshape(-1, 3)[::-1]
        return Path(life, self.begin, end, *segments.T.copy(), *hops.T.copy())
