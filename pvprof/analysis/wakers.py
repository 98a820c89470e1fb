"""Who ended the waits of each row, and for how long their threads were runnable, not running.

Owns the attribution of summed wake-ups to rows and wakers. It refuses to find the wake-up of a
wait (``waits.wakeups``) and to join stacks (``waits.waker_chains``).

If the stack of a wake-up is that of an interrupt (``interrupts``), tables name `INTERRUPT` in place
of the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pvprof.analysis.lock_table import RowId, rows_of_parts
from pvprof.classify.filters import Part
from pvprof.classify.interrupts import is_interrupt
from pvprof.classify.matcher import Matcher
from pvprof.dataset.dataset import Measurement
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import NO_STACK, Frame
from pvprof.model.wakeup_sums import NO_SPLIT, WaitSplit, WakeupKey, WakeupSums, add_wakeup_sums

INTERRUPT = "[interrupt]"
"""In place of a waker's process: an interrupt."""


class Waker(NamedTuple):
    """A process, and the function of it that woke another thread."""

    execname: str
    function: Frame


@dataclass(frozen=True, slots=True)
class RowWakers:
    """Who ended the waits of one row.

    Attributes:
        split: of the waits with a known wake-up.
        wakers: the wakers with the split of the waits that each ended, the longest waits first; at
            most as many as were asked for. `waker_number` counts all.
    """

    split: WaitSplit
    wakers: tuple[tuple[Waker, WaitSplit], ...]
    waker_number: int


@dataclass(frozen=True, slots=True)
class Wakers:
    """Who ended waits.

    Attributes:
        split: of all waits with a known wake-up.
        rows: by row; rows without such waits are missing.
        asleep: by waker and sleeper, for how long the sleeper was blocked until the wake-up. These
            times are parts of the waits, counted there already.
    """

    split: WaitSplit
    rows: Mapping[RowId, RowWakers]
    asleep: Profile


def wakers_of(sums: WakeupSums, parts: Sequence[Part], rules: Matcher, max_wakers: int) -> Wakers:
    """Return the wakers that ended the waits of the parts, at most `max_wakers` for each row."""
    row_of = rows_of_parts(parts)
    by_row: dict[RowId, dict[Waker, WaitSplit]] = {}
    asleep = Profile("ns", True)
    total = NO_SPLIT
    for wakeup_key, split in sums.items():
        row_id = row_of.get((wakeup_key.key, wakeup_key.stack))
        if row_id is None:
            continue
        waker = _waker(wakeup_key, rules)
        wakers = by_row.setdefault(row_id, {})
        wakers[waker] = wakers.get(waker, NO_SPLIT).plus(split)
        total = total.plus(split)
        key = Key("wakeup", wakeup_key.key.name, waker.execname, wakeup_key.key.execname)
        asleep.add(key, wakeup_key.waker, Weight(split.blocked_ns, split.count, split.count))
    rows = {row_id: _row_wakers(wakers, max_wakers) for row_id, wakers in by_row.items()}
    return Wakers(total, rows, asleep)


def _waker(wakeup_key: WakeupKey, rules: Matcher) -> Waker:
    stack = wakeup_key.waker
    execname = INTERRUPT if is_interrupt(stack) else wakeup_key.execname
    return Waker(execname, "" if stack == NO_STACK else rules.waker_of(stack))


def _row_wakers(split_of: Mapping[Waker, WaitSplit], max_wakers: int) -> RowWakers:
    total = NO_SPLIT
    for split in split_of.values():
        total = total.plus(split)
    longest_first = sorted(split_of.items(), key=lambda item: (-item[1].wait_ns, item[0]))
    return RowWakers(total, tuple(longest_first[:max_wakers]), len(longest_first))


def wakeup_sums_of(measurement: Measurement) -> WakeupSums:
    """Return the summed wake-ups of a measurement. It takes time: call it once."""
    sums = dict(measurement.wakeup_sums or {})
    if measurement.events is not None and measurement.wakeups is not None:
        from pvprof.analysis.waits.wakeups import sum_wakeups  # noqa: PLC0415 (numpy)

        add_wakeup_sums(sums, sum_wakeups(measurement.events, measurement.wakeups))
    return sums
