"""The vocabulary that parsers write and every later stage reads.

Owns the types of data in flight: stacks, keys, weights, profiles, events, problems. It refuses to
know where data came from (``parse``), what it means (``rules``) or how it is shown (``render``).

Conventions, everywhere right of the parsers:

* a stack is root first (the parsers flip DTrace's leaf-first order, once, there);
* times are integer nanoseconds, counts are integers; scaling happens when a value is shown;
* a frame never holds ``;``, a control character or a newline, and is never empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, NewType, TypeVar, get_args

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Ints = npt.NDArray[np.int64]

Frame = str

Stack = NewType("Stack", str)
"""Frames joined by ``;``, root first: the folded form.

One string, not a tuple of frames: it is hashed once, compared and sent between processes several
times as fast, and a folded line is it. `frames_of` and `stack_of` convert.
"""

NO_STACK = Stack("[no stack]")
"""Stands for a record whose ``stack()`` was empty, so that its weight stays visible."""

DELIMITER: Frame = "-"
"""Stands between user frames (towards the root) and kernel frames, as in bcc and FlameGraph."""

WAKER_DELIMITER: Frame = "--"
"""Stands between the frames of a waker and the sleeper that it woke, as in bcc and FlameGraph."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def clean_frame(text: str) -> Frame:
    r"""Return `text` as a frame may stand in a folded line.

    ``;`` becomes ``:``, as every collapser writes it; control characters become ``\x1b``; an empty
    text becomes ``-``.
    """
    return show_controls(text).replace(";", ":").strip() or "-"


def show_controls(text: str) -> str:
    r"""Return `text` with control characters spelled out, ``\x1b``: a name may hold any."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def stack_of(frames: Iterable[Frame]) -> Stack:
    """Return the stack of clean frames, root first; `NO_STACK` if there are none."""
    return Stack(";".join(frames)) or NO_STACK


def frames_of(stack: Stack) -> list[Frame]:
    """Return the frames of a stack, root first."""
    return stack.split(";")


Unit = Literal["ns", "samples", "events"]
UNITS: tuple[Unit, ...] = get_args(Unit)

Severity = Literal["note", "warning", "loss"]
"""``loss``: data are missing, totals are too low; ``warning``: doubtful; ``note``: to be known."""


class Key(NamedTuple):
    """What a weight was measured for, besides its stack.

    Attributes:
        event: the mechanism: ``turnstile``, ``sleepq``, a lockstat probe (``rw-spin``), ``on-cpu``,
            ``user`` (a user stack), ``wakeup``, ``runq`` (also ``runq-woken`` and
            ``runq-preempted``), ``folded`` (another tool folded it); empty where the recording
            does not say.
        name: the lock name or wait message, exactly as recorded (blanks included), or empty.
        execname: the process that waited, ran or (``wakeup``) woke the other one, or empty.
        sleeper: for ``wakeup``: the process that was woken.
        lock_class: the lock's class as the kernel names it (``rw``, ``sleep mutex``), or empty
            where it was not recorded.
    """

    event: str = ""
    name: str = ""
    execname: str = ""
    sleeper: str = ""
    lock_class: str = ""


class Weight(NamedTuple):
    """What was measured for one key and stack.

    Attributes:
        value: in the profile's unit.
        count: how many times it happened; meaningless where `Profile.has_counts` is false.
        records: how many records of the input were added up in it.
    """

    value: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    records: int

    def plus(self, other: Weight) -> Weight:
        """Return the sum of both, field by field."""
        return Weight(
            self.value + other.value, self.count + other.count, self.records + other.records
        )


def weights_of(rows: Iterable[Iterable[int]]) -> Iterator[Weight]:
    """Return a weight for each row of its three fields.

    Five times as fast as calling `Weight`, whose constructor is Python code: that tells where
    there are 300,000.
    """
    return map(tuple.__new__, repeat(Weight), rows)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in the input that was doubtful, lost or unreadable.

    Attributes:
        kind: a short fixed name that tests and JSON readers may rely on, e.g. ``cut-off``.
        text: a sentence for people.
        file: the file's name, or empty.
        line: the 1-based line, or 0 where the problem has no single place.
        count: how many times it was seen (drops: how many records were lost).
        severity: what it does to the result.
    """

    kind: str
    text: str
    file: str = ""
    line: int = 0
    count: int = 1
    severity: Severity = "warning"

    @property
    def place(self) -> str:
        """Return ``file:line``, as much of it as is known."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Histogram:
    """One ``quantize`` or ``lquantize`` body.

    Attributes:
        key: what it was measured for.
        buckets: (lower bound, count) for each printed row, in order; bounds in ns.
    """

    key: Key
    buckets: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Return the number of values in all buckets."""
        return sum(count for _, count in self.buckets)


@dataclass(slots=True)
class Profile:
    """Weights by key and stack.

    Attributes:
        unit: the unit of every weight's value.
        has_counts: whether the input said how many times each thing happened.
        groups: for each key, for each stack, its weight.
    """

    unit: Unit
    has_counts: bool
    groups: dict[Key, dict[Stack, Weight]] = field(default_factory=dict)

    def add(self, key: Key, stack: Stack, weight: Weight) -> None:
        """Add one weight; equal keys and stacks sum."""
        group = self.groups.setdefault(key, {})
        known = group.get(stack)
        group[stack] = weight if known is None else known.plus(weight)

    def add_group(self, key: Key, stacks: dict[Stack, Weight]) -> None:
        """Add the weights of one key; a key not yet known takes over `stacks` itself."""
        mine = self.groups.setdefault(key, stacks)
        if mine is stacks:
            return
        if mine.keys().isdisjoint(stacks):
            mine.update(stacks)
            return
        for stack, weight in stacks.items():
            known = mine.setdefault(stack, weight)
            if known is not weight:
                mine[stack] = known.plus(weight)

    def merge(self, other: Profile) -> None:
        """Add every weight of another profile of the same unit."""
        if other.unit != self.unit:
            raise ValueError(f"cannot add {other.unit} to {self.unit}")
        for key, stacks in other.groups.items():
            self.add_group(key, dict(stacks) if key not in self.groups else stacks)

    def __iter__(self) -> Iterator[tuple[Key, Stack, Weight]]:
        for key, stacks in self.groups.items():
            for stack, weight in stacks.items():
                yield key, stack, weight

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    @property
    def total(self) -> int:
        """Return the sum of all values."""
        return sum(weight.value for _, _, weight in self)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each key and stack, for analysis in a notebook.

        Columns: event, name, execname, sleeper, lock_class, stack, value (in `unit`), count,
        records.
        """
        import pandas as pd  # noqa: PLC0415 (0.6 s to import: only who asks pays)

        rows = [(*key, stack, *weight) for key, stack, weight in self]
        columns = [*Key._fields, "stack", *Weight._fields]
        return pd.DataFrame.from_records(rows, columns=columns)


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """One row for each recorded blocking, in the order of the file (not of time).

    All arrays are one-dimensional and of equal length.

    Attributes:
        start_ns, wait_ns: int64; on the recording's monotonic clock.
        pid, tid, cpu: int64; -1 where the recording does not say.
        owner_tid: int64; 0 where there is no owner or none was recorded.
        object_address: uint64; the lock object or wait channel, 0 where unknown.
        key_id, stack_id: int64 indices into `keys` and `stacks`.
        keys, stacks: the distinct keys and stacks.
    """

    start_ns: Ints
    wait_ns: Ints
    pid: Ints
    tid: Ints
    cpu: Ints
    owner_tid: Ints
    object_address: npt.NDArray[np.uint64]
    key_id: Ints
    stack_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "start_ns",
        "wait_ns",
        "pid",
        "tid",
        "cpu",
        "owner_tid",
        "object_address",
    )

    def __len__(self) -> int:
        return len(self.start_ns)

    def plus(self, other: Events) -> Events:
        """Return the events of both, this one's first."""
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        keys, key_map = join_distinct(self.keys, other.keys)
        stacks, stack_map = join_distinct(self.stacks, other.stacks)
        columns = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in self.COLUMNS
        }
        key_id = np.concatenate([self.key_id, np.asarray(key_map, np.int64)[other.key_id]])
        stack_id = np.concatenate([self.stack_id, np.asarray(stack_map, np.int64)[other.stack_id]])
        return Events(**columns, key_id=key_id, stack_id=stack_id, keys=keys, stacks=stacks)

    def profile(self) -> Profile:
        """Return the summed wait and the count of the events by key and stack, exact."""
        import numpy as np  # noqa: PLC0415

        profile = Profile("ns", True)
        if not len(self):
            return profile
        group = self.key_id * len(self.stacks) + self.stack_id
        order = np.argsort(group, kind="stable")
        ordered = group[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        waits = self.wait_ns[order]
        if int(waits.max()) * len(waits) >= 1 << 63:  # may not fit: add up as Python's integers
            waits = waits.astype(object)
        sums = np.add.reduceat(waits, starts)
        counts = np.diff(np.append(starts, len(ordered)))
        for code, value, count in zip(
            ordered[starts].tolist(), sums.tolist(), counts.tolist(), strict=True
        ):
            key, stack = divmod(code, len(self.stacks))
            profile.add(self.keys[key], self.stacks[stack], Weight(value, count, count))
        return profile


@dataclass(frozen=True, slots=True, eq=False)
class Wakeups:
    """One row for each recorded wake-up, in the order of the file (not of time).

    All arrays are one-dimensional and of equal length.

    Attributes:
        time_ns: int64; on the clock of the events of the same recording.
        sleeper_tid, waker_tid, cpu: int64; who was woken, by whom (an interrupt runs on whatever
            thread it met), and where.
        row: int64; the row in `Events` of the wait that it ended, no two the same; -1 where none.
        key_id, stack_id: int64 indices into `keys` and `stacks`.
        keys, stacks: the distinct keys and stacks of wakers.
    """

    time_ns: Ints
    sleeper_tid: Ints
    waker_tid: Ints
    cpu: Ints
    row: Ints
    key_id: Ints
    stack_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    COLUMNS: ClassVar[tuple[str, ...]] = ("time_ns", "sleeper_tid", "waker_tid", "cpu")

    def __len__(self) -> int:
        return len(self.time_ns)

    def plus(self, other: Wakeups, events: int) -> Wakeups:
        """Return the wake-ups of both; there are so many `events` before those of the other."""
        import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

        keys, key_map = join_distinct(self.keys, other.keys)
        stacks, stack_map = join_distinct(self.stacks, other.stacks)
        columns = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in self.COLUMNS
        }
        key_id = np.asarray(key_map, np.int64)[other.key_id]
        stack_id = np.asarray(stack_map, np.int64)[other.stack_id]
        return Wakeups(
            **columns,
            row=np.concatenate([self.row, other.moved(events).row]),
            key_id=np.concatenate([self.key_id, key_id]),
            stack_id=np.concatenate([self.stack_id, stack_id]),
            keys=keys,
            stacks=stacks,
        )

    def moved(self, events: int) -> Wakeups:
        """Return the same wake-ups where so many `events` come before those that they ended."""
        return replace(self, row=self.row + events * (self.row >= 0))


@dataclass(frozen=True, slots=True)
class Run:
    """The events of one recording among those of several, and between which marks it was made.

    Attributes:
        events: how many there are; those of the first run come first.
        begin_ns, end_ns: when tracing began and ended, on the clock of the events, or from when to
            when waits were kept; None where the recording does not say.
        origin_ns: from when on ``--from`` and ``--to`` count, where waits were cut by them; else
            from `begin_ns`, or from the first wait.
        name: of the recording; may be empty.
    """

    events: int
    begin_ns: int | None = None
    end_ns: int | None = None
    origin_ns: int | None = None
    name: str = ""


_T = TypeVar("_T")


def join_distinct(mine: tuple[_T, ...], others: tuple[_T, ...]) -> tuple[tuple[_T, ...], list[int]]:
    """Return the distinct items of both, and where each of `others` stands among them."""
    index = {item: number for number, item in enumerate(mine)}
    places = [index.setdefault(item, len(index)) for item in others]
    return tuple(index), places
