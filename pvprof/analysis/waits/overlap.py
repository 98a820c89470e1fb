"""How single waits lie in time: for how long any thread was stuck, and how many were at once.

Owns the sweep over beginnings and ends. The sum of waits says how much was waited; their union says
during how much of the run at least one thread waited. It refuses to know lock objects (``objects``)
and owners (``owners``).

A wait includes its first nanosecond, but not the one in which the thread ran again: waits that only
touch do not overlap, and a wait of 0 ns overlaps nothing. Each recording is swept by itself, since
the clocks of two have nothing in common; unions and durations of several are added up, and the
highest peak counts.

Times are integers: unsigned 64 bits hold any time since the earliest wait, and sums that may not
fit are Python's own integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.analysis.lock_table import Quantiles, RowId, quantiles_of
from pvprof.analysis.waits.groups import (
    NO_GROUP,
    group_sums,
    members_by_group,
    rows_of_waits,
    segment_sums,
)
from pvprof.classify.filters import Part
from pvprof.errors import InputError
from pvprof.model.arrays import INT64_MAX, UINT64_MAX
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints, Times

_POWERS_OF_TWO = 63


@dataclass(frozen=True, slots=True)
class Overlap:
    """How waits lie in time.

    Attributes:
        wait_ns: their sum.
        union_ns: for how long at least one thread waited.
        peak: the largest number of threads that waited at once; 0 if all waits are of 0 ns.
        quantiles: of the single waits.
        buckets: (lower bound in ns, count) for each power of two with waits in it, in ascending
            order; waits of 0 ns are in the bucket with the lower bound 0.
    """

    wait_ns: int
    union_ns: int
    peak: int
    quantiles: Quantiles
    buckets: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Return the number of waits."""
        return self.quantiles.count

    @property
    def mean_waiters(self) -> Fraction | None:
        """Return the mean number of waiting threads while any waited; None if none ever did."""
        return Fraction(self.wait_ns, self.union_ns) if self.union_ns else None


@dataclass(frozen=True, slots=True)
class WallTime:
    """How long the recordings lasted, and how that is known.

    Attributes:
        wall_ns: the sum over all recordings.
        is_marked: whether each recording has a begin and an end mark. The first or last moment in
            which a thread waited takes the place of a missing mark.
        early, late: the numbers of waits that began before the begin mark, and ended after the end
            mark. They count in every sum, and `wall_ns` includes them.
    """

    wall_ns: int
    is_marked: bool
    early: int
    late: int


class ClassId(NamedTuple):
    """A lock class of one kind of wait; with an empty class, all waits of the kind."""

    kind: str
    lock_class: str


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How waits lie in time, by what they were for.

    Attributes:
        total: of all waits, or None if there are none.
        classes: by kind, and by kind and class.
        rows: by row of the lock table.
        stacks: for each row, its stacks with the longest waits, longest first, if asked for.
    """

    total: Overlap | None
    classes: dict[ClassId, Overlap]
    rows: dict[RowId, Overlap]
    stacks: dict[RowId, tuple[tuple[Stack, Overlap], ...]]

    def only(self, row_ids: Set[RowId]) -> Overlaps:
        """Return the same without other rows: if only some waits of a row are single waits."""
        rows = {row_id: overlap for row_id, overlap in self.rows.items() if row_id in row_ids}
        stacks = {row_id: pairs for row_id, pairs in self.stacks.items() if row_id in row_ids}
        return replace(self, rows=rows, stacks=stacks)


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The beginnings and ends of all waits in order: sorted once, swept for any grouping.

    Three waits of one run, and their boundaries::

                   0    10   20   30   40   50        time    0  10  30  30  40  50
        wait 0     [==============)                   wait    0   1   0   2   1   2
        wait 1          [==============)              step   +1  +1  -1  +1  -1  -1
        wait 2                    [=========)         depth   1   2   1   2   1   0

    The depth, a running sum of the steps, is the number of threads that wait. Waits of 0 ns have no
    boundaries. At equal times, ends come first: then waits that only touch do not overlap.

    Attributes:
        events: the waits.
        wall: how long the recordings lasted.
        by_length: the rows of all waits, shortest first.
        time: of each boundary, run by run, in ascending order; ns since the run's earliest wait.
        wait: the row of each boundary's wait.
        step: 1 for a beginning, -1 for an end.
    """

    events: WaitTable
    wall: WallTime
    by_length: Ints
    time: Times
    wait: Ints
    step: npt.NDArray[np.int8]


def timeline_of(events: WaitTable, runs: Sequence[RunSpan] = ()) -> Timeline:
    """Return the timeline of waits that were recorded in these runs, one after the other.

    Raises:
        InputError: the times of one run are further apart than 64 bits hold (584 years).
    """
    times = [np.empty(0, dtype=np.uint64)]
    waits = [np.empty(0, dtype=np.int32)]
    steps = [np.empty(0, dtype=np.int8)]
    first = 0
    for run in runs or (RunSpan(len(events)),):
        rows = np.flatnonzero(events.wait_ns[first : first + run.events] > 0) + first
        first += run.events
        if not len(rows):
            continue
        start, end = times_from_earliest(events, rows)
        both = np.concatenate([end, start])
        order = np.argsort(both, kind="stable")
        times.append(both[order])
        steps.append(np.where(order < len(rows), np.int8(-1), np.int8(1)))
        waits.append(rows.astype(np.int32)[order % len(rows)])
    return Timeline(
        events=events,
        wall=wall_time_of(events, runs),
        by_length=np.argsort(events.wait_ns, kind="stable").astype(np.int32),
        time=np.concatenate(times),
        wait=np.concatenate(waits),
        step=np.concatenate(steps),
    )


def times_from_earliest(events: WaitTable, rows: Ints) -> tuple[Times, Times]:
    """Return the beginnings and ends of waits of one run, in ns since the earliest beginning.

    There must be at least one row.

    Raises:
        InputError: they are further apart than 64 bits hold.
    """
    starts = events.start_ns[rows]
    earliest = starts.min()
    start = starts.view(np.uint64) - earliest.view(np.uint64)  # exact for any signs
    end = start + events.wait_ns[rows].view(np.uint64)
    if bool((end < start).any()):
        raise InputError("the times of the waits are more than 2^64 ns apart: is a clock damaged?")
    return start, end


def wall_time_of(events: WaitTable, runs: Sequence[RunSpan]) -> WallTime:
    """Return the duration of the recordings."""
    wall_ns, early, late, first = 0, 0, 0, 0
    is_marked = bool(runs)
    for run in runs or (RunSpan(len(events)),):
        rows = np.arange(first, first + run.events)
        first += run.events
        is_marked = is_marked and None not in (run.begin_ns, run.end_ns)
        begins, ends = [run.begin_ns], [run.end_ns]
        if len(rows):
            earliest = int(events.start_ns[rows].min())
            start, end = times_from_earliest(events, rows)
            begins.append(earliest)
            ends.append(earliest + int(end.max()))
            if run.begin_ns is not None:
                early += int((start < clip_to_times(run.begin_ns - earliest)).sum())
            if run.end_ns is not None:
                is_late = end > clip_to_times(run.end_ns - earliest)
                late += int(is_late.sum()) if run.end_ns >= earliest else len(rows)
        first_ns = min((begin for begin in begins if begin is not None), default=None)
        last_ns = max((end for end in ends if end is not None), default=None)
        if first_ns is not None and last_ns is not None:
            wall_ns += max(last_ns - first_ns, 0)
    return WallTime(wall_ns, is_marked, early, late)


def clip_to_times(value: int) -> np.uint64:
    """Return the nearest time that unsigned 64 bits hold."""
    return np.uint64(min(max(value, 0), UINT64_MAX))


def overlaps(timeline: Timeline, parts: Sequence[Part], max_stacks: int = 0) -> Overlaps:
    """Return the overlap of the waits of the parts, by kind, class and row.

    Args:
        timeline: of all waits that the parts were added up from; it may have others.
        parts: the waits to use.
        max_stacks: the number of stacks of each row to compute the overlap for.
    """
    row_ids, row = rows_of_waits(timeline.events, parts)
    classes: dict[ClassId, int] = {}
    kinds: dict[ClassId, int] = {}
    class_of = [classes.setdefault(ClassId(kind, name), len(classes)) for kind, name, _ in row_ids]
    kind_of = [kinds.setdefault(ClassId(kind, ""), len(kinds)) for kind, _, _ in row_ids]

    def regrouped(numbers: list[int]) -> Ints:
        # Index -1 (no row) takes the last number: no group.
        return np.asarray([*numbers, NO_GROUP], dtype=np.int32)[row]

    by_row = sweep(timeline, row, len(row_ids))
    by_class = sweep(timeline, regrouped(class_of), len(classes))
    by_kind = sweep(timeline, regrouped(kind_of), len(kinds))
    return Overlaps(
        total=sweep(timeline, regrouped([0] * len(row_ids)), 1).get(0),
        classes={
            class_id: swept[number]
            for numbers, swept in ((kinds, by_kind), (classes, by_class))
            for class_id, number in numbers.items()
            if number in swept
        },
        rows={row_ids[number]: overlap for number, overlap in by_row.items()},
        stacks=_by_stack(timeline, row_ids, row, max_stacks) if max_stacks else {},
    )


def _by_stack(
    timeline: Timeline, row_ids: Sequence[RowId], row: Ints, max_stacks: int
) -> dict[RowId, tuple[tuple[Stack, Overlap], ...]]:
    """Return the overlap of the stacks with the longest waits, for each row."""
    events = timeline.events
    width = max(len(events.stacks), 1)
    codes = np.where(row == NO_GROUP, NO_GROUP, row.astype(np.int64) * width + events.stack_id)
    distinct, group = np.unique(codes, return_inverse=True)
    sums = group_sums(events.wait_ns, group, len(distinct))
    longest_first = sorted(
        (code // width, -wait_ns, events.stacks[code % width], number)
        for number, (code, wait_ns) in enumerate(zip(distinct.tolist(), sums, strict=True))
        if code != NO_GROUP
    )
    chosen: dict[RowId, list[tuple[Stack, int]]] = {}
    for row_number, _, stack, number in longest_first:
        stacks = chosen.setdefault(row_ids[row_number], [])
        if len(stacks) < max_stacks:
            stacks.append((stack, number))
    renumbered = np.full(len(distinct), NO_GROUP, dtype=np.int32)
    wanted = [number for stacks in chosen.values() for _, number in stacks]
    renumbered[wanted] = np.arange(len(wanted))
    swept = iter(sweep(timeline, renumbered[group], len(wanted)).values())
    return {
        row_id: tuple((stack, next(swept)) for stack, _ in stacks)
        for row_id, stacks in chosen.items()
    }


def sweep(timeline: Timeline, group: Ints, groups: int) -> dict[int, Overlap]:
    """Return the overlap of each group of waits, in ascending order, without empty groups.

    Args:
        timeline: of all waits.
        group: the number of each wait's group, or `NO_GROUP`.
        groups: the number of groups.
    """
    unions = _unions(timeline, group, groups)
    swept = {}
    for number, waits in _waits_by_length(timeline, group, groups):
        union_ns, peak = unions.get(number, (0, 0))
        wait_ns = _sum(waits)
        swept[number] = Overlap(wait_ns, union_ns, peak, quantiles_of(waits), _buckets(waits))
    return swept


def _unions(timeline: Timeline, group: Ints, groups: int) -> dict[int, tuple[int, int]]:
    """Return the length of the union, and the peak, of each group with any wait above 0 ns.

    The boundaries of group 0, which has two busy stretches, then those of group 1::

                  -------- group 0 --------   - group 1 -
        time       0   10   20   30   50   60     5    9
        step      +1   +1   -1   -1   +1   -1    +1   -1
        depth      1    2    1    0    1    0     1    0
        opening    *                   *          *           the boundary after a depth of 0
        closing                   *         *          *      a depth of 0

    The union of group 0 is (30 - 0) + (60 - 50). Each group ends at a depth of 0, so that one
    running sum serves all groups.
    """
    members, bounds = members_by_group(group[timeline.wait], groups)
    if not len(members):
        return {}
    time = timeline.time[members]
    depth = np.cumsum(timeline.step[members], dtype=np.int32)
    present = np.flatnonzero(np.diff(bounds))
    peaks = np.maximum.reduceat(depth, bounds[present])
    closing = np.flatnonzero(depth == 0)
    opening = np.concatenate([[0], closing[:-1] + 1])
    lengths = time[closing] - time[opening]
    firsts = np.searchsorted(closing, bounds[present])
    sums = segment_sums(lengths, firsts, UINT64_MAX)
    return {
        number: (union_ns, peak)
        for number, union_ns, peak in zip(present.tolist(), sums, peaks.tolist(), strict=True)
    }


def _waits_by_length(timeline: Timeline, group: Ints, groups: int) -> Iterator[tuple[int, Ints]]:
    """Yield the number of each group that is not empty, and its waits in ns, shortest first."""
    members, bounds = members_by_group(group[timeline.by_length], groups)
    waits = timeline.events.wait_ns[timeline.by_length[members]]
    for number in np.flatnonzero(np.diff(bounds)).tolist():
        yield number, waits[bounds[number] : bounds[number + 1]]


def _sum(values: Ints) -> int:
    """Return the exact sum of ascending values; there must be at least one."""
    if int(values[-1]) * len(values) > INT64_MAX:
        return sum(values.tolist())
    return int(values.sum())


def _buckets(waits: Ints) -> tuple[tuple[int, int], ...]:
    """Return (lower bound, count) for each power of two with any of the ascending waits in it."""
    bounds = [0, *(1 << power for power in range(_POWERS_OF_TWO))]
    firsts = [*np.searchsorted(waits, bounds).tolist(), len(waits)]
    return tuple(
        (low, after - before)
        for low, before, after in zip(bounds, firsts, firsts[1:], strict=False)
        if after > before
    )
