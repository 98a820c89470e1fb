"""``store compact``, ``expire``, ``check`` and ``sql``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.datasets import plain
from helpers.stores import add_to, merged_after_choice

from pvprof.parse.source import ReadOptions
from pvprof.store import load, sql, trend
from pvprof.store.catalogue import select
from pvprof.store.engines.engine import DuckDb
from pvprof.store.load import StoreInput, load_stored
from pvprof.store.places.folder import StoreFolder, create_store, open_store

RUNS = sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-[1-4].pvprof"))
EVENTS = [FIXTURES / f"freebsd-15.1/{side}-events.pvprof" for side in ("stock", "patched")]
OLD = FIXTURES / "linux/bpftrace-0.23"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> StoreFolder:
    """A store with a group for each recording."""
    store = create_store(str(tmp_path_factory.mktemp("built") / "s"))
    for path in (*RUNS, *EVENTS):
        assert add_to(store, path).added == 1
    return store


@pytest.fixture
def store(built: StoreFolder, tmp_path: Path) -> StoreFolder:
    shutil.copytree(built.path, tmp_path / "s")
    return open_store(str(tmp_path / "s"))


def data_of(store: StoreFolder) -> object:
    return plain(load_stored(StoreInput(str(store.path), DuckDb()), ReadOptions()))


def test_merged_groups_hold_the_same(store: StoreFolder, run: RunCommand) -> None:
    before = data_of(store)
    names = [one.facts["name"] for one in select(store)]
    result = run("store", "compact", store.path)
    assert (result.stdout, result.exit_code) == (f"{store.path}: 2 groups of 6\n", 0)
    assert [one.facts["name"] for one in select(store)] == names
    assert data_of(store) == before
    assert run("store", "check", store.path).exit_code == 0
    assert "2 groups of 2" in run("store", "compact", store.path).stdout


def test_recordings_in_two_groups_count_once(
    store: StoreFolder, run: RunCommand, tmp_path: Path
) -> None:
    """So it is while groups are merged, and after a kill at that moment."""
    before = data_of(store)
    old = tmp_path / "old"
    shutil.copytree(store.path, old)
    run("store", "compact", store.path)
    shutil.copytree(old, store.path, dirs_exist_ok=True)
    assert len(store.groups()) == 8
    assert data_of(store) == before
    counted = "select count(*) as n from weights where recording = 'offcpu-1'"
    both = run("store", "sql", store.path, counted, "--format", "json").stdout
    assert both == run("store", "sql", old, counted, "--format", "json").stdout
    assert "pvprof store compact" in run("store", "check", store.path).stdout
    assert "2 groups of 8" in run("store", "compact", store.path).stdout
    assert data_of(store) == before


@pytest.mark.parametrize(
    "words",
    [
        ("report", "-q", "-k", "all", "--store", "STORE"),
        ("compare", "-q", "--store", "STORE", "--where", "run < 3", "--vs-where", "run >= 3"),
        ("store", "trend", "STORE", "--class", "pv list", "--where", "mode = offcpu"),
        ("store", "sql", "STORE", "select sum(value) from weights"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_groups_that_are_merged_while_a_command_reads_change_nothing(
    words: tuple[str, ...], store: StoreFolder, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [str(store.path) if word == "STORE" else word for word in words]
    known = run(*command).stdout
    merged = merged_after_choice(store, monkeypatch, load, sql, trend)
    assert run(*command).stdout == known != ""
    assert merged == [2]  # of days and modes


def test_a_damaged_group_is_left_and_the_others_are_merged(
    store: StoreFolder, run: RunCommand
) -> None:
    damaged = next(group for group in store.groups() if group.mode == "events")
    damaged.table("samples").write_bytes(b"PAR1")
    result = run("store", "compact", store.path)
    assert (result.exit_code, result.stdout) == (1, f"{store.path}: 3 groups of 6\n")
    assert "not merged" in result.stderr
    assert damaged.path.is_dir()


def test_old_days_expire(store: StoreFolder, run: RunCommand) -> None:
    kept = data_of(store)
    add_to(store, FIXTURES / "linux/bpftrace/offcpu.pvprof.tar.gz")
    add_to(store, FIXTURES / "freebsd-13.2/stock-offcpu.out")
    days = [group.day for group in store.groups()]
    assert sorted(set(days)) == ["2026-11-25", "2026-11-27", "unknown"]
    assert run("store", "expire", store.path, "--keep", "36500d").stdout.endswith(
        "0 recordings removed\n"
    )
    tried = run("store", "expire", store.path, "--keep", "0d", "--dry-run")
    assert tried.stdout.endswith("7 recordings would be removed\n")
    assert [group.day for group in store.groups()] == days
    assert "1 groups of recordings without a day stay" in tried.stderr
    result = run("store", "expire", store.path, "--keep", "0d")
    assert result.exit_code == 0
    assert [group.day for group in store.groups()] == ["unknown"]
    assert not (store.path / "day=2026-11-25").exists()
    assert kept != data_of(store)


@pytest.mark.parametrize("words", ["90", "d", "-1d", "1w", "99999999d"])
def test_only_days_are_kept(words: str, store: StoreFolder, run: RunCommand) -> None:
    assert run("store", "expire", store.path, f"--keep={words}").exit_code == 2


def test_sql_has_the_totals_of_reports(store: StoreFolder, run: RunCommand) -> None:
    query = "select unit, sum(value) as total from weights where mode = 'offcpu' group by unit"
    rows = json.loads(run("store", "sql", store.path, query, "--format", "json").stdout)["rows"]
    report = json.loads(run("report", *RUNS, "-k", "all", "--format", "json", "-o", "-").stdout)
    assert rows == [
        {"unit": "ns", "total": sum(one["kept"]["value"] for one in report["sections"])}
    ]


def test_classes_in_sql_are_those_of_the_rules(store: StoreFolder, run: RunCommand) -> None:
    query = (
        "select lock_class, sum(value) as v from weights"
        " where mode = 'offcpu' and kind = 'kernel' group by 1 order by 2 desc limit 1"
    )
    rows = json.loads(run("store", "sql", store.path, query, "--format", "json").stdout)["rows"]
    shown = run(
        "locks", *RUNS, "--class", rows[0]["lock_class"].replace("(", "[(]"), "--format", "csv"
    )
    values = [line.split(",") for line in shown.stdout.splitlines()]
    column = values[0].index("value")
    assert sum(int(line[column]) for line in values[1:]) == rows[0]["v"]
