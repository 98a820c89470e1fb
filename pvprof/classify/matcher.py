"""Apply rules to keys and stacks: wait kind, lock class, name, and the function that waited.

A profile has few distinct mechanisms and names, and few distinct frames. `Matcher` works out once
what each decides, and remembers it: most stacks cost one look-up. It refuses to add anything up
(``filters``).

Each rule with a condition on frames has a bit, and each with a condition on the caller, or on the
machinery inside it, another one, so that all that the frames of a stack decide is one number::

    frames of the stack   trap, vm_fault, obm_lock_slow     0b0100  (rule 2 wants obm_.*)
    its caller            vm_fault                          0b1000  (rule 9 wants vm_.*)
    candidates of the key [(0b0100, rule 2), (0b0001, rule 5), (0, rule 7)]
    decision              the first candidate whose bits are all seen: rule 2
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, reduce
from operator import or_
from typing import TypeVar, cast

from pvprof.classify.interrupts import is_interrupt, sender_of
from pvprof.classify.rule_patterns import PatternIndex, RulePattern
from pvprof.classify.rule_plans import MAX_MATCHED, RulePlan, RulesByName, decide
from pvprof.classify.rules import (
    OTHER,
    ClassFamily,
    Classification,
    Rule,
    WaitKind,
)
from pvprof.model.mechanisms import mechanism_of
from pvprof.model.profile import Key, StackTable, Weight
from pvprof.model.stacks import DELIMITER, Frame, Stack, frames_of

_T = TypeVar("_T")
_MAX_NAMES_KNOWN = 1 << 16
_OFFSET = re.compile(r"\+0x[0-9a-fA-F]+$")
# What compilers add to a function that they split or specialise.
_COMPILED = re.compile(r"(?:\.(?:isra|constprop|part|cold|llvm|lto_priv)(?:\.\d+)?)+$")


class _Condition:
    """One kind of condition on a function's name, for all rules that have it.

    Attributes:
        bits: by the index of a rule, its bit.
    """

    def __init__(self, patterns: Mapping[int, tuple[RulePattern, ...]], first_bit: int) -> None:
        """Give each rule with patterns a bit, from `first_bit` on."""
        conditional = [index for index, wanted in patterns.items() if wanted]
        self.bits = {index: 1 << place for place, index in enumerate(conditional, first_bit)}
        self._bits = PatternIndex(
            [(pattern, self.bits[index]) for index in conditional for pattern in patterns[index]],
            "anywhere",
        )

    def bits_of(self, function: str) -> int:
        """Return the bits of the rules whose condition a function meets."""
        return reduce(or_, self._bits.values(function), 0)


class Matcher:
    """Rules, ready to be applied.

    Attributes:
        kinds: the wait kinds, in the order of reports.
        rules: the rules, in the order in which they are tried.
        machinery: match whole names of functions that wait on behalf of their caller.
        waking: match whole names of functions that wake on behalf of their caller.
    """

    def __init__(
        self,
        kinds: Sequence[WaitKind],
        rules: Sequence[Rule],
        machinery: Sequence[RulePattern] = (),
        waking: Sequence[RulePattern] = (),
    ) -> None:
        self.kinds = tuple(kinds)
        self.rules = tuple(rules)
        self.machinery = tuple(machinery)
        self.waking = tuple(waking)
        self._machinery_index = PatternIndex([(one, True) for one in machinery], "whole")
        self._waking_index = PatternIndex([(one, True) for one in waking], "whole")
        self._frames = _Condition({i: rule.frames for i, rule in enumerate(rules)}, 0)
        by_caller = {i: rule.callers for i, rule in enumerate(rules)}
        self._callers = _Condition(by_caller, len(self._frames.bits))
        inner = {i: rule.inner for i, rule in enumerate(rules)}
        self._inner = _Condition(inner, len(self._frames.bits) + len(self._callers.bits))
        # What was worked out already.
        self._rules_by_mechanism: dict[tuple[str, str], RulesByName] = {}
        self._plans: dict[tuple[str, str, str], RulePlan] = {}
        self._machinery: dict[Frame, bool] = {}
        self._waking: dict[Frame, bool] = {}
        self._frame_bits: dict[Frame, int] = {}
        self._mute_frames: set[Frame] = set()
        self._bits_of_caller: dict[Frame, int] = {}
        self._bits_of_inner: dict[Frame, int] = {}

    @cached_property
    def colours(self) -> Mapping[str, int]:
        """Map lock classes and titles of kinds to their positions on the circle of hues."""
        kinds = {kind.title: kind.colour for kind in self.kinds}
        classes = {rule.lock_class: rule.colour for rule in self.rules if rule.colour is not None}
        both = (kinds | classes).items()
        return {name: colour for name, colour in both if name is not None and colour is not None}

    @cached_property
    def _families(self) -> Mapping[str, ClassFamily]:
        """Map lock classes to their families; the first rule that gives a class one decides."""
        given = [rule for rule in self.rules if rule.family is not None]
        return {rule.lock_class or OTHER: rule.family for rule in reversed(given) if rule.family}

    def family_of(self, lock_class: str) -> ClassFamily:
        """Return the family of a lock class; a class without one is alone in its own."""
        return self._families.get(lock_class) or ClassFamily(lock_class)

    def classify(self, key: Key, stack: Stack) -> Classification:
        """Return the wait kind and the lock class of a key and stack."""
        plan = self._plan_of(key)
        return plan.verdict(self._bits_in(plan, stack))

    def partition(
        self, key: Key, stacks: Mapping[Stack, _T]
    ) -> dict[Classification, Mapping[Stack, _T]]:
        """Return the stacks of a key, grouped by their classification."""
        plan = self._plan_of(key)
        if not plan.bits:
            return {plan.verdict(0): stacks}
        if isinstance(stacks, StackTable) and DELIMITER not in stacks.names:
            parts = self._partition_table(plan, stacks)
            if parts is not None:
                return cast("dict[Classification, Mapping[Stack, _T]]", parts)
        by_bits: dict[int, dict[Stack, _T]] = {}
        for stack, item in stacks.items():
            bits = self._bits_in(plan, stack)
            if bits not in by_bits:
                by_bits[bits] = {}
            by_bits[bits][stack] = item
        if len(by_bits) == 1:  # a lock of a million: no dict of its own
            return {plan.verdict(next(iter(by_bits))): stacks}
        by_verdict: dict[Classification, dict[Stack, _T]] = {}
        for bits, some in by_bits.items():
            by_verdict.setdefault(plan.verdict(bits), {}).update(some)
        return dict(by_verdict)

    def _partition_table(
        self, plan: RulePlan, table: StackTable
    ) -> dict[Classification, Mapping[Stack, Weight]] | None:
        """Return the stacks of a table, grouped by their classification, or None."""
        from pvprof.classify.table_bits import bits_of_table  # noqa: PLC0415 (numpy)

        found = bits_of_table(table, self, plan.bits)
        if found is None:
            return None
        verdicts = [plan.verdict(bits) for bits in found.distinct]
        if len(set(verdicts)) == 1:
            return {verdicts[0]: table}
        rows_of: dict[Classification, list[int]] = {}
        for number, verdict in enumerate(verdicts):
            rows_of.setdefault(verdict, []).append(number)
        return {
            verdict: table.select(found.rows_with(numbers)) for verdict, numbers in rows_of.items()
        }

    def frame_bits(self, frame: Frame) -> int:
        """Return the bits of rules that look for a frame anywhere in a stack."""
        return self._bits_of_frames([frame])

    def caller_bits(self, frame: Frame) -> int:
        """Return the bits of rules that look for a frame as the caller."""
        bits = self._bits_of_caller.get(frame)
        if bits is None:
            bits = self._bits_of_caller[frame] = self._callers.bits_of(_function(frame))
        return bits

    def inner_bits(self, frame: Frame) -> int:
        """Return the bits of rules that look for a frame inside of the caller."""
        bits = self._bits_of_inner.get(frame)
        if bits is None:
            bits = self._bits_of_inner[frame] = self._inner.bits_of(_function(frame))
        return bits

    def name_of(self, key: Key, stack: Stack) -> str:
        """Return the name of a wait: the recorded one, else the rules' one, or nothing."""
        if key.name:
            return key.name
        plan = self._plan_of(key)
        if not plan.names:
            return ""
        rule = decide(plan.names, self._bits_in(plan, stack))
        if rule is None or rule.name is None:
            return ""
        if "{caller}" not in rule.name:
            return rule.name
        return rule.name.replace("{caller}", _function(self.caller_of(stack)))

    def may_name(self, key: Key) -> bool:
        """Tell whether rules may give the waits of a key a name."""
        return not key.name and bool(self._plan_of(key).names)

    def top_caller(self, key: Key, stack: Stack) -> Frame:
        """Return the function that waited, or, if the stack is a waker's, the one that woke."""
        is_waker = mechanism_of(key.mechanism).state == "waking"
        return self.waker_of(stack) if is_waker else self.caller_of(stack)

    def caller_of(self, stack: Stack) -> Frame:
        """Return the innermost frame that is not machinery (``turnstile_wait`` and such)."""
        return _innermost(frames_of(stack), self.is_machinery)

    def waker_of(self, stack: Stack) -> Frame:
        """Return the function that decided to wake a thread: ``tcp_sendmsg``, for example."""
        frames = frames_of(stack)
        if not is_interrupt(stack):
            frames = sender_of(frames)
        return _innermost(frames, self._wakes_for_caller)

    def _wakes_for_caller(self, frame: Frame) -> bool:
        known = self._waking.get(frame)
        if known is None:
            function = _function(frame)
            known = any(self._waking_index.values(function))
            known = self._waking[frame] = known or self.is_machinery(frame)
        return known

    def is_machinery(self, frame: Frame) -> bool:
        """Tell whether a frame only waits on behalf of its caller, like ``turnstile_wait``."""
        known = self._machinery.get(frame)
        if known is None:
            function = _function(frame)
            known = any(self._machinery_index.values(function))
            self._machinery[frame] = known
        return known

    def explain(self, key: Key, stack: Stack) -> tuple[Rule | None, Rule | None]:
        """Return the rules that decide the kind and the lock class; None if none applies."""
        plan = self._plan_of(key)
        bits = self._bits_in(plan, stack)
        return decide(plan.kinds, bits), decide(plan.classes, bits)

    def _plan_of(self, key: Key) -> RulePlan:
        what = (key.mechanism, key.name, key.lock_class)
        plan = self._plans.get(what)
        if plan is None:
            plan = self._rules_for(key.mechanism, key.lock_class).plan(key.name)
            if len(self._plans) < _MAX_NAMES_KNOWN:
                self._plans[what] = plan
        return plan

    def _bits_in(self, plan: RulePlan, stack: Stack) -> int:
        """Return the bits of a plan's rules whose frame or caller the stack has."""
        if not plan.bits:
            return 0
        seen = self._bits_of_frames(frames_of(stack))
        if plan.has_callers:
            seen |= self.caller_bits(self.caller_of(stack))
        if plan.has_inner:
            seen |= self._bits_inside_caller(frames_of(stack))
        return seen & plan.bits

    def _bits_inside_caller(self, frames: list[Frame]) -> int:
        seen = 0
        for frame in reversed(frames):
            if frame == DELIMITER or not self.is_machinery(frame):
                break
            seen |= self.inner_bits(frame)
        return seen

    def _bits_of_frames(self, frames: list[Frame]) -> int:
        # Most stacks have no frame that any rule looks for: one call that runs in C finds that
        # out, three times as fast as the loop.
        if self._mute_frames.issuperset(frames):
            return 0
        seen = 0
        for frame in _kernel_frames(frames):
            bits = self._frame_bits.get(frame)
            if bits is None:
                bits = self._frames.bits_of(_function(frame))
                self._frame_bits[frame] = bits
                if not bits:
                    self._mute_frames.add(frame)
            seen |= bits
        return seen

    def _rules_for(self, mechanism: str, recorded_class: str) -> RulesByName:
        """Return the rules that may apply to waits of a mechanism and a class."""
        known = self._rules_by_mechanism.get((mechanism, recorded_class))
        if known is None:
            conditions = (self._frames, self._callers, self._inner)
            known = self._rules_by_mechanism[mechanism, recorded_class] = RulesByName(
                [
                    (sum(condition.bits.get(number, 0) for condition in conditions), rule)
                    for number, rule in enumerate(self.rules)
                    if rule.may_apply(mechanism, recorded_class)
                ]
            )
        return known


def _innermost(frames: list[Frame], is_left_out: Callable[[Frame], bool]) -> Frame:
    """Return the innermost kernel frame that is not left out, or the leaf if there is none."""
    for frame in reversed(frames):
        if frame == DELIMITER:
            break
        if not is_left_out(frame):
            return frame
    return frames[-1]


def _kernel_frames(frames: list[Frame]) -> list[Frame]:
    """Return the kernel frames of a stack that has both; user frames may have any name."""
    if DELIMITER not in frames:
        return frames
    return frames[len(frames) - frames[::-1].index(DELIMITER) :]


def _function(frame: Frame) -> str:
    _, tick, function = frame.partition("`")
    return _COMPILED.sub("", _OFFSET.sub("", (function if tick else frame)[:MAX_MATCHED]))
