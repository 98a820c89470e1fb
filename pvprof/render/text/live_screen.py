"""A live view as the lines of a screen of any size, or of a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pvprof.model.stacks import show_controls
from pvprof.render.svg.labels import fit_with_module
from pvprof.render.text.flame_tree import tree_lines
from pvprof.render.text.shorten import cut
from pvprof.render.text.table_lines import TableStyle, lines_of
from pvprof.units import format_share, format_value
from pvprof.views.folded import TreeOptions
from pvprof.views.live import LiveView

MAX_ROWS = 20
"""Of a table in a pipe."""

_STYLE = TableStyle(rule="─", ellipsis="…")
_MAX_BARS = 3
_MIN_ROWS = 3
_BAR_CELLS = 30
_EDGES = 7  # title, headline, head and rule of the table, head of the stacks, status, keys


@dataclass(frozen=True, slots=True)
class ScreenLine:
    """One line, and rich's style of it."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a view on a screen.

    Attributes:
        title: the first line.
        status: the last but one: costs, drops, what happens.
        keys: the last one.
        is_expanded: give the stacks nearly all of the screen.
        scroll: how many lines of the stacks are above those that are shown.
        has_alarm: whether the status tells of a loss.
    """

    title: str
    status: str
    keys: str
    is_expanded: bool = False
    scroll: int = 0
    has_alarm: bool = False


def screen_lines(
    view: LiveView | None, around: Around, width: int, height: int
) -> list[ScreenLine]:
    """Return exactly `height` lines of at most `width` cells."""
    body = [] if view is None else _body(view, around, width, max(height - 3, 0))
    lines = [ScreenLine(around.title, "bold reverse"), *body][: max(height - 2, 0)]
    lines += [ScreenLine("")] * (height - 2 - len(lines))
    lines.append(ScreenLine(around.status, "bold red" if around.has_alarm else ""))
    lines.append(ScreenLine(around.keys, "dim"))
    return [
        ScreenLine(cut(show_controls(line.text), width, "…"), line.style)
        for line in lines[-height:]
    ]


def plain_lines(view: LiveView, title: str, width: int | None) -> Iterator[str]:
    """Yield the lines of a view for a pipe or a file."""
    yield title
    yield view.headline
    drawn = lines_of(view.table, width, _STYLE)
    if drawn.rows:
        yield drawn.header
        yield drawn.rule
        yield from drawn.rows[:MAX_ROWS]
    if len(drawn.rows) > MAX_ROWS:
        yield f"... {len(drawn.rows) - MAX_ROWS} more (--json prints all)"
    if view.aside:
        yield f"{view.aside} (-k all)"
    yield from (f"lost: {loss}" for loss in view.losses)
    yield ""


def _body(view: LiveView, around: Around, width: int, room: int) -> list[ScreenLine]:
    """Return the lines between the title and the status, at most `room`."""
    lines = [ScreenLine(view.headline, "bold")]
    free = room + 3 - _EDGES
    bars = [] if around.is_expanded else _bars(view, width)[: max(free - 2 * _MIN_ROWS, 0)]
    free -= len(bars)
    count = len(view.rows)
    shown = 1 if around.is_expanded else min(count, max(free - _tree_room(free), _MIN_ROWS))
    lines += bars
    lines += _table(view, width, shown)
    if view.aside and not around.is_expanded:
        lines.append(ScreenLine(f"{view.aside} (key i)", "dim"))
    lines += _tree(view, width, room - len(lines), around.scroll)
    return lines


def _tree_room(free: int) -> int:
    """Return the number of free lines that the stacks get: two fifths."""
    return free * 2 // 5


def _bars(view: LiveView, width: int) -> list[ScreenLine]:
    cells = min(_BAR_CELLS, max(width // 3, 5))
    lines = []
    for bar in view.bars[:_MAX_BARS]:
        filled = round(bar.share * cells)
        lines.append(
            ScreenLine(
                f"  {'█' * filled}{'·' * (cells - filled)} {100 * bar.share:5.1f}%"
                f"  {bar.value:>10}  {bar.name}",
                "cyan",
            )
        )
    return lines


def _table(view: LiveView, width: int, shown: int) -> list[ScreenLine]:
    """Return the head of the table, and the rows around the selected one."""
    drawn = lines_of(view.table, width, _STYLE)
    first = min(max(view.selected - shown + 1, 0), max(len(drawn.rows) - shown, 0))
    lines = [ScreenLine(drawn.header, "bold"), ScreenLine(drawn.rule, "dim")]
    for index in range(first, min(first + shown, len(drawn.rows))):
        is_selected = index == view.selected
        lines.append(ScreenLine(drawn.rows[index], "reverse" if is_selected else ""))
    return lines


def _tree(view: LiveView, width: int, room: int, scroll: int) -> list[ScreenLine]:
    """Return the stacks of the selected row: their heading, and at most `room` - 1 lines."""
    if view.selected < 0 or room < 2:
        return []
    hidden = len(view.rows) - 1
    more = f" ({hidden} more rows: up, down)" if hidden else ""
    name = show_controls(view.rows[view.selected].name)
    lines = [ScreenLine(f"{name}: who waited, and the callers{more}", "bold")]
    folded = view.stacks
    total = folded.total
    for line in islice(tree_lines(folded, TreeOptions()), scroll, scroll + room - 1):
        numbers = " " * 18
        if line.value is not None:
            share = format_share(line.value, total)
            numbers = f"{share:>7} {format_value(line.value, folded.unit):>10}"
        cells = max(width - len(numbers) - 2 - len(line.guide), 8)
        frame = show_controls(line.name)
        text = fit_with_module(frame, cells) or frame
        lines.append(ScreenLine(f"{numbers}  {line.guide}{text}"))
    return lines
