"""The memory of a process is bounded by the size of what it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux counts what a process asks for"
)

BOUNDED = """
import mmap, sys
from types import SimpleNamespace
from pvprof.dataset.memory import bound_memory
from pvprof.recording.limits import limits_of
size, max_size, wanted = int(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3])
bound_memory([SimpleNamespace(data=range(size))], limits_of(max_size))
mmap.mmap(-1, wanted, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
"""
"""Asks for memory, but never uses it, as if it had read a recording of a size."""


def take(size: int, max_size: str, wanted: int) -> str:
    command = [sys.executable, "-c", BOUNDED, str(size), max_size, str(wanted)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_small_recording_may_take_less_than_a_gigabyte() -> None:
    assert take(1_000, "", 800_000_000) == ""
    assert take(1_000, "", 1_200_000_000).endswith("Cannot allocate memory\n")


def test_a_large_one_may_take_ten_times_its_size() -> None:
    assert take(300_000_000, "", 2_000_000_000) == ""
    assert take(300_000_000, "", 4_000_000_000).endswith("Cannot allocate memory\n")


def test_a_file_that_the_user_trusts_may_take_more() -> None:
    assert take(1_000, "500M", 4_000_000_000) == ""


@pytest.mark.slow
def test_too_little_memory_is_an_error_of_one_line(tmp_path: Path) -> None:
    rows = tmp_path / "x.out"
    with rows.open("w") as file:
        file.writelines(f"  a{number:x}       1\n" for number in range(30_000))
    program = (
        "import sys; import pvprof.dataset.memory as memory; import pvprof.__main__ as start;"
        "memory.MIN_BYTES = 40_000_000; memory.MAX_PER_BYTE = 1;"
        "memory._THREAD_BYTES = 0; sys.argv = ['pvprof', 'fold', '-q', sys.argv[1], *sys.argv[2:]];"
        "start.main()"
    )
    command = [sys.executable, "-c", program, str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "pvprof: error: not enough memory for this input (--max-size SIZE allows more)\n"
    )
    command += ["--max-size", "1G"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.count(" 1\n") == 30_000
