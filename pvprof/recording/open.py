"""Open a recording of any of its three forms (`pvprof.recording.layout`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pvprof.errors import InputError, first_line
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.recording.archive import Archive
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
from pvprof.recording.packing import MAX_COMPANION_BYTES, is_tar, map_file, unpack


def open_recording(path: str) -> Recording:
    """Return the recording at a path, in any form; ``-`` reads the output of a tracer from stdin.

    Raises:
        InputError: the path does not exist, cannot be read, or is not a recording.
    """
    if path == "-":
        data, is_cut = unpack(sys.stdin.buffer.read(), "stdin")
        if is_tar(data):
            return _from_archive("stdin", "stdin", data, is_cut)
        return Recording("stdin", "stdin", data, problems=_cut_off("stdin") if is_cut else ())
    file_path = Path(path)
    try:
        if file_path.is_dir():
            return _from_members(file_path.name, path, _directory_reader(file_path))
        return _open_file(file_path)
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error


Reader = Callable[[str], Buffer | None]
"""Returns the bytes of a member of a recording, not unpacked, or None if it is missing."""


def _directory_reader(directory: Path) -> Reader:
    def read(name: str) -> Buffer | None:
        path = directory / name
        if path.is_symlink():  # of a stranger's recording: it may lead to any file of the reader's
            raise InputError(f"{path} is a link", "put the file itself there")
        return map_file(path) if path.is_file() else None

    return read


def _from_archive(name: str, source: str, data: Buffer, is_cut: bool) -> Recording:
    """Return the recording in an archive."""
    if is_cut:
        raise InputError(f"{source}: damaged archive: the packed data end early")
    return _from_members(name, source, Archive(data, source).read)


def _from_members(name: str, source: str, read: Reader) -> Recording:
    """Return the recording that these members make."""
    short = short_name(name)
    problems: list[Problem] = []

    def companion(member: str) -> bytes:
        content = read(member) or b""
        if len(content) <= MAX_COMPANION_BYTES:
            return bytes(content)
        reason = f"{member} has more than {MAX_COMPANION_BYTES >> 20} MiB and is not read"
        problems.append(Problem("unreadable-companion", reason, short))
        return b""

    def text(member: str) -> str:
        return companion(member).decode("utf-8", "backslashreplace")

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
    data, is_cut = unpack(raw, source)
    if is_tar(data):
        raise InputError(f"{source}: its raw.out is an archive, too", "unpack it first")
    if is_cut:
        problems += _cut_off(short)
    # A workload's words may be any bytes, and must not make the manifest unreadable.
    manifest = read_manifest(companion(MANIFEST).decode("utf-8", "surrogateescape"), source)
    problems += _told(manifest, short)
    return Recording(
        path=source,
        name=short,
        data=data,
        stderr=text("stderr.txt"),
        script=text("script.d") or text("script.bt"),
        symbols=companion("symbols.nm.gz") or companion("symbols.nm"),
        kldstat=text("kldstat.txt"),
        user_maps=companion(USER_MAPS),
        user_symbols=companion(USER_SYMBOLS),
        manifest=manifest,
        problems=tuple(problems),
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


def _open_file(path: Path) -> Recording:
    """Open an archive, or the bare output of a tracer."""
    data, is_cut = unpack(map_file(path), str(path))
    if is_tar(data) or path.name.endswith(TAR_SUFFIXES):
        return _from_archive(path.name, str(path), data, is_cut)
    stem = short_name(path.name)
    problems = list(_cut_off(stem) if is_cut else ())

    def companion(suffix: str) -> str:
        for packed in PACKED_SUFFIXES:
            companion_path = path.with_name(stem + suffix + packed)
            if not companion_path.is_file() or companion_path == path:
                continue
            try:
                packed_data = map_file(companion_path)
                content, _ = unpack(packed_data, companion_path.name, MAX_COMPANION_BYTES)
            except (InputError, OSError) as error:  # the recording can be read without it
                problems.append(Problem("unreadable-companion", first_line(error), stem))
                return ""
            return bytes(content).decode("utf-8", "backslashreplace")
        return ""

    stderr, script = companion(".err"), companion(".d") or companion(".bt")
    return Recording(str(path), stem, data, stderr, script, problems=tuple(problems))
