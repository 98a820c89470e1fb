"""How long locks were held, and how often they were acquired."""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.model.profile import Key
from pvprof.model.stacks import Frame


@dataclass(frozen=True, slots=True)
class LockHold:
    """The acquisitions of one lock from one place.

    Attributes:
        key: the lock: its name, and the class that the kernel gives to it.
        caller: the code that acquired it.
        hold_ns: how long it was held, all together.
        acquisitions: how often it was acquired.
        max_hold_ns: the longest time; None if that was not recorded.
        mode: in which it was recorded; empty if unknown.
    """

    key: Key
    caller: Frame
    hold_ns: int
    acquisitions: int
    max_hold_ns: int | None = None
    mode: str = ""
