"""Make one group of several, or of a part of one: its recordings and the names that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pvprof.store.catalogue import read_arrow
from pvprof.store.places.at_once import of_groups
from pvprof.store.places.place import Group
from pvprof.store.tables.encode import write_table
from pvprof.store.tables.schema import TABLES

SORTED = [(name, "ascending") for name in ("key_id", "stack_id", "recording_id")]
"""The order of samples: rows of one stack come together."""

_NAMES = {"keys": "key_id", "stacks": "stack_id"}


def merge(groups: Sequence[Group], target: Path, without: Sequence[int] = ()) -> int:
    """Write the tables of several groups as one group; return how many recordings it has.

    A recording that is in several groups is taken from the first one. Keys and stacks that no row
    needs any more are left out.

    Args:
        groups: the groups.
        target: an empty directory; nothing is written if no recording is left.
        without: the ids of recordings that are left out.

    Raises:
        InputError: a table is damaged.
        OSError: a table cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    left_out = set(without)
    wanted: dict[Group, list[int]] = {}
    for group, ids in zip(groups, of_groups(_ids_in, groups), strict=True):
        wanted[group] = [one for one in ids if one not in left_out]
        left_out |= set(ids)
    count = sum(map(len, wanted.values()))
    needing = [group for group in groups if wanted[group]]
    if not count:
        return 0
    needed: dict[str, list[Any]] = {column: [] for column in _NAMES.values()}
    for name in TABLES:
        if name in _NAMES:
            continue
        read = of_groups(partial(_rows_in, name, wanted), needing)
        parts = [part for part in read if part is not None]
        if not parts:
            continue
        table = pa.concat_tables(parts)
        for column, values in needed.items():
            if column in table.column_names:
                values.append(table[column].unique())
        write_table(table.sort_by(SORTED) if name == "samples" else table, name, target)
    for name, column in _NAMES.items():
        tables = list(of_groups(partial(read_arrow, table=name), groups))
        table = _distinct(pa.concat_tables(tables), column, needed[column])
        write_table(table.sort_by("stack") if name == "stacks" else table, name, target)
    return count


def _ids_in(group: Group) -> list[int]:
    """Return the ids of the recordings of a group."""
    ids: list[int] = read_arrow(group, "recordings", ["recording_id"])["recording_id"].to_pylist()
    return ids


def _rows_in(table: str, wanted: Mapping[Group, Sequence[int]], group: Group) -> Any:
    """Return the rows that a table of a group has of the wanted recordings."""
    return read_arrow(group, table, None, wanted[group])


def _distinct(table: Any, column: str, needed: Sequence[Any]) -> Any:
    """Return the first row of each id that is needed."""
    import numpy as np  # noqa: PLC0415 (pyarrow needs it anyway)

    ids = table[column].to_numpy()
    distinct, first = np.unique(ids, return_index=True)
    wanted = np.concatenate([one.to_numpy() for one in needed]) if needed else distinct[:0]
    return table.take(np.sort(first[np.isin(distinct, wanted)]))
