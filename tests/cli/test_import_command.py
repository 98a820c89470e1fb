"""``pvprof import``: recordings of other tools' output."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand

LOCKSTAT = RECORDINGS / "lockstat-1.out"
PROFILING = RECORDINGS / "lock-profiling.sysctl.out"


@pytest.mark.slow
@pytest.mark.parametrize("source", [LOCKSTAT, PROFILING, RECORDINGS / "events.out.gz"])
def test_an_import_gives_the_same_stacks_as_its_source(
    run: RunCommand, tmp_path: Path, source: Path
) -> None:
    recording = tmp_path / "x.pvprof"
    done = run("import", source, "-o", recording)
    assert done.exit_code == 0, done.stderr
    assert f"pvprof: wrote {recording}: " in done.stderr
    assert run("fold", "-k", "all", recording).stdout == run("fold", "-k", "all", source).stdout
    assert {"raw.out", "manifest.json"} <= {path.name for path in recording.iterdir()}


@pytest.mark.slow
def test_an_import_keeps_facts_and_symbols(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "stock.pvprof"
    facts = {"label": "stock", "workload": "make -j8", "host": "box", "kernel": "FreeBSD 13.2"}
    options = [word for name, text in facts.items() for word in (f"--{name}", text)]
    run("import", LOCKSTAT, "-o", path, "--symbols", SYMBOLS, *options)
    manifest = json.loads((path / "manifest.json").read_text())
    assert {name: manifest[name] for name in facts} == facts
    assert (manifest["mode"], manifest["source"]) == ("lockstat", "lockstat-1.out")
    shown = run("report", path).stdout
    assert "Host: box" in shown
    assert "hex" not in shown
    assert (
        run("fold", "-k", "all", path).stdout
        == run("fold", "-k", "all", LOCKSTAT, "--symbols", SYMBOLS).stdout
    )


def test_the_layout_of_an_import_is_kept(run: RunCommand, tmp_path: Path) -> None:
    source = tmp_path / "old.txt"
    source.write_text("a;b 3 5\na;c 2 4\n")
    path = tmp_path / "x.pvprof"
    options = ("--input-format", "differential", "--unit", "events")
    assert run("import", source, "-o", path, *options).exit_code == 0
    assert (
        run("fold", "-k", "all", path).stdout == run("fold", "-k", "all", source, *options).stdout
    )
    document = json.loads(run("report", path, "--format", "json").stdout)
    assert [section["unit"] for section in document["sections"]] == ["events"] * 2


def test_stdin_and_gzip_are_accepted(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "x.pvprof"
    packed = gzip.compress(PROFILING.read_bytes())
    assert run("import", "-", "-o", path, stdin=packed).exit_code == 0
    assert (path / "raw.out").read_bytes() == PROFILING.read_bytes()


def test_an_import_is_named_after_its_file_in_this_directory(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for source in (PROFILING, RECORDINGS / "events.out.gz"):
        assert run("import", source).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "events.pvprof",
        "lock-profiling.sysctl.pvprof",
    ]
    shown = " ".join(run("import", "--help").stdout.split())
    assert "the name of FILE, in this directory: lockstat.pvprof for logs/lockstat.out.gz" in shown


def test_two_imports_can_be_compared(run: RunCommand, tmp_path: Path) -> None:
    for label in ("stock", "patched"):
        run("import", LOCKSTAT, "-o", tmp_path / f"{label}.pvprof", "--label", label)
    done = run("compare", tmp_path / "stock.pvprof", tmp_path / "patched.pvprof")
    assert "patched" in done.stdout, done.stderr


def test_only_force_overwrites_and_only_recordings(run: RunCommand, tmp_path: Path) -> None:
    recording = tmp_path / "x.pvprof"
    assert run("import", LOCKSTAT, "-o", recording).exit_code == 0
    before = (recording / "manifest.json").read_bytes()
    refused = run("import", PROFILING, "-o", recording)
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert (recording / "manifest.json").read_bytes() == before
    assert run("import", PROFILING, "-f", "-o", recording).exit_code == 0
    assert b"lock-profiling" in (recording / "manifest.json").read_bytes()
    other = tmp_path / "letters"
    other.mkdir()
    (other / "mother.txt").write_text("dear")
    refused = run("import", PROFILING, "-f", "-o", other)
    assert refused.exit_code == 1
    assert "no recording" in refused.stderr
    assert [path.name for path in other.iterdir()] == ["mother.txt"]


@pytest.mark.parametrize("text", [b"", b"hello\n", b"\0\xff" * 100])
def test_an_input_without_records_makes_no_recording(
    run: RunCommand, tmp_path: Path, text: bytes
) -> None:
    done = run("import", "-", "-o", tmp_path / "x.pvprof", stdin=text)
    assert done.exit_code == 1
    assert done.stderr.startswith("pvprof: error: ")
    assert list(tmp_path.iterdir()) == []


def test_losses_are_printed_on_import(run: RunCommand, tmp_path: Path) -> None:
    done = run("import", LOCKSTAT, "-o", tmp_path / "x.pvprof", "-q")
    assert "loss: lockstat-1: 73,458 x dynamic variable drops" in done.stderr
    assert "wrote" not in done.stderr
