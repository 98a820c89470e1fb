"""The vocabulary of lines with times: what one line contains, and the metrics that tools share.

``time_output``, ``gnu_time`` and ``perf_stat`` read lines into these; ``runs`` groups them into
runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from pvprof.model.problems import Severity
from pvprof.stats.series import Metric

REAL = Metric("real", "s", "lower", is_amount=True)
USER = Metric("user", "s", "lower", is_amount=True)
SYS = Metric("sys", "s", "lower", is_amount=True)
CPU = Metric("cpu", "%")

MAX_LINE = 4096
"""Longer lines have no times: no tool writes such, and searching them would take long."""

# Fewer of these are better; the other counters have no better direction.
_COSTS = (
    "page faults",
    "voluntary context switches",
    "involuntary context switches",
    "page-faults",
    "major-faults",
    "minor-faults",
    "context-switches",
    "cpu-migrations",
    "cycles",
    "instructions",
)


def counter(name: str, unit: str = "count") -> Metric:
    """Return the metric of a counter, such as ``page faults``."""
    is_cost = name in _COSTS or name.endswith("-misses")
    return Metric(name, unit, "lower" if is_cost else "")


def scaled(value: float, exponent: int) -> float:
    """Return a value times a power of ten, as close as if it had been written in that unit."""
    return float(Decimal(repr(value)).scaleb(exponent)) if math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class Times:
    """The values in a line.

    Attributes:
        values: metrics and values, as written; NaN for one without a value. It may be empty: the
            line belongs to a tool's output but has no value.
        label: the text in front: a label, or the command.
        begins: the line begins another run.
        fault: why that run does not count, or empty.
    """

    values: tuple[tuple[Metric, float], ...] = ()
    label: str = ""
    begins: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A line with times in which the beginning of a number is ambiguous."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A line that says that a command failed.

    Attributes:
        how: ``exit status 1``; empty if the line does not say.
        is_next: it is the command of the next times, not of the last.
    """

    how: str = ""
    is_next: bool = True

    @property
    def fault(self) -> str:
        """Return the reason why the run is set aside."""
        return "its command failed" + (f" ({self.how})" if self.how else "")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line of results that are not those of single runs.

    Attributes:
        what: the results, and the tool that printed them.
        hint: how to get times of single runs.
        severity: ``note`` if the rest of the text has them.
    """

    what: str
    hint: str
    severity: Severity = "warning"


Content = Times | Unclear | Failed | LeftOut
"""The content of a line that is not other text."""
