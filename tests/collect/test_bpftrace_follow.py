"""What the recorder saves of processes while bpftrace runs, by the shells' own hands."""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.programs import ROOT
from target.harness import SHELLS

from pvprof.dataset.symbolize.elf import ElfCode
from pvprof.parse.text.user_code import CodeFile, read_user_code

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the maps of Linux")

FUNCTIONS = ROOT / "pvprof/collect/sh/bpftrace.sh"
GONE = 4_000_000_000  # no process has such a number


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has mapped its libraries."""
    code = "import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


class Follower:
    """`bpftrace_follow` in a shell, with a recording that grows."""

    def __init__(self, place: Path, shell: str, script: str = "ustack(33)") -> None:
        self.work, self.record = place / "work", place / "record"
        for folder in (self.work, self.record):
            folder.mkdir()
        (self.record / "script.bt").write_text(script)
        (self.record / "raw.out").touch()
        text = f'work={self.work} record={self.record}; . "{FUNCTIONS}"; bpftrace_follow'
        path = shutil.which(shell)
        assert path is not None
        words = [path, *(["sh"] if shell == "busybox" else []), "-c", text]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)

    def print(self, text: str, end: str = "\n") -> None:
        with (self.record / "raw.out").open("a") as file:
            file.write(json.dumps({"type": "printf", "data": text}) + end)

    def finish(self) -> str:
        """Wait for the end; return what was saved."""
        said = self.process.communicate(timeout=30)[1]
        assert said == ""
        saved = self.record / "user-maps.txt.gz"
        return gzip.decompress(saved.read_bytes()).decode() if saved.exists() else ""


@pytest.fixture(params=SHELLS)
def follower(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Follower]:
    made = Follower(tmp_path, request.param)
    yield made
    made.process.kill()
    made.process.wait()


def test_maps_of_a_process_are_saved_while_it_lives(
    follower: Follower, sleeper: subprocess.Popen[bytes]
) -> None:
    follower.print(f'#process {sleeper.pid} {os.getpid()} it\'s "odd" $HOME\n')
    saved = follower.work / "maps"
    deadline = time.monotonic() + 30
    while not saved.exists() or not saved.stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sleeper.kill()
    sleeper.wait()
    follower.print("#processes-end\n")
    text = follower.finish()
    code = read_user_code(text.encode())
    assert code.knows(sleeper.pid)
    mappings = [line for line in text.splitlines() if line.startswith("/proc/")]
    assert all(re.match(r"/proc/\d+/maps:\S+ ..x. ", line) for line in mappings)
    paths = {file.path: build_id for file, build_id in code.build_ids.items()}
    libc = next(path for path in paths if "/libc.so" in path or "/libc-" in path)
    with Path(libc).open("rb") as stream:
        assert paths[libc] == ElfCode(stream).build_id != ""


def test_processes_that_are_gone_or_damaged_cost_nothing(
    follower: Follower, sleeper: subprocess.Popen[bytes]
) -> None:
    for word in (str(GONE), "0", "-1", "../../etc/passwd", "x", "", "$(touch bad)", "9" * 30):
        follower.print(f"#process {word} 1 x\n")
    with (follower.record / "raw.out").open("ab") as file:
        file.write(b'{"type": "printf", "data": "#process \xff\\n"}\nno JSON\n\n')
    follower.print(f"#process {sleeper.pid} 1 x\n")
    follower.print("#processes-end\n")
    text = follower.finish()
    assert {line.split("/")[2] for line in text.splitlines() if line.startswith("/proc/")} == {
        str(sleeper.pid)
    }


def test_a_line_that_is_written_in_two_parts_is_read_as_one(
    follower: Follower, sleeper: subprocess.Popen[bytes]
) -> None:
    whole = json.dumps({"type": "printf", "data": f"#process {sleeper.pid} 1 x\n"}) + "\n"
    with (follower.record / "raw.out").open("a") as file:
        for part in (whole[:24], whole[24:44], whole[44:]):
            file.write(part)
            file.flush()
            time.sleep(0.3)
    follower.print("#processes-end\n")
    assert f"/proc/{sleeper.pid}/maps:" in follower.finish()


def test_it_ends_with_a_tracer_that_printed_no_end(
    follower: Follower, sleeper: subprocess.Popen[bytes]
) -> None:
    follower.print(f"#process {sleeper.pid} 1 x\n")
    (follower.work / "over").touch()
    assert f"/proc/{sleeper.pid}/maps:" in follower.finish()


def test_a_program_without_user_stacks_has_nothing_to_follow(tmp_path: Path) -> None:
    quiet = Follower(tmp_path, "sh", "kstack(32)")
    assert quiet.finish() == ""


def test_what_a_program_says_of_code_it_compiled_is_saved(
    follower: Follower, sleeper: subprocess.Popen[bytes]
) -> None:
    said = Path(f"/tmp/perf-{sleeper.pid}.map")
    said.write_text("7f0000000000 40 py::main:/x y.py\n")
    try:
        follower.print(f"#process {sleeper.pid} 1 x\n")
        follower.print("#processes-end\n")
        text = follower.finish()
    finally:
        said.unlink()
    assert f"compiled {sleeper.pid} 7f0000000000 40 py::main:/x y.py" in text.splitlines()


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_is_no_file_of_the_program_is_not_read(
    kind: str, tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("7f0000000000 40 secret\n")
    said = Path(f"/tmp/perf-{sleeper.pid}.map")
    if kind == "pipe":
        os.mkfifo(said)
    else:
        said.symlink_to(secret)
    try:
        follower = Follower(tmp_path, "sh")
        follower.print(f"#process {sleeper.pid} 1 x\n")
        follower.print("#processes-end\n")
        text = follower.finish()
    finally:
        said.unlink()
    assert "compiled" not in text
    assert f"/proc/{sleeper.pid}/maps:" in text


def listed(place: Path, maps: str) -> list[str]:
    (place / "maps").write_text(maps)
    script = f'work={place} record=.; . "{FUNCTIONS}"; list_code 2>/dev/null'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_file_is_listed_only_if_it_is_still_the_one_that_was_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a b"
    note = bytes.fromhex("040000001400000003000000474e5500") + bytes(range(20))
    path.write_bytes(b"\x7fELF".ljust(0x123, b"\0") + note + bytes(5000))
    plain = tmp_path / "plain"
    plain.write_bytes(b"no note in it")
    os.mkfifo(tmp_path / "pipe")  # took the place of a program
    inodes = {name: (tmp_path / name).stat().st_ino for name in ("a b", "plain", "pipe")}

    def line(name: str, inode: int) -> str:
        return f"/proc/{GONE}/maps:1000-2000 r-xp 00000000 fe:00 {inode}   {tmp_path}/{name}\n"

    maps = line("a b", inodes["a b"]) * 2 + line("plain", inodes["plain"]) + line("plain", 1)
    maps += (
        line("pipe", inodes["pipe"])
        + line("gone", 7)
        + line("a b (deleted)", 8)
        + f"/proc/{GONE}/maps:1-2 r-xp 0 0:0 0 \n"
    )
    assert listed(tmp_path, maps) == [
        f"file fe:00 {inodes['a b']} {bytes(range(20)).hex()} {path}",
        f"file fe:00 {inodes['plain']} - {plain}",
    ]
    code = read_user_code("\n".join(listed(tmp_path, maps)).encode())
    assert code.build_ids[CodeFile(f"fe:00 {inodes['a b']}", str(path))] == bytes(range(20)).hex()
