"""One interval: its rows, its total, and how they are spread over the kinds of wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pvprof.analysis.histograms import distributions
from pvprof.analysis.lock_table import Row, RowId, attribute
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import OTHER
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem
from pvprof.units import NS_PER_S, Unit


@dataclass(frozen=True, slots=True)
class Interval:
    """What was measured between two moments.

    Attributes:
        begin, end: the clocks at its ends.
        unit: of all values.
        total: of everything that was recorded, what filters set aside included.
        kept: of the rows.
        by_kind: the value of each wait kind, by its id; the kinds that are set aside included.
        by_class: that of each lock class of the rows, the largest first.
        rows: the locks and wait messages that the filters keep, the largest first.
        max_below: an upper bound of the longest wait of each row, if histograms were recorded.
        classified: the stacks of the rows.
    """

    begin: Clocks
    end: Clocks
    unit: Unit
    total: int
    kept: int
    by_kind: Mapping[str, int]
    by_class: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]
    max_below: Mapping[RowId, int]
    classified: Classified

    @property
    def length_ns(self) -> int:
        """Return the length of the interval."""
        return self.end.monotonic_ns - self.begin.monotonic_ns

    def rate(self, value: int) -> int:
        """Return a value per second: of times, ns of waiting in each second."""
        return value * NS_PER_S // max(self.length_ns, 1)

    @property
    def losses(self) -> tuple[Problem, ...]:
        """Return its losses."""
        return tuple(one for one in self.classified.dataset.problems if one.severity == "loss")


def interval_of(classified: Classified, begin: Clocks, end: Clocks, unit: Unit) -> Interval:
    """Return the interval of a classified dataset.

    Args:
        classified: what was recorded in it; it may be nothing.
        begin: the clocks at its beginning.
        end: those at its end.
        unit: of its values, if nothing was recorded.
    """
    if not classified.measurements:
        return Interval(begin, end, unit, 0, 0, {}, (), (), {}, classified)
    measured = classified.measurements[0]
    rows = rows_of(measured, classified.rules)
    by_kind: Counter[str] = Counter()
    for part in measured.parts:
        by_kind[part.verdict.kind] += part.weight.value
    by_class: Counter[str] = Counter()
    for row in rows:
        by_class[row.lock_class if row.lock_class != OTHER else row.name] += row.value
    return Interval(
        begin=begin,
        end=end,
        unit=measured.unit,
        total=sum(by_kind.values()),
        kept=sum(row.value for row in rows),
        by_kind=by_kind,
        by_class=tuple(by_class.most_common()),
        rows=rows,
        max_below=_max_below(classified),
        classified=classified,
    )


def rows_of(measured: ClassifiedMeasurement, rules: Matcher) -> tuple[Row, ...]:
    """Return the rows of what the filters keep, the largest first."""
    has_counts = measured.measurement.profile.has_counts
    rows = attribute(measured.kept, measured.unit, has_counts, rules)
    return tuple(sorted(rows, key=lambda row: (-row.value, row.id)))


def _max_below(classified: Classified) -> dict[RowId, int]:
    found: dict[RowId, int] = {}
    for one in distributions(classified):
        highest = one.buckets[-1].high_ns if one.buckets else None
        if highest is not None:
            row = (one.kind, one.lock_class, one.name)
            found[row] = max(found.get(row, 0), highest)
    return found
