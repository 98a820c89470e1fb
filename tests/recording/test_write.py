"""Recordings are written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from pvprof.errors import OutputError
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest
from pvprof.recording.open import open_recording
from pvprof.recording.write import mark_incomplete, pack_recording, set_modes, write_recording

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


# ---- who may read it ----------------------------------------------------------------------------


def modes_in(path: Path) -> dict[str, int]:
    """Return the modes of a file, or of a directory and all in it, by name."""
    return {one.name: stat.S_IMODE(one.stat().st_mode) for one in (path, *path.rglob("*"))}


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_a_new_recording_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "x.pvprof"
    before = os.umask(umask)
    try:
        write_recording(path, RECORDING, {"schema": 1}, {})
    finally:
        os.umask(before)
    modes = modes_in(path)
    assert modes.pop("x.pvprof") == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(("old", "new"), [(0o755, 0o644), (0o750, 0o640), (0o700, 0o600)])
def test_a_recording_that_is_replaced_gives_its_mode(tmp_path: Path, old: int, new: int) -> None:
    path = tmp_path / "x.pvprof"
    write_recording(path, RECORDING, {"schema": 1}, {})
    path.chmod(old)
    write_recording(path, RECORDING, {"schema": 1}, {})
    modes = modes_in(path)
    assert modes.pop("x.pvprof") == old
    assert set(modes.values()) == {new}


@pytest.mark.parametrize(("old", "new"), [(0o666, 0o666), (0o640, 0o640), (0o400, 0o600)])
def test_an_archive_that_is_replaced_gives_its_mode(tmp_path: Path, old: int, new: int) -> None:
    for name in ("new", "old"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "old").chmod(old)
    set_modes(tmp_path / "new", replaced=tmp_path / "old")
    assert modes_in(tmp_path / "new") == {"new": new}


def test_the_mode_of_another_users_file_or_of_a_link_is_not_taken(tmp_path: Path) -> None:
    for name in ("new", "planted", "open"):
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(0o666)
    (tmp_path / "link").symlink_to("open")
    for replaced in ("link", "missing", *(["planted"] if os.geteuid() == 0 else [])):
        if replaced == "planted":
            os.chown(tmp_path / replaced, 65534, 65534)
        set_modes(tmp_path / "new", replaced=tmp_path / replaced)
        assert modes_in(tmp_path / "new") == {"new": 0o600}, replaced
        (tmp_path / "new").chmod(0o666)


def test_the_members_of_an_archive_name_no_user(tmp_path: Path) -> None:
    write_recording(tmp_path / "x.pvprof", RECORDING, {"schema": 1}, {})
    packed = io.BytesIO()
    pack_recording(tmp_path / "x.pvprof", packed)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        facts = {(one.uid, one.gid, one.uname, one.gname, one.mode) for one in archive}
    assert facts == {(0, 0, "", "", 0o600)}
