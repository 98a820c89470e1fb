"""What a target sends: a recording as a packed archive, unpacked while it comes.

A target may be damaged, or hostile: its archive is bounded, and whatever came is kept, with a
manifest that says what is missing.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Self

from pvprof.errors import InputError
from pvprof.recording.layout import MANIFEST, MEMBERS
from pvprof.recording.limits import MAX_FACTS_BYTES, MAX_HEADER_BYTES, MAX_MEMBERS, MAX_RATIO, USUAL
from pvprof.recording.manifest import Manifest, read_manifest
from pvprof.recording.write import mark_incomplete

_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError)
_MAX_PADDING_BYTES = 1 << 20  # tar fills its last block, of 10 kB as a rule
_PIECE_BYTES = 1 << 14  # if the connection is cut, at most this much of its data is lost


class _BoundedHeader(tarfile.TarInfo):
    """A header of a file; one that is too large is refused before it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> Self:
        header = super().frombuf(buf, encoding or "utf-8", errors)
        if not header.isreg() and header.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of more than {MAX_HEADER_BYTES >> 20} MiB")
        return header


class _Counted:
    """A stream that counts the bytes which were read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        return data


def receive(stream: IO[bytes], part: Path) -> str:
    """Unpack a recording into `part`; return why the stream ended early, or an empty text.

    Raises:
        OSError: a file cannot be written.
    """
    counted = _Counted(stream)
    written = 0
    try:
        with gzip.GzipFile(fileobj=counted) as unpacked:  # type: ignore[call-overload]  # it has read
            for piece, file in _pieces(unpacked, part):
                written += len(piece)
                if written > USUAL.unpacked_bytes + MAX_RATIO * counted.size:
                    return "the archive unpacks to too much"
                if file is not None:
                    file.write(piece)
    except _DAMAGE as error:
        return f"the archive ends early ({error})"
    return ""


def _pieces(unpacked: gzip.GzipFile, part: Path) -> Iterator[tuple[bytes, IO[bytes] | None]]:
    """Yield the contents of an archive, and the file in `part` that each belongs to.

    It ends after the last byte: only there are the checksum and a sender that does not stop.
    """
    with tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_BoundedHeader) as archive:
        for number, member in enumerate(archive):
            if number == MAX_MEMBERS:
                raise tarfile.ReadError(f"more than {MAX_MEMBERS:,} files")
            name = PurePosixPath(member.name).name
            source = archive.extractfile(member) if name in MEMBERS else None
            if source is None:
                continue
            with (part / name).open("wb") as file:
                while piece := source.read(_PIECE_BYTES):
                    yield piece, file
    after = 0
    while piece := unpacked.read(_PIECE_BYTES):
        after += len(piece)
        if after > _MAX_PADDING_BYTES:
            raise tarfile.ReadError("it goes on after its end")
        yield piece, None


def settle(part: Path, lost: str) -> tuple[Manifest, str]:
    """Return the manifest of what came, and why it is incomplete, or an empty text.

    Args:
        part: the directory of the recording.
        lost: why something is known to be missing; then the manifest is marked as incomplete. So is
            one that is damaged or missing: a new one takes its place.

    Raises:
        OSError: the manifest cannot be written.
    """
    path = part / MANIFEST
    try:
        manifest = _manifest_in(path)
    except InputError as error:
        lost = lost or error.message
    if lost:
        mark_incomplete(path, lost)
        manifest = _manifest_in(path)
    return manifest, lost


def _manifest_in(path: Path) -> Manifest:
    """Return the manifest in a file.

    Raises:
        InputError: it is missing or damaged, or too large: then it is removed.
    """
    if not path.is_file():
        raise InputError("no manifest came")
    if path.stat().st_size > MAX_FACTS_BYTES:
        path.unlink()
        raise InputError(f"a manifest of more than {MAX_FACTS_BYTES >> 20} MiB came")
    text = path.read_text("utf-8", "surrogateescape")
    manifest = read_manifest(text, "what came")
    if not manifest:
        raise InputError("an empty manifest came")
    return manifest
