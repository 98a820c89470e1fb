"""The values that are compared: for each measure of each row, one value for each run.

Owns rows and measures: kinds of wait, lock classes, locks, functions; how long, how often. The rows
of a run are those of its report. ``stats`` has the statistics; for each measure, the verdicts on
the rows of one level are corrected together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import OTHER
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series, with_holm
from pvprof.stats.series import Metric, Series
from pvprof.units import Unit

MEASURES = ("wait", "block", "spin", "count", "mean", "p99")
"""The names of measures in order; ``wait`` is block and spin together, in the section's unit."""

KIND, CLASS, LOCK, FUNCTION = "kind", "class", "lock", "function"
LEVELS = (KIND, CLASS, LOCK, FUNCTION)
_AVERAGES = ("mean", "p99")


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one row.

    Attributes:
        name: of `MEASURES`.
        base, new: one value for each run, as recorded; None if a run has none (a mean of no waits).
            A lock that a run does not name counts as 0 there.
        comparison: of the values divided by the basis; None if a side has no values.
    """

    name: str
    base: tuple[float | None, ...]
    new: tuple[float | None, ...]
    comparison: SeriesComparison | None


@dataclass(frozen=True, slots=True)
class RowChange:
    """One kind of wait, lock class, lock or function.

    Attributes:
        level: of `LEVELS`.
        kind, lock_class: from the rules; empty for levels above.
        name: as in reports.
        measures: ``wait`` first.
        alike: further functions that are in exactly the same stacks.
    """

    level: str
    kind: str
    lock_class: str
    name: str
    measures: tuple[Measured, ...]
    alike: tuple[str, ...] = ()

    @property
    def main(self) -> Measured:
        """Return the measure of all waits."""
        return self.measures[0]

    @property
    def presence(self) -> str:
        """Return ``both``, ``appeared`` or ``vanished``."""
        has_base, has_new = any(self.main.base), any(self.main.new)
        if has_base == has_new:
            return "both"
        return "appeared" if has_new else "vanished"


@dataclass(frozen=True, slots=True)
class AsideChange:
    """What a filter set aside: its title, and the mean of each side."""

    title: str
    base_mean: float
    new_mean: float


@dataclass(frozen=True, slots=True)
class Measurer:
    """Makes measures from lists of values: one for each run, those of the base first.

    Attributes:
        unit: of the values.
        base_runs: the number of runs of the base.
        amounts: for each run, what its values are divided by.
        basis: what the amounts are.
        stats: how series are compared.
    """

    unit: Unit
    base_runs: int
    amounts: tuple[Fraction, ...]
    basis: Basis
    stats: SeriesOptions

    def measure(self, name: str, values: Sequence[float | None]) -> Measured:
        """Return a measure with its comparison, not yet corrected."""
        is_average = name in _AVERAGES
        rates = [
            value if value is None or is_average else float(Fraction(value) / amount)
            for value, amount in zip(values, self.amounts, strict=True)
        ]
        unit = "ns" if is_average else "times" if name == "count" else self.unit
        per = "" if is_average else f"/{self.basis.name}"
        metric = Metric(name, f"{unit}{per}")
        base = tuple(rate for rate in rates[: self.base_runs] if rate is not None)
        new = tuple(rate for rate in rates[self.base_runs :] if rate is not None)
        comparison = None
        if base and new:
            comparison = compare_series(
                Series(metric, "base", base), Series(metric, "new", new), self.stats
            )
        return Measured(
            name, tuple(values[: self.base_runs]), tuple(values[self.base_runs :]), comparison
        )

    def means(self, values: Sequence[int]) -> tuple[float, float]:
        """Return the mean of each side."""
        rates = [
            Fraction(value) / amount for value, amount in zip(values, self.amounts, strict=True)
        ]
        base, new = rates[: self.base_runs], rates[self.base_runs :]
        return float(sum(base) / len(base)), float(sum(new) / len(new))


def rows_of(
    sections: Sequence[Section | None], measurer: Measurer, rules: Matcher
) -> list[RowChange]:
    """Return a row for each kind, class and lock that any run has."""
    rows_by_run: dict[_RowKey, list[list[Row]]] = {}
    for run, section in enumerate(sections):
        for row in section.rows if section else ():
            for row_key in _row_keys(row):
                rows_by_run.setdefault(row_key, [[] for _ in sections])[run].append(row)
    has_counts = all(section is None or section.has_counts for section in sections)
    has_spin = any(row.spin for section in sections if section for row in section.rows)
    changes = []
    for row_key, runs in rows_by_run.items():
        measures = [
            measurer.measure(name, values)
            for name, values in _values(row_key.level, runs, has_counts, has_spin)
        ]
        changes.append(RowChange(*row_key, tuple(measures)))
    kind_order = {kind.id: index for index, kind in enumerate(rules.kinds)}

    def order(row: RowChange) -> tuple[int, int, float, str, str]:
        comparison = row.main.comparison
        size = max(comparison.base.mean, comparison.new.mean) if comparison else 0.0
        return LEVELS.index(row.level), kind_order[row.kind], -size, row.name, row.lock_class

    return sorted(changes, key=order)


class _RowKey(NamedTuple):
    """The first fields of a `RowChange`: they identify a row in all runs."""

    level: str
    kind: str
    lock_class: str
    name: str


def _row_keys(row: Row) -> Iterator[_RowKey]:
    """Yield the rows of the comparison that a row of a report counts in."""
    yield _RowKey(KIND, row.kind, "", row.kind)
    if row.lock_class != OTHER:
        yield _RowKey(CLASS, row.kind, row.lock_class, row.lock_class)
    yield _RowKey(LOCK, row.kind, row.lock_class, row.name)


def _values(
    level: str, runs: Sequence[Sequence[Row]], has_counts: bool, has_spin: bool
) -> Iterator[tuple[str, list[float | None]]]:
    """Yield the name of each known measure, and one value for each run."""
    wait = [sum(row.value for row in rows) for rows in runs]
    spin = [sum(row.spin for row in rows) for rows in runs]
    yield "wait", list(wait)
    if has_spin:
        yield "block", [a - b for a, b in zip(wait, spin, strict=True)]
        yield "spin", list(spin)
    if has_counts:
        counts = [sum(row.count or 0 for row in rows) for rows in runs]
        yield "count", list(counts)
        yield "mean", [a / b if b else None for a, b in zip(wait, counts, strict=True)]
    if level == LOCK:
        p99 = [rows[0].quantiles.p99_ns if rows and rows[0].quantiles else None for rows in runs]
        if any(value is not None for value in p99):
            yield "p99", list(p99)


def with_verdicts(rows: Sequence[RowChange]) -> tuple[RowChange, ...]:
    """Return the rows with verdicts corrected for the number of rows, by level and measure."""
    corrected: dict[tuple[int, str], SeriesComparison] = {}
    for level in LEVELS:
        for name in MEASURES:
            comparisons = {
                (index, name): measured.comparison
                for index, row in enumerate(rows)
                if row.level == level
                for measured in row.measures
                if measured.name == name and measured.comparison
            }
            together = with_holm(list(comparisons.values()))
            corrected.update(zip(comparisons, together, strict=True))
    return tuple(
        replace(
            row,
            measures=tuple(
                replace(measured, comparison=corrected.get((index, measured.name)))
                for measured in row.measures
            ),
        )
        for index, row in enumerate(rows)
    )


def aside_of(sections: Sequence[Section | None], measurer: Measurer) -> tuple[AsideChange, ...]:
    """Return the change of each thing that the filters removed, the largest first."""
    values_of_title: dict[str, list[int]] = {}
    for run, section in enumerate(sections):
        for aside in section.set_aside if section else ():
            values = values_of_title.setdefault(aside.title, [0] * len(sections))
            values[run] += aside.weight.value
    changes = [
        AsideChange(title, *measurer.means(values)) for title, values in values_of_title.items()
    ]
    changes.sort(key=lambda aside: (-max(aside.base_mean, aside.new_mean), aside.title))
    return tuple(changes)
