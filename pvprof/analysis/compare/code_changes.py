"""Which code changed: functions and call paths, with everything that they called.

Owns the inclusive sums of two sides. A function's value is the sum of all stacks that it is in,
each once; a call path is a frame with all of its callers. Changes of call paths are shown, not
judged: they are chosen for being large, and chance makes large changes too. Functions are chosen by
their size in both sides together, so they may be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from pvprof.analysis.stacks.diff_layout import DiffBox, WorkScale, diff_profiles, lay_out_diff
from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.matcher import Matcher
from pvprof.model.stacks import DELIMITER, WAKER_DELIMITER, Frame, Stack, frames_of
from pvprof.units import Unit

_MIN_FUNCTION_SHARE = Fraction(1, 100)
_MIN_PATH_SHARE = Fraction(1, 2000)
_DOMINANT_SHARE = Fraction(1, 2)
_MAX_PATHS = 100


@dataclass(frozen=True, slots=True)
class Function:
    """A function and everything that it called.

    Attributes:
        names: of the functions that are in exactly the same stacks, the outermost first.
        values: one for each run, as recorded.
    """

    names: tuple[Frame, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CallPath:
    """A frame with all of its callers, and everything that it called.

    Attributes:
        frames: root first.
        shown: the same without waiting machinery.
        base, new: the sum over all runs of a side, as recorded.
        base_mean, new_mean: divided by the amount that the side covers.
    """

    frames: tuple[Frame, ...]
    shown: tuple[Frame, ...]
    base: int
    new: int
    base_mean: float
    new_mean: float

    @property
    def difference(self) -> float:
        """Return the new side less the base."""
        return self.new_mean - self.base_mean


@dataclass(frozen=True, slots=True)
class PathChanges:
    """The call paths that changed, the largest changes first; at most 100 each.

    Attributes:
        changed: on both sides; each path ends at the frame below which the change divides.
        appeared, vanished: on one side only; each path ends at the outermost such frame.
        appeared_count, vanished_count: the numbers of all such paths.
    """

    changed: tuple[CallPath, ...] = ()
    appeared: tuple[CallPath, ...] = ()
    vanished: tuple[CallPath, ...] = ()
    appeared_count: int = 0
    vanished_count: int = 0


def add_folded(folded_runs: Iterable[Folded], unit: Unit) -> Folded:
    """Return the sum of folded stacks, in the order of their text."""
    totals: dict[Stack, int] = {}
    for folded in folded_runs:
        for stack, value in folded.rows:
            totals[stack] = totals.get(stack, 0) + value
    return Folded(tuple(sorted(totals.items())), unit)


def functions_of(
    runs: Sequence[Folded], reasons: frozenset[Frame], rules: Matcher
) -> tuple[Function, ...]:
    """Return the functions with at least a hundredth of the total, the largest first.

    Args:
        runs: folded stacks, one for each run.
        reasons: frames that are no functions: locks, wait messages, processes.
        rules: which functions are waiting machinery; those are left out.
    """
    values_of_stack: dict[Stack, list[int]] = {}
    for run, folded in enumerate(runs):
        for stack, value in folded.rows:
            values_of_stack.setdefault(stack, [0] * len(runs))[run] += value
    sums: dict[Frame, list[int]] = {}
    depths: dict[Frame, int] = {}
    for stack, values in values_of_stack.items():
        for depth, frame in enumerate(dict.fromkeys(frames_of(stack))):
            known = sums.get(frame)
            sums[frame] = (
                values if known is None else [a + b for a, b in zip(known, values, strict=True)]
            )
            depths[frame] = min(depth, depths.get(frame, depth))
    min_value = _MIN_FUNCTION_SHARE * sum(map(sum, values_of_stack.values()))
    names_of_values: dict[tuple[int, ...], list[Frame]] = {}
    skipped = reasons | {DELIMITER, WAKER_DELIMITER}
    for frame, values in sums.items():
        if frame not in skipped and sum(values) >= min_value and not rules.is_machinery(frame):
            names_of_values.setdefault(tuple(values), []).append(frame)
    functions = [
        Function(tuple(sorted(names, key=lambda name: (depths[name], name))), run_values)
        for run_values, names in names_of_values.items()
    ]
    return tuple(sorted(functions, key=lambda function: (-sum(function.values), function.names)))


class _PathNode(NamedTuple):
    """A box of the differential layout as a node of a tree.

    Attributes:
        box: the box.
        frames: of its call path, without the root.
        parent: the index of its caller's node; the root is its own parent.
        base_rate, new_rate: its values divided by the amounts of the sides.
    """

    box: DiffBox
    frames: tuple[Frame, ...]
    parent: int
    base_rate: Fraction
    new_rate: Fraction

    @property
    def change(self) -> Fraction:
        """Return the new side less the base."""
        return self.new_rate - self.base_rate


def changed_paths(
    base: Folded, new: Folded, amounts: tuple[Fraction, Fraction], rules: Matcher
) -> PathChanges:
    """Return the call paths that changed.

    Args:
        base: the folded stacks of all runs of the base.
        new: those of the new side.
        amounts: what the values of each side are divided by.
        rules: which functions are waiting machinery.
    """
    # Both directions have the same boxes: a box is narrow by its share of both sides.
    profile = diff_profiles(base, new, None)
    min_width = max(1, int((base.total + new.total) * _MIN_PATH_SHARE))
    nodes = _nodes(lay_out_diff(profile, min_width).boxes, amounts)
    largest_part = _largest_changes_of_callees(nodes)
    changed: list[int] = []
    appeared: list[int] = []
    vanished: list[int] = []
    for index, node in enumerate(nodes[1:], 1):
        parent = nodes[node.parent].box
        is_outermost = bool(parent.base and parent.new) or not parent.depth
        if not node.box.base:
            appeared += [index] if is_outermost else []
        elif not node.box.new:
            vanished += [index] if is_outermost else []
        elif node.change and largest_part[index] < _DOMINANT_SHARE * abs(node.change):
            changed.append(index)
    innermost = _innermost_with_same_values(nodes)

    def largest(indices: Sequence[int]) -> tuple[CallPath, ...]:
        paths = [_call_path(nodes[index], nodes[innermost[index]], rules) for index in indices]
        paths.sort(key=lambda path: (-abs(path.difference), path.frames))
        return tuple(paths[:_MAX_PATHS])

    return PathChanges(
        largest(changed), largest(appeared), largest(vanished), len(appeared), len(vanished)
    )


def _nodes(boxes: Sequence[DiffBox], amounts: tuple[Fraction, Fraction]) -> list[_PathNode]:
    """Return a node for each box, in the order of the boxes: callers before their callees."""
    nodes: list[_PathNode] = []
    open_nodes: list[int] = []  # from the root to the box before this one
    for index, box in enumerate(boxes):
        del open_nodes[box.depth :]
        parent = open_nodes[-1] if open_nodes else 0
        frames = (*nodes[parent].frames, box.name) if box.depth else ()
        rates = Fraction(box.base) / amounts[0], Fraction(box.new) / amounts[1]
        nodes.append(_PathNode(box, frames, parent, *rates))
        open_nodes.append(index)
    return nodes


def _innermost_with_same_values(nodes: Sequence[_PathNode]) -> list[int]:
    """Return for each node the innermost one that all of its value passes through."""
    innermost = list(range(len(nodes)))
    for index in range(len(nodes) - 1, 0, -1):  # callees first
        parent = nodes[index].parent
        box, caller = nodes[index].box, nodes[parent].box
        if (box.base, box.new) == (caller.base, caller.new):
            innermost[parent] = innermost[index]
    return innermost


def _largest_changes_of_callees(nodes: Sequence[_PathNode]) -> list[Fraction]:
    """Return for each node the largest change of a callee in the same direction, without sign."""
    largest = [Fraction(0)] * len(nodes)
    for node in nodes[1:]:
        if (node.change > 0) == (nodes[node.parent].change > 0):
            largest[node.parent] = max(largest[node.parent], abs(node.change))
    return largest


def _call_path(node: _PathNode, innermost: _PathNode, rules: Matcher) -> CallPath:
    frames = innermost.frames
    outer = [frame for frame in frames[:-1] if not rules.is_machinery(frame)]
    shown = (*outer, frames[-1])
    box = node.box
    return CallPath(frames, shown, box.base, box.new, float(node.base_rate), float(node.new_rate))


def scale_of(names: str, amounts: tuple[Fraction, Fraction]) -> WorkScale | None:
    """Return the scale from the base to the new side; None if both cover the same amount."""
    return None if amounts[0] == amounts[1] else WorkScale(names, *amounts)


def differential_rows(
    base: Folded, new: Folded, amounts: tuple[Fraction, Fraction]
) -> list[tuple[Stack, int, int]]:
    """Return each stack with both values, the base's scaled to the amount of the new side.

    The running sum is rounded, not each value: so each column adds up to its side, and the base is
    rounded only once in all.
    """
    factor = amounts[1] / amounts[0]
    values: dict[Stack, list[int]] = {}
    before, sum_so_far = 0, 0
    for stack, value in sorted(base.rows):
        sum_so_far += value
        after = round(sum_so_far * factor)
        values[stack] = [after - before, 0]
        before = after
    for stack, value in new.rows:
        values.setdefault(stack, [0, 0])[1] += value
    return [
        (stack, base_value, new_value)
        for stack, (base_value, new_value) in sorted(values.items())
        if base_value or new_value
    ]
