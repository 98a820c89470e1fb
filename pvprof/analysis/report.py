"""A report as values: the tables of a classified dataset, before any formatting.

Owns the summary of one or several recordings: tables with what was set aside, histograms, problems,
provenance. It refuses to format anything (``views``, ``render``) and to read anything (``parse``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pvprof import __version__
from pvprof.analysis.histograms import histogram_name
from pvprof.analysis.holds import HoldRow, hold_rows
from pvprof.analysis.lock_table import Row, RowId, attribute
from pvprof.analysis.wakers import Wakers, wakers_of, wakeup_sums_of
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import (
    Part,
    Selection,
    SetAside,
    classify,
)
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import WaitKind
from pvprof.model.problems import Problem, merge_problems
from pvprof.model.profile import Histogram, Weight
from pvprof.model.stacks import NO_STACK, Frame, Stack
from pvprof.units import Unit, UnitWords, is_of_code

if TYPE_CHECKING:
    from pvprof.analysis.critical_path.answer import PathReport
    from pvprof.analysis.waits.objects import Objects
    from pvprof.analysis.waits.overlap import Overlaps, WallTime
    from pvprof.analysis.waits.owners import Owners
    from pvprof.dataset.dataset import Measurement


@dataclass(frozen=True, slots=True)
class Detail:
    """How many details of single waits a report has for each row; rows are always complete.

    Attributes:
        stacks: the number of stacks to compute the overlap for.
        objects: the number of lock objects, and of address ranges.
        owners: the number of owners, and the number of chains in the section.
        wakers: the number of wakers.
    """

    stacks: int = 0
    objects: int = 5
    owners: int = 5
    wakers: int = 5


@dataclass(frozen=True, slots=True)
class SingleWaits:
    """The results from single waits that their sums do not give.

    Attributes:
        wall: how long the recordings lasted.
        overlaps: how the waits lie in time; without rows that also have sums.
        callers: for each stack in `overlaps`, the function that came to wait.
        objects: the lock objects of each row.
        owners: the threads that held them.
    """

    wall: WallTime
    overlaps: Overlaps
    callers: Mapping[Stack, Frame]
    objects: Mapping[RowId, Objects]
    owners: Owners


@dataclass(frozen=True, slots=True)
class Section:
    """The tables of one measurement: what was recorded in one mode, in one unit.

    Attributes:
        mode: in which it was recorded; empty if unknown.
        recordings: how many were added up.
        unit: of every value in it.
        words: for the values.
        has_counts: whether counts mean anything.
        total: of everything in the recording.
        kept, set_aside: what the filters kept, and each thing that they removed.
        rows: the locks and wait messages that were kept.
        aside_rows: those that were set aside.
        single_waits, aside_single_waits: results from the single waits of either, if recorded.
        wakers, aside_wakers: who ended the waits of either, if that was recorded.
        asleep_rows: the blocked time of the kept waits by waker and sleeper. It is part of `rows`,
            and not counted in any total again.
        open_rows: the waits that had no end yet when the recordings ended, as long as they had
            lasted; in no total.
        path: the critical path of its runs, if their threads were recorded.
        processes: of code that ran and was kept, (process and whether it ran user code, value), the
            largest first. Compilers run thousands of functions, each of them rarely.
    """

    unit: Unit
    words: UnitWords
    has_counts: bool
    total: Weight
    kept: Weight
    set_aside: tuple[SetAside, ...]
    rows: tuple[Row, ...]
    aside_rows: tuple[Row, ...]
    single_waits: SingleWaits | None = None
    aside_single_waits: SingleWaits | None = None
    wakers: Wakers | None = None
    aside_wakers: Wakers | None = None
    asleep_rows: tuple[Row, ...] = ()
    open_rows: tuple[Row, ...] = ()
    mode: str = ""
    recordings: int = 1
    processes: tuple[tuple[str, int], ...] = ()
    path: PathReport | None = None


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """One histogram, with the upper bound of each quantile's bucket; None if that is open.

    Attributes:
        mode: in which it was recorded; empty if unknown.
    """

    kind: str
    lock_class: str
    event: str
    name: str
    count: int
    p50_below: int | None
    p90_below: int | None
    p99_below: int | None
    max_below: int | None
    mode: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts about the recordings as numbers.

    Attributes:
        records: number of records read.
        durations_ns: of the recordings whose length is known.
        cpus: number of CPUs of each machine that is known.
    """

    records: int = 0
    durations_ns: tuple[int, ...] = ()
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report.

    Attributes:
        version: of pvprof.
        names: of the recordings.
        provenance: facts about the runs, as (label, text).
        kinds: the wait kinds, in order.
        sections: one for each mode and unit; their waits may be the same ones.
        histograms: largest count first.
        problems: losses first.
        facts: about the runs, as numbers.
        holds: hold times of locks, longest first.
    """

    version: str
    names: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    kinds: tuple[WaitKind, ...]
    sections: tuple[Section, ...]
    histograms: tuple[HistogramRow, ...]
    problems: tuple[Problem, ...]
    facts: RunFacts = RunFacts()
    holds: tuple[HoldRow, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether the filters kept nothing at all."""
        return not self.histograms and not any(
            section.rows or section.open_rows for section in self.sections
        )

    def title_of(self, kind: str) -> str:
        """Return the title of a wait kind."""
        return next(known.title for known in self.kinds if known.id == kind)


def build_report(classified: Classified, detail: Detail | None = None) -> Report:
    """Return the report on a classified dataset, with as much `detail` of single waits.

    Raises:
        UsageError: the filters name a kind that the rules do not have.
        InputError: the clock of single waits is damaged.
    """
    detail = Detail() if detail is None else detail
    dataset, rules = classified.dataset, classified.rules
    path = _path(classified)
    sections = tuple(
        replace(
            _section(measurement, detail),
            path=path if path and path.measured is measurement else None,
        )
        for measurement in classified.measurements
    )
    return Report(
        version=__version__,
        names=dataset.names,
        provenance=dataset.provenance,
        kinds=rules.kinds,
        sections=sections,
        histograms=tuple(sorted(_histogram_rows(classified), key=lambda row: -row.count)),
        problems=merge_problems(dataset.problems),
        holds=hold_rows(
            dataset.holds,
            {section.mode: section.rows for section in sections if section.unit == "ns"},
            rules,
            classified.filters,
        ),
        facts=RunFacts(
            records=dataset.records,
            durations_ns=dataset.durations_ns,
            cpus=tuple(manifest.ncpu for manifest in dataset.manifests if manifest.ncpu),
        ),
    )


def _path(classified: Classified) -> PathReport | None:
    """Return the critical path, if threads were recorded and any of them waited."""
    measured = [one.measurement for one in classified.measurements if one.measurement.threads]
    if not any(one.events for one in measured):
        return None
    from pvprof.analysis.critical_path.answer import path_report  # noqa: PLC0415 (numpy)

    return path_report(classified)


def _section(classified: ClassifiedMeasurement, detail: Detail) -> Section:
    measurement, rules = classified.measurement, classified.rules
    profile = measurement.profile
    parts, selection = classified.parts, classified.selection
    analyse = _waits(measurement, rules, detail)

    def side(parts: Sequence[Part]) -> tuple[tuple[Row, ...], SingleWaits | None]:
        if analyse is None:
            return attribute(parts, profile.unit, profile.has_counts, rules), None
        single_waits = analyse(parts)
        quantiles = {row_id: row.quantiles for row_id, row in single_waits.overlaps.rows.items()}
        rows = attribute(parts, profile.unit, profile.has_counts, rules, quantiles)
        only_single_waits = {row.id for row in rows if row.quantiles is not None}
        return rows, replace(single_waits, overlaps=single_waits.overlaps.only(only_single_waits))

    sums = wakeup_sums_of(measurement)

    def ended(parts: Sequence[Part]) -> Wakers | None:
        return wakers_of(sums, parts, rules, detail.wakers) if measurement.has_wakers else None

    everything = Selection(parts, ()).weight
    rows, single_waits = side(selection.kept)
    aside_rows, aside_single_waits = side(selection.removed)
    wakers, aside_wakers = ended(selection.kept), ended(selection.removed)
    return Section(
        unit=profile.unit,
        words=measurement.words,
        has_counts=profile.has_counts,
        total=everything,
        kept=selection.weight,
        set_aside=selection.set_aside,
        rows=_split_rows(rows, wakers),
        aside_rows=_split_rows(aside_rows, aside_wakers),
        single_waits=single_waits,
        aside_single_waits=aside_single_waits,
        wakers=wakers,
        aside_wakers=aside_wakers,
        asleep_rows=_asleep_rows(wakers, rules),
        open_rows=attribute(classified.open_parts, "ns", True, rules),
        mode=measurement.mode,
        recordings=measurement.recordings,
        processes=_processes(selection.kept) if is_of_code(profile.unit) else (),
    )


def _processes(parts: Sequence[Part]) -> tuple[tuple[str, int], ...]:
    """Return the samples by process, in user code and in the kernel apart, largest first."""
    sums: Counter[str] = Counter()
    for part in parts:
        process = f"{part.key.execname}: " if part.key.execname else ""
        for stack, weight in part.stacks.items():
            place = "user code" if part.key.mechanism == "user" else "kernel"
            sums[f"{process}{'without a stack' if stack == NO_STACK else place}"] += weight.value
    return tuple(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _waits(
    measurement: Measurement, rules: Matcher, detail: Detail
) -> Callable[[Sequence[Part]], SingleWaits] | None:
    """Return the analysis of single waits, or None if there are none.

    Only here are the modules imported that need numpy, which takes 0.2 s.
    """
    events, runs = measurement.events, measurement.runs
    if events is None or not len(events):
        return None
    from pvprof.analysis.waits.objects import objects_of  # noqa: PLC0415
    from pvprof.analysis.waits.overlap import overlaps, timeline_of  # noqa: PLC0415
    from pvprof.analysis.waits.owners import owners_of  # noqa: PLC0415
    from pvprof.analysis.waits.threads import threads_of  # noqa: PLC0415

    threads = threads_of(events, runs)
    timeline = timeline_of(events, runs, threads.start)

    def analyse(parts: Sequence[Part]) -> SingleWaits:
        swept = overlaps(timeline, parts, detail.stacks)
        stacks = (stack for pairs in swept.stacks.values() for stack, _ in pairs)
        return SingleWaits(
            wall=timeline.wall,
            overlaps=swept,
            callers={stack: rules.caller_of(stack) for stack in stacks},
            objects=objects_of(timeline.events, parts, detail.objects),
            owners=owners_of(timeline.events, runs, parts, detail.owners, threads=threads),
        )

    return analyse


def _split_rows(rows: tuple[Row, ...], wakers: Wakers | None) -> tuple[Row, ...]:
    """Return rows with the parts of their waits before and after the wake-ups."""
    if wakers is None:
        return rows
    splits = [(row, wakers.rows.get(row.id)) for row in rows]
    return tuple(
        row
        if known is None
        else replace(row, blocked=known.split.blocked_ns, runnable=known.split.runnable_ns)
        for row, known in splits
    )


def _asleep_rows(wakers: Wakers | None, rules: Matcher) -> tuple[Row, ...]:
    if wakers is None:
        return ()
    return attribute(classify(wakers.asleep, rules), "ns", True, rules)


def _histogram_rows(classified: Classified) -> list[HistogramRow]:
    rows = []
    for histogram, verdict in classified.histograms():
        p50, p90, p99, longest = (
            _quantile_below(histogram, percent) for percent in (50, 90, 99, 100)
        )
        rows.append(
            HistogramRow(
                kind=verdict.kind,
                lock_class=verdict.lock_class,
                event=histogram.key.mechanism,
                name=histogram_name(histogram.key, verdict),
                count=histogram.count,
                p50_below=p50,
                p90_below=p90,
                p99_below=p99,
                max_below=longest,
                mode=histogram.mode,
            )
        )
    return rows


def _quantile_below(histogram: Histogram, percent: int) -> int | None:
    """Return the upper bound of the bucket that holds the nearest-rank quantile."""
    rank = -(-histogram.count * percent // 100)
    seen = 0
    for index, (_, count) in enumerate(histogram.buckets):
        seen += count
        if seen >= rank > 0:
            following = histogram.buckets[index + 1 : index + 2]
            return following[0][0] if following else None
    return None
