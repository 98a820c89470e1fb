"""The bytes of a file: mapped, unpacked, checked, and bounded (`pvprof.recording.limits`).

What is larger than `MAX_IN_MEMORY_BYTES` and is no file that could be mapped, goes into a temporary
file.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import mmap
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread
from typing import IO, BinaryIO, Protocol, cast

from pvprof.errors import InputError, first_line
from pvprof.recording.layout import Buffer
from pvprof.recording.limits import (
    MAX_COMPANION_BYTES,
    MAX_RATIO,
    USUAL,
    Limits,
    LineCheck,
    check_lines,
    check_size,
    long_line,
)

MAX_IN_MEMORY_BYTES = 16 << 20
"""What is larger is kept in a temporary file without a name, which is mapped."""

_CHUNK_BYTES = 1 << 20
_TAR_HEADER_BYTES = 512


class _Stream(Protocol):
    """Yields unpacked bytes; at an early end of the packed ones it raises `EOFError`."""

    def read1(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def is_tar(data: Buffer) -> bool:
    """Tell whether unpacked data are a tar archive, by its magic (POSIX.1-1988 ustar header)."""
    return bytes(data[257:262]) == b"ustar"


def map_file(path: Path, limits: Limits = USUAL) -> Buffer:
    """Return the bytes of a file, mapped if possible: big files are not copied.

    Raises:
        InputError: it is a pipe or a device, and has a line that is too long.
    """
    with path.open("rb") as file:
        return map_stream(file, str(path), limits)


def map_stream(file: BinaryIO, source: str, limits: Limits = USUAL) -> Buffer:
    """Return the bytes of an open file from its position on, mapped if possible.

    Raises:
        InputError: it is a pipe or a device, and has a line that is too long.
    """
    try:
        if file.tell() == 0:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (ValueError, OSError, io.UnsupportedOperation):  # empty, or a pipe
        pass
    return _read_all(cast("_Stream", file), source, limits.document_bytes)[0]


def unpack(data: Buffer, source: str, limits: Limits = USUAL) -> tuple[Buffer, bool]:
    """Return the unpacked bytes of packed data, and whether the packed data end early.

    The first bytes decide how to unpack; other data are returned unchanged. Packed data end early
    if the recorder was killed. All checksums are verified.

    Args:
        data: as they are in the file.
        source: its name, for errors.
        limits: how large the unpacked data and their lines may be.

    Raises:
        InputError: the data are damaged, or larger than that.
    """
    magic = bytes(data[:6])
    name, open_stream = next(
        ((name, opener) for start, name, opener in _FORMATS if magic.startswith(start)), ("", None)
    )
    if open_stream is None:
        if not is_tar(data):
            check_lines(data, limits.document_bytes, source)
        return data, False
    max_bytes = limits.unpacked_bytes + MAX_RATIO * len(data)
    try:
        with open_stream(data, source) as stream:
            return _read_all(stream, source, limits.document_bytes, max_bytes)
    except (OSError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{source}: damaged {name} file: {first_line(error)}") from error


def unpack_companion(data: Buffer, source: str) -> tuple[bytes, bool]:
    """Return the unpacked bytes of a file beside the tracer's output, as `unpack` does.

    Raises:
        InputError: the data are damaged, or larger than `MAX_COMPANION_BYTES`.
    """
    ratio_bytes = MAX_RATIO * len(data)
    limits = Limits(MAX_COMPANION_BYTES - ratio_bytes, document_bytes=MAX_COMPANION_BYTES)
    content, is_cut = unpack(data, source, limits)
    check_size(len(content), MAX_COMPANION_BYTES, source)
    return bytes(content), is_cut


def part_of(data: Buffer, start: int, size: int) -> Buffer:
    """Return a part of unpacked data; a large one is copied to a temporary file."""
    if size <= MAX_IN_MEMORY_BYTES:
        return bytes(data[start : start + size])
    with tempfile.TemporaryFile() as kept:
        for first in range(start, start + size, _CHUNK_BYTES):
            kept.write(data[first : min(first + _CHUNK_BYTES, start + size)])
        kept.flush()
        return mmap.mmap(kept.fileno(), 0, access=mmap.ACCESS_READ)


def beginning_of(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, unpacked, as far as they can be read.

    Raises:
        OSError: it cannot be read.
    """
    data = map_file(path)
    magic = bytes(data[:6])
    opener = next((opener for start, _, opener in _FORMATS if magic.startswith(start)), None)
    if opener is None:
        return bytes(data[:size])
    start = bytearray()
    with (
        contextlib.suppress(EOFError, zlib.error, lzma.LZMAError, InputError),
        opener(data, path.name) as stream,
    ):
        while len(start) < size and (chunk := stream.read1(size - len(start))):
            start += chunk
    return bytes(start)


def _read_all(
    stream: _Stream, source: str, max_line: int, max_bytes: int = sys.maxsize
) -> tuple[Buffer, bool]:
    """Return all bytes of a stream, and whether it ends early; lines of an archive do not count."""
    size = 0
    is_cut = False
    lines = LineCheck(max_line)
    with tempfile.SpooledTemporaryFile(MAX_IN_MEMORY_BYTES) as kept:
        try:
            while chunk := stream.read1(_CHUNK_BYTES):
                size += len(chunk)
                check_size(size, max_bytes, source)
                kept.write(chunk)
                if lines.is_exceeded_by(chunk):
                    _refuse_text(kept, max_line, source)
        except EOFError:
            is_cut = True
        kept.seek(0)
        if size <= MAX_IN_MEMORY_BYTES:
            return kept.read(), is_cut
        kept.flush()
        return mmap.mmap(kept.fileno(), 0, access=mmap.ACCESS_READ), is_cut


def _refuse_text(kept: IO[bytes], max_line: int, source: str) -> None:
    """Refuse a text that has a long line; in an archive there are no lines."""
    kept.seek(0)
    is_archive = is_tar(kept.read(_TAR_HEADER_BYTES))
    kept.seek(0, io.SEEK_END)
    if not is_archive:
        raise long_line(max_line, source)


class _Zstd:
    """Unpacks by the zstd program: FreeBSD's base and every Linux distribution have it."""

    def __init__(self, data: Buffer, source: str) -> None:
        program = shutil.which("zstd")
        if program is None:
            raise InputError(
                f"{source}: packed with zstd, and no zstd program here", "install zstd"
            )
        self._source = source
        self._process = subprocess.Popen(
            [program, "-dc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._writer = Thread(target=self._write, args=(data,), daemon=True)
        self._writer.start()

    def __enter__(self) -> _Zstd:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # after a refusal it has more to write
        self._writer.join()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _write(self, data: Buffer) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            with pipe:
                for start in range(0, len(data), _CHUNK_BYTES):
                    pipe.write(data[start : start + _CHUNK_BYTES])
        except BrokenPipeError:  # it has refused the data, or was killed
            pass

    def read1(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        chunk = self._process.stdout.read(size)
        if not chunk:
            message = self._process.stderr.read()
            if b"premature" in message or b"unexpected end" in message:
                raise EOFError
            if self._process.wait():
                raise OSError(message.decode("utf-8", "replace").strip())
        return chunk


def _file_of(data: Buffer) -> BinaryIO:
    """Return data as a file, from its beginning, to be read only; mapped data are not copied."""
    if not isinstance(data, mmap.mmap):
        return io.BytesIO(data)
    data.seek(0)
    return cast("BinaryIO", data)  # it has read, seek and tell


_Opener = Callable[[Buffer, str], AbstractContextManager[_Stream]]

_FORMATS: tuple[tuple[bytes, str, _Opener], ...] = (
    (b"\x1f\x8b", "gzip", lambda data, _: gzip.GzipFile(fileobj=_file_of(data))),
    (b"\x28\xb5\x2f\xfd", "zstd", _Zstd),
    (b"\xfd7zXZ\0", "xz", lambda data, _: lzma.LZMAFile(_file_of(data))),  # noqa: SIM115
    (b"BZh", "bzip2", lambda data, _: bz2.BZ2File(_file_of(data))),
)
"""The first bytes of packed data, the name of their format, and what unpacks it."""
