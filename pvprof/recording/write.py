"""Write the directory of a recording, whole or not at all, and pack it.

A recording holds command lines, the output of a workload, addresses of the kernel: it belongs to
the user who made it. Only the mode of an own recording that it replaces gives it to others.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pvprof.errors import InputError, OutputError
from pvprof.recording.layout import MANIFEST, MEMBERS, RAW, Recording
from pvprof.recording.limits import load_json
from pvprof.recording.manifest import Manifest

PRIVATE = 0o700
"""The mode of a new recording's directory; its files have it without the right to execute."""


def write_recording(
    path: Path, recording: Recording, manifest: Mapping[str, Any], companions: Mapping[str, str]
) -> None:
    """Write a recording's directory; an old one is replaced.

    Args:
        path: the directory.
        recording: gives the output, stderr and script.
        manifest: the JSON document for ``manifest.json``.
        companions: the path of the file to copy, by the name of the member.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            (part / RAW).write_bytes(recording.data)
            for name, text in (("stderr.txt", recording.stderr), ("script.d", recording.script)):
                if text:
                    (part / name).write_text(text, "utf-8", "surrogateescape")
            for name, source in companions.items():
                shutil.copyfile(source, part / name)
            (part / MANIFEST).write_bytes(_encoded(manifest))
            set_modes(part, replaced=path)
            if path.is_dir():
                shutil.rmtree(path)
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error


def set_modes(recording: Path, replaced: Path) -> None:
    """Give a new recording, archive or run set the mode of what it replaces, or `PRIVATE`.

    Args:
        recording: a file or a directory.
        replaced: may be missing. If it is another user's, its mode is not taken: it may have been
            planted there to be read.

    Raises:
        OSError: a mode cannot be changed.
    """
    old = replaced.lstat() if replaced.exists() and not replaced.is_symlink() else None
    mode = stat.S_IMODE(old.st_mode) if old and old.st_uid == os.geteuid() else PRIVATE
    file_mode = mode & 0o666 | 0o600
    for path in (recording, *recording.rglob("*")):
        # Who reads a file may enter its directory.
        path.chmod(file_mode | 0o100 | (file_mode & 0o444) >> 2 if path.is_dir() else file_mode)


def _encoded(document: Mapping[str, Any]) -> bytes:
    """Return a JSON document as readable UTF-8, or as ASCII if a text has lone surrogates."""
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return (json.dumps(document, indent=1) + "\n").encode("ascii")


def mark_incomplete(path: Path, reason: str) -> None:
    """Add to a ``manifest.json`` that the recording is incomplete; replace an unreadable one.

    Raises:
        OSError: it cannot be written.
    """
    document: object = None
    with contextlib.suppress(OSError, ValueError, InputError):
        document = load_json(path.read_text("utf-8", "surrogateescape"))
    known = Manifest.from_json(document) if isinstance(document, dict) else Manifest()
    marked = known.document({"complete": False, "incomplete_reason": reason})
    path.write_text(json.dumps(marked, indent=0) + "\n", "utf-8", "surrogateescape")


def pack_recording(directory: Path, stream: BinaryIO) -> None:
    """Write a recording's directory into a stream, as a tar archive packed with gzip.

    Raises:
        OSError: the stream cannot be written.
    """
    with tarfile.open(fileobj=stream, mode="w|gz") as archive:
        for member in MEMBERS:
            if (directory / member).exists():
                name = f"{directory.name}/{member}"
                archive.add(directory / member, name, filter=_of_nobody)


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member without the names of users; unpacked, it is its owner's alone."""
    return member.replace(uid=0, gid=0, uname="", gname="", mode=0o600, deep=False)
