"""Compare two sides of repeated runs: run times, locks, classes, kinds of wait, code.

Owns which values are compared, and which verdicts are corrected together. ``stats`` has the
statistics, ``report`` the values: the rows of a side add up to a report on the same recordings. It
refuses to read recordings and to format anything.

Runs are sorted by the time at which they were made, so that the order of the arguments has no
effect. If a side has several modes, each is compared with the same mode of the other side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from pvprof import __version__
from pvprof.analysis.compare.basis import Basis, equal_totals
from pvprof.analysis.compare.caveats import find_caveats, lost_frames, unnamed_addresses
from pvprof.analysis.compare.code_changes import (
    PathChanges,
    add_folded,
    changed_paths,
    functions_of,
)
from pvprof.analysis.compare.conditions import Conditions, common_conditions
from pvprof.analysis.compare.identities import primitives_of
from pvprof.analysis.compare.measures import (
    FUNCTION,
    AsideChange,
    Measurer,
    RowChange,
    aside_of,
    rows_of,
    with_verdicts,
)
from pvprof.analysis.compare.path_costs import path_rows
from pvprof.analysis.compare.run_times import compare_times
from pvprof.analysis.compare.systems import common_rows, system_caveats, systems_of
from pvprof.analysis.report import Report, Section, build_report
from pvprof.analysis.stacks.fold import Folded, FoldOptions, fold
from pvprof.analysis.stacks.pairing import pair
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import WaitKind
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.dataset.stack_edits import edit_notes
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.model.stacks import Frame, Stack, clean_frame
from pvprof.stats.comparison import SeriesComparison, SeriesOptions
from pvprof.units import Unit, UnitWords, is_of_code, unit_order


@dataclass(frozen=True, slots=True)
class SectionChange:
    """What one mode measured in one unit.

    Attributes:
        mode: empty if the recordings do not say, or the sides differ in it.
        unit: of values.
        words: for the values.
        rows: by level (in the order of `LEVELS`), then by kind (in that of the rules), then the
            largest first.
        paths: the call paths that changed.
        aside: what the filters removed.
        base_amounts, new_amounts: for each run, what its values were divided by.
        base_folded, new_folded: the stacks of all runs of each side, paired.
        shortened: for each side the value of its stacks that end further out than recorded,
            because the other side lost its innermost frames.
        is_off_cpu: whether threads were off the CPU for all of it: no spinning was measured.
    """

    mode: str
    unit: Unit
    words: UnitWords
    rows: tuple[RowChange, ...]
    paths: PathChanges
    aside: tuple[AsideChange, ...]
    base_amounts: tuple[Fraction, ...]
    new_amounts: tuple[Fraction, ...]
    base_folded: Folded
    new_folded: Folded
    shortened: tuple[int, int] = (0, 0)
    is_off_cpu: bool = False

    def level(self, name: str) -> tuple[RowChange, ...]:
        """Return the rows of one level."""
        return tuple(row for row in self.rows if row.level == name)

    @property
    def amounts(self) -> tuple[Fraction, Fraction]:
        """Return the amount that each side covers: runs, seconds or units of work."""
        return sum(self.base_amounts, Fraction()), sum(self.new_amounts, Fraction())


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How two sides are compared.

    Attributes:
        stats: how series are compared.
        basis: what values are divided by.
        has_holm: correct the verdicts on rows for their number.
        fold: how stacks are folded.
    """

    stats: SeriesOptions = field(default_factory=SeriesOptions)
    basis: Basis = field(default_factory=Basis)
    has_holm: bool = True
    fold: FoldOptions = field(default_factory=FoldOptions)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of ``pvprof compare``.

    Attributes:
        base, new: the sides, their runs in the order in which they were made.
        options: how they were compared.
        kinds: of waits, in the order of the rules.
        caveats: reasons to doubt the comparison, the worst first.
        times: of the runs: real, user, sys; verdicts are not corrected for their number.
        sections: one for each mode and unit.
        problems: what is doubtful about the times.
        conditions: what all runs have in common.
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
    conditions: Conditions = field(default_factory=Conditions)
    version: str = __version__


@dataclass(frozen=True, slots=True)
class _ReportedRun:
    """One run, classified, and the report on it alone."""

    run: RecordedRun
    classified: Classified
    report: Report

    @classmethod
    def of(cls, run: RecordedRun, classified: Classified) -> _ReportedRun:
        return cls(run, classified, build_report(classified))

    def section(self, unit: Unit) -> Section | None:
        sections = self.report.sections
        return next((section for section in sections if section.unit == unit), None)


class _Sides(NamedTuple):
    """The runs of one mode."""

    base: list[_ReportedRun]
    new: list[_ReportedRun]

    @property
    def all(self) -> list[_ReportedRun]:
        """Return the runs of the base, then those of the new side."""
        return [*self.base, *self.new]


def compare(
    base: Side, new: Side, rules: Matcher, filters: Filters, options: CompareOptions | None = None
) -> Comparison:
    """Return the comparison of two sides.

    Raises:
        InputError: a side has no runs, or nothing that can be compared.
        UsageError: the sides measured different things, or the filters name an unknown kind.
    """
    options = options or CompareOptions()
    for side in (base, new):
        if not side.runs:
            raise InputError(f"{side.name}: no recordings on this side")
    base, new = (replace(side, runs=tuple(_in_order(side.runs))) for side in (base, new))
    caveats = find_caveats(base, new, options.basis)
    times, problems = compare_times(base, new, options.stats)
    sections: list[SectionChange] = []
    edited: Counter[str] = Counter()
    for mode, base_runs, new_runs in _by_mode(base, new):
        sides = _Sides(
            *(
                [_ReportedRun.of(run, Classified.of(run.dataset, rules, filters)) for run in runs]
                for runs in (base_runs, new_runs)
            )
        )
        for run in sides.all:
            edited.update(run.classified.edited)
        sections += [
            _section(mode, unit, sides, rules, options) for unit in _common_units(sides.all)
        ]
    caveats += tuple(edit_notes(filters.edits, edited, _stacks_of(sections)))
    systems = systems_of(base, new)
    if systems:
        caveats += system_caveats(systems, [row for section in sections for row in section.rows])
        sections = [_common(section, options) for section in sections]
    else:
        for section in sections:
            both = section.base_folded, section.new_folded
            caveats += (*lost_frames(both, section.shortened), *unnamed_addresses(*both))
    return Comparison(
        base=base,
        new=new,
        options=options,
        kinds=rules.kinds,
        caveats=caveats,
        times=times,
        sections=tuple(sections),
        problems=tuple(problems),
        conditions=common_conditions((*base.runs, *new.runs)),
    )


def _stacks_of(sections: Sequence[SectionChange]) -> Iterator[Stack]:
    sides = (side for one in sections for side in (one.base_folded, one.new_folded))
    return (stack for side in sides for stack, _ in side.rows)


def _common(section: SectionChange, options: CompareOptions) -> SectionChange:
    """Return the section with only the rows that mean the same on two systems."""
    rows = common_rows(section.rows)
    corrected = with_verdicts(rows) if options.has_holm else tuple(rows)
    return replace(section, rows=corrected, paths=PathChanges())


def _in_order(runs: Sequence[RecordedRun]) -> tuple[RecordedRun, ...]:
    def time_of(run: RecordedRun) -> tuple[float, int, str, str]:
        wall_ns = run.manifest.begin_wall_ns
        begin = float("inf") if wall_ns is None else wall_ns
        return begin, run.manifest.run or 0, run.name, run.digest

    return tuple(sorted(runs, key=time_of))


def _by_mode(base: Side, new: Side) -> list[tuple[str, list[RecordedRun], list[RecordedRun]]]:
    """Return (mode, runs of the base, of the new side) for each mode that both sides have.

    If each side has a single mode, these are compared, also if they differ.

    Raises:
        UsageError: the sides have no mode in common.
    """
    modes = [list(dict.fromkeys(sorted(run.mode for run in side.runs))) for side in (base, new)]
    if len(modes[0]) == len(modes[1]) == 1:
        mode = modes[0][0] if modes[0] == modes[1] else ""
        return [(mode, list(base.runs), list(new.runs))]
    common = [mode for mode in modes[0] if mode in modes[1]]
    if not common:
        texts = [", ".join(mode or "unknown" for mode in side_modes) for side_modes in modes]
        raise UsageError(
            f"no mode was recorded on both sides: {base.name}: {texts[0]}; {new.name}: {texts[1]}",
            "compare recordings of one mode",
        )
    return [
        (
            mode,
            [run for run in base.runs if run.mode == mode],
            [run for run in new.runs if run.mode == mode],
        )
        for mode in common
    ]


def _common_units(runs: Sequence[_ReportedRun]) -> list[Unit]:
    """Return the units of all runs that measured anything.

    Raises:
        InputError: no run measured anything.
        UsageError: they have no unit in common.
    """
    reported = [run for run in runs if run.report.sections]
    units = {section.unit for run in reported for section in run.report.sections}
    common = [
        unit for unit in sorted(units, key=unit_order) if all(run.section(unit) for run in reported)
    ]
    if not reported:
        raise InputError("nothing to compare: no recording holds stacks", "see pvprof report")
    if not common:
        texts = dict.fromkeys(
            f"{run.run.name} is in {', '.join(part.unit for part in run.report.sections)}"
            for run in reported
        )
        raise UsageError(f"measured in different units: {'; '.join(texts)}")
    return common


def _section(
    mode: str, unit: Unit, sides: _Sides, rules: Matcher, options: CompareOptions
) -> SectionChange:
    base_amounts, new_amounts = _amounts(unit, sides, options.basis)
    measurer = Measurer(
        unit, len(sides.base), (*base_amounts, *new_amounts), options.basis, options.stats
    )
    sections = [run.section(unit) for run in sides.all]
    folded_runs, reasons, shortened = _fold_all(sides, unit, rules, options)
    folded_unit = folded_runs[0].unit
    base_folded = add_folded(folded_runs[: len(sides.base)], folded_unit)
    new_folded = add_folded(folded_runs[len(sides.base) :], folded_unit)
    functions = [
        RowChange(
            level=FUNCTION,
            kind="",
            lock_class="",
            name=function.names[-1],
            measures=(measurer.measure("wait", function.values),),
            alike=function.names[:-1],
        )
        for function in functions_of(folded_runs, reasons, rules)
    ]
    primitives = [
        primitives_of(run.classified.measurement(unit).kept, rules)
        if not is_of_code(unit) and run.section(unit)
        else {}
        for run in sides.all
    ]
    rows = [*rows_of(sections, primitives, measurer, rules), *functions]
    rows += path_rows([run.classified for run in sides.all], measurer) if unit == "ns" else []
    totals = sum(base_amounts, Fraction()), sum(new_amounts, Fraction())
    return SectionChange(
        mode=mode,
        unit=unit,
        words=next(one.words for one in sections if one),
        rows=with_verdicts(rows) if options.has_holm else tuple(rows),
        paths=changed_paths(base_folded, new_folded, totals, rules),
        aside=aside_of(sections, measurer),
        base_amounts=base_amounts,
        new_amounts=new_amounts,
        base_folded=base_folded,
        new_folded=new_folded,
        shortened=shortened,
        is_off_cpu=all(row.block == row.value for one in sections if one for row in one.rows),
    )


def _amounts(
    unit: Unit, sides: _Sides, basis: Basis
) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Return for each run of each side what its values are divided by."""
    if basis.kind == "total":
        kept = [section.kept.value if (section := run.section(unit)) else 0 for run in sides.all]
        amounts = equal_totals(kept, [run.run.name for run in sides.all])
        return amounts[: len(sides.base)], amounts[len(sides.base) :]
    return (
        basis.amounts([run.run for run in sides.base], is_new=False),
        basis.amounts([run.run for run in sides.new], is_new=True),
    )


def _fold_all(
    sides: _Sides, unit: Unit, rules: Matcher, options: CompareOptions
) -> tuple[list[Folded], frozenset[Frame], tuple[int, int]]:
    """Return the folded stacks of each run, the frames that are no functions, and two values.

    The values are those of each side's stacks that pairing has shortened.
    """
    kept = [run.classified.measurement(unit).kept if run.section(unit) else () for run in sides.all]
    base_runs = len(sides.base)
    paired = pair(kept[:base_runs], kept[base_runs:], rules)
    folded_runs = []
    reasons: set[Frame] = set()
    folding = replace(options.fold, edits=sides.all[0].classified.filters.edits)
    for parts, groups in zip(kept, (*paired.base, *paired.new), strict=True):
        folded = fold(groups, unit, folding, (part.verdict.kind for part in parts))
        reasons |= folded.reasons
        reasons |= {clean_frame(key.execname) for key, _ in groups if key.execname}
        folded_runs.append(folded)
    return folded_runs, frozenset(reasons), paired.shortened
