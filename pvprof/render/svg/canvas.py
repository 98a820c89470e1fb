"""The static picture of a flame graph: what a viewer without script, or an ``<img>``, shows.

Owns pixels. From the top: title, subtitle, legend, the rows of boxes, a line with the total and
what was too narrow, the notes. Boxes at least `_OWN_ELEMENT_PX` wide are elements of their own,
with a tooltip and a label; narrower boxes, too small for a pointer, are one path for each colour:

    <g class="still">
      <path d="..." fill="..."/>
      <g class="row" transform="...">      one per level, the root's first
        <g><title>NAME, newline, VALUE</title><rect/><text/></g>

The script removes the static picture and draws its own, by the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pvprof.analysis.stacks.boxes import REST, Box
from pvprof.model.frame_attributes import NO_ATTRIBUTES, FrameAttributes
from pvprof.render.svg.labels import CELL_PERMILLE, escape, fit, split_annotation, wrap
from pvprof.views.flamegraph import FlamegraphOptions

if TYPE_CHECKING:
    from pvprof.analysis.stacks.diff_layout import DiffBox

    AnyBox = Box | DiffBox

MARGIN = 10
LABEL_PAD = 3
_HUNDREDTHS = 100
"""Pixels are computed as whole hundredths: a tenth of the narrowest box that is drawn."""

_PARTS = ("", *(f".{part:02}".rstrip("0") for part in range(1, _HUNDREDTHS)))
"""The decimals of a number of hundredths."""

_OWN_ELEMENT_PX = 3
_LABELLED_PX = 30
_MAX_ELEMENTS = 3000
"""Of boxes narrower than a label; each slows the viewer down."""

_SWATCH = 12


class Sizes(NamedTuple):
    """Sizes of the picture in pixels."""

    width: int
    row_height: int
    font_size: int

    @property
    def inner_width(self) -> int:
        """Return the width of the root box."""
        return self.width - 2 * MARGIN

    def cells(self, width: int) -> int:
        """Return the number of characters that fit into `width` pixels."""
        return width * 1000 // (self.font_size * CELL_PERMILLE)


class Tile(NamedTuple):
    """One box to draw: its position in the unit of the values, its colour, and its words.

    Attributes:
        depth, start, width, name: of the box.
        colour: of its filling.
        mark: printed before its label.
        box: the box that it draws; for `REST` the caller's box.
        attributes: a link and a title.
    """

    depth: int
    start: int
    width: int
    name: str
    colour: str
    mark: str
    box: AnyBox
    attributes: FrameAttributes = NO_ATTRIBUTES


def tiles_of(
    boxes: Iterable[AnyBox],
    colours: Iterable[tuple[str, str]],
    rest_colour: Callable[[AnyBox], tuple[str, str]],
    options: FlamegraphOptions,
) -> Iterator[Tile]:
    """Yield the tile of each box, then a tile for all its callees that are too narrow.

    Args:
        boxes: parents first.
        colours: (colour, mark) of each box.
        rest_colour: the same for what is too narrow above a box.
        options: the order of the siblings in the layout, which gives the position of the narrow
            ones; and the attributes of frames.
    """
    for box, (colour, mark) in zip(boxes, colours, strict=True):
        if box.width:
            own = options.attributes.of(box.name)
            yield Tile(box.depth, box.start, box.width, box.name, colour, mark, box, own)
        if box.rest:
            end = box.start + box.width - (0 if options.order == "name" else box.self_value)
            yield Tile(box.depth + 1, end - box.rest, box.rest, REST, *rest_colour(box), box)


class Sheet:
    """The picture as it grows downwards."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._parts: list[str] = []
        self._y = MARGIN

    @property
    def height(self) -> int:
        """Return the height of the picture so far."""
        return self._y + MARGIN

    def text(self) -> str:
        """Return the elements of the picture."""
        return '<g class="still">\n' + "".join(self._parts) + "</g>\n"

    def heading(self, title: str, subtitle: str) -> None:
        """Write title and subtitle."""
        self.paragraph(title, "title", size=self._sizes.font_size * 7 // 5)
        if subtitle:
            self._y += self._sizes.font_size // 6
            self.paragraph(subtitle, "subtitle")

    def legend(self, items: Sequence[tuple[str, str]]) -> None:
        """Write the meaning of the colours, in as many rows as needed."""
        if not items:
            return
        sizes = self._sizes
        self._y += sizes.font_size // 2
        x, line = MARGIN, sizes.row_height + 2
        for colour, text in items:
            shown = fit(text, sizes.cells(sizes.inner_width - 2 * _SWATCH))
            width = _SWATCH + 5 + len(shown) * sizes.font_size * CELL_PERMILLE // 1000 + 15
            if x > MARGIN and x + width - 15 > sizes.width - MARGIN:
                x = MARGIN
                self._y += line
            self._parts.append(
                f'<rect x="{x}" y="{self._y + (line - _SWATCH) // 2}" width="{_SWATCH}"'
                f' height="{_SWATCH}" fill="{colour}"/><text class="legend" x="{x + _SWATCH + 5}"'
                f' y="{self._y + (line + sizes.font_size * 7 // 10) // 2}">{escape(shown)}</text>\n'
            )
            x += width
        self._y += line

    def frames(
        self,
        tiles: Iterable[Tile],
        total: int,
        is_icicle: bool,
        words: Callable[[Tile], str],
    ) -> None:
        """Draw every tile.

        Args:
            tiles: in any order.
            total: the width of the root.
            is_icicle: the root on top.
            words: gives the second line of a tile's tooltip.
        """
        sizes = self._sizes
        self._y += sizes.font_size // 2
        all_tiles = list(tiles)
        depth = max(tile.depth for tile in all_tiles) + 1
        tops = [
            self._y + sizes.row_height * (level if is_icicle else depth - 1 - level)
            for level in range(depth)
        ]
        draw = _Tiles(sizes, total, words)
        limit = draw.element_limit(all_tiles)
        rows: list[list[str]] = [[] for _ in range(depth)]
        paths: dict[str, list[str]] = {}
        for tile in all_tiles:
            if tile.width >= limit:
                rows[tile.depth].append(draw.element(tile))
            else:
                paths.setdefault(tile.colour, []).append(draw.path(tile, tops[tile.depth]))
        for colour, pieces in paths.items():
            self._parts.append(f'<path fill="{colour}" d="{"".join(pieces)}"/>\n')
        for top, row in zip(tops, rows, strict=True):
            if row:
                self._parts.append(
                    f'<g class="row" xml:space="preserve" transform="translate({MARGIN},{top})">\n'
                )
                self._parts += row
                self._parts.append("</g>\n")
        self._y += depth * sizes.row_height

    def account(self, text: str) -> None:
        """Write the line below the boxes."""
        self._y += self._sizes.font_size // 3
        self.paragraph(text, "account")

    def drawing(self, height: int, draw: Callable[[int], str]) -> None:
        """Add a drawing of that height; `draw` is called with its top."""
        self._parts.append(draw(self._y))
        self._y += height

    def notes(self, notes: Sequence[tuple[str, str]]) -> None:
        """Show (label, text) pairs in two columns, every line in full."""
        if not notes:
            return
        sizes = self._sizes
        self._y += sizes.font_size
        top = self._y
        cells = sizes.cells(sizes.inner_width - 2 * MARGIN)
        label_cells = min(cells // 3, max(len(label) for label, _ in notes))
        text_x = 2 * MARGIN + (label_cells + 2) * sizes.font_size * CELL_PERMILLE // 1000
        lines = []
        y = top + sizes.font_size // 2
        for note, text in notes:
            labels = self._column(wrap(note, label_cells), "label", (2 * MARGIN, y))
            texts = self._column(wrap(text, cells - label_cells - 2), "text", (text_x, y))
            lines += labels + texts
            y += max(len(labels), len(texts)) * sizes.row_height
        self._y = y + sizes.font_size // 2
        self._parts.append(
            f'<g class="notes" xml:space="preserve">\n<rect class="panel" x="{MARGIN}" y="{top}"'
            f' width="{sizes.inner_width}" height="{self._y - top}" rx="4" fill="#f5f4f1"/>\n'
        )
        self._parts += lines
        self._parts.append("</g>\n")

    def paragraph(self, text: str, kind: str, size: int = 0) -> None:
        """Add a text over the whole width, in as many lines as needed."""
        size = size or self._sizes.font_size
        leading = size * 4 // 3
        for line in wrap(text, self._sizes.inner_width * 1000 // (size * CELL_PERMILLE)):
            self._y += leading
            self._parts.append(
                f'<text class="{kind}" x="{MARGIN}" y="{self._y - leading // 4}"'
                f' font-size="{size}">{escape(line)}</text>\n'
            )

    def _column(self, lines: list[str], kind: str, corner: tuple[int, int]) -> list[str]:
        """Return the text elements of some lines, from the corner downwards."""
        x, top = corner
        sizes = self._sizes
        first = top + (sizes.row_height + sizes.font_size * 7 // 10) // 2
        return [
            f'<text class="{kind}" x="{x}" y="{first + index * sizes.row_height}">'
            f"{escape(line)}</text>\n"
            for index, line in enumerate(lines)
        ]


class _Tiles:
    """Writes tiles; caches what depends on the name alone, since there are few names."""

    def __init__(self, sizes: Sizes, total: int, words: Callable[[Tile], str]) -> None:
        self._span = sizes.inner_width * _HUNDREDTHS
        self._total = total
        self._words = words
        self._cell = sizes.font_size * CELL_PERMILLE
        self._height = sizes.row_height - 1
        tenths = 10 * self._height + 7 * sizes.font_size
        self._baseline = f"{tenths // 20}.{tenths // 2 % 10}"
        self._titles: dict[str, str] = {}

    def element_limit(self, tiles: Sequence[Tile]) -> int:
        """Return the smallest width of a tile with its own element, to limit their number."""
        minimum, always = (
            -(-px * _HUNDREDTHS * self._total // self._span)
            for px in (_OWN_ELEMENT_PX, _LABELLED_PX)
        )
        widths = sorted([tile.width for tile in tiles if tile.width >= minimum], reverse=True)
        if len(widths) <= _MAX_ELEMENTS:
            return minimum
        return min(widths[_MAX_ELEMENTS] + 1, always)

    def element(self, tile: Tile) -> str:
        """Return the element of a wide tile."""
        title = self._titles.get(tile.name)
        if title is None:
            title = self._titles[tile.name] = escape(tile.name)
        left, width = self._edges(tile)
        cells = (width - 2 * LABEL_PAD * _HUNDREDTHS) * 10 // self._cell
        label = fit(split_annotation(tile.name)[0], cells - len(tile.mark))
        text = ""
        if label:
            x = pixels(left + LABEL_PAD * _HUNDREDTHS)
            text = f'<text x="{x}" y="{self._baseline}">{tile.mark}{escape(label)}</text>'
        shape = (
            f'<rect x="{pixels(left)}" width="{pixels(drawn_width(width))}"'
            f' height="{self._height}" fill="{tile.colour}"/>{text}'
        )
        own = tile.attributes
        if own.link:
            target = 'target="_blank" rel="noopener noreferrer"'
            shape = f'<a href="{escape(own.link)}" {target}>{shape}</a>'
        lines = [escape(own.title)] if own.title else []
        words = "\n".join([title, *lines, escape(self._words(tile))])
        return f"<g><title>{words}</title>{shape}</g>\n"

    def path(self, tile: Tile, top: int) -> str:
        """Return the piece of a path that is a narrow tile."""
        left, width = self._edges(tile)
        x, wide = pixels(left + MARGIN * _HUNDREDTHS), pixels(drawn_width(width))
        return f"M{x} {top}h{wide}v{self._height}h-{wide}z"

    def _edges(self, tile: Tile) -> tuple[int, int]:
        """Return left edge and width; each edge is rounded once, so that neighbours touch."""
        span, total, start = 2 * self._span, self._total, tile.start
        left = (start * span + total) // (2 * total)
        return left, ((start + tile.width) * span + total) // (2 * total) - left


def drawn_width(hundredths: int) -> int:
    """Return the drawn width of a box: wide boxes leave a gap to their neighbour."""
    return hundredths - 50 if hundredths >= 2 * _HUNDREDTHS else hundredths


def pixels(hundredths: int) -> str:
    """Return the shortest decimal, as the script writes it."""
    return f"{hundredths // _HUNDREDTHS}{_PARTS[hundredths % _HUNDREDTHS]}"
