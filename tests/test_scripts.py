"""Scripts that developers run: the hook that checks commit messages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
