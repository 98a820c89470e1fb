"""Lay folded stacks out as the boxes of a flame graph.

Owns which frames get a box, where it starts and how wide it is, in the unit of the values. It
refuses to know pixels, colours and file formats: that is ``render.flamegraph``, which comes next.

All positions are exact running sums of integers, so neighbours meet without a gap or an overlap
however large they are.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pvprof.fold import Folded
    from pvprof.model import Frame

ROOT: Frame = "all"
"""The name of the box under (or, in an icicle, over) all others."""

_END = "\0"
"""Separates frames here instead of ``;``, which sorts after digits and dots: between ``a;foo`` and
``a;foo;y`` stands ``a;foo1``, and one box would become two. Below every character of a frame, it
puts stacks in the order of their lists of frames."""

_AFTER_END = "\1"


@dataclass(frozen=True, slots=True)
class Box:
    """One frame reached by one path of callers.

    Attributes:
        depth: 0 for the root, 1 for the first frame of a stack.
        start: the sum of the values that lie left of it, in the unit of the values.
        width: the sum of the values of all stacks that pass through it; at least 1.
        name: the frame, or `ROOT`.
        self_value: the value of the stack that ends here; 0 where none does. It takes the left end
            of the box.
    """

    depth: int
    start: int
    width: int
    name: Frame
    self_value: int

    @property
    def end(self) -> int:
        """Return where its right neighbour may start."""
        return self.start + self.width


@dataclass(frozen=True, slots=True)
class Layout:
    """All boxes that are wide enough, and an account of the others.

    For every box: ``width == self_value + its children's widths + what was cut above it``; over
    the whole layout: ``total == sum of all self_value + cut_value``.

    Attributes:
        boxes: depth first, a parent before its children, siblings in ascending order of name.
            Empty only where nothing was folded.
        depth: how many levels the boxes take, the root included.
        total: the sum of all values.
        cut_boxes: how many frames stand on a box that is drawn, but were too narrow themselves.
            Frames further up, on those, are not counted: finding them would mean to walk the
            whole tree, which the cut is there to avoid.
        cut_value: the widths of those frames, summed.
    """

    boxes: tuple[Box, ...]
    depth: int
    total: int
    cut_boxes: int
    cut_value: int


def lay_out(folded: Folded, min_width: int) -> Layout:
    """Return the boxes whose width is at least `min_width`; the root is there at any width.

    With equal prefixes together, a box is a range of stacks, and its children are the runs of
    equal frames after that prefix. They are found by doubling steps and bisection, and a range
    that is too narrow is left at once: 185,000 stacks of 17 frames, most of them too narrow, take
    0.4 s. A list instead of recursion allows stacks of any depth.

    Args:
        folded: rows in any order.
        min_width: in the unit of the values; with 1 or less nothing is cut.
    """
    if not folded.rows:
        return Layout(boxes=(), depth=0, total=0, cut_boxes=0, cut_value=0)
    rows = sorted([(stack.replace(";", _END), value) for stack, value in folded.rows])
    stacks = [stack for stack, _ in rows]
    sums = [0, *accumulate(value for _, value in rows)]
    boxes: list[Box] = []
    cut_boxes = cut_value = 0
    pending = [(0, len(stacks), 0, 0, ROOT)]
    while pending:
        low, high, depth, at, name = pending.pop()
        start = sums[low]
        # A stack that ends here is a prefix of all others in the range, so it sorts first.
        first = low + 1 if len(stacks[low]) < at else low
        boxes.append(Box(depth, start, sums[high] - start, name, sums[first] - start))
        children = []
        while first < high:
            frame = _frame_at(stacks[first], at)
            end = _end_of_run(stacks, first, high, frame + _END, at)
            width = sums[end] - sums[first]
            if width >= min_width:
                children.append((first, end, depth + 1, at + len(frame) + 1, frame))
            else:
                cut_boxes += 1
                cut_value += width
            first = end
        children.reverse()
        pending += children
    return Layout(
        boxes=tuple(boxes),
        depth=max(box.depth for box in boxes) + 1,
        total=sums[-1],
        cut_boxes=cut_boxes,
        cut_value=cut_value,
    )


def _frame_at(stack: str, at: int) -> Frame:
    end = stack.find(_END, at)
    return stack[at:] if end < 0 else stack[at:end]


def _end_of_run(stacks: Sequence[str], low: int, high: int, frame: str, at: int) -> int:
    """Return the first index after `low`, at most `high`, of a stack with another frame there.

    Only the first stack of a run can end with the frame (stacks are distinct), so the others hold
    the frame with its separator, which is how it is given.
    """
    step = 1
    if low + step == high or not stacks[low + step].startswith(frame, at):
        return low + step
    if stacks[high - 1].startswith(frame, at):
        return high
    while low + step < high and stacks[low + step].startswith(frame, at):
        low += step
        step *= 2
    above = stacks[low][:at] + frame[:-1] + _AFTER_END
    return bisect_left(stacks, above, low + 1, min(low + step, high - 1))
