"""Classify a profile by the rules and apply filters.

Owns the filters. What a filter removes is not lost: it is returned as "set aside", with its total,
so that every result can say what it leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import Classification
from pvprof.dataset.stack_edits import NO_EDITS, NamedFrames, StackEdits
from pvprof.errors import UsageError
from pvprof.model.profile import Key, Profile, Weight, total_weight
from pvprof.model.stacks import Stack, frames_of

if TYPE_CHECKING:
    from pvprof.classify.user_patterns import UserPattern

ALL_KINDS = "all"
_NOTHING = Weight(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """The weights of one key that the rules classify alike."""

    verdict: Classification
    key: Key
    stacks: Mapping[Stack, Weight]

    @property
    def weight(self) -> Weight:
        """Return the sum of all weights."""
        return total_weight(self.stacks)


@dataclass(frozen=True, slots=True)
class Number:
    """One of these numbers, as text: ids of processes or threads."""

    names: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """Return the numbers, for messages."""
        return " or ".join(self.names)

    def search(self, text: str) -> bool:
        """Tell whether a text is one of the numbers."""
        return text in self.names


Wanted: TypeAlias = "re.Pattern[str] | UserPattern | Number | NamedFrames"
"""What a filter looks for: it has a `pattern` and a function `search`."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep, and how stacks are edited. A part must pass every filter.

    Attributes:
        kinds: ids of wait kinds, ``("all",)``, or empty for those that the rules do not set aside.
        lock_class, name, execname, frame: a regular expression searched in the lock class, in the
            lock name or wait message, in the process name, in any frame; None to keep all.
        pid, tid: the processes and threads to keep; None for all.
        edits: of stacks; its `root` keeps only stacks with that frame.
    """

    kinds: tuple[str, ...] = ()
    lock_class: re.Pattern[str] | UserPattern | None = None
    name: re.Pattern[str] | UserPattern | None = None
    execname: re.Pattern[str] | UserPattern | None = None
    frame: re.Pattern[str] | UserPattern | None = None
    pid: Number | None = None
    tid: Number | None = None
    edits: StackEdits = NO_EDITS

    @property
    def patterns(self) -> dict[str, Wanted]:
        """Map the options that are given to the texts or numbers that they look for."""
        patterns: dict[str, Wanted | None] = {
            "--class": self.lock_class,
            "--name": self.name,
            "--execname": self.execname,
            "--frame": self.frame,
            "--pid": self.pid,
            "--tid": self.tid,
            "--root": self.edits.root,
        }
        return {option: pattern for option, pattern in patterns.items() if pattern is not None}

    @property
    def keep_all(self) -> bool:
        """Tell whether these filters remove nothing, so that nothing needs to be classified."""
        return self == Filters(kinds=(ALL_KINDS,))


@dataclass(frozen=True, slots=True)
class SetAside:
    """What one filter removed: the filter, its title in reports, and the total."""

    reason: str
    title: str
    weight: Weight

    @property
    def shown_by(self) -> str:
        """Return the option that shows what was set aside: ``-k child``, ``without --name x``."""
        if self.reason.startswith("kind "):
            return f"-k {self.reason.removeprefix('kind ')}"
        return f"without {self.reason.removeprefix('not ')}"


@dataclass(frozen=True, slots=True)
class Selection:
    """The kept parts, the totals of what each filter removed, and the removed parts."""

    kept: tuple[Part, ...]
    set_aside: tuple[SetAside, ...]
    removed: tuple[Part, ...] = ()

    @property
    def weight(self) -> Weight:
        """Return the sum of the kept parts."""
        return Weight(*map(sum, zip(_NOTHING, *(part.weight for part in self.kept), strict=True)))


def classify(profile: Profile, rules: Matcher) -> tuple[Part, ...]:
    """Return the parts of a profile, each of one key and one classification; no weight is lost."""
    return tuple(
        Part(verdict, key, alike)
        for key, stacks in profile.groups.items()
        for verdict, alike in rules.partition(key, stacks).items()
    )


def select(parts: Iterable[Part], rules: Matcher, filters: Filters) -> Selection:
    """Keep the parts that pass the filters.

    Raises:
        UsageError: the filters name a kind that the rules do not have.
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
        for reason, some in _by_reason(part, filters).items():
            if reason:
                remove(reason, reason, some)
            else:
                kept.append(some)
    set_aside = tuple(SetAside(*name, weight) for name, weight in totals.items())
    return Selection(tuple(kept), set_aside, tuple(removed))


def _by_reason(part: Part, filters: Filters) -> dict[str, Part]:
    """Divide a part by the filter on frames that rejects its stacks; empty: none does."""
    if filters.frame is None and filters.edits.root is None:
        return {"": part}
    stacks: dict[str, dict[Stack, Weight]] = {}
    for stack, weight in part.stacks.items():
        stacks.setdefault(rejected_stack(stack, filters), {})[stack] = weight
    return {reason: Part(part.verdict, part.key, some) for reason, some in stacks.items()}


def rejected_stack(stack: Stack, filters: Filters) -> str:
    """Return the filter on frames that rejects a stack, or an empty text."""
    frame, root = filters.frame, filters.edits.root
    if frame is not None and not any(map(frame.search, frames_of(stack))):
        return f"not --frame {frame.pattern}"
    if root is not None and not root.find(stack):
        return f"not --root {root.pattern}"
    return ""


def wanted_kinds(rules: Matcher, kinds: tuple[str, ...]) -> frozenset[str]:
    """Return the ids of the kinds to keep.

    Raises:
        UsageError: the filters name a kind that the rules do not have.
    """
    known = [kind.id for kind in rules.kinds]
    unknown = [kind for kind in kinds if kind not in (*known, ALL_KINDS)]
    if unknown:
        raise UsageError(f"no such kind: {unknown[0]}", f"kinds: {', '.join(known)}, {ALL_KINDS}")
    if ALL_KINDS in kinds:
        return frozenset(known)
    return frozenset(kinds or (kind.id for kind in rules.kinds if not kind.set_aside))


def rejected_by(verdict: Classification, key: Key, filters: Filters) -> str:
    """Return the filter on the key or the class that rejects a part, or an empty text."""
    tests: tuple[tuple[str, Wanted | None, str], ...] = (
        ("--class", filters.lock_class, verdict.lock_class),
        ("--name", filters.name, key.name),
        ("--execname", filters.execname, key.execname),
        ("--pid", filters.pid, str(key.pid)),
        ("--tid", filters.tid, str(key.tid)),
    )
    for option, pattern, text in tests:
        if pattern is not None and not pattern.search(text):
            return f"not {option} {pattern.pattern}"
    return ""
