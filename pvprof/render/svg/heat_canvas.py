"""The static picture of a heat map: cells, axes, legend; what an ``<img>`` shows.

Owns pixels, colours and the words of tooltips. A column of the picture is a stretch of time, with
the earliest cell at the bottom. Cells of one colour are one path, since a browser draws a path of
ten thousand pieces faster than ten thousand elements; each column has an invisible element for its
tooltip.
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
"""Colours of a cell without a wait, then of more and more waiting: the darker, the more. For dark
pages ``heat.css`` has others: the brighter, the more."""

_LEVELS = len(COLOURS) - 1
_FONT = 12
_AXIS = 64
_CELL_HEIGHT = 6
_MAX_COLUMN = 24
_MIN_LABEL_DISTANCE = 70
_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Scale:
    """The colour of a cell by its value.

    Attributes:
        bounds: the largest value of each level but the last, which has no bound.
        top: the value at the top of the scale: the largest value, or the one that was requested.
        is_fixed: the top was requested, so there may be larger values.
    """

    bounds: tuple[int, ...]
    top: int
    is_fixed: bool

    def level(self, value: int) -> int:
        """Return the level of a value: 0 for nothing, then 1 to 8."""
        return 1 + bisect_left(self.bounds, value) if value else 0


def scale_of(maps: Sequence[HeatMap], fixed_threads: float = 0.0) -> Scale:
    """Return the scale of all maps.

    Levels grow like squares, so that little waiting differs from none beside a large spike. If most
    cells that are not empty have large values, levels are equal steps, which separate those.
    """
    top = max((max(heat_map.values) for heat_map in maps), default=0)
    if fixed_threads and maps:
        top = max(round(fixed_threads * maps[0].grid.cell_ns), 1)
    values = [value for heat_map in maps for value in heat_map.values if value]
    power = 1 if 2 * sum(4 * value > top for value in values) > len(values) else 2
    bounds = tuple(top * level**power // _LEVELS**power for level in range(1, _LEVELS))
    return Scale(bounds, top, bool(fixed_threads))


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a map in the picture, in pixels; the width of a column in hundredths."""

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


def position_of(heat_map: HeatMap, top: int, width: int) -> Position:
    """Return the position of a map's cells, by their top and the width of the picture."""
    room = (width - _AXIS - MARGIN) * _HUNDREDTHS
    column_width = min(room // heat_map.grid.columns, _MAX_COLUMN * _HUNDREDTHS)
    return Position(_AXIS, top, column_width, heat_map.grid.rows)


def map_height(heat_map: HeatMap) -> int:
    """Return the height of a map with its axis."""
    return heat_map.grid.rows * _CELL_HEIGHT + 44


def draw_map(heat_map: HeatMap, position: Position, scale: Scale) -> str:
    """Return the elements of one map."""
    paths: list[list[str]] = [[] for _ in COLOURS]
    width = pixels(position.column_width)
    for column, row, cells, level in _stretches(heat_map, scale):
        x, y, height = position.x(column), position.y(row + cells - 1), cells * _CELL_HEIGHT
        paths[level].append(f"M{x} {y}h{width}v{height}h-{width}z")
    drawn = [
        f'<path class="l{level}" fill="{colour}" d="{"".join(pieces)}"/>\n'
        for level, (colour, pieces) in enumerate(zip(COLOURS, paths, strict=True))
        if pieces
    ]
    columns = [
        f'<g><title>{_tooltip(heat_map, column)}</title><rect x="{position.x(column)}"'
        f' y="{position.top}" width="{width}" height="{position.height}"/></g>\n'
        for column in range(heat_map.grid.columns)
    ]
    return (
        f'<g class="cells" shape-rendering="crispEdges">\n{"".join(drawn)}</g>\n'
        f"{_axes(heat_map, position)}"
        f'<g class="columns" fill="none" pointer-events="all">\n{"".join(columns)}</g>\n'
    )


def _stretches(heat_map: HeatMap, scale: Scale) -> Iterator[tuple[int, int, int, int]]:
    """Yield stretches of cells of one colour in a column: column, lowest row, length, level.

    Cells before and after the recording are in none.
    """
    grid = heat_map.grid
    first = (grid.begin_ns - grid.left_ns) // grid.cell_ns
    last = max(-(-(grid.end_ns - grid.left_ns) // grid.cell_ns), first + 1)
    levels = [scale.level(value) for value in heat_map.values[:last]]
    begin = first
    for cell in range(first + 1, last + 1):
        if cell < last and cell % grid.rows and levels[cell] == levels[begin]:
            continue
        yield begin // grid.rows, begin % grid.rows, cell - begin, levels[begin]
        begin = cell


def _axes(heat_map: HeatMap, position: Position) -> str:
    """Return the labels of a map: time of columns below it, time within a column beside it."""
    grid = heat_map.grid
    texts = []
    for part in (0, 1, 2):
        y = position.top + position.height - position.height * part // 2 + 4
        label = format_length(grid.column_ns * part // 2) if part else "0"
        texts.append(_text("axis", _AXIS - 6, y, label, "end"))
    first = grid.left_ns // grid.column_ns
    step = _step(grid.column_ns, position.column_width)
    below = position.top + position.height
    for column in range(grid.columns):
        if (first + column) % step:
            continue
        x = position.x(column)
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
    """Return the number of columns between two labels: a round length, if there is one."""
    minimum = -(-_MIN_LABEL_DISTANCE * _HUNDREDTHS // column_width)
    steps = (length // column_ns for length in round_lengths() if not length % column_ns)
    return next((step for step in steps if step >= minimum), minimum)


def draw_legend(heat_map: HeatMap, scale: Scale, top: int, width: int) -> tuple[str, int]:
    """Return the legend, the number of threads of each colour, and its height."""
    cell = heat_map.grid.cell_ns
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


def _tooltip(heat_map: HeatMap, column: int) -> str:
    """Return the tooltip of a column."""
    first, last = column * heat_map.grid.rows, (column + 1) * heat_map.grid.rows
    values = heat_map.values[first:last]
    words = escape(part_words(heat_map, first, last, sum(values)))
    if any(values):
        cell = first + values.index(max(values))
        words += f"\n{escape(f'highest at {cell_words(heat_map, cell)}')}"
    return words


def part_words(heat_map: HeatMap, first: int, last: int, value: int) -> str:
    """Return the words for the cells from `first` to before `last`."""
    begin, end = heat_map.grid.edges(first, last)
    return (
        f"{seconds(begin)} s to {seconds(end)} s: {format_ns(value)} waited,"
        f" {threads(value, end - begin)} threads on average"
    )


def cell_words(heat_map: HeatMap, cell: int) -> str:
    """Return the words for the hottest cell of several."""
    begin, end = heat_map.grid.edges(cell, cell + 1)
    name = row_words(heat_map.row_ids[heat_map.tops[cell]])
    mean = threads(heat_map.values[cell], end - begin)
    return f"{seconds(begin)} s: {mean} threads, most for {name}"


def row_words(row_id: RowId) -> str:
    """Return the lock name or wait message of a row."""
    return row_id[2]


def threads(value: int, length_ns: int) -> str:
    """Return the mean number of waiting threads: three digits; never 0 if any waited."""
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
    """Return a length of time, exact, in the largest unit that keeps it short."""
    for factor, unit in ((NS_PER_S, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if length_ns >= factor and not length_ns * 10 % factor:
            return f"{length_ns * 10 // factor / 10:g} {unit}"
    return f"{length_ns:,} ns"
