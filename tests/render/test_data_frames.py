"""Parquet files and spreadsheets: the table of the CSV file, exact, with a type for each column."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand

import pvprof
from pvprof.errors import UsageError
from pvprof.render.data import xlsx
from pvprof.render.data.encoding import DataTable, csv_of
from pvprof.render.data.frames import frame_of

EXAMPLE = FIXTURES / "example-lock-patch"
EVENTS = RECORDINGS / "events-wakeups.out.gz"
COMMANDS = {
    "report": ("report", RECORDINGS / "events.out.gz"),
    "locks": ("locks", EXAMPLE / "rwlock-locks.pvprof"),
    "compare": ("compare", EXAMPLE / "rwlock", "--vs", EXAMPLE / "obm"),
    "stats": ("stats", EXAMPLE / "rwlock", EXAMPLE / "obm"),
}
pytestmark = pytest.mark.skipif(
    find_spec("pyarrow") is None and "CI" not in os.environ, reason="pyarrow is not installed"
)
TABLE = DataTable(
    "locks",
    ("name", "value", "mean", "huge", "mixed", "is_hot", "nothing"),
    [
        ("=1+1", 2**63 - 1, 0.1, 2**63, 2**53 + 1, True, None),
        ("", None, 2, 5, 0.5, None, ""),
        ("http://x \x01\udcff", 0, None, None, None, False, None),
    ],
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_parquet_file_and_a_spreadsheet_hold_the_table_of_the_csv_file(
    command: str, run: RunCommand, tmp_path: Path
) -> None:
    for suffix in ("csv", "parquet", "xlsx"):
        assert run(*COMMANDS[command], "-q", "-o", tmp_path / f"x.{suffix}").exit_code == 0
    lines = (tmp_path / "x.csv").read_text()
    table = pd.read_parquet(tmp_path / "x.parquet")
    (sheet,) = openpyxl.load_workbook(tmp_path / "x.xlsx")
    columns, *rows = sheet.values
    cells = [
        [None if pd.isna(cell) else cell for cell in row] for row in table.astype(object).values
    ]
    assert len(cells) >= 2
    assert csv_of(DataTable("x", tuple(table.columns), cells)).text == lines
    assert list(columns) == list(table.columns)
    for in_sheet, in_table in zip(rows, cells, strict=True):
        for value, expected in zip(in_sheet, in_table, strict=True):
            is_number = isinstance(expected, float)  # a cell has 16 digits
            assert value == (pytest.approx(expected, rel=1e-15) if is_number else expected)


def test_no_number_is_rounded_and_a_missing_value_is_not_zero() -> None:
    frame = frame_of(TABLE)
    assert frame.dtypes.astype(str).to_dict() == {
        "name": "string",
        "value": "Int64",
        "mean": "Float64",
        "huge": "string",
        "mixed": "string",
        "is_hot": "boolean",
        "nothing": "object",
    }
    assert frame["value"].tolist() == [2**63 - 1, pd.NA, 0]
    assert frame["huge"].tolist() == [str(2**63), "5", pd.NA]
    assert frame["mixed"].tolist() == [str(2**53 + 1), "0.5", pd.NA]
    assert frame["name"].tolist() == ["=1+1", pd.NA, "http://x \x01\\udcff"]


def test_a_sheet_has_text_as_text_and_no_number_that_a_double_cannot_hold() -> None:
    rendered = xlsx._sheet(TABLE)
    (sheet,) = openpyxl.load_workbook(io.BytesIO(rendered.binary or b""))
    rows = list(sheet.values)
    assert rows[1] == ("=1+1", str(2**63 - 1), 0.1, str(2**63), str(2**53 + 1), True, None)
    assert [cell.data_type for cell in sheet[2]][:2] == ["s", "s"]
    assert rows[3][0] == "http://x _x0001_\\udcff"
    assert rendered.problems == ()


def test_a_text_too_long_for_a_cell_is_cut_and_reported() -> None:
    rendered = xlsx._sheet(DataTable("stacks", ("stack",), [("a" * 40_000,), ("b",)]))
    (sheet,) = openpyxl.load_workbook(io.BytesIO(rendered.binary or b""))
    assert [len(str(row[0])) for row in sheet.values] == [5, 32_767, 1]
    (problem,) = rendered.problems
    assert problem.text == "column stack: 1 texts cut: a cell has at most 32,767 characters"
    assert problem.severity == "loss"


def test_a_sheet_of_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 2)
    with pytest.raises(UsageError, match="3 rows: a sheet has at most 2"):
        xlsx._sheet(TABLE)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "xlsx", "waits.parquet"])
def test_the_same_input_gives_the_same_bytes(suffix: str, run: RunCommand, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("report", EVENTS, "-q", "-o", tmp_path / f"{name}.{suffix}").exit_code == 0
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_flamegraph_writes_single_waits_too(run: RunCommand, tmp_path: Path) -> None:
    result = run("flamegraph", "-k", "all", EVENTS, "-o", tmp_path / "x.waits.parquet")
    assert result.exit_code == 0, result.output
    run("fold", "-k", "all", EVENTS, "-q", "-o", tmp_path / "y.waits.parquet")
    x, y = ((tmp_path / f"{name}.waits.parquet").read_bytes() for name in "xy")
    assert x == y


def test_single_waits_have_a_row_each_that_adds_up_to_the_report(
    run: RunCommand, tmp_path: Path
) -> None:
    assert run("fold", "-k", "all", EVENTS, "-q", "-o", tmp_path / "x.waits.parquet").exit_code == 0
    waits = pd.read_parquet(tmp_path / "x.waits.parquet")
    data = pvprof.open_recordings(EVENTS)
    events = data.dataset.measurement("ns").events
    assert events is not None
    assert waits["start_ns"].tolist() == events.start_ns.tolist()
    assert waits["wait_ns"].tolist() == events.wait_ns.tolist()
    assert waits["stack"].tolist() == [events.stacks[index] for index in events.stack_id.tolist()]
    known = waits["blocked_ns"].notna()
    assert known.any()
    parts = waits["blocked_ns"] + waits["runnable_ns"]
    assert (parts[known] == waits["wait_ns"][known]).all()
    kept = pvprof.wait_table(data)
    table = pvprof.lock_table(data)
    assert kept["wait_ns"].sum() == table["value"].sum()
    assert kept["blocked_ns"].sum() == table["blocked_ns"].sum()
    assert kept["runnable_ns"].sum() == table["runnable_ns"].sum()
    by_class = kept.groupby("class", observed=True)["wait_ns"].sum()
    assert by_class.to_dict() == table.groupby("class")["value"].sum().to_dict()


def test_single_waits_of_several_recordings_name_theirs() -> None:
    names = [
        FIXTURES / f"freebsd-13.2-grammar-2/{name}-events.pvprof" for name in ("stock", "patched")
    ]
    alone = [len(pvprof.wait_table(pvprof.open_recordings(name))) for name in names]
    waits = pvprof.wait_table(pvprof.open_recordings(*names))
    assert waits.groupby("recording", observed=True).size().tolist() == sorted(alone, reverse=True)
    assert waits["recording"].nunique() == 2


def test_addresses_keep_all_64_bits() -> None:
    waits = pvprof.wait_table(pvprof.open_recordings(RECORDINGS / "events.out.gz"))
    assert waits["object_address"].dtype == "UInt64"
    assert waits["object_address"].max() > 2**63
    assert waits["start_ns"].dtype == waits["wait_ns"].dtype == "Int64"


def test_a_table_of_single_waits_needs_single_waits(run: RunCommand, tmp_path: Path) -> None:
    stock = RECORDINGS / "stock-offcpu.out"
    result = run("report", stock, "-o", tmp_path / "x.waits.parquet")
    assert result.exit_code == 2
    assert "no single waits were recorded" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_stack_table_adds_up_to_the_lock_table() -> None:
    data = pvprof.open_recordings(RECORDINGS / "stock-offcpu.out")
    stacks = pvprof.stack_table(data)
    table = pvprof.lock_table(data)
    assert len(stacks) > len(table)
    for column in ("value", "count"):
        sums = stacks.groupby("name")[column].sum()
        assert sums.to_dict() == table.set_index("name")[column].to_dict()


def test_a_format_without_its_package_is_refused_before_anything_is_read(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    result = run("report", EVENTS, "-o", tmp_path / "x.parquet")
    assert result.exit_code == 1
    assert result.stderr == (
        "pvprof: error: format parquet: pyarrow not installed\n  pip install 'pvprof[tables]'\n"
    )


@pytest.mark.slow
def test_pandas_is_imported_for_data_frames_only() -> None:
    code = (
        "import sys; sys.argv = ['pvprof', *sys.argv[1:]]\n"
        "from pvprof.cli import cli\n"
        "try: cli()\n"
        "finally: print({'pandas', 'pyarrow', 'xlsxwriter'} & set(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "report", str(EVENTS), "-q"]
    for more, imported in (([], 0), (["--format", "csv"], 0), (["--format", "xlsx"], 2)):
        done = subprocess.run([*command, *more], capture_output=True, check=True)
        found = re.findall(r"'\w+'", done.stderr.decode())
        assert len(found) >= imported
        assert bool(found) == bool(imported)


def test_a_spreadsheet_runs_no_cell_of_a_csv_file() -> None:
    texts = ['=HYPERLINK("http://x/")', "+1", "-1+2", "@sum", "\t=1", "x\r=1+cmd", "-", "a=1"]
    table = DataTable("x", ("name", "value"), [(text, -1) for text in texts])
    _, *rows = csv.reader(io.StringIO(csv_of(table).text, newline=""))
    assert [row[0] for row in rows] == [
        '\'=HYPERLINK("http://x/")',
        "'+1",
        "'-1+2",
        "'@sum",
        "\\x09=1",
        "x\\x0d=1+cmd",
        "-",
        "a=1",
    ]
    assert {row[1] for row in rows} == {"-1"}  # a number stays a number
