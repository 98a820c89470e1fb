"""Programs that the agent runs, one at a time, while it hears signals.

Owns the signals of the agent: SIGTERM and SIGINT end it, SIGHUP reloads it. If it is to end while a
program runs, that gets SIGTERM once; `record` then keeps its recording.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from pvprof.model.stacks import show_controls

_ENDING = (signal.SIGTERM, signal.SIGINT)
_BLOCK_BYTES = 512  # of ulimit -f (POSIX)
_POLL_S = 1.0
_KILL_AFTER_S = 60.0
_MAX_SAID_BYTES = 1 << 16
_LINES_SAID = 3


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """A program that has ended.

    Attributes:
        status: its exit status; that of a signal is negative.
        said: the last lines that it printed.
    """

    status: int
    said: str


class Signals:
    """The signals that came, and a wait that they end.

    Attributes:
        is_ending: whether the agent is to end.
        is_reloading: whether it is to read its options again.
    """

    def __init__(self) -> None:
        self.is_ending = False
        self.is_reloading = False
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)
        self._before = {
            number: signal.signal(number, self._note)
            for number in (*_ENDING, signal.SIGHUP, signal.SIGCHLD)
        }
        self._fd_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def close(self) -> None:
        """Let signals do what they did before."""
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reading)
        os.close(self._writing)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.is_ending |= number in _ENDING
        self.is_reloading |= number == signal.SIGHUP

    def sleep(self, seconds: float) -> None:
        """Wait for this time, or until the next signal, a child's end included."""
        if select.select([self._reading], [], [], max(seconds, 0))[0]:
            while select.select([self._reading], [], [], 0)[0]:
                os.read(self._reading, 4096)

    def sleep_until(self, moment_s: float) -> bool:
        """Wait until a moment of the monotonic clock; tell whether no signal came before it."""
        while not (self.is_ending or self.is_reloading):
            left_s = moment_s - time.monotonic()
            if left_s <= 0:
                return True
            self.sleep(left_s)
        return False


def pvprof_command(*words: str) -> list[str]:
    """Return the command that runs this pvprof with these words."""
    return [sys.executable, "-m", "pvprof", *words]


def run_child(
    command: Sequence[str],
    signals: Signals,
    max_file_bytes: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> ChildEnd:
    """Run a program to its end.

    Args:
        command: its words.
        signals: heard while it runs.
        max_file_bytes: a file that it writes, or anything that it starts, is no larger; 0 for any.
        clock: in seconds.
    """
    if max_file_bytes:
        limited = 'ulimit -f "$0" && exec "$@"'
        command = ["sh", "-c", limited, str(max_file_bytes // _BLOCK_BYTES), *command]
    # A process group of its own: Ctrl-C at a terminal reaches it through the agent, once.
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    said = bytearray()
    asked_s = 0.0
    with child.stdout as output:
        while child.poll() is None:
            if signals.is_ending and not asked_s:
                asked_s = clock()
                child.terminate()
            elif asked_s and clock() - asked_s > _KILL_AFTER_S:
                child.kill()
            signals.sleep(_POLL_S)
            _read(output.fileno(), said)
        _read(output.fileno(), said)
    lines = bytes(said).decode("utf-8", "replace").splitlines()[-_LINES_SAID:]
    text = "; ".join(show_controls(line.strip()) for line in lines)
    return ChildEnd(child.returncode, text)


def _read(number: int, said: bytearray) -> None:
    """Add what a pipe has to `said`, which keeps its end."""
    try:
        while data := os.read(number, _MAX_SAID_BYTES):
            said += data
            del said[:-_MAX_SAID_BYTES]
    except BlockingIOError:
        pass


def used_cpu_s() -> float:
    """Return the CPU time of this process and of all children that have ended, theirs included."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
