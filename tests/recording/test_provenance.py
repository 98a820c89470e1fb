"""Provenance: labelled lines from manifests of any age and completeness."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand
from helpers.flamegraph_file import data_of
from helpers.strategies import json_values
from hypothesis import given
from hypothesis import strategies as st

from pvprof.recording.manifest import Manifest
from pvprof.recording.provenance import Provenance, duration_words, provenance_rows

MANIFEST: dict[str, Any] = {
    "schema": 1,
    "pvprof": "0.1.0",
    "mode": "offcpu",
    "host": "beastie",
    "kernel": {
        "ident": "GENERIC",
        "release": "13.2-RELEASE",
        "version": "FreeBSD 13.2-RELEASE GENERIC\n",
    },
    "ncpu": 96,
    "workload": ["make", "-j96", "buildkernel", "KERNCONF=MY CONF"],
    "label": "stock",
    "duration_ns": 25_702_098_460,
    "drops": {"aggregation": 0, "principal buffer": 2737},
    "complete": False,
}


def rows_of(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the provenance of a manifest."""
    return Provenance.from_manifest(Manifest.from_json(document)).rows()


def test_facts_are_in_reading_order() -> None:
    assert rows_of(MANIFEST) == (
        ("Host", "beastie"),
        ("Kernel", "GENERIC, 13.2-RELEASE, FreeBSD 13.2-RELEASE GENERIC"),
        ("CPUs", "96"),
        ("Workload", "make -j96 buildkernel 'KERNCONF=MY CONF'"),
        ("Label", "stock"),
        ("Mode", "offcpu"),
        ("Duration", "25.70 s"),
        ("Recorded by", "pvprof 0.1.0"),
        ("Lost", "principal buffer: 2,737; the recording is incomplete"),
    )


@pytest.mark.parametrize("missing", MANIFEST)
def test_each_fact_may_be_missing(missing: str) -> None:
    rows = rows_of({key: value for key, value in MANIFEST.items() if key != missing})
    if missing == "schema":
        assert rows == rows_of(MANIFEST)
    elif missing in ("drops", "complete"):  # parts of one row
        assert rows[:-1] == rows_of(MANIFEST)[:-1] != rows
        assert rows[-1][1] in rows_of(MANIFEST)[-1][1]
    else:
        assert set(rows) < set(rows_of(MANIFEST))


def test_an_old_manifest_may_have_plain_texts() -> None:
    old = {"kernel": "FreeBSD 13.2-RELEASE", "ident": "OBM", "workload": "make", "drops": 3}
    assert rows_of(old) == (
        ("Kernel", "FreeBSD 13.2-RELEASE, OBM"),
        ("Workload", "make"),
        ("Lost", "3 drops"),
    )


@given(manifest=st.dictionaries(st.sampled_from(list(MANIFEST)), json_values))
def test_values_of_any_type_give_texts(manifest: dict[str, Any]) -> None:
    assert all(label and text for label, text in rows_of(manifest))


def test_facts_of_several_recordings_are_merged() -> None:
    rows = dict(
        provenance_rows(map(Manifest.from_json, [MANIFEST, {**MANIFEST, "host": "daemon"}]))
    )
    assert rows["Host"] == "beastie\ndaemon"
    assert rows["CPUs"] == "96"
    assert rows["Duration"] == "2 recordings of 25.70 s, start and stop of tracing included"


def test_durations_of_several_recordings_are_one_line() -> None:
    assert duration_words([]) == ""
    assert duration_words([5_008_000_000]) == "5.008 s"
    ten = [5_008_000_000] * 2 + [6_012_000_000, 5_005_000_000] * 4
    words = "10 recordings of 5.005 s to 6.012 s, start and stop of tracing included"
    assert duration_words(ten) == words
    assert duration_words(ten, is_whole=False) == "10 recordings of 5.005 s to 6.012 s"


def test_a_report_and_a_picture_of_ten_runs_have_one_line_on_their_durations(
    run: RunCommand,
) -> None:
    words = "10 recordings of 5.005 s to 6.012 s, start and stop of tracing included"
    rwlock = FIXTURES / "example-lock-patch/rwlock"
    assert f"  Duration: {words}\n" in run("report", rwlock, "-v").stdout
    assert dict(data_of(run("flamegraph", rwlock).stdout)["notes"])["Duration"] == words
    obm = FIXTURES / "example-lock-patch/obm"
    notes = dict(data_of(run("compare", rwlock, "--vs", obm, "--format", "svg").stdout)["notes"])
    assert f"\nDuration: {words}\n" in notes["Base"]


def test_a_flame_graph_shows_the_provenance_of_its_recording(
    run: RunCommand, tmp_path: Path
) -> None:
    recording = tmp_path / "run1"
    recording.mkdir()
    (recording / "manifest.json").write_text(json.dumps(MANIFEST))
    raw = gzip.decompress((RECORDINGS / "events.out.gz").read_bytes())
    (recording / "raw.out").write_bytes(raw)
    result = run("flamegraph", recording)
    assert result.exit_code == 0, result.stderr
    notes = dict(data_of(result.stdout)["notes"])
    assert notes["Host"] == "beastie"
    assert notes["Kernel"].startswith("GENERIC, 13.2-RELEASE")
    assert notes["Workload"].startswith("make -j96")
    assert notes["Duration"] == "25.70 s"
    assert "Waiting for children" in notes["Set aside"]
    assert notes["Shown"].endswith(" stacks")
    assert notes["Drawn by"].startswith("pvprof ")


HOSTILE = "h\x1b]0;OWNED\x07\u202e\r\x9b31m"


@pytest.mark.parametrize("command", ["report", "locks", "fold", "flamegraph", "compare", "stats"])
def test_no_fact_of_a_recording_reaches_the_terminal_as_a_control_sequence(
    command: str, run: RunCommand, tmp_path: Path
) -> None:
    recording = tmp_path / "r.pvprof"
    recording.mkdir()
    shutil.copy(RECORDINGS / "stock-offcpu.out", recording / "raw.out")
    (recording / "stderr.txt").write_text(f"dtrace: {HOSTILE}\n")
    texts = ("host", "workload", "label", "kernel", "ident", "mode", "pvprof", "incomplete_reason")
    facts: dict[str, Any] = {
        "schema": 1,
        "complete": False,
        "drops": {"x": HOSTILE},
        "workload": {"command": [HOSTILE], "real_s": 3.0},
    }
    facts = {**dict.fromkeys(texts, HOSTILE), **facts}
    (recording / "manifest.json").write_text(json.dumps(facts))
    others = ["--vs", recording] if command == "compare" else []
    result = run(command, recording, *others)
    printed = result.stdout + result.stderr
    assert "OWNED" in printed or command == "fold"
    assert not [one for one in HOSTILE if not one.isprintable() and one in printed]
