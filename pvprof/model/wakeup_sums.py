"""Wake-ups summed by the stacks of both threads: small enough for a page to carry along.

Owns the sums and their addition. It refuses to find the wake-up of a wait (``parse`` does) and to
sum single wake-ups (``analysis.waits.wakeups`` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pvprof.model.profile import Key
from pvprof.model.stacks import Frame, Stack

NO_WAKER: Frame = "[no waker recorded]"
"""In place of the waker of a wait without a recorded wake-up."""


class WakeupKey(NamedTuple):
    """Waits with one key and stack that one process ended in one stack.

    Attributes:
        key, stack: of the waits.
        execname, waker: the waker's process and stack.
    """

    key: Key
    stack: Stack
    execname: str
    waker: Stack


class WaitSplit(NamedTuple):
    """Waits that wake-ups ended, in two parts.

    Attributes:
        blocked_ns: from the beginnings to the wake-ups.
        runnable_ns: from the wake-ups until the threads ran again.
        count: the number of waits.
    """

    blocked_ns: int
    runnable_ns: int
    count: int  # type: ignore[assignment]  # hides tuple.count

    @property
    def wait_ns(self) -> int:
        """Return the sum of the waits."""
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


def add_wakeup_sums(total: WakeupSums, others: Mapping[WakeupKey, WaitSplit]) -> None:
    """Add other sums to the total; splits with equal keys are added up."""
    for key, split in others.items():
        known = total.get(key)
        total[key] = split if known is None else known.plus(split)
