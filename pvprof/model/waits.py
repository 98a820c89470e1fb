"""Single waits and wake-ups, as tables of one row each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.model.arrays import Ints


@dataclass(frozen=True, slots=True, eq=False)
class WaitTable:
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

    def plus(self, other: WaitTable) -> WaitTable:
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
        return WaitTable(**columns, key_id=key_id, stack_id=stack_id, keys=keys, stacks=stacks)

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
class WakeupTable:
    """One row for each recorded wake-up, in the order of the file (not of time).

    All arrays are one-dimensional and of equal length.

    Attributes:
        time_ns: int64; on the clock of the events of the same recording.
        sleeper_tid, waker_tid, cpu: int64; who was woken, by whom (an interrupt runs on whatever
            thread it met), and where.
        row: int64; the row of the ended wait in the `WaitTable`, each at most once; -1: none.
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

    def plus(self, other: WakeupTable, events: int) -> WakeupTable:
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
        return WakeupTable(
            **columns,
            row=np.concatenate([self.row, other.moved(events).row]),
            key_id=np.concatenate([self.key_id, key_id]),
            stack_id=np.concatenate([self.stack_id, stack_id]),
            keys=keys,
            stacks=stacks,
        )

    def moved(self, events: int) -> WakeupTable:
        """Return the same wake-ups where so many `events` come before those that they ended."""
        return replace(self, row=self.row + events * (self.row >= 0))


@dataclass(frozen=True, slots=True)
class RunSpan:
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
