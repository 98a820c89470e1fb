"""Lay folded stacks out as the boxes of a flame graph.

Owns which frames get a box, where each box starts and how wide it is, in the unit of the values. It
refuses to know pixels, colours and file formats (``render.svg.flamegraph`` does).

Positions are exact sums of integers, so neighbours meet without a gap or an overlap at any size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from pvprof.analysis.stacks.boxes import MIXED, ROOT, Box, Layout, Order
from pvprof.analysis.stacks.fold import TableRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pvprof.analysis.stacks.fold import Folded
    from pvprof.model.stacks import Frame, Stack

_NEARLY_ALL_PERCENT = 90

_END = ";"
"""Ends each frame of a key, also the last one. Then keys that begin with equal frames are
neighbours: without it, ``a;foo1`` would sort between ``a;foo`` and ``a;foo;y``."""

_AFTER_END = chr(ord(_END) + 1)


class Span(NamedTuple):
    """One box as a range of sorted stacks.

    Attributes:
        depth, name: as in `Box`.
        low, high: the range; `first` is `low`, or one more if a stack ends here.
        children: the ranges of the callees that are wide enough, in drawing order.
    """

    depth: int
    name: Frame
    low: int
    first: int
    high: int
    children: tuple[tuple[int, int], ...]


class SortedStacks(NamedTuple):
    """Stacks in an order in which those with equal callers are neighbours.

    Attributes:
        keys: stacks, each ending in ``;``.
        order: for each key, the index of its stack in the order given.
        is_reversed: whether keys are spelled backwards, so that the leaf comes first. Reversing a
            text is ten times as fast as reversing its frames.
    """

    keys: list[str]
    order: list[int]
    is_reversed: bool

    def sums(self, values: Sequence[int]) -> list[int]:
        """Return the running sums of the values, sorted like the keys: 0 and one for each key."""
        return [0, *accumulate([values[index] for index in self.order])]


def sort_stacks(stacks: Sequence[Stack], *, is_reversed: bool) -> SortedStacks:
    """Return distinct stacks sorted by their frames, root first or leaf first."""
    if is_reversed:
        keys = [stack[::-1] + _END for stack in stacks]
    else:
        keys = [stack + _END for stack in stacks]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return SortedStacks([keys[index] for index in order], order, is_reversed)


def lay_out(
    folded: Folded, min_width: int, order: Order = "name", *, is_reversed: bool = False
) -> Layout:
    """Return the boxes whose width is at least `min_width`; the root has a box at any width.

    Args:
        folded: rows in any order.
        min_width: in the unit of the values; 1 or less cuts nothing.
        order: of siblings.
        is_reversed: merge stacks from the leaf instead of from the root.
    """
    if not folded.rows:
        return Layout(boxes=(), depth=0, total=0, rest=0, rest_stacks=0)
    if isinstance(folded.rows, TableRows) and not folded.causes:
        from pvprof.analysis.stacks.table_layout import boxes_of  # noqa: PLC0415 (numpy)

        table = folded.rows.table
        return _layout(tuple(boxes_of(table, min_width, order, is_reversed=is_reversed)))
    stacks = [stack for stack, _ in folded.rows]
    values = [value for _, value in folded.rows]
    ordered = sort_stacks(stacks, is_reversed=is_reversed)
    sums = ordered.sums(values)
    causes = _CauseSums(folded, stacks, values, ordered)
    boxes: list[Box] = []
    next_start = [0]
    for depth, name, low, first, high, children in spans(ordered, sums, min_width, order):
        width, self_value = sums[high] - sums[low], sums[first] - sums[low]
        start = next_start[depth]
        next_start[depth + 1 :] = [start + (self_value if order == "name" else 0)]
        next_start[depth] += width
        rest, rest_stacks = width - self_value, high - first
        for child_low, child_high in children:
            rest -= sums[child_high] - sums[child_low]
            rest_stacks -= child_high - child_low
        cause = causes.of(low, high)
        boxes.append(Box(depth, start, width, name, self_value, rest, rest_stacks, cause))
    return _layout(tuple(boxes))


def _layout(boxes: tuple[Box, ...]) -> Layout:
    """Return the layout of boxes, the root first."""
    return Layout(
        boxes=boxes,
        depth=max([box.depth + (2 if box.rest else 1) for box in boxes]),
        total=boxes[0].width,
        rest=sum([box.rest for box in boxes]),
        rest_stacks=sum([box.rest_stacks for box in boxes]),
    )


def spans(
    ordered: SortedStacks, sums: Sequence[int], min_width: int, order: Order
) -> Iterator[Span]:
    """Yield the boxes at least `min_width` wide as ranges of sorted stacks, parents first.

    Stacks with equal prefixes are neighbours. So a box is a range of stacks, and its children are
    the runs of equal frames after the prefix::

        index   key           box of a: low = 0, first = 1 (stack 0 ends here), high = 5
          0     a;
          1     a;b;          child b: range 1 to 3
          2     a;b;x;
          3     a;c;          child c: range 3 to 5
          4     a;c;y;

    From any index, the next child that is wide enough must include the stack at which the running
    sum has grown by `min_width`. So many narrow children are skipped at a time: 185,000 stacks,
    most of them too narrow, take 0.1 s. A list instead of recursion allows stacks of any depth.
    """
    keys, step = ordered.keys, -1 if ordered.is_reversed else 1
    pending: list[tuple[int, int, int, int, Frame]] = [(0, len(keys), 0, 0, ROOT)]
    min_width = max(1, min_width)
    while pending:
        low, high, depth, at, name = pending.pop()
        # A stack that ends here is a prefix of all others in the range, so it sorts first.
        first = low + 1 if len(keys[low]) == at else low
        children = []
        index = first
        while index < high:
            enough = bisect_left(sums, sums[index] + min_width, index + 1, high + 1)
            if enough > high:
                break
            key = keys[enough - 1]
            end = key.index(_END, at) + 1
            prefix = key[:end]
            run_end = _end_of_run(keys, prefix, enough - 1, high)
            # The last index at which the run may begin and still be wide enough.
            last = bisect_right(sums, sums[run_end] - min_width, index, enough) - 1
            if keys[last].startswith(prefix):
                start = bisect_left(keys, prefix, index, last)
                children.append((start, run_end, depth + 1, end, prefix[at:-1][::step]))
            index = run_end
        if order == "weight":
            children.sort(key=lambda child: (sums[child[0]] - sums[child[1]], child[4]))
        else:
            children.sort(key=_NAME)
        yield Span(depth, name, low, first, high, tuple([child[:2] for child in children]))
        children.reverse()
        pending += children


_NAME = itemgetter(4)


def _end_of_run(keys: Sequence[str], prefix: str, inside: int, high: int) -> int:
    """Return the index behind the last key with the prefix; `inside` has it, `high` is the end."""
    low, step = inside, 1
    while low + step < high and keys[low + step].startswith(prefix):
        low += step
        step *= 2
    if step == 1:
        return low + 1
    return bisect_left(keys, prefix[:-1] + _AFTER_END, low + 1, min(low + step, high))


class _CauseSums:
    """Running sums by cause: they give the cause of nearly all of a range of stacks."""

    def __init__(
        self, folded: Folded, stacks: Sequence[Stack], values: Sequence[int], ordered: SortedStacks
    ) -> None:
        causes = [folded.causes.get(stack, MIXED) for stack in stacks] if folded.causes else []
        self._sums = {
            cause: ordered.sums(
                [value if own == cause else 0 for own, value in zip(causes, values, strict=True)]
            )
            for cause in sorted(set(causes))
        }

    def of(self, low: int, high: int) -> str:
        """Return the cause of nearly all values in a range of sorted stacks, or `MIXED`."""
        total = largest = 0
        main_cause = MIXED
        for cause, sums in self._sums.items():
            value = sums[high] - sums[low]
            total += value
            if value > largest:
                largest, main_cause = value, cause
        return main_cause if 100 * largest >= _NEARLY_ALL_PERCENT * total else MIXED
