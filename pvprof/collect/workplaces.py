"""The hidden directories in which pvprof makes recordings, and those that a killed pvprof left.

Owns a note of each such directory, in a directory of notes. pvprof holds a lock of the kernel on
its note while it works; the kernel gives that up however pvprof ends. Whoever can take the lock may
remove the directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "/var/run/pvprof.lock"
_NAME = re.compile(r"\..*\.pvprof-[0-9a-f]{16}")
_MAX_NOTE_BYTES = 1 << 14
_ATTEMPTS = 5


@contextmanager
def workplace(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new directory in `parent`, hidden and named after `name`; remove it at the end.

    Raises:
        OSError: it cannot be made.
    """
    path = parent.absolute() / f".{name}.pvprof-{secrets.token_hex(8)}"
    with _noted(path):
        path.mkdir(0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def remove_left() -> list[Path]:
    """Remove the directories that a killed pvprof of this user left here; return their paths."""
    removed: list[Path] = []
    for notes in _places():
        for note in sorted(notes.glob("*")) if notes.is_dir() else ():
            with contextlib.suppress(OSError), note.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # else its pvprof is at work
                path = Path(os.fsdecode(file.read(_MAX_NOTE_BYTES)))
                if _is_ours(path):
                    shutil.rmtree(path)
                    removed.append(path)
                note.unlink()
        _remove_empty(notes)
    return removed


def _is_ours(path: Path) -> bool:
    """Tell whether a path is that of a directory of this user, named as `workplace` names them."""
    if not path.is_absolute() or not _NAME.fullmatch(path.name) or path.is_symlink():
        return False
    return path.is_dir() and path.stat().st_uid == os.geteuid()


@contextmanager
def _noted(path: Path) -> Iterator[None]:
    """Keep a note of a path, before it is made and until it is gone, if one can be written."""
    found = next((made for notes in _places() if (made := _new_note(notes, path))), None)
    try:
        yield
    finally:
        if found is not None:
            note, number = found
            note.unlink(missing_ok=True)
            os.close(number)
            _remove_empty(note.parent)


def _new_note(notes: Path, path: Path) -> tuple[Path, int] | None:
    """Write a note; return its path and its open file, which has the lock, or None."""
    with contextlib.suppress(OSError):
        for _ in range(_ATTEMPTS):
            notes.mkdir(0o700, parents=True, exist_ok=True)
            if notes.stat().st_uid != os.geteuid():
                return None
            note = notes / secrets.token_hex(8)
            try:
                number = os.open(note, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            except FileNotFoundError:  # another pvprof has just removed the empty directory
                continue
            fcntl.flock(number, fcntl.LOCK_EX)
            if os.fstat(number).st_nlink:
                os.write(number, os.fsencode(path))  # noqa: TID251 (a path, to a file of ours)
                return note, number
            os.close(number)  # another pvprof took it for one that was left
    return None


def _places() -> Iterator[Path]:
    """Yield the directories of notes: root's, then the user's own."""
    yield Path(f"{os.environ.get('PVPROF_LOCK') or _LOCK}.work")
    with contextlib.suppress(RuntimeError):  # there is no home
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        yield Path(state) / "pvprof-work"


def _remove_empty(notes: Path) -> None:
    with contextlib.suppress(OSError):
        notes.rmdir()
