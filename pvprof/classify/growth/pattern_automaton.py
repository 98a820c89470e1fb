r"""The automaton of a regular expression: one position for each character class in it.

::

    a*b       start -> a, b      a -> a, b      b: end
    (a|b)+c   start -> a, b      a -> a, b, c   b -> a, b, c   c: end

A step has the characters that it takes, and the number of ways to take it: two, if two loops around
a position lead back to it, as in ``(a*)*``. What is repeated a varying number of times, more than
a few, is drawn as a loop. Classes are sets of sample characters: those that the expression names,
and one of each kind of Unicode.

Refuses what it cannot draw: references to groups, conditions on groups, and large expressions.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_POSITIONS = 600
_MAX_COPIES = 64  # of what is repeated a fixed number of times
_MAX_OPTIONAL = 3  # of what is repeated a varying number of times

# Python has no public parser of its expressions; this one is as old as the module itself.
_parser: Any = importlib.import_module("re._parser")

Chars = frozenset[str]
Steps = Mapping[int, Mapping[int, tuple[Chars, int]]]
"""Maps each position to those that may follow: with which characters, and in how many ways."""

_SAMPLES = "aZ_09 \n\t\r\v\x00\x1c\x85-.+:;,`/\"'@[(#|=<>{}é٣ß\ud800"
_ANCHORS = ("AT_BEGINNING", "AT_BEGINNING_STRING")
_NOTHING = Counter[int]()
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


class UndrawnError(ValueError):
    """An expression cannot be drawn; the text says why."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """An expression as an automaton.

    Attributes:
        steps: from each position, and from `start`.
        start: where each try begins.
        looked_for: the automatons of what is looked ahead or back for.
    """

    steps: Steps
    start: int
    looked_for: tuple[Automaton, ...]


def draw(pattern: re.Pattern[Any], is_search: bool) -> Automaton:
    """Return the automaton of an expression, without the ways that match: they end all tries.

    Args:
        pattern: a compiled expression.
        is_search: whether it is tried at each character of a text, or at the first only.

    Raises:
        UndrawnError: it cannot be drawn.
    """
    text = pattern.pattern
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    tree = _parser.parse(text, pattern.flags & ~(re.UNICODE | re.DEBUG | re.LOCALE | re.ASCII))
    if tree.data and str(tree.data[0][1]) in _ANCHORS and not pattern.flags & re.MULTILINE:
        is_search = False  # each try but the first fails at once
    return _Translation(bool(pattern.flags & re.IGNORECASE)).drawn(tree, is_search)


@dataclass(frozen=True, slots=True)
class _SubExpression:
    """A part of an expression.

    Attributes:
        may_be_empty: whether it matches the empty text.
        first, last: the positions at which it begins and ends, and in how many ways.
        is_conditional: whether it looks at what is behind its last character.
    """

    may_be_empty: bool
    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    is_conditional: bool = False


_EMPTY = _SubExpression(may_be_empty=True)
_CONDITION = _SubExpression(may_be_empty=True, is_conditional=True)


def _codes_of(items: Any) -> Iterator[int]:
    """Yield all numbers in a tree: among them the codes of all characters that it names."""
    if isinstance(items, int):
        yield items
    elif isinstance(items, (tuple, list, _parser.SubPattern)):
        for item in items:
            yield from _codes_of(item)


class _Translation:
    """Translates one expression into its automaton."""

    def __init__(self, ignores_case: bool) -> None:
        self._ignores_case = ignores_case
        self._samples: Chars = frozenset(_SAMPLES)
        self._chars: list[Chars] = []
        self._next: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._kept: dict[int, Chars] = {}  # characters that a loop does not give back
        self._looked_for: list[Automaton] = []

    def drawn(self, tree: Any, is_search: bool) -> Automaton:
        """Return the automaton of a parsed expression."""
        near = {code + more for code in _codes_of(tree) for more in (-1, 0, 1)}
        named = frozenset(chr(code) for code in near if 0 <= code <= 0x10FFFF)
        self._samples |= named | {one.swapcase() for one in named if len(one.swapcase()) == 1}
        whole = self._sequence(tree)
        ends = set() if whole.is_conditional else set(whole.last)
        if whole.may_be_empty and not whole.is_conditional:
            return Automaton({0: {}}, 0, tuple(self._looked_for))
        places = [place for place in range(len(self._chars)) if place not in ends]
        steps = {
            place: {
                target: (self._chars[target] - self._given(place, target), ways)
                for target, ways in self._next[place].items()
                if target not in ends
            }
            for place in places
        }
        start = len(self._chars)
        steps[start] = {
            place: (self._chars[place], ways)
            for place, ways in whole.first.items()
            if place not in ends
        }
        if is_search:
            steps[start][start] = (self._samples, 1)
        return Automaton(steps, start, tuple(self._looked_for))

    def _given(self, place: int, target: int) -> Chars:
        """Return the characters that cannot follow a loop, since it would have taken them."""
        return frozenset() if place == target else self._kept.get(place, frozenset())

    def _sequence(self, items: Iterable[tuple[Any, Any]]) -> _SubExpression:
        part = _EMPTY
        for kind, argument in items:
            part = self._joined(part, self._item(str(kind), argument))
        return part

    def _item(self, kind: str, argument: Any) -> _SubExpression:
        if kind in _CLASSES:
            return self._position(_CLASSES[kind](self, argument))
        if kind in _PARTS:
            return _PARTS[kind](self, argument)
        raise UndrawnError(f"{kind.lower().replace('_', ' ')}: not allowed here")

    def _position(self, chars: Chars) -> _SubExpression:
        place = len(self._chars)
        if place == MAX_POSITIONS:
            raise UndrawnError(f"more than {MAX_POSITIONS} parts")
        self._chars.append(chars)
        return _SubExpression(False, Counter([place]), Counter([place]))

    def _joined(self, one: _SubExpression, two: _SubExpression) -> _SubExpression:
        self._connect(one, two)
        return _SubExpression(
            one.may_be_empty and two.may_be_empty,
            one.first + (two.first if one.may_be_empty else _NOTHING),
            two.last + (one.last if two.may_be_empty else _NOTHING),
            two.is_conditional or (one.is_conditional and two.may_be_empty),
        )

    def _connect(self, one: _SubExpression, two: _SubExpression) -> None:
        for place in one.last:
            for target in two.first:
                self._next[place][target] += one.last[place] * two.first[target]

    def _one_class(self, items: Iterable[tuple[Any, Any]]) -> Chars:
        """Return the characters of a class: ``[^a-z_]``."""
        chars: Chars = frozenset()
        is_negated = False
        for kind, argument in items:
            if str(kind) == "NEGATE":
                is_negated = True
            else:
                chars |= _CLASSES[str(kind)](self, argument)
        return self._samples - chars if is_negated else chars

    def _between(self, low: int, high: int) -> Chars:
        def is_in(one: str) -> bool:
            cases = {one, *(one.upper(), one.lower(), one.casefold())}
            kinds = cases if self._ignores_case else {one}
            return any(low <= ord(case) <= high for case in kinds if len(case) == 1)

        return frozenset(filter(is_in, self._samples))

    def _category(self, name: Any) -> Chars:
        _, *negated, kind = str(name).split("_")
        chars = frozenset(filter(re.compile(_CATEGORIES[kind]).match, self._samples))
        return self._samples - chars if negated else chars

    def _branch(self, argument: tuple[Any, list[Any]]) -> _SubExpression:
        parts = [self._sequence(branch) for branch in argument[1]]
        return _SubExpression(
            any(part.may_be_empty for part in parts),
            sum((part.first for part in parts), Counter()),
            sum((part.last for part in parts), Counter()),
            any(part.is_conditional for part in parts),
        )

    def _look(self, argument: tuple[int, Any]) -> _SubExpression:
        drawing = _Translation(self._ignores_case)
        self._looked_for.append(drawing.drawn(argument[1], is_search=False))
        return _CONDITION

    def _repeat(self, argument: tuple[int, int, Any]) -> _SubExpression:
        low, high, body = argument
        if high > (_MAX_COPIES if low == high else low + _MAX_OPTIONAL) or low > _MAX_COPIES:
            part = self._sequence(body)
            self._connect(part, part)
            return part if low else self._optional(part)
        part = _EMPTY
        for _ in range(low):
            part = self._joined(part, self._sequence(body))
        rest = _EMPTY
        for _ in range(high - low):  # x(x(x)?)?: each way once
            rest = self._optional(self._joined(self._sequence(body), rest))
        return self._joined(part, rest)

    def _optional(self, part: _SubExpression) -> _SubExpression:
        return _SubExpression(True, part.first, part.last, part.is_conditional)

    def _possessive(self, argument: tuple[int, int, Any]) -> _SubExpression:
        before = len(self._chars)
        part = self._repeat(argument)
        if len(self._chars) == before + 1:
            self._kept[before] = self._chars[before]
        return part


_CLASSES: dict[str, Callable[[_Translation, Any], Chars]] = {
    "LITERAL": lambda drawing, code: drawing._between(code, code),
    "NOT_LITERAL": lambda drawing, code: drawing._samples - drawing._between(code, code),
    "ANY": lambda drawing, _: drawing._samples,  # a newline more than it takes without DOTALL
    "IN": _Translation._one_class,
    "RANGE": lambda drawing, ends: drawing._between(*ends),
    "CATEGORY": _Translation._category,
}
"""By the kind of an item of a tree: the characters of one position."""

_PARTS: dict[str, Callable[[_Translation, Any], _SubExpression]] = {
    "SUBPATTERN": lambda drawing, argument: drawing._sequence(argument[3]),
    "ATOMIC_GROUP": _Translation._sequence,
    "BRANCH": _Translation._branch,
    "AT": lambda _drawing, _argument: _CONDITION,
    "ASSERT": _Translation._look,
    "ASSERT_NOT": _Translation._look,
    "MAX_REPEAT": _Translation._repeat,
    "MIN_REPEAT": _Translation._repeat,
    "POSSESSIVE_REPEAT": _Translation._possessive,
}
"""By the kind of an item of a tree: what draws it."""
