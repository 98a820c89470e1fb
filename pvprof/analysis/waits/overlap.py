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

from bisect import bisect_left
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.analysis.lock_table import Quantiles, RowId, quantiles_of
from pvprof.analysis.waits.groups import (
    NO_GROUP,
    group_sums,
    members_by_group,
    numbered,
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
    """The beginnings of all waits, to be swept for any grouping.

    Attributes:
        events: the waits.
        wall: how long the recordings lasted.
        start: of each wait, ns since its run's earliest wait.
        run_bounds: the first row of each run, and the number of rows.
    """

    events: WaitTable
    wall: WallTime
    start: Times
    run_bounds: Ints


def timeline_of(
    events: WaitTable, runs: Sequence[RunSpan] = (), start: Times | None = None
) -> Timeline:
    """Return the timeline of waits that were recorded in these runs, one after the other.

    Args:
        events: the waits.
        runs: the recordings.
        start: of each wait, ns since its run's earliest wait, if it is known.

    Raises:
        InputError: the times of one run are further apart than 64 bits hold (584 years).
    """
    bounds = np.cumsum([0, *(run.events for run in runs or (RunSpan(len(events)),))])
    if start is None:
        start = np.empty(len(events), dtype=np.uint64)
        for first, last in pairwise(bounds.tolist()):
            start[first:last], _ = times_from_earliest(events, slice(first, last))
    return Timeline(events, wall_time_of(events, runs), start, bounds)


def times_from_earliest(events: WaitTable, rows: slice | Ints) -> tuple[Times, Times]:
    """Return the beginnings and ends of waits of one run, in ns since the earliest beginning.

    Raises:
        InputError: they are further apart than 64 bits hold.
    """
    starts = events.start_ns[rows]
    earliest = starts.min(initial=INT64_MAX)
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
        rows = slice(first, first + run.events)
        first += run.events
        is_marked = is_marked and None not in (run.begin_ns, run.end_ns)
        begins, ends = [run.begin_ns], [run.end_ns]
        if run.events:
            earliest = int(events.start_ns[rows].min())
            start, end = times_from_earliest(events, rows)
            begins.append(earliest)
            ends.append(earliest + int(end.max()))
            if run.begin_ns is not None:
                early += int((start < clip_to_times(run.begin_ns - earliest)).sum())
            if run.end_ns is not None:
                is_late = end > clip_to_times(run.end_ns - earliest)
                late += int(is_late.sum()) if run.end_ns >= earliest else run.events
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
    of_all = by_kind if len(kinds) == 1 else sweep(timeline, regrouped([0] * len(row_ids)), 1)
    return Overlaps(
        total=of_all.get(0),
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
    width = events.code_width
    codes = np.where(row == NO_GROUP, NO_GROUP, row.astype(np.int64) * width + events.stack_id)
    distinct, group = numbered(codes)
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
    members, bounds = members_by_group(group, groups)
    present = np.flatnonzero(np.diff(bounds))
    cuts = np.append(bounds[present], len(members))
    wait_ns = timeline.events.wait_ns.take(members)
    unions = _unions(timeline, members, wait_ns, cuts)
    swept = {}
    for number, (first, last), (union_ns, peak) in zip(
        present.tolist(), pairwise(cuts.tolist()), unions, strict=True
    ):
        waits = wait_ns[first:last]
        waits.sort()
        quantiles, buckets = quantiles_of(waits), _buckets(waits)
        swept[number] = Overlap(_sum(waits), union_ns, peak, quantiles, buckets)
    return swept


def _unions(
    timeline: Timeline, members: Ints, wait_ns: Ints, cuts: Ints
) -> Iterator[tuple[int, int]]:
    """Yield the length of the union, and the peak, of each group of waits.

    Beginnings and ends of a group are sorted, each by themselves. A busy stretch opens where all
    waits that began before have ended, that is, where the last of as many ends is not later::

        wait 0     [==============)               number     0   1   2
        wait 1          [==============)          start      0  10  50
        wait 2                         [====)     end       30  50  60     end of number 1 <= 50
                   0   10   20   30   40   50     opens      *       *

        the union: (end 1 - start 0) + (end 2 - start 2) = (50 - 0) + (60 - 50)

    Args:
        timeline: of all waits.
        members: the rows of group 0, then those of group 1, ...; run by run in each.
        wait_ns: their lengths.
        cuts: the first member of each group, and the number of members.
    """
    start = timeline.start.take(members)
    end = start + wait_ns.view(np.uint64)
    if len(wait_ns) and not wait_ns.min():  # waits of 0 ns overlap nothing
        is_long = wait_ns > 0
        start, end, members = start[is_long], end[is_long], members[is_long]
        cuts = np.append(0, np.cumsum(is_long))[cuts]
    run = np.searchsorted(timeline.run_bounds, members, "right")
    stretches = np.unique(np.concatenate([cuts, np.flatnonzero(np.diff(run)) + 1]))
    peaks = []
    for first, last in pairwise(stretches.tolist()):
        start[first:last].sort()
        end[first:last].sort()
        peaks.append(_peak(start[first:last], end[first:last]))
    opens = np.ones(len(start), dtype=np.bool_)
    opens[1:] = end[:-1] <= start[1:]
    opens[stretches[:-1]] = True
    opening = np.flatnonzero(opens)
    lengths = end[np.append(opening[1:], len(start))[: len(opening)] - 1] - start[opening]
    for (first, last), (low, high) in zip(
        pairwise(np.searchsorted(opening, cuts).tolist()),
        pairwise(np.searchsorted(stretches, cuts).tolist()),
        strict=True,
    ):
        stretch_ns = lengths[first:last]
        union_ns = (
            segment_sums(stretch_ns, np.zeros(1, np.int64), UINT64_MAX)[0] if high > low else 0
        )
        yield union_ns, max(peaks[low:high], default=0)


def _peak(start: Times, end: Times) -> int:
    """Return the largest number of waits at once, of beginnings and ends in ascending order.

    More than n waits are at once where a wait begins before the end n places before its own::

        start      0  10  20  50
        end       30  40  50  60      n = 2: 20 < 30, more than 2; n = 3: 50 >= 30, no more than 3
    """

    def is_more_than(number: int) -> bool:
        return bool((start[number:] < end[: max(len(end) - number, 0)]).any())

    high = 1
    while high < len(start) and is_more_than(high):
        high *= 2
    # All numbers up to half of `high` are exceeded, those from `high` on are not.
    return bisect_left(range(high), True, high // 2 + 1, key=lambda n: not is_more_than(n))


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
