"""What runs beside a recorder in pvprof: reading what it sends, writing to it, hearing signals.

Each of the three may have to wait, and none may keep the others waiting. What the bytes and the
signals mean is in ``session``.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import select
import signal
import subprocess
import termios
import threading
from collections.abc import Callable
from typing import Any

_IDLE_MS = 1000
_PATIENCE_S = 20


class ProcessOutput(io.RawIOBase):
    """The stdout of a process, which ends with the process.

    A process that it left behind may hold the pipe open.

    Args:
        process: its stdout is a pipe.
        idle: called each second in which nothing comes.
    """

    def __init__(self, process: subprocess.Popen[bytes], idle: Callable[[], None]) -> None:
        assert process.stdout is not None
        self._process = process
        self._stdout = process.stdout
        self._idle = idle
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read what is there, at least one byte before the end; return the number of bytes."""
        while True:
            has_ended = self._process.poll() is not None
            if self._poll.poll(_IDLE_MS):
                data = os.read(self._stdout.fileno(), len(buffer))
                buffer[: len(data)] = data
                return len(data)
            if has_ended:
                return 0
            self._idle()

    def close(self) -> None:
        """Close the pipe, too."""
        self._stdout.close()
        super().close()


class Writer:
    """A thread that writes to the stdin of a process, in order.

    A signal that is heeded while a long text is on its way does not wait for the text.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        self._stdin = process.stdin
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Write these bytes, after all others."""
        self._queue.put(data)

    def close(self) -> None:
        """Close the stream, after all that was to be written."""
        self._queue.put(None)

    def end(self) -> None:
        """Close the stream of a process that has ended."""
        self.close()
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        # If the process has ended, its wait() says how.
        with contextlib.suppress(OSError, ValueError):
            while (data := self._queue.get()) is not None:
                self._stdin.write(data)
                self._stdin.flush()
        with contextlib.suppress(OSError):
            self._stdin.close()


class TerminalSettings:
    """The settings of the terminal, if this process has one: a killed ssh leaves the echo off."""

    def __init__(self) -> None:
        self._settings: list[Any] | None = None
        with contextlib.suppress(OSError, termios.error), open("/dev/tty", "rb") as terminal:
            self._settings = termios.tcgetattr(terminal)

    def restore(self) -> None:
        """Set them as they were, unless another job is in the foreground."""
        if self._settings is None:
            return
        with contextlib.suppress(OSError, termios.error), open("/dev/tty", "rb") as terminal:
            if os.tcgetpgrp(terminal.fileno()) == os.getpgrp():
                termios.tcsetattr(terminal, termios.TCSANOW, self._settings)


class Heeder:
    """A thread that calls a function with each signal.

    Python calls handlers in the main thread, between two steps of its own: of two signals that come
    at once, it may forget one while the main thread waits for data.
    """

    def __init__(self, heed: Callable[[int], None]) -> None:
        reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = signal.set_wakeup_fd(self._writing)
        self._thread = threading.Thread(target=self._run, args=(reading, heed), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, after all signals that came were heeded."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writing)
        self._thread.join(_PATIENCE_S)

    @staticmethod
    def _run(reading: int, heed: Callable[[int], None]) -> None:
        with open(reading, "rb", buffering=0) as numbers:
            while number := numbers.read(1):
                heed(number[0])
