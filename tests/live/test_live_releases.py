"""Every release of bpftrace at hand takes every program; what it records is read.

One is at hand if it is installed. ``PVPROF_BPFTRACES`` may name a folder with more: a folder for
each, in which ``bpftrace`` is the program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import reason_against
from helpers.programs import BPFTRACE_PROGRAMS, ROOT, bpftrace_program

from pvprof.collect.options import ProgramOptions

WORKLOAD = Path(__file__).parent / "workload.py"
TOLERANCE = 0.05
INSTALLED = Path(shutil.which("bpftrace") or "/nowhere/bpftrace").parent
OTHERS = {
    path.parent.name: path.parent
    for path in Path(os.environ.get("PVPROF_BPFTRACES", "/nowhere")).glob("*/bpftrace")
}
RELEASES = {"installed": INSTALLED, **OTHERS}
OPTIONS = {
    "system": ProgramOptions(),
    "tree": ProgramOptions(scope="tree", ends_with_workload=True),
    "all": ProgramOptions(ends_with_workload=True),
    "pid": ProgramOptions(pid=1, kernel_processes=False, duration_ns=10**9),
    "name": ProgramOptions(execname="a name that is longer than the kernel's"),
}
EVERY_NS = 10**9
ALL = ProgramOptions(
    min_wait_ns=1, by_process=True, user_stack=True, histogram=True, every_ns=EVERY_NS
)
MORE = {
    "offcpu": ALL,
    "locks": ALL,
    "events": ProgramOptions(wakers=True),
    "oncpu": ProgramOptions(user_stack=True, every_ns=EVERY_NS),
    "runq": ProgramOptions(every_ns=EVERY_NS),
}
TRIAL = """
work=$1
. "$2/pvprof/collect/sh/bpftrace.sh"
bpftrace_open && for program in "$work"/*.bt; do
	bpftrace_compile "$program" 1 >/dev/null 2>"$program.txt" || bpftrace_explain "$program.txt"
	[ -z "$problem" ] || echo "${program##*/}: $problem"
	problem=''
done
"""


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVPROF_LOCK", str(tmp_path / "recorder.lock"))


def run_with(release: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that finds this release of bpftrace first."""
    path = f"{RELEASES[release]}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("mode", BPFTRACE_PROGRAMS)
@pytest.mark.parametrize("release", RELEASES)
def test_each_release_takes_every_program(release: str, mode: str, tmp_path: Path) -> None:
    variants = {**OPTIONS, **({"more": MORE[mode]} if mode in MORE else {})}
    for name, options in variants.items():
        (tmp_path / f"{name}.bt").write_text(bpftrace_program(mode, options).text())
    done = run_with(release, "sh", "-uc", f"problem=''{TRIAL}", "sh", str(tmp_path), str(ROOT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list(tmp_path.glob("*.txt"))) == len(variants) + 1  # that of bpftrace_open


MODES = ("offcpu", "events", "wakeup")


@pytest.mark.parametrize(
    ("release", "mode"), [("installed", "offcpu"), *product(OTHERS, BPFTRACE_PROGRAMS)]
)
def test_what_each_release_records_is_read(
    release: str, mode: str, tmp_path: Path, run: RunCommand
) -> None:
    place = tmp_path / "x.pvprof"
    words = [sys.executable, "-m", "pvprof", "record", mode, "-q", "-o", str(place), "--"]
    steps = ("lock",) if mode == "locks" else ("pipe", "futex")
    done = run_with(release, *words, sys.executable, str(WORKLOAD), *steps)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    manifest = json.loads((place / "manifest.json").read_text())
    assert (manifest["complete"], manifest["drops"]) == (True, 0), manifest
    report = json.loads(run("report", place, "-k", "all", "-o", "-", "--format", "json").stdout)
    told = {one["kind"]: one for one in report["problems"] if one["severity"] != "note"}
    assert told.keys() <= {"lost-stacks", "full-stacks", "lost-waits", "missed-ends"}, told
    # This kernel may keep a few switches from the program; a program that is wrong misses more.
    assert "missed-ends" not in told or told["missed-ends"]["count"] <= 5
    rows: dict[str, dict[str, Any]] = {
        row["name"]: row for section in report["sections"] for row in section["rows"]
    }
    assert rows
    if mode in MODES:
        for step, name in (("pipe", "pipe read"), ("futex", "futex")):
            assert rows[name]["value"] == pytest.approx(measured_ns(place, step), rel=TOLERANCE)


def measured_ns(place: Path, step: str) -> int:
    """Return the wait that the workload measured for a step, ns."""
    lines = (place / "workload.txt").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.split()[0] == step)
