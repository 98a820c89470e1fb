"""Units, and how values are scaled and rounded for output. Inside, everything is in base units.

A unit is a text, so that any tool's can be kept: ``cycles``, ``page-faults``. Times are always ns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

Unit = str
"""What values count: one of `UNITS`, or any other name for which `is_unit` is true."""

UNITS: tuple[Unit, ...] = ("ns", "samples", "events", "bytes")
"""The units that have words of their own, in the order in which measurements are shown."""

NS_PER_S = 1_000_000_000

_Scale = tuple[tuple[str, int], ...]
_TIMES: _Scale = (("s", NS_PER_S), ("ms", 1_000_000), ("µs", 1_000))
_SIZES: _Scale = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
# Larger units than the base unit, the largest first, and how the base unit is written.
_SCALES: dict[Unit, tuple[_Scale, str]] = {"ns": (_TIMES, "ns"), "bytes": (_SIZES, "B")}


@dataclass(frozen=True, slots=True)
class UnitWords:
    """How outputs name the values of one unit.

    Attributes:
        measured: the title of a measurement.
        everything: the title of a picture of all of it.
        value: the heading of a column of waits, samples or events.
        quantity: the heading of a column, if it is clear that the values are of waits.
        speedscope: the unit's name in speedscope files.
        table: the heading of a page's tables.
    """

    measured: str
    everything: str
    value: str
    quantity: str
    speedscope: str
    table: str


_COUNTED = "What was counted"

_UNIT_WORDS: Mapping[Unit, UnitWords] = {
    "ns": UnitWords(
        *("Off-CPU and lock time", "All waits", "Wait", "Time"),
        *("nanoseconds", "What was waited for"),
    ),
    "samples": UnitWords(
        *("CPU samples", "All samples", "Samples", "Samples"), *("none", "What ran on the CPUs")
    ),
    "events": UnitWords("Events", "All events", "Events", "Events", "none", _COUNTED),
    "bytes": UnitWords("Bytes", "All bytes", "Bytes", "Bytes", "bytes", _COUNTED),
}

PLAIN_TIME = UnitWords(
    *("Time", "All of the time", "Time", "Time"), *("nanoseconds", "Where time was spent")
)
"""The words for times of another tool, which may be of threads that ran."""

# The names that tools give to units of time, by their length in ns.
_TIME_NAMES = {
    1: "ns nsec nsecs nanosecond nanoseconds",
    1_000: "us \u00b5s \u03bcs usec usecs microsecond microseconds",
    1_000_000: "ms msec msecs millisecond milliseconds",
    NS_PER_S: "s sec secs second seconds",
}
_NS_PER: Mapping[str, int] = {
    name: length_ns for length_ns, names in _TIME_NAMES.items() for name in names.split()
}
_PLURALS: Mapping[str, Unit] = {unit.removesuffix("s"): unit for unit in UNITS if unit != "ns"}
_MAX_NAME = 99


def is_unit(name: str) -> bool:
    """Tell whether a text can be the unit of values: a name, and of times only ``ns``."""
    return _is_name(name) and named_unit(name) == (name, 1)


def named_unit(name: str) -> tuple[Unit, int] | None:
    """Return the unit that a name means, and how many of it the name is: ``us`` is 1,000 ns.

    None: it is no name of a unit.
    """
    if name in _NS_PER:
        return "ns", _NS_PER[name]
    return (_PLURALS.get(name, name), 1) if _is_name(name) else None


def _is_name(name: str) -> bool:
    """Tell whether a text can name a unit: blanks and controls would break the lines that do."""
    return 0 < len(name) <= _MAX_NAME and name.isprintable() and " " not in name


def unit_order(unit: Unit) -> tuple[int, Unit]:
    """Return the sort key of a unit: those of `UNITS` first, then the others by name."""
    return UNITS.index(unit) if unit in UNITS else len(UNITS), unit


def singular(unit: Unit) -> str:
    """Return the name of one of a unit: ``sample``; other tools' names stay as they are."""
    return unit.removesuffix("s") if unit in UNITS and unit != "ns" else unit


def unit_words(unit: Unit) -> UnitWords:
    """Return the words for a unit; a unit without words of its own goes by its name."""
    known = _UNIT_WORDS.get(unit)
    if known is not None:
        return known
    title = unit[:1].upper() + unit[1:]
    return UnitWords(title, f"All {unit}", title, title, "none", _COUNTED)


def is_of_code(unit: Unit) -> bool:
    """Tell whether values are of code that ran, by function; ns and events are of waits, by name.

    Samples are, and whatever a profiler counts: bytes that code allocated, its cycles.
    """
    return unit not in ("ns", "events")


SPEEDSCOPE_ALL = "all: "
"""Begins the name of the speedscope profile of everything in one unit. The other profiles of such a
file show the same values again, so a reader that adds up profiles takes only this one."""


def format_value(value: int, unit: Unit, digits: int = 4) -> str:
    """Return a value in the largest fitting unit: ``25.70 s``, ``1.178 MiB``, ``1,339``."""
    if unit not in _SCALES:
        return f"{value:,}"
    scales, base = _SCALES[unit]
    for name, factor in scales:
        if abs(value) >= factor:
            scaled = value / factor
            # 999.95 would print as 1000.0: digits are chosen after rounding
            places = range(digits - 1, 0, -1)
            decimals = next((n for n in places if round(abs(scaled), n) < 10 ** (digits - n)), 0)
            return f"{scaled:,.{decimals}f} {name}"
    return f"{value} {base}"


def is_scaled(value: int, unit: Unit) -> bool:
    """Tell whether `format_value` writes a value in a larger unit than its own."""
    return unit in _SCALES and abs(value) >= _SCALES[unit][0][-1][1]


def format_ns(value_ns: int, digits: int = 4) -> str:
    """Return a time to four significant digits: ``25.70 s``, ``221.1 µs``, ``17 ns``."""
    return format_value(value_ns, "ns", digits)


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
