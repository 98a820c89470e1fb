"""Real files of py-spy and pyinstrument, of a program that works, sleeps and has a thread."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import require

from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

_PROGRAM = """\
import threading, time

def inner():
    return sum(range(300))

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        inner()

thread = threading.Thread(target=spin, args=(0.3,), name="helper 7")
thread.start()
time.sleep(0.1)
spin(0.2)
thread.join()
"""
_NS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}


@pytest.fixture(name="program", scope="module")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profiled") / "work.py"
    path.write_text(_PROGRAM)
    return path


def _run(tool: str, *arguments: object) -> None:
    path = shutil.which(tool, path=str(Path(sys.executable).parent))
    require(path is not None, f"{tool} is not installed")
    command = [str(path), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _py_spy(program: Path, fmt: str) -> bytes:
    path = program.with_suffix(f".{fmt}")
    options = ("record", "--rate", "200", "--format", fmt, "-o", path, "--")
    _run("py-spy", *options, sys.executable, program)
    return path.read_bytes()


def _totals(parsed: ParseResult) -> dict[str, int]:
    return {unit: profile.total for (unit, _), profile in parsed.profiles.items()}


def test_every_sample_of_py_spy_counts(program: Path) -> None:
    data = _py_spy(program, "raw")
    wanted: Counter[str] = Counter()
    for line in data.decode().splitlines():
        stack, _, value = line.rpartition(" ")
        wanted[stack.strip() or "[no stack]"] += int(value)
    parsed = read(data, "test", ReadOptions())
    assert parsed.layout == "folded"
    assert not parsed.problems
    ((_, profile),) = parsed.profiles.items()
    assert {str(stack): weight.value for _, stack, weight in profile} == wanted
    assert any("spin" in stack for stack in wanted)


def test_the_time_of_py_spy_is_read_to_the_nanosecond(program: Path) -> None:
    data = _py_spy(program, "speedscope")
    document = json.loads(data, parse_float=Decimal)
    wanted = sum(
        weight * _NS[profile["unit"]]
        for profile in document["profiles"]
        for sample, weight in zip(profile["samples"], profile["weights"], strict=True)
        if sample
    )
    parsed = read(data, "test", ReadOptions())
    assert (parsed.layout, parsed.mode) == ("speedscope", "py-spy")
    assert _totals(parsed) == {"ns": wanted}
    assert {problem.kind for problem in parsed.problems} <= {"idle"}


def test_the_time_of_pyinstrument_is_read_to_the_nanosecond(program: Path) -> None:
    path = program.with_suffix(".pyinstrument")
    _run("pyinstrument", "-r", "speedscope", "-o", path, program)
    data = path.read_bytes()
    (profile,) = json.loads(data, parse_float=Decimal)["profiles"]
    parsed = read(data, "test", ReadOptions())
    assert (parsed.layout, parsed.mode) == ("speedscope", "pyinstrument")
    ((_, read_profile),) = parsed.profiles.items()
    # Each stack is rounded once, and the digits are those of floating point.
    exact = _time_with_frames(profile) * _NS[profile["unit"]]
    assert abs(read_profile.total - exact) <= Decimal(len(read_profile)) / 2
    assert {problem.severity for problem in parsed.problems} <= {"note"}


def _time_with_frames(profile: dict[str, Any]) -> Decimal:
    """Return the time in which any frame is open."""
    depth, since, total = 0, Decimal(), Decimal()
    for event in profile["events"]:
        at = Decimal(event["at"])
        total += at - since if depth else 0
        depth, since = depth + (1 if event["type"] == "O" else -1), at
    assert depth == 0
    return total
