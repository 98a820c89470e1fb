"""Time pvprof on large inputs, stage by stage, beside its peers.

    python bench/run.py [--megabytes 200] [--runs 3] [--flamegraph-dir DIR]

Makes the inputs of ``generate.py``, then runs each command several times as a whole process and
prints the median: MB/s of input, peak memory of the largest process (and of all together, sampled),
and the ratio to the Perl script that does the same. ``stackcollapse.pl`` and ``flamegraph.pl`` are
taken from ``--flamegraph-dir`` or the PATH, inferno's programs from the PATH; a peer that is not
there is left out. Results are only comparable within one run on one machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PVPROF = [sys.executable, "-m", "pvprof"]
DRAWN_STACKS = 185_000
# As in an installation: each process finds pvprof compiled.
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: seconds, and the peak of the resident memory of its whole tree."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to time: what is read, and the command for each program that can do it."""

    name: str
    source: Path
    commands: dict[str, list[str]]
    baseline: str


def tree_bytes(root: int) -> int:
    """Return the proportional memory of a process and its children, in bytes (Linux)."""
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        waiting += map(int, children)
        total += next(int(line.split()[1]) for line in rollup.splitlines() if "Pss:" in line) * 1024
    return total


def measure(command: list[str]) -> Run:
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        with subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        ) as process:
            peak = 0
            done = threading.Event()

            def watch() -> None:
                nonlocal peak
                while not done.wait(0.05):
                    peak = max(peak, tree_bytes(process.pid))

            watcher = threading.Thread(target=watch)
            watcher.start()
            code = process.wait()
            seconds = time.perf_counter() - started
            done.set()
            watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return Run(seconds, peak)


def report(task: Task, runs: int) -> None:
    size = task.source.stat().st_size
    medians = {}
    for name, command in task.commands.items():
        done = [measure(command) for _ in range(runs)]
        medians[name] = statistics.median(run.seconds for run in done)
        peak = max(run.peak_bytes for run in done)
        spread = f"{min(r.seconds for r in done):.2f}..{max(r.seconds for r in done):.2f}"
        ratio = medians.get(task.baseline, float("nan")) / medians[name]
        print(
            f"{task.name:22} {name:20} {medians[name]:8.2f} s ({spread:>13})"
            f" {size / medians[name] / 1e6:8.1f} MB/s {peak / 1e6:7.0f} MB"
            f" ({peak / size:4.1f} x input) {ratio:6.1f} x {task.baseline}",
            flush=True,
        )


def find(program: str, directory: Path | None) -> str | None:
    path = f"{directory}{os.pathsep}{os.environ['PATH']}" if directory else None
    return shutil.which(program, path=path)


def make_inputs(place: Path, megabytes: int) -> dict[str, Path]:
    inputs = {}
    for shape in ("few", "many", "events", "native"):
        inputs[shape] = place / f"{shape}-{megabytes}.out"
        if not inputs[shape].exists():
            command = [sys.executable, str(HERE / "generate.py"), shape, "-o", str(inputs[shape])]
            subprocess.run([*command, "--megabytes", str(megabytes)], check=True)
    inputs["folded"] = place / f"many-{megabytes}.folded"
    if not inputs["folded"].exists():
        command = [*PVPROF, "fold", "-q", str(inputs["many"])]
        done = subprocess.run(command, capture_output=True, check=True)
        lines = done.stdout.splitlines(keepends=True)[:DRAWN_STACKS]
        inputs["folded"].write_bytes(b"".join(lines))
    inputs["short names"] = place / f"short-{megabytes}.folded"
    if not inputs["short names"].exists():
        text = inputs["folded"].read_bytes()
        inputs["short names"].write_bytes(text.replace(b"kernel`", b""))
    return inputs


def peers(name: str, perl: str | None, rust: str | None, source: Path) -> dict[str, list[str]]:
    """Return the commands of those peers that are installed."""
    commands = {}
    if perl:
        commands[name] = ["perl", perl, str(source)]
    if rust:
        commands["inferno"] = [rust, str(source)]
    return commands


def tasks_of(inputs: dict[str, Path], scripts: Path | None) -> list[Task]:
    collapse, draw = find("stackcollapse.pl", scripts), find("flamegraph.pl", scripts)
    rust_collapse, rust_draw = (
        find("inferno-collapse-dtrace", None),
        find("inferno-flamegraph", None),
    )
    tasks = []
    for shape in ("few", "many"):
        source = inputs[shape]
        commands = peers("stackcollapse.pl", collapse, rust_collapse, source)
        commands["pvprof fold"] = [*PVPROF, "fold", "-q", str(source)]
        commands["pvprof fold -j1"] = [*PVPROF, "fold", "-q", "-j1", str(source)]
        tasks.append(Task(f"fold {shape}", source, commands, "stackcollapse.pl"))
    for name, shape in (("draw", "folded"), ("draw, short names", "short names")):
        source = inputs[shape]
        commands = peers("flamegraph.pl", draw, rust_draw, source)
        commands["pvprof flamegraph"] = [*PVPROF, "flamegraph", "-q", str(source)]
        tasks.append(Task(name, source, commands, "flamegraph.pl"))
    source = inputs["events"]
    commands = {
        "pvprof fold": [*PVPROF, "fold", "-q", str(source)],
        "pvprof report": [*PVPROF, "report", "-q", str(source)],
    }
    tasks.append(Task("events", source, commands, "pvprof fold"))
    for shape in ("events", "native"):
        source = inputs[shape]
        single_waits = [*PVPROF, "locks", "-q", "--overlap", "--objects", "--owners", str(source)]
        tasks.append(Task(f"single waits, {shape}", source, {"pvprof locks": single_waits}, "-"))
    small = HERE.parent / "tests" / "fixtures" / "freebsd-13.2" / "oncpu-default.out"
    tasks.append(Task("small", small, {"pvprof report": [*PVPROF, "report", str(small)]}, "-"))
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--flamegraph-dir", type=Path, help="where stackcollapse.pl is")
    parser.add_argument("--inputs", type=Path, default=Path(tempfile.gettempdir()) / "pvprof-bench")
    args = parser.parse_args()
    args.inputs.mkdir(exist_ok=True)
    inputs = make_inputs(args.inputs, args.megabytes)
    for task in tasks_of(inputs, args.flamegraph_dir):
        report(task, args.runs)


if __name__ == "__main__":
    main()
