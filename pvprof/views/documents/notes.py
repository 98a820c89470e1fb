"""Problems in a document: one line on the worst near the top, and all of them at the end."""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.model.problems import Problem
from pvprof.views.documents.blocks import Line, Points
from pvprof.views.tables.problems import problem_line, problem_lines


def doubt(problems: Sequence[Problem]) -> Points | None:
    """Return one line on the worst problem, and how many others there are; None without any.

    Notes are no doubt: they are at the end only.
    """
    serious = [problem for problem in problems if problem.severity != "note"]
    if not serious:
        return None
    worst = next((problem for problem in serious if problem.severity == "loss"), serious[0])
    rest = len(serious) - 1
    more = f" (and {rest} more: see the notes at the end)" if rest else ""
    return Points((Line(f"{problem_line(worst)}{more}", worst.severity),))


def note_points(problems: Sequence[Problem]) -> Points:
    """Return all problems, one line each."""
    return Points(
        tuple(
            Line(line, problem.severity)
            for line, problem in zip(problem_lines(problems), problems, strict=True)
        )
    )
