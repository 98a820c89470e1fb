"""The output of ``perf script``: switches, wake-ups and samples."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from itertools import pairwise

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.readings import parsed_from
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.stacks import NO_STACK
from pvprof.parse.result import ParseResult

PERF = FIXTURES / "linux" / "perf-script.txt.gz"
TEXT = gzip.decompress(PERF.read_bytes()).decode()
SCHED, FIELDS, WAKING = (
    gzip.decompress((FIXTURES / "linux" / f"perf-{name}.txt.gz").read_bytes()).decode()
    for name in ("sched", "sched-fields", "waking")
)


def waits_of(parsed: ParseResult) -> list[tuple[str, str, str, int]]:
    """Return mechanism, process, stack and length of each wait, in the order of the file."""
    events = parsed.events
    assert events is not None
    return [
        (events.keys[key].mechanism, events.keys[key].execname, events.stacks[stack], wait)
        for key, stack, wait in zip(
            events.key_id.tolist(), events.stack_id.tolist(), events.wait_ns.tolist(), strict=True
        )
    ]


# ---- a real recording ---------------------------------------------------------------------------

SWITCH = re.compile(
    r"\s(\d+)\.(\d{9}):.*sched_switch: prev_comm=(.*) prev_pid=(\d+) .* prev_state=(\S+)"
    r" ==> .* next_pid=(\d+)"
)


def joined_by_hand() -> Counter[tuple[str, str]]:
    """Add up the time that threads were off-CPU by mechanism and process, line by line."""
    switches = sorted(
        (int(match[1]) * 10**9 + int(match[2]), match[3], int(match[4]), match[5], int(match[6]))
        for line in TEXT.splitlines()
        if (match := SWITCH.search(line))
    )
    since: dict[int, tuple[int, str, str]] = {}
    found: Counter[tuple[str, str]] = Counter()
    for time, comm, prev, state, following in switches:
        if following in since:
            start, event, execname = since.pop(following)
            found[event, execname] += time - start
        event = {"D": "off-cpu-d", "R": "runq-preempted"}.get(state[0], "off-cpu")
        since.pop(prev, None)
        if prev and state[0] not in "XZ":
            since[prev] = (time, event, comm)
    return found


def test_waits_match_an_independent_join() -> None:
    found: Counter[tuple[str, str]] = Counter()
    for event, execname, _, wait in waits_of(parsed_from(TEXT)):
        found[event, execname] += wait
    assert found == joined_by_hand()
    assert found["off-cpu", "sleep"] > 200_000_000, "0.1 s, 0.05 s and 0.05 s were slept"


def test_each_sample_counts_once() -> None:
    wanted = len(re.findall(r"(?m)^\S.* cpu-clock[^ ]*: *$", TEXT))
    (profile,) = parsed_from(TEXT).profiles.values()
    assert (profile.unit, profile.total) == ("samples", wanted)
    assert wanted > 20


def test_a_sleep_is_split_at_its_wake_up(run: RunCommand) -> None:
    result = run("report", PERF, "-k", "all", "--execname", "^cat$", "--format", "json")
    section = json.loads(result.stdout)["sections"][0]
    (row,) = [row for row in section["rows"] if row["kind"] != "runq"]
    assert row["blocked"] + row["runnable"] == row["value"] > 50_000_000
    assert row["blocked"] > 50_000_000, "it waited for the pipe"


def test_stacks_have_modules_and_a_delimiter_as_everywhere(run: RunCommand) -> None:
    folded = run(
        "fold", "-k", "all", PERF, "--execname", "^cat$", "--frame", "pipe_read", "-q"
    ).stdout
    (line,) = folded.splitlines()
    frames = line.rpartition(" ")[0].split(";")
    assert frames[:3] == ["cat", "libc.so.6`read", "-"]
    assert frames[3].startswith("kernel`")
    assert "kernel`anon_pipe_read" in frames


def test_a_window_of_the_run_can_be_kept(run: RunCommand) -> None:
    def total(*window: str) -> int:
        result = run("report", PERF, "-k", "all", *window, "--format", "json")
        assert result.exit_code == 0, result.stderr
        return int(json.loads(result.stdout)["sections"][0]["total"]["value"])

    assert total("--to", "0.1") + total("--from", "0.1") == total()


# ---- every form of a line -----------------------------------------------------------------------


def switch(
    time: str, prev: int, following: int, comm: str = "sh", state: str = "S", cpu: str = "[000] "
) -> str:
    return (
        f"{comm} {prev}/{prev} {cpu}{time}: sched:sched_switch: prev_comm={comm} prev_pid={prev}"
        f" prev_prio=120 prev_state={state} ==> next_comm=x next_pid={following} next_prio=120\n"
        "\tffffffff821f8b58 __schedule+0x618 ([kernel.kallsyms])\n"
        "\t           ee137 read+0x7 (/usr/lib/libc.so.6)\n\n"
    )


@pytest.mark.parametrize(
    "comm", ["sh", "a b", "a 12 b", "kworker/0:1-ev", ":123", "x] 1.2:", "a=b prev_pid=7", "é"]
)
def test_a_process_may_have_any_name(comm: str) -> None:
    parsed = parsed_from(switch("10.000001", 5, 0, comm) + switch("10.000003", 6, 5))
    assert [wait[:2] + wait[3:] for wait in waits_of(parsed)] == [("off-cpu", comm, 2000)]


@pytest.mark.parametrize(
    ("first", "second", "wait"),
    [
        ("10.000001", "10.000003", 2000),
        ("10.000001000", "10.000001001", 1),
        ("9000000000.999999999", "9000000000.999999999", 0),
    ],
)
def test_times_are_exact(first: str, second: str, wait: int) -> None:
    parsed = parsed_from(switch(first, 5, 0) + switch(second, 0, 5, "swapper/0", "R"))
    assert [one[3] for one in waits_of(parsed)] == [wait]


@pytest.mark.parametrize(
    ("state", "event"),
    [
        *(("S", "off-cpu"), ("I", "off-cpu"), ("T", "off-cpu"), ("D", "off-cpu-d")),
        *(("D|K", "off-cpu-d"), ("R", "runq-preempted"), ("R+", "runq-preempted")),
    ],
)
def test_the_state_of_a_thread_gives_the_mechanism(state: str, event: str) -> None:
    parsed = parsed_from(switch("1.000000", 5, 0, state=state) + switch("2.000000", 0, 5))
    assert [one[0] for one in waits_of(parsed)] == [event]


def test_a_thread_that_is_dead_waits_for_nothing() -> None:
    parsed = parsed_from(
        switch("1.000000", 5, 6, state="X") + switch("2.000000", 6, 5) + switch("3.000000", 9, 6)
    )
    assert [(one[1], one[3]) for one in waits_of(parsed)] == [("sh", 10**9)]


@pytest.mark.parametrize("cpu", ["[000] ", "", "[127] "])
def test_the_cpu_may_be_missing(cpu: str) -> None:
    parsed = parsed_from(switch("1.000000", 5, 0, cpu=cpu) + switch("2.000000", 0, 5, cpu=cpu))
    assert [one[3] for one in waits_of(parsed)] == [10**9]


def test_the_switches_of_older_versions_are_read() -> None:
    text = (
        "sh  5 [000] 1.000000: sched:sched_switch: sh:5 [120] S ==> swapper/0:0 [120]\n\n"
        "swapper  0 [000] 2.500000: sched:sched_switch: swapper/0:0 [120] R ==> sh:5 [120]\n\n"
    )
    assert waits_of(parsed_from(text)) == [("off-cpu", "sh", NO_STACK, 1_500_000_000)]


FRAMES = {
    "ffff schedule+0x23 ([kernel.kallsyms])": "kernel`schedule",
    "ffff schedule+0x23 ([kernel.kallsyms]_stext)": "kernel`schedule",
    "ffff schedule+0x23 (/usr/lib/debug/boot/vmlinux-6.1)": "kernel`schedule",
    "ffff ext4_sync_file+0x1 ([ext4])": "ext4.ko`ext4_sync_file",
    "ffff x+0x1 (/lib/modules/6.1/kernel/fs/xfs/xfs.ko.xz)": "xfs.ko`x",
    "ee137 read+0x7 (/usr/lib/libc.so.6)": "libc.so.6`read",
    "1234 [unknown] (/usr/bin/perf)": "perf`0x1234",
    "7f00 [unknown] ([unknown])": "[unknown]",
    "7f00 main (inlined)": "main_[i]",
    "7f00 operator new(unsigned long)+0x1 (/lib/libstdc++.so.6)": ("libstdc++.so.6`operator new"),
    "7f00 f+0x1 (/tmp/a (deleted))": "a (deleted)`f",
    "7f00 __vdso_gettimeofday+0x1 ([vdso])": "[vdso]`__vdso_gettimeofday",
}


@pytest.mark.parametrize(("line", "frame"), FRAMES.items())
def test_a_frame_reads_as_everywhere_else(line: str, frame: str) -> None:
    text = f"sh 5 [000] 1.000000: 2004008 cpu-clock: \n\t    {line}\n\n"
    ((_, stack, weight),) = next(iter(parsed_from(text).profiles.values()))
    assert (stack, weight.value) == (frame, 1)


@pytest.mark.parametrize("event", ["cycles", "cpu-clock:ppp", "cycles:u", "cpu/cycles/u"])
def test_an_event_that_is_no_tracepoint_is_a_sample(event: str) -> None:
    text = f"a b  5/6 [001] 1.000000:  250000 {event}: \n\tffff f+0x1 ([kernel.kallsyms])\n\n"
    (profile,) = parsed_from(text).profiles.values()
    ((key, _, _),) = profile
    assert (key.mechanism, key.execname, key.name) == ("on-cpu", "a b", "")
    assert profile.unit == ("samples" if "clock" in event else "cycles")


def test_samples_of_several_events_are_kept_apart() -> None:
    text = "sh 5 1.000000: cycles: \n\nsh 5 1.000000: cache-misses: \n\n"
    parsed = parsed_from(text)
    assert [part.mode for part in (parsed, *parsed.further)] == ["cycles", "cache-misses"]
    assert [part.profiles["samples", False].total for part in (parsed, *parsed.further)] == [1, 1]


@pytest.mark.parametrize("event", ["sched:sched_stat_runtime", "sched:sched_process_fork"])
def test_the_scheduler_s_other_tracepoints_are_a_note_beside_waits(event: str) -> None:
    text = f"sh 5 1.000000: {event}: comm=sh pid=5\n\n" * 3 + switch("1.000000", 5, 0)
    told = {one.kind: one.count for one in parsed_from(text + switch("2.000000", 0, 5)).problems}
    assert told["other-events"] == 3


def test_other_tracepoints_count_beside_waits() -> None:
    text = "sh 5 1.000000: block:block_rq_issue: 8,0 R 4096\n\n" * 3 + switch("1.000000", 5, 0)
    parsed = parsed_from(text + switch("2.000000", 0, 5))
    assert len(waits_of(parsed)) == 1
    assert parsed.profiles["events", False].total == 3


# ---- damage -------------------------------------------------------------------------------------


def test_lost_events_are_a_loss() -> None:
    text = switch("1.000000", 5, 0) + "x 0 [000] 1.500000: PERF_RECORD_LOST lost 23\n\n"
    text += switch("2.000000", 0, 5)
    (problem,) = [one for one in parsed_from(text).problems if one.severity == "loss"]
    assert (problem.kind, problem.count, problem.line) == ("drops", 23, 5)


def test_unknown_lines_are_one_loss_with_the_first_line() -> None:
    text = switch("1.000000", 5, 0) + "what is this\n\nand this\n\n" + switch("2.000000", 0, 5)
    (problem,) = [one for one in parsed_from(text).problems if one.severity == "loss"]
    assert (problem.kind, problem.count, problem.line) == ("bad-line", 2, 5)


def test_lost_and_open_waits_are_counted_separately() -> None:
    text = switch("1.000000", 5, 0) + switch("2.000000", 5, 0) + switch("3.000000", 0, 5)
    text += switch("4.000000", 6, 0)
    parsed = parsed_from(text)
    assert [one[3] for one in waits_of(parsed)] == [10**9]
    assert {one.kind: one.count for one in parsed.problems} == {"lost-waits": 1, "open-waits": 1}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 400))
def test_a_cut_text_is_a_part_of_the_whole(tids: list[int], cut: int) -> None:
    text = "".join(
        switch(f"{n}.000000", prev + 1, following + 1)
        for n, (prev, following) in enumerate(pairwise(tids))
    )
    text += "sh 5 1.000000: cycles: \n\n"
    whole = Counter(waits_of(parsed_from(text))) if len(tids) > 1 else Counter()
    part = "sh 5 1.000000: cycles: \n\n" + text[:cut]
    parsed = parsed_from(part)
    found = Counter(waits_of(parsed)) if parsed.events is not None else Counter()
    assert sum(one[3] * n for one, n in found.items()) <= sum(
        one[3] * n for one, n in whole.items()
    )


@pytest.mark.parametrize(
    "arguments", [f"comm=x pid={2**63} prio=120 target_cpu=003", "comm=x pid=-1 prio=120"]
)
def test_a_wake_up_of_an_impossible_thread_is_one_loss(arguments: str) -> None:
    wait = switch("10.000001", 5, 0) + switch("10.000003", 0, 5)
    wake_up = f"sh  7/7  [001] 10.000002:  1 sched:sched_wakeup: {arguments}\n\n"
    (problem,) = parsed_from(wait + wake_up).problems
    assert (problem.kind, problem.count, problem.severity) == ("damaged", 1, "loss")
    assert problem.line == wait.count("\n") + 1


# ---- what other commands of perf record and print ------------------------------------------------


def wakers_of(text: str, run: RunCommand) -> dict[str, int]:
    """Return the times that threads slept, in ns by waker and sleeper."""
    report = json.loads(
        run("report", "-", "-k", "all", "--format", "json", stdin=text.encode()).stdout
    )
    (section,) = [one for one in report["sections"] if one["unit"] == "ns"]
    found: Counter[str] = Counter()
    for row in section["wakers"]["rows"]:
        found[row["name"].partition(":")[0]] += row["value"]
    return dict(found)


def test_perf_sched_record_tells_the_wakers(run: RunCommand) -> None:
    assert "sched:sched_wakeup:" not in SCHED, "all its wake-ups are sched_waking"
    found = wakers_of(SCHED, run)
    # The child slept 50 ms, and wrote to the pipe; the timers ended in interrupts of other threads.
    assert found["dash -> cat"] == pytest.approx(50e6, rel=0.05)
    assert found["sleep -> dash"] == pytest.approx(150e6, rel=0.05)
    told = [one for one in parsed_from(SCHED).problems if "waking" in one.text]
    assert told == []


def test_a_wake_up_that_two_events_tell_counts_once(run: RunCommand) -> None:
    without = re.sub(r"^\S+ +\d+ .*sched:sched_wakeup: .*\n(?:\t.*\n)*\n", "", WAKING, flags=re.M)
    counts = [text.count("sched:sched_wakeup: ") for text in (WAKING, without)]
    assert counts[0] > counts[1] == 0
    assert wakers_of(WAKING, run) == wakers_of(without, run)
    (note,) = [one for one in parsed_from(WAKING).problems if "tells the same" in one.text]
    assert (note.count, note.severity) == (counts[0], "note")
    # The waker's stack says what woke the reader of a pipe.
    chains = run("fold", "-", "-k", "all", "--chain", "wakers", "-q", stdin=WAKING.encode()).stdout
    assert re.search(r"anon_pipe_read.*;--;.*kernel`anon_pipe_write", chains)


def test_wake_ups_alone_count_without_waking(run: RunCommand) -> None:
    only = re.sub(r"^\S+ +\d+ .*sched:sched_waking: .*\n(?:\t.*\n)*\n", "", WAKING, flags=re.M)
    assert "sched_waking" not in only
    assert wakers_of(only, run)["dash -> cat"] == pytest.approx(50e6, rel=0.05)


def test_a_switch_with_its_frame_in_the_same_line_is_read() -> None:
    bare, framed = parsed_from(SCHED), parsed_from(FIELDS)
    assert [(one[0], one[1], one[3]) for one in waits_of(framed)] == [
        (one[0], one[1], one[3]) for one in waits_of(bare)
    ]
    assert {one[2] for one in waits_of(framed)} == {"kernel`__schedule"}
    assert [one.kind for one in framed.problems] == [one.kind for one in bare.problems]


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("ffffffff821f8b58 __schedule+0x1 ([kernel.kallsyms])", "kernel`__schedule"),
        ("ffffffff821f8b58 __schedule", "kernel`__schedule"),
        ("7effb56fed00 read+0x1 (/usr/lib/libc.so.6)", "libc.so.6`read"),
        ("7effb56fed00 operator new(unsigned long)", "operator new"),
    ],
)
def test_samples_without_g_have_their_frame(frame: str, name: str) -> None:
    text = f"sh 5 [000] 1.000000: 250000 cpu-clock: {frame}\n" * 2
    ((_, stack, weight),) = next(iter(parsed_from(text).profiles.values()))
    assert (stack, weight.value) == (name, 2)


def test_frames_that_do_not_say_where_they_are_from_make_a_stack() -> None:
    text = (
        "sh 5 [000] 1.000000: 250000 cpu-clock: \n"
        "\tffffffff813a89c4 try_to_wake_up\n"
        "\t           ee137 read\n\t            1234 [unknown]\n\n"
        "cafe 6 [000] 2.000000: 250000 cpu-clock: \n\n"
    )
    found = {key.execname: stack for key, stack, _ in parsed_from(text).profiles["samples", False]}
    assert found == {"sh": "[unknown];read;-;kernel`try_to_wake_up", "cafe": NO_STACK}


@pytest.mark.parametrize("event", ["sched_switch", "sched_waking"])
@pytest.mark.parametrize("frame", ["", " ffffffff821f8b58 __schedule"])
def test_events_without_arguments_say_what_to_print(
    run: RunCommand, event: str, frame: str
) -> None:
    text = f"  dash 5/5 [000] 1.000000: sched:{event}: {frame}\n" * 3
    done = run("report", "-", stdin=text.encode())
    assert done.exit_code == 1
    assert "without its arguments: print them with perf script -F +trace" in done.stderr


def test_a_text_is_detected_whatever_its_first_events_are(run: RunCommand) -> None:
    others = "  sh 5 [000] 0.5: sched:sched_stat_runtime: comm=sh pid=5 runtime=1 [ns]\n"
    others = others.replace("0.5:", "0.500000:") * 9000
    assert len(others) > 1 << 18
    text = others + switch("1.000000", 5, 0) + switch("2.000000", 0, 5)
    report = json.loads(run("report", "-", "--format", "json", stdin=text.encode()).stdout)
    assert report["sections"][0]["total"]["value"] == 10**9
