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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.analysis.critical_path.graph import NO_LIFE, PathGraph, WaitEnd
from pvprof.analysis.critical_path.side_by_side import (
    Nodes,
    Trials,
    gains_side_by_side,
    level_of_nodes,
)
from pvprof.analysis.critical_path.walk import Path
from pvprof.analysis.waits.groups import NO_GROUP
from pvprof.analysis.waits.thread_index import NO_WAIT, ThreadIndex
from pvprof.model.column_table import order_by_time
from pvprof.model.threads import UNKNOWN

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints

_NEVER = -(1 << 62)
"""In place of the time by which a waker may be sooner: the thread needs no waker."""

# Measured, in ns: a node in the replay of one trial; a level in that of many, and each of its
# nodes in each trial.
_NODE_COST, _LEVEL_COST, _CELL_COST = 170, 7_000, 10


class Trial(NamedTuple):
    """What is tried: the waits of these groups take no time.

    If `is_cpu_free`, no thread waits for a CPU, either.
    """

    groups: frozenset[int]
    is_cpu_free: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rerun:
    """A schedule, to be replayed for one thread.

    Attributes:
        nodes: its waits and births.
        wait: the index of each node in the graph; `NO_WAIT` for a birth.
        birth, death: the positions of the nodes whose gains shift the beginning and the end.
    """

    nodes: Nodes
    wait: Ints
    birth: int
    death: int

    def gains_ns(self, group: Ints, trials: Sequence[Trial]) -> list[int]:
        """Return for each trial the time by which the thread would have ended sooner.

        Both ways of replaying give the same result; the one is taken that should be quicker. Many
        trials side by side pay if many threads wait at the same time.

        Args:
            group: for each wait of the graph the number of its group, or `NO_GROUP`.
            trials: what to try.
        """
        level = level_of_nodes(self.nodes)
        cells = len(level) * len(trials)
        side_by_side = int(level.max(initial=0)) * _LEVEL_COST + cells * _CELL_COST
        if side_by_side < cells * _NODE_COST:
            return self.side_by_side(group, trials, level)
        return self.one_by_one(group, trials)

    def one_by_one(self, group: Ints, trials: Sequence[Trial]) -> list[int]:
        """Return the same as `gains_ns`, with a replay for each trial."""
        of_node = self._group_of_nodes(group)
        return [self._replay(np.isin(of_node, list(trial.groups)), trial) for trial in trials]

    def side_by_side(self, group: Ints, trials: Sequence[Trial], level: Ints) -> list[int]:
        """Return the same as `gains_ns`, with one replay for all; `level` is of each node."""
        columns = sorted(range(len(trials)), key=lambda number: not trials[number].is_cpu_free)
        of_node = self._group_of_nodes(group)
        last = max(int(of_node.max(initial=0)), *(max(one.groups, default=0) for one in trials))
        is_free = np.zeros((last + 2, len(trials)), dtype=np.bool_)
        for column, number in enumerate(columns):
            is_free[list(trials[number].groups), column] = True
        cpu_free = sum(trial.is_cpu_free for trial in trials)
        born, died = gains_side_by_side(
            self.nodes, level, Trials(of_node, is_free, cpu_free), [self.birth, self.death]
        )
        gains = dict(zip(columns, (died - born).tolist(), strict=True))
        return [gains[number] for number in range(len(trials))]

    def _group_of_nodes(self, group: Ints) -> Ints:
        return np.where(self.wait == NO_WAIT, NO_GROUP, group[self.wait])

    def _replay(self, is_free: Bools, trial: Trial) -> int:
        """Return the gain of a trial, in which some nodes take no time."""
        nodes = self.nodes
        slack = np.where(is_free, _NEVER, nodes.blocked_ns)
        sooner = nodes.runnable_ns if trial.is_cpu_free else np.zeros(len(slack), dtype=np.int64)
        columns = (nodes.before, nodes.other, slack, sooner, nodes.wait_ns)
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
    order = order_by_time(time, woken)
    position = np.empty(size, dtype=np.int64)
    position[order] = np.arange(size) + 1
    index = ThreadIndex.of_sorted(np.arange(size), life, time)

    before, other = _causes_of_nodes(graph, position, index, time[birth_node])
    blocked, runnable, waited = (np.zeros(size, dtype=np.int64) for _ in range(3))
    blocked[wait_node] = graph.woken - graph.start
    runnable[wait_node] = graph.end - graph.woken
    waited[wait_node] = graph.end - graph.start
    last = index.last_until(np.array([path.life]), np.array([path.end]))
    birth = int(position[birth_node[path.life]])
    death = int(position[last[0]]) if last[0] != NO_WAIT else 0
    order = order[: max(birth, death)]  # no later node has an effect
    return Rerun(
        nodes=Nodes(before, other, blocked, runnable, waited).take(order),
        wait=wait[order],
        birth=birth,
        death=death,
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
