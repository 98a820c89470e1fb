"""Keys of a terminal, one by one, without Enter and without echo."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
import termios
import tty
from collections.abc import Iterator
from types import TracebackType
from typing import Any

_MAX_BYTES = 4096
_SEQUENCE = re.compile(r"\x1b(?:[\[O][0-9;]*[A-Za-z~])|.", re.DOTALL)
_NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1b[4~": "end",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x1b": "escape",
}


def key_names(text: str) -> Iterator[str]:
    """Yield the keys in what a terminal sent: ``up``, ``enter``, ..., or the character itself."""
    for match in _SEQUENCE.finditer(text):
        key = match.group()
        name = _NAMES.get(key, key)
        if len(key) == 1 or key in _NAMES:
            yield name


class Keyboard:
    """The keyboard of this process's terminal, while the context lasts.

    Ctrl-C stays a signal: ``collect.session`` hears it.

    Attributes:
        fd: for select(2).
    """

    def __init__(self) -> None:
        self.fd = sys.stdin.fileno()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._settings: list[Any] = []

    def __enter__(self) -> Keyboard:
        self._settings = termios.tcgetattr(self.fd)
        tty.setcbreak(self.fd, termios.TCSANOW)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self._settings)

    def read(self) -> list[str]:
        """Return the keys that were pressed; wait for one if there is none.

        Raises:
            EOFError: the terminal is gone.
        """
        try:
            data = os.read(self.fd, _MAX_BYTES)
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        return list(key_names(self._decoder.decode(data)))
