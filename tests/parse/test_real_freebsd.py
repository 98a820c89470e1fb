"""Recordings that pvprof made on real FreeBSD kernels, of each mode, stock and patched."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand

from pvprof.model.stacks import frames_of
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.parse.result import ParseResult
from pvprof.recording.open import open_recording

TREES = ("freebsd-13.2-grammar-2", "freebsd-15.1")
RECORDINGS = sorted(path for tree in TREES for path in (FIXTURES / tree).glob("*.pvprof"))
MODES = {"offcpu", "events", "locks", "wakeup", "runq", "oncpu"}
SPIN_LOOPS = re.compile(r"lock_delay|cpu_spinwait")
FAR_CALLERS = {"trap", "trap_pfault", "vm_fault_trap", "amd64_syscall", "calltrap"}
"""What no spin loop is called by: they showed up when the callers in between were lost."""


def name_of(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def parsed(path: Path) -> ParseResult:
    return read_recording(open_recording(str(path)), ReadOptions())


def rows(run: RunCommand, path: Path, kind: str = "kernel") -> list[dict[str, Any]]:
    """Return the rows of a wait kind, as JSON has them."""
    result = run("report", path, "-q", "--format", "json")
    assert result.exit_code == 0, result.stderr
    (section,) = (one for one in json.loads(result.stdout)["sections"] if one["unit"] == "ns")
    return [row for row in section["rows"] if row["kind"] == kind]


def functions(path: Path) -> list[list[str]]:
    """Return the functions of each kernel stack of samples, leaf first."""
    return [
        [frame.rpartition("`")[2] for frame in reversed(frames_of(stack))]
        for profile in parsed(path).profiles.values()
        for key, stack, _ in profile
        if key.mechanism == "on-cpu"
    ]


def test_each_mode_of_both_kernels_of_each_tree_is_here() -> None:
    for tree in TREES:
        names = {path.stem for path in RECORDINGS if path.parent.name == tree}
        assert names == {f"{kernel}-{mode}" for kernel in ("stock", "patched") for mode in MODES}


@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_each_recording_is_complete_and_all_of_it_is_read(path: Path) -> None:
    recording = open_recording(str(path))
    assert recording.manifest.is_complete
    result = read_recording(recording, ReadOptions())
    assert not [problem for problem in result.problems if problem.severity == "loss"]
    with gzip.open(path / "raw.out.gz", "rt", errors="replace") as file:
        text = file.read()
    assert text.startswith("#pvprof 2 ")
    assert result.records == len(re.findall(r"^(?:= \d|[SW?] )", text, re.M))
    if "ns" in {unit for unit, _ in result.profiles}:
        values = re.findall(r"^= (\d+) \d+$", text, re.M)
        assert result.profiles["ns", True].total == sum(map(int, values))


@pytest.mark.parametrize(
    "path", [path for path in RECORDINGS if path.stem.endswith(("offcpu", "events"))], ids=name_of
)
def test_a_wait_has_the_class_of_its_lock_and_the_function_that_wanted_it(
    path: Path, run: RunCommand
) -> None:
    found = {row["name"]: row for row in rows(run, path)}
    pv_list = found["pmap pv list"]
    assert pv_list["class"] == "pv list (rwlock)"
    assert re.fullmatch("kernel`pmap_[a-z_]+", pv_list["callers"][0]["function"])
    if "13.2" in str(path):  # 15 has another wait message
        assert found["vmpfw"]["callers"][0]["function"] == "kernel`vm_fault"
    for row in found.values():
        for caller in row["callers"]:
            function = caller["function"].rpartition("`")[2]
            assert not re.match("sched_|mi_switch|turnstile_|sleepq_|_sleep", function), row["name"]


@pytest.mark.parametrize("tree", TREES)
def test_every_turnstile_wait_has_a_recorded_class(tree: str) -> None:
    for path in (path for path in RECORDINGS if path.parent.name == tree):
        result = parsed(path)
        keys = [key for profile in result.profiles.values() for key in profile.groups]
        keys += [] if result.events is None else list(result.events.keys)
        turnstiles = [key for key in keys if key.mechanism == "turnstile"]
        assert all(key.lock_class in {"rw", "sleep mutex"} for key in turnstiles)
        assert turnstiles or not path.stem.endswith(("offcpu", "events"))


@pytest.mark.parametrize(
    "path", [path for path in RECORDINGS if path.stem.endswith("oncpu")], ids=name_of
)
def test_samples_have_the_callers_of_what_was_interrupted(path: Path) -> None:
    spinning = [stack for stack in functions(path) if SPIN_LOOPS.match(stack[0])]
    assert spinning
    assert [stack for stack in spinning if stack[1] in FAR_CALLERS] == []


def test_addresses_without_a_name_are_whole_and_named_by_the_symbols() -> None:
    path = FIXTURES / "freebsd-13.2-grammar-2" / "patched-oncpu.pvprof"
    with gzip.open(path / "raw.out.gz", "rt", errors="replace") as file:
        assert "^kernel`0xffffffff80 ffffffff80" in file.read()
    names = {name for stack in functions(path) for name in stack}
    assert not any(re.match(r"\[unknown\]|0x", name) for name in names)


def test_three_tools_that_measured_one_run_agree(run: RunCommand) -> None:
    folder = FIXTURES / "freebsd-13.2-three-tools"
    names = ("locks.out.gz", "lockstat.txt.gz", "lock-profiling.txt.gz")
    ours, lockstat, profiling = (
        {row["name"]: row for row in rows(run, folder / name)} for name in names
    )
    for lock in ("pmap pv list", "pmap", "vm object", "vm active pagequeue"):
        for theirs in (lockstat, profiling):
            assert theirs[lock]["value"] == pytest.approx(ours[lock]["value"], rel=0.06)
            assert theirs[lock]["count"] == pytest.approx(ours[lock]["count"], rel=0.05)
        (function,) = {
            tool[lock]["callers"][0]["function"].removeprefix("kernel`")
            for tool in (ours, lockstat)
        }
        assert function
