"""The two forms of a heat map as drawings: what a cell is, its colour, and its words.

Owns scales, ticks and words. It refuses to know pixels (``heat_canvas`` does). Both forms become a
`Drawing`, so that everything after this module draws one thing.
"""

from __future__ import annotations

import shlex
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pvprof.analysis.lock_table import RowId
from pvprof.analysis.waits.heat_map import Grid, HeatMap, LatencyMap
from pvprof.model.stacks import show_controls
from pvprof.units import NS_PER_S, count_waits, format_exact, format_ns

LEVELS = 8
# Waits that were made, or read from a pipe, have no file that a command could name.
_NO_FILES, _UNKNOWN_FILE = ("", "stdin"), "REC"


@dataclass(frozen=True, slots=True)
class Scale:
    """The colour of a cell by its value.

    Attributes:
        bounds: the largest value of each level but the last, ascending.
        shades: of each level, from 1 to `LEVELS`: few levels are spread over all shades.
        head: what the legend is about.
        words: of each shade that is used, that of 0 first, as (shade, words).
    """

    bounds: tuple[int, ...]
    shades: tuple[int, ...]
    head: str
    words: tuple[tuple[int, str], ...]

    def shade(self, value: int) -> int:
        """Return the shade of a value: 0 for nothing."""
        return self.shades[bisect_left(self.bounds, value)] if value else 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """One map, ready to be drawn.

    Attributes:
        name: of the recording.
        grid: how time is divided into columns.
        rows: cells of a column.
        values: of each cell, in order of columns, from the bottom to the top.
        first, last: the cells from `first` to before `last` were recorded.
        y_title: what the vertical axis is.
        y_ticks: (number of rows below it, label).
        x_title: what the horizontal axis is.
        tooltips: of each column.
        account: sentences on what the map holds.
        notes: (label, text) on the longest waits or the spikes.
        data: of the script.
    """

    name: str
    grid: Grid
    rows: int
    values: tuple[int, ...]
    first: int
    last: int
    y_title: str
    y_ticks: tuple[tuple[int, str], ...]
    x_title: str
    tooltips: tuple[str, ...]
    account: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    data: Mapping[str, Any]


def scale_of(maps: Sequence[HeatMap | LatencyMap], top: float) -> Scale:
    """Return the scale of all maps of a picture, which are of one form.

    Args:
        maps: with waits.
        top: the value at the end of the scale; 0 for the largest.
    """
    offset = [one for one in maps if isinstance(one, HeatMap)]
    if offset:
        return _thread_scale(offset, top)
    counts = [count for one in maps if isinstance(one, LatencyMap) for count in one.counts]
    return _count_scale(max(round(top), 1) if top else max(counts), is_fixed=bool(top))


def drawing_of(heat_map: HeatMap | LatencyMap) -> Drawing:
    """Return the drawing of a map."""
    if isinstance(heat_map, HeatMap):
        return _offset_drawing(heat_map)
    return _latency_drawing(heat_map)


# ---- how long waits took -------------------------------------------------------------------------


def _count_scale(top: int, *, is_fixed: bool) -> Scale:
    """Return levels of numbers of waits that grow by one factor, each at least one wait more."""
    levels = min(top, LEVELS)
    ends: list[int] = []
    for level in range(1, levels + 1):
        ends.append(max(round(top ** (level / levels)), ends[-1] + 1 if ends else 1))
    ends = [min(end, top) for end in ends]
    ends = sorted(set(ends))
    shades = _spread(len(ends))
    words = [(0, "none")]
    for number, (shade, end) in enumerate(zip(shades, ends, strict=True)):
        first = ends[number - 1] + 1 if number else 1
        text = f"{first:,}" if first == end else f"{first:,} to {end:,}"
        words.append((shade, f"{first:,} or more" if is_fixed and end == top else text))
    return Scale(tuple(ends[:-1]), shades, "Number of waits:", tuple(words))


def _spread(levels: int) -> tuple[int, ...]:
    if levels == 1:
        return (LEVELS // 2,)
    lowest = max(1, min(3, LEVELS + 1 - levels))  # the palest shades are hard to see alone
    return tuple(lowest + level * (LEVELS - lowest) // (levels - 1) for level in range(levels))


def _latency_drawing(one: LatencyMap) -> Drawing:
    grid, rows = one.grid, one.rows
    length = format_length(grid.cell_ns)
    about = (
        f"{count_waits(one.waits)}, {format_ns(one.total_ns)} ({format_exact(one.total_ns, 'ns')})"
    )
    return Drawing(
        name=one.name,
        grid=grid,
        rows=rows,
        values=one.counts,
        first=0,
        last=grid.columns * rows,
        y_title="how long the wait took (log scale)",
        y_ticks=_latency_ticks(one.bounds),
        x_title=f"seconds from the beginning, when the wait ended; a column is {length}",
        tooltips=tuple(_latency_tooltip(one, column) for column in range(grid.columns)),
        account=(f"Total: {about}.",),
        notes=_longest_notes(one),
        data={
            "by": "latency",
            "bounds": one.bounds,
            "sums": one.sums_ns,
            "spikes": [[wait.cell, wait.cell] for wait in one.longest],
            "column": grid.cell_ns,
            **_common(one, rows),
        },
    )


def _latency_ticks(bounds: tuple[int, ...]) -> tuple[tuple[int, str], ...]:
    """Return the bounds that are powers of ten; the first and the last if there are too few."""
    tens = [
        (number, format_length(bound))
        for number, bound in enumerate(bounds)
        if str(bound).strip("0") == "1"
    ]
    if len(tens) > 1:
        return tuple(tens)
    ends = [(0, format_ns(bounds[0])), (len(bounds) - 1, format_ns(bounds[-1]))]
    return tuple(sorted(dict((*ends, *tens)).items()))


def _latency_tooltip(one: LatencyMap, column: int) -> str:
    first, last = column * one.rows, (column + 1) * one.rows
    begin, end = one.grid.edges(column, column + 1)
    counts = one.counts[first:last]
    words = f"{seconds(begin)} s to {seconds(end)} s: {count_waits(sum(counts))} ended here"
    if not any(counts):
        return words
    longest = max(row for row, count in enumerate(counts) if count)
    top = one.row_ids[one.tops[first + longest]][2]
    return (
        f"{words}, {format_ns(sum(one.sums_ns[first:last]))} together\n"
        f"longest: {format_ns(one.bounds[longest])} to {format_ns(one.bounds[longest + 1])},"
        f" most for {top}"
    )


def _longest_notes(one: LatencyMap) -> tuple[tuple[str, str], ...]:
    lines = [
        f"{format_ns(wait.wait_ns)} for {wait.row_id[2]}:"
        f" --from {seconds(wait.begin_ns)} --to {seconds(wait.end_ns)}"
        for wait in one.longest
    ]
    return (("Longest waits", "\n".join(lines)),) if lines else ()


# ---- when threads waited -------------------------------------------------------------------------


def _thread_scale(maps: Sequence[HeatMap], fixed_threads: float) -> Scale:
    """Return levels of mean numbers of threads.

    Levels grow like squares, so that little waiting differs from none beside a large spike. If most
    cells that are not empty have large values, levels are equal steps, which separate those.
    """
    cell_ns = maps[0].grid.cell_ns
    top = max(max(one.values) for one in maps)
    if fixed_threads:
        top = max(round(fixed_threads * cell_ns), 1)
    values = [value for one in maps for value in one.values if value]
    power = 1 if 2 * sum(4 * value > top for value in values) > len(values) else 2
    bounds = tuple(top * level**power // LEVELS**power for level in range(1, LEVELS))
    edges = ["0", *(threads(bound, cell_ns) for bound in (*bounds, top))]
    words = [(0, "none")]
    words += [(level, f"{edges[level - 1]} to {edges[level]}") for level in range(1, LEVELS + 1)]
    if fixed_threads:
        words[-1] = (LEVELS, f"{edges[-2]} or more")
    head = "Threads that waited at the same time, on average:"
    return Scale(bounds, tuple(range(1, LEVELS + 1)), head, tuple(words))


def _offset_drawing(one: HeatMap) -> Drawing:
    grid = one.grid
    first = (grid.begin_ns - grid.left_ns) // grid.cell_ns
    length = format_length(grid.column_ns)
    return Drawing(
        name=one.name,
        grid=grid,
        rows=grid.rows,
        values=one.values,
        first=first,
        last=max(-(-(grid.end_ns - grid.left_ns) // grid.cell_ns), first + 1),
        y_title="time within the column",
        y_ticks=(
            (0, "0"),
            *(
                (grid.rows * part // 2, format_length(grid.cell_ns * (grid.rows * part // 2)))
                for part in (1, 2)
            ),
        )
        if grid.rows > 1
        else ((0, "0"), (1, length)),
        x_title=(
            f"seconds from the beginning; a column is {length},"
            f" upwards in cells of {format_length(grid.cell_ns)}"
        ),
        tooltips=tuple(_offset_tooltip(one, column) for column in range(grid.columns)),
        account=_offset_account(one),
        notes=_spike_notes(one),
        data={
            "by": "offset",
            "spikes": [[spike.first, spike.last - 1] for spike in one.spikes],
            "column": grid.column_ns,
            **_common(one, grid.rows),
        },
    )


def _offset_account(one: HeatMap) -> tuple[str, ...]:
    """Return sentences on what the map holds, and what it cannot show."""
    exact = format_exact(one.inside_ns, "ns")
    sentences = [f"Total: {format_ns(one.inside_ns)} ({exact}) in {count_waits(one.waits)}."]
    for value, side in (
        (one.before_ns, "before the beginning"),
        (one.after_ns, "after the end"),
    ):
        if value:
            text = f"{format_ns(value)} ({format_exact(value, 'ns')})"
            sentences.append(f"In no cell: {text} of waits, {side} of what was recorded.")
    return tuple(sentences)


def _spike_notes(one: HeatMap) -> tuple[tuple[str, str], ...]:
    """Return the spikes in words, for readers and for screen readers."""
    lines = []
    for spike in one.spikes:
        begin, end = one.grid.edges(spike.first, spike.last)
        words = _part_words(one, spike.first, spike.last, spike.value)
        lines.append(f"{words}: --from {seconds(begin)} --to {seconds(end)}")
        lines.append(f"    highest at {_cell_words(one, spike.hottest)}")
    return (("Most waiting", "\n".join(lines)),) if lines else ()


def _offset_tooltip(one: HeatMap, column: int) -> str:
    first, last = column * one.grid.rows, (column + 1) * one.grid.rows
    values = one.values[first:last]
    words = _part_words(one, first, last, sum(values))
    if any(values):
        words += f"\nhighest at {_cell_words(one, first + values.index(max(values)))}"
    return words


def _part_words(one: HeatMap, first: int, last: int, value: int) -> str:
    """Return the words for the cells from `first` to before `last`."""
    begin, end = one.grid.edges(first, last)
    return (
        f"{seconds(begin)} s to {seconds(end)} s: {format_ns(value)} waited,"
        f" {threads(value, end - begin)} threads on average"
    )


def _cell_words(one: HeatMap, cell: int) -> str:
    """Return the words for the hottest cell of several."""
    begin, end = one.grid.edges(cell, cell + 1)
    mean = threads(one.values[cell], end - begin)
    return f"{seconds(begin)} s: {mean} threads, most for {one.row_ids[one.tops[cell]][2]}"


# ---- both ----------------------------------------------------------------------------------------


def _common(one: HeatMap | LatencyMap, rows: int) -> dict[str, Any]:
    grid = one.grid
    values = one.values if isinstance(one, HeatMap) else one.counts
    return {
        "name": show_controls(one.name),
        "file": shlex.quote(show_controls(one.path))
        if one.path not in _NO_FILES
        else _UNKNOWN_FILE,
        "rows": rows,
        "columns": grid.columns,
        "left": grid.left_ns,
        "begin": grid.begin_ns,
        "end": grid.end_ns,
        "values": values,
        "tops": one.tops,
        "names": [show_controls(_name(row)) for row in one.row_ids],
    }


def _name(row_id: RowId) -> str:
    return row_id[2]


def threads(value: int, length_ns: int) -> str:
    """Return the mean number of waiting threads: three digits; never 0 if any waited."""
    if not value or length_ns <= 0:
        return "0"
    mean = value / length_ns
    if mean < 0.005:
        return "<0.01"
    return f"{mean:.{2 if mean < 9.995 else 1 if mean < 99.95 else 0}f}"


def seconds(time_ns: int) -> str:
    """Return a time in seconds, exact, as ``--from`` takes it."""
    sign = "-" if time_ns < 0 else ""
    whole, part = divmod(abs(time_ns), NS_PER_S)
    return f"{sign}{whole}.{part:09}".rstrip("0").rstrip(".")


def format_length(length_ns: int) -> str:
    """Return a length of time, exact, in the largest unit that keeps it short."""
    for factor, unit in ((NS_PER_S, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if length_ns >= factor and not length_ns * 10 % factor:
            return f"{length_ns * 10 // factor / 10:g} {unit}"
    return f"{length_ns:,} ns"
