"""Time a workload on this kernel with and without tracing, and print what was lost.

    python bench/live.py [--runs 5] [--modes offcpu events locks ...]

Needs what ``pvprof record`` needs: root, and bpftrace or FreeBSD. The workload is heavy on forks
and switches: 12 processes that each run 60 programs and pass 2,000 bytes to and fro through pipes.
Runs with and without tracing take turns; each measures itself, so that starting the tracer is in no
figure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCESSES, PROGRAMS, TURNS = 12, 60, 2000
MODES = ("offcpu", "events", "locks", "wakeup", "runq", "oncpu")


def work() -> None:
    """Do the work, and print how long that took, in nanoseconds."""
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
    print(time.monotonic_ns() - start)


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


def bare() -> float:
    """Return the seconds of the workload alone."""
    done = subprocess.run(WORKLOAD, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e9


def traced(mode: str, place: Path) -> tuple[float, int, int]:
    """Return the seconds of the workload under a recording, what was dropped, and its bytes."""
    words = [sys.executable, "-m", "pvprof", "record", mode, "-q", "--no-symbols", "--force"]
    subprocess.run([*words, "-o", str(place), "--", *WORKLOAD], check=True)
    manifest = json.loads((place / "manifest.json").read_text())
    seconds = int((place / "workload.txt").read_text()) / 1e9
    return seconds, manifest["drops"], (place / "raw.out").stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a workload with and without tracing.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--modes", nargs="+", default=["offcpu"], choices=MODES)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work()
        return
    print(f"{PROCESSES} processes x {PROGRAMS} programs, {TURNS} turns each; {chosen.runs} runs")
    print(f"{'mode':8} {'without':>10} {'with':>10} {'ratio':>7} {'drops':>7} {'output':>10}")
    with tempfile.TemporaryDirectory() as directory:
        for mode in chosen.modes:
            pairs = []
            for _ in range(chosen.runs):
                pairs.append((bare(), *traced(mode, Path(directory) / "r.pvprof")))
            without = statistics.median(pair[0] for pair in pairs)
            seconds = statistics.median(pair[1] for pair in pairs)
            drops, size = sum(pair[2] for pair in pairs), max(pair[3] for pair in pairs)
            ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
            print(
                f"{mode:8} {without:8.3f} s {seconds:8.3f} s {ratio:7.2f} {drops:7,}"
                f" {size / 1e6:7.2f} MB"
            )


if __name__ == "__main__":
    main()
