"""Who ended waits: the join of wake-ups, joined stacks, and waits divided by their wake-up."""

from __future__ import annotations

import csv
import io
import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import FIXTURES, RECORDINGS, SYMBOLS, assert_golden
from helpers import native_writer as writer
from helpers.command_line import RunCommand, csv_rows, folded_total
from helpers.single_waits import Wait as SingleWait
from helpers.single_waits import events_of
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.report import Detail, build_report
from pvprof.analysis.stacks.chains import MAX_DEPTH, Joined, join_stacks
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.analysis.waits.waker_chains import (
    EndedWaits,
    chains_of_sums,
    chains_of_waits,
    follow_wakers,
)
from pvprof.analysis.wakers import wakers_of, wakeup_sums_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters, classify
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Measurement
from pvprof.dataset.load import load_dataset
from pvprof.model.arrays import INT64_MAX
from pvprof.model.stacks import Stack
from pvprof.model.waits import WakeupTable
from pvprof.model.wakeup_sums import NO_WAKER
from pvprof.parse.read import ReadOptions, read

GOLDEN = FIXTURES / "golden"
REAL = RECORDINGS / "events-wakeups.out.gz"
EVERYTHING = Filters(kinds=(ALL_KINDS,))
ENTRY = "kernel`fork_exit"
INTERRUPT = "kernel`handleevents"

# ------------------------------------------------------------------------ the slow way, apart


class Wait(NamedTuple):
    start: int
    wait: int
    tid: int
    execname: str
    name: str
    frames: tuple[str, ...]

    @property
    def end(self) -> int:
        return self.start + self.wait

    def text(self) -> str:
        head = f"E {self.start} {self.wait} 5 {self.tid} 0 {self.execname} s ff 0 {self.name}"
        return f"{head}\n\n" + "".join(f"              {one}\n" for one in self.frames)


class Wake(NamedTuple):
    time: int
    sleeper: int
    waker: int
    execname: str
    frames: tuple[str, ...]

    def text(self) -> str:
        head = f"W {self.time} {self.sleeper} {self.waker} 0 {self.execname}"
        return f"{head}\n\n" + "".join(f"              {one}\n" for one in self.frames)


class Recorded(NamedTuple):
    """One recording, and the order in which its records stand."""

    waits: tuple[Wait, ...]
    wakes: tuple[Wake, ...]
    order: tuple[int, ...]

    def text(self) -> bytes:
        records = [one.text() for one in self.waits] + [one.text() for one in self.wakes]
        body = "".join(records[place] for place in self.order)
        return f"B 0 5\n{body}Z 99 104\n".encode()

    def in_file(self) -> tuple[list[Wait], list[Wake]]:
        both = [(*self.waits, *self.wakes)[place] for place in self.order]
        waits = [one for one in both if isinstance(one, Wait)]
        return waits, [one for one in both if isinstance(one, Wake)]


def ended_by(recorded: Recorded) -> tuple[dict[int, Wake], int, int]:
    """Return by which wake-up each wait ended, how many are in no wait, how many in one again."""
    waits, wakes = recorded.in_file()
    found: dict[int, Wake] = {}
    lone = more = 0
    for wake in sorted(wakes, key=lambda one: one.time):  # stable: the file decides
        holding = [
            place
            for place, wait in enumerate(waits)
            if wait.tid == wake.sleeper and wait.start <= wake.time <= wait.end
        ]
        if not holding:
            lone += 1
            continue
        place = min(holding, key=lambda one: (waits[one].end, waits[one].start, one))
        more += place in found
        found[place] = wake
    return found, lone, more


def slow_chains(runs: Sequence[Recorded], depth: int, by: str = "leaf") -> Counter[str]:
    """Return the joined stacks, made one wait after the other."""
    stacks: Counter[str] = Counter()
    for recorded in runs:
        waits, _ = recorded.in_file()
        ended, _, _ = ended_by(recorded)
        for place, wait in enumerate(waits):
            frames = [wait.execname, *wait.frames[::-1]]
            frames = [wait.name, *frames] if by == "root" else frames
            frames += [wait.name] if by == "leaf" else []
            if place not in ended:
                stacks[";".join([*frames, "--", NO_WAKER])] += wait.wait
                continue
            met, now = [wait.tid], ended[place]
            frames += ["--", *now.frames, now.execname]
            for _ in range(depth - 1):
                own = [
                    (one.end, one.start, at)
                    for at, one in enumerate(waits)
                    if one.tid == now.waker and one.end <= now.time
                ]
                if now.waker in met or INTERRUPT in now.frames or not own:
                    break
                end, _, at = max(own)
                if end <= wait.start or at not in ended:
                    break
                met.append(now.waker)
                now = ended[at]
                frames += [] if by == "none" else [waits[at].name]
                frames += ["--", *now.frames, now.execname]
            stacks[";".join(frames)] += wait.wait
    return Counter({stack: value for stack, value in stacks.items() if value})


@st.composite
def recordings(draw: st.DrawFn) -> Recorded:
    """Draw waits that do not overlap within a thread, and wake-ups anywhere, by anyone."""
    waits = []
    for tid in (1, 2, 3):
        time = draw(st.integers(0, 4))
        for _ in range(draw(st.integers(0, 4))):
            length = draw(st.integers(0, 6))
            name, frame = draw(st.sampled_from(["lock a", "b"])), draw(st.sampled_from("fg"))
            waits.append(Wait(time, length, tid, f"p{tid}", name, (f"kernel`{frame}", ENTRY)))
            time += length + draw(st.integers(0, 3))
    wake = st.builds(
        Wake,
        st.integers(0, 30),
        st.integers(1, 4),
        st.integers(1, 4),
        st.sampled_from(["w", "x y"]),
        st.sampled_from([("kernel`wakeup", ENTRY), ("kernel`timer", INTERRUPT)]),
    )
    wakes = draw(st.lists(wake, max_size=12))
    order = draw(st.permutations(range(len(waits) + len(wakes))))
    return Recorded(tuple(waits), tuple(wakes), tuple(order))


RUNS = st.lists(recordings().filter(lambda one: bool(one.order)), min_size=1, max_size=3)


def measured(runs: Sequence[Recorded]) -> Measurement:
    """Return the measurement of several recordings together."""
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place) / f"run{number}.out" for number in range(len(runs))]
        for path, recorded in zip(paths, runs, strict=True):
            path.write_bytes(recorded.text())
        return load_dataset([str(path) for path in paths], ReadOptions()).measurement("ns")


def weights_of(joined: Joined) -> Counter[tuple[object, ...]]:
    return Counter(
        (*what, frames, weight) for what, some in joined.items() for frames, weight in some
    )


def joined_stacks(measurement: Measurement, options: FoldOptions, depth: int = 1) -> Counter[Stack]:
    assert measurement.events is not None
    assert measurement.wakeups is not None
    ended = EndedWaits(measurement.events, measurement.wakeups, measurement.runs)
    parts = classify(measurement.profile, load_rules(None))
    options = replace(options, chain_depth=depth)
    joined = chains_of_waits(ended, options)
    if depth == 1:
        assert weights_of(joined) == weights_of(
            chains_of_sums(wakeup_sums_of(measurement), options)
        )
    stacks, how = join_stacks(joined, parts, options, NO_WAKER)
    groups = zip((part.key for part in parts), stacks, strict=True)
    return Counter(dict(fold(groups, "ns", how).rows))


# --------------------------------------------------------------------------------- the join


@given(recordings().filter(lambda one: bool(one.order)))
def test_each_wake_up_ends_the_same_wait_as_in_a_slow_join(recorded: Recorded) -> None:
    parsed = read(recorded.text(), "x", ReadOptions())
    waits, wakes = recorded.in_file()
    ended, lone, more = ended_by(recorded)
    counts = {one.kind: one.count for one in parsed.problems}
    assert counts.get("lone-wakeups", 0) == lone
    assert counts.get("repeated-wakeups", 0) == more
    assert parsed.records == len(waits) + len(wakes)
    assert (parsed.wakeups is None) == (not wakes)
    if parsed.wakeups is None:
        return
    table = parsed.wakeups
    assert table.time_ns.tolist() == [one.time for one in wakes]
    assert table.sleeper_tid.tolist() == [one.sleeper for one in wakes]
    assert table.waker_tid.tolist() == [one.waker for one in wakes]
    assert [table.keys[key].execname for key in table.key_id] == [one.execname for one in wakes]
    assert {
        row: wake for row, wake in zip(table.row.tolist(), wakes, strict=True) if row >= 0
    } == ended


@examples(0.6)
@given(RUNS)
def test_rows_stay_with_their_waits_when_runs_are_pooled(runs: list[Recorded]) -> None:
    measurement = measured(runs)
    wanted: dict[int, Wake] = {}
    before = 0
    for recorded in runs:
        wanted |= {before + row: wake for row, wake in ended_by(recorded)[0].items()}
        before += len(recorded.waits)
    table = measurement.wakeups
    if table is None:
        assert not wanted
        return
    found = {
        row: (int(time), int(sleeper), int(waker))
        for row, time, sleeper, waker in zip(
            table.row.tolist(), table.time_ns, table.sleeper_tid, table.waker_tid, strict=True
        )
        if row >= 0
    }
    assert found == {row: (one.time, one.sleeper, one.waker) for row, one in wanted.items()}
    assert len(found) == int((table.row >= 0).sum())


# ----------------------------------------------------------------------------- joined stacks


@pytest.mark.slow
@examples(1.5)
@given(RUNS, st.integers(1, MAX_DEPTH), st.sampled_from(["leaf", "root", "none"]))
def test_joined_stacks_equal_a_slow_join_and_have_each_wait_once(
    runs: list[Recorded], depth: int, by: str
) -> None:
    measurement = measured(runs)
    if measurement.wakeups is None:
        return
    found = joined_stacks(measurement, FoldOptions(by=by), depth)  # type: ignore[arg-type]
    assert found == slow_chains(runs, depth, by)
    assert found.total() == measurement.profile.total


@pytest.mark.slow
@examples(0.3)
@given(RUNS)
def test_the_order_of_runs_has_no_effect_on_joined_stacks(runs: list[Recorded]) -> None:
    every = [measured(some) for some in itertools.permutations(runs)]
    if every[0].wakeups is None:
        return
    first, *others = [joined_stacks(one, FoldOptions(), 4) for one in every]
    assert all(one == first for one in others)


@pytest.mark.slow
@examples(0.4)
@given(RUNS)
def test_counts_are_the_number_of_waits(runs: list[Recorded]) -> None:
    measurement = measured(runs)
    if measurement.wakeups is not None:
        found = joined_stacks(measurement, FoldOptions(counts=True), 3)
        assert found.total() == sum(len(one.waits) for one in runs)


# -------------------------------------------------------------------------- divided waits


@pytest.mark.slow
@examples(0.8)
@given(RUNS)
def test_splits_of_waits_equal_a_slow_computation_and_add_up(runs: list[Recorded]) -> None:
    measurement = measured(runs)
    if measurement.wakeups is None or measurement.events is None:
        return
    rules = load_rules(None)
    parts = classify(measurement.profile, rules)
    found = wakers_of(wakeup_sums_of(measurement), parts, rules, 99)
    blocked: Counter[str] = Counter()
    runnable: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    by_waker: Counter[tuple[str, str, str]] = Counter()
    for recorded in runs:
        waits, _ = recorded.in_file()
        for place, wake in ended_by(recorded)[0].items():
            wait = waits[place]
            blocked[wait.name] += wake.time - wait.start
            runnable[wait.name] += wait.end - wake.time
            counts[wait.name] += 1
            execname = "[interrupt]" if INTERRUPT in wake.frames else wake.execname
            function = ENTRY if "kernel`wakeup" in wake.frames else wake.frames[0]
            by_waker[wait.name, execname, function] += wait.wait
    shown = {name: one for (_, _, name), one in found.rows.items()}
    assert {name: one.split.count for name, one in shown.items()} == counts
    assert Counter({name: one.split.blocked_ns for name, one in shown.items()}) == blocked
    assert Counter({name: one.split.runnable_ns for name, one in shown.items()}) == runnable
    assert by_waker == Counter(
        {(name, *who): ended.wait_ns for name, one in shown.items() for who, ended in one.wakers}
    )
    assert found.split.blocked_ns == blocked.total() == found.asleep.total
    assert found.split.runnable_ns == runnable.total()


def test_a_row_lists_the_wakers_asked_for_and_counts_all() -> None:
    waits = tuple(Wait(n * 10, 5 + n, 1, "a", "x", ("kernel`f",)) for n in range(3))
    wakes = tuple(Wake(n * 10 + 2, 1, 9, f"w{n}", ("kernel`g",)) for n in range(3))
    measurement = measured([Recorded(waits, wakes, tuple(range(6)))])
    rules = load_rules(None)
    parts = classify(measurement.profile, rules)
    (row,) = wakers_of(wakeup_sums_of(measurement), parts, rules, 2).rows.values()
    assert [(waker.execname, ended.wait_ns, ended.count) for waker, ended in row.wakers] == [
        ("w2", 7, 1),
        ("w1", 6, 1),
    ]
    assert row.waker_number == 3


# ------------------------------------------------------------------------- pvprof's own grammar


def native(records: Sequence[writer.Lines], variant: str = "stock") -> bytes:
    text = writer.text_of(records, "events")
    return text.replace(b" stock ", b" %b " % variant.encode(), 1)


def sleep(time: int, tid: int, execname: bytes = b"sh", name: bytes = b"x") -> writer.Lines:
    some = {"name": name, "exec": execname}
    return writer.sleep(
        (time, tid, 4, 2), "turnstile", (0xF0, 7), some, [b"kernel`wait", b"kernel`f"]
    )


def wake(time: int, sleeper: int, waker: int, execname: bytes = b"cc") -> writer.Lines:
    frames = [b"kernel`wakeup", b"kernel`unlock"]
    return writer.wake((time, sleeper, waker, 1), {"exec": execname}, frames)


def test_a_wait_measured_by_the_kernel_is_split_within_its_length(run: RunCommand) -> None:
    records = [sleep(1100, 1), wake(1150, 1, 2), writer.run_again(1200, 1, 0, 90)]
    records += [sleep(2100, 1), wake(2195, 1, 2), writer.run_again(2200, 1, 0, 90)]
    document = json.loads(
        run("report", "-", "--format", "json", stdin=native(records, "sdt")).stdout
    )
    (section,) = document["sections"]
    (row,) = section["rows"]
    assert (row["value"], row["blocked"], row["runnable"]) == (180, 50 + 90, 40 + 0)
    assert section["wakers"]["not_told_apart"] == 0


def test_waits_without_a_wake_up_are_not_split_and_reported(run: RunCommand) -> None:
    records = [sleep(1100, 1), wake(1150, 1, 2), writer.run_again(1200, 1, 0)]
    records += [sleep(1100, 3), writer.run_again(1130, 3, 0)]
    records += [sleep(1100, 4, name=b"y"), writer.run_again(1107, 4, 0)]
    text = native(records)
    lines = run("report", "-", "--format", "markdown", "-o", "-", stdin=text).stdout.splitlines()
    assert (
        "Of it blocked 50 ns, then runnable and waiting for a CPU 50 ns;"
        " 37 ns in 2 waits without a wake-up not told apart"
    ) in lines
    rows = csv.DictReader(io.StringIO(run("locks", "-", "--format", "csv", stdin=text).stdout))
    assert [
        (row["name"], row["value"], row["blocked_ns"], row["runnable_ns"], row["top_waker"])
        for row in rows
    ] == [("x", "130", "50", "50", "cc kernel`unlock"), ("y", "7", "", "", "")]


def test_totals_of_waits_do_not_include_wakers(run: RunCommand) -> None:
    records = [sleep(1100, 1), wake(1150, 1, 2), writer.run_again(1200, 1, 0)]
    both = json.loads(run("report", "-", "--format", "json", stdin=native(records)).stdout)
    del records[1]
    alone = json.loads(run("report", "-", "--format", "json", stdin=native(records)).stdout)
    totals = [one["sections"][0]["total"] for one in (both, alone)]
    assert totals[0] == totals[1] == {"value": 100, "count": 1, "records": 1}
    assert "wakers" not in alone["sections"][0]
    (asleep,) = both["sections"][0]["wakers"]["rows"]
    assert (asleep["kind"], asleep["name"], asleep["value"]) == ("wakeup", "cc -> sh: x", 50)


def test_wakers_of_wakers_are_followed_through_their_own_waits(run: RunCommand) -> None:
    records = [
        *(sleep(1100, 1, b"sh", b"a"), wake(1180, 1, 2, b"cc"), writer.run_again(1190, 1, 0)),
        *(sleep(1110, 2, b"cc", b"b"), wake(1150, 2, 3, b"ld"), writer.run_again(1160, 2, 0)),
        *(sleep(1050, 3, b"ld", b"c"), wake(1090, 3, 1, b"sh"), writer.run_again(1095, 3, 0)),
    ]
    text = native(records)
    own = "kernel`f;kernel`wait"
    woke = "kernel`wakeup;kernel`unlock"
    first = f"sh;{own};a;--;{woke};cc"
    for depth, wanted in (
        (1, first),
        (2, f"{first};b;--;{woke};ld"),
        (3, f"{first};b;--;{woke};ld"),
    ):
        out = run(
            "fold", "-k", "all", "-", "--chain", "wakers", "--chain-depth", depth, stdin=text
        ).stdout
        # the third waited only before the first did: that held nothing up
        assert out.splitlines()[-1] == f"{wanted} 90"
        assert len(out.splitlines()) == 3


@pytest.mark.parametrize("wakers", [2, 30])
def test_threads_that_wake_each_other_end_a_chain(wakers: int, run: RunCommand) -> None:
    records: list[writer.Lines] = []
    for n in range(wakers):
        tid, other = 1 + n % 2, 1 + (n + 1) % 2
        time = 1100 + n * 10
        records += [
            sleep(time, tid),
            wake(time + 12, tid, other),
            writer.run_again(time + 13, tid, 0),
        ]
    text = native(records)
    out = run("fold", "-k", "all", "-", "--chain", "wakers", "--chain-depth", 8, stdin=text).stdout
    assert max(line.count(";--;") for line in out.splitlines()) <= 2


# ------------------------------------------------------------------------------ real recordings


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 4])
def test_joined_stacks_of_a_real_recording_add_up_to_its_waits(depth: int, run: RunCommand) -> None:
    plain = run("fold", "-k", "all", REAL)
    joined = run("fold", "-k", "all", REAL, "--chain", "wakers", "--chain-depth", depth)
    assert folded_total(joined.stdout) == folded_total(plain.stdout) == 25622118821
    assert NO_WAKER not in joined.stdout


def test_rows_of_a_real_recording_are_split_to_the_nanosecond(run: RunCommand) -> None:
    rows = csv_rows(run("report", REAL, "--kind", "all", "--format", "csv"))
    assert sum(int(row["value"]) for row in rows) == 25622118821
    assert all(
        int(row["value"]) == int(row["blocked_ns"]) + int(row["runnable_ns"]) for row in rows
    )
    assert sum(int(row["runnable_ns"]) for row in rows) == 764314053


@pytest.mark.slow
def test_recordings_with_and_without_wake_ups_pool(run: RunCommand) -> None:
    other = RECORDINGS / "events.out.gz"
    for both in ((REAL, other), (other, REAL)):
        joined = run("fold", "-k", "all", *both, "--chain", "wakers").stdout
        assert folded_total(joined) == folded_total(run("fold", "-k", "all", *both).stdout)
        without = [line for line in joined.splitlines() if NO_WAKER in line]
        assert folded_total("\n".join(without)) == folded_total(
            run("fold", "-k", "all", other).stdout
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "args", "columns"),
    [
        ("fold-wakers.folded", ["fold", "-k", "all", "--chain", "wakers", "--chain-depth", 4], 80),
        ("report-wakers.md", ["report", "--format", "markdown", "-o", "-"], 80),
        ("report-wakers-80.txt", ["report"], 80),
        ("report-wakers-200.txt", ["report"], 200),
        ("locks-wakers-80.txt", ["locks", "--wakers"], 80),
    ],
)
def test_results_of_a_real_recording_equal_the_golden_files(
    name: str, args: list[object], columns: int, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run(*args, REAL, "--symbols", SYMBOLS)
    assert result.exit_code == 0, result.stderr
    assert_golden(result.stdout, GOLDEN / name)


@pytest.mark.slow
def test_the_picture_of_joined_stacks_shows_wakers(run: RunCommand) -> None:
    args = ("flamegraph", REAL, "--chain", "wakers", "--symbols", SYMBOLS)
    picture = run(*args)
    assert picture.exit_code == 0, picture.stderr
    assert "-- between waker and sleeper" in picture.stdout
    assert "wakers, at most 1, each upside down behind --" in picture.stdout
    assert run(*args).stdout == picture.stdout
    tree = run(*args, "--tree", "--by", "root")
    assert tree.exit_code == 0, tree.stderr
    difference = run("flamegraph", "--diff", REAL, REAL, "--chain", "wakers", "--per", "x=1:1")
    assert difference.exit_code == 0, difference.stderr


def test_filters_choose_waits_before_they_are_joined(run: RunCommand) -> None:
    args = ("--frame", "turnstile_wait", "--symbols", SYMBOLS)
    joined = run("fold", "-k", "all", REAL, "--chain", "wakers", *args).stdout
    assert folded_total(joined) == folded_total(run("fold", "-k", "all", REAL, *args).stdout) > 0
    assert all(line.startswith("pvload;") for line in joined.splitlines())


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("name", ["events.out.gz", "stock-offcpu.out", "wakeup.out"])
@pytest.mark.parametrize(
    "args", [["fold", "-k", "all", "--chain", "wakers"], ["locks", "--wakers"]]
)
def test_a_recording_without_wake_ups_is_an_error_with_a_hint(
    name: str, args: list[str], run: RunCommand
) -> None:
    result = run(*args, RECORDINGS / name)
    assert result.exit_code == 2
    assert "no wake-ups of single waits were recorded" in result.stderr
    assert "events --wakers" in result.stderr


def test_joined_stacks_cannot_be_written_as_speedscope(run: RunCommand, tmp_path: Path) -> None:
    for command in ("fold", "flamegraph"):
        result = run(command, REAL, "--chain", "wakers", "-o", tmp_path / "x.speedscope.json")
        assert result.exit_code == 2
        assert "--chain and a speedscope file do not go together" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--by", "root"], ["--no-execname", "--counts"]])
def test_a_page_carries_wake_ups_along(options: list[str], run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    assert run("report", REAL, "-o", page).exit_code == 0
    assert "With their wakers" in page.read_text()
    for args in (["fold", "-k", "all", "--chain", "wakers", *options], ["locks", "--wakers"]):
        first, again = (run(*args, place) for place in (REAL, page))
        assert again.exit_code == 0, again.stderr
        if args[0] == "fold":
            assert again.stdout == first.stdout
        else:
            assert "kernel`exit1" in again.stdout
            assert "Of it blocked 24.19 s" in again.stdout
    deeper = run("fold", "-k", "all", page, "--chain", "wakers", "--chain-depth", 2)
    assert deeper.exit_code == 2
    assert "a page carries no single waits along" in deeper.stderr
    both = run("fold", "-k", "all", page, REAL, "--chain", "wakers").stdout
    assert folded_total(both) == 2 * 25622118821


@pytest.mark.parametrize("depth", [0, 9, "x"])
def test_depths_out_of_range_are_errors(depth: object, run: RunCommand) -> None:
    result = run("fold", "-k", "all", REAL, "--chain", "wakers", "--chain-depth", depth)
    assert result.exit_code == 2
    assert "--chain-depth" in result.stderr


DAMAGED = (
    b"W 1 2 3 99999999999999999999 x\n",
    b"W 9223372036854775807 1 1 1 x\n",
    b"W 5 1 1\n",
    b"W -5 1 1 1 x\n",
    b"W 5 1 1 1 x",
)


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_wake_up_is_left_out_and_the_waits_stay(line: bytes, run: RunCommand) -> None:
    text = Wait(1, 9, 1, "a", "x", ("kernel`f",)).text().encode()
    for both in (text + line, line + b"\n" + text):
        result = run("fold", "-k", "all", "-", stdin=both)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == "a;kernel`f;x 9\n"
        if line.startswith((b"W 1", b"W 9")):
            assert "number too large" in result.stderr


def test_wake_ups_alone_are_a_recording_without_waits(run: RunCommand) -> None:
    text = Wake(5, 1, 2, "a", ("kernel`f",)).text().encode()
    result = run("report", "-", stdin=text)
    assert result.exit_code == 0, result.stderr
    assert "nothing was recorded" in result.stdout
    assert "wake-ups of threads that were in no recorded wait" in result.stdout


def test_the_report_has_wakers_only_if_they_were_recorded() -> None:
    recorded = Recorded((Wait(1, 9, 1, "a", "x", ("kernel`f",)),), (), (0,))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "x.out"
        path.write_bytes(recorded.text())
        pool = load_dataset([str(path)], ReadOptions())
    (section,) = build_report(Classified.of(pool, load_rules(None), EVERYTHING), Detail()).sections
    assert (section.wakers, section.aside_wakers, section.asleep_rows) == (None, None, ())
    assert section.rows[0].blocked is None


def test_a_wait_that_ends_beyond_64_bits_is_not_followed() -> None:
    first, last = -INT64_MAX - 1, INT64_MAX
    sleeper = SingleWait(first + 1, 90, tid=1)
    waker = SingleWait(last - 149, 200, tid=2)  # its end would wrap around to first + 50
    waits = events_of([sleeper, waker])
    wakeups = WakeupTable(
        time_ns=np.asarray([first + 80, last - 100]),
        sleeper_tid=np.asarray([1, 2]),
        waker_tid=np.asarray([2, 3]),
        cpu=np.asarray([0, 0]),
        row=np.asarray([0, 1]),
        key_id=np.asarray([0, 0]),
        stack_id=np.asarray([0, 0]),
        keys=waits.keys,
        stacks=waits.stacks,
    )
    links = follow_wakers(EndedWaits(waits, wakeups, ()), 2)
    assert [link.wait.tolist() for link in links] == [[0, 1]]
