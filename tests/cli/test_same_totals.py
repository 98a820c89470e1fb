"""The same question gets the same total in every command, and folded stacks keep their unit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import RECORDINGS, require
from helpers.command_line import RunCommand, folded_total

from pvprof.units import format_ns

EVENTS = RECORDINGS / "events.out.gz"
KEPT_NS = 1_386_252_727


@pytest.mark.slow
def test_every_command_keeps_the_same_waits(run: RunCommand, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("x.folded", "x.svg", "x.json")]
    outputs = [word for path in files for word in ("-o", path)]
    assert run("report", EVENTS, *outputs).exit_code == 0
    assert folded_total(files[0].read_text()) == KEPT_NS
    assert json.loads(files[2].read_text())["sections"][0]["kept"]["value"] == KEPT_NS
    folded = run("fold", EVENTS)
    assert folded_total(folded.stdout) == KEPT_NS
    for words in (("flamegraph", EVENTS, "-o", "-"), ("report", EVENTS), ("locks", EVENTS)):
        assert format_ns(KEPT_NS) in run(*words).stdout
    assert f"{KEPT_NS:,} ns" in files[1].read_text()


@pytest.mark.slow
def test_what_is_set_aside_is_listed_on_stderr(run: RunCommand, tmp_path: Path) -> None:
    words = "set aside: Waiting for children 132.2 s (-k child), User-space synchronisation"
    assert words in run("fold", EVENTS).stderr
    assert words in run("report", EVENTS, "-o", tmp_path / "x.folded").stderr
    assert words not in run("fold", EVENTS, "-q").stderr
    assert "set aside" not in run("fold", "-k", "all", EVENTS).stderr


@pytest.mark.slow
def test_the_unit_survives_a_pipe_between_two_commands(run: RunCommand) -> None:
    fold = [sys.executable, "-m", "pvprof", "fold", "-q", str(EVENTS)]
    folded = subprocess.run(fold, capture_output=True, check=True).stdout
    assert folded.startswith(b"# pvprof folded, unit: ns\n")
    picture = run("flamegraph", "-", "-q", stdin=folded).stdout
    assert f"({KEPT_NS:,} ns)" in picture
    assert "samples" not in picture.partition("<script")[0]
    (section,) = json.loads(run("report", "-", "--format", "json", stdin=folded).stdout)["sections"]
    assert (section["unit"], section["kept"]["value"]) == ("ns", KEPT_NS)


@pytest.mark.parametrize("unit", ["samples", "events"])
def test_a_unit_that_the_user_gives_counts(run: RunCommand, unit: str) -> None:
    text = b"# pvprof folded, unit: ns\na;b 7\n"
    report = run("report", "-", "--unit", unit, "--format", "json", stdin=text).stdout
    assert json.loads(report)["sections"][0]["unit"] == unit


def test_another_comment_gives_no_unit(run: RunCommand) -> None:
    for comment in (b"# unit: ns", b"# pvprof folded, unit: two words", b"# pvprof folded, unit: "):
        report = run("report", "-", "--format", "json", stdin=comment + b"\na;b 7\nc;d 8\n").stdout
        assert json.loads(report)["sections"][0]["unit"] == "samples"


@pytest.mark.slow
def test_scripts_that_split_at_the_last_blank_get_the_same_sum(run: RunCommand) -> None:
    require(shutil.which("awk") is not None, "awk is not installed")
    fold = [sys.executable, "-m", "pvprof", "fold", "-q", str(EVENTS)]
    folded = subprocess.run(fold, capture_output=True, check=True).stdout
    awk = ["awk", '{ sum += $NF } END { printf "%d", sum }']
    assert (
        subprocess.run(awk, input=folded, capture_output=True, check=True).stdout == b"1386252727"
    )
