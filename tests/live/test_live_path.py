"""A recording of ``path`` on the running kernel: each moment of a thread's life is known.

The programs (``path_workload``) run one after the other, and each of their threads measures its CPU
time. The recording is right if each thread's life consists of its waits and of this CPU time, if
it has the parent that the program names, and if its waits have the wakers that the program implies.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import path_workload
import pytest
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import pvprof, reason_against

from pvprof.model.threads import WORKLOAD, ThreadTable
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.parse.result import ParseResult
from pvprof.recording.open import open_recording

PROGRAMS = Path(__file__).parent / "path_workload.py"
STEPS = Path(__file__).parent / "workload.py"
TOLERANCE = 0.05
TEARDOWN_NS = 3_000_000
"""From the moment when a thread measures its CPU time to its end, on a busy machine."""
STALL_NS = 2_000_000
"""Between the scheduler's look at its clock and the tracer's, if the host lets the machine wait."""
MAX_ATTEMPTS = 3


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


@dataclass(frozen=True)
class Thread:
    """A thread as it described itself."""

    role: str
    tid: int
    pid: int
    creator: int
    cpu_ns: int


class PathPart(NamedTuple):
    """How much of a path a thread spends in one state, between two times, in ns."""

    spent_ns: int
    begin_ns: int = 0
    end_ns: int = 1 << 62


@dataclass(frozen=True)
class Recorded:
    """A recording, and what the programs said: their threads, and parts of their paths, in ns."""

    path: Path
    parsed: ParseResult
    said: tuple[Thread, ...]
    parts: dict[tuple[str, str], PathPart]

    @property
    def waits(self) -> WaitTable:
        assert self.parsed.events is not None
        return self.parsed.events

    @property
    def wakeups(self) -> WakeupTable:
        assert self.parsed.wakeups is not None
        return self.parsed.wakeups

    @property
    def threads(self) -> ThreadTable:
        assert self.parsed.threads is not None
        return self.parsed.threads

    @property
    def has_lost(self) -> bool:
        """Whether the kernel kept an event from the program, as it does now and then."""
        return any(problem.severity == "loss" for problem in self.parsed.problems)

    def of(self, role: str) -> int:
        return next(thread.tid for thread in self.said if thread.role == role)

    def slept_ns(self, tid: int, waker: int) -> int:
        """Return the time that a thread waited until this other one woke it."""
        ended = self.wakeups.row[(self.wakeups.waker_tid == waker) & (self.wakeups.row >= 0)]
        rows = ended[self.waits.tid[ended] == tid]
        return int(self.waits.wait_ns[rows].sum())

    def waited_ns(self, tid: int) -> int:
        return int(self.waits.wait_ns[self.waits.tid == tid].sum())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Record all programs in one run: to compile the tracing program takes most of the time.

    If other programs trace, too, the kernel keeps some events from this one: then it is repeated.
    """
    made = [record(tmp_path_factory.mktemp("path"))]
    while made[-1].has_lost and len(made) < MAX_ATTEMPTS:
        made.append(record(tmp_path_factory.mktemp("path")))
    return made[-1]


def record(place: Path) -> Recorded:
    """Record all programs, one after the other."""
    path = place / "path.pvprof"
    python = shlex.quote(sys.executable)
    commands = [f"{python} {shlex.quote(str(PROGRAMS))} {name}" for name in path_workload.PROGRAMS]
    commands.append(f"{python} {shlex.quote(str(STEPS))} exec-in-thread")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PVPROF_LOCK", str(place / "recorder.lock"))
        done = pvprof(
            "record", "path", "-q", "-o", str(path), "--", "sh", "-c", "; ".join(commands)
        )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["complete"], manifest["drops"]) == (True, 0), manifest
    words = [line.split() for line in (path / "workload.txt").read_text().splitlines()]
    said = tuple(Thread(word[1], *map(int, word[2:])) for word in words if word[0] == "thread")
    parts = {
        (word[1], word[2]): PathPart(*map(int, word[3:])) for word in words if word[0] == "path"
    }
    parsed = read_recording(open_recording(str(path)), ReadOptions(jobs=1))
    return Recorded(path, parsed, said, parts)


def test_there_is_one_first_thread_and_every_other_one_has_its_parent(recorded: Recorded) -> None:
    threads = recorded.threads
    assert threads.parent_tid.tolist().count(WORKLOAD) == 1
    assert set(threads.parent_tid.tolist()) <= set(threads.tid.tolist()) | {WORKLOAD}
    assert (threads.born_ns > 0).all()
    assert (threads.died_ns > threads.born_ns).all()
    for thread in recorded.said:
        (row,) = (threads.tid == thread.tid).nonzero()[0].tolist()
        assert int(threads.pid[row]) == thread.pid, thread
        assert int(threads.parent_tid[row]) == thread.creator, thread


def test_the_life_of_a_thread_is_its_waits_and_its_time_on_a_cpu(recorded: Recorded) -> None:
    threads = recorded.threads
    assert len(recorded.said) == len({thread.role for thread in recorded.said}) == 12
    for thread in recorded.said:
        (row,) = (threads.tid == thread.tid).nonzero()[0].tolist()
        life_ns = int(threads.died_ns[row] - threads.born_ns[row])
        ran_ns = life_ns - recorded.waited_ns(thread.tid)
        least_ns = thread.cpu_ns * (1 - TOLERANCE) - STALL_NS
        assert ran_ns >= least_ns, thread
        if not recorded.has_lost:
            assert ran_ns <= thread.cpu_ns * (1 + TOLERANCE) + TEARDOWN_NS, thread


PARTS = [
    ("pipeline", "slow", "running"),
    ("fork-join", "child-1", "running"),
    ("mutex", "long", "waiting"),
    ("mutex", "short", "waiting"),
    ("io", "io", "waiting"),
]


@pytest.mark.parametrize(("program", "role", "state"), PARTS)
def test_the_critical_path_of_a_program_is_what_its_source_says(
    program: str, role: str, state: str, recorded: Recorded, run: RunCommand
) -> None:
    words = ("path", str(recorded.path), "--of", str(recorded.of(program)), "--format", "json")
    (path,) = json.loads(run(*words).stdout)["runs"]
    parts = path["segments"]
    part = recorded.parts[role, state]
    spent_ns = sum(
        max(min(end_ns, part.end_ns) - max(begin_ns, part.begin_ns), 0)
        for tid, of_part, begin_ns, end_ns in zip(
            *(parts[name] for name in ("tid", "state", "begin_ns", "end_ns")), strict=True
        )
        if (tid, of_part) == (recorded.of(role), state)
    )
    assert spent_ns == pytest.approx(part.spent_ns, rel=TOLERANCE)
    assert parts["begin_ns"][1:] == parts["end_ns"][:-1]


def test_every_part_of_a_path_that_a_program_names_is_compared(recorded: Recorded) -> None:
    assert {(role, state) for _, role, state in PARTS} == set(recorded.parts)


def test_a_slow_stage_wakes_the_stage_behind_it(recorded: Recorded) -> None:
    sink, slow = recorded.of("sink"), recorded.of("slow")
    assert recorded.slept_ns(sink, slow) >= 0.8 * recorded.waited_ns(sink)


def test_the_longest_child_ends_a_wait_of_its_parent(recorded: Recorded) -> None:
    assert recorded.slept_ns(recorded.of("fork-join"), recorded.of("child-1")) > 0


def test_threads_that_share_a_lock_wake_each_other(recorded: Recorded) -> None:
    long, short = recorded.of("long"), recorded.of("short")
    assert recorded.slept_ns(long, short) + recorded.slept_ns(short, long) > 0


def test_waits_for_a_disk_are_in_the_life_of_the_thread(recorded: Recorded) -> None:
    rows = recorded.waits.tid == recorded.of("io")
    used = set(recorded.waits.key_id[rows].tolist())
    assert "off-cpu-d" in {recorded.waits.keys[number].mechanism for number in used}


def test_an_exec_by_a_later_thread_is_a_life_of_its_own(recorded: Recorded) -> None:
    threads = recorded.threads
    ids = Counter(threads.tid.tolist())
    (tid,) = (tid for tid, lives in ids.items() if lives > 1)
    rows = (threads.tid == tid).nonzero()[0]
    first, again = rows[threads.born_ns[rows].argsort()].tolist()
    # Its parent is the thread that executed the program, which the first one had created.
    (creator,) = (threads.tid == threads.parent_tid[again]).nonzero()[0].tolist()
    assert int(threads.parent_tid[creator]) == tid
    assert int(threads.died_ns[creator]) == int(threads.born_ns[again])
    assert threads.born_ns[first] < threads.born_ns[creator] < threads.born_ns[again]
