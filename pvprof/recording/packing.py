"""The bytes of a file: mapped, unpacked, checked, and bounded.

Owns how much a packed file may unpack to: a few hundred bytes can stand for gigabytes. What is
larger than `MAX_IN_MEMORY_BYTES` goes into a temporary file without a name, which is mapped.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mmap
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Protocol, cast

from pvprof.errors import InputError, first_line
from pvprof.recording.layout import Buffer

MAX_IN_MEMORY_BYTES = 64 << 20
"""Data that unpack to more are kept in a temporary file."""

MAX_RATIO = 200
"""Packed data may unpack to `MAX_IN_MEMORY_BYTES`, and beyond that to this many times their size.

The output of a tracer packs to between a tenth and a sixtieth of its size; gzip can reach 1/1,030,
zstd any ratio.
"""

MAX_COMPANION_BYTES = 256 << 20
"""Maximum size of a file beside the tracer's output, unpacked: a kernel's symbols have 5 MB."""

_CHUNK_BYTES = 1 << 20


class _Stream(Protocol):
    """Yields unpacked bytes; at an early end of the packed ones it raises `EOFError`."""

    def read1(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def is_tar(data: Buffer) -> bool:
    """Tell whether unpacked data are a tar archive, by its magic (POSIX.1-1988 ustar header)."""
    return bytes(data[257:262]) == b"ustar"


def map_file(path: Path) -> Buffer:
    """Return the bytes of a file, mapped if possible: big files are not copied."""
    with path.open("rb") as file:
        return _mapped(file)


def _mapped(file: BinaryIO) -> Buffer:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (ValueError, OSError, io.UnsupportedOperation):  # empty, or a pipe
        return file.read()


def unpack(data: Buffer, source: str, max_bytes: int = 0) -> tuple[Buffer, bool]:
    """Return the unpacked bytes of packed data, and whether the packed data end early.

    The first bytes decide how to unpack; other data are returned unchanged. Packed data end early
    if the recorder was killed. All checksums are verified.

    Args:
        data: as they are in the file.
        source: its name, for errors.
        max_bytes: maximum size of the unpacked data; 0 for what `MAX_RATIO` allows.

    Raises:
        InputError: the data are damaged, or larger than the maximum.
    """
    limit = max_bytes or MAX_IN_MEMORY_BYTES + MAX_RATIO * len(data)
    magic = bytes(data[:6])
    name, open_stream = next(
        ((name, opener) for start, name, opener in _FORMATS if magic.startswith(start)), ("", None)
    )
    if open_stream is None:
        _check_size(len(data), max_bytes or len(data), source)
        return data, False
    try:
        with open_stream(data, source) as stream:
            return _read_all(stream, limit, source)
    except (OSError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{source}: damaged {name} file: {first_line(error)}") from error


def _read_all(stream: _Stream, limit: int, source: str) -> tuple[Buffer, bool]:
    """Return all bytes of a stream, and whether it ends early."""
    size = 0
    is_cut = False
    with tempfile.SpooledTemporaryFile(MAX_IN_MEMORY_BYTES) as kept:
        try:
            while chunk := stream.read1(_CHUNK_BYTES):
                size += len(chunk)
                _check_size(size, limit, source)
                kept.write(chunk)
        except EOFError:
            is_cut = True
        kept.seek(0)
        if size <= MAX_IN_MEMORY_BYTES:
            return kept.read(), is_cut
        kept.flush()
        return mmap.mmap(kept.fileno(), 0, access=mmap.ACCESS_READ), is_cut


def _check_size(size: int, limit: int, source: str) -> None:
    """Refuse data that are too large."""
    if size > limit:
        raise InputError(
            f"{source}: more than {limit >> 20:,} MiB when unpacked",
            "no tracer's output packs that well; if you trust the file, unpack it yourself",
        )


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


def file_of(data: Buffer) -> BinaryIO:
    """Return data as a file, from its beginning, to be read only; mapped data are not copied."""
    if not isinstance(data, mmap.mmap):
        return io.BytesIO(data)
    data.seek(0)
    return cast("BinaryIO", data)  # it has read, seek and tell


_Opener = Callable[[Buffer, str], AbstractContextManager[_Stream]]

_FORMATS: tuple[tuple[bytes, str, _Opener], ...] = (
    (b"\x1f\x8b", "gzip", lambda data, _: gzip.GzipFile(fileobj=file_of(data))),
    (b"\x28\xb5\x2f\xfd", "zstd", _Zstd),
    (b"\xfd7zXZ\0", "xz", lambda data, _: lzma.LZMAFile(file_of(data))),  # noqa: SIM115
    (b"BZh", "bzip2", lambda data, _: bz2.BZ2File(file_of(data))),
)
"""The first bytes of packed data, the name of their format, and what unpacks it."""
