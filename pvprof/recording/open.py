"""Open a recording of any of its three forms (`pvprof.recording.layout`)."""

from __future__ import annotations

import io
import lzma
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pvprof.errors import InputError, first_line
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.recording.layout import (
    MANIFEST,
    PACKED_SUFFIXES,
    RAW,
    TAR_SUFFIXES,
    USER_MAPS,
    USER_SYMBOLS,
    Buffer,
    Recording,
    short_name,
)
from pvprof.recording.manifest import Manifest, read_manifest
from pvprof.recording.packing import is_tar, map_file, unpack


def open_recording(path: str) -> Recording:
    """Return the recording at a path, in any form; ``-`` reads the output of a tracer from stdin.

    Raises:
        InputError: the path does not exist, cannot be read, or is not a recording.
    """
    if path == "-":
        data, is_cut = unpack(sys.stdin.buffer.read(), "stdin")
        if is_tar(data):
            return _open_tar("stdin", "stdin", io.BytesIO(data))
        return Recording("stdin", "stdin", data, problems=_cut_off("stdin") if is_cut else ())
    file_path = Path(path)
    try:
        if file_path.is_dir():
            return _from_members(file_path.name, path, _directory_reader(file_path))
        if file_path.name.endswith(TAR_SUFFIXES):
            with file_path.open("rb") as file:
                return _open_tar(file_path.name, path, file)
        return _open_bare(file_path)
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error


Reader = Callable[[str], Buffer | None]
"""Returns the bytes of a member of a recording, not unpacked, or None if it is missing."""


def _directory_reader(directory: Path) -> Reader:
    def read(name: str) -> Buffer | None:
        path = directory / name
        return map_file(path) if path.is_file() else None

    return read


def _open_tar(name: str, source: str, file: BinaryIO) -> Recording:
    try:
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            named_members = [
                (PurePosixPath(member.name).name, member)
                for member in archive.getmembers()
                if member.isfile() and len(PurePosixPath(member.name).parts) <= 2
            ]
            members = dict(named_members)
            if len(members) < len(named_members):
                raise InputError(f"{source}: several recordings in one archive", "unpack it first")

            def read(wanted: str) -> Buffer | None:
                member = archive.extractfile(members[wanted]) if wanted in members else None
                return member.read() if member else None

            return _from_members(name, source, read)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{source}: damaged archive: {first_line(error)}") from error


def _from_members(name: str, source: str, read: Reader) -> Recording:
    """Return the recording that these members make."""

    def text(member: str) -> str:
        return bytes(read(member) or b"").decode("utf-8", "backslashreplace")

    raw = next(
        (data for suffix in PACKED_SUFFIXES if (data := read(RAW + suffix)) is not None),
        None,
    )
    if raw is None:
        if read(MANIFEST) is not None:
            raise InputError(f"{source}: the recording holds no output (raw.out is missing)")
        raise InputError(
            f"{source}: not a recording: no raw.out in it", "give a recording or a dtrace output"
        )
    symbols = read("symbols.nm.gz") or read("symbols.nm") or b""
    data, is_cut = unpack(raw, source)
    short = short_name(name)
    # A workload's words may be any bytes, and must not make the manifest unreadable.
    facts = bytes(read(MANIFEST) or b"").decode("utf-8", "surrogateescape")
    manifest = read_manifest(facts, source)
    return Recording(
        path=source,
        name=short,
        data=data,
        problems=(*(_cut_off(short) if is_cut else ()), *_told(manifest, short)),
        stderr=text("stderr.txt"),
        script=text("script.d") or text("script.bt"),
        symbols=bytes(symbols),
        kldstat=text("kldstat.txt"),
        user_maps=bytes(read(USER_MAPS) or b""),
        user_symbols=bytes(read(USER_SYMBOLS) or b""),
        manifest=manifest,
    )


def _cut_off(name: str) -> tuple[Problem, ...]:
    text = "the packed data end early; what could be unpacked was read"
    return (Problem("cut-off", text, name, severity="loss"),)


def _told(manifest: Manifest, name: str) -> Iterator[Problem]:
    """Yield the losses that only the recorder knows."""
    if manifest.is_complete is False:
        reason = manifest.incomplete_reason or "the recorder did not finish"
        yield Problem("incomplete", show_controls(reason), name, severity="loss")
    if manifest.skipped:
        text = "events that the kernel kept from the program: another BPF program or map call ran"
        yield Problem("skipped-events", text, name, count=manifest.skipped, severity="loss")


def _open_bare(path: Path) -> Recording:
    data, is_cut = unpack(map_file(path), str(path))
    if is_tar(data):
        return _open_tar(path.name, str(path), io.BytesIO(data))
    stem = short_name(path.name)
    problems = list(_cut_off(stem) if is_cut else ())

    def companion(suffix: str) -> str:
        for packed in PACKED_SUFFIXES:
            companion_path = path.with_name(stem + suffix + packed)
            if not companion_path.is_file() or companion_path == path:
                continue
            try:
                content, _ = unpack(map_file(companion_path), companion_path.name)
            except (InputError, OSError) as error:  # the recording can be read without it
                problems.append(Problem("unreadable-companion", first_line(error), stem))
                return ""
            return bytes(content).decode("utf-8", "backslashreplace")
        return ""

    stderr, script = companion(".err"), companion(".d") or companion(".bt")
    return Recording(str(path), stem, data, stderr, script, problems=tuple(problems))
