"""Draw single waits in time as one SVG file: a heat map from which a part of the run is chosen.

Owns how the picture is put together: the still picture (``heatsheet``), the data that the script
needs, style and script. It refuses to compute any value (``singles.heatmap`` does).

What stands in the file:

    <svg class="pvprof-heat">
      <title/> <desc/> <style/>
      <rect class="paper"/>
      <g class="still">         what an <img>, a printer or a viewer without script shows
      <metadata>                JSON: the values of the cells, what was waited for longest in each
      <script>                  heat.js

Whoever drags over the map, or moves by keyboard, is told the ``--from`` and ``--to`` of that part:
the commands that draw it need the recording, since the picture carries no single waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pvprof.analysis.waits.heat_map import HeatMap
from pvprof.errors import UsageError
from pvprof.render.svg.canvas import MARGIN, Sheet, Sizes
from pvprof.render.svg.flamegraph import XML_HEAD
from pvprof.render.svg.heat_canvas import (
    Place,
    cell_words,
    draw_legend,
    draw_map,
    map_height,
    part_words,
    place_of,
    row_words,
    scale_of,
    seconds,
)
from pvprof.render.svg.labels import clean, escape
from pvprof.render.svg.script_data import embed
from pvprof.units import format_exact, format_ns

_MIN_WIDTH = 400
_READOUT_HEIGHT = 52
_HINT = (
    "In a browser, drag over the map, or move by keys: it tells the --from and --to of that part."
)


@dataclass(frozen=True, slots=True)
class HeatOptions:
    """What the caller may choose about a heat map.

    Attributes:
        title, subtitle: the heading (empty: none), and a line below it.
        notes: (label, text) pairs shown in a panel at the bottom; a text may have several lines.
        width: in pixels; at least 400.
        threads: how many threads waiting the last colour stands for; 0: the largest value.
        selection: the options that chose the waits, to be repeated in commands that are shown.
    """

    title: str = "Waits in time"
    subtitle: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    width: int = 1200
    threads: float = 0.0
    selection: str = ""

    def check(self) -> None:
        """Raise `UsageError` where the choices make no picture."""
        if self.width < _MIN_WIDTH:
            raise UsageError(f"a heat map of {self.width} pixels is narrower than {_MIN_WIDTH}")


def render(maps: Sequence[HeatMap], options: HeatOptions) -> str:
    """Return the text of an SVG file, to be written as UTF-8; it loads nothing from outside.

    The same arguments give the same text. Where no wait was kept, the picture says so.

    Raises:
        UsageError: the options make no picture.
    """
    return XML_HEAD + render_inline(maps, options, script())


def render_inline(maps: Sequence[HeatMap], options: HeatOptions, code: str = "") -> str:
    """Return an ``<svg>`` element to stand in an HTML page, which runs `script` once for all."""
    options.check()
    sheet = Sheet(Sizes(options.width, 16, 12))
    if options.title:
        sheet.heading(options.title, options.subtitle)
    else:
        sheet.paragraph(options.subtitle, "subtitle")
    drawn = [one for one in maps if one.waits]
    places = _draw(sheet, drawn, options) if drawn else []
    if not drawn:
        sheet.account("There is nothing to draw: no wait was kept.")
    notes = (*(_spike_notes(drawn)), *options.notes)
    sheet.notes(notes)
    about = " ".join([part for one in drawn for part in _account(one, len(drawn) > 1)])
    width, height = options.width, sheet.height
    tail = ""
    if drawn:
        tail = f"<metadata>{embed(_data(drawn, places, options))}</metadata>\n"
        tail += f"<script><![CDATA[\n{code}]]></script>\n" if code else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-heat" version="1.1"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="monospace" font-size="12">\n'
        f"<title>{escape(' '.join(options.title.split()) or 'Waits in time')}</title>\n"
        f"<desc>{escape(about)}</desc>\n"
        f"<style><![CDATA[\n{_resource('heat.css')}]]></style>\n"
        '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
        f"{sheet.text()}{tail}</svg>\n"
    )


def _draw(sheet: Sheet, maps: Sequence[HeatMap], options: HeatOptions) -> list[Place]:
    """Draw legend, readout and maps; return where the maps stand."""
    scale = scale_of(maps, options.threads)
    places: list[Place] = []

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
    for one in maps:
        if len(maps) > 1:
            sheet.drawing(10, lambda top: "")
            sheet.paragraph(one.name, "name")
        sheet.drawing(8, lambda top: "")

        def draw(top: int, one: HeatMap = one) -> str:
            places.append(place_of(one, top, options.width))
            return f'<g class="map">\n{draw_map(one, places[-1], scale)}</g>\n'

        sheet.drawing(map_height(one), draw)
        for text in _account(one, False):
            sheet.account(text)
    return places


def _account(one: HeatMap, with_name: bool) -> list[str]:
    """Return what the map holds and what it cannot show."""
    waits = f"{one.waits:,} {'wait' if one.waits == 1 else 'waits'}"
    exact = format_exact(one.inside_ns, "ns")
    name = f"{one.name}: " if with_name else ""
    said = [f"{name}Total: {format_ns(one.inside_ns)} ({exact}) in {waits}."]
    for value, where in ((one.before_ns, "before the beginning"), (one.after_ns, "after the end")):
        if value:
            text = f"{format_ns(value)} ({format_exact(value, 'ns')})"
            said.append(f"In no cell: {text} of waits, {where} of what was recorded.")
    return said


def _spike_notes(maps: Sequence[HeatMap]) -> list[tuple[str, str]]:
    """Return where most was waited, in words: for those who read and those who listen."""
    notes = []
    for one in maps:
        lines = []
        for spike in one.spikes:
            begin, end = one.grid.edges(spike.first, spike.last)
            words = part_words(one, spike.first, spike.last, spike.value)
            lines.append(f"{words}: --from {seconds(begin)} --to {seconds(end)}")
            lines.append(f"    highest at {cell_words(one, spike.hottest)}")
        if lines:
            label = "Most waiting" if len(maps) == 1 else f"Most waiting, {one.name}"
            notes.append((label, "\n".join(lines)))
    return notes


def _data(maps: Sequence[HeatMap], places: Sequence[Place], options: HeatOptions) -> dict[str, Any]:
    """Return what the script is told."""
    names: dict[str, int] = {}
    described = []
    for one, place in zip(maps, places, strict=True):
        numbers = [names.setdefault(row_words(row), len(names)) for row in one.row_ids]
        grid = one.grid
        described.append(
            {
                "name": clean(one.name),
                "rows": grid.rows,
                "columns": grid.columns,
                "cell": grid.cell_ns,
                "left": grid.left_ns,
                "begin": grid.begin_ns,
                "end": grid.end_ns,
                "values": one.values,
                "tops": [numbers[top] if top >= 0 else -1 for top in one.tops],
                "spikes": [[spike.first, spike.last - 1] for spike in one.spikes],
                "x": place.left,
                "y": place.top,
                "columnWidth": place.column_width / 100,
                "cellHeight": place.height // grid.rows,
            }
        )
    return {
        "maps": described,
        "names": [clean(name) for name in names],
        "selection": clean(options.selection),
    }


@cache
def script() -> str:
    """Return the script of all heat maps of a document."""
    lines = [line.strip() for line in _resource("heat.js").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def _resource(name: str) -> str:
    return files("pvprof.render.svg").joinpath(name).read_text(encoding="utf-8")
