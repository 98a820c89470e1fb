"""Which recordings a store has: their facts, read from all groups, and those that are wanted.

A recording is in one group. Only while groups are merged, or if a process was killed then, it may
be in two, which have the same rows: the larger group counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pvprof.errors import InputError, first_line
from pvprof.store.places.at_once import of_groups
from pvprof.store.places.names import file_of
from pvprof.store.places.place import Group, Place
from pvprof.store.tables.schema import ALWAYS, RECORDINGS, VERSION
from pvprof.store.where import EVERYTHING, Known, Where

_ALWAYS_READ = ("recording_id", "day", "begin_ns", "name")
ALL_FACTS = tuple(column.name for column in RECORDINGS if column.kind not in ("problems", "parts"))
_ATTEMPTS = 3

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording of a store.

    Attributes:
        recording_id: by which the tables of its group know it.
        group: where its rows are.
        facts: the columns that were asked for.
        is_twice: another group has it, too.
    """

    recording_id: int
    group: Group
    facts: Known
    is_twice: bool = False


def read_present(store: Place, read: Callable[[], _Result]) -> _Result:
    """Call `read`, which chooses groups and then reads their tables, and return its result.

    A group that is merged in between is not there any more: then it is called again.

    Raises:
        InputError: a table is missing each time.
    """
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(FileNotFoundError):
            return read()
    try:
        return read()
    except FileNotFoundError as error:
        raise InputError(f"{error.filename or store.shown}: a table is missing") from error


def select(
    store: Place, where: Where = EVERYTHING, columns: Iterable[str] = ()
) -> list[StoredRecording]:
    """Return the wanted recordings by day, begin and name.

    Args:
        store: the store.
        where: which are wanted.
        columns: of the table ``recordings``, to be read besides those that `where` names.

    Raises:
        InputError: a group is damaged, or of another version.
    """
    wanted = sorted({*_ALWAYS_READ, *where.fields, *columns})

    def read() -> list[StoredRecording]:
        found: dict[int, tuple[int, StoredRecording]] = {}
        groups = [one for one in store.groups() if where.may_match(_known_of_place(one))]
        read_wanted = partial(read_rows, table="recordings", columns=wanted)
        for group, rows in zip(groups, of_groups(read_wanted, groups), strict=True):
            for row in rows:
                _keep_larger(found, group, row, len(rows))
        return [one for _, one in found.values() if where.matches(one.facts)]

    return sorted(read_present(store, read), key=_order)


def _keep_larger(
    found: dict[int, tuple[int, StoredRecording]], group: Group, row: Known, size: int
) -> None:
    number = row["recording_id"]
    assert isinstance(number, int)
    known = found.get(number)
    if known is None or known[0] < size:
        found[number] = (size, StoredRecording(number, group, row, known is not None))
    else:
        found[number] = (known[0], replace(known[1], is_twice=True))


def _known_of_place(group: Group) -> Known:
    """Return the facts that the place of a group has; a mode may have another name there."""
    return {"day": group.day}


def _order(one: StoredRecording) -> tuple[str, int, str, int]:
    begin = one.facts["begin_ns"]
    first = begin if isinstance(begin, int) else 0
    return (str(one.facts["day"]), first, str(one.facts["name"]), one.recording_id)


def groups_of(recordings: Sequence[StoredRecording]) -> list[Group]:
    """Return the groups of these recordings, each once."""
    return in_order({one.group for one in recordings})


def in_order(groups: Iterable[Group]) -> list[Group]:
    """Return groups in the order of days, modes and names."""
    return sorted(groups, key=lambda group: (group.day, group.mode, group.name))


def read_rows(group: Group, table: str, columns: list[str] | None = None) -> list[Any]:
    """Return the rows of a table of a group as dicts; none if it has no such table.

    Raises:
        FileNotFoundError: the group is not there any more.
        InputError: it is damaged, or of another version.
    """
    found = read_arrow(group, table, columns)
    return [] if found is None else list(found.to_pylist())


def read_arrow(
    group: Group, table: str, columns: list[str] | None = None, wanted: Sequence[int] = ()
) -> Any:
    """Return a table of a group as a ``pyarrow.Table``; None if it has no such table.

    Args:
        group: the group.
        table: its name.
        columns: those to read; None for all.
        wanted: only rows of these recordings; empty for all.

    Raises:
        FileNotFoundError: the group is not there any more.
        InputError: it is damaged, or of another version.
    """
    import pyarrow as pa  # noqa: PLC0415 (an extra)
    import pyarrow.parquet as pq  # noqa: PLC0415 (an extra)

    shown = group.shown(file_of(table))
    if not group.has(table):
        if table in ALWAYS:
            raise InputError(f"{shown}: damaged: is missing", "pvprof store check finds all")
        return None
    filters = [("recording_id", "in", list(wanted))] if wanted else None
    try:
        source = group.source(table)
        with pq.ParquetFile(source) as file:
            _check_version(file.schema_arrow.metadata, shown)
        return pq.read_table(
            source,
            columns=columns,
            filters=filters,
            partitioning=None,
            page_checksum_verification=True,
        )
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = first_line(error)
        raise InputError(f"{shown}: damaged: {reason}", "pvprof store check finds all") from error


def _check_version(metadata: dict[bytes, bytes] | None, shown: str) -> None:
    """Refuse a table of another version.

    Raises:
        InputError: it has another one.
    """
    version = (metadata or {}).get(b"pvprof.version", b"").decode("ascii", "replace")
    if version != str(VERSION):
        raise InputError(
            f"{shown}: a table of version {version or '?'}; {VERSION} is known", "update pvprof"
        )
