"""Time pvprof on large inputs, stage by stage, beside its peers.

    python bench/run.py [--megabytes 25 50 100 200] [--runs 7] [--only WORD ...] [--write]

Makes the inputs of ``generate.py``. Then all programs that do the same take turns, each as a whole
process: medians of CPU time and of real time, and the peak of the memory of all its processes. The
ratios are to the peer of the stage: inferno with 2 threads, else flamegraph.pl or stackcollapse.pl.
Peers are taken from ``--peers DIR ...`` or the PATH; one that is not there is left out. Debian has
inferno's source as librust-inferno-dev. Results are only comparable within one run on one machine.

``--write`` puts the tables into docs/bench.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import Cost, Program, measure

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parent / "docs" / "bench.md"
BEGIN, END = "<!-- peers -->\n", "<!-- end of peers -->\n"
PVPROF = (sys.executable, "-m", "pvprof")
SMALL = HERE.parent / "tests" / "fixtures" / "freebsd-13.2" / "oncpu-default.out"
BASELINES = ("inferno, 2 threads", "inferno", "stackcollapse.pl", "flamegraph.pl")
NUMPY = "import numpy"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to time: the programs that can do it, and the number of bytes that they read."""

    name: str
    size: int
    programs: Sequence[Program]


class Peers:
    """The programs of others, where they are installed."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._path = os.pathsep.join([*map(str, directories), os.environ["PATH"]])

    def find(self, name: str) -> str | None:
        """Return the path of a program, or None."""
        return shutil.which(name, path=self._path)

    def collapse(self, source: Path) -> Iterator[Program]:
        """Yield the programs that fold the output of dtrace."""
        rust = self.find("inferno-collapse-dtrace")
        for threads in (2, 1) if rust else ():
            name = f"inferno, {threads} thread{'s' * (threads > 1)}"
            yield Program(name, (str(rust), "-n", str(threads), str(source)))
        perl = self.find("stackcollapse.pl")
        if perl:
            yield Program("stackcollapse.pl", ("perl", perl, str(source)))

    def draw(self, source: Path) -> Iterator[Program]:
        """Yield the programs that draw folded stacks."""
        rust, perl = self.find("inferno-flamegraph"), self.find("flamegraph.pl")
        if rust:
            yield Program("inferno", (rust, str(source)))
        if perl:
            yield Program("flamegraph.pl", ("perl", perl, str(source)))

    def small(self, source: Path) -> Iterator[Program]:
        """Yield what folds and draws a small file."""
        rust = self.find("inferno-collapse-dtrace"), self.find("inferno-flamegraph")
        if all(rust):
            pipe = f"'{rust[0]}' '{source}' | '{rust[1]}'"
            yield Program("inferno", ("sh", "-c", pipe))
        perl = self.find("stackcollapse.pl"), self.find("flamegraph.pl")
        if all(perl):
            pipe = f"perl '{perl[0]}' '{source}' | perl '{perl[1]}'"
            yield Program("stackcollapse.pl, flamegraph.pl", ("sh", "-c", pipe))


def pvprof(*words: object, stdin: Path | None = None, name: str = "") -> Program:
    """Return a command of pvprof as a program."""
    texts = tuple(map(str, words))
    return Program(name or f"pvprof {texts[0]}", (*PVPROF, *texts), stdin)


def make_input(place: Path, shape: str, megabytes: int) -> Path:
    """Write an input, if it is not there from an earlier run."""
    path = place / f"{shape}-{megabytes}.out"
    if not path.exists():
        command = [sys.executable, str(HERE / "generate.py"), shape, "-o", str(path)]
        subprocess.run([*command, "--megabytes", str(megabytes)], check=True)
    return path


def make_folded(place: Path, megabytes: int) -> Path:
    """Write folded stacks of about this size: the first ones of a text with many."""
    path = place / f"many-{megabytes}.folded"
    if not path.exists():
        source = make_input(place, "many", 4 * megabytes)
        done = subprocess.run([*PVPROF, "fold", "-q", source], capture_output=True, check=True)
        lines, size = [], 0
        for line in done.stdout.splitlines(keepends=True):
            if size > megabytes * 1_000_000:
                break
            lines.append(line)
            size += len(line)
        path.write_bytes(b"".join(lines))
    return path


def fold_tasks(place: Path, sizes: Sequence[int], peers: Peers) -> Iterator[Task]:
    for shape, name in (("few", "fold, few distinct stacks"), ("many", "fold, many")):
        for megabytes in sizes:
            source = make_input(place, shape, megabytes)
            own = [
                pvprof("fold", "-q", source),
                pvprof("fold", "-q", "-j1", source, name="pvprof fold -j1"),
            ]
            if shape == "few":
                own.append(pvprof("fold", "-q", "-", stdin=source, name="pvprof fold -"))
            yield Task(name, source.stat().st_size, [*peers.collapse(source), *own])


def draw_tasks(place: Path, sizes: Sequence[int], peers: Peers) -> Iterator[Task]:
    for megabytes in sizes:
        source = make_folded(place, max(1, megabytes * 31 // max(sizes)))
        programs = [*peers.draw(source), pvprof("flamegraph", "-q", source)]
        yield Task("draw", source.stat().st_size, programs)


def wait_tasks(place: Path, sizes: Sequence[int], _peers: Peers) -> Iterator[Task]:
    for shape in ("events", "native"):
        for megabytes in sizes:
            source = make_input(place, shape, megabytes)
            tables = ("--overlap", "--objects", "--owners")
            programs = [
                pvprof("fold", "-q", source),
                pvprof("report", "-q", source),
                pvprof("locks", "-q", *tables, source, name=f"pvprof locks {' '.join(tables)}"),
            ]
            yield Task(f"single waits, {shape}", source.stat().st_size, programs)


def small_tasks(place: Path, _sizes: Sequence[int], peers: Peers) -> Iterator[Task]:
    """Yield the whole cost of small things, start-up above all."""
    page = place / "small.html"
    programs = [
        *peers.small(SMALL),
        Program("python -c pass", (sys.executable, "-c", "pass")),
        Program("python -c 'import click'", (sys.executable, "-c", "import click")),
        Program(f"python -c '{NUMPY}'", (sys.executable, "-c", NUMPY)),
        *(
            pvprof(*words, name=f"pvprof {' '.join(words)}")
            for words in (("--version",), ("--help",), ("report", "--help"))
        ),
        *(pvprof(command, "-q", SMALL) for command in ("fold", "flamegraph", "report")),
        pvprof("report", "-q", SMALL, "-o", page, "-f", name="pvprof report -o x.html"),
    ]
    yield Task("a small file, and starting", SMALL.stat().st_size, programs)


STAGES = {"small": small_tasks, "fold": fold_tasks, "draw": draw_tasks, "waits": wait_tasks}


def rows_of(task: Task, costs: dict[str, Cost]) -> Iterator[str]:
    """Yield the rows of a task."""
    base = next((costs[name] for name in BASELINES if name in costs), None)
    name = f"{task.name}, {_megabytes(task.size)}"
    for program in task.programs:
        cost = costs[program.name]
        ratios = ""
        if base is not None:
            ratios = (
                f"{cost.median_cpu_s / base.median_cpu_s:.2f} |"
                f" {cost.median_real_s / base.median_real_s:.2f} |"
                f" {cost.peak_bytes / base.peak_bytes:.1f}"
            )
        yield (
            f"| {name} | {program.name} | {cost.median_cpu_s:.3f} | {cost.median_real_s:.3f} |"
            f" {cost.peak_bytes / 1e6:.0f} | {ratios or '| |'} |"
        )
        name = ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size > 1e6 else f"{size / 1e3:.0f} kB"


HEAD = (
    "| task | program | CPU s | real s | peak MB | CPU ratio | real ratio | memory ratio |",
    "|---|---|---:|---:|---:|---:|---:|---:|",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--peers", type=Path, nargs="+", default=[], help="where peers are")
    parser.add_argument("--inputs", type=Path, default=Path(tempfile.gettempdir()) / "pvprof-bench")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md")
    args = parser.parse_args()
    args.inputs.mkdir(exist_ok=True)
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, Python {platform.python_version()},"
        f" medians of {args.runs}:",
        "",
        *HEAD,
    ]
    print("\n".join(lines), flush=True)
    for stage in args.only:
        for task in STAGES[stage](args.inputs, args.megabytes, Peers(args.peers)):
            for row in rows_of(task, measure(task.programs, args.runs)):
                lines.append(row)
                print(row, flush=True)
    if args.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        after = rest.split(END)[1]
        text = "\n".join(lines)
        DOCUMENT.write_text(f"{before}{BEGIN}{text}\n{END}{after}")


if __name__ == "__main__":
    main()
