"""The hidden directories of pvprof, and what is left of them after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pvprof.collect.workplaces import remove_left, workplace

HOLD = """
import sys, time
from pathlib import Path
from pvprof.collect.workplaces import workplace
with workplace(Path(sys.argv[1]), sys.argv[2]) as path:
    (path / "raw.out").write_text("x")
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of notes, which is not there yet."""
    monkeypatch.setenv("PVPROF_LOCK", str(tmp_path / "lock"))
    return tmp_path / "lock.work"


def holding(parent: Path, name: str = "out") -> tuple[subprocess.Popen[str], Path]:
    """Start a process that has a workplace; return it, and the workplace."""
    command = [sys.executable, "-c", HOLD, str(parent), name]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    return running, Path(running.stdout.readline().rstrip("\n"))


def kill(running: subprocess.Popen[str]) -> None:
    running.kill()
    running.communicate()


def test_a_workplace_is_private_and_is_gone_at_the_end(tmp_path: Path, notes: Path) -> None:
    with workplace(tmp_path, "out") as path:
        assert path.name.startswith(".out.")
        assert path.stat().st_mode & 0o077 == 0
        assert len(list(notes.iterdir())) == 1
        assert remove_left() == []
        assert path.exists()
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), workplace(tmp_path, "out"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out", "a b\tc", "ü.tar.gz", "-x"])
def test_what_a_killed_pvprof_left_is_removed(tmp_path: Path, name: str) -> None:
    running, path = holding(tmp_path, name)
    assert remove_left() == []  # it is at work
    kill(running)
    assert path.exists()
    assert remove_left() == [path]
    assert list(tmp_path.iterdir()) == []


def test_another_one_at_work_is_left_alone(tmp_path: Path) -> None:
    dead, dead_path = holding(tmp_path)
    living, living_path = holding(tmp_path)
    kill(dead)
    assert remove_left() == [dead_path]
    assert (living_path / "raw.out").exists()
    living.send_signal(signal.SIGINT)
    living.communicate()
    assert list(tmp_path.iterdir()) == []


FOREIGN = ("relative/.x.pvprof-0123456789abcdef", "{top}/precious", "{top}/.link.pvprof-{hex}", "")


@pytest.mark.parametrize("text", FOREIGN)
def test_a_note_of_something_else_removes_nothing(tmp_path: Path, notes: Path, text: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / f".link.pvprof-{'0' * 16}").symlink_to(precious)
    notes.mkdir()
    (notes / "0").write_text(text.format(top=tmp_path, hex="0" * 16))
    assert remove_left() == []
    assert precious.exists()
    assert not notes.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_no_note_can_be_written_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVPROF_LOCK", "/nowhere/lock")
    monkeypatch.setenv("XDG_STATE_HOME", "/nowhere/state")
    with workplace(tmp_path, "out") as path:
        assert path.is_dir()


def test_the_notes_of_others_are_not_used(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    notes.write_text("no directory")
    with workplace(tmp_path, "out"):
        assert len(list((tmp_path / "state/pvprof-work").iterdir())) == 1
