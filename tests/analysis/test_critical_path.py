"""The critical path: it tiles the run, and is the one that a simulator knows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from conftest import FIXTURES
from helpers.schedules import (
    BEGIN_NS,
    FIRST_TID,
    Op,
    Recorded,
    Schedule,
    Simulator,
    programs,
    recorded,
)
from helpers.single_waits import RULES, Wait, events_of, runs_of
from hypothesis import assume, given
from hypothesis import strategies as st

from pvprof.analysis.critical_path.answer import PathReport, path_report
from pvprof.analysis.critical_path.graph import PathGraph, graph_of, run_tables
from pvprof.analysis.critical_path.replay import Rerun, Trial, replay_of
from pvprof.analysis.critical_path.side_by_side import level_of_nodes
from pvprof.analysis.critical_path.walk import NO_WAIT, Path, State, walk
from pvprof.analysis.waits.groups import NO_GROUP
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.load import load_dataset
from pvprof.model.profile import Key
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.threads import ThreadTable
from pvprof.model.waits import WakeupTable
from pvprof.parse.read import ReadOptions

WORDS = {State.RUNNING: "running", State.RUNNABLE: "runnable", State.WAITING: "waiting"}


def graph_from(made: Recorded, length: int) -> PathGraph:
    run = RunSpan(len(made.events), BEGIN_NS, BEGIN_NS + length, threads=len(made.threads))
    (tables,) = run_tables(made.events, made.wakeups, made.threads, [run])
    return graph_of(tables)


def path_from(schedule: Schedule) -> tuple[PathGraph, Path]:
    graph = graph_from(recorded(schedule), schedule.length)
    return graph, walk(graph, int(np.flatnonzero(graph.lives.is_first)[0]))


def gain_ns(replay: Rerun, free: npt.NDArray[np.bool_], is_cpu_free: bool = False) -> int:
    group = np.where(free, 0, NO_GROUP)
    (gain,) = replay.gains_ns(group, [Trial(frozenset([0]), is_cpu_free)])
    return gain


def ticks_of(graph: PathGraph, path: Path) -> list[tuple[int, str]]:
    columns = (path.lives, path.starts, path.ends, path.states)
    return [
        (int(graph.lives.tid[life]) - FIRST_TID, WORDS[State(state)])
        for life, start, end, state in zip(*(column.tolist() for column in columns), strict=True)
        for _ in range(start, end)
    ]


def assert_tiles(path: Path) -> None:
    assert path.starts[0] == path.begin
    assert path.ends[-1] == path.end
    assert (path.starts[1:] == path.ends[:-1]).all()
    assert (path.ends > path.starts).all()
    assert int((path.ends - path.starts).sum()) == path.length_ns


@given(programs(), st.integers(1, 3) | st.just(1000), st.integers(1, 4) | st.just(1000))
def test_the_path_is_the_one_that_the_simulator_knows(
    drawn: tuple[tuple[Op, ...], ...], cpus: int, quantum: int
) -> None:
    schedule = Simulator(drawn, cpus, quantum).run()
    assume(schedule.blockings)
    graph, path = path_from(schedule)
    assert_tiles(path)
    assert path.length_ns == schedule.length
    assert ticks_of(graph, path) == schedule.true_path()


@given(programs(), st.integers(1, 3) | st.just(1000))
def test_waits_that_the_path_does_not_pass_could_take_no_time(
    drawn: tuple[tuple[Op, ...], ...], cpus: int
) -> None:
    schedule = Simulator(drawn, cpus, 3).run()
    assume(schedule.blockings)
    graph, path = path_from(schedule)
    passed = np.zeros(len(graph), dtype=np.bool_)
    passed[path.hop_waits[path.hop_waits != NO_WAIT]] = True
    passed[path.waits[path.waits != NO_WAIT]] = True
    assert gain_ns(replay_of(graph, path), ~passed) == 0


@given(programs(), st.integers(1, 3) | st.just(1000), st.integers(0, 2**30))
def test_trials_side_by_side_gain_what_each_gains_alone(
    drawn: tuple[tuple[Op, ...], ...], cpus: int, seed: int
) -> None:
    schedule = Simulator(drawn, cpus, 3).run()
    assume(schedule.blockings)
    graph, path = path_from(schedule)
    replay = replay_of(graph, path)
    group = np.random.default_rng(seed).integers(NO_GROUP, 3, len(graph))
    several = [frozenset[int](), frozenset([0]), frozenset([1]), frozenset([0, 1, 2])]
    trials = [Trial(groups, is_free) for groups in several for is_free in (False, True)]
    side_by_side = replay.side_by_side(group, trials, level_of_nodes(replay.nodes))
    assert side_by_side == replay.one_by_one(group, trials)


@given(programs(locks=1), st.data())
def test_a_gain_is_what_a_second_simulation_without_the_lock_gains(
    drawn: tuple[tuple[Op, ...], ...], data: st.DataObject
) -> None:
    cpus = data.draw(st.sampled_from([1, 2, 1000]))
    schedule = Simulator(drawn, cpus).run()
    assume(any("lock" in one.name for one in schedule.blockings))
    without = Simulator(drawn, cpus, free_locks=frozenset([0])).run()
    graph, path = path_from(schedule)
    is_lock = np.asarray(
        [name.name.startswith("lock lock") for name in recorded(schedule).events.keys]
    )
    free = is_lock[recorded(schedule).events.key_id[graph.row]]
    replay = replay_of(graph, path)
    at_most = gain_ns(replay, free, is_cpu_free=True)
    assert schedule.length - without.length <= at_most
    old = {(one.thread, one.op) for one in schedule.blockings}
    new = {(one.thread, one.op) for one in without.blockings}
    if cpus == 1000 and new <= old:
        assert gain_ns(replay, free) == at_most == schedule.length - without.length


def report_from(schedule: Schedule, kinds: tuple[str, ...] = ()) -> PathReport:
    made = recorded(schedule)
    run = RunSpan(
        len(made.events),
        BEGIN_NS,
        BEGIN_NS + schedule.length,
        name="made",
        threads=len(made.threads),
    )
    measurement = Measurement(
        made.events.profile(), made.events, (run,), made.wakeups, threads=made.threads
    )
    dataset = Dataset(("made",), (measurement,), (), (), ())
    return path_report(Classified.of(dataset, RULES, Filters(kinds=kinds)))


@given(programs(), st.sampled_from([1, 2, 1000]))
def test_rows_add_up_to_the_run_and_segments_to_the_rows(
    drawn: tuple[tuple[Op, ...], ...], cpus: int
) -> None:
    schedule = Simulator(drawn, cpus).run()
    assume(schedule.blockings)
    report = report_from(schedule, ("all",))
    assert sum(row.path_ns for row in report.rows) == report.length_ns == schedule.length
    assert all(sum(row.state_ns) == row.path_ns for row in report.rows)
    segments = list(report.segments(report.runs[0]))
    for row in report.rows:
        found = [one for one in segments if one.cause == row.cause]
        assert sum(one.end_ns - one.begin_ns for one in found) == row.path_ns
    assert [one.end_ns for one in segments[:-1]] == [one.begin_ns for one in segments[1:]]
    assert sum(one.path_ns for one in report.runs[0].threads) == report.length_ns


def test_a_wait_for_a_lock_costs_the_time_that_its_owner_kept_it() -> None:
    """Thread 1 keeps the lock for 50 ticks; thread 0 asks for it after 10, and ends at once."""
    first = (Op("fork", 1), Op("run", 9), Op("lock", 0), Op("unlock", 0))
    second = (Op("lock", 0), Op("run", 50), Op("unlock", 0))
    schedule = Simulator((first, second)).run()
    report = report_from(schedule, ("all",))
    (row,) = [row for row in report.rows if row.cause.kind]
    assert row.what_if is not None
    (lock_wait,) = schedule.blockings
    assert row.path_ns == row.state_ns[State.RUNNING] == lock_wait.woken - lock_wait.start == 43
    assert row.what_if.saved_ns == 43
    assert row.wait_ns == row.union_ns == 43


def test_a_lock_that_delays_only_threads_off_the_path_saves_nothing() -> None:
    long = (Op("fork", 1), Op("fork", 2), Op("run", 100), Op("join", 1), Op("join", 2))
    short = (Op("lock", 0), Op("run", 20), Op("unlock", 0))
    report = report_from(Simulator((long, short, short)).run(), ("all",))
    assert [row.cause.name for row in report.rows] == ["running"]
    assert report.everything.saved_ns == 0


def test_waits_without_a_wake_up_stay_on_the_path_and_are_told() -> None:
    waits = [Wait(100, 50, tid=1), Wait(200, 30, tid=2)]
    measurement = Measurement(events_of(waits).profile(), events_of(waits), runs_of(waits, 0, 400))
    report = path_report(
        Classified.of(Dataset(("made",), (measurement,), (), (), ()), RULES, Filters())
    )
    assert report.length_ns == 400
    assert report.unseen_ns == 30
    assert report.unknown_ns == 370  # before its wait, and after it
    assert report.runs[0].target.is_guess


@pytest.mark.parametrize(
    "waits",
    [
        [Wait(100, 50), Wait(120, 100), Wait(400, 5)],
        [Wait(100, 300), Wait(150, 10), Wait(150, 20), Wait(170, 0)],
        [Wait(-500, 100), Wait(-100, 300), Wait(950, 200)],
    ],
)
def test_waits_of_one_thread_that_overlap_or_leave_the_run_still_tile_it(waits: list[Wait]) -> None:
    measurement = Measurement(events_of(waits).profile(), events_of(waits), runs_of(waits, 0, 1000))
    report = path_report(
        Classified.of(Dataset(("made",), (measurement,), (), (), ()), RULES, Filters())
    )
    assert_tiles(report.runs[0].path)
    assert report.length_ns == 1000
    assert report.runs[0].graph.trimmed > 0


def test_a_thread_id_that_was_used_again_is_another_thread() -> None:
    """Thread 7 is born twice: the second one is created by the first one's parent."""
    parent = Wait(10, 40, "x", tid=1), Wait(60, 40, "x", tid=1)
    children = Wait(15, 10, "y", tid=7), Wait(70, 10, "y", tid=7)
    waits = [*parent, *children]
    events = events_of(waits)
    ids = np.asarray
    zeros = np.zeros(2, np.int64)
    key, stack = Key("wakeup", execname="cc"), Stack("kernel`exit1")
    wakeups = WakeupTable(
        ids([50, 100]), ids([1, 1]), ids([7, 7]), zeros, ids([0, 1]), zeros, zeros, (key,), (stack,)
    )
    lives = ThreadTable(
        tid=ids([7, 1, 7]),
        pid=ids([7, 1, 7]),
        parent_tid=ids([1, 0, 1]),
        born_ns=ids([58, 0, 8]),
        died_ns=ids([100, 110, 50]),
        key_id=ids([0, 0, 0]),
        keys=(Key(execname="cc"),),
    )
    (tables,) = run_tables(events, wakeups, lives, [RunSpan(4, 0, 110, threads=3)])
    graph = graph_of(tables)
    path = walk(graph, int(np.flatnonzero(graph.lives.is_first)[0]))
    assert_tiles(path)
    visited = [
        (int(graph.lives.tid[life]), int(graph.lives.born[life]), start)
        for life, start in zip(path.lives.tolist(), path.starts.tolist(), strict=True)
    ]
    assert visited[0] == (1, 0, 0)
    assert (7, 8, 8) in visited
    assert (7, 58, 58) in visited
    assert visited[-1] == (1, 0, 100)


@pytest.mark.parametrize("name", ["freebsd-13.2/events-wakeups.out.gz", "linux/perf-waking.txt.gz"])
def test_paths_of_real_recordings_tile_them(name: str) -> None:
    dataset = load_dataset([str(FIXTURES / name)], ReadOptions())
    report = path_report(Classified.of(dataset, RULES, Filters()))
    for run in report.runs:
        assert_tiles(run.path)
    assert sum(row.path_ns for row in report.rows) == report.length_ns > 0
    assert len(report.runs[0].threads) > 1
    assert 0 <= report.everything.saved_ns <= report.everything.at_most_ns <= report.length_ns


def test_a_thread_that_lacks_a_cpu_needs_no_waker() -> None:
    """A wake-up of a preempted thread says when it was queued, not who held it up."""
    waits = [Wait(10, 20, "", tid=1, event="runq-preempted"), Wait(5, 3, "x", tid=2)]
    zeros, ids = np.zeros(1, np.int64), np.asarray
    wakeups = WakeupTable(
        ids([15]),
        ids([1]),
        ids([2]),
        zeros,
        ids([0]),
        zeros,
        zeros,
        (Key("wakeup"),),
        (Stack("kernel`sched_add"),),
    )
    (tables,) = run_tables(events_of(waits), wakeups, None, [RunSpan(2, 0, 30)])
    graph = graph_of(tables)
    path = walk(graph, 0)
    assert len(path.hop_times) == 0
    assert [State(state) for state in path.states] == [State.UNKNOWN, State.RUNNABLE]
