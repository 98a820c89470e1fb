"""How the critical path grows with the number of waits: CPU time and peak memory at several sizes.

    .venv/bin/python bench/path.py                    # up to 5 million waits
    .venv/bin/python bench/path.py 100000 200000      # these sizes

Each size is a process of its own. Waits are made up: 64 threads that run, wait for one of 20 lock
classes, and are woken by any other thread; the same size is the same recording.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import time

import numpy as np

from pvprof.analysis.critical_path.answer import path_report
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.profile import Key
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable, WakeupTable

SIZES = (500_000, 1_000_000, 2_000_000, 5_000_000)
THREADS = 64
FIRST_TID = 100
NAMES = (
    *("pmap pv list", "pmap pv chunk list", "vm object", "vm page free queue", "proctree"),
    *("vm active pagequeue", "vm inactive pagequeue", "process lock", "vnode interlock", "tmpfs"),
    *("bufwait", "vmpfw", "vmocol", "biord", "wdrain", "ufs", "pipe mutex", "UMA zone"),
    *("sleep mtxpool", "filedesc structure"),
)


def made_up(size: int) -> Dataset:
    """Return a recording of about this number of waits, each with its wake-up, in random order."""
    random = np.random.default_rng(size)
    shape = (THREADS, size // THREADS)
    ran = random.integers(1_000, 100_000, shape)
    waited = random.integers(1_000, 200_000, shape)
    ends = np.cumsum(ran + waited, axis=1)
    starts = (ends - waited).ravel()
    waited = waited.ravel()
    woken = starts + (waited * random.uniform(0.5, 1, len(waited))).astype(np.int64)
    count = len(waited)
    tid = np.repeat(np.arange(THREADS) + FIRST_TID, shape[1])
    zeros = np.zeros(count, np.int64)
    order = random.permutation(count)
    events = WaitTable(
        start_ns=starts[order],
        wait_ns=waited[order],
        pid=tid[order],
        tid=tid[order],
        cpu=zeros,
        owner_tid=zeros,
        object_address=zeros.astype(np.uint64),
        key_id=random.integers(0, len(NAMES), count),
        stack_id=zeros,
        keys=tuple(Key("turnstile", name, "cc") for name in NAMES),
        stacks=(Stack("kernel`trap;kernel`vm_fault"),),
    )
    wakeups = WakeupTable(
        time_ns=woken[order],
        sleeper_tid=tid[order],
        waker_tid=random.integers(FIRST_TID, FIRST_TID + THREADS, count),
        cpu=zeros,
        row=np.arange(count),
        key_id=zeros,
        stack_id=zeros,
        keys=(Key("wakeup", execname="cc"),),
        stacks=(Stack("kernel`syscall;kernel`wakeup"),),
    )
    run = RunSpan(count, 0, int(ends.max()))
    measurement = Measurement(events.profile(), events, (run,), wakeups)
    return Dataset(("made up",), (measurement,), (), (), ())


def measure(size: int) -> None:
    """Print one row: the number of waits, CPU seconds of the analysis, peak memory."""
    dataset = made_up(size)
    began = time.process_time()
    report = path_report(Classified.of(dataset, load_rules(), Filters(kinds=("all",))))
    spent_s = time.process_time() - began
    assert sum(row.path_ns for row in report.rows) == report.length_ns
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{size} {spent_s:.2f} {peak_gb:.2f} {len(report.rows)}")


def main(sizes: list[int]) -> None:
    """Print a table with a row for each size, and the exponent of the growth in time."""
    print("|     waits | CPU s | peak GB | rows | exponent |")
    print("|----------:|------:|--------:|-----:|---------:|")
    before: tuple[int, float] | None = None
    for size in sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        spent_s = float(words[1])
        exponent = ""
        if before is not None:
            exponent = f"{math.log(spent_s / before[1]) / math.log(size / before[0]):.2f}"
        before = size, spent_s
        print(f"| {size:9,} | {spent_s:5.1f} | {words[2]:>7} | {words[3]:>4} | {exponent:>8} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
    else:
        main([int(word) for word in sys.argv[1:]] or list(SIZES))
