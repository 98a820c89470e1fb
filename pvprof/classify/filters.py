"""Which weights count: sort a profile by the rules, and set aside what was not asked for.

Owns filters. Whatever a filter removes is returned beside what it keeps, with its total, so that a
result can always say what is missing from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvprof.classify.rules import Classification, Rules
from pvprof.errors import UsageError
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack, frames_of

ALL_KINDS = "all"
_NOTHING = Weight(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """The weights of one key for which the rules say the same."""

    verdict: Classification
    key: Key
    stacks: Mapping[Stack, Weight]

    @property
    def weight(self) -> Weight:
        """Return the sum of all weights."""
        return Weight(*map(sum, zip(_NOTHING, *self.stacks.values(), strict=True)))


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep; a part must pass every filter that is given.

    Attributes:
        kinds: ids of wait kinds, ``("all",)``, or empty for those that the rules do not set aside.
        lock_class, name, execname, frame: a regular expression searched in the lock class, in the
            lock name or wait message, in the process name, in any frame; None to keep all.
    """

    kinds: tuple[str, ...] = ()
    lock_class: re.Pattern[str] | None = None
    name: re.Pattern[str] | None = None
    execname: re.Pattern[str] | None = None
    frame: re.Pattern[str] | None = None

    @property
    def keep_all(self) -> bool:
        """Tell whether nothing can be removed, so that nothing needs to be classified."""
        return self == Filters(kinds=(ALL_KINDS,))


@dataclass(frozen=True, slots=True)
class SetAside:
    """What one filter removed: which filter, what it is called in reports, and how much."""

    reason: str
    title: str
    weight: Weight


@dataclass(frozen=True, slots=True)
class Selection:
    """What the filters kept, what they removed by filter, and the parts that they removed."""

    kept: tuple[Part, ...]
    set_aside: tuple[SetAside, ...]
    removed: tuple[Part, ...] = ()

    @property
    def weight(self) -> Weight:
        """Return the sum of what was kept."""
        return Weight(*map(sum, zip(_NOTHING, *(part.weight for part in self.kept), strict=True)))


def classify(profile: Profile, rules: Rules) -> tuple[Part, ...]:
    """Return the parts of a profile, each of one key and one verdict; no weight is lost."""
    return tuple(
        Part(verdict, key, some)
        for key, stacks in profile.groups.items()
        for verdict, some in rules.partition(key, stacks).items()
    )


def select(parts: Iterable[Part], rules: Rules, filters: Filters) -> Selection:
    """Keep the parts that pass the filters.

    Raises:
        UsageError: a kind was asked for that the rules do not have.
    """
    known = {kind.id: kind for kind in rules.kinds}
    wanted = wanted_kinds(rules, filters.kinds)
    kept: list[Part] = []
    removed: list[Part] = []
    totals: dict[tuple[str, str], Weight] = {}

    def remove(reason: str, title: str, part: Part) -> None:
        removed.append(part)
        totals[reason, title] = totals.get((reason, title), _NOTHING).plus(part.weight)

    for part in parts:
        kind = part.verdict.kind
        if kind not in wanted:
            remove(f"kind {kind}", known[kind].title, part)
            continue
        reason = rejected_by(part.verdict, part.key, filters)
        if reason:
            remove(reason, reason, part)
            continue
        if filters.frame is None:
            kept.append(part)
            continue
        matching = {s: w for s, w in part.stacks.items() if has_frame(s, filters.frame)}
        others = {s: w for s, w in part.stacks.items() if s not in matching}
        if matching:
            kept.append(Part(part.verdict, part.key, matching))
        if others:
            reason = f"not --frame {filters.frame.pattern}"
            remove(reason, reason, Part(part.verdict, part.key, others))
    set_aside = tuple(SetAside(*name, weight) for name, weight in totals.items())
    return Selection(tuple(kept), set_aside, tuple(removed))


def has_frame(stack: Stack, pattern: re.Pattern[str]) -> bool:
    """Tell whether the pattern is found in one frame of a stack."""
    return any(map(pattern.search, frames_of(stack)))


def wanted_kinds(rules: Rules, kinds: tuple[str, ...]) -> frozenset[str]:
    """Return the ids of the kinds to keep.

    Raises:
        UsageError: a kind was asked for that the rules do not have.
    """
    known = [kind.id for kind in rules.kinds]
    unknown = [kind for kind in kinds if kind not in (*known, ALL_KINDS)]
    if unknown:
        raise UsageError(f"no such kind: {unknown[0]}", f"kinds: {', '.join(known)}, {ALL_KINDS}")
    if ALL_KINDS in kinds:
        return frozenset(known)
    return frozenset(kinds or (kind.id for kind in rules.kinds if not kind.set_aside))


def rejected_by(verdict: Classification, key: Key, filters: Filters) -> str:
    """Return the filter on the key or the class that is not passed, or empty."""
    tests = (
        ("--class", filters.lock_class, verdict.lock_class),
        ("--name", filters.name, key.name),
        ("--execname", filters.execname, key.execname),
    )
    for option, pattern, text in tests:
        if pattern is not None and not pattern.search(text):
            return f"not {option} {pattern.pattern}"
    return ""
