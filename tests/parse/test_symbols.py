"""Hex frames get the name of the function that made the call."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand

from pvprof.errors import InputError
from pvprof.parse.text.symbol_fit import foreign_symbols
from pvprof.parse.text.symbols import Symbols, load_symbols, parse_kldstat, parse_nm

NM = b"""\
                 w weak_without_address
ffffffff80200000 T first
ffffffff80200100 t local_alias
ffffffff80200100 T aliased
ffffffff80200180 d data_in_between
ffffffff80200200 T second
"""


def kernel(data: bytes = NM) -> Symbols:
    return Symbols({"kernel": parse_nm(data, "nm.txt")})


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF80200001, "first"),
        (0xFFFFFFFF80200050, "first"),
        # Just past the end of `first`: a return address behind a call that never returns.
        (0xFFFFFFFF80200100, "first"),
        (0xFFFFFFFF80200101, "aliased"),
        # Data never names code.
        (0xFFFFFFFF80200190, "aliased"),
        (0xFFFFFFFF80200200, "aliased"),
        (0xFFFFFFFF80200201, "second"),
    ],
)
def test_the_symbol_is_that_of_the_byte_before_the_return_address(address: int, name: str) -> None:
    assert kernel().name("kernel", address) == f"kernel`{name}"


@pytest.mark.parametrize("address", [0, 1, 0xFFFFFFFF80200000, 0xFFFFFFFFC0000000, (1 << 64) - 1])
def test_an_address_in_no_symbol_has_no_name(address: int) -> None:
    assert kernel().name("kernel", address) is None


def test_the_order_of_the_symbols_is_irrelevant() -> None:
    shuffled = b"\n".join(reversed(NM.splitlines()))
    assert parse_nm(shuffled, "nm") == parse_nm(NM, "nm")


def test_gzip_and_plain_symbols_are_the_same() -> None:
    assert parse_nm(gzip.compress(NM), "nm.gz") == parse_nm(NM, "nm")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no symbol"),
        (b"not nm output\n", "no symbol"),
        (gzip.compress(NM)[:40], "damaged"),
        (b"\x1f\x8bjunk", "damaged"),
    ],
    ids=["empty", "not nm output", "cut gzip", "gzip of junk"],
)
def test_a_file_without_symbols_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    place = tmp_path / "nm"
    place.write_bytes(data)
    with pytest.raises(InputError, match=message):
        load_symbols((str(place),))


def test_a_missing_symbol_file_is_one_line(run: RunCommand, tmp_path: Path) -> None:
    result = run(
        "fold", "-k", "all", RECORDINGS / "stock-offcpu.out", "--symbols", tmp_path / "none"
    )
    assert result.exit_code == 1
    assert result.stderr == f"pvprof: error: {tmp_path / 'none'}: No such file or directory\n"


def test_the_real_kernel_names_the_syscall_entry(run: RunCommand) -> None:
    plain = run("fold", "-k", "all", RECORDINGS / "stock-offcpu.out").stdout
    named = run("fold", "-k", "all", RECORDINGS / "stock-offcpu.out", "--symbols", SYMBOLS).stdout
    assert "kernel`0xffffffff8068e64b;" in plain
    assert "kernel`fast_syscall_common;" in named
    assert "kernel`calltrap;" in named
    assert "0xffffffff" not in named


def test_without_symbols_hex_frames_stay_apart(run: RunCommand) -> None:
    text = b"\nkernel`0xffffffff80200001\n1\n\nkernel`0xffffffff80200002\n2\n"
    assert run("fold", "-k", "all", "-", stdin=text).stdout.splitlines() == [
        "kernel`0xffffffff80200001 1",
        "kernel`0xffffffff80200002 2",
    ]


def test_kldstat_gives_the_module_of_an_address() -> None:
    text = (RECORDINGS / "host-facts.txt").read_text()
    modules = parse_kldstat(text)
    assert [module.name for module in modules][:3] == ["kernel", "dtraceall.ko", "profile.ko"]
    symbols = Symbols(modules=modules)
    # dtrace.ko was loaded at 0xffffffff80f93000: the offset is the same in every run.
    assert symbols.name("", 0xFFFFFFFF80F93000 + 0x1281) == "dtrace.ko`0x1281"
    assert symbols.name("", 0xFFFFFFFF90000000) is None


def test_a_modules_symbols_are_relative_to_where_it_was_loaded(tmp_path: Path) -> None:
    nm = tmp_path / "dtrace.nm"
    nm.write_text("0000000000001000 t dtrace_ioctl\n0000000000002000 t dtrace_next\n")
    symbols = load_symbols((f"dtrace.ko={nm}",), (RECORDINGS / "host-facts.txt").read_text())
    assert symbols.name("dtrace.ko", 0xFFFFFFFF80F94281) == "dtrace.ko`dtrace_ioctl"
    assert symbols.name("", 0xFFFFFFFF80F95281) == "dtrace.ko`dtrace_next"


# --- symbols of another kernel --------------------------------------------------------------------

OWN = ["stock-offcpu.out", "events.out.gz", "seed-offcpu.out", "oncpu.out.gz", "wakeup.out"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_the_symbols_of_the_recorded_kernel_cause_no_warning(name: str, run: RunCommand) -> None:
    result = run("fold", RECORDINGS / name, "--symbols", SYMBOLS)
    assert result.exit_code == 0
    assert "another kernel" not in result.stderr


def test_symbols_of_another_kernel_are_a_warning(run: RunCommand) -> None:
    """lockstat-1 was recorded with another kernel than the one of the symbols."""
    result = run("fold", RECORDINGS / "lockstat-1.out", "--symbols", SYMBOLS, "-q")
    text = "closefp has 48 bytes in them, and the recording has closefp+0x6d"
    warning = f"pvprof: warning: lockstat-1: the symbols are those of another kernel: {text}; names"
    assert warning in result.stderr


def test_a_report_shows_the_warning(run: RunCommand) -> None:
    shown = run("report", RECORDINGS / "lockstat-1.out", "--symbols", SYMBOLS, "-v").stdout
    assert "the symbols are those of another kernel" in " ".join(shown.split())


def test_a_recording_of_another_version_is_a_warning(run: RunCommand) -> None:
    other = RECORDINGS.parent / "freebsd-15.1" / "stock-offcpu.pvprof"
    assert "another kernel" not in run("fold", other).stderr  # it has its own symbols, or none
    assert "another kernel" in run("fold", other, "--symbols", SYMBOLS).stderr


def test_only_the_kernels_own_functions_are_compared() -> None:
    table = parse_nm(b"ffffffff80200000 T read\nffffffff80200010 T next\n", "nm")
    for text in (b"libc.so.7`read+0x99\n", b" kernel`read+0x10\n", b"zfs.ko`read+0x99 kernel`f\n"):
        assert foreign_symbols(text, table, "x") == []
    assert foreign_symbols(b" kernel`read+0x11\n", table, "x")
    assert foreign_symbols(b"  1 read+0x11  \n", table, "x")
    assert foreign_symbols(b"ffffffff80 read+0x11 (perf)\n", table, "x") == []
