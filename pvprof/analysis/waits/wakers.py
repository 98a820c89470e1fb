"""Who ended each wait, and for how long its thread was runnable but not running.

Owns the division of a wait by its wake-up: blocked from its beginning until the wake-up, then
runnable, waiting for a CPU, until the thread ran again. Both parts add up to the wait exactly. A
wait without a recorded wake-up is not divided. It refuses to join stacks (``waker_chains`` does).

An interrupt runs on whatever thread it met: that one, which was doing something else, is no waker.
Where a stack shows one, tables say so in place of the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pvprof.analysis.lock_table import RowId, rows_of_parts
from pvprof.analysis.waits.groups import distinct_rows, group_sums
from pvprof.classify.filters import Part
from pvprof.classify.rules import Rules
from pvprof.dataset.dataset import Measurement
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import NO_STACK, Frame, Stack, frames_of
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.model.wakeup_sums import NO_SPLIT, WaitSplit, WakeupKey, WakeupSums, add_wakeup_sums

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

INTERRUPT = "[interrupt]"
"""Stands for the process of a waker that was an interrupt."""

# Functions of FreeBSD's kernel that serve an interrupt on the thread that it met, also those which
# an idle thread calls in the place of a timer's interrupt; and those of Linux.
_SERVES_INTERRUPT = re.compile(
    r"handleevents|callout_process|intr_event_handle|intr_execute_handlers|intr_irq_handler"
    r"|lapic_handle_\w+|ipi_bitmap_handler"
    r"|asm_sysvec_\w+|asm_common_interrupt|handle_softirqs|__do_softirq|__irq_exit_rcu"
    r"|el1h?_64_irq(?:_handler)?|el1_interrupt|do_IRQ|hrtimer_interrupt"
)


class Waker(NamedTuple):
    """A process and the function in it that woke somebody."""

    execname: str
    function: Frame


@dataclass(frozen=True, slots=True)
class RowWakers:
    """Who ended the waits of one row.

    Attributes:
        split: of its waits whose wake-up is known; all others are not told apart.
        wakers: what each waker ended, the longest wait first, no more than asked for;
            `waker_number` is how many there are.
    """

    split: WaitSplit
    wakers: tuple[tuple[Waker, WaitSplit], ...]
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

    split: WaitSplit
    rows: Mapping[RowId, RowWakers]
    asleep: Profile


def wakers_of(endings: WakeupSums, parts: Sequence[Part], rules: Rules, most: int) -> Wakers:
    """Return who ended the waits of the parts, naming at most so many wakers of a row."""
    row_of = rows_of_parts(parts)
    found: dict[RowId, dict[Waker, WaitSplit]] = {}
    asleep = Profile("ns", True)
    total = NO_SPLIT
    for ending, division in endings.items():
        row_id = row_of.get((ending.key, ending.stack))
        if row_id is None:
            continue
        waker = _waker(ending, rules)
        some = found.setdefault(row_id, {})
        some[waker] = some.get(waker, NO_SPLIT).plus(division)
        total = total.plus(division)
        key = Key("wakeup", ending.key.name, waker.execname, ending.key.execname)
        asleep.add(key, ending.waker, Weight(division.blocked_ns, division.count, division.count))
    rows = {row_id: _row(some, most) for row_id, some in found.items()}
    return Wakers(total, rows, asleep)


def _waker(ending: WakeupKey, rules: Rules) -> Waker:
    execname = INTERRUPT if is_interrupt(ending.waker) else ending.execname
    function = "" if ending.waker == NO_STACK else rules.caller_of(ending.waker)
    return Waker(execname, function)


def _row(some: Mapping[Waker, WaitSplit], most: int) -> RowWakers:
    split = NO_SPLIT
    for division in some.values():
        split = split.plus(division)
    wakers = sorted(some.items(), key=lambda item: (-item[1].wait_ns, item[0]))
    return RowWakers(split, tuple(wakers[:most]), len(wakers))


def endings_of(events: WaitTable, wakeups: WakeupTable) -> WakeupSums:
    """Return who ended the single waits, added up."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    wakeup = wakeup_of(events, wakeups)
    wait = np.flatnonzero(wakeup >= 0)
    wakeup = wakeup[wait]
    blocked = blocked_ns(events, wakeups, wait, wakeup)
    columns = (
        *(events.key_id[wait], events.stack_id[wait]),
        *(wakeups.key_id[wakeup], wakeups.stack_id[wakeup]),
    )
    distinct, group = distinct_rows(columns)
    sums = [
        group_sums(values, group, len(distinct))
        for values in (blocked, events.wait_ns[wait] - blocked)
    ]
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    found: WakeupSums = {}
    for (key, stack, waker, place), *division in zip(distinct, *sums, counts, strict=True):
        ending = WakeupKey(
            events.keys[key],
            events.stacks[stack],
            wakeups.keys[waker].execname,
            wakeups.stacks[place],
        )
        add_wakeup_sums(found, {ending: WaitSplit(*division)})
    return found


def wakeup_of(events: WaitTable, wakeups: WakeupTable) -> Ints:
    """Return of each wait which wake-up ended it; -1 where none is known."""
    import numpy as np  # noqa: PLC0415

    found = np.full(len(events), -1, dtype=np.int64)
    ends = np.flatnonzero(wakeups.row >= 0)
    found[wakeups.row[ends]] = ends
    return found


def blocked_ns(events: WaitTable, wakeups: WakeupTable, wait: Ints, wakeup: Ints) -> Ints:
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


def wakeup_sums_of(measurement: Measurement) -> WakeupSums:
    """Return who ended waits, added up; to be made once."""
    found = dict(measurement.carried or {})
    if measurement.events is not None and measurement.wakeups is not None:
        add_wakeup_sums(found, endings_of(measurement.events, measurement.wakeups))
    return found
