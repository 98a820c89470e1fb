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


class InputError(PvprofError):
    """The input cannot be read at all, or holds no record."""


class OutputError(PvprofError):
    """The result cannot be written."""


class UsageError(PvprofError):
    """The options contradict each other or the input."""

    exit_code = 2
