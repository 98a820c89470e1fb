"""Problems: what was lost, doubtful or unreadable, as values that travel with the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "loss"]
"""``loss``: data are missing, totals are too low; ``warning``: doubtful; ``note``: to be known."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in the input that was doubtful, lost or unreadable.

    Attributes:
        kind: a short fixed name that tests and JSON readers may rely on, e.g. ``cut-off``.
        text: a sentence for people.
        file: the file's name, or empty.
        line: the 1-based line, or 0 where the problem has no single place.
        count: how many times it was seen (drops: how many records were lost).
        severity: what it does to the result.
    """

    kind: str
    text: str
    file: str = ""
    line: int = 0
    count: int = 1
    severity: Severity = "warning"

    @property
    def place(self) -> str:
        """Return ``file:line``, as much of it as is known."""
        return f"{self.file}:{self.line}" if self.line else self.file


_SEVERITIES: tuple[Severity, ...] = ("loss", "warning", "note")


def merge_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the problems, losses first; those of one kind and text in one file are added up."""
    merged: dict[tuple[str, str, str], Problem] = {}
    for one in problems:
        name = (one.kind, one.text, one.file)
        known = merged.get(name)
        if known is None:
            merged[name] = one
        else:
            merged[name] = Problem(
                one.kind, one.text, one.file, known.line, known.count + one.count, one.severity
            )
    return tuple(sorted(merged.values(), key=lambda one: _SEVERITIES.index(one.severity)))
