"""Scripts that people run: the hook that checks commit messages, and the demo."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.documents import run_script

TOP = Path(__file__).parent.parent
GOOD = "parse: count lost records\n\nThey were dropped without a word.\n"


def check_message(folder: Path, message: str) -> subprocess.CompletedProcess[str]:
    path = folder / "COMMIT_EDITMSG"
    path.write_text(message)
    command = [TOP / "scripts" / "commit-msg", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        f"{GOOD}\n# Please enter the commit message for your changes.\n",
        f"{GOOD}# ------------------------ >8 ------------------------\ndiff --git a/a b/a\n",
        "classify, model: use plain English\n\nFor readers.\n",
        "Merge branch 'parse'\n",
        f"{'a' * 30}: {'b' * 40}\n\nWhy.\n",
    ],
)
def test_a_commit_message_with_area_and_reason_passes(tmp_path: Path, message: str) -> None:
    done = check_message(tmp_path, message)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "must read 'area: what it does'"),
        ("Count lost records\n\nWhy.\n", "must read 'area: what it does'"),
        ("parse: count lost records.\n\nWhy.\n", "without a full stop"),
        (f"{'a' * 30}: {'b' * 41}\n\nWhy.\n", "has 73 characters"),
        ("parse: count lost records\nWhy.\n", "second line must be blank"),
        ("parse: count lost records\n", "a body must say why"),
        ("parse: count lost records\n\n# a comment of git's\n", "a body must say why"),
        ("parse: count\n\nSigned-off-by: A <a@example.org>\n", "a body must say why"),
    ],
)
def test_another_commit_message_is_refused_with_the_reason(
    tmp_path: Path, message: str, reason: str
) -> None:
    done = check_message(tmp_path, message)
    assert done.returncode == 1
    assert reason in done.stderr


def test_git_runs_the_hook_if_it_is_enabled(tmp_path: Path) -> None:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        person = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(tmp_path), *person, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    (tmp_path / "scripts").mkdir()
    shutil.copy(TOP / "scripts" / "commit-msg", tmp_path / "scripts")
    git("init")
    git("config", "core.hooksPath", "scripts")
    assert git("commit", "--allow-empty", "-m", "anything").returncode == 1
    assert git("commit", "--allow-empty", "-m", GOOD).returncode == 0


def listed_by(demo: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the files that the demo lists at its end."""
    assert demo.returncode == 0, demo.stderr
    last = demo.stdout.rpartition("\n\n")[2].splitlines()
    assert last[0] == "Written; open the first one in a browser:"
    return [line.split()[0] for line in last[1:]]


def written_in(place: Path) -> set[str]:
    return {f"demo/{path.name}" for path in (place / "demo").iterdir()}


@pytest.mark.slow
def test_the_demo_lists_each_file_that_it_wrote_and_the_one_to_open_first(tmp_path: Path) -> None:
    files = listed_by(run_script("scripts/demo", ("--recorded",), tmp_path))
    assert files[0] == "demo/report.html"
    assert set(files) == written_in(tmp_path)
    assert len(files) >= 5


@pytest.mark.slow
def test_the_demo_of_another_user_takes_the_recording_and_says_why(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "id").write_text("#!/bin/sh\necho 1001\n")
    (programs / "id").chmod(0o755)
    demo = run_script("scripts/demo", (), tmp_path, str(programs))
    assert set(listed_by(demo)) == written_in(tmp_path)
    assert "this machine cannot be recorded" in demo.stderr
    assert "uid 1001): a recording of FreeBSD 13.2 instead" in demo.stderr
    assert "vmpfw" in demo.stdout


@pytest.mark.slow
def test_the_demo_works_on_this_machine_whatever_it_allows(tmp_path: Path) -> None:
    demo = run_script("scripts/demo", (), tmp_path)
    files = listed_by(demo)
    assert set(files) == written_in(tmp_path)
    assert ("demo/live" in files) != ("this machine cannot be recorded" in demo.stderr)


def test_the_demo_refuses_other_options(tmp_path: Path) -> None:
    demo = run_script("scripts/demo", ("--help",), tmp_path)
    assert (demo.returncode, demo.stderr) == (2, "usage: scripts/demo [--recorded]\n")
