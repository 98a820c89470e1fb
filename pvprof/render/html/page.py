"""A report as one HTML page: it loads nothing, and holds the data that it was made from.

Owns how the page is put together from its parts (``bars``, ``tables``, ``facts``), the pictures and
the template. The page has, in this order: warnings, headlines, the locks, the flame graphs,
histograms of waits, provenance, and the data (``recording.snapshot``).

Only the scripts of the page run, and nothing is loaded: a Content-Security-Policy names the hash of
each script. Names come from recordings and may hold anything; the template escapes every value, and
control characters are made visible before that.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.analysis.report import Report
from pvprof.render.html.bars import figures, headline
from pvprof.render.html.facts import common_facts, recording_facts, warnings
from pvprof.render.html.tables import lock_table
from pvprof.render.html.template import policy_of, resource, safe, template
from pvprof.render.rendered import Rendered
from pvprof.render.svg import flamegraph, heat_map
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.palette import paint
from pvprof.views.flamegraph import FlamegraphOptions
from pvprof.views.heat_map import TITLES, HeatOptions
from pvprof.views.html_page import Graph, HtmlPageView
from pvprof.views.tables.details import DETAILS, detail_tables, sentences
from pvprof.views.tables.overhead import overhead_notes
from pvprof.views.tables.report import aside_table, heading, summary
from pvprof.views.tables.table import TableOptions

_NO_ELEMENT = SvgElement("", "", "", "")
_MAX_UNCUT_STACKS = 2000
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
    shared = map(flamegraph.resource, ("shortcuts.js", "themes.js"))
    page_script = flamegraph.joined(*shared, resource("html.js"))
    colours = _colours(page.graphs)
    heat_maps = _heat_maps(page)
    heat = heat_maps[-1] if heat_maps else _NO_ELEMENT
    lines = _time_lines(report)
    line = lines[-1] if lines else _NO_ELEMENT
    text = template("html.jinja").render(
        title=heading(report),
        version=report.version,
        policy=policy_of([_EARLY_SCRIPT, page_script, flame.script, heat.script, line.script]),
        early_script=safe(_EARLY_SCRIPT),
        style=safe(resource("html.css")),
        script=safe(page_script),
        flame_style=safe(flame.style),
        flame_script=safe(flame.script),
        heat_maps=[safe(one.markup) for one in heat_maps],
        heat_style=safe(heat.style),
        heat_script=safe(heat.script),
        time_lines=[safe(one.markup) for one in lines],
        time_line_style=safe(line.style),
        time_line_script=safe(line.script),
        is_empty=report.is_empty,
        table_title=report.sections[0].words.table if report.sections else "",
        addition=_addition(report),
        warnings=warnings(
            report,
            page.recordings,
            overhead_notes([manifest for _, manifest in page.recordings]),
        ),
        headlines=[headline(section, report, colours) for section in report.sections],
        sections=[
            {
                "summary": summary(section, report),
                "sentences": sentences(section, report),
                "details": detail_tables(section, report, _DETAILED),
                "kept": lock_table(section, report, colours, is_aside=False),
                "aside": lock_table(section, report, colours, is_aside=True),
                "aside_total": aside_table(section),
            }
            for section in report.sections
        ],
        top=page.top,
        graphs=[
            (graph, safe(picture.markup))
            for graph, picture in zip(page.graphs, pictures, strict=True)
        ],
        figures=figures(page.distributions, report),
        recordings=[recording_facts(name, manifest) for name, manifest in page.recordings],
        facts=common_facts(report),
        data=safe(page.data),
    )
    return Rendered(text)


def _addition(report: Report) -> str:
    """Return the words on which recordings were added up."""
    has_modes = len({section.mode for section in report.sections}) > 1
    return "those of one mode added up" if has_modes else "added up"


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


def _time_lines(report: Report) -> list[SvgElement]:
    """Return the time line of each critical path of one run; none if no threads were recorded."""
    paths = [section.path for section in report.sections if section.path is not None]
    if not any(len(path.runs) == 1 for path in paths):
        return []
    from pvprof.render.svg import time_line  # noqa: PLC0415 (imports numpy)
    from pvprof.views.critical_path.time_line import build  # noqa: PLC0415

    views = [build(path, TableOptions()) for path in paths if len(path.runs) == 1]
    return [time_line.element(view, number) for number, view in enumerate(views)]


def _colours(graphs: Sequence[Graph]) -> dict[str, str]:
    """Map each cause to its colour in the first flame graph that is coloured by causes."""
    colours: dict[str, str] = {}
    for graph in graphs:
        if len(set(graph.folded.causes.values())) > 1:
            for colour, text in paint((), graph.folded, "cause").legend:
                colours.setdefault(text, colour)
    return colours
