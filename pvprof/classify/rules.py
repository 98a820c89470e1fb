"""Rules as data: wait kinds, lock classes, and the conditions that give them.

``rules_file`` reads them, ``matcher`` applies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvprof.classify.rule_patterns import RulePattern

UNCLASSIFIED: Final = "unclassified"
"""The kind of a wait that no rule knows. It always exists."""

KERNEL: Final = "kernel"
"""The kind of the kernel's waits on itself, for locks and pages: those that have lock classes."""

OTHER: Final = "other"
"""The lock class of a wait that no rule puts into a class."""


@dataclass(frozen=True, slots=True)
class WaitKind:
    """One kind of waiting.

    Attributes:
        id: the short fixed name that rules, options and JSON use.
        title: the heading in reports.
        set_aside: whether the default report leaves it out (and lists its total).
        colour: its position on the circle of hues (``render.svg.palette``), or None to derive one
            from the title.
    """

    id: str
    title: str
    set_aside: bool
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """The result of the rules for one key and stack: the id of a `WaitKind`, and a lock class."""

    kind: str
    lock_class: str


@dataclass(frozen=True, slots=True)
class ClassFamily:
    """What a lock class is a part of.

    Attributes:
        family: the classes of one family guard the same thing; the class itself if it is alone.
        primitive: the kind of lock that sets the class apart in its family, or empty.
    """

    family: str
    primitive: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. All its conditions must hold.

    Attributes:
        label: names the rule in messages: ``freebsd.toml: rule 3 (vm object)``.
        kind, lock_class: the result, or None.
        name: the name of a wait that was recorded without one, or None; ``{caller}`` in it stands
            for the function that waited.
        first: try it before every rule without this mark.
        names: names without trailing blanks; with `name_patterns` one condition.
        mechanisms: with `mechanism_patterns` one condition.
        frames: searched in function names.
        callers: searched in the name of the function that waited, the innermost that is not
            machinery.
        inner: searched in the names of the machinery inside that function.
        recorded_classes: lock classes as the kernel names them, if one was recorded.
        colour: position of the class on the circle of hues, or None.
        family: of the class, or None.
    """

    label: str
    kind: str | None
    lock_class: str | None
    first: bool = False
    names: frozenset[str] = frozenset()
    name_patterns: tuple[RulePattern, ...] = ()
    mechanisms: frozenset[str] = frozenset()
    mechanism_patterns: tuple[RulePattern, ...] = ()
    frames: tuple[RulePattern, ...] = ()
    recorded_classes: frozenset[str] = frozenset()
    callers: tuple[RulePattern, ...] = ()
    name: str | None = None
    colour: int | None = None
    family: ClassFamily | None = None
    inner: tuple[RulePattern, ...] = ()

    @property
    def patterns(self) -> tuple[RulePattern, ...]:
        """Return the regular expressions of all conditions."""
        whole = (*self.name_patterns, *self.mechanism_patterns)
        return (*whole, *self.frames, *self.callers, *self.inner)

    def may_apply(self, mechanism: str, recorded_class: str) -> bool:
        """Tell whether the conditions on the mechanism and on the recorded class hold."""
        return _one_of(mechanism, self.mechanisms, self.mechanism_patterns) and _one_of(
            recorded_class, self.recorded_classes, ()
        )


def _one_of(value: str, exact: frozenset[str], patterns: Iterable[RulePattern]) -> bool:
    """Tell whether a condition holds; a condition without values always does."""
    if not patterns:
        return not exact or value in exact
    return value in exact or any(pattern.matches(value) for pattern in patterns)
