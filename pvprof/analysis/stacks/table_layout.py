"""Lay out the stacks of a `StackTable`, with numpy: no object for a stack or a frame.

It gives the same boxes as ``layout`` does for the same stacks. All stacks go up the tree at once,
one level at a time; those in a box that is too narrow are left behind, so most frames are never
looked at::

    stacks              level 1     level 2           level 3
    main;read 5         main 12     main;read 5       ends here
    main;write;a 4      main        main;write 6      main;write;a 4
    main;write;b 2      main        main;write        main;write;b 2: too narrow
    other 1             too narrow
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pvprof.analysis.stacks.boxes import ROOT, Box, Order

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from pvprof.model.arrays import Ints
    from pvprof.model.profile import StackTable

_MAX_EXACT = 1 << 53  # integers that a double holds
_MAX_CELLS = 1 << 22  # of a table of sums by parent and name; else only its cells in use


@dataclass(slots=True)
class _Node:
    """A box that is wide enough, before it has a position.

    Attributes:
        name: the number of its frame.
        width, stacks: the sum of the stacks that pass through it, and their number.
        own, own_stacks: of those that end in it.
        children: the boxes above it that are wide enough.
    """

    name: int
    width: int
    stacks: int
    own: int
    own_stacks: int
    children: list[_Node]


def boxes_of(
    table: StackTable, min_width: int, order: Order, *, is_reversed: bool
) -> Iterator[Box]:
    """Yield the boxes at least `min_width` wide, parents first; the root has any width.

    Args:
        table: stacks with values above 0.
        min_width: in the unit of the values.
        order: of siblings.
        is_reversed: merge stacks from the leaf instead of from the root.
    """
    root = _grow(table, max(1, min_width), is_reversed=is_reversed)
    names = table.names
    pending = [(root, 0, 0, ROOT)]
    while pending:
        node, depth, start, name = pending.pop()
        rest, rest_stacks = node.width - node.own, node.stacks - node.own_stacks
        children = [(names[child.name], child) for child in node.children]
        children.sort(key=lambda one: (-one[1].width if order == "weight" else 0, one[0]))
        at = start + (node.own if order == "name" else 0)
        placed = []
        for child_name, child in children:
            placed.append((child, depth + 1, at, child_name))
            at += child.width
            rest -= child.width
            rest_stacks -= child.stacks
        yield Box(depth, start, node.width, name, node.own, rest, rest_stacks)
        pending += reversed(placed)


def _grow(table: StackTable, min_width: int, *, is_reversed: bool) -> _Node:
    """Return the root of the tree of all boxes that are wide enough."""
    count = len(table.names)
    total = table.total.value
    root = _Node(-1, total, len(table), 0, 0, [])
    level = [root]
    stacks = _at_root(table, is_exact=total < _MAX_EXACT, is_reversed=is_reversed)
    while len(stacks.parents):
        cells, cell = _cells_of(stacks.parents, table.frames[stacks.places], count)
        widths = _sums_by(cell, stacks.sums, len(cells))
        is_wide = widths >= min_width
        wide = np.flatnonzero(is_wide)
        numbers = np.bincount(cell, minlength=len(cells))[wide].tolist()
        known = zip(cells[wide].tolist(), widths[wide].tolist(), numbers, strict=True)
        children = []
        for pair, width, number in known:
            parent, name = divmod(pair, count)
            child = _Node(name, int(width), number, 0, 0, [])
            level[parent].children.append(child)
            children.append(child)
        is_kept = is_wide[cell]
        cell = (np.cumsum(is_wide) - 1)[cell]
        # Stacks are distinct, so that at most one ends in a box.
        ends = np.flatnonzero(is_kept & (stacks.places == stacks.lasts))
        for at, value in zip(cell[ends].tolist(), stacks.sums[ends].tolist(), strict=True):
            children[at].own, children[at].own_stacks = int(value), 1
        is_kept[ends] = False
        kept = np.flatnonzero(is_kept)
        places, lasts = stacks.places[kept] + stacks.step, stacks.lasts[kept]
        stacks = _OpenStacks(cell[kept], stacks.sums[kept], places, lasts, stacks.step)
        level = children
    return root


class _OpenStacks(NamedTuple):
    """The stacks that go on from the boxes of a level.

    Attributes:
        parents: the numbers of these boxes.
        sums: the values: integers, as doubles if all sums are exact then.
        places, lasts: the indices of the next frame and of the last one.
        step: from a frame to the next one.
    """

    parents: Ints
    sums: npt.NDArray[Any]
    places: Ints
    lasts: Ints
    step: int


def _at_root(table: StackTable, *, is_exact: bool, is_reversed: bool) -> _OpenStacks:
    sums = table.sums.astype(np.float64) if is_exact else table.sums
    firsts, lasts = np.concatenate(([0], table.ends[:-1])), table.ends - 1
    parents = np.zeros(len(table), np.int64)
    return (
        _OpenStacks(parents, sums, lasts, firsts, -1)
        if is_reversed
        else _OpenStacks(parents, sums, firsts, lasts, 1)
    )


def _cells_of(parents: Ints, names: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the distinct pairs ``parent * count + name``, ascending, and the index of each one."""
    pairs = parents * count + names
    size = (int(parents.max(initial=0)) + 1) * count
    if size <= _MAX_CELLS:
        return np.arange(size), pairs
    cells, cell = np.unique(pairs, return_inverse=True)
    return cells, cell


def _sums_by(cell: Ints, sums: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return the sum of the values in each cell, exactly."""
    if sums.dtype == np.float64:
        return np.bincount(cell, weights=sums, minlength=size)
    widths = np.zeros(size, np.int64)
    np.add.at(widths, cell, sums)
    return widths
