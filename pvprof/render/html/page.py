"""A report as one HTML page: it loads nothing, and holds the data that it was made from.

Owns how the page is put together from its parts (``bars``, ``tables``, ``facts``), the pictures and
the template. The page has, in this order: warnings, headlines, the locks, the flame graphs,
histograms of waits, provenance, and the data (``recording.snapshot``).

Only the scripts of the page run, and nothing is loaded: a Content-Security-Policy names the hash of
each script. Names come from recordings and may hold anything; the template escapes every value, and
control characters are made visible before that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pvprof.model.stacks import show_controls
from pvprof.render.html.bars import figures, headline
from pvprof.render.html.facts import common_facts, recording_facts, warnings
from pvprof.render.html.tables import lock_table
from pvprof.render.rendered import Rendered
from pvprof.render.svg import flamegraph, heat_map
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.palette import paint
from pvprof.units import Unit
from pvprof.views.flamegraph import FlamegraphOptions
from pvprof.views.heat_map import TITLES, HeatOptions
from pvprof.views.html_page import Graph, HtmlPageView
from pvprof.views.tables.details import DETAILS, detail_tables, sentences
from pvprof.views.tables.overhead import overhead_notes
from pvprof.views.tables.report import aside_table, heading, summary
from pvprof.views.tables.table import TableOptions

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_NO_ELEMENT = SvgElement("", "", "", "")
_MAX_UNCUT_STACKS = 2000
_TABLE_TITLES: Mapping[Unit, str] = {
    "ns": "What was waited for",
    "samples": "What ran on the CPUs",
    "events": "What was counted",
}
_DETAILED = TableOptions(top=20, details=DETAILS)
_EARLY_SCRIPT = 'document.documentElement.classList.add("scripted");'


def render(page: HtmlPageView) -> Rendered:
    """Return the text of an HTML file, to be written as UTF-8.

    The same page gives the same text. Without script all rows of a table are shown.
    """
    report = page.report
    pictures = _flame_graphs(page.graphs)
    # All flame graphs have the same style and script: one copy serves all of them.
    flame = pictures[-1] if pictures else _NO_ELEMENT
    page_script = flamegraph.joined(flamegraph.resource("shortcuts.js"), _resource("html.js"))
    colours = _colours(page.graphs)
    heat_maps = _heat_maps(page)
    heat = heat_maps[-1] if heat_maps else _NO_ELEMENT
    text = _template().render(
        title=heading(report),
        version=report.version,
        policy=_policy([_EARLY_SCRIPT, page_script, flame.script, heat.script]),
        early_script=_safe(_EARLY_SCRIPT),
        style=_safe(_resource("html.css")),
        script=_safe(page_script),
        flame_style=_safe(flame.style),
        flame_script=_safe(flame.script),
        heat_maps=[_safe(one.markup) for one in heat_maps],
        heat_style=_safe(heat.style),
        heat_script=_safe(heat.script),
        is_empty=report.is_empty,
        table_title=_TABLE_TITLES[report.sections[0].unit] if report.sections else "",
        warnings=warnings(
            report,
            page.recordings,
            overhead_notes([manifest for _, manifest in page.recordings]),
        ),
        headlines=[headline(section, report, colours) for section in report.sections],
        sections=[
            {
                "unit": section.unit,
                "summary": summary(section, report),
                "sentences": sentences(section),
                "details": detail_tables(section, report, _DETAILED),
                "kept": lock_table(section, report, colours, is_aside=False),
                "aside": lock_table(section, report, colours, is_aside=True),
                "aside_total": aside_table(section),
            }
            for section in report.sections
        ],
        top=page.top,
        graphs=[
            (graph, _safe(picture.markup))
            for graph, picture in zip(page.graphs, pictures, strict=True)
        ],
        figures=figures(page.distributions, report),
        recordings=[recording_facts(name, manifest) for name, manifest in page.recordings],
        facts=common_facts(report),
        data=_safe(page.data),
    )
    return Rendered(text)


def _flame_graphs(graphs: Sequence[Graph]) -> list[SvgElement]:
    elements = []
    for graph in graphs:
        # A row of a table may ask for the narrowest stack, so none is cut while they are few.
        is_small = len(graph.folded.rows) <= _MAX_UNCUT_STACKS
        options = FlamegraphOptions(
            title=graph.title, subtitle=graph.about, min_width_px=0 if is_small else 0.1
        )
        elements.append(flamegraph.element(graph.folded, options, graph.id))
    return elements


def _heat_maps(page: HtmlPageView) -> list[SvgElement]:
    """Return the heat maps, one for each form; none if no single waits were kept."""
    elements = []
    for form, maps in page.maps:
        waits = sum(one.waits for one in maps)
        if waits:
            about = f"{waits:,} single waits that were kept"
            options = HeatOptions(TITLES[form], about, selection=page.selection)
            elements.append(heat_map.element(maps, options))
    return elements


def _colours(graphs: Sequence[Graph]) -> dict[str, str]:
    """Map each cause to its colour in the first flame graph that is coloured by causes."""
    colours: dict[str, str] = {}
    for graph in graphs:
        if len(set(graph.folded.causes.values())) > 1:
            for colour, text in paint((), graph.folded, "cause").legend:
                colours.setdefault(text, colour)
    return colours


def _policy(scripts: Iterable[str]) -> str:
    """Return the Content-Security-Policy: nothing is loaded, and only these scripts run."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
        for text in scripts
        if text
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline';"
        " base-uri 'none'; form-action 'none'"
    )


def _safe(text: str) -> Markup:
    """Mark text as markup: it has no text of a recording, or only escaped text."""
    from markupsafe import Markup  # noqa: PLC0415 (comes with Jinja2: only HTML needs it)

    return Markup(text)


@cache
def _template() -> jinja2.Template:
    import jinja2  # noqa: PLC0415 (0.1 s to import: only HTML needs it)

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    return environment.from_string(_resource("html.jinja"))


def _visible(value: object) -> object:
    """Return a value of the template, with visible control characters if it is a text."""
    return show_controls(value) if type(value) is str else value  # else a number, or Markup


def _resource(name: str) -> str:
    return files("pvprof.render.html").joinpath(name).read_text(encoding="utf-8")
