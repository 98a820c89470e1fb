"""A directory of recordings is taken as all recordings in it, by every command that reads them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from helpers.command_line import RunCommand, assert_is_error, folded_total
from helpers.two_sides import manifest, raw, records_of, write_recording

from pvprof.recording.directory import expand

WAITS = {"vm object": (1_000_000, 10)}
WALL_NS = 1_795_372_027_000_000_000


def write_runs(directory: Path, label: str, values_ns: list[int]) -> Path:
    """Write a recording for each value; the names sort in another order than the times."""
    for run, value_ns in enumerate(values_ns):
        waits = {"vm object": (value_ns, 10)}
        begin = {"monotonic_ns": 10**9 * (run + 1), "wall_ns": WALL_NS + run * 10**12}
        facts = manifest(run, label, begin=begin)
        place = directory / f"{'edcba'[run]}.pvprof"
        write_recording(place, raw(records_of(waits), run), facts)
    return directory


def test_the_recordings_come_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    directory = write_runs(tmp_path / "stock", "stock", [1, 2, 3])
    (directory / "README.txt").write_text("notes")
    (directory / ".hidden.out").write_text("no recording")
    names = [Path(path).name for path in expand([str(directory)])]
    assert names == ["e.pvprof", "d.pvprof", "c.pvprof"]


def test_archives_and_bare_files_count_and_warm_ups_do_not(tmp_path: Path) -> None:
    directory = write_runs(tmp_path / "stock", "stock", [1, 2])
    with tarfile.open(directory / "a.tar.gz", "w:gz") as archive:
        archive.add(directory / "e.pvprof", "e.pvprof")
    (directory / "b.out").write_bytes(raw(records_of(WAITS), 3))
    write_recording(
        directory / "w.pvprof", raw(records_of(WAITS), 4), manifest(0, "stock", warmup=True)
    )
    names = [Path(path).name for path in expand([str(directory)])]
    assert names == ["a.tar.gz", "b.out", "d.pvprof", "e.pvprof"]


def test_each_command_reads_a_directory_of_recordings(run: RunCommand, tmp_path: Path) -> None:
    stock = write_runs(tmp_path / "stock", "", [9_000_000, 9_100_000, 9_300_000])
    patched = write_runs(tmp_path / "patched", "", [3_000_000, 3_100_000, 3_300_000])
    assert folded_total(run("fold", "-k", "all", stock).stdout) == 27_400_000
    for command in ("report", "locks", "flamegraph"):
        result = run(command, stock)
        assert (result.exit_code, result.stderr) == (0, "")
        assert "vm object" in result.stdout
    compared = run("compare", stock, "--vs", patched)
    assert compared.exit_code == 0
    assert "(3 runs)" in compared.stdout
    times = run("stats", stock, patched)
    assert times.exit_code == 0, times.stderr
    assert "real" in times.stdout


@pytest.mark.parametrize("command", ["report", "fold", "flamegraph", "stats"])
def test_a_directory_without_recordings_says_what_it_lacks(
    command: str, run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    result = run(command, tmp_path)
    assert assert_is_error(result) == f"pvprof: error: {tmp_path}: no recordings in this directory"
    assert "a directory with raw.out in it, a .tar.gz of one, or a file NAME.out" in result.stderr


def test_a_directory_of_two_sets_has_two_sides(run: RunCommand, tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", "stock", [5, 6, 7])
    for place in list((tmp_path / "runs").iterdir()):
        place.rename(place.with_name(f"stock-{place.name}"))
    write_runs(tmp_path / "runs", "patched", [1, 2, 3])
    assert run("compare", tmp_path / "runs", "--base", "stock").exit_code == 0
