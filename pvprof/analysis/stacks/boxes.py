"""The boxes of a flame graph, and the words for how they are arranged.

``layout`` and ``table_layout`` make them; ``render.svg`` draws them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from pvprof.model.stacks import Frame

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
