"""Recordings are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pvprof.errors import OutputError
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest
from pvprof.recording.open import open_recording
from pvprof.recording.write import mark_incomplete, write_recording

RECORDING = Recording("x.out", "x", b"a;b 1\n", "dtrace: 7 drops\n", "sched:::off-cpu { }")


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("host", ["é", "\udcff", "é\ud800"])
def test_a_recording_is_read_as_it_was_written(tmp_path: Path, host: str) -> None:
    symbols = tmp_path / "kernel.nm"
    symbols.write_text("ffffffff80000000 T start\n")
    manifest = Manifest().document({"host": host, "mode": "folded"})
    path = tmp_path / "x.pvprof"
    write_recording(path, RECORDING, manifest, {"symbols.nm.gz": str(symbols)})
    opened = open_recording(str(path))
    assert (bytes(opened.data), opened.stderr, opened.script) == (
        RECORDING.data,
        RECORDING.stderr,
        RECORDING.script,
    )
    assert opened.symbols == symbols.read_bytes()
    assert opened.manifest.raw == manifest


def test_a_recording_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "x.pvprof"
    write_recording(path, RECORDING, {"schema": 1}, {})
    write_recording(path, Recording("y", "y", b"c 2\n"), {"schema": 1}, {})
    assert names_in(path) == ["manifest.json", "raw.out"]
    assert names_in(tmp_path) == ["x.pvprof"]


def test_a_recording_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "x.pvprof"
    write_recording(path, RECORDING, {"schema": 1}, {})
    with pytest.raises(OutputError, match=r"x\.pvprof: No such file"):
        write_recording(path, RECORDING, {}, {"kldstat.txt": str(tmp_path / "missing")})
    assert names_in(tmp_path) == ["x.pvprof"]
    assert open_recording(str(path)).manifest


def test_a_document_keeps_unknown_keys_and_leaves_out_empty_facts() -> None:
    manifest = Manifest.from_json({"schema": 1, "colour": "red", "host": "a", "label": "stock"})
    document = manifest.document({"host": "b", "label": "", "unit": None, "complete": False})
    assert document == {
        "schema": 1,
        "colour": "red",
        "host": "b",
        "label": "stock",
        "complete": False,
    }


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", "[" * 100_000, "\udcff"])
def test_an_unreadable_manifest_is_replaced_if_the_recording_is_incomplete(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_text(text, "utf-8", "surrogateescape")
    mark_incomplete(path, "lost")
    assert json.loads(path.read_text()) == {
        "schema": 1,
        "complete": False,
        "incomplete_reason": "lost",
    }


def test_an_incomplete_recording_keeps_its_facts(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"schema": 1, "complete": true, "host": "a"}')
    mark_incomplete(path, "lost")
    assert json.loads(path.read_text()) == {
        "schema": 1,
        "complete": False,
        "host": "a",
        "incomplete_reason": "lost",
    }
