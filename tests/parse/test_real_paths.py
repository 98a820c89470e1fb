"""Recordings of ``path`` on a real FreeBSD: no life, and no moment of a life, is missing."""

from __future__ import annotations

import pytest
from conftest import FIXTURES

from pvprof.model.mechanisms import NEW_THREAD, PREEMPTED
from pvprof.model.threads import UNKNOWN, WORKLOAD, ThreadTable
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.layout import Recording
from pvprof.recording.open import open_recording

RECORDINGS = {"join": 8, "stopped": 5, "threads": 4, "pv-list": 37}
"""By name: the number of lives."""
CPU_TOLERANCE = 0.01
"""Between the CPU time that time(1) printed, in steps of 10 ms, and that of the lives."""


Tables = tuple[ThreadTable, WaitTable, WakeupTable]


def tables_of(recording: Recording) -> Tables:
    parsed = read_recording(recording, ReadOptions())
    assert not [problem for problem in parsed.problems if problem.severity != "note"]
    assert parsed.threads is not None
    assert parsed.events is not None
    assert parsed.wakeups is not None
    return parsed.threads, parsed.events, parsed.wakeups


def recording_of(name: str) -> Recording:
    return open_recording(str(FIXTURES / "freebsd-13.2-path" / f"{name}.pvprof"))


@pytest.mark.parametrize("name", RECORDINGS)
def test_each_life_is_its_waits_and_its_cpu_time(name: str) -> None:
    recording = recording_of(name)
    threads, events, _ = tables_of(recording)
    assert len(threads) == RECORDINGS[name]
    assert UNKNOWN not in (*threads.born_ns.tolist(), *threads.died_ns.tolist())
    assert threads.parent_tid.tolist().count(WORKLOAD) == 1
    assert set(threads.parent_tid.tolist()) <= {WORKLOAD, *threads.tid.tolist()}
    lives_ns = int((threads.died_ns - threads.born_ns).sum())
    manifest = recording.manifest.raw
    ran_s = (lives_ns - int(events.wait_ns.sum())) / 1e9
    assert ran_s == pytest.approx(manifest["user_s"] + manifest["sys_s"], rel=CPU_TOLERANCE)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_wait_but_a_preemption_has_its_waker(name: str) -> None:
    threads, events, wakeups = tables_of(recording_of(name))
    mechanisms = [events.keys[number].mechanism for number in events.key_id.tolist()]
    waker = dict(zip(wakeups.row.tolist(), wakeups.waker_tid.tolist(), strict=True))
    woken = {row for row, mechanism in enumerate(mechanisms) if mechanism != PREEMPTED}
    assert set(waker) - {-1} == woken
    births = zip(threads.tid.tolist(), threads.born_ns.tolist(), strict=True)
    parent = dict(zip(births, threads.parent_tid.tolist(), strict=True))
    for row in woken:
        if mechanisms[row] == NEW_THREAD:  # the waker is the creator
            creator = parent[int(events.tid[row]), int(events.start_ns[row])]
            assert creator in (WORKLOAD, waker[row])


def test_threads_have_the_ids_that_they_printed_and_one_parent() -> None:
    path = FIXTURES / "freebsd-13.2-path" / "threads.pvprof"
    threads, _, wakeups = tables_of(recording_of("threads"))
    said = {}
    for line in (path / "workload.txt").read_text().splitlines():
        _, role, tid, pid = line.split()
        said[role] = (int(tid), int(pid))
    assert sorted(said.values()) == sorted(
        zip(threads.tid.tolist(), threads.pid.tolist(), strict=True)
    )
    parent = dict(zip(threads.tid.tolist(), threads.parent_tid.tolist(), strict=True))
    main, spinning = said["main"][0], said["spin"][0]
    assert parent.pop(main) == WORKLOAD
    assert set(parent.values()) == {main}
    # The process ends when the last thread has: this one wakes the first, and not after its death.
    died = dict(zip(threads.tid.tolist(), threads.died_ns.tolist(), strict=True))
    rows = (wakeups.waker_tid == spinning) & (wakeups.sleeper_tid == main)
    assert int(wakeups.time_ns[rows].max()) == died[spinning] < died[main]


@pytest.mark.parametrize(("name", "min_ns"), [("stopped", 600_000_000), ("threads", 1)])
def test_threads_that_are_suspended_wait(name: str, min_ns: int) -> None:
    _, events, _ = tables_of(recording_of(name))
    names = [events.keys[number].name for number in events.key_id.tolist()]
    suspended = [
        wait_ns
        for wait_ns, message in zip(events.wait_ns.tolist(), names, strict=True)
        if message == "suspended"
    ]
    assert len(suspended) == 1
    assert suspended[0] >= min_ns
