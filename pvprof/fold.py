"""Turn weights into folded stacks: one value for each distinct tower of frames.

Owns which frames a tower gets besides the recorded ones. It refuses to decide which weights count
(``select`` does) and how towers are written or drawn (``render``).

A tower is, root first: the process (or, for a wake-up, the waker), the recorded frames, and at the
leaf what was waited for: the lock name or wait message, and below a lockstat name its probe, so
that spinning and blocking on one lock stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pvprof.model import Key, Stack, Unit, Weight, clean_frame

_MECHANISMS = frozenset({"", "turnstile", "sleepq", "on-cpu", "user", "wakeup", "runq", "folded"})


@dataclass(frozen=True, slots=True)
class Folded:
    """Distinct stacks with their values.

    Attributes:
        rows: (stack, value), each stack once, in any order; every value is at least 1.
        unit: the unit of the values.
    """

    rows: tuple[tuple[Stack, int], ...]
    unit: Unit

    @property
    def total(self) -> int:
        """Return the sum of all values."""
        return sum(value for _, value in self.rows)


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """How towers are built.

    Attributes:
        by: where what was waited for stands: at the ``leaf``, at the ``root`` (one tower a lock),
            or ``none``.
        execname: put the process at the root, where the recording has it.
        counts: fold how many times, not how long.
    """

    by: Literal["leaf", "root", "none"] = "leaf"
    execname: bool = True
    counts: bool = False


_VALUE = Weight._fields.index("value")
_COUNT = Weight._fields.index("count")

Group = tuple[Key, Mapping[Stack, Weight]]


def fold(groups: Iterable[Group], unit: Unit, options: FoldOptions) -> Folded:
    """Return the folded stacks of all groups; equal towers sum, and zero values draw nothing.

    Args:
        groups: for each key its stacks; a key may come several times.
        unit: the unit of the weights' values.
        options: how towers are built.
    """
    field = _COUNT if options.counts else _VALUE
    totals: dict[Stack, int] = {}
    for key, stacks in groups:
        before, after = _frames_around(key, options)
        if before or after:
            towers = {
                Stack(f"{before}{stack}{after}"): weight[field] for stack, weight in stacks.items()
            }
        else:
            towers = {stack: weight[field] for stack, weight in stacks.items()}
        if not totals:
            totals = towers
            continue
        for tower, value in towers.items():
            totals[tower] = totals.get(tower, 0) + value
    rows = tuple([row for row in totals.items() if row[1]])
    return Folded(rows, "events" if options.counts else unit)


def _frames_around(key: Key, options: FoldOptions) -> tuple[str, str]:
    """Return what stands before and after the recorded frames, with the ``;`` between."""
    reason = [key.name] if key.name else []
    if key.sleeper:
        reason.append(f"-> {key.sleeper}")
    if key.event not in _MECHANISMS:
        reason.append(key.event)
    before = [key.execname] if key.execname and options.execname else []
    after = reason if options.by == "leaf" else []
    if options.by == "root":
        before = reason + before
    return (
        "".join(f"{clean_frame(text)};" for text in before),
        "".join(f";{clean_frame(text)}" for text in after),
    )
