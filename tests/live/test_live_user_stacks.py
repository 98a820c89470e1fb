"""User stacks of the running kernel: names, processes that are gone, and what was lost."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import require
from helpers.command_line import RunCommand
from helpers.live import pvprof, reason_against
from test_live_linux import WORKLOAD

from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.open import open_recording

CHURN = "i=0; while [ $i -lt 150 ]; do /bin/true; grep -q x /etc/passwd; (:); i=$((i + 1)); done"


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVPROF_LOCK", str(tmp_path / "recorder.lock"))


def recorded(place: Path, *words: str) -> dict[str, Any]:
    done = pvprof("record", "-q", "--no-symbols", "-o", str(place), *words)
    assert done.returncode == 0, done.stderr
    manifest: dict[str, Any] = json.loads((place / "manifest.json").read_text())
    assert (manifest["complete"], manifest["end_marker"]) == (True, True)
    return manifest


def user_stacks(place: Path, *options: str, run: RunCommand) -> dict[str, int]:
    """Return the samples by user stack."""
    found: dict[str, int] = {}
    for line in run("fold", place, "-k", "all", *options).stdout.splitlines():
        stack, _, count = line.rpartition(" ")
        if not line.startswith("#"):
            user = stack.partition(";-;")[0]
            found[user] = found.get(user, 0) + int(count)
    return found


def test_frames_of_programs_have_names_after_their_end(tmp_path: Path, run: RunCommand) -> None:
    place = tmp_path / "r"
    recorded(place, "oncpu", "--", sys.executable, str(WORKLOAD), "busy")
    raw = (place / "raw.out").read_text()
    assert "PyEval" not in raw  # bpftrace has looked up nothing
    assert gzip.decompress((place / "user-symbols.txt.gz").read_bytes()).count(b"PyEval")
    stacks = user_stacks(place, run=run)
    frames = {stack: stack.split(";")[1:] for stack in stacks}  # the process comes first
    named = sum(stacks[stack] for stack in stacks if any(one[0] != "[" for one in frames[stack]))
    assert named > 0.8 * sum(stacks.values())


def test_every_sample_is_counted_and_in_the_result(tmp_path: Path) -> None:
    place = tmp_path / "r"
    with subprocess.Popen(["sh", "-c", CHURN]) as churn:
        recorded(place, "oncpu", "-d", "2")
        churn.kill()
    parsed = read_recording(open_recording(str(place)), ReadOptions())
    lines = (json.loads(line) for line in (place / "raw.out").read_text().splitlines())
    counts = [line["data"]["@samples"] for line in lines if "@samples" in line["data"]]
    assert sum(profile.total for profile in parsed.profiles.values()) == max(counts) > 100
    losses = {one.kind for one in parsed.problems if one.severity == "loss"}
    assert losses <= {"lost-sample-stacks"}
    mechanisms = {key.mechanism for profile in parsed.profiles.values() for key, _, _ in profile}
    assert mechanisms == {"user", "on-cpu"}


def test_processes_of_a_moment_keep_their_names_and_are_counted(
    tmp_path: Path, run: RunCommand
) -> None:
    place = tmp_path / "r"
    recorded(place, "oncpu", "--", "sh", "-c", CHURN)
    parsed = read_recording(open_recording(str(place)), ReadOptions())
    kinds = {one.kind: one for one in parsed.problems}
    assert kinds["missed-processes"].count > 10
    assert kinds["missed-processes"].severity == "note"
    stacks = user_stacks(place, run=run)
    assert {"grep;[unknown]", "true;[unknown]"} & set(stacks)


def test_a_program_that_was_deleted_is_one_frame(tmp_path: Path, run: RunCommand) -> None:
    program = tmp_path / "counter"
    shutil.copy(shutil.which("dash") or "/bin/sh", program)
    script = f"rm {program}; i=0; while [ $i -lt 400000 ]; do i=$((i + 1)); done"
    place = tmp_path / "r"
    recorded(place, "oncpu", "--", str(program), "-c", script)
    stacks = user_stacks(place, run=run)
    assert any("[counter]" in stack for stack in stacks)
    kept = user_stacks(place, "--offsets", run=run)
    assert any("[counter]+0x" in stack for stack in kept)
    assert sum(kept.values()) == sum(stacks.values())


def test_a_recording_that_was_carried_by_hand_is_named_when_it_is_read(
    tmp_path: Path, run: RunCommand
) -> None:
    words = ("--standalone", "--", sys.executable, str(WORKLOAD), "busy")
    script = tmp_path / "rec.sh"
    script.write_text(pvprof("script", "oncpu", *words).stdout)
    archive = tmp_path / "carried.tar.gz"
    done = subprocess.run(
        ["sh", str(script), "-q", "-o", str(archive)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not open_recording(str(archive)).user_symbols
    assert any("PyEval" in stack for stack in user_stacks(archive, run=run))


@pytest.mark.parametrize(
    ("mode", "step", "function"), [("offcpu", "sleep", "nanosleep"), ("locks", "lock", "read")]
)
def test_waits_have_the_user_stack_of_the_thread_that_waited(
    mode: str, step: str, function: str, tmp_path: Path, run: RunCommand
) -> None:
    place = tmp_path / "r"
    recorded(place, mode, "--user-stack", "--", sys.executable, str(WORKLOAD), step)
    waited = int((place / "workload.txt").read_text().split()[1])
    longest = max(user_stacks(place, run=run).items(), key=lambda item: item[1])
    assert longest[1] == pytest.approx(waited, rel=0.05)
    assert function in longest[0].split(";")[-1]
