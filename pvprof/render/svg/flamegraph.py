"""Draw folded stacks as one SVG file that zooms, searches and turns round without anything else.

Owns how the picture is put together: the still picture (``flamesheet``), the trees from which the
script draws anew (``flamedata``), the script and the style. It refuses to decide which frames get a
box (``flame`` does) and which text goes into the title and the notes (callers do).

What stands in the file:

    <svg class="pvprof-flame" data-prefix="...">
      <title/> <style/>
      <rect class="paper"/>
      <g class="still">         what an <img>, a printer or a viewer without script shows
      <metadata>                JSON: names, colours, the tree from the root and that from the leaf
      <script>                  the files of `SCRIPTS`, joined

Ids are not used and every style starts at the root's class: several pictures can stand in one HTML
page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pvprof.analysis.stacks.layout import REST, Layout, Order, lay_out
from pvprof.errors import UsageError
from pvprof.render.svg.canvas import AnyBox, Sheet, Sizes, Tile, tiles_of
from pvprof.render.svg.labels import clean, escape, format_percent, format_value
from pvprof.render.svg.palette import (
    MATCH_COLOUR,
    PALETTES,
    ROOT_COLOUR,
    Painting,
    Palette,
    grey_of,
    paint,
)
from pvprof.render.svg.script_data import Names, embed, encode_tree
from pvprof.units import count_stacks

if TYPE_CHECKING:
    from pvprof.analysis.stacks.fold import Folded
    from pvprof.units import Unit

SCRIPTS = (
    "flame_model.js",
    "flame_text.js",
    "flame_state.js",
    "flame_draw.js",
    "flame_page.js",
    "flame_main.js",
)
"""In the order in which they are joined."""

_MIN_WIDTH = 400
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class FlamegraphOptions:
    """What the caller may choose about a flame graph.

    Attributes:
        title: the heading; also names the browser's tab.
        subtitle: a line below it: what was measured, where, which filters applied.
        notes: (label, text) pairs shown in a panel at the bottom; a text may have several lines.
        count_name: the word after a value that is no time, e.g. ``waits``; when empty, the unit.
        width: of the still picture, in pixels; at least 400. With script it fills its place.
        row_height: of one level, in pixels; more than `font_size`.
        font_size: of the labels, in pixels.
        min_width_px: boxes narrower than this many pixels are drawn together as ``...``; 0 draws
            all.
        icicle: the root on top, callees below, to begin with.
        is_reversed: merged from the leaf, to begin with.
        order: of siblings, to begin with.
        palette: what colours mean.
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
    is_reversed: bool = False
    order: Order = "name"
    palette: Palette = "auto"

    def check(self) -> None:
        """Raise `UsageError` where the choices make no picture."""
        if self.width < _MIN_WIDTH:
            raise UsageError(f"a flame graph of {self.width} pixels is narrower than {_MIN_WIDTH}")
        if self.font_size < 1 or self.row_height <= self.font_size:
            raise UsageError(
                f"rows of {self.row_height} pixels cannot hold text of {self.font_size} pixels"
            )
        if not (math.isfinite(self.min_width_px) and self.min_width_px >= 0):
            raise UsageError(f"{self.min_width_px} pixels is no width to cut boxes at")
        if self.palette not in PALETTES:
            raise UsageError(f"no palette {self.palette}", f"palettes: {', '.join(PALETTES)}")

    @property
    def sizes(self) -> Sizes:
        """Return the sizes of the picture."""
        return Sizes(self.width, self.row_height, self.font_size)

    def cut(self, total: int) -> int:
        """Return the narrowest value that gets a box."""
        return math.ceil(Fraction(str(self.min_width_px)) * total / self.sizes.inner_width)


def render(folded: Folded, options: FlamegraphOptions) -> str:
    """Return the text of an SVG file, to be written as UTF-8; it loads nothing from outside.

    The same arguments give the same text. Where nothing was folded, the picture says so.

    Raises:
        UsageError: if the options contradict each other.
    """
    return XML_HEAD + render_inline(folded, options, "")


def render_inline(folded: Folded, options: FlamegraphOptions, prefix: str) -> str:
    """Return an ``<svg>`` element to stand in an HTML page, beside others if need be.

    Args:
        folded: what to draw.
        options: as of `render`.
        prefix: stands before what the picture keeps in the address of the page, ``PREFIX.zoom=``;
            unique in the page, letters, digits, ``-`` and ``_``. Without one the picture in a page
            keeps nothing there.

    Raises:
        UsageError: if the options contradict each other, or the prefix is none.
    """
    options.check()
    cut = options.cut(folded.total)
    views = {
        view: lay_out(folded, cut, options.order, is_reversed=view == "reversed")
        for view in ("normal", "reversed")
    }
    if not folded.rows:
        return document(options, prefix, empty_sheet(options), None)
    painting = paint([layout.boxes for layout in views.values()], folded, options.palette)
    sheet = _still(views, painting, folded.unit, options)
    names = Names()
    trees = {
        view: encode_tree(layout.boxes, colours, names, _values)
        for (view, layout), colours in zip(views.items(), painting.of_boxes, strict=True)
    }
    data = common_data(options, folded.unit, painting.legend) | {
        "names": names.texts,
        "nameColours": names.colours,
        "colours": painting.colours,
        "trees": trees,
        "diff": None,
    }
    return document(options, prefix, sheet, data)


def _values(box: AnyBox) -> tuple[Sequence[int], Sequence[int]]:
    return (box.self_value,), (box.rest,)


def _still(
    views: Mapping[str, Layout], painting: Painting, unit: Unit, options: FlamegraphOptions
) -> Sheet:
    """Return the picture that needs no script."""
    number = 1 if options.is_reversed else 0
    layout: Layout = list(views.values())[number]
    rest = grey_of(REST), ""
    tiles = tiles_of(
        layout.boxes,
        [(painting.colours[colour], "") for colour in painting.of_boxes[number]],
        lambda box: rest,
        options.order,
    )

    def words(tile: Tile) -> str:
        value = format_value(tile.width, unit, options.count_name)
        stacks = f", {count_stacks(tile.box.rest_stacks)}" if tile.name == REST else ""
        return f"{value}, {format_percent(tile.width, layout.total)}{stacks}"

    sheet = Sheet(options.sizes)
    sheet.heading(options.title, options.subtitle)
    sheet.legend(painting.legend)
    sheet.frames(tiles, layout.total, options.icicle, words)
    total = format_value(layout.total, unit, options.count_name)
    rest_text = rest_words(layout.rest_stacks, layout.rest, layout.total, options)
    sheet.account(f"Total: {total}.{rest_text}")
    sheet.notes(options.notes)
    return sheet


def rest_words(stacks: int, value: int, total: int, options: FlamegraphOptions) -> str:
    """Return what the line below the boxes says of those that were too narrow."""
    if not stacks:
        return ""
    return (
        f' Drawn as "{REST}": {count_stacks(stacks)} through frames narrower than'
        f" {options.min_width_px:g} px, {format_percent(value, total)} of the total."
    )


def empty_sheet(options: FlamegraphOptions) -> Sheet:
    """Return a picture that says that there is none."""
    sheet = Sheet(options.sizes)
    sheet.heading(options.title, options.subtitle)
    sheet.account("There is nothing to draw: no stack that is shown has any weight.")
    sheet.notes(options.notes)
    return sheet


def common_data(
    options: FlamegraphOptions, unit: Unit, legend: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Return what the script is told about any picture."""
    return {
        "title": clean(options.title),
        "subtitle": clean(" ".join(options.subtitle.splitlines())),
        "notes": [
            [clean(label), "\n".join(map(clean, text.splitlines()))]
            for label, text in options.notes
        ],
        "legend": [[colour, clean(text)] for colour, text in legend],
        "unit": unit,
        "countName": clean(options.count_name),
        "width": options.width,
        "row": options.row_height,
        "font": options.font_size,
        "cutPx": f"{options.min_width_px:g}",
        "rootColour": ROOT_COLOUR,
        "restColour": grey_of(REST),
        "matchColour": MATCH_COLOUR,
        "start": {
            "view": "reversed" if options.is_reversed else "normal",
            "order": options.order,
            "icicle": options.icicle,
            "shape": "",
        },
    }


XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def document(
    options: FlamegraphOptions, prefix: str, sheet: Sheet, data: Mapping[str, Any] | None
) -> str:
    """Return the whole element; without data there is nothing for a script to do.

    Raises:
        UsageError: the prefix is none.
    """
    if prefix and not _PREFIX.fullmatch(prefix):
        raise UsageError(f"{prefix!r} is no prefix: letters, digits, - and _, a letter first")
    width, height = options.width, sheet.height
    named = f' data-prefix="{prefix}"' if prefix else ""
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-flame" version="1.1"'
        f'{named} width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="monospace" font-size="{options.font_size}">\n'
        f"<title>{escape(' '.join(options.title.split()))}</title>\n"
        f"<style><![CDATA[\n{_resource('flame.css')}]]></style>\n"
        '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
    )
    tail = ""
    if data is not None:
        tail = f"<metadata>{embed(data)}</metadata>\n<script><![CDATA[\n{_script()}]]></script>\n"
    return f"{head}{sheet.text()}{tail}</svg>\n"


@cache
def _script() -> str:
    """Return the script: its files in one function, without indentation and lines of comment."""
    lines = [line.strip() for name in SCRIPTS for line in _resource(name).splitlines()]
    kept = [line for line in lines if line and not line.startswith("//")]
    return '(function () {\n"use strict";\n' + "\n".join(kept) + "\n})();\n"


def _resource(name: str) -> str:
    return files("pvprof.render.svg").joinpath(name).read_text(encoding="utf-8")
