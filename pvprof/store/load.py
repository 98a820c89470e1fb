"""The data of recordings of a store, as a command gets them from files: datasets and sides.

Sums are added up by an engine, over all recordings that are wanted. What cannot be added up (single
waits, histograms), or is cut or redacted, is read recording by recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import combine
from pvprof.dataset.load_sides import SideRun, sides_of_runs
from pvprof.dataset.sides import Side
from pvprof.errors import InputError
from pvprof.model.profile import Weight
from pvprof.model.stacks import Stack
from pvprof.parse.read import put_ids
from pvprof.parse.result import ParseResult
from pvprof.parse.source import ReadOptions
from pvprof.recording.layout import Recording
from pvprof.store.catalogue import StoredRecording, groups_of, read_present, select
from pvprof.store.engines.engine import Engine
from pvprof.store.places.choose import open_place
from pvprof.store.places.place import Place
from pvprof.store.tables.decode import add_weight, read_keys, read_recordings
from pvprof.store.where import EVERYTHING, Where

_SUMS = """
select key_id, stack_id,
       sum(cast(value as decimal(20, 0))) as value,
       sum(cast("count" as decimal(20, 0))) as "count",
       sum(records) as records
from samples
where recording_id in (select recording_id from chosen)
  and key_id in (select key_id from chosen_keys)
group by key_id, stack_id
"""
_STACKS = """
select stack_id, min(stack) as stack, max(stack) as other
from stacks
where stack_id in (select stack_id from wanted)
group by stack_id
"""


@dataclass(frozen=True, slots=True)
class StoreInput:
    """Recordings of a store, in the place of files.

    Attributes:
        path: of the store.
        where: which recordings are wanted.
        engine: adds up.
    """

    path: str
    engine: Engine
    where: Where = EVERYTHING


def load_stored(wanted: StoreInput, options: ReadOptions) -> Dataset:
    """Return the dataset of the recordings that are wanted: the same as that of their files.

    Args:
        wanted: the recordings.
        options: only the window, the ids and the redaction are heeded: the rest is given to
            ``store add``.

    Raises:
        InputError: no recording is wanted, or the store is damaged.
        UsageError: as `load_dataset`.
    """
    store = open_place(wanted.path)

    def read() -> list[tuple[Recording, ParseResult]]:
        chosen = _chosen(store, wanted)
        if options.window or options.ids or options.redact:
            return [_adapted(*pair, options) for pair in read_recordings(chosen)]
        if any(one.is_twice for one in chosen):  # an engine would add up both
            return read_recordings(chosen)
        inputs = read_recordings(chosen, with_sums=False)
        _add_sums(inputs, chosen, wanted.engine)
        return inputs

    return combine(read_present(store, read))


def read_stored_sides(
    base: StoreInput, new: StoreInput | None, base_label: str, options: ReadOptions
) -> tuple[Side, Side]:
    """Return the base and the new side of a comparison; see `load_sides.read_sides`.

    Args:
        base: recordings; those of both sides if `new` is None.
        new: those of the new side, or None to sort by the labels in the manifests.
        base_label: the label of the base; empty for that of the first recording.
        options: as `load_stored`.

    Raises:
        InputError: no recording is wanted, or the store is damaged.
        UsageError: as `read_sides`.
    """
    opened = _opened(base, options)
    others = None if new is None else partial(_opened, new, options)
    return sides_of_runs(opened, others, base_label, is_redacted=options.redact is not None)


def _opened(wanted: StoreInput, options: ReadOptions) -> list[SideRun]:
    store = open_place(wanted.path)

    def read_chosen() -> tuple[list[StoredRecording], list[tuple[Recording, ParseResult]]]:
        chosen = _chosen(store, wanted, ("digest", "identity"))
        return chosen, read_recordings(chosen)

    runs = []
    for one, (recording, parsed) in zip(*read_present(store, read_chosen), strict=True):
        read = partial(_adapted, recording, parsed, options)
        digest = str(one.facts["digest"])
        runs.append(SideRun(recording, digest, str(one.facts["identity"]), read))
    return runs


def _chosen(store: Place, wanted: StoreInput, columns: Sequence[str] = ()) -> list[StoredRecording]:
    """Return the recordings that are wanted.

    Raises:
        InputError: there are none.
    """
    chosen = select(store, wanted.where, columns)
    if not chosen:
        what = "no recording matches --where" if wanted.where.text else "no recording in it"
        raise InputError(f"{store.shown}: {what}", f"pvprof store list {store.shown} lists them")
    return chosen


def _adapted(
    recording: Recording, parsed: ParseResult, options: ReadOptions
) -> tuple[Recording, ParseResult]:
    """Return a recording cut, with ids in its keys, and redacted, as the options want it."""
    if options.window is not None:
        from pvprof.parse.cut import cut  # noqa: PLC0415 (imports numpy: 0.2 s)

        parsed = cut(parsed, options.window, recording.name, recording.manifest.mode)
    if options.ids:
        parsed.problems.extend(put_ids(parsed, options.ids, recording.name))
    return options.redact(recording, parsed) if options.redact else (recording, parsed)


def _add_sums(
    inputs: Sequence[tuple[Recording, ParseResult]],
    chosen: Sequence[StoredRecording],
    engine: Engine,
) -> None:
    """Add the sums over all recordings to the first recording of each mode."""
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    groups = groups_of(chosen)
    keys = {number: key for number, key in read_keys(groups).items() if key.role in ("sum", "open")}
    if not keys:
        return
    given = {
        "chosen": pa.table({"recording_id": pa.array([one.recording_id for one in chosen])}),
        "chosen_keys": pa.table({"key_id": pa.array(list(keys), type=pa.int64())}),
    }
    sums = engine.ask(groups, _SUMS, given)
    stacks = _stacks(engine, groups, sums)
    first: dict[tuple[str, str], ParseResult] = {}
    for _, parsed in inputs:
        for part in (parsed, *parsed.further):
            first.setdefault((part.mode, "sum"), part)
            if part.open_waits is not None:
                first.setdefault((part.mode, "open"), part)
    columns = [
        _integers(sums[name]) for name in ("key_id", "stack_id", "value", "count", "records")
    ]
    for key_id, stack_id, *weight in zip(*columns, strict=True):
        key = keys[key_id]
        add_weight(first[key.mode, key.role], key, stacks[stack_id], Weight(*weight))


def _stacks(engine: Engine, groups: Sequence[Any], sums: Any) -> dict[int, Stack]:
    """Map the ids of the stacks that sums need to the stacks.

    Raises:
        InputError: two stacks have one id.
    """
    found = engine.ask(groups, _STACKS, {"wanted": sums.select(["stack_id"])})
    columns = [found[name].to_pylist() for name in ("stack_id", "stack", "other")]
    stacks = {}
    for number, stack, other in zip(*columns, strict=True):
        if stack != other:
            raise InputError("two stacks of the store have one hash: the sums would be wrong")
        stacks[number] = Stack(stack)
    return stacks


def _integers(column: Any) -> list[int]:
    """Return a column of integers or decimals without fractions."""
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    if not pa.types.is_integer(column.type):
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:  # a sum of more than 64 bits
            return [int(value) for value in column.to_pylist()]
    return list(column.to_pylist())
