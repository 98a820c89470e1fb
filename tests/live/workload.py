"""Waits in known ways, and prints for each step how long it was: NAME NANOSECONDS, a line each.

Run as a program of its own: ``workload.py STEP...``. What is measured is the blocking call alone,
by the clock that the kernel's tracepoints use.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 0.4
BUSY_S = 0.5
LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def measured(name: str) -> Iterator[None]:
    start = time.monotonic_ns()
    yield
    print(name, time.monotonic_ns() - start, flush=True)


def sleep() -> None:
    with measured("sleep"):
        time.sleep(WAIT_S)


def pipe() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        time.sleep(WAIT_S)
        os.write(writer, b"x")
        os._exit(0)
    with measured("pipe"):
        os.read(reader, 1)
    os.waitpid(child, 0)


def child() -> None:
    pid = os.fork()
    if not pid:
        time.sleep(WAIT_S)
        os._exit(0)
    with measured("child"):
        os.waitpid(pid, 0)


def futex() -> None:
    lock = threading.Lock()
    lock.acquire()

    def hold() -> None:
        time.sleep(WAIT_S)
        lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    with measured("futex"):
        lock.acquire()
    holder.join()


def lock() -> None:
    """Read a file while another thread reads it and holds the mutex of their file position.

    The other one's read hangs in a page fault that is answered late (userfaultfd).
    """
    faults = LIBC.syscall(323, os.O_CLOEXEC)
    if faults < 0:
        raise OSError(ctypes.get_errno(), "userfaultfd")
    fcntl.ioctl(faults, 0xC018AA3F, struct.pack("QQQ", 0xAA, 0, 0))  # UFFDIO_API
    page = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    registration = struct.pack("QQQQ", address, 4096, 1, 0)
    fcntl.ioctl(faults, 0xC020AA00, registration)  # UFFDIO_REGISTER
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 8192)
        file.seek(0)
        number = file.fileno()
        holder = threading.Thread(target=lambda: LIBC.read(number, ctypes.c_void_p(address), 4096))
        holder.start()
        os.read(faults, 32)  # the other thread holds the mutex and waits for the page

        def answer() -> None:
            time.sleep(WAIT_S)
            fcntl.ioctl(faults, 0xC020AA04, struct.pack("QQQQ", address, 4096, 0, 0))

        answering = threading.Thread(target=answer)
        answering.start()
        with measured("lock"):
            os.read(number, 1)
        for thread in (holder, answering):
            thread.join()


def busy() -> None:
    """Compute, and print the processor time."""
    start = time.process_time_ns()
    while time.process_time_ns() - start < BUSY_S * 1e9:
        sum(range(1000))
    print("busy", time.process_time_ns() - start, flush=True)


def crowd() -> None:
    """Compute in two processes on one CPU; print how long they were runnable but not running."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pids = []
    for _ in range(2):
        pid = os.fork()
        if not pid:
            start, used = time.monotonic_ns(), time.process_time_ns()
            while time.process_time_ns() - used < BUSY_S * 1e9:
                sum(range(1000))
            waited = time.monotonic_ns() - start - (time.process_time_ns() - used)
            print("crowd", waited, flush=True)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def odd_name() -> None:
    """Sleep in a process with a hostile name."""
    LIBC.prctl(15, b'a\n,"\\\x01 .\xff]: 5'[:15], 0, 0, 0)
    sleep()


def exec_in_thread() -> None:
    """Execute another program from a thread that is not the first of its process."""
    words = [sys.executable, __file__, "sleep"]
    thread = threading.Thread(target=os.execv, args=(sys.executable, words))
    thread.start()
    thread.join()


STEPS: dict[str, Callable[[], None]] = {
    "sleep": sleep,
    "pipe": pipe,
    "child": child,
    "futex": futex,
    "lock": lock,
    "busy": busy,
    "crowd": crowd,
    "odd-name": odd_name,
    "exec-in-thread": exec_in_thread,
}

if __name__ == "__main__":
    for step in sys.argv[1:]:
        STEPS[step]()
