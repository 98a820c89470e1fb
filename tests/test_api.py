"""The interface for Python: its examples run, and it gives what the command line prints."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers.command_line import RunCommand

import pvprof
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.errors import UsageError

STOCK = RECORDINGS / "stock-offcpu.out"
EVENTS = RECORDINGS / "events.out.gz"
TOP = Path(__file__).parent.parent


def test_the_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    results = doctest.testmod(pvprof)
    assert results.attempted >= 8
    assert not results.failed


def test_importing_pvprof_imports_nothing_else() -> None:
    code = "import sys, pvprof; print([m for m in sys.modules if m.startswith('pvprof.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("set_aside", [False, True])
def test_the_lock_table_has_the_rows_of_the_report(run: RunCommand, set_aside: bool) -> None:
    table = pvprof.lock_table(pvprof.open_recordings(STOCK), set_aside=set_aside)
    (section,) = json.loads(run("report", STOCK, "--format", "json").stdout)["sections"]
    rows = section["set_aside_rows" if set_aside else "rows"]
    assert len(rows) >= 2
    assert list(table["name"]) == [row["name"] for row in rows]
    assert list(table["value"]) == [row["value"] for row in rows]
    assert list(table["class"]) == [row["class"] for row in rows]
    assert set(table["unit"]) == {"ns"}


def test_folded_stacks_are_those_of_fold(run: RunCommand) -> None:
    data = pvprof.open_recordings(STOCK, filters=Filters((ALL_KINDS,)))
    lines = [f"{stack} {value}" for stack, value in pvprof.folded_stacks(data).items()]
    assert sorted(lines) == sorted(run("fold", "-k", "all", STOCK, "-q").stdout.splitlines())


@pytest.mark.slow
def test_pictures_and_pages_are_those_of_the_command_line(run: RunCommand) -> None:
    data = pvprof.open_recordings(EVENTS)
    assert pvprof.flame_graph(data, title="x") == run("flamegraph", EVENTS, "--title", "x").stdout
    assert pvprof.heat_map(data) == run("heatmap", EVENTS).stdout
    page = run("report", EVENTS, "-o", "-", "--format", "html").stdout
    assert pvprof.html_page(data) == page


def test_a_heat_map_needs_single_waits() -> None:
    with pytest.raises(UsageError, match="no single waits were recorded"):
        pvprof.heat_map(pvprof.open_recordings(STOCK))


def test_a_comparison_has_the_rows_of_compare(run: RunCommand) -> None:
    comparison = pvprof.compare([STOCK], [RECORDINGS / "sdt-offcpu.out"])
    printed = run(
        "compare", STOCK, "--vs", RECORDINGS / "sdt-offcpu.out", "--format", "json"
    ).stdout
    (section,) = json.loads(printed)["sections"]
    assert [row.name for row in comparison.sections[0].rows] == [
        row["name"] for row in section["rows"]
    ]
