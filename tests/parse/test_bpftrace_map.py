"""The maps that any bpftrace program prints."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.readings import parsed_from

from pvprof.parse.result import ParseResult

MAP = FIXTURES / "linux" / "bpftrace-map.txt"


def rows_of(parsed: ParseResult) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for profile in parsed.profiles.values():
        for key, stack, weight in profile:
            found[key.execname, key.name, stack] += weight.value
    return found


def test_a_real_map_adds_up_process_by_process(run: RunCommand) -> None:
    wanted: Counter[str] = Counter()
    for name, value in re.findall(r"(?m)^, (\w+)\]: (\d+)$", MAP.read_text()):
        wanted[name] += int(value)
    folded = run("fold", "-k", "all", MAP, "-q").stdout.splitlines()
    found: Counter[str] = Counter()
    for line in folded:
        found[line.split(";")[0]] += int(line.rpartition(" ")[2])
    assert found == wanted
    assert 200_000_000 < found["sleep"] < 210_000_000, "0.1 s, 0.05 s and 0.05 s were slept"
    assert all(";-;" in line for line in folded)


def test_lines_that_are_not_read_are_counted(run: RunCommand) -> None:
    result = run("report", MAP, "--format", "json")
    told = {one["kind"]: one["count"] for one in json.loads(result.stdout)["problems"]}
    histogram_rows = len(re.findall(r"(?m)^\[.*\|$", MAP.read_text()))
    other_entries = len(re.findall(r"(?m)^@waits\[", MAP.read_text()))
    unnamed = set(re.findall(r"(?m)^\s+(0x[0-9a-f]+)$", MAP.read_text()))
    assert told == {
        "unit": 1,
        "other-maps": 1 + histogram_rows + other_entries,
        "hex-user-frames": len(unnamed),
    }


STACK = "\n    f+1\n    g+22\n"
KEYS = {
    f"@[{STACK}]: 5": ("", "", "g;f"),
    f"@[{STACK}, sh]: 5": ("sh", "", "g;f"),
    f"@[sh, {STACK}]: 5": ("sh", "", "g;f"),
    f"@[sh, 123, {STACK}]: 5": ("sh", "", "g;f"),
    f"@[{STACK}, {STACK}, sh]: 5": ("sh", "", "g;f;-;g;f"),
    f"@[{STACK}, , sh]: 5": ("sh", "", "g;f"),
    f"@[, {STACK}, sh]: 5": ("sh", "", "g;f"),
    f"@[{STACK}, a b, futex]: 5": ("a b", "futex", "g;f"),
    f"@[{STACK}, x]: 7, sh]: 5": ("x]: 7", "sh", "g;f"),
    "@[\n    0x7f00\n, sh]: 5": ("sh", "", "[unknown]"),
    "@[\n\t7f00 read+13 (/lib/libc.so.6)\n]: 5": ("", "", "7f00 read+13 (/lib/libc.so.6)"),
    "@[sh, 12]: 5": ("sh", "", "[no stack]"),
}


@pytest.mark.parametrize(("text", "row"), KEYS.items(), ids=map(str, range(len(KEYS))))
def test_a_key_may_have_any_parts(text: str, row: tuple[str, str, str]) -> None:
    assert rows_of(parsed_from(text + "\n")) == {row: 5}


def test_of_several_maps_the_one_with_stacks_is_read() -> None:
    text = f"@n[sh]: 3\n@x[{STACK}, sh]: 5\n@y: 77\n@z:\n[4K, 8K)  3 |@@@|\n"
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("sh", "", "g;f"): 5}
    assert {one.kind: one.count for one in parsed.problems} == {"unit": 1, "other-maps": 4}


def test_several_maps_with_stacks_must_be_chosen_from(run: RunCommand) -> None:
    text = f"@a[{STACK}]: 5\n@ns[{STACK}]: 7\n".encode()
    done = run("fold", "-k", "all", "-", stdin=text)
    assert (done.exit_code, "@a, @ns" in done.stderr, "--profile" in done.stderr) == (2, True, True)
    chosen = run("fold", "-k", "all", "-", "--profile", "^@ns$", stdin=text)
    assert chosen.stdout == "g;f;f 7\n"
    assert run("fold", "-k", "all", "-", "--profile", "zzz", stdin=text).exit_code == 2


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("ns", "ns"), ("wait_ns", "ns"), ("nsecs", "ns"), ("nsecs_by_lock", "ns")),
        *(("", "samples"), ("us", "samples"), ("instances", "samples")),
    ],
)
def test_the_name_of_a_map_may_give_its_unit(name: str, unit: str) -> None:
    parsed = parsed_from(f"@{name}[{STACK}, sh]: 5\n")
    assert [profile.unit for profile in parsed.profiles.values()] == [unit]
    (problem,) = parsed.problems
    assert f"taken for {unit}; --unit overrides" in problem.text


@pytest.mark.parametrize(
    "value",
    ["count 4, average 9, total 37", "{ .count = 4, .average = 9, .total = 37 }"],
    ids=["0.17", "0.27"],
)
def test_stats_have_counts(value: str) -> None:
    text = f"Attached 3 probes\n@ns[{STACK}, sh]: {value}\n"
    assert [one.kind for one in parsed_from(text).problems] == ["unit"]
    (profile,) = parsed_from(text).profiles.values()
    assert profile.has_counts
    ((_, _, weight),) = profile
    assert (weight.value, weight.count) == (37, 4)


def test_lost_events_and_stacks_are_losses() -> None:
    text = f"Lost 12 events\nERROR: failed to look up stack id 0 (pid 1): -1\n@[{STACK}]: 5\n"
    told = {one.kind: (one.count, one.severity) for one in parsed_from(text).problems}
    assert told["drops"] == (12, "loss")
    assert told["lost-stacks"] == (1, "loss")


def test_an_entry_interrupted_by_another_is_a_loss() -> None:
    text = f"@[\n    f+1\n@[{STACK}, sh]: 5\n"
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("sh", "", "g;f"): 5}
    (problem,) = [one for one in parsed.problems if one.severity == "loss"]
    assert (problem.kind, problem.line) == ("damaged", 1)
