"""The upkeep of a store: find damage, merge small groups, remove old days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from pvprof.errors import InputError, OutputError
from pvprof.store.catalogue import read_arrow
from pvprof.store.facts import id_of, short_hash
from pvprof.store.places.at_once import of_groups
from pvprof.store.places.names import SUMS, UNKNOWN_DAY, file_of, read_sums, sum_of
from pvprof.store.places.place import Group, Place
from pvprof.store.tables.regroup import merge
from pvprof.store.tables.schema import TABLES, arrow_schema

MAX_MERGED_BYTES = 256 << 20
"""Groups are merged up to this size on disk: their rows are in memory then."""

_IDS = {"recording_id": "recordings", "key_id": "keys", "stack_id": "stacks"}
"""By column, the table that has each of its ids once."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong in a store.

    Attributes:
        place: the file or directory.
        text: what is wrong.
    """

    place: str
    text: str


def check(store: Place) -> Iterator[Damage]:
    """Yield all damage of a store; every page of every table is read."""
    seen: dict[int, Group] = {}
    for group in store.groups():
        tables: dict[str, Any] = {}
        is_read = True
        yield from _of_files(group)
        for name in TABLES:
            try:
                table = read_arrow(group, name)
            except FileNotFoundError:
                table = None
            except InputError as error:
                is_read = False
                yield Damage(group.shown(file_of(name)), error.message.rpartition("damaged: ")[2])
                continue
            if table is not None:
                tables[name] = table
        for name, table in tables.items():
            yield from _of_columns(group, name, table)
        if is_read:
            yield from _of_ids(group, tables)
            yield from _of_recordings(group, tables["recordings"], seen)


def _of_files(group: Group) -> Iterator[Damage]:
    """Yield files that are not as they were when the group appeared."""
    try:
        with group.open(SUMS) as file:
            known = read_sums(file)
    except (OSError, ValueError):
        yield Damage(group.shown(SUMS), "is missing or damaged")
        return
    for name, digest in known.items():
        try:
            with group.open(name) as file:
                if sum_of(file) != digest:
                    yield Damage(group.shown(name), "has changed")
        except OSError as error:
            yield Damage(group.shown(name), error.strerror or "cannot be read")


def _of_columns(group: Group, name: str, table: Any) -> Iterator[Damage]:
    known = [column.name for column in TABLES[name]]
    if table.schema.names != known:
        yield Damage(group.shown(file_of(name)), "has other columns than its version")
        return
    try:
        table.cast(arrow_schema(name))
    except (ValueError, NotImplementedError) as error:
        yield Damage(group.shown(file_of(name)), f"has a column of another type: {error}")


def _of_ids(group: Group, tables: dict[str, Any]) -> Iterator[Damage]:
    """Yield ids that no table has, or has twice, and stacks that have not their hash."""
    import numpy as np  # noqa: PLC0415 (pyarrow needs it anyway)

    known = {}
    for column, name in _IDS.items():
        ids = tables[name][column].to_numpy()
        known[column] = np.unique(ids)
        if len(known[column]) < len(ids):
            yield Damage(group.shown(file_of(name)), f"has a {column} twice")
    for name, table in tables.items():
        for column in set(_IDS) & set(table.schema.names):
            unknown = np.setdiff1d(table[column].to_numpy(), known[column])
            if len(unknown):
                text = f"{len(unknown):,} ids of {column} are unknown"
                yield Damage(group.shown(file_of(name)), text)
    stacks = tables["stacks"]
    pairs = zip(stacks["stack_id"].to_pylist(), stacks["stack"].to_pylist(), strict=True)
    if any(short_hash(stack) != number for number, stack in pairs):
        yield Damage(group.shown(file_of("stacks")), "has a stack with another hash")


def _of_recordings(group: Group, table: Any, seen: dict[int, Group]) -> Iterator[Damage]:
    columns = (table[name].to_pylist() for name in ("recording_id", "identity", "day", "name"))
    for number, identity, day, name in zip(*columns, strict=True):
        if day != group.day:
            yield Damage(group.shown(), f"{name} is of {day}")
        if id_of(identity) != number:
            yield Damage(group.shown(), f"{name} has another id than its identity")
        if seen.setdefault(number, group) is not group:
            text = f"{name} is in {seen[number].name}, too: pvprof store compact"
            yield Damage(group.shown(), text)


@dataclass(slots=True)
class Compacted:
    """What became of the groups of a store.

    Attributes:
        before, after: how many groups there were, and are.
        left: groups that were left as they are, and why.
    """

    before: int = 0
    after: int = 0
    left: tuple[Damage, ...] = ()


def compact(store: Place) -> Compacted:
    """Merge the groups of each day and mode; those who read or add need not wait.

    Raises:
        OutputError: a group cannot be written.
    """
    result = Compacted()
    for _, of_place in groupby(store.groups(), key=lambda group: (group.day, group.mode)):
        groups = list(of_place)
        result.before += len(groups)
        for batch in _batches(groups):
            try:
                result.after += _merge_batch(store, batch) if len(batch) > 1 else len(batch)
            except InputError as error:
                result.after += len(batch)
                of_mode = batch[0].shown().rpartition("/")[0]
                result.left = (*result.left, Damage(of_mode, error.message))
    _clear_work(store)
    return result


def _clear_work(store: Place) -> None:
    """Remove what killed processes left.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        store.clear_work()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{store.shown}: cannot be removed: {reason}") from error


def _batches(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Yield groups that are small enough to be merged, in lists."""
    batch: list[Group] = []
    size = 0
    for group in groups:
        own = sum(group.sizes().values())
        if batch and size + own > MAX_MERGED_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(group)
        size += own
    yield batch


def _merge_batch(store: Place, groups: Sequence[Group]) -> int:
    """Let one group appear in the place of several; return how many there are then."""
    try:
        with store.workplace() as work:
            count = merge(groups, work)
            with store.lock():
                if not all(of_groups(lambda one: one.is_there(), groups)):
                    raise InputError("groups vanished while they were merged", "try again")
                if count:
                    store.commit(work, groups[0].day, groups[0].mode)
                store.remove(groups)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: is missing") from error
    except OSError as error:
        raise OutputError(f"{store.shown}: cannot be written: {error.strerror or error}") from error
    return bool(count)


@dataclass(frozen=True, slots=True)
class Expired:
    """The groups of days that are too old.

    Attributes:
        groups: that are removed, or would be.
        recordings: how many are in them.
        without_day: how many groups have no day, and stay.
    """

    groups: tuple[Group, ...]
    recordings: int
    without_day: int


def expire(store: Place, keep_days: int, is_tried: bool = False) -> Expired:
    """Remove the recordings of days before today and the `keep_days` days before it (UTC).

    Args:
        store: the store.
        keep_days: how many whole days stay.
        is_tried: remove nothing.

    Raises:
        OutputError: they cannot be removed.
    """
    try:
        first = f"{datetime.now(UTC) - timedelta(days=keep_days):%Y-%m-%d}"
    except OverflowError:  # more days than the calendar has
        first = ""
    with store.lock():
        groups = store.groups()
        old = tuple(group for group in groups if group.day != UNKNOWN_DAY and group.day < first)
        recordings = sum(map(_count, old))
        if not is_tried:
            try:
                store.remove(old)
            except OSError as error:
                reason = error.strerror or str(error)
                raise OutputError(f"{store.shown}: cannot be removed: {reason}") from error
            _clear_work(store)
    return Expired(old, recordings, sum(group.day == UNKNOWN_DAY for group in groups))


def _count(group: Group) -> int:
    """Return the number of recordings of a group; 0 if it is damaged."""
    try:
        return len(read_arrow(group, "recordings", ["recording_id"]))
    except (InputError, FileNotFoundError):
        return 0
