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
from pvprof.recording.limits import MAX_COMPANION_BYTES, MAX_FACTS_BYTES, USUAL, Limits
from pvprof.recording.manifest import Manifest, read_manifest
from pvprof.recording.packing import is_tar, map_file, map_stream, unpack, unpack_companion


def open_recording(path: str, limits: Limits = USUAL) -> Recording:
    """Return the recording at a path, in any form; ``-`` reads the output of a tracer from stdin.

    Raises:
        InputError: the path does not exist, cannot be read, is not a recording, or is too large.
    """
    file_path = Path(path)
    try:
        if path == "-":
            return _open_stdin(limits)
        if file_path.is_dir():
            read = _directory_reader(file_path, limits)
            return _from_members(file_path.name, path, read, limits)
        return _open_file(file_path, limits)
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error


Reader = Callable[[str], Buffer | None]
"""Returns the bytes of a member of a recording, not unpacked, or None if it is missing."""


def _directory_reader(directory: Path, limits: Limits) -> Reader:
    def read(name: str) -> Buffer | None:
        path = directory / name
        if path.is_symlink():  # of a stranger's recording: it may lead to any file of the reader's
            raise InputError(f"{path} is a link", "put the file itself there")
        return map_file(path, limits) if path.is_file() else None

    return read


def _from_archive(name: str, source: str, data: Buffer, limits: Limits) -> Recording:
    return _from_members(name, source, Archive(data, source).read, limits)


def _from_members(name: str, source: str, read: Reader, limits: Limits) -> Recording:
    """Return the recording that these members make."""
    short = short_name(name)
    problems: list[Problem] = []

    def companion(member: str, max_bytes: int = MAX_COMPANION_BYTES) -> bytes:
        content = read(member) or b""
        if len(content) <= max_bytes:
            return bytes(content)
        reason = f"{member} has more than {max_bytes >> 20} MiB and is not read"
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
    data, is_cut = unpack(raw, source, limits)
    if is_tar(data):
        raise InputError(f"{source}: its raw.out is an archive, too", "unpack it first")
    if is_cut:
        problems += _cut_off(short)
    # A workload's words may be any bytes, and must not make the manifest unreadable.
    facts = companion(MANIFEST, MAX_FACTS_BYTES).decode("utf-8", "surrogateescape")
    manifest = read_manifest(facts, source)
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


def _refuse_cut(source: str, is_cut: bool) -> None:
    if is_cut:
        raise InputError(f"{source}: damaged archive: the packed data end early")


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


def _open_stdin(limits: Limits) -> Recording:
    packed = map_stream(sys.stdin.buffer, "stdin", limits)
    data, is_cut = unpack(packed, "stdin", limits)
    if is_tar(data):
        _refuse_cut("stdin", is_cut)
        return _from_archive("stdin", "stdin", data, limits)
    return Recording("stdin", "stdin", data, problems=_cut_off("stdin") if is_cut else ())


def _open_file(path: Path, limits: Limits) -> Recording:
    """Open an archive, or the bare output of a tracer."""
    data, is_cut = unpack(map_file(path, limits), str(path), limits)
    if is_tar(data) or path.name.endswith(TAR_SUFFIXES):
        _refuse_cut(str(path), is_cut)
        return _from_archive(path.name, str(path), data, limits)
    stem = short_name(path.name)
    problems = list(_cut_off(stem) if is_cut else ())

    def companion(suffix: str) -> str:
        for packed in PACKED_SUFFIXES:
            companion_path = path.with_name(stem + suffix + packed)
            if not companion_path.is_file() or companion_path == path:
                continue
            try:
                content, _ = unpack_companion(map_file(companion_path), companion_path.name)
            except (InputError, OSError) as error:  # the recording can be read without it
                problems.append(Problem("unreadable-companion", first_line(error), stem))
                return ""
            return content.decode("utf-8", "backslashreplace")
        return ""

    stderr, script = companion(".err"), companion(".d") or companion(".bt")
    return Recording(str(path), stem, data, stderr, script, problems=tuple(problems))
