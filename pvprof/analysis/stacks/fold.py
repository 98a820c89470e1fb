"""Fold weights: one value for each distinct stack.

Owns which frames a folded stack gets besides the recorded ones. It refuses to decide which weights
count (``classify.filters``) and how stacks are written or drawn (``render``).

A folded stack is, root first: the process (for a wake-up, the waker); the recorded frames; and at
the leaf the lock name or wait message. A lockstat mechanism comes below the lock name, so that
spinning and blocking on one lock are two stacks. In the stack of a wake-up, ``--`` separates the
waker's frames from the process that was woken.
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
        causes: for each stack its lock class or the title of its wait kind; empty if the stacks
            were not classified.
        reasons: the frames that name a lock or a wait, not a function.
        hues: for each cause its position on the circle of hues, if the rules give one.
    """

    rows: tuple[tuple[Stack, int], ...]
    unit: Unit
    causes: Mapping[Stack, str] = field(default_factory=dict)
    reasons: frozenset[Frame] = frozenset()
    hues: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return the sum of all values."""
        return sum([value for _, value in self.rows])


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """How folded stacks are built.

    Attributes:
        by: where the lock name or wait message goes: at the ``leaf``, at the ``root`` (one subtree
            for each lock), or ``none``.
        execname: put the process at the root, if the recording has it.
        counts: weigh by the number of waits, not by their time.
        chain: the other thread's stack to join each wait's stack with, ``wakers`` or ``owners``
            (``analysis.waits.chains``); empty for none.
        chain_depth: maximum number of other threads in a chain.
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
    """Return the folded stacks of all groups. Equal stacks sum; stacks of value 0 are left out.

    Args:
        groups: for each key its stacks; a key may come several times.
        unit: of the weights' values.
        options: how stacks are built.
        causes: for each group its lock class or wait kind, or an empty text. The first cause of
            equal stacks is kept.
    """
    number = _COUNT if options.counts else _VALUE
    totals: dict[Stack, int] = {}
    cause_of: dict[Stack, str] = {}
    reasons: set[Frame] = set()
    for (key, stacks), cause in zip(groups, causes, strict=False):
        before, after = frames_around(key, options)
        values = [weight[number] for weight in stacks.values()]
        folded: Iterable[Stack] = stacks
        if before or after:
            folded = [Stack(f"{before}{stack}{after}") for stack in stacks]
        group_totals = dict(zip(folded, values, strict=True))
        if cause:
            cause_of = dict.fromkeys(group_totals, cause) | cause_of  # the first cause wins
            reasons.update(map(clean_frame, _reason(key)))
        if not totals:
            totals = group_totals
            continue
        for stack, value in group_totals.items():
            totals[stack] = totals.get(stack, 0) + value
    if not all(totals.values()):
        totals = {stack: value for stack, value in totals.items() if value}
    rows = tuple(totals.items())
    return Folded(rows, "events" if options.counts else unit, cause_of, frozenset(reasons))


def _reason(key: Key) -> list[str]:
    """Return the frames that name the lock or the wait."""
    reason = [key.name] if key.name else []
    if key.sleeper:
        reason.append(f"-> {key.sleeper}")
    if mechanism_of(key.mechanism).is_frame:
        reason.append(key.mechanism)
    return reason


def frames_around(key: Key, options: FoldOptions) -> tuple[str, str]:
    """Return the text before and after a key's recorded frames, ``;`` included."""
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
