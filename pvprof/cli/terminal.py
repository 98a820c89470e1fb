"""What a user's terminal is sent: messages, lines, texts, and a line of progress.

All that pvprof prints passes here, and may come from a stranger's recording, from a target or from
the name of a file: each character that is not seen is spelled out, so that none commands the
terminal and no name breaks off a line to begin one of pvprof's. Only rich draws otherwise
(``render.text.console`` makes its texts). ruff forbids ways around both (``pyproject.toml``).
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import click

from pvprof.model.stacks import show_controls

MAX_MESSAGE_CHARACTERS = 1_000
"""A message is a line to read, and a name in it may have any length: what is longer is cut."""

_END_CHARACTERS = 200
_MIN_INPUT_BYTES = 50_000_000
_INTERVAL_S = 0.25
_BETWEEN_BREAKS = re.compile(r"[^\n\t]+")


def tell(text: str) -> None:
    """Print one message on stderr: ``pvprof: TEXT``."""
    click.echo(_bounded(f"pvprof: {show_controls(text)}"), err=True)


def tell_below(text: str) -> None:
    """Print one more line on stderr that belongs to the message above it."""
    click.echo(_bounded(f"  {show_controls(text)}"), err=True)


def _bounded(line: str) -> str:
    """Return a line of at most `MAX_MESSAGE_CHARACTERS`; the middle of a longer one is left out."""
    if len(line) <= MAX_MESSAGE_CHARACTERS:
        return line
    begin = MAX_MESSAGE_CHARACTERS - _END_CHARACTERS - 5
    return f"{line[:begin]} ... {line[-_END_CHARACTERS:]}"


def tell_usage(error: click.ClickException) -> None:
    """Print an error of click's on stderr: it repeats the words of the command line."""
    text = io.StringIO()
    error.show(text)
    click.echo(visible_text(text.getvalue()), err=True, nl=False)


def print_line(text: str) -> None:
    """Print one line on stdout."""
    click.echo(show_controls(text))


def print_text(text: str) -> None:
    """Print a text of several lines on stdout as it is, but visible if that is a terminal."""
    click.echo(visible_text(text) if sys.stdout.isatty() else text, nl=False)


def visible_text(text: str) -> str:
    """Return a text for a terminal: `show_controls` of all but the ends of lines, and tabs."""
    return _BETWEEN_BREAKS.sub(lambda match: show_controls(match.group()), text)


class _StatusLine:
    """A line on stderr that is written again and again, at intervals, and erased at the end."""

    def __init__(self, is_shown: bool, first_s: float = 0.0) -> None:
        self._is_shown = is_shown and sys.stderr.isatty()
        self._next_s = first_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._say("")

    def _is_due(self) -> bool:
        """Tell whether it is time to write the line; then the next interval begins."""
        now_s = time.monotonic()
        if not self._is_shown or now_s < self._next_s:
            return False
        self._next_s = now_s + _INTERVAL_S
        return True

    def _say(self, text: str) -> None:
        if self._is_shown:
            click.echo(f"\r\033[K{text}", err=True, nl=False)


class Progress(_StatusLine):
    """A line on stderr while large recordings are read, erased at the end; else nothing.

    Several processes read shares of a text in parallel; the share of this process represents all.
    Call it with the bytes done and those of the share.
    """

    def __init__(self, recordings: Sequence[str], is_quiet: bool) -> None:
        size = sum(map(_size, recordings))
        super().__init__(size > _MIN_INPUT_BYTES and not is_quiet)
        self._text = f"pvprof: reading {size / 1e6:,.0f} MB ..."
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        self._say(self._text)
        return self

    def __call__(self, done_bytes: int, share_bytes: int) -> None:
        """Update the line: bytes that were read, and size of the share."""
        if os.getpid() == self._pid and self._is_due():
            self._say(f"{self._text} {100 * done_bytes // max(share_bytes, 1)} %")


class CountProgress(_StatusLine):
    """A line on stderr while many things are done one by one, erased at the end; else nothing.

    Call it with the number of those that are done, and of all.
    """

    def __init__(self, verb: str, is_quiet: bool) -> None:
        super().__init__(not is_quiet, time.monotonic() + 1)
        self._verb = verb

    def __call__(self, done: int, total: int) -> None:
        """Update the line."""
        if self._is_due():
            self._say(f"pvprof: {self._verb} {done:,} of {total:,}")


def _size(recording: str) -> int:
    path = Path(recording)
    try:
        files = [file for file in path.iterdir() if file.is_file()] if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files)
    except OSError:  # reading reports the error
        return 0
