"""The values of heat maps: how much was waited over time, and how long waits took.

Owns the sums. Each wait is cut at the edges of cells to the nanosecond, so that the cells, and what
is before and after the recorded time, add up to all waits. It refuses to draw (``render``) and to
compute how waits overlap (``overlap``). Each recording has its own map, since the clocks of two
have nothing in common.

Waits are not handed out cell by cell. A beginning adds the rest of its cell, and a whole cell to
each later one; an end subtracts the same::

    cells                 |    0    |    1    |    2    |    3    |
    a wait                       [================)
    beginning adds               3 ns     whole     whole     whole
    end subtracts                                    6 ns     whole
    sum                          3         10        4         0        of 10 ns each

So two passes over the waits and one over the cells are enough, however long the waits are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pvprof.analysis.lock_table import RowId
from pvprof.analysis.waits.groups import NO_GROUP, members_by_group, rows_of_waits, segment_sums
from pvprof.analysis.waits.heat_map import (
    MAX_COLUMNS,
    Grid,
    GridOptions,
    HeatMap,
    LatencyMap,
    LongWait,
    Spike,
    column_for,
    latency_bounds,
)
from pvprof.analysis.waits.overlap import clip_to_times, times_from_earliest
from pvprof.classify.filters import Part
from pvprof.errors import UsageError
from pvprof.model.arrays import INT64_MAX, UINT64_MAX
from pvprof.model.runs import RunSpan
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints

_MAX_SPIKES = 5


class _RunTime(NamedTuple):
    """When a run was recorded.

    Attributes:
        origin_ns: the moment from which ``--from`` counts, on the clock of the waits.
        begin_ns, end_ns: when recording began and ended, since `origin_ns`.
    """

    origin_ns: int
    begin_ns: int
    end_ns: int


def heat_maps(
    events: WaitTable, runs: Sequence[RunSpan], parts: Sequence[Part], options: GridOptions
) -> tuple[HeatMap, ...]:
    """Return a map for each run, all with columns of one length.

    Args:
        events: the waits of the runs, one run after the other.
        runs: the runs; if there are none, all waits are of one run without marks.
        parts: the waits to show; all of them count for the length of a run.
        options: how time is divided.

    Raises:
        UsageError: the options make no grid, or one of more than `MAX_COLUMNS` columns.
        InputError: the times of one run are further apart than 64 bits hold.
    """
    options.check()
    row_ids, row = rows_of_waits(events, parts)
    maps = []
    for run, rows, time, grid in _timed_runs(events, runs, options):
        shown = rows[row[rows] != NO_GROUP]
        maps.append(_heat_map(run, grid, row_ids, _Cut.of(events, shown, row, time, grid)))
    return tuple(maps)


def latency_maps(
    events: WaitTable, runs: Sequence[RunSpan], parts: Sequence[Part], column_ns: int = 0
) -> tuple[LatencyMap, ...]:
    """Return a map of latencies for each run, all with the same bins and columns of one length.

    Args:
        events: the waits of the runs, one run after the other.
        runs: the runs; if there are none, all waits are of one run without marks.
        parts: the waits to show; all of them count for the length of a run.
        column_ns: the length of a column; 0: by the length of the longest run.

    Raises:
        UsageError: there are more than `MAX_COLUMNS` columns.
        InputError: the times of one run are further apart than 64 bits hold.
    """
    row_ids, row = rows_of_waits(events, parts)
    kept = events.wait_ns[row != NO_GROUP]
    shortest, longest = (int(kept.min()), int(kept.max())) if len(kept) else (0, 0)
    bounds = latency_bounds(shortest, longest)
    return tuple(
        _latency_map(
            run,
            _Cut.of(events, shown, row, time, grid),
            events.wait_ns[shown],
            grid,
            (bounds, row_ids),
        )
        for run, rows, time, grid in _timed_runs(events, runs, GridOptions(1, column_ns))
        for shown in (rows[row[rows] != NO_GROUP],)
    )


def _timed_runs(
    events: WaitTable, runs: Sequence[RunSpan], options: GridOptions
) -> list[tuple[RunSpan, Ints, _RunTime, Grid]]:
    """Return each run with its rows of the table, its times, and its grid."""
    timed = [
        (run, rows, _run_time(events, rows, run))
        for run, rows in _rows_by_run(events, runs)
        if len(rows) or None not in (run.begin_ns, run.end_ns)
    ]
    longest = max((time.end_ns - max(time.begin_ns, 0) for _, _, time in timed), default=0)
    column_ns = options.column_ns or column_for(longest, options.rows)
    return [(run, rows, time, _grid(column_ns, options.rows, time)) for run, rows, time in timed]


def _rows_by_run(events: WaitTable, runs: Sequence[RunSpan]) -> Iterator[tuple[RunSpan, Ints]]:
    first = 0
    for run in runs or (RunSpan(len(events)),):
        yield run, np.arange(first, first + run.events)
        first += run.events


def _run_time(events: WaitTable, rows: Ints, run: RunSpan) -> _RunTime:
    first = last = 0
    if len(rows):
        first = int(events.start_ns[rows].min())
        last = first + int(times_from_earliest(events, rows)[1].max())
    begin = first if run.begin_ns is None else run.begin_ns
    end = max(last, begin) if run.end_ns is None else max(run.end_ns, begin)
    origin = begin if run.origin_ns is None else run.origin_ns
    return _RunTime(origin, begin - origin, end - origin)


def _grid(column_ns: int, rows: int, time: _RunTime) -> Grid:
    left_ns = time.begin_ns // column_ns * column_ns
    columns = max(-(-(time.end_ns - left_ns) // column_ns), 1)
    if columns > MAX_COLUMNS:
        raise UsageError(
            f"{columns:,} columns of {column_ns:,} ns are too many: at most {MAX_COLUMNS:,}",
            "longer columns (--column), or a part of the run (--from, --to)",
        )
    return Grid(rows, column_ns // rows, left_ns, columns, time.begin_ns, time.end_ns)


class _Cut(NamedTuple):
    """Waits of one run, cut to the recorded time.

    Attributes:
        first, last: the beginning and end of each wait, in ns since the left edge of the grid.
        row: of each wait in the lock table.
        before_ns, after_ns: the sums of what was cut off.
    """

    first: Ints
    last: Ints
    row: Ints
    before_ns: int
    after_ns: int

    @classmethod
    def of(cls, events: WaitTable, rows: Ints, row: Ints, time: _RunTime, grid: Grid) -> _Cut:
        """Cut the waits in these rows of the table; `row` has the lock table's row of all waits."""
        if not len(rows):
            nothing = np.empty(0, dtype=np.int64)
            return cls(nothing, nothing, nothing, 0, 0)
        start, end = times_from_earliest(events, rows)
        earliest = int(events.start_ns[rows].min()) - time.origin_ns
        low, high = (clip_to_times(edge - earliest) for edge in (grid.begin_ns, grid.end_ns))
        before = np.minimum(end, low) - np.minimum(start, low)
        after = np.maximum(end, high) - np.maximum(start, high)
        shift = min(max(earliest, grid.begin_ns), grid.end_ns) - grid.left_ns
        first, last = (
            (np.clip(moment, low, high) - low).astype(np.int64) + shift for moment in (start, end)
        )
        before_ns, after_ns = (
            segment_sums(part, np.zeros(1, np.int64), UINT64_MAX)[0] for part in (before, after)
        )
        return cls(first, last, row[rows], before_ns, after_ns)


def _heat_map(run: RunSpan, grid: Grid, row_ids: tuple[RowId, ...], cut: _Cut) -> HeatMap:
    values = _cell_sums(cut.first, cut.last, grid).tolist()
    return HeatMap(
        name=run.name,
        path=run.path,
        grid=grid,
        values=tuple(values),
        tops=_tops(cut, len(row_ids), grid),
        row_ids=row_ids,
        waits=len(cut.row),
        before_ns=cut.before_ns,
        after_ns=cut.after_ns,
        spikes=_spikes(values),
    )


def _cell_sums(first: Ints, last: Ints, grid: Grid) -> npt.NDArray[Any]:
    """Return for each cell the ns of the waits from `first` to `last` in it.

    See the drawing above: `partial` has what boundaries add in their own cell, `open_count` how
    many more waits began than ended in the cells so far.
    """
    # Sums that may not fit into 64 bits are Python's integers.
    dtype = object if len(first) * grid.cell_ns > INT64_MAX else np.int64
    began = np.zeros(grid.cells + 1, dtype=np.int64)  # one cell more: ends at the right edge
    partial = np.zeros(grid.cells + 1, dtype=dtype)
    for moment, sign in ((first, 1), (last, -1)):
        cell = moment // grid.cell_ns
        began += sign * np.bincount(cell, minlength=grid.cells + 1)
        np.add.at(partial, cell, sign * ((cell + 1) * grid.cell_ns - moment).astype(dtype))
    open_count = np.cumsum(began) - began
    sums: npt.NDArray[Any] = (partial + open_count.astype(dtype) * grid.cell_ns)[:-1]
    return sums


def _tops(cut: _Cut, rows: int, grid: Grid) -> tuple[int, ...]:
    """Return for each cell the row with the longest waits; of equally long ones the first."""
    members, bounds = members_by_group(cut.row, rows)
    tops = np.full(grid.cells, NO_GROUP, dtype=np.int64)
    largest = np.zeros(grid.cells, dtype=np.int64)
    for row in np.flatnonzero(np.diff(bounds)).tolist():
        waits = members[bounds[row] : bounds[row + 1]]
        sums = _cell_sums(cut.first[waits], cut.last[waits], grid)
        is_larger = sums > largest
        tops[is_larger] = row
        largest = np.where(is_larger, sums, largest)
    return tuple(tops.tolist())


def _spikes(values: Sequence[int]) -> tuple[Spike, ...]:
    """Return the stretches of cells with at least half of the largest value, largest first."""
    largest = max(values)
    spikes = []
    first = 0
    for cell, value in enumerate([*values, 0]):
        if largest and 2 * value >= largest:
            continue
        if cell > first:
            stretch = values[first:cell]
            spikes.append(Spike(first, cell, sum(stretch), first + stretch.index(max(stretch))))
        first = cell + 1
    return tuple(sorted(spikes, key=lambda spike: (-spike.value, spike.first))[:_MAX_SPIKES])


def _latency_map(
    run: RunSpan,
    cut: _Cut,
    wait_ns: Ints,
    grid: Grid,
    shared: tuple[tuple[int, ...], tuple[RowId, ...]],
) -> LatencyMap:
    """Return the map of a run; `shared` has the bounds of bins and what was waited for."""
    bounds, row_ids = shared
    rows = len(bounds) - 1
    column = np.minimum(cut.last // grid.cell_ns, grid.columns - 1)
    cell = column * rows + np.searchsorted(bounds, wait_ns, side="right") - 1
    cells = grid.columns * rows
    sums = _sums_by_group(cell, wait_ns, cells)
    pair = cell * len(row_ids) + cut.row
    pairs, pair_of = np.unique(pair, return_inverse=True)
    largest: dict[int, tuple[int, int]] = {}
    for number, value in zip(
        pairs.tolist(), _sums_by_group(pair_of, wait_ns, len(pairs)), strict=True
    ):
        where, what = divmod(number, len(row_ids))
        if where not in largest or value > largest[where][0]:
            largest[where] = (value, what)
    order = np.lexsort((cut.first, -wait_ns))[:_MAX_SPIKES].tolist()
    return LatencyMap(
        name=run.name,
        path=run.path,
        grid=grid,
        bounds=bounds,
        counts=tuple(np.bincount(cell, minlength=cells).tolist()),
        sums_ns=tuple(sums),
        tops=tuple(largest[where][1] if where in largest else NO_GROUP for where in range(cells)),
        row_ids=row_ids,
        longest=tuple(
            LongWait(
                int(cut.first[wait]) + grid.left_ns,
                int(cut.last[wait]) + grid.left_ns,
                int(wait_ns[wait]),
                int(cell[wait]),
                row_ids[int(cut.row[wait])],
            )
            for wait in order
        ),
    )


def _sums_by_group(group: Ints, wait_ns: Ints, groups: int) -> list[int]:
    """Return the sum of the waits of each group, exact."""
    largest = int(wait_ns.max()) if len(wait_ns) else 0
    dtype = object if len(wait_ns) * largest > INT64_MAX else np.int64
    sums = np.zeros(groups, dtype=dtype)
    np.add.at(sums, group, wait_ns.astype(dtype))
    return [int(value) for value in sums]
