"""Lay folded stacks out as the boxes of a flame graph.

Owns which frames get a box, where it starts and how wide it is, in the unit of the values. It
refuses to know pixels, colours and file formats: that is ``render.flamegraph``, which comes next.

All positions are exact sums of integers, so neighbours meet without a gap or an overlap however
large they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pvprof.analysis.stacks.fold import Folded
    from pvprof.model.stacks import Frame, Stack

ROOT: Final = "all"
"""The name of the box under (or, in an icicle, over) all others."""

REST: Final = "..."
"""How the frames are called that are too narrow for a box of their own."""

Order = Literal["name", "weight"]
"""Of siblings: ascending by name after the caller's own part, or widest first before it."""

MIXED: Final = ""
"""The cause of a box whose stacks have several, none of which makes nearly all of it."""

_NEARLY_ALL_PERCENT = 90

_END = ";"
"""Stands behind every frame of a key, also behind the last one, so that keys with equal frames up
to a place are neighbours: else ``a;foo1`` would stand between ``a;foo`` and ``a;foo;y``."""

_AFTER_END = chr(ord(_END) + 1)


class Box(NamedTuple):
    """One frame reached by one path of callers.

    Attributes:
        depth: 0 for the root, 1 for the first frame of a stack.
        start: where it starts, in the unit of the values.
        width: the sum of the values of all stacks that pass through it; at least 1.
        name: the frame, or `ROOT`.
        self_value: the value of the stack that ends here; 0 where none does.
        rest: the sum of the values of its callees that are too narrow to be drawn.
        rest_stacks: how many distinct stacks pass through those.
        cause: what its stacks waited for, nearly all of them; else `MIXED`.
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
        """Return where its right neighbour may start."""
        return self.start + self.width


@dataclass(frozen=True, slots=True)
class Layout:
    """All boxes that are wide enough, and an account of the others.

    For every box: ``width == self_value + its children's widths + rest``; over the whole layout:
    ``total == sum of all self_value + sum of all rest``.

    Attributes:
        boxes: depth first, a parent before its children. Empty only where nothing was folded.
        depth: how many levels the boxes take, the root and what is drawn for `rest` included.
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
        low, high: the range; `first` is `low`, or one more where a stack ends here.
        children: the ranges of the callees that are wide enough, in drawing order.
    """

    depth: int
    name: Frame
    low: int
    first: int
    high: int
    children: tuple[tuple[int, int], ...]


class Sorted(NamedTuple):
    """Stacks in an order in which those with equal callers are neighbours.

    Attributes:
        keys: stacks, each ending in ``;``.
        places: where each stood among the stacks that were given.
        is_reversed: the keys are spelled backwards, so that the leaf comes first: to turn a text
            round as a whole takes a tenth of the time that turning its frames round takes.
    """

    keys: list[str]
    places: list[int]
    is_reversed: bool

    def sums(self, values: Sequence[int]) -> list[int]:
        """Return the running sums of values in the given order; one more than there are values."""
        return [0, *accumulate([values[place] for place in self.places])]


def sort_stacks(stacks: Sequence[Stack], *, is_reversed: bool) -> Sorted:
    """Return distinct stacks sorted, on request with the leaf first."""
    if is_reversed:
        keys = [stack[::-1] + _END for stack in stacks]
    else:
        keys = [stack + _END for stack in stacks]
    places = sorted(range(len(keys)), key=keys.__getitem__)
    return Sorted([keys[place] for place in places], places, is_reversed)


def lay_out(
    folded: Folded, min_width: int, order: Order = "name", *, is_reversed: bool = False
) -> Layout:
    """Return the boxes whose width is at least `min_width`; the root is there at any width.

    Args:
        folded: rows in any order.
        min_width: in the unit of the values; with 1 or less nothing is cut.
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
        for from_, to in children:
            rest -= sums[to] - sums[from_]
            rest_stacks -= to - from_
        cause = causes.of(low, high)
        boxes.append(Box(depth, start, width, name, self_value, rest, rest_stacks, cause))
    return Layout(
        boxes=tuple(boxes),
        depth=max([box.depth + (2 if box.rest else 1) for box in boxes]),
        total=sums[-1],
        rest=sum([box.rest for box in boxes]),
        rest_stacks=sum([box.rest_stacks for box in boxes]),
    )


def spans(ordered: Sorted, sums: Sequence[int], min_width: int, order: Order) -> Iterator[Span]:
    """Yield the boxes at least `min_width` wide as ranges of sorted stacks, parents first.

    With equal prefixes together, a box is a range of stacks, and its children are the runs of
    equal frames after that prefix. From any place, the next child that is wide enough must hold
    the stack at which the running sum has grown by `min_width`: so narrow ones are stepped over
    many at a time, and 185,000 stacks, most of them too narrow, take 0.1 s. A list instead of
    recursion allows stacks of any depth.
    """
    keys, step = ordered.keys, -1 if ordered.is_reversed else 1
    pending: list[tuple[int, int, int, int, Frame]] = [(0, len(keys), 0, 0, ROOT)]
    min_width = max(1, min_width)
    while pending:
        low, high, depth, at, name = pending.pop()
        # A stack that ends here is a prefix of all others in the range, so it sorts first.
        first = low + 1 if len(keys[low]) == at else low
        children = []
        place = first
        while place < high:
            enough = bisect_left(sums, sums[place] + min_width, place + 1, high + 1)
            if enough > high:
                break
            key = keys[enough - 1]
            end = key.index(_END, at) + 1
            prefix = key[:end]
            run_end = _end_of_run(keys, prefix, enough - 1, high)
            # The last stack that the run may begin with to be wide enough.
            last = bisect_right(sums, sums[run_end] - min_width, place, enough) - 1
            if keys[last].startswith(prefix):
                start = bisect_left(keys, prefix, place, last)
                children.append((start, run_end, depth + 1, end, prefix[at:-1][::step]))
            place = run_end
        if order == "weight":
            children.sort(key=lambda child: (sums[child[0]] - sums[child[1]], child[4]))
        else:
            children.sort(key=_NAME)
        yield Span(depth, name, low, first, high, tuple([child[:2] for child in children]))
        children.reverse()
        pending += children


_NAME = itemgetter(4)


def _end_of_run(keys: Sequence[str], prefix: str, inside: int, high: int) -> int:
    """Return the first index behind `inside`, at most `high`, of a key without the prefix."""
    low, step = inside, 1
    while low + step < high and keys[low + step].startswith(prefix):
        low += step
        step *= 2
    if step == 1:
        return low + 1
    return bisect_left(keys, prefix[:-1] + _AFTER_END, low + 1, min(low + step, high))


class _CauseSums:
    """Running sums by cause, to tell what nearly all of a range of stacks waited for."""

    def __init__(
        self, folded: Folded, stacks: Sequence[Stack], values: Sequence[int], ordered: Sorted
    ) -> None:
        causes = [folded.causes.get(stack, MIXED) for stack in stacks] if folded.causes else []
        self._sums = {
            cause: ordered.sums(
                [value if mine == cause else 0 for mine, value in zip(causes, values, strict=True)]
            )
            for cause in sorted(set(causes))
        }

    def of(self, low: int, high: int) -> str:
        """Return the cause of nearly all values in a range of sorted stacks, or `MIXED`."""
        total = most = 0
        found = MIXED
        for cause, sums in self._sums.items():
            value = sums[high] - sums[low]
            total += value
            if value > most:
                most, found = value, cause
        return found if 100 * most >= _NEARLY_ALL_PERCENT * total else MIXED
