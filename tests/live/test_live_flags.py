"""What users may ask of `pvprof record`, and what may happen to it, on the running kernel."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import pvprof, reason_against
from helpers.ssh_server import ssh_server
from target.harness import wait_until

Report = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVPROF_LOCK", str(tmp_path / "recorder.lock"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def report(run: RunCommand) -> Report:
    """Return a function that returns the report on a recording, of all kinds, as JSON has it."""

    def read(place: Path, *options: str) -> dict[str, Any]:
        result = run("report", place, "-k", "all", "-o", "-", "--format", "json", *options)
        assert result.exit_code == 0, result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    return read


def counts_of(report: dict[str, Any]) -> dict[str, int]:
    """Return the number of waits by name."""
    return {row["name"]: row["count"] for one in report["sections"] for row in one["rows"]}


def record(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = pvprof("record", *words[:1], "--no-symbols", "-o", str(out), *words[1:])
    assert done.returncode == 0, done.stderr
    return done


def manifest_of(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "manifest.json").read_text())
    return found


THREADS = """
import sys, threading, time
def nap():
    while True: time.sleep(float(sys.argv[1]))
for _ in range(4): threading.Thread(target=nap, daemon=True).start()
open("/proc/self/comm", "w").write(sys.argv[2])
print(flush=True)
nap()
"""
NAP_NS = 20_000_000


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    """Start a process of five threads, named `napper`, that sleep 20 ms again and again."""
    words = [sys.executable, "-c", THREADS, str(NAP_NS / 1e9), "napper"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


# --- what is traced -------------------------------------------------------------------------------


def test_all_traces_other_processes_until_the_workload_ends(
    out: Path, report: Report, sleeper: subprocess.Popen[str]
) -> None:
    assert sleeper.poll() is None
    record(out, "offcpu", "--all", "--by-process", "--", "sleep", "1")
    assert 1e9 <= manifest_of(out)["duration_ns"] < 10e9
    # Only its first thread has the new name.
    assert counts_of(report(out, "--execname", "^napper$"))["nanosleep"] >= 20
    assert counts_of(report(out, "--execname", "^sleep$"))["nanosleep"] >= 1


def test_a_process_is_traced_with_all_its_threads_and_no_other(
    out: Path, report: Report, sleeper: subprocess.Popen[str]
) -> None:
    record(out, "events", "-d", "1", "-p", str(sleeper.pid))
    (section,) = report(out)["sections"]
    (row,) = (row for row in section["rows"] if row["name"] == "nanosleep")
    traced_ns = manifest_of(out)["duration_ns"]
    assert section["singles"]["wall_ns"] <= traced_ns + 0.1e9
    assert 5 * 20 <= row["count"] <= 5 * (traced_ns / NAP_NS + 1)


def test_processes_of_a_name_are_traced_and_short_waits_are_counted(
    out: Path, report: Report, sleeper: subprocess.Popen[str]
) -> None:
    assert sleeper.poll() is None
    record(out, "offcpu", "-d", "1", "-x", "napper", "--min-wait", "500ms")
    found = report(out)
    assert counts_of(found) == {}
    (aside,) = [one for one in found["problems"] if one["kind"] == "set-aside"]
    # On a busy machine it waits for the interpreter's lock, too. Its five threads would nap five
    # times as often.
    naps = manifest_of(out)["duration_ns"] / NAP_NS + 1
    assert 20 <= aside["count"] <= 3 * naps
    assert "waits shorter than the minimum" in aside["text"]


def test_five_hundred_short_threads_are_all_recorded(out: Path, report: Report) -> None:
    script = "import threading, time\nfor _ in range(500):\n"
    script += " threading.Thread(target=time.sleep, args=(0.01,)).start()"
    record(out, "events", "--", sys.executable, "-c", script)
    found = report(out)
    lost = sum(one["count"] for one in found["problems"] if one["severity"] == "loss")
    assert 500 <= counts_of(found)["nanosleep"] + lost <= 510


def test_a_workload_in_a_new_process_namespace_is_recorded(out: Path, report: Report) -> None:
    script = "sleep 0.3; sleep 0.2; echo $$"
    words = ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script)
    record(out, "offcpu", "--", *words)
    assert (out / "workload.txt").read_text() == "1\n"
    (row,) = (
        row
        for section in report(out)["sections"]
        for row in section["rows"]
        if row["name"] == "nanosleep"
    )
    assert row["count"] == 2
    assert row["value"] == pytest.approx(0.5e9, rel=0.05)


def test_several_modes_take_the_same_options(out: Path, report: Report) -> None:
    options = ("--user-stack", "--histogram", "--by-process", "--no-symbols")
    workload = ("sh", "-c", "for i in 1 2 3; do sleep 0.1; done")
    done = pvprof("record", "offcpu", "locks", *options, "-o", str(out), "--", *workload)
    assert done.returncode == 0, done.stderr
    modes = {manifest_of(place)["mode"] for place in out.glob("*.pvprof")}
    assert modes == {"offcpu", "locks"}
    assert counts_of(report(out, "--execname", "^sleep$"))["nanosleep"] == 3
    # User frames come before the kernel's.
    stacks = pvprof("fold", str(out), "--measure", "offcpu", "-k", "timer").stdout.splitlines()
    assert all(re.search("^sleep;.*;-;kernel`entry", line) for line in stacks[1:]), stacks
    assert len(stacks) > 1
    histograms = report(out)["histograms"]
    assert sum(one["count"] for one in histograms) >= 3


# --- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signals", "is_kept"),
    [
        ((signal.SIGINT,), True),
        ((signal.SIGTERM,), True),
        ((signal.SIGINT, signal.SIGINT), False),
    ],
    ids=["once", "TERM", "twice"],
)
def test_a_signal_keeps_the_recording_and_a_second_ctrl_c_drops_it(
    signals: tuple[int, ...],
    is_kept: bool,
    out: Path,
    tmp_path: Path,
    report: Report,
    sleeper: subprocess.Popen[str],
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = ["record", "events", "-p", str(sleeper.pid), "--tmpdir", str(temporary)]
    running = subprocess.Popen(
        [sys.executable, "-m", "pvprof", *words, "--no-symbols", "-o", str(out)],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: has_begun(temporary), "the recording")
    time.sleep(1)
    for number in signals:
        running.send_signal(number)
        time.sleep(0.05)
    said = running.communicate()[1]
    assert (running.returncode, out.exists()) == ((0, True) if is_kept else (130, False)), said
    assert list(temporary.iterdir()) == []
    if is_kept:
        assert manifest_of(out)["complete"] is True
        assert counts_of(report(out))["nanosleep"] >= 100


def has_begun(temporary: Path) -> bool:
    return any("#begin" in path.read_text() for path in temporary.glob("*/*/raw.out"))


PING_PONG = """
import os, sys, time
r, w = os.pipe()
s, v = os.pipe()
if os.fork():
    os.close(v)
    end = time.monotonic() + 4
    while time.monotonic() < end and os.write(w, b"x") and os.read(s, 1): pass
else:
    os.close(w)
    while os.read(r, 1): os.write(v, b"x")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_leaves_what_fitted(out: Path, small_disk: Path, report: Report) -> None:
    words = ("--tmpdir", str(small_disk), "--no-symbols", "-o", str(out))
    done = pvprof("record", "events", *words, "--", sys.executable, "-c", PING_PONG)
    assert done.returncode == 1, done.stderr
    assert f"no space left in {small_disk}" in done.stderr
    assert list(small_disk.iterdir()) == []
    assert manifest_of(out)["complete"] is False
    assert counts_of(report(out))["pipe read"] > 100


def test_a_recording_that_is_removed_while_it_is_made_is_one_error(
    out: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def remove() -> None:
        wait_until(lambda: has_begun(temporary), "the recording")
        for path in temporary.iterdir():
            shutil.rmtree(path)

    remover = threading.Thread(target=remove)
    remover.start()
    words = ("--tmpdir", str(temporary), "--no-symbols", "-o", str(out))
    done = pvprof("record", "offcpu", "-q", *words, "--", "sleep", "30")
    remover.join()
    error, hint = done.stderr.splitlines()
    assert re.fullmatch(rf"pvprof: error: .* directory {temporary}/\S+ was removed", error)
    assert "--tmpdir" in hint
    assert (done.returncode, out.exists(), list(temporary.iterdir())) == (3, False, [])


# --- where it records -----------------------------------------------------------------------------


@pytest.mark.ssh
def test_a_linux_machine_is_recorded_through_ssh(out: Path, tmp_path: Path, report: Report) -> None:
    config = tmp_path / "sshd"
    config.mkdir()
    with ssh_server(config) as server:
        server.log_in_with(
            f'export PVPROF_LOCK={os.environ["PVPROF_LOCK"]}\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        words = ["--host", f"{getpass.getuser()}@127.0.0.1"]
        for name, value in server.options.items():
            words += ["--ssh-option", f"{name}={value}"]
        record(out, "offcpu", *words, "--", "sleep", "0.3")
    assert manifest_of(out)["kernel"]["system"] == "Linux"
    assert counts_of(report(out))["nanosleep"] == 1


def pvprof_behind(mounts: dict[Path, Path], *words: str) -> subprocess.CompletedProcess[str]:
    """Run pvprof where these paths show other files; outside nothing changes."""
    binds = [f"mount --bind {source} {path}" for path, source in mounts.items()]
    script = " && ".join([*binds, 'exec "$@"'])
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh"]
    return subprocess.run(
        [*command, sys.executable, "-m", "pvprof", *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("has_variables", [False, True])
def test_only_a_kernel_that_lists_its_variables_has_symbols(
    has_variables: bool, out: Path, tmp_path: Path
) -> None:
    """Without CONFIG_KALLSYMS_ALL a kernel lists its functions and few variables."""
    symbols = [
        line for line in Path("/proc/kallsyms").read_text().splitlines() if line.split()[1] in "tT"
    ]
    if has_variables:
        symbols += [f"{0xFFFFFFFF90000000 + 64 * n:x} d lock_{n}" for n in range(2000)]
    listed = tmp_path / "kallsyms"
    listed.write_text("".join(f"{line}\n" for line in symbols))
    words = ("record", "locks", "-o", str(out), "--", "true")
    done = pvprof_behind({Path("/proc/kallsyms"): listed}, *words)
    assert done.returncode == 0, done.stderr
    assert (out / "symbols.nm.gz").exists() is has_variables


def test_a_crash_of_bpftrace_and_missing_btf_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bpftrace 0.17 crashes if BPFTRACE_BTF names a file of another kind."""
    monkeypatch.setenv("BPFTRACE_BTF", __file__)
    tried = subprocess.run(
        ["bpftrace", "-e", "BEGIN { exit(); }"], capture_output=True, check=False
    )
    if tried.returncode != -signal.SIGSEGV:
        pytest.skip("this bpftrace does not crash")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = pvprof_behind({Path("/sys/kernel/btf"): empty}, "doctor")
    assert re.search("^note +types +no BTF$", done.stdout, re.M), done.stdout
    said = done.stdout.split("\nBAD")[1].split()
    assert " ".join(said) == (
        f"bpftrace bpftrace crashed: Segmentation fault -> BPFTRACE_BTF is {__file__}: unset it"
    )
