"""Run commands by turns as whole processes: medians of CPU time and real time, and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# As in an installation: each process finds pvprof compiled.
_ENVIRONMENT = {
    name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}
_SAMPLE_S = 0.01


@dataclass(frozen=True, slots=True)
class Program:
    """A command that does a task.

    Attributes:
        name: as tables show it.
        words: of the command line.
        stdin: a file that it reads, if it is to read standard input.
    """

    name: str
    words: Sequence[str]
    stdin: Path | None = None


@dataclass(slots=True)
class Cost:
    """What the runs of a program took: CPU time and real time of each, and the peak of memory."""

    cpu_s: list[float] = field(default_factory=list)
    real_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def median_cpu_s(self) -> float:
        """The median of the CPU time, in seconds."""
        return statistics.median(self.cpu_s)

    @property
    def median_real_s(self) -> float:
        """The median of the real time, in seconds."""
        return statistics.median(self.real_s)


def measure(programs: Sequence[Program], runs: int) -> dict[str, Cost]:
    """Run each program once to sample its memory, and then `runs` times, all by turns.

    Returns:
        The costs, by the names of the programs.

    Raises:
        SystemExit: a program failed.
    """
    costs = {program.name: Cost() for program in programs}
    for program in programs:
        costs[program.name].peak_bytes = _peak_of(program)
    for _ in range(runs):
        for program in programs:
            cpu_s, real_s = _times_of(program)
            costs[program.name].cpu_s.append(cpu_s)
            costs[program.name].real_s.append(real_s)
    return costs


def _start(program: Program, out: int) -> subprocess.Popen[bytes]:
    stdin = subprocess.DEVNULL
    if program.stdin is not None:
        stdin = os.open(program.stdin, os.O_RDONLY)
    try:
        return subprocess.Popen(
            program.words, stdin=stdin, stdout=out, stderr=subprocess.DEVNULL, env=_ENVIRONMENT
        )
    finally:
        if stdin >= 0:
            os.close(stdin)


def _times_of(program: Program) -> tuple[float, float]:
    """Return the CPU time of a process and all its children, and the real time, in seconds."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = _start(program, out.fileno())
        _, status, usage = os.wait4(process.pid, 0)
        real_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    _require_success(program, process.returncode)
    return usage.ru_utime + usage.ru_stime, real_s


def _peak_of(program: Program) -> int:
    """Return the peak of the memory of a process and all its children, in bytes: it is sampled."""
    with tempfile.TemporaryFile() as out:
        process = _start(program, out.fileno())
        peak = 0
        while process.poll() is None:
            peak = max(peak, _tree_bytes(process.pid), _high_water_bytes(process.pid))
            time.sleep(_SAMPLE_S)
    _require_success(program, process.returncode)
    return peak


def _require_success(program: Program, code: int) -> None:
    if code:
        raise SystemExit(f"{' '.join(program.words)} ended with {code}")


def _tree_bytes(root: int) -> int:
    """Return the proportional memory of a process and its children, in bytes (Linux)."""
    total_kb, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        waiting += map(int, children)
        total_kb += sum(int(row.split()[1]) for row in rollup.splitlines() if row[:4] == "Pss:")
    return total_kb * 1024


def _high_water_bytes(pid: int) -> int:
    """Return the peak of the resident memory of a process so far, in bytes, without its children.

    The peak that wait(2) returns is that of the parent, if the parent is larger.
    """
    try:
        rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(row.split()[1]) for row in rows if row.startswith("VmHWM:")) * 1024
