"""Draw single waits over time as one SVG file: a heat map from which a part of the run is chosen.

Owns how the picture is put together: the static picture (``heat_canvas``), the data that the script
needs, style and script. It refuses to compute values (``analysis.waits.heat_grid`` does) and to
word them (``heat_forms`` does).

The file:

    <svg class="pvprof-heat">
      <title/> <desc/> <style/>
      <rect class="paper"/>
      <g class="still">         what an <img>, a printer or a viewer without script shows
      <metadata>                JSON: all texts, the values of the cells, what was waited for
      <script>                  heat.js

The script takes the maps out of the static picture, stretches them to the width of the window, and
replaces everything around them by text that wraps. A reader who drags over a map, or moves by
keyboard, gets the ``--from`` and ``--to`` of that part: the commands that draw it need the
recording, since the picture carries no single waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pvprof.model.stacks import show_controls
from pvprof.render.rendered import Rendered
from pvprof.render.svg.canvas import Sheet, Sizes
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.flamegraph import XML_HEAD, joined, resource
from pvprof.render.svg.heat_canvas import (
    AXIS,
    Position,
    draw_legend,
    draw_map,
    map_height,
    position_of,
)
from pvprof.render.svg.heat_forms import Drawing, Scale, drawing_of, scale_of
from pvprof.render.svg.labels import escape
from pvprof.render.svg.script_data import embed
from pvprof.views.heat_map import HeatMapView, HeatOptions, Maps

_HINT = "In a browser, drag over the map, or move by keys, to get the --from and --to of that part."


def render_view(view: HeatMapView) -> Rendered:
    """Return the heat map as one SVG file."""
    return Rendered(render(view.maps, view.options), view.problems)


def render(maps: Maps, options: HeatOptions) -> str:
    """Return the text of an SVG file, to be written as UTF-8; it loads nothing from outside.

    The same arguments give the same text. If no wait was kept, the picture says that.

    Raises:
        UsageError: the options make no picture.
    """
    return XML_HEAD + element(maps, options).text


def element(maps: Maps, options: HeatOptions) -> SvgElement:
    """Return an ``<svg>`` element; a page with several runs the script once."""
    options.check()
    sheet = Sheet(Sizes(options.width, 16, 12))
    if options.title:
        sheet.heading(options.title, options.subtitle)
    else:
        sheet.paragraph(options.subtitle, "subtitle")
    kept = [one for one in maps if one.waits]
    drawings = [drawing_of(one) for one in kept]
    notes = (*_notes(drawings), *options.notes)
    data: Mapping[str, Any] | None = None
    if drawings:
        scale = scale_of(kept, options.top)
        positions = _draw(sheet, drawings, scale, options)
        data = _data(drawings, positions, scale, options) | {"notes": _texts(notes)}
        sheet.account(_HINT)
    else:
        sheet.account("There is nothing to draw: no wait was kept.")
    sheet.notes(notes)
    return _document(sheet, drawings, data, options)


def _document(
    sheet: Sheet,
    drawings: Sequence[Drawing],
    data: Mapping[str, Any] | None,
    options: HeatOptions,
) -> SvgElement:
    """Return the whole element; without data it has no script."""
    width, height = options.width, sheet.height
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-heat" version="1.1"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="monospace" font-size="12">\n'
        f"<title>{escape(' '.join(options.title.split()) or 'Single waits over time')}</title>\n"
        f"<desc>{escape(' '.join(_accounts(drawings)))}</desc>\n"
    )
    paper = '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
    metadata = "" if data is None else f"<metadata>{embed(data)}</metadata>\n"
    return SvgElement(
        opening=opening,
        style=resource("heat.css") + resource("shortcuts.css"),
        content=f"{paper}{sheet.text()}{metadata}",
        script="" if data is None else _script(),
    )


def _draw(
    sheet: Sheet, drawings: Sequence[Drawing], scale: Scale, options: HeatOptions
) -> list[Position]:
    """Draw legend and maps; return the positions of the maps."""
    positions: list[Position] = []
    legend_height = draw_legend(scale, 0, options.width)[1]
    sheet.drawing(legend_height, lambda top: draw_legend(scale, top, options.width)[0])
    for drawing in drawings:
        if len(drawings) > 1:
            sheet.drawing(10, lambda top: "")
            sheet.paragraph(drawing.name, "name")
        sheet.drawing(8, lambda top: "")

        def draw(top: int, drawing: Drawing = drawing) -> str:
            positions.append(position_of(drawing, top, options.width))
            return f'<g class="map">\n{draw_map(drawing, positions[-1], scale)}</g>\n'

        sheet.drawing(map_height(drawing), draw)
        for text in drawing.account:
            sheet.account(text)
    return positions


def _accounts(drawings: Sequence[Drawing]) -> list[str]:
    """Return the sentences on what the maps hold, with the names of several."""
    return [
        f"{drawing.name}: {text}" if len(drawings) > 1 else text
        for drawing in drawings
        for text in drawing.account
    ]


def _notes(drawings: Sequence[Drawing]) -> list[tuple[str, str]]:
    """Return the notes on the maps, with the names of several."""
    return [
        (f"{label}, {drawing.name}" if len(drawings) > 1 else label, text)
        for drawing in drawings
        for label, text in drawing.notes
    ]


def _texts(notes: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [
        [show_controls(label), "\n".join(map(show_controls, text.splitlines()))]
        for label, text in notes
    ]


def _data(
    drawings: Sequence[Drawing],
    positions: Sequence[Position],
    scale: Scale,
    options: HeatOptions,
) -> dict[str, Any]:
    """Return the data of the script."""
    return {
        "title": show_controls(options.title),
        "subtitle": show_controls(" ".join(options.subtitle.splitlines())),
        "legend": {"head": scale.head, "words": scale.words},
        "account": [show_controls(text) for text in _accounts(drawings)],
        "selection": show_controls(options.selection),
        "width": options.width,
        "axis": AXIS,
        "maps": [
            {
                **drawing.data,
                "y": position.top,
                "height": map_height(drawing),
                "columnWidth": position.column_width / 100,
                "cellHeight": position.row_height,
            }
            for drawing, position in zip(drawings, positions, strict=True)
        ],
    }


@cache
def _script() -> str:
    """Return the script of all heat maps of a document."""
    return joined(*map(resource, ("shortcuts.js", "themes.js", "heat.js")))
