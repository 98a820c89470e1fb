"""Who ended each wait, and for how long its thread was runnable but not running.

Owns the division of a wait by its wake-up: blocked from its beginning until the wake-up, then
runnable, waiting for a CPU, until the thread ran again. Both parts add up to the wait exactly. A
wait without a recorded wake-up is not divided. It refuses to join stacks (``chains`` does).

An interrupt runs on whatever thread it met: that one, which was doing something else, is no waker.
Where a stack shows one, tables say so in place of the process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pvprof.attribute import RowId, caller_of, rows_of_events
from pvprof.model import NO_STACK, Events, Frame, Key, Profile, Stack, Wakeups, Weight, frames_of
from pvprof.rules import Rules
from pvprof.select import Part
from pvprof.singles.overlap import group_sums

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

INTERRUPT = "[interrupt]"
"""Stands for the process of a waker that was an interrupt."""

# Functions of FreeBSD's kernel that serve an interrupt on the thread that it met, also those which
# an idle thread calls in the place of a timer's interrupt.
_SERVES_INTERRUPT = re.compile(
    r"handleevents|callout_process|intr_event_handle|intr_execute_handlers|intr_irq_handler"
    r"|lapic_handle_\w+|ipi_bitmap_handler"
)


class Waker(NamedTuple):
    """A process and the function in it that woke somebody."""

    execname: str
    function: Frame


@dataclass(frozen=True, slots=True)
class Split:
    """Waits that a wake-up ended, in two parts.

    Attributes:
        blocked_ns: until the wake-ups.
        runnable_ns: from then until the threads ran again.
        count: how many waits.
    """

    blocked_ns: int
    runnable_ns: int
    count: int

    @property
    def wait_ns(self) -> int:
        """Return how long these waits were."""
        return self.blocked_ns + self.runnable_ns


@dataclass(frozen=True, slots=True)
class RowWakers:
    """Who ended the waits of one row.

    Attributes:
        split: of its waits whose wake-up is known; all others are not told apart.
        wakers: (waker, wait in ns, count) of the waits that it ended, longest first, no more than
            asked for; `waker_number` is how many there are.
    """

    split: Split
    wakers: tuple[tuple[Waker, int, int], ...]
    waker_number: int


@dataclass(frozen=True, slots=True)
class Wakers:
    """Who ended waits.

    Attributes:
        split: of all waits whose wake-up is known.
        rows: by row; none for rows without any such wait.
        asleep: by waker and sleeper how long the sleeper was blocked until woken: a part of the
            waits, told again.
    """

    split: Split
    rows: Mapping[RowId, RowWakers]
    asleep: Profile


def wakers_of(
    events: Events, wakeups: Wakeups, parts: Sequence[Part], rules: Rules, most: int
) -> Wakers:
    """Return who ended the waits of the parts, naming at most so many wakers of a row."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    row_ids, row = rows_of_events(events, parts)
    wakeup = wakeup_of(events, wakeups)
    wait = np.flatnonzero((wakeup >= 0) & (row >= 0))
    wakeup, row = wakeup[wait], row[wait]
    blocked = blocked_ns(events, wakeups, wait, wakeup)
    runnable = events.wait_ns[wait] - blocked
    splits = _splits(blocked, runnable, row, len(row_ids))
    found = _wakers_of_rows(events.wait_ns[wait], row, *_named(wakeups, wakeup, rules))
    rows = {
        row_id: RowWakers(split, tuple(found[number][:most]), len(found[number]))
        for number, (row_id, split) in enumerate(zip(row_ids, splits, strict=True))
        if split.count
    }
    return Wakers(
        split=_splits(blocked, runnable, np.zeros_like(row), 1)[0],
        rows=rows,
        asleep=_asleep(events, wakeups, (wait, wakeup), blocked),
    )


def wakeup_of(events: Events, wakeups: Wakeups) -> Ints:
    """Return of each wait which wake-up ended it; -1 where none is known."""
    import numpy as np  # noqa: PLC0415

    found = np.full(len(events), -1, dtype=np.int64)
    ends = np.flatnonzero(wakeups.row >= 0)
    found[wakeups.row[ends]] = ends
    return found


def blocked_ns(events: Events, wakeups: Wakeups, wait: Ints, wakeup: Ints) -> Ints:
    """Return for how long each wait was blocked until a wake-up: at most all of it.

    A wait that the kernel measured begins a little later than its record says, by the time that the
    probe took: so much at most is too much here, and too little in what was runnable.
    """
    import numpy as np  # noqa: PLC0415

    until = wakeups.time_ns[wakeup] - events.start_ns[wait]
    blocked: Ints = np.clip(until, 0, events.wait_ns[wait])
    return blocked


def is_interrupt(stack: Stack) -> bool:
    """Tell whether a waker's stack shows that an interrupt did it, on a thread that it met."""
    functions = (frame.rpartition("`")[2].partition("+")[0] for frame in frames_of(stack))
    return any(map(_SERVES_INTERRUPT.fullmatch, functions))


def _splits(blocked: Ints, runnable: Ints, group: Ints, size: int) -> list[Split]:
    import numpy as np  # noqa: PLC0415

    counts = np.bincount(group, minlength=size).tolist()
    both = (group_sums(values, group, size) for values in (blocked, runnable))
    return [Split(*one) for one in zip(*both, counts, strict=True)]


def _named(wakeups: Wakeups, wakeup: Ints, rules: Rules) -> tuple[Ints, tuple[Waker, ...]]:
    """Return of each wake-up the number of its waker, and the wakers."""
    import numpy as np  # noqa: PLC0415

    width = max(len(wakeups.stacks), 1)
    codes = wakeups.key_id[wakeup] * width + wakeups.stack_id[wakeup]
    distinct, place = np.unique(codes, return_inverse=True)
    wakers: dict[Waker, int] = {}
    numbers = []
    for code in distinct.tolist():
        key, stack = divmod(code, width)
        waker = _waker(wakeups.keys[key], wakeups.stacks[stack], rules)
        numbers.append(wakers.setdefault(waker, len(wakers)))
    return np.asarray(numbers, dtype=np.int64)[place], tuple(wakers)


def _waker(key: Key, stack: Stack, rules: Rules) -> Waker:
    execname = INTERRUPT if is_interrupt(stack) else key.execname
    return Waker(execname, "" if stack == NO_STACK else caller_of(stack, rules))


def _wakers_of_rows(
    wait_ns: Ints, row: Ints, number: Ints, wakers: Sequence[Waker]
) -> dict[int, list[tuple[Waker, int, int]]]:
    """Return of each row its wakers, longest first, with wait and count of what they ended."""
    import numpy as np  # noqa: PLC0415

    width = max(len(wakers), 1)
    distinct, group = np.unique(row.astype(np.int64) * width + number, return_inverse=True)
    waits = group_sums(wait_ns, group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    found: dict[int, list[tuple[Waker, int, int]]] = {}
    for code, wait, count in zip(distinct.tolist(), waits, counts, strict=True):
        place, waker = divmod(code, width)
        found.setdefault(place, []).append((wakers[waker], wait, count))
    for some in found.values():
        some.sort(key=lambda one: (-one[1], one[0]))
    return found


def _asleep(events: Events, wakeups: Wakeups, pairs: tuple[Ints, Ints], blocked: Ints) -> Profile:
    """Return how long who slept until woken by whom, by the waker's stack."""
    import numpy as np  # noqa: PLC0415

    wait, wakeup = pairs
    columns = (events.key_id[wait], wakeups.key_id[wakeup], wakeups.stack_id[wakeup])
    distinct, group = distinct_rows(columns)
    values = group_sums(blocked, group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    profile = Profile("ns", True)
    for (slept, waker, place), value, count in zip(distinct, values, counts, strict=True):
        stack, sleeper = wakeups.stacks[place], events.keys[slept]
        execname = INTERRUPT if is_interrupt(stack) else wakeups.keys[waker].execname
        key = Key("wakeup", sleeper.name, execname, sleeper.execname)
        profile.add(key, stack, Weight(value, count, count))
    return profile


def distinct_rows(columns: Sequence[Ints]) -> tuple[list[tuple[int, ...]], Ints]:
    """Return the distinct rows of some columns of numbers from -1 on, and which each row is."""
    import numpy as np  # noqa: PLC0415

    sizes = [int(column.max(initial=-1)) + 2 for column in columns]
    if math.prod(sizes) < 1 << 62:  # mostly: then to sort once is enough
        code = np.zeros(len(columns[0]), dtype=np.int64)
        for column, size in zip(columns, sizes, strict=True):
            code = code * size + (column + 1)
        distinct, group = np.unique(code, return_inverse=True)
        found = []
        for size in reversed(sizes):
            found.append((distinct % size - 1).tolist())
            distinct //= size
        return list(zip(*reversed(found), strict=True)), group
    group = np.zeros(len(columns[0]), dtype=np.int64)
    first = group
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        _, first, group = np.unique(
            group * len(values) + place, return_index=True, return_inverse=True
        )
    return list(zip(*(column[first].tolist() for column in columns), strict=True)), group
