"""The unit of a map's numbers, as its name implies it: ``@ns``, ``@wait_us``, ``@bytes``.

A program does not state it. A map that counts, by its name (``@us_count``), has no unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvprof.units import NS_PER_S, Unit, named_unit


@dataclass(frozen=True, slots=True)
class MapUnit:
    """The unit of a map's numbers.

    Attributes:
        unit: of the values that are read.
        scale: the factor from a number of the map to a value.
        name: in messages.
    """

    unit: Unit
    scale: int
    name: str


_SAMPLES = MapUnit("samples", 1, "samples")
_COUNTS = frozenset(("count", "counts", "calls", "hits", "samples"))
_TIME_NAMES = {1: "ns", 1_000: "microseconds", 1_000_000: "milliseconds", NS_PER_S: "seconds"}
_NOT_SUMS = frozenset(
    ("avg", "average", "averages", "mean", "min", "max", "minimum", "maximum", "p50", "p90", "p99")
)
_WORD = re.compile(r"[A-Za-z0-9]+")


def unit_of(map_name: str) -> MapUnit:
    """Return the unit that a name implies: of the first of its words that is a unit."""
    words = _words_of(map_name)
    if not _COUNTS.isdisjoint(words):
        return _SAMPLES
    return next((unit for unit in map(_unit_of_word, words) if unit is not None), _SAMPLES)


def _unit_of_word(word: str) -> MapUnit | None:
    """Return the unit that a word implies, a time or bytes; ``s`` alone implies none."""
    named = None if word == "s" else named_unit(word)
    if named is not None and named[0] == "ns":
        return MapUnit("ns", named[1], _TIME_NAMES[named[1]])
    return MapUnit("bytes", 1, "bytes") if named is not None and named[0] == "bytes" else None


def is_of_averages(map_name: str) -> bool:
    """Tell whether a name says that the numbers are no sums: adding them up means nothing."""
    return not _NOT_SUMS.isdisjoint(_words_of(map_name))


def _words_of(map_name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(map_name)]
