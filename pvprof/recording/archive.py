"""A recording in a tar archive: its members by name, without writing any of them to disk."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from pvprof.errors import InputError, first_line
from pvprof.recording.layout import Buffer
from pvprof.recording.packing import file_of

MAX_MEMBERS = 1_000
"""Maximum number of members; a recording has 11."""

_MAX_DEPTH = 2


class Archive:
    """The members of one recording in a tar archive; a directory around them is ignored.

    Raises:
        InputError: the archive is damaged, or holds anything but one recording.
    """

    def __init__(self, data: Buffer, source: str) -> None:
        self._source = source
        try:
            self._tar = tarfile.open(fileobj=file_of(data), mode="r:")  # noqa: SIM115
            self._members = dict(self._files())
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def read(self, name: str) -> Buffer | None:
        """Return the bytes of a member, or None if it is missing.

        Raises:
            InputError: the archive is damaged.
        """
        member = self._members.get(name)
        if member is None:
            return None
        try:
            file = self._tar.extractfile(member)
            return file.read() if file else b""
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _files(self) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """Yield the name and the header of each file that may belong to a recording."""
        seen: set[str] = set()
        for number, member in enumerate(self._tar):
            if number == MAX_MEMBERS:
                reason = f"more than {MAX_MEMBERS:,} files in one archive"
                raise InputError(f"{self._source}: {reason}", "give the archive of one recording")
            path = PurePosixPath(member.name)
            if not member.isfile() or len(path.parts) > _MAX_DEPTH:
                continue
            if member.issparse():
                raise InputError(f"{self._source}: {path.name} has holes in it (a sparse file)")
            if path.name in seen:
                reason = f"several recordings in one archive ({path.name} is in it twice)"
                raise InputError(f"{self._source}: {reason}", "unpack it first")
            seen.add(path.name)
            yield path.name, member

    def _damaged(self, error: Exception) -> InputError:
        return InputError(f"{self._source}: damaged archive: {first_line(error)}")


# A header that is damaged, or made to be, raises more than tarfile promises.
_DAMAGE = (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, MemoryError)
