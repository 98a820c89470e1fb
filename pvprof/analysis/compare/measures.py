"""The values that are compared: for each measure of each row, one value for each run.

Owns rows and measures: kinds of wait, families of lock classes, locks, functions; how long, how
often. ``stats`` has the statistics; for each measure, the verdicts on the rows of one level are
corrected together.

A lock is the same lock on both sides if its kind and name are the same, whatever its class: a patch
may change the class. So a row adds up the rows of a run's report that have the same name, and it
says what each side found it to be (`Identity`). Classes of one family are one row, too; below it is
a row for each primitive, which is a part of the family's row and gets no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.callers import CallerChange, callers_of
from pvprof.analysis.compare.identities import Identity
from pvprof.analysis.lock_table import NO_NAME, Row, RowId
from pvprof.analysis.report import Section
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import OTHER
from pvprof.stats.comparison import (
    SeriesComparison,
    SeriesOptions,
    Verdict,
    compare_series,
    with_holm,
)
from pvprof.stats.series import Better, Metric, Series
from pvprof.units import Unit

KIND, CLASS, PRIMITIVE, LOCK, FUNCTION = "kind", "class", "primitive", "lock", "function"
PATH_TIME, SAVED_TIME = "path", "saved"
LEVELS = (KIND, CLASS, PRIMITIVE, LOCK, FUNCTION, PATH_TIME, SAVED_TIME)
MEASURES = ("wait", "block", "spin", "count", "mean", "p99", PATH_TIME, SAVED_TIME)
"""The names of measures in order; ``wait`` is block and spin together, in the section's unit."""

ARROW = " -> "
_AVERAGES = ("mean", "p99")
_SEPARATOR = ", "
_NOT_KNOWN = "not known"
_IS_PART = "a part of its class, which has the verdict"


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
    """One kind of wait, family of lock classes, primitive of a family, lock, function or cause.

    Attributes:
        level: of `LEVELS`.
        kind: from the rules; empty for functions.
        lock_class: the family of the classes; several of a lock are joined by commas.
        name: as in reports; of a class its family, of a primitive the primitive.
        measures: ``wait`` first.
        alike: further functions that are in exactly the same stacks.
        base, new: what each side found the row to be.
        callers: of a lock, the functions that waited for it.
    """

    level: str
    kind: str
    lock_class: str
    name: str
    measures: tuple[Measured, ...]
    alike: tuple[str, ...] = ()
    base: Identity = field(default_factory=Identity)
    new: Identity = field(default_factory=Identity)
    callers: tuple[CallerChange, ...] = ()

    @property
    def main(self) -> Measured:
        """Return the measure of all waits."""
        return self.measures[0]

    @property
    def difference(self) -> float:
        """Return the new side's mean less the base's; 0 if a side has no values."""
        return self.main.comparison.difference if self.main.comparison else 0.0

    @property
    def is_different(self) -> bool:
        """Tell whether a difference is proven."""
        return self.main.comparison is not None and self.main.comparison.is_different

    @property
    def size(self) -> float:
        """Return the larger of both means; 0 if a side has no values."""
        one = self.main.comparison
        return max(one.base.mean, one.new.mean) if one else 0.0

    @property
    def presence(self) -> str:
        """Return ``both``, ``appeared`` or ``vanished``; of a part ``base only``, ``new only``."""
        has_base, has_new = any(self.main.base), any(self.main.new)
        if has_base == has_new:
            return "both"
        if self.level == PRIMITIVE:
            return "new only" if has_new else "base only"
        return "appeared" if has_new else "vanished"

    @property
    def identity_change(self) -> str:
        """Return ``rwlock -> OBM`` if both sides know what the row is and differ; else nothing."""
        both = [self.base.primitives, self.new.primitives]
        if self.level == LOCK and not all(both):
            both = [self.base.classes, self.new.classes]
            if len(self.lock_class.split(_SEPARATOR)) == 1:  # one family: a primitive is not known
                return ""
        if not all(both) or both[0] == both[1]:
            return ""
        return ARROW.join(_SEPARATOR.join(names) for names in both)


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
        better: Better = "lower" if self.unit == "ns" else ""
        metric = Metric(name, f"{unit}{per}", better, is_amount=True)
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
    sections: Sequence[Section | None],
    primitives: Sequence[Mapping[RowId, frozenset[str]]],
    measurer: Measurer,
    rules: Matcher,
) -> list[RowChange]:
    """Return a row for each kind, family of classes, primitive and lock that any run has.

    Args:
        sections: of the report of each run, those of the base first; None if a run has none.
        primitives: for each run those of its rows (`primitives_of`).
        measurer: makes measures.
        rules: give the order of the kinds, and the families.
    """
    rows_by_run: dict[_RowKey, list[list[Row]]] = {}
    for run, section in enumerate(sections):
        for row in section.rows if section else ():
            for row_key in _row_keys(row, rules):
                rows_by_run.setdefault(row_key, [[] for _ in sections])[run].append(row)
    has_counts = all(section is None or section.has_counts for section in sections)
    has_spin = any(row.spin for section in sections if section for row in section.rows)
    changes = []
    for row_key, runs in rows_by_run.items():
        measures = [
            measurer.measure(name, values)
            for name, values in _values(row_key.level, runs, has_counts, has_spin)
        ]
        families = sorted({_family_name(row, rules) for rows in runs for row in rows})
        change = RowChange(
            row_key.level,
            row_key.kind,
            "" if row_key.level == KIND else _SEPARATOR.join(families),
            row_key.name,
            tuple(measures),
        )
        if row_key.level in (CLASS, LOCK):
            identities = [
                _identity(row_key.level, some, known, rules)
                for some, known in _by_side(runs, primitives, measurer.base_runs)
            ]
            callers = callers_of(runs, measurer.means) if row_key.level == LOCK else ()
            change = replace(change, base=identities[0], new=identities[1], callers=callers)
        changes.append(change)
    kind_order = {kind.id: index for index, kind in enumerate(rules.kinds)}
    return sorted(_useful(changes), key=lambda row: _order(row, kind_order))


class _RowKey(NamedTuple):
    """What identifies a row in all runs, and on both sides."""

    level: str
    kind: str
    lock_class: str
    name: str


def _row_keys(row: Row, rules: Matcher) -> Iterator[_RowKey]:
    """Yield the rows of the comparison that a row of a report counts in."""
    yield _RowKey(KIND, row.kind, "", row.kind)
    if row.lock_class != OTHER:
        known = rules.family_of(row.lock_class)
        yield _RowKey(CLASS, row.kind, known.family, known.family)
        yield _RowKey(PRIMITIVE, row.kind, known.family, known.primitive or _NOT_KNOWN)
    # Waits without a name have nothing but their class in common.
    yield _RowKey(LOCK, row.kind, row.lock_class if row.name == NO_NAME else "", row.name)


def _family_name(row: Row, rules: Matcher) -> str:
    return rules.family_of(row.lock_class).family


def _by_side(
    runs: Sequence[Sequence[Row]],
    primitives: Sequence[Mapping[RowId, frozenset[str]]],
    base_runs: int,
) -> Iterator[tuple[list[Row], set[str]]]:
    """Yield for each side the rows of all its runs, and their primitives."""
    for side in (slice(None, base_runs), slice(base_runs, None)):
        known: set[str] = set()
        for rows, of_run in zip(runs[side], primitives[side], strict=True):
            known.update(*(of_run.get(row.id, ()) for row in rows))
        yield [row for rows in runs[side] for row in rows], known


def _identity(level: str, rows: Sequence[Row], known: set[str], rules: Matcher) -> Identity:
    """Return the identity of a row on one side; of a class, only the primitives of the rules."""
    classes = {row.lock_class for row in rows}
    if level == CLASS:
        known = {rules.family_of(lock_class).primitive for lock_class in classes} - {""}
    return Identity(tuple(sorted(classes)), tuple(sorted(known)))


def _useful(rows: Sequence[RowChange]) -> list[RowChange]:
    """Return the rows without the primitives of families that have only one that is known."""
    names: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row.level == PRIMITIVE and row.name != _NOT_KNOWN:
            names.setdefault((row.kind, row.lock_class), set()).add(row.name)
    return [
        _as_part(row) if row.level == PRIMITIVE else row
        for row in rows
        if row.level != PRIMITIVE or len(names.get((row.kind, row.lock_class), ())) > 1
    ]


def _as_part(row: RowChange) -> RowChange:
    """Return a row without verdicts: the row of its family has them."""
    return replace(
        row,
        measures=tuple(
            replace(
                measured,
                comparison=measured.comparison
                and replace(
                    measured.comparison,
                    verdict=Verdict.NONE,
                    estimate=None,
                    needed=None,
                    reason=_IS_PART,
                ),
            )
            for measured in row.measures
        ),
    )


def _order(row: RowChange, kind_order: Mapping[str, int]) -> tuple[int, int, float, str, str]:
    """Return the sort key: by level, by kind in the order of the rules, the largest first."""
    return LEVELS.index(row.level), kind_order[row.kind], -row.size, row.name, row.lock_class


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
        # The quantile of several rows together does not follow from theirs.
        p99 = [
            rows[0].quantiles.p99_ns if len(rows) == 1 and rows[0].quantiles else None
            for rows in runs
        ]
        if any(value is not None for value in p99):
            yield "p99", list(p99)


def with_verdicts(rows: Sequence[RowChange]) -> tuple[RowChange, ...]:
    """Return the rows with verdicts corrected for the number of rows, by level and measure.

    Primitives count in no correction: they have no estimate, as parts of the rows of classes.
    """
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
