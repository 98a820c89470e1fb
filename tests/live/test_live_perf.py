"""The real perf: any fields of ``perf script``, its own records, code that is in no file."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from code_in_memory import CODE
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import reason_against
from helpers.readings import parsed_from

from pvprof.parse.result import ParseResult

LOOP = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; /bin/true"
FREQUENCY = "1500"


def perf(*words: str) -> str:
    """Run perf; return what it prints on stdout."""
    done = subprocess.run(["perf", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _perf_works() -> None:
    require(shutil.which("perf") is not None, "perf is not installed: scripts/setup dev")
    reason = reason_against()
    require(not reason, reason)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Record a shell: with stacks, without, and several events."""
    place = tmp_path_factory.mktemp("perf")
    ways = {
        "stacks": ("-g", "-F", FREQUENCY, "-e", "cpu-clock"),
        "leaves": ("-F", FREQUENCY, "-e", "cpu-clock"),
        "events": (
            *("-g", "-e", "cpu-clock/period=1000000/", "-e", "page-faults/period=1/"),
            *("-e", "raw_syscalls:sys_enter", "--switch-events", "--namespaces"),
        ),
    }
    for name, options in ways.items():
        perf("record", "-q", "-o", str(place / name), *options, "--", "sh", "-c", LOOP)
    return {name: place / name for name in ways}


@pytest.fixture(scope="module")
def whole(recordings: dict[str, Path]) -> dict[str, Counter[tuple[str, str]]]:
    """Return the sums of each recording, printed with perf's own choice of fields."""
    texts = {name: perf("script", "-i", str(path)) for name, path in recordings.items()}
    return {name: sums(parsed_from(text)) for name, text in texts.items()}


def sums(parsed: ParseResult) -> Counter[tuple[str, str]]:
    """Return the number of records by process and stack, of all events."""
    found: Counter[tuple[str, str]] = Counter()
    for part in (parsed, *parsed.further):
        for profile in part.profiles.values():
            for key, stack, weight in profile:
                found[key.execname, stack] += weight.records
    return found


FIELDS = [
    "comm,tid,time,event,ip,sym,dso",
    "comm,pid,tid,time,period,event,ip,sym,symoff,dso",
    "comm,tid,period,event,ip,sym,dso",
    "comm,tid,time,ip,sym,dso",
    "comm,tid,ip,sym,dso",
    "comm,period,event,ip,sym,dso",
    "comm,ip,sym,dso",
    "comm,misc,time,event,ip,sym,dso",
    "comm,tid,time,event,ip,sym,dso,insn,insnlen",
    "tid,time,event,ip,sym,dso",
    "tid,period,event,ip,sym,dso",
    "time,event,ip,sym,dso",
    "ip,sym,dso",
    "comm,ip,sym",
    "ip,sym",
]


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("recording", ["stacks", "leaves"])
def test_each_combination_of_fields_is_read(
    recordings: dict[str, Path],
    whole: dict[str, Counter[tuple[str, str]]],
    recording: str,
    fields: str,
) -> None:
    path = str(recordings[recording])
    parsed = parsed_from(perf("script", "-i", path, "-F", fields))
    found = sums(parsed)
    expected: Counter[tuple[str, str]] = Counter()
    for (execname, stack), count in whole[recording].items():
        expected[execname if "comm" in fields else "", stack] += count
    assert [one for one in parsed.problems if one.severity != "note"] == []
    assert parsed.layout == "perf"
    assert found.total() == expected.total() > 20
    if "dso" in fields:
        assert found == expected
    else:  # the kernel's modules and programs have the names of their functions only
        assert names(found) == names(expected)


def names(found: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Return stacks without modules, addresses and the mark between programs and the kernel."""
    bare: Counter[tuple[str, str]] = Counter()
    for (execname, stack), count in found.items():
        frames = [frame.rpartition("`")[2] for frame in stack.split(";") if frame != "-"]
        shown = ["[unknown]" if re.fullmatch("0x[0-9a-f]+", one) else one for one in frames]
        bare[execname, ";".join(shown)] += count
    return bare


def test_source_lines_change_no_stack(
    recordings: dict[str, Path], whole: dict[str, Counter[tuple[str, str]]]
) -> None:
    path = str(recordings["leaves"])
    fields = "comm,tid,time,event,ip,sym,dso"
    text = perf("script", "-i", path, "-F", f"{fields},srcline")
    assert re.search(r"(?m)^  \S.*(?::\d+|\])$", text), "there are source lines"
    parsed = parsed_from(text)
    assert sums(parsed) == whole["leaves"]
    assert [one for one in parsed.problems if one.severity != "note"] == []


def test_each_event_has_its_own_sum(recordings: dict[str, Path], run: RunCommand) -> None:
    path = str(recordings["events"])
    weights: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for line in perf("script", "-i", path, "-G", "-F", "period,event").splitlines():
        period, event = line.split()
        event = event.removesuffix(":")
        weights[event] += int(period)
        counts[event] += 1
    text = perf("script", "-i", path, "-F", "+period").encode()
    done = run("report", "-", "-k", "all", "--format", "json", stdin=text)
    assert done.exit_code == 0, done.stderr
    found = {one["mode"]: one for one in json.loads(done.stdout)["sections"]}
    assert found.keys() == counts.keys()
    for event, section in found.items():
        is_period = section["unit"] not in ("samples", "events")
        assert section["total"]["value"] == (weights if is_period else counts)[event], event
    assert {one["unit"] for one in found.values()} == {"samples", "events", "page-faults"}


def test_perf_s_own_records_are_no_loss(
    recordings: dict[str, Path], whole: dict[str, Counter[tuple[str, str]]]
) -> None:
    path = str(recordings["events"])
    shown = ("task", "mmap", "switch", "namespace", "lost", "bpf", "cgroup")
    options = [f"--show-{one}-events" for one in shown]
    text = perf("script", "-i", path, *options)
    kinds = set(re.findall(r"PERF_RECORD_[A-Z0-9_]+", text))
    assert {"PERF_RECORD_COMM", "PERF_RECORD_MMAP2", "PERF_RECORD_NAMESPACES"} <= kinds
    assert any("SWITCH" in kind for kind in kinds)
    parsed = parsed_from(text)
    assert sums(parsed) == whole["events"]
    assert [one for one in parsed.problems if one.severity != "note"] == []


def test_switches_of_one_command_say_that_all_cpus_must_be_recorded(tmp_path: Path) -> None:
    path = str(tmp_path / "switches")
    options = ("-q", "-g", "-c", "1", "-e", "sched:sched_switch", "-o", path)
    perf("record", *options, "--", "sleep", "0.02")
    parsed = parsed_from(perf("script", "-i", path))
    (problem,) = [one for one in parsed.problems if one.kind == "one-sided"]
    assert problem.severity == "loss"
    assert "perf record -a" in problem.text


def test_code_in_memory_keeps_its_samples(tmp_path: Path) -> None:
    require(bool(CODE), f"no code for {platform.machine()}")
    program = Path(__file__).parent / "code_in_memory.py"
    path = str(tmp_path / "data")
    options = ("-q", "-g", "-F", FREQUENCY, "-e", "cpu-clock", "-o", path)
    printed = perf("record", *options, "--", sys.executable, str(program), str(tmp_path))
    names = Path(printed.split()[-1])
    try:
        text = perf("script", "-i", path)
    finally:
        names.unlink()
    parsed = parsed_from(text)
    leaves: Counter[str] = Counter()
    for (_, stack), count in sums(parsed).items():
        leaves[";".join(stack.split(";")[-2:])] += count
    assert leaves["org/x/Loop:::run;org/x/Loop:::step_[i]"] >= 3
    assert sum(count for leaf, count in leaves.items() if leaf.endswith("gone`0x0")) >= 3
    memfd = sum("(/memfd:my code (deleted))" in record for record in text.split("\n\n"))
    assert memfd >= 3
    # A stack that was sampled while it was built has fewer frames of that code.
    assert sum(count for leaf, count in leaves.items() if "[unknown]" in leaf) >= memfd
    assert [one for one in parsed.problems if one.severity != "note"] == []
