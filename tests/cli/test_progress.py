"""The progress line while large recordings are read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import read_recording_bytes

COMMAND = [sys.executable, "-m", "pvprof", "locks", "--top", "1"]


def large_recording(place: Path) -> Path:
    body = read_recording_bytes("build-events.out.gz")
    place.write_bytes(body * (1 + 51_000_000 // len(body)))
    return place


@pytest.mark.slow
def test_a_terminal_shows_progress_and_erases_it(tmp_path: Path) -> None:
    recording = large_recording(tmp_path / "large.out")
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*COMMAND, str(recording)], stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 4096):
                seen += piece
        except OSError:  # Linux reports a closed terminal as an error
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    lines = seen.decode().split("\r\x1b[K")
    percents = [int(text) for text in re.findall(r"(\d+) %", seen.decode())]
    assert percents
    assert percents == sorted(percents)
    assert percents[-1] <= 100
    assert lines[1].startswith("pvprof: reading ")
    assert "reading" not in lines[-1]


@pytest.mark.slow
def test_a_pipe_gets_no_progress(tmp_path: Path) -> None:
    recording = large_recording(tmp_path / "large.out")
    done = subprocess.run([*COMMAND, str(recording)], capture_output=True, check=True)
    assert b"reading" not in done.stderr
