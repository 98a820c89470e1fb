"""Replay a schedule with many trials at once: the gains of all trials, level by level.

Owns the order of the nodes and the memory that their gains take. It refuses to know what a gain
means (``replay``), and how a schedule becomes nodes.

A node needs the gains of two earlier ones, so the nodes of a level need only those of lower levels,
and are computed in one step. A row is a node, a column a trial::

    row   level   gains of 3 trials     made of rows
     0      0       0     0     0
     1      1       7     0     2       0, 0       |
     2      1       0     5     0       0, 0       |  one step for both
     3      2       7     5     2       1, 2

Gains are kept as long as a later row needs them: rows are computed in blocks, and between two
blocks only what is still needed is carried on.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints

_MIN_BLOCK_ROWS = 1 << 14
_MAX_STEP_ROWS = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The waits and births of a schedule, in an order in which causes come first.

    Attributes:
        before, other: the positions of the two nodes that a gain is made of; position 0 is a node
            before everything, with no gain, and the first node of the columns has position 1.
        blocked_ns, runnable_ns, wait_ns: of each wait; a birth has none.
    """

    before: Ints
    other: Ints
    blocked_ns: Ints
    runnable_ns: Ints
    wait_ns: Ints

    def __len__(self) -> int:
        return len(self.before)

    def take(self, rows: Ints) -> Nodes:
        """Return these nodes; positions are those of the whole."""
        return Nodes(*(getattr(self, name)[rows] for name in self.__slots__))


def level_of_nodes(nodes: Nodes) -> Ints:
    """Return the level of each node: above those of the two nodes that it is made of."""
    levels = array("i", [0])
    add = levels.append
    for before, other in zip(nodes.before.data, nodes.other.data, strict=True):
        level, level_of_other = levels[before], levels[other]
        add((level if level > level_of_other else level_of_other) + 1)
    return np.frombuffer(levels, dtype=np.intc)[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """What is tried on the nodes of a schedule, a column for each trial.

    Attributes:
        group: of each node; -1 for none.
        is_free: for each group (row) and trial (column) whether its nodes take no time; the last
            row is that of nodes in no group.
        cpu_free: in that many trials, the first ones, no thread waits for a CPU.
    """

    group: Ints
    is_free: Bools
    cpu_free: int


def gains_side_by_side(nodes: Nodes, level: Ints, trials: Trials, wanted: Sequence[int]) -> Ints:
    """Return the gains of some nodes in all trials: a row for each node, a column for each trial.

    Args:
        nodes: the schedule.
        level: of each node.
        trials: what is tried.
        wanted: the positions of the nodes whose gains are asked for.
    """
    order = np.argsort(level, kind="stable")
    row = np.zeros(len(nodes) + 1, dtype=np.int64)  # of each position
    row[order + 1] = np.arange(1, len(row))
    ordered = nodes.take(order)
    before, other = row[ordered.before], row[ordered.other]
    replay = _Replay(ordered, trials, trials.group[order], before, other)
    cuts = np.flatnonzero(np.diff(level[order], prepend=-1, append=-1)) + 1
    last_use = np.zeros(len(row), dtype=np.int64)
    for made_of in (before, other):  # of equal indices, the last one counts
        used = np.zeros(len(row), dtype=np.int64)
        used[made_of] = np.arange(1, len(row))
        last_use = np.maximum(last_use, used)
    last_use[row[wanted]] = len(row)

    kept, gains = np.zeros(1, dtype=np.int64), np.zeros((1, trials.is_free.shape[1]), np.int64)
    first = 0
    while first < len(cuts) - 1:
        # Twice what is carried on: copying it stays cheaper than the work.
        rows = max(_MIN_BLOCK_ROWS, 2 * len(kept))
        after = max(int(np.searchsorted(cuts, cuts[first] + rows, "right")) - 1, first + 1)
        gains = replay.block(kept, gains, cuts[first : after + 1])
        ids = np.concatenate([kept, np.arange(cuts[first], cuts[after])])
        is_needed = last_use[ids] >= cuts[after]
        kept, gains = ids[is_needed], gains[is_needed]
        first = after
    return gains[np.searchsorted(kept, row[wanted])]


@dataclass(frozen=True, slots=True, eq=False)
class _Replay:
    """Nodes in order of their levels, with the rows that they are made of; row 0 is before all."""

    nodes: Nodes
    trials: Trials
    group: Ints
    before: Ints
    other: Ints

    def block(self, kept: Ints, kept_gains: Ints, cuts: Ints) -> Ints:
        """Return the gains of a block, below those that were kept from earlier ones.

        Args:
            kept: the rows that were kept, ascending.
            kept_gains: their gains.
            cuts: the first row of each level of the block, and the row after the last.
        """
        first, end = int(cuts[0]), int(cuts[-1])
        part = slice(first - 1, end - 1)  # row 0 is not in the columns
        offset = len(kept)
        gains = np.empty((offset + end - first, kept_gains.shape[1]), dtype=np.int64)
        gains[:offset] = kept_gains

        def place(rows: Ints) -> Ints:
            return np.where(rows < first, np.searchsorted(kept, rows), rows - first + offset)

        before, other = place(self.before[part]), place(self.other[part])
        blocked, runnable, waited = (
            column[part, np.newaxis]
            for column in (self.nodes.blocked_ns, self.nodes.runnable_ns, self.nodes.wait_ns)
        )
        group, is_kept, cpu_free = self.group[part], ~self.trials.is_free, self.trials.cpu_free
        for start, stop in pairwise(_steps((cuts - first).tolist())):
            gain = gains.take(before[start:stop], axis=0)
            of_waker = gains.take(other[start:stop], axis=0)
            has_to_wait = of_waker <= gain + blocked[start:stop]
            has_to_wait &= is_kept.take(group[start:stop], axis=0)
            gain += waited[start:stop]
            of_waker[:, :cpu_free] += runnable[start:stop]
            np.copyto(gain, of_waker, where=has_to_wait)
            gains[offset + start : offset + stop] = gain
        return gains


def _steps(cuts: list[int]) -> list[int]:
    """Return the bounds of levels, and more within wide ones: a step should fit into the caches."""
    steps = [0]
    for cut in cuts[1:]:
        steps.extend(range(steps[-1] + _MAX_STEP_ROWS, cut, _MAX_STEP_ROWS))
        steps.append(cut)
    return steps
