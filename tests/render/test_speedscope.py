"""Speedscope files: their content, and that any input makes a valid file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FIXTURES, RECORDINGS, SYMBOLS, assert_golden, read_recording_bytes
from helpers.command_line import RunCommand
from helpers.strategies import rows as weighted_rows
from helpers.strategies import wait_rows
from helpers.viewer_files import check_document, kinds_of, timelines_of, totals_of
from helpers.viewer_outputs import speedscope_of, speedscope_with
from hypothesis import given
from hypothesis import strategies as st

from pvprof import __version__
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.load import load_dataset
from pvprof.errors import OutputError, UsageError
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable
from pvprof.parse.read import ReadOptions, read
from pvprof.render.rendered import Rendered
from pvprof.render.text.folded import render as render_folded
from pvprof.render.viewers.speedscope import MAX_FRAMES
from pvprof.units import Unit
from pvprof.views.folded import StackOptions
from pvprof.views.viewers.speedscope import MAX_TIMELINES, Evented, Sampled

ALL = Filters((ALL_KINDS,))
RULES = load_rules()
REAL = [
    "stock-offcpu.out",
    "seed-offcpu.out",
    "sdt-offcpu.out",
    "events.out.gz",
    "events-wakeups.out.gz",
    "lockstat-provider.out",
    "oncpu-default.out",
    "runq.out",
    "wakeup.out",
]


def folded_of(text: str, unit: Unit = "ns") -> str:
    """Return the folded stacks of a speedscope file."""
    (profile,) = read(text.encode(), "law", ReadOptions(unit=unit)).profiles.values()
    return render_folded(fold(profile.groups.items(), unit, FoldOptions())).text


def pool_of(profile: Profile, events: WaitTable | None = None, *names: str) -> Dataset:
    return Dataset(names or ("made up",), (Measurement(profile, events),), (), (), ())


def events_of(waits: list[tuple[int, int, int, int]], name: str = "vm object") -> WaitTable:
    """Return a wait table from rows of (tid, start, wait, stack number)."""
    count = len(waits)
    tid, start, wait, stack = (
        np.array([row[column] for row in waits], np.int64) for column in range(4)
    )
    none = np.zeros(count, np.int64)
    return WaitTable(
        start_ns=start,
        wait_ns=wait,
        pid=tid // 10,
        tid=tid,
        cpu=none,
        owner_tid=none,
        object_address=none.astype(np.uint64),
        key_id=none,
        stack_id=stack,
        keys=(Key("turnstile", name, "cc"),),
        stacks=tuple(Stack(f"kernel`trap;kernel`f{number}") for number in range(4)),
    )


def convert_events(events: WaitTable, *names: str) -> Rendered:
    return speedscope_of(Classified.of(pool_of(events.profile(), events, *names), RULES, ALL))


# ---- real recordings -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_recording_folds_the_same_through_a_speedscope_file(
    run: RunCommand, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "x.speedscope.json"
    written = run("fold", "-k", "all", RECORDINGS / name, "-o", file)
    assert written.exit_code == 0, written.stderr
    sums = totals_of(file.read_text())
    straight = run("fold", "-k", "all", RECORDINGS / name).stdout
    assert run("fold", "-k", "all", file).stdout == straight
    parsed = [line.rpartition(" ") for line in straight.splitlines()]
    wanted = Counter({stack: int(value) for stack, _, value in parsed})
    found: Counter[str] = Counter()
    for one in sums.values():
        found += one
    assert {stack: found[stack] for stack in wanted} == wanted


def test_the_file_of_a_recording_is_as_reviewed(run: RunCommand) -> None:
    text = run(
        "report", RECORDINGS / "stock-offcpu.out", "--symbols", SYMBOLS, "--format", "speedscope"
    ).stdout
    check_document(text)
    text = text.replace(__version__, "VERSION")
    assert_golden(text, FIXTURES / "golden" / "speedscope-stock.json")


def test_each_kind_and_class_and_event_has_a_profile_of_its_own(run: RunCommand) -> None:
    text = run(
        "fold", "-k", "all", RECORDINGS / "lockstat-provider.out", "--format", "speedscope"
    ).stdout
    first, *names = check_document(text)
    assert first == "all: Off-CPU and lock time"
    assert "Kernel waiting on itself: pv list (rwlock), rw-spin" in names
    assert "Kernel waiting on itself: pv list (rwlock), rw-block" in names
    report = json.loads(
        run("report", RECORDINGS / "lockstat-provider.out", "--format", "json", "-k", "all").stdout
    )
    classes = {
        row["class"]
        for section in report["sections"]
        for row in section["rows"] + section["set_aside_rows"]
        if row["value"]
    }
    assert {name.partition(": ")[2].partition(",")[0] for name in names} == classes


def test_profiles_come_in_the_order_of_the_report(run: RunCommand) -> None:
    text = run(
        "fold", "-k", "all", RECORDINGS / "stock-offcpu.out", "--format", "speedscope"
    ).stdout
    sums = check_document(text)
    del sums["all: Off-CPU and lock time"]
    kinds = [name.partition(":")[0] for name in sums]
    titles = [kind.title for kind in RULES.kinds]
    assert kinds == sorted(kinds, key=titles.index)
    kernel = [stacks.total() for name, stacks in sums.items() if name.startswith("Kernel waiting")]
    assert kernel == sorted(kernel, reverse=True)
    assert len(kernel) > 1


def test_a_report_has_everything_that_was_kept_and_nothing_else(run: RunCommand) -> None:
    path = RECORDINGS / "stock-offcpu.out"
    text = run("report", path, "--format", "speedscope").stdout
    document = json.loads(run("report", path, "--format", "json").stdout)
    kept = sum(section["kept"]["value"] for section in document["sections"])
    assert sum(sums.total() for sums in totals_of(text).values()) == kept


def test_events_become_one_profile_for_each_thread_on_one_time_axis(run: RunCommand) -> None:
    text = run("fold", "-k", "all", RECORDINGS / "events.out.gz", "--format", "speedscope").stdout
    timelines = [one for one in json.loads(text)["profiles"] if one["type"] == "evented"]
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    events = pool.measurements[0].events
    assert events is not None
    begin = int(events.start_ns.min())
    assert {profile["endValue"] for profile in timelines} == {
        int((events.start_ns + events.wait_ns).max()) - begin
    }
    wanted: Counter[str] = Counter()
    for pid, tid, key, wait in zip(
        events.pid.tolist(),
        events.tid.tolist(),
        events.key_id.tolist(),
        events.wait_ns.tolist(),
        strict=True,
    ):
        wanted[f"{events.keys[key].execname} (pid {pid}, tid {tid})"] += wait
    found = {name: stacks.total() for name, stacks in timelines_of(text).items()}
    assert found == dict(wanted.most_common(MAX_TIMELINES))
    assert len(wanted) > MAX_TIMELINES


def test_threads_without_a_timeline_are_counted_in_a_note(run: RunCommand) -> None:
    result = run("fold", "-k", "all", RECORDINGS / "events.out.gz", "--format", "speedscope")
    assert "of 120 threads the 100 that waited longest have a timeline" in result.stderr


def test_the_first_profile_is_everything_and_timelines_are_last(run: RunCommand) -> None:
    path = RECORDINGS / "events.out.gz"
    text = run("fold", "-k", "all", path, "--format", "speedscope").stdout
    document = json.loads(text)
    assert document["activeProfileIndex"] == 0
    first, *others = document["profiles"]
    assert (first["name"], first["type"]) == ("all: Off-CPU and lock time", "sampled")
    straight = run("fold", "-k", "all", path).stdout.splitlines()
    assert first["endValue"] == sum(int(line.rpartition(" ")[2]) for line in straight)
    kinds = [profile["type"] for profile in others]
    assert kinds == ["sampled"] * kinds.count("sampled") + ["evented"] * MAX_TIMELINES
    classes = [profile for profile in others if profile["type"] == "sampled"]
    assert len(classes) > 1
    assert sum(profile["endValue"] for profile in classes) == first["endValue"]


@pytest.mark.slow
def test_other_profiles_of_a_file_are_read_if_they_are_named(run: RunCommand) -> None:
    path = RECORDINGS / "events.out.gz"
    text = run("fold", "-k", "all", path, "--format", "speedscope").stdout.encode()
    one = run("fold", "-k", "all", "-", "--profile", "vm page busy", stdin=text).stdout
    assert one == run("fold", path, "-k", "kernel", "--class", "vm page busy").stdout
    foreign = text.replace(b'"exporter":"pvprof@', b'"exporter":"other@')
    assert len(run("fold", "-k", "all", "-", stdin=foreign).stdout) > 0
    assert (
        run("fold", "-k", "all", "-", stdin=foreign).stdout != run("fold", "-k", "all", path).stdout
    )


def test_a_wait_is_at_its_time_with_the_lock_as_leaf() -> None:
    events = events_of([(70, 1000, 30, 1), (70, 1050, 5, 0), (71, 1010, 100, 2)])
    document = json.loads(convert_events(events).text)
    _, first, second = document["profiles"]
    assert [first["name"], second["name"]] == ["cc (pid 7, tid 71)", "cc (pid 7, tid 70)"]
    names = [frame["name"] for frame in document["shared"]["frames"]]
    told = [(event["type"], names[event["frame"]], event["at"]) for event in second["events"]]
    assert told[:8] == [
        ("O", "cc", 0),
        ("O", "kernel`trap", 0),
        ("O", "kernel`f1", 0),
        ("O", "vm object", 0),
        ("C", "vm object", 30),
        ("C", "kernel`f1", 30),
        ("C", "kernel`trap", 30),
        ("C", "cc", 30),
    ]
    assert told[8] == ("O", "cc", 50)
    assert (first["endValue"], second["endValue"]) == (110, 110)


def test_a_reused_thread_number_makes_two_profiles_but_an_exec_one() -> None:
    events = read(
        b"B 100 1795372027596348298\n"
        b"E 110 10 20 100159 0 sh t fffff8004309a880 0 a\n\n              kernel`f+0x3\n"
        b"E 150 10 20 100159 0 cc t fffff8004309a880 0 a\n\n              kernel`f+0x3\n"
        b"E 170 15 21 100159 0 ld t fffff8004309a880 0 a\n\n              kernel`f+0x3\n"
        b"Z 9000 1795372041155037378\n",
        "made up",
        ReadOptions(),
    ).events
    assert events is not None
    assert {
        name: stacks.total() for name, stacks in timelines_of(convert_events(events).text).items()
    } == {
        "sh, cc (pid 20, tid 100159)": 20,
        "ld (pid 21, tid 100159)": 15,
    }


def test_sums_beside_single_waits_are_kept(run: RunCommand) -> None:
    text = (
        b"B 100 1795372027596348298\n"
        b"E 110 1001 20 100159 0 sh t fffff8004309a880 100107 vm object\n\n"
        b"              kernel`turnstile_wait+0x332\n              kernel`trap+0x440\n"
        b"\nturnstile|vm object\nkernel`turnstile_wait+0x332\nkernel`trap+0x440\n52 1\n"
        b"\nturnstile|proctree\nkernel`turnstile_wait+0x332\nkernel`fork1+0x440\n7 1\n"
        b"Z 9000 1795372041155037378\n"
    )
    straight = run("fold", "-k", "all", "-", stdin=text)
    assert sum(int(line.rpartition(" ")[2]) for line in straight.stdout.splitlines()) == 1060
    result = run("fold", "-k", "all", "-", "--format", "speedscope", stdin=text)
    sums = check_document(result.stdout)
    # everything, vm object, proctree, and the thread of the single wait
    assert [stacks.total() for stacks in sums.values()] == [1060, 1053, 7, 1001]
    assert run("fold", "-k", "all", "-", stdin=result.stdout_bytes).stdout == straight.stdout


def test_filtered_waits_are_in_no_thread(run: RunCommand) -> None:
    path = RECORDINGS / "events.out.gz"
    text = run("fold", "-k", "all", path, "--name", "^vm object$", "--format", "speedscope").stdout
    sums = check_document(text)
    assert {stack.rpartition(";")[2] for one in sums.values() for stack in one} == {"vm object"}
    straight = run("fold", "-k", "all", path, "--name", "^vm object$").stdout
    assert run("fold", "-k", "all", "-", stdin=text.encode()).stdout == straight


def test_measure_selects_events_or_samples_of_a_recording(
    run: RunCommand,
) -> None:
    text = read_recording_bytes("events.out.gz") + b"\n\nsh\nkernel`x\nkernel`y\n1000\n"
    both = run("fold", "-k", "all", "-", "--format", "speedscope", stdin=text).stdout
    units = {profile["unit"] for profile in json.loads(both)["profiles"]}
    assert units == {"nanoseconds", "none"}
    one = run(
        "fold", "-k", "all", "-", "--measure", "events", "--format", "speedscope", stdin=text
    ).stdout
    (only,) = json.loads(one)["profiles"]
    assert (only["type"], only["unit"], only["endValue"]) == ("sampled", "none", 1000)


# ---- events that cannot be ---------------------------------------------------------------------


def test_overlapping_waits_of_a_thread_are_cut_and_counted() -> None:
    rendered = convert_events(events_of([(70, 100, 50, 0), (70, 120, 40, 1), (70, 125, 10, 2)]))
    (sums,) = timelines_of(rendered.text).values()
    assert sums == {
        "cc;kernel`trap;kernel`f0;vm object": 50,
        "cc;kernel`trap;kernel`f1;vm object": 10,
    }
    (problem,) = rendered.problems
    assert (problem.kind, problem.count, problem.severity) == ("overlap", 2, "loss")
    assert "40 ns" in problem.text


def test_a_repeated_record_counts_once() -> None:
    rendered = convert_events(events_of([(70, 100, 50, 0), (70, 100, 50, 0)]))
    assert [sums.total() for sums in timelines_of(rendered.text).values()] == [50]
    assert kinds_of(rendered) == {"overlap": 1}


def test_threads_may_wait_at_the_same_time() -> None:
    rendered = convert_events(events_of([(70, 100, 50, 0), (71, 100, 50, 0)]))
    assert [sums.total() for sums in timelines_of(rendered.text).values()] == [50, 50]
    assert rendered.problems == ()


def test_a_start_at_the_end_of_64_bits_makes_a_file() -> None:
    rendered = convert_events(events_of([(70, 100, 50, 0), (71, (1 << 63) - 2, 7, 0)]))
    assert [sums.total() for sums in timelines_of(rendered.text).values()] == [50, 7]
    assert kinds_of(rendered) == {"inexact": 2}  # the timelines; the sum of waits is small


@pytest.mark.slow
def test_several_recordings_are_added_up(run: RunCommand) -> None:
    path = RECORDINGS / "events.out.gz"
    result = run("fold", "-k", "all", path, path, "--format", "speedscope")
    assert "no common clock" in result.stderr
    assert {profile["type"] for profile in json.loads(result.stdout)["profiles"]} == {"sampled"}
    straight = run("fold", "-k", "all", path, path).stdout
    assert run("fold", "-k", "all", "-", stdin=result.stdout_bytes).stdout == straight


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--no-timeline", "--counts"])
def test_single_waits_are_added_up_on_request(run: RunCommand, option: str) -> None:
    path = RECORDINGS / "events.out.gz"
    text = run("fold", "-k", "all", path, option, "--format", "speedscope").stdout
    profiles = json.loads(text)["profiles"]
    assert {profile["type"] for profile in profiles} == {"sampled"}
    assert {profile["unit"] for profile in profiles} == {
        "none" if option == "--counts" else "nanoseconds"
    }
    counts = ["--counts"] if option == "--counts" else []
    assert (
        run("fold", "-k", "all", "-", stdin=text.encode()).stdout
        == run("fold", "-k", "all", path, *counts).stdout
    )


# ---- laws ----------------------------------------------------------------------------------------


@given(wait_rows)
def test_any_events_make_a_valid_file_that_covers_the_same_time(
    some: list[tuple[int, int, int, int]],
) -> None:
    rendered = convert_events(events_of(some))
    sums = timelines_of(rendered.text)
    covered: dict[int, set[int]] = {}
    for tid, start, wait, _ in some:
        covered.setdefault(tid, set()).update(range(start, start + wait))
    wanted = {
        f"cc (pid {tid // 10}, tid {tid})": len(units) for tid, units in covered.items() if units
    }
    assert {name: stacks.total() for name, stacks in sums.items() if stacks} == wanted
    lost = sum(wait for _, _, wait, _ in some) - sum(wanted.values())
    assert ("overlap" in kinds_of(rendered)) == (lost > 0)


@given(wait_rows, st.randoms(use_true_random=False))
def test_the_order_of_events_is_irrelevant(some: list[tuple[int, int, int, int]], rng: Any) -> None:
    shuffled = list(some)
    rng.shuffle(shuffled)
    assert convert_events(events_of(shuffled)).text == convert_events(events_of(some)).text


@pytest.mark.slow
@given(weighted_rows, st.sampled_from(["leaf", "root", "none"]), st.booleans(), st.booleans())
def test_folded_stacks_survive_a_speedscope_file(
    some: list[tuple[Key, Stack, Weight]], by: Any, execname: bool, counts: bool
) -> None:
    profile = Profile("ns", True)
    for key, stack, weight in some:
        profile.add(key, stack, weight)
    options = FoldOptions(by, execname, counts)
    wanted = render_folded(fold(profile.groups.items(), "ns", options)).text
    text = speedscope_of(Classified.of(pool_of(profile), RULES, ALL), StackOptions(options)).text
    check_document(text)
    if wanted:
        assert folded_of(text, "events" if counts else "ns") == wanted


@given(
    st.dictionaries(
        st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6)
        .map(tuple)
        # blanks alone are not a stack, and # begins a comment
        .filter(lambda stack: any(map(str.strip, stack)) and stack[0].lstrip()[:1] != "#"),
        st.integers(1, 1 << 60),
        min_size=1,
        max_size=8,
    )
)
def test_folded_stacks_of_any_tool_survive_a_speedscope_file(
    stacks: dict[tuple[str, ...], int],
) -> None:
    lines = "".join(
        "{} {}\n".format(";".join(stack).replace("\n", "?"), value)
        for stack, value in stacks.items()
    )
    parsed = read(lines.encode("utf-8", "backslashreplace"), "law", ReadOptions(layout="folded"))
    ((_, profile),) = parsed.profiles.items()
    wanted = render_folded(fold(profile.groups.items(), "samples", FoldOptions())).text
    text = speedscope_of(Classified.of(pool_of(profile), RULES, ALL)).text
    check_document(text)
    assert folded_of(text, "samples") == wanted


# ---- limits --------------------------------------------------------------------------------------


def test_a_stack_that_is_too_deep_keeps_root_leaf_and_weight() -> None:
    deep = Stack(";".join(f"f{number}" for number in range(5_000)))
    deepest = Stack(";".join(f"f{number}" for number in range(MAX_FRAMES)))
    rendered = speedscope_with("deep", [Sampled("x", "ns", ((deep, 7), (deepest, 5)))])
    short, whole = check_document(rendered.text)["x"]
    frames = short.split(";")
    assert len(frames) == MAX_FRAMES
    assert (frames[0], frames[-1]) == ("f0", "f4999")
    assert "[3001 frames left out]" in frames
    assert whole == deepest
    assert kinds_of(rendered) == {"deep-stack": 1}
    evented = speedscope_with("deep", [Evented("x", 9, ((0, 7, deep), (8, 9, deep)))])
    assert check_document(evented.text)["x"] == {short: 8}
    assert kinds_of(evented) == {"deep-stack": 1}


def test_a_sum_beyond_the_integers_of_a_double_is_a_warning() -> None:
    largest = (Stack("a"), (1 << 53) - 1)
    below = speedscope_with("x", [Sampled("x", "ns", (largest,))])
    above = speedscope_with("x", [Sampled("x", "ns", (largest, (Stack("b"), 1)))])
    assert kinds_of(below) == {}
    assert kinds_of(above) == {"inexact": 1}
    assert check_document(above.text)["x"]["a"] == (1 << 53) - 1


def test_a_sum_too_large_for_a_double_is_refused() -> None:
    with pytest.raises(OutputError, match="too large"):
        speedscope_with("x", [Sampled("all", "ns", ((Stack("a"), 10**400),))])


@pytest.mark.slow
def test_a_file_that_is_slow_in_the_viewer_is_a_note() -> None:
    rows = tuple((Stack(f"{number}{'x' * 10_000_000}"), 1) for number in range(14))
    rendered = speedscope_with("x", [Sampled("x", "ns", rows)])
    assert kinds_of(rendered) == {"large-file": 1}
    assert "140 MB" in rendered.problems[0].text
    assert "--no-timeline" not in rendered.problems[0].text


def test_names_with_any_character_make_a_file_that_can_be_read() -> None:
    nasty = ['"', "\\", "</script>", "\x1b[31m", "\ud800", "é漢🔬", "'", "__proto__", "x" * 10_000]
    profile = Profile("ns", False)
    for number, name in enumerate(nasty, 1):
        profile.add(Key("turnstile", name, name), Stack("kernel`f"), Weight(number, 0, 1))
    pool = pool_of(profile, None, 'a"b\x07')
    text = speedscope_of(Classified.of(pool, RULES, ALL)).text
    (sums,) = check_document(text).values()
    assert sums.total() == sum(range(len(nasty) + 1))
    assert json.loads(text)["name"] == 'a"b\\x07'
    assert text.encode("utf-8").isascii() is False


# ---- command line --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["fold", "flamegraph", "report"])
def test_the_suffix_asks_for_the_format(run: RunCommand, tmp_path: Path, command: str) -> None:
    file = tmp_path / "x.speedscope.json"
    result = run(command, RECORDINGS / "stock-offcpu.out", "-o", file)
    assert (result.exit_code, result.stdout) == (0, "")
    check_document(file.read_text())


@pytest.mark.parametrize("command", ["fold", "flamegraph", "report"])
def test_the_option_asks_for_the_format(run: RunCommand, tmp_path: Path, command: str) -> None:
    path = RECORDINGS / "stock-offcpu.out"
    printed = run(command, path, "--format", "speedscope").stdout
    check_document(printed)
    file = tmp_path / "x.json"
    run(command, path, "--format", "speedscope", "-o", file)
    assert file.read_text() == printed


def test_json_without_speedscope_in_its_name_is_the_report(run: RunCommand, tmp_path: Path) -> None:
    run("report", RECORDINGS / "stock-offcpu.out", "-o", tmp_path / "x.json")
    assert "sections" in json.loads((tmp_path / "x.json").read_text())


@pytest.mark.parametrize(
    ("command", "start"), [("fold", "# pvprof folded"), ("flamegraph", "<?xml")]
)
def test_other_suffixes_keep_the_format_of_the_command(
    run: RunCommand, tmp_path: Path, command: str, start: str
) -> None:
    result = run(command, "-", "-o", tmp_path / "x.of-mine", stdin=b"[a];b 3\n")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "x.of-mine").read_text().lstrip().startswith(start)


def test_a_file_without_stacks_says_so(run: RunCommand) -> None:
    path = RECORDINGS.parent / "linux" / "bpftrace" / "events.pvprof.tar.gz"
    for command, code in (("report", 0), ("flamegraph", 1)):  # all its waits are set aside
        result = run(command, path, "--format", "speedscope")
        assert result.exit_code == code
        assert "the filters left no stack" in result.stderr
        assert check_document(result.stdout) == {"Nothing: no stack was kept": Counter()}


def test_problems_of_the_recording_and_of_the_format_are_printed(run: RunCommand) -> None:
    deep = ";".join("f" for _ in range(MAX_FRAMES + 1)).encode()
    for command in ("fold", "flamegraph", "report"):
        result = run(command, "-", "--format", "speedscope", stdin=deep + b" 3\nb;a 3\nnonsense\n")
        assert "warning: stacks of more than 2,000 frames" in result.stderr
        assert "not a folded stack" in result.stderr


def test_counts_are_an_error_if_none_were_recorded() -> None:
    profile = Profile("samples", False)
    profile.add(Key(), Stack("a"), Weight(3, 0, 1))
    with pytest.raises(UsageError, match="no counts"):
        speedscope_of(
            Classified.of(pool_of(profile), RULES, Filters()),
            options=StackOptions(FoldOptions(counts=True)),
        )


def test_the_library_converts_a_dataset() -> None:
    pool = load_dataset([str(RECORDINGS / "stock-offcpu.out")], ReadOptions())
    converted = speedscope_of(Classified.of(pool, RULES, Filters()))
    names = list(check_document(converted.text))
    assert names
    assert all(name.startswith(("all: ", "Kernel waiting on itself")) for name in names)


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_order_of_hashes() -> None:
    command = [sys.executable, "-m", "pvprof", "fold", "--format", "speedscope"]
    texts = [
        subprocess.run(
            [*command, RECORDINGS / name],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for name in ("stock-offcpu.out", "events.out.gz")
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1]
    assert texts[2] == texts[3]
