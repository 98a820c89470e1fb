"""A store in a folder of this machine: how a group becomes visible, and who may change it.

::

    STORE/.lock                                      held while groups appear or vanish
    STORE/.work/NAME/                                a group that is being written

A group is written under ``.work``, forced to the disk, and renamed into its place: it is there
whole, or not at all. No file is ever changed, so writers wait for no reader. It refuses to know
tables (`schema`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from pvprof.errors import InputError, OutputError
from pvprof.store.places.names import (
    DAY,
    GROUP,
    HEAD,
    HEAD_TEXT,
    MAX_HEAD_BYTES,
    MODE,
    check_head,
    file_of,
    new_group_name,
    path_of_group,
    place_of_mode,
    write_sums,
)
from pvprof.store.places.place import Group, TablePath
from pvprof.store.tables.schema import check_installed

_WORK = ".work"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True, order=True)
class FolderGroup:
    """A directory of tables: recordings of one day and mode; see `Group`.

    Attributes:
        day, mode: those of its place.
        path: the directory.
    """

    day: str
    mode: str
    path: Path

    @property
    def name(self) -> str:
        """Return the name of the directory."""
        return self.path.name

    @property
    def requests_at_once(self) -> int:
        """Return 1: a disk of this machine answers at once."""
        return 1

    def shown(self, file: str = "") -> str:
        """Return the path of a file, or of the directory."""
        return str(self.path / file)

    def table(self, name: str) -> Path:
        """Return the path of a table, which may be missing."""
        return self.path / file_of(name)

    def is_there(self) -> bool:
        """Tell whether the directory has not vanished."""
        return self.path.is_dir()

    def has(self, table: str) -> bool:
        """Tell whether there is a table; see `Group.has`."""
        if self.table(table).exists():
            return True
        if not self.is_there():
            raise FileNotFoundError(errno.ENOENT, "is missing", str(self.path))
        return False

    def sizes(self) -> dict[str, int]:
        """Return the sizes of the files in bytes; see `Group.sizes`."""
        return {file.name: file.stat().st_size for file in self.path.iterdir()}

    def open(self, file: str) -> BufferedIOBase:
        """Return a file for reading; see `Group.open`."""
        return (self.path / file).open("rb")

    def source(self, table: str) -> Path:
        """Return the path of a table, from which pyarrow reads it."""
        return self.table(table)

    def table_path(self, table: str) -> TablePath:
        """Return the path of a table; see `Group.table_path`."""
        return TablePath(str(self.table(table)))


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """An existing store, a `Place`; make it with `open_store` or `create_store`."""

    path: Path

    @property
    def shown(self) -> str:
        """Return the path."""
        return str(self.path)

    @property
    def address(self) -> str:
        """Return the path, absolute."""
        return os.path.abspath(self.path)

    def absolute(self) -> StoreFolder:
        """Return the same folder by its absolute path."""
        return StoreFolder(self.path.absolute())

    def readable_folders(self) -> list[str]:
        """Return the folder of the store; see `Place.readable_folders`."""
        return [f"{self.path.absolute()}/"]

    def groups(self) -> list[FolderGroup]:
        """Return all groups, in the order of days, modes and names."""
        found = []
        for day in self._below(self.path, "day", DAY):
            for mode in self._below(self.path / f"day={day}", "mode", MODE):
                place = self.path / f"day={day}" / f"mode={mode}"
                for name in _entries(place):
                    if GROUP.fullmatch(name):
                        found.append(FolderGroup(day, mode, place / name))
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

    def leftovers(self) -> str:
        """Remove what killed processes left behind, and report it."""
        removed = self.clear_work()
        return f"removed what {removed} killed processes left" if removed else ""

    def commit(self, written: Path, day: str, mode: str) -> FolderGroup:
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
        write_sums(written)
        for file in written.iterdir():
            _sync(file)
        _sync(written)
        group = FolderGroup(day, place_of_mode(mode), place / new_group_name())
        written.rename(group.path)
        for directory in (place, place.parent, self.path):
            _sync(directory)
        return group

    def remove(self, groups: Iterable[Group]) -> None:
        """Let groups vanish, each at once; call it under `lock`."""
        with self.workplace() as work:
            for group in groups:
                path = self.path / path_of_group(group.day, group.mode, group.name)
                path.rename(work / group.name)
                for place in (path.parent, path.parent.parent):
                    with contextlib.suppress(OSError):  # other groups are there
                        place.rmdir()


def open_store(path: str) -> StoreFolder:
    """Return the store in a folder.

    Raises:
        InputError: there is none, or it has another version.
        UsageError: a package is missing.
    """
    check_installed()
    head = Path(path) / HEAD
    try:
        with head.open("rb") as file:
            text = file.read(MAX_HEAD_BYTES)
    except OSError as error:
        reason = "not a store" if Path(path).is_dir() else error.strerror
        raise InputError(f"{path}: {reason}", "pvprof store add STORE REC... makes one") from error
    check_head(text, path, str(head))
    return StoreFolder(Path(path))


def create_store(path: str) -> StoreFolder:
    """Return the store in a folder; make it if there is nothing.

    Raises:
        InputError: as `open_store`, or the folder has other files.
        OutputError: it cannot be made.
    """
    check_installed()
    place = Path(path)
    head = place / HEAD
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
    own = place.parent / f".{place.name}.{secrets.token_hex(8)}"
    try:
        own.write_text(HEAD_TEXT)
        _sync(own)
        with contextlib.suppress(FileExistsError):
            os.link(own, place / HEAD)
        _sync(place)
    finally:
        own.unlink(missing_ok=True)


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
