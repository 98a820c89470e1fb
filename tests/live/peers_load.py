"""A load for several tracers at once: processes that each wait in one way, with names of their own.

Each prints "NAME PID RUN_DELAY_NS" at its end: the time that it was runnable without a CPU, by
``/proc/self/schedstat``. The names begin with z. Run as a program of its own: ``peers_load.py``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from workload import LIBC, lock

RUN_S = 2.0
TURNS = 5000
PAUSE_S = 0.01


def until_over() -> bool:
    return time.monotonic() < END


def zsleep() -> None:
    while until_over():
        time.sleep(PAUSE_S)


def zpipe() -> None:
    """Read from a pipe that the next process fills after a pause."""
    while until_over():
        os.read(PIPE[0], 1)


def zfill() -> None:
    while until_over():
        time.sleep(PAUSE_S)
        os.write(PIPE[1], b"x")
    os.write(PIPE[1], b"x")


def zturn() -> None:
    """Wait for a process that waits for this one, for some microseconds each time."""
    (theirs, ours) = os.pipe(), os.pipe()
    pid = os.fork()
    reader, writer = (ours[0], theirs[1]) if pid else (theirs[0], ours[1])
    for _ in range(TURNS):
        os.write(writer, b"x")
        os.read(reader, 1)
    if not pid:
        end("zturn")
    os.waitpid(pid, 0)


def zburn() -> None:
    """Compute on the first CPU, where another process of this kind does so, too."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while until_over():
        sum(range(1000))


def zlock() -> None:
    for _ in range(3):
        lock()


def end(name: str) -> NoReturn:
    delay_ns = Path("/proc/self/schedstat").read_text().split()[1]
    os.write(1, f"{name} {os.getpid()} {delay_ns}\n".encode())
    os._exit(0)


PROCESSES: tuple[Callable[[], None], ...] = (zsleep, zpipe, zfill, zturn, zburn, zburn, zlock)
END = time.monotonic() + RUN_S
PIPE = os.pipe()

if __name__ == "__main__":
    for process in PROCESSES:
        if not os.fork():
            LIBC.prctl(15, process.__name__.encode(), 0, 0, 0)
            os.sched_yield()
            process()
            end(process.__name__)
    for _ in PROCESSES:
        os.wait()
