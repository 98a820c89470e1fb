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

from pvprof.stats.series import Series, Summary

LEGEND = "• one run, 2 to 9 that many, # more; ├─┤ stddev about the mean A, M median"
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


def shorten(text: str, max_length: int) -> str:
    """Return the text, shortened in its middle to at most `max_length` characters."""
    if len(text) <= max_length:
        return text
    head = (max_length - 1) // 2
    return f"{text[:head]}…{text[len(text) - (max_length - 1 - head) :]}"


def draw(series: Sequence[Series], width: int) -> list[str]:
    """Return the lines of the plot; none if all values are the same.

    Args:
        series: of one metric.
        width: maximum number of characters in a line.
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
        name = shorten(run_set.name, label).ljust(label)
        lines.append(f"{'':{_MARGIN}}{name}{'':{_MARGIN}}{_marks(run_set, axis)}".rstrip())
        lines.append(f"{'':{label + 2 * _MARGIN}}{_bar(summary, axis)}".rstrip())
    left, right = f"{low:.6g}", f"{high:.6g}"
    gap = max(axis.width - len(left) - len(right), 1)
    lines.append(f"{'':{label + 2 * _MARGIN}}{left}{'':{gap}}{right}")
    return lines


def _ends(summary: Summary) -> tuple[float, float]:
    spread = summary.stddev or 0.0
    return min(summary.min, summary.mean - spread), max(summary.max, summary.mean + spread)


def _marks(series: Series, axis: _Axis) -> str:
    cells = Counter(axis.cell(value) for value in series.values)
    return "".join(
        " •23456789"[cells[cell]] if cells[cell] <= 9 else "#" for cell in range(axis.width)
    )


def _bar(summary: Summary, axis: _Axis) -> str:
    cells = [" "] * axis.width
    spread = summary.stddev or 0.0
    first, last = axis.cell(summary.mean - spread), axis.cell(summary.mean + spread)
    cells[first : last + 1] = "─" * (last + 1 - first)
    if last > first:
        cells[first], cells[last] = "├", "┤"
    cells[axis.cell(summary.median)] = "M"
    cells[axis.cell(summary.mean)] = "A"
    return "".join(cells)
