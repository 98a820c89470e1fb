"""What a recorder leaves that was killed, and who removes it: lock, lists, links, modes of files.

The recorder's text runs in real shells on a stand-in for FreeBSD. `kill -9` is real, too.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from target.harness import SHELLS, Running, StandIn, plan_for, wait_until

from pvprof.collect.recorder import doctor, recorder
from pvprof.recording.open import open_recording

pytestmark = pytest.mark.slow

WORKLOAD = ("sh", "-c", "touch started; sleep 60")


@pytest.fixture
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    """With an indirect parameter: one of SHELLS is the target's sh."""
    with StandIn(tmp_path, getattr(request, "param", "dash")) as machine:
        machine.dtrace(patched=True)
        yield machine


in_each_shell = pytest.mark.parametrize("target", SHELLS, indirect=True)


def recording(target: StandIn, *words: str) -> Running:
    """Start a recorder and wait until its workload runs."""
    running = target.start(recorder(plan_for("offcpu", *(words or WORKLOAD))))
    running.until("state: recording")
    if not words:
        wait_until((target.home / "started").exists, "the workload")
    return running


def shells(target: StandIn, running: Running) -> list[int]:
    """Return the recorder's shell and the parts of it that run beside it."""
    own = running.process.pid
    words = (Path("/proc") / str(own) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return [pid for pid, command in target.processes() if command == words]


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


# --- kill -9 -------------------------------------------------------------------------------------


@in_each_shell
def test_a_killed_shell_leaves_nothing(target: StandIn) -> None:
    running = recording(target)
    running.process.kill()
    running.process.wait()
    assert target.left() == []


def test_a_shell_killed_before_it_records_leaves_nothing(target: StandIn) -> None:
    target.dtrace(patched=True, begin_s=60)
    running = target.start(recorder(plan_for("offcpu", "touch", "ran")))
    target.pid_of("raw.out")
    running.process.kill()
    running.process.wait()
    assert target.left() == []
    assert not (target.home / "ran").exists()


@in_each_shell
def test_the_next_recorder_removes_what_is_left_of_a_recorder_whose_shells_are_all_killed(
    target: StandIn,
) -> None:
    running = recording(target)
    kill(shells(target, running))
    running.process.wait()
    workload = target.pid_of("sleep 60")
    assert target.lock.exists()
    assert any(target.tmp.iterdir())
    done = target.run(plan_for("offcpu", "true"))
    note = "pvprof: note: removed what a recorder that was killed had left: "
    assert done.said.startswith(note)
    assert f"workload (process {workload})" in done.said
    assert f"directory {target.tmp}/pvprof." in done.said
    assert (done.manifest["complete"], done.left) == (True, [])


def test_the_tracer_ends_with_a_recorder_whose_shells_are_all_killed(target: StandIn) -> None:
    running = recording(target)
    tracer = target.pid_of("raw.out")
    kill(shells(target, running))
    wait_until(lambda: tracer not in dict(target.processes()), "the end of dtrace")


def test_a_doctor_tells_what_is_left_and_removes_it_if_asked(target: StandIn) -> None:
    running = recording(target)
    kill(shells(target, running))
    running.process.wait()
    said = target.start(doctor()).wait(target.left(patience_s=0)).archive.read_text()
    (row,) = (line for line in said.splitlines() if "\tleftovers\t" in line)
    assert row.startswith("note\tleftovers\ta recorder that was killed left: ")
    assert "--clean" in row
    assert target.lock.exists()
    done = target.start(doctor(is_cleaning=True)).wait()
    (row,) = (line for line in done.archive.read_text().splitlines() if "\tleftovers\t" in line)
    assert row.startswith("ok\tleftovers\tremoved: ")
    assert "workload (process " in row
    assert done.left == []


def test_a_doctor_leaves_a_recorder_that_works_alone(target: StandIn) -> None:
    running = recording(target)
    said = target.start(doctor(is_cleaning=True))
    said.process.wait(60)
    assert "leftovers\tnone" in said.archive.read_text()
    running.say(b"stop\n")
    assert running.wait().incomplete_reason() == "stopped before its end"


def test_a_process_that_has_the_number_of_a_dead_one_is_not_killed(target: StandIn) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        left = target.lock / "by.999999999.1-2"
        left.mkdir(parents=True)
        (target.lock / "holder").symlink_to("999999999.1-2")
        (left / "processes").write_text(f"{other.pid} 1-2 workload\n{other.pid} 1-2 dtrace\n")
        precious = target.top / "precious"
        precious.write_text("")
        done = target.run(plan_for("offcpu", "true"))
        assert other.poll() is None
        other.kill()
    assert precious.exists()
    assert (done.manifest["complete"], done.left) == (True, [])


def test_a_killed_listener_is_replaced(target: StandIn) -> None:
    running = recording(target)
    (list_file,) = target.lock.glob("by.*/processes")
    (listener,) = (
        row.split()[0] for row in list_file.read_text().splitlines() if "listener" in row
    )
    os.kill(int(listener), signal.SIGKILL)
    wait_until(lambda: list_file.read_text().count("listener") > 1, "another listener")
    running.say(b"stop\n")
    assert running.wait().incomplete_reason() == "stopped before its end"


@pytest.mark.parametrize("number", [0, 2])
def test_a_workload_that_signals_its_group_ends_only_itself(target: StandIn, number: int) -> None:
    """FreeBSD's sh gives it a group of its own; the shells here need a terminal for that."""
    target.env["PATH"] = f"{with_groups(target)}:{target.env['PATH']}"
    script = f"trap '' INT; sleep 0.2; kill -s {['TERM', '', 'KILL'][number]} 0; sleep 60"
    done = target.run(plan_for("offcpu", "sh", "-c", script))
    assert done.manifest["exit_status"] == 128 + [15, 0, 9][number]
    assert done.manifest["tracer_status"] == 0
    assert done.left == []


def with_groups(target: StandIn) -> Path:
    """Return a directory with a `time` that makes a group of its own, as set -m does there."""
    place = target.top / "groups"
    place.mkdir()
    real = Path(__file__).parent.parent / "target/bin/time"
    (place / "time").write_text(f'#!/bin/sh\nexec setsid "{real}" "$@"\n')
    (place / "time").chmod(0o755)
    return place


# --- the lock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_number", range(2))
def test_of_ten_recorders_on_a_stale_lock_one_records(target: StandIn, round_number: int) -> None:
    if round_number:
        target.lock.mkdir()
        (target.lock / "pid").write_text("999999999\n")
    else:
        (target.lock / "by.999999999.1-2").mkdir(parents=True)
        (target.lock / "holder").symlink_to("999999999.1-2")
    text = recorder(plan_for("offcpu", "sleep", "3"))
    running = [target.start(text) for _ in range(10)]
    statuses = sorted(one.process.wait(60) for one in running)
    assert statuses == [0] + 9 * [3]
    for one in running:
        if one.process.returncode:
            assert "another recorder is at work here (process " in one.said
    assert target.left() == []


def test_a_directory_that_is_a_link_is_no_lock(target: StandIn) -> None:
    (target.top / "elsewhere").mkdir()
    target.lock.symlink_to(target.top / "elsewhere")
    done = target.start(recorder(plan_for("offcpu", "true"))).wait([f"lock {target.lock}"])
    assert done.status == 3
    assert "cannot make the lock" in done.said


# --- files ---------------------------------------------------------------------------------------


def carried(target: StandIn, *words: str, output: str = "out.tar.gz", **more: Any) -> Running:
    text = recorder(plan_for("offcpu", *words, **more), is_carried=True)
    return target.start(text, "-o", output, carried=True)


@pytest.mark.parametrize("name", ["out.tar.gz.part", "out.tar.gz.0123456789abcdef.part"])
def test_a_file_beside_the_output_is_neither_followed_nor_removed(
    target: StandIn, name: str
) -> None:
    precious = target.top / "precious"
    precious.write_text("precious")
    (target.home / name).symlink_to(precious)
    assert carried(target, "true").wait().status == 0
    assert precious.read_text() == "precious"
    assert (target.home / name).is_symlink()
    assert open_recording(str(target.home / "out.tar.gz")).manifest.is_complete is True


def test_a_run_that_is_refused_changes_no_file(target: StandIn) -> None:
    precious = target.top / "precious"
    precious.write_text("precious")
    (target.home / "out.tar.gz").symlink_to(precious)
    done = carried(target, "true").wait()
    assert (done.status, precious.read_text()) == (3, "precious")
    assert [path.name for path in target.home.iterdir()] == ["out.tar.gz"]


@in_each_shell
def test_an_output_that_is_created_while_recording_is_not_overwritten(target: StandIn) -> None:
    words = ("sh", "-c", "echo precious >out.tar.gz")
    done = carried(target, *words).wait()
    assert (done.status, done.left) == (0, [])
    assert (target.home / "out.tar.gz").read_text() == "precious\n"
    (other,) = target.home.glob("out-*.tar.gz")
    assert open_recording(str(other)).manifest.is_complete is True
    assert done.said == "pvprof: note: out.tar.gz was created while recording"


def test_an_output_may_begin_with_a_hyphen(target: StandIn) -> None:
    assert carried(target, "true", output="-x").wait().status == 0
    assert [path.name for path in target.home.iterdir()] == ["-x"]


@in_each_shell
def test_what_is_recorded_is_for_its_owner_alone(target: StandIn) -> None:
    old = os.umask(0o022)
    try:
        running = carried(target, "sh", "-c", "touch made; umask >mask; sleep 1")
        running.until("state: recording")
        (work,) = target.tmp.iterdir()
        modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (work, *work.rglob("*"))}
        assert modes == {0}
        assert running.wait().status == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE((target.home / "out.tar.gz").stat().st_mode) == 0o600
    assert stat.S_IMODE((target.home / "made").stat().st_mode) == 0o644
    assert (target.home / "mask").read_text().strip() == "0022"


def test_a_directory_in_which_everybody_may_rename_is_refused(target: StandIn) -> None:
    target.tmp.chmod(0o777)
    done = target.run(plan_for("offcpu", "true"))
    assert done.status == 3
    assert f"everybody may rename what is in {target.tmp}" in done.said
    target.tmp.chmod(0o1777)
    assert target.run(plan_for("offcpu", "true")).manifest["complete"] is True


def test_variables_of_the_environment_change_nothing(target: StandIn) -> None:
    names = ("work", "part", "list", "has_lock", "has_mounted", "watcher", "swept", "clean", "self")
    precious = target.top / "precious"
    precious.mkdir()
    target.env |= dict.fromkeys(names, str(precious))
    done = target.run(plan_for("offcpu", "true"))
    assert (done.status, done.said, done.left) == (0, "", [])
    assert precious.exists()


MARKS = {
    "an end": "#end 1 1",
    "a begin": "#begin 7 8",
    "both": "#begin 7 8\n#end 9 9",
}


@pytest.mark.parametrize("name", MARKS.values(), ids=MARKS)
def test_marks_in_names_of_processes_are_no_marks(tmp_path: Path, name: str) -> None:
    text = f"\n#pvprof 2 x\n#begin 10 20\nS exec={len(name) + 1}:\n{name}\nx\n#end 30 40\n\n"
    (tmp_path / "raw.out").write_text(text)
    sh_file = Path(recorder.__code__.co_filename).parent / "sh/dtrace.sh"
    script = f"record={tmp_path}; . {sh_file}; dtrace_mark begin; dtrace_mark end"
    assert subprocess.check_output(["sh", "-c", script], text=True) == "10 20\n30 40\n"
    (tmp_path / "raw.out").write_text(text.partition("#end 30")[0] + "more\n")
    assert subprocess.check_output(["sh", "-c", script], text=True) == "10 20\n"
