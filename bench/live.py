"""Time a workload on this kernel with and without tracing, and print what was lost.

    python bench/live.py [--runs 5] [--modes offcpu events locks ...] [--peers offcputime ...]

Needs what ``pvprof record`` needs: root, and bpftrace or FreeBSD. The workload is heavy on forks
and switches: 12 processes that each run 60 programs and pass 2,000 bytes to and fro through pipes.
Runs with and without tracing take turns; each measures itself, so that starting the tracer is in no
figure. ``MODE-all`` is ``pvprof record MODE --all``. The ratio of the CPU time is that of the
workload's own processes, in which the tracing program runs, too: a busy machine changes it little.
Peers are other tools, which trace the whole
system, too: offcputime of libbpf-tools, ``perf sched record``, ``perf record -g`` of all switches.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

PROCESSES, PROGRAMS, TURNS = 12, 60, 2000
MODES = ("offcpu", "events", "events-wakers", "locks", "wakeup", "runq", "oncpu", "path")
ATTACH_S = 2


def work() -> None:
    """Do the work, and print how long that took and its CPU time, in nanoseconds."""
    start = time.monotonic_ns()
    pids = []
    for _ in range(PROCESSES):
        pid = os.fork()
        if not pid:
            _fork_and_switch()
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(time.monotonic_ns() - start, round((used.ru_utime + used.ru_stime) * 1e9))


def _fork_and_switch() -> None:
    for _ in range(PROGRAMS):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
    (there, send), (here, answer) = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        for _ in range(TURNS):
            os.read(there, 1)
            os.write(answer, b"x")
        os._exit(0)
    for _ in range(TURNS):
        os.write(send, b"x")
        os.read(here, 1)
    os.waitpid(pid, 0)


WORKLOAD = [sys.executable, str(Path(__file__).resolve()), "--work"]


class Times(NamedTuple):
    """How long the workload took, in seconds: by the clock, and on CPUs."""

    real_s: float
    cpu_s: float


def times_in(printed: str) -> Times:
    """Return the times that the workload printed, in its last line."""
    real_ns, cpu_ns = printed.strip().splitlines()[-1].split()
    return Times(int(real_ns) / 1e9, int(cpu_ns) / 1e9)


def bare() -> Times:
    """Return the times of the workload alone."""
    done = subprocess.run(WORKLOAD, capture_output=True, text=True, check=True)
    return times_in(done.stdout)


class Run(NamedTuple):
    """One run of the workload under a tracer.

    Attributes:
        times: of the workload.
        drops: records or values lost; None if the tracer does not say it.
        size: of the output, bytes.
    """

    times: Times
    drops: int | None
    size: int


def traced(mode: str, place: Path) -> Run:
    """Run the workload under a recording."""
    name, *flags = mode.split("-")
    words = [sys.executable, "-m", "pvprof", "record", name, "-q", "--no-symbols", "--force"]
    words += [f"--{flag}" for flag in flags]
    subprocess.run([*words, "-o", str(place), "--", *WORKLOAD], check=True)
    manifest = json.loads((place / "manifest.json").read_text())
    times = times_in((place / "workload.txt").read_text())
    return Run(times, manifest["drops"], (place / "raw.out").stat().st_size)


def under_offcputime(place: Path) -> Run:
    """Run the workload beside offcputime, which Debian 13 calls offcputime-libbpf."""
    name = "offcputime" if shutil.which("offcputime") else "offcputime-libbpf"
    with place.open("wb") as output:
        words = [name, "--stack-storage-size", "16384"]
        tool = subprocess.Popen(words, stdout=output, stderr=subprocess.DEVNULL)
        time.sleep(ATTACH_S)
        times = bare()
        tool.send_signal(signal.SIGINT)
        tool.wait()
    return Run(times, None, place.stat().st_size)


def under_perf(place: Path, *words: str) -> Run:
    """Run the workload under a command of perf that records; it starts when perf is ready."""
    command = ["perf", *words, "-q", "-o", str(place), "--", *WORKLOAD]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Run(times_in(done.stdout), None, place.stat().st_size)


PEERS: dict[str, Callable[[Path], Run]] = {
    "offcputime": under_offcputime,
    "perf-sched": lambda place: under_perf(place, "sched", "record"),
    "perf-g": lambda place: under_perf(
        place, "record", "-a", "-g", "-c", "1", "-e", "sched:sched_switch"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a workload with and without tracing.")
    parser.add_argument("--runs", type=int, default=5)
    modes = (*MODES, *(f"{mode}-all" for mode in MODES))
    parser.add_argument("--modes", nargs="+", default=["offcpu"], choices=modes)
    parser.add_argument("--peers", nargs="+", default=[], choices=tuple(PEERS))
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work()
        return
    print(f"{PROCESSES} processes x {PROGRAMS} programs, {TURNS} turns each; {chosen.runs} runs")
    tracers = {mode: partial(traced, mode) for mode in chosen.modes}
    tracers |= {name: PEERS[name] for name in chosen.peers}
    pairs: dict[str, list[tuple[Times, Run]]] = {name: [] for name in tracers}
    with tempfile.TemporaryDirectory() as directory:
        for number in range(chosen.runs):
            for name, run in tracers.items():
                without = bare()
                pairs[name].append((without, run(Path(directory) / f"{name}-{number}")))
    print_table(pairs)


def print_table(pairs: dict[str, list[tuple[Times, Run]]]) -> None:
    """Print medians of pairs: seconds without a tracer, and the run with it."""
    head = f"{'tracer':13} {'without':>10} {'with':>10} {'ratio':>7} {'of CPU time':>12}"
    print(f"{head} {'drops':>7} {'output':>10}")
    for name, runs in pairs.items():
        without = statistics.median(times.real_s for times, _ in runs)
        seconds = statistics.median(run.times.real_s for _, run in runs)
        ratio = statistics.median(run.times.real_s / before.real_s for before, run in runs)
        cpu_ratio = statistics.median(run.times.cpu_s / before.cpu_s for before, run in runs)
        dropped = [run.drops for _, run in runs if run.drops is not None]
        drops = f"{sum(dropped):7,}" if dropped else f"{'-':>7}"
        size_mb = max(run.size for _, run in runs) / 1e6
        medians = f"{without:8.3f} s {seconds:8.3f} s {ratio:7.2f} {cpu_ratio:12.2f}"
        print(f"{name:13} {medians} {drops} {size_mb:7.2f} MB")


if __name__ == "__main__":
    main()
