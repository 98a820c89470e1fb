"""What each part of a critical path counts for: a wait that it made longer, or nothing.

Owns the attribution. It refuses to walk (``walk``) and to add up (``answers``).

While a thread waits for another one, the path is in the other one. So a part of the path counts for
the waits that it ended later; of several, for the innermost one::

    A   ====s........................k====       A waits for a lock
    B   ======s'..........k'==========           B holds it, and waits for a page
    C   ==================+=======               C makes the page ready

    the path:  C           |   B     | A
    counts for:
        [nothing|   page   |  lock   | nothing]

Only waits of the wanted kinds count; a wait for a child, say, is no cost of its own. A part in
which the thread itself was blocked, as an interrupt ended it, counts for that wait at least.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.critical_path.graph import PathGraph
from pvprof.analysis.critical_path.walk import NO_WAIT, Path, State

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The segments of a path, divided where the cause changes; in order of time.

    Attributes:
        segment: the index of the segment in the path.
        starts, ends: ns since the run began.
        causes: the index in the graph of the wait that the piece counts for, or `NO_WAIT`.
    """

    segment: Ints
    starts: Ints
    ends: Ints
    causes: Ints


def pieces_of(graph: PathGraph, path: Path, counts: Bools) -> Pieces:
    """Return the pieces of a path.

    The walk goes back in time, and so does this. The waits that the path has passed and that began
    earlier are a stack; the innermost is on top. A wait that begins before those below it hides
    them for good, so the times in the stack only grow.

    Args:
        graph: the schedule.
        path: a path in it.
        counts: for each wait of the graph, whether it is of a wanted kind.
    """
    start_of, wanted = graph.start.data, counts.data
    passed = counts[path.hop_waits] & (path.hop_waits != NO_WAIT)
    hops = array("q", path.hop_waits[passed].tolist())
    times = array("q", path.hop_times[passed].tolist())
    starts, ends, states, waits = (
        column.data for column in (path.starts, path.ends, path.states, path.waits)
    )
    stack: list[int] = []
    found = array("q")
    for number in range(len(path) - 1, -1, -1):
        start, end, own = starts[number], ends[number], waits[number]
        is_waiting = states[number] == State.WAITING
        while hops and times[-1] >= end:
            wait = hops.pop()
            times.pop()
            while stack and start_of[stack[-1]] >= start_of[wait]:
                stack.pop()
            stack.append(wait)
        while end > start:
            while stack and start_of[stack[-1]] >= end:
                stack.pop()
            is_own = is_waiting and (wanted[own] or not stack)
            cause = own if is_own else stack[-1] if stack else NO_WAIT
            middle = start if is_own or cause == NO_WAIT else max(start, start_of[cause])
            found.extend((number, middle, end, cause))
            end = middle
    table = np.asarray(found, dtype=np.int64).reshape(-1, 4)[::-1]
    return Pieces(*table.T.copy())
