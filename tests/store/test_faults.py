"""Stores survive what happens to them: kills, full disks, damage, other versions, bad words."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.stores import SMALL_SHARES, add_to, assert_whole

from pvprof.store import upkeep
from pvprof.store.catalogue import select
from pvprof.store.places.folder import StoreFolder, create_store, open_store
from pvprof.store.tables.schema import TABLES

RUNS = sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-*.pvprof"))
OTHERS = [
    *sorted((FIXTURES / "example-lock-patch/obm").glob("offcpu-*.pvprof")),
    FIXTURES / "linux/bpftrace/path.pvprof.tar.gz",
]
KILLS = 50 if os.environ.get("PVPROF_THOROUGH") else 5


def adder(store: Path, paths: Sequence[Path], **how: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pvprof", "store", "add", str(store), *map(str, paths)]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, **how)  # type: ignore[call-overload, no-any-return]


@pytest.mark.slow
def test_a_killed_adder_leaves_whole_recordings_or_none(tmp_path: Path) -> None:
    store = create_store(str(tmp_path / "s"))
    add_to(store, *RUNS[:2])
    whole = adder(tmp_path / "whole", OTHERS)
    begin = time.monotonic()
    assert (whole.communicate()[1], whole.returncode) == ("pvprof: added 11 recordings\n", 0)
    needed_s = time.monotonic() - begin
    chance = random.Random(21)
    killed = 0
    for trial in range(10 * KILLS):
        if trial >= KILLS and killed >= KILLS // 2:
            break
        process = adder(store.path, OTHERS)
        time.sleep(chance.uniform(0.3, 1.0) * needed_s)
        process.kill()
        was_killed = process.wait() == -signal.SIGKILL
        killed += was_killed
        needed_s *= 1 if was_killed else 0.7  # the first one was slow: other tests ran beside it
        process.communicate()
        names = [str(one.facts["name"]) for one in select(store)]
        assert len(names) in (2, 2 + len(OTHERS) - 1, 3, 2 + len(OTHERS))  # groups: two places
        assert list(upkeep.check(store)) == []
        with store.lock():
            store.remove([one for one in store.groups() if len(select_of(one)) != 2])
    assert killed >= KILLS // 2
    assert add_to(store, *OTHERS).added == len(OTHERS)
    assert_whole(store, [*RUNS[:2], *OTHERS])
    store.clear_work()
    assert sorted(os.listdir(store.path / ".work")) == []


def select_of(group: object) -> list[object]:
    from pvprof.store.catalogue import read_rows  # noqa: PLC0415

    return list(read_rows(group, "recordings", ["name"]))  # type: ignore[arg-type]


@pytest.mark.slow
def test_several_adders_at_once_lose_nothing_and_add_nothing_twice(tmp_path: Path) -> None:
    shares = [RUNS[:6], RUNS[3:], [*RUNS[:2], *OTHERS]]
    processes = [adder(tmp_path / "s", share) for share in shares]
    ends = [(process.communicate()[1], process.returncode) for process in processes]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert_whole(open_store(str(tmp_path / "s")), [*RUNS, *OTHERS])


@pytest.mark.slow
def test_recordings_are_added_by_several_processes(tmp_path: Path) -> None:
    bad = tmp_path / "bad.out"
    bad.write_text("no recording\n")
    paths = [*RUNS[:4], *OTHERS, bad, *RUNS[4:], RUNS[0]]  # a copy, in the share of another process
    words = ["store", "add", "-j", "3", tmp_path / "s", *paths]
    command = [sys.executable, "-c", SMALL_SHARES, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "added 21 recordings; there already: 1" in done.stderr
    assert "not added: 1 of 23 recordings" in done.stderr
    assert_whole(open_store(str(tmp_path / "s")), [*RUNS, *OTHERS])


@pytest.mark.slow
def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    store = create_store(str(tmp_path / "s"))
    add_to(store, *RUNS[:2])
    limit = 6_000  # bytes of a file; a table has more

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    process = adder(store.path, OTHERS, preexec_fn=small_files)
    message = process.communicate()[1]
    assert process.returncode == 1
    assert f"error: {store.path}: cannot be written: " in message
    assert "Traceback" not in message
    assert_whole(store, RUNS[:2])
    assert os.listdir(store.path / ".work") == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> StoreFolder:
    """A store that no test changes."""
    store = create_store(str(tmp_path_factory.mktemp("shared") / "s"))
    add_to(store, RUNS[0], FIXTURES / "freebsd-15.1/stock-events.pvprof")
    return store


@pytest.fixture
def store(shared: StoreFolder, tmp_path: Path) -> StoreFolder:
    shutil.copytree(shared.path, tmp_path / "s")
    return open_store(str(tmp_path / "s"))


@pytest.mark.parametrize("fault", ["cut", "empty", "flipped", "missing", "text"])
@pytest.mark.parametrize("table", ["recordings", "keys", "stacks", "samples", "waits"])
def test_a_damaged_table_is_named(
    table: str, fault: str, store: StoreFolder, run: RunCommand
) -> None:
    # Of single waits the sums are computed again.
    mode = "offcpu" if table == "samples" else "events"
    path = next(one.table(table) for one in store.groups() if one.mode == mode)
    data = path.read_bytes()
    if fault == "missing":
        path.unlink()
    else:
        middle = len(data) // 3
        path.write_bytes(
            {
                "cut": data[:-20],
                "empty": b"",
                "flipped": data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :],
                "text": b"no table\n",
            }[fault]
        )
    checked = run("store", "check", store.path)
    assert checked.exit_code == 1
    assert str(path) in checked.stdout
    other = run("report", "--store", store.path, "--where", f"mode != {mode}")
    read = run("report", "--store", store.path, "--where", f"mode = {mode}")
    assert "Traceback" not in read.stderr + other.stderr
    if fault != "flipped" or table == "recordings":
        assert (read.exit_code, "pvprof store check" in read.stderr) == (1, True), read.stderr
    if table != "recordings":
        assert other.exit_code == 0


def test_a_newer_version_is_refused(store: StoreFolder, run: RunCommand) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 (an extra)

    path = store.groups()[0].table("recordings")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.replace_schema_metadata({"pvprof.version": "2"}), path)
    message = run("report", "--store", store.path).stderr
    assert f"{path}: a table of version 2; 1 is known" in message
    head = store.path / "pvprof-store.json"
    head.write_text(json.dumps({"format": "pvprof store", "version": 2}))
    for command in (("report", "--store", store.path), ("store", "add", store.path, RUNS[1])):
        result = run(*command)
        assert "a store of version '2'; 1 is known" in result.stderr
        assert result.exit_code == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x", "version": 1}', "[" * 5000])
def test_a_damaged_head_is_refused(text: str, store: StoreFolder, run: RunCommand) -> None:
    (store.path / "pvprof-store.json").write_text(text)
    assert "damaged" in run("report", "--store", store.path).stderr


def test_words_of_a_recording_name_no_file(tmp_path: Path, run: RunCommand) -> None:
    bad = tmp_path / "in" / "bad.pvprof"
    shutil.copytree(RUNS[0], bad)
    manifest = json.loads((bad / "manifest.json").read_text())
    evil = "../../../x\x00/$(touch y)\u202e'; drop table samples; --"
    manifest |= {"mode": evil, "host": evil, "label": evil, "workload": [evil], "program": evil}
    (bad / "manifest.json").write_text(json.dumps(manifest))
    assert run("store", "add", tmp_path / "s", bad).exit_code == 0
    places = {
        path.relative_to(tmp_path / "s").parts[:2] for path in (tmp_path / "s").rglob("*.p*t")
    }
    assert places == {("day=2026-11-27", "mode=other")}
    assert sorted(os.listdir(tmp_path)) == ["in", "s"]
    listed = run("store", "list", tmp_path / "s").stdout
    assert "\u202e" not in listed
    assert "\x00" not in listed
    where = "host ~ 'drop table' and label ~ '[$][(]'"
    found = run("report", "--store", tmp_path / "s", "--where", where)
    assert found.exit_code == 0
    assert found.stdout == run("report", bad).stdout.replace("bad", "bad")


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to '{place}'",
        "copy (select 1) to '{store}/x.csv'",
        "attach '{place}' as x",
        "install httpfs",
        "set enable_external_access = true",
        "select 1; copy (select 1) to '{place}'",
        "drop view samples",
        "insert into samples select * from samples",
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "select * from read_csv('{store}/../secret')",
        "select * from glob('{secret}*')",
        "select * from read_parquet('/etc/*')",
        "pragma database_list",
        "export database '{place}'",
        "select",
        "",
    ],
)
def test_sql_reads_the_store_and_nothing_else(
    query: str, shared: StoreFolder, run: RunCommand
) -> None:
    store = shared
    secret = store.path.parent / "secret"
    secret.write_text("secret")
    place = store.path.parent / "place"
    before = sorted(store.path.rglob("*"))
    result = run(
        "store", "sql", store.path, query.format(place=place, store=store.path, secret=secret)
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert not place.exists()
    assert sorted(store.path.rglob("*")) == before


def test_each_table_has_a_name_for_sql(shared: StoreFolder, run: RunCommand) -> None:
    query = " union all ".join(f"select count(*) from {name}" for name in ("weights", *TABLES))
    assert run("store", "sql", shared.path, query).exit_code == 0
