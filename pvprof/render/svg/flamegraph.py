"""Draw folded stacks as one SVG file that zooms, searches and turns without other files.

Owns how the picture is put together: the static picture (``canvas``), the trees from which the
script redraws (``script_data``), the script and the style. It refuses to decide which frames get a
box (``analysis.stacks.layout`` does) and what title and notes say (``views`` does).

The file:

    <svg class="pvprof-flame" data-prefix="...">
      <title/> <style/>
      <rect class="paper"/>
      <g class="still">         what an <img>, a printer or a viewer without script shows
      <metadata>                JSON: names, colours, the tree from the root and that from the leaf
      <script>                  the files of `SCRIPTS`, joined

No id is used, and every style begins with the class of the root: one HTML page can have several
pictures.
"""

from __future__ import annotations

import math
import pkgutil
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from pvprof.analysis.stacks.boxes import REST, Layout
from pvprof.analysis.stacks.layout import lay_out
from pvprof.errors import UsageError
from pvprof.model.stacks import show_controls
from pvprof.render.rendered import Rendered
from pvprof.render.svg.canvas import Sheet, Sizes, Tile, tiles_of
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.labels import escape, format_percent, format_value
from pvprof.render.svg.palette import (
    MATCH_COLOUR,
    ROOT_COLOUR,
    Painting,
    grey_of,
    paint,
)
from pvprof.render.svg.script_data import Names, embed, encode_tree
from pvprof.units import count_stacks
from pvprof.views.flamegraph import FlamegraphOptions, FlameGraphView

if TYPE_CHECKING:
    from pvprof.analysis.stacks.fold import Folded
    from pvprof.render.svg.canvas import AnyBox
    from pvprof.units import Unit

SCRIPTS = (
    "flame_picture.js",
    "shortcuts.js",
    "themes.js",
    "flame_model.js",
    "flame_text.js",
    "flame_state.js",
    "flame_draw.js",
    "flame_page.js",
    "flame_links.js",
    "flame_help.js",
    "flame_main.js",
    "flame_paper.js",
)
"""ES modules, in the order in which they are joined."""

_GUARD = 'if (!svg || svg.classList.contains("live")) return;'
"""Follows the first script: the joined script does nothing if another run has the picture."""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def render_view(view: FlameGraphView) -> Rendered:
    """Return the flame graph as one SVG file."""
    return Rendered(render(view.folded, view.options))


def render(folded: Folded, options: FlamegraphOptions) -> str:
    """Return the text of an SVG file, to be written as UTF-8; it loads nothing from outside.

    The same arguments give the same text. If nothing was folded, the picture says that.

    Raises:
        UsageError: the options contradict each other.
    """
    return XML_HEAD + render_inline(folded, options, "")


def render_inline(folded: Folded, options: FlamegraphOptions, prefix: str) -> str:
    """Return the text of an ``<svg>`` element for an HTML page; see `element`.

    Raises:
        UsageError: the options contradict each other, or the prefix is not valid.
    """
    return element(folded, options, prefix).text


def element(folded: Folded, options: FlamegraphOptions, prefix: str) -> SvgElement:
    """Return an ``<svg>`` element for an HTML page, which may have several.

    Args:
        folded: what to draw.
        options: how to draw it.
        prefix: begins the names of the picture's state in the address of the page,
            ``PREFIX.zoom=``; unique in the page, letters, digits, ``-`` and ``_``. Without one a
            picture in a page keeps no state there.

    Raises:
        UsageError: the options contradict each other, or the prefix is not valid.
    """
    options.check()
    cut = cut_of(folded.total, options)
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
        "attributes": names.attributes(options.attributes),
    }
    return document(options, prefix, sheet, data)


def sizes_of(options: FlamegraphOptions) -> Sizes:
    """Return the sizes of a picture."""
    return Sizes(options.width, options.row_height, options.font_size)


def cut_of(total: int, options: FlamegraphOptions) -> int:
    """Return the smallest value that gets a box, in a picture of `total`."""
    share = Fraction(str(options.min_width_px)) / sizes_of(options).inner_width
    return math.ceil(share * total)


def _values(box: AnyBox) -> tuple[Sequence[int], Sequence[int]]:
    return (box.self_value,), (box.rest,)


def _still(
    views: Mapping[str, Layout], painting: Painting, unit: Unit, options: FlamegraphOptions
) -> Sheet:
    """Return the static picture."""
    number = 1 if options.is_reversed else 0
    layout: Layout = list(views.values())[number]
    rest = grey_of(REST), ""
    tiles = tiles_of(
        layout.boxes,
        [(painting.colours[colour], "") for colour in painting.of_boxes[number]],
        lambda box: rest,
        options,
    )

    def words(tile: Tile) -> str:
        value = format_value(tile.width, unit, options.count_name)
        stacks = f", {count_stacks(tile.box.rest_stacks)}" if tile.name == REST else ""
        return f"{value}, {format_percent(tile.width, layout.total)} of all{stacks}"

    sheet = Sheet(sizes_of(options))
    sheet.heading(options.title, options.subtitle)
    sheet.legend(painting.legend)
    sheet.frames(tiles, layout.total, options.icicle, words)
    total = format_value(layout.total, unit, options.count_name)
    rest_text = rest_words(layout.rest_stacks, layout.rest, layout.total, options)
    sheet.account(f"Total: {total}.{rest_text}")
    sheet.notes(options.notes)
    return sheet


def rest_words(stacks: int, value: int, total: int, options: FlamegraphOptions) -> str:
    """Return the sentence on the boxes that were too narrow; empty if none were."""
    if not stacks:
        return ""
    return (
        f' Drawn as "{REST}": {count_stacks(stacks)} through frames narrower than'
        f" {options.min_width_px:g} px, {format_percent(value, total)} of the total."
    )


def empty_sheet(options: FlamegraphOptions) -> Sheet:
    """Return a picture with the sentence that there is nothing to draw."""
    sheet = Sheet(sizes_of(options))
    sheet.heading(options.title, options.subtitle)
    sheet.account("There is nothing to draw: no stack that is shown has any weight.")
    sheet.notes(options.notes)
    return sheet


def common_data(
    options: FlamegraphOptions, unit: Unit, legend: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Return the data of the script that every picture has."""
    return {
        "title": show_controls(options.title),
        "subtitle": show_controls(" ".join(options.subtitle.splitlines())),
        "notes": [
            [show_controls(label), "\n".join(map(show_controls, text.splitlines()))]
            for label, text in options.notes
        ],
        "legend": [[colour, show_controls(text)] for colour, text in legend],
        "unit": unit,
        "countName": show_controls(options.count_name),
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
) -> SvgElement:
    """Return the whole element; without data it has no script.

    Raises:
        UsageError: the prefix is not valid.
    """
    if prefix and not _PREFIX.fullmatch(prefix):
        raise UsageError(f"{prefix!r} is no prefix: letters, digits, - and _, a letter first")
    width, height = options.width, sheet.height
    named = f' data-prefix="{prefix}"' if prefix else ""
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-flame" version="1.1"'
        f'{named} width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="monospace" font-size="{options.font_size}">\n'
        f"<title>{escape(' '.join(options.title.split()))}</title>\n"
    )
    paper = '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
    metadata = "" if data is None else f"<metadata>{embed(data)}</metadata>\n"
    return SvgElement(
        opening=opening,
        style=resource("flame.css") + resource("shortcuts.css"),
        content=f"{paper}{sheet.text()}{metadata}",
        script="" if data is None else _script(),
    )


@cache
def _script() -> str:
    """Return the script of a picture."""
    first, *others = [resource(name) for name in SCRIPTS]
    return joined(f"{first}\n{_GUARD}\n", *others)


def joined(*modules: str) -> str:
    """Return ES modules as one function, without indentation and lines of comment."""
    lines = [line for module in modules for line in joinable_lines(module)]
    return '(function () {\n"use strict";\n' + "\n".join(lines) + "\n})();\n"


def joinable_lines(module: str) -> list[str]:
    """Return the lines of an ES module as they go into one function with other modules.

    They lack import lines, comment lines, indentation and the word ``export``. In a module, each
    import is one line, and each export begins a line.
    """
    lines = [line.strip() for line in module.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("//", "/**", "import "))]
    return [line.removeprefix("export ") for line in kept]


def resource(name: str) -> str:
    """Return the text of a style or script beside this module."""
    text = pkgutil.get_data("pvprof.render.svg", name)  # importlib.resources takes 20 ms to import
    return (text or b"").decode()
