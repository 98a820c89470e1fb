"""Chrome traces: their content, and that any input makes a valid file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import NOTHING_WAITED, RunCommand, assert_is_error
from helpers.single_waits import RULES, Wait, pool_of
from helpers.strategies import wait_rows
from helpers.viewer_files import check_trace, kinds_of, nanoseconds, waits_of
from helpers.viewer_outputs import chrome_trace_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.errors import UsageError
from pvprof.render.rendered import Rendered
from pvprof.render.viewers import chrome_trace
from pvprof.render.viewers.chrome_trace import microseconds

ALL = Filters((ALL_KINDS,))
REAL = ["events.out.gz", "events-wakeups.out.gz", "build-events.out.gz"]
NASTY = ['say "x"', "back\\slash", "</script>", "é漢🔬", "a\x00b\n\x1b[31m", "\ud800", "x" * 10_000]


def total_ns(document: dict[str, Any]) -> int:
    return sum(nanoseconds(wait["dur"]) for wait in waits_of(document))


def converted(waits: list[Wait]) -> Rendered:
    return chrome_trace_of(Classified.of(pool_of(waits), RULES, ALL))


# ---- real recordings -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [(), ("-k", "all")])
@pytest.mark.parametrize("name", REAL)
def test_the_lengths_of_all_events_add_up_to_the_report(
    run: RunCommand, name: str, kinds: tuple[str, ...]
) -> None:
    path = RECORDINGS / name
    result = run("report", path, *kinds, "--format", "chrome-trace")
    assert result.exit_code == 0, result.stderr
    (section,) = json.loads(run("report", path, *kinds, "--format", "json").stdout)["sections"]
    document = check_trace(result.stdout)
    assert total_ns(document) == section["kept"]["value"]
    assert len(waits_of(document)) == section["kept"]["count"]
    sums: Counter[str] = Counter()
    for wait in waits_of(document):
        sums[wait["cat"]] += nanoseconds(wait["dur"])
    wanted: Counter[str] = Counter()
    for row in section["rows"]:
        wanted[row["kind"]] += row["value"]
    assert sums == wanted


def test_a_wait_has_its_lock_stack_and_owner(run: RunCommand) -> None:
    text = run(
        "fold", RECORDINGS / "events.out.gz", "--symbols", SYMBOLS, "--format", "chrome-trace"
    ).stdout
    document = check_trace(text)
    (wait,) = [one for one in waits_of(document) if one["args"].get("owner")][:1]
    assert wait == {
        "name": "vm object",
        "cat": "kernel",
        "ph": "X",
        "ts": wait["ts"],
        "dur": wait["dur"],
        "pid": wait["pid"],
        "tid": wait["tid"],
        "args": {
            "class": "vm object",
            "event": "turnstile",
            "stack": wait["args"]["stack"],
            "object": wait["args"]["object"],
            "owner": wait["args"]["owner"],
        },
    }
    assert wait["args"]["object"].startswith("0xfffff")
    assert "(tid " in wait["args"]["owner"]
    assert wait["args"]["stack"].split(";")[-1] == "kernel`turnstile_wait"


def test_wake_ups_are_instants_of_the_waker_with_an_arrow_to_the_wait(run: RunCommand) -> None:
    path = RECORDINGS / "events-wakeups.out.gz"
    document = check_trace(run("fold", "-k", "all", path, "--format", "chrome-trace").stdout)
    (section,) = json.loads(run("report", path, "-k", "all", "--format", "json").stdout)["sections"]
    runnable = sum(one["args"].get("runnable_ns", 0) for one in waits_of(document))
    assert runnable == sum(row["runnable"] or 0 for row in section["rows"])
    arrows = [one for one in document["traceEvents"] if one["ph"] == "s"]
    assert len(arrows) == sum("waker" in one["args"] for one in waits_of(document)) == 473
    assert all(
        one["name"].startswith("wakes ") for one in document["traceEvents"] if one["ph"] == "i"
    )


def test_time_begins_where_the_window_options_count(run: RunCommand) -> None:
    path = RECORDINGS / "events.out.gz"
    whole = check_trace(run("fold", "-k", "all", path, "--format", "chrome-trace").stdout)
    part = check_trace(
        run(
            "fold", "-k", "all", path, "--from", "2", "--to", "3", "--format", "chrome-trace"
        ).stdout
    )
    assert min(nanoseconds(wait["ts"]) for wait in waits_of(part)) == 2_000_000_000
    assert max(nanoseconds(wait["ts"]) for wait in waits_of(part)) < 3_000_000_000
    inside = {wait["ts"] for wait in waits_of(whole) if 2_000_000 < wait["ts"] < 3_000_000}
    assert inside == {wait["ts"] for wait in waits_of(part) if wait["ts"] != 2_000_000}


def test_the_suffix_chooses_the_format_and_the_file_names_its_source(
    run: RunCommand, tmp_path: Path
) -> None:
    for command in ("report", "fold", "flamegraph"):
        path = tmp_path / f"{command}.trace.json"
        result = run(command, RECORDINGS / "events.out.gz", "-o", path)
        assert result.exit_code == 0, result.stderr
        document = check_trace(path.read_text(encoding="utf-8"))
        assert document["otherData"]["Recording"] == "events"
        assert document["otherData"]["exporter"].startswith("pvprof@")


# ---- what cannot be drawn ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stock-offcpu.out", "oncpu-default.out"])
def test_a_recording_without_single_waits_is_an_error(run: RunCommand, name: str) -> None:
    result = run("fold", "-k", "all", RECORDINGS / name, "--format", "chrome-trace")
    assert result.exit_code == 2
    assert result.stdout == ""


def test_several_recordings_are_an_error(run: RunCommand) -> None:
    path = RECORDINGS / "events.out.gz"
    result = run("fold", "-k", "all", path, path, "--format", "chrome-trace")
    assert result.exit_code == 2
    assert "no common clock" in result.stderr


@pytest.mark.parametrize("options", [["--counts"], ["--no-timeline"], ["--chain", "owners"]])
def test_options_that_do_not_apply_are_an_error(run: RunCommand, options: list[str]) -> None:
    result = run(
        "fold", "-k", "all", RECORDINGS / "events.out.gz", *options, "--format", "chrome-trace"
    )
    assert result.exit_code == 2


def test_no_single_waits_is_an_error(run: RunCommand) -> None:
    result = run("flamegraph", "-", "--format", "chrome-trace", stdin=NOTHING_WAITED.encode())
    assert "none were recorded" in assert_is_error(result, 2)


def test_overlapping_waits_of_a_thread_are_cut_and_counted() -> None:
    rendered = converted([Wait(0, 100), Wait(50, 100), Wait(60, 20), Wait(10, 5, tid=2)])
    document = check_trace(rendered.text)
    spans = {(nanoseconds(wait["ts"]), nanoseconds(wait["dur"])) for wait in waits_of(document)}
    assert spans == {(0, 100), (100, 50), (10, 5)}
    assert kinds_of(rendered) == {"overlap": 2}
    assert "70 ns left out" in rendered.problems[0].text


def test_a_wait_of_zero_length_is_written() -> None:
    document = check_trace(converted([Wait(5, 0), Wait(7, 3)]).text)
    assert [wait["dur"] for wait in waits_of(document)] == [0, Decimal("0.003")]


def test_a_thread_without_a_known_process_is_its_own_process() -> None:
    pool = pool_of([Wait(0, 5, tid=70), Wait(0, 7, tid=80)])
    events = pool.measurements[0].events
    assert events is not None
    events.pid[:] = -1
    document = check_trace(chrome_trace_of(Classified.of(pool, RULES, ALL)).text)
    assert {(wait["pid"], wait["tid"]) for wait in waits_of(document)} == {(70, 70), (80, 80)}


def test_a_reused_thread_number_belongs_to_the_process_of_its_time() -> None:
    waits = [
        Wait(0, 10, tid=75, execname="sh"),
        Wait(5, 40, tid=81, owner=75),
        Wait(50, 10, tid=75, execname="cc"),
        Wait(70, 5, tid=81, owner=75),
        Wait(80, 5, tid=81, owner=99),
    ]
    pool = pool_of(waits)
    events = pool.measurements[0].events
    assert events is not None
    events.pid[:] = [7, 8, 9, 8, 8]
    document = check_trace(chrome_trace_of(Classified.of(pool, RULES, ALL)).text)
    owners = [one["args"]["owner"] for one in waits_of(document) if "owner" in one["args"]]
    assert owners == ["sh (tid 75)", "cc (tid 75)", "tid 99"]
    names = {
        (one["pid"], one["tid"]): one["args"]["name"]
        for one in document["traceEvents"]
        if one["name"] == "thread_name"
    }
    assert names == {(7, 75): "sh", (8, 81): "cc", (9, 75): "cc"}


def test_the_library_refuses_several_recordings() -> None:
    pool = pool_of([Wait(0, 5, run=0), Wait(0, 5, run=1)])
    with pytest.raises(UsageError, match="no common clock"):
        chrome_trace_of(Classified.of(replace(pool, names=("a", "b")), RULES, ALL))


# ---- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NASTY)
def test_names_with_any_character_are_kept(name: str) -> None:
    rendered = converted([Wait(0, 5, name=name, execname=name, stack=f"kernel`trap;{name}")])
    data = rendered.text.encode("utf-8", "backslashreplace")
    document = check_trace(data.decode())
    (wait,) = waits_of(document)
    assert wait["name"] == name
    assert wait["args"]["stack"] == f"kernel`trap;{name}"
    assert document["traceEvents"][0]["args"]["name"] == name


@given(st.integers(0, 1 << 70))
def test_microseconds_are_exact(time_ns: int) -> None:
    assert Decimal(microseconds(time_ns)) * 1000 == time_ns


@given(wait_rows, st.randoms(use_true_random=False))
def test_any_events_make_a_valid_trace_that_covers_the_same_time(
    some: list[tuple[int, int, int, int]], rng: Any
) -> None:
    waits = [
        Wait(start, wait, tid=tid, stack=f"kernel`trap;kernel`f{stack}")
        for tid, start, wait, stack in some
    ]
    rendered = converted(waits)
    document = check_trace(rendered.text)
    covered: dict[int, set[int]] = {}
    for one in waits:
        covered.setdefault(one.tid, set()).update(range(one.start, one.end))
    found: Counter[int] = Counter()
    for one_wait in waits_of(document):
        found[one_wait["tid"]] += nanoseconds(one_wait["dur"])
    assert +found == +Counter({tid: len(units) for tid, units in covered.items()})
    lost = sum(one.wait for one in waits) - found.total()
    assert ("overlap" in kinds_of(rendered)) == (lost > 0)
    rng.shuffle(waits)
    assert sorted(converted(waits).text.split("\n")) == sorted(rendered.text.split("\n"))


def test_a_trace_that_no_viewer_opens_gets_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [Wait(start, 5) for start in range(0, 100, 10)]
    whole = converted(waits)
    assert not whole.problems
    monkeypatch.setattr(chrome_trace, "VIEWABLE_BYTES", len(whole.text))
    assert not converted(waits).problems
    monkeypatch.setattr(chrome_trace, "VIEWABLE_BYTES", len(whole.text) - 1)
    (problem,) = converted(waits).problems
    assert problem.kind == "large-file"
    assert "--from and --to" in problem.text
