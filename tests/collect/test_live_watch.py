"""Live runs whose recorder is lost, sends garbage, or goes on after the viewer has left."""

from __future__ import annotations

import gzip
import io
import json
import select
import shlex
import tarfile
import time
from pathlib import Path

import pytest
from conftest import FIXTURES

from pvprof.collect.live import watch as watch_module
from pvprof.collect.live.watch import LiveRun, watch
from pvprof.collect.session import Listener
from pvprof.collect.target import Target
from pvprof.errors import DroppedError, TargetError
from pvprof.recording.open import open_recording

RAW = (FIXTURES / "intervals" / "freebsd-13.2-locks.out").read_bytes()
MANIFEST = json.dumps({"schema": 1, "mode": "locks", "complete": True}).encode()
SAYS = "echo 'pvprof: state: preparing' >&2; "


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        entry = tarfile.TarInfo("x.pvprof/manifest.json")
        entry.size = len(MANIFEST)
        packed.addfile(entry, io.BytesIO(MANIFEST))
    return gzip.compress(stream.getvalue())


def framed(text: bytes, size: int = 5000) -> bytes:
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    return b"".join(b"%d\n%s" % (len(piece), piece) for piece in pieces)


WHOLE = framed(RAW) + b"0\n" + archive()


def target_that_sends(tmp_path: Path, data: bytes, script: str) -> Target:
    """Return a target whose shell runs a script of the test instead of the recorder."""
    (tmp_path / "data").write_bytes(data)
    text = f"{SAYS}cat >/dev/null & cd {shlex.quote(str(tmp_path))}; {script}"
    return Target(root_command=("sh", "-c", text))


class Taker:
    """Takes all output."""

    def __init__(self, is_leaving: bool = False) -> None:
        self.data = b""
        self._is_leaving = is_leaving

    def show(self, run: LiveRun) -> None:
        while not run.is_over:
            select.select([run.wake_fd], [], [], 0.5)
            self.data += b"".join(run.take())
            if self._is_leaving and self.data:
                return


def test_output_arrives_in_order_and_is_kept_with_its_manifest(tmp_path: Path) -> None:
    target, taker = target_that_sends(tmp_path, WHOLE, "cat data"), Taker()
    manifest = watch(target, "", tmp_path / "out", Listener(), taker.show)
    assert taker.data == RAW
    assert manifest is not None
    assert manifest.is_complete is True
    assert bytes(open_recording(str(tmp_path / "out")).data) == RAW
    assert sorted(place.name for place in tmp_path.iterdir()) == ["data", "out"]


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    target, taker = target_that_sends(tmp_path, WHOLE, "cat data"), Taker()
    assert watch(target, "", None, Listener(), taker.show) is None
    assert taker.data == RAW
    assert [place.name for place in tmp_path.iterdir()] == ["data"]


def test_a_viewer_that_leaves_early_drops_all(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(WHOLE)
    # It ends with its stdin, as the recorder does.
    text = f"{SAYS}cd {shlex.quote(str(tmp_path))}; head -c 6000 data; cat >/dev/null; exit 130"
    taker = Taker(is_leaving=True)
    with pytest.raises(DroppedError):
        watch(Target(root_command=("sh", "-c", text)), "", tmp_path / "out", Listener(), taker.show)
    assert RAW.startswith(taker.data)
    assert len(taker.data) >= 5000  # the target is still at work then
    assert [place.name for place in tmp_path.iterdir()] == ["data"]


def test_a_target_that_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_PATIENCE_S", 0.5)
    script = "head -c 6000 data; exec sleep 20"
    target, began_s = target_that_sends(tmp_path, WHOLE, script), time.monotonic()
    assert watch(target, "", None, Listener(), Taker(is_leaving=True).show) is None
    assert time.monotonic() - began_s < 19


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_what_came_before_the_connection_was_lost_is_kept(tmp_path: Path, share: float) -> None:
    cut = int(len(WHOLE) * share)
    target = target_that_sends(tmp_path, WHOLE, f"head -c {cut} data; exit 255")
    manifest = watch(target, "", tmp_path / "out", Listener(), Taker().show)
    assert manifest is not None
    assert manifest.is_complete is False
    assert "the output ends early" in (manifest.incomplete_reason or "")
    kept = bytes(open_recording(str(tmp_path / "out")).data)
    assert RAW.startswith(kept)
    assert len(kept) > share * len(RAW) - 6000


@pytest.mark.parametrize("sent", [b"", b"no number\n", b"99999999999999\nx", b"-5\nx"])
@pytest.mark.parametrize("is_kept", [True, False])
def test_garbage_is_an_error_and_leaves_nothing(tmp_path: Path, sent: bytes, is_kept: bool) -> None:
    script = "cat data; echo 'ssh: connection refused' >&2; exit 255"
    target = target_that_sends(tmp_path, sent, script)
    with pytest.raises(TargetError, match="ssh: connection refused"):
        watch(target, "", tmp_path / "out" if is_kept else None, Listener(), Taker().show)
    assert [place.name for place in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_error_of_the_recorder_is_reported(tmp_path: Path, is_kept: bool) -> None:
    script = "echo 'pvprof: error: not root' >&2; echo 'pvprof: hint: log in' >&2; exit 3"
    target = target_that_sends(tmp_path, b"", script)
    with pytest.raises(TargetError, match="not root") as raised:
        watch(target, "", tmp_path / "out" if is_kept else None, Listener(), Taker().show)
    assert raised.value.hint == "log in"


def test_an_error_of_the_viewer_ends_the_run(tmp_path: Path) -> None:
    def show(run: LiveRun) -> None:
        raise BrokenPipeError

    target = target_that_sends(tmp_path, WHOLE, "cat data")
    with pytest.raises(BrokenPipeError):
        watch(target, "", None, Listener(), show)


def test_the_cost_of_the_tracer_is_heard(tmp_path: Path) -> None:
    costs: list[int] = []
    script = "echo 'pvprof: cost: 120' >&2; echo 'pvprof: cost: 90x' >&2; cat data"
    target = target_that_sends(tmp_path, WHOLE, script)
    watch(target, "", None, Listener(cost=costs.append), Taker().show)
    assert costs == [120]
