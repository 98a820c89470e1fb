"""Problems in a document: one line on the worst near the top, and all of them at the end."""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.model.problems import Problem
from pvprof.views.documents.blocks import Line, Points
from pvprof.views.tables.problems import problem_line


def doubt(problems: Sequence[Problem]) -> Points | None:
    """Return one line on the worst problem, and how many others there are; None without any.

    Notes are no doubt: they are at the end only.
    """
    serious = [problem for problem in problems if problem.severity != "note"]
    if not serious:
        return None
    worst = _worst(serious)
    rest = len(serious) - 1
    more = f" (and {rest} more: see the notes at the end)" if rest else ""
    return Points((Line(f"{problem_line(worst)}{more}", worst.severity),))


def note_points(problems: Sequence[Problem]) -> Points:
    """Return all problems that `doubt` does not state, one line each."""
    serious = [problem for problem in problems if problem.severity != "note"]
    stated = _worst(serious) if serious else None
    return Points(
        tuple(
            Line(problem_line(problem), problem.severity)
            for problem in problems
            if problem is not stated
        )
    )


def _worst(serious: Sequence[Problem]) -> Problem:
    return next((problem for problem in serious if problem.severity == "loss"), serious[0])
