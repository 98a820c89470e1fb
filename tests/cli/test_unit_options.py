"""A unit that no program of pvprof's has, in every output; ``--unit`` and ``--factor``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from helpers.command_line import RunCommand, assert_is_error

_STACKS = b"sh;main;f 300\nsh;main;g 700\n"


@pytest.fixture(name="cycles")
def _cycles(run: RunCommand, tmp_path: Path) -> Path:
    """A folded file in cycles, as pvprof writes it."""
    path = tmp_path / "cycles.folded"
    run("fold", "-", "--unit", "cycles", "-o", path, stdin=_STACKS)
    assert path.read_text().startswith("# pvprof folded, unit: cycles\n")
    return path


def test_tables_name_the_unit(run: RunCommand, cycles: Path) -> None:
    report = run("report", cycles).stdout
    assert "Cycles: 1,000 (Not classified), 100.0% of 1,000 recorded" in report
    assert "Function  Cycles  Share" in report


def test_data_name_the_unit(run: RunCommand, cycles: Path) -> None:
    (section,) = json.loads(run("report", cycles, "--format", "json").stdout)["sections"]
    assert (section["unit"], section["kept"]["value"]) == ("cycles", 1000)
    rows = csv.DictReader(io.StringIO(run("report", cycles, "--format", "csv").stdout))
    assert {(row["unit"], row["name"], row["value"]) for row in rows} == {
        *(("cycles", "f", "300"), ("cycles", "g", "700"))
    }


def test_pictures_name_the_unit(run: RunCommand, cycles: Path) -> None:
    picture = run("flamegraph", cycles).stdout
    assert "<title>Cycles: cycles" in picture
    assert "1,000 cycles" in picture
    diff = run("flamegraph", "--diff", cycles, cycles).stdout
    assert "1,000 cycles" in diff


def test_a_page_and_a_speedscope_file_are_read_back(
    run: RunCommand, cycles: Path, tmp_path: Path
) -> None:
    for name in ("x.html", "x.folded"):
        path = tmp_path / name
        assert run("report", cycles, "-o", path).exit_code == 0
        assert run("fold", path).stdout == run("fold", cycles).stdout


def test_two_sides_are_compared_in_their_unit(run: RunCommand, cycles: Path) -> None:
    changes = run("compare", cycles, "--vs", cycles, "--measure", "cycles").stdout
    assert "\nCycles\n" in changes
    assert "Cycles below a function" in changes
    bytes_too = run("compare", cycles, "--vs", cycles, "--format", "json").stdout
    assert [part["unit"] for part in json.loads(bytes_too)["sections"]] == ["cycles"]


def test_different_units_are_not_compared(run: RunCommand, cycles: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.folded"
    samples.write_bytes(_STACKS)
    error = assert_is_error(run("compare", cycles, "--vs", samples), 2)
    assert "measured in different units" in error


def test_units_are_shown_in_their_order(run: RunCommand, cycles: Path, tmp_path: Path) -> None:
    paths = [cycles]
    for unit in ("bytes", "ns", "branches"):
        paths.append(tmp_path / f"{unit}.folded")
        run("fold", "-", "--unit", unit, "-o", paths[-1], stdin=_STACKS)
    document = json.loads(run("report", *paths, "--format", "json").stdout)
    assert [part["unit"] for part in document["sections"]] == ["ns", "bytes", "branches", "cycles"]
    assert "unit: bytes" in run("fold", *paths, "--measure", "bytes").stdout


def test_an_import_keeps_the_unit_and_the_factor(run: RunCommand, tmp_path: Path) -> None:
    source, path = tmp_path / "x.txt", tmp_path / "x.pvprof"
    source.write_bytes(_STACKS)
    options = ("--unit", "us", "--factor", "1/4")
    assert run("import", source, "-o", path, *options).exit_code == 0
    assert run("fold", path).stdout == run("fold", source, *options).stdout
    assert "sh;main;f 75000\n" in run("fold", path).stdout


@pytest.mark.parametrize(
    ("option", "value"), [("--unit", "two words"), ("--unit", ""), ("--factor", "0")]
)
def test_what_is_no_unit_or_factor_is_refused(run: RunCommand, option: str, value: str) -> None:
    error = assert_is_error(run("fold", "-", option, value, stdin=_STACKS), 2)
    assert option in error
