"""Write the directory of a recording: whole, or not at all."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pvprof.errors import OutputError
from pvprof.recording.layout import MANIFEST, MEMBERS, RAW, Recording


def write_recording(
    path: Path, recording: Recording, manifest: Mapping[str, Any], companions: Mapping[str, str]
) -> None:
    """Write a recording's directory; one that is there already is replaced.

    Args:
        path: of the directory.
        recording: its output, stderr and script.
        manifest: the JSON document for ``manifest.json``.
        companions: for each further member the file to copy.

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
            text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
            (part / MANIFEST).write_text(text, "utf-8", "surrogateescape")
            part.chmod(0o755)
            if path.is_dir():
                shutil.rmtree(path)
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error


def pack_recording(directory: Path, stream: BinaryIO) -> None:
    """Write a recording's directory into a stream, as a tar archive packed with gzip.

    Raises:
        OSError: the stream cannot be written.
    """
    with tarfile.open(fileobj=stream, mode="w|gz") as archive:
        for member in MEMBERS:
            if (directory / member).exists():
                archive.add(directory / member, f"{directory.name}/{member}")
