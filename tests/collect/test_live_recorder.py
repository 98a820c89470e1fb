"""The recorder of a live view on the stand-in: it sends its output before the archive."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from target.harness import SHELLS, StandIn, plan_for

from pvprof.collect.recorder import recorder
from pvprof.parse.intervals.divide import Divider
from pvprof.parse.read import ReadOptions, read

EVERY = {"every_ns": 1_000_000_000}


def taken_apart(sent: bytes) -> tuple[list[bytes], dict[str, bytes]]:
    """Return the pieces of output, and the members of the archive behind them by name."""
    pieces, at = [], 0
    while match := re.compile(rb"(\d+)\n").match(sent, at):
        at = match.end() + int(match[1])
        if int(match[1]) == 0:
            break
        pieces.append(sent[match.end() : at])
    members = {}
    with tarfile.open(fileobj=io.BytesIO(sent[at:])) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file
            members[Path(member.name).name] = file.read()
    return pieces, members


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_the_output_is_sent_before_an_archive_without_it(tmp_path: Path, shell: str) -> None:
    with StandIn(tmp_path, shell) as machine:
        plan = plan_for("locks", "sleep", "1", options=EVERY, is_live=True)
        done = machine.run(plan)
        pieces, members = taken_apart(done.archive.read_bytes())
        assert (done.status, done.left) == (0, [])
        assert re.fullmatch(r"(pvprof: cost: \d+\n?)+", done.said)
    assert len(pieces) >= 2  # its beginning came while the workload ran
    assert "raw.out" not in members
    assert b'"complete": true' in members["manifest.json"]
    assert b"trunc(@wait_ns)" in members["script.d"]
    output = b"".join(pieces)
    (interval,) = Divider().feed(output)
    whole = read(output, "x", ReadOptions())
    assert whole.profiles["ns", True].total > 0
    assert read(interval.text, "x", ReadOptions()).profiles == whole.profiles


@pytest.mark.slow
def test_a_target_without_room_ends_and_says_why(tmp_path: Path) -> None:
    with StandIn(tmp_path, "dash") as machine:
        plan = plan_for("locks", options={**EVERY, "duration_ns": 30_000_000_000}, is_live=True)
        text = recorder(plan).replace("max_live_kb=1048576", "max_live_kb=0")
        assert text != recorder(plan)
        done = machine.start(text).wait()
        _, members = taken_apart(done.archive.read_bytes())
        assert done.left == []
    assert "note: ended: the output takes 0 MB" in done.said
    assert b'"complete": false' in members["manifest.json"]
