"""Record the tour: build its program, run it in a mode, and compare what was found."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from helpers.live import pvprof
from tour_steps import WAITS, WAKERS, Step

from pvprof.analysis.report import Report, build_report
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules import UNCLASSIFIED
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import load_dataset
from pvprof.parse.read import ReadOptions

SOURCES = Path(__file__).parent / "tour"
IDLE = "idle"
NO_STACK = "[no stack]"
"""The name of waits whose stack was lost, which is reported."""
AT_ONCE = 16
"""How many steps wait at the same time."""
TOLERANCE = 0.05
TOLERANCE_NS = 3_000_000
TOLERANCE_EACH_NS = 50_000
"""What all programs that trace the same switches may take; other recordings may run beside."""
OPTIONS = {"events": ("--wakers",), "offcpu": ("--by-process",), "locks": ("--by-process",)}


@dataclass(frozen=True)
class Wait:
    """A row of a report on the waits of one step.

    Attributes:
        name, kind, lock_class: as the rules call it. A wait for a CPU is named by its class.
        value_ns, count: all its waits.
        callers: the functions that waited.
        wakers: the processes that ended them; empty if the mode does not say.
    """

    name: str
    kind: str
    lock_class: str
    value_ns: int
    count: int
    callers: frozenset[str]
    wakers: frozenset[str]

    @property
    def is_named(self) -> bool:
        """Return whether the rules know it, and do not only repeat a function."""
        words = re.split(r"[: ]+", self.name)
        return self.kind == IDLE or (self.kind != UNCLASSIFIED and self.callers.isdisjoint(words))


@dataclass(frozen=True)
class Measured:
    """What a step measured of itself.

    Attributes:
        off_cpu_ns: how long the measured calls were off the CPU.
        runnable_ns: the part of it in which they were runnable: after a wake-up, which belongs to
            the wait, or preempted, which does not.
    """

    off_cpu_ns: int
    runnable_ns: int

    def __add__(self, other: Measured) -> Measured:
        return Measured(self.off_cpu_ns + other.off_cpu_ns, self.runnable_ns + other.runnable_ns)

    def agrees_with(self, wait_ns: int, count: int) -> bool:
        """Return whether the recorded time of waits agrees, on a busy machine, too."""
        tolerance_ns = max(TOLERANCE * self.off_cpu_ns, TOLERANCE_NS, count * TOLERANCE_EACH_NS)
        lowest_ns = self.off_cpu_ns - self.runnable_ns - tolerance_ns
        return lowest_ns <= wait_ns <= self.off_cpu_ns + tolerance_ns


@dataclass(frozen=True)
class Recorded:
    """The tour, recorded in one mode.

    Attributes:
        mode: the mode.
        measured: by step, what the program measured of itself.
        failed: by step, why the program could not do it.
        waits: by `Step.id`, the rows of the report.
        all_waits: the rows of the report on all processes, but for stacks reported as lost.
        has_losses: whether the recording itself reports that something is missing.
    """

    mode: str
    measured: Mapping[str, Measured]
    failed: Mapping[str, str]
    waits: Mapping[str, Sequence[Wait]]
    all_waits: Sequence[Wait]
    has_losses: bool

    def __or__(self, again: Recorded) -> Recorded:
        """Return this recording with some of its steps as they were recorded again."""
        return replace(
            self,
            measured={**self.measured, **again.measured},
            waits={**self.waits, **again.waits},
            all_waits=[*self.all_waits, *again.all_waits],
            has_losses=again.has_losses,
        )

    def unnamed(self) -> list[str]:
        """Return the waits that have the name of a function, or none."""
        return [
            f"{self.mode}: {wait.name} ({wait.kind}, {wait.lock_class}), {wait.value_ns} ns"
            for wait in self.all_waits
            if not wait.is_named
        ]

    def faults_of(self, step: Step) -> list[str]:
        """Return the faults of a step, a sentence each."""
        found = self.waits[step.id]
        faults = [fault for wait in found for fault in faults_of_wait(wait, step, self.mode)]
        waits = [wait for wait in found if wait.name in step.waits]
        faults += [] if waits else [f"not found: {' or '.join(step.waits)}"]
        value_ns, count = sum(wait.value_ns for wait in waits), sum(wait.count for wait in waits)
        measured = self.measured.get(step.name, Measured(0, 0))
        if self.mode == "runq":  # all that time is what it records
            measured = Measured(measured.off_cpu_ns, 0)
        is_measured = not step.who and measured.off_cpu_ns
        if is_measured and not measured.agrees_with(value_ns, count):
            faults.append(f"{value_ns} ns found, {measured}")
        return [f"{self.mode}: {step.id}: {fault}" for fault in faults]


def faults_of_wait(wait: Wait, step: Step, mode: str) -> Iterator[str]:
    """Yield what is wrong with a row: its name, kind, class or wakers."""
    if wait.name not in step.waits:
        return
    if (wait.kind, wait.lock_class) != WAITS[wait.name]:
        yield f"{wait.name} is {wait.kind}, {wait.lock_class}"
    known = [WAKERS[waker].format(step=re.escape(step.name)) for waker in step.wakers]
    for waker in sorted(wait.wakers):
        if not re.fullmatch("|".join(known), waker):
            yield f"{wait.name} was ended by {waker}"
    if mode in ("events", "wakeup") and not wait.wakers:
        yield f"{wait.name} has no waker"


def build(path: Path) -> Path:
    """Compile the tour's program into this directory, and return its path."""
    program = path / "tour"
    words = ["cc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
    sources = sorted(map(str, SOURCES.glob("*.c")))
    subprocess.run([*words, *sources, "-lpthread", "-lutil", "-lrt"], check=True)
    return program


def record(program: Path, mode: str, steps: Sequence[Step], path: Path) -> Recorded:
    """Run these steps, recorded in a mode; `path` is a new directory for files and recording."""
    files, recording = path / "files", path / "recording"
    files.mkdir(parents=True)
    words = ["record", mode, *OPTIONS.get(mode, ()), "-q", "--no-symbols", "-o", str(recording)]
    done = pvprof(*words, "--", str(program), str(files), *in_turns(steps))
    assert done.returncode == 0, done.stderr
    measured: dict[str, Measured] = {}
    failed = {}
    for line in (recording / "workload.txt").read_text().splitlines():
        name, text = line.split(" ", 1)
        if text.startswith("! "):
            failed[name] = text[2:]
        else:
            off_cpu_ns, runnable_ns = map(int, text.split())
            measured[name] = measured.get(name, Measured(0, 0)) + Measured(off_cpu_ns, runnable_ns)
    dataset = load_dataset([str(recording)], ReadOptions())
    has_losses = any(problem.severity == "loss" for problem in dataset.problems)
    waits = {step.id: tuple(waits_of(report_on(dataset, step.process))) for step in steps}
    everyone = [
        wait
        for wait in waits_of(report_on(dataset, re.compile("")))
        if not (wait.name == NO_STACK and has_losses)
    ]
    return Recorded(mode, measured, failed, waits, everyone, has_losses)


def report_on(dataset: Dataset, process: re.Pattern[str]) -> Report:
    """Return the report on the waits of processes, those of all kinds."""
    filters = Filters(kinds=("all",), execname=process)
    return build_report(Classified.of(dataset, load_rules(None), filters))


def in_turns(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the words that have the program run each step, many of them at the same time."""
    alone = list(dict.fromkeys(step.name for step in steps if step.is_alone))
    others = list(dict.fromkeys(step.name for step in steps if not step.is_alone))
    for start in range(0, len(others), AT_ONCE):
        yield ",".join(others[start : start + AT_ONCE])
    yield from alone


def waits_of(report: Report) -> Iterator[Wait]:
    """Yield the rows of a report; a waker that ended a small part of a row only is left out."""
    for section in report.sections:
        for row in section.rows:
            ended = section.wakers.rows.get(row.id) if section.wakers else None
            wakers = {
                waker.execname
                for waker, split in (ended.wakers if ended else ())
                if split.blocked_ns + split.runnable_ns > TOLERANCE * row.value
            }
            name = row.lock_class if row.kind == "runq" else row.name
            callers = {function.rpartition("`")[2] for function, _ in row.callers}
            yield Wait(
                name,
                row.kind,
                row.lock_class,
                row.value,
                row.count or 0,
                frozenset(callers),
                frozenset(wakers),
            )
