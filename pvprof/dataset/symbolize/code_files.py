"""Find the files of which programs had code in memory, on this machine, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pvprof.dataset.symbolize.elf import DAMAGED, ElfCode
from pvprof.parse.text.user_code import CodeFile, MappedRange

DEBUG_DIRECTORY = Path("/usr/lib/debug")
PROCESSES = Path("/proc")


def open_code(file: CodeFile, build_id: str, here: MappedRange | None) -> ElfCode | None:
    """Return the code of a file, with its debugging symbols if they are installed; None if unknown.

    Args:
        file: as a recording names it.
        build_id: of the file, in hex, or empty.
        here: where it was mapped, if the recording is of this machine: a file without a build id is
            then known by its inode; it may be in a container, or deleted but still in use.
    """
    inode = file.identity.rpartition(" ")[2] if here else ""
    for path in _paths(file, here):
        code = _open(path, build_id, inode)
        if code is not None:
            return code
    return None


def _paths(file: CodeFile, here: MappedRange | None) -> Iterator[Path]:
    yield Path(file.path)
    if here is not None:
        process = PROCESSES / str(here.process)
        yield process / "root" / file.path.removeprefix("/")
        yield process / "map_files" / f"{here.start:x}-{here.end:x}"


def _open(path: Path, build_id: str, inode: str) -> ElfCode | None:
    try:
        if not path.is_file():  # a pipe of the same name would wait for a writer
            return None
        with path.open("rb") as stream:
            code = ElfCode(stream)
            is_wanted = code.build_id == build_id if build_id else _inode(stream) == inode
    except DAMAGED:
        return None
    if not is_wanted:
        return None
    for debug_path in _debug_paths(path, code):
        with suppress(DAMAGED), debug_path.open("rb") as stream:
            code.add_debug_file(stream)
            break
    return code


def _inode(stream: BinaryIO) -> str:
    return str(os.fstat(stream.fileno()).st_ino)


def _debug_paths(path: Path, code: ElfCode) -> Iterator[Path]:
    """Yield where gdb looks for the debugging information of a file."""
    if code.build_id:
        yield DEBUG_DIRECTORY / ".build-id" / code.build_id[:2] / f"{code.build_id[2:]}.debug"
    name = Path(code.debug_name).name
    if name:
        folder = path.resolve().parent
        beside = folder / name
        if beside != path.resolve():
            yield beside
        yield folder / ".debug" / name
        yield DEBUG_DIRECTORY / folder.relative_to("/") / name
