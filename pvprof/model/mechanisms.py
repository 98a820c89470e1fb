"""The mechanisms: how a thread waited or ran, one row each.

Owns their names and properties. Everything that depends on a mechanism looks it up here: which part
of a wait is spinning, which system a recording is of, which mechanisms a folded stack shows.
Lock profilers of other kernels may name mechanisms that are not in the table; `mechanism_of` tells
their state from the suffix that lockstat(1) uses, ``-spin`` or ``-block``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["spinning", "blocked", "runnable", "running", "waking", "unknown"]
"""What a thread does: ``waking`` another one; ``unknown`` if the recording does not say."""


FOLDED = "folded"
"""The mechanism of stacks that a tool has added up without saying how threads waited or ran."""


PREEMPTED = "runq-preempted"
"""The mechanism of a wait of a thread that has lost its CPU, but could go on."""

NEW_THREAD = "runq-new"
"""The mechanism of the first wait of a thread: it was created, and waits for a CPU."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """How a thread waited or ran.

    Attributes:
        name: the text in recordings and in `Key.mechanism`.
        state: what the thread did.
        system: ``uname -s`` of the only system that has it; empty if several have.
        is_frame: whether a folded stack shows it as a frame below the lock name, so that spinning
            and blocking on one lock are two stacks.
    """

    name: str
    state: State
    system: str = ""
    is_frame: bool = False


MECHANISMS: dict[str, Mechanism] = {
    mechanism.name: mechanism
    for mechanism in (
        Mechanism("", "unknown"),
        Mechanism("turnstile", "blocked", "FreeBSD"),
        Mechanism("sleepq", "blocked", "FreeBSD"),
        Mechanism("adaptive-spin", "spinning", "FreeBSD", is_frame=True),
        Mechanism("adaptive-block", "blocked", "FreeBSD", is_frame=True),
        Mechanism("spin-spin", "spinning", "FreeBSD", is_frame=True),
        Mechanism("thread-spin", "spinning", "FreeBSD", is_frame=True),
        Mechanism("rw-spin", "spinning", "FreeBSD", is_frame=True),
        Mechanism("rw-block", "blocked", "FreeBSD", is_frame=True),
        Mechanism("sx-spin", "spinning", "FreeBSD", is_frame=True),
        Mechanism("sx-block", "blocked", "FreeBSD", is_frame=True),
        Mechanism("lockmgr-block", "blocked", "FreeBSD", is_frame=True),
        # LOCK_PROFILING names the lock's class only, and adds spinning and blocking up.
        Mechanism("sleep mutex", "unknown", "FreeBSD", is_frame=True),
        Mechanism("spin mutex", "unknown", "FreeBSD", is_frame=True),
        Mechanism("rw", "unknown", "FreeBSD", is_frame=True),
        Mechanism("rm", "unknown", "FreeBSD", is_frame=True),
        Mechanism("sleepable rm", "unknown", "FreeBSD", is_frame=True),
        Mechanism("sx", "unknown", "FreeBSD", is_frame=True),
        Mechanism("lockmgr", "unknown", "FreeBSD", is_frame=True),
        Mechanism("off-cpu", "blocked", "Linux"),
        Mechanism("off-cpu-d", "blocked", "Linux"),
        Mechanism("spinlock-spin", "spinning", "Linux", is_frame=True),
        Mechanism("rwlock-spin", "spinning", "Linux", is_frame=True),
        Mechanism("mutex-spin", "spinning", "Linux", is_frame=True),
        Mechanism("mutex-block", "blocked", "Linux", is_frame=True),
        Mechanism("rwsem-block", "blocked", "Linux", is_frame=True),
        Mechanism("percpu-rwsem-block", "blocked", "Linux", is_frame=True),
        Mechanism("rtmutex-block", "blocked", "Linux", is_frame=True),
        Mechanism("semaphore-block", "blocked", "Linux", is_frame=True),
        Mechanism("on-cpu", "running"),
        Mechanism("user", "running"),
        Mechanism("runq", "runnable"),
        Mechanism("runq-woken", "runnable", is_frame=True),
        Mechanism(PREEMPTED, "runnable", is_frame=True),
        Mechanism(NEW_THREAD, "runnable", is_frame=True),
        Mechanism("wakeup", "waking"),
        Mechanism(FOLDED, "unknown"),
    )
}

_STATES_OF_SUFFIXES: tuple[tuple[str, State], ...] = (("-spin", "spinning"), ("-block", "blocked"))


def off_cpu(is_uninterruptible: bool) -> str:
    """Return the name of the mechanism of a wait on Linux: whether it can be interrupted (D)."""
    return "off-cpu-d" if is_uninterruptible else "off-cpu"


def mechanism_of(name: str) -> Mechanism:
    """Return the row of a mechanism; one for a name that is not in the table."""
    known = MECHANISMS.get(name)
    if known is not None:
        return known
    states = [state for suffix, state in _STATES_OF_SUFFIXES if name.endswith(suffix)]
    return Mechanism(name, states[0] if states else "unknown", is_frame=True)


def system_of(names: frozenset[str]) -> str:
    """Return the system that these mechanisms are of, or an empty text if they do not tell."""
    systems = {mechanism_of(name).system for name in names} - {""}
    return systems.pop() if len(systems) == 1 else ""
