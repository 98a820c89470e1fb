"""The table of what a critical path was spent on: causes, and the figures of each.

The rows of a path add up to its length. A cause is a lock class of the kernel, or, of other kinds
of wait, what was waited for; a thread that was not waiting has a cause without a kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pvprof.analysis.critical_path.walk import State


class Cause(NamedTuple):
    """What a part of a path counts for.

    Attributes:
        kind: of wait, from the rules; empty for a thread that was not waiting.
        name: a lock class, what was waited for, or the name of a `State` in lower case.
    """

    kind: str
    name: str


RUNNING, RUNNABLE, UNKNOWN_CAUSE = (
    Cause("", State(state).name.lower()) for state in (State.RUNNING, State.RUNNABLE, State.UNKNOWN)
)
STATE_CAUSES = {
    State.RUNNING: RUNNING,
    State.RUNNABLE: RUNNABLE,
    State.WAITING: UNKNOWN_CAUSE,
    State.UNKNOWN: UNKNOWN_CAUSE,
}


@dataclass(frozen=True, slots=True)
class WhatIf:
    """How much sooner the thread would have ended, if the waits for a cause took no time.

    Attributes:
        saved_ns: by the recorded schedule.
        at_most_ns: if no thread waited for a CPU, either.
    """

    saved_ns: int
    at_most_ns: int

    def plus(self, other: WhatIf) -> WhatIf:
        """Return the sum of both."""
        return WhatIf(self.saved_ns + other.saved_ns, self.at_most_ns + other.at_most_ns)


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One cause, and how much of the path counts for it.

    Attributes:
        cause: what it is.
        path_ns: the part of the path.
        state_ns: what the threads of the path did in that part, one time for each `State`.
        wait_ns, count: all waits for it, summed over threads; 0 for what is no wait.
        union_ns: for how long at least one thread waited for it.
        what_if: None for kinds that are set aside: without them no program would be the same.
    """

    cause: Cause
    path_ns: int
    state_ns: tuple[int, int, int, int]
    wait_ns: int = 0
    count: int = 0
    union_ns: int = 0
    what_if: WhatIf | None = None

    def plus(self, other: CauseRow) -> CauseRow:
        """Return the sum of two rows of one cause, of different runs; the waits are of both."""
        both = self.what_if and other.what_if
        return CauseRow(
            self.cause,
            self.path_ns + other.path_ns,
            tuple(map(sum, zip(self.state_ns, other.state_ns, strict=True))),  # type: ignore[arg-type]
            self.wait_ns,
            self.count,
            self.union_ns,
            self.what_if.plus(other.what_if)  # type: ignore[union-attr,arg-type]
            if both
            else self.what_if or other.what_if,
        )
