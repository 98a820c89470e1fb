"""The spool: recordings on this machine's disk that are still to be delivered.

Owns its files, its limit and its lock. A recording appears in it whole, since ``pvprof record``
renames it; its name is its time, so the oldest is the first::

    spool/.agent.lock                            held by the agent
    spool/20261128T041210Z-offcpu.pvprof.tar.gz  a recording
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pvprof.errors import OutputError, TargetError

_LOCK = ".agent.lock"
_NAME = re.compile(r"\d{8}T\d{6}Z(?:-\d+)?-[\w-]+\.pvprof\.tar\.gz", re.ASCII)
_SUFFIX = ".pvprof.tar.gz"

MIN_FREE_SHARE = 0.05
"""Nothing is recorded while less than this share of the disk is free."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Recordings that were removed without being delivered."""

    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Spool:
    """A directory of recordings.

    Attributes:
        path: the directory.
        max_bytes: the size of all recordings that is not exceeded.
    """

    path: Path
    max_bytes: int

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock of the spool; make the directory if it is not there.

        Raises:
            OutputError: it cannot be made or written.
            TargetError: another agent has the lock.
        """
        try:
            self.path.mkdir(0o700, parents=True, exist_ok=True)
            number = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise OutputError(
                f"{self.path}: {error.strerror}", "--spool DIR names another"
            ) from error
        with open(number, "r+b", buffering=0) as file:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = file.read(20).decode("ascii", "replace").strip()
                raise TargetError(
                    f"{self.path}: an agent works with it already: process {owner or 'unknown'}",
                    "end that one, or give this one a --spool of its own",
                ) from error
            file.truncate(0)
            file.seek(0)
            file.write(f"{os.getpid()}\n".encode())
            yield

    def new_file(self, mode: str) -> Path:
        """Return the path of a new recording."""
        stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        path = self.path / f"{stem}-{mode}{_SUFFIX}"
        number = 1
        while os.path.lexists(path):
            number += 1
            path = self.path / f"{stem}-{number}-{mode}{_SUFFIX}"
        return path

    def recordings(self) -> list[Path]:
        """Return the recordings, the oldest first."""
        found = (one for one in self.path.iterdir() if _NAME.fullmatch(one.name))
        return sorted(one for one in found if one.is_file() and not one.is_symlink())

    def trim(self) -> Dropped:
        """Remove the oldest recordings until the others are not too large; return what went."""
        sizes = {path: path.stat().st_size for path in self.recordings()}
        total, count, removed = sum(sizes.values()), 0, 0
        for path, size in sizes.items():
            if total - removed <= self.max_bytes:
                break
            path.unlink()
            count, removed = count + 1, removed + size
        return Dropped(count, removed)

    def remove(self, path: Path) -> None:
        """Remove a recording that was delivered."""
        path.unlink(missing_ok=True)

    def size_bytes(self) -> int:
        """Return the size of all recordings."""
        size = 0
        for path in self.recordings():
            with contextlib.suppress(OSError):
                size += path.stat().st_size
        return size

    def has_room(self) -> bool:
        """Tell whether enough of the disk is free for a further recording."""
        usage = shutil.disk_usage(self.path)
        return usage.free >= MIN_FREE_SHARE * usage.total
