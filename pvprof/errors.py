"""What can go wrong, and with which exit code pvprof then ends.

Owns the error tree. Library code raises these and never prints or exits; ``cli`` catches them at
one place. Doubts about data that could still be read are not errors: they are `Problem`s, in
``model``.
"""

from __future__ import annotations


class PvprofError(Exception):
    """A failure to be shown as one line, with a hint on what to do where there is one.

    Attributes:
        message: what went wrong; names the file, the line, the probe or the flag.
        hint: what to do next, or an empty string.
        exit_code: the process exit code (1 failure, 2 usage, 3 target).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_MOST_QUOTED = 60


def quote(text: str) -> str:
    """Return text from an input as a message may quote it: in quotes, on one line, not too long."""
    return repr(text if len(text) <= _MOST_QUOTED else f"{text[: _MOST_QUOTED - 3]}...")


def first_line(error: Exception) -> str:
    """Return what an exception says, as far as a one-line message has room for it."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


class InputError(PvprofError):
    """The input cannot be read at all, or holds no record."""


class EmptyError(InputError):
    """The input is empty: whatever was to write it had nothing to say."""


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
