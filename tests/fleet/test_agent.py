"""``pvprof agent`` as a process of its own, on a machine that looks like a FreeBSD host.

``pvprof record`` is real, and so are signals, the spool, the store, the folder and the server.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import signal
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand, assert_is_error
from helpers.ingest_server import ingest_server
from hypothesis import given
from hypothesis import strategies as st
from target.harness import LONG_S, Running, StandIn, wait_until

from pvprof.errors import TargetError
from pvprof.fleet.agent import Windows
from pvprof.fleet.children import Signals
from pvprof.fleet.receivers import FolderReceiver
from pvprof.fleet.spool import Spool
from pvprof.recording.open import open_recording

ROOT = Path(__file__).parent.parent.parent
SECOND = 10**9
STOCK = FIXTURES / "freebsd-13.2-grammar-2" / "stock-offcpu.pvprof"
MANIFEST = json.loads((STOCK / "manifest.json").read_text())
RAW = gzip.decompress((STOCK / "raw.out.gz").read_bytes())


@pytest.fixture
def target(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(tmp_path) as machine:
        machine.env["PYTHONPATH"] = str(ROOT)
        machine.dtrace(patched=True)
        (machine.home / "out").mkdir()
        yield machine


def start(target: StandIn, *words: str) -> Running:
    """Start an agent; by default its windows are 0.2 s of each second, delivered to a folder."""
    usual = {
        "--every": "1s",
        "--for": "0.2s",
        "--spool": "spool",
        "--record-options": "--no-symbols",
    }
    usual |= {} if {"--store", "--push", "--config"} & set(words) else {"--folder": "out"}
    given = [word for name, text in usual.items() if name not in words for word in (name, text)]
    command = [sys.executable, "-m", "pvprof", "agent", "--max-cpu", "900", *given, *words]
    return Running(target, command, has_stdin=False)


def delivered(target: StandIn) -> list[Path]:
    return sorted((target.home / "out").rglob("*.pvprof.tar.gz"))


def spooled(target: StandIn) -> list[Path]:
    return sorted((target.home / "spool").glob("*.pvprof.tar.gz"))


@pytest.mark.slow
def test_windows_of_each_mode_arrive_until_they_cost_too_much(target: StandIn) -> None:
    target.dtrace(patched=True, stderr="dtrace: 1200 drops on CPU 1\n")
    done = start(target, "--mode", "offcpu", "--mode", "oncpu", "--max-cpu", "0.001").wait()
    assert (done.status, done.left) == (1, []), done.said
    assert "and 1,200 records dropped (limit 1,000): 3 of 3 in a row" in done.said
    assert "error: recording costs too much: " in done.said
    manifests = [open_recording(str(path)).manifest for path in delivered(target)]
    assert [one.mode for one in manifests] == ["offcpu", "oncpu", "offcpu"]
    assert all(one.is_complete for one in manifests)
    place = delivered(target)[0].relative_to(target.home / "out")
    assert place.parts[0] == manifests[0].host
    assert place.parts[1].replace("-", "") == place.name[:8]
    assert spooled(target) == []
    assert done.said.count("drops, ") == 3


@pytest.mark.slow
def test_what_cannot_be_delivered_waits_and_is_delivered_later(
    target: StandIn, run: RunCommand
) -> None:
    store = target.home / "out" / "store"
    store.write_text("a file in the place of the store")
    done = start(target, "--store", "out/store", "--windows", "1", "-q").wait()
    assert done.status == 0
    assert len(spooled(target)) == 1
    assert "; 1 recordings (" in done.said.splitlines()[-1]
    store.unlink()
    words = ("--store", "out/store", "--windows", "1", "-q", "--mode", "oncpu")
    done = start(target, *words).wait()
    assert (done.status, done.said) == (0, "")
    assert spooled(target) == []
    listed = json.loads(run("store", "list", store, "--format", "json").stdout)
    assert {one["mode"] for one in listed["recordings"]} == {"offcpu", "oncpu"}


@pytest.mark.slow
def test_a_signal_ends_it_and_keeps_the_window(target: StandIn) -> None:
    running = start(target, "--every", "60s", "--for", "59s")
    first = target.pid_of("sleep 1")  # the recorder reports each second
    wait_until(lambda: target.pid_of("sleep 1") != first, "its second second")
    os.kill(running.process.pid, signal.SIGTERM)
    done = running.wait()
    assert (done.status, done.left) == (0, []), done.said
    (kept,) = spooled(target)
    manifest = open_recording(str(kept)).manifest
    assert manifest.incomplete_reason == "stopped before its end"
    assert manifest.raw["end_marker"] is True


@pytest.mark.slow
def test_only_one_agent_works_with_a_spool_and_a_killed_one_leaves_it(target: StandIn) -> None:
    first = start(target, "--every", "1000s").until("process ")
    second = start(target)
    assert second.process.wait(LONG_S) == 3
    assert f"an agent works with it already: process {first.process.pid}" in second.said
    first.process.kill()
    first.process.wait()
    third = start(target, "--windows", "1").wait()
    assert (third.status, third.left) == (0, []), third.said
    assert len(delivered(target)) == 1


@pytest.mark.slow
def test_a_reload_takes_new_options_between_two_windows(target: StandIn) -> None:
    config = target.home / "agent.toml"
    config.write_text('mode = "offcpu"\nfolder = "out"\nevery = "1s"\n')
    running = start(target, "--config", "agent.toml", "--every", "1s")
    wait_until(lambda: delivered(target), "the first window")
    config.write_text("no TOML")
    os.kill(running.process.pid, signal.SIGHUP)
    running.until("SIGHUP: nothing is changed: ")
    config.write_text('mode = ["oncpu"]\nfolder = "out"\nevery = "1s"\n')
    os.kill(running.process.pid, signal.SIGHUP)
    running.until("oncpu: 200.0 ms of each")
    assert f"at random moments; process {running.process.pid}\n" in running.said
    wait_until(lambda: any("oncpu" in path.name for path in delivered(target)), "the new mode")
    os.kill(running.process.pid, signal.SIGTERM)
    done = running.wait()
    assert done.status == 0
    assert done.said.count(" drops, ") == len(delivered(target)) + len(spooled(target))


@pytest.mark.slow
def test_windows_are_pushed_to_a_server(target: StandIn) -> None:
    with ingest_server() as server:
        done = start(target, "--push", server.url, "--windows", "1").wait()
        assert done.status == 0, done.said
        (taken,) = server.taken
    assert taken.labels["mode"] == "offcpu"
    assert spooled(target) == []


# ---- its parts -----------------------------------------------------------------------------------


@given(
    st.integers(1, 10**12),
    st.floats(0, 0.999),
    st.floats(0, 1e6),
    st.randoms(use_true_random=False),
)
def test_a_window_is_anywhere_in_its_cycle(
    every_ns: int, share: float, begin_s: float, chance: random.Random
) -> None:
    windows = Windows(every_ns, int(every_ns * share), ("offcpu",))
    start_s = windows.start_in(begin_s, chance)
    assert begin_s <= start_s
    assert start_s + windows.length_ns / SECOND <= begin_s + every_ns / SECOND + 1e-6


def test_the_oldest_recordings_go_if_the_spool_is_full(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 250)
    for day in range(1, 5):
        (tmp_path / f"2026010{day}T000000Z-offcpu.pvprof.tar.gz").write_bytes(b"x" * 100)
    (tmp_path / "other").write_bytes(b"x" * 1000)
    (tmp_path / "20260101T000000Z-x.pvprof.tar.gz").symlink_to(tmp_path / "other")
    dropped = spool.trim()
    assert (dropped.count, dropped.size_bytes) == (2, 200)
    assert [path.name[:8] for path in spool.recordings()] == ["20260103", "20260104"]
    assert (tmp_path / "other").exists()
    assert spool.trim().count == 0


def test_hosts_that_deliver_at_once_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    signals = Signals()
    hosts = [f"web{number}" for number in range(20)]
    try:
        with ThreadPoolExecutor(len(hosts)) as pool:
            spools = [spool_of(tmp_path / host, host, windows=3) for host in hosts]
            to = FolderReceiver(folder)
            said = pool.map(lambda one: to.deliver(one.recordings(), signals), spools)
            assert set(said) == {""}
    finally:
        signals.close()
    found = [open_recording(str(path)) for path in folder.rglob("*.pvprof.tar.gz")]
    assert sorted(one.manifest.host for one in found) == sorted(hosts * 3)
    assert {path.name for path in folder.iterdir()} == set(hosts)
    assert not list(folder.rglob("*.part"))


def spool_of(directory: Path, host: str, windows: int) -> Spool:
    """Return a spool with recordings of a host."""
    spool = Spool(directory, 1 << 30)
    directory.mkdir()
    for number in range(windows):
        manifest = {**MANIFEST, "host": host, "run": number}
        with tarfile.open(spool.new_file("offcpu"), "w:gz") as archive:
            for name, data in (("manifest.json", json.dumps(manifest).encode()), ("raw.out", RAW)):
                info = tarfile.TarInfo(f"x.pvprof/{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return spool


def test_a_spool_is_held_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new", 1)
    with spool.held(), pytest.raises(TargetError, match=str(os.getpid())), spool.held():
        pass
    with spool.held():
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_options_that_do_not_fit_are_refused(run: RunCommand, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    for words, said in (
        ((), "one place"),
        (("--folder", "x", "--push", "y"), "one place"),
        (("--folder", "x", "--every", "10", "--for", "10"), "shorter"),
        (("--folder", "x", "--record-options", "'"), "--record-options"),
        (("--config", str(config)), "No such file"),
    ):
        assert said in assert_is_error(run("agent", "--check", *words), 2)
    for words, said in ((("--max-spool", "much"), "is no size"), (("--mode", "x"), "no such mode")):
        result = run("agent", "--check", "--folder", "x", *words)
        assert result.exit_code == 2
        assert said in result.stderr
    config.write_text('evry = "10m"')
    assert "no such option: evry" in assert_is_error(run("agent", "--config", config), 2)


def test_the_command_line_has_the_last_word(run: RunCommand, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('every = "5m"\nfor = "9s"\nmode = ["runq", "locks"]\npush = "http://x"\n')
    checked = run("agent", "--config", config, "--for", "7s", "--spool", "s", "--check")
    assert checked.stdout.startswith(
        "runq, locks: 7.000 s of each 300.0 s, at random moments; spool s"
    )
