"""``pvprof store add`` and ``list``, and ``--store`` of the other commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.stores import add_to

from pvprof.store.places.folder import create_store

RUNS = sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-[1-3].pvprof"))
REPORTED = ("report", "--store")


@pytest.fixture
def store(tmp_path: Path, run: RunCommand) -> Path:
    result = run("store", "add", tmp_path / "s", *RUNS, "--commit", "3f2a91c")
    assert (result.exit_code, result.stderr) == (0, "pvprof: added 3 recordings\n")
    return tmp_path / "s"


def test_a_recording_is_added_once_in_any_form(
    store: Path, run: RunCommand, tmp_path: Path
) -> None:
    packed = shutil.make_archive(str(tmp_path / "copy"), "gztar", RUNS[0].parent, RUNS[0].name)
    result = run("store", "add", store, packed, *RUNS)
    assert (result.exit_code, result.stderr) == (
        0,
        "pvprof: added 0 recordings; there already: 4\n",
    )


def test_a_list_shows_what_is_stored(store: Path, run: RunCommand) -> None:
    heading, _, *rows = run("store", "list", store).stdout.splitlines()
    shown = ["day", "host", "mode", "label", "name"]
    shown += ["kernel", "release", "commit", "duration", "records"]
    assert heading.split() == shown
    assert [row.split()[4] for row in rows] == [run.stem for run in RUNS]
    document = json.loads(run("store", "list", store, "--format", "json").stdout)
    assert {row["commit"] for row in document["recordings"]} == {"3f2a91c"}
    found = run("store", "list", store, "--where", "name = offcpu-2", "--format", "csv").stdout
    assert len(found.splitlines()) == 2


def test_bad_recordings_are_named_and_the_others_are_added(tmp_path: Path, run: RunCommand) -> None:
    bad = tmp_path / "bad.out"
    bad.write_text("no recording\n")
    result = run("store", "add", tmp_path / "s", bad, RUNS[0], tmp_path / "missing.pvprof")
    assert result.exit_code == 1
    assert [line.partition(": ")[2] for line in result.stderr.splitlines()][-2:] == [
        "added 1 recording",
        "error: not added: 2 of 3 recordings",
    ]
    assert "not added:" in result.stderr
    assert "bad.out" in result.stderr


def test_a_store_may_have_any_name(tmp_path: Path, run: RunCommand) -> None:
    """DuckDB takes some characters of a path for a pattern, and a quote ends a text of SQL."""
    path = tmp_path / "a[1]*'?;"
    add_to(create_store(str(path)), *RUNS)
    assert run(*REPORTED, path).stdout == run("report", *RUNS).stdout


def test_a_page_is_not_added(tmp_path: Path, run: RunCommand) -> None:
    page = tmp_path / "x.html"
    assert run("report", RUNS[0], RUNS[1], "-o", page).exit_code == 0
    result = run("store", "add", tmp_path / "s", page)
    assert result.exit_code == 1
    assert "html has the sums of several recordings" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--where", "host = other"), 1, "no recording matches --where"),
        (("--where", "host = "), 2, "a value is due"),
        (("--symbols", "x"), 2, "--symbols and --store"),
        (("--unit", "ms"), 2, "--unit and --store"),
        (("--engine", "abacus"), 2, "no such engine"),
        ((str(RUNS[0]),), 2, "give one of them"),
        (("--from", "1"), 2, "needs recordings of mode events"),
    ],
)
def test_what_a_store_cannot_give_is_refused(
    words: tuple[str, ...], code: int, message: str, store: Path, run: RunCommand
) -> None:
    (store.parent / "x").write_text("ffffffff81000000 T f\n")
    words = tuple(str(store.parent / "x") if word == "x" else word for word in words)
    result = run(*REPORTED, store, *words)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


def test_a_mark_shows_the_fault_of_an_expression(store: Path, run: RunCommand) -> None:
    lines = run(*REPORTED, store, "--where", "mode = offcpu and\x1b host").stderr.splitlines()
    assert lines[1:3] == [r"  mode = offcpu and\x1b host", "                ^"]


@pytest.mark.parametrize("words", [("--where", "a = b"), ("--vs-where", "a = b")])
def test_an_expression_without_a_store_is_refused(words: tuple[str, ...], run: RunCommand) -> None:
    result = run("compare", *RUNS[:2], *words)
    assert (result.exit_code, "without --store" in result.stderr) == (2, True)


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path, run: RunCommand) -> None:
    (tmp_path / "file").write_text("x")
    for command in (("report", "--store", tmp_path), ("store", "list", tmp_path)):
        assert f"{tmp_path}: not a store" in run(*command).stderr
    result = run("store", "add", tmp_path, RUNS[0])
    assert (result.exit_code, "not a store, and not empty" in result.stderr) == (1, True)


def test_recordings_or_a_store_are_needed(run: RunCommand) -> None:
    result = run("report")
    assert (result.exit_code, "Missing argument 'REC...'" in result.stderr) == (2, True)
