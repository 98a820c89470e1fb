r"""Names for the addresses of programs, from the memory maps that were saved while they ran.

Owns the members ``user-maps.txt.gz`` and ``user-symbols.txt.gz`` of a recording::

    /proc/812/maps:7f1c2e028000-7f1c2e1bd000 r-xp 00028000 fe:00 393231   /usr/lib/libc.so.6
    file fe:00 393231 30089c2b5a1e6f0d /usr/lib/libc.so.6                     its build id, or -
    compiled 813 7f00a4000000 1a0 LazyCompile:*f                             code made at run time

    file fe:00 393231 /usr/lib/libc.so.6       the names of a file: offset in it, and function
    29d8f __libc_start_call_main

A process has several maps if they were saved more than once: what it maps changes. An address is in
a file at an offset that is the same in all processes, wherever the file is mapped; without a
name its frame is that of the file, ``[libc.so.6]+0x29d90``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pvprof.model.stacks import Frame
from pvprof.parse.text.frames import UNKNOWN_FRAME, decode

_MAPPING = re.compile(
    rb"/proc/([0-9]{1,10})/maps:([0-9a-f]{1,16})-([0-9a-f]{1,16}) ..x. ([0-9a-f]{1,16})"
    rb" ([0-9a-f]+:[0-9a-f]+ [0-9]+) *(.*)"
)
_FILE = re.compile(rb"file ([0-9a-f]+:[0-9a-f]+ [0-9]+) ([0-9a-f]+|-) (.+)")
_COMPILED = re.compile(rb"compiled ([0-9]{1,10}) (?:0x)?([0-9a-f]{1,16}) ([0-9a-f]{1,16}) (.+)")
_NAMED_FILE = re.compile(rb"file ([0-9a-f]+:[0-9a-f]+ [0-9]+) (.+)")
_NAME = re.compile(rb"([0-9a-f]{1,16}) (.+)")
_DELETED = " (deleted)"
_ANONYMOUS = "anonymous code"


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of which processes had code in memory.

    Attributes:
        identity: its device and inode, as the kernel spells them.
        path: as its processes see it; empty for memory without a file.
    """

    identity: str
    path: str

    @property
    def is_on_disk(self) -> bool:
        """Tell whether it is a file, not memory that a program filled itself."""
        return self.path.startswith("/") and not self.path.startswith("/memfd:")

    @property
    def frame(self) -> Frame:
        """Return the frame of an address in it that has no name."""
        name = self.path.removesuffix(_DELETED).rpartition("/")[2] or _ANONYMOUS
        return name if name.startswith("[") else f"[{name}]"


@dataclass(frozen=True, slots=True)
class CodeAddress:
    """Where an address is in a file."""

    file: CodeFile
    offset: int


@dataclass(frozen=True, slots=True)
class MappedRange:
    """Memory of a process that holds code of a file: from `start` up to `end`."""

    process: int
    start: int
    end: int


@dataclass(slots=True)
class _Layout:
    """What a process had mapped at one time: ranges of code, ascending."""

    starts: list[int] = field(default_factory=list)
    ranges: list[tuple[int, int, CodeFile]] = field(default_factory=list)  # end, offset, file

    def find(self, address: int) -> CodeAddress | None:
        index = bisect_right(self.starts, address) - 1
        if index < 0 or address >= self.ranges[index][0]:
            return None
        _, offset, file = self.ranges[index]
        return CodeAddress(file, address - self.starts[index] + offset)


@dataclass(slots=True)
class _Compiled:
    """Functions that a process compiled at run time; a later one takes an earlier one's place."""

    functions: dict[int, tuple[int, str]] = field(default_factory=dict)  # start: size, name
    starts: list[int] | None = None

    def find(self, address: int) -> str | None:
        if self.starts is None:
            self.starts = sorted(self.functions)
        index = bisect_right(self.starts, address) - 1
        if index < 0:
            return None
        size, name = self.functions[self.starts[index]]
        return name if address < self.starts[index] + size else None


@dataclass(slots=True, eq=False)
class UserCode:
    """The code of the processes that were recorded.

    Attributes:
        build_ids: of files, in hex; a file without one is not in it, or has ``-``.
        last_ranges: where a file was mapped in the process that was looked at last, which may still
            be alive.
        names: of functions, by the address of an instruction in them.
        unnamed: the addresses that were looked up and have no name.
    """

    build_ids: Mapping[CodeFile, str] = field(default_factory=dict)
    last_ranges: Mapping[CodeFile, MappedRange] = field(default_factory=dict)
    names: Mapping[CodeAddress, str] = field(default_factory=dict)
    unnamed: set[CodeAddress] = field(default_factory=set)
    _layouts: dict[int, list[_Layout]] = field(default_factory=dict)
    _compiled: dict[int, _Compiled] = field(default_factory=dict)

    def knows(self, process: int) -> bool:
        """Tell whether the memory maps of a process were saved."""
        return process in self._layouts

    def frames(self, process: int, addresses: Sequence[int]) -> list[Frame]:
        """Return the frames of a user stack, leaf first, as text that may end in an offset.

        An address that returns to its caller is looked up as the byte before, which is in the call.
        Addresses that are in no code are `UNKNOWN_FRAME`: a program without frame pointers leaves
        anything in the place of one.
        """
        known = self._layouts.get(process, [])
        # Of several maps the last one that explains most of the stack: exec replaces them all.
        best = max(reversed(known), key=lambda one: _hits(one, addresses), default=None)
        return [
            self._frame(process, best, address, is_leaf=number == 0)
            for number, address in enumerate(addresses)
        ]

    def _frame(self, process: int, layout: _Layout | None, address: int, is_leaf: bool) -> Frame:
        instruction = address if is_leaf else address - 1
        place = layout.find(instruction) if layout else None
        if place is None or not place.file.is_on_disk:
            compiled = self._compiled.get(process)
            name = compiled.find(instruction) if compiled else None
            if name is not None:
                return name
        if place is None:
            return UNKNOWN_FRAME
        name = self.names.get(place)
        if name is not None:
            return name
        self.unnamed.add(place)
        return f"{place.file.frame}+{place.offset + (address - instruction):#x}"


def _hits(layout: _Layout, addresses: Sequence[int]) -> int:
    return sum(layout.find(address) is not None for address in addresses)


def read_user_code(maps: bytes, symbols: bytes = b"") -> UserCode:
    """Return the code that both members of a recording describe, unpacked.

    Lines that are damaged are skipped: an address without its line has no name.
    """
    code = UserCode()
    files: dict[tuple[bytes, bytes], CodeFile] = {}
    build_ids: dict[CodeFile, str] = {}
    last_ranges: dict[CodeFile, MappedRange] = {}
    last_process, last_start = -1, 0

    def file_of(identity: bytes, path: bytes) -> CodeFile:
        if (identity, path) not in files:
            files[identity, path] = CodeFile(decode(identity), decode(path))
        return files[identity, path]

    for line in maps.split(b"\n"):
        if match := _MAPPING.fullmatch(line):
            process, start = int(match.group(1)), int(match.group(2), 16)
            layouts = code._layouts.setdefault(process, [])
            if process != last_process or start <= last_start:
                layouts.append(_Layout())
            last_process, last_start = process, start
            layouts[-1].starts.append(start)
            end, file = int(match.group(3), 16), file_of(*match.group(5, 6))
            layouts[-1].ranges.append((end, int(match.group(4), 16), file))
            last_ranges[file] = MappedRange(process, start, end)
        elif match := _FILE.fullmatch(line):
            build_ids[file_of(match.group(1), match.group(3))] = decode(match.group(2))
        elif match := _COMPILED.fullmatch(line):
            compiled = code._compiled.setdefault(int(match.group(1)), _Compiled())
            function = (int(match.group(3), 16), decode(match.group(4)))
            compiled.functions[int(match.group(2), 16)] = function
    for layouts in code._layouts.values():
        # Most processes map the same as before: one is enough.
        layouts[:-1] = [one for one, later in pairwise(layouts) if one.ranges != later.ranges]
    code.build_ids, code.last_ranges = build_ids, last_ranges
    code.names = _read_names(symbols)
    return code


def _read_names(symbols: bytes) -> dict[CodeAddress, str]:
    names: dict[CodeAddress, str] = {}
    file: CodeFile | None = None
    for line in symbols.split(b"\n"):
        if match := _NAMED_FILE.fullmatch(line):
            file = CodeFile(decode(match.group(1)), decode(match.group(2)))
        elif file is not None and (match := _NAME.fullmatch(line)):
            names[CodeAddress(file, int(match.group(1), 16))] = decode(match.group(2))
    return names


def spell_names(names: Mapping[CodeAddress, str]) -> bytes:
    """Return names as `read_user_code` reads them."""
    by_file: dict[CodeFile, list[tuple[int, str]]] = {}
    for place, name in names.items():
        by_file.setdefault(place.file, []).append((place.offset, name))
    lines = []
    for file in sorted(by_file, key=lambda one: (one.path, one.identity)):
        lines.append(f"file {file.identity} {file.path}")
        lines += [f"{offset:x} {name}" for offset, name in sorted(by_file[file])]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
