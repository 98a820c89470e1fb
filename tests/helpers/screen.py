"""A program on a terminal of its own (tmux), its screen, and keys that are pressed."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_PATIENCE_S = 30
_KEYS = {"enter": "Enter", "escape": "Escape", "space": "Space", "up": "Up", "down": "Down"}


class Screen:
    """A terminal in which a command runs; it prints ``EXIT STATUS`` at the end.

    Args:
        words: of the command.
        columns: of the terminal.
        lines: of the terminal.
        directory: in which the command runs, and for tmux's socket.
    """

    def __init__(self, words: list[str], columns: int, lines: int, directory: Path) -> None:
        self._socket = directory / "tmux"
        self._words = words
        self._size = ["-x", str(columns), "-y", str(lines)]
        self._directory = directory

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def __enter__(self) -> Screen:
        script = f"{shlex.join(self._words)}; echo EXIT $?; sleep 600"
        place = ["-c", str(self._directory)]
        self._tmux("new-session", "-d", "-s", "x", *self._size, *place, script)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tmux("kill-server")

    def lines(self) -> list[str]:
        """Return the lines of the screen, without blanks at their ends."""
        text = self._tmux("capture-pane", "-p", "-t", "x")
        return [line.rstrip() for line in text.split("\n")[:-1]]

    def wait_until(self, is_right: Callable[[list[str]], bool]) -> list[str]:
        """Return the screen as soon as it is right."""
        deadline = time.monotonic() + _PATIENCE_S
        while not is_right(shown := self.lines()):
            assert time.monotonic() < deadline, "\n".join(shown)
            time.sleep(0.1)
        return shown

    def wait_for(self, text: str) -> list[str]:
        """Return the screen as soon as it has a text."""
        return self.wait_until(lambda shown: text in "\n".join(shown))

    def press(self, *keys: str) -> None:
        """Press keys: characters, or names such as ``enter``."""
        for key in keys:
            if key in _KEYS:
                self._tmux("send-keys", "-t", "x", _KEYS[key])
            else:
                self._tmux("send-keys", "-t", "x", "-l", key)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        self._tmux("resize-window", "-t", "x", "-x", str(columns), "-y", str(lines))
