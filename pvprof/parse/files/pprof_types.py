"""What the values of a profile of pprof are: from its sample types to modes and units.

Each sample of such a profile has one value for each sample type, a name and a unit::

    samples/count  cpu/nanoseconds                                    a CPU profile of Go
    contentions/count  delay/nanoseconds                              its mutexes
    alloc_objects/count  alloc_space/bytes  inuse_objects/count ...   its memory
    time/nanoseconds  waits/count                                     pvprof, one mode
    offcpu time/nanoseconds  offcpu waits/count  oncpu samples/count  pvprof, two modes

A number of waits belongs to their time: both are one measurement. Otherwise each type is one. What
pvprof writes names its mode before a blank, if there are several; of other tools, each type is a
mode of its own, since sums of several types mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvprof.parse.source import unknown_profile
from pvprof.units import Unit, named_unit

_COUNTED = " counted"
_OWN = {("time", "nanoseconds"), ("samples", "count"), ("events", "count"), ("bytes", "bytes")}
_OWN_COUNT = "waits"
_VALUE_OF = {_OWN_COUNT: "time", "contentions": "delay"}
"""What some counts are the counts of."""

ValueName = tuple[str, str]
"""The name and the unit of a sample type."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement of a file.

    Attributes:
        name: of the type of its values.
        mode: empty if the file does not say.
        unit: of its values in pvprof.
        size: how many of `unit` a value is.
        column: index of its values among those of a sample.
        count_column: index of its counts; None if it has none.
    """

    name: str
    mode: str
    unit: Unit
    size: int
    column: int
    count_column: int | None = None


def is_own(types: Sequence[ValueName]) -> bool:
    """Tell whether the types may be those that pvprof writes."""
    return all(
        (base, unit) in _OWN or (unit == "count" and (base == _OWN_COUNT or is_count))
        for base, unit, is_count in (
            (_split(name)[1], unit, name.endswith(_COUNTED)) for name, unit in types
        )
    )


def measures_of(types: Sequence[ValueName]) -> list[Measure]:
    """Return the measurements of a file, in the order of its types."""
    names = [_split(name) for name, _ in types]
    counts = dict(_counts_of(types))
    own = is_own(types)
    columns = [column for column in range(len(types)) if column not in counts.values()]
    measures = []
    for column in columns:
        name, unit_name = types[column]
        mode, base = names[column]
        if not own:
            mode, base = (name if len(columns) > 1 else ""), name
        unit, size = _unit(base, unit_name)
        measures.append(Measure(name, mode, unit, size, column, counts.get(column)))
    return measures


def chosen(
    measures: Sequence[Measure], pattern: re.Pattern[str] | None, file: str
) -> list[Measure]:
    """Return the measurements whose name a pattern finds; all without a pattern.

    Raises:
        UsageError: there are none.
    """
    found = [one for one in measures if pattern is None or pattern.search(one.name)]
    if pattern is not None and not found:
        raise unknown_profile(file, "sample type", pattern, [one.name for one in measures])
    return found


def _split(name: str) -> tuple[str, str]:
    """Return the mode of a type that pvprof named, and the rest: ``offcpu``, ``time``."""
    mode, _, base = name.removesuffix(_COUNTED).rpartition(" ")
    return mode, base


def _counts_of(types: Sequence[ValueName]) -> Iterator[tuple[int, int]]:
    """Yield (column of values, column of their counts)."""
    columns = {name: column for column, (name, _) in enumerate(types)}
    for column, (name, unit) in enumerate(types):
        mode, base = _split(name)
        if name.endswith(_COUNTED):
            value = name.removesuffix(_COUNTED)
        elif base in _VALUE_OF:
            value = f"{mode} {_VALUE_OF[base]}".lstrip()
        else:
            continue
        if unit == "count" and value in columns:
            yield columns[value], column


def _unit(name: str, unit: str) -> tuple[Unit, int]:
    """Return the unit of values in pvprof, and how many of it a value is."""
    if unit in ("count", ""):
        name = "events" if name == _OWN_COUNT else name
        return named_unit("-".join(name.split())) or ("samples", 1)
    return named_unit("-".join(unit.split())) or ("samples", 1)
