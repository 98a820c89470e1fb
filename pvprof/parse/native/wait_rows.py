"""The rows of halves of waits, before they become columns: sleeps, returns, wake-ups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NO_WAIT = -1
"""In place of a wait that the kernel did not measure itself."""

UNKNOWN_CREATOR = -1
"""In place of the thread that created another one, if it is not known."""

_RETURN = re.compile(rb"R ([0-9]{1,19}) ([0-9]{1,19}) [0-9]{1,19}(?: ([0-9]{1,19}))?")


class Sleep(NamedTuple):
    """A thread begins to wait; numbers that the kernel did not give are 0, but -1 for `pid`.

    The owner of a new thread is the one that created it; 0: the process that starts the workload.
    """

    time_ns: int
    tid: int
    pid: int
    cpu: int
    owner_tid: int = 0
    object_address: int = 0


class Exit(NamedTuple):
    """A thread ends."""

    time_ns: int
    tid: int
    pid: int
    cpu: int


class WakeRecord(NamedTuple):
    """A thread is woken by the thread or interrupt that runs as `waker_tid`."""

    time_ns: int
    sleeper_tid: int
    waker_tid: int
    cpu: int


def sleep_of(words: Sequence[bytes]) -> Sleep:
    """Return the sleep of an ``S`` record, by its words after the letter."""
    time, tid, pid, cpu, _mechanism, address, owner = words
    return Sleep(int(time), int(tid), int(pid), int(cpu), int(owner), int(address, 16))


def read_return(line: bytes) -> tuple[int, int, int] | None:
    """Return time, thread and wait (or `NO_WAIT`) of an ``R`` line, or None for any other line."""
    match = _RETURN.fullmatch(line)
    if match is None:
        return None
    time, tid, wait = match.groups()
    return int(time), int(tid), NO_WAIT if wait is None else int(wait)


@dataclass(slots=True)
class Rows:
    """Rows that wait to become columns, each in the order of the columns of `Switches`."""

    switches: list[tuple[int, int, int, bool]] = field(default_factory=list)
    sleeps: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    wakes: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    exits: list[tuple[int, int, int, int]] = field(default_factory=list)
