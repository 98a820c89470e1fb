"""Who waited for what, and how long: one row for each lock or wait message.

Owns the tables. A row adds up everything of one kind, class and name; rows of a table add up to
the total of the parts that it was made from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pvprof.classify.filters import Part
from pvprof.classify.rules import Rules
from pvprof.model.mechanisms import mechanism_of
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import NO_STACK, Frame, Stack
from pvprof.model.waits import WaitTable
from pvprof.units import Unit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

NO_NAME = "[no name]"


RowId = tuple[str, str, str]
"""Kind, class and name."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of `count` single waits, in nanoseconds, by the nearest-rank method (no interpolation)."""

    count: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class Row:
    """One lock or wait message (for samples: one function; for wake-ups: waker and sleeper).

    Attributes:
        kind, lock_class: what the rules say.
        name: the lock name or wait message as recorded.
        value: in the table's unit, spinning included.
        spin, spin_count: the part of `value` and `count` that was spent spinning.
        block, block_count: the part that was spent blocked, off the CPU. What is in neither was not
            told apart (LOCK_PROFILING adds both up), or is no wait.
        count: how many times; None where the recording does not say.
        records: how many records of the input were added up.
        stacks: how many distinct stacks.
        quantiles: where single waits were recorded.
        callers: (function, value) of the code that came to wait, largest first.
        blocked, runnable: the parts of `value` before and after a wake-up; None where no wake-up of
            any of its waits is known. What is in neither is not told apart.
    """

    kind: str
    lock_class: str
    name: str
    value: int
    spin: int
    spin_count: int
    block: int
    block_count: int
    count: int | None
    records: int
    stacks: int
    quantiles: Quantiles | None
    callers: tuple[tuple[Frame, int], ...]
    blocked: int | None = None
    runnable: int | None = None

    @property
    def id(self) -> RowId:
        """Return what it is a row of: kind, class and name."""
        return self.kind, self.lock_class, self.name

    @property
    def mean(self) -> int | None:
        """Return value / count, rounded down, or None where there is no count."""
        return self.value // self.count if self.count else None


@dataclass(slots=True)
class _Sums:
    value: int = 0
    spin: int = 0
    spin_count: int = 0
    block: int = 0
    block_count: int = 0
    count: int = 0
    records: int = 0
    stacks: set[Stack] = field(default_factory=set)
    callers: Counter[Frame] = field(default_factory=Counter)

    def add(self, part: Part, rules: Rules) -> None:
        weight = part.weight
        self.value += weight.value
        state = mechanism_of(part.key.mechanism).state
        if state == "spinning":
            self.spin += weight.value
            self.spin_count += weight.count
        elif state == "blocked":
            self.block += weight.value
            self.block_count += weight.count
        self.count += weight.count
        self.records += weight.records
        self.stacks.update(part.stacks)
        for stack, one in part.stacks.items():
            if stack != NO_STACK:
                self.callers[rules.caller_of(stack)] += one.value


def attribute(
    parts: Sequence[Part],
    unit: Unit,
    has_counts: bool,
    rules: Rules,
    quantiles: Mapping[RowId, Quantiles] | None = None,
) -> tuple[Row, ...]:
    """Return one row for each kind, class and name, kinds in the rules' order, largest first.

    Args:
        parts: what to attribute.
        unit: the unit of the values.
        has_counts: whether the counts mean anything.
        rules: for the order of the kinds, and for which functions are waiting machinery.
        quantiles: of the single waits of each row, where such were recorded.
    """
    sums: dict[RowId, _Sums] = {}
    for part in parts:
        for row_id, piece in _split(part, unit):
            sums.setdefault(row_id, _Sums()).add(piece, rules)
    quantiles = quantiles or {}
    rows = [
        Row(
            *row_id,
            value=one.value,
            spin=one.spin,
            spin_count=one.spin_count,
            block=one.block,
            block_count=one.block_count,
            count=one.count if has_counts else None,
            records=one.records,
            stacks=len(one.stacks),
            quantiles=_whole(quantiles.get(row_id), one.count),
            callers=tuple(sorted(one.callers.items(), key=lambda item: (-item[1], item[0]))),
        )
        for row_id, one in sums.items()
    ]
    order = {kind.id: place for place, kind in enumerate(rules.kinds)}
    rows.sort(key=lambda row: (order[row.kind], -row.value, row.name, row.lock_class))
    return tuple(rows)


def _split(part: Part, unit: Unit) -> list[tuple[RowId, Part]]:
    """Return the rows that a part belongs to: one by its name, or one for each sampled function."""
    verdict, key = part.verdict, part.key
    if unit != "samples" or key.name:
        return [((verdict.kind, verdict.lock_class, row_name(key)), part)]
    by_function: dict[Frame, dict[Stack, Weight]] = {}
    for stack, weight in part.stacks.items():
        by_function.setdefault(stack.rpartition(";")[2], {})[stack] = weight
    return [
        ((verdict.kind, verdict.lock_class, name), Part(verdict, key, stacks))
        for name, stacks in by_function.items()
    ]


def row_name(key: Key) -> str:
    """Return what a row for that key is called."""
    if key.sleeper:
        wait = f": {key.name}" if key.name else ""
        return f"{key.execname} -> {key.sleeper}{wait}"
    if key.name:
        return key.name
    return key.execname or NO_NAME


def rows_of_parts(parts: Sequence[Part]) -> dict[tuple[Key, Stack], RowId]:
    """Return of each key and stack of the parts, which are of waits, the row that it is in."""
    return {
        (piece.key, stack): row_id
        for part in parts
        for row_id, piece in _split(part, "ns")
        for stack in piece.stacks
    }


def rows_of_events(events: WaitTable, parts: Sequence[Part]) -> tuple[tuple[RowId, ...], Ints]:
    """Return the rows that the parts make, and of each event the number of its row.

    The number is -1 for an event that is in none of the parts.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    key_ids = {key: number for number, key in enumerate(events.keys)}
    stack_ids = {stack: number for number, stack in enumerate(events.stacks)}
    width = max(len(events.stacks), 1)
    rows: dict[RowId, int] = {}
    row_of: dict[int, int] = {-1: -1}  # so that there is one
    for part in parts:
        for row_id, piece in _split(part, "ns"):
            number = rows.setdefault(row_id, len(rows))
            first = key_ids.get(piece.key)
            if first is None:  # it was not recorded wait by wait
                continue
            known = (stack_ids[stack] for stack in piece.stacks if stack in stack_ids)
            row_of.update((first * width + stack, number) for stack in known)
    pairs = sorted(row_of)
    codes = events.key_id * width + events.stack_id
    places = np.searchsorted(pairs, codes, side="right") - 1
    numbers = np.asarray([row_of[pair] for pair in pairs], dtype=np.int32)[places]
    numbers[np.asarray(pairs, dtype=np.int64)[places] != codes] = -1
    return tuple(rows), numbers


def quantiles_of(ordered: Ints, first: int, last: int) -> Quantiles:
    """Return the quantiles of the waits from `first` to before `last`, which ascend; not empty."""
    size = last - first
    ranks = [first + -(-size * percent // 100) - 1 for percent in (50, 90, 99, 100)]
    return Quantiles(size, *(int(ordered[rank]) for rank in ranks))


def _whole(quantiles: Quantiles | None, count: int) -> Quantiles | None:
    """Return quantiles of all `count` waits; those of only some of them would mislead."""
    return quantiles if quantiles is not None and quantiles.count == count else None
