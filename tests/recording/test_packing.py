"""Packed recordings: checksums are verified, and what they unpack to is bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RECORDINGS, read_recording_bytes
from helpers.command_line import RunCommand
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvprof.dataset.load import load_dataset
from pvprof.errors import InputError
from pvprof.parse.read import ReadOptions
from pvprof.recording import packing
from pvprof.recording.limits import MAX_COMPANION_BYTES, MAX_HEADER_BYTES, MAX_MEMBERS, Limits
from pvprof.recording.open import open_recording
from pvprof.recording.packing import MAX_IN_MEMORY_BYTES, unpack

TEXT = read_recording_bytes("stock-offcpu.out")


def zstd(data: bytes) -> bytes:
    return subprocess.run(
        ["zstd", "-q", "--check"], input=data, capture_output=True, check=True
    ).stdout


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}


def tar_of(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(f"r/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


ARCHIVE = tar_of(**{"raw.out": TEXT, "manifest.json": b'{"schema": 1}'})


# ---- checksums ----------------------------------------------------------------------------------


@pytest.mark.parametrize("packer", PACKERS)
def test_every_packing_is_unpacked(packer: str) -> None:
    assert unpack(PACKERS[packer](TEXT), "x") == (TEXT, False)
    assert unpack(PACKERS[packer](TEXT) * 2, "x") == (TEXT * 2, False)


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_data_that_end_early_give_what_could_be_unpacked(packer: str) -> None:
    packed = PACKERS[packer](TEXT)
    data, is_cut = unpack(packed[:-9], "x")
    assert is_cut
    assert TEXT.startswith(data)


@pytest.mark.slow
@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("is_archive", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_changes_a_recording_in_silence(
    tmp_path: Path, packer: str, is_archive: bool, position: float, bit: int
) -> None:
    whole = ARCHIVE if is_archive else TEXT
    packed = bytearray(PACKERS[packer](whole))
    packed[int(position * len(packed))] ^= 1 << bit
    path = tmp_path / "r.tar.gz" if is_archive else tmp_path / "r.out"
    path.write_bytes(packed)
    try:
        recording = open_recording(str(path))
    except InputError:
        return
    # Some bits of a header mean nothing: the time, the operating system. Without its magic the
    # file is no packed one, and no tracer's output either.
    is_unpacked = bytes(recording.data) != bytes(packed)
    assert not is_unpacked or recording.data == TEXT or recording.problems


def test_a_wrong_checksum_of_an_archive_is_an_error(tmp_path: Path, run: RunCommand) -> None:
    packed = bytearray(gzip.compress(ARCHIVE))
    packed[-8:-4] = b"1234"
    path = tmp_path / "r.tar.gz"
    path.write_bytes(packed)
    result = run("report", path)
    assert result.exit_code == 1
    assert "damaged gzip file: CRC check failed" in result.stderr


def test_an_archive_that_ends_early_is_an_error(tmp_path: Path, run: RunCommand) -> None:
    path = tmp_path / "r.tar.gz"
    path.write_bytes(gzip.compress(ARCHIVE)[:-20])
    result = run("report", path)
    assert result.exit_code == 1
    assert "damaged archive: the packed data end early" in result.stderr


# ---- limits -------------------------------------------------------------------------------------


def bomb(packer: str, megabytes: int, byte: bytes = b"\n") -> bytes:
    """Return blank lines, or other bytes, packed."""
    if packer == "gzip":
        once = zlib.compressobj(9, wbits=31)
        parts = [once.compress(byte * (1 << 20)) for _ in range(megabytes)]
        return b"".join([*parts, once.flush()])
    block = PACKERS[packer](byte * (16 << 20))  # packed data may follow each other
    return block * (megabytes // 16)


@pytest.mark.slow
@pytest.mark.parametrize("packer", PACKERS)
def test_a_bomb_is_refused(packer: str) -> None:
    with pytest.raises(InputError, match="MiB when unpacked") as refused:
        unpack(bomb(packer, 128), "x")
    assert "--max-size" in refused.value.hint


@pytest.mark.parametrize("packer", PACKERS)
def test_a_bomb_of_one_line_is_refused(packer: str) -> None:
    with pytest.raises(InputError, match="a line of more than 8 MiB"):
        unpack(bomb(packer, 16, b"x"), "x", Limits(document_bytes=8 << 20))


def test_data_within_the_limit_are_unpacked_into_a_mapped_file() -> None:
    size = MAX_IN_MEMORY_BYTES + (1 << 20)
    data, is_cut = unpack(bomb("gzip", size >> 20), "x")
    assert (len(data), is_cut, type(data).__name__) == (size, False, "mmap")
    assert data[-1:] == b"\n"


def test_the_limit_grows_with_the_packed_size(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(bytes(10_000))
    limits = Limits(unpacked_bytes=0)
    monkeypatch.setattr(packing, "MAX_RATIO", 10_000 // len(packed) + 1)
    assert len(unpack(packed, "x", limits)[0]) == 10_000
    monkeypatch.setattr(packing, "MAX_RATIO", 10_000 // len(packed) - 1)
    with pytest.raises(InputError, match="MiB when unpacked"):
        unpack(packed, "x", limits)


@pytest.mark.slow
def test_a_companion_that_is_too_large_is_left_out(
    tmp_path: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "r.pvprof"
    directory.mkdir()
    (directory / "raw.out").write_bytes(TEXT)
    with (directory / "kldstat.txt").open("wb") as file:
        file.truncate(MAX_COMPANION_BYTES + 1)
    (directory / "symbols.nm.gz").write_bytes(bomb("gzip", 300))
    result = run("fold", "-k", "all", directory)
    assert result.exit_code == 0
    assert "kldstat.txt has more than 256 MiB and is not read" in result.stderr
    assert "more than 256 MiB when unpacked" in result.stderr
    assert result.stdout == run("fold", "-k", "all", RECORDINGS / "stock-offcpu.out").stdout


# ---- archives -----------------------------------------------------------------------------------


def refusal(tmp_path: Path, archive: bytes) -> str:
    path = tmp_path / "r.tar"
    path.write_bytes(archive)
    with pytest.raises(InputError) as refused:
        open_recording(str(path))
    return refused.value.message


def test_an_archive_of_too_many_files_is_refused_at_once(tmp_path: Path) -> None:
    members = {f"f{number}": b"" for number in range(MAX_MEMBERS + 1)}
    assert "more than 1,000 files" in refusal(tmp_path, tar_of(**members))


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    holey = tmp_path / "raw.out"
    with holey.open("wb") as file:
        file.truncate(1 << 40)
    archive = tmp_path / "made.tar"
    subprocess.run(["tar", "-S", "-C", tmp_path, "-cf", archive, "raw.out"], check=True)
    assert "sparse file" in refusal(tmp_path, archive.read_bytes())


@pytest.mark.parametrize(
    "header",
    [
        {"GNU.sparse.map": "x,y", "GNU.sparse.size": "1"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "x"},
        {"GNU.sparse.size": "9" * 5000},
        {"size": "x"},
    ],
)
def test_a_header_that_is_no_number_is_an_error(tmp_path: Path, header: dict[str, str]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("raw.out")
        member.size = 512
        member.pax_headers = header
        tar.addfile(member, io.BytesIO(b"x" * 512))
    path = tmp_path / "r.tar"
    path.write_bytes(packed.getvalue())
    try:
        recording = open_recording(str(path))
    except InputError:
        return
    assert bytes(recording.data) in (b"x" * 512, b"")


@pytest.mark.parametrize("size", [MAX_HEADER_BYTES + 1, 1 << 40])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_huge_header_is_refused(tmp_path: Path, kind: bytes, size: int) -> None:
    header = tarfile.TarInfo("r/raw.out")
    header.type, header.size = kind, size
    archive = header.tobuf(tarfile.GNU_FORMAT) + b"x" * 512 + ARCHIVE
    assert "a header of more than 1 MiB" in refusal(tmp_path, archive)
    (tmp_path / "r.tar.gz").write_bytes(gzip.compress(archive))
    with pytest.raises(InputError, match="a header of more than"):
        load_dataset([str(tmp_path)], ReadOptions())


def test_a_member_that_is_larger_than_its_archive_is_an_error(tmp_path: Path) -> None:
    assert "unexpected end of data" in refusal(tmp_path, ARCHIVE[: 512 + len(TEXT) // 2])


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    for members in ({"raw.out": ARCHIVE}, {"raw.out.gz": gzip.compress(ARCHIVE)}):
        assert "raw.out is an archive, too" in refusal(tmp_path, tar_of(**members))


def test_a_link_in_a_recording_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(TEXT)
    directory = tmp_path / "r.pvprof"
    directory.mkdir()
    (directory / "raw.out").symlink_to(secret)
    with pytest.raises(InputError, match=r"raw\.out is a link"):
        open_recording(str(directory))
