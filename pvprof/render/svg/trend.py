"""Draw a trend as one SVG file: a mean with its interval for each point, and where it changed.

::

    |         o              |
    |   o   --|--            |  o        o   the mean of a point's runs, | its interval
    | --|--   |   ----------:|--|--      --  the mean between two changes
    |   |     o     o        |  |        :   a change
    +---A-----B-----C--------D--E---     small dots: single runs
"""

from __future__ import annotations

from pvprof.render.rendered import Rendered
from pvprof.render.svg.canvas import MARGIN, Sheet, Sizes
from pvprof.render.svg.element import SvgElement
from pvprof.render.svg.flamegraph import XML_HEAD
from pvprof.render.svg.labels import escape, fit
from pvprof.render.svg.time_line import WIDTH, line_element, round_label, round_step
from pvprof.units import format_value
from pvprof.views.stores.trend_view import TrendView

LEFT = 90
PLOT_HEIGHT = 320
_LABEL_CELLS = 22
_LABEL_STEP_PX = 4.4
"""How much lower each character of a name makes the labels, which are tilted."""

_DOT_SHIFT = 6
_MIN_LABEL_GAP = 16
MAX_DOTS = 5_000
_MEAN, _LEVEL, _CHANGE, _RUN = "#1c5fb0", "#d9822b", "#c5221f", "#b9b4aa"


def render_view(view: TrendView) -> Rendered:
    """Return the trend as one SVG file, which loads nothing from outside and has no script."""
    return Rendered(XML_HEAD + element(view).text)


def element(view: TrendView) -> SvgElement:
    """Return an ``<svg>`` element."""
    runs = sum(len(point.values) for point in view.points)
    notes = view.notes
    if runs > MAX_DOTS:
        notes = (*notes, ("Not drawn", f"the dots of the {runs:,} single runs"))
    legend = [(_MEAN, "mean of a point, with its interval"), (_LEVEL, "mean between changes")]
    legend += [(_RUN, "one run")] if runs <= MAX_DOTS else []
    sheet = Sheet(Sizes(WIDTH, 16, 12))
    sheet.heading(view.title, view.subtitle)
    for text in view.changes:
        sheet.account(text)
    sheet.legend([*legend, (_CHANGE, "a change")] if len(view.levels) > 1 else legend)
    longest = max(len(point.name) for point in view.points)
    labels = 30 + round(min(longest, _LABEL_CELLS) * _LABEL_STEP_PX)
    sheet.drawing(PLOT_HEIGHT + labels, lambda top: _TrendPlot(view, top + 12).text())
    sheet.notes(notes)
    return line_element(view.title, view.subtitle, sheet)


class _TrendPlot:
    """The points between two axes."""

    def __init__(self, view: TrendView, top: int) -> None:
        self._view = view
        self._top = top
        ends = [point.mean + (point.half_width or 0) for point in view.points]
        runs = [value for point in view.points for value in point.values]
        self._high = max(*ends, *runs, 1.0)

    def text(self) -> str:
        """Return its elements, those in front last."""
        runs = sum(len(point.values) for point in self._view.points)
        dots = self._dots() if runs <= MAX_DOTS else ""
        return "".join((self._axis(), self._names(), dots, self._levels(), self._means()))

    def _x(self, number: float) -> float:
        room = WIDTH - MARGIN - LEFT
        return round(LEFT + (number + 0.5) * room / len(self._view.points), 1)

    def _y(self, value: float) -> float:
        return round(self._top + PLOT_HEIGHT * (1 - max(value, 0.0) / self._high), 1)

    def _axis(self) -> str:
        end = round(self._high)
        step = round_step(end)
        parts = []
        for value in range(0, end + 1, step):
            y = self._y(value)
            label = (
                round_label(value, step, end)
                if self._view.unit == "ns"
                else format_value(value, self._view.unit)
            )
            parts.append(
                f'<path class="rule" d="M{LEFT} {y}H{WIDTH - MARGIN}" stroke="#e3e0d9"/>'
                f'<text class="axis" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">'
                f"{escape(label)}</text>\n"
            )
        return "".join(parts)

    def _names(self) -> str:
        """Return the names of points below the axis; of many, those for which there is room."""
        points = self._view.points
        gap = (WIDTH - MARGIN - LEFT) / len(points)
        every = max(1, -int(-_MIN_LABEL_GAP // gap))
        y = self._top + PLOT_HEIGHT + 14
        parts = []
        for number in range(0, len(points), every):
            x, name = self._x(number), escape(fit(points[number].name, _LABEL_CELLS))
            parts.append(
                f'<text class="axis" text-anchor="end" transform="translate({x},{y})'
                f' rotate(-40)">{name}</text>\n'
            )
        return "".join(parts)

    def _dots(self) -> str:
        parts = []
        for number, point in enumerate(self._view.points):
            x = round(self._x(number) + _DOT_SHIFT, 1)
            parts += [
                f'<circle class="run" cx="{x}" cy="{self._y(value)}" r="2" fill="{_RUN}"/>\n'
                for value in point.values
            ]
        return "".join(parts)

    def _levels(self) -> str:
        parts = []
        for place, level in enumerate(self._view.levels):
            left, right = self._x(level.first - 0.5), self._x(level.last + 0.5)
            if place:
                parts.append(
                    f'<path class="change" d="M{left} {self._top}v{PLOT_HEIGHT}"'
                    f' stroke="{_CHANGE}" stroke-width="1.5" stroke-dasharray="5 4"/>\n'
                )
            parts.append(
                f'<path class="level" d="M{left} {self._y(level.mean)}H{right}"'
                f' stroke="{_LEVEL}" stroke-width="2.5"/>\n'
            )
        return "".join(parts)

    def _means(self) -> str:
        unit, parts = self._view.unit, []
        for number, point in enumerate(self._view.points):
            x, mean = self._x(number), format_value(round(point.mean), unit)
            spread, bar = "", ""
            if point.half_width is not None:
                low, high = point.mean - point.half_width, point.mean + point.half_width
                spread = f" \u00b1 {format_value(round(point.half_width), unit)}"
                bar = (
                    f'<path d="M{x} {self._y(low)}V{self._y(high)}" stroke="{_MEAN}"'
                    ' stroke-width="1.5"/>'
                )
            count = len(point.values)
            words = f"{point.name}\n{mean}{spread}, {count:,} run{'s' * (count != 1)}, {point.day}"
            title = "\n".join(map(escape, words.split("\n")))
            parts.append(
                f'<g class="point"><title>{title}</title>{bar}<circle cx="{x}"'
                f' cy="{self._y(point.mean)}" r="4" fill="{_MEAN}"/></g>\n'
            )
        return "".join(parts)
