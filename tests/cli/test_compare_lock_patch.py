"""``pvprof compare`` in the case of this project: a patch replaces the lock of one name."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand
from helpers.two_sides import OBM, RWLOCK, Waits, write_side

Sides = tuple[list[Path], list[Path]]
NAME = "pmap pv list"


def runs_of(wait_ns: int, seed: int) -> list[Waits]:
    """Return five runs with a bit of noise."""
    chance = random.Random(seed)

    def some(value: float) -> int:
        return int(value * chance.gauss(1, 0.02))

    return [
        {NAME: (some(wait_ns), 500), "vm object": (some(360e6), 210), "tmpfs": (some(201e6), 31)}
        for _ in range(5)
    ]


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    """Write the sides: 900 ms a run at an rwlock, 300 ms at a one-byte mutex of the same name."""
    monkeypatch.chdir(tmp_path)
    return (
        write_side(Path("runs"), "stock", runs_of(900_000_000, 1), stacks=RWLOCK),
        write_side(Path("runs"), "patched", runs_of(300_000_000, 2), stacks=OBM),
    )


@pytest.fixture
def written(run: RunCommand, sides: Sides) -> Callable[[str], str]:
    def text_of(name: str) -> str:
        result = run("compare", *sides[0], "--vs", *sides[1], "--format", name, "-o", "-")
        assert result.exit_code == 0, result.stderr
        return result.stdout

    return text_of


def test_json_has_one_row_for_the_lock_with_both_primitives(written: Callable[[str], str]) -> None:
    (section,) = json.loads(written("json"))["sections"]
    (lock,) = [row for row in section["rows"] if row["name"] == NAME]
    comparison = lock["measures"][0]["comparison"]
    assert comparison["percent"] == pytest.approx(-66.7, abs=2)
    assert (comparison["verdict"], comparison["better"]) == ("less", True)
    assert (lock["class"], lock["presence"]) == ("pv list", "both")
    assert (lock["base_classes"], lock["new_classes"]) == (["pv list (rwlock)"], ["pv list (OBM)"])
    assert (lock["base_primitives"], lock["new_primitives"]) == (["rwlock"], ["OBM"])
    assert lock["identity_change"] == "rwlock -> OBM"
    classes = {row["name"]: row for row in section["rows"] if row["level"] == "class"}
    assert classes.keys() == {"pv list", "vm object", "vnode/namecache"}
    assert classes["pv list"]["measures"][0]["comparison"] == {
        **comparison,
        "p_adjusted": classes["pv list"]["measures"][0]["comparison"]["p_adjusted"],
    }
    parts = [row for row in section["rows"] if row["level"] == "primitive"]
    assert {(row["class"], row["name"], row["presence"]) for row in parts} == {
        ("pv list", "rwlock", "base only"),
        ("pv list", "OBM", "new only"),
    }
    assert {row["measures"][0]["comparison"]["verdict"] for row in parts} == {"no verdict"}


def test_a_primitive_does_not_count_in_the_correction(written: Callable[[str], str]) -> None:
    (section,) = json.loads(written("json"))["sections"]
    classes = [row for row in section["rows"] if row["level"] == "class"]
    smallest = min((row["measures"][0]["comparison"] for row in classes), key=lambda one: one["p"])
    assert smallest["p_adjusted"] == pytest.approx(len(classes) * smallest["p"])


@pytest.mark.parametrize("name", ["terminal", "markdown", "json", "csv"])
def test_nothing_appears_or_vanishes(written: Callable[[str], str], name: str) -> None:
    text = written(name)
    assert "rwlock -> OBM" in text.replace("\\", "")
    said = re.sub(r'"(?:appeared|vanished)(?:_count)?": (?:\[\]|0)', "", text)
    assert not re.search("appear|vanish", said, re.I)


def test_csv_names_the_change(written: Callable[[str], str]) -> None:
    lines = [line for line in written("csv").splitlines() if f",{NAME}," in line]
    assert {line.count("rwlock -> OBM") for line in lines} == {1}


def test_the_stacks_through_both_locks_are_one(run: RunCommand, sides: Sides) -> None:
    words = ("compare", *sides[0], "--vs", *sides[1], "-o", "-", "--format", "differential")
    stacks = [line.rsplit(" ", 2) for line in run(*words).stdout.splitlines()]
    (through,) = [one for one in stacks if one[0].endswith(NAME)]
    assert through[0] == f"cc;kernel`trap;kernel`pmap_enter;{NAME}"
    assert int(through[1]) > 4 * 900_000_000 > 2 * int(through[2]) > 0
    assert all(int(base) > 0 and int(new) > 0 for _, base, new in stacks)


def test_the_diff_of_two_recordings_has_the_stacks_as_one(run: RunCommand, sides: Sides) -> None:
    result = run("flamegraph", "--diff", sides[0][0], sides[1][0], "-o", "d.svg")
    assert result.exit_code == 0, result.stderr
    text = Path("d.svg").read_text()
    assert NAME in text
    assert "rw_wlock_hard" not in text
    assert "obm_lock" not in text


def test_a_recording_that_lost_inner_frames_is_compared_by_name(run: RunCommand) -> None:
    words = ("compare", RECORDINGS / "seed-offcpu.out", "--vs", RECORDINGS / "stock-offcpu.out")
    result = run(*words, "--symbols", SYMBOLS, "--format", "json", "-o", "-")
    (section,) = json.loads(result.stdout)["sections"]
    (lock,) = [row for row in section["rows"] if row["name"] == NAME]
    assert (lock["class"], lock["presence"], lock["identity_change"]) == ("pv list", "both", "")
    for paths in (section["appeared"], section["vanished"]):
        assert not [path for path in paths if path["frames"][-1] == NAME]


def test_no_interval_of_an_amount_passes_minus_100_percent(run: RunCommand, sides: Sides) -> None:
    runs: list[Waits] = [
        {"vm object": (10**9, 3)},
        {"vm object": (1, 1)},
        {"vm object": (10**8, 2)},
    ]
    base = write_side(Path("noisy"), "a", runs, 31)
    new = write_side(Path("noisy"), "b", [{"tmpfs": (n, 1)} for n in (1, 2, 4)], 41)
    for method in ("student", "welch", "mann-whitney"):
        words = ("compare", *base, "--vs", *new, "--method", method, "-c", "80")
        for name in ("json", "markdown", "terminal"):
            text = run(*words, "--format", name, "-o", "-").stdout
            percents = re.findall(r'"percent(?:_low)?": (-?[\d.e+]+)', text)
            percents += re.findall(r"(-?[\d,.]+)%", text)
            assert percents
            assert min(float(number.replace(",", "")) for number in percents) >= -100
