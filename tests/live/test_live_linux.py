"""Recordings of the running kernel, for what no fake tracer can show.

They need root, bpftrace and a kernel that lets itself be traced; elsewhere they are left out, with
the reason, and in continuous integration that is a failure.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import pvprof, reason_against
from helpers.programs import BPFTRACE_PROGRAMS

from pvprof.collect.options import ProgramOptions
from pvprof.collect.recorder import Plan, recorder
from pvprof.recording.open import open_recording

WORKLOAD = Path(__file__).parent / "workload.py"
TREE = ProgramOptions(scope="tree", ends_with_workload=True)
TOLERANCE = 0.05
MOUNTS = Path("/proc/mounts")


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVPROF_LOCK", str(tmp_path / "recorder.lock"))


TRACEFS = "/sys/kernel/tracing"


@pytest.fixture(scope="module")
def _tracefs() -> Iterator[None]:
    """Mount tracefs, as the recorder does, if it is not mounted; bpftrace needs it."""
    if tracing_mounts():
        yield
        return
    subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=True)
    yield
    subprocess.run(["umount", TRACEFS], check=True)


Record = Callable[..., Path]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Return a function that records steps of the workload with `pvprof record`."""

    def record_steps(mode: str, *steps: str, options: tuple[str, ...] = ()) -> Path:
        path = tmp_path / f"{mode}.pvprof"
        words = ["record", mode, "-q", "-o", str(path), *options]
        words += ["--", sys.executable, str(WORKLOAD), *steps]
        done = pvprof(*words)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        manifest = json.loads((path / "manifest.json").read_text())
        assert (manifest["complete"], manifest["drops"]) == (True, 0), manifest
        return path

    return record_steps


def known(place: Path) -> dict[str, int]:
    """Return the times that the workload measured, in ns by step; equal steps are summed."""
    found: dict[str, int] = {}
    for line in (place / "workload.txt").read_text().splitlines():
        name, ns = line.split()
        found[name] = found.get(name, 0) + int(ns)
    return found


def rows(run: RunCommand, place: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a recording's report by name, for all kinds."""
    result = run("report", place, "-k", "all", "-o", "-", "--format", "json", *options)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    lost = {problem["kind"] for problem in report["problems"] if problem["severity"] == "loss"}
    # Of fifty stacks one in fifty times two have the same place; and of two thousand switches this
    # kernel may keep one from the program.
    assert lost <= {"lost-stacks", "lost-waits", "missed-ends", "skipped-events"}
    return {row["name"]: row for section in report["sections"] for row in section["rows"]}


def test_waits_off_the_cpu_have_their_name_and_length(record: Record, run: RunCommand) -> None:
    path = record("offcpu", "sleep", "pipe", "child", "futex")
    truth, found = known(path), rows(run, path)
    for step, name in (("pipe", "pipe read"), ("futex", "futex"), ("child", "wait")):
        assert found[name]["value"] == pytest.approx(truth[step], rel=TOLERANCE), name
    kinds = {name: found[name]["kind"] for name in ("pipe read", "futex", "wait", "nanosleep")}
    assert kinds == {
        "pipe read": "ipc",
        "futex": "user",
        "wait": "child",
        "nanosleep": "timer",
    }
    # the sleep itself, and the sleeps of the children that two other steps wait for
    assert found["nanosleep"]["value"] >= truth["sleep"] * (1 - TOLERANCE)
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["tracer"] == "bpftrace"
    assert manifest["kernel"]["system"] == "Linux"
    assert manifest["real_s"] == pytest.approx(manifest["duration_ns"] / 1e9, abs=0.5)
    assert manifest["user_s"] > 0


def test_single_waits_agree_with_sums_and_have_wakers(record: Record, run: RunCommand) -> None:
    path = record("events", "sleep", "pipe", "futex", options=("--wakers",))
    truth, found = known(path), rows(run, path)
    for step, name in (("sleep", "nanosleep"), ("pipe", "pipe read"), ("futex", "futex")):
        longest = found[name]["quantiles"]["max_ns"]
        assert longest == pytest.approx(truth[step], rel=TOLERANCE), name
        assert found[name]["blocked"] + found[name]["runnable"] <= found[name]["value"]
    (waker,) = found["nanosleep"]["wakers"]
    assert waker["execname"] == "[interrupt]"  # the timer interrupt


def test_spinning_and_blocking_on_a_mutex_are_found_and_named(
    record: Record, run: RunCommand
) -> None:
    path = record("locks", "lock")
    row = rows(run, path)["file position mutex"]
    assert row["block"] == pytest.approx(known(path)["lock"], rel=TOLERANCE)
    assert (row["kind"], row["class"]) == ("kernel", "file descriptors")
    assert row["value"] == row["block"] + row["spin"]


def test_modes_that_see_the_same_wait_are_not_added_up(tmp_path: Path, run: RunCommand) -> None:
    path = tmp_path / "set"
    words = ["record", "offcpu", "locks", "--repeat", "2", "-q", "-o", str(path)]
    done = pvprof(*words, "--", sys.executable, str(WORKLOAD), "lock")
    assert done.returncode == 0, done.stderr
    truth = {
        mode: sum(known(path / f"{mode}-{number}.pvprof")["lock"] for number in (1, 2))
        for mode in ("offcpu", "locks")
    }
    report = json.loads(run("report", path, "--format", "json").stdout)
    found = {
        section["mode"]: row["block"]
        for section in report["sections"]
        for row in section["rows"]
        if row["name"] == "file position mutex"
    }
    assert found == pytest.approx(truth, rel=TOLERANCE)
    assert [section["recordings"] for section in report["sections"]] == [2, 2]


def test_wakers_are_found_with_both_stacks(record: Record, run: RunCommand) -> None:
    path = record("wakeup", "pipe")
    assert rows(run, path)["pipe read"]["value"] == pytest.approx(
        known(path)["pipe"], rel=TOLERANCE
    )
    chains = run("fold", path, "-k", "ipc", "--chain", "wakers").stdout
    (line,) = (one for one in chains.splitlines() if "anon_pipe_read" in one or "pipe_read" in one)
    sleeper, _, waker = line.partition(";--;")
    assert "pipe_write" in waker
    assert sleeper.endswith("pipe read")


@pytest.fixture(name="traced_by_ftrace")
def _traced_by_ftrace(_tracefs: None) -> Iterator[None]:
    """Have ftrace trace the same events, in an instance of its own."""
    instance = Path(TRACEFS, "instances", f"pvprof-test-{os.getpid()}")
    instance.mkdir()
    try:
        for event in ("sched/sched_switch", "sched/sched_waking", "lock/contention_begin"):
            (instance / "events" / event / "enable").write_text("1")
        yield
    finally:
        (instance / "events/enable").write_text("0")
        instance.rmdir()


@pytest.mark.usefixtures("traced_by_ftrace")
def test_names_and_stacks_are_the_same_beside_another_tracer(
    record: Record, run: RunCommand
) -> None:
    path = record("events", "pipe", "lock", options=("--wakers",))
    for event in ("sched_switch", "sched_waking"):  # else nothing was tried
        assert f"__traceiter_{event}" in (path / "raw.out").read_text()
    found = rows(run, path)
    assert found["pipe read"]["value"] == pytest.approx(known(path)["pipe"], rel=TOLERANCE)
    lock = found["file position mutex"]
    assert lock["value"] == pytest.approx(known(path)["lock"], rel=TOLERANCE)
    assert (lock["kind"], lock["class"]) == ("kernel", "file descriptors")
    assert "__traceiter" not in run("fold", path, "-k", "all", "--chain", "wakers").stdout
    contention = record("locks", "lock")
    assert "__traceiter_contention_begin" in (contention / "raw.out").read_text()
    assert rows(run, contention)["file position mutex"]["class"] == "file descriptors"


def test_waiting_for_a_cpu_is_not_a_wait_for_a_lock(record: Record, run: RunCommand) -> None:
    path = record("runq", "crowd")
    truth = known(path)["crowd"]
    result = run("report", path, "-o", "-", "--format", "json")
    (section,) = json.loads(result.stdout)["sections"]
    assert {row["kind"] for row in section["rows"]} == {"runq"}
    # On a busy machine the workload's interpreter waits too, before the step begins.
    assert (1 - TOLERANCE) * truth <= section["total"]["value"] <= 1.5 * truth


def test_the_number_of_samples_matches_the_computing_time(record: Record, run: RunCommand) -> None:
    path = record("oncpu", "busy", "busy", options=("--rate", "499"))
    report = json.loads(run("report", path, "-o", "-", "--format", "json").stdout)
    samples = report["sections"][0]["total"]["value"]
    assert samples == pytest.approx(499 * known(path)["busy"] / 1e9, rel=0.25)  # start-up adds some
    assert any(";-;" in line for line in run("fold", "-k", "all", path).stdout.splitlines())


@pytest.mark.parametrize("mode", ["offcpu", "locks"])
def test_short_waits_are_only_counted(mode: str, record: Record, run: RunCommand) -> None:
    path = record(mode, "pipe", "lock", options=("--min-wait", "1m"))
    report = json.loads(run("report", path, "-k", "all", "-o", "-", "--format", "json").stdout)
    aside = [one for one in report["problems"] if one["kind"] == "set-aside"]
    assert aside
    assert sum(one["count"] for one in aside) >= 2
    assert all("waits shorter than the minimum" in one["text"] for one in aside)
    assert sum(section["total"]["value"] for section in report["sections"]) == 0


@pytest.mark.parametrize("mode", ["offcpu", "events"])
def test_any_name_of_a_process_survives(record: Record, run: RunCommand, mode: str) -> None:
    options = ("--by-process",) if mode == "offcpu" else ()
    path = record(mode, "odd-name", options=options)
    folded = run("fold", path, "-k", "timer").stdout
    (line,) = (one for one in folded.splitlines() if one.startswith("a\\x0a"))
    assert line.startswith('a\\x0a,"\\\\x01 .\\xff]: 5;kernel`entry_SYSCALL_64') or (
        "nanosleep" in line and line.startswith('a\\x0a,"')
    )
    total = int(line.rsplit(" ", 1)[1])
    assert total == pytest.approx(known(path)["sleep"], rel=TOLERANCE)


def test_an_exec_by_a_later_thread_is_still_the_workload(record: Record, run: RunCommand) -> None:
    path = record("offcpu", "exec-in-thread")
    found = rows(run, path)["nanosleep"]["value"]
    assert found == pytest.approx(known(path)["sleep"], rel=TOLERANCE)


@pytest.mark.parametrize("mode", BPFTRACE_PROGRAMS)
def test_the_whole_system_is_recorded_for_a_while(
    mode: str, tmp_path: Path, run: RunCommand
) -> None:
    path = tmp_path / "all.pvprof"
    done = pvprof("record", mode, "-d", "1", "-o", str(path), "--no-symbols")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["complete"] is True
    assert 0.999e9 <= manifest["duration_ns"] < 5e9  # the timer starts shortly before the mark
    assert run("report", path, "-k", "all").exit_code == 0
    assert "bpftrace" not in run("fold", path, "-k", "all").stdout.split(";")


# --- losses and errors ----------------------------------------------------------------------------


def carried(plan: Plan) -> str:
    """Return a standalone recorder script, which reads no commands from stdin."""
    return recorder(plan, is_carried=True)


def recorded(text: str, tmp_path: Path, **more: Any) -> Path:
    """Run a standalone recorder script, and return the archive that it writes."""
    script, archive = tmp_path / "rec.sh", tmp_path / "recorded.tar.gz"
    script.write_text(text)
    archive.unlink(missing_ok=True)
    words = ["sh", str(script), "-q", "-o", str(archive)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stderr
    return archive


def test_waits_that_did_not_fit_into_a_map_are_counted(tmp_path: Path, run: RunCommand) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait"
    text = carried(Plan("offcpu", TREE, ("sh", "-c", script), has_symbols=False))
    tiny = text.replace("MAP_KEYS_MAX=65536", "MAP_KEYS_MAX=4").replace(
        "MAP_KEYS=65536", "MAP_KEYS=4"
    )
    assert tiny != text
    archive = recorded(tiny, tmp_path)
    assert open_recording(str(archive)).manifest.raw["drops"] > 0
    report = json.loads(run("report", archive, "-o", "-", "--format", "json").stdout)
    (full,) = (problem for problem in report["problems"] if problem["kind"] == "map-full")
    assert (full["severity"], full["count"] > 0) == ("loss", True)


def test_single_waits_that_are_lost_are_counted(tmp_path: Path, run: RunCommand) -> None:
    # two processes that only wait for each other
    script = "import os\nr, w = os.pipe()\ns, v = os.pipe()\nif os.fork():\n"
    script += " for _ in range(20000): os.write(w, b'x'); os.read(s, 1)\nelse:\n"
    script += " for _ in range(20000): os.read(r, 1); os.write(v, b'x')\n"
    text = carried(Plan("events", TREE, (sys.executable, "-c", script), has_symbols=False))
    tiny = text.replace("KEYS_MAX=65536", "KEYS_MAX=64").replace("MAP_KEYS=65536", "MAP_KEYS=64")
    assert tiny != text
    archive = recorded(tiny, tmp_path)
    drops = open_recording(str(archive)).manifest.raw["drops"]
    report = json.loads(run("report", archive, "-k", "all", "-o", "-", "--format", "json").stdout)
    counts = {problem["kind"]: problem["count"] for problem in report["problems"]}
    assert counts["not-printed"] == drops
    # each of both processes waits for the other up to 20,000 times
    assert 10_000 < drops < 40_100
    (row,) = [
        row
        for section in report["sections"]
        for row in section["rows"]
        if row["name"] == "pipe read"
    ]
    assert drops + row["count"] + counts.get("missed-ends", 0) >= 20_000


BUSY_WITH_MAPS = """
import ctypes, struct, time
libc, room = ctypes.CDLL(None), ctypes.create_string_buffer
def bpf(command, *attributes):
    return libc.syscall(BPF, command, room(struct.pack(*attributes), 128), 128)
entries, address = 65536, ctypes.addressof
table = bpf(0, "IIII", 1, 4, 8, entries)
key, value = room(4), room(8)
for number in range(entries):
    struct.pack_into("I", key, 0, number)
    bpf(2, "IIQQQ", table, 0, address(key), address(value), 0)
keys, values, place = room(4 * entries), room(8 * entries), room(4)
print("ready", flush=True)
while True:
    buffers = (0, address(place), address(keys), address(values))
    bpf(24, "QQQQIIQQ", *buffers, entries, table, 0, 0)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of bpf(2)")
def test_events_that_the_kernel_keeps_from_the_program_are_counted(
    tmp_path: Path, run: RunCommand
) -> None:
    """While bpf(2) reads a map, the kernel runs no program on that CPU, and counts that."""
    load = subprocess.Popen(
        [sys.executable, "-c", BUSY_WITH_MAPS.replace("BPF", "321")],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert load.stdout is not None
        assert load.stdout.readline() == "ready\n"
        for seconds in ("2", "4", "8"):
            path = tmp_path / f"{seconds}.pvprof"
            done = pvprof("record", "events", "--wakers", "-d", seconds, "-q", "-o", str(path))
            assert done.returncode == 0, done.stderr
            skipped = open_recording(str(path)).manifest.skipped
            if skipped:
                break
    finally:
        load.kill()
        load.communicate()
    assert skipped > 0
    report = json.loads(run("report", path, "-k", "all", "-o", "-", "--format", "json").stdout)
    counts = {problem["kind"]: problem["count"] for problem in report["problems"]}
    assert counts["skipped-events"] == skipped


def test_no_wait_is_missing_if_bpftrace_is_held_when_the_workload_ends(
    tmp_path: Path, run: RunCommand
) -> None:
    """What bpftrace had not read yet was thrown away with exit(), uncounted."""
    ticks = "for i in $(seq 40); do sleep 0.05; done"
    hold = "kill -STOP $B; (sleep 1.5; kill -CONT $B) >/dev/null 2>&1 </dev/null 9>&- &"
    find = "B=$(ps -A -o pid=,comm=,args= | awk '/bpftrace/ && /raw.out/ && !/awk/ { print $1 }')"
    script = f"{find}; {hold} {ticks}; sleep 0.1"
    text = carried(Plan("events", TREE, ("sh", "-c", script), has_symbols=False))
    archive = recorded(text, tmp_path)
    report = json.loads(run("report", archive, "-k", "timer", "-o", "-", "--format", "json").stdout)
    (section,) = report["sections"]
    assert sum(row["count"] for row in section["rows"]) >= 41
    assert not [problem for problem in report["problems"] if problem["severity"] == "loss"]


@pytest.mark.parametrize(
    ("script", "status", "signal_number"),
    [("exit 7", 7, None), ("exit 137", 137, None), ("kill -9 $$", 137, 9), ("exit 0", 0, None)],
)
def test_how_the_workload_ended_is_recorded(
    script: str, status: int, signal_number: int | None, tmp_path: Path
) -> None:
    text = carried(Plan("offcpu", TREE, ("sh", "-c", script), has_symbols=False))
    manifest = open_recording(str(recorded(text, tmp_path))).manifest
    assert (manifest.raw["exit_status"], manifest.raw["exit_signal"]) == (status, signal_number)
    assert manifest.raw["complete"] is (signal_number is None)
    assert manifest.raw["real_s"] is not None


def test_the_run_time_is_measured_from_fork_to_exit_not_in_steps_of_10_ms(tmp_path: Path) -> None:
    text = carried(Plan("offcpu", TREE, ("sleep", "0.0123"), has_symbols=False))
    archives = (recorded(text, tmp_path) for _ in range(2))
    seconds = [open_recording(str(archive)).manifest.real_s or 0.0 for archive in archives]
    assert 0.0123 <= min(seconds) < 1
    assert any(round(one * 1e6) % 10_000 for one in seconds)


def test_a_workload_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"\x7fELF nothing")
    bad.chmod(0o755)
    text = carried(Plan("offcpu", TREE, (str(bad),), has_symbols=False))
    manifest = open_recording(str(recorded(text, tmp_path))).manifest
    assert manifest.raw["complete"] is False
    assert "was not started" in manifest.raw["incomplete_reason"]


def test_a_tracer_that_is_killed_leaves_an_incomplete_recording_that_opens(
    tmp_path: Path, run: RunCommand
) -> None:
    archive = tmp_path / "sent.tar.gz"
    loop = ("sh", "-c", "while :; do sleep 0.05; done")
    text = recorder(Plan("events", TREE, loop, has_symbols=False))
    with archive.open("wb") as file:
        running = subprocess.Popen(
            ["sh", "-s"], stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE
        )
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write(text.encode())
        running.stdin.flush()
        for line in running.stderr:
            if b"recording with" in line:
                break
        time.sleep(2)
        (tracer,) = (pid for pid in descendants(running.pid) if command_of(pid) == "bpftrace")
        os.kill(tracer, signal.SIGKILL)
        running.stderr.read()
        assert running.wait() == 0
        running.stdin.close()
        running.stderr.close()
    manifest = open_recording(str(archive)).manifest
    assert manifest.raw["incomplete_reason"] == "bpftrace was killed by signal 9"
    report = run("report", archive, "-k", "all")
    assert "loss: bpftrace was killed by signal 9" in report.stdout
    assert "nanosleep" in report.stdout
    assert "no end mark" in report.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("-d", "60"), "bpftrace ended before the time was over"),
        (("--", "sleep", "60"), "bpftrace ended before the workload did"),
    ],
    ids=["time", "workload"],
)
def test_a_tracer_that_is_ended_from_outside_leaves_an_incomplete_recording(
    words: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    running = subprocess.Popen(
        [sys.executable, "-m", "pvprof", "record", "--no-symbols", "-o", str(path), *words],
        stderr=subprocess.PIPE,
        text=True,
    )
    end_tracer(tracer_below(running.pid))
    text = running.communicate()[1]
    assert (running.returncode, text.splitlines()[-1]) == (
        1,
        f"pvprof: error: incomplete: {reason}",
    )
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["tracer_status"], manifest["end_marker"]) == (0, True)


def end_tracer(pid: int) -> None:
    """End bpftrace, which may lose a signal while it reads its maps.

    A second one may cut off what it prints at its end, so it comes only if the first was lost.
    """
    for _ in range(3):
        deadline = time.monotonic() + 15
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            while command_of(pid) == "bpftrace" and time.monotonic() < deadline:
                time.sleep(0.1)


def tracer_below(top: int) -> int:
    """Return the number of the recording bpftrace, as soon as it has begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid in descendants(top):
            with contextlib.suppress(OSError):
                words = (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")
                if b"-o" in words and command_of(pid) == "bpftrace":
                    output = words[words.index(b"-o") + 1]
                    if b"#begin" in Path(os.fsdecode(output)).read_bytes():
                        return pid
        time.sleep(0.1)
    pytest.fail("no bpftrace came")


DEAF_ONCE = """#!/bin/sh
case " $* " in *' -o '*) ;; *) exec {real} "$@" ;; esac
{real} "$@" &
asked=0
trap 'asked=$((asked + 1)); [ "$asked" -lt 2 ] || kill "$!"' TERM
while kill -0 "$!" 2>/dev/null; do wait "$!"; done
"""


def test_a_lost_signal_to_bpftrace_is_sent_again(tmp_path: Path) -> None:
    deaf = tmp_path / "bin" / "bpftrace"
    deaf.parent.mkdir()
    deaf.write_text(DEAF_ONCE.format(real=shutil.which("bpftrace")))
    deaf.chmod(0o755)
    script, archive = tmp_path / "rec.sh", tmp_path / "recorded.tar.gz"
    script.write_text(carried(Plan("offcpu", has_symbols=False)))
    path = f"{deaf.parent}:{os.environ['PATH']}"
    running = subprocess.Popen(
        ["sh", str(script), "-q", "-o", str(archive)],
        env={**os.environ, "PATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "recording with" in line:
            break
    running.terminate()
    try:
        text = running.communicate(timeout=60)[1]
    finally:
        running.terminate()  # a second signal discards the recording
    assert running.returncode == 0, text
    assert open_recording(str(archive)).manifest.raw["complete"] is True


def test_a_repeated_signal_cuts_nothing_off(tmp_path: Path) -> None:
    text = carried(Plan("offcpu", has_symbols=False))
    # a long final print, and a recorder that repeats the signal soon
    many = "profile:hz:4999 { @many[nsecs] = stats(nsecs); }"
    slow = text.replace("\nEND\n{\n", f"\n{many}\n\nEND\n{{\n\tprint(@many);\n")
    hasty = slow.replace("sleep 1\n\t\telapsed=", "sleep 0.2\n\t\telapsed=")
    assert len({text, slow, hasty}) == 3
    script, archive = tmp_path / "rec.sh", tmp_path / "recorded.tar.gz"
    script.write_text(hasty)
    running = subprocess.Popen(
        ["sh", str(script), "-q", "-o", str(archive)], stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "recording with" in line:
            break
    time.sleep(2)
    running.terminate()
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 0, said
    assert open_recording(str(archive)).manifest.raw["incomplete_reason"] is None


def test_a_new_thread_is_recorded_and_a_new_process_is_not(tmp_path: Path, run: RunCommand) -> None:
    script = "import os, threading, time\nend = time.monotonic() + 60\n"
    script += "while time.monotonic() < end:\n if {what}\n time.sleep(0.01)\n"
    makes = {
        "process": "os.fork() == 0: os._exit(0)",
        "thread": "True: threading.Thread(target=lambda: None).start()",
    }
    found = {}
    for name, what in makes.items():
        path = tmp_path / name
        maker = subprocess.Popen([sys.executable, "-c", script.format(what=what)])
        words = ("-d", "1", "-p", str(maker.pid), "--no-symbols", "-o", str(path))
        done = pvprof("record", "runq", *words)
        maker.kill()
        maker.wait()
        assert done.returncode == 0, done.stderr
        folded = run("fold", path, "-k", "all").stdout
        found[name] = "[no stack];runq-woken" in folded
    assert found == {"process": False, "thread": True}


def test_three_recordings_leave_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    before = (set(bpf_programs()), tracing_mounts())
    text = carried(Plan("offcpu", TREE, ("true",), has_symbols=False))
    for _ in range(3):
        recorded(text, tmp_path, env={**os.environ, "TMPDIR": str(temporary)})
        assert list(temporary.iterdir()) == []
    deadline = time.monotonic() + 30
    while set(bpf_programs()) - before[0] and time.monotonic() < deadline:
        time.sleep(0.1)  # the kernel unloads programs some time after their last use
    assert set(bpf_programs()) - before[0] == set()
    assert tracing_mounts() == before[1]
    while list(started_with(f"TMPDIR={temporary}")) and time.monotonic() < deadline:
        time.sleep(0.1)  # a part of the recorder may have been in the middle of its second
    assert list(started_with(f"TMPDIR={temporary}")) == []
    assert not Path(os.environ["PVPROF_LOCK"]).exists()


def started_with(mark: str) -> Iterator[str]:
    """Yield the commands of all processes with this text in their environment."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                yield (path / "cmdline").read_text()


def tracing_mounts() -> list[str]:
    return [line for line in MOUNTS.read_text().splitlines() if "tracefs" in line]


def bpf_programs() -> Iterator[int]:
    """Yield the numbers of all loaded BPF programs (BPF_PROG_GET_NEXT_ID)."""
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = (ctypes.c_uint32 * 4)()
    while libc.syscall(321, 11, attributes, ctypes.sizeof(attributes)) == 0:
        attributes[0] = attributes[1]
        yield attributes[0]


def descendants(top: int) -> Iterator[int]:
    """Yield the descendants of a process; a process that ends in the meantime has none."""
    for path in Path(f"/proc/{top}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                yield child
                yield from descendants(child)


def command_of(pid: int) -> str:
    return (Path("/proc") / str(pid) / "comm").read_text().strip()


def test_a_container_with_its_own_process_numbers_is_refused(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pvprof", "record", "-o", str(tmp_path / "x"), "--", "true"]
    command = ["unshare", "--pid", "--fork", "--mount-proc", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "this is a container" in done.stderr
    assert not (tmp_path / "x").exists()


def test_doctor_finds_no_fault() -> None:
    done = pvprof("doctor")
    assert done.returncode == 0, done.stdout
    assert "BAD" not in done.stdout
    assert all(f"ok    {mode} " in done.stdout for mode in BPFTRACE_PROGRAMS)
