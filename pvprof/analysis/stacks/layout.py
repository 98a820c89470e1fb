"""Lay folded stacks out as the boxes of a flame graph.

Owns which frames get a box, where each box starts and how wide it is, in the unit of the values. It
refuses to know pixels, colours and file formats (``render.svg.flamegraph`` does).

Positions are exact sums of integers, so neighbours meet without a gap or an overlap at any size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pvprof.analysis.stacks.fold import Folded
    from pvprof.model.stacks import Frame, Stack

ROOT: Final = "all"
"""The name of the box below (in an icicle: above) all others."""

REST: Final = "..."
"""The name of frames that are too narrow for a box of their own."""

Order = Literal["name", "weight"]
"""The order of siblings: by name, after the caller's own part; or widest first, before it."""

Shape = Literal["union", "new", "base"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
"""What the width of a box shows in a difference: its value in one profile; or the sum of the larger
value of each stack, so that neither what vanished nor what is new is missing. It is here, not in
``diff_layout``, since the command line lists the shapes even if no difference is wanted."""

MIXED: Final = ""
"""The cause of a box whose stacks have several causes, none of them nearly all of its value."""

_NEARLY_ALL_PERCENT = 90

_END = ";"
"""Ends each frame of a key, also the last one. Then keys that begin with equal frames are
neighbours: without it, ``a;foo1`` would sort between ``a;foo`` and ``a;foo;y``."""

_AFTER_END = chr(ord(_END) + 1)


class Box(NamedTuple):
    """One frame, reached by one path of callers.

    Attributes:
        depth: 0 for the root, 1 for the first frame of a stack.
        start: where it starts, in the unit of the values.
        width: the sum of the values of all stacks that pass through it; at least 1.
        name: the frame, or `ROOT`.
        self_value: the value of the stack that ends here; 0 if none does.
        rest: the sum of the values of its callees that are too narrow to be drawn.
        rest_stacks: the number of distinct stacks that pass through those.
        cause: what nearly all of its value waited for, or `MIXED`.
    """

    depth: int
    start: int
    width: int
    name: Frame
    self_value: int
    rest: int = 0
    rest_stacks: int = 0
    cause: str = MIXED

    @property
    def end(self) -> int:
        """Return the position at which its right neighbour may start."""
        return self.start + self.width


@dataclass(frozen=True, slots=True)
class Layout:
    """All boxes that are wide enough, and an account of the others.

    For every box: ``width == self_value + its children's widths + rest``; over the whole layout:
    ``total == sum of all self_value + sum of all rest``.

    Attributes:
        boxes: depth first, a parent before its children. Empty only if nothing was folded.
        depth: the number of levels, with the root and what is drawn for `rest`.
        total: the sum of all values.
        rest: the sum over all boxes.
        rest_stacks: the sum over all boxes.
    """

    boxes: tuple[Box, ...]
    depth: int
    total: int
    rest: int
    rest_stacks: int


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
    return Layout(
        boxes=tuple(boxes),
        depth=max([box.depth + (2 if box.rest else 1) for box in boxes]),
        total=sums[-1],
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
