"""A dataset sorted by the rules: made once, and given to every analysis and view.

Owns which measurement's parts the filters kept and which they set aside. Waits that were recorded
without a name get one here. The sorting of a measurement happens when it is first asked for, and is
remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from pvprof.classify.filters import (
    Filters,
    Part,
    Selection,
    classify,
    rejected_by,
    rejected_stack,
    select,
)
from pvprof.classify.filters import wanted_kinds as kinds_to_keep
from pvprof.classify.matcher import Matcher
from pvprof.classify.name_waits import name_waits
from pvprof.classify.rules import Classification
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.edited import edit_dataset
from pvprof.dataset.stack_edits import StackEditor, edit_notes
from pvprof.model.profile import Histogram, merge_histograms
from pvprof.model.stacks import NO_STACK, Stack
from pvprof.units import Unit, UnitWords


@dataclass(frozen=True)
class ClassifiedMeasurement:
    """One measurement, its parts, and what the filters keep of them.

    Attributes:
        measurement: what was measured.
        rules, filters: what it is sorted by.
    """

    measurement: Measurement
    rules: Matcher
    filters: Filters

    @property
    def unit(self) -> Unit:
        """Return the unit of its values."""
        return self.measurement.unit

    @property
    def words(self) -> UnitWords:
        """Return the words for its values."""
        return self.measurement.words

    @property
    def mode(self) -> str:
        """Return the mode in which it was recorded."""
        return self.measurement.mode

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Return all weights by key and classification; none is missing."""
        return classify(self.measurement.profile, self.rules)

    @cached_property
    def selection(self) -> Selection:
        """Return the parts that the filters keep, and those that they set aside.

        Raises:
            UsageError: the filters name a kind that the rules do not have.
        """
        return select(self.parts, self.rules, self.filters)

    @cached_property
    def open_parts(self) -> tuple[Part, ...]:
        """Return the waits without an end that the filters keep.

        Raises:
            UsageError: the filters name a kind that the rules do not have.
        """
        waits = self.measurement.open_waits
        if waits is None:
            return ()
        return select(classify(waits, self.rules), self.rules, self.filters).kept

    @property
    def kept(self) -> tuple[Part, ...]:
        """Return the parts that the filters keep."""
        return self.selection.kept


@dataclass(frozen=True)
class Classified:
    """A dataset, and what the rules and the filters say of it; make it with `Classified.of`.

    Attributes:
        dataset: what was read; its waits have names.
        rules, filters: what it is sorted by.
        measurements: by unit and mode, in the order of the dataset.
        edited: by option, the number of stacks that the user's edits change.
    """

    dataset: Dataset
    rules: Matcher
    filters: Filters
    measurements: tuple[ClassifiedMeasurement, ...]
    edited: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, rules: Matcher, filters: Filters) -> Classified:
        """Edit the stacks of a dataset, name its waits that have no name, prepare its sorting.

        Raises:
            UsageError: stacks are to be cut, and the filters name a kind that the rules lack.
        """
        edited, counts = edit_dataset(dataset, filters.edits)
        named = name_waits(edited, rules)
        measurements = tuple(
            ClassifiedMeasurement(measurement, rules, filters) for measurement in named.measurements
        )
        all_counts = Counter(counts) + _cut(measurements, filters)
        notes = tuple(edit_notes(filters.edits, all_counts, _stacks_of(measurements)))
        named = replace(named, problems=(*named.problems, *notes)) if notes else named
        return cls(named, rules, filters, measurements, all_counts)

    def measurement(self, measure: str | None) -> ClassifiedMeasurement:
        """Return the first measurement of that unit or mode, or the first of all.

        Raises:
            InputError: only histograms were measured.
            UsageError: nothing was measured in that unit or mode.
        """
        wanted = self.dataset.measurement(measure)
        return next(one for one in self.measurements if one.measurement is wanted)

    def single_waits(self, measure: str | None = None) -> ClassifiedMeasurement:
        """Return the measurement that has single waits, or, if none has, the first one of time.

        Args:
            measure: the mode or the unit that the user asks for.

        Raises:
            InputError: only histograms were measured.
            UsageError: no time was measured, or not in that mode.
        """
        wanted = self.dataset.single_waits(measure)
        return next(one for one in self.measurements if one.measurement is wanted)

    def with_threads(self) -> ClassifiedMeasurement:
        """Return the first measurement whose threads were recorded; else as `single_waits`.

        Raises:
            InputError: only histograms were measured.
        """
        found = (one for one in self.measurements if one.measurement.threads is not None)
        return next(found, None) or self.single_waits()

    def histograms(self) -> Iterator[tuple[Histogram, Classification]]:
        """Yield each histogram that the filters keep, with its classification.

        Raises:
            UsageError: the filters name a kind that the rules do not have.
        """
        wanted = kinds_to_keep(self.rules, self.filters.kinds)
        classes: dict[Classification, list[Histogram]] = {}
        for histogram in self.dataset.histograms:
            verdict = self.rules.classify(histogram.key, histogram.stack)
            # A histogram without a stack is kept.
            has_stack = histogram.stack != NO_STACK
            reason = has_stack and rejected_stack(histogram.stack, self.filters)
            reason = reason or rejected_by(verdict, histogram.key, self.filters)
            if verdict.kind in wanted and not reason:
                classes.setdefault(verdict, []).append(histogram)
        for verdict, histograms in classes.items():
            for histogram in merge_histograms(histograms):
                yield histogram, verdict


def _cut(measurements: Sequence[ClassifiedMeasurement], filters: Filters) -> Counter[str]:
    """Return by option the number of stacks, of those that are kept, that the user's cuts find."""
    edit = StackEditor(filters.edits, "shown")
    if edit:
        for measured in measurements:
            for part in measured.kept:
                for stack in part.stacks:
                    edit(stack)
    return edit.counts


def _stacks_of(measurements: Sequence[ClassifiedMeasurement]) -> Iterator[Stack]:
    return (
        stack
        for measured in measurements
        for stacks in measured.measurement.profile.groups.values()
        for stack in stacks
    )
