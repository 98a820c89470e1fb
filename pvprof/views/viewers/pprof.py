"""What was measured as samples for pprof: ``go tool pprof``, Perfetto, Grafana, Pyroscope, Parca.

Owns which values and labels a sample has; ``render.viewers.pprof`` writes them.

Each unit, and each mode if there are several, is a type of value; beside a time there is the number
of its waits, if it was recorded. A sample has a value for each type; those that it was not measured
in are 0. Its labels are the kind of wait, the lock class, the lock, the process and the mechanism.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.analysis.stacks.fold import FoldOptions, StackFolder
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import Part
from pvprof.classify.rules import OTHER, UNCLASSIFIED
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack
from pvprof.units import Unit
from pvprof.views.folded import StackOptions, chosen_measurements, fold_options
from pvprof.views.provenance import facts_of
from pvprof.views.viewers.speedscope import NOTHING_KEPT


@dataclass(frozen=True, slots=True)
class ValueType:
    """What one of the values of each sample is: ``off-CPU``, in ``nanoseconds``."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class StackSample:
    """One stack of one key.

    Attributes:
        stack: root first.
        values: one for each type.
        labels: (name, text), none empty.
    """

    stack: Stack
    values: tuple[int, ...]
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PprofView:
    """The samples of a file.

    Attributes:
        types: of the values; the first one is shown first.
        samples: in the order of the recording's keys.
        comments: facts about the recordings, a line each.
        begin_ns: when recording began, by the clock of the day; 0 if it is not known.
        duration_ns: how long was recorded; 0 if it is not known.
        problems: what could not be shown as it was measured.
    """

    types: tuple[ValueType, ...]
    samples: tuple[StackSample, ...]
    comments: tuple[str, ...]
    begin_ns: int
    duration_ns: int
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether no stack was kept."""
        return not self.samples


def build(classified: Classified, options: StackOptions) -> PprofView:
    """Return all stacks that the filters keep, of all measurements, or of the one asked for.

    Raises:
        InputError: only histograms were measured.
        UsageError: nothing was measured in the unit asked for, no counts were recorded, or stacks
            of other threads are to be joined.
    """
    if options.fold.chain:
        raise UsageError(f"pprof: no stacks of {options.fold.chain}", "svg and folded have them")
    chosen = chosen_measurements(classified, options)
    folding = fold_options(classified, options)
    has_modes = len({one.measurement.mode for one in chosen}) > 1
    columns = [_types(one, folding, has_modes=has_modes) for one in chosen]
    width = sum(map(len, columns))
    samples: list[StackSample] = []
    first = 0
    for measured, types in zip(chosen, columns, strict=True):
        around = (first, width - first - len(types))
        samples += _samples(measured, classified, folding, around)
        first += len(types)
    problems: tuple[Problem, ...] = ()
    if not samples:
        problems = (Problem(NOTHING_KEPT, "the filters left no stack", severity="note"),)
    begin_ns, duration_ns = _time_of(classified)
    return PprofView(
        tuple(one for types in columns for one in types),
        tuple(samples),
        tuple(f"{label}: {text}" for label, text in facts_of(classified.dataset) if text),
        begin_ns,
        duration_ns,
        problems,
    )


def _types(
    measured: ClassifiedMeasurement, options: FoldOptions, *, has_modes: bool
) -> list[ValueType]:
    """Return the types of a measurement's values."""
    measurement = measured.measurement
    mode = f"{measurement.mode} " if has_modes and measurement.mode else ""
    name, unit = _TYPES.get(measured.unit, (measured.unit, "count"))
    types = [] if options.counts else [ValueType(f"{mode}{name}", unit)]
    if measurement.profile.has_counts:
        counted = "waits" if measured.unit == "ns" else f"{name} counted"
        types.append(ValueType(f"{mode}{counted}", "count"))
    return types


_TYPES: dict[Unit, tuple[str, str]] = {
    "ns": ("time", "nanoseconds"),
    "samples": ("samples", "count"),
    "events": ("events", "count"),
    "bytes": ("bytes", "bytes"),
}
"""The name and the unit of a value, by pvprof's unit."""


def _samples(
    measured: ClassifiedMeasurement,
    classified: Classified,
    options: FoldOptions,
    around: tuple[int, int],
) -> Iterator[StackSample]:
    """Yield the samples of a measurement.

    Args:
        measured: has the stacks.
        classified: has the titles of kinds.
        options: how stacks are built.
        around: number of values of other measurements before and after those of this one.
    """
    folder = StackFolder(options)
    titles = {kind.id: kind.title for kind in classified.rules.kinds}
    before, after = (0,) * around[0], (0,) * around[1]
    has_counts = measured.measurement.profile.has_counts
    for part in measured.kept:
        labels = _labels(part, titles)
        for stack, weight in zip(folder(part.key, part.stacks), part.stacks.values(), strict=True):
            value = () if options.counts else (weight.value,)
            own = (*value, weight.count) if has_counts else value
            if any(own):
                yield StackSample(stack, before + own + after, labels)


def _labels(part: Part, titles: dict[str, str]) -> tuple[tuple[str, str], ...]:
    key, kind, lock_class = part.key, part.verdict.kind, part.verdict.lock_class
    texts = {
        "kind": "" if kind == UNCLASSIFIED else titles[kind],
        "class": "" if lock_class == OTHER else lock_class,
        "lock": key.name,
        "process": key.execname,
        "mechanism": key.mechanism,
        "woken": key.sleeper,
        "pid": str(key.pid) if key.pid >= 0 else "",
        "tid": str(key.tid) if key.tid >= 0 else "",
    }
    return tuple((name, text) for name, text in texts.items() if text)


def _time_of(classified: Classified) -> tuple[int, int]:
    """Return begin and length of a single recording, in ns; of several nothing is one time."""
    manifests = classified.dataset.manifests
    if len(manifests) != 1:
        return 0, 0
    return manifests[0].begin_wall_ns or 0, manifests[0].duration_ns or 0
