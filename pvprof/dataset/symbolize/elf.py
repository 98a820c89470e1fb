"""The functions of an ELF file: names by the offset of an instruction in it.

Owns which symbols count: functions of ``.symtab`` and ``.dynsym``, those of a file with debugging
information, and those that distributions pack into ``.gnu_debugdata``.
"""

from __future__ import annotations

import contextlib
import io
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_TABLES = (".symtab", ".dynsym")
_ENTRY = {
    64: [("name", "u4"), ("info", "u1"), ("other", "u1"), ("section", "u2"), ("value", "u8"),
         ("size", "u8")],
    32: [("name", "u4"), ("value", "u4"), ("size", "u4"), ("info", "u1"), ("other", "u1"),
         ("section", "u2")],
}  # fmt: skip
_MAX_UNPACKED_BYTES = 1 << 28

DAMAGED = Exception
"""What a damaged file raises: pyelftools trusts what it reads, and no file may cost a recording."""


@dataclass(frozen=True, slots=True)
class _FunctionTable:
    """Functions in ascending order of their addresses."""

    starts: Any
    ends: Any
    name_offsets: Any
    names: bytes

    def find(self, address: int) -> bytes | None:
        index = int(np.searchsorted(self.starts, np.uint64(address), side="right")) - 1
        if index < 0 or address >= int(self.ends[index]):
            return None
        start = int(self.name_offsets[index])
        name = self.names[start : self.names.index(b"\0", start)]
        return name.partition(b"@")[0]  # without its version: memcpy@@GLIBC_2.14


class ElfCode:
    """The code of one ELF file, and the names of its functions.

    Args:
        stream: the file; it is not needed afterwards.

    Raises:
        DAMAGED: it is no ELF file, or damaged.
    """

    def __init__(self, stream: BinaryIO) -> None:
        file = ELFFile(stream)
        self._segments = [
            (segment["p_offset"], segment["p_filesz"], segment["p_vaddr"])
            for segment in file.iter_segments("PT_LOAD")
        ]
        self.build_id = next(_build_ids(file), "")
        self.debug_name = _debug_name(file)
        self._symbols = list(_symbols_of(file))

    def add_debug_file(self, stream: BinaryIO) -> None:
        """Add the functions of the file that has the debugging information of this one.

        Raises:
            DAMAGED: it is no ELF file, or damaged.
        """
        self._symbols = [*_symbols_of(ELFFile(stream)), *self._symbols]

    def name(self, offset: int) -> bytes | None:
        """Return the function that has an instruction at an offset in the file, or None."""
        address = self._address(offset)
        if address is None:
            return None
        found = (symbols.find(address) for symbols in self._symbols)
        return next((name for name in found if name), None)

    def _address(self, offset: int) -> int | None:
        for start, size, address in self._segments:
            if start <= offset < start + size:
                return int(address + offset - start)
        return None


def _build_ids(file: ELFFile) -> Iterator[str]:
    for segment in file.iter_segments("PT_NOTE"):
        assert isinstance(segment, NoteSegment)
        for note in segment.iter_notes():
            if note["n_type"] == "NT_GNU_BUILD_ID":
                yield str(note["n_desc"])


def _debug_name(file: ELFFile) -> str:
    section = file.get_section_by_name(".gnu_debuglink")
    if section is None:
        return ""
    return bytes(section.data()).partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _symbols_of(file: ELFFile) -> Iterator[_FunctionTable]:
    for name in _TABLES:
        section = file.get_section_by_name(name)
        if section is not None and section["sh_type"] != "SHT_NOBITS":
            names = file.get_section(section["sh_link"])
            order = "<" if file.little_endian else ">"
            fields = [(field, order + kind) for field, kind in _ENTRY[file.elfclass]]
            entries = np.frombuffer(section.data(), dtype=np.dtype(fields))
            yield _functions(entries, bytes(names.data()))
    packed = file.get_section_by_name(".gnu_debugdata")
    if packed is not None:
        data = lzma.LZMADecompressor().decompress(packed.data(), _MAX_UNPACKED_BYTES)
        yield from _symbols_of(ELFFile(io.BytesIO(data)))


def _functions(entries: Any, names: bytes) -> _FunctionTable:
    """Return the functions of a table; of those at one address a global one wins, then the first.

    The innermost function that holds an address is the last one that begins before it, so one
    without a size ends where the next one begins.
    """
    is_function = np.isin(entries["info"] & 15, _FUNCTIONS)
    chosen = entries[is_function & (entries["section"] != 0) & (entries["name"] < len(names))]
    is_local = chosen["info"] >> 4 == 0
    chosen = chosen[np.lexsort((chosen["name"], is_local, chosen["value"]))]
    _, first = np.unique(chosen["value"], return_index=True)
    chosen = chosen[first]
    starts = chosen["value"].astype(np.uint64)
    following = np.append(starts[1:], starts[-1:] + np.uint64(1))
    sizes = chosen["size"].astype(np.uint64)
    ends = np.where(sizes == 0, following, starts + sizes)
    return _FunctionTable(starts, ends, chosen["name"], names + b"\0")


def demangled(names: Iterable[bytes]) -> dict[bytes, str]:
    """Return the names as their source has them: C++ and old Rust names are demangled."""
    texts = {name: name.decode("utf-8", "backslashreplace") for name in names}
    try:
        import cxxfilt  # noqa: PLC0415 (looks for the C++ library: 0.1 s)
    except (ImportError, OSError, AttributeError):  # not installed, or no C++ library of its kind
        return texts
    for name, text in texts.items():
        with contextlib.suppress(cxxfilt.Error):
            texts[name] = cxxfilt.demangle(text)
    return texts
