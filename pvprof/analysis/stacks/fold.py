"""Turn weights into folded stacks: one value for each distinct tower of frames.

Owns which frames a tower gets besides the recorded ones. It refuses to decide which weights count
(``select`` does) and how towers are written or drawn (``render``).

A tower is, root first: the process (or, for a wake-up, the waker), the recorded frames, and at the
leaf what was waited for: the lock name or wait message, and below a lockstat name its probe, so
that spinning and blocking on one lock stand side by side. In the tower of a wake-up, ``--`` stands
between the waker's frames and who was woken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Literal

from pvprof.model.mechanisms import mechanism_of
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import WAKER_DELIMITER, Frame, Stack, clean_frame
from pvprof.units import Unit


@dataclass(frozen=True, slots=True)
class Folded:
    """Distinct stacks with their values.

    Attributes:
        rows: (stack, value), each stack once, in any order; every value is at least 1.
        unit: the unit of the values.
        causes: what each stack waited for, its lock class or the kind of its wait, in words; empty
            where nobody has sorted them.
        reasons: the frames that stand for what was waited for, not for code.
    """

    rows: tuple[tuple[Stack, int], ...]
    unit: Unit
    causes: Mapping[Stack, str] = field(default_factory=dict)
    reasons: frozenset[Frame] = frozenset()

    @property
    def total(self) -> int:
        """Return the sum of all values."""
        return sum([value for _, value in self.rows])


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """How towers are built.

    Attributes:
        by: where what was waited for stands: at the ``leaf``, at the ``root`` (one tower a lock),
            or ``none``.
        execname: put the process at the root, where the recording has it.
        counts: fold how many times, not how long.
        chain: what each wait's stack is joined with, before it is folded (``singles``); empty for
            nothing.
        chain_depth: how far that is followed.
    """

    by: Literal["leaf", "root", "none"] = "leaf"
    execname: bool = True
    counts: bool = False
    chain: str = ""
    chain_depth: int = 1


_VALUE = Weight._fields.index("value")
_COUNT = Weight._fields.index("count")

Group = tuple[Key, Mapping[Stack, Weight]]


def fold(
    groups: Iterable[Group], unit: Unit, options: FoldOptions, causes: Iterable[str] = repeat("")
) -> Folded:
    """Return the folded stacks of all groups; equal towers sum, and zero values draw nothing.

    Args:
        groups: for each key its stacks; a key may come several times.
        unit: the unit of the weights' values.
        options: how towers are built.
        causes: for each group what it waited for, in words, where that is known. Of equal towers
            the first one's is kept.
    """
    number = _COUNT if options.counts else _VALUE
    totals: dict[Stack, int] = {}
    cause_of: dict[Stack, str] = {}
    reasons: set[Frame] = set()
    for (key, stacks), cause in zip(groups, causes, strict=False):
        before, after = frames_around(key, options)
        values = [weight[number] for weight in stacks.values()]
        towers: Iterable[Stack] = stacks
        if before or after:
            towers = [Stack(f"{before}{stack}{after}") for stack in stacks]
        mine = dict(zip(towers, values, strict=True))
        if cause:
            cause_of = dict.fromkeys(mine, cause) | cause_of
            reasons.update(map(clean_frame, _reason(key)))
        if not totals:
            totals = mine
            continue
        for tower, value in mine.items():
            totals[tower] = totals.get(tower, 0) + value
    if not all(totals.values()):
        totals = {tower: value for tower, value in totals.items() if value}
    rows = tuple(totals.items())
    return Folded(rows, "events" if options.counts else unit, cause_of, frozenset(reasons))


def _reason(key: Key) -> list[str]:
    """Return the frames that say what was waited for."""
    reason = [key.name] if key.name else []
    if key.sleeper:
        reason.append(f"-> {key.sleeper}")
    if mechanism_of(key.mechanism).is_frame:
        reason.append(key.mechanism)
    return reason


def frames_around(key: Key, options: FoldOptions) -> tuple[str, str]:
    """Return what stands before and after a key's recorded frames, with the ``;`` between."""
    reason = _reason(key)
    between = [WAKER_DELIMITER] if key.sleeper else []
    before = [key.execname] if key.execname and options.execname else []
    after = between + reason if options.by == "leaf" else []
    if options.by == "root":
        before = reason + between + before
    return (
        "".join(f"{clean_frame(text)};" for text in before),
        "".join(f";{clean_frame(text)}" for text in after),
    )
