"""How far the reading of large recordings is, for whoever watches."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

_BIG_INPUT_BYTES = 50_000_000
_INTERVAL_S = 0.25


class Progress:
    """A line on stderr while large recordings are read, gone when they are; else nothing.

    Shares of a text are read side by side in several processes, so the one that is read in this
    process speaks for all. Call it with the bytes done and those of the share.
    """

    def __init__(self, recordings: Sequence[str], is_quiet: bool) -> None:
        size = sum(map(_size, recordings))
        self._is_shown = size > _BIG_INPUT_BYTES and not is_quiet and sys.stderr.isatty()
        self._what = f"pvprof: reading {size / 1e6:,.0f} MB ..."
        self._pid = os.getpid()
        self._next_s = 0.0

    def __enter__(self) -> Progress:
        self._say(self._what)
        return self

    def __call__(self, done_bytes: int, share_bytes: int) -> None:
        """Take in how many bytes of a share were read, of how many."""
        if not self._is_shown or os.getpid() != self._pid:
            return
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _INTERVAL_S
            self._say(f"{self._what} {100 * done_bytes // max(share_bytes, 1)} %")

    def __exit__(self, *_: object) -> None:
        self._say("")

    def _say(self, text: str) -> None:
        if self._is_shown:
            click.echo(f"\r\033[K{text}", err=True, nl=False)


def _size(recording: str) -> int:
    place = Path(recording)
    try:
        files = [one for one in place.iterdir() if one.is_file()] if place.is_dir() else [place]
        return sum(one.stat().st_size for one in files)
    except OSError:  # reading will say what is wrong
        return 0
