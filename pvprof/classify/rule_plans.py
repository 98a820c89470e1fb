"""Which rules apply to waits of one mechanism and name, and what a stack must still decide.

``matcher`` finds the bits of a stack, with which a plan gives the classification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pvprof.classify.rule_patterns import PatternIndex
from pvprof.classify.rules import OTHER, UNCLASSIFIED, Classification, Rule

MAX_MATCHED = 512
"""Patterns see the first characters of a name. Some take time that grows with the square of its
length, and a stranger's recording may have names of any length."""


@dataclass(frozen=True, slots=True)
class RulePlan:
    """What the stack must still decide once mechanism, name and recorded class are known.

    `kinds`, `classes` and `names` are (bit of a rule that needs a frame, or 0; rule), in order, up
    to the first rule that needs no frame. `verdicts` has one classification for each set of bits.
    """

    kinds: tuple[tuple[int, Rule], ...]
    classes: tuple[tuple[int, Rule], ...]
    names: tuple[tuple[int, Rule], ...]
    bits: int
    has_callers: bool
    has_inner: bool
    verdicts: dict[int, Classification] = field(default_factory=dict)

    def verdict(self, bits: int) -> Classification:
        """Return the classification of a stack with the frames of these rule bits."""
        known = self.verdicts.get(bits)
        if known is None:
            kind, lock_class = decide(self.kinds, bits), decide(self.classes, bits)
            known = self.verdicts[bits] = Classification(
                (kind.kind if kind else None) or UNCLASSIFIED,
                (lock_class.lock_class if lock_class else None) or OTHER,
            )
        return known


class RulesByName:
    """The rules for one mechanism and recorded class, and a plan for each name.

    A million locks may have a name each, but the same few sets of rules apply to them: names that
    have the same set share a plan.
    """

    def __init__(self, rules: Sequence[tuple[int, Rule]]) -> None:
        """Take (bit, rule) pairs in the order in which they are tried."""
        self._rules = rules
        self._of_any = {
            place for place, (_, rule) in enumerate(rules) if not (rule.names or rule.name_patterns)
        }
        self._by_name: dict[str, list[int]] = {}
        for place, (_, rule) in enumerate(rules):
            for name in rule.names:
                self._by_name.setdefault(name, []).append(place)
        patterns = (
            (pattern, place)
            for place, (_, rule) in enumerate(rules)
            for pattern in rule.name_patterns
        )
        self._patterns = PatternIndex(patterns, "whole")
        self._plans: dict[tuple[frozenset[int], bool], RulePlan] = {}

    def plan(self, name: str) -> RulePlan:
        """Return the plan for waits of that name, which is empty if they have none."""
        matched = name.rstrip()[:MAX_MATCHED]
        fitting = frozenset((*self._by_name.get(matched, ()), *self._patterns.values(matched)))
        plan = self._plans.get((fitting, bool(name)))
        if plan is None:
            plan = self._plans[fitting, bool(name)] = self._plan(fitting, has_name=bool(name))
        return plan

    def _plan(self, fitting: frozenset[int], *, has_name: bool) -> RulePlan:
        """Return the plan of the rules for any name and of those at these places."""
        kinds: list[tuple[int, Rule]] = []
        classes: list[tuple[int, Rule]] = []
        names: list[tuple[int, Rule]] = []
        for place in sorted(fitting | self._of_any):
            bit, rule = self._rules[place]
            given = ((kinds, rule.kind), (classes, rule.lock_class), (names, rule.name))
            for wanted, what in given:
                if what is not None and not (wanted and wanted[-1][0] == 0):
                    wanted.append((bit, rule))
        if has_name:
            names.clear()
        bits = 0
        for bit, _ in (*kinds, *classes, *names):
            bits |= bit
        considered = [rule for _, rule in (*kinds, *classes, *names)]
        has_callers = any(rule.callers for rule in considered)
        has_inner = any(rule.inner for rule in considered)
        return RulePlan(tuple(kinds), tuple(classes), tuple(names), bits, has_callers, has_inner)


def decide(candidates: tuple[tuple[int, Rule], ...], bits: int) -> Rule | None:
    """Return the first rule whose bits are all there, or None."""
    for bit, rule in candidates:
        if bit & bits == bit:
            return rule
    return None
