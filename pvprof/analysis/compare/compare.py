"""Two sides of repeated runs compared: run times, locks, classes, kinds of wait, code.

Owns which values are compared, and which verdicts hold together. The statistics are those of
``stats``, the values those of ``report``: rows of a side add up to what a report on the same
recordings says. It refuses to read recordings and to format anything.

Runs are put in the order in which they were made, so the order in which they are given says
nothing. Where a side holds several modes, each is compared with its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from pvprof import __version__
from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.caveats import find_caveats, unnamed_addresses
from pvprof.analysis.compare.code_changes import Towers, add_folded, changed_paths, functions_of
from pvprof.analysis.compare.measures import (
    FUNCTION,
    AsideChange,
    Measurer,
    RowChange,
    aside_of,
    rows_of,
    with_verdicts,
)
from pvprof.analysis.compare.systems import common_rows, system_caveats, systems_of
from pvprof.analysis.report import Report, Section, build_report
from pvprof.analysis.stacks.fold import Folded, FoldOptions, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules import Rules, WaitKind
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.model.stacks import Frame, clean_frame
from pvprof.stats.checks import doubts
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series
from pvprof.stats.series import Metric, Series
from pvprof.units import UNITS, Unit


@dataclass(frozen=True, slots=True)
class SectionChange:
    """What one mode measured in one unit.

    Attributes:
        mode: empty where the recordings do not say, or the sides differ in it.
        unit: of values.
        rows: of all levels in the order of `LEVELS`, kinds in that of the rules, then the largest.
        towers: where it changed.
        aside: what the filters removed.
        base_amounts, new_amounts: for each run by how much its values were divided.
        base_folded, new_folded: the stacks of all runs of each side.
    """

    mode: str
    unit: Unit
    rows: tuple[RowChange, ...]
    towers: Towers
    aside: tuple[AsideChange, ...]
    base_amounts: tuple[Fraction, ...]
    new_amounts: tuple[Fraction, ...]
    base_folded: Folded
    new_folded: Folded

    def level(self, name: str) -> tuple[RowChange, ...]:
        """Return the rows of one level."""
        return tuple(row for row in self.rows if row.level == name)

    @property
    def amounts(self) -> tuple[Fraction, Fraction]:
        """Return how much each side covers of what values are per."""
        return sum(self.base_amounts, Fraction()), sum(self.new_amounts, Fraction())


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How two sides are compared.

    Attributes:
        stats: what is assumed, at which confidence.
        basis: what values are per.
        has_holm: correct the verdicts on rows for their number.
        fold: how towers are built.
    """

    stats: SeriesOptions = field(default_factory=SeriesOptions)
    basis: Basis = field(default_factory=Basis)
    has_holm: bool = True
    fold: FoldOptions = field(default_factory=FoldOptions)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that ``pvprof compare`` says.

    Attributes:
        base, new: the sides, their runs in the order in which they were made.
        options: what was asked.
        kinds: of waits, in the order of the rules.
        caveats: what speaks against comparing them, the worst first.
        times: of the runs: real, user, sys; verdicts are not corrected for their number.
        sections: one for each mode and unit.
        problems: what is doubtful about the times.
        version: of pvprof.
    """

    base: Side
    new: Side
    options: CompareOptions
    kinds: tuple[WaitKind, ...]
    caveats: tuple[Problem, ...]
    times: tuple[SeriesComparison, ...]
    sections: tuple[SectionChange, ...]
    problems: tuple[Problem, ...]
    version: str = __version__


@dataclass(frozen=True, slots=True)
class _Read:
    """One run, sorted by the rules, and the report on it alone."""

    run: RecordedRun
    classified: Classified
    report: Report

    @classmethod
    def of(cls, run: RecordedRun, classified: Classified) -> _Read:
        return cls(run, classified, build_report(classified))

    def section(self, unit: Unit) -> Section | None:
        return next((one for one in self.report.sections if one.unit == unit), None)


def compare(
    base: Side, new: Side, rules: Rules, filters: Filters, options: CompareOptions | None = None
) -> Comparison:
    """Compare two sides.

    Raises:
        InputError: a side has no runs, or nothing that could be compared.
        UsageError: the sides measured different things, or the filters name an unknown kind.
    """
    options = options or CompareOptions()
    for side in (base, new):
        if not side.runs:
            raise InputError(f"{side.name}: no recordings on this side")
    base, new = (replace(side, runs=tuple(_in_order(side.runs))) for side in (base, new))
    caveats = find_caveats(base, new, options.basis)
    times, problems = _times(base, new, options)
    sections: list[SectionChange] = []
    for mode, some in _by_mode(base, new):
        read = [
            [_Read.of(run, Classified.of(run.pool, rules, filters)) for run in runs]
            for runs in some
        ]
        sections += [
            _section(mode, unit, read, rules, options) for unit in _common_units(read[0], read[1])
        ]
    systems = systems_of(base, new)
    if systems:
        caveats += system_caveats(systems, [row for one in sections for row in one.rows])
        sections = [_common(one, options) for one in sections]
    else:
        for one in sections:
            caveats += unnamed_addresses(one.base_folded, one.new_folded)
    return Comparison(
        base, new, options, rules.kinds, caveats, times, tuple(sections), tuple(problems)
    )


def _common(section: SectionChange, options: CompareOptions) -> SectionChange:
    """Return of a section what means the same on two systems; fewer rows are corrected for."""
    rows = common_rows(section.rows)
    corrected = with_verdicts(rows) if options.has_holm else tuple(rows)
    return replace(section, rows=corrected, towers=Towers())


def _in_order(runs: Sequence[RecordedRun]) -> tuple[RecordedRun, ...]:
    def when(run: RecordedRun) -> tuple[float, int, str, str]:
        wall_ns = run.manifest.begin_wall_ns
        begin = float("inf") if wall_ns is None else wall_ns
        return begin, run.manifest.run or 0, run.name, run.digest

    return tuple(sorted(runs, key=when))


def _by_mode(
    base: Side, new: Side
) -> list[tuple[str, tuple[list[RecordedRun], list[RecordedRun]]]]:
    """Return the runs of each mode of both sides; a single mode a side, whatever it is."""
    modes = [list(dict.fromkeys(sorted(run.mode for run in side.runs))) for side in (base, new)]
    if len(modes[0]) == len(modes[1]) == 1:
        mode = modes[0][0] if modes[0] == modes[1] else ""
        return [(mode, (list(base.runs), list(new.runs)))]
    common = [mode for mode in modes[0] if mode in modes[1]]
    if not common:
        texts = [", ".join(mode or "unknown" for mode in some) for some in modes]
        raise UsageError(
            f"no mode was recorded on both sides: {base.name}: {texts[0]}; {new.name}: {texts[1]}",
            "compare recordings of one mode",
        )
    return [
        (
            mode,
            (
                [run for run in base.runs if run.mode == mode],
                [run for run in new.runs if run.mode == mode],
            ),
        )
        for mode in common
    ]


def _common_units(base: Sequence[_Read], new: Sequence[_Read]) -> list[Unit]:
    """Return the units that every run has that measured anything at all.

    Raises:
        UsageError: there is none.
    """
    having = [one for one in (*base, *new) if one.report.sections]
    common = [unit for unit in UNITS if all(one.section(unit) for one in having)]
    if not having:
        raise InputError("nothing to compare: no recording holds stacks", "see pvprof report")
    if not common:
        texts = dict.fromkeys(
            f"{one.run.name} is in {', '.join(part.unit for part in one.report.sections)}"
            for one in having
        )
        raise UsageError(f"measured in different units: {'; '.join(texts)}")
    return common


def _times(
    base: Side, new: Side, options: CompareOptions
) -> tuple[tuple[SeriesComparison, ...], list[Problem]]:
    """Return the comparisons of run times, and what is doubtful about them."""
    series: list[dict[Metric, Series]] = []
    for side in (base, new):
        metrics = dict.fromkeys(metric for run in side.runs for metric in run.times)
        series.append(
            {
                metric: Series(
                    metric,
                    side.name,
                    tuple(run.times[metric] for run in side.runs if metric in run.times),
                )
                for metric in metrics
            }
        )
    common = [metric for metric in series[0] if metric in series[1]]
    problems = [problem for metric in common for some in series for problem in doubts(some[metric])]
    alone = [metric.title for some in series for metric in some if metric not in common]
    if alone:
        text = f"times of one side only: {', '.join(sorted(set(alone)))}"
        problems.append(Problem("times-not-compared", text, severity="note"))
    made = [compare_series(series[0][one], series[1][one], options.stats) for one in common]
    return tuple(made), problems


def _section(
    mode: str,
    unit: Unit,
    read: Sequence[Sequence[_Read]],
    rules: Rules,
    options: CompareOptions,
) -> SectionChange:
    amounts = [
        options.basis.amounts([one.run for one in side], is_new=place == 1)
        for place, side in enumerate(read)
    ]
    measurer = Measurer(
        unit, len(read[0]), (*amounts[0], *amounts[1]), options.basis, options.stats
    )
    sections = [one.section(unit) for side in read for one in side]
    rows = rows_of(sections, measurer, rules)
    folded, reasons = _fold_all([one for side in read for one in side], unit, options)
    split = len(read[0])
    both = [add_folded(some, folded[0].unit) for some in (folded[:split], folded[split:])]
    totals = sum(amounts[0], Fraction()), sum(amounts[1], Fraction())
    functions = [
        RowChange(
            FUNCTION, "", "", one.names[-1], (measurer.measure("wait", one.values),), one.names[:-1]
        )
        for one in functions_of(folded, reasons, rules)
    ]
    every = [*rows, *functions]
    return SectionChange(
        mode,
        unit,
        with_verdicts(every) if options.has_holm else tuple(every),
        changed_paths(both[0], both[1], totals, rules),
        aside_of(sections, measurer),
        amounts[0],
        amounts[1],
        both[0],
        both[1],
    )


def _fold_all(
    read: Sequence[_Read], unit: Unit, options: CompareOptions
) -> tuple[list[Folded], frozenset[Frame]]:
    """Return the folded stacks of each run, and the frames that are no functions."""
    folded = []
    reasons: set[Frame] = set()
    for one in read:
        if one.section(unit) is None:
            folded.append(Folded((), unit))
            continue
        kept = one.classified.measurement(unit).kept
        groups = [(part.key, part.stacks) for part in kept]
        made = fold(groups, unit, options.fold, (part.verdict.kind for part in kept))
        reasons |= made.reasons
        reasons |= {clean_frame(key.execname) for key, _ in groups if key.execname}
        folded.append(made)
    return folded, frozenset(reasons)
