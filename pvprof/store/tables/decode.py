"""From the tables of a store back to what was read from recordings: the reverse of `encode`.

Each recording becomes a `Recording` without its output, and a `ParseResult` with the same weights,
single waits, histograms and problems as when it was added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pvprof.errors import InputError
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Key, LockHold, Profile, Weight
from pvprof.model.stacks import Stack
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording
from pvprof.recording.limits import load_json
from pvprof.recording.manifest import Manifest
from pvprof.store.catalogue import StoredRecording, in_order, read_arrow, read_rows
from pvprof.store.places.at_once import of_groups
from pvprof.store.places.names import file_of
from pvprof.store.places.place import Group
from pvprof.store.tables.schema import TABLES

if TYPE_CHECKING:
    from pvprof.model.column_table import ColumnTable

    _Table = TypeVar("_Table", bound=ColumnTable)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What a row was measured for: a row of ``keys``."""

    mode: str
    unit: str
    role: str
    counted: bool
    key: Key


@dataclass(frozen=True, slots=True)
class StoredNames:
    """The keys and the stacks of groups by their ids."""

    keys: Mapping[int, StoredKey]
    stacks: Mapping[int, Stack]


SAMPLE_COLUMNS = ["recording_id", "key_id", "stack_id", "value", "count", "records"]
FACT_COLUMNS = ("name", "digest", "manifest", "script", "layout", "records", "problems", "parts")
"""The columns of ``recordings`` that a recording is made of again."""


def read_recordings(
    chosen: Sequence[StoredRecording], with_sums: bool = True
) -> list[tuple[Recording, ParseResult]]:
    """Return these recordings, each as it was read, in their order.

    Args:
        chosen: of `catalogue.select`.
        with_sums: whether sums are read; else only what cannot be added up by an engine.

    Raises:
        FileNotFoundError: a group is not there any more.
        InputError: a table is damaged.
    """
    found: dict[int, tuple[Recording, ParseResult]] = {}
    by_group: dict[Group, list[int]] = {}
    for one in chosen:
        by_group.setdefault(one.group, []).append(one.recording_id)
    groups = in_order(by_group)
    for of_group in of_groups(lambda one: _read_group(one, by_group[one], with_sums), groups):
        found.update(of_group)
    missing = [one for one in chosen if one.recording_id not in found]
    if missing:
        raise InputError(f"{missing[0].group.shown()}: a recording is missing in it")
    return [found[one.recording_id] for one in chosen]


def _read_group(
    group: Group, wanted: Sequence[int], with_sums: bool
) -> dict[int, tuple[Recording, ParseResult]]:
    columns = ["recording_id", *FACT_COLUMNS]
    facts = read_arrow(group, "recordings", columns, wanted).to_pylist()
    found = {row["recording_id"]: _recording(group, row) for row in facts}
    has_more = [
        name for name in ("histograms", "holds", "waits", "wakeups", "threads") if group.has(name)
    ]
    for name, field in _FIELD_OF_TABLE.items():
        parts = (part for _, result in found.values() for part in (result, *result.further))
        if name not in has_more and any(getattr(part, field) is not None for part in parts):
            hint = "pvprof store check finds all"
            raise InputError(f"{group.shown(file_of(name))}: damaged: is missing", hint)
    if not with_sums and not has_more:
        return found
    names = StoredNames(read_keys([group]), read_stacks(group))
    if with_sums:
        _add_samples(found, read_arrow(group, "samples", SAMPLE_COLUMNS, wanted), names)
    for name in has_more:
        rows = read_arrow(group, name, None, wanted)
        if name in ("histograms", "holds"):
            _add_lists(found, name, rows.to_pylist(), names)
        else:
            _add_tables(found, name, rows, names)
    return found


def read_keys(groups: Sequence[Group]) -> dict[int, StoredKey]:
    """Map the ids of keys of these groups to the keys.

    Raises:
        InputError: two keys have one id, or a table is damaged.
    """
    keys: dict[int, StoredKey] = {}
    for group, rows in zip(
        groups, of_groups(partial(read_rows, table="keys"), groups), strict=True
    ):
        for row in rows:
            key = Key(
                row["mechanism"],
                row["name"],
                row["execname"],
                row["sleeper"],
                row["recorded_class"],
            )
            stored = StoredKey(row["mode"], row["unit"], row["role"], row["counted"], key)
            if keys.setdefault(row["key_id"], stored) != stored:
                raise InputError(f"{group.shown()}: two keys have one id")
    return keys


def read_stacks(group: Group) -> dict[int, Stack]:
    """Map the ids of the stacks of a group to the stacks."""
    table = read_arrow(group, "stacks")
    return dict(
        zip(table["stack_id"].to_pylist(), map(Stack, table["stack"].to_pylist()), strict=True)
    )


def _recording(group: Group, row: Mapping[str, Any]) -> tuple[Recording, ParseResult]:
    """Return a recording without its output, and what was read from it but weights."""
    document = load_json(row["manifest"]) if row["manifest"] else None
    manifest = Manifest.from_json(document) if isinstance(document, dict) else Manifest()
    recording = Recording("", row["name"], b"", script=row["script"], manifest=manifest)
    results = [_empty_result(part) for part in row["parts"]]
    if not results:
        shown = group.shown(file_of("recordings"))
        raise InputError(f"{shown}: damaged: {row['name']} has no part")
    first = results[0]
    first.further = results[1:]
    first.layout = row["layout"]
    first.records = row["records"]
    first.problems = [Problem(**problem) for problem in row["problems"]]
    return recording, first


def _empty_result(part: Mapping[str, Any]) -> ParseResult:
    result = ParseResult(mode=part["mode"])
    for unit, counted in zip(part["units"], part["counted"], strict=True):
        result.profile(unit, counted)
    result.begin = _clocks(part["begin_ns"], part["begin_wall_ns"])
    result.end = _clocks(part["end_ns"], part["end_wall_ns"])
    if part["has_open"]:
        result.open_waits = Profile("ns", True)
    if part["has_waits"] or part["has_wakeups"] or part["has_threads"]:
        _set_empty_tables(result, part)
    return result


def _set_empty_tables(result: ParseResult, part: Mapping[str, Any]) -> None:
    from pvprof.model.threads import ThreadTable  # noqa: PLC0415 (imports numpy)
    from pvprof.model.waits import WaitTable, WakeupTable  # noqa: PLC0415 (imports numpy)

    result.events = _empty(WaitTable) if part["has_waits"] else None
    result.wakeups = _empty(WakeupTable) if part["has_wakeups"] else None
    result.threads = _empty(ThreadTable) if part["has_threads"] else None


def _empty(kind: type[_Table]) -> _Table:
    """Return a table of a kind without rows."""
    import numpy as np  # noqa: PLC0415 (only single waits need it)

    columns: dict[str, Any] = {
        name: np.empty(0, dtype=np.uint64 if name == "object_address" else np.int64)
        for name in kind.columns()
    }
    make: Callable[..., _Table] = kind
    return make(**columns, keys=(), stacks=())


def _clocks(monotonic_ns: int | None, wall_ns: int | None) -> Clocks | None:
    return None if monotonic_ns is None else Clocks(monotonic_ns, wall_ns)


def _part_of(found: Mapping[int, tuple[Recording, ParseResult]], number: int, mode: str) -> Any:
    """Return the part of a recording that was measured in a mode.

    Raises:
        InputError: there is none.
    """
    result = found[number][1]
    for part in (result, *result.further):
        if part.mode == mode:
            return part
    raise InputError(f"{found[number][0].name}: the store has rows of mode {mode!r}, and no part")


def add_weight(part: ParseResult, key: StoredKey, stack: Stack, weight: Weight) -> None:
    """Add a row of samples; sums of single waits are computed from those again."""
    if key.role == "sum":
        part.profile(key.unit, key.counted).add(key.key, stack, weight)
    elif key.role == "open" and part.open_waits is not None:
        part.open_waits.add(key.key, stack, weight)


def _add_samples(
    found: Mapping[int, tuple[Recording, ParseResult]], table: Any, names: StoredNames
) -> None:
    columns = [table[name].to_pylist() for name in SAMPLE_COLUMNS]
    for number, key_id, stack_id, *weight in zip(*columns, strict=True):
        key = names.keys[key_id]
        if key.role in ("sum", "open"):
            part = _part_of(found, number, key.mode)
            add_weight(part, key, names.stacks[stack_id], Weight(*weight))


def _add_lists(
    found: Mapping[int, tuple[Recording, ParseResult]],
    table: str,
    rows: Sequence[Mapping[str, Any]],
    names: StoredNames,
) -> None:
    for row in rows:
        key = names.keys[row["key_id"]]
        part = _part_of(found, row["recording_id"], key.mode)
        if table == "histograms":
            buckets = tuple((one["bound"], one["count"]) for one in row["buckets"])
            stack = names.stacks[row["stack_id"]]
            part.histograms.append(Histogram(key.key, buckets, stack=stack))
        else:
            numbers = (row["hold_ns"], row["acquisitions"], row["max_hold_ns"])
            part.holds.append(LockHold(key.key, row["caller"], *numbers))


_FIELD_OF_TABLE = {"waits": "events", "wakeups": "wakeups", "threads": "threads"}


def _add_tables(
    found: Mapping[int, tuple[Recording, ParseResult]], name: str, rows: Any, names: StoredNames
) -> None:
    """Set the waits, wake-ups or threads of recordings; rows of one recording are in order."""
    import numpy as np  # noqa: PLC0415 (only single waits need it)

    columns = {column.name: rows[column.name].to_numpy() for column in TABLES[name]}
    owner = columns.pop("recording_id")
    modes: dict[str, list[int]] = {}
    for key_id in np.unique(columns["key_id"]).tolist():
        modes.setdefault(names.keys[key_id].mode, []).append(key_id)
    for number in np.unique(owner).tolist():
        for mode, key_ids in modes.items():
            rows_of_mode = (owner == number) & np.isin(columns["key_id"], key_ids)
            if rows_of_mode.any():
                own = {column: values[rows_of_mode] for column, values in columns.items()}
                part = _part_of(found, number, mode)
                field = _FIELD_OF_TABLE[name]
                setattr(part, field, _filled(getattr(part, field), own, names))


def _filled(empty: _Table, columns: dict[str, Any], names: StoredNames) -> _Table:
    """Return a table of waits, wake-ups or threads with these columns."""
    values: dict[str, Any] = dict(columns)
    values["key_id"], key_ids = _numbered(columns["key_id"])
    values["keys"] = tuple(names.keys[one].key for one in key_ids)
    if "stack_id" in columns:
        values["stack_id"], stack_ids = _numbered(columns["stack_id"])
        values["stacks"] = tuple(names.stacks[one] for one in stack_ids)
    return replace(empty, **values)  # type: ignore[type-var]  # a dataclass


def _numbered(ids: Any) -> tuple[Any, list[int]]:
    """Return small numbers for ids, in the order in which they come, and the ids by number."""
    import numpy as np  # noqa: PLC0415 (only single waits need it)

    distinct, first, numbers = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[numbers].astype(np.int64), distinct[order].tolist()
