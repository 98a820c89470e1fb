"""On-CPU and off-CPU recordings in one graph."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import RunCommand, folded_total

from pvprof.units import format_ns

OFF = RECORDINGS / "stock-offcpu.out"
ON = RECORDINGS / "oncpu-default.out"
HZ = 997
LINUX = FIXTURES / "linux" / "bpftrace"
LINUX_OFF, LINUX_ON, LINUX_RUNQ = (
    LINUX / f"{mode}.pvprof.tar.gz" for mode in ("offcpu", "oncpu", "runq")
)


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0, -1, True, "100", None, [100], {}, 1 << 70, 99.5])
def test_a_rate_that_is_no_positive_integer_is_unknown(
    run: RunCommand, tmp_path: Path, rate: object
) -> None:
    recording = with_manifest(tmp_path / "a.pvprof", mode="oncpu", options={"rate_hz": rate})
    done = run("fold", "-k", "all", OFF, recording, "--wall-clock")
    assert (done.exit_code, "do not state the sampling rate" in done.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((OFF, "--rate", HZ), "no CPU samples"),
        ((ON, "--rate", HZ), "no off-CPU waits"),
        ((RECORDINGS / "lockstat-1.out", ON, "--rate", HZ), "no off-CPU waits"),
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


def waits_without_processes(place: Path) -> Path:
    """Write what `pvprof record offcpu` prints: 5 s of sleeping, by kernel stack alone."""
    stack = "".join(
        f"\n    {frame}+16"
        for frame in ("schedule", "do_nanosleep", "do_syscall_64", "entry_SYSCALL_64_after_hwframe")
    )
    lines: list[dict[str, object]] = [
        {"type": "printf", "data": text}
        for text in (
            "#pvprof 2 offcpu linux ns 0.1.0 frames=32\n",
            "#map off_cpu stack\n",
            "#begin 1000 1795793192907449000\n",
            "#end 6000000000 1795793272102945000\n",
        )
    ]
    value = {"count": 2, "average": 2_500_000_000, "total": 5_000_000_000}
    lines.insert(3, {"type": "stats", "data": {"@off_cpu": {f"{stack}\n": value}}})
    place.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return place


def test_the_halves_meet_if_one_has_no_processes_and_user_frames(
    run: RunCommand, tmp_path: Path
) -> None:
    off = waits_without_processes(tmp_path / "off.out")
    words = ("fold", "-k", "all", off, LINUX_ON, "--wall-clock", "--rate", HZ)
    both = run(*words)
    stacks = weights(both.stdout)
    roots = {stack.partition(";")[0].partition("`")[0] for stack in stacks}
    assert {"kernel", "[user code]"} == roots
    entry = "kernel`entry_SYSCALL_64_after_hwframe;kernel`do_syscall_64;"
    below = {stack.removeprefix(entry) for stack in stacks if stack.startswith(entry)}
    sleeping = "kernel`do_nanosleep;kernel`schedule;nanosleep"
    assert sleeping in below
    assert below - {sleeping}, "samples are below the same frames"
    for what, option in (("processes", "--by-process"), ("user frames", "--user-stack")):
        told = f"offcpu was recorded without {what}, so those of oncpu are left out"
        assert f"{told}: record both with {option}" in both.stderr
    samples = weights(run("fold", "-k", "all", LINUX_ON, "-q").stdout)
    # Each stack of samples is rounded down once.
    rounded = 5 * 10**9 + sum(samples.values()) * 10**9 // HZ - sum(stacks.values())
    assert 0 <= rounded <= len(samples)


def test_processes_stay_if_both_halves_have_them(run: RunCommand) -> None:
    both = run("fold", "-k", "all", LINUX_OFF, LINUX_ON, "--wall-clock")
    assert "without processes" not in both.stderr
    assert "offcpu was recorded without user frames" in both.stderr
    assert re.search(r"^dash;kernel`entry", both.stdout, re.M)
    assert re.search(r"^dd;\[user code\] ", both.stdout, re.M)


def test_time_without_a_cpu_is_added_or_named_as_missing(run: RunCommand) -> None:
    recordings = (LINUX_OFF, LINUX_ON)
    without = run("flamegraph", "-k", "all", *recordings, "--wall-clock")
    assert "Time waiting for a CPU is missing" in without.stdout
    assert "give a recording of runq, too" in without.stderr
    with_it = run("flamegraph", "-k", "all", *recordings, LINUX_RUNQ, "--wall-clock")
    assert "is missing" not in with_it.stdout + with_it.stderr
    preempted, woken = (
        sum(weights(run("fold", "-k", "all", LINUX_RUNQ, "--class", one, "-q").stdout).values())
        for one in ("preempted", "woken")
    )
    assert preempted > 0 < woken
    totals = [
        folded_total(run("fold", "-k", "all", *some, "--wall-clock", "-q").stdout)
        for some in (recordings, (*recordings, LINUX_RUNQ))
    ]
    assert totals[1] - totals[0] == preempted, "the time after wake-ups is part of the waits"
    assert f"of runq, {format_ns(woken)} after wake-ups are in the waits already" in with_it.stdout


def test_lengths_that_differ_are_named(run: RunCommand, tmp_path: Path) -> None:
    done = run("flamegraph", LINUX_OFF, LINUX_ON, "--wall-clock")
    assert "recordings are of different lengths (offcpu 456.3 ms, oncpu 277.4 ms)" in done.stderr
    assert "Recordings of different lengths: offcpu 456.3 ms, oncpu 277.4 ms" in done.stdout
    # Two recordings of one mode are as long as both.
    (tmp_path / "on.pvprof.tar.gz").write_bytes(LINUX_ON.read_bytes())
    more = run("flamegraph", LINUX_OFF, LINUX_ON, tmp_path / "on.pvprof.tar.gz", "--wall-clock")
    assert "(offcpu 456.3 ms, oncpu 554.8 ms)" in more.stderr
    off = waits_without_processes(tmp_path / "off.out")
    assert "lengths" not in run("flamegraph", off, ON, "--wall-clock", "--rate", HZ).stderr


def test_the_title_is_that_of_all_time(run: RunCommand) -> None:
    picture = run("flamegraph", LINUX_OFF, LINUX_ON, LINUX / "locks.pvprof.tar.gz", "--wall-clock")
    assert "<title>Wall-clock time of all threads: " in picture.stdout
    assert "left out: locks: " in picture.stderr, (
        "blocking is in the waits, spinning in the samples"
    )
