"""The bytes of a file: mapped, unpacked from gzip or zstd, marked if they end early."""

from __future__ import annotations

import io
import mmap
import shutil
import subprocess
import zlib
from pathlib import Path

from pvprof.errors import InputError
from pvprof.recording.layout import Buffer

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def is_tar(data: Buffer) -> bool:
    """Tell whether unpacked data are a tar archive, by its magic (POSIX.1-1988 ustar header)."""
    return bytes(data[257:262]) == b"ustar"


def map_file(path: Path) -> Buffer:
    """Return the bytes of a file, mapped if possible: big files are not copied."""
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError, io.UnsupportedOperation):  # empty, or a pipe
            return file.read()


def unpack(data: Buffer, source: str) -> tuple[Buffer, bool]:
    """Return the unpacked bytes of a gzip or zstd file, and whether the packed data end early.

    The first bytes decide; other data are returned unchanged. Packed data end early if the recorder
    was killed.
    """
    magic = bytes(data[:4])
    if magic.startswith(_GZIP):
        return _gunzip(data, source)
    if magic == _ZSTD:
        return _unzstd(data, source)
    return data, False


def _gunzip(data: Buffer, source: str) -> tuple[bytes, bool]:
    """Return the data of all members, up to an early end, and whether they end early.

    Raises:
        InputError: the data are damaged.
    """
    parts = []
    rest = data
    while bytes(rest[:2]) == _GZIP:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest))
        except zlib.error as error:
            raise InputError(f"{source}: damaged gzip file: {error}") from error
        if not member.eof:
            return b"".join(parts), True
        rest = member.unused_data.lstrip(b"\0")  # gzip(1) allows padding
    return b"".join(parts), False


def _unzstd(data: Buffer, source: str) -> tuple[bytes, bool]:
    """Return the unpacked data, and whether they end early.

    The zstd program unpacks them: FreeBSD's base and every Linux distribution have it.

    Raises:
        InputError: the data are damaged, or there is no zstd program.
    """
    program = shutil.which("zstd")
    if program is None:
        raise InputError(f"{source}: packed with zstd, and no zstd program here", "install zstd")
    done = subprocess.run([program, "-dc"], input=bytes(data), capture_output=True, check=False)
    is_cut = b"premature" in done.stderr or b"unexpected end" in done.stderr
    if done.returncode and not (is_cut and done.stdout):
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"{source}: damaged zstd file: {reason}")
    return done.stdout, is_cut
