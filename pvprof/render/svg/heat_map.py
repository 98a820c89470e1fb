"""Draw single waits in time as one SVG file: a heat map from which a part of the run is chosen.

Owns how the picture is put together: the static picture (``heat_canvas``), the data that the script
needs, style and script. It refuses to compute values (``analysis.waits.heat_grid`` does).

The file:

    <svg class="pvprof-heat">
      <title/> <desc/> <style/>
      <rect class="paper"/>
      <g class="still">         what an <img>, a printer or a viewer without script shows
      <metadata>                JSON: the values of the cells, what was waited for longest in each
      <script>                  heat.js

A reader who drags over the map, or moves by keyboard, gets the ``--from`` and ``--to`` of that
part: the commands that draw it need the recording, since the picture carries no single waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from pvprof.analysis.waits.heat_map import HeatMap
from pvprof.render.rendered import Rendered
from pvprof.render.svg.canvas import MARGIN, Sheet, Sizes
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.flamegraph import XML_HEAD, joinable_lines, resource
from pvprof.render.svg.heat_canvas import (
    Position,
    cell_words,
    draw_legend,
    draw_map,
    map_height,
    part_words,
    position_of,
    row_words,
    scale_of,
    seconds,
)
from pvprof.render.svg.labels import clean, escape
from pvprof.render.svg.script_data import embed
from pvprof.units import format_exact, format_ns
from pvprof.views.heat_map import HeatMapView, HeatOptions

_READOUT_HEIGHT = 52
_HINT = "In a browser, drag over the map, or move by keys, to get the --from and --to of that part."


def render_view(view: HeatMapView) -> Rendered:
    """Return the heat map as one SVG file."""
    return Rendered(render(view.maps, view.options), view.problems)


def render(maps: Sequence[HeatMap], options: HeatOptions) -> str:
    """Return the text of an SVG file, to be written as UTF-8; it loads nothing from outside.

    The same arguments give the same text. If no wait was kept, the picture says that.

    Raises:
        UsageError: the options make no picture.
    """
    return XML_HEAD + element(maps, options).text


def element(maps: Sequence[HeatMap], options: HeatOptions) -> SvgElement:
    """Return an ``<svg>`` element; a page with several runs the script once."""
    options.check()
    sheet = Sheet(Sizes(options.width, 16, 12))
    if options.title:
        sheet.heading(options.title, options.subtitle)
    else:
        sheet.paragraph(options.subtitle, "subtitle")
    drawn = [heat_map for heat_map in maps if heat_map.waits]
    positions = _draw(sheet, drawn, options) if drawn else []
    if not drawn:
        sheet.account("There is nothing to draw: no wait was kept.")
    notes = (*(_spike_notes(drawn)), *options.notes)
    sheet.notes(notes)
    about = " ".join([part for heat_map in drawn for part in _account(heat_map, len(drawn) > 1)])
    width, height = options.width, sheet.height
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-heat" version="1.1"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="monospace" font-size="12">\n'
        f"<title>{escape(' '.join(options.title.split()) or 'Waits in time')}</title>\n"
        f"<desc>{escape(about)}</desc>\n"
    )
    paper = '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
    data = f"<metadata>{embed(_data(drawn, positions, options))}</metadata>\n" if drawn else ""
    return SvgElement(
        opening=opening,
        style=resource("heat.css"),
        content=f"{paper}{sheet.text()}{data}",
        script=_script() if drawn else "",
    )


def _draw(sheet: Sheet, maps: Sequence[HeatMap], options: HeatOptions) -> list[Position]:
    """Draw legend, readout and maps; return the positions of the maps."""
    scale = scale_of(maps, options.threads)
    positions: list[Position] = []

    def legend(top: int) -> str:
        return draw_legend(maps[0], scale, top, options.width)[0]

    sheet.drawing(draw_legend(maps[0], scale, 0, options.width)[1], legend)
    sheet.drawing(
        _READOUT_HEIGHT,
        lambda top: (
            f'<g class="readout"><rect x="{MARGIN}" y="{top}" height="{_READOUT_HEIGHT}"'
            f' width="{options.width - 2 * MARGIN}" fill="none"/>'
            f'<text class="hint" x="{MARGIN}" y="{top + 18}">{_HINT}</text></g>\n'
        ),
    )
    for heat_map in maps:
        if len(maps) > 1:
            sheet.drawing(10, lambda top: "")
            sheet.paragraph(heat_map.name, "name")
        sheet.drawing(8, lambda top: "")

        def draw(top: int, heat_map: HeatMap = heat_map) -> str:
            positions.append(position_of(heat_map, top, options.width))
            return f'<g class="map">\n{draw_map(heat_map, positions[-1], scale)}</g>\n'

        sheet.drawing(map_height(heat_map), draw)
        for text in _account(heat_map, False):
            sheet.account(text)
    return positions


def _account(heat_map: HeatMap, with_name: bool) -> list[str]:
    """Return sentences on what the map holds, and what it cannot show."""
    waits = f"{heat_map.waits:,} {'wait' if heat_map.waits == 1 else 'waits'}"
    exact = format_exact(heat_map.inside_ns, "ns")
    name = f"{heat_map.name}: " if with_name else ""
    sentences = [f"{name}Total: {format_ns(heat_map.inside_ns)} ({exact}) in {waits}."]
    for value, side in (
        (heat_map.before_ns, "before the beginning"),
        (heat_map.after_ns, "after the end"),
    ):
        if value:
            text = f"{format_ns(value)} ({format_exact(value, 'ns')})"
            sentences.append(f"In no cell: {text} of waits, {side} of what was recorded.")
    return sentences


def _spike_notes(maps: Sequence[HeatMap]) -> list[tuple[str, str]]:
    """Return the spikes in words, for readers and for screen readers."""
    notes = []
    for heat_map in maps:
        lines = []
        for spike in heat_map.spikes:
            begin, end = heat_map.grid.edges(spike.first, spike.last)
            words = part_words(heat_map, spike.first, spike.last, spike.value)
            lines.append(f"{words}: --from {seconds(begin)} --to {seconds(end)}")
            lines.append(f"    highest at {cell_words(heat_map, spike.hottest)}")
        if lines:
            label = "Most waiting" if len(maps) == 1 else f"Most waiting, {heat_map.name}"
            notes.append((label, "\n".join(lines)))
    return notes


def _data(
    maps: Sequence[HeatMap], positions: Sequence[Position], options: HeatOptions
) -> dict[str, Any]:
    """Return the data of the script."""
    names: dict[str, int] = {}
    records = []
    for heat_map, position in zip(maps, positions, strict=True):
        numbers = [names.setdefault(row_words(row), len(names)) for row in heat_map.row_ids]
        grid = heat_map.grid
        records.append(
            {
                "name": clean(heat_map.name),
                "rows": grid.rows,
                "columns": grid.columns,
                "cell": grid.cell_ns,
                "left": grid.left_ns,
                "begin": grid.begin_ns,
                "end": grid.end_ns,
                "values": heat_map.values,
                "tops": [numbers[top] if top >= 0 else -1 for top in heat_map.tops],
                "spikes": [[spike.first, spike.last - 1] for spike in heat_map.spikes],
                "x": position.left,
                "y": position.top,
                "columnWidth": position.column_width / 100,
                "cellHeight": position.height // grid.rows,
            }
        )
    return {
        "maps": records,
        "names": [clean(name) for name in names],
        "selection": clean(options.selection),
    }


@cache
def _script() -> str:
    """Return the script of all heat maps of a document."""
    return "\n".join(joinable_lines(resource("heat.js"))) + "\n"
