"""Two folded profiles laid out as one tree: how much of each passes through every frame.

Owns the differential tree: both values of each box, the steps of changes, and how one profile is
scaled to the other. It refuses to judge whether a change is more than chance (that takes repeated
runs) and to know colours (``render.svg.diff_flamegraph`` does).

Nothing is scaled unless the caller gives the amounts: runs of different length or load are only
comparable per unit of work, and no profile knows how much work was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from pvprof.analysis.stacks.boxes import Order, Shape
from pvprof.analysis.stacks.layout import sort_stacks, spans
from pvprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pvprof.analysis.stacks.fold import Folded
    from pvprof.model.stacks import Frame, Stack
    from pvprof.units import Unit

SHAPE_COLUMNS: dict[Shape, int] = {"base": 0, "new": 1, "union": 2}
"""The index of a shape in `DiffBox.rests`."""

STEP_RATIOS = ((5, 4), (2, 1), (4, 1), (10, 1))
"""The ratios of the larger to the smaller value, (numerator, denominator), at which a change takes
its second to fifth step: rises of 25, 100, 300 and 900 %, falls of 20, 50, 75 and 90 %."""

NEW = len(STEP_RATIOS) + 2
VANISHED = -NEW
"""The steps of a frame that only one of the profiles has. Between them: 0 (below the threshold),
1 (above it), one more for each of `STEP_RATIOS` that is reached, and the same downwards."""


TOTAL = "total"
"""The unit of work of a profile that is scaled so that both have the same total."""


@dataclass(frozen=True, slots=True)
class WorkScale:
    """How much work each profile covers: the base is scaled to the work of the new one.

    Attributes:
        unit: what is counted, e.g. ``builds`` or ``seconds``; `TOTAL` if it is the values.
        base, new: the amounts; more than 0.
    """

    unit: str
    base: Fraction
    new: Fraction

    def __post_init__(self) -> None:
        if self.base <= 0 or self.new <= 0:
            raise UsageError(f"no profile covers {min(self.base, self.new)} {self.unit}")


@dataclass(frozen=True, slots=True)
class Threshold:
    """The changes that are too small to be coloured: those below either share.

    Attributes:
        of_frame_percent: of the frame's own larger value.
        of_total_percent: of the larger profile: small frames triple by chance.
    """

    of_frame_percent: Fraction = Fraction(5)
    of_total_percent: Fraction = Fraction(1, 10)

    def __post_init__(self) -> None:
        for share in (self.of_frame_percent, self.of_total_percent):
            if not 0 <= share <= 100:
                raise UsageError(f"a threshold of {share} % is no share")

    def change(self, base: int, new: int, total: int) -> int:
        """Return the step of a change, `VANISHED` to `NEW`; `total`: that of the larger profile."""
        larger, smaller = max(base, new), min(base, new)
        delta = 100 * (larger - smaller)
        if delta == 0 or delta < self.of_frame_percent * larger:
            return 0
        if delta < self.of_total_percent * total:
            return 0
        step = 1 + sum([low * larger >= high * smaller for high, low in STEP_RATIOS])
        if not smaller:
            step = NEW
        return step if new > base else -step


@dataclass(frozen=True, slots=True)
class DiffProfile:
    """Two profiles stack by stack, the base already scaled.

    Attributes:
        stacks: every stack of either, in any order.
        base, new: their values; not both 0.
        unit: of the values.
        scale: how the base was scaled, or None.
        reasons: frames that stand for what was waited for.
    """

    stacks: tuple[Stack, ...]
    base: tuple[int, ...]
    new: tuple[int, ...]
    unit: Unit
    scale: WorkScale | None = None
    reasons: frozenset[Frame] = frozenset()

    @property
    def union(self) -> list[int]:
        """Return the larger value of each stack."""
        return list(map(max, self.base, self.new))


class DiffBox(NamedTuple):
    """A frame reached by one path of callers, in both profiles.

    Attributes:
        depth, start, width, name, self_value, rest, rest_stacks: as in `layout.Box`, in the shape
            that was laid out; `width` may be 0.
        base, new: the sum of the values of all stacks that pass through it.
        own: (base, new) of the stack that ends here.
        rests: (base, new, union) of the callees that are too narrow to be drawn.
    """

    depth: int
    start: int
    width: int
    name: Frame
    self_value: int
    rest: int
    rest_stacks: int
    base: int
    new: int
    own: tuple[int, int]
    rests: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class DiffLayout:
    """The boxes of two profiles.

    Attributes:
        boxes: depth first, a parent before its children; empty if both profiles are.
        depth: the number of levels.
        total: the width of the root, in the shape that was laid out.
        base, new: the sums of all values.
        rest, rest_stacks: in that shape, the sums over all boxes.
    """

    boxes: tuple[DiffBox, ...]
    depth: int
    total: int
    base: int
    new: int
    rest: int
    rest_stacks: int


def diff_profiles(base: Folded, new: Folded, scale: WorkScale | None = None) -> DiffProfile:
    """Return two profiles side by side; a scale multiplies the base's values.

    A scaled value is at least 1, so that scaling makes nothing vanish.

    Raises:
        UsageError: they are in different units.
    """
    if base.unit != new.unit:
        raise UsageError(f"the base is in {base.unit}, the new profile in {new.unit}")
    values: dict[Stack, list[int]] = {}
    factor = scale.new / scale.base if scale else Fraction(1)
    for stack, value in base.rows:
        scaled = (2 * value * factor.numerator + factor.denominator) // (2 * factor.denominator)
        values[stack] = [max(scaled, 1), 0]
    for stack, value in new.rows:
        values.setdefault(stack, [0, 0])[1] = value
    return DiffProfile(
        tuple(values),
        tuple([pair[0] for pair in values.values()]),
        tuple([pair[1] for pair in values.values()]),
        new.unit,
        scale,
        base.reasons | new.reasons,
    )


def lay_out_diff(
    profile: DiffProfile,
    min_width: int,
    shape: Shape = "union",
    order: Order = "name",
    *,
    is_reversed: bool = False,
) -> DiffLayout:
    """Return the boxes whose width in the union is at least `min_width`."""
    if not profile.stacks:
        return DiffLayout((), 0, 0, 0, 0, 0, 0)
    ordered = sort_stacks(profile.stacks, is_reversed=is_reversed)
    union = ordered.sums(profile.union)
    both = ordered.sums(profile.base), ordered.sums(profile.new)
    columns = (*both, union)
    drawn = columns[SHAPE_COLUMNS[shape]]
    boxes: list[DiffBox] = []
    next_start = [0]
    # In every shape, siblings by weight are in the order of the union: boxes that are compared by
    # eye must not move.
    for depth, name, low, first, high, children in spans(ordered, union, min_width, order):
        width, self_value = drawn[high] - drawn[low], drawn[first] - drawn[low]
        start = next_start[depth]
        next_start[depth + 1 :] = [start + (self_value if order == "name" else 0)]
        next_start[depth] += width

        values = [sums[high] - sums[low] for sums in both]
        own = [sums[first] - sums[low] for sums in both]
        rests = [_rest(sums, first, high, children) for sums in columns]
        rest_stacks = high - first - sum([end - start for start, end in children])
        boxes.append(
            DiffBox(
                depth, start, width, name, self_value, rests[SHAPE_COLUMNS[shape]], rest_stacks,
                values[0], values[1], (own[0], own[1]), (rests[0], rests[1], rests[2]),
            )
        )  # fmt: skip
    return DiffLayout(
        boxes=tuple(boxes),
        depth=max([box.depth + (2 if box.rest else 1) for box in boxes]),
        total=drawn[-1],
        base=both[0][-1],
        new=both[1][-1],
        rest=sum([box.rest for box in boxes]),
        rest_stacks=sum([box.rest_stacks for box in boxes]),
    )


def _rest(sums: Sequence[int], first: int, high: int, children: Iterable[tuple[int, int]]) -> int:
    """Return the sum of a range without its children."""
    in_children = sum([sums[end] - sums[start] for start, end in children])
    return sums[high] - sums[first] - in_children
