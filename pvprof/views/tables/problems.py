"""Problems of the input in words, one line each: for pictures and tables alike."""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """Return one line for each problem: severity, count, text, place."""
    lines = []
    for one in problems:
        times = f"{one.count:,} x " if one.count > 1 else ""
        place = f" ({one.place})" if one.place else ""
        lines.append(show_controls(f"{one.severity}: {times}{one.text}{place}"))
    return lines
