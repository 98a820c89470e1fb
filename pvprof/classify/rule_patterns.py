"""Regular expressions of rules: compiled when they are first tried, and tried where they may match.

The packaged rules have a thousand expressions, of which one recording needs a few. Nearly all of
them begin with letters, so a dict by the first letters of a name leaves few of them to try::

    expression           starts                  3 letters      tried on vm_fault_trap
    ^vm_fault            vm_fault                vm_            yes
    ^vm_(map|page)_      vm_map, vm_page         vm_            no: it begins with neither
    ^sys_                sys_                    sys            no
    fault$               not known               always         yes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Generic, Literal, TypeVar

_Value = TypeVar("_Value")

_ANYTHING = ("",)
_LETTERS = 3
# Letters, then alternatives of letters alone.
_START = re.compile(r"([A-Za-z0-9_]*)(?:\(([A-Za-z0-9_|]+)\)(?![*?{]))?")
_REPEATS = frozenset("*?{")


@dataclass(frozen=True)
class RulePattern:
    """A regular expression of a rule.

    Attributes:
        pattern: the expression.
    """

    pattern: str

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Return the expression, compiled.

        Raises:
            re.error: it is none; so do OverflowError and RecursionError.
        """
        return re.compile(self.pattern)

    def matches(self, text: str) -> bool:
        """Tell whether the expression matches a whole text."""
        return self.expression.fullmatch(text) is not None

    @cached_property
    def find(self) -> Callable[[str], re.Match[str] | None]:
        """Return the function that finds it: `match` if it is anchored, else `search`.

        A search tries an anchored expression at each character, which takes four times as long.
        """
        return self.expression.match if _is_anchored(self.pattern) else self.expression.search


class PatternIndex(Generic[_Value]):
    """Finds the values of the expressions that a name meets.

    Args:
        patterns: (expression, its value).
        how: whether an expression matches the ``whole`` name, or is found ``anywhere`` in it.
    """

    def __init__(
        self,
        patterns: Iterable[tuple[RulePattern, _Value]],
        how: Literal["whole", "anywhere"],
    ) -> None:
        self._is_whole = how == "whole"
        self._always: list[tuple[str, RulePattern, _Value]] = []
        self._by_letters: dict[str, list[tuple[str, RulePattern, _Value]]] = {}
        for pattern, value in patterns:
            for start in starts_of(pattern.pattern, is_whole=self._is_whole):
                known = len(start) >= _LETTERS
                place = self._by_letters.setdefault(start[:_LETTERS], []) if known else self._always
                place.append((start, pattern, value))

    def values(self, name: str) -> Iterator[_Value]:
        """Yield the value of each expression that the name meets; one may come several times."""
        for some in (self._always, self._by_letters.get(name[:_LETTERS], ())):
            for start, pattern, value in some:
                if name.startswith(start) and (
                    pattern.matches(name) if self._is_whole else pattern.find(name)
                ):
                    yield value


@lru_cache(1 << 12)
def starts_of(pattern: str, *, is_whole: bool) -> tuple[str, ...]:
    """Return texts with one of which each match begins, and the name, too; empty if not known.

    Args:
        pattern: a regular expression.
        is_whole: it must match a whole name, as if it began with ``^``.
    """
    anchor = "^" if pattern.startswith("^") else ""
    if not (anchor or is_whole) or _has_alternatives(pattern):
        return _ANYTHING
    match = _START.match(pattern, len(anchor))
    if match is None:
        return _ANYTHING
    letters, others = match.groups()
    if others is not None:
        return tuple(letters + other for other in others.split("|"))
    is_repeated = pattern[match.end() : match.end() + 1] in _REPEATS
    return (letters[:-1] if is_repeated else letters,)


def _is_anchored(pattern: str) -> bool:
    """Tell whether an expression certainly begins with ``^`` in each of its alternatives."""
    return pattern.startswith("^") and not _has_alternatives(pattern)


def _has_alternatives(pattern: str) -> bool:
    """Tell whether an expression may have alternatives outside of parentheses."""
    if "|" not in pattern:
        return False
    if "\\" in pattern or "[" in pattern:  # a parenthesis may be a character there
        return True
    depth = 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            return True
    return False
