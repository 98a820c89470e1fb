"""Output that is printed interval by interval: it is divided, cut and added up without a loss."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from hypothesis import given, settings
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.parse.intervals.divide import Divider, IntervalText
from pvprof.parse.read import ReadOptions, read

TEXTS = {place.stem: place.read_bytes() for place in (FIXTURES / "intervals").glob("*.out")}
NAMES = sorted(TEXTS)

Weights = dict[tuple[Key, Stack], tuple[int, int]]


def weights(text: bytes) -> Weights:
    """Return value and count by key and stack."""
    profiles = read(text, "x", ReadOptions()).profiles.values()
    return {(key, stack): (one.value, one.count) for each in profiles for key, stack, one in each}


def added(parts: list[IntervalText]) -> Weights:
    total: Weights = {}
    for part in parts:
        for place, (value, count) in weights(part.text).items():
            known = total.get(place, (0, 0))
            total[place] = (known[0] + value, known[1] + count)
    return total


def divided(text: bytes, sizes: list[int]) -> list[IntervalText]:
    """Feed a text in pieces of these sizes, over and over."""
    divider, at, turn = Divider(), 0, 0
    parts: list[IntervalText] = []
    while at < len(text):
        size = sizes[turn % len(sizes)]
        parts += divider.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert divider.has_ended
    return parts


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=5))
def test_intervals_add_up_to_the_whole_however_it_arrives(name: str, sizes: list[int]) -> None:
    text = TEXTS[name]
    if min(sizes) < 100:
        sizes = [*sizes, 5000]  # so that few pieces are tiny
    parts = divided(text, sizes)
    assert len(parts) >= 5
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(before.end == after.begin for before, after in pairwise(parts))
    assert added(parts) == weights(text)


@pytest.mark.parametrize("name", NAMES)
def test_each_interval_is_a_whole_recording_without_a_loss(name: str) -> None:
    for part in divided(TEXTS[name], [1 << 20]):
        parsed = read(part.text, "x", ReadOptions())
        assert (parsed.begin, parsed.end) == (part.begin, part.end)
        kinds = {one.kind for one in parsed.problems if one.severity == "loss"}
        assert kinds <= {"missed-ends"}


def report(run: RunCommand, place: Path, *options: str) -> tuple[int, set[str]]:
    """Return the total of a recording, and the kinds of its problems."""
    result = run("report", place, "-k", "all", "-o", "-", "--format", "json", *options)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    total = sum(row["value"] for section in found["sections"] for row in section["rows"])
    return total, {problem["kind"] for problem in found["problems"]}


@pytest.mark.parametrize("name", NAMES)
def test_adjacent_windows_add_up_to_the_whole(name: str, run: RunCommand) -> None:
    place = FIXTURES / "intervals" / f"{name}.out"
    whole, _ = report(run, place)
    middle = "1.4" if name.startswith("linux") else "3.9"
    first, problems = report(run, place, "--to", middle)
    second, _ = report(run, place, "--from", middle)
    assert 0 < first < whole
    assert first + second == whole
    assert "whole-intervals" in problems


def test_a_window_without_an_interval_is_refused(run: RunCommand) -> None:
    place = FIXTURES / "intervals" / "freebsd-13.2-offcpu.out"
    result = run("report", place, "--from", "2.5", "--to", "2.6")
    assert result.exit_code == 2
    assert "no interval has its middle in this window" in result.stderr
    assert "it has 5 intervals in 8.2" in result.stderr


def test_a_recording_that_was_cut_off_has_the_intervals_that_are_whole(
    run: RunCommand, tmp_path: Path
) -> None:
    text = TEXTS["freebsd-13.2-offcpu"]
    place = tmp_path / "cut.out"
    place.write_bytes(text[: text.rindex(b"#end")])
    total, problems = report(run, place, "--from", "0")
    parts = divided(text, [1 << 20])
    expected = sum(value for value, _ in added(parts[:-1]).values())
    assert total == expected
    assert "no-end-marker" in problems


HEAD = (
    b'{"type": "printf", "data": "#pvprof 2 offcpu linux ns 0.1.0 frames=32\\n"}\n'
    b'{"type": "printf", "data": "#map off_cpu stack\\n"}\n'
    b'{"type": "printf", "data": "#map off_cpu_twin stack\\n"}\n'
    b'{"type": "printf", "data": "#begin 1000 2000\\n"}\n'
)


def stats(name: str, total: int) -> bytes:
    entry = f'{{"\\n    f+1\\n": {{"count": 1, "average": {total}, "total": {total}}}}}'
    return f'{{"type": "stats", "data": {{"@{name}": {entry}}}}}\n'.encode()


def mark(text: str) -> bytes:
    return f'{{"type": "printf", "data": "#{text}\\n"}}\n'.encode()


# What bpftrace printed of its last list, and what it forgot, when a signal came; then END.
LAST = mark("unfinished 1500") + stats("off_cpu", 5) + mark("rest")
REST = stats("off_cpu_twin", 7) + mark("end 1600 2600")
UNFINISHED = {
    "nothing was printed": HEAD + LAST + REST,
    "printed, not marked": HEAD + stats("off_cpu", 5) + LAST + REST,
    "marked, not cleared": HEAD + stats("off_cpu", 5) + mark("snapshot 1500 2500") + LAST + REST,
    "marked, not printed": HEAD + mark("snapshot 1500 2500") + LAST + REST,
    "a second interval": HEAD
    + stats("off_cpu_twin", 1)
    + mark("snapshot 1200 2200")
    + stats("off_cpu", 4)
    + mark("snapshot 1500 2500")
    + mark("unfinished 1500")
    + stats("off_cpu", 4)
    + mark("rest")
    + REST,
}


@pytest.mark.parametrize("what", UNFINISHED)
def test_what_the_end_repeats_counts_once(what: str) -> None:
    text = UNFINISHED[what]
    assert [value for value, _ in weights(text).values()] == [12]
    parts = divided(text, [50])
    assert [value for value, _ in added(parts).values()] == [12]


def test_a_mark_in_the_past_ends_no_interval() -> None:
    text = HEAD + stats("off_cpu", 5) + mark("snapshot 900 1900") + REST
    assert [(part.begin[0], part.end[0]) for part in divided(text, [64])] == [(1000, 1600)]


def test_a_target_that_sends_no_mark_is_refused() -> None:
    with pytest.raises(InputError, match="without a mark"):
        divided(b"x" * (1 << 21), [65536])
