"""Problems: what was lost, doubtful or unreadable, as values that travel with the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["note", "warning", "loss"]
"""``loss``: data are missing, totals are too low; ``warning``: doubtful; ``note``: harmless."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in the input that was doubtful, lost or unreadable.

    Attributes:
        kind: a short fixed name that tests and JSON readers may rely on, e.g. ``cut-off``.
        text: a sentence that says what happened.
        file: the file's name, or empty.
        line: the 1-based line, or 0 if the problem has no single line.
        count: number of occurrences (drops: of lost records).
        severity: its effect on the result.
    """

    kind: str
    text: str
    file: str = ""
    line: int = 0
    count: int = 1
    severity: Severity = "warning"

    @property
    def place(self) -> str:
        """Return ``file:line``, ``file``, or an empty text."""
        return f"{self.file}:{self.line}" if self.line else self.file


_SEVERITIES: tuple[Severity, ...] = ("loss", "warning", "note")


def merge_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the problems, losses first. Counts of equal kind, text and file are added up."""
    merged: dict[tuple[str, str, str], Problem] = {}
    for problem in problems:
        identity = (problem.kind, problem.text, problem.file)
        first = merged.get(identity)
        merged[identity] = (
            problem
            if first is None
            else replace(problem, line=first.line, count=first.count + problem.count)
        )
    return tuple(sorted(merged.values(), key=lambda problem: _SEVERITIES.index(problem.severity)))
