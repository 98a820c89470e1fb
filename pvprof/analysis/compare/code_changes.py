"""Which code changed: functions and towers, by everything that stands on them.

Owns the inclusive sums of two sides. A function's value holds all stacks that it is in, each once;
a tower is a path of callers. Changes of towers are shown, not judged: those shown are picked for
being large, and chance makes large ones too. Functions are picked by their size in both sides
together, so they may be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pvprof.analysis.stacks.diff_layout import DiffBox, WorkScale, diff_profiles, lay_out_diff
from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.rules import Rules
from pvprof.model.stacks import DELIMITER, WAKER_DELIMITER, Frame, Stack, frames_of
from pvprof.units import Unit

_LEAST_SHARE = Fraction(1, 100)
_LEAST_TOWER = 2000
_DOMINANT = Fraction(1, 2)
_MOST_TOWERS = 100


@dataclass(frozen=True, slots=True)
class Function:
    """A function with all that stands on it.

    Attributes:
        names: of the functions that are in the very same stacks, the outermost first.
        values: one for each run, as recorded.
    """

    names: tuple[Frame, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CallPath:
    """A path of callers, and all that stands on it.

    Attributes:
        frames: root first.
        shown: the same without waiting machinery, for people.
        base, new: of all runs of a side together, as recorded.
        base_mean, new_mean: per what values are taken per.
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
class Towers:
    """Where it changed, the largest first; at most 100 each.

    Attributes:
        changed: on both sides; of a path the frame behind which the change divides.
        appeared, vanished: on one side only; a tower for each outermost frame that is.
        appeared_count, vanished_count: how many there are.
    """

    changed: tuple[CallPath, ...] = ()
    appeared: tuple[CallPath, ...] = ()
    vanished: tuple[CallPath, ...] = ()
    appeared_count: int = 0
    vanished_count: int = 0


def add_folded(some: Iterable[Folded], unit: Unit) -> Folded:
    """Return the sum of folded stacks, in the order of their text."""
    totals: dict[Stack, int] = {}
    for one in some:
        for stack, value in one.rows:
            totals[stack] = totals.get(stack, 0) + value
    return Folded(tuple(sorted(totals.items())), unit)


def functions_of(
    runs: Sequence[Folded], reasons: frozenset[Frame], rules: Rules
) -> tuple[Function, ...]:
    """Return the functions with at least a hundredth of everything, the largest first.

    Args:
        runs: folded stacks, one for each run.
        reasons: frames that are no functions: locks, wait messages, processes.
        rules: say which functions are waiting machinery; they are left out.
    """
    vectors: dict[Stack, list[int]] = {}
    for place, one in enumerate(runs):
        for stack, value in one.rows:
            vectors.setdefault(stack, [0] * len(runs))[place] += value
    sums: dict[Frame, list[int]] = {}
    depths: dict[Frame, int] = {}
    for stack, vector in vectors.items():
        for depth, frame in enumerate(dict.fromkeys(frames_of(stack))):
            known = sums.get(frame)
            sums[frame] = (
                vector if known is None else [a + b for a, b in zip(known, vector, strict=True)]
            )
            depths[frame] = min(depth, depths.get(frame, depth))
    least = _LEAST_SHARE * sum(map(sum, vectors.values()))
    by_values: dict[tuple[int, ...], list[Frame]] = {}
    skipped = reasons | {DELIMITER, WAKER_DELIMITER}
    for frame, vector in sums.items():
        if frame not in skipped and sum(vector) >= least and not rules.is_machinery(frame):
            by_values.setdefault(tuple(vector), []).append(frame)
    found = [
        Function(tuple(sorted(names, key=lambda name: (depths[name], name))), values)
        for values, names in by_values.items()
    ]
    return tuple(sorted(found, key=lambda one: (-sum(one.values), one.names)))


def changed_paths(
    base: Folded, new: Folded, amounts: tuple[Fraction, Fraction], rules: Rules
) -> Towers:
    """Return where it changed.

    Args:
        base: the folded stacks of all its runs.
        new: those of the new side.
        amounts: how much each side covers of what values are per.
        rules: say which functions are waiting machinery.
    """
    # In both directions the same boxes: what is too narrow is told by the shares of each side.
    profile = diff_profiles(base, new, None)
    layout = lay_out_diff(profile, max(1, (base.total + new.total) // _LEAST_TOWER))
    paths = _paths(layout.boxes)
    rates = [
        (Fraction(box.base) / amounts[0], Fraction(box.new) / amounts[1]) for box in layout.boxes
    ]

    def tower(place: int) -> CallPath:
        box, frames = layout.boxes[place], paths[whole[place]][0]
        means = map(float, rates[place])
        return CallPath(frames, _shown(frames, rules), box.base, box.new, *means)

    whole = _whole_callees(layout.boxes, paths)
    changed: list[int] = []
    appeared: list[int] = []
    vanished: list[int] = []
    carried = _carried(paths, rates)
    for place, box in enumerate(layout.boxes[1:], 1):
        parent = layout.boxes[paths[place][1]]
        delta = rates[place][1] - rates[place][0]
        if not box.base or not box.new:
            if (parent.base and parent.new) or not parent.depth:
                (appeared if box.new else vanished).append(place)
        elif delta and carried[place] < _DOMINANT * abs(delta):
            changed.append(place)

    def largest(places: list[int]) -> tuple[CallPath, ...]:
        some = [tower(place) for place in places]
        some.sort(key=lambda one: (-abs(one.difference), one.frames))
        return tuple(some[:_MOST_TOWERS])

    return Towers(
        largest(changed), largest(appeared), largest(vanished), len(appeared), len(vanished)
    )


def _paths(boxes: Sequence[DiffBox]) -> list[tuple[tuple[Frame, ...], int]]:
    """Return for each box its frames, without the root, and the place of its parent."""
    paths: list[tuple[tuple[Frame, ...], int]] = []
    open_places: list[int] = []
    for place, box in enumerate(boxes):
        del open_places[box.depth :]
        parent = open_places[-1] if open_places else 0
        frames = (*paths[parent][0], box.name) if box.depth else ()
        paths.append((frames, parent))
        open_places.append(place)
    return paths


def _whole_callees(
    boxes: Sequence[DiffBox], paths: Sequence[tuple[tuple[Frame, ...], int]]
) -> list[int]:
    """Return for each box the innermost one that all of it passes through."""
    whole = list(range(len(boxes)))
    for place in range(len(boxes) - 1, 0, -1):  # callees come after their callers
        parent = paths[place][1]
        if (boxes[place].base, boxes[place].new) == (boxes[parent].base, boxes[parent].new):
            whole[parent] = whole[place]
    return whole


def _carried(
    paths: Sequence[tuple[tuple[Frame, ...], int]], rates: Sequence[tuple[Fraction, Fraction]]
) -> Mapping[int, Fraction]:
    """Return for each box the largest change of one of its callees in the same direction."""
    carried = dict.fromkeys(range(len(paths)), Fraction(0))
    for place in range(1, len(paths)):
        parent = paths[place][1]
        delta, whole = (rates[one][1] - rates[one][0] for one in (place, parent))
        if (delta > 0) == (whole > 0):
            carried[parent] = max(carried[parent], abs(delta))
    return carried


def _shown(frames: Sequence[Frame], rules: Rules) -> tuple[Frame, ...]:
    kept = [frame for frame in frames[:-1] if not rules.is_machinery(frame)]
    return (*kept, frames[-1])


def scale_of(names: str, amounts: tuple[Fraction, Fraction]) -> WorkScale | None:
    """Return how the base is brought to the new side's scale; None where both cover as much."""
    return None if amounts[0] == amounts[1] else WorkScale(names, *amounts)


def differential_rows(
    base: Folded, new: Folded, amounts: tuple[Fraction, Fraction]
) -> list[tuple[Stack, int, int]]:
    """Return every stack with both values, the base's scaled to what the new side covers.

    What rounding takes from one stack it gives to the next, so the sums of both columns are those
    of the sides, the base's rounded once.
    """
    factor = amounts[1] / amounts[0]
    values: dict[Stack, list[int]] = {}
    before, so_far = 0, 0
    for stack, value in sorted(base.rows):
        so_far += value
        after = round(so_far * factor)
        values[stack] = [after - before, 0]
        before = after
    for stack, value in new.rows:
        values.setdefault(stack, [0, 0])[1] += value
    return [(stack, *both) for stack, both in sorted(values.items()) if any(both)]  # type: ignore[misc]
