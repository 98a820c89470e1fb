"""The error tree, and the exit code of each error.

Library code raises these and never prints or exits; ``cli`` catches them in one place. Doubts about
data that could still be read are not errors: they are `Problem`s, in ``model``.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class PvprofError(Exception):
    """A failure, shown as one line and an optional hint.

    Attributes:
        message: what went wrong; names the file, the line, the probe or the flag.
        hint: what to do next, or an empty string.
        below: lines to show between both, such as a part of the input and a mark below it.
        exit_code: the process exit code (1 failure, 2 usage, 3 target).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", below: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.below = tuple(below)


_MAX_QUOTED = 60
_MAX_SUGGESTIONS = 3
_MIN_LIKENESS = 0.6


def quote(text: str) -> str:
    """Return input text for a message: in quotes, on one line, not too long."""
    return repr(text if len(text) <= _MAX_QUOTED else f"{text[: _MAX_QUOTED - 3]}...")


def close_to(word: str, known: Sequence[str]) -> str:
    """Return the known words that a misspelt one is close to, as a question; empty if none is."""
    close = difflib.get_close_matches(word, known, _MAX_SUGGESTIONS, _MIN_LIKENESS)
    return f"did you mean {' or '.join(close)}?" if close else ""


def first_line(error: Exception) -> str:
    """Return the first line of an exception's text, or its class."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


class InputError(PvprofError):
    """The input cannot be read at all, or holds no record."""


class EmptyError(InputError):
    """The input is empty: the program that should have written it printed nothing."""


class OutputError(PvprofError):
    """The result cannot be written."""


class UsageError(PvprofError):
    """The options contradict each other or the input."""

    exit_code = 2


class TargetError(PvprofError):
    """The target cannot do what was asked, cannot be reached, or was lost."""

    exit_code = 3


class DroppedError(PvprofError):
    """The user dropped the recording: nothing is left of it."""

    exit_code = 130
