"""Which wake-up ended each single wait, and how that splits the wait.

Owns the split: a thread is blocked from the beginning of a wait until its wake-up, then runnable,
waiting for a CPU, until it runs again. Both parts add up to the wait exactly. It refuses to
attribute waits to wakers (``analysis.wakers``) and to join stacks (``waker_chains``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.waits.groups import distinct_rows, group_sums
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.model.wakeup_sums import WaitSplit, WakeupKey, WakeupSums, add_wakeup_sums

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

NO_WAKEUP = -1
"""In place of the row of a wake-up: none of the wait is known."""


def sum_wakeups(events: WaitTable, wakeups: WakeupTable) -> WakeupSums:
    """Return the splits of all waits with a known wake-up, summed by the stacks of both threads."""
    wakeup = wakeup_of_waits(events, wakeups)
    wait = np.flatnonzero(wakeup != NO_WAKEUP)
    wakeup = wakeup[wait]
    blocked = blocked_ns(events, wakeups, wait, wakeup)
    columns = (
        events.key_id[wait],
        events.stack_id[wait],
        wakeups.key_id[wakeup],
        wakeups.stack_id[wakeup],
    )
    distinct, group = distinct_rows(columns)
    blocked_sums = group_sums(blocked, group, len(distinct))
    runnable_sums = group_sums(events.wait_ns[wait] - blocked, group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    splits = map(WaitSplit, blocked_sums, runnable_sums, counts)
    sums: WakeupSums = {}
    for (key_id, stack_id, waker_key_id, waker_stack_id), split in zip(
        distinct, splits, strict=True
    ):
        wakeup_key = WakeupKey(
            events.keys[key_id],
            events.stacks[stack_id],
            wakeups.keys[waker_key_id].execname,
            wakeups.stacks[waker_stack_id],
        )
        add_wakeup_sums(sums, {wakeup_key: split})
    return sums


def wakeup_of_waits(events: WaitTable, wakeups: WakeupTable) -> Ints:
    """Return for each wait the row of the wake-up that ended it, or `NO_WAKEUP`."""
    wakeup = np.full(len(events), NO_WAKEUP, dtype=np.int64)
    ended_one = np.flatnonzero(wakeups.row >= 0)
    wakeup[wakeups.row[ended_one]] = ended_one
    return wakeup


def blocked_ns(events: WaitTable, wakeups: WakeupTable, wait: Ints, wakeup: Ints) -> Ints:
    """Return for how long each wait was blocked until its wake-up, from 0 to all of it.

    A wait whose length the kernel measured begins slightly later than its record says, by the cost
    of the probe. The blocked part is too long, and the runnable part too short, by at most that.
    """
    until_wakeup = wakeups.time_ns[wakeup] - events.start_ns[wait]
    blocked: Ints = np.clip(until_wakeup, 0, events.wait_ns[wait])
    return blocked
