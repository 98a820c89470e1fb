"""A store on a server of S3: kills, several who add at once, and a server that refuses."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import FIXTURES
from helpers.s3_server import S3Server, pvprof_process
from helpers.ssh_server import free_port
from helpers.store_server import store_server
from helpers.stores import SMALL_SHARES, add_to, assert_whole, data_of

from pvprof.store import upkeep
from pvprof.store.catalogue import read_rows, select
from pvprof.store.places import bucket
from pvprof.store.places.bucket import StoreBucket, create_bucket, open_bucket

RUNS = sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-*.pvprof"))
OTHERS = [
    *sorted((FIXTURES / "example-lock-patch/obm").glob("offcpu-*.pvprof")),
    FIXTURES / "linux/bpftrace/path.pvprof.tar.gz",
]
KILLS = 20 if os.environ.get("PVPROF_THOROUGH") else 2
FILES_OF_OTHERS = 13
"""Of two groups: the tables that are always there, those of single waits, the sums."""


@pytest.fixture
def place(s3: S3Server, request: pytest.FixtureRequest) -> str:
    """The URL of a store that is not there, in a bucket of its own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    s3.file_system().mkdir(name)
    return f"s3://{name}/fleet"


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and the messages."""
    messages = process.communicate(timeout=300)[1]
    return process.returncode, messages


def names_in(store: StoreBucket) -> list[str]:
    return sorted(str(one.facts["name"]) for one in select(store))


@pytest.mark.slow
def test_a_killed_adder_leaves_whole_recordings_or_none_in_a_bucket(
    s3: S3Server, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # killed processes leave their tables there
    store = create_bucket(place)
    add_to(store, *RUNS[:2])
    files = s3.file_system()
    chance = random.Random(21)
    killed = 0
    for _ in range(KILLS):
        before = len(files.find(place))
        wanted = before + chance.randrange(FILES_OF_OTHERS)
        process = pvprof_process(s3, "store", "add", place, *OTHERS)
        while len(files.find(place)) < wanted and process.poll() is None:
            pass  # each question takes a moment
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        assert len(names_in(store)) in (2, 2 + len(OTHERS) - 1, 3, 2 + len(OTHERS))
        assert list(upkeep.check(store)) == []
        store.remove([one for one in store.groups() if len(read_rows(one, "recordings")) != 2])
    assert killed
    assert add_to(store, *OTHERS).added == len(OTHERS)
    assert_whole(store, [*RUNS[:2], *OTHERS])
    monkeypatch.setattr(bucket, "MIN_ABANDONED", timedelta(0))
    upkeep.compact(store)
    assert_whole(store, [*RUNS[:2], *OTHERS])
    of_groups = {path.rpartition("/")[0] for path in files.find(place) if "/day=" in path}
    assert len(of_groups) == len(store.groups())


@pytest.mark.slow
def test_a_killed_merge_loses_nothing_in_a_bucket(
    s3: S3Server, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    store = create_bucket(place)
    for path in RUNS[:5]:  # a group for each
        add_to(store, path)
    before = data_of(store)
    files = s3.file_system()
    whole = {path: files.cat_file(path) for path in files.find(place)}
    chance = random.Random(21)
    killed = 0
    for _ in range(KILLS):
        changes = chance.randint(1, 6)
        process = pvprof_process(s3, "store", "compact", place)
        names = set(whole)
        while changes and process.poll() is None:
            now = set(files.find(place))
            changes -= now != names
            names = now
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        assert data_of(store) == before
        upkeep.compact(store)  # it ends what was begun
        assert_whole(store, RUNS[:5])
        assert len(store.groups()) == 1
        for path, content in whole.items():
            files.pipe_file(path, content)
        files.rm([path for path in files.find(place) if path not in whole])
    assert killed


@pytest.mark.slow
def test_several_adders_at_once_lose_nothing_in_a_bucket(s3: S3Server, place: str) -> None:
    shares: Sequence[Sequence[Path]] = (RUNS[:6], RUNS[3:], [*RUNS[:2], *OTHERS])
    processes = [pvprof_process(s3, "store", "add", "-q", place, *share) for share in shares]
    assert [ended(process) for process in processes] == [(0, "")] * 3
    store = open_bucket(place)
    assert names_in(store) == sorted(path.name.partition(".")[0] for path in (*RUNS, *OTHERS))
    assert ended(pvprof_process(s3, "store", "compact", place)) == (0, "")
    assert_whole(store, [*RUNS, *OTHERS])


@pytest.mark.slow
def test_recordings_are_added_to_a_bucket_by_several_processes(s3: S3Server, place: str) -> None:
    words = ["store", "add", "-j", "3", place, *RUNS, *OTHERS]
    command = [sys.executable, "-c", SMALL_SHARES, *map(str, words)]
    known: Any = {**os.environ, **s3.environment}
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "pvprof: added 21 recordings\n")
    assert_whole(open_bucket(place), [*RUNS, *OTHERS])


@pytest.mark.slow
def test_a_bucket_is_served_to_a_browser(s3: S3Server, place: str) -> None:
    add_to(create_bucket(place), *RUNS[:2])
    with store_server(place, **s3.environment) as server:
        listed, report = server.get("/"), server.get("/report", {"where": "name = offcpu-1"})
    assert (listed.status, report.status) == (200, 200)
    assert b"fleet: 2 recordings" in listed.body
    assert b"offcpu-1" in report.body


COMMANDS = (("store", "add", "PLACE", RUNS[0]), ("report", "--store", "PLACE"))


def assert_ends_in_one_line(s3: S3Server, words: Sequence[object], place: str, text: str) -> None:
    given = [place if word == "PLACE" else word for word in words]
    code, messages = ended(pvprof_process(s3, *given))
    error, *hint = messages.splitlines()
    assert (code, text in error, len(hint) < 2) == (1, True, True), messages
    assert error.startswith(f"pvprof: error: {place}: ")


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=["add", "report"])
def test_a_bucket_that_is_missing_is_one_line(words: Sequence[object], s3: S3Server) -> None:
    text = "The specified bucket does not exist"
    assert_ends_in_one_line(s3, words, "s3://no-such-bucket/fleet", text)
    assert not s3.file_system().exists("no-such-bucket")


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=["add", "report"])
def test_a_server_that_is_missing_is_one_line(words: Sequence[object]) -> None:
    nothing = S3Server(f"http://127.0.0.1:{free_port()}")
    text = "Could not connect to the endpoint URL"
    assert_ends_in_one_line(nothing, words, "s3://bucket/fleet", text)


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=["add", "report"])
def test_a_server_that_refuses_is_one_line(
    words: Sequence[object], s3: S3Server, place: str
) -> None:
    create_bucket(place)
    s3.refuse_all(True)
    try:
        assert_ends_in_one_line(s3, words, place, "cannot be ")
    finally:
        s3.refuse_all(False)
