"""The one or two integers that a record ends in: a value, and a count if there is a second."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvprof.errors import quote
from pvprof.model.arrays import INT64_MAX
from pvprof.model.problems import Problem

_VALUES = re.compile(rb"[ \t]*(-?\d+)(?: (-?\d+))?[ \t\r]*$")

Values = tuple[int, ...]


def read_values(line: bytes) -> Values | None:
    """Return the one or two integers of a line that ends a record, or None for any other line."""
    match = _VALUES.match(line)
    if match is None:
        return None
    first, second = match.groups()
    return (int(first),) if second is None else (int(first), int(second))


def why_not_measured(values: Values) -> Refusal | None:
    """Return the reason why values cannot be added up, or None if they can."""
    if max(map(abs, values)) >= INT64_MAX:
        return Refusal("unset-value", "min() or max() of nothing")
    if min(values) < 0:
        return Refusal("negative-value", "overflowed or negative")
    return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why values cannot be added up.

    Attributes:
        kind: of the problem.
        reason: in words.
    """

    kind: str
    reason: str

    def problem(self, values: Values, subject: str, file: str, line: int = 0) -> Problem:
        """Return the problem with the record of a subject: a lock, a process."""
        text = f"{subject}: {self.reason}: {quote(' '.join(map(str, values)))}; left out"
        return Problem(self.kind, text, file, line, severity="loss")
