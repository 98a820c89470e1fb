"""Recordings: the only bridge from the target to the analysis.

Owns what a recording looks like on disk and how one is opened. Three forms are one to the rest of
pvprof: a directory, the same directory as one ``.tar.gz``, and a bare dtrace output file. In a
directory stand:

=================  ============================================================
``manifest.json``  facts about the run; schema history below
``raw.out``        the tracer's output, untouched; also ``.gz`` or ``.zst``
``stderr.txt``     dtrace's stderr
``script.d``       the D program that ran; ``script.bt``: the bpftrace program
``symbols.nm.gz``  ``nm -n`` of the kernel
``kldstat.txt``    ``kldstat`` of the target
``time.txt``       ``time -l`` of the workload
``workload.txt``   the workload's own output
=================  ============================================================

Several runs are a directory of recordings with a ``set.json``; `expand` names its recordings.

Beside a bare file ``NAME.out`` its companions are looked for: ``NAME.err`` and ``NAME.d`` (or
``.bt``), each also as ``.gz``.

Schema history: 1, the first.
"""

from __future__ import annotations

import io
import json
import lzma
import mmap
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pvprof.errors import InputError, first_line, quote
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls

SCHEMA = 1
MEMBERS = (
    "manifest.json",
    "script.d",
    "script.bt",
    "stderr.txt",
    "time.txt",
    "kldstat.txt",
    "workload.txt",
    "raw.out",
    "symbols.nm.gz",
)
SET_FILE = "set.json"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar")
_PACKED_SUFFIXES = ("", ".gz", ".zst")
_SUFFIXES = (
    *(".gz", ".zst", ".tgz", ".tar", ".pvprof"),
    *(".out", ".folded", ".speedscope.json", ".txt", ".html"),
)

Buffer = Any
"""``bytes`` or a read-only ``mmap.mmap``."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An opened recording.

    Attributes:
        path: as it was given, for error messages.
        name: short name for results: no directory, no suffix.
        data: dtrace's output, not compressed.
        stderr: dtrace's stderr, or empty.
        script: the D program, or empty.
        symbols: ``nm`` output, plain or gzip, or empty.
        kldstat: ``kldstat`` output, or empty.
        manifest: the facts in ``manifest.json``, or empty.
        problems: what was doubtful about the files.
    """

    path: str
    name: str
    data: Buffer
    stderr: str = ""
    script: str = ""
    symbols: bytes = b""
    kldstat: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def expand(paths: Sequence[str]) -> list[str]:
    """Return the paths with every set of runs replaced by its recordings, in the order of the runs.

    Raises:
        InputError: a set's ``set.json`` cannot be read.
    """
    found: list[str] = []
    for path in paths:
        place = Path(path) / SET_FILE
        if not place.is_file():
            found.append(path)
            continue
        try:
            names = json.loads(place.read_text("utf-8"))["recordings"]
            found += [str(Path(path) / PurePosixPath(name).name) for name in names]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{place}: not a set of recordings: {first_line(error)}") from error
    return found


def open_recording(path: str) -> Recording:
    """Open a recording of any form; ``-`` is a dtrace output on stdin.

    Raises:
        InputError: it does not exist, cannot be read, or is no recording.
    """
    if path == "-":
        data, is_cut = _unpack(sys.stdin.buffer.read(), "stdin")
        if _is_tar(data):
            return _open_tar("stdin", "stdin", io.BytesIO(data))
        return Recording("stdin", "stdin", data, problems=_cut_off("stdin") if is_cut else ())
    place = Path(path)
    try:
        if place.is_dir():
            return _from_members(place.name, path, _directory_reader(place))
        if place.name.endswith(_TAR_SUFFIXES):
            with place.open("rb") as file:
                return _open_tar(place.name, path, file)
        return _open_bare(place)
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error


Reader = Callable[[str], Buffer | None]
"""Returns the bytes of a member of a recording, not unpacked, or None if there is none."""


def _directory_reader(directory: Path) -> Reader:
    def read(name: str) -> Buffer | None:
        place = directory / name
        return _map(place) if place.is_file() else None

    return read


def _open_tar(name: str, source: str, file: BinaryIO) -> Recording:
    try:
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            found = [
                (PurePosixPath(member.name).name, member)
                for member in archive.getmembers()
                if member.isfile() and len(PurePosixPath(member.name).parts) <= 2
            ]
            members = dict(found)
            if len(members) < len(found):
                raise InputError(f"{source}: several recordings in one archive", "unpack it first")

            def read(wanted: str) -> Buffer | None:
                member = archive.extractfile(members[wanted]) if wanted in members else None
                return member.read() if member else None

            return _from_members(name, source, read)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{source}: damaged archive: {first_line(error)}") from error


def _from_members(name: str, source: str, read: Reader) -> Recording:
    """Put a recording together from its members."""

    def text(member: str) -> str:
        return bytes(read(member) or b"").decode("utf-8", "backslashreplace")

    raw = next(
        (data for suffix in _PACKED_SUFFIXES if (data := read("raw.out" + suffix)) is not None),
        None,
    )
    if raw is None:
        if read("manifest.json") is not None:
            raise InputError(f"{source}: the recording holds no output (raw.out is missing)")
        raise InputError(
            f"{source}: not a recording: no raw.out in it", "give a recording or a dtrace output"
        )
    symbols = read("symbols.nm.gz") or read("symbols.nm") or b""
    data, is_cut = _unpack(raw, source)
    short = _short_name(name)
    # A workload's words may be any bytes: they must not make the manifest unreadable.
    facts = bytes(read("manifest.json") or b"").decode("utf-8", "surrogateescape")
    manifest = _manifest(facts, source)
    return Recording(
        path=source,
        name=short,
        data=data,
        problems=(*(_cut_off(short) if is_cut else ()), *_unsealed(manifest, short)),
        stderr=text("stderr.txt"),
        script=text("script.d") or text("script.bt"),
        symbols=bytes(symbols),
        kldstat=text("kldstat.txt"),
        manifest=manifest,
    )


def _manifest(text: str, source: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: manifest.json is damaged: {first_line(error)}") from error
    if not isinstance(manifest, dict):
        raise InputError(f"{source}: manifest.json is no object")
    schema = manifest.get("schema")
    if schema != SCHEMA:
        raise InputError(
            f"{source}: manifest.json: schema {quote(str(schema))} is not known; {SCHEMA} is",
            "update pvprof",
        )
    return manifest


def _cut_off(name: str) -> tuple[Problem, ...]:
    text = "the packed data end early; what could be unpacked was read"
    return (Problem("cut-off", text, name, severity="loss"),)


def _unsealed(manifest: Mapping[str, Any], name: str) -> tuple[Problem, ...]:
    if manifest.get("complete", True) is True:
        return ()
    reason = manifest.get("incomplete_reason") or "the recorder did not finish"
    return (Problem("incomplete", show_controls(str(reason)), name, severity="loss"),)


def _open_bare(place: Path) -> Recording:
    data, is_cut = _unpack(_map(place), str(place))
    if _is_tar(data):
        return _open_tar(place.name, str(place), io.BytesIO(data))
    stem = _short_name(place.name)
    problems = list(_cut_off(stem) if is_cut else ())

    def companion(suffix: str) -> str:
        for packed in _PACKED_SUFFIXES:
            other = place.with_name(stem + suffix + packed)
            if not other.is_file() or other == place:
                continue
            try:
                found, _ = _unpack(_map(other), other.name)
            except (InputError, OSError) as error:  # no reason to refuse the output itself
                problems.append(Problem("unreadable-companion", first_line(error), stem))
                return ""
            return bytes(found).decode("utf-8", "backslashreplace")
        return ""

    stderr, script = companion(".err"), companion(".d") or companion(".bt")
    return Recording(str(place), stem, data, stderr, script, problems=tuple(problems))


def _short_name(name: str) -> str:
    """Return a file name without the suffixes of packing and of recordings."""
    for suffix in _SUFFIXES:
        if len(name) > len(suffix):
            name = name.removesuffix(suffix)
    return name


def _is_tar(data: Buffer) -> bool:
    """Tell whether unpacked data are a tar archive, by its magic (POSIX.1-1988 ustar header)."""
    return bytes(data[257:262]) == b"ustar"


def _map(place: Path) -> Buffer:
    """Return the bytes of a file, mapped where that can be done: big files are not copied."""
    with place.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError, io.UnsupportedOperation):  # empty, or a pipe
            return file.read()


def _unpack(data: Buffer, source: str) -> tuple[Buffer, bool]:
    """Return the bytes of a gzip or zstd file, told by its first bytes; others as they are.

    The second value tells whether the packed data end early, as a killed recorder leaves them.
    """
    magic = bytes(data[:4])
    if magic.startswith(_GZIP):
        return _gunzip(data, source)
    if magic == _ZSTD:
        return _unzstd(data, source)
    return data, False


def _gunzip(data: Buffer, source: str) -> tuple[bytes, bool]:
    """Unpack all members; what comes before an early end is kept, damage is an error."""
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
        rest = member.unused_data.lstrip(b"\0")  # tape padding, as gzip(1) allows it
    return b"".join(parts), False


def _unzstd(data: Buffer, source: str) -> tuple[bytes, bool]:
    """Unpack by the zstd program: it is in FreeBSD's base and every Linux's packages."""
    program = shutil.which("zstd")
    if program is None:
        raise InputError(f"{source}: packed with zstd, and no zstd program here", "install zstd")
    done = subprocess.run([program, "-dc"], input=bytes(data), capture_output=True, check=False)
    is_cut = b"premature" in done.stderr or b"unexpected end" in done.stderr
    if done.returncode and not (is_cut and done.stdout):
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"{source}: damaged zstd file: {reason}")
    return done.stdout, is_cut
