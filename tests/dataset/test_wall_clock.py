"""On-CPU and off-CPU recordings in one graph."""

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


def with_manifest(directory: Path, **facts: object) -> Path:
    """Make an on-CPU recording with these facts in its manifest."""
    directory.mkdir()
    (directory / "raw.out").write_bytes(ON.read_bytes())
    (directory / "manifest.json").write_text(json.dumps({"schema": 1, **facts}))
    return directory


def test_each_sample_counts_as_one_period(run: RunCommand) -> None:
    both = weights(run("fold", "-k", "all", OFF, ON, "--wall-clock", "--rate", HZ, "-q").stdout)
    waits, samples = (weights(run("fold", "-k", "all", path, "-q").stdout) for path in (OFF, ON))
    assert not set(waits) & set(samples), "no stack has waits and samples"
    assert both == waits | {stack: n * 10**9 // HZ for stack, n in samples.items()}


def test_a_flame_graph_names_the_sampling_rate(run: RunCommand) -> None:
    picture = run("flamegraph", OFF, ON, "--wall-clock", "--rate", HZ).stdout
    assert "samples at 997 Hz" in picture
    small = ("flamegraph", OFF, ON, "--wall-clock", "--rate", HZ, "--tree", "--depth", 2)
    assert_golden(run(*small).stdout, FIXTURES / "golden" / "wallclock-tree.txt")


def test_the_rate_is_read_from_the_manifest(run: RunCommand, tmp_path: Path) -> None:
    slow = with_manifest(tmp_path / "a.pvprof", mode="oncpu", options={"rate_hz": 100})
    default = with_manifest(tmp_path / "b.pvprof", mode="oncpu", options={})
    for recording, rate in ((slow, 100), (default, HZ)):
        folded = run("fold", "-k", "all", OFF, recording, "--wall-clock", "-q").stdout
        assert (
            folded == run("fold", "-k", "all", OFF, ON, "--wall-clock", "--rate", rate, "-q").stdout
        )
    both = run("fold", "-k", "all", OFF, slow, default, "--wall-clock")
    assert (both.exit_code, "differ in the sampling rate" in both.stderr) == (2, True)


@pytest.mark.parametrize("rate", [0, -1, True, "100", None, [100], {}, 1 << 70, 99.5])
def test_a_rate_that_is_no_positive_integer_is_unknown(
    run: RunCommand, tmp_path: Path, rate: object
) -> None:
    recording = with_manifest(tmp_path / "a.pvprof", mode="oncpu", options={"rate_hz": rate})
    done = run("fold", "-k", "all", OFF, recording, "--wall-clock")
    assert (done.exit_code, "do not state the sampling rate" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((OFF, "--rate", HZ), "no CPU samples"),
        ((ON, "--rate", HZ), "no waits"),
        ((OFF, ON), "do not state the sampling rate"),
        ((OFF, ON, "--rate", 0), "0 is not in the range"),
    ],
)
@pytest.mark.parametrize("command", ["fold", "flamegraph"])
def test_missing_waits_samples_and_rates_are_named(
    run: RunCommand, command: str, args: tuple[object, ...], reason: str
) -> None:
    done = run(command, *args, "--wall-clock")
    assert done.exit_code == 2
    assert reason in done.stderr


def test_a_difference_of_both_is_refused(run: RunCommand) -> None:
    done = run("flamegraph", "--diff", OFF, OFF, "--wall-clock")
    assert (done.exit_code, "--wall-clock" in done.stderr) == (2, True)
