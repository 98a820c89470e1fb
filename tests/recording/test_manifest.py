"""The manifest: any JSON gives typed facts, or an error that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import read_recording_bytes
from helpers.command_line import RunCommand, assert_is_error, assert_is_result
from helpers.strategies import any_text, json_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.recording.manifest import SCHEMA, Manifest, read_manifest
from pvprof.recording.open import open_recording
from pvprof.recording.provenance import Provenance
from pvprof.render.html.facts import recording_facts
from pvprof.stats.runs.manifests import run_from_manifest
from pvprof.views.tables.overhead import overhead_notes

KEYS = (
    *("pvprof", "host", "model", "ncpu", "memory_bytes", "kernel", "ident", "mode", "program"),
    *("tracer", "scope", "options", "label", "run", "warmup", "workload", "real_s", "user_s"),
    *("sys_s", "exit_status", "exit_signal", "begin", "duration_ns", "drops", "complete"),
    *("incomplete_reason", "notes", "layout", "unit"),
)
HUGE = pytest.param(10**400, id="huge")
documents = st.dictionaries(st.sampled_from(KEYS) | st.text(), json_values, max_size=6)


def recording_of(directory: Path, text: str) -> Path:
    """Make a recording with this text as its manifest."""
    directory.mkdir(exist_ok=True)
    (directory / "raw.out").write_bytes(read_recording_bytes("stock-offcpu.out"))
    (directory / "manifest.json").write_text(text, "utf-8", "surrogatepass")
    return directory


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=json_values | documents | documents.map(lambda facts: {"schema": SCHEMA, **facts}))
def test_any_json_is_a_manifest_or_an_error_that_names_it(tmp_path: Path, document: Any) -> None:
    recording = recording_of(tmp_path / "x.pvprof", json.dumps(document))
    try:
        raw: object = open_recording(str(recording)).manifest.raw
        message = ""
    except InputError as error:
        raw, message = None, error.message
    is_known = isinstance(document, dict) and document.get("schema") == SCHEMA
    assert raw == (document if is_known else None)
    assert message.startswith(f"{recording}: manifest.json") is not is_known


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=any_text.filter(bool))
def test_any_text_as_a_manifest_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    recording = recording_of(tmp_path / "x.pvprof", text)
    with pytest.raises(InputError, match=r"x\.pvprof: manifest\.json"):
        open_recording(str(recording))


@given(documents)
def test_all_facts_of_any_manifest_can_be_shown(document: dict[str, Any]) -> None:
    manifest = Manifest.from_json(document)
    assert all(label and text for label, text in Provenance.from_manifest(manifest).rows())
    assert all(label and text for label, text in recording_facts("run", manifest).rows)
    assert isinstance(run_from_manifest(manifest).fault, str)
    assert all(overhead_notes([manifest]))


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "value", [{"a": [1]}, [{}], "\0", HUGE, -1, 1e308, float("nan"), True, "9" * 5000]
)
def test_a_fact_of_any_type_gives_a_report(
    run: RunCommand, tmp_path: Path, key: str, value: object
) -> None:
    recording = recording_of(tmp_path / "x.pvprof", json.dumps({"schema": SCHEMA, key: value}))
    assert_is_result(run("report", recording))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema":' + "1" * 5000 + "}", "[]", "{"])
def test_a_manifest_that_is_no_object_is_an_error(
    run: RunCommand, tmp_path: Path, text: str
) -> None:
    assert "manifest.json" in assert_is_error(run("report", recording_of(tmp_path / "x", text)))


def test_a_missing_manifest_is_false() -> None:
    assert not read_manifest("", "run")
    assert read_manifest('{"schema": 1}', "run")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *[(0, 0), (2, 2), ("0", 0), ("2", 2), ("SIGKILL", "SIGKILL"), (True, 1), ([], None)],
        *[(None, None), (False, None), ("", None), (1 << 70, str(1 << 70)), ({"by": 9}, "by 9")],
    ],
)
def test_a_failure_of_any_type_is_known(value: object, code: object) -> None:
    manifest = Manifest.from_json({"exit_status": value, "real_s": 1})
    assert manifest.exit_status == code
    assert bool(run_from_manifest(manifest).fault) is bool(code)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63), 10**300])
def test_an_integer_of_more_than_64_bits_is_missing(number: int) -> None:
    assert Manifest.from_json({"duration_ns": number, "ncpu": number, "run": number}) == (
        Manifest(raw={"duration_ns": number, "ncpu": number, "run": number})
    )
