"""The limits of what is read: each holds, each is documented, and no real recording is near one."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import mmap
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIXTURES, read_recording_bytes
from helpers.command_line import RunCommand
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError, PvprofError, UsageError
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions, read
from pvprof.recording import limits
from pvprof.recording.limits import (
    USUAL,
    Limits,
    LineCheck,
    check_lines,
    limits_of,
    load_json,
)
from pvprof.recording.open import open_recording
from pvprof.recording.packing import map_file
from pvprof.recording.snapshot import decode
from pvprof.stats.runs.read import TimesOptions, read_run_sets

TEXT = read_recording_bytes("stock-offcpu.out")
DOCUMENTED = (Path(__file__).parent.parent.parent / "docs/limits.md").read_text()
SIZES = {"MiB": 1 << 20, "kB": 1 << 10, "": 1}

# ---- the table of docs/limits.md ----------------------------------------------------------------

BY_NAME = {
    "packed data, when unpacked": USUAL.unpacked_bytes,
    "for each byte of packed data": limits.MAX_RATIO,
    "a line of a text": USUAL.line_bytes,
    "a line that is a JSON document or a part of one, or a page": USUAL.document_bytes,
    "the values of a JSON document, in memory": USUAL.json_bytes,
    "a file of times for `stats`": USUAL.times_bytes,
    "lines in it": USUAL.runs,
    "parts of a profile of pprof": USUAL.parts,
    "a file beside the tracer's output: symbols, messages, memory maps": limits.MAX_COMPANION_BYTES,
    "`manifest.json`, `set.json`": limits.MAX_FACTS_BYTES,
    "frames of a stack": limits.MAX_FRAMES,
    "all stacks of a file that gives them as numbers, as text": limits.MAX_STACKS_TEXT,
    "files in the archive of a recording": limits.MAX_MEMBERS,
    "the header of a file in an archive": limits.MAX_HEADER_BYTES,
}


def documented() -> Iterator[tuple[str, int]]:
    for name, number, unit in re.findall(
        r"^\| ([^|]+?) \| ([\d,]+) ?(MiB|kB|) \|", DOCUMENTED, re.M
    ):
        yield name, int(number.replace(",", "")) * SIZES[unit]


def test_the_page_has_every_limit_with_its_value() -> None:
    assert dict(documented()) == BY_NAME


def test_real_recordings_are_far_below_the_limits() -> None:
    longest = largest = facts = 0
    for path in sorted(FIXTURES.rglob("*")):
        if path.name == "manifest.json":
            facts = max(facts, path.stat().st_size)
        try:
            data = open_recording(str(path)).data
        except PvprofError:
            continue
        largest = max(largest, len(data))
        longest = max([longest, *map(len, bytes(data).split(b"\n"))])
    assert longest > 30_000  # of bpftrace's JSON
    assert 100 * longest < USUAL.line_bytes < USUAL.document_bytes
    assert 10 * facts < limits.MAX_FACTS_BYTES
    assert largest > 10 << 20


# ---- lines --------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12),
    st.integers(1, 30),
    st.integers(1, 40),
)
def test_a_text_with_a_longer_line_is_refused_and_no_other(
    lengths: list[int], limit: int, piece: int
) -> None:
    text = b"\n".join(b"x" * length for length in lengths)
    is_too_long = max(lengths) > limit
    try:
        check_lines(text, limit, "x")
    except InputError:
        assert is_too_long
    else:
        assert not is_too_long
    check = LineCheck(limit)
    piece = min(piece, limit)
    found = [
        check.is_exceeded_by(text[start : start + piece]) for start in range(0, len(text), piece)
    ]
    assert any(found) == is_too_long


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """Return a file of one line of 1 GB, which takes no room on the disk."""
    path = tmp_path / "huge.out"
    with path.open("wb") as file:
        file.write(TEXT.rstrip(b"\n"))
        file.truncate(1 << 30)
    return path


@pytest.mark.parametrize("layout", ["", "folded", "speedscope"])
def test_a_gigabyte_in_one_line_is_refused_by_each_reader(
    huge: Path, layout: str, run: RunCommand
) -> None:
    options = ["--input-format", layout] if layout else []
    result = run("fold", *options, huge)
    assert result.exit_code == 1
    assert "a line of more than 128 MiB" in result.stderr
    assert "--max-size SIZE" in result.stderr


@pytest.mark.parametrize("command", ["report", "import", "stats"])
def test_a_gigabyte_in_one_line_is_refused_by_each_command(
    huge: Path, command: str, run: RunCommand, tmp_path: Path
) -> None:
    result = run(command, huge, *(["-o", tmp_path / "x"] if command == "import" else []))
    assert result.exit_code == 1
    assert "a line of more than 128 MiB" in result.stderr


def test_a_gigabyte_in_one_line_of_a_side_is_refused(huge: Path, run: RunCommand) -> None:
    result = run("compare", huge, "--vs", huge)
    assert result.exit_code == 1
    assert "a line of more than 128 MiB" in result.stderr


@pytest.mark.parametrize("layout", [one.name for one in LAYOUTS.values() if not one.has_documents])
def test_a_line_of_a_text_that_is_too_long_is_refused(layout: str) -> None:
    text = TEXT + b"kernel`f" * (1 << 17) + b"x\n"
    with pytest.raises(InputError, match="a line of more than 1 MiB"):
        read(text, "x", ReadOptions(layout=layout, limits=Limits(line_bytes=1 << 20)))


def test_a_larger_size_lets_a_long_line_pass() -> None:
    text = b"a;b 5\n" + b"f" * (USUAL.line_bytes + 10) + b" 7\n"
    parsed = read(text, "x", ReadOptions(layout="folded", limits=limits_of("32M")))
    assert sum(profile.total for profile in parsed.profiles.values()) == 12


def test_a_pipe_without_lines_is_not_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    written = 0

    def write() -> None:
        nonlocal written
        with contextlib.suppress(BrokenPipeError), pipe.open("wb", buffering=0) as file:
            while written < 1 << 30:
                written += file.write(b"x" * (1 << 16))

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(InputError, match="a line of more than 1 MiB"):
        map_file(pipe, Limits(document_bytes=1 << 20))
    writer.join()
    assert written < 8 << 20


def test_stdin_of_any_kind_is_read_from_its_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.out"
    path.write_bytes(b"a heading\n" + TEXT)
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        assert file.readline() == b"a heading\n"
        assert open_recording("-").data == TEXT
    path.write_bytes(TEXT)
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        assert isinstance(data := open_recording("-").data, mmap.mmap)
        assert data[:] == TEXT


# ---- documents ----------------------------------------------------------------------------------

JSON = {
    "lists": "[" + "[]," * (8 << 20) + "0]",
    "objects": "[" + "{}," * (4 << 20) + "0]",
    "nulls": "[" + "null," * (20 << 20) + "0]",
}


@pytest.mark.parametrize("kind", JSON)
def test_json_of_very_many_values_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="768 MiB of memory"):
        load_json(JSON[kind])


def test_json_is_nested_a_hundred_times_and_not_any_number_of_times() -> None:
    deep = load_json("[" * 100 + "]" * 100)
    assert deep == [[[deep[0][0][0]]]]
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json("[" * 1_000_000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"null," * (5 << 20), "100 MiB of memory"),
        (b'"' + b"x" * (2 << 20), "a line of more than 1 MiB"),
        (b"\n" * (48 << 20), "MiB when unpacked"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["values", "line", "blanks", "deep"],
)
def test_a_bomb_in_a_page_is_refused(content: bytes, message: str) -> None:
    small = Limits(
        unpacked_bytes=32 << 20,
        document_bytes=(1 if content[:1] == b'"' else 64) << 20,
        json_bytes=100 << 20,
    )
    with pytest.raises(InputError, match=message):
        decode(base64.b64encode(gzip.compress(content, 9)), small)


def test_a_speedscope_file_of_very_many_values_is_refused() -> None:
    weights = "1.5," * (2 << 20)
    text = f'{{"shared": {{"frames": []}}, "profiles": [{{"weights": [{weights}0]}}]}}'
    with pytest.raises(InputError, match="256 MiB of memory"):
        read(text.encode(), "x", ReadOptions(limits=Limits(json_bytes=256 << 20)))


# ---- times --------------------------------------------------------------------------------------


def test_a_file_of_times_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.times"
    path.write_bytes(b"1.5 real\n" * (2 << 20))
    with pytest.raises(InputError, match="more than 16 MiB"):
        read_run_sets([str(path)])
    path.write_bytes(b"15\n" * (USUAL.runs + 1))
    with pytest.raises(InputError, match="more than 1,000,000 lines"):
        read_run_sets([str(path)])
    path.write_bytes(b"15\n16\n17\n")
    with pytest.raises(InputError, match="more than 2 lines"):
        read_run_sets([str(path)], TimesOptions(limits=Limits(runs=2)))
    assert read_run_sets([str(path)])


# ---- --max-size ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [("500M", 500 << 20), ("2G", 2 << 30), ("2GiB", 2 << 30), ("2gb", 2 << 30), ("3T", 3 << 40)],
)
def test_a_size_raises_the_limits(text: str, size: int) -> None:
    raised = limits_of(text)
    assert raised.line_bytes == raised.document_bytes == raised.unpacked_bytes == size


def test_a_small_size_lowers_no_limit() -> None:
    assert replace(limits_of("1k"), trusted_bytes=0) == limits_of(None) == USUAL


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "1.5G", "9" * 5000, "2 gibi"])
def test_another_text_is_no_size(text: str, run: RunCommand) -> None:
    with pytest.raises(UsageError):
        limits_of(text)
    for command in ("report", "stats", "import"):
        assert run(command, "--max-size", text, "x").exit_code == 2


def test_the_option_lets_a_larger_file_pass(tmp_path: Path, run: RunCommand) -> None:
    path = tmp_path / "x.folded.gz"
    path.write_bytes(gzip.compress(b"a;b 5\n" + b"f" * (17 << 20) + b" 7\n"))
    assert "a line of more than 16 MiB" in run("fold", path).stderr
    result = run("fold", "--max-size", "32M", path)
    assert result.stdout.startswith("a;b 5\n")
