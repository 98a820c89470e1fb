"""Find the files of which programs had code in memory, on this machine, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pvprof.dataset.symbolize.elf import ElfCode, ElfProblem
from pvprof.parse.text.user_code import CodeFile

DEBUG_DIRECTORY = Path("/usr/lib/debug")
_MAX_FILE_BYTES = 1 << 31


def open_code(file: CodeFile, build_id: str, is_local: bool) -> ElfCode | None:
    """Return the code of a file, with its debugging symbols if they are installed; None if unknown.

    Args:
        file: as a recording names it.
        build_id: of the file, in hex, or empty.
        is_local: whether the recording is of this machine: a file without a build id is then known
            by its inode.
    """
    path = Path(file.path)
    try:
        is_same_inode = is_local and str(path.stat().st_ino) == file.identity.rpartition(" ")[2]
        if not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
            return None
        code = ElfCode(path.read_bytes())
    except ElfProblem:
        return None
    if not (code.build_id == build_id if build_id else is_same_inode):
        return None
    for debug_path in _debug_paths(path, code):
        try:
            code.add_debug_file(debug_path.read_bytes())
        except ElfProblem:
            continue
        break
    return code


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
