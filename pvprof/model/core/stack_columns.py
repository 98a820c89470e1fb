"""From the columns of the compiled sums to stacks: dicts, or tables if there are very many.

::

    names   trap vm_fault f       sizes   3 2         number of frames and 1, for each stack
                                  numbers 0 0 1 | 1 2   group 0: trap;vm_fault   group 1: f
                                  sums    7 0 1 | 9 0 3 value, count, records
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pvprof.model.arrays import INT64_MAX
from pvprof.model.profile import (
    Cell,
    StackTable,
    Weight,
    add_weights,
    weights_of,
    weights_of_cells,
)
from pvprof.model.stacks import Frame, Stack

MIN_TABLE = 20_000
"""Minimum number of stacks in a table: numpy takes as long to import as that many dict entries."""

MAX_ADDED = 100
"""Maximum number of stacks that are added to a table one by one."""

Stacks = dict[Stack, Weight] | StackTable

_Group = TypeVar("_Group")


def stacks_by_group(
    names: list[Frame], sizes: bytes, numbers: bytes, sums: bytes, groups: int
) -> list[Stacks]:
    """Return the stacks of each group, in the order of the columns."""
    count = len(sizes) // 4
    if count >= MIN_TABLE:
        tables = _tables(names, sizes, numbers, sums, groups)
        if tables is not None:
            return tables
    parts: list[Stacks] = [{} for _ in range(groups)]
    values = memoryview(sums).cast("Q").tolist()
    weights = weights_of(zip(values[::3], values[1::3], values[2::3], strict=True))
    all_numbers = memoryview(numbers).cast("I").tolist()
    at = 0
    name_of = names.__getitem__
    for size, weight in zip(memoryview(sizes).cast("I").tolist(), weights, strict=True):
        end = at + size
        stack = Stack(";".join(map(name_of, all_numbers[at + 1 : end])))
        parts[all_numbers[at]][stack] = weight  # type: ignore[index]
        at = end
    return parts


def _tables(
    names: list[Frame], sizes: bytes, numbers: bytes, sums: bytes, groups: int
) -> list[Stacks] | None:
    """Return the stacks of each group, None if a sum may be beyond 64 bits."""
    import numpy as np  # noqa: PLC0415 (0.1 s to import)

    columns = np.frombuffer(sums, np.uint64).reshape(-1, 3)
    if columns.astype(np.float64).sum(axis=0).max() * 1.01 > INT64_MAX:
        return None
    depths = np.frombuffer(sizes, np.uint32).astype(np.int64)
    starts = np.cumsum(depths) - depths
    all_numbers = np.frombuffer(numbers, np.int32)
    is_frame = np.ones(len(all_numbers), np.bool_)
    is_frame[starts] = False
    values, counts, records = columns.astype(np.int64).T.copy()
    ends = np.cumsum(depths - 1)
    table = StackTable(names, all_numbers[is_frame], ends, values, (counts, records))
    if groups == 1:
        return [table]
    group_of = all_numbers[starts]
    rows = np.argsort(group_of, kind="stable")
    bounds = np.searchsorted(group_of[rows], np.arange(1, groups))
    parts = [table.select(some) for some in np.split(rows, bounds)]
    return [part if len(part) >= MIN_TABLE else dict(part.weights) for part in parts]


def groups_with_cells(
    groups: Iterable[tuple[_Group, Stacks]], cells: dict[_Group, dict[Stack, Cell]]
) -> Iterator[tuple[_Group, Stacks]]:
    """Yield the sums of each group: those of the core, and what Python added up beside it.

    Args:
        groups: the sums of the core.
        cells: the others; those of groups that the core has, too, are taken out.
    """
    for group, stacks in groups:
        yield group, added(stacks, weights_of_cells(cells.pop(group, {})))
    for group, others in cells.items():
        yield group, weights_of_cells(others)


def added(stacks: Stacks, others: Mapping[Stack, Weight]) -> Stacks:
    """Return the weights of stacks and of others added up; a dict that comes first is changed."""
    if not others:
        return stacks
    if isinstance(stacks, StackTable):
        return _added_to_table(stacks, others)
    add_weights(stacks, others)
    return stacks


def _added_to_table(table: StackTable, stacks: Mapping[Stack, Weight]) -> Stacks:
    """Return the same for a table: few stacks are looked for in it, many go to a dict of it."""
    total = table.total
    grown = [total.plus(weight) for weight in stacks.values()]
    if len(stacks) > MAX_ADDED or max(map(max, grown), default=0) * len(grown) > INT64_MAX:
        weights = dict(table.weights)
        add_weights(weights, stacks)
        return weights
    import numpy as np  # noqa: PLC0415 (0.1 s to import)

    numbers = {name: number for number, name in enumerate(table.names)}
    depths = np.diff(table.ends, prepend=0)
    sums, others = table.sums.copy(), table.others
    counts, records = (
        (np.zeros_like(sums), np.ones_like(sums)) if others is None else map(np.copy, others)
    )
    news: list[tuple[list[int], Weight]] = []
    for stack, weight in stacks.items():
        frames = [numbers.setdefault(name, len(numbers)) for name in stack.split(";")]
        rows = np.flatnonzero(depths == len(frames))
        for level, frame in enumerate(reversed(frames)):
            rows = rows[table.frames[table.ends[rows] - 1 - level] == frame]
        if len(rows):
            for column, number in zip((sums, counts, records), weight, strict=True):
                column[rows] += number
        else:
            news.append((frames, weight))
    new_frames = [frame for frames, _ in news for frame in frames]
    new_ends = np.cumsum([len(frames) for frames, _ in news], dtype=np.int64)
    new_columns = np.asarray([weight for _, weight in news], np.int64).reshape(-1, 3).T
    columns = [
        np.concatenate(pair) for pair in zip((sums, counts, records), new_columns, strict=True)
    ]
    return StackTable(
        list(numbers),
        np.concatenate((table.frames, np.asarray(new_frames, table.frames.dtype))),
        np.concatenate((table.ends, new_ends + table.ends[-1])),
        columns[0],
        (columns[1], columns[2]),
    )
