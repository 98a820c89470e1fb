"""Regular expressions of users: refused if a stranger's names could keep them busy for hours.

Python's engine has no bound on its time, and the names in a recording are not the user's. So an
expression is judged when it is read (`pattern_growth`), and sees no more of a name than it can
search in a moment. An engine that cannot backtrack (re2) has no packages for FreeBSD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAX_CHARACTERS = {1: 1 << 20, 2: 4_096, 3: 512}
"""How much of a name an expression sees, by the power of its length with which the time grows."""

_SHORTER = "write it with fewer .* and +, or anchor it with ^"


class PatternError(ValueError):
    """A regular expression cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class UserPattern:
    """A regular expression of a user's.

    Attributes:
        expression: compiled.
        max_characters: how much of a text it sees.
    """

    expression: re.Pattern[str]
    max_characters: int

    @property
    def pattern(self) -> str:
        """Return the expression as the user wrote it."""
        return self.expression.pattern

    def search(self, text: str) -> bool:
        """Tell whether a text matches anywhere."""
        return self.expression.search(text[: self.max_characters]) is not None


def read_pattern(text: str, flags: int = 0) -> UserPattern:
    """Return an expression that a user wrote.

    Raises:
        PatternError: it is no regular expression, or takes too long.
    """
    try:
        expression = re.compile(text, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"bad regular expression {text!r}: {error}") from error
    return UserPattern(expression, _MAX_CHARACTERS[checked_growth(expression)])


def checked_growth(expression: re.Pattern[str]) -> int:
    """Return the power of the text's length with which the time of a search grows.

    Raises:
        PatternError: it grows too fast.
    """
    # Imported for a user's expression only: most commands have none.
    from pvprof.classify.growth.pattern_automaton import UndrawnError  # noqa: PLC0415
    from pvprof.classify.growth.pattern_growth import EXPONENTIAL, growth  # noqa: PLC0415

    shown = repr(expression.pattern)
    try:
        power = growth(expression)
    except UndrawnError as error:
        raise PatternError(f"regular expression {shown}: {error}") from error
    if power >= EXPONENTIAL:
        why = "a repeat inside a repeat on the same characters takes years on some names"
        raise PatternError(f"regular expression {shown}: {why}")
    if power not in _MAX_CHARACTERS:
        why = f"{power} repeats on the same characters take hours on some names; {_SHORTER}"
        raise PatternError(f"regular expression {shown}: {why}")
    return power
