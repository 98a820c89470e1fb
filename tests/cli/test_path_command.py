"""``pvprof path``: the critical path of real recordings, for people and for programs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import RunCommand, assert_is_error, csv_rows, folded_total

from pvprof.recording.open import open_recording
from pvprof.units import format_ns

WAKEUPS = str(RECORDINGS / "events-wakeups.out.gz")
PERF = str(FIXTURES / "linux" / "perf-waking.txt.gz")
LENGTH_NS = 2_853_388_389


def test_the_path_of_a_real_recording_for_people(run: RunCommand) -> None:
    result = run("path", WAKEUPS)
    assert result.exit_code == 0, result.stderr
    assert_golden(result.stdout, FIXTURES / "golden" / "critical-path.txt")


def test_rows_for_programs_add_up_to_the_nanosecond(run: RunCommand) -> None:
    rows = csv_rows(run("path", WAKEUPS, "--format", "csv"))
    document = json.loads(run("path", WAKEUPS, "--format", "json").stdout)
    assert sum(int(row["path_ns"]) for row in rows) == document["length_ns"] == LENGTH_NS
    assert [row["cause"] for row in rows] == [row["cause"] for row in document["causes"]]
    (path,) = document["runs"]
    begins, ends = path["segments"]["begin_ns"], path["segments"]["end_ns"]
    assert begins[1:] == ends[:-1]
    assert (begins[0], ends[-1]) == (path["begin_ns"], path["begin_ns"] + LENGTH_NS)
    assert sum(thread["path_ns"] for thread in path["threads"]) == LENGTH_NS


def test_the_thread_can_be_named(run: RunCommand) -> None:
    document = json.loads(run("path", WAKEUPS, "--of", "100109", "--format", "json").stdout)
    assert document["runs"][0]["tid"] == 100109
    assert not document["runs"][0]["is_guess"]
    assert "no thread or process" in assert_is_error(run("path", WAKEUPS, "--of", "7"), code=2)


def test_several_recordings_are_added_up(run: RunCommand) -> None:
    once = csv_rows(run("path", PERF, "--format", "csv"))
    twice = csv_rows(run("path", PERF, PERF, "--format", "csv"))
    assert [(row["cause"], 2 * int(row["path_ns"])) for row in once] == [
        (row["cause"], int(row["path_ns"])) for row in twice
    ]


def test_kinds_that_are_chosen_count(run: RunCommand) -> None:
    def kinds(*options: str) -> set[str]:
        rows = csv_rows(run("path", PERF, *options, "--format", "csv"))
        return {row["kind"] for row in rows if row["saved_ns"] and row["kind"]}

    assert kinds() == set()
    assert "timer" in kinds("-k", "all")


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ("stock-offcpu.out", "needs single waits"),
        ("lockstat-provider.out", "needs single waits"),
        ("runq.out", "needs single waits"),
    ],
)
def test_sums_have_no_path(run: RunCommand, recording: str, words: str) -> None:
    assert re.search(words, assert_is_error(run("path", str(RECORDINGS / recording)), code=2))


@pytest.mark.parametrize(
    ("recording", "length_ns", "arrows"), [(WAKEUPS, LENGTH_NS, 3), (PERF, 158_193_591, 4)]
)
def test_a_trace_has_each_part_of_the_path_once_and_arrows_between_threads(
    run: RunCommand, recording: str, length_ns: int, arrows: int
) -> None:
    document = json.loads(run("path", recording, "--format", "chrome-trace").stdout)
    events = document["traceEvents"]
    parts = sorted((one for one in events if one["ph"] == "X"), key=lambda one: one["ts"])
    assert sum(round(1000 * one["dur"]) for one in parts) == length_ns
    assert all(
        round(1000 * (one["ts"] + one["dur"] - other["ts"])) == 0 for one, other in pairwise(parts)
    )
    begins = {one["id"]: one for one in events if one["ph"] == "s"}
    ends = {one["id"]: one for one in events if one["ph"] == "f"}
    assert len(begins) == len(ends) == arrows
    for number, begin in begins.items():
        end = ends[number]
        for flow in (begin, end):  # each is within an event of its thread
            assert any(
                one["tid"] == flow["tid"] and one["ts"] <= flow["ts"] <= one["ts"] + one["dur"]
                for one in parts
            )
        assert begin["tid"] != end["tid"]


def test_a_trace_is_of_one_recording(run: RunCommand) -> None:
    result = run("path", PERF, PERF, "--format", "chrome-trace")
    assert "of one recording" in assert_is_error(result, code=2)


def test_a_part_of_a_run_has_a_path(run: RunCommand) -> None:
    result = run("path", WAKEUPS, "--from", "0.5", "--to", "1.5", "--format", "json")
    assert json.loads(result.stdout)["length_ns"] == 1_000_000_000


PV_LIST = str(FIXTURES / "freebsd-13.2-path" / "pv-list.pvprof")
THREADS = str(FIXTURES / "linux" / "bpftrace" / "path.pvprof.tar.gz")


def test_the_path_of_recorded_threads_is_as_long_as_the_workload_ran(run: RunCommand) -> None:
    document = json.loads(run("path", THREADS, "--format", "json").stdout)
    (path,) = document["runs"]
    assert not path["is_guess"]
    assert document["unknown_ns"] == 0
    real_s = open_recording(THREADS).manifest.real_s
    assert real_s is not None
    assert abs(document["length_ns"] - 1e9 * real_s) < 0.01e9


def test_a_report_has_the_path_if_threads_were_recorded(run: RunCommand) -> None:
    (section,) = json.loads(run("report", THREADS, "--format", "json").stdout)["sections"]
    document = json.loads(run("path", THREADS, "--format", "json").stdout)
    assert section["critical_path"] == document["causes"]
    text = run("report", THREADS).stdout
    assert "Critical path of the run" in text
    assert "until the end of dash (thread" in text
    assert "critical_path" not in run("report", WAKEUPS, "--format", "json").stdout


def test_a_page_has_the_time_line(run: RunCommand) -> None:
    page = run("report", THREADS, "--format", "html", "-f").stdout
    assert page.count('class="pvprof-line"') == 1
    assert "Critical path" in page
    script = re.findall(r"<script>(.*?)</script>", page, re.S)[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"sha256-{digest}" in page
    assert 'class="pvprof-line"' not in run("report", WAKEUPS, "--format", "html").stdout


@pytest.mark.parametrize("recording", [THREADS, WAKEUPS, PERF])
def test_stacks_of_the_path_add_up_to_it(run: RunCommand, recording: str) -> None:
    document = json.loads(run("path", recording, "--format", "json").stdout)
    for command in (("fold",), ("flamegraph", "--format", "svg")):
        assert run(*command, "--path", recording).exit_code == 0
    stacks = run("fold", "--path", recording).stdout
    assert folded_total(stacks) == document["length_ns"]
    causes = {(row["kind"], row["cause"]): row["path_ns"] for row in document["causes"]}
    runnable = [line for line in stacks.splitlines() if ";[runnable] " in line]
    assert folded_total("\n".join(runnable)) == causes["", "runnable"]


def test_a_flame_graph_of_the_path_joins_the_code_that_ran_with_what_waited(
    run: RunCommand,
) -> None:
    stacks = run("fold", "--path", WAKEUPS).stdout.splitlines()
    joined = [line for line in stacks if ";--;" in line]
    assert joined
    assert any(line.startswith("pvload;") and "kern_wait6" in line for line in joined)


@pytest.mark.parametrize(
    "options", [["--chain", "wakers"], ["--counts"], ["--measure", "ns"], ["--wall-clock"]]
)
def test_the_path_does_not_go_with_other_measurements(run: RunCommand, options: list[str]) -> None:
    error = assert_is_error(run("fold", "--path", WAKEUPS, *options), code=2)
    assert options[0] in error


def test_the_example_of_the_documents_is_what_pvprof_says(run: RunCommand) -> None:
    docs = Path(__file__).parents[2] / "docs"
    shown = run("path", THREADS, "-k", "io").stdout.splitlines()
    (example,) = re.findall(r"```\n(Of .*?)```", (docs / "critical-path.md").read_text(), re.S)
    assert set(example.splitlines()) <= set(shown)
    drawn = run("path", "-q", THREADS, "-k", "io", "--format", "svg").stdout
    assert_golden(drawn, docs / "critical-path.svg")


def test_the_figures_of_a_lock_in_the_docs_are_those_of_its_recording(run: RunCommand) -> None:
    text = " ".join((Path(__file__).parents[2] / "docs/critical-path.md").read_text().split())
    document = json.loads(run("path", PV_LIST, "--format", "json").stdout)
    (lock,) = [row for row in document["causes"] if row["cause"].startswith("pv list")]
    assert document["length_ns"] == sum(row["path_ns"] for row in document["causes"])
    for value_ns in (document["length_ns"], lock["wait_ns"], lock["union_ns"], lock["path_ns"]):
        assert f" {format_ns(value_ns)} " in text
