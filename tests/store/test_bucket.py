"""A store behind a URL: groups appear without locks and renames, and messages show no password.

``memory://`` of fsspec stands for all file systems here; `test_s3` asks a server.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec
import pytest
from conftest import FIXTURES
from fsspec.implementations.memory import MemoryFileSystem
from helpers.command_line import RunCommand, assert_is_error
from helpers.datasets import plain
from helpers.stores import add_to, data_of, merged_after_choice

from pvprof.dataset.load import load_dataset
from pvprof.errors import InputError, UsageError
from pvprof.parse.source import ReadOptions
from pvprof.store import catalogue, load, upkeep
from pvprof.store.catalogue import select
from pvprof.store.engines.spark import SparkEngine
from pvprof.store.places import bucket
from pvprof.store.places.bucket import StoreBucket, create_bucket, open_bucket
from pvprof.store.places.choose import create_place
from pvprof.store.places.connect import StoreUrl
from pvprof.store.places.folder import StoreFolder
from pvprof.store.places.names import SUMS
from pvprof.store.tables.schema import TABLES

RUNS = sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-[1-3].pvprof"))
EVENTS = FIXTURES / "freebsd-15.1/stock-events.pvprof"
URL = "memory://fleet/store"
SECRET_URL = "memory://someone:s3cr3t@fleet/store"


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """The file system in this process, empty again after a test."""
    yield fsspec.filesystem("memory")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def store(memory: MemoryFileSystem) -> StoreBucket:
    """A store with a group for each recording."""
    made = create_bucket(URL)
    for path in (*RUNS, EVENTS):
        assert add_to(made, path).added == 1
    return made


def without_sums(store: StoreBucket, memory: MemoryFileSystem) -> str:
    """Take the sums of one group away; return the name of its recording."""
    group = store.groups()[0]
    (name,) = catalogue.read_rows(group, "recordings", ["name"])
    memory.rm_file(group.table_path("keys").path.replace("keys.parquet", SUMS))
    return str(name["name"])


def test_a_store_behind_a_url_has_the_data_of_its_files(
    memory: MemoryFileSystem, run: RunCommand
) -> None:
    result = run("store", "add", URL, *RUNS, EVENTS)
    assert (result.exit_code, result.stderr) == (0, "pvprof: added 4 recordings\n")
    assert run("store", "add", URL, RUNS[0]).stderr.endswith("there already: 1\n")
    listed = run("store", "list", URL, "--format", "csv").stdout
    assert len(listed.splitlines()) == 5
    paths = [str(path) for path in (*RUNS, EVENTS)]
    assert data_of(open_bucket(URL)) == plain(load_dataset(paths, ReadOptions(jobs=1)))
    checked = run("store", "check", URL)
    assert (checked.exit_code, checked.stdout) == (0, f"{URL}: no fault in 2 groups\n")


def test_merged_groups_of_a_bucket_hold_the_same(
    store: StoreBucket, memory: MemoryFileSystem, run: RunCommand
) -> None:
    before = data_of(store)
    result = run("store", "compact", URL)
    assert (result.exit_code, result.stdout) == (0, f"{URL}: 2 groups of 4\n")
    assert data_of(store) == before
    groups = {path.rpartition("/")[0] for path in memory.find("/") if "day=" in path}
    assert len(groups) == 2  # nothing of the others is left


def test_a_reader_counts_a_recording_once_at_each_step_of_a_merge(
    store: StoreBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = data_of(store)
    seen: list[tuple[int, bool]] = []
    remove = StoreBucket._remove_files

    def look_then_remove(self: StoreBucket, paths: list[str]) -> None:
        seen.append((len(self.groups()), data_of(self) == before))
        remove(self, paths)

    monkeypatch.setattr(StoreBucket, "_remove_files", look_then_remove)
    assert upkeep.compact(store).after == 2
    # The new group and the old ones; then only the new one is there, with the old tables.
    assert seen == [(5, True), (2, True)]


def test_a_merge_between_the_choice_and_the_reading_of_groups_changes_nothing(
    store: StoreBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = data_of(store)
    merged = merged_after_choice(store, monkeypatch, load)
    assert data_of(store) == before
    assert merged == [2]


class TornMemory(MemoryFileSystem):  # type: ignore[misc]
    """Lists the files of a list's begin before something happens, and all others after it."""

    protocol = "torn"
    events: list[Any] = []  # noqa: RUF012 (as fsspec has it: one for all instances)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("torn://", "memory://")))

    def find(self, path: str, *given: Any, **named: Any) -> Any:
        before = sorted(super().find(path, *given, **named).items())
        if not self.events:
            return dict(before)
        self.events.pop()()
        middle = next(name for name, _ in before if "/mode=offcpu/" in name)
        after = super().find(path, *given, **named).items()
        return dict(
            [one for one in before if one[0] < middle]
            + sorted(one for one in after if one[0] >= middle)
        )


def test_a_list_that_is_torn_by_a_merge_loses_no_recording(
    store: StoreBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.register_implementation("torn", TornMemory, clobber=True)
    torn = StoreBucket(StoreUrl(URL.replace("memory", "torn")))
    names = iter(["0" * 16])  # before the old groups: it was not there when this was listed
    monkeypatch.setattr(bucket, "new_group_name", lambda: next(names))
    TornMemory.events = [lambda: upkeep.compact(store)]
    found = [str(one.facts["name"]) for one in select(torn)]
    assert TornMemory.events == []
    assert sorted(found) == ["offcpu-1", "offcpu-2", "offcpu-3", "stock-events"]


def test_a_group_without_sums_is_not_there(
    store: StoreBucket, memory: MemoryFileSystem, run: RunCommand
) -> None:
    name = without_sums(store, memory)
    assert len(store.groups()) == 3
    assert name not in data_of(store)["names"]
    checked = run("store", "check", URL)
    assert (checked.exit_code, "1 groups have no SHA256SUMS" in checked.stderr) == (0, True)
    path = next(one for one in (*RUNS, EVENTS) if one.stem == name)
    assert add_to(store, path).added == 1  # the recorded data was never there
    assert list(upkeep.check(store)) == []


@pytest.mark.parametrize("command", [("compact",), ("expire", "--keep", "36500d")])
def test_only_old_files_of_killed_processes_are_removed(
    command: tuple[str, ...],
    store: StoreBucket,
    memory: MemoryFileSystem,
    run: RunCommand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_sums(store, memory)
    name, *options = command
    assert run("store", name, URL, *options).exit_code == 0
    assert "1 groups have no" in store.leftovers()
    monkeypatch.setattr(bucket, "MIN_ABANDONED", timedelta(0))
    assert run("store", name, URL, *options).exit_code == 0
    assert store.leftovers() == ""


def test_a_group_whose_tables_may_have_been_removed_does_not_appear(
    store: StoreBucket, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, run: RunCommand
) -> None:
    """A machine that sleeps while it adds may find its tables gone."""
    before = sorted(memory.find("/"))
    monkeypatch.setattr(bucket, "MAX_WRITING", timedelta(seconds=-1))
    result = run("store", "add", URL, FIXTURES / "freebsd-15.1/stock-locks.pvprof")
    assert f"{URL}: cannot be written: it took hours" in assert_is_error(result)
    assert sorted(memory.find("/")) == before


def test_old_days_of_a_bucket_expire(store: StoreBucket, run: RunCommand) -> None:
    add_to(store, FIXTURES / "freebsd-13.2/stock-offcpu.out")
    tried = run("store", "expire", URL, "--keep", "0d", "--dry-run")
    assert "recordings would be removed" in tried.stdout
    assert len(store.groups()) == 5
    assert run("store", "expire", URL, "--keep", "0d").exit_code == 0
    assert [group.day for group in store.groups()] == ["unknown"]


@pytest.mark.parametrize("fault", ["cut", "missing"])
def test_a_damaged_table_of_a_bucket_is_named(
    fault: str, store: StoreBucket, memory: MemoryFileSystem, run: RunCommand
) -> None:
    path = next(one for one in store.groups() if one.mode == "events").table_path("waits").path
    if fault == "missing":
        memory.rm_file(path)
    else:
        memory.pipe_file(path, memory.cat_file(path)[:-20])
    checked = run("store", "check", URL)
    assert checked.exit_code == 1
    assert f"memory:/{path}" in checked.stdout
    read = run("report", "--store", URL, "--where", "mode = events")
    assert "pvprof store check" in read.stderr
    assert run("report", "--store", URL, "--where", "mode = offcpu").exit_code == 0


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_parquet('{store}/*/*/*/samples.parquet')",
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "select * from glob('{secret}*')",
        "select * from read_text('memory://fleet/secret')",
        "copy (select 1) to '{secret}'",
        "set enable_external_access = true",
        "install httpfs",
    ],
)
def test_sql_reads_no_file_at_all(
    query: str, store: StoreBucket, memory: MemoryFileSystem, tmp_path: Path, run: RunCommand
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    memory.pipe_file("/fleet/secret", b"secret")
    result = run("store", "sql", URL, query.format(store=URL, secret=secret))
    assert (result.exit_code, result.stdout) == (2, "")
    assert secret.read_text() == "secret"
    counted = " union all ".join(f"select count(*) from {name}" for name in ("weights", *TABLES))
    assert run("store", "sql", URL, counted).exit_code == 0


def test_no_message_shows_a_password(memory: MemoryFileSystem, run: RunCommand) -> None:
    bad = FIXTURES / "no such file"
    commands: tuple[tuple[object, ...], ...] = (
        ("store", "list", SECRET_URL),
        ("store", "add", SECRET_URL, RUNS[0], bad),
        ("store", "check", SECRET_URL),
        ("store", "compact", SECRET_URL),
        ("store", "sql", SECRET_URL, "select nothing"),
        ("report", "--store", SECRET_URL, "--where", "host = nowhere"),
        ("store", "expire", SECRET_URL, "--keep", "0d"),
        ("store", "list", SECRET_URL),
        ("store", "list", SECRET_URL.replace("memory", "sftp") + "?key=s3cr3t"),
        ("store", "list", SECRET_URL.replace("memory", "nothing")),
        ("store", "list", f"simplecache::{SECRET_URL}"),
    )
    for words in commands:
        result = run(*words)
        assert "s3cr3t" not in result.output, words
        assert "someone" not in result.output, words
        assert "Traceback" not in result.output
    assert run("report", "--store", SECRET_URL, "--where", "host = x").exit_code == 1


@pytest.mark.skipif(find_spec("gcsfs") is not None, reason="gcsfs is installed")
def test_a_missing_package_is_named(run: RunCommand) -> None:
    result = run("store", "list", "gs://fleet/store")
    assert "the package gcsfs is missing" in assert_is_error(result, 2)
    assert "pip install gcsfs" in result.stderr


@pytest.mark.parametrize("url", ["nothing://a/b", "://a", "simplecache::memory://a/b", "s3://["])
def test_a_url_that_fsspec_does_not_know_is_refused(url: str, run: RunCommand) -> None:
    assert_is_error(run("store", "add", url, RUNS[0]), 2)


def test_files_that_are_no_store_are_left_alone(memory: MemoryFileSystem, run: RunCommand) -> None:
    memory.pipe_file("/fleet/store/mine", b"x")
    error = assert_is_error(run("store", "add", URL, RUNS[0]))
    assert f"{URL}: not a store, and not empty: mine" in error
    assert memory.find("/") == ["/fleet/store/mine"]
    assert "not a store" in assert_is_error(run("store", "list", URL))
    memory.pipe_file("/fleet/store/pvprof-store.json", b'{"format": "pvprof store", "version": 2}')
    assert "a store of version '2'" in assert_is_error(run("store", "list", URL))


def test_a_cluster_of_spark_is_refused_for_a_url(store: StoreBucket) -> None:
    with pytest.raises(UsageError, match="reads stores in folders"):
        SparkEngine("spark://nowhere:7077").ask(store.groups(), "select 1", {})


@pytest.mark.parametrize("name", ["a::b", "memory:x", "s3:"])
def test_a_folder_may_look_like_a_url(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(create_place(name), StoreFolder)
    assert (tmp_path / name / "pvprof-store.json").exists()


def test_a_url_of_a_file_is_a_folder(tmp_path: Path) -> None:
    assert create_place(f"file://{tmp_path}/s") == StoreFolder(tmp_path / "s")


def test_groups_that_keep_vanishing_end_in_an_error(
    store: StoreBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_ATTEMPTS", 0)
    with pytest.raises(InputError, match="groups vanish while it is read"):
        store.groups()
