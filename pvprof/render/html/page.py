"""A report as one HTML page: it loads nothing, and holds the data that it was made from.

Owns how the page is put together from its parts (``htmlbars``, ``htmltables``, ``htmlfacts``), the
pictures (``flamegraph``) and the template. What stands in it, in this order: warnings, what the
whole amounts to, the locks, the flame graphs, histograms of waits, where it all comes from, and the
data (``snapshot``).

Nothing in the page may run or load but what stands here: a Content-Security-Policy names the very
scripts, by their hash. Names come from recordings and may hold anything; the template escapes every
value, and control characters are spelled out before that.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pvprof.analysis.histograms import Distribution
from pvprof.analysis.report import Report
from pvprof.analysis.stacks.fold import Folded
from pvprof.analysis.waits.heat_map import HeatMap
from pvprof.model.stacks import show_controls
from pvprof.recording.manifest import Manifest
from pvprof.render.html.bars import figures, headline
from pvprof.render.html.facts import common_facts, recording_facts, warnings
from pvprof.render.html.tables import lock_table
from pvprof.render.svg.flamegraph import FlamegraphOptions, render_inline
from pvprof.render.svg.heat_map import HeatOptions
from pvprof.render.svg.heat_map import render_inline as render_map
from pvprof.render.svg.heat_map import script as map_script
from pvprof.render.svg.palette import paint
from pvprof.views.tables.details import DETAILS, detail_tables, sentences
from pvprof.views.tables.overhead import overhead_notes
from pvprof.views.tables.report import aside_table, heading, summary
from pvprof.views.tables.table import TableOptions

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

# A picture brings its style and script; in a page one copy serves all of them.
_CODE = re.compile(r"<(style|script)><!\[CDATA\[\n(.*?)\]\]></\1>\n", re.S)

_FEW_STACKS = 2000
_DETAILED = TableOptions(top=20, details=DETAILS)
_EARLY_SCRIPT = 'document.documentElement.classList.add("scripted");'


@dataclass(frozen=True, slots=True)
class Graph:
    """One flame graph of a page.

    Attributes:
        id: unique in the page: letters, digits, ``-`` and ``_``, a letter first.
        title: what is drawn.
        about: a sentence with the total.
        kinds: of which kinds it has all the waits that the tables have; empty for every kind.
        folded: what is drawn; not empty.
    """

    id: str
    title: str
    about: str
    kinds: tuple[str, ...]
    folded: Folded


@dataclass(frozen=True, slots=True)
class Page:
    """All that a page is made from.

    Attributes:
        report: tables, problems, facts.
        graphs: in the order of their tabs.
        distributions: histograms of waits.
        recordings: (name, manifest) of each.
        data: what ``snapshot.encode`` made of everything that was read.
        maps: the waits that were kept in time, where single ones were recorded.
        selection: the options that kept them, for commands that are shown.
    """

    report: Report
    graphs: tuple[Graph, ...]
    distributions: tuple[Distribution, ...]
    recordings: tuple[tuple[str, Manifest], ...]
    data: str
    maps: tuple[HeatMap, ...] = ()
    selection: str = ""


def render(page: Page, options: TableOptions) -> str:
    """Return the text of an HTML file, to be written as UTF-8.

    The same page gives the same text. `options.top` is how many rows of a table are shown until a
    reader asks for more; without script all are.
    """
    report = page.report
    pictures, flame = _pictures(page.graphs)
    page_script = _resource("html.js")
    colours = _colours(page.graphs)
    heat, heat_style, heat_script = _heat(page)
    return _template().render(
        title=heading(report),
        version=report.version,
        policy=_policy([_EARLY_SCRIPT, page_script, flame.script, heat_script]),
        early_script=_safe(_EARLY_SCRIPT),
        style=_safe(_resource("html.css")),
        script=_safe(page_script),
        flame_style=_safe(flame.style),
        flame_script=_safe(flame.script),
        heat=_safe(heat),
        heat_style=_safe(heat_style),
        heat_script=_safe(heat_script),
        is_empty=report.is_empty,
        warnings=warnings(
            report.problems,
            page.recordings,
            overhead_notes([manifest for _, manifest in page.recordings]),
        ),
        headlines=[headline(one, report, colours) for one in report.sections],
        sections=[
            {
                "unit": one.unit,
                "summary": summary(one, report),
                "sentences": sentences(one),
                "details": detail_tables(one, report, _DETAILED),
                "kept": lock_table(one, report, colours, is_aside=False),
                "aside": lock_table(one, report, colours, is_aside=True),
                "aside_total": aside_table(one),
            }
            for one in report.sections
        ],
        top=options.top,
        graphs=list(zip(page.graphs, map(_safe, pictures), strict=True)),
        figures=figures(page.distributions, report),
        recordings=[recording_facts(name, manifest) for name, manifest in page.recordings],
        facts=common_facts(report),
        data=_safe(page.data),
    )


@dataclass(frozen=True, slots=True)
class _Code:
    """The style and the script of all flame graphs."""

    style: str = ""
    script: str = ""


def _pictures(graphs: Sequence[Graph]) -> tuple[list[str], _Code]:
    """Return the pictures without their code, and that once."""
    pictures = []
    code = _Code()
    for graph in graphs:
        # A row of the table may ask for the narrowest tower, so none is cut while they are few.
        is_small = len(graph.folded.rows) <= _FEW_STACKS
        options = FlamegraphOptions(
            title=graph.title, subtitle=graph.about, min_width_px=0 if is_small else 0.1
        )
        svg = render_inline(graph.folded, options, graph.id)
        found = dict(_CODE.findall(svg))
        code = _Code(found["style"], found["script"])
        pictures.append(_CODE.sub("", svg))
    return pictures, code


def _heat(page: Page) -> tuple[str, str, str]:
    """Return the picture of the waits in time, its style and its script; empty if there is none."""
    if not any(one.waits for one in page.maps):
        return "", "", ""
    about = f"{sum(one.waits for one in page.maps):,} single waits that were kept"
    options = HeatOptions(title="", subtitle=about, selection=page.selection)
    svg = render_map(page.maps, options)
    style = next(found[1] for found in _CODE.findall(svg))
    return _CODE.sub("", svg), style, map_script()


def _colours(graphs: Sequence[Graph]) -> dict[str, str]:
    """Return the colour of each cause, by the first flame graph that is coloured by causes."""
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
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline';"
        " base-uri 'none'; form-action 'none'"
    )


def _safe(text: str) -> Markup:
    """Mark as markup what holds no text of a recording, or holds it escaped."""
    from markupsafe import Markup  # noqa: PLC0415 (comes with Jinja2: only who writes HTML pays)

    return Markup(text)


@cache
def _template() -> jinja2.Template:
    import jinja2  # noqa: PLC0415 (0.1 s to import: only who writes HTML pays)

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
    """Spell out the control characters of any text that goes into the page."""
    return show_controls(value) if type(value) is str else value  # else a number, or Markup


def _resource(name: str) -> str:
    return files("pvprof.render.html").joinpath(name).read_text(encoding="utf-8")
