"""A store behind a URL, where nothing can be renamed or locked, and folders may not exist.

A group is there when its ``SHA256SUMS`` is there: it is written after all tables, and removed
before them. Readers see no group without it. So nothing has to wait, and a writer that is killed
leaves files that no reader sees; `clear_work` removes them when they are so old that no process
can still be writing them.

A recording may be in two groups, if two added it at the same time or while groups are merged. It
counts once (`catalogue`).
"""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

from pvprof.errors import InputError, OutputError, PvprofError
from pvprof.store.places.at_once import of_each
from pvprof.store.places.connect import StoreUrl
from pvprof.store.places.names import (
    DAY,
    GROUP,
    HEAD,
    HEAD_TEXT,
    MAX_HEAD_BYTES,
    MODE,
    SUMS,
    check_head,
    file_of,
    new_group_name,
    path_of_group,
    place_of_mode,
    write_sums,
)
from pvprof.store.places.place import Group, TablePath

MAX_WRITING = timedelta(hours=3)
"""The tables of a group that took longer are given up: its sums are not written."""

MIN_ABANDONED = 2 * MAX_WRITING
"""Files without sums that are older belong to no process that still writes the group."""

REQUESTS_AT_ONCE = 16
"""Waiting for answers is most of the time that a group takes: 16 hide it."""

_ATTEMPTS = 8
_Files = dict[tuple[str, str, str], dict[str, int]]
"""By day, mode and name of a group, the sizes of its files."""


@dataclass(frozen=True, slots=True)
class BucketGroup:
    """A group behind a URL; see `Group`.

    Attributes:
        day, mode, name: of the group.
        store: where it is.
        files: the sizes of its files when the store was listed; they never change.
    """

    day: str
    mode: str
    name: str
    store: StoreBucket = field(compare=False)
    files: Mapping[str, int] = field(compare=False)

    @property
    def requests_at_once(self) -> int:
        """Return the number of requests that a server gets together."""
        return REQUESTS_AT_ONCE

    def shown(self, file: str = "") -> str:
        """Return the URL of a file without a password; see `Group.shown`."""
        return f"{self.store.shown}/{self._below(file)}"

    def is_there(self) -> bool:
        """Tell whether the sums are there."""
        with self._reading(SUMS):
            return self.store.has_file(self._below(SUMS))

    def has(self, table: str) -> bool:
        """Tell whether the table was listed."""
        return file_of(table) in self.files

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of the files in bytes; see `Group.sizes`."""
        return self.files

    def open(self, file: str) -> BufferedIOBase:
        """Return a file, which is read at once."""
        return BytesIO(self._content(file))

    def source(self, table: str) -> Any:
        """Return a table, which is read at once: one request, and no failure of the net later."""
        import pyarrow as pa  # noqa: PLC0415 (an extra)

        return pa.BufferReader(self._content(file_of(table)))

    def table_path(self, table: str) -> TablePath:
        """Return the path of a table; see `Group.table_path`."""
        file_system, root = self.store.url.open()
        return TablePath(f"{root}/{self._below(file_of(table))}", file_system)

    def _content(self, file: str) -> bytes:
        with self._reading(file):
            return self.store.read(self._below(file))

    def _below(self, file: str) -> str:
        place = path_of_group(self.day, self.mode, self.name)
        return f"{place}/{file}" if file else place

    @contextlib.contextmanager
    def _reading(self, file: str) -> Iterator[None]:
        """Make errors of the file system one line; only a missing file keeps its own type."""
        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "is missing", self.shown(file)) from error
        except OSError as error:
            raise InputError(f"{self.shown(file)}: cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class StoreBucket:
    """An existing store behind a URL, a `Place`; see `open_bucket` and `create_bucket`."""

    url: StoreUrl

    @property
    def shown(self) -> str:
        """Return the URL without a password."""
        return self.url.shown

    @property
    def address(self) -> str:
        """Return the URL as it was given."""
        return self.url.text

    def absolute(self) -> StoreBucket:
        """Return the store itself: a URL depends on no working directory."""
        return self

    def readable_folders(self) -> list[str]:
        """Return none: what DuckDB is asked about comes through pyarrow."""
        return []

    def groups(self) -> list[BucketGroup]:
        """Return all groups whose sums are there; see `Place.groups`.

        A long list comes in several answers. While groups are merged, the new group can be missing
        in an early one and the old groups in a late one. So the store is listed until nothing that
        was there is missing in the next list.
        """
        try:
            before = _whole(self._list())
            for _ in range(_ATTEMPTS):
                now = _whole(self._list())
                if all(now.get(place) == files for place, files in before.items()):
                    return [
                        BucketGroup(*place, self, files) for place, files in sorted(now.items())
                    ]
                before = now
        except OSError as error:
            raise InputError(f"{self.shown}: cannot be read: {error.strerror}") from error
        raise InputError(f"{self.shown}: groups vanish while it is read", "try again")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Return at once: there is no lock, and none is needed."""
        yield

    @contextlib.contextmanager
    def workplace(self) -> Iterator[Path]:
        """Make a directory of this machine for a group; see `Place.workplace`."""
        with tempfile.TemporaryDirectory(prefix="pvprof-") as place:
            yield Path(place)

    def clear_work(self) -> int:
        """Remove old files of groups without sums; return how many groups they were of."""
        removed = 0
        for place, files in self._list().items():
            if SUMS not in files and self._is_abandoned(place, files):
                self._remove_files([_path_of(place, file) for file in files])
                removed += 1
        return removed

    def leftovers(self) -> str:
        """Return the number of groups without sums, in a sentence; see `Place.leftovers`."""
        try:
            count = sum(SUMS not in files for files in self._list().values())
        except OSError as error:
            raise InputError(f"{self.shown}: cannot be read: {error.strerror}") from error
        if not count:
            return ""
        hours = int(MIN_ABANDONED.total_seconds() // 3600)
        return (
            f"{count:,} groups have no {SUMS}: they are being written, or were left by a killed"
            f" process; store compact and store expire remove them after {hours} hours"
        )

    def commit(self, written: Path, day: str, mode: str) -> BucketGroup:
        """Write the tables of a group, then its sums; see `Place.commit`."""
        write_sums(written)
        files = sorted(written.iterdir(), key=lambda file: (file.name == SUMS, file.name))
        place = (day, place_of_mode(mode), new_group_name())
        latest = datetime.now(UTC) + MAX_WRITING
        try:
            for file in files:
                if file.name == SUMS and datetime.now(UTC) > latest:
                    # This machine slept, say: `clear_work` of another one may remove the tables.
                    raise OSError(errno.EIO, "it took hours")
                self._put(file, _path_of(place, file.name))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._remove_files([_path_of(place, SUMS)])
                self._remove_files([_path_of(place, file.name) for file in files[:-1]])
            raise OSError(errno.EIO, error.strerror) from error
        return BucketGroup(*place, self, {file.name: file.stat().st_size for file in files})

    def remove(self, groups: Iterable[Group]) -> None:
        """Remove the sums of all groups, then their tables; see `Place.remove`."""
        known = [((group.day, group.mode, group.name), group.sizes()) for group in groups]
        self._remove_files([_path_of(place, SUMS) for place, files in known if SUMS in files])
        self._remove_files(
            [_path_of(place, file) for place, files in known for file in files if file != SUMS]
        )

    def read(self, path: str) -> bytes:
        """Return the content of a file below the store.

        Raises:
            OSError: it cannot be read.
        """
        with self._told() as (file_system, root):
            content: bytes = file_system.cat_file(f"{root}/{path}")
            return content

    def has_file(self, path: str) -> bool:
        """Tell whether there is such a file below the store.

        Raises:
            OSError: the place cannot be reached.
        """
        with self._told() as (file_system, root):
            return _is_file(file_system, f"{root}/{path}")

    def write_head(self) -> None:
        """Make this a store; several may do so at the same time, since all write the same.

        Raises:
            OSError: it cannot be written.
        """
        with self._told() as (file_system, root):
            try:
                file_system.pipe_file(f"{root}/{HEAD}", HEAD_TEXT.encode())
            except FileNotFoundError:
                # A server with real folders. A bucket is not made: its owner decides where and how.
                if "/" not in root.strip("/"):
                    raise
                file_system.mkdir(root, create_parents=False)
                file_system.pipe_file(f"{root}/{HEAD}", HEAD_TEXT.encode())

    def first_name(self) -> str:
        """Return the name of any file in the place of the store; empty if there is none.

        Raises:
            OSError: the place cannot be reached.
        """
        with self._told() as (file_system, root):
            file_system.invalidate_cache()
            try:
                found = file_system.ls(root, detail=False)
            except FileNotFoundError:
                return ""
        return str(min(found, default="")).rstrip("/").rpartition("/")[2]

    def _list(self) -> _Files:
        """Return the files of all groups, also of those without sums.

        Raises:
            OSError: the place cannot be reached.
        """
        with self._told() as (file_system, root):
            file_system.invalidate_cache()
            found = file_system.find(root, detail=True)
        groups: _Files = {}
        for path, about in found.items():
            parts = str(path)[len(root) :].strip("/").split("/")
            place = _place_of(parts)
            if place is not None:
                groups.setdefault(place, {})[parts[-1]] = int(about.get("size") or 0)
        return groups

    def _is_abandoned(self, place: tuple[str, str, str], files: Iterable[str]) -> bool:
        """Tell whether no file of a group is so young that a process may still add others."""
        newest = datetime.now(UTC) - MIN_ABANDONED
        with self._told() as (file_system, root):
            times = [file_system.modified(f"{root}/{_path_of(place, file)}") for file in files]
        return all((time if time.tzinfo else time.replace(tzinfo=UTC)) < newest for time in times)

    def _put(self, file: Path, path: str) -> None:
        with self._told() as (file_system, root):
            target = f"{root}/{path}"
            try:
                file_system.put_file(str(file), target)
            except FileNotFoundError:
                if not _is_file(file_system, f"{root}/{HEAD}"):  # the whole store is gone
                    raise
                file_system.makedirs(target.rpartition("/")[0], exist_ok=True)
                file_system.put_file(str(file), target)

    def _remove_files(self, paths: list[str]) -> None:
        """Remove files; another process may have removed some."""

        def remove(path: str) -> None:
            with contextlib.suppress(FileNotFoundError), self._told() as (file_system, root):
                file_system.rm_file(f"{root}/{path}")

        for _ in of_each(remove, paths, REQUESTS_AT_ONCE):
            pass

    @contextlib.contextmanager
    def _told(self) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the path of the store; make each error an OSError of one line.

        Raises:
            OSError: with a ``strerror`` without a password.
        """
        try:
            yield self.url.open()
        except PvprofError:
            raise
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, self.url.clean(error)) from error
        except Exception as error:
            # Each package for fsspec has errors of its own, for a server that does not answer too.
            raise OSError(errno.EIO, self.url.clean(error)) from error


def open_bucket(url: str) -> StoreBucket:
    """Return the store behind a URL.

    Raises:
        InputError: there is none, it has another version, or it cannot be reached.
        UsageError: a package is missing.
    """
    store = StoreBucket(StoreUrl(url))
    try:
        text = store.read(HEAD)[:MAX_HEAD_BYTES]
    except FileNotFoundError as error:
        # Some packages give the path of the file as the reason.
        reason = "" if HEAD in str(error.strerror) else f": {error.strerror}"
        raise InputError(
            f"{store.shown}: not a store{reason}",
            "pvprof store add STORE REC... makes one",
        ) from error
    except OSError as error:
        raise InputError(f"{store.shown}: cannot be read: {error.strerror}") from error
    check_head(text, store.shown, f"{store.shown}/{HEAD}")
    return store


def create_bucket(url: str) -> StoreBucket:
    """Return the store behind a URL; make it if there is nothing.

    Raises:
        InputError: as `open_bucket`, or there are other files.
        OutputError: it cannot be made.
        UsageError: a package is missing.
    """
    store = StoreBucket(StoreUrl(url))
    try:
        if not store.has_file(HEAD):
            strange = store.first_name()
            if strange and not store.has_file(HEAD):
                raise InputError(
                    f"{store.shown}: not a store, and not empty: {strange}", "give a new place"
                )
            store.write_head()
    except OSError as error:
        raise OutputError(f"{store.shown}: cannot be written: {error.strerror}") from error
    return open_bucket(url)


def _is_file(file_system: Any, path: str) -> bool:
    """Tell whether there is a file; unlike fsspec's ``isfile``, a failure is no absence."""
    file_system.invalidate_cache()
    try:
        return bool(file_system.info(path)["type"] == "file")
    except FileNotFoundError:
        return False


def _whole(groups: _Files) -> _Files:
    """Return the groups whose sums are there."""
    return {place: files for place, files in groups.items() if SUMS in files}


def _path_of(place: tuple[str, str, str], file: str) -> str:
    return f"{path_of_group(*place)}/{file}"


def _place_of(parts: list[str]) -> tuple[str, str, str] | None:
    """Return day, mode and name of a group from the path of one of its files."""
    if len(parts) != 4:
        return None
    day, mode, name = parts[0].removeprefix("day="), parts[1].removeprefix("mode="), parts[2]
    is_group = DAY.fullmatch(day) and MODE.fullmatch(mode) and GROUP.fullmatch(name)
    is_whole = "/".join(parts[:3]) == path_of_group(day, mode, name)
    return (day, mode, name) if is_group and is_whole else None
