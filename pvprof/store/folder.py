"""The folder of a store: its groups, how one becomes visible, and who may change it.

::

    STORE/pvprof-store.json                          the format and its version
    STORE/day=2026-11-27/mode=offcpu/GROUP/          a group: tables of whole recordings
        recordings.parquet  keys.parquet  stacks.parquet  samples.parquet  ...  SHA256SUMS
    STORE/.lock                                      held while groups appear or vanish
    STORE/.work/NAME/                                a group that is being written

A group is written under ``.work``, forced to the disk, and renamed into its place: it is there
whole, or not at all. No file is ever changed, so writers wait for no reader. Names of directories
are made of a checked day and mode and a random name, never of a recording's words. It refuses to
know tables (`schema`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pvprof.errors import InputError, OutputError, quote
from pvprof.store.tables.schema import FORMAT, VERSION, check_installed

UNKNOWN_DAY = "unknown"
SUMS = "SHA256SUMS"
_HEAD = "pvprof-store.json"
_WORK = ".work"
_LOCK = ".lock"
_MODE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_OTHER_MODE = "other"
_DAY = re.compile(r"\d{4}-\d\d-\d\d|" + UNKNOWN_DAY)
_GROUP = re.compile(r"[0-9a-z-]{1,64}")
_MAX_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """A directory of tables: recordings of one day and mode.

    Attributes:
        day, mode: those of its place.
        path: the directory.
    """

    day: str
    mode: str
    path: Path

    def table(self, name: str) -> Path:
        """Return the path of a table, which may be missing."""
        return self.path / f"{name}.parquet"


def day_of(wall_ns: int | None) -> str:
    """Return the day of a moment in UTC, or `UNKNOWN_DAY`."""
    if wall_ns is None or wall_ns <= 0:
        return UNKNOWN_DAY
    try:
        return f"{datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return UNKNOWN_DAY


def place_of_mode(mode: str) -> str:
    """Return the mode as a part of a path: itself if it is a plain word."""
    return mode if _MODE.fullmatch(mode) else _OTHER_MODE


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """An existing store; make it with `open_store` or `create_store`."""

    path: Path

    def groups(self) -> list[Group]:
        """Return all groups, in the order of days, modes and names."""
        found = []
        for day in self._below(self.path, "day", _DAY):
            for mode in self._below(self.path / f"day={day}", "mode", _MODE):
                place = self.path / f"day={day}" / f"mode={mode}"
                for name in _entries(place):
                    if _GROUP.fullmatch(name):
                        found.append(Group(day, mode, place / name))
        return found

    @staticmethod
    def _below(place: Path, key: str, pattern: re.Pattern[str]) -> list[str]:
        values = (name.partition("=") for name in _entries(place))
        return [value for known, _, value in values if known == key and pattern.fullmatch(value)]

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who lets groups appear or vanish."""
        with (self.path / _LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def workplace(self) -> Iterator[Path]:
        """Make a directory for a group; it is gone at the end, also that of a killed process."""
        self.clear_work()
        place = self.path / _WORK / secrets.token_hex(8)
        own = place / "group"
        while not own.exists():  # in its first moment another process may take it for a dead one's
            place.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                file = (place / _LOCK).open("w")
                fcntl.flock(file, fcntl.LOCK_EX)
                own.mkdir()
        try:
            yield own
        finally:
            shutil.rmtree(place, ignore_errors=True)
            file.close()

    def clear_work(self) -> int:
        """Remove what killed processes left behind; return how many of them."""
        removed = 0
        for name in _entries(self.path / _WORK, hidden=True):
            place = self.path / _WORK / name
            with contextlib.suppress(OSError):
                place.rmdir()  # it was killed before it had a lock
            with contextlib.suppress(OSError), (place / _LOCK).open("r") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
                removed += 1
        return removed

    def commit(self, written: Path, day: str, mode: str) -> Group:
        """Move a written group into its place; call it under `lock`.

        Args:
            written: the directory of its tables.
            day: of its recordings.
            mode: of its recordings.

        Raises:
            OSError: it cannot be moved; nothing has changed then.
        """
        place = self.path / f"day={day}" / f"mode={place_of_mode(mode)}"
        place.mkdir(parents=True, exist_ok=True)
        _write_sums(written)
        for file in written.iterdir():
            _sync(file)
        _sync(written)
        group = Group(day, place_of_mode(mode), place / secrets.token_hex(8))
        written.rename(group.path)
        for directory in (place, place.parent, self.path):
            _sync(directory)
        return group

    def remove(self, groups: Iterable[Group]) -> None:
        """Let groups vanish, each at once; call it under `lock`."""
        with self.workplace() as work:
            for group in groups:
                group.path.rename(work / group.path.name)
                for place in (group.path.parent, group.path.parent.parent):
                    with contextlib.suppress(OSError):  # other groups are there
                        place.rmdir()


def open_store(path: str) -> StoreFolder:
    """Return the store in a folder.

    Raises:
        InputError: there is none, or it has another version.
        UsageError: a package is missing.
    """
    check_installed()
    head = Path(path) / _HEAD
    try:
        text = head.read_bytes()[:_MAX_HEAD_BYTES]
    except OSError as error:
        reason = "not a store" if Path(path).is_dir() else error.strerror
        raise InputError(f"{path}: {reason}", "pvprof store add STORE REC... makes one") from error
    try:
        document = json.loads(text)
        known = document["format"] == FORMAT
        version = document["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{head}: damaged") from error
    if not known or not isinstance(version, int):
        raise InputError(f"{head}: damaged")
    if version != VERSION:
        text_of_version = quote(str(version))
        raise InputError(
            f"{path}: a store of version {text_of_version}; {VERSION} is known", "update pvprof"
        )
    return StoreFolder(Path(path))


def create_store(path: str) -> StoreFolder:
    """Return the store in a folder; make it if there is nothing.

    Raises:
        InputError: as `open_store`, or the folder has other files.
        OutputError: it cannot be made.
    """
    check_installed()
    place = Path(path)
    head = place / _HEAD
    if "://" in path:
        raise OutputError(f"{path}: a store is a folder; URLs are not supported")
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        if not head.exists():
            strange = [name for name in _entries(place, hidden=True) if name != _LOCK]
            if strange and not head.exists():
                raise InputError(
                    f"{path}: not a store, and not empty: {strange[0]}", "give a new folder"
                )
            _write_head(place)
    except OSError as error:
        raise OutputError(f"{error.filename or path}: {error.strerror}") from error
    return open_store(path)


def _write_head(place: Path) -> None:
    """Write the head of a new store; of several who do so at once, the first one's stays."""
    text = json.dumps({"format": FORMAT, "version": VERSION}) + "\n"
    own = place.parent / f".{place.name}.{secrets.token_hex(8)}"
    try:
        own.write_text(text)
        _sync(own)
        with contextlib.suppress(FileExistsError):
            os.link(own, place / _HEAD)
        _sync(place)
    finally:
        own.unlink(missing_ok=True)


def sums_of(group: Path) -> dict[str, str]:
    """Map the name of each file of a group to its SHA-256, as it was when the group appeared.

    Raises:
        OSError: they cannot be read.
        ValueError: they are damaged.
    """
    lines = (group / SUMS).read_text("ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_sums(group: Path) -> None:
    """Write the file that ``sha256sum -c`` reads."""
    lines = [f"{sum_of(file)}  {file.name}\n" for file in sorted(group.iterdir())]
    (group / SUMS).write_text("".join(lines), "ascii")


def _entries(place: Path, hidden: bool = False) -> list[str]:
    """Return the sorted names in a directory; none if there is no such directory."""
    try:
        names = sorted(os.listdir(place))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in names if hidden or not name.startswith(".")]


def _sync(path: Path) -> None:
    """Force a file or a directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
