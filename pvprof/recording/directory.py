"""The recordings that a path stands for: itself, those of a run set, or all in a directory.

``open`` opens each of them; it refuses a directory that is no recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pvprof.errors import InputError, PvprofError
from pvprof.recording.archive import first_member
from pvprof.recording.layout import (
    MANIFEST,
    PACKED_SUFFIXES,
    RAW,
    SET_FILE,
    SUFFIX,
    TAR_SUFFIXES,
)
from pvprof.recording.limits import MAX_FACTS_BYTES, MAX_HEADER_BYTES
from pvprof.recording.manifest import Manifest, read_manifest
from pvprof.recording.packing import beginning_of
from pvprof.recording.run_set import members

_BARE_SUFFIXES = tuple(f".out{packed}" for packed in PACKED_SUFFIXES)


def expand(paths: Sequence[str]) -> list[str]:
    """Return the paths, each directory of recordings replaced by its recordings.

    Those of a run set come in the order of the runs; those of another directory in the order in
    which they were made if their manifests say when, else by name. Warm-ups are left out.

    Raises:
        InputError: a ``set.json`` cannot be read or lists no recording, or a directory has none.
    """
    return [recording for path in paths for recording in _recordings_of(path)]


def recordings_in(path: str) -> list[str]:
    """Return the paths of the recordings in a directory; none if it is anything else.

    Warm-ups are left out, as those of a run set are.

    Raises:
        InputError: it has none in it, or a run set in it cannot be read.
    """
    directory = Path(path)
    if not _is_directory(directory) or _is_recording(directory):
        return []
    found = [(place, _manifest(place)) for place in sorted(_candidates(directory))]
    if not found:
        raise InputError(
            f"{path}: no recordings in this directory",
            "a recording is a directory with raw.out in it, a .tar.gz of one, or a file NAME.out",
        )
    measured = [(place, manifest) for place, manifest in found if not manifest.is_warmup]
    if all(manifest.begin_wall_ns for _, manifest in measured):
        measured.sort(key=lambda one: one[1].begin_wall_ns or 0)
    return [str(place) for place, _ in measured]


def _recordings_of(path: str) -> list[str]:
    if _is_file(Path(path) / SET_FILE):
        return members(Path(path))
    return recordings_in(path) or [path]


def _candidates(directory: Path) -> Iterator[Path]:
    """Yield the recordings in a directory, and those of the run sets in it."""
    for place in directory.iterdir():
        if place.name.startswith("."):
            continue
        if _is_file(place / SET_FILE):
            yield from map(Path, members(place))
        elif place.name.endswith((*TAR_SUFFIXES, *_BARE_SUFFIXES)):
            if place.is_file():
                yield place
        elif place.is_dir() and _is_recording(place):
            yield place


def _is_recording(directory: Path) -> bool:
    """Tell whether a directory is one recording, if perhaps a damaged one."""
    names = (MANIFEST, *(RAW + suffix for suffix in PACKED_SUFFIXES))
    return directory.name.endswith(SUFFIX) or any(_is_file(directory / name) for name in names)


def _manifest(place: Path) -> Manifest:
    """Return the manifest of a recording; an empty one if it has none that can be read."""
    try:
        if place.is_dir():
            with (place / MANIFEST).open("rb") as file:
                text = file.read(MAX_FACTS_BYTES)
        elif place.name.endswith(TAR_SUFFIXES):
            text = _packed_manifest(place)
        else:
            return Manifest()
        return read_manifest(text.decode("utf-8", "surrogateescape"), str(place))
    except (OSError, ValueError, PvprofError):  # opening it says why
        return Manifest()


def _packed_manifest(place: Path) -> bytes:
    """Return the manifest in an archive, which the recorder puts first."""
    return first_member(beginning_of(place, 2 * MAX_HEADER_BYTES), MANIFEST)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL byte: opening it says why
        return False


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
