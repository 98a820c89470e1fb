"""Problems of the input in words, one line each: for pictures, tables and stderr."""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """Return one line for each problem: severity, count, text, place."""
    return [problem_line(problem) for problem in problems]


def problem_line(problem: Problem, *, place_first: bool = False) -> str:
    """Return a problem as one line; the place is last, or before the text as compilers have it."""
    times = f"{problem.count:,} x " if problem.count > 1 else ""
    before = f"{problem.place}: " if problem.place and place_first else ""
    after = f" ({problem.place})" if problem.place and not place_first else ""
    return show_controls(f"{problem.severity}: {before}{times}{problem.text}{after}")
