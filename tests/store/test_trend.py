"""``store trend``: the values are those of reports, and a change is found."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.stores import add_to

from pvprof.store.places.folder import create_store
from pvprof.store.trend import TrendPoint

SIDES = {
    ident: sorted((FIXTURES / "example-lock-patch" / side).glob("offcpu-[1-5].pvprof"))
    for ident, side in (("PVPROBES", "rwlock"), ("PVOBM", "obm"))
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trend") / "s"
    folder = create_store(str(path))
    add_to(folder, *SIDES["PVPROBES"], *SIDES["PVOBM"])
    add_to(folder, FIXTURES / "freebsd-15.1/stock-locks.pvprof")
    return path


def class_total(recording: Path, run: RunCommand) -> int:
    table = run("locks", recording, "--class", "^pv list", "-k", "all", "--format", "csv").stdout
    return sum(int(row["value"]) for row in csv.DictReader(io.StringIO(table)))


def test_a_trend_has_the_values_of_reports_and_its_change(store: Path, run: RunCommand) -> None:
    words = ("--class", "^PV list", "--by", "kernel", "--where", "mode = offcpu")
    result = run("store", "trend", store, *words, "--format", "json")
    first, second = json.loads(result.stdout)["points"]
    for point, runs in ((first, SIDES["PVPROBES"]), (second, SIDES["PVOBM"])):
        values = [class_total(recording, run) for recording in runs]
        assert (point["runs"], point["min"], point["max"]) == (5, min(values), max(values))
        assert point["mean"] == pytest.approx(sum(values) / 5)
    assert (first["is_change"], second["is_change"]) == (False, True)
    answer = run("store", "trend", store, *words).stdout
    assert answer.startswith("Changed at PVOBM, 13.2-RELEASE")


def test_a_day_without_a_change_proves_none(store: Path, run: RunCommand) -> None:
    where = "mode = offcpu and ident = PVOBM"
    result = run("store", "trend", store, "--class", "pv list", "--where", where)
    assert result.stdout.startswith("No change proven.\n")
    assert "2026-11-27" in result.stdout


def test_values_per_second_are_divided_by_the_length(store: Path, run: RunCommand) -> None:
    where = "mode = offcpu and name = offcpu-1 and ident = PVOBM"
    words = ("store", "trend", store, "--class", "pv list", "--where", where, "--format", "json")
    (whole,) = json.loads(run(*words).stdout)["points"]
    (rate,) = json.loads(run(*words, "--per", "second").stdout)["points"]
    stored = run("store", "list", store, "--where", where, "--format", "json").stdout
    duration_ns = json.loads(stored)["recordings"][0]["duration_ns"]
    assert rate["mean"] == pytest.approx(whole["mean"] * 1e9 / duration_ns)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--class", "pv"), "several modes measure the same waits: locks, offcpu"),
        (("--class", "zfs", "--where", "mode = offcpu"), "no wait of these recordings"),
        (("--class", "pv", "--where", "host = x"), "no recording matches"),
        (("--class", "(", "--where", "mode = offcpu"), "--class: bad regular expression"),
        (("--class", "pv", "--where", "mode = offcpu", "--by", "commit"), "has a commit"),
    ],
)
def test_what_has_no_trend_is_refused(
    words: tuple[str, ...], message: str, store: Path, run: RunCommand
) -> None:
    result = run("store", "trend", store, *words)
    assert (result.exit_code > 0, result.stdout) == (True, "")
    assert message in result.stderr


def test_the_interval_is_that_of_students_t() -> None:
    point = TrendPoint("x", "2026-11-27", (1.0, 2.0, 3.0))
    assert point.half_width == pytest.approx(4.302652729911275 / 3**0.5)
    assert TrendPoint("x", "2026-11-27", (1.0,)).half_width is None
