"""Units, and how values are scaled and rounded for output. Inside, everything is in base units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from fractions import Fraction

Unit = Literal["ns", "samples", "events"]
UNITS: tuple[Unit, ...] = get_args(Unit)

NS_PER_S = 1_000_000_000

_TIMES = (("s", NS_PER_S), ("ms", 1_000_000), ("µs", 1_000))


@dataclass(frozen=True, slots=True)
class UnitWords:
    """How outputs name the values of one unit.

    Attributes:
        measured: the title of a measurement.
        everything: the title of a picture of all of it.
        value: the heading of a column of waits, samples or events.
        quantity: the heading of a column, if it is clear that the values are of waits.
        speedscope: the unit's name in speedscope files.
    """

    measured: str
    everything: str
    value: str
    quantity: str
    speedscope: str


UNIT_WORDS: Mapping[Unit, UnitWords] = {
    "ns": UnitWords("Off-CPU and lock time", "All waits", "Wait", "Time", "nanoseconds"),
    "samples": UnitWords("CPU samples", "All samples", "Samples", "Samples", "none"),
    "events": UnitWords("Events", "All events", "Events", "Events", "none"),
}

SPEEDSCOPE_ALL = "all: "
"""Begins the name of the speedscope profile of everything in one unit. The other profiles of such a
file show the same values again, so a reader that adds up profiles takes only this one."""


def format_value(value: int, unit: Unit) -> str:
    """Return a value to four digits in the largest fitting unit: ``25.70 s``, ``1,339``."""
    return format_ns(value) if unit == "ns" else f"{value:,}"


def format_ns(value_ns: int, digits: int = 4) -> str:
    """Return a time to four significant digits: ``25.70 s``, ``221.1 µs``, ``17 ns``."""
    for name, factor in _TIMES:
        if abs(value_ns) >= factor:
            scaled = value_ns / factor
            # 999.95 would print as 1000.0: digits are chosen after rounding
            places = range(digits - 1, 0, -1)
            decimals = next((n for n in places if round(abs(scaled), n) < 10 ** (digits - n)), 0)
            return f"{scaled:,.{decimals}f} {name}"
    return f"{value_ns} ns"


def time_unit(value_ns: float) -> tuple[str, int]:
    """Return the largest unit of time that fits a value, and its length in ns."""
    return next(((name, ns) for name, ns in _TIMES if value_ns >= ns), ("ns", 1))


def format_exact(value: int, unit: Unit) -> str:
    """Return a value in full with its unit: ``25,702,098,460 ns``."""
    return f"{value:,} {unit}"


def format_share(part: int, whole: int) -> str:
    """Return a percentage with one decimal; one that is not zero never reads as zero."""
    if whole == 0:
        return "-"
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return "<0.1%"
    if part < whole and percent >= 99.95:
        return ">99.9%"
    return f"{percent:.1f}%"


def count_stacks(number: int) -> str:
    """Return a number of stacks in words."""
    return f"{number:,} {'stack' if number == 1 else 'stacks'}"


def count_waits(number: int) -> str:
    """Return a number of waits in words."""
    return f"{number:,} {'wait' if number == 1 else 'waits'}"


def format_amount(value: Fraction) -> str:
    """Return an amount to six significant digits; a whole number in full."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"
