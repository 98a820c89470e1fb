"""Names of functions from ELF files, and which files are trusted to be those that ran."""

from __future__ import annotations

import ctypes
import gzip
import io
import json
import lzma
import os
import struct
import sys
from pathlib import Path

import pytest
from helpers.command_line import RunCommand

from pvprof.cli.commands.record import name_code
from pvprof.dataset.symbolize import code_files
from pvprof.dataset.symbolize.code_files import open_code
from pvprof.dataset.symbolize.elf import DAMAGED, ElfCode, demangled
from pvprof.dataset.symbolize.user_symbols import add_user_symbols
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.parse.text.user_code import CodeFile, MappedRange, read_user_code
from pvprof.recording.open import open_recording

GONE = 4_000_000_000  # no process has such a number
BUILD_ID = "00112233445566778899aabbccddeeff00112233"
FUNC, OBJECT, LOCAL, GLOBAL = 2, 1, 0, 16
Symbol = tuple[str, int, int, int]  # name, address, size, type and binding
BASE = 0x400000  # of the program in memory; code begins at offset 0x1000
SYMBOLS: tuple[Symbol, ...] = (
    ("local_alias", 0x401000, 0x10, FUNC | LOCAL),
    ("start", 0x401000, 0x10, FUNC | GLOBAL),
    ("a_variable", 0x401010, 0x10, OBJECT | GLOBAL),
    ("no_size", 0x401020, 0, FUNC | GLOBAL),
    ("_ZN3Foo3barEi", 0x401030, 0x10, FUNC | GLOBAL),
    ("memcpy@@GLIBC_2.14", 0x401050, 0x10, FUNC | GLOBAL),
)


def elf(
    symbols: tuple[Symbol, ...] = (),
    table: str = ".symtab",
    build_id: str = BUILD_ID,
    more: tuple[tuple[str, bytes], ...] = (),
) -> bytes:
    """Return a small ELF file of 64 bits: code at offset 0x1000, one table of symbols, a note."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in symbols)
    rows = bytes(24)
    for name, value, size, info in symbols:
        start = names.index(b"\0" + name.encode() + b"\0") + 1
        rows += struct.pack("<IBBHQQ", start, info, 0, 1, value, size)
    note = struct.pack("<III4s", 4, len(build_id) // 2, 3, b"GNU\0") + bytes.fromhex(build_id)
    contents = [(".note", 7, note), (".strtab", 3, names), (table, 2, rows)]
    contents += [(name, 1, data) for name, data in more]
    section_names = b"\0.shstrtab\0"
    offset = 0x2000
    headers, body = bytes(64), b""
    for name, kind, data in contents:
        link, size = (2, 24) if kind == 2 else (0, 0)
        headers += struct.pack(
            "<IIQQQQIIQQ", len(section_names), kind, 0, 0, offset, len(data), link, 0, 4, size
        )
        section_names += name.encode() + b"\0"
        body += data
        offset += len(data)
    headers += struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, offset, len(section_names), 0, 0, 1, 0)
    body += section_names
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, BASE + 0x1000, 0, 0x100, 0x100, 0x1000)
    segments += struct.pack("<IIQQQQQQ", 4, 4, 0x2000, 0, 0, len(note), len(note), 4)
    head = b"\x7fELF\2\1\1" + bytes(9)
    count = len(contents) + 2
    head += struct.pack(
        "<HHIQQQIHHHHHH",
        *(2, 62, 1, BASE + 0x1000, 64, 0x2000 + len(body), 0, 64, 56, 2, 64, count, count - 1),
    )
    return (head + segments).ljust(0x2000, b"\x90") + body + headers


def code_of(data: bytes) -> ElfCode:
    return ElfCode(io.BytesIO(data))


def test_an_instruction_has_the_name_of_its_function() -> None:
    code = code_of(elf(SYMBOLS))
    found = {offset: code.name(offset) for offset in (0x1000, 0x100F, 0x1010, 0x1020, 0x102F)}
    assert found == {
        0x1000: b"start",  # a global name goes before a local one
        0x100F: b"start",
        0x1010: None,  # a variable, behind the end of the function
        0x1020: b"no_size",
        0x102F: b"no_size",  # up to the next one
    }
    assert [code.name(offset) for offset in (0x1040, 0x1055, 0x0FFF, 0x1100, 1 << 60)] == [
        None,
        b"memcpy",
        None,
        None,
        None,
    ]
    assert code.build_id == BUILD_ID


@pytest.mark.parametrize("table", [".symtab", ".dynsym"])
def test_either_table_names_functions(table: str) -> None:
    assert code_of(elf(SYMBOLS, table)).name(0x1000) == b"start"


def test_symbols_that_a_distribution_packed_are_unpacked() -> None:
    packed = elf(more=((".gnu_debugdata", lzma.compress(elf(SYMBOLS))),))
    assert code_of(packed).name(0x1000) == b"start"


def test_names_are_those_of_the_source() -> None:
    names = (b"_ZN3Foo3barEi", b"main", b"_Znot", b"\xff", b"_ZN4core3ptr17h0123456789abcdefE")
    assert demangled(names) == {
        b"_ZN3Foo3barEi": "Foo::bar(int)",
        b"main": "main",
        b"_Znot": "_Znot",
        b"\xff": "\\xff",
        b"_ZN4core3ptr17h0123456789abcdefE": "core::ptr::h0123456789abcdef",
    }


@pytest.mark.parametrize("size", [0, 4, 40, 64, 100, 0x2000, 0x2010, 0x2080, 0x2100])
def test_a_damaged_file_is_refused_or_has_no_names(size: int) -> None:
    whole = elf(SYMBOLS)
    try:
        name = code_of(whole[:size]).name(0x1000)
    except DAMAGED:
        name = None
    assert name is None


# ---- which file ---------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(elf(SYMBOLS))
    return path


HERE = MappedRange(GONE, 0x400000, 0x402000)


def file_of(path: Path, inode: int | None = None) -> CodeFile:
    return CodeFile(f"fe:00 {path.stat().st_ino if inode is None else inode}", str(path))


def test_a_file_is_known_by_its_build_id_on_any_machine(program: Path) -> None:
    other = file_of(program, inode=1)
    assert open_code(other, BUILD_ID, None) is not None
    assert open_code(other, BUILD_ID.replace("0", "1"), None) is None
    assert open_code(file_of(program), BUILD_ID.replace("0", "1"), HERE) is None


def test_a_file_without_a_build_id_is_known_by_its_inode_and_only_here(program: Path) -> None:
    assert open_code(file_of(program), "", HERE) is not None
    assert open_code(file_of(program, inode=1), "", HERE) is None
    assert open_code(file_of(program), "", None) is None


def test_what_is_no_file_any_more_has_no_code(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("gone", "gone (deleted)", "folder", "pipe"):
        file = CodeFile("fe:00 1", str(tmp_path / name))
        assert open_code(file, BUILD_ID, HERE) is None
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert open_code(file_of(script), "", HERE) is None


@pytest.mark.parametrize("place", ["by build id", "beside", "in .debug", "by path"])
def test_debugging_symbols_are_found_where_gdb_finds_them(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debug = tmp_path / "debug"
    monkeypatch.setattr(code_files, "DEBUG_DIRECTORY", debug)
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "program"
    path.write_bytes(elf(more=((".gnu_debuglink", b"program.debug\0\0\0\1\2\3\4"),)))
    found = {
        "by build id": debug / ".build-id" / BUILD_ID[:2] / f"{BUILD_ID[2:]}.debug",
        "beside": folder / "program.debug",
        "in .debug": folder / ".debug" / "program.debug",
        "by path": debug / folder.relative_to("/") / "program.debug",
    }[place]
    code = open_code(file_of(path), BUILD_ID, HERE)
    assert code is not None
    assert code.name(0x1000) is None
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_bytes(elf(SYMBOLS))
    code = open_code(file_of(path), BUILD_ID, HERE)
    assert code is not None
    assert code.name(0x1000) == b"start"


def test_a_file_in_a_container_and_a_deleted_one_in_use_are_found_through_their_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_files, "PROCESSES", tmp_path)
    contained = tmp_path / "7" / "root" / "opt" / "x"
    mapped = tmp_path / "8" / "map_files" / "400000-402000"
    for path in (contained, mapped):
        path.parent.mkdir(parents=True)
        path.write_bytes(elf(SYMBOLS))
    inodes = [path.stat().st_ino for path in (contained, mapped)]
    files = [
        CodeFile(f"fe:00 {inodes[0]}", "/opt/x"),
        CodeFile(f"fe:00 {inodes[1]}", "/x (deleted)"),
    ]
    ranges = [MappedRange(process, 0x400000, 0x402000) for process in (7, 8)]
    for file, here in zip(files, ranges, strict=True):
        assert open_code(file, BUILD_ID, here) is not None
        assert open_code(file, "", here) is not None
        assert open_code(file, BUILD_ID.replace("0", "1"), here) is None
        assert open_code(file, BUILD_ID, None) is None
        assert open_code(file, BUILD_ID, MappedRange(9, 0x400000, 0x402000)) is None


def test_a_full_disk_costs_the_names_only(tmp_path: Path, program: Path) -> None:
    maps = f"/proc/7/maps:400000-402000 r-xp 00000000 fe:00 {program.stat().st_ino}   {program}\n"
    directory = made_recording(tmp_path / "r", maps, 0x401000)
    (directory / "user-symbols.txt.gz").symlink_to("/dev/full")
    add_user_symbols(directory, is_local=True)
    (directory / "user-symbols.txt.gz").unlink()
    assert stacks_in(directory) == ["[program]"]


# ---- a recording --------------------------------------------------------------------------------


def made_recording(directory: Path, maps: str, address: int, process: int = 7) -> Path:
    texts = [
        {"type": "printf", "data": "#pvprof 2 oncpu linux samples 0.1.0 frames=32\n"},
        {"type": "printf", "data": "#map on_cpu stack user_stack pid exec\n"},
        {"type": "printf", "data": "#begin 1000 5000000000000000000\n"},
        {"type": "map", "data": {"@on_cpu": {f",\n    {address:#x}\n,{process},sh": 4}}},
        {"type": "printf", "data": "#end 9000 5000000000000008000\n"},
    ]
    directory.mkdir()
    (directory / "raw.out").write_text("".join(json.dumps(text) + "\n" for text in texts))
    (directory / "user-maps.txt.gz").write_bytes(gzip.compress(maps.encode()))
    return directory


def stacks_in(directory: Path) -> list[str]:
    parsed = read_recording(open_recording(str(directory)), ReadOptions())
    return [stack for profile in parsed.profiles.values() for _, stack, _ in profile]


def test_a_recording_has_the_names_when_the_program_is_gone(tmp_path: Path, program: Path) -> None:
    inode = program.stat().st_ino
    maps = f"/proc/7/maps:400000-402000 r-xp 00000000 fe:00 {inode}   {program}\n"
    directory = made_recording(tmp_path / "r", maps, 0x401030)
    assert stacks_in(directory) == ["[program]"]
    add_user_symbols(directory, is_local=True)
    program.unlink()
    assert stacks_in(directory) == ["Foo::bar"]
    packed = directory / "user-symbols.txt.gz"
    names = gzip.decompress(packed.read_bytes()).decode()
    assert names == f"file fe:00 {inode} {program}\n1030 Foo::bar(int)\n"


def test_a_recording_that_was_carried_here_has_the_names_of_the_same_files_here(
    tmp_path: Path, program: Path, run: RunCommand
) -> None:
    maps = f"/proc/7/maps:400000-402000 r-xp 00000000 fe:00 5   {program}\n"
    for build_id, name in ((BUILD_ID, "Foo::bar"), ("-", "[program]")):
        text = f"{maps}file fe:00 5 {build_id} {program}\n"
        directory = made_recording(tmp_path / name, text, 0x401030)
        assert f"sh;{name} 4" in run("fold", directory, "-k", "all").stdout.splitlines()
        assert not (directory / "user-symbols.txt.gz").exists()


def test_a_program_that_was_replaced_gives_no_names(tmp_path: Path, program: Path) -> None:
    maps = f"/proc/7/maps:400000-402000 r-xp 00000000 fe:00 5   {program}\n"
    maps += f"file fe:00 5 {BUILD_ID.replace('0', '1')} {program}\n"
    directory = made_recording(tmp_path / "r", maps, 0x401000)
    add_user_symbols(directory, is_local=True)
    assert stacks_in(directory) == ["[program]"]


def test_a_recording_without_maps_or_records_is_left_as_it_is(tmp_path: Path) -> None:
    directory = made_recording(tmp_path / "r", "", 0x401000)
    (directory / "user-maps.txt.gz").unlink()
    add_user_symbols(directory, is_local=True)
    (directory / "user-maps.txt.gz").write_bytes(b"\x1f\x8b\x08 damaged")
    add_user_symbols(directory, is_local=True)
    (directory / "raw.out").write_text("")
    add_user_symbols(directory, is_local=True)
    assert not (directory / "user-symbols.txt.gz").exists()


def test_without_the_package_that_reads_programs_a_recording_is_made_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = made_recording(tmp_path / "r", "", 0x401000)
    monkeypatch.delitem(sys.modules, "pvprof.dataset.symbolize.user_symbols")
    monkeypatch.delitem(sys.modules, "pvprof.dataset.symbolize.code_files", raising=False)
    monkeypatch.delitem(sys.modules, "pvprof.dataset.symbolize.elf", raising=False)
    monkeypatch.setitem(sys.modules, "elftools.elf.elffile", None)
    name_code(directory, is_local=True)
    said = "programs' functions have no names: the Python package elftools.elf.elffile is missing"
    assert capsys.readouterr().err == f"pvprof: warning: {said}\n"
    (directory / "user-maps.txt.gz").unlink()
    name_code(directory, is_local=True)
    assert capsys.readouterr().err == ""


def test_a_function_of_this_very_process_is_found(tmp_path: Path) -> None:
    """The C library that runs here: its real symbols, through the kernel's real maps."""
    here = Path(f"/proc/{os.getpid()}/maps")
    if not here.exists():
        pytest.skip("no /proc/PID/maps here")
    libc = ctypes.CDLL(None)
    address = ctypes.cast(libc.qsort, ctypes.c_void_p).value
    assert address is not None
    lines = here.read_text().splitlines()
    maps = "".join(f"{here}:{line}\n" for line in lines if line.split()[1][2] == "x")
    assert read_user_code(maps.encode()).knows(os.getpid())
    directory = made_recording(tmp_path / "r", maps, address + 1, os.getpid())
    add_user_symbols(directory, is_local=True)
    assert stacks_in(directory) == ["qsort"]
