"""Manual pages say what --help says, are clean roff, and are current."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import assert_golden
from helpers.command_line import RunCommand

from pvprof.cli import COMMANDS
from pvprof.cli.guidance.manual import main, pages

PAGES = Path(__file__).parent.parent.parent / "man"
NAMES = ["pvprof.1", *(f"pvprof-{command}.1" for command in COMMANDS)]


def words_of(page: Path) -> str:
    """Return the words of a page as mandoc shows it, without bold."""
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc here")
    shown = subprocess.run(["mandoc", "-Tutf8", page], capture_output=True, check=True).stdout
    return " ".join(re.sub(r".\x08", "", shown.decode()).split())


def test_each_command_has_a_page() -> None:
    assert list(pages()) == NAMES
    if not os.environ.get("PVPROF_BLESS"):
        assert sorted(path.name for path in PAGES.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_as_scripts_man_writes_it(name: str) -> None:
    assert_golden(pages()[name], PAGES / name)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_explains_every_option_of_help(command: str, run: RunCommand) -> None:
    words = words_of(PAGES / f"pvprof-{command}.1")
    for flag in re.findall(r"^  (?:-\w, )?(--[\w-]+)", run(command, "--help").stdout, re.M):
        assert flag in words
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLE", "EXIT STATUS"):
        assert f" {section}" in words
    assert f"pvprof-{command} - " in words
    assert f"pvprof {command}" in words.partition("EXAMPLE")[2]


def test_the_page_of_pvprof_lists_every_command() -> None:
    words = words_of(PAGES / "pvprof.1")
    assert all(f"pvprof-{command}(1)" in words for command in COMMANDS)


def test_a_formatter_finds_no_fault() -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc here")
    command = ["mandoc", "-Tlint", "-Wstyle", *sorted(map(str, PAGES.glob("*.1")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_pages_of_commands_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "pvprof-gone.1").write_text("old")
    main(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_man_finds_a_page(tmp_path: Path) -> None:
    if shutil.which("man") is None:
        pytest.skip("no man here")
    place = tmp_path / "share" / "man" / "man1"
    place.parent.mkdir(parents=True)
    shutil.copytree(PAGES, place)
    env = {**os.environ, "MANPATH": str(place.parent), "MANPAGER": "cat", "MANWIDTH": "80"}
    done = subprocess.run(
        ["man", "pvprof-record"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "PVPROF-RECORD(1)" in done.stdout
