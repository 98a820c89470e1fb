"""How much sooner a thread would have ended, if some waits had taken no time.

Owns the replay of the recorded schedule. It keeps what was recorded: how long threads ran between
their waits, who created and who woke whom, and how long a woken thread waited for a CPU. Where a
wait takes no time, its thread goes on at once, and needs no waker. A thread that now comes
too late to be woken does not wait.

The gain of a moment is how much sooner it would be. Each wait, and each birth, has one, made of the
gains of two earlier ones::

    thread    ...==p==s....k---e==      gain at s: that of p, the thread's wait before
    waker     ==q==========+=======     gain at k: that of q, the waker's last wait before k

    it still has to wait if the waker is not sooner by more than the wait was long:
        gain(q) <= gain(p) + (k - s)    then the gain at e is that of k
                                        else it is gain(p) + (e - s)

The result is exact for the recorded schedule. In a real one more threads may then want one CPU, and
threads may wait where none did. There may be less waiting for CPUs, too: a gain in which no thread
waits for a CPU is the most that there could be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.critical_path.graph import NO_LIFE, PathGraph, WaitEnd
from pvprof.analysis.critical_path.walk import Path
from pvprof.analysis.waits.thread_index import NO_WAIT, ThreadIndex
from pvprof.model.threads import UNKNOWN

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints

_NEVER = -(1 << 62)
"""In place of the time by which a waker may be sooner: the thread needs no waker."""


@dataclass(frozen=True, slots=True, eq=False)
class Rerun:
    """The waits and births of a schedule, called nodes, in an order in which causes come first.

    Attributes:
        wait: the index of each node in the graph; `NO_WAIT` for a birth.
        before, other: the positions of the two nodes that a gain is made of; position 0 is a node
            before everything, with no gain.
        blocked_ns, runnable_ns, wait_ns: of each wait; a birth has none.
        birth, death: the positions of the nodes whose gains shift the beginning and the end.
    """

    wait: Ints
    before: Ints
    other: Ints
    blocked_ns: Ints
    runnable_ns: Ints
    wait_ns: Ints
    birth: int
    death: int

    def gain_ns(self, free: Bools, is_cpu_free: bool = False) -> int:
        """Return the time by which the thread would have ended sooner.

        Args:
            free: for each wait of the graph, whether it takes no time.
            is_cpu_free: no thread waits for a CPU, either.
        """
        is_free = free[self.wait] & (self.wait != NO_WAIT)
        slack = np.where(is_free, _NEVER, self.blocked_ns)
        sooner = self.runnable_ns if is_cpu_free else np.zeros(len(slack), dtype=np.int64)
        columns = (self.before, self.other, slack, sooner, self.wait_ns)
        gains = [0]
        add = gains.append
        for before, other, slack_ns, sooner_ns, wait_ns in zip(
            *(column.data for column in columns), strict=True
        ):
            gain, gain_of_waker = gains[before], gains[other]
            if gain_of_waker <= gain + slack_ns:
                add(gain_of_waker + sooner_ns)
            else:
                add(gain + wait_ns)
        return gains[self.death] - gains[self.birth]


def replay_of(graph: PathGraph, path: Path) -> Rerun:
    """Return the schedule, to be replayed for the thread whose path this is.

    Nodes are numbered life by life, the birth first; then they are sorted by time.
    """
    lives = len(graph.lives.tid)
    size = len(graph) + lives
    birth_node = graph.first[:lives] + np.arange(lives)
    wait_node = np.arange(len(graph)) + graph.life + 1
    life, time, woken, wait = (np.empty(size, dtype=np.int64) for _ in range(4))
    life[birth_node], life[wait_node] = np.arange(lives), graph.life
    time[birth_node], time[wait_node] = graph.lives.born, graph.end
    woken[birth_node], woken[wait_node] = graph.lives.born, graph.woken
    wait[birth_node], wait[wait_node] = NO_WAIT, np.arange(len(graph))
    # A birth with a doubtful clock may be later than the first wait.
    first_end = np.full(lives, graph.length_ns, dtype=np.int64)
    has_waits = np.flatnonzero(graph.first[1:] > graph.first[:-1])
    first_end[has_waits] = graph.start[graph.first[has_waits]]
    time[birth_node] = np.minimum(time[birth_node], first_end)
    order = np.lexsort((np.arange(size), woken, time))
    position = np.empty(size, dtype=np.int64)
    position[order] = np.arange(size) + 1
    index = ThreadIndex.of_sorted(np.arange(size), life, time)

    before, other = _causes_of_nodes(graph, position, index, time[birth_node])
    blocked, runnable, waited = (np.zeros(size, dtype=np.int64) for _ in range(3))
    blocked[wait_node] = graph.woken - graph.start
    runnable[wait_node] = graph.end - graph.woken
    waited[wait_node] = graph.end - graph.start
    last = index.last_until(np.array([path.life]), np.array([path.end]))
    return Rerun(
        wait=wait[order],
        before=before[order],
        other=other[order],
        blocked_ns=blocked[order],
        runnable_ns=runnable[order],
        wait_ns=waited[order],
        birth=int(position[birth_node[path.life]]),
        death=int(position[last[0]]) if last[0] != NO_WAIT else 0,
    )


def _causes_of_nodes(
    graph: PathGraph, position: Ints, index: ThreadIndex, born_at: Ints
) -> tuple[Ints, Ints]:
    """Return for each node the positions of the two nodes that its gain is made of.

    Args:
        graph: the schedule.
        position: of each node in the order.
        index: of the nodes by thread and time.
        born_at: the time of each birth.
    """
    lives = len(graph.lives.tid)
    birth_node = graph.first[:lives] + np.arange(lives)
    wait_node = np.arange(len(graph)) + graph.life + 1
    before = np.zeros(len(position), dtype=np.int64)
    before[wait_node] = position[wait_node - 1]
    other = before.copy()
    woken_by = np.flatnonzero(graph.how == WaitEnd.THREAD)
    node = index.last_until(graph.waker[woken_by], graph.woken[woken_by])
    other[wait_node[woken_by]] = np.where(node == NO_WAIT, 0, position[node])
    born = np.flatnonzero((graph.lives.parent != NO_LIFE) & (graph.lives.born != UNKNOWN))
    node = index.last_until(graph.lives.parent[born], born_at[born])
    parent = np.where(node == NO_WAIT, 0, position[node])
    before[birth_node[born]] = other[birth_node[born]] = parent
    # Of two moments at the same time, the one that is later in the order is no cause.
    other = np.where(other < position, other, before)
    other = np.where(other < position, other, 0)
    before = np.where(before < position, before, 0)

    return before, other
