"""The vocabulary of the statistics: a metric, a series of its values, a summary.

Values are floats in the metric's unit, in the order of the runs; only the drift warning depends on
the order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pvprof.errors import InputError

Better = Literal["lower", "higher", ""]

MAX_VALUE = 1e150
"""Larger values are rejected: their squares may overflow a double."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity that is measured.

    Attributes:
        name: ``real``, ``sys``, ``maximum resident set size``, ``pv list (OBM): block``.
        unit: of the values, for display; empty if not known.
        better: the direction of an improvement; empty if not known.
        condition: of the measurement, if it changes the values (a tracing mode). Metrics with
            different conditions are different metrics.
        is_amount: whether values are never below 0, so that none can change by less than -100 %.
    """

    name: str
    unit: str = ""
    better: Better = ""
    condition: str = ""
    is_amount: bool = False

    @property
    def title(self) -> str:
        """Return the name, with the condition if there is one."""
        return f"{self.name} ({self.condition})" if self.condition else self.name


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of one series, in its unit.

    Attributes:
        n: the number of values, at least 1.
        min, max, median, mean: the median of an even number is the mean of the middle two.
        stddev: of the population, estimated (n - 1); None for a single value.
    """

    n: int
    min: float
    max: float
    median: float
    mean: float
    stddev: float | None

    @property
    def variance(self) -> float:
        """Return the square of the standard deviation, 0 for a single value."""
        return (self.stddev or 0.0) ** 2


@dataclass(frozen=True, slots=True)
class Series:
    """Repeated measurements of one metric on one side.

    Attributes:
        metric: what was measured.
        name: of the side: ``stock``.
        values: one for each run, in their order.
        warmups: the values of the warm-up runs, which do not count.

    Raises:
        InputError: there are no values, or one is not finite or too large to be squared.
    """

    metric: Metric
    name: str
    values: tuple[float, ...]
    warmups: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError(f"{self.name}: {self.metric.title}: no values")
        for value in self.values:
            if not abs(value) <= MAX_VALUE:  # NaN, too
                raise InputError(f"{self.name}: {self.metric.title}: not a usable number: {value}")

    @property
    def ordered(self) -> list[float]:
        """Return the values, smallest first."""
        return sorted(self.values)

    def summary(self) -> Summary:
        """Return the summary; the order of the values changes no bit of it."""
        values = self.ordered
        n = len(values)
        half = n // 2
        low, high = values[0], values[-1]
        median = values[half] if n % 2 else (values[half - 1] + values[half]) / 2
        if low == high:  # the sum divided by n may not be exactly this value
            return Summary(n, low, high, low, low, None if n == 1 else 0.0)
        mean = math.fsum(values) / n
        squares = math.fsum((value - mean) ** 2 for value in values)
        return Summary(n, low, high, median, mean, math.sqrt(squares / (n - 1)))
