"""The still picture of a heat map: cells, axes, legend; what an ``<img>`` shows.

Owns pixels, colours and the words of tooltips. A column of the picture is a stretch of time, with
the earliest cell at the bottom. Cells of one colour are one path, since a browser draws a path of
ten thousand pieces faster than as many elements; each column has an element that nobody sees, for
its tooltip.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvprof.analysis.lock_table import RowId
from pvprof.analysis.waits.heat_map import HeatMap, round_lengths
from pvprof.render.svg.canvas import MARGIN, pixels
from pvprof.render.svg.labels import CELL_PERMILLE, escape
from pvprof.units import NS_PER_S, format_ns

COLOURS = (
    "#efede8", "#fbe6ae", "#fad07c", "#f6b254", "#ee8e3a", "#df662b", "#c23f22", "#98241d",
    "#651018",
)  # fmt: skip
"""Of a cell without any wait, then of more and more waiting: the darker the more. In a dark
surrounding ``heat.css`` has others, the brighter the more."""

_LEVELS = len(COLOURS) - 1
_FONT = 12
_AXIS = 64
_CELL_HEIGHT = 6
_WIDEST_COLUMN = 24
_LABEL_APART = 70
_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Scale:
    """From which values on a cell has which colour.

    Attributes:
        bounds: the largest value of each level but the last, which has no bound.
        top: what the last level begins to mean: the largest value, or the one that was asked for.
        is_fixed: it was asked for, so larger values may be there.
    """

    bounds: tuple[int, ...]
    top: int
    is_fixed: bool

    def level(self, value: int) -> int:
        """Return the level of a value: 0 for nothing, then 1 to 8."""
        return 1 + bisect_left(self.bounds, value) if value else 0


def scale_of(maps: Sequence[HeatMap], fixed_threads: float = 0.0) -> Scale:
    """Return the scale that all maps are drawn with.

    Levels grow like squares, so that little waiting is told from none beside a large spike; where
    most cells that are not empty have much, they are equal steps, which tell those apart.
    """
    top = max((max(one.values) for one in maps), default=0)
    if fixed_threads and maps:
        top = max(round(fixed_threads * maps[0].grid.cell_ns), 1)
    some = [value for one in maps for value in one.values if value]
    power = 1 if 2 * sum(4 * value > top for value in some) > len(some) else 2
    bounds = tuple(top * level**power // _LEVELS**power for level in range(1, _LEVELS))
    return Scale(bounds, top, bool(fixed_threads))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a map stands in the picture: pixels, the width of a column in hundredths of one."""

    left: int
    top: int
    column_width: int
    rows: int

    def x(self, column: int) -> str:
        """Return the left edge of a column."""
        return pixels(self.left * _HUNDREDTHS + column * self.column_width)

    def y(self, row: int) -> int:
        """Return the upper edge of a cell's row."""
        return self.top + (self.rows - 1 - row) * _CELL_HEIGHT

    @property
    def height(self) -> int:
        """Return the height of the cells together."""
        return self.rows * _CELL_HEIGHT


def place_of(one: HeatMap, top: int, width: int) -> Place:
    """Return where the cells of a map stand whose top is there, in a picture of that width."""
    room = (width - _AXIS - MARGIN) * _HUNDREDTHS
    column_width = min(room // one.grid.columns, _WIDEST_COLUMN * _HUNDREDTHS)
    return Place(_AXIS, top, column_width, one.grid.rows)


def map_height(one: HeatMap) -> int:
    """Return the height of a map with its axis."""
    return one.grid.rows * _CELL_HEIGHT + 44


def draw_map(one: HeatMap, place: Place, scale: Scale) -> str:
    """Return the elements of one map."""
    paths: list[list[str]] = [[] for _ in COLOURS]
    width = pixels(place.column_width)
    for column, row, cells, level in _stretches(one, scale):
        x, y, height = place.x(column), place.y(row + cells - 1), cells * _CELL_HEIGHT
        paths[level].append(f"M{x} {y}h{width}v{height}h-{width}z")
    drawn = [
        f'<path class="l{level}" fill="{colour}" d="{"".join(pieces)}"/>\n'
        for level, (colour, pieces) in enumerate(zip(COLOURS, paths, strict=True))
        if pieces
    ]
    columns = [
        f'<g><title>{_tooltip(one, column)}</title><rect x="{place.x(column)}"'
        f' y="{place.top}" width="{width}" height="{place.height}"/></g>\n'
        for column in range(one.grid.columns)
    ]
    return (
        f'<g class="cells" shape-rendering="crispEdges">\n{"".join(drawn)}</g>\n'
        f"{_axes(one, place)}"
        f'<g class="columns" fill="none" pointer-events="all">\n{"".join(columns)}</g>\n'
    )


def _stretches(one: HeatMap, scale: Scale) -> Iterator[tuple[int, int, int, int]]:
    """Yield cells of one colour above each other: column, lowest row, how many, and their level.

    Cells outside of what was recorded have none.
    """
    grid = one.grid
    first = (grid.begin_ns - grid.left_ns) // grid.cell_ns
    last = max(-(-(grid.end_ns - grid.left_ns) // grid.cell_ns), first + 1)
    levels = [scale.level(value) for value in one.values[:last]]
    begin = first
    for cell in range(first + 1, last + 1):
        if cell < last and cell % grid.rows and levels[cell] == levels[begin]:
            continue
        yield begin // grid.rows, begin % grid.rows, cell - begin, levels[begin]
        begin = cell


def _axes(one: HeatMap, place: Place) -> str:
    """Return the labels of a map: time of columns below it, time within a column beside it."""
    grid = one.grid
    texts = []
    for part in (0, 1, 2):
        y = place.top + place.height - place.height * part // 2 + 4
        label = format_length(grid.column_ns * part // 2) if part else "0"
        texts.append(_text("axis", _AXIS - 6, y, label, "end"))
    first = grid.left_ns // grid.column_ns
    step = _step(grid.column_ns, place.column_width)
    below = place.top + place.height
    for column in range(grid.columns):
        if (first + column) % step:
            continue
        x = place.x(column)
        texts.append(f'<path class="tick" d="M{x} {below}v4" stroke="#6a655d" fill="none"/>\n')
        label = seconds((first + column) * grid.column_ns)
        texts.append(_text("axis", x, below + 17, label, "middle"))
    about = (
        f"seconds from the beginning; a column is {format_length(grid.column_ns)},"
        f" upwards in cells of {format_length(grid.cell_ns)}"
    )
    texts.append(_text("axis", _AXIS, below + 34, about, "start"))
    return "".join(texts)


def _step(column_ns: int, column_width: int) -> int:
    """Return how many columns stand between two labels: of a round length, if there is one."""
    least = -(-_LABEL_APART * _HUNDREDTHS // column_width)
    steps = (length // column_ns for length in round_lengths() if not length % column_ns)
    return next((step for step in steps if step >= least), least)


def draw_legend(one: HeatMap, scale: Scale, top: int, width: int) -> tuple[str, int]:
    """Return the legend and its height: how many threads each colour stands for."""
    cell = one.grid.cell_ns
    words = ["none", *(f"to {threads(bound, cell)}" for bound in scale.bounds)]
    words.append(
        f"{threads(scale.top, cell)} or more"
        if scale.is_fixed
        else f"to {threads(scale.top, cell)}"
    )
    parts = []
    x, y = MARGIN, top + 14
    head = "Threads waiting, mean of a cell:"
    parts.append(_text("legend", x, y, head, "start"))
    x += _wide(head) + 12
    for level, (colour, text) in enumerate(zip(COLOURS, words, strict=True)):
        if x + 18 + _wide(text) > width - MARGIN:
            x, y = MARGIN, y + 18
        parts.append(
            f'<rect class="l{level}" x="{x}" y="{y - 10}" width="12" height="12"'
            f' fill="{colour}"/>\n'
        )
        parts.append(_text("legend", x + 17, y, text, "start"))
        x += 17 + _wide(text) + 14
    return "".join(parts), y - top + 10


def _wide(text: str) -> int:
    return len(text) * _FONT * CELL_PERMILLE // 1000


def _text(kind: str, x: int | str, y: int, text: str, anchor: str) -> str:
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x}" y="{y}"{anchored}>{escape(text)}</text>\n'


def _tooltip(one: HeatMap, column: int) -> str:
    """Return what a tooltip says of a column."""
    first, last = column * one.grid.rows, (column + 1) * one.grid.rows
    values = one.values[first:last]
    words = escape(part_words(one, first, last, sum(values)))
    if any(values):
        cell = first + values.index(max(values))
        words += f"\n{escape(f'highest at {cell_words(one, cell)}')}"
    return words


def part_words(one: HeatMap, first: int, last: int, value: int) -> str:
    """Return what is said of the cells from `first` to before `last`."""
    begin, end = one.grid.edges(first, last)
    return (
        f"{seconds(begin)} s to {seconds(end)} s: {format_ns(value)} waited,"
        f" {threads(value, end - begin)} threads on average"
    )


def cell_words(one: HeatMap, cell: int) -> str:
    """Return what is said of the hottest cell of several."""
    begin, end = one.grid.edges(cell, cell + 1)
    name = row_words(one.row_ids[one.tops[cell]])
    return f"{seconds(begin)} s: {threads(one.values[cell], end - begin)} threads, most for {name}"


def row_words(row_id: RowId) -> str:
    """Return what was waited for, in words."""
    return row_id[2]


def threads(value: int, length_ns: int) -> str:
    """Return how many threads waited on average: three digits; never 0 where anyone did."""
    if not value or length_ns <= 0:
        return "0"
    mean = value / length_ns
    if mean < 0.005:
        return "<0.01"
    return f"{mean:.{2 if mean < 9.995 else 1 if mean < 99.95 else 0}f}"


def seconds(time_ns: int) -> str:
    """Return a time in seconds, exact, as ``--from`` takes it."""
    sign = "-" if time_ns < 0 else ""
    whole, part = divmod(abs(time_ns), NS_PER_S)
    return f"{sign}{whole}.{part:09}".rstrip("0").rstrip(".")


def format_length(length_ns: int) -> str:
    """Return a length of time, exact, in the largest unit in which it is short."""
    for factor, unit in ((NS_PER_S, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if length_ns >= factor and not length_ns * 10 % factor:
            return f"{length_ns * 10 // factor / 10:g} {unit}"
    return f"{length_ns:,} ns"
