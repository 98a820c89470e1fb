"""How single waits lie in time: for how long anyone was stuck, and how many at once.

Owns the sweep over beginnings and ends. Summed waits say how much was waited in all; their union
says during how much of the run at least one thread waited. It refuses to say which lock object it
was (``objects``) or who held it (``owners``).

A wait holds its first nanosecond but not the one at which the thread ran again: waits that only
touch do not overlap, and one of 0 ns overlaps nothing. The waits of each recording are swept by
themselves, since the clocks of two have nothing in common; unions and lengths of several are added
up, and peaks are the highest.

All times are integers: 64 bits without a sign hold any time from the earliest wait on, and sums
that may not fit are made of Python's own integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from pvprof.analysis.lock_table import Quantiles, RowId, quantiles_of, rows_of_events
from pvprof.analysis.waits.groups import INT64, group_sums, grouped, sums_from
from pvprof.classify.filters import Part
from pvprof.errors import InputError
from pvprof.model.stacks import Stack
from pvprof.model.waits import RunSpan, WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]
    Times = npt.NDArray[np.uint64]

_POWERS = 63


@dataclass(frozen=True, slots=True)
class Overlap:
    """How some waits lie in time.

    Attributes:
        wait_ns: their sum.
        union_ns: for how long at least one thread waited.
        peak: how many threads waited at once, at most; 0 where all waits are of 0 ns.
        quantiles: of the single waits.
        buckets: (lower bound in ns, count) for each power of two in which waits began to be, in
            ascending order and without empty ones: a wait of 0 ns is in the one from 0.
    """

    wait_ns: int
    union_ns: int
    peak: int
    quantiles: Quantiles
    buckets: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Return how many waits there were."""
        return self.quantiles.count

    @property
    def mean_waiters(self) -> Fraction | None:
        """Return how many waited on average while anyone did, or None where nobody did."""
        return Fraction(self.wait_ns, self.union_ns) if self.union_ns else None


@dataclass(frozen=True, slots=True)
class Wall:
    """How long the recordings lasted, and how that is known.

    Attributes:
        wall_ns: added up over all recordings.
        is_marked: whether begin and end marks say so for each of them; where one lacks a mark, its
            first or last moment in which a thread waited stands for it.
        early, late: waits that began before the begin mark or ended after the end mark. They are
            in every sum, and the time lasts as long as they do.
    """

    wall_ns: int
    is_marked: bool
    early: int
    late: int


class ClassId(NamedTuple):
    """A lock class of one kind of waits; with an empty class all of the kind."""

    kind: str
    lock_class: str


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How waits lie in time, by what they were for.

    Attributes:
        total: all together, or None where there are none.
        classes: by kind and by kind and class.
        rows: by row.
        stacks: of each row the stacks with the longest waits, longest first; where asked for.
    """

    total: Overlap | None
    classes: dict[ClassId, Overlap]
    rows: dict[RowId, Overlap]
    stacks: dict[RowId, tuple[tuple[Stack, Overlap], ...]]

    def only(self, row_ids: Set[RowId]) -> Overlaps:
        """Leave out other rows: where sums stand beside single waits, those alone mislead."""
        rows = {row_id: one for row_id, one in self.rows.items() if row_id in row_ids}
        stacks = {row_id: some for row_id, some in self.stacks.items() if row_id in row_ids}
        return replace(self, rows=rows, stacks=stacks)


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Waits in the order of time and of length: sorted once, swept for any grouping.

    Attributes:
        events: the waits.
        wall: how long the recordings lasted.
        by_wait: the waits, shortest first.
        time: of each boundary of a wait that is not of 0 ns, run by run, in ascending order, from
            the earliest wait of the run on.
        event: of which wait each boundary is.
        step: 1 where it begins, -1 where it ends; of one time, ends stand first.
    """

    events: WaitTable
    wall: Wall
    by_wait: Ints
    time: Times
    event: Ints
    step: npt.NDArray[np.int8]


def timeline_of(events: WaitTable, runs: Sequence[RunSpan] = ()) -> Timeline:
    """Return the timeline of events that were recorded in these runs, one after the other.

    Raises:
        InputError: the times of one run are further apart than 64 bits hold (584 years).
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    times, places, steps = [], [], []
    first = 0
    for run in runs or (RunSpan(len(events)),):
        rows = np.flatnonzero(events.wait_ns[first : first + run.events] > 0) + first
        first += run.events
        if not len(rows):
            continue
        start, end = moments(events, rows)
        both = np.concatenate([end, start])
        order = np.argsort(both, kind="stable")
        times.append(both[order])
        steps.append(np.where(order < len(rows), np.int8(-1), np.int8(1)))
        places.append(rows.astype(np.int32)[order % len(rows)])
    nothing = np.empty(0, dtype=np.int32)
    return Timeline(
        events=events,
        wall=wall_of(events, runs),
        by_wait=np.argsort(events.wait_ns, kind="stable").astype(np.int32),
        time=np.concatenate([*times, nothing.astype(np.uint64)]),
        event=np.concatenate([*places, nothing]),
        step=np.concatenate([*steps, nothing.astype(np.int8)]),
    )


def moments(events: WaitTable, rows: Ints) -> tuple[Times, Times]:
    """Return beginning and end of some waits of one run, not none, from the earliest of them on.

    Raises:
        InputError: they are further apart than 64 bits hold.
    """
    import numpy as np  # noqa: PLC0415

    starts = events.start_ns[rows]
    earliest = starts.min()
    start = starts.view(np.uint64) - earliest.view(np.uint64)  # exact, whatever the signs
    end = start + events.wait_ns[rows].view(np.uint64)
    if bool((end < start).any()):
        raise InputError("the times of the waits are more than 2^64 ns apart: is a clock damaged?")
    return start, end


def wall_of(events: WaitTable, runs: Sequence[RunSpan]) -> Wall:
    """Return how long the recordings lasted."""
    import numpy as np  # noqa: PLC0415

    wall_ns, early, late, first = 0, 0, 0, 0
    is_marked = bool(runs)
    for run in runs or (RunSpan(len(events)),):
        rows = np.arange(first, first + run.events)
        first += run.events
        is_marked = is_marked and None not in (run.begin_ns, run.end_ns)
        begins, ends = [run.begin_ns], [run.end_ns]
        if len(rows):
            earliest = int(events.start_ns[rows].min())
            start, end = moments(events, rows)
            begins.append(earliest)
            ends.append(earliest + int(end.max()))
            if run.begin_ns is not None:
                early += int((start < _clipped(run.begin_ns - earliest)).sum())
            if run.end_ns is not None:
                is_late = end > _clipped(run.end_ns - earliest)
                late += int(is_late.sum()) if run.end_ns >= earliest else len(rows)
        first_ns = min((one for one in begins if one is not None), default=None)
        last_ns = max((one for one in ends if one is not None), default=None)
        if first_ns is not None and last_ns is not None:
            wall_ns += max(last_ns - first_ns, 0)
    return Wall(wall_ns, is_marked, early, late)


def _clipped(value: int) -> np.uint64:
    """Return the time nearest to a value."""
    import numpy as np  # noqa: PLC0415

    return np.uint64(min(max(value, 0), (1 << 64) - 1))


def overlaps(timeline: Timeline, parts: Sequence[Part], stacks: int = 0) -> Overlaps:
    """Return how the waits of the parts lie in time.

    Args:
        timeline: of all events that the parts were added up from, and of others.
        parts: what is wanted.
        stacks: of how many stacks of each row; 0 for none.
    """
    import numpy as np  # noqa: PLC0415

    row_ids, row = rows_of_events(timeline.events, parts)
    classes: dict[ClassId, int] = {}
    kinds: dict[ClassId, int] = {}
    class_of = [classes.setdefault(ClassId(kind, name), len(classes)) for kind, name, _ in row_ids]
    kind_of = [kinds.setdefault(ClassId(kind, ""), len(kinds)) for kind, _, _ in row_ids]

    def regrouped(numbers: list[int]) -> Ints:
        return np.asarray([*numbers, -1], dtype=np.int32)[row]  # of -1 the last: -1

    by_row = sweep(timeline, row, len(row_ids))
    by_class = sweep(timeline, regrouped(class_of), len(classes))
    by_kind = sweep(timeline, regrouped(kind_of), len(kinds))
    return Overlaps(
        total=sweep(timeline, regrouped([0] * len(row_ids)), 1).get(0),
        classes={
            one: found[number]
            for ids, found in ((kinds, by_kind), (classes, by_class))
            for one, number in ids.items()
            if number in found
        },
        rows={row_ids[number]: one for number, one in by_row.items()},
        stacks=_by_stack(timeline, row_ids, row, stacks) if stacks else {},
    )


def _by_stack(
    timeline: Timeline, row_ids: Sequence[RowId], row: Ints, most: int
) -> dict[RowId, tuple[tuple[Stack, Overlap], ...]]:
    """Return the `most` stacks of each row with the longest waits."""
    import numpy as np  # noqa: PLC0415

    events = timeline.events
    width = max(len(events.stacks), 1)
    codes = np.where(row >= 0, row.astype(np.int64) * width + events.stack_id, -1)
    distinct, group = np.unique(codes, return_inverse=True)
    sums = group_sums(events.wait_ns, group, len(distinct))
    ranked = sorted(
        (code // width, -value, events.stacks[code % width], number)
        for number, (code, value) in enumerate(zip(distinct.tolist(), sums, strict=True))
        if code >= 0
    )
    chosen: dict[RowId, list[tuple[Stack, int]]] = {}
    for one, _, stack, number in ranked:
        some = chosen.setdefault(row_ids[one], [])
        if len(some) < most:
            some.append((stack, number))
    renumbered = np.full(len(distinct), -1, dtype=np.int32)
    wanted = [number for some in chosen.values() for _, number in some]
    renumbered[wanted] = np.arange(len(wanted))
    found = iter(sweep(timeline, renumbered[group], len(wanted)).values())
    return {
        row_id: tuple((stack, next(found)) for stack, _ in some) for row_id, some in chosen.items()
    }


def sweep(timeline: Timeline, group: Ints, groups: int) -> dict[int, Overlap]:
    """Return how the waits of each group lie in time, in ascending order, without empty groups.

    Args:
        timeline: of all waits.
        group: of each wait, from 0 to `groups` - 1, or -1 for none.
        groups: how many there are.
    """
    lying = _unions(timeline, group, groups)
    found = {}
    for number, waits in _lengths(timeline, group, groups):
        union_ns, peak = lying.get(number, (0, 0))
        wait_ns = _sum(waits)
        quantiles = quantiles_of(waits, 0, len(waits))
        found[number] = Overlap(wait_ns, union_ns, peak, quantiles, _buckets(waits))
    return found


def _unions(timeline: Timeline, group: Ints, groups: int) -> dict[int, tuple[int, int]]:
    """Return the length of the union and the peak of each group that has one."""
    import numpy as np  # noqa: PLC0415

    order, bounds = grouped(group[timeline.event], groups)
    if not len(order):
        return {}
    time = timeline.time[order]
    # Each group is back at 0 where it ends, so one running sum serves all.
    depth = np.cumsum(timeline.step[order], dtype=np.int32)
    present = np.flatnonzero(np.diff(bounds))
    peaks = np.maximum.reduceat(depth, bounds[present])
    closing = np.flatnonzero(depth == 0)
    opening = np.concatenate([[0], closing[:-1] + 1])
    lengths = time[closing] - time[opening]
    firsts = np.searchsorted(closing, bounds[present])
    sums = sums_from(lengths, firsts, 1 << 64)
    return {
        number: (union, peak)
        for number, union, peak in zip(present.tolist(), sums, peaks.tolist(), strict=True)
    }


def _lengths(timeline: Timeline, group: Ints, groups: int) -> Iterator[tuple[int, Ints]]:
    """Yield the number of each group that is not empty, and its waits, shortest first."""
    import numpy as np  # noqa: PLC0415

    order, bounds = grouped(group[timeline.by_wait], groups)
    waits = timeline.events.wait_ns[timeline.by_wait[order]]
    for number in np.flatnonzero(np.diff(bounds)).tolist():
        yield number, waits[bounds[number] : bounds[number + 1]]


def _sum(values: Ints) -> int:
    """Return the exact sum of values that ascend; not none."""
    if int(values[-1]) * len(values) >= INT64:
        return sum(values.tolist())
    return int(values.sum())


def _buckets(waits: Ints) -> tuple[tuple[int, int], ...]:
    """Return lower bound and count of each power of two that holds any of the ascending waits."""
    import numpy as np  # noqa: PLC0415

    bounds = [0, *(1 << power for power in range(_POWERS))]
    places = [*np.searchsorted(waits, bounds).tolist(), len(waits)]
    return tuple(
        (low, after - before)
        for low, before, after in zip(bounds, places, places[1:], strict=False)
        if after > before
    )
