"""The recorder's text, run by real shells on a stand-in for FreeBSD: faults.

After each fault there is a message, nothing is left behind, and the data that came can be opened.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RECORDINGS
from target.harness import SHELLS, Outcome, Running, StandIn, plan_for, wait_until

from pvprof.collect import recorder as recorder_module
from pvprof.collect.recorder import recorder
from pvprof.recording.open import open_recording

pytestmark = pytest.mark.slow

PROCESSES = Path(recorder_module.__file__).with_name("sh") / "processes.sh"

FALLEN_BACK = "pvprof: note: recorded with offcpu: this kernel has no kernel:profile probes"


@pytest.fixture(params=SHELLS)
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(tmp_path, request.param) as machine:
        machine.dtrace(patched=True)
        yield machine


def assert_refused(done: Outcome, message: str, hint: str = "") -> None:
    """Check that nothing was recorded, the reason, and that nothing is left."""
    lines = done.said.splitlines()
    assert lines[0].startswith("pvprof: error: ")
    assert message in lines[0]
    assert len(lines) == 1 + bool(hint), lines
    if hint:
        assert lines[1].startswith("pvprof: hint: ")
        assert hint in lines[1]
    assert done.status == 3
    assert done.archive.read_bytes() == b""
    assert done.left == []


def assert_dropped(done: Outcome) -> None:
    """Check that the recording was dropped on request."""
    assert done.said == "pvprof: note: dropped: nothing is left of the recording"
    assert done.status == 130
    assert done.archive.read_bytes() == b""
    assert done.left == []


def assert_incomplete(done: Outcome, reason: str) -> None:
    """Check that a recording came, opens, and has the reason why it is incomplete."""
    assert done.status == 0
    assert done.incomplete_reason() == reason
    assert f"pvprof: note: incomplete: {reason}" in done.said.splitlines()
    assert bytes(done.recording.data).startswith(b"#pvprof 2 ")
    assert done.left == []


def recording(target: StandIn, *words: str, mode: str = "offcpu") -> Running:
    """Start a recorder and wait until it records."""
    plan = plan_for(mode, *words, options={} if words else {"duration_ns": 0})
    return target.start(recorder(plan)).until("state: recording")


# --- the target cannot ---------------------------------------------------------------------------


def test_not_root_is_an_error(target: StandIn) -> None:
    target.set(uid="1001\n")
    assert_refused(target.run(plan_for("offcpu", "true")), "not root on target", "log in as root")


def test_root_in_a_jail_is_an_error(target: StandIn) -> None:
    target.dtrace(denied=True)
    done = target.run(plan_for("offcpu", "true"))
    assert_refused(done, "DTrace requires additional privileges", "not in a jail")


def test_a_process_that_does_not_exist_is_an_error(target: StandIn) -> None:
    missing = 2**22 + 1  # greater than any process id of Linux
    done = target.run(plan_for("offcpu", options={"pid": missing}))
    assert_refused(done, f"no process {missing} on target")


def test_another_system_is_an_error(target: StandIn) -> None:
    target.set(system="SunOS\n")
    assert_refused(
        target.run(plan_for("offcpu", "true")),
        "target runs SunOS; pvprof records on FreeBSD, Linux",
    )


def test_a_missing_module_is_loaded(target: StandIn) -> None:
    target.set(loaded=None)
    done = target.run(plan_for("offcpu", "true"))
    assert done.said == "pvprof: note: loaded the kernel module dtraceall"
    assert done.manifest["complete"] is True
    assert done.manifest["notes"] == "loaded the kernel module dtraceall"
    assert (target.state / "loaded").exists()
    assert done.left == []


def test_a_module_that_cannot_be_loaded_is_an_error(target: StandIn) -> None:
    target.set(loaded=None, no_modules="")
    done = target.run(plan_for("offcpu", "true"))
    assert_refused(done, "does not load: kldload: can't load dtraceall", "see dmesg")


def test_a_kernel_without_dtrace_is_an_error(target: StandIn) -> None:
    target.set(loaded=None, no_modules="", no_hooks="")
    done = target.run(plan_for("offcpu", "true"))
    assert_refused(done, "this kernel was built without DTrace", "KDTRACE_HOOKS")


def test_a_kernel_without_ctf_data_is_an_error(target: StandIn) -> None:
    target.dtrace(no_ctf=True)
    done = target.run(plan_for("offcpu", "true"))
    assert_refused(done, "this kernel has no CTF data", "WITH_CTF=1")


def test_offcpu_falls_back_to_the_stock_program_with_a_note(target: StandIn) -> None:
    target.dtrace(patched=False)
    done = target.run(plan_for("offcpu", "true"))
    assert done.said == FALLEN_BACK
    assert done.manifest["program"] == "offcpu"
    assert done.manifest["complete"] is True
    assert "no kernel:profile probes" in done.manifest["notes"]
    assert done.left == []


@pytest.mark.parametrize("mode", ["offcpu", "events"])
def test_a_kernel_with_an_older_patch_is_recorded_with_the_stock_program(
    target: StandIn, mode: str
) -> None:
    target.dtrace(patched=True, older_patch=True)
    done = target.run(plan_for(mode, "true"))
    older = "the kernel:profile probes are those of an older patch"
    assert done.said == f"pvprof: note: recorded with {mode}: {older}"
    assert done.manifest["program"] == mode
    assert done.manifest["complete"] is True


@pytest.mark.parametrize("mode", ["offcpu-sdt", "events-sdt"])
def test_a_program_for_patched_kernels_refuses_an_older_patch(target: StandIn, mode: str) -> None:
    target.dtrace(patched=True, older_patch=True)
    done = target.run(plan_for(mode, "true"))
    assert_refused(done, "those of an older patch", "apply the kernel patch of this version")


@pytest.mark.parametrize("mode", ["offcpu-sdt", "events-sdt"])
def test_a_mode_for_patched_kernels_needs_the_patch(target: StandIn, mode: str) -> None:
    target.dtrace(patched=False)
    done = target.run(plan_for(mode, "true"))
    assert_refused(done, "this kernel has no kernel:profile probes", "apply the kernel patch")


def test_a_missing_probe_is_an_error(target: StandIn) -> None:
    target.dtrace(lacking=["lockstat:::*"])
    done = target.run(plan_for("locks", "true"))
    probe = "probe description lockstat:::adaptive-block does not match any probes"
    assert_refused(done, probe, "kldload dtraceall")


def test_messages_of_the_d_compiler_are_shown(target: StandIn) -> None:
    target.dtrace(no_member="td_wmesg")
    done = target.run(plan_for("offcpu", "true"))
    message = "in action list: td_wmesg is not a member of struct thread"
    assert_refused(done, message, "pvprof script prints the program")


def test_a_program_that_cannot_be_enabled_starts_no_workload(target: StandIn) -> None:
    target.dtrace(patched=True, dies="could not enable tracing: Permission denied")
    done = target.run(plan_for("offcpu", "touch", "ran"))
    assert_refused(done, "could not enable tracing: Permission denied", "pvprof script")
    assert not (target.home / "ran").exists()


def test_a_directory_that_cannot_be_written_is_an_error(target: StandIn) -> None:
    nowhere = f"{target.top}/nowhere"
    done = target.run(plan_for("offcpu", "true", directory=nowhere))
    assert_refused(done, f"cannot make a directory in {nowhere}", "set TMPDIR")


# --- the workload --------------------------------------------------------------------------------


def test_a_workload_that_does_not_exist_is_an_error(target: StandIn) -> None:
    done = target.run(plan_for("offcpu", "no such program", "x"))
    assert_refused(done, "workload not found: no such program")


def test_a_workload_that_is_not_executable_is_an_error(target: StandIn) -> None:
    (target.home / "notes.txt").write_text("no program")
    done = target.run(plan_for("offcpu", "./notes.txt"))
    assert_refused(done, "./notes.txt")


def test_a_directory_as_workload_is_an_error(target: StandIn) -> None:
    assert_refused(target.run(plan_for("offcpu", "/")), "workload not executable: /")


def test_a_workload_without_its_interpreter_is_not_started(target: StandIn) -> None:
    script = target.home / "script"
    script.write_text("#!/nowhere/sh\n")
    script.chmod(0o755)
    done = target.run(plan_for("offcpu", "./script"))
    reason = "the workload was not started: time: ./script: No such file or directory"
    assert_incomplete(done, reason)


@pytest.mark.parametrize("name", ["KILL", "SEGV"])
def test_a_workload_that_dies_by_a_signal_is_reported(target: StandIn, name: str) -> None:
    done = target.run(plan_for("offcpu", "sh", "-c", f"printf begun; kill -s {name} $$"))
    number = getattr(signal, f"SIG{name}")
    assert_incomplete(done, f"the workload was killed by signal {int(number)}")
    assert done.manifest["exit_signal"] == number
    assert done.manifest["exit_status"] == 128 + number


def test_a_large_exit_status_is_not_a_signal(target: StandIn) -> None:
    words = "echo time: command terminated abnormally here; exit 200"
    done = target.run(plan_for("offcpu", "sh", "-c", words))
    assert done.manifest["exit_status"] == 200
    assert done.manifest["exit_signal"] is None
    assert done.manifest["complete"] is True
    assert (done.said, done.left) == ("", [])


def test_a_workload_that_prints_messages_of_time_is_not_misread(target: StandIn) -> None:
    words = "echo time: command terminated abnormally; exit 3"
    done = target.run(plan_for("offcpu", "sh", "-c", words))
    assert done.manifest["exit_status"] == 3
    assert done.manifest["exit_signal"] is None
    assert done.manifest["complete"] is True


DAEMONS = {
    "a child of its own": "sleep 300 & echo $! >pid",
    "a session of its own": "setsid sh -c 'sleep 300 & echo $! >pid'",
}


@pytest.mark.parametrize("script", DAEMONS.values(), ids=DAEMONS)
def test_a_daemon_of_the_workload_does_not_delay_the_end(target: StandIn, script: str) -> None:
    running = target.start(recorder(plan_for("offcpu", "sh", "-c", script)))
    running.process.wait(60)
    daemon = int((target.home / "pid").read_text())
    try:
        wait_until(lambda: [pid for pid, _ in target.processes()] == [daemon], "the daemon alone")
    except pytest.fail.Exception:
        pytest.fail(f"the daemon is {daemon}, and there are {target.processes()}")
    os.kill(daemon, signal.SIGKILL)  # the recorder must not end it
    done = running.wait()
    assert done.manifest["complete"] is True
    assert done.manifest["exit_status"] == 0
    assert done.said == f"pvprof: note: {done.manifest['notes']}"
    assert "left processes running" in done.said
    assert done.left == []


def is_static(program: str) -> bool:
    """Tell whether an ELF file needs no interpreter: it has no PT_INTERP."""
    data = Path(program).read_bytes()
    start, size, count = (*struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54))
    kinds = [struct.unpack_from("<I", data, start + n * size)[0] for n in range(count)]
    return data[:4] == b"\x7fELF" and 3 not in kinds


def test_a_static_binary_can_be_the_workload(target: StandIn) -> None:
    assert is_static("/sbin/ldconfig")
    assert not is_static("/bin/sleep")
    done = target.run(plan_for("offcpu", "/sbin/ldconfig", "-V"))
    assert done.manifest["complete"] is True
    assert done.manifest["exit_status"] == 0
    assert (done.said, done.left) == ("", [])


def test_a_workload_that_ignores_sigterm_is_killed(target: StandIn) -> None:
    script = "trap '' TERM; sh -c 'while :; do sleep 0.1; done' & echo $! >child; wait"
    running = recording(target, "sh", "-c", script)
    wait_until((target.home / "child").exists, "the workload's child")
    running.say(b"stop\n")
    assert_incomplete(running.wait(), "stopped before its end")


def test_a_stopped_workload_is_ended(target: StandIn) -> None:
    running = recording(target, "sh", "-c", "echo $$ >pid; kill -s STOP $$; sleep 60")
    wait_until((target.home / "pid").exists, "the workload")
    running.say(b"stop\n")
    assert_incomplete(running.wait(), "stopped before its end")


# --- the tracer ----------------------------------------------------------------------------------


def test_the_output_of_a_killed_dtrace_is_kept(target: StandIn) -> None:
    running = recording(target, "sleep", "60", mode="events")
    os.kill(target.pid_of("fake_dtrace.py"), signal.SIGKILL)
    done = running.wait()
    assert_incomplete(done, "dtrace was killed by signal 9")
    assert b"#end" not in bytes(done.recording.data)
    assert bytes(done.recording.data).count(b"\nS ") > 10
    assert done.manifest["end"] is None
    assert done.manifest["duration_ns"] is None


def end_dtrace(target: StandIn) -> None:
    """Ask dtrace to end, as another process than the recorder may."""
    os.kill(target.pid_of("fake_dtrace.py"), signal.SIGTERM)


def test_a_tracer_that_ends_before_the_workload_leaves_an_incomplete_recording(
    target: StandIn,
) -> None:
    running = recording(target, "sleep", "60")
    end_dtrace(target)
    done = running.wait()
    assert_incomplete(done, "dtrace ended before the workload did")
    assert (done.manifest["tracer_status"], done.manifest["end_marker"]) == (0, True)


def test_a_workload_may_end_shortly_after_the_tracer(target: StandIn) -> None:
    """Its end ends the tracer, which may notice before the process is gone."""
    running = recording(target, "sleep", "1")
    end_dtrace(target)
    assert running.wait().manifest["complete"] is True


def test_a_tracer_that_ends_before_its_time_leaves_an_incomplete_recording(
    target: StandIn,
) -> None:
    text = recorder(plan_for("offcpu", options={"duration_ns": 60 * 10**9}))
    running = target.start(text).until("state: recording")
    end_dtrace(target)
    assert_incomplete(running.wait(), "dtrace ended before the time was over")


def test_dtrace_that_aborts_leaves_an_incomplete_recording(target: StandIn) -> None:
    said = (RECORDINGS / "build-events.err").read_text()
    lowered, *drops, gave_up = said.splitlines(keepends=True)
    abort = gave_up.removeprefix("dtrace: processing aborted: ").strip()
    target.dtrace(patched=True, stderr="".join(drops), abort=abort)
    done = target.run(plan_for("events", "sleep", "60"))
    assert_incomplete(done, f"dtrace failed with status 1: processing aborted: {abort}")
    assert done.recording.stderr == said
    assert done.manifest["drops"] == 681 + 1751 + 305
    assert lowered == "dtrace: buffer size lowered to 4m\n"


def test_tracing_ends_if_dtrace_misses_the_end_of_the_workload(target: StandIn) -> None:
    fast = target.top / "bin" / "sleep"
    fast.write_text("#!/bin/sh\nexec /bin/sleep 0.1\n")  # makes the five seconds short
    fast.chmod(0o755)
    target.dtrace(patched=True, misses_exit=True, end_s=1)
    done = target.run(plan_for("offcpu", "true"))
    assert done.manifest["complete"] is True
    assert done.manifest["end_marker"] is True  # if asked twice to end, dtrace prints no END
    assert done.left == []


SMALL_DISK = """
mount -t tmpfs -o size=1m tmpfs "$TMPDIR" || exit 99
"$0" "$@"
status=$?
rm -f "$TMPDIR"/hog
ls -A "$TMPDIR" >left-on-disk
exit $status
"""


def on_small_disk(target: StandIn, text: str) -> Outcome:
    """Run a recorder whose temporary directory has one megabyte; check that it is left empty."""
    maps_root = () if os.getuid() == 0 else ("--map-root-user",)
    prefix = ("unshare", *maps_root, "--mount", "sh", "-c", SMALL_DISK)
    done = target.start(text, prefix=prefix).wait()
    if done.status == 99 or done.said.startswith("unshare: "):
        pytest.skip(f"no file system may be mounted here: {done.said}")
    assert (target.home / "left-on-disk").read_text() == ""
    return done


def test_a_full_disk_on_the_target_keeps_what_fits(target: StandIn) -> None:
    target.dtrace(patched=True, floods=True)
    done = on_small_disk(target, recorder(plan_for("events", "sleep", "60")))
    assert_incomplete(done, f"no space left in {done_work(done)}")
    assert len(done.recording.data) > 100_000


def test_a_full_disk_that_dtrace_ignores_makes_the_recording_incomplete(target: StandIn) -> None:
    """dtrace ignores a failed flush: the end mark is missing, and it exits with 0."""
    words = ("dd", "if=/dev/zero", f"of={target.tmp}/hog", "bs=1024", "count=2000")
    done = on_small_disk(target, recorder(plan_for("wakeup", *words)))
    assert_incomplete(done, f"no space left in {done_work(done)}")
    assert done.manifest["tracer_status"] == 0
    assert done.manifest["end_marker"] is False


def done_work(done: Outcome) -> str:
    """Return the directory that a recorder named in its last message."""
    return done.said.rpartition(" ")[2]


def test_symbols_without_room_are_left_out(target: StandIn) -> None:
    (target.state / "symbols").write_bytes(os.urandom(2_000_000))
    done = on_small_disk(target, recorder(plan_for("offcpu", "true", has_symbols=True)))
    assert done.status == 0
    assert done.manifest["complete"] is True
    assert "symbols.nm.gz" not in done.members


# --- connections and signals ----------------------------------------------------------------------


def test_a_cut_connection_leaves_nothing(target: StandIn) -> None:
    running = recording(target, "sleep", "60")
    running.hang_up()
    assert_dropped(running.wait())


def test_a_cut_connection_ends_a_process_started_just_before(target: StandIn) -> None:
    """The process runs, and the shell has not yet kept its number in a variable."""
    text = recorder(plan_for("offcpu", "sleep", "60"))
    moment = "\treport_progress >/dev/null 3<&- &\n"
    assert text.count(moment) == 1
    slow = text.replace(moment, f"{moment}\tsay 'state: at that moment'\n\tsleep 2\n")
    running = target.start(slow)
    running.until("state: at that moment")
    running.hang_up()
    assert_dropped(running.wait())


def test_a_cut_connection_leaves_nothing_under_nohup(target: StandIn) -> None:
    ignoring = ("sh", "-c", "trap '' HUP; exec \"$@\"", "nohup")  # no shell can undo it
    running = target.start(recorder(plan_for("offcpu", "sleep", "60")), prefix=ignoring)
    running.until("state: recording")
    running.hang_up()
    assert_dropped(running.wait())


def test_a_connection_cut_before_tracing_leaves_nothing(target: StandIn) -> None:
    target.dtrace(patched=True, begin_s=60)
    running = target.start(recorder(plan_for("offcpu", "touch", "ran")))
    target.pid_of("raw.out")
    running.hang_up()
    assert_dropped(running.wait())
    assert not (target.home / "ran").exists()


def test_stop_ends_tracing_and_keeps_the_recording(target: StandIn) -> None:
    running = recording(target, "sleep", "60")
    running.say(b"stop\n")
    done = running.wait()
    assert_incomplete(done, "stopped before its end")
    assert done.manifest["end_marker"] is True
    assert done.manifest["tracer_status"] == 0


def test_drop_after_stop_drops_the_recording(target: StandIn) -> None:
    target.dtrace(patched=True, end_s=60)
    running = recording(target, "sleep", "60")
    running.say(b"stop\n")
    running.until("state: stopping").say(b"drop\n")
    assert_dropped(running.wait())


def test_a_second_stop_changes_nothing(target: StandIn) -> None:
    target.dtrace(patched=True, end_s=2)
    running = recording(target, "sleep", "60")
    running.say(b"stop\n")
    running.until("state: stopping").say(b"stop\n")
    assert_incomplete(running.wait(), "stopped before its end")


def test_stop_before_tracing_drops_the_recording(target: StandIn) -> None:
    target.dtrace(patched=True, begin_s=60)
    running = target.start(recorder(plan_for("offcpu", "touch", "ran")))
    target.pid_of("raw.out")
    running.say(b"stop\n")
    assert_dropped(running.wait())
    assert not (target.home / "ran").exists()


def test_drop_drops_the_recording(target: StandIn) -> None:
    running = recording(target, "sleep", "60")
    running.say(b"drop\n")
    assert_dropped(running.wait())


def carried(target: StandIn, *words: str) -> Running:
    """Start a recorder by hand, and wait until it records."""
    text = recorder(plan_for("offcpu", *words), is_carried=True)
    return target.start(text, "-o", "mine.tar.gz", carried=True).until("state: recording")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_a_carried_recorder_keeps_the_recording(
    target: StandIn, number: signal.Signals
) -> None:
    running = carried(target, "sleep", "60")
    running.process.send_signal(number)
    done = running.wait()
    done.archive = target.home / "mine.tar.gz"
    assert_incomplete(done, "stopped before its end")
    assert [place.name for place in target.home.iterdir()] == ["mine.tar.gz"]


def test_ctrl_c_on_a_terminal_keeps_a_carried_recording(target: StandIn) -> None:
    running = carried(target, "sleep", "60")
    os.killpg(running.process.pid, signal.SIGINT)
    done = running.wait()
    done.archive = target.home / "mine.tar.gz"
    assert_incomplete(done, "stopped before its end")
    assert done.manifest["end_marker"] is True


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_after_a_signal_drops_a_carried_recording(
    target: StandIn, first: signal.Signals
) -> None:
    target.dtrace(patched=True, end_s=60)
    running = carried(target, "sleep", "60")
    running.process.send_signal(first)
    running.until("state: stopping").process.send_signal(signal.SIGINT)
    assert_dropped(running.wait())
    assert list(target.home.iterdir()) == []


def test_timeout_keeps_a_carried_recording(target: StandIn) -> None:
    """timeout(1) signals the recorder, and again its group: dtrace must not be asked twice."""
    target.dtrace(patched=True, end_s=0.5)
    text = recorder(plan_for("offcpu", options={"duration_ns": 60_000_000_000}), is_carried=True)
    words = ("-o", "mine.tar.gz")
    done = target.start(text, *words, carried=True, prefix=("timeout", "4")).wait()
    done.archive = target.home / "mine.tar.gz"
    assert (done.status, done.left) == (124, [])
    assert done.incomplete_reason() == "stopped before its end"
    assert done.manifest["end_marker"] is True


def test_a_closed_terminal_drops_a_carried_recording(target: StandIn) -> None:
    running = carried(target, "sleep", "60")
    running.process.send_signal(signal.SIGHUP)
    assert_dropped(running.wait())
    assert list(target.home.iterdir()) == []


def test_a_full_disk_under_the_output_is_an_error(target: StandIn) -> None:
    """The archive's own file system is full: ulimit makes every larger file fail."""
    (target.state / "symbols").write_bytes(os.urandom(3_000_000))
    text = recorder(plan_for("offcpu", "true", has_symbols=True), is_carried=True)
    full = target.home / "full"
    full.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs full || exit 99; "$0" "$@"; s=$?; ls full >l; exit $s'
    maps_root = () if os.getuid() == 0 else ("--map-root-user",)
    prefix = ("unshare", *maps_root, "--mount", "sh", "-c", script)
    done = target.start(text, "-o", "full/mine.tar.gz", carried=True, prefix=prefix).wait()
    if done.status == 99 or done.said.startswith("unshare: "):
        pytest.skip(f"no file system may be mounted here: {done.said}")
    assert (target.home / "l").read_text() == ""
    error, hint = done.said.splitlines()
    assert error.startswith("pvprof: error: cannot write full/mine.tar.gz: ")
    assert done.status == 3
    kept = hint.removeprefix("pvprof: hint: the recording is in ").partition(": ")[0]
    recording = open_recording(kept)
    assert recording.problems == ()
    assert len(recording.symbols) > 0


# --- other recorders -----------------------------------------------------------------------------


def test_a_second_recorder_is_an_error_and_does_not_disturb_the_first(target: StandIn) -> None:
    first = recording(target, "sleep", "60")
    second = target.start(recorder(plan_for("offcpu", "true")))
    second.process.wait(60)
    lines = second.said.splitlines()[1:]
    holder = (target.lock / "pid").read_text().strip()
    assert lines[0] == f"pvprof: error: another recorder is at work here (process {holder})"
    assert lines[1].startswith("pvprof: hint: wait for it")
    assert second.process.returncode == 3
    assert second.archive.read_bytes() == b""
    first.say(b"stop\n")
    assert_incomplete(first.wait(), "stopped before its end")


def test_the_lock_of_a_killed_recorder_is_taken_over(target: StandIn) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    target.lock.mkdir()
    (target.lock / "pid").write_text(f"{dead.pid}\n")
    done = target.run(plan_for("offcpu", "true"))
    assert done.manifest["complete"] is True
    assert done.left == []


def test_a_lock_without_a_process_is_taken_over(target: StandIn) -> None:
    target.lock.mkdir()
    done = target.run(plan_for("offcpu", "true"))
    assert done.manifest["complete"] is True
    assert done.left == []


def test_a_lock_that_cannot_be_made_is_an_error(target: StandIn) -> None:
    target.env["PVPROF_LOCK"] = "/nowhere/lock"
    assert_refused(target.run(plan_for("offcpu", "true")), "cannot make the lock /nowhere/lock")


SLOW_FORK = """
import os, pathlib, sys
held = bytearray(b"x") * (512 << 20)
pathlib.Path(sys.argv[1]).touch()
if os.fork() == 0:
    os.execlp("sleep", "sleep", sys.argv[2])
os.wait()
"""
"""A fork that takes some 10 ms, as the page tables of 512 MiB are copied."""


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "sh"]], ids=SHELLS)
def test_a_child_that_is_being_forked_while_the_tree_is_stopped_does_not_escape(
    tmp_path: Path, shell: list[str]
) -> None:
    text = PROCESSES.read_text()
    program, ready = tmp_path / "fork.py", tmp_path / "ready"
    program.write_text(SLOW_FORK)
    seconds = f"60.{os.getpid()}"  # only this test's processes have it
    for round_number in range(0, 8, 2):
        ready.unlink(missing_ok=True)
        wait = f"until [ -e {ready} ]; do :; done; sleep 0.0{round_number:02}"
        start = f"{sys.executable} {program} {ready} {seconds} & top=$!"
        subprocess.run([*shell, "-c", f"{text}\n{start}\n{wait}\nkill_tree $top"], check=True)
    left: list[str] = []
    deadline = time.monotonic() + 5  # who was killed last may still be dying, who escaped sleeps
    while time.monotonic() < deadline:
        listed = subprocess.check_output(["ps", "-A", "-o", "state=,args="], text=True)
        left = [line for line in listed.splitlines() if f"sleep {seconds}" in line]
        if not left:
            break
        time.sleep(0.1)
    subprocess.run(["pkill", "-KILL", "-f", f"sleep {seconds}"], check=False)
    assert left == []


@pytest.mark.parametrize("shell", [["sh"], ["busybox", "sh"]], ids=["dash", "busybox"])
def test_no_part_of_the_recorder_begins_while_the_shell_cleans_up(
    tmp_path: Path, shell: list[str]
) -> None:
    text = PROCESSES.read_text() + PROCESSES.with_name("lock.sh").read_text()
    begin = f"self=$$.$(born $$)\nlist={tmp_path}/list\n(enlist listener; echo begun)"
    said = {}
    for state in ("at work", "ending", "removed"):
        directory = tmp_path / "list"
        if state == "at work":
            directory.mkdir()
        elif state == "ending":
            (directory / "ending").touch()
        else:
            directory.rename(tmp_path / "gone")
        command = [*shell, "-c", f"{text}\n{begin}"]
        said[state] = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert said == {"at work": "begun\n", "ending": "", "removed": ""}
