"""Pair the stacks of two sides: stacks with the same callers are one, however the lock waits.

A patch that changes a lock changes the functions that wait for it. Left as recorded, each stack
through the old lock would vanish and one through the new lock appear::

    pmap_enter;__rw_wlock_hard;turnstile_wait   pmap pv list        base
    pmap_enter;obm_lock_slow;turnstile_wait     pmap pv list        new
    pmap_enter                                  pmap pv list        both, paired

Owns which frames are left out. All weights stay, so totals are the same. Only stacks of waits with
a name change: of samples, the waiting functions are the code that ran.

Some recordings lost the innermost frames, with or without the frame ``[frames lost]``. Such a stack
ends at a caller further out. If only one side has it, it is paired with the stacks of the other
side that continue it: these end at the same caller then, since more is not known of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from pvprof.analysis.stacks.fold import Group
from pvprof.classify.filters import Part
from pvprof.classify.matcher import Matcher
from pvprof.model.mechanisms import mechanism_of
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import DELIMITER, LOST_FRAMES, NO_STACK, Stack

Runs = Sequence[Sequence[Part]]
"""For each run of a side, the parts of its waits."""

_Lock = tuple[str, str]
"""The process and the name of a wait."""

_CallersOf = Callable[[Stack], tuple[Stack, bool]]
"""`callers_of` with its rules."""

_Cuts = dict[_Lock, set[Stack]]
"""For each lock the stacks whose innermost frames were lost, as far as they are known."""


@dataclass(frozen=True, slots=True)
class PairedStacks:
    """The stacks of two sides, paired.

    Attributes:
        base, new: for each run of a side (key, stacks) of each part.
        shortened: for each side the value of stacks that end further out than they were recorded,
            because the other side lost its innermost frames.
    """

    base: list[list[Group]]
    new: list[list[Group]]
    shortened: tuple[int, int]


def pair(base: Runs, new: Runs, rules: Matcher) -> PairedStacks:
    """Return the stacks of both sides, paired; all weights stay.

    Args:
        base: the runs of the base.
        new: the runs of the new side.
        rules: which functions are waiting machinery.
    """
    sides = (base, new)
    # Runs have mostly the same stacks, and each is asked for twice.
    callers_of_stack = cache(partial(callers_of, rules=rules))
    cuts = [_cuts(runs, callers_of_stack) for runs in sides]
    one_sided = _differences(cuts[0], cuts[1])
    mechanisms = [_mechanisms(runs) for runs in sides]
    alike = {name for name, found in mechanisms[0].items() if mechanisms[1].get(name) == found}
    paired: list[list[list[Group]]] = []
    shortened = []
    for runs in sides:
        groups_of_runs: list[list[Group]] = []
        value = 0
        for parts in runs:
            groups: list[Group] = []
            for part in parts:
                if not _is_named_wait(part.key):
                    groups.append((part.key, part.stacks))
                    continue
                stacks, moved = _stacks(part, one_sided, callers_of_stack)
                groups.append((_common_key(part.key, alike), stacks))
                value += moved
            groups_of_runs.append(groups)
        paired.append(groups_of_runs)
        shortened.append(value)
    return PairedStacks(paired[0], paired[1], (shortened[0], shortened[1]))


def callers_of(stack: Stack, rules: Matcher) -> tuple[Stack, bool]:
    """Return a stack without the waiting machinery at its leaf, and whether frames were lost.

    A wait ends in machinery: if there is none, or the frame ``[frames lost]``, its innermost frames
    were lost. A stack of machinery alone stays as it is.
    """
    # From the leaf, without splitting the whole stack: few of its frames are machinery.
    rest, _, leaf = stack.rpartition(";")
    is_lost = leaf == LOST_FRAMES
    if not is_lost and not rules.is_machinery(leaf):
        return stack, leaf != DELIMITER
    while rest:
        callers = rest
        rest, _, leaf = callers.rpartition(";")
        if leaf != LOST_FRAMES and not rules.is_machinery(leaf):
            return (stack, False) if leaf == DELIMITER else (Stack(callers), is_lost)
    return stack, False


def _is_named_wait(key: Key) -> bool:
    state = mechanism_of(key.mechanism).state
    return bool(key.name) and not key.sleeper and state not in ("running", "runnable", "waking")


def _lock_of(key: Key) -> _Lock:
    return key.execname, key.name


def _named_parts(runs: Runs) -> Iterator[Part]:
    return (part for parts in runs for part in parts if _is_named_wait(part.key))


def _cuts(runs: Runs, callers_of_stack: _CallersOf) -> _Cuts:
    cuts: _Cuts = {}
    for part in _named_parts(runs):
        for stack in part.stacks:
            callers, is_cut = callers_of_stack(stack)
            if is_cut and stack != NO_STACK:
                cuts.setdefault(_lock_of(part.key), set()).add(callers)
    return cuts


def _differences(one: _Cuts, other: _Cuts) -> _Cuts:
    """Return the stacks that were cut on one side only: on both sides they are pairs already."""
    return {lock: one.get(lock, set()) ^ other.get(lock, set()) for lock in {*one, *other}}


def _stacks(
    part: Part, cuts: _Cuts, callers_of_stack: _CallersOf
) -> tuple[dict[Stack, Weight], int]:
    """Return the paired stacks of a part, and the value of those that end further out."""
    cut = cuts.get(_lock_of(part.key), set())
    moved = 0
    paired: dict[Stack, Weight] = {}
    for stack, weight in part.stacks.items():
        callers, _ = callers_of_stack(stack)
        common = _outer(callers, cut) if cut else callers
        moved += weight.value if common != callers else 0
        known = paired.get(common)
        paired[common] = weight if known is None else known.plus(weight)
    return paired, moved


def _outer(callers: Stack, cut: set[Stack]) -> Stack:
    """Return the innermost of the cut stacks that these callers continue, or the callers."""
    end = len(callers)
    while end > 0:
        outer = Stack(callers[:end])
        if outer in cut:
            return outer
        end = callers.rfind(";", 0, end)
    return callers


def _mechanisms(runs: Runs) -> dict[str, set[str]]:
    """Map each name to the mechanisms that folded stacks show as frames."""
    mechanisms: dict[str, set[str]] = {}
    for part in _named_parts(runs):
        name = part.key.mechanism if mechanism_of(part.key.mechanism).is_frame else ""
        mechanisms.setdefault(part.key.name, set()).add(name)
    return mechanisms


def _common_key(key: Key, alike: set[str]) -> Key:
    """Return the key, with a mechanism that does not depend on the lock if the sides differ."""
    mechanism = mechanism_of(key.mechanism)
    if key.name in alike or not mechanism.is_frame:
        return key
    common = {"spinning": "spin", "blocked": "block"}.get(mechanism.state, "")
    return key._replace(mechanism=common)
