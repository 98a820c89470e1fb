"""What was measured as a speedscope file, for https://www.speedscope.app or its offline copy.

Owns which profiles the file has and what they are called; ``render.speedscope`` writes them. From
Python::

    from pvprof import speedscope
    from pvprof.parse.read import ReadOptions
    from pvprof.pool import read_pool

    converted = speedscope.convert(read_pool(["offcpu.out"], ReadOptions()))
    Path("offcpu.speedscope.json").write_text(converted.text, encoding="utf-8")

Sums become one sampled profile for each kind of wait, lock class and event (``turnstile``,
``rw-spin``, ...). Single waits become one evented profile for each thread, all on one time axis.
No weight stands in two profiles, so all profiles of a unit add up to what was kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvprof.analysis.stacks.fold import FoldOptions, fold, frames_around
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part
from pvprof.classify.rules import OTHER, UNCLASSIFIED, Rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.profile import Profile, Weight
from pvprof.model.stacks import Stack
from pvprof.render.viewers.speedscope import Evented, Rendered, Sampled, SpeedscopeProfile, render
from pvprof.units import Unit

if TYPE_CHECKING:
    from pvprof.model.waits import WaitTable

NOTHING_KEPT = "nothing-kept"
"""The kind of the problem that says that a file holds no stack."""

_FOLDED = "folded"
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class SpeedscopeOptions:
    """What goes into the file.

    Attributes:
        fold: how stacks are built; with `counts`, counts are weighed, never times.
        unit: only what was measured in this unit; None for everything.
        timeline: draw single waits in time, thread by thread, where they were recorded and come
            from one recording; else they are added up.
    """

    fold: FoldOptions = field(default_factory=FoldOptions)
    unit: Unit | None = None
    timeline: bool = True


def convert(classified: Classified, options: SpeedscopeOptions | None = None) -> Rendered:
    """Return a dataset as the text of a speedscope file, with what could not be shown as it is.

    Where nothing is kept, the file holds one empty profile whose name says so: the viewer opens no
    file without a profile.

    Args:
        classified: what was measured, sorted and filtered.
        options: None for the defaults.

    Raises:
        InputError: nothing was measured but histograms.
        UsageError: nothing was measured in the unit asked for, or no counts were recorded.
        OutputError: a sum is too large for the format.
    """
    options = SpeedscopeOptions() if options is None else options
    pool, rules = classified.dataset, classified.rules
    profiles: list[SpeedscopeProfile] = []
    problems: list[Problem] = []
    for measurement in _measurements(pool, options):
        parts = classified.measurement(measurement.profile.unit).kept
        if _has_timeline(measurement, pool, options, problems):
            assert measurement.events is not None
            profiles += _threads(measurement.events, parts, options.fold, problems)
            parts = _beside(parts, measurement.events.profile())
        profiles += _sums(parts, measurement.profile.unit, rules, options.fold)
    if not profiles:
        profiles.append(Sampled("Nothing: no stack was kept", "ns", ()))
        text = "the filters left no stack: the file holds one empty profile"
        problems.append(Problem(NOTHING_KEPT, text, severity="note"))
    rendered = render(" + ".join(pool.names), profiles)
    return Rendered(rendered.text, (*problems, *rendered.problems))


def _measurements(pool: Dataset, options: SpeedscopeOptions) -> tuple[Measurement, ...]:
    first = pool.measurement(options.unit)
    chosen = (first,) if options.unit else pool.measurements
    if not options.fold.counts:
        return chosen
    counted = tuple(one for one in chosen if one.profile.has_counts)
    if not counted:
        unit = first.profile.unit
        raise UsageError(f"--counts: the recording has {unit} only, no counts of its own")
    return counted


def _has_timeline(
    measurement: Measurement, pool: Dataset, options: SpeedscopeOptions, problems: list[Problem]
) -> bool:
    """Tell whether to draw threads in time; say so where several recordings stand against it."""
    if measurement.events is None or not options.timeline or options.fold.counts:
        return False
    if len(pool.names) > 1:
        text = "several recordings have no common clock: waits are added up, not drawn in time"
        problems.append(Problem("no-timeline", text, severity="note"))
        return False
    return True


def _sums(
    parts: Iterable[Part], unit: Unit, rules: Rules, options: FoldOptions
) -> list[SpeedscopeProfile]:
    """Return one profile for each kind, class and event: kinds in their order, largest first."""
    order = {kind.id: place for place, kind in enumerate(rules.kinds)}
    titles = {kind.id: kind.title for kind in rules.kinds}
    groups: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        group = (part.verdict.kind, part.verdict.lock_class, part.key.mechanism)
        groups.setdefault(group, []).append(part)
    found = []
    for (kind, lock_class, event), some in groups.items():
        folded = fold(((part.key, part.stacks) for part in some), unit, options)
        if not folded.rows:
            continue
        name = _name(titles[kind], kind, lock_class, event, folded.unit)
        # Neighbours share as many callers as can be: \0 puts stacks in the order of their frames.
        rows = sorted(folded.rows, key=lambda row: row[0].replace(";", "\0"))
        found.append((order[kind], -folded.total, name, Sampled(name, folded.unit, tuple(rows))))
    return [profile for _, _, _, profile in sorted(found, key=lambda one: one[:3])]


def _name(title: str, kind: str, lock_class: str, event: str, unit: Unit) -> str:
    """Return what the viewer's list calls a profile; its unit too, where the viewer shows none."""
    if event == _FOLDED:
        title = "Folded stacks" if kind == UNCLASSIFIED else title
        event = ""
    name = title if lock_class == OTHER else f"{title}: {lock_class}"
    name += f", {event}" if event else ""
    return name if unit == "ns" else f"{name} [{unit}]"


def _beside(parts: Iterable[Part], drawn: Profile) -> tuple[Part, ...]:
    """Return what the parts hold besides the events: a recording may have printed sums, too."""
    rest = []
    for part in parts:
        known = drawn.groups.get(part.key, {})
        stacks = {
            stack: weight if stack not in known else _minus(weight, known[stack])
            for stack, weight in part.stacks.items()
            if stack not in known or weight.value > known[stack].value
        }
        if stacks:
            rest.append(Part(part.verdict, part.key, stacks))
    return tuple(rest)


def _minus(whole: Weight, part: Weight) -> Weight:
    return Weight(*(a - b for a, b in zip(whole, part, strict=True)))


def _threads(
    events: WaitTable, parts: Iterable[Part], options: FoldOptions, problems: list[Problem]
) -> list[SpeedscopeProfile]:
    """Return a timeline for each thread with a wait that was kept, the longest waiting first.

    All begin with the first wait of the recording and end with its last one, kept or not, so that
    the viewer's percentages are shares of that time.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    from pvprof.analysis.waits.timelines import describe_waits, tracks_of  # noqa: PLC0415

    towers, tower_of = describe_waits(
        events, parts, lambda part, stack: _tower(part, stack, options)
    )
    kept = np.flatnonzero((tower_of >= 0) & (events.wait_ns > 0))
    if not len(kept):
        return []
    tracks = tracks_of(events, kept)
    problems += tracks.problems
    # As Python's integers: a damaged start may be as large as 64 bits hold.
    begin = int(events.start_ns.min())
    end = max(map(sum, zip(events.start_ns.tolist(), events.wait_ns.tolist(), strict=True))) - begin
    offset = tracks.origin_ns - begin
    columns = (events.pid, events.tid, tower_of, events.key_id)
    rows = zip(
        *(column[tracks.row].tolist() for column in columns),
        *(moment.tolist() for moment in (tracks.begin, tracks.end)),
        strict=True,
    )
    threads: dict[tuple[int, int], _Thread] = {}
    for pid, tid, tower, key, first, last in rows:
        thread = threads.setdefault((pid, tid), _Thread())
        thread.waits.append((first + offset, last + offset, towers[tower]))
        thread.execnames.append(events.keys[key].execname)
    ranked = sorted(threads.items(), key=lambda item: (-item[1].wait_ns, item[0]))
    return [Evented(thread.name(*who), end, tuple(thread.waits)) for who, thread in ranked]


def _tower(part: Part, stack: Stack, options: FoldOptions) -> Stack:
    before, after = frames_around(part.key, options)
    return Stack(f"{before}{stack}{after}")


@dataclass(slots=True)
class _Thread:
    """The waits of one thread, in order of time, none over another, and its processes' names."""

    waits: list[tuple[int, int, Stack]] = field(default_factory=list)
    execnames: list[str] = field(default_factory=list)

    @property
    def wait_ns(self) -> int:
        """Return for how long it waited."""
        return sum([end - begin for begin, end, _ in self.waits])

    def name(self, pid: int, tid: int) -> str:
        """Return what the viewer's list calls the thread: a process may have had several names."""
        process = "" if pid == _UNKNOWN else f"pid {pid}, "
        return f"{name_of_thread(self.execnames) or 'thread'} ({process}tid {tid})"


def name_of_thread(names: Iterable[str], max_names: int = 3) -> str:
    """Return a name for a thread or process that had these names, one after the other."""
    known = [name for name in dict.fromkeys(names) if name]
    more = [f"{len(known) - max_names} more"] if len(known) > max_names else []
    return ", ".join([*known[:max_names], *more])


__all__ = ["NOTHING_KEPT", "Rendered", "SpeedscopeOptions", "convert"]
