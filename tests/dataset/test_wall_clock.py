"""On- and off-CPU recordings in one graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import RunCommand

OFF = RECORDINGS / "stock-offcpu.out"
ON = RECORDINGS / "oncpu-default.out"
HZ = 997


def weights(text: str) -> dict[str, int]:
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in text.splitlines()}


def with_manifest(place: Path, **facts: object) -> Path:
    place.mkdir()
    (place / "raw.out").write_bytes(ON.read_bytes())
    (place / "manifest.json").write_text(json.dumps({"schema": 1, **facts}))
    return place


def test_each_sample_is_the_time_that_it_stands_for(run: RunCommand) -> None:
    both = weights(run("fold", OFF, ON, "--wall-clock", "--rate", HZ, "-q").stdout)
    waits, samples = (weights(run("fold", path, "-q").stdout) for path in (OFF, ON))
    assert not set(waits) & set(samples), "no stack is of both"
    assert both == waits | {stack: n * 10**9 // HZ for stack, n in samples.items()}


def test_a_picture_says_what_it_was_made_of(run: RunCommand) -> None:
    picture = run("flamegraph", OFF, ON, "--wall-clock", "--rate", HZ).stdout
    assert "samples at 997 Hz" in picture
    small = ("flamegraph", OFF, ON, "--wall-clock", "--rate", HZ, "--tree", "--depth", 2)
    assert_golden(run(*small).stdout, FIXTURES / "golden" / "wallclock-tree.txt")


def test_the_rate_is_read_from_the_manifest(run: RunCommand, tmp_path: Path) -> None:
    told = with_manifest(tmp_path / "a.pvprof", mode="oncpu", options={"rate_hz": 100})
    usual = with_manifest(tmp_path / "b.pvprof", mode="oncpu", options={})
    for place, rate in ((told, 100), (usual, HZ)):
        found = run("fold", OFF, place, "--wall-clock", "-q").stdout
        assert found == run("fold", OFF, ON, "--wall-clock", "--rate", rate, "-q").stdout
    both = run("fold", OFF, told, usual, "--wall-clock")
    assert (both.exit_code, "several rates" in both.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((OFF, "--rate", HZ), "no samples"),
        ((ON, "--rate", HZ), "no waits"),
        ((OFF, ON), "do not say how often"),
        ((OFF, ON, "--rate", 0), "0 is not in the range"),
    ],
)
@pytest.mark.parametrize("command", ["fold", "flamegraph"])
def test_what_is_missing_is_named(
    run: RunCommand, command: str, args: tuple[object, ...], reason: str
) -> None:
    done = run(command, *args, "--wall-clock")
    assert done.exit_code == 2
    assert reason in done.stderr


def test_a_difference_of_both_is_refused(run: RunCommand) -> None:
    done = run("flamegraph", "--diff", OFF, OFF, "--wall-clock")
    assert (done.exit_code, "--wall-clock" in done.stderr) == (2, True)
