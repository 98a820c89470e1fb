"""Who ended waits, added up by the stacks of both: what of wake-ups a page can carry along.

Owns that sum and its addition. It refuses to find out who ended a wait (``parse`` does) and to make
the sum from single waits (``singles`` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pvprof.model.profile import Key
from pvprof.model.stacks import Stack


class WakeupKey(NamedTuple):
    """Waits for one thing, in one stack, that one process ended in one stack.

    Attributes:
        key, stack: of the waits.
        execname, waker: the process and the stack that woke their threads.
    """

    key: Key
    stack: Stack
    execname: str
    waker: Stack


class WaitSplit(NamedTuple):
    """Waits that wake-ups ended, in two parts.

    Attributes:
        blocked_ns: until the wake-ups.
        runnable_ns: from then until the threads ran again.
        count: how many waits.
    """

    blocked_ns: int
    runnable_ns: int
    count: int  # type: ignore[assignment]  # hides tuple.count

    @property
    def wait_ns(self) -> int:
        """Return how long these waits were."""
        return self.blocked_ns + self.runnable_ns

    def plus(self, other: WaitSplit) -> WaitSplit:
        """Return the sum of both."""
        return WaitSplit(
            self.blocked_ns + other.blocked_ns,
            self.runnable_ns + other.runnable_ns,
            self.count + other.count,
        )


NO_SPLIT = WaitSplit(0, 0, 0)

WakeupSums = dict[WakeupKey, WaitSplit]


def add_wakeup_sums(mine: WakeupSums, others: Mapping[WakeupKey, WaitSplit]) -> None:
    """Add the others to mine; equal ones sum."""
    for ending, division in others.items():
        known = mine.get(ending)
        mine[ending] = division if known is None else known.plus(division)
