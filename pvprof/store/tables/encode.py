"""Recordings as the tables of a group: rows are collected, then written as Parquet.

Owns how what was read becomes rows; `decode` is the way back. It refuses to know where groups are
(`folder`) and what classes are (a `Labels` function tells).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pvprof.dataset.load import mode_of
from pvprof.errors import InputError
from pvprof.model.clocks import Clocks
from pvprof.model.profile import Key, Profile
from pvprof.model.stacks import Stack
from pvprof.parse.result import ParseResult
from pvprof.store.facts import short_hash, storable
from pvprof.store.tables.schema import TABLES, VERSION, arrow_schema
from pvprof.store.where import Value

if TYPE_CHECKING:
    from pvprof.model.column_table import ColumnTable

Labels = Callable[[Key, Stack], tuple[str, str]]
"""Returns the kind of wait and the lock class of a key and stack."""

_INT64_MAX = (1 << 63) - 1
_ROW_GROUP = 1 << 18
_DICTIONARY = ("recording_id", "key_id", "stack_id", "kind", "lock_class", "count", "records")
_TABLES_OF_WAITS = (("events", "waits", "single"), ("wakeups", "wakeups", "waker"))


class GroupTables:
    """The rows of a group, while it is made.

    Attributes:
        rows: the number of samples and single waits.
        recordings: the number of recordings.
    """

    def __init__(self, labels: Labels) -> None:
        self.rows = 0
        self._labels = labels
        self._label_of: dict[Key, dict[Stack, int]] = {}
        self._label_ids: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, str, str, bool, Key], int] = {}
        self._stacks: dict[str, int] = {}
        self._key_rows: dict[int, tuple[object, ...]] = {}
        self._stack_texts: dict[int, str] = {}
        self._recordings: list[dict[str, object]] = []
        self._samples = [array("q") for _ in range(7)]
        self._columns: dict[str, list[list[Any]]] = {"waits": [], "wakeups": [], "threads": []}
        self._texts: dict[str, list[list[object]]] = {"histograms": [], "holds": []}

    @property
    def recordings(self) -> int:
        """Return the number of recordings."""
        return len(self._recordings)

    @property
    def recording_ids(self) -> list[int]:
        """Return the ids of the recordings."""
        return [cast("int", row["recording_id"]) for row in self._recordings]

    def names_of(self, recording_ids: Sequence[int]) -> list[str]:
        """Return the names of some recordings."""
        wanted = set(recording_ids)
        return [str(row["name"]) for row in self._recordings if row["recording_id"] in wanted]

    def add(self, facts: Mapping[str, Value], parsed: ParseResult) -> None:
        """Add a recording.

        Args:
            facts: of `facts_of`.
            parsed: what was read from it.

        Raises:
            InputError: a value has more than 64 bits, or two stacks have one hash.
        """
        recording_id = facts["recording_id"]
        assert isinstance(recording_id, int)
        parts = [parsed, *parsed.further]
        row: dict[str, object] = {
            **facts,
            "problems": [
                {**asdict(one), "kind": storable(one.kind), "text": storable(one.text)}
                | {"file": storable(one.file)}
                for one in parsed.problems
            ],
            "parts": [_part_facts(part) for part in parts],
        }
        lists: list[Any] = [*self._samples, *self._texts.values(), *self._columns.values()]
        lengths = [len(one) for one in lists]
        try:
            for part in parts:
                self._add_part(recording_id, part)
        except (OverflowError, InputError) as error:
            for one, length in zip(lists, lengths, strict=True):  # none of its rows stays
                del one[length:]
            if isinstance(error, InputError):
                raise
            raise InputError(f"{facts['name']}: a value has more than 64 bits") from error
        self._recordings.append(row)

    def _add_part(self, recording_id: int, part: ParseResult) -> None:
        mode = mode_of(part)
        for (unit, counted), profile in part.profiles.items():
            self._add_profile(recording_id, (mode, unit, "sum", counted), profile)
        if part.open_waits is not None:
            counted = part.open_waits.has_counts
            self._add_profile(
                recording_id, (mode, part.open_waits.unit, "open", counted), part.open_waits
            )
        if part.events is not None:
            sums = part.events.profile()
            self._add_profile(recording_id, (mode, "ns", "single", True), sums)
        for field, table, role in _TABLES_OF_WAITS:
            rows = getattr(part, field)
            if rows is not None:
                self._add_columns(recording_id, table, (mode, "ns", role, True), rows)
        if part.threads is not None:
            self._add_columns(recording_id, "threads", (mode, "ns", "thread", True), part.threads)
        self._add_lists(recording_id, mode, part)

    def _add_lists(self, recording_id: int, mode: str, part: ParseResult) -> None:
        for one in part.histograms:
            key_id = self._key((mode, "ns", "histogram", True), one.key)
            buckets = [{"bound": bound, "count": count} for bound, count in one.buckets]
            if any(abs(n) > _INT64_MAX for pair in one.buckets for n in pair):
                raise OverflowError
            self._texts["histograms"].append(
                [recording_id, key_id, self._stack(one.stack), buckets]
            )
        for hold in part.holds:
            key_id = self._key((mode, "ns", "hold", True), hold.key)
            numbers = (hold.hold_ns, hold.acquisitions, hold.max_hold_ns)
            if any(number is not None and abs(number) > _INT64_MAX for number in numbers):
                raise OverflowError
            self._texts["holds"].append([recording_id, key_id, storable(hold.caller), *numbers])

    def _add_profile(
        self, recording_id: int, what: tuple[str, str, str, bool], profile: Profile
    ) -> None:
        for key, group in profile.groups.items():
            key_id = self._key(what, key)
            label_of = self._label_of.setdefault(key, {})
            constants = (repeat(number, len(group)) for number in (recording_id, key_id))
            texts = (map(self._stack, group), map(partial(self._label, key, label_of), group))
            weights = zip(*group.values(), strict=True) if group else ((), (), ())
            for column, numbers in zip(self._samples, (*constants, *texts, *weights), strict=True):
                column.extend(numbers)
            self.rows += len(group)

    def _add_columns(
        self, recording_id: int, table: str, what: tuple[str, str, str, bool], rows: ColumnTable
    ) -> None:
        """Add a table of waits, wake-ups or threads, with the ids of keys and stacks of a group."""
        import numpy as np  # noqa: PLC0415 (only single waits need it)

        key_ids = np.asarray([self._key(what, key) for key in rows.keys], dtype=np.int64)
        stack_ids = np.asarray([self._stack(stack) for stack in rows.stacks], dtype=np.int64)
        maps = {"key_id": key_ids, "stack_id": stack_ids}
        count = len(getattr(rows, rows.columns()[0]))
        columns = [np.full(count, recording_id, dtype=np.int64)]
        for column in TABLES[table][1:]:
            values = getattr(rows, column.name)
            columns.append(maps[column.name][values] if column.name in maps else values)
        self._columns[table].append(columns)
        self.rows += count

    def _key(self, what: tuple[str, str, str, bool], key: Key) -> int:
        known = self._keys.get((*what, key))
        if known is None:
            row = (*what, *map(storable, key.texts))
            known = self._keys[(*what, key)] = short_hash("\0".join(map(str, row)))
            _check_same(self._key_rows.setdefault(known, row), row)
        return known

    def _stack(self, stack: str) -> int:
        known = self._stacks.get(stack)
        if known is None:
            text = storable(stack)
            known = self._stacks[stack] = short_hash(text)
            _check_same(self._stack_texts.setdefault(known, text), text)
        return known

    def _label(self, key: Key, known: dict[Stack, int], stack: Stack) -> int:
        number = known.get(stack)
        if number is None:
            label = self._labels(key, stack)
            number = known[stack] = self._label_ids.setdefault(label, len(self._label_ids))
        return number

    def write(self, directory: Path) -> None:
        """Write the tables of the group into an empty directory.

        Raises:
            OSError: they cannot be written.
        """
        import pyarrow as pa  # noqa: PLC0415 (an extra)

        for name, values in self._tables():
            schema = arrow_schema(name)
            arrays = [
                pa.array(column, type=field.type)
                if not isinstance(column, pa.DictionaryArray)
                else column
                for column, field in zip(values, schema, strict=True)
            ]
            write_table(pa.table(arrays, names=schema.names), name, directory)

    def _tables(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Yield (name, columns) of each table that has rows, and of those that are always there."""
        names = [column.name for column in TABLES["recordings"]]
        yield "recordings", [[row.get(name) for row in self._recordings] for name in names]
        keys = [(number, *row) for number, row in self._key_rows.items()]
        yield "keys", _transposed(keys, len(TABLES["keys"]))
        stacks = sorted(self._stack_texts.items(), key=lambda item: item[1])
        yield "stacks", _transposed(stacks, len(TABLES["stacks"]))
        yield "samples", self._sample_columns()
        for name, rows in self._texts.items():
            if rows:
                yield name, _transposed(rows, len(TABLES[name]))
        import numpy as np  # noqa: PLC0415 (only single waits need it)

        for name, parts in self._columns.items():
            if not parts:
                continue
            yield name, [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _sample_columns(self) -> list[Any]:
        import numpy as np  # noqa: PLC0415 (pyarrow needs it anyway)
        import pyarrow as pa  # noqa: PLC0415 (an extra)

        columns = [np.frombuffer(column, dtype=np.int64) for column in self._samples]
        # The rows of one stack come together: its id takes no space then, and the number of the
        # recording, of which there are fewer, takes less.
        order = np.lexsort((columns[0], columns[2], columns[1]))
        columns = [column[order] for column in columns]
        indices = pa.array(columns[3], type=pa.int32())
        labels = [
            pa.DictionaryArray.from_arrays(indices, pa.array(texts, type=pa.string()))
            for texts in _transposed([tuple(map(storable, one)) for one in self._label_ids], 2)
        ]
        return [*columns[:3], *labels, *columns[4:]]


def write_table(table: Any, name: str, directory: Path) -> None:
    """Write a table of a group (``pyarrow.Table``).

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 (an extra)

    known = {"pvprof.version": str(VERSION)}
    pq.write_table(
        table.replace_schema_metadata(known),
        directory / f"{name}.parquet",
        compression="zstd",
        compression_level=9,
        row_group_size=_ROW_GROUP,
        use_dictionary=True if name != "samples" else list(_DICTIONARY),
        write_page_checksum=True,
    )


def _check_same(known: object, other: object) -> None:
    """Refuse two texts with one hash: they would be one in the store.

    Raises:
        InputError: they differ.
    """
    if known != other:
        raise InputError("two stacks or keys have one hash: a store cannot hold both")


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    """Return the columns of rows, also of none."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


def _part_facts(part: ParseResult) -> dict[str, object]:
    begin, end = part.begin or Clocks(0, None), part.end or Clocks(0, None)
    return {
        "mode": mode_of(part),
        "units": [unit for unit, _ in part.profiles],
        "counted": [counted for _, counted in part.profiles],
        "begin_ns": begin.monotonic_ns if part.begin else None,
        "begin_wall_ns": begin.wall_ns,
        "end_ns": end.monotonic_ns if part.end else None,
        "end_wall_ns": end.wall_ns,
        "has_waits": part.events is not None,
        "has_wakeups": part.wakeups is not None,
        "has_threads": part.threads is not None,
        "has_open": part.open_waits is not None,
    }
