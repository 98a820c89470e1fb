"""Programs whose critical path is known, for ``pvprof record path``: ``path_workload.py PROGRAM``.

They may run one after the other: each role is in one of them only. Each thread prints a line when
its work is done: its role, its id, the id of its process, that of the thread that created it, and
its CPU time in ns. A program also prints what its critical path consists of, a line for each large
part: ``path ROLE STATE NS``, and the times between which it is, if there is more of the like.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial

ITEMS = 12
SLOW_S, QUICK_S = 0.03, 0.001
CHILDREN_S = (0.05, 0.4, 0.1)
HOLDS = {"long": 0.04, "short": 0.01}
TURNS = 8
WRITTEN = b"x" * (1 << 20)
IO_NS, MAX_IO_NS = 200_000_000, 10_000_000_000


def burn(seconds: float) -> None:
    """Compute until the thread has used this much CPU time more."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(200))


def say_ran(role: str, begin_ns: int) -> None:
    """Print the CPU time that the thread has used since it had used `begin_ns`.

    It may be more than was meant: a host that stops the machine for a while is no wait here.
    """
    say("path", role, "running", time.thread_time_ns() - begin_ns)


def say(*words: object) -> None:
    """Write a line in one call: other processes write, too."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def leave(role: str, creator: int) -> None:
    say("thread", role, threading.get_native_id(), os.getpid(), creator, time.thread_time_ns())


def start(role: str, work: Callable[[], None]) -> int:
    """Do this in a child, which then reports and ends; return its process id."""
    creator = threading.get_native_id()
    pid = os.fork()
    if not pid:
        work()
        leave(role, creator)
        os._exit(0)
    return pid


def pipeline() -> None:
    """Three processes pass items on; the middle one is the slow one."""
    (first_out, first_in), (last_out, last_in) = os.pipe(), os.pipe()

    def source() -> None:
        for _ in range(ITEMS):
            burn(QUICK_S)
            os.write(first_in, b"x")

    def slow() -> None:
        begin_ns = time.thread_time_ns()
        for _ in range(ITEMS):
            os.read(first_out, 1)
            burn(SLOW_S)
            os.write(last_in, b"x")
        say_ran("slow", begin_ns)

    def sink() -> None:
        for _ in range(ITEMS):
            os.read(last_out, 1)
            burn(QUICK_S)

    for pid in [start(work.__name__, work) for work in (source, slow, sink)]:
        os.waitpid(pid, 0)


def fork_join() -> None:
    """A process waits for its children, of which one takes longest."""

    def child(number: int) -> None:
        begin_ns, seconds = time.thread_time_ns(), CHILDREN_S[number]
        burn(seconds)
        if seconds == max(CHILDREN_S):
            say_ran(f"child-{number}", begin_ns)

    pids = [start(f"child-{number}", partial(child, number)) for number in range(len(CHILDREN_S))]
    for pid in pids:
        os.waitpid(pid, 0)


def mutex() -> None:
    """Two threads hold one lock, one of them four fifths of the time."""
    lock = threading.Lock()
    creator = threading.get_native_id()

    def work(role: str) -> None:
        for _ in range(TURNS):
            with lock:
                time.sleep(HOLDS[role])
        leave(role, creator)

    threads = [threading.Thread(target=work, args=(role,)) for role in HOLDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for role, hold_s in HOLDS.items():
        say("path", role, "waiting", round(TURNS * hold_s * 1e9))


def on_or_for_a_cpu_ns() -> int:
    """Return the time that the thread has run, and waited for a CPU, by the kernel's own count."""
    with open("/proc/thread-self/schedstat", encoding="ascii") as file:
        ran_ns, delayed_ns, _ = map(int, file.read().split())
    return ran_ns + delayed_ns


def io() -> None:
    """Write to the disk and wait for it, again and again; print when that began and ended, too."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        begin_cpu_ns, begin_ns = on_or_for_a_cpu_ns(), time.monotonic_ns()
        waited_ns = end_ns = 0
        while waited_ns < IO_NS and end_ns - begin_ns < MAX_IO_NS:
            file.write(WRITTEN)
            file.flush()
            os.fsync(file.fileno())
            end_ns = time.monotonic_ns()
            waited_ns = end_ns - begin_ns - (on_or_for_a_cpu_ns() - begin_cpu_ns)
    say("path", "io", "waiting", waited_ns, begin_ns, end_ns)


PROGRAMS: dict[str, Callable[[], None]] = {
    "pipeline": pipeline,
    "fork-join": fork_join,
    "mutex": mutex,
    "io": io,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
    leave(sys.argv[1], os.getppid())
    os._exit(0)
