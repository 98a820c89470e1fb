"""Draw folded stacks as one SVG file that zooms and searches without anything else.

Owns the picture: pixels, colours, labels, wording, escaping. It refuses to decide which frames get
a box (``flame`` does) and which text goes into the title and the notes (callers do). What happens
on a click is in ``flamegraph.js``, what depends on light and dark in ``flamegraph.css``; both are
written into the picture.

The picture, from the top: title, subtitle, toolbar (empty until the script runs), the rows of
boxes, a line with the total and what was too narrow, the notes. Written as:

    <svg class="pvprof-flame">
      <g class="frames" data-...>          one for all boxes
        <g class="row" transform="...">    one per level, the root's first
          <g data-x="START" data-w="WIDTH"><title>NAME, newline, VALUE</title><rect/><text/></g>

START and WIDTH are in the unit of the weights, in decimal digits of any length. The script
computes pixels from them with the formula used here, so that zooming out restores every digit.
Ids are not used and every style starts at the root's class: several pictures can stand in one
HTML page.
"""

from __future__ import annotations

import math
import re
import textwrap
import zlib
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from typing import TYPE_CHECKING

from pvprof.errors import UsageError
from pvprof.flame import Box, Layout, lay_out
from pvprof.model import DELIMITER, NO_STACK, Unit
from pvprof.units import format_exact, format_ns

if TYPE_CHECKING:
    from pvprof.fold import Folded

_MARGIN = 10
_LABEL_PAD = 3
_MIN_WIDTH = 400
_MIN_LABEL = 3
_CELL_PERMILLE = 602
"""Width of a character by the font's size: 0.600 to 0.602 in the usual monospaced fonts."""

_SCALED_FROM_NS = 1000

_HUNDREDTHS = 100
"""Pixels are computed as whole hundredths: a tenth of the narrowest box that is drawn."""

_GREYS = {DELIMITER: "#d4d4d4", NO_STACK: "#b8b8b8"}

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 forbids or a reader would not see; no name may hold a line break either."""

_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"},
)


@dataclass(frozen=True, slots=True)
class FlamegraphOptions:
    """What the caller may choose about a flame graph.

    Attributes:
        title: the heading; also names the browser's tab.
        subtitle: a line below it: what was measured, where, which filters applied.
        notes: (label, text) pairs shown in a panel at the bottom; a text may have several lines.
        count_name: the word after a value that is no time, e.g. ``waits``; when empty, the unit.
        width: of the picture, in pixels; at least 400.
        row_height: of one level, in pixels; more than `font_size`.
        font_size: of the labels, in pixels.
        min_width_px: boxes narrower than this many pixels are not drawn; 0 draws all.
        icicle: the root on top, callees below.
    """

    title: str = "Flame graph"
    subtitle: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    count_name: str = ""
    width: int = 1200
    row_height: int = 16
    font_size: int = 12
    min_width_px: float = 0.1
    icicle: bool = False

    def check(self) -> None:
        """Raise `UsageError` where the sizes make no picture."""
        if self.width < _MIN_WIDTH:
            raise UsageError(f"a flame graph of {self.width} pixels is narrower than {_MIN_WIDTH}")
        if self.font_size < 1 or self.row_height <= self.font_size:
            raise UsageError(
                f"rows of {self.row_height} pixels cannot hold text of {self.font_size} pixels"
            )
        if not (math.isfinite(self.min_width_px) and self.min_width_px >= 0):
            raise UsageError(f"{self.min_width_px} pixels is no width to cut boxes at")

    @property
    def inner_width(self) -> int:
        """Return the width of the root box in pixels."""
        return self.width - 2 * _MARGIN


def render(folded: Folded, options: FlamegraphOptions) -> str:
    """Return the text of an SVG file, to be written as UTF-8; it loads nothing from outside.

    The same arguments give the same text. Where nothing was folded, the picture says so.

    Raises:
        UsageError: if the options contradict each other.
    """
    options.check()
    cut = Fraction(str(options.min_width_px)) * folded.total / options.inner_width
    layout = lay_out(folded, math.ceil(cut))
    sheet = _Sheet(options)
    sheet.heading()
    if layout.boxes:
        sheet.toolbar()
        sheet.frames(layout, folded.unit)
        sheet.account(layout, folded.unit)
    else:
        sheet.paragraph("There is nothing to draw: no stack has any weight.", "account")
    sheet.notes()
    return sheet.finish(with_script=bool(layout.boxes))


class _Sheet:
    """The picture as it grows downwards."""

    def __init__(self, options: FlamegraphOptions) -> None:
        self._options = options
        self._parts: list[str] = []
        self._overlay = ""  # painted last, so that it can move over the boxes
        self._y = _MARGIN

    def heading(self) -> None:
        options = self._options
        self.paragraph(options.title, "title", size=options.font_size * 7 // 5)
        if options.subtitle:
            self._y += options.font_size // 6
            self.paragraph(options.subtitle, "subtitle")

    def toolbar(self) -> None:
        """Leave room for what the script shows: hovered frame, search, reset."""
        options = self._options
        height = options.row_height + 8
        self._overlay = (
            f'<g class="toolbar" display="none" data-y="{self._y}" data-height="{height}"'
            f' transform="translate(0,{self._y})">'
            f'<rect class="paper" width="{options.width}" height="{height}" fill="#fff"/></g>\n'
        )
        self._y += height

    def frames(self, layout: Layout, unit: Unit) -> None:
        """Draw every box; one group for each level moves as a whole."""
        options = self._options
        draw = _Frames(options, unit, layout.total)
        rows: list[list[str]] = [[] for _ in range(layout.depth)]
        for box in layout.boxes:
            rows[box.depth].append(draw.frame(box))
        self._parts.append(
            f'<g class="frames" xml:space="preserve" data-width="{options.inner_width}"'
            f' data-font="{options.font_size}" data-baseline="{draw.baseline}">\n'
        )
        for depth, row in enumerate(rows):
            level = depth if options.icicle else layout.depth - 1 - depth
            y = self._y + level * options.row_height
            self._parts.append(f'<g class="row" transform="translate({_MARGIN},{y})">\n')
            self._parts += row
            self._parts.append("</g>\n")
        self._parts.append("</g>\n")
        self._y += layout.depth * options.row_height

    def account(self, layout: Layout, unit: Unit) -> None:
        """Say what the whole width stands for, and what is missing from the picture."""
        options = self._options
        text = f"Total: {format_value(layout.total, unit, options.count_name)}."
        if layout.cut_boxes:
            text += (
                f" Not drawn: {layout.cut_boxes:,} "
                + ("frame" if layout.cut_boxes == 1 else "frames")
                + f" narrower than {options.min_width_px} pixels, callees included;"
                f" together {format_percent(layout.cut_value, layout.total)} of the total."
            )
        self._y += options.font_size // 3
        self.paragraph(text, "account")

    def notes(self) -> None:
        """Show the notes in two columns, every line in full."""
        options = self._options
        if not options.notes:
            return
        self._y += options.font_size
        top = self._y
        cells = (options.inner_width - 2 * _MARGIN) * 1000 // (options.font_size * _CELL_PERMILLE)
        label_cells = min(cells // 3, max(len(label) for label, _ in options.notes))
        text_x = 2 * _MARGIN + (label_cells + 2) * options.font_size * _CELL_PERMILLE // 1000
        lines = []
        y = top + options.font_size // 2
        for note, text in options.notes:
            labels = _column(_wrap(note, label_cells), "label", (2 * _MARGIN, y), options)
            texts = _column(_wrap(text, cells - label_cells - 2), "text", (text_x, y), options)
            lines += labels + texts
            y += max(len(labels), len(texts)) * options.row_height
        self._y = y + options.font_size // 2
        self._parts.append(
            f'<g class="notes" xml:space="preserve">\n<rect class="panel" x="{_MARGIN}" y="{top}"'
            f' width="{options.inner_width}" height="{self._y - top}" rx="4" fill="#f5f4f1"/>\n'
        )
        self._parts += lines
        self._parts.append("</g>\n")

    def paragraph(self, text: str, kind: str, size: int = 0) -> None:
        """Add a text over the whole width, in as many lines as it takes."""
        size = size or self._options.font_size
        leading = size * 4 // 3
        for line in _wrap(text, self._options.inner_width * 1000 // (size * _CELL_PERMILLE)):
            self._y += leading
            self._parts.append(
                f'<text class="{kind}" x="{_MARGIN}" y="{self._y - leading // 4}"'
                f' font-size="{size}">{escape(line)}</text>\n'
            )

    def finish(self, *, with_script: bool) -> str:
        """Return the whole file."""
        options = self._options
        height = self._y + _MARGIN
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-flame" version="1.1"'
            f' width="{options.width}" height="{height}"'
            f' viewBox="0 0 {options.width} {height}"'
            f' font-family="monospace" font-size="{options.font_size}">\n'
            f"<title>{escape(' '.join(options.title.split()))}</title>\n"
            f"<style><![CDATA[\n{_resource('flamegraph.css')}]]></style>\n"
            '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
        )
        script = f"<script><![CDATA[\n{_resource('flamegraph.js')}]]></script>\n"
        tail = self._overlay + (script if with_script else "") + "</svg>\n"
        return head + "".join(self._parts) + tail


class _Frames:
    """Writes boxes; remembers what depends on the name alone, since names are few."""

    def __init__(self, options: FlamegraphOptions, unit: Unit, total: int) -> None:
        self._span = options.inner_width * _HUNDREDTHS
        self._unit = unit
        self._total = total
        self._count_name = escape(options.count_name)
        self._cell = options.font_size * _CELL_PERMILLE
        self._height = options.row_height - 1
        tenths = 10 * self._height + 7 * options.font_size
        self.baseline = f"{tenths // 20}.{tenths // 2 % 10}"
        self._looks: dict[str, tuple[str, str, str]] = {}

    def frame(self, box: Box) -> str:
        """Return the element of one box."""
        look = self._looks.get(box.name)
        if look is None:
            name = clean(box.name)
            look = self._looks[box.name] = name, name.translate(_ESCAPES), colour(box.name)
        name, title, fill = look
        left = self._hundredths(box.start)
        width = self._hundredths(box.end) - left
        cells = (width - 2 * _LABEL_PAD * _HUNDREDTHS) * 10 // self._cell
        text = "<text/>"
        if cells >= _MIN_LABEL:
            x = _pixels(left + _LABEL_PAD * _HUNDREDTHS)
            shown = fit(name, cells)
            label = title if shown is name else shown.translate(_ESCAPES)
            text = f'<text x="{x}" y="{self.baseline}">{label}</text>'
        return (
            f'<g data-x="{box.start}" data-w="{box.width}"><title>{title}\n'
            f"{format_value(box.width, self._unit, self._count_name)},"
            f" {format_percent(box.width, self._total).translate(_ESCAPES)}</title>"
            f'<rect x="{_pixels(left)}" width="{_pixels(width)}" height="{self._height}"'
            f' fill="{fill}"/>{text}</g>\n'
        )

    def _hundredths(self, position: int) -> int:
        """Round an edge once, to the nearest; a box ends exactly where the next starts."""
        return (2 * position * self._span + self._total) // (2 * self._total)


def colour(name: str) -> str:
    """Return the fill of a frame: always the same for a function, in whatever module it is."""
    grey = _GREYS.get(name)
    if grey:
        return grey
    function = name.partition("`")[2] or name
    mix = zlib.crc32(function.encode("utf-8", "surrogatepass"))
    red, green, blue = 228 + mix % 28, 104 + (mix >> 8) % 120, 32 + (mix >> 20) % 48
    return f"#{red:02x}{green:02x}{blue:02x}"


def clean(text: str) -> str:
    """Return the text with every character that XML forbids, or that is unseen, made visible."""
    return _UNSAFE.sub("\ufffd", text)


def escape(text: str) -> str:
    """Return the text safe to stand in XML, as content or in an attribute."""
    return clean(text).translate(_ESCAPES)


def fit(name: str, cells: int) -> str:
    """Return as much of a label as fits into so many character cells, or nothing.

    The module goes before a letter of the function does: `` kernel` `` tells least.
    """
    _, tick, function = name.partition("`")
    label = _cut(name, cells)
    return _cut(function, cells) if label != name and tick and function else label


def _cut(name: str, cells: int) -> str:
    """Return the beginning of a name, with an ellipsis where that is not all of it.

    Outside ASCII a character is taken to be two cells wide: too short is better than drawn over
    the neighbour.
    """
    if cells < _MIN_LABEL:
        return ""
    if name.isascii():
        return name if len(name) <= cells else name[: cells - 1] + "…"
    used = 0
    cut = 0
    for index, character in enumerate(name):
        used += 1 if character.isascii() else 2
        if used <= cells - 1:
            cut = index + 1
    return name if used <= cells else name[:cut] + "…"


def format_value(value: int, unit: Unit, count_name: str = "") -> str:
    """Return a value in full, after a scaled one where that is shorter."""
    if unit == "ns":
        exact = format_exact(value, unit)
        return f"{format_ns(value)} ({exact})" if value >= _SCALED_FROM_NS else exact
    return f"{value:,} {count_name or (unit.removesuffix('s') if value == 1 else unit)}"


def format_percent(part: int, whole: int) -> str:
    """Return a share with two decimals; one that is not zero never reads as zero."""
    hundredths = (part * 20_000 + whole) // (2 * whole)
    if part and not hundredths:
        return "<0.01%"
    return f"{hundredths // 100}.{hundredths % 100:02}%"


def _pixels(hundredths: int) -> str:
    """Return the shortest decimal, as the script writes it."""
    whole, part = divmod(hundredths, _HUNDREDTHS)
    if not part:
        return str(whole)
    return f"{whole}.{part:02}".rstrip("0")


def _column(
    lines: list[str], kind: str, corner: tuple[int, int], options: FlamegraphOptions
) -> list[str]:
    """Return the text elements of some lines, from the corner downwards."""
    x, top = corner
    first = top + (options.row_height + options.font_size * 7 // 10) // 2
    return [
        f'<text class="{kind}" x="{x}" y="{first + index * options.row_height}">'
        f"{escape(line)}</text>\n"
        for index, line in enumerate(lines)
    ]


def _wrap(text: str, cells: int) -> list[str]:
    """Return the lines of a text, none wider than so many cells."""
    width = max(1, cells if text.isascii() else cells // 2)
    return [
        line
        for paragraph in text.splitlines() or [""]
        for line in textwrap.wrap(paragraph, width, break_on_hyphens=False) or [""]
    ]


def _resource(name: str) -> str:
    return files("pvprof.render").joinpath(name).read_text(encoding="utf-8")
