"""The static picture of a heat map: cells, axes, legend; what an ``<img>`` shows.

Owns pixels and colours. A column of the picture is a stretch of time. Cells of one colour are one
path, since a browser draws a path of ten thousand pieces faster than ten thousand elements; each
column has an invisible element for its tooltip. The script keeps the cells and stretches them to
the width of the window; it moves the labels, which keep their size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.analysis.waits.heat_map import round_lengths
from pvprof.render.svg.canvas import MARGIN, pixels
from pvprof.render.svg.heat_forms import Drawing, Scale, seconds
from pvprof.render.svg.labels import CELL_PERMILLE, escape

COLOURS = (
    "#efede8", "#fbe6ae", "#fad07c", "#f6b254", "#ee8e3a", "#df662b", "#c23f22", "#98241d",
    "#651018",
)  # fmt: skip
"""Colours of a cell without a wait, then of more and more waiting: the darker, the more. For dark
pages ``heat.css`` has others: the brighter, the more."""

AXIS = 78
"""Where the cells begin: left of them are the labels and the title of the vertical axis."""

_FONT = 12
_HEIGHT = 300
_ROW_HEIGHTS = (3, 14)
_MIN_LABEL_DISTANCE = 70
_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a map in the picture, in pixels; the width of a column in hundredths."""

    top: int
    column_width: int
    row_height: int
    rows: int

    def x(self, column: int) -> str:
        """Return the left edge of a column."""
        return pixels(AXIS * _HUNDREDTHS + column * self.column_width)

    def y(self, row: int) -> int:
        """Return the upper edge of a cell's row."""
        return self.top + (self.rows - 1 - row) * self.row_height

    @property
    def height(self) -> int:
        """Return the height of the cells together."""
        return self.rows * self.row_height


def position_of(drawing: Drawing, top: int, width: int) -> Position:
    """Return the position of a map's cells, by their top and the width of the picture."""
    room = (width - AXIS - MARGIN) * _HUNDREDTHS
    return Position(top, room // drawing.grid.columns, row_height(drawing.rows), drawing.rows)


def row_height(rows: int) -> int:
    """Return the height of a row, so that maps of few and of many rows are about as high."""
    lowest, highest = _ROW_HEIGHTS
    return max(lowest, min(highest, _HEIGHT // rows))


def map_height(drawing: Drawing) -> int:
    """Return the height of a map with its axes."""
    return drawing.rows * row_height(drawing.rows) + 52


def draw_map(drawing: Drawing, position: Position, scale: Scale) -> str:
    """Return the elements of one map."""
    paths: list[list[str]] = [[] for _ in COLOURS]
    width = pixels(position.column_width)
    for column, row, cells, shade in _stretches(drawing, scale):
        x, y = position.x(column), position.y(row + cells - 1)
        paths[shade].append(f"M{x} {y}h{width}v{cells * position.row_height}h-{width}z")
    drawn = [
        f'<path class="l{shade}" fill="{colour}" d="{"".join(pieces)}"/>\n'
        for shade, (colour, pieces) in enumerate(zip(COLOURS, paths, strict=True))
        if pieces
    ]
    columns = [
        f'<g><title>{_escape_lines(tooltip)}</title><rect x="{position.x(column)}"'
        f' y="{position.top}" width="{width}" height="{position.height}"/></g>\n'
        for column, tooltip in enumerate(drawing.tooltips)
    ]
    return (
        f'<g class="cells" shape-rendering="crispEdges">\n{"".join(drawn)}</g>\n'
        f"{_vertical_axis(drawing, position)}{_time_axis(drawing, position)}"
        f'<g class="columns" fill="none" pointer-events="all">\n{"".join(columns)}</g>\n'
    )


def _stretches(drawing: Drawing, scale: Scale) -> Iterator[tuple[int, int, int, int]]:
    """Yield stretches of cells of one colour in a column: column, lowest row, length, shade.

    Cells before and after the recording are in none.
    """
    rows = drawing.rows
    shades = [scale.shade(value) for value in drawing.values[: drawing.last]]
    begin = drawing.first
    for cell in range(drawing.first + 1, drawing.last + 1):
        if cell < drawing.last and cell % rows and shades[cell] == shades[begin]:
            continue
        yield begin // rows, begin % rows, cell - begin, shades[begin]
        begin = cell


def _vertical_axis(drawing: Drawing, position: Position) -> str:
    """Return labels and title beside the map."""
    texts = []
    below = position.top + position.height
    for rows, label in drawing.y_ticks:
        y = below - rows * position.row_height
        texts.append(f'<path class="tick" d="M{AXIS - 4} {y}h4" stroke="#6a655d" fill="none"/>\n')
        texts.append(_text("axis", AXIS - 7, y + 4, label, "end"))
    middle = position.top + position.height // 2
    texts.append(
        f'<text class="axis title-y" transform="translate(16,{middle}) rotate(-90)"'
        f' text-anchor="middle">{escape(drawing.y_title)}</text>\n'
    )
    return "".join(texts)


def _time_axis(drawing: Drawing, position: Position) -> str:
    """Return labels and title below the map; the script moves what is ``at`` a time."""
    grid = drawing.grid
    first = grid.left_ns // grid.column_ns
    step = _step(grid.column_ns, position.column_width)
    below = position.top + position.height
    texts = []
    for column in range(grid.columns):
        if (first + column) % step:
            continue
        label = seconds((first + column) * grid.column_ns)
        texts.append(
            f'<g class="at" transform="translate({position.x(column)},{below})">'
            '<path class="tick" d="M0 0v4" stroke="#6a655d" fill="none"/>'
            f'<text class="axis" y="17" text-anchor="middle">{label}</text></g>\n'
        )
    texts.append(_text("axis title-x", AXIS, below + 36, drawing.x_title, "start"))
    return "".join(texts)


def _step(column_ns: int, column_width: int) -> int:
    """Return the number of columns between two labels: a round length, if there is one."""
    minimum = -(-_MIN_LABEL_DISTANCE * _HUNDREDTHS // column_width)
    steps = (length // column_ns for length in round_lengths() if not length % column_ns)
    return next((step for step in steps if step >= minimum), minimum)


def draw_legend(scale: Scale, top: int, width: int) -> tuple[str, int]:
    """Return the legend and its height."""
    parts = []
    x, y = MARGIN, top + 14
    parts.append(_text("legend", x, y, scale.head, "start"))
    x += _wide(scale.head) + 12
    for shade, text in scale.words:
        if x + 18 + _wide(text) > width - MARGIN:
            x, y = MARGIN, y + 18
        parts.append(
            f'<rect class="l{shade}" x="{x}" y="{y - 10}" width="12" height="12"'
            f' fill="{COLOURS[shade]}"/>\n'
        )
        parts.append(_text("legend", x + 17, y, text, "start"))
        x += 17 + _wide(text) + 14
    return "".join(parts), y - top + 10


def _escape_lines(text: str) -> str:
    return "\n".join([escape(line) for line in text.split("\n")])


def _wide(text: str) -> int:
    return len(text) * _FONT * CELL_PERMILLE // 1000


def _text(kind: str, x: int | str, y: int, text: str, anchor: str) -> str:
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x}" y="{y}"{anchored}>{escape(text)}</text>\n'
