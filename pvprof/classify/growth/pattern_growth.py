r"""How the time that a regular expression takes grows with the text, at worst.

Python's engine tries one way after the other, and a text that does not match makes it try all of
them. Their number follows from the automaton of the expression (`pattern_automaton`)::

    a*b        one loop                                          grows like the text
    a*a*b      a loop, then another one on the same characters   like the text's square
    (a|a)*b    two ways round one loop, on the same characters   doubles with each character

An expression that is searched is tried at each character: one loop more. The growth may be
overestimated, never underestimated, but for what possessive groups save.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any, Final, TypeVar

from pvprof.classify.growth.pattern_automaton import Automaton, Chars, Steps, UndrawnError, draw

_T = TypeVar("_T")

EXPONENTIAL: Final = 1_000
"""The growth of an expression whose ways double with each character of some text."""

_MAX_NODES = 200_000  # of a graph of pairs or triples of positions: a second of time


def growth(pattern: re.Pattern[Any], is_search: bool = True) -> int:
    """Return the power of the text's length with which the time grows, or `EXPONENTIAL`.

    Args:
        pattern: a compiled expression.
        is_search: whether it is tried at each character of a text, or at the first only.

    Raises:
        UndrawnError: it cannot be judged.
    """
    return max(1, _multiplying_loops(draw(pattern, is_search)))


def _multiplying_loops(automaton: Automaton) -> int:
    """Return the number of loops that multiply their ways, at most; 0 if there is no loop."""
    loops = _Loops(automaton.steps)
    if any(loops.is_ambiguous(number) for number in range(len(loops.members))):
        return EXPONENTIAL

    @cache
    def longest(number: int) -> int:
        """Return the number of loops that multiply, from this one on."""
        behind = (
            longest(other) for other in range(len(loops.members)) if loops.multiply(number, other)
        )
        return 1 + max(behind, default=0)

    own = max(map(longest, range(len(loops.members))), default=0)
    # What is looked for is tried in each way.
    return own + max(map(_multiplying_loops, automaton.looked_for), default=0)


class _Loops:
    """The loops of an automaton: positions of which each can be reached from each other.

    Attributes:
        members: the positions of each loop.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._reached = {place: _reached_from(place, steps) for place in steps}
        self.members: list[frozenset[int]] = []
        for place, reached in self._reached.items():
            if place in reached and not any(place in known for known in self.members):
                mutual = (other for other in reached if place in self._reached[other])
                self.members.append(frozenset(mutual))

    def is_ambiguous(self, number: int) -> bool:
        """Tell whether one text leads from a position of a loop back to it in two ways.

        Two walkers on the loop read the same text: do they part, and meet again?
        """
        loop = self.members[number]
        inside = {
            place: {to: step for to, step in self._steps[place].items() if to in loop}
            for place in loop
        }
        if any(ways > 1 for steps in inside.values() for _, ways in steps.values()):
            return True
        _check(len(loop) ** 2)
        after: dict[tuple[int, int], set[tuple[int, int]]] = {}
        before: dict[tuple[int, int], set[tuple[int, int]]] = {}
        for pair in product(loop, loop):
            after[pair] = set(_moves(inside[pair[0]], inside[pair[1]]))
            for target in after[pair]:
                before.setdefault(target, set()).add(pair)
        together = [(place, place) for place in loop]
        parted = _closure(together, lambda pair: after[pair])
        meeting = _closure(together, lambda pair: before.get(pair, ()))
        return any(one != two for one, two in parted & meeting)

    def multiply(self, number: int, other: int) -> bool:
        """Tell whether one text leads round each of two loops, and from the first to the second.

        Three walkers read the same text: one stays on the first loop, one goes from the first to
        the second, one stays on the second.
        """
        one, two = self.members[number], self.members[other]
        if number == other or not two & self._reached[next(iter(one))]:
            return False
        steps = self._steps
        between = [place for place in steps if place in one or self._reached[place] & two]
        _check(len(one) * len(between) * len(two))

        def moves(triple: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
            ways = (steps[place].items() for place in triple)
            for (x, (cx, _)), (y, (cy, _)), (z, (cz, _)) in product(*ways):
                if x in one and z in two and not cx.isdisjoint(cy & cz):
                    yield x, y, z

        for first, second in product(one, two):
            if (first, second, second) in _closure([(first, first, second)], moves):
                return True
        return False


def _moves(
    one: dict[int, tuple[Chars, int]], two: dict[int, tuple[Chars, int]]
) -> Iterator[tuple[int, int]]:
    """Yield where two walkers may go with the same character."""
    for (x, (x_chars, _)), (y, (y_chars, _)) in product(one.items(), two.items()):
        if not x_chars.isdisjoint(y_chars):
            yield x, y


def _closure(starts: Iterable[_T], moves: Callable[[_T], Iterable[_T]]) -> set[_T]:
    """Return all that can be reached from the starts, and these."""
    reached = set(starts)
    open_ends = list(reached)
    while open_ends:
        for target in moves(open_ends.pop()):
            if target not in reached:
                reached.add(target)
                open_ends.append(target)
    return reached


def _reached_from(place: int, steps: Steps) -> frozenset[int]:
    """Return the positions that can be reached from one in one step or more."""
    return frozenset(_closure(steps[place], lambda other: steps[other]))


def _check(nodes: int) -> None:
    if nodes > _MAX_NODES:
        raise UndrawnError("too many loops within loops")
