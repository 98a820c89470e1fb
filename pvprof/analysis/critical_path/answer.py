"""What the critical path says: which waits cost how much of the run.

Owns the table of causes: everything that the path spent its time on. Its rows add up to the length
of the path. A cause is a lock class of the kernel, or, of other kinds of wait, what was waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.analysis.critical_path.cause_rows import (
    RUNNABLE,
    STATE_CAUSES,
    Cause,
    CauseRow,
    WhatIf,
)
from pvprof.analysis.critical_path.causes import Pieces, pieces_of
from pvprof.analysis.critical_path.graph import PathGraph, WaitEnd, graph_of, run_tables
from pvprof.analysis.critical_path.replay import Trial, replay_of
from pvprof.analysis.critical_path.target import PathThread, name_of, pids_of, target_of
from pvprof.analysis.critical_path.walk import NO_WAIT, Path, State, walk
from pvprof.analysis.lock_table import RowId
from pvprof.analysis.waits.groups import NO_GROUP, rows_of_waits
from pvprof.analysis.waits.overlap import sweep, timeline_of
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.rules import KERNEL, OTHER, WaitKind
from pvprof.errors import UsageError
from pvprof.model.problems import Problem, merge_problems
from pvprof.model.runs import RunSpan
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints


_NO_CAUSE = frozenset[int]()
"""The waits of no cause take no time; threads may wait for no CPU."""


@dataclass(frozen=True, slots=True)
class ThreadShare:
    """A thread of the path, by the number of its life, and how much of the path is there."""

    life: int
    execname: str
    pid: int
    tid: int
    path_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class RunPath:
    """The path of one run, with everything that it was made from.

    Attributes:
        run: the recording.
        graph, path, pieces: of the run.
        target: whose path it is.
        cause: for each wait of the graph the index of its cause in `PathReport.causes`.
        threads: of the path, the longest first.
    """

    run: RunSpan
    graph: PathGraph
    path: Path
    pieces: Pieces
    target: PathThread
    cause: Ints
    threads: tuple[ThreadShare, ...]


class Segment(NamedTuple):
    """A part of a path: a thread, its time on the clock of the waits, what it did, what for.

    `row` is the row of the wait that it counts for, in the `WaitTable`, or `NO_WAIT`.
    """

    life: int
    tid: int
    begin_ns: int
    end_ns: int
    state: State
    cause: Cause
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class PathReport:
    """The critical paths of the runs of a measurement, added up.

    Attributes:
        measured: the measurement.
        names, problems, provenance: of the recordings.
        kinds: the wait kinds, in order.
        runs: one for each recording that has the thread.
        causes: of the waits.
        rows: of the causes on the path, the longest first; they add up to `length_ns`. Empty if
            they were not wanted.
        everything: if no wait of a row with a `WhatIf` took any time.
        unseen_ns: how long the path is in waits whose wake-up was not recorded, or was by a thread
            whose beginning was not.
        outside_ns: how long it is in waits that a thread ended of which nothing was recorded.
        interrupt_ns: how long it is in waits that an interrupt ended: of a device or a timer.
    """

    measured: ClassifiedMeasurement
    names: tuple[str, ...]
    problems: tuple[Problem, ...]
    provenance: tuple[tuple[str, str], ...]
    kinds: tuple[WaitKind, ...]
    runs: tuple[RunPath, ...]
    causes: tuple[Cause, ...]
    rows: tuple[CauseRow, ...]
    everything: WhatIf
    unseen_ns: int
    outside_ns: int
    interrupt_ns: int

    @property
    def length_ns(self) -> int:
        """Return the time from the beginning to the end, of all runs."""
        return sum(run.path.length_ns for run in self.runs)

    @property
    def unknown_ns(self) -> int:
        """Return for how long nothing is known of the thread of the path."""
        return sum(row.state_ns[State.UNKNOWN] for row in self.rows)

    @property
    def events(self) -> WaitTable:
        """Return the waits of all runs."""
        events = self.measured.measurement.events
        assert events is not None  # `path_report` refuses a measurement without
        return events

    def segments(self, run: RunPath) -> Iterator[Segment]:
        """Yield the parts of the path of a run, in order of time."""
        pieces, path, begin_ns = run.pieces, run.path, run.graph.begin_ns
        columns = (pieces.segment, pieces.starts, pieces.ends, pieces.causes)
        for number, start, end, wait in zip(*(one.tolist() for one in columns), strict=True):
            life, state = int(path.lives[number]), State(int(path.states[number]))
            cause = STATE_CAUSES[state] if wait == NO_WAIT else self.causes[run.cause[wait]]
            tid = int(run.graph.lives.tid[life])
            row = NO_WAIT if wait == NO_WAIT else int(run.graph.row[wait])
            yield Segment(life, tid, begin_ns + start, begin_ns + end, state, cause, row)


def path_report(
    classified: Classified, thread_id: int | None = None, has_rows: bool = True
) -> PathReport:
    """Return the critical path of each run, and what it counts for.

    Args:
        classified: the recordings; the kinds of wait that its filters keep are causes that count.
        thread_id: of the thread, or of the process; None for the first thread of the workload.
        has_rows: whether the table of causes is wanted; most of the time goes into it.

    The measurement is the one whose threads were recorded, or else the one with single waits.

    Raises:
        UsageError: there are no single waits, or no such thread.
        InputError: the clock is damaged.
    """
    measured = classified.with_threads()
    measurement = measured.measurement
    events = measurement.events
    if events is None or not len(events):
        raise UsageError(
            "the critical path needs single waits; these are sums",
            "pvprof record path, or pvprof record events --wakers, records them",
        )
    causes, cause_of, is_kept = _causes_of(measured, events)
    runs: list[RunPath] = []
    for tables in run_tables(events, measurement.wakeups, measurement.threads, measurement.runs):
        graph = graph_of(tables)
        target = target_of(graph, events, thread_id)
        if target is not None:
            runs.append(_run_path(tables.run, graph, target, measured, (cause_of, is_kept)))
    if not runs:
        raise UsageError(
            f"--of {thread_id}: no thread or process with this id waited",
            "pvprof locks --ids tid names them",
        )
    rows: tuple[CauseRow, ...] = ()
    everything = WhatIf(0, 0)
    if has_rows:
        sums = _WaitSums.of(measured, events, cause_of, len(causes))
        rows, everything = _added_up(_rows(run, causes, is_kept, sums) for run in runs)
    return PathReport(
        measured=measured,
        names=classified.dataset.names,
        problems=merge_problems(classified.dataset.problems),
        provenance=classified.dataset.provenance,
        kinds=classified.rules.kinds,
        runs=tuple(runs),
        causes=causes,
        rows=rows,
        everything=everything,
        unseen_ns=sum(_ended_by(run, WaitEnd.THREAD, WaitEnd.UNKNOWN) for run in runs),
        outside_ns=sum(_ended_by(run, WaitEnd.OUTSIDE) for run in runs),
        interrupt_ns=sum(_ended_by(run, WaitEnd.INTERRUPT) for run in runs),
    )


def _added_up(
    of_runs: Iterable[tuple[list[CauseRow], WhatIf]],
) -> tuple[tuple[CauseRow, ...], WhatIf]:
    """Return the rows of all runs by cause, the longest first, and what all of them would save."""
    rows: dict[Cause, CauseRow] = {}
    everything = WhatIf(0, 0)
    for found, all_free in of_runs:
        everything = everything.plus(all_free)
        for row in found:
            rows[row.cause] = rows[row.cause].plus(row) if row.cause in rows else row
    in_order = sorted(rows.values(), key=lambda row: (-row.path_ns, row.cause))
    return tuple(in_order), everything


def _causes_of(
    measured: ClassifiedMeasurement, events: WaitTable
) -> tuple[tuple[Cause, ...], Ints, Bools]:
    """Return the causes, for each wait the index of its cause, and whether the filters keep it."""
    row_ids, row = rows_of_waits(events, measured.parts)
    _, kept = rows_of_waits(events, measured.kept)
    causes: dict[Cause, int] = {}
    numbers = [causes.setdefault(_cause(row_id), len(causes)) for row_id in row_ids]
    return tuple(causes), np.asarray([*numbers, NO_GROUP], np.int32)[row], kept != NO_GROUP


def _cause(row_id: RowId) -> Cause:
    kind, lock_class, name = row_id
    is_class = kind == KERNEL and lock_class not in ("", OTHER)
    return Cause(kind, lock_class if is_class else name)


def _run_path(
    run: RunSpan,
    graph: PathGraph,
    target: PathThread,
    measured: ClassifiedMeasurement,
    of_waits: tuple[Ints, Bools],
) -> RunPath:
    measurement = measured.measurement
    events, threads = measurement.events, measurement.threads
    assert events is not None
    cause_of, is_kept = of_waits
    path = walk(graph, target.life)
    counts = is_kept[graph.row] & (graph.how != WaitEnd.NOBODY)
    names = () if threads is None else tuple(key.execname for key in threads.keys)
    lives, number = np.unique(path.lives, return_inverse=True)
    lengths = np.zeros(len(lives), dtype=np.int64)
    np.add.at(lengths, number, path.ends - path.starts)
    pids = pids_of(graph, events)
    shares = [
        ThreadShare(
            life,
            name_of(graph, events, names, life),
            int(pids[life]),
            int(graph.lives.tid[life]),
            length,
        )
        for life, length in zip(lives.tolist(), lengths.tolist(), strict=True)
    ]
    return RunPath(
        run=run,
        graph=graph,
        path=path,
        pieces=pieces_of(graph, path, counts),
        target=target,
        cause=cause_of[graph.row],
        threads=tuple(sorted(shares, key=lambda share: (-share.path_ns, share.tid))),
    )


class _WaitSums(NamedTuple):
    """All waits for each cause, in all runs: their sum, number and union, by index."""

    wait_ns: list[int]
    number: list[int]
    union_ns: list[int]

    @classmethod
    def of(
        cls, measured: ClassifiedMeasurement, events: WaitTable, cause_of: Ints, number: int
    ) -> _WaitSums:
        swept = sweep(timeline_of(events, measured.measurement.runs), cause_of, number)
        overlaps = [swept.get(index) for index in range(number)]
        return cls(
            [0 if one is None else one.wait_ns for one in overlaps],
            [0 if one is None else one.count for one in overlaps],
            [0 if one is None else one.union_ns for one in overlaps],
        )


def _rows(
    run: RunPath, causes: Sequence[Cause], is_kept: Bools, sums: _WaitSums
) -> tuple[list[CauseRow], WhatIf]:
    """Return the causes of one run, and what would be if none of those that count took any time."""
    counts = is_kept[run.graph.row] & (run.graph.how != WaitEnd.NOBODY)
    group = np.where(counts, run.cause, NO_GROUP)
    present = set(np.unique(group).tolist())
    times = _times_by_cause(run, causes)
    index = {cause: causes.index(cause) for cause in times if cause.kind}
    free = {cause: frozenset([one]) for cause, one in index.items() if one in present}
    all_free = frozenset[int]().union(*free.values())
    what_if = _what_if(run, group, [*free.values(), all_free, _NO_CAUSE])
    rows = []
    for cause, state_ns in times.items():
        of_waits = (0, 0, 0)
        sooner = what_if[free[cause]] if cause in free else None
        if cause.kind:
            number = index[cause]
            of_waits = (sums.wait_ns[number], sums.number[number], sums.union_ns[number])
        elif cause == RUNNABLE:
            gain = what_if[_NO_CAUSE].at_most_ns
            sooner = WhatIf(gain, gain)
        rows.append(CauseRow(cause, sum(state_ns), state_ns, *of_waits, sooner))
    return rows, what_if[all_free] if free else WhatIf(0, 0)


def _what_if(
    run: RunPath, group: Ints, free: Iterable[frozenset[int]]
) -> dict[frozenset[int], WhatIf]:
    """Map each set of groups of waits to what would be if none of them took any time."""
    distinct = list(dict.fromkeys(free))
    trials = [Trial(groups, is_cpu_free) for is_cpu_free in (False, True) for groups in distinct]
    gains = replay_of(run.graph, run.path).gains_ns(group, trials)
    half = len(distinct)
    return dict(zip(distinct, map(WhatIf, gains[:half], gains[half:]), strict=True))


def _times_by_cause(
    run: RunPath, causes: Sequence[Cause]
) -> dict[Cause, tuple[int, int, int, int]]:
    """Return for each cause of the path how long it was in each state."""
    pieces, path = run.pieces, run.path
    states = path.states[pieces.segment]
    index = np.where(pieces.causes == NO_WAIT, NO_GROUP, run.cause[pieces.causes])
    lengths = pieces.ends - pieces.starts
    times: dict[Cause, list[int]] = {}
    for number in np.unique(index).tolist():
        for state in State:
            chosen = (index == number) & (states == state)
            if chosen.any():
                cause = causes[number] if number != NO_GROUP else STATE_CAUSES[state]
                times.setdefault(cause, [0, 0, 0, 0])[state] += int(lengths[chosen].sum())
    return {cause: (one[0], one[1], one[2], one[3]) for cause, one in times.items()}


def _ended_by(run: RunPath, *wakers: WaitEnd) -> int:
    """Return the time of the path that is in waits that these ended."""
    path = run.path
    waiting = np.flatnonzero(path.states == State.WAITING)
    is_wanted = np.isin(run.graph.how[path.waits[waiting]], wakers)
    return int((path.ends - path.starts)[waiting[is_wanted]].sum())
