"""When was how much waited: single waits over the run, cut into equal pieces of time.

Owns the grid and its values. A column is a stretch of time, its cells are equal parts of it, the
first at the bottom, as in FlameScope. The value of a cell is the time that threads waited in it,
added up: each wait is cut at the edges of cells to the nanosecond, so that the cells, and what lies
before and after the recording, add up to all waits.

It refuses to draw (``render.heatmap`` does) and to say how waits overlap (``overlap``). Each
recording has a map of its own, since the clocks of two have nothing in common.

A wait is not handed out cell by cell: a beginning adds what is left of its cell there and a whole
cell to every later one, an end takes the same away. Two passes over the waits and one over the
cells are enough, however long waits are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pvprof.analysis.lock_table import RowId, rows_of_events
from pvprof.analysis.waits.groups import INT64, grouped, sums_from
from pvprof.analysis.waits.overlap import moments
from pvprof.classify.filters import Part
from pvprof.errors import UsageError
from pvprof.model.waits import RunSpan, WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]
    Times = npt.NDArray[np.uint64]

ROWS = 50
MOST_ROWS = 200
MOST_COLUMNS = 2_000
"""More are neither seen nor opened by a browser in reasonable time."""

_FITTING_COLUMNS = 120
_SPIKES = 5
_S = 1_000_000_000
_LONG_COLUMNS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)


@dataclass(frozen=True, slots=True)
class GridOptions:
    """How time is divided: cells of a column, and its length (0: by the length of the run)."""

    rows: int = ROWS
    column_ns: int = 0

    def check(self) -> None:
        """Raise `UsageError` where a column is not so many whole nanoseconds."""
        if self.column_ns % self.rows:
            raise UsageError(
                f"a column of {self.column_ns:,} ns has no {self.rows} equal cells of whole ns"
            )


@dataclass(frozen=True, slots=True)
class Grid:
    """How the time of one run is divided; all times are ns from where ``--from`` counts.

    Attributes:
        rows: cells of a column.
        cell_ns: length of a cell.
        left_ns: where the first column begins.
        columns: how many there are.
        begin_ns, end_ns: from when to when was recorded: the first and the last column may be so
            only in part.
    """

    rows: int
    cell_ns: int
    left_ns: int
    columns: int
    begin_ns: int
    end_ns: int

    @property
    def column_ns(self) -> int:
        """Return the length of a column."""
        return self.rows * self.cell_ns

    @property
    def cells(self) -> int:
        """Return how many cells there are."""
        return self.columns * self.rows

    def edges(self, first: int, last: int) -> tuple[int, int]:
        """Return from when to when the cells from `first` to before `last` were recorded."""
        left = self.left_ns + first * self.cell_ns
        right = self.left_ns + last * self.cell_ns
        return max(left, self.begin_ns), min(right, self.end_ns)


@dataclass(frozen=True, slots=True)
class Spike:
    """Neighbouring cells, each with at least half of what the hottest cell has.

    Attributes:
        first, last: the cells from `first` to before `last`, in the order of time.
        value: what was waited in them.
        hottest: the cell in it with the largest value.
    """

    first: int
    last: int
    value: int
    hottest: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The waits of one run in time.

    Attributes:
        name: of the recording.
        grid: how time is divided.
        values: of each cell, in the order of time: the ns that threads waited in it, together.
        tops: of each cell, which of `row_ids` was waited for longest in it; -1 where nothing was.
        row_ids: what was waited for.
        waits: how many waits there are.
        before_ns, after_ns: parts of waits outside of what was recorded, in no cell.
        spikes: where most was waited, the largest first.
    """

    name: str
    grid: Grid
    values: tuple[int, ...]
    tops: tuple[int, ...]
    row_ids: tuple[RowId, ...]
    waits: int
    before_ns: int
    after_ns: int
    spikes: tuple[Spike, ...]

    @property
    def inside_ns(self) -> int:
        """Return what all cells hold."""
        return sum(self.values)

    @property
    def total_ns(self) -> int:
        """Return all waits, those outside of every cell included."""
        return self.inside_ns + self.before_ns + self.after_ns


def heat_maps(
    events: WaitTable, runs: Sequence[RunSpan], parts: Sequence[Part], options: GridOptions
) -> tuple[HeatMap, ...]:
    """Return a map for each run, all with columns of one length.

    Args:
        events: the waits of the runs, one run after the other.
        runs: whose they are; none: all are of one run without marks.
        parts: which of the waits are wanted; others only say how long a run lasted.
        options: how time is divided.

    Raises:
        UsageError: the options make no grid, or one of more than `MOST_COLUMNS` columns.
        InputError: the times of one run are further apart than 64 bits hold.
    """
    options.check()
    row_ids, row = rows_of_events(events, parts)
    spans = [
        (run, rows, _span(events, rows, run))
        for run, rows in _rows_of_runs(events, runs)
        if len(rows) or None not in (run.begin_ns, run.end_ns)
    ]
    longest = max((end - max(begin, 0) for _, _, (_, begin, end) in spans), default=0)
    column_ns = options.column_ns or column_for(longest, options.rows)
    maps = []
    for run, rows, (origin, begin, end) in spans:
        grid = _grid(column_ns, options.rows, begin, end)
        maps.append(
            _heat_map(events, rows[row[rows] >= 0], (row_ids, row), (run.name, origin, grid))
        )
    return tuple(maps)


def column_for(duration_ns: int, rows: int) -> int:
    """Return the shortest round length of columns of which not too many make a run.

    From a second on it is a length that a clock has; else 1, 2 or 5 of some power of ten. It is
    rounded up to whole nanoseconds for each of the rows.
    """
    fitting = -(-duration_ns // _FITTING_COLUMNS)
    length = next((one for one in round_lengths() if one >= fitting), fitting)
    return -(-length // rows) * rows


def round_lengths() -> Iterator[int]:
    """Yield lengths of time that people count in, from 100 ns to a day, in ns."""
    yield from (digit * 10**power for power in range(2, 9) for digit in (1, 2, 5))
    yield from (length_s * _S for length_s in _LONG_COLUMNS_S)


def _rows_of_runs(events: WaitTable, runs: Sequence[RunSpan]) -> Iterator[tuple[RunSpan, Ints]]:
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    first = 0
    for run in runs or (RunSpan(len(events)),):
        yield run, np.arange(first, first + run.events)
        first += run.events


def _span(events: WaitTable, rows: Ints, run: RunSpan) -> tuple[int, int, int]:
    """Return where seconds are counted from, and from there when the run began and ended."""
    first = last = 0
    if len(rows):
        first = int(events.start_ns[rows].min())
        last = first + int(moments(events, rows)[1].max())
    begin = first if run.begin_ns is None else run.begin_ns
    end = max(last, begin) if run.end_ns is None else max(run.end_ns, begin)
    origin = begin if run.origin_ns is None else run.origin_ns
    return origin, begin - origin, end - origin


def _grid(column_ns: int, rows: int, begin: int, end: int) -> Grid:
    left = begin // column_ns * column_ns
    columns = max(-(-(end - left) // column_ns), 1)
    if columns > MOST_COLUMNS:
        raise UsageError(
            f"{columns:,} columns of {column_ns:,} ns are too many: at most {MOST_COLUMNS:,}",
            "longer columns (--column), or a part of the run (--from, --to)",
        )
    return Grid(rows, column_ns // rows, left, columns, begin, end)


def _heat_map(
    events: WaitTable,
    rows: Ints,
    sorts: tuple[tuple[RowId, ...], Ints],
    place: tuple[str, int, Grid],
) -> HeatMap:
    """Return the map of some waits of one run; `place` says of which, and where 0 is."""
    row_ids, row = sorts
    name, origin, grid = place
    if not len(rows):
        nothing = (0,) * grid.cells
        return HeatMap(name, grid, nothing, (-1,) * grid.cells, row_ids, 0, 0, 0, ())
    first, last, before_ns, after_ns = _inside(events, rows, origin, grid)
    values = _spread(first, last, grid).tolist()
    return HeatMap(
        name=name,
        grid=grid,
        values=tuple(values),
        tops=_tops(first, last, row[rows], len(row_ids), grid),
        row_ids=row_ids,
        waits=len(rows),
        before_ns=before_ns,
        after_ns=after_ns,
        spikes=_spikes(values),
    )


def _inside(events: WaitTable, rows: Ints, origin: int, grid: Grid) -> tuple[Ints, Ints, int, int]:
    """Return beginnings and ends within what was recorded, from the first column on.

    Also how much of the waits lies before and after it.
    """
    import numpy as np  # noqa: PLC0415

    start, end = moments(events, rows)
    since = int(events.start_ns[rows].min()) - origin  # where `start` and `end` count from
    low, high = (
        np.uint64(min(max(edge - since, 0), (1 << 64) - 1)) for edge in (grid.begin_ns, grid.end_ns)
    )
    before = np.minimum(end, low) - np.minimum(start, low)
    after = np.maximum(end, high) - np.maximum(start, high)
    shift = min(max(since, grid.begin_ns), grid.end_ns) - grid.left_ns
    first, last = (
        (np.clip(edge, low, high) - low).astype(np.int64) + shift for edge in (start, end)
    )
    outside = [sums_from(part, np.zeros(1, np.int64), 1 << 64)[0] for part in (before, after)]
    return first, last, outside[0], outside[1]


def _spread(first: Ints, last: Ints, grid: Grid) -> npt.NDArray[Any]:
    """Return for each cell how much of the waits from `first` to `last` lies in it."""
    import numpy as np  # noqa: PLC0415

    # May not fit: add up as Python's integers.
    kind = object if len(first) * grid.cell_ns >= INT64 else np.int64
    opened = np.zeros(grid.cells + 1, dtype=np.int64)
    parts = np.zeros(grid.cells + 1, dtype=kind)
    for moment, sign in ((first, 1), (last, -1)):
        cell = moment // grid.cell_ns
        opened += sign * np.bincount(cell, minlength=grid.cells + 1)
        np.add.at(parts, cell, sign * ((cell + 1) * grid.cell_ns - moment).astype(kind))
    whole = (np.cumsum(opened) - opened).astype(kind) * grid.cell_ns
    spread: npt.NDArray[Any] = (parts + whole)[:-1]
    return spread


def _tops(first: Ints, last: Ints, row: Ints, rows: int, grid: Grid) -> tuple[int, ...]:
    """Return for each cell the row that was waited for longest; of equal ones the first."""
    import numpy as np  # noqa: PLC0415

    order, bounds = grouped(row, rows)
    tops = np.full(grid.cells, -1, dtype=np.int64)
    largest = np.zeros(grid.cells, dtype=np.int64)
    for number in np.flatnonzero(np.diff(bounds)).tolist():
        some = order[bounds[number] : bounds[number + 1]]
        values = _spread(first[some], last[some], grid)
        is_larger = values > largest
        tops[is_larger] = number
        largest = np.where(is_larger, values, largest)
    return tuple(tops.tolist())


def _spikes(values: Sequence[int]) -> tuple[Spike, ...]:
    """Return the stretches of cells with at least half of the largest value, largest first."""
    largest = max(values)
    found = []
    first = 0
    for cell, value in enumerate([*values, 0]):
        if largest and 2 * value >= largest:
            continue
        if cell > first:
            some = values[first:cell]
            found.append(Spike(first, cell, sum(some), first + some.index(max(some))))
        first = cell + 1
    return tuple(sorted(found, key=lambda one: (-one.value, one.first))[:_SPIKES])
