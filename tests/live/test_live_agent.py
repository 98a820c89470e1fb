"""``pvprof agent`` on the running kernel: a window, delivered to a folder, then to a store."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from conftest import require
from helpers.live import pvprof, reason_against

from pvprof.recording.open import open_recording


@pytest.fixture(autouse=True)
def _traceable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = reason_against()
    require(not reason, reason)
    monkeypatch.setenv("PVPROF_LOCK", str(tmp_path / "recorder.lock"))


def test_a_window_of_this_machine_is_delivered_and_leaves_nothing(tmp_path: Path) -> None:
    folder, spool, store = (tmp_path / name for name in ("folder", "spool", "store"))
    folder.mkdir()
    words = ("--folder", str(folder), "--spool", str(spool), "--windows", "1", "--max-cpu", "900")
    done = pvprof("agent", *words, "--every", "3s", "--for", "2s")
    assert done.returncode == 0, done.stderr
    (path,) = folder.rglob("*.pvprof.tar.gz")
    manifest = open_recording(str(path)).manifest
    assert manifest.is_complete
    assert manifest.host == platform.node()
    assert manifest.duration_ns > 1_900_000_000
    report = json.loads(pvprof("report", "-k", "all", str(path), "--format", "json").stdout)
    (section,) = report["sections"]
    assert section["kept"]["value"] > 0
    assert [one.name for one in spool.iterdir()] == [".agent.lock"]
    assert pvprof("store", "add", "-q", str(store), str(path)).returncode == 0
    stored = pvprof("report", "-k", "all", "--store", str(store), "--format", "json").stdout
    (in_store,) = json.loads(stored)["sections"]
    assert in_store["kept"] == section["kept"]
