"""What is compared of two sides: one value for each run, of each measure of each row.

Owns rows and measures: kinds of wait, lock classes, locks, functions; how long, how often. The rows
of a run are those of its report. The statistics are those of ``stats``; verdicts on the rows of a
level are corrected together, for each measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section
from pvprof.classify.rules import OTHER, Rules
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series, with_holm
from pvprof.stats.series import Metric, Series
from pvprof.units import Unit

MEASURES = ("wait", "block", "spin", "count", "mean", "p99")
"""In this order; ``wait`` is block and spin together, in the section's unit."""

KIND, CLASS, LOCK, FUNCTION = "kind", "class", "lock", "function"
LEVELS = (KIND, CLASS, LOCK, FUNCTION)
_AVERAGES = ("mean", "p99")


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one row.

    Attributes:
        name: of `MEASURES`.
        base, new: one value for each run, as recorded; None where a run has none (a mean of no
            waits). A lock that a run does not name counts as 0 there.
        comparison: of the values per what they are taken per; None where a side has none.
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
        kind, lock_class: what the rules say; empty where the level is above that.
        name: as reports have it.
        measures: ``wait`` first.
        alike: further functions that are in the very same stacks.
    """

    level: str
    kind: str
    lock_class: str
    name: str
    measures: tuple[Measured, ...]
    alike: tuple[str, ...] = ()

    @property
    def main(self) -> Measured:
        """Return what was waited in all."""
        return self.measures[0]

    @property
    def presence(self) -> str:
        """Return ``both``, ``appeared`` or ``vanished``."""
        has_base, has_new = (any(side) for side in (self.main.base, self.main.new))
        return "both" if has_base == has_new else "appeared" if has_new else "vanished"


@dataclass(frozen=True, slots=True)
class AsideChange:
    """What a filter set aside on each side: its title, and the means."""

    title: str
    base_mean: float
    new_mean: float


@dataclass(frozen=True, slots=True)
class Measurer:
    """Makes measures of values: one for each run, those of the base first.

    Attributes:
        unit: of the values.
        split: how many runs the base has.
        amounts: for each run by how much its values are divided.
        basis: what that is.
        stats: how series are compared.
    """

    unit: Unit
    split: int
    amounts: tuple[Fraction, ...]
    basis: Basis
    stats: SeriesOptions

    def measure(self, name: str, values: Sequence[float | None]) -> Measured:
        """Return a measure with its comparison, not yet corrected."""
        is_average = name in _AVERAGES
        taken = [
            value if value is None or is_average else float(Fraction(value) / amount)
            for value, amount in zip(values, self.amounts, strict=True)
        ]
        unit = "ns" if is_average else "times" if name == "count" else self.unit
        per = "" if is_average else f"/{self.basis.name}"
        metric = Metric(name, f"{unit}{per}")
        sides = [
            tuple(value for value in side if value is not None)
            for side in (taken[: self.split], taken[self.split :])
        ]
        comparison = None
        if all(sides):
            base, new = (
                Series(metric, side, some)
                for side, some in zip(("base", "new"), sides, strict=True)
            )
            comparison = compare_series(base, new, self.stats)
        return Measured(name, tuple(values[: self.split]), tuple(values[self.split :]), comparison)

    def means(self, values: Sequence[int]) -> tuple[float, float]:
        """Return the mean of each side."""
        taken = [
            Fraction(value) / amount for value, amount in zip(values, self.amounts, strict=True)
        ]
        base, new = taken[: self.split], taken[self.split :]
        return float(sum(base) / len(base)), float(sum(new) / len(new))


def rows_of(
    sections: Sequence[Section | None], measurer: Measurer, rules: Rules
) -> list[RowChange]:
    """Return a row for each kind, class and lock that any run has."""
    known: dict[tuple[str, str, str, str], list[list[Row]]] = {}
    for place, section in enumerate(sections):
        for row in section.rows if section else ():
            for row_id in _levels(row):
                known.setdefault(row_id, [[] for _ in sections])[place].append(row)
    has_counts = all(section is None or section.has_counts for section in sections)
    has_spin = any(row.spin for some in known.values() for rows in some for row in rows)
    kinds = {kind.id: place for place, kind in enumerate(rules.kinds)}
    made = []
    for (level, kind, lock_class, title), runs in known.items():
        measures = [
            measurer.measure(name, values)
            for name, values in _values(level, runs, has_counts, has_spin)
        ]
        made.append(RowChange(level, kind, lock_class, title, tuple(measures)))

    def order(row: RowChange) -> tuple[int, int, float, str, str]:
        one = row.main.comparison
        size = max(one.base.mean, one.new.mean) if one else 0.0
        return LEVELS.index(row.level), kinds[row.kind], -size, row.name, row.lock_class

    return sorted(made, key=order)


def _levels(row: Row) -> Iterator[tuple[str, str, str, str]]:
    yield KIND, row.kind, "", row.kind
    if row.lock_class != OTHER:
        yield CLASS, row.kind, row.lock_class, row.lock_class
    yield LOCK, row.kind, row.lock_class, row.name


def _values(
    level: str, runs: Sequence[Sequence[Row]], has_counts: bool, has_spin: bool
) -> Iterator[tuple[str, list[float | None]]]:
    """Yield each measure that is known, with one value for each run."""
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
    """Correct the verdicts of each measure for the number of rows of its level."""
    corrected: dict[tuple[int, str], SeriesComparison] = {}
    for level in LEVELS:
        for name in MEASURES:
            places = [
                (place, measured.comparison)
                for place, row in enumerate(rows)
                if row.level == level
                for measured in row.measures
                if measured.name == name and measured.comparison
            ]
            made = with_holm([one for _, one in places])
            corrected.update(
                ((place, name), one) for (place, _), one in zip(places, made, strict=True)
            )
    return tuple(
        replace(
            row,
            measures=tuple(
                replace(one, comparison=corrected.get((place, one.name))) for one in row.measures
            ),
        )
        for place, row in enumerate(rows)
    )


def aside_of(sections: Sequence[Section | None], measurer: Measurer) -> tuple[AsideChange, ...]:
    """Return what the filters removed, the largest first."""
    values: dict[str, list[int]] = {}
    for place, section in enumerate(sections):
        for one in section.set_aside if section else ():
            values.setdefault(one.title, [0] * len(sections))[place] += one.weight.value
    found = [AsideChange(title, *measurer.means(some)) for title, some in values.items()]
    return tuple(sorted(found, key=lambda one: (-max(one.base_mean, one.new_mean), one.title)))
