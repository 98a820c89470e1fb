"""A recording in a tar archive: its members by name, without writing any of them to disk."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from pvprof.errors import InputError, first_line
from pvprof.recording.layout import Buffer
from pvprof.recording.limits import MAX_HEADER_BYTES, MAX_MEMBERS
from pvprof.recording.packing import part_of

_MAX_DEPTH = 2


class Archive:
    """The members of one recording in a tar archive; a directory around them is ignored.

    Raises:
        InputError: the archive is damaged, or holds anything but one recording.
    """

    def __init__(self, data: Buffer, source: str) -> None:
        self._source = source
        self._data = data
        try:
            with tarfile.open(fileobj=_HeadersOnly(data), mode="r:") as tar:
                self._members = dict(self._files(tar))
        except _DAMAGE as error:
            raise self._damaged(first_line(error)) from error

    def read(self, name: str) -> Buffer | None:
        """Return the bytes of a member, or None if it is missing.

        Raises:
            InputError: the archive is damaged.
        """
        member = self._members.get(name)
        if member is None:
            return None
        if member.offset_data + member.size > len(self._data):
            raise self._damaged("unexpected end of data")
        return part_of(self._data, member.offset_data, member.size)

    def _files(self, tar: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """Yield the name and the header of each file that may belong to a recording."""
        seen: set[str] = set()
        for number, member in enumerate(tar):
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

    def _damaged(self, reason: str) -> InputError:
        return InputError(f"{self._source}: damaged archive: {reason}")


class _HeadersOnly(io.RawIOBase):
    """The data of an archive as a file from which only headers are read.

    ``tarfile`` would take a header of any size into memory.
    """

    def __init__(self, data: Buffer) -> None:
        super().__init__()
        self._data = data
        self._offset = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise ValueError(f"a header of more than {MAX_HEADER_BYTES >> 20} MiB")
        start = self._offset
        self._offset += size
        return bytes(self._data[start : self._offset])

    def seek(self, offset: int, _whence: int = io.SEEK_SET) -> int:
        self._offset = offset
        return offset

    def tell(self) -> int:
        return self._offset


def first_member(start: bytes, name: str) -> bytes:
    """Return a member from the first bytes of an archive, if it is the first; else nothing."""
    try:
        with tarfile.open(fileobj=_HeadersOnly(start), mode="r:") as tar:
            for member in tar:
                if member.isfile():
                    is_it = PurePosixPath(member.name).name == name
                    end = member.offset_data + member.size
                    return start[member.offset_data : end] if is_it else b""
    except _DAMAGE:  # opening the recording says why
        pass
    return b""


# A header that is damaged, or made to be, raises more than tarfile promises.
_DAMAGE = (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, MemoryError)
