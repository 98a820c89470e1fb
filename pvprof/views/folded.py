"""Folded stacks of what the filters keep, with the cause of each wait.

Owns which measurement is folded and how a cause is worded. It refuses to decide which frames a
stack gets (``analysis.stacks.fold`` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pvprof.analysis.stacks.fold import Folded, FoldOptions, Group, fold
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import Part
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import KERNEL, OTHER, UNCLASSIFIED
from pvprof.dataset.dataset import Measurement
from pvprof.errors import UsageError
from pvprof.units import Unit
from pvprof.views.chains import chained

NO_CLASS = "no lock class"
"""The cause of the kernel's waits on itself that no rule puts into a lock class: in a legend, the
title of their kind would read as one class among the others."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Which stacks are shown, and how they are built.

    Attributes:
        fold: how stacks are built; with `counts`, values are counts, never times.
        measure: the unit or the mode to show; None for the first measurement (files for viewers:
            for every one).
        timeline: files for viewers: draw single waits in time, thread by thread, if they were
            recorded and come from one recording; else add them up.
    """

    fold: FoldOptions = field(default_factory=FoldOptions)
    measure: str | None = None
    timeline: bool = True


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """How much of a printed tree is shown.

    Attributes:
        min_percent: frames below this share of the total are added up in one line.
        depth: number of forks from the root to the deepest line; 0 for all.
        stacks: which stacks.
    """

    min_percent: float = 1.0
    depth: int = 0
    stacks: StackOptions = field(default_factory=StackOptions)

    def __post_init__(self) -> None:
        if not 0 <= self.min_percent <= 100:
            raise UsageError(f"{self.min_percent} % is no share")
        if self.depth < 0:
            raise UsageError(f"no tree has {self.depth} levels")


@dataclass(frozen=True, slots=True)
class TreeView:
    """Folded stacks, to be printed as a tree."""

    folded: Folded
    options: TreeOptions

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to print."""
        return not self.folded.rows


def build_tree(classified: Classified, options: TreeOptions) -> TreeView:
    """Return the stacks of one measurement that the filters keep, to be printed as a tree.

    Raises:
        UsageError: as `build`.
    """
    return TreeView(fold_with_causes(classified, options.stacks), options)


def build(classified: Classified, options: StackOptions) -> Folded:
    """Return the folded stacks of one measurement that the filters keep.

    Raises:
        UsageError: nothing was measured in that unit or mode, or the recording lacks the counts or
            the chain that the options ask for.
    """
    if options.fold.chain or not classified.filters.keep_all:
        return fold_with_causes(classified, options)
    # All stacks are kept: they need no classification.
    measurement = classified.dataset.measurement(options.measure)
    check_counts(measurement, options.fold)
    profile = measurement.profile
    return fold(profile.groups.items(), profile.unit, options.fold)


def fold_options(classified: Classified, options: StackOptions) -> FoldOptions:
    """Return the options of folding with the edits of the dataset's stacks."""
    return replace(options.fold, edits=classified.filters.edits)


def shown_measurement(classified: Classified, options: StackOptions) -> ClassifiedMeasurement:
    """Return the measurement that the options choose; for joined stacks one that can be joined.

    Raises:
        InputError: only histograms were measured.
        UsageError: nothing was measured in that unit or mode.
    """
    if not options.fold.chain or options.measure:
        return classified.measurement(options.measure)
    can_join = (
        one
        for one in classified.measurements
        if (
            one.measurement.has_wakers
            if options.fold.chain == "wakers"
            else one.measurement.events is not None
        )
    )
    return next(can_join, None) or classified.measurement(None)


def chosen_measurements(
    classified: Classified, options: StackOptions
) -> list[ClassifiedMeasurement]:
    """Return the measurements for a file of several: all, or the one asked for.

    Of counts, those that have some.

    Raises:
        InputError: only histograms were measured.
        UsageError: nothing was measured in that unit or mode, or no counts were recorded.
    """
    first = classified.measurement(options.measure)
    chosen = [first] if options.measure else list(classified.measurements)
    if not options.fold.counts:
        return chosen
    counted = [one for one in chosen if one.measurement.profile.has_counts]
    if not counted:
        check_counts(first.measurement, options.fold)
    return counted


def fold_with_causes(classified: Classified, options: StackOptions) -> Folded:
    """Return the folded stacks of one measurement that the filters keep, each with its cause.

    Raises:
        UsageError: as `build`.
    """
    measured = shown_measurement(classified, options)
    kept = measured.kept
    check_counts(measured.measurement, options.fold)
    stacks, folding = [part.stacks for part in kept], fold_options(classified, options)
    if folding.chain:
        stacks, folding = chained(measured.measurement, kept, folding)
    groups = zip((part.key for part in kept), stacks, strict=True)
    return fold_parts(groups, measured.unit, folding, kept, classified.rules)


def fold_parts(
    groups: Iterable[Group],
    unit: Unit,
    options: FoldOptions,
    parts: Iterable[Part],
    rules: Matcher,
) -> Folded:
    """Return the folded stacks of parts, with the causes of the waits and the rules' colours.

    Args:
        groups: (key, stacks) of each part; the stacks may be joined ones.
        unit: of the weights' values.
        options: how stacks are built.
        parts: what the groups were made of.
        rules: titles and colours.
    """
    titles = {kind.id: kind.title for kind in rules.kinds}
    causes = titles | {KERNEL: NO_CLASS}
    folded = fold(groups, unit, options, (_cause_of(part, causes) for part in parts))
    kernel = rules.colours.get(titles.get(KERNEL, ""))
    hues = rules.colours if kernel is None else {**rules.colours, NO_CLASS: kernel}
    return replace(folded, hues=hues)


def check_counts(measurement: Measurement, options: FoldOptions) -> None:
    """Refuse to fold counts if none were recorded.

    Raises:
        UsageError: the options ask for counts, and the measurement has none.
    """
    if options.counts and not measurement.profile.has_counts:
        unit = measurement.profile.unit
        raise UsageError(f"--counts: the recording has {unit} only, no counts of its own")


def _cause_of(part: Part, by_kind: Mapping[str, str]) -> str:
    """Return the cause of a part's waits: the lock class, else the cause of the wait kind.

    It is empty if it is not known. A wake-up's cause is the thread that was woken.
    """
    kind, lock_class = part.verdict.kind, part.verdict.lock_class
    if part.key.sleeper:
        return f"woken: {part.key.sleeper}"
    if lock_class != OTHER:
        return lock_class
    return "" if kind == UNCLASSIFIED else by_kind[kind]
