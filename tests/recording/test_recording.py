"""The three forms of a recording give the same results: directory, archive, bare file."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from conftest import RECORDINGS, SYMBOLS, read_recording_bytes
from helpers.command_line import RunCommand

from pvprof.errors import InputError
from pvprof.recording.open import open_recording

MANIFEST = {"schema": 1, "mode": "events", "host": "target", "ncpu": 8, "ident": "GENERIC"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Make a recording's directory as the recorder does, from real output."""
    path = tmp_path / "run1.pvprof"
    path.mkdir()
    (path / "raw.out").write_bytes(read_recording_bytes("stock-offcpu.out"))
    (path / "stderr.txt").write_text("dtrace: 13 drops on CPU 5\n")
    (path / "script.d").write_text((RECORDINGS / "stock-offcpu.d").read_text())
    (path / "manifest.json").write_text(json.dumps(MANIFEST))
    shutil.copy(SYMBOLS, path / "symbols.nm.gz")
    return path


def pack(directory: Path, archive: Path, top: str) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        for member in sorted(directory.iterdir()):
            tar.add(member, arcname=f"{top}{member.name}")
    return archive


def values_by_stack(folded: str) -> dict[str, int]:
    rows = (line.rpartition(" ") for line in folded.splitlines())
    return {stack: int(value) for stack, _, value in rows}


def test_a_directory_gives_its_output_with_symbols_drops_and_facts(
    directory: Path, run: RunCommand
) -> None:
    result = run("report", directory, "--format", "json")
    report = json.loads(result.stdout)
    assert report["recordings"] == ["run1"]
    assert {"label": "Kernel", "text": "GENERIC"} in report["provenance"]
    problems = [(problem["kind"], problem["count"]) for problem in report["problems"]]
    assert problems == [("drops", 13)]
    folded = run("fold", "-k", "all", directory, "-q").stdout
    assert "kernel`fast_syscall_common;" in folded
    assert "0xffffffff8068e64b" not in folded


@pytest.mark.parametrize("top", ["run1.pvprof/", ""])
def test_an_archive_gives_the_same_results_as_its_directory(
    directory: Path, top: str, run: RunCommand
) -> None:
    archive = pack(directory, directory.parent / "run1.tar.gz", top)
    assert run("fold", "-k", "all", archive).stdout == run("fold", "-k", "all", directory).stdout
    assert run("report", archive).stdout == run("report", directory).stdout


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_packed_output_gives_the_same_results_as_plain_output(
    directory: Path, packer: str, run: RunCommand
) -> None:
    plain = run("fold", "-k", "all", directory, "-q").stdout
    raw = directory / "raw.out"
    if packer == "gzip":
        raw.with_name("raw.out.gz").write_bytes(gzip.compress(raw.read_bytes()))
    else:
        subprocess.run(["zstd", "-q", raw, "-o", directory / "raw.out.zst"], check=True)
    raw.unlink()
    assert run("fold", "-k", "all", directory, "-q").stdout == plain


def test_stderr_and_script_may_be_files_beside_a_bare_file(tmp_path: Path) -> None:
    (tmp_path / "x.out").write_bytes(read_recording_bytes("runq.out"))
    (tmp_path / "x.err.gz").write_bytes(gzip.compress(b"dtrace: 7 drops on CPU 0\n"))
    (tmp_path / "x.d").write_text("sched:::enqueue { }")
    recording = open_recording(str(tmp_path / "x.out"))
    assert recording.name == "x"
    assert "7 drops" in recording.stderr
    assert "enqueue" in recording.script


def test_the_d_program_beside_a_table_names_the_mechanism(run: RunCommand) -> None:
    result = run("locks", RECORDINGS / "runq.out", "--format", "csv")
    assert {line.split(",")[2] for line in result.stdout.splitlines()[1:]} == {"runq"}


def test_stdin_is_a_recording(run: RunCommand) -> None:
    data = read_recording_bytes("stock-offcpu.out")
    from_file = run("fold", "-k", "all", RECORDINGS / "stock-offcpu.out").stdout
    assert run("fold", "-k", "all", "-", stdin=data).stdout == from_file
    assert run("fold", "-k", "all", "-", stdin=gzip.compress(data)).stdout == from_file


def test_several_recordings_are_added_up(run: RunCommand) -> None:
    path = RECORDINGS / "stock-offcpu.out"
    once = values_by_stack(run("fold", "-k", "all", path, "-q").stdout)
    twice = values_by_stack(run("fold", "-k", "all", path, path, "-q").stdout)
    assert twice == {stack: 2 * value for stack, value in once.items()}


def test_waits_and_samples_are_not_added_up(run: RunCommand) -> None:
    paths = [RECORDINGS / name for name in ("stock-offcpu.out", "oncpu-default.out")]
    both = json.loads(run("report", *paths, "--format", "json").stdout)["sections"]
    first, second = (
        json.loads(run("report", path, "--format", "json").stdout)["sections"] for path in paths
    )
    assert both == first + second
    assert [section["unit"] for section in both] == ["ns", "samples"]


def test_an_incomplete_recording_is_a_loss(directory: Path, run: RunCommand) -> None:
    (directory / "manifest.json").write_text(json.dumps({**MANIFEST, "complete": False}))
    result = run("fold", "-k", "all", directory)
    assert result.exit_code == 0
    assert "pvprof: loss: run1: the recorder did not finish" in result.stderr


@pytest.mark.parametrize("schema", [2, "one", None])
def test_a_manifest_of_an_unknown_schema_is_an_error(
    directory: Path, schema: object, run: RunCommand
) -> None:
    (directory / "manifest.json").write_text(json.dumps({"schema": schema}))
    result = run("report", directory)
    assert result.exit_code == 1
    assert "unknown schema" in result.stderr


def test_a_cut_gzip_file_is_read_up_to_its_end_with_a_loss(tmp_path: Path, run: RunCommand) -> None:
    whole = read_recording_bytes("lockstat-provider.out")
    packed = gzip.compress(whole)
    cut = tmp_path / "cut.out.gz"
    cut.write_bytes(packed[: len(packed) // 2])
    result = run("fold", "-k", "all", cut)
    assert result.exit_code == 0
    assert "loss: cut: the packed data end early" in result.stderr
    folded = result.stdout.splitlines()
    assert folded
    assert len(folded) < len(
        run("fold", "-k", "all", RECORDINGS / "lockstat-provider.out").stdout.splitlines()
    )


def test_the_output_may_not_be_deep_inside_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "odd.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("a/b/c/raw.out")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"x 1"))
    with pytest.raises(InputError, match=r"no raw\.out in it"):
        open_recording(str(archive))


def test_an_archive_is_recognised_by_its_content(directory: Path, run: RunCommand) -> None:
    archive = pack(directory, directory.parent / "run1.tar.gz", "run1.pvprof/")
    wanted = run("fold", "-k", "all", archive, "-q").stdout
    renamed = shutil.copy(archive, directory.parent / "download")
    assert run("fold", "-k", "all", renamed, "-q").stdout == wanted
    assert run("fold", "-k", "all", "-", "-q", stdin=archive.read_bytes()).stdout == wanted


def test_two_recordings_in_one_archive_are_an_error(directory: Path, run: RunCommand) -> None:
    archive = directory.parent / "two.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for top in ("a", "b"):
            tar.add(directory / "raw.out", arcname=f"{top}/raw.out")
    result = run("fold", "-k", "all", archive)
    assert result.exit_code == 1
    assert "several recordings in one archive" in result.stderr


def test_symbols_of_a_module_do_not_replace_those_of_the_kernel(
    directory: Path, run: RunCommand
) -> None:
    module = directory.parent / "mod.nm"
    module.write_text("0000000000001000 t dtrace_ioctl\n")
    result = run("fold", "-k", "all", directory, "-q", "--symbols", f"dtrace.ko={module}")
    assert "kernel`fast_syscall_common;" in result.stdout
