"""Profiles: weights by key and stack, histograms, and how long locks were held."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, NamedTuple

from pvprof.model.stacks import NO_STACK, Frame, Stack
from pvprof.units import Unit

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints


class Key(NamedTuple):
    """What a weight was measured for, besides its stack.

    Attributes:
        mechanism: how the thread waited or ran, a name of `pvprof.model.mechanisms`; empty if the
            recording does not say.
        name: the lock name or wait message, exactly as recorded (blanks included), or empty.
        execname: the process that waited, ran or (``wakeup``) woke the other one, or empty.
        sleeper: for ``wakeup``: the process that was woken.
        lock_class: the recorded class, as the kernel names it (``rw``, ``sleep mutex``), or empty.
        pid, tid: of the thread that waited or ran, if threads are to be kept apart; else -1.
    """

    mechanism: str = ""
    name: str = ""
    execname: str = ""
    sleeper: str = ""
    lock_class: str = ""
    pid: int = -1
    tid: int = -1

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the key without the thread."""
        return self[:5]


class Weight(NamedTuple):
    """What was measured for one key and stack.

    Attributes:
        value: in the profile's unit.
        count: how many times it happened; meaningless if `Profile.has_counts` is false.
        records: number of input records that were added up.
    """

    value: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which has no use here
    records: int

    def plus(self, other: Weight) -> Weight:
        """Return the sum of both, field by field."""
        return Weight(
            self.value + other.value, self.count + other.count, self.records + other.records
        )

    def minus(self, other: Weight) -> Weight:
        """Return the difference, field by field."""
        return Weight(
            self.value - other.value, self.count - other.count, self.records - other.records
        )


def weights_of(rows: Iterable[Iterable[int]]) -> Iterator[Weight]:
    """Return a weight for each row of three fields.

    This skips `Weight.__new__`, which is Python code: five times as fast, which matters for 300,000
    stacks.
    """
    return map(tuple.__new__, repeat(Weight), rows)


Cell = list[int]
"""The sums of one stack while they grow, in the order of `Weight`'s fields."""


def weights_of_cells(cells: Mapping[Stack, Cell]) -> dict[Stack, Weight]:
    """Return the weights of stacks from their cells."""
    return dict(zip(cells, weights_of(cells.values()), strict=True))


def add_weights(group: dict[Stack, Weight], stacks: Mapping[Stack, Weight]) -> None:
    """Add weights to those of a group; equal stacks sum."""
    if group.keys().isdisjoint(stacks):
        group.update(stacks)
        return
    for stack, weight in stacks.items():
        known = group.setdefault(stack, weight)
        if known is not weight:
            group[stack] = known.plus(weight)


class StackTable(Mapping[Stack, Weight]):
    """Weights of distinct stacks as columns: no object for a stack until one is asked for.

    ::

        main;read 5      names   main read write      frames  0 1 0 2 0
        main;write 7                                  ends    2 4 5
        main 1                                        sums    5 7 1

    As a mapping it is like a dict of its stacks, which it makes when it is first used as such.

    Attributes:
        names: the distinct frames.
        frames: indices into `names`: the frames of all stacks, one stack after the other.
        ends: for each stack, the index after its last frame.
        sums: the value of each stack, none negative; all together fit into 64 bits.
        others: the count and the number of records of each stack; None if each is of one record,
            without a count.
    """

    __slots__ = ("_weights", "ends", "frames", "names", "others", "sums")

    def __init__(
        self,
        names: Sequence[Frame],
        frames: Ints,
        ends: Ints,
        sums: Ints,
        others: tuple[Ints, Ints] | None = None,
    ) -> None:
        self.names = names
        self.frames = frames
        self.ends = ends
        self.sums = sums
        self.others = others
        self._weights: dict[Stack, Weight] | None = None

    @property
    def weights(self) -> dict[Stack, Weight]:
        """Return the weights by stack."""
        if self._weights is None:
            texts = list(map(list(self.names).__getitem__, self.frames.tolist()))
            bounds = pairwise([0, *self.ends.tolist()])
            stacks = [Stack(";".join(texts[start:end])) for start, end in bounds]
            others = (column.tolist() for column in self.others or ())
            counts, records = others if self.others else (repeat(0), repeat(1))
            rows = zip(self.sums.tolist(), counts, records, strict=False)
            self._weights = dict(zip(stacks, weights_of(rows), strict=True))
        return self._weights

    @property
    def total(self) -> Weight:
        """Return the sum of all weights."""
        counts, records = (
            (0, len(self)) if self.others is None else (int(one.sum()) for one in self.others)
        )
        return Weight(int(self.sums.sum()), counts, records)

    def select(self, rows: Ints) -> StackTable:
        """Return a table of the stacks with these indices, in their order."""
        import numpy as np  # noqa: PLC0415 (0.1 s to import)

        begins = np.concatenate(([0], self.ends[:-1]))[rows]
        depths = self.ends[rows] - begins
        ends = np.cumsum(depths)
        places = np.arange(int(depths.sum())) + np.repeat(begins - (ends - depths), depths)
        others = None if self.others is None else (self.others[0][rows], self.others[1][rows])
        return StackTable(self.names, self.frames[places], ends, self.sums[rows], others)

    def __getitem__(self, stack: Stack) -> Weight:
        return self.weights[stack]

    def __iter__(self) -> Iterator[Stack]:
        return iter(self.weights)

    def items(self) -> ItemsView[Stack, Weight]:
        """Return (stack, weight) pairs."""
        return self.weights.items()

    def values(self) -> ValuesView[Weight]:
        """Return the weights."""
        return self.weights.values()

    def __len__(self) -> int:
        return len(self.sums)


def total_weight(stacks: Mapping[Stack, Weight]) -> Weight:
    """Return the sum of the weights of stacks."""
    if isinstance(stacks, StackTable):
        return stacks.total
    return Weight(*map(sum, zip(Weight(0, 0, 0), *stacks.values(), strict=True)))


@dataclass(frozen=True, slots=True)
class Histogram:
    """One ``quantize`` or ``lquantize`` body.

    Attributes:
        key: what it was measured for.
        buckets: (lower bound, count) for each printed row, in order; bounds in ns.
        mode: in which it was recorded; empty if unknown.
        stack: of the waits, if they were recorded by stack.
    """

    key: Key
    buckets: tuple[tuple[int, int], ...]
    mode: str = ""
    stack: Stack = NO_STACK

    @property
    def count(self) -> int:
        """Return the number of values in all buckets."""
        return sum(count for _, count in self.buckets)


@dataclass(slots=True)
class Profile:
    """Weights by key and stack.

    Attributes:
        unit: the unit of every weight's value.
        has_counts: whether the input has counts.
        groups: for each key, for each stack, its weight: a dict, or a table that is not changed.
    """

    unit: Unit
    has_counts: bool
    groups: dict[Key, dict[Stack, Weight] | StackTable] = field(default_factory=dict)

    def add(self, key: Key, stack: Stack, weight: Weight) -> None:
        """Add one weight; equal keys and stacks sum."""
        group = self._group(key)
        known = group.get(stack)
        group[stack] = weight if known is None else known.plus(weight)

    def add_group(self, key: Key, stacks: dict[Stack, Weight] | StackTable) -> None:
        """Add the weights of one key. For a new key the profile keeps `stacks` itself."""
        if key not in self.groups:
            self.groups[key] = stacks
        elif self.groups[key] is not stacks:
            add_weights(self._group(key), stacks)

    def _group(self, key: Key) -> dict[Stack, Weight]:
        """Return the weights of a key, to be changed."""
        group = self.groups.get(key)
        if not isinstance(group, dict):
            group = self.groups[key] = {} if group is None else dict(group.weights)
        return group

    def merge(self, other: Profile) -> None:
        """Add every weight of another profile of the same unit."""
        if other.unit != self.unit:
            raise ValueError(f"cannot add {other.unit} to {self.unit}")
        for key, stacks in other.groups.items():
            is_shared = key not in self.groups and isinstance(stacks, dict)
            self.add_group(key, dict(stacks) if is_shared else stacks)

    def __iter__(self) -> Iterator[tuple[Key, Stack, Weight]]:
        for key, stacks in self.groups.items():
            for stack, weight in stacks.items():
                yield key, stack, weight

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    @property
    def total(self) -> int:
        """Return the sum of all values."""
        return sum(total_weight(stacks).value for stacks in self.groups.values())


def merge_histograms(histograms: Sequence[Histogram]) -> list[Histogram]:
    """Return one histogram for each mode and key, the counts of equal buckets added up.

    It has no stack.
    """
    merged: dict[tuple[str, Key], dict[int, int]] = {}
    for histogram in histograms:
        buckets = merged.setdefault((histogram.mode, histogram.key), {})
        for bound, count in histogram.buckets:
            buckets[bound] = buckets.get(bound, 0) + count
    return [
        Histogram(key, tuple(sorted(buckets.items())), mode)
        for (mode, key), buckets in merged.items()
    ]


@dataclass(frozen=True, slots=True)
class LockHold:
    """The acquisitions of one lock from one place.

    Attributes:
        key: the lock: its name, and the class that the kernel gives to it.
        caller: the code that acquired it.
        hold_ns: how long it was held, all together.
        acquisitions: how often it was acquired.
        max_hold_ns: the longest time; None if that was not recorded.
        mode: in which it was recorded; empty if unknown.
    """

    key: Key
    caller: Frame
    hold_ns: int
    acquisitions: int
    max_hold_ns: int | None = None
    mode: str = ""
