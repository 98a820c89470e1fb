"""What was measured as profiles for https://www.speedscope.app, or its offline copy.

Owns which profiles the file has and what they are called; ``render.viewers.speedscope`` writes it.

The first profile of a unit, and of a mode if there are several, is everything that was kept, as
sampled stacks. Profiles of the same waits, sorted in another way, follow: one for each wait kind,
lock class and mechanism (``turnstile``, ``rw-spin``, ...), if there are several, and, last, for
single waits one evented profile for each of the `MAX_TIMELINES` threads that waited longest, all on
one time axis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pvprof.analysis.stacks.fold import Folded, FoldOptions, StackFolder, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import OTHER, UNCLASSIFIED
from pvprof.dataset.dataset import Measurement
from pvprof.model.mechanisms import FOLDED
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable
from pvprof.units import SPEEDSCOPE_ALL, Unit
from pvprof.views.folded import StackOptions, chosen_measurements, fold_options

NOTHING_KEPT = "nothing-kept"
"""The kind of the problem of a file that holds no stack."""

MAX_TIMELINES = 100
"""The viewer's list of profiles has no groups, so more threads are only in the sums."""

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Sampled:
    """A profile of weighted stacks, drawn side by side in the order of its rows.

    Attributes:
        name: for the viewer's list of profiles.
        unit: of the values.
        rows: (stack, value), stacks root first, values at least 1.
    """

    name: str
    unit: Unit
    rows: tuple[tuple[Stack, int], ...]

    @property
    def end(self) -> int:
        """Return the end of the profile: the sum of its values."""
        return sum([value for _, value in self.rows])


@dataclass(frozen=True, slots=True)
class Evented:
    """A profile of one thread's waits in time.

    Attributes:
        name: for the viewer's list of profiles.
        end: of the time axis, in ns; not before the end of the last wait.
        waits: (start, end, stack) in ns from the beginning of the time axis, in order; each ends
            after it starts, and starts no earlier than the one before it ended.
    """

    name: str
    end: int
    waits: tuple[tuple[int, int, Stack], ...]


SpeedscopeProfile = Sampled | Evented


@dataclass(frozen=True, slots=True)
class SpeedscopeView:
    """The profiles of a file.

    Attributes:
        name: of the whole, for the viewer's title.
        profiles: at least one, since the viewer refuses a file without; the first is shown first.
        problems: what could not be shown as it was measured.
    """

    name: str
    profiles: tuple[SpeedscopeProfile, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether no stack was kept."""
        return not any(profile.end for profile in self.profiles)


def build(classified: Classified, options: StackOptions) -> SpeedscopeView:
    """Return a dataset as profiles.

    If nothing is kept, the file holds one empty profile with a name to that effect: the viewer
    refuses a file without a profile.

    Raises:
        InputError: only histograms were measured.
        UsageError: nothing was measured in the unit asked for, or no counts were recorded.
    """
    dataset, rules = classified.dataset, classified.rules
    profiles: list[SpeedscopeProfile] = []
    timelines: list[SpeedscopeProfile] = []
    folding = fold_options(classified, options)
    problems: list[Problem] = []
    has_modes = len({measurement.mode for measurement in dataset.measurements}) > 1
    for measured in chosen_measurements(classified, options):
        measurement, parts = measured.measurement, measured.kept
        if _has_timeline(measurement, options, problems):
            assert measurement.events is not None
            timelines += _threads(measurement.events, parts, folding, problems)
        mode = measurement.mode if has_modes else ""
        profiles += [
            replace(one, name=_with_mode(one.name, mode))
            for one in _sums(parts, measurement, rules, folding)
        ]
    if not profiles:
        profiles.append(Sampled("Nothing: no stack was kept", "ns", ()))
        text = "the filters left no stack: the file holds one empty profile"
        problems.append(Problem(NOTHING_KEPT, text, severity="note"))
    return SpeedscopeView(" + ".join(dataset.names), (*profiles, *timelines), tuple(problems))


def _has_timeline(measurement: Measurement, options: StackOptions, problems: list[Problem]) -> bool:
    """Tell whether to draw threads in time; add a problem if several recordings prevent it."""
    if measurement.events is None or not options.timeline or options.fold.counts:
        return False
    if len(measurement.runs) > 1:
        text = "several recordings have no common clock: waits are added up, not drawn in time"
        problems.append(Problem("no-timeline", text, severity="note"))
        return False
    return True


def _sums(
    parts: Iterable[Part], measurement: Measurement, rules: Matcher, options: FoldOptions
) -> list[Sampled]:
    """Return a profile of everything, then one for each kind, class and mechanism.

    Kinds are in order, the largest of each first. What is of one group only is one profile.
    """
    parts, unit = list(parts), measurement.unit
    order = {kind.id: number for number, kind in enumerate(rules.kinds)}
    titles = {kind.id: kind.title for kind in rules.kinds}
    groups: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        identity = (part.verdict.kind, part.verdict.lock_class, part.key.mechanism)
        groups.setdefault(identity, []).append(part)
    ranked = []
    for (kind, lock_class, mechanism), group in groups.items():
        folded = fold(((part.key, part.stacks) for part in group), unit, options)
        if not folded.rows:
            continue
        name = _name(titles[kind], kind, lock_class, mechanism, folded.unit)
        ranked.append((order[kind], -folded.total, name, _sampled(name, folded)))
    groups_in_order = [entry[3] for entry in sorted(ranked, key=lambda entry: entry[:3])]
    if len(groups_in_order) < 2:
        return [replace(only, name=f"{SPEEDSCOPE_ALL}{only.name}") for only in groups_in_order]
    everything = fold(((part.key, part.stacks) for part in parts), unit, options)
    name = _with_unit(f"{SPEEDSCOPE_ALL}{measurement.words.measured}", everything.unit)
    return [_sampled(name, everything), *groups_in_order]


def _with_mode(name: str, mode: str) -> str:
    """Return the name of a profile with its mode; that of everything still begins the same."""
    if not mode:
        return name
    before = SPEEDSCOPE_ALL if name.startswith(SPEEDSCOPE_ALL) else ""
    return f"{before}[{mode}] {name.removeprefix(before)}"


def _sampled(name: str, folded: Folded) -> Sampled:
    """Return a profile, its stacks in order of frames: neighbours share many callers."""
    # \0 sorts stacks by their frames: it is below every character of a frame.
    rows = sorted(folded.rows, key=lambda row: row[0].replace(";", "\0"))
    return Sampled(name, folded.unit, tuple(rows))


def _name(title: str, kind: str, lock_class: str, mechanism: str, unit: Unit) -> str:
    """Return a profile's name for the viewer's list."""
    if mechanism == FOLDED:
        title = "Folded stacks" if kind == UNCLASSIFIED else title
        mechanism = ""
    name = title if lock_class == OTHER else f"{title}: {lock_class}"
    return _with_unit(f"{name}, {mechanism}" if mechanism else name, unit)


def _with_unit(name: str, unit: Unit) -> str:
    """Return a name with the unit, if the viewer shows none."""
    return name if unit in ("ns", "bytes") else f"{name} [{unit}]"


def _threads(
    events: WaitTable, parts: Iterable[Part], options: FoldOptions, problems: list[Problem]
) -> list[SpeedscopeProfile]:
    """Return timelines of the threads with waits that were kept, the longest waiting first.

    All begin with the first wait of the recording and end with its last one, kept or not, so that
    the viewer's percentages are shares of that time.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import, and only single waits need it)

    from pvprof.analysis.waits.timelines import describe_waits, tracks_of  # noqa: PLC0415

    folded = StackFolder(options)
    stacks, stack_of = describe_waits(
        events, parts, lambda part, stack: next(iter(folded(part.key, [stack])))
    )
    kept = np.flatnonzero((stack_of >= 0) & (events.wait_ns > 0))
    if not len(kept):
        return []
    tracks = tracks_of(events, kept)
    problems += tracks.problems
    # Python's integers: a damaged start may be as large as 64 bits hold.
    begin = int(events.start_ns.min())
    end = max(map(sum, zip(events.start_ns.tolist(), events.wait_ns.tolist(), strict=True))) - begin
    offset = tracks.origin_ns - begin
    columns = (events.pid, events.tid, stack_of, events.key_id)
    rows = zip(
        *(column[tracks.row].tolist() for column in columns),
        *(moment.tolist() for moment in (tracks.begin, tracks.end)),
        strict=True,
    )
    threads: dict[tuple[int, int], _Thread] = {}
    for pid, tid, stack, key, first, last in rows:
        thread = threads.setdefault((pid, tid), _Thread())
        thread.waits.append((first + offset, last + offset, stacks[stack]))
        thread.execnames.append(events.keys[key].execname)
    ranked = sorted(threads.items(), key=lambda item: (-item[1].wait_ns, item[0]))
    problems += _left_out(len(ranked))
    return [
        Evented(thread.name(*who), end, tuple(thread.waits))
        for who, thread in ranked[:MAX_TIMELINES]
    ]


def _left_out(threads: int) -> tuple[Problem, ...]:
    """Return a note on the threads whose waits are in the sums only."""
    if threads <= MAX_TIMELINES:
        return ()
    text = (
        f"speedscope: of {threads:,} threads the {MAX_TIMELINES} that waited longest have a"
        " timeline; the sums have all"
    )
    return (Problem("timelines-left-out", text, severity="note"),)


@dataclass(slots=True)
class _Thread:
    """The waits of one thread, in order of time and not overlapping, and its processes' names."""

    waits: list[tuple[int, int, Stack]] = field(default_factory=list)
    execnames: list[str] = field(default_factory=list)

    @property
    def wait_ns(self) -> int:
        """Return the sum of its waits."""
        return sum([end - begin for begin, end, _ in self.waits])

    def name(self, pid: int, tid: int) -> str:
        """Return the thread's name for the viewer's list: a process may have had several names."""
        process = "" if pid == _UNKNOWN else f"pid {pid}, "
        return f"{name_of_thread(self.execnames) or 'thread'} ({process}tid {tid})"


def name_of_thread(names: Iterable[str], max_names: int = 3) -> str:
    """Return a name for a thread or process that had these names, one after the other."""
    known = [name for name in dict.fromkeys(names) if name]
    more = [f"{len(known) - max_names} more"] if len(known) > max_names else []
    return ", ".join([*known[:max_names], *more])
