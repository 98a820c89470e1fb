"""Series drawn as text: each run is a mark on a common axis, mean and spread are below.

stock                                                              •   2
                                                                   ├AM┤
patched  • 2
         ├A┤
         304.76                                                    570.91
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pvprof.model.stacks import show_controls
from pvprof.stats.series import Series, Summary


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that a plot is drawn with.

    Attributes:
        one: the mark of one run.
        left, line, right: the ends of the bar, and what is between them.
        ellipsis: marks what was left out of a name.
    """

    one: str
    left: str
    line: str
    right: str
    ellipsis: str

    @property
    def legend(self) -> str:
        """Return the line that explains the characters."""
        bar = f"{self.left}{self.line}{self.right}"
        return (
            f"{self.one} one run, 2 to 9 that many, # more; {bar} stddev about the mean A, M median"
        )


UNICODE = Glyphs("•", "├", "─", "┤", "…")
ASCII = Glyphs("x", "|", "_", "|", "..")
_MAX_LABEL = 24
_MIN_AXIS = 20
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    width: int

    def cell(self, value: float) -> int:
        """Return the cell of a value; 0 is the leftmost."""
        share = (value - self.low) / (self.high - self.low)
        return min(self.width - 1, max(0, int(share * self.width)))


def shorten(text: str, max_length: int, ellipsis: str = UNICODE.ellipsis) -> str:
    """Return the text, shortened in its middle to at most `max_length` characters."""
    if len(text) <= max_length:
        return text
    room = max_length - len(ellipsis)
    head = room // 2
    return f"{text[:head]}{ellipsis}{text[len(text) - (room - head) :]}"


def varies(series: Sequence[Series]) -> bool:
    """Tell whether there is anything to draw: values that differ."""
    return len({value for run_set in series for value in run_set.values}) > 1


def draw(series: Sequence[Series], width: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return the lines of the plot; none if all values are the same.

    Args:
        series: of one metric.
        width: maximum number of characters in a line.
        glyphs: the characters to draw with.
    """
    summaries = [run_set.summary() for run_set in series]
    ends = [end for run_set in summaries for end in _ends(run_set)]
    low, high = min(ends), max(ends)
    if not low < high:
        return []
    label = min(max(len(run_set.name) for run_set in series), _MAX_LABEL)
    axis = _Axis(low, high, max(width - label - 2 * _MARGIN, _MIN_AXIS))
    lines = []
    for run_set, summary in zip(series, summaries, strict=True):
        name = shorten(show_controls(run_set.name), label, glyphs.ellipsis).ljust(label)
        lines.append(f"{'':{_MARGIN}}{name}{'':{_MARGIN}}{_marks(run_set, axis, glyphs)}".rstrip())
        lines.append(f"{'':{label + 2 * _MARGIN}}{_bar(summary, axis, glyphs)}".rstrip())
    left, right = f"{low:.6g}", f"{high:.6g}"
    gap = max(axis.width - len(left) - len(right), 1)
    lines.append(f"{'':{label + 2 * _MARGIN}}{left}{'':{gap}}{right}")
    return lines


def _ends(summary: Summary) -> tuple[float, float]:
    spread = summary.stddev or 0.0
    return min(summary.min, summary.mean - spread), max(summary.max, summary.mean + spread)


def _marks(series: Series, axis: _Axis, glyphs: Glyphs) -> str:
    cells = Counter(axis.cell(value) for value in series.values)
    return "".join(
        f" {glyphs.one}23456789"[cells[cell]] if cells[cell] <= 9 else "#"
        for cell in range(axis.width)
    )


def _bar(summary: Summary, axis: _Axis, glyphs: Glyphs) -> str:
    cells = [" "] * axis.width
    spread = summary.stddev or 0.0
    first, last = axis.cell(summary.mean - spread), axis.cell(summary.mean + spread)
    cells[first : last + 1] = glyphs.line * (last + 1 - first)
    if last > first:
        cells[first], cells[last] = glyphs.left, glyphs.right
    cells[axis.cell(summary.median)] = "M"
    cells[axis.cell(summary.mean)] = "A"
    return "".join(cells)
