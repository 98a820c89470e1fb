"""``pvprof top`` on the running kernel: rates, sums, keys, and that it leaves nothing behind."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import pvprof, reason_against
from helpers.screen import Screen
from helpers.ssh_server import ssh_server

EVERY_S = 1.0
TOLERANCE = 0.10

# Waits in turns: half of the time for a pipe, then half of the time for a lock; a line for each.
LOAD = """
import os, sys, threading, time
reader, writer = os.pipe()
lock = threading.Lock()
def feed():
    for turn in range(int(sys.argv[1])):
        time.sleep(0.05)
        os.write(writer, b"x")
    lock.acquire()
    time.sleep(0.05)
    ready.set()
    for turn in range(int(sys.argv[2])):
        time.sleep(0.1)
        lock.release()
        time.sleep(0.01)
        lock.acquire()
    lock.release()
ready = threading.Event()
thread = threading.Thread(target=feed)
thread.start()
waited = 0
for turn in range(int(sys.argv[1])):
    began = time.monotonic_ns()
    os.read(reader, 1)
    waited += time.monotonic_ns() - began
print("pipe", waited)
thread.join()
"""


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


@pytest.fixture(autouse=True)
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "recorder.lock"
    monkeypatch.setenv("PVPROF_LOCK", str(place))
    (tmp_path / "target").mkdir()
    return place


@pytest.fixture
def nothing_left(tmp_path: Path, lock: Path) -> Iterator[Callable[[], list[str]]]:
    """Return a function that lists what recorders of this test have left."""

    def left() -> list[str]:
        found = [str(place) for place in tmp_path.glob(f"{lock.name}*")]
        found += [str(place) for place in (tmp_path / "target").iterdir()]
        listed = subprocess.check_output(["ps", "-A", "-o", "args="], text=True)
        return found + [line for line in listed.splitlines() if str(tmp_path) in line]

    yield left
    deadline = time.monotonic() + 15
    while left() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left() == []


def top(tmp_path: Path, *words: str) -> list[str]:
    return ["top", "--tmpdir", str(tmp_path / "target"), "--every", f"{EVERY_S}s", *words]


def intervals_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_load_is_in_the_top_row_with_its_rate_and_its_change_is_seen(
    tmp_path: Path, run: RunCommand, nothing_left: object
) -> None:
    kept = tmp_path / "kept.pvprof"
    load = tmp_path / "load.py"
    load.write_text(LOAD)
    words = top(tmp_path, "--json", "-k", "user", "-k", "ipc", "-o", str(kept))
    done = pvprof(*words, "--", sys.executable, str(load), "45", "16")
    assert done.returncode == 0, done.stderr
    intervals = intervals_of(done.stdout)

    firsts = [interval["rows"][0]["name"] for interval in intervals if interval["rows"]]
    assert firsts[:2] == ["pipe read", "pipe read"]
    assert "futex" in firsts[2:]

    # The whole second interval was spent in reads of 50 ms, but for the time between two of them.
    row, interval = intervals[1]["rows"][0], intervals[1]
    length = interval["end_ns"] - interval["begin_ns"]
    assert row["value"] == pytest.approx(length, rel=TOLERANCE)
    assert row["count"] == pytest.approx(length / 50e6, rel=0.15)

    # All intervals are what `report` makes of the same text, to the nanosecond; so are windows.
    shown = run("report", kept, "-k", "all", "-o", "-", "--format", "json")
    report = json.loads(shown.stdout)
    (section,) = report["sections"]
    assert sum(one["total"] for one in intervals) == sum(row["value"] for row in section["rows"])
    by_name = {row["name"]: row["value"] for row in section["rows"]}
    truth = int((kept / "workload.txt").read_text().split()[1])
    assert by_name["pipe read"] == pytest.approx(truth, rel=0.05)
    early = run("report", kept, "-k", "all", "-o", "-", "--format", "json", "--to", "2")
    rows = json.loads(early.stdout)["sections"][0]["rows"]
    assert sum(row["value"] for row in rows) == sum(one["total"] for one in intervals[:2])


def start(words: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pvprof", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(
    tmp_path: Path, number: signal.Signals, nothing_left: object
) -> None:
    with start(top(tmp_path, "--json", "--every", "500ms", "--mode", "locks")) as process:
        assert process.stdout is not None
        interval = json.loads(process.stdout.readline())
        process.send_signal(number)
        process.stdout.read()
    assert interval["mode"] == "locks"
    assert process.returncode == (-number if number == signal.SIGKILL else 0)


@contextmanager
def busy_cpus() -> Iterator[None]:
    """Keep all CPUs busy: one that sleeps is not woken for each sample."""
    words = ["nice", sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(words) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_one_interval_has_the_samples_of_its_time(tmp_path: Path, nothing_left: object) -> None:
    with busy_cpus():
        done = pvprof(*top(tmp_path, "--once", "--json", "--mode", "oncpu"))
    assert (done.returncode, done.stderr) == (0, "")
    (interval,) = intervals_of(done.stdout)
    assert (interval["mode"], interval["unit"]) == ("oncpu", "samples")
    assert interval["end_ns"] - interval["begin_ns"] == pytest.approx(EVERY_S * 1e9, rel=0.1)
    assert interval["total"] == pytest.approx(997 * EVERY_S * (os.cpu_count() or 1), rel=0.2)


@pytest.mark.ssh
def test_a_lost_connection_keeps_what_came_and_leaves_nothing(
    tmp_path: Path, lock: Path, nothing_left: object, run: RunCommand
) -> None:
    config = tmp_path / "sshd"
    config.mkdir()
    kept = tmp_path / "kept.pvprof"
    with ssh_server(config) as server:
        server.log_in_with(f'export PVPROF_LOCK={lock}\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n')
        words = top(tmp_path, "--json", "-k", "all", "--every", "500ms", "-o", str(kept))
        words += ["--host", f"{getpass.getuser()}@127.0.0.1"]
        for name, value in server.options.items():
            words += ["--ssh-option", f"{name}={value}"]
        with start(words) as process:
            assert process.stdout is not None
            intervals = [json.loads(process.stdout.readline()) for _ in range(2)]
            ssh = subprocess.check_output(["pgrep", "-P", str(process.pid), "ssh"], text=True)
            os.kill(int(ssh), signal.SIGKILL)
            intervals += intervals_of(process.stdout.read().decode())
    assert process.returncode == 1
    report = run("report", kept, "-k", "all", "-o", "-", "--format", "json", "--from", "0")
    found = json.loads(report.stdout)
    total = sum(row["value"] for row in found["sections"][0]["rows"])
    assert total == sum(interval["total"] for interval in intervals)
    assert {"incomplete", "no-end-marker"} <= {one["kind"] for one in found["problems"]}


def test_the_screen_obeys_keys(tmp_path: Path, nothing_left: object) -> None:
    load = tmp_path / "load.py"
    load.write_text(LOAD)
    words = [sys.executable, "-m", "pvprof", *top(tmp_path, "-k", "user", "-k", "ipc")]
    words += ["--every", "500ms"]
    words += ["--", sys.executable, str(load), "400", "0"]
    with Screen(words, 80, 24, tmp_path) as screen:
        shown = screen.wait_for("pipe read")
        assert len(shown) == 24
        assert max(map(len, shown)) <= 80
        assert shown[0].startswith("pvprof top")
        assert shown[1].startswith("Kernel waiting on itself: ")
        assert shown[-1].startswith("q quit")
        assert "anon_pipe_read" in "\n".join(shown)  # where the selected row was waited for

        screen.press("s")
        screen.wait_for("by count")
        screen.press("/")
        screen.wait_for("enter: take it")
        screen.press(*"no such lock", "enter")
        screen.wait_for("filter: no such lock")
        assert "anon_pipe_read" not in "\n".join(screen.lines())
        screen.press("escape")
        screen.wait_for("anon_pipe_read")

        screen.press("space")
        screen.wait_for("PAUSED")
        table = screen.lines()[1:-2]
        time.sleep(1.2)  # two intervals
        assert screen.lines()[1:-2] == table
        screen.press("space", "enter")
        screen.wait_for("entry_SYSCALL_64")  # the outermost caller

        screen.press("enter")
        screen.resize(200, 50)
        screen.wait_until(lambda now: len(now) == 50 and "Top caller" in "\n".join(now))

        screen.press("w")
        screen.wait_for("wrote pvprof-")
        screen.press("m")
        screen.wait_for("the mode stays")
        screen.press("q")
        screen.wait_for("EXIT 0")
    written = sorted(place.suffix for place in tmp_path.glob("pvprof-*"))
    assert written == [".html", ".svg"]
