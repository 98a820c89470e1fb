"""Draw a critical path as one SVG file: a row for each thread, a bar for each part of the path.

The file:

    <svg class="pvprof-line">
      <title/> <desc/> <style/>
      <rect class="paper"/>
      <g class="still">         the whole picture
        <g class="bars">        one path for each colour; the longest bars have a tooltip
      <metadata>                JSON: the length, and where the bars are
      <script>                  time_line.js: zooms and moves the bars

Bars of one colour are one path, since a browser draws a path of ten thousand pieces faster than ten
thousand elements.
"""

from __future__ import annotations

from functools import cache

from pvprof.render.rendered import Rendered
from pvprof.render.svg.canvas import MARGIN, Sheet, Sizes, pixels
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.flamegraph import XML_HEAD, joined, resource
from pvprof.render.svg.labels import escape, fit
from pvprof.render.svg.palette import cause_colours
from pvprof.render.svg.script_data import embed
from pvprof.units import format_ns
from pvprof.views.critical_path.time_line import PathBar, TimeLineView

WIDTH = 1200
LEFT = 190
"""Where the bars begin: left of them are the names of the threads."""

ROW_HEIGHT = 18
MAX_TOOLTIPS = 3000
_MAX_STEPS = 8
_HALF_LABEL = 30
_UNITS = (("s", 10**9), ("ms", 10**6), ("\u00b5s", 10**3), ("ns", 1))
_MIN_BAR = 5
"""In hundredths of a pixel: shorter bars are drawn that wide, so that no thread looks empty."""

_STATE_COLOURS = {"running": "#a9d18e", "runnable": "#f2c94c", "unknown": "#c4c0b8"}
_HINT = "In a browser: wheel or + and - zoom, drag or arrows move, 0 shows all."


def render_view(view: TimeLineView) -> Rendered:
    """Return the time line as one SVG file, which loads nothing from outside."""
    return Rendered(XML_HEAD + element(view).text)


def element(view: TimeLineView, number: int = 0) -> SvgElement:
    """Return an ``<svg>`` element; a page with several runs the script once.

    Args:
        view: the time line.
        number: among those of a page.
    """
    colours = _colours(view)
    sheet = Sheet(Sizes(WIDTH, 16, 12))
    sheet.heading(view.title, view.subtitle)
    sheet.legend(list(zip(colours, view.causes, strict=True)))
    height = len(view.rows) * ROW_HEIGHT
    tops: list[int] = []

    def draw(top: int) -> str:
        tops.append(top + 8)
        return (
            _rows(view, top + 8)
            + _bars(view, colours, (top + 8, number))
            + _axis(view, top + 8 + height)
        )

    sheet.drawing(height + 40, draw)
    for text in (*view.account, _HINT):
        sheet.account(text)
    sheet.notes(view.notes)
    data = {
        "length": view.length_ns,
        "left": LEFT,
        "width": WIDTH - MARGIN - LEFT,
        "top": tops[0],
        "height": height,
        "steps": _MAX_STEPS,
        "half": _HALF_LABEL,
    }
    return line_element(
        view.title, view.subtitle, sheet, f"<metadata>{embed(data)}</metadata>\n", _script()
    )


def line_element(
    title: str, about: str, sheet: Sheet, metadata: str = "", script: str = ""
) -> SvgElement:
    """Return an element with the style of time lines, `WIDTH` wide.

    Args:
        title: of the picture.
        about: one line on it.
        sheet: its content.
        metadata: an element behind the content, for the script.
        script: JavaScript; empty for none.
    """
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="pvprof-line" version="1.1"'
        f' width="{WIDTH}" height="{sheet.height}" viewBox="0 0 {WIDTH} {sheet.height}"'
        ' font-family="monospace" font-size="12">\n'
        f"<title>{escape(' '.join(title.split()))}</title>\n"
        f"<desc>{escape(about)}</desc>\n"
    )
    paper = '<rect class="paper" width="100%" height="100%" fill="#fff"/>\n'
    return SvgElement(
        opening, resource("time_line.css"), f"{paper}{sheet.text()}{metadata}", script
    )


def _colours(view: TimeLineView) -> list[str]:
    """Return the colour of each cause: of states fixed ones, of waits those of their class."""
    by_name = cause_colours(view.causes, view.hues)
    colours = [by_name[name] for name in view.causes]
    for name, number in view.states.items():
        colours[number] = _STATE_COLOURS[name]
    return colours


def _rows(view: TimeLineView, top: int) -> str:
    """Return the names of the threads, and a line below each."""
    parts = []
    for number, label in enumerate(view.rows):
        y = top + number * ROW_HEIGHT
        shown = escape(fit(label, (LEFT - 2 * MARGIN) * 1000 // (11 * 602)))
        parts.append(
            f'<g><title>{escape(label)}</title><text class="thread" x="{MARGIN}" y="{y + 13}"'
            f' font-size="11">{shown}</text></g>\n'
            f'<path class="rule" d="M{LEFT} {y + ROW_HEIGHT}H{WIDTH - MARGIN}" stroke="#e3e0d9"/>\n'
        )
    return "".join(parts)


def _bars(view: TimeLineView, colours: list[str], place: tuple[int, int]) -> str:
    """Return all bars: the longest with a tooltip each, the others as one path for each colour.

    Args:
        view: has the bars.
        colours: of the causes.
        place: the upper edge of the bars, and the number of the picture in its page.
    """
    top, clip_id = place[0], f"pvprof-line-clip-{place[1]}"
    longest = sorted(view.bars, key=lambda bar: (bar.start_ns - bar.end_ns, bar.start_ns))
    limit_ns = 0
    if len(longest) > MAX_TOOLTIPS:
        limit_ns = longest[MAX_TOOLTIPS].end_ns - longest[MAX_TOOLTIPS].start_ns + 1
    elements: list[str] = []
    paths: dict[int, list[str]] = {}
    for bar in view.bars:
        x, width = _place(bar, view.length_ns)
        y = top + bar.row * ROW_HEIGHT + 2
        shape = f"M{pixels(x)} {y}h{pixels(width)}v{ROW_HEIGHT - 4}h-{pixels(width)}z"
        if bar.end_ns - bar.start_ns < limit_ns:
            paths.setdefault(bar.cause, []).append(shape)
            continue
        words = (
            f"{view.causes[bar.cause].rpartition(':')[0]}, {format_ns(bar.end_ns - bar.start_ns)}"
            f" from {format_ns(bar.start_ns)} on\n{view.rows[bar.row]}"
        )
        lines = "\n".join(map(escape, words.split("\n")))
        elements.append(
            f'<g><title>{lines}</title><path fill="{colours[bar.cause]}" d="{shape}"/></g>\n'
        )
    drawn = [
        f'<path fill="{colours[cause]}" d="{"".join(pieces)}"/>\n'
        for cause, pieces in paths.items()
    ]
    clip = (
        f'<clipPath id="{clip_id}"><rect x="{LEFT}" y="{top}"'
        f' width="{WIDTH - MARGIN - LEFT}" height="{len(view.rows) * ROW_HEIGHT}"/></clipPath>\n'
    )
    inside = "".join((*drawn, *elements))
    return f'{clip}<g clip-path="url(#{clip_id})"><g class="bars">\n{inside}</g></g>\n'


def _place(bar: PathBar, length_ns: int) -> tuple[int, int]:
    """Return the left edge and the width of a bar, in hundredths of a pixel."""
    room = (WIDTH - MARGIN - LEFT) * 100
    x = bar.start_ns * room // length_ns
    width = max(bar.end_ns * room // length_ns - x, _MIN_BAR)
    return LEFT * 100 + x, width


def _axis(view: TimeLineView, below: int) -> str:
    """Return round times below the bars; the script writes others when it zooms."""
    step_ns = round_step(view.length_ns)
    room = WIDTH - MARGIN - LEFT
    parts = []
    for time_ns in range(0, view.length_ns + 1, step_ns):
        x = LEFT + room * time_ns // max(view.length_ns, 1)
        anchor = "end" if x > WIDTH - MARGIN - _HALF_LABEL else "middle"
        label = round_label(time_ns, step_ns, view.length_ns)
        parts.append(
            f'<g class="at" transform="translate({x},{below})">'
            '<path class="tick" d="M0 0v4" stroke="#6a655d"/>'
            f'<text class="axis" y="17" text-anchor="{anchor}">{label}</text></g>\n'
        )
    title = "Time since the path began"
    parts.append(f'<text class="axis title-x" x="{LEFT}" y="{below + 32}">{title}</text>\n')
    return f'<g class="times">\n{"".join(parts)}</g>\n'


def round_step(length_ns: int) -> int:
    """Return 1, 2 or 5 times a power of ten: at most `_MAX_STEPS` of them fit into the length."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * _MAX_STEPS >= length_ns:
                return factor * power
        power *= 10


def round_label(time_ns: int, step_ns: int, end_ns: int) -> str:
    """Return a multiple of a step in the unit of the axis's end, with the digits of the step."""
    unit, unit_ns = next((unit, size) for unit, size in _UNITS if end_ns >= size)
    digits = next(n for n in range(10) if step_ns * 10**n % unit_ns == 0)
    scaled = time_ns * 10**digits // unit_ns
    whole, part = divmod(scaled, 10**digits)
    return f"{whole}.{part:0{digits}} {unit}" if digits else f"{whole} {unit}"


@cache
def _script() -> str:
    """Return the script of all time lines of a document."""
    return joined(resource("time_line.js"))
