"""A patch that is interrupted, and trees with files that are not what they seem."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import RunCommand, assert_is_error
from helpers.source_tree import QUEUE, TURNSTILE, contents, make_tree

ACTIONS = ("check", "apply", "revert")
INTERRUPTED = """
import os, signal, sys
from pvprof.kernel_patch import patch

replace, number = os.replace, int(sys.argv[2])

def replace_and_interrupt(old, new):
    os.kill(os.getpid(), number)
    replace(old, new)
    os.kill(os.getpid(), number)

os.replace = replace_and_interrupt
src = patch.Path(sys.argv[1])
patch.apply(src, patch.patches()["stable-13"])
print("not interrupted")
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", "stable-13")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_patch_that_is_interrupted_is_whole(
    tree: Path, run: RunCommand, number: signal.Signals
) -> None:
    before = contents(tree)
    command = [sys.executable, "-c", INTERRUPTED, str(tree), str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "not interrupted" not in done.stdout
    assert done.returncode != 0
    assert run("patch", "check", "--src", tree).stdout.count("already applied") == 2
    assert set(contents(tree)) == set(before), "no staged file is left"
    run("patch", "revert", "--src", tree)
    assert contents(tree) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space")])
def test_any_error_restores_the_first_file(
    tree: Path, monkeypatch: pytest.MonkeyPatch, run: RunCommand, error: BaseException
) -> None:
    before = contents(tree)
    replace = os.replace

    def fail_at_the_second(old: Path, new: Path) -> None:
        if new.name == Path(TURNSTILE).name and old.name.startswith("."):
            raise error
        replace(old, new)

    monkeypatch.setattr("os.replace", fail_at_the_second)
    result = run("patch", "apply", "--src", tree)
    assert result.exit_code in (1, 130)
    assert contents(tree) == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("path", [QUEUE, "sys/conf/newvers.sh", "sys/sys/param.h"])
def test_a_fifo_in_the_place_of_a_file_is_not_opened(
    tree: Path, run: RunCommand, path: str, action: str
) -> None:
    (tree / path).unlink()
    os.mkfifo(tree / path)
    result = run("patch", action, "--src", tree)  # no writer: an open would wait for ever
    if path == QUEUE:
        assert "no regular file" in assert_is_error(result)
    else:
        assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("linked", [QUEUE, "sys/kern", "sys"])
def test_a_link_out_of_the_tree_is_not_followed(
    tree: Path, run: RunCommand, tmp_path: Path, linked: str, action: str
) -> None:
    outside = tmp_path / "outside"
    (tree / linked).rename(outside)
    (tree / linked).symlink_to(outside)
    before = contents(tmp_path)
    result = run("patch", action, "--src", tree)
    assert f"leads out of the tree, to {outside}" in assert_is_error(result)
    assert contents(tmp_path) == before


def test_links_in_a_circle_are_an_error(tree: Path, run: RunCommand) -> None:
    (tree / QUEUE).unlink()
    (tree / QUEUE).symlink_to(tree / QUEUE)
    assert QUEUE in assert_is_error(run("patch", "check", "--src", tree))


def test_a_link_to_the_tree_itself_is_followed(tree: Path, run: RunCommand) -> None:
    link = tree.with_name("link")
    link.symlink_to(tree)
    assert run("patch", "apply", "--src", link).exit_code == 0
    assert run("patch", "check", "--src", tree).stdout.count("already applied") == 2


@pytest.mark.parametrize("digits", [5, 20, 5_000])
def test_a_release_of_many_digits_is_none(tree: Path, run: RunCommand, digits: int) -> None:
    (tree / "sys/conf/newvers.sh").write_text(f'REVISION="{"9" * digits}.1"\n')
    (tree / "sys/sys/param.h").write_text(f"#define __FreeBSD_version {'9' * (digits + 5)}\n")
    assert "not a FreeBSD source tree" in assert_is_error(run("patch", "check", "--src", tree))
