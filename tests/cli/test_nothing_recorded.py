"""Complete recordings without records open and report that; truncated ones are errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers import native_writer as writer
from helpers.command_line import RunCommand

MODES = [("offcpu", "ns"), ("events", "ns"), ("locks", "ns"), ("runq", "ns"), ("oncpu", "samples")]


def nothing(mode: str = "offcpu", unit: str = "ns") -> bytes:
    return writer.text_of([], mode, unit)


@pytest.mark.parametrize(("mode", "unit"), MODES)
@pytest.mark.parametrize("command", ["report", "locks"])
def test_a_report_says_that_nothing_was_recorded(
    command: str, mode: str, unit: str, run: RunCommand
) -> None:
    result = run(command, "-", stdin=nothing(mode, unit))
    assert result.exit_code == 0, result.stderr
    assert "Duration: 8.000 µs" in result.stdout
    assert "note: nothing was recorded between begin and end" in result.stdout
    assert ": nothing was recorded\n" in result.stdout


def test_an_empty_report_counts_the_waits_that_were_left_out(run: RunCommand) -> None:
    text = writer.header() + writer.BEGIN + b"#set-aside short sleepq 12345 12\n" + writer.END
    result = run("report", "-", stdin=text)
    assert result.exit_code == 0, result.stderr
    assert "12.35 µs together, were left out by the recorder" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", ["markdown", "csv", "json"])
def test_every_table_format_can_be_empty(name: str, run: RunCommand) -> None:
    result = run("report", "-", "--format", name, "-o", "-", stdin=nothing())
    assert result.exit_code == 0, result.stderr
    if name == "json":
        (section,) = json.loads(result.stdout)["sections"]
        assert (section["rows"], section["total"]["value"]) == ([], 0)
    if name == "csv":
        assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize("args", [[], ["--counts"], ["--chain", "wakers"], ["--kind", "kernel"]])
def test_an_empty_recording_has_no_folded_stacks(args: list[str], run: RunCommand) -> None:
    result = run("fold", "-k", "all", "-", *args, stdin=nothing("events"))
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize("suffix", ["svg", "speedscope.json"])
def test_an_empty_picture_does_not_blame_the_filters(
    suffix: str, run: RunCommand, tmp_path: Path
) -> None:
    result = run("flamegraph", "-", "-o", tmp_path / f"x.{suffix}", stdin=nothing())
    assert result.exit_code == 1
    assert "nothing to draw: nothing was recorded" in result.stderr


def test_a_page_of_nothing_can_be_read_again(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    result = run("report", "-", "-o", page, stdin=nothing())
    assert result.exit_code == 1
    assert "nothing to show: nothing was recorded" in result.stderr
    again = run("report", page)
    assert again.exit_code == 0, again.stderr
    assert ": nothing was recorded\n" in again.stdout


@pytest.mark.slow
def test_an_empty_recording_adds_nothing_to_others(run: RunCommand, tmp_path: Path) -> None:
    empty = tmp_path / "empty.out"
    empty.write_bytes(nothing("events"))
    other = RECORDINGS / "events.out.gz"
    for both in ((empty, other), (other, empty)):
        assert run("fold", "-k", "all", *both).stdout == run("fold", "-k", "all", other).stdout
    compared = run("compare", empty, "--vs", other)
    assert compared.exit_code == 0, compared.stderr
    assert "vm object" in compared.stdout


@pytest.mark.parametrize(
    "text",
    [
        writer.header(),
        writer.header() + writer.BEGIN,
        writer.header() + writer.END,
        writer.header() + writer.BEGIN + b"> turnstile name=2:x\n" + writer.END,
        writer.header() + writer.BEGIN + b"what is this\n" + writer.END,
        writer.header() + writer.BEGIN + b"dtrace: 3 drops on CPU 1\n" + writer.END,
    ],
    ids=["header", "no end", "no begin", "damaged record", "stray line", "drops"],
)
@pytest.mark.parametrize("command", ["report", "fold", "flamegraph"])
def test_a_truncated_empty_recording_is_an_error(
    command: str, text: bytes, run: RunCommand
) -> None:
    result = run(command, "-", stdin=text)
    assert result.exit_code == 1
    assert result.stderr.startswith("pvprof: error: ")
    assert "Traceback" not in result.stderr


def test_an_empty_picture_says_what_was_set_aside_and_how_to_see_it(
    run: RunCommand, tmp_path: Path
) -> None:
    out = tmp_path / "empty.svg"
    linux = RECORDINGS.parent / "linux" / "bpftrace" / "events.pvprof.tar.gz"
    result = run("flamegraph", linux, "-o", out)
    assert result.exit_code == 1
    picture = out.read_text("utf-8")
    assert "Nothing is shown (0.0% of 520.3 ms recorded)" in picture
    largest, others = picture.index("Waiting for children: 293.2 ms"), picture.index("IPC and idle")
    assert largest < others
    assert "--kind all keeps every kind" in picture


def test_zero_weights_are_not_blamed_on_filters(run: RunCommand) -> None:
    result = run("flamegraph", "-", stdin=b"a;b 0\n")
    assert result.exit_code == 1
    assert "nothing to draw: every weight is 0" in result.stderr
    assert "--kind" not in result.stderr
