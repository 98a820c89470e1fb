"""Folded stacks as a printed tree, by rich: for a target that has only a terminal.

Owns the shape of the tree: heaviest first; a frame with the same value as its caller is printed
below it without a number and without indentation, so that 80 columns hold deep stacks. It refuses
to decide which stacks count and which frames are too small (``analysis.stacks.layout`` cuts them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from rich.console import Console

from pvprof.analysis.stacks.boxes import Box
from pvprof.analysis.stacks.fold import Folded
from pvprof.analysis.stacks.layout import lay_out
from pvprof.model.stacks import DELIMITER, WAKER_DELIMITER, show_controls
from pvprof.render.rendered import Rendered
from pvprof.render.svg.labels import fit_with_module
from pvprof.render.text.console import plain_text, styled
from pvprof.units import count_stacks, format_share, format_value, unit_words
from pvprof.views.folded import TreeOptions, TreeView

_VALUE_CELLS, _SHARE_CELLS = 10, 7
_MIN_NAME_CELLS = 16
_HOT_PERCENT = 10


def render(view: TreeView) -> Rendered:
    """Return the tree as plain text."""
    return plain_text(lambda console: draw(view, console))


def draw(view: TreeView, console: Console) -> None:
    """Draw the tree on a console."""
    print_tree(view.folded, console, view.options)


class TreeLine(NamedTuple):
    """One line: value, or None if it is the caller's; guides; name; sort (code, reason, rest)."""

    value: int | None
    guide: str
    name: str
    sort: str = "code"


class _Node(NamedTuple):
    box: Box
    children: list[_Node]


def print_tree(folded: Folded, console: Console, options: TreeOptions) -> None:
    """Print the stacks as a tree, as wide as the console is."""
    total = folded.total
    heading = (
        f"{'of all':>{_SHARE_CELLS}} {unit_words(folded.unit).quantity.lower():>{_VALUE_CELLS}}"
    )
    console.print(styled(f"{heading}  frame", "dim"))
    for line in tree_lines(folded, options):
        numbers = " " * (_SHARE_CELLS + 1 + _VALUE_CELLS)
        is_hot = False
        if line.value is not None:
            share = format_share(line.value, total)
            value = format_value(line.value, folded.unit)
            numbers = f"{share:>{_SHARE_CELLS}} {value:>{_VALUE_CELLS}}"
            is_hot = 100 * line.value >= _HOT_PERCENT * total
        room = max(console.width - len(numbers) - 2 - len(line.guide), _MIN_NAME_CELLS)
        name = show_controls(line.name)
        pieces = (
            styled(numbers, "bold" if is_hot else ""),
            styled(f"  {line.guide}", "dim"),
            styled(fit_with_module(name, room) or name, _STYLES[line.sort]),
        )
        console.print(*pieces, sep="", soft_wrap=True)


_STYLES = {"code": "", "reason": "bold cyan", "rest": "dim"}


def tree_lines(folded: Folded, options: TreeOptions) -> Iterator[TreeLine]:
    """Yield the lines of the tree; the numbers below a frame add up to its own."""
    minimum = math.ceil(Fraction(str(options.min_percent)) * folded.total / 100)
    layout = lay_out(folded, minimum, "weight")
    if not layout.boxes:
        return
    pending: list[tuple[_Node | TreeLine, str, str, int, bool]] = [
        (_tree(layout.boxes), "", "", 0, True)
    ]
    while pending:
        node, guide, below, forks, has_value = pending.pop()
        if isinstance(node, TreeLine):
            yield node._replace(guide=guide)
            continue
        box = node.box
        sort = "reason" if box.name in folded.reasons else "code"
        if box.name in (DELIMITER, WAKER_DELIMITER):
            sort = "rest"
        yield TreeLine(box.width if has_value else None, guide, box.name, sort)
        if len(node.children) == 1 and node.children[0].box.width == box.width:
            pending.append((node.children[0], below, below, forks, False))
            continue
        items = _items(node, is_too_deep=bool(options.depth) and forks >= options.depth)
        last = len(items) - 1
        for index in range(last, -1, -1):
            corner, line = ("└─ ", "   ") if index == last else ("├─ ", "│  ")
            pending.append((items[index], below + corner, below + line, forks + 1, True))


def _tree(boxes: tuple[Box, ...]) -> _Node:
    open_nodes = [_Node(boxes[0], [])]
    for box in boxes[1:]:
        del open_nodes[box.depth :]
        node = _Node(box, [])
        open_nodes[-1].children.append(node)
        open_nodes.append(node)
    return open_nodes[0]


def _items(node: _Node, *, is_too_deep: bool) -> list[_Node | TreeLine]:
    """Return the lines below a frame at which the tree forks."""
    box = node.box
    items: list[_Node | TreeLine] = []
    if is_too_deep:
        hidden = box.width - box.self_value
        items += [TreeLine(hidden, "", "... deeper", "rest")] if hidden else []
    else:
        items += node.children
    if box.rest and not is_too_deep:
        items.append(TreeLine(box.rest, "", f"... {count_stacks(box.rest_stacks)}", "rest"))
    if box.self_value and items:
        items.append(TreeLine(box.self_value, "", "[itself]", "rest"))
    return items
