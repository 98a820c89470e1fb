"""Values in another unit than that of their text: multiplied exactly, rounded last.

Owns ``--factor``, and what becomes of fractions. A value is rounded when all records of its stack
were added up, so that a thousand small ones still count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Histogram, Profile
from pvprof.units import Unit, format_amount

# Few digits: Fraction("1e999999999") takes minutes and all memory.
_FACTOR = re.compile(
    r"[0-9]{1,30}(?:\.[0-9]{0,30})?(?:e[+-]?[0-9]{1,2})?|\.[0-9]{1,30}(?:e[+-]?[0-9]{1,2})?"
    r"|[0-9]{1,30}/[0-9]{1,30}",
    re.I,
)


def read_factor(text: str) -> Fraction | None:
    """Return a factor above 0: ``1000``, ``0.5``, ``1e-3``, ``1/99``; None for any other text."""
    if _FACTOR.fullmatch(text) is None:
        return None
    try:
        return Fraction(text) or None
    except ZeroDivisionError:
        return None


@dataclass(slots=True)
class Rounding:
    """Rounds values, and counts what that changes.

    Attributes:
        changed: number of values that had a fraction.
        vanished: number of values above 0 that became 0.
        lost: the sum of these.
    """

    changed: int = 0
    vanished: int = 0
    lost: Fraction = field(default_factory=Fraction)

    def whole(self, exact: Fraction) -> int:
        """Return the nearest integer, of two equally near ones the even one."""
        if exact.denominator == 1:
            return exact.numerator
        self.changed += 1
        value = round(exact)
        if not value:
            self.vanished += 1
            self.lost += exact
        return value

    def problems(self, unit: Unit, file: str) -> Iterator[Problem]:
        """Yield a warning if any value had a fraction, and a loss if any became 0."""
        if self.changed:
            text = f"values had a fraction: rounded to integers in {unit}"
            # No clock is that precise; the digits come from seconds in floating point.
            severity: Severity = "note" if unit == "ns" else "warning"
            yield Problem("rounded", text, file, count=self.changed, severity=severity)
        if self.vanished:
            text = (
                f"stacks weigh less than 0.5 {unit}, {format_amount(self.lost)} together, and count"
                " as 0; --factor 1000 keeps three more digits"
            )
            yield Problem("vanished", text, file, count=self.vanished, severity="loss")


def scale_profile(profile: Profile, multiplier: Fraction, rounding: Rounding) -> None:
    """Multiply every value of a profile; counts stay as they are."""
    profile.groups = {
        key: {
            stack: weight._replace(value=rounding.whole(weight.value * multiplier))
            for stack, weight in stacks.items()
        }
        for key, stacks in profile.groups.items()
    }


def scale_histogram(histogram: Histogram, multiplier: Fraction) -> Histogram:
    """Return a histogram of values that are multiplied: only the bounds of its buckets change."""
    buckets: dict[int, int] = {}
    for bound, count in histogram.buckets:
        scaled = round(bound * multiplier)
        buckets[scaled] = buckets.get(scaled, 0) + count
    return replace(histogram, buckets=tuple(buckets.items()))
