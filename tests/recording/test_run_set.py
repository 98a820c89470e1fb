"""Run sets: any ``set.json`` gives the recordings of a set, or an error that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import read_recording_bytes
from helpers.command_line import RunCommand, assert_is_error, assert_no_traceback
from helpers.strategies import any_text, json_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.recording.directory import expand
from pvprof.recording.manifest import Manifest
from pvprof.recording.run_set import RunSetFile, read_run_set, write_run_set

names = any_text | st.sampled_from([".", "..", "/", "a/..", "a\0b", "\ud800", "x.pvprof", "é"])
runs = st.dictionaries(st.sampled_from(["name", "run", "warmup", "exit_status"]), json_values)
contents = st.fixed_dictionaries(
    {"schema": st.just(1) | json_values},
    optional={
        "label": json_values,
        "wanted": json_values,
        "recordings": st.lists(names, max_size=3) | json_values,
        "runs": st.lists(runs, max_size=3) | json_values,
    },
)


def run_set(directory: Path, document: object) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "set.json").write_text(json.dumps(document))
    return directory


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=contents | json_values)
def test_any_json_lists_recordings_or_is_an_error_that_names_it(
    tmp_path: Path, document: Any
) -> None:
    directory = run_set(tmp_path / "set", document)
    try:
        paths = expand([str(directory)])
        message = ""
    except InputError as error:
        paths, message = [], error.message
    assert bool(paths) != message.startswith(f"{directory / 'set.json'}: ")
    assert all(Path(path).parent == directory for path in paths)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=contents | json_values)
def test_any_json_has_runs_or_is_an_error_that_names_it(tmp_path: Path, document: Any) -> None:
    directory = run_set(tmp_path / "set", document)
    try:
        read_run_set(directory)
        message = ""
    except InputError as error:
        message = error.message
    assert not message or message.startswith(f"{directory / 'set.json'}: ")


@pytest.mark.parametrize(
    "recordings",
    [
        [],
        None,
        {},
        [1],
        ["\ud800"],
        ["a\0b"],
        ["a\nb"],
        [""],
        ["/"],
        [".."],
        ["a", "b", "./a"],
        ["a/.."],
        ["\x1b[31m" * 1000],
    ],
)
@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_name_that_is_no_file_name_is_an_error(
    run: RunCommand, tmp_path: Path, command: str, recordings: object
) -> None:
    directory = run_set(tmp_path / "set", {"schema": 1, "recordings": recordings})
    error = assert_is_error(run(command, directory))
    assert "set.json: " in error
    assert error.isprintable()


@pytest.mark.parametrize(
    "name", ["\ud800", "\0", "\x1b[31mred", pytest.param(10**400, id="huge"), {"a": 1}, "n" * 300]
)
def test_a_run_of_any_name_is_set_aside_by_it(
    run: RunCommand, tmp_path: Path, name: object
) -> None:
    runs = [{"name": name, "exit_status": 1, "real_s": 3}, *[{"name": "a", "real_s": 4}] * 3]
    result = run("stats", run_set(tmp_path / "set", {"schema": 1, "runs": runs}))
    assert_no_traceback(result)
    assert result.exit_code == 0
    assert "its workload failed" in result.stdout
    assert result.stdout.replace("\n", "").isprintable()


def test_a_recording_in_another_directory_is_looked_for_in_the_set(tmp_path: Path) -> None:
    directory = run_set(tmp_path / "set", {"recordings": ["/etc/passwd", "../other.pvprof"]})
    assert expand([str(directory)]) == [f"{directory}/passwd", f"{directory}/other.pvprof"]


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b"])
def test_a_path_that_no_file_can_have_is_no_run_set(path: str) -> None:
    assert expand([path]) == [path]


def test_a_run_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    warmup = {"schema": 1, "mode": "offcpu", "run": 1, "warmup": True, "real_s": 2.5}
    failed = {"schema": 1, "mode": "offcpu", "run": 1, "exit_status": 2, "host": "é"}
    runs = [
        ("warmup-1.pvprof", Manifest.from_json(warmup)),
        ("offcpu-1.pvprof", Manifest.from_json(failed)),
    ]
    write_run_set(tmp_path, "stock", 3, runs)
    found = read_run_set(tmp_path)
    assert (found.label, found.wanted) == ("stock", 3)
    assert [
        (name, facts.is_warmup, facts.real_s, facts.exit_status) for name, facts in found.runs
    ] == [("warmup-1.pvprof", True, 2.5, None), ("offcpu-1.pvprof", False, None, 2)]
    assert expand([str(tmp_path)]) == [str(tmp_path / "offcpu-1.pvprof")]


def test_a_recording_in_a_run_set_is_read(run: RunCommand, tmp_path: Path) -> None:
    directory = run_set(tmp_path / "set", {"schema": 1, "recordings": ["1.pvprof"]})
    (directory / "1.pvprof").mkdir()
    (directory / "1.pvprof" / "raw.out").write_bytes(read_recording_bytes("stock-offcpu.out"))
    assert (
        run("fold", "-k", "all", directory).stdout
        == run("fold", "-k", "all", directory / "1.pvprof").stdout
    )


def test_a_label_of_another_type_is_empty(tmp_path: Path) -> None:
    document = {"schema": 1, "label": 7, "wanted": True, "runs": []}
    assert read_run_set(run_set(tmp_path / "set", document)) == RunSetFile("", None, ())
