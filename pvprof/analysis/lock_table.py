"""The lock table: one row for each lock or wait message.

A row adds up everything of one kind, class and name. The rows of a table add up to the total of the
parts that it was made from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvprof.classify.filters import Part
from pvprof.classify.matcher import Matcher
from pvprof.model.mechanisms import FOLDED, mechanism_of
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import NO_STACK, Frame, Stack
from pvprof.units import Unit, is_of_code

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

NO_NAME = "[no name]"


RowId = tuple[str, str, str]
"""Kind, class and name."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Quantiles of `count` single waits in ns, by the nearest-rank method (no interpolation)."""

    count: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class Row:
    """One lock or wait message (for samples: one function; for wake-ups: waker and sleeper).

    Attributes:
        kind, lock_class: from the rules.
        name: the lock name or wait message as recorded.
        value: in the table's unit, spinning included.
        spin, spin_count: the part of `value` and `count` that was spent spinning.
        block, block_count: the part that was spent blocked, off the CPU. The recording may not
            separate both (LOCK_PROFILING adds them up); then the rest is in neither.
        count: number of waits; None if the recording does not say.
        records: number of input records that were added up.
        stacks: number of distinct stacks.
        quantiles: of single waits; None unless every wait of the row was recorded singly.
        callers: (function, value) of the code that waited, largest first.
        blocked, runnable: the parts of `value` before and after the wake-ups; None if no wake-up of
            its waits was recorded. Waits without a recorded wake-up are in neither.
        is_named: whether the recording names what was waited for; else `name` is the process.
        is_function: whether `name` is a function: the innermost frame of its stacks.
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
    is_named: bool = True
    is_function: bool = False

    @property
    def id(self) -> RowId:
        """Return kind, class and name."""
        return self.kind, self.lock_class, self.name

    @property
    def mean(self) -> int | None:
        """Return value / count, rounded down; None without a count."""
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
    is_named: bool = False
    is_function: bool = False
    stacks: set[Stack] = field(default_factory=set)
    callers: Counter[Frame] = field(default_factory=Counter)

    def add(self, part: Part, rules: Matcher) -> None:
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
        self.is_named = self.is_named or bool(part.key.name)
        self.stacks.update(part.stacks)
        for stack, stack_weight in part.stacks.items():
            if stack != NO_STACK:
                self.callers[rules.top_caller(part.key, stack)] += stack_weight.value


def attribute(
    parts: Sequence[Part],
    unit: Unit,
    has_counts: bool,
    rules: Matcher,
    quantiles: Mapping[RowId, Quantiles] | None = None,
) -> tuple[Row, ...]:
    """Return one row for each kind, class and name, kinds in the rules' order, largest first.

    Args:
        parts: the weights to add up.
        unit: of the values.
        has_counts: whether the recording has counts.
        rules: give the order of the kinds, and the functions that are waiting machinery.
        quantiles: of the single waits of each row.
    """
    sums: dict[RowId, _Sums] = {}
    for part in parts:
        for row_id, piece in split_by_row(part, unit):
            total = sums.setdefault(row_id, _Sums())
            total.add(piece, rules)
            total.is_function = _is_by_function(part.key, unit)
    quantiles = quantiles or {}
    rows = [
        Row(
            *row_id,
            value=total.value,
            spin=total.spin,
            spin_count=total.spin_count,
            block=total.block,
            block_count=total.block_count,
            count=total.count if has_counts else None,
            records=total.records,
            stacks=len(total.stacks),
            quantiles=_whole(quantiles.get(row_id), total.count),
            callers=tuple(sorted(total.callers.items(), key=lambda item: (-item[1], item[0]))),
            is_named=total.is_named,
            is_function=total.is_function,
        )
        for row_id, total in sums.items()
    ]
    order = {kind.id: index for index, kind in enumerate(rules.kinds)}
    rows.sort(key=lambda row: (order[row.kind], -row.value, row.name, row.lock_class))
    return tuple(rows)


def split_by_row(part: Part, unit: Unit) -> list[tuple[RowId, Part]]:
    """Return the rows of a part: one by its name, or one for each sampled function."""
    verdict, key = part.verdict, part.key
    if not _is_by_function(key, unit):
        return [((verdict.kind, verdict.lock_class, row_name(key)), part)]
    by_function: dict[Frame, dict[Stack, Weight]] = {}
    for stack, weight in part.stacks.items():
        by_function.setdefault(stack.rpartition(";")[2], {})[stack] = weight
    return [
        ((verdict.kind, verdict.lock_class, name), Part(verdict, key, stacks))
        for name, stacks in by_function.items()
    ]


def _is_by_function(key: Key, unit: Unit) -> bool:
    """Tell whether the rows of a key are the functions of its stacks: all that is known of them."""
    return not key.name and (is_of_code(unit) or key.mechanism == FOLDED)


def row_name(key: Key) -> str:
    """Return the name of the row that a key belongs to."""
    if key.sleeper:
        wait = f": {key.name}" if key.name else ""
        return f"{key.execname} -> {key.sleeper}{wait}"
    if key.name:
        return key.name
    return key.execname or NO_NAME


def rows_of_parts(parts: Sequence[Part]) -> dict[tuple[Key, Stack], RowId]:
    """Map each (key, stack) of these wait parts to its row id."""
    return {
        (piece.key, stack): row_id
        for part in parts
        for row_id, piece in split_by_row(part, "ns")
        for stack in piece.stacks
    }


def quantiles_of(ascending: Ints) -> Quantiles:
    """Return the quantiles of single waits in ascending order; there must be at least total."""
    size = len(ascending)
    ranks = [-(-size * percent // 100) - 1 for percent in (50, 90, 99, 100)]
    return Quantiles(size, *(int(ascending[rank]) for rank in ranks))


def _whole(quantiles: Quantiles | None, count: int) -> Quantiles | None:
    """Return the quantiles if they are of all `count` waits; those of a part would mislead."""
    return quantiles if quantiles is not None and quantiles.count == count else None
