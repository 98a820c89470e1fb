"""Differential files, as difffolded.pl, inferno-diff-folded and ``pvprof compare`` write them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers.command_line import RunCommand, assert_is_error

_FILE = "main;same 10 10\nmain;more 3 5\nmain;gone 4 0\nmain;new 0 9\n"


@pytest.fixture(name="change")
def _change(tmp_path: Path) -> Path:
    path = tmp_path / "change.txt"
    path.write_text(_FILE)
    return path


def test_one_file_is_drawn_as_a_difference(run: RunCommand, change: Path, tmp_path: Path) -> None:
    for side, column in (("base", 1), ("new", 2)):
        lines = [line.split(" ") for line in _FILE.splitlines()]
        text = "".join(f"{words[0]} {words[column]}\n" for words in lines)
        (tmp_path / side).write_text(text)
    picture = run("flamegraph", change)
    assert "two numbers" in picture.stderr
    assert "<title>CPU samples: change (base) → change (new)</title>" in picture.stdout
    apart = run("flamegraph", "--diff", tmp_path / "base", tmp_path / "new").stdout
    assert _boxes(picture.stdout) == _boxes(apart)
    asked = run("flamegraph", "--diff", change, "--widths", "new").stdout
    assert _boxes(asked) == _boxes(run("flamegraph", change, "--widths", "new").stdout)
    assert _boxes(asked) != _boxes(apart)


def _boxes(picture: str) -> list[str]:
    """Return the boxes of the still picture: place, size, colour."""
    still = picture.partition('class="still"')[2].partition("<script")[0]
    return re.findall(r"<(?:rect|path) (?!class=.panel)[^>]*>", still)


def test_each_side_can_be_drawn_alone(run: RunCommand, change: Path) -> None:
    new = run("flamegraph", change, "--measure", "differential").stdout
    assert "24 samples" in new
    base = run("flamegraph", change, "--measure", "differential-base").stdout
    assert "17 samples" in base


def test_both_sides_are_reported(run: RunCommand, change: Path) -> None:
    sections = json.loads(run("report", change, "--format", "json").stdout)["sections"]
    assert [(part["mode"], part["kept"]["value"]) for part in sections] == [
        *(("differential", 24), ("differential-base", 17))
    ]
    assert "The base side, differential above is the new one" in run("report", change).stdout


def test_fold_takes_the_new_side_and_names_the_other(run: RunCommand, change: Path) -> None:
    result = run("fold", change)
    assert "main;more 5\n" in result.stdout
    assert "left out: differential-base: 17 samples" in result.stderr


def test_compare_takes_one_file_for_two_sides(run: RunCommand, change: Path) -> None:
    changes = run("compare", change).stdout
    assert changes.startswith("pvprof compare: change (base) (1 run) -> change (new) (1 run)")
    assert "compared with itself" not in changes
    assert "two numbers" in changes
    assert re.search(r"^gone +other +4 +0 +vanished", changes, re.M)


def test_what_compare_writes_is_drawn_in_its_unit(run: RunCommand, tmp_path: Path) -> None:
    for side, value in (("base", 300), ("new", 500)):
        (tmp_path / side).write_text(f"# pvprof folded, unit: ns\nmain;f {value}\nmain;g 7\n")
    path = tmp_path / "change.folded"
    assert run("compare", tmp_path / "base", "--vs", tmp_path / "new", "-o", path).exit_code == 0
    assert path.read_text() == "# pvprof differential, unit: ns\nmain;f 300 500\nmain;g 7 7\n"
    picture = run("flamegraph", path)
    assert "507 ns" in picture.stdout
    assert not picture.stderr


def test_other_files_need_a_second_one(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a;b 3\na;c 4\n")
    error = assert_is_error(run("flamegraph", "--diff", tmp_path / "plain"), 2)
    assert "two recordings, not 1" in error
    assert "no label" in assert_is_error(run("compare", tmp_path / "plain"), 2)
