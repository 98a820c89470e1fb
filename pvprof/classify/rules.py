"""What a lock name or wait message is: its kind of wait and its lock class.

Owns how rules are applied to a key and a stack; ``rules_file`` reads them. It refuses to add
anything up: ``select`` comes next and sorts weights by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Frame, Stack, frames_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_T = TypeVar("_T")

UNCLASSIFIED: Final = "unclassified"
"""The kind of a wait that no rule knows. Every set of rules has it."""

OTHER: Final = "other"
"""The lock class of a wait that no rule puts into a class."""

_OFFSET = re.compile(r"\+0x[0-9a-fA-F]+$")


@dataclass(frozen=True, slots=True)
class WaitKind:
    """One sort of waiting.

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
    """What the rules say of one key and stack: the id of a `WaitKind`, and a lock class."""

    kind: str
    lock_class: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: all conditions that it gives must hold.

    Attributes:
        label: says which rule it is, for messages: ``freebsd.toml: rule 3 (vm object)``.
        kind, lock_class: what it gives, or None.
        name: what it gives to a wait that was recorded without a name, or None; ``{caller}`` in it
            is the function that came to wait.
        first: it is tried before every rule without this mark.
        names: names without trailing blanks; with `name_patterns` one condition.
        mechanisms: with `mechanism_patterns` one condition.
        frames: searched in function names.
        callers: searched in the name of the function that came to wait, which is the innermost
            that is no machinery.
        recorded_classes: lock classes as the kernel names them, if one was recorded.
        colour: position of the class on the circle of hues, or None.
    """

    label: str
    kind: str | None
    lock_class: str | None
    first: bool = False
    names: frozenset[str] = frozenset()
    name_patterns: tuple[re.Pattern[str], ...] = ()
    mechanisms: frozenset[str] = frozenset()
    mechanism_patterns: tuple[re.Pattern[str], ...] = ()
    frames: tuple[re.Pattern[str], ...] = ()
    recorded_classes: frozenset[str] = frozenset()
    callers: tuple[re.Pattern[str], ...] = ()
    name: str | None = None
    colour: int | None = None

    def may_apply(self, key: Key) -> bool:
        """Tell whether the conditions hold that need no look at the stack."""
        return (
            _one_of(key.mechanism, self.mechanisms, self.mechanism_patterns)
            and _one_of(key.name.rstrip(), self.names, self.name_patterns)
            and _one_of(key.lock_class, self.recorded_classes, ())
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is left to decide once the event, the name and the recorded class are known.

    `kinds`, `classes` and `names` hold (bits of a rule that still needs a frame, or 0; rule) in
    order, up to the first rule that needs none. `verdicts` remembers one verdict for each set of
    bits.
    """

    kinds: tuple[tuple[int, Rule], ...]
    classes: tuple[tuple[int, Rule], ...]
    names: tuple[tuple[int, Rule], ...]
    bits: int
    has_callers: bool
    verdicts: dict[int, Classification] = field(default_factory=dict)

    def verdict(self, bits: int) -> Classification:
        """Return the classification of a stack with the frames of these rule bits."""
        known = self.verdicts.get(bits)
        if known is None:
            kind, lock_class = _decide(self.kinds, bits), _decide(self.classes, bits)
            known = self.verdicts[bits] = Classification(
                (kind.kind if kind else None) or UNCLASSIFIED,
                (lock_class.lock_class if lock_class else None) or OTHER,
            )
        return known


@dataclass(frozen=True)
class Rules:
    """The kinds of waits and the rules, in the order in which they are tried.

    A profile has few distinct events and names, and few distinct frames: what they say is worked
    out once for each and remembered, so that most stacks cost one look-up. `_bits` gives each
    rule (by its place in `rules`) that has frames a bit, `_caller_bits` each that has callers
    another, so that what a stack's frames say is one number. `machinery` matches whole names of
    functions that wait on behalf of their caller.
    """

    kinds: tuple[WaitKind, ...]
    rules: tuple[Rule, ...]
    machinery: tuple[re.Pattern[str], ...] = ()
    _machinery: dict[Frame, bool] = field(default_factory=dict, repr=False, compare=False)
    _plans: dict[tuple[str, str, str], _Plan] = field(
        default_factory=dict, repr=False, compare=False
    )
    _frame_bits: dict[Frame, int] = field(default_factory=dict, repr=False, compare=False)
    _mute_frames: set[Frame] = field(default_factory=set, repr=False, compare=False)
    _bits: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    _caller_bits: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    _bits_of_caller: dict[Frame, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        framed = [number for number, rule in enumerate(self.rules) if rule.frames]
        called = [number for number, rule in enumerate(self.rules) if rule.callers]
        self._bits.update((number, 1 << place) for place, number in enumerate(framed))
        self._caller_bits.update(
            (number, 1 << place) for place, number in enumerate(called, len(framed))
        )

    @cached_property
    def colours(self) -> Mapping[str, int]:
        """Map lock classes and titles of kinds to their positions on the circle of hues."""
        kinds = {kind.title: kind.colour for kind in self.kinds}
        classes = {rule.lock_class: rule.colour for rule in self.rules if rule.colour is not None}
        both = (kinds | classes).items()
        return {name: colour for name, colour in both if name is not None and colour is not None}

    def classify(self, key: Key, stack: Stack) -> Classification:
        """Return the kind and the lock class of what was measured for this key and stack."""
        plan = self._plan_of(key)
        return plan.verdict(self._bits_in(plan, stack))

    def partition(
        self, key: Key, stacks: Mapping[Stack, _T]
    ) -> dict[Classification, Mapping[Stack, _T]]:
        """Return the stacks of a key by what `classify` says of each."""
        plan = self._plan_of(key)
        if not plan.bits:
            return {plan.verdict(0): stacks}
        by_bits: dict[int, dict[Stack, _T]] = {}
        for stack, item in stacks.items():
            bits = self._bits_in(plan, stack)
            if bits not in by_bits:
                by_bits[bits] = {}
            by_bits[bits][stack] = item
        by_verdict: dict[Classification, dict[Stack, _T]] = {}
        for bits, some in by_bits.items():
            by_verdict.setdefault(plan.verdict(bits), {}).update(some)
        return dict(by_verdict)

    def name_of(self, key: Key, stack: Stack) -> str:
        """Return the name of a wait: the recorded one, else what the rules call it, or nothing."""
        if key.name:
            return key.name
        plan = self._plan_of(key)
        if not plan.names:
            return ""
        rule = _decide(plan.names, self._bits_in(plan, stack))
        if rule is None or rule.name is None:
            return ""
        if "{caller}" not in rule.name:
            return rule.name
        return rule.name.replace("{caller}", _function(self.caller_of(stack)))

    def may_name(self, key: Key) -> bool:
        """Tell whether there are rules that may give waits of a key a name."""
        return not key.name and bool(self._plan_of(key).names)

    def caller_of(self, stack: Stack) -> Frame:
        """Return the innermost frame that is no waiting machinery (``turnstile_wait`` and such)."""
        frames = frames_of(stack)
        for frame in reversed(frames):
            if frame == DELIMITER:
                break
            if not self.is_machinery(frame):
                return frame
        return frames[-1]

    def is_machinery(self, frame: Frame) -> bool:
        """Tell whether a frame only waits on behalf of its caller, like ``turnstile_wait``."""
        known = self._machinery.get(frame)
        if known is None:
            function = _function(frame)
            known = any(pattern.fullmatch(function) for pattern in self.machinery)
            self._machinery[frame] = known
        return known

    def explain(self, key: Key, stack: Stack) -> tuple[Rule | None, Rule | None]:
        """Return the rules that decide the kind and the lock class; None where none applies."""
        plan = self._plan_of(key)
        bits = self._bits_in(plan, stack)
        return _decide(plan.kinds, bits), _decide(plan.classes, bits)

    def _plan_of(self, key: Key) -> _Plan:
        what = (key.mechanism, key.name, key.lock_class)
        plan = self._plans.get(what)
        if plan is None:
            plan = self._plans[what] = self._plan(key)
        return plan

    def _bits_in(self, plan: _Plan, stack: Stack) -> int:
        """Return the bits of the rules of a plan that look for a frame of the stack."""
        if not plan.bits:
            return 0
        seen = self._bits_of_frames(frames_of(stack))
        if plan.has_callers:
            caller = self.caller_of(stack)
            bits = self._bits_of_caller.get(caller)
            if bits is None:
                bits = self._bits_of_caller[caller] = self._bits_of(
                    caller, self._caller_bits, "callers"
                )
            seen |= bits
        return seen & plan.bits

    def _bits_of_frames(self, frames: list[Frame]) -> int:
        # Most stacks have no frame that any rule looks for: one call that runs in C finds that
        # out, three times as fast as the loop.
        if self._mute_frames.issuperset(frames):
            return 0
        seen = 0
        for frame in _kernel_frames(frames):
            bits = self._frame_bits.get(frame)
            if bits is None:
                bits = self._bits_of(frame, self._bits, "frames")
                self._frame_bits[frame] = bits
                if not bits:
                    self._mute_frames.add(frame)
            seen |= bits
        return seen

    def _plan(self, key: Key) -> _Plan:
        kinds: list[tuple[int, Rule]] = []
        classes: list[tuple[int, Rule]] = []
        names: list[tuple[int, Rule]] = []
        for number, rule in enumerate(self.rules):
            if not rule.may_apply(key):
                continue
            bit = self._bits.get(number, 0) | self._caller_bits.get(number, 0)
            given = ((kinds, rule.kind), (classes, rule.lock_class), (names, rule.name))
            for wanted, what in given:
                if what is not None and not (wanted and wanted[-1][0] == 0):
                    wanted.append((bit, rule))
        if key.name:
            names.clear()
        bits = 0
        for bit, _ in (*kinds, *classes, *names):
            bits |= bit
        has_callers = any(rule.callers for _, rule in (*kinds, *classes, *names))
        return _Plan(tuple(kinds), tuple(classes), tuple(names), bits, has_callers)

    def _bits_of(self, frame: Frame, known: Mapping[int, int], condition: str) -> int:
        """Return the bits of the rules whose condition a frame meets."""
        function = _function(frame)
        bits = 0
        for number, bit in known.items():
            if any(pattern.search(function) for pattern in getattr(self.rules[number], condition)):
                bits |= bit
        return bits


def _one_of(value: str, exact: frozenset[str], patterns: Iterable[re.Pattern[str]]) -> bool:
    """Tell whether a condition holds; one that gives nothing always does."""
    if value in exact or any(pattern.fullmatch(value) for pattern in patterns):
        return True
    return not exact and not patterns


def _decide(candidates: tuple[tuple[int, Rule], ...], bits: int) -> Rule | None:
    for bit, rule in candidates:
        if bit & bits == bit:
            return rule
    return None


def _kernel_frames(frames: list[Frame]) -> list[Frame]:
    """Leave out user frames, whose names may be anything, where the stack has both."""
    if DELIMITER not in frames:
        return frames
    return frames[len(frames) - frames[::-1].index(DELIMITER) :]


def _function(frame: Frame) -> str:
    _, tick, function = frame.partition("`")
    return _OFFSET.sub("", function if tick else frame)
