"""The values of the two forms of a heat map: how long waits took, and when threads waited.

Owns the types, the length of columns and the bins of latencies. It refuses to compute values
(``heat_grid`` does) and to draw (``render`` does).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.analysis.lock_table import RowId
from pvprof.errors import UsageError
from pvprof.units import NS_PER_S

ROWS = 50
MAX_ROWS = 200
MAX_COLUMNS = 2_000
"""A browser does not open more in reasonable time, and no one can see them."""

_FITTING_COLUMNS = 120
# Ten steps to the tenfold, each the same factor, in thousandths.
_DECADE = (1000, 1259, 1585, 1995, 2512, 3162, 3981, 5012, 6310, 7943)
_LONG_COLUMNS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)


@dataclass(frozen=True, slots=True)
class GridOptions:
    """How time is divided: cells per column, and its length (0: by the length of the run)."""

    rows: int = ROWS
    column_ns: int = 0

    def check(self) -> None:
        """Refuse a column that is not divisible into cells of whole nanoseconds.

        Raises:
            UsageError: it is not.
        """
        if self.column_ns % self.rows:
            raise UsageError(
                f"a column of {self.column_ns:,} ns has no {self.rows} equal cells of whole ns"
            )


@dataclass(frozen=True, slots=True)
class Grid:
    """How the time of one run is divided.

    Two columns of three cells (``rows``); cells are numbered in order of time::

        cell 2 | cell 5        Cell n covers the time from left_ns + n * cell_ns
        cell 1 | cell 4        to left_ns + (n + 1) * cell_ns.
        cell 0 | cell 3

    All times are in ns since the moment from which ``--from`` counts.

    Attributes:
        rows: cells per column.
        cell_ns: length of a cell.
        left_ns: the beginning of the first column, a multiple of the column's length.
        columns: the number of columns.
        begin_ns, end_ns: when recording began and ended: within the first and the last column.
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
        """Return the number of cells."""
        return self.columns * self.rows

    def edges(self, first: int, last: int) -> tuple[int, int]:
        """Return the recorded time of the cells from `first` to before `last`."""
        left = self.left_ns + first * self.cell_ns
        right = self.left_ns + last * self.cell_ns
        return max(left, self.begin_ns), min(right, self.end_ns)


@dataclass(frozen=True, slots=True)
class Spike:
    """Neighbouring cells that each have at least half of the value of the hottest cell.

    Attributes:
        first, last: the cells from `first` to before `last`, in order of time.
        value: their sum.
        hottest: the cell with the largest value.
    """

    first: int
    last: int
    value: int
    hottest: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    """When threads waited: the waits of one run over time.

    Attributes:
        name: of the recording.
        path: of the recording; empty if unknown.
        grid: how time is divided.
        values: for each cell, the ns that threads waited in it, added up.
        tops: for each cell, the index in `row_ids` with the longest waits in it; -1 if none waited.
        row_ids: what was waited for.
        waits: the number of waits.
        before_ns, after_ns: the parts of waits before and after the recorded time, in no cell.
        spikes: the hottest stretches, largest value first.
    """

    name: str
    path: str
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
        """Return the sum of all cells."""
        return sum(self.values)

    @property
    def total_ns(self) -> int:
        """Return the sum of all waits, with the parts in no cell."""
        return self.inside_ns + self.before_ns + self.after_ns


@dataclass(frozen=True, slots=True)
class LongWait:
    """One of the longest waits of a run.

    Attributes:
        begin_ns, end_ns: when, within the recorded time.
        wait_ns: how long it took.
        cell: the cell that it is in.
        row_id: what was waited for.
    """

    begin_ns: int
    end_ns: int
    wait_ns: int
    cell: int
    row_id: RowId


@dataclass(frozen=True, slots=True)
class LatencyMap:
    """How long the waits of one run took: each counts in the column in which it ended.

    Two columns of three cells: cell n is in column n // 3, its waits took at least
    ``bounds[n % 3]`` and less than the next bound::

        cell 2 | cell 5
        cell 1 | cell 4
        cell 0 | cell 3

    Attributes:
        name: of the recording.
        path: of the recording; empty if unknown.
        grid: how time is divided into columns; each is one cell of it.
        bounds: of the bins, in ns, ascending; one more than there are bins.
        counts: for each cell, the number of waits.
        sums_ns: for each cell, how long its waits took together, before and after the recorded
            time, too.
        tops: for each cell, the index in `row_ids` with the longest waits in it; -1 if it is empty.
        row_ids: what was waited for.
        longest: the longest waits, longest first.
    """

    name: str
    path: str
    grid: Grid
    bounds: tuple[int, ...]
    counts: tuple[int, ...]
    sums_ns: tuple[int, ...]
    tops: tuple[int, ...]
    row_ids: tuple[RowId, ...]
    longest: tuple[LongWait, ...]

    @property
    def rows(self) -> int:
        """Return the number of bins."""
        return len(self.bounds) - 1

    @property
    def waits(self) -> int:
        """Return the number of waits."""
        return sum(self.counts)

    @property
    def total_ns(self) -> int:
        """Return the sum of all waits."""
        return sum(self.sums_ns)


def latency_bounds(shortest_ns: int, longest_ns: int) -> tuple[int, ...]:
    """Return bounds of bins that hold all latencies between these two, in ns.

    Bins have equal lengths on a logarithmic scale: ten in each power of ten, or five if the
    latencies span more than four of them.
    """
    per_decade = 10 if longest_ns < 10_000 * max(shortest_ns, 1) else 5
    steps = _DECADE[:: len(_DECADE) // per_decade]
    bounds = [0]
    for power in range(20):
        for step in steps:
            bound = step * 10**power // 1000
            if bound <= shortest_ns:
                bounds = [bound]
            elif bound > bounds[-1]:
                bounds.append(bound)
            if bound > longest_ns:
                return tuple(bounds)
    raise AssertionError("a latency has at most 64 bits")


def column_for(duration_ns: int, rows: int) -> int:
    """Return the shortest round column length that divides a run into few enough columns.

    From one second on it is a length that clocks have; below, 1, 2 or 5 times a power of ten. It is
    rounded up to whole nanoseconds per cell.
    """
    fitting = -(-duration_ns // _FITTING_COLUMNS)
    length = next((length for length in round_lengths() if length >= fitting), fitting)
    return -(-length // rows) * rows


def round_lengths() -> Iterator[int]:
    """Yield round lengths of time in ns, from 100 ns to a day."""
    yield from (digit * 10**power for power in range(2, 9) for digit in (1, 2, 5))
    yield from (length_s * NS_PER_S for length_s in _LONG_COLUMNS_S)
