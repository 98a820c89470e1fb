r"""What other releases of bpftrace print: 0.23 and 0.27 write JSON otherwise than 0.17.

The lines are theirs, of a thread named ``x\ny\tz`` or ``a"b\c,d``, cut down to a few keys.
"""

from __future__ import annotations

import json
import re

import pytest
from conftest import FIXTURES
from helpers.readings import kinds_of

from pvprof.model.problems import Problem
from pvprof.model.stacks import NO_STACK
from pvprof.parse.linux.bpftrace_problems import messages_of_bpftrace
from pvprof.parse.read import ReadOptions, read, read_recording
from pvprof.parse.result import ParseResult
from pvprof.recording.open import open_recording

RECORDED_MODES = ("events", "locks", "offcpu", "oncpu", "runq", "wakeup")

HEADER = r'{"type": "printf", "data": "#pvprof 2 offcpu linux ns 0.1.0 frames=32\n"}'
BEGIN = r'{"type": "printf", "data": "#begin 1000 5000000000000000000\n"}'
END = r'{"type": "printf", "data": "#end 9000 5000000000000008000\n"}'
VALUE = '{"count": 1, "average": 7, "total": 7}'
SLEEPER = "kernel`do_nanosleep;kernel`schedule;kernel`__schedule"
WAKER = "kernel`hrtimer_wakeup;kernel`try_to_wake_up"


def parsed_from(maps: dict[str, str], *lines: str) -> ParseResult:
    """Read the lines of a program that announces these maps: the parts of their keys by name."""
    announced = [
        json.dumps({"type": "printf", "data": f"#map {name} {parts}".rstrip() + "\n"})
        for name, parts in maps.items()
    ]
    text = "\n".join([HEADER, *announced, BEGIN, *lines, END, ""])
    return read(text.encode(), "test", ReadOptions(jobs=1))


def stats(name: str, key: str) -> str:
    return f'{{"type": "stats", "data": {{"@{name}": {{"{key}": {VALUE}}}}}}}'


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (r"\n    __schedule+1560\n    schedule+35\n    do_nanosleep+94\n,x\ny\tz", "x\ny\tz"),
        (
            r"\\n        __schedule+1560\\n        schedule+35\\n        do_nanosleep+94\\n"
            r",x\\ny\\tz",
            "x\ny\tz",
        ),
        (r"\n__schedule+1560\nschedule+35\ndo_nanosleep+94\n,x\ny\tz", "x\ny\tz"),
        (r"\n    __schedule+1560\n    schedule+35\n    do_nanosleep+94\n,a\"b\\c,d", r'a"b\c,d'),
        (
            r"\\n        __schedule+1560\\n        schedule+35\\n        do_nanosleep+94\\n"
            r",a\\\"b\\\\c,d",
            r'a"b\c,d',
        ),
        (r"\n__schedule+1560\nschedule+35\ndo_nanosleep+94\n,a\"b\\c,d", r'a"b\c,d'),
        (
            r"\n    __schedule+1560\n    schedule+35\n    do_nanosleep+94\n,\uffffffc3\uffffffa9",
            "é",
        ),
        (
            r"\\n        __schedule+1560\\n        schedule+35\\n        do_nanosleep+94\\n"
            r",\\uffffffc3\\uffffffa9",
            "é",
        ),
        (r"\n__schedule+1560\nschedule+35\ndo_nanosleep+94\n,\uffffffc3\uffffffa9", "é"),
    ],
)
def test_a_stack_and_a_name_are_read_from_the_key_of_each_release(key: str, name: str) -> None:
    parsed = parsed_from({"off_cpu": "stack exec"}, stats("off_cpu", key))
    ((found, stack, weight),) = parsed.profiles["ns", True]
    assert (found.execname, stack, weight[:2]) == (name, SLEEPER, (7, 1))
    assert parsed.problems == []


@pytest.mark.parametrize(
    "key",
    [
        r"\n    try_to_wake_up+9\n    hrtimer_wakeup+1\n,\n    __schedule+1\n    schedule+2\n"
        r"    do_nanosleep+3\n,sh,cc",
        r"\\n        try_to_wake_up+9\\n        hrtimer_wakeup+1\\n,\\n        __schedule+1\\n"
        r"        schedule+2\\n        do_nanosleep+3\\n,sh,cc",
        r"\ntry_to_wake_up+9\nhrtimer_wakeup+1\n,\n__schedule+1\nschedule+2\ndo_nanosleep+3\n,sh,cc",
    ],
    ids=["0.17", "0.23", "0.27"],
)
def test_both_stacks_of_a_wake_up_are_read_from_the_key_of_each_release(key: str) -> None:
    parsed = parsed_from({"woken": "waker_stack stack exec waker"}, stats("woken", key))
    assert parsed.endings is not None
    (ending,) = parsed.endings
    assert (ending.stack, ending.waker) == (SLEEPER, WAKER)
    assert (ending.key.execname, ending.execname) == ("sh", "cc")


@pytest.mark.parametrize("key", [",sh", r"\n,sh", r"\\n,sh"], ids=["0.17", "0.27", "0.23"])
def test_an_empty_stack_is_read_from_the_key_of_each_release(key: str) -> None:
    parsed = parsed_from({"off_cpu": "stack exec"}, stats("off_cpu", key))
    ((found, stack, _),) = parsed.profiles["ns", True]
    assert (found.execname, stack) == ("sh", NO_STACK)


NEW_NAME = stats("off_cpu", r"\nschedule+35\n,\uffffffc3\uffffffa9")
OLD_NAME = stats("off_cpu", r"\n    schedule+35\n,\uffffffc3\uffffffa9")
NEW_BUCKETS = (
    '{"type": "hist", "data": {"@off_cpu_hist": [{"min": 1024, "max": 2047, "count": 1e5},'
    '{"min": 2048, "max": 4095, "count": 10}]}}'
)
OLD_BUCKETS = NEW_BUCKETS.replace("1e5", "15").replace("},{", "}, {")
ONE_BUCKET = (
    '{"type": "hist", "data": {"@off_cpu_hist": [{"min": 1024, "max": 2047, "count": 12}]}}'
)


@pytest.mark.parametrize(
    ("lines", "buckets"),
    [
        ((NEW_NAME, NEW_BUCKETS), ((1024, 0x1E5), (2048, 0x10))),
        ((NEW_NAME, ONE_BUCKET), ((1024, 0x12),)),
        ((NEW_BUCKETS.replace("1e5", "15"), NEW_NAME), ((1024, 15), (2048, 10))),
        ((NEW_NAME.replace(r"\uffffffc3\uffffffa9", r"\\u"), ONE_BUCKET), ((1024, 12),)),
        ((OLD_NAME, OLD_BUCKETS), ((1024, 15), (2048, 10))),
        ((OLD_NAME, ONE_BUCKET), ((1024, 12),)),
    ],
    ids=[
        "0.27",
        "0.27, one bucket",
        "before an escape",
        "an escaped backslash",
        "0.17",
        "0.17, one",
    ],
)
def test_buckets_have_hexadecimal_counts_behind_an_escape_of_a_new_release(
    lines: tuple[str, ...], buckets: tuple[tuple[int, int], ...]
) -> None:
    parsed = parsed_from({"off_cpu": "stack exec", "off_cpu_hist": ""}, *lines)
    (histogram,) = parsed.histograms
    assert tuple(bucket for bucket in histogram.buckets if bucket[1]) == buckets


def test_numbers_in_quotes_are_numbers() -> None:
    """From 0.24 on those that no float holds: here 2^53 + 1 ns, 104 days."""
    total = VALUE.replace('"total": 7', '"total": "9007199254740993"')
    line = stats("off_cpu", r"\nschedule+35\n").replace(VALUE, total)
    parsed = parsed_from({"off_cpu": "stack"}, line)
    assert parsed.profiles["ns", True].total == 2**53 + 1


def test_maps_without_entries_are_nothing() -> None:
    maps = {"off_cpu": "stack", "short_off_cpu": "", "missed": ""}
    parsed = parsed_from(
        maps,
        '{"type": "stats", "data": {"@off_cpu": {}}}',
        '{"type": "stats", "data": {"@short_off_cpu": {"count": 0, "average": 0, "total": 0}}}',
        '{"type": "stats", "data": {"@short_off_cpu": {}}}',
        '{"type": "map", "data": {"@missed": 0}}',
    )
    assert kinds_of(parsed) == {"nothing-recorded": 1}
    assert [profile.total for profile in parsed.profiles.values()] == [0]


def test_losses_are_counted_in_the_words_of_each_release() -> None:
    old = (
        '{"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 2}'
    )
    new = (
        '{"type": "helper_error", "msg": "Argument list too long", "helper": "map_update_elem",'
        ' "retcode": -7, "filename": "script.bt", "line": 1, "col": 87}'
    )
    lost = '{"type": "lost_events", "count": 31, "data": {"events": 31}}'
    wait = stats("off_cpu", r"\nschedule+35\n")
    assert kinds_of(parsed_from({"off_cpu": "stack"}, old, new, lost, wait)) == {
        "map-full": 2,
        "drops": 31,
    }


def told(*lines: str) -> list[Problem]:
    return list(messages_of_bpftrace(lines, "stderr"))


def test_warnings_of_the_compiler_are_no_problems() -> None:
    assert (
        told(
            "WARNING: BPFTRACE_MAP_KEYS_MAX is deprecated. Use BPFTRACE_MAX_MAP_KEYS instead.",
            "script.bt:46:9-14: WARNING: Expression of type: uint64 being cast to type: int64.",
            "        $ns = nsecs - ($since >> 1);",
            "              ~~~~~",
            "WARNING: Could not read functions from /a/available_filter_functions. If this is",
            "ERROR: failed to look up stack id: 0 stack length: 0 (pid -1): -2",
            "WARNING: Total lost event count: 81084",
        )
        == []
    )
    (problem,) = told("script.bt:46:9-14: WARNING: x", "  y", "ERROR: the kernel refused")
    assert problem.text == "bpftrace: the kernel refused"


def test_a_stack_that_was_thrown_out_of_a_full_table_is_a_loss() -> None:
    line = "ERROR: failed to look up stack id: 81 stack length: 12 (pid -1): -2"
    (problem,) = told(line, line)
    assert (problem.kind, problem.severity, problem.count) == ("lost-stacks", "loss", 2)


# ---- real recordings ----------------------------------------------------------------------------

LINUX = FIXTURES / "linux"
NAME = 'Web é"\\'


@pytest.mark.parametrize("mode", RECORDED_MODES)
@pytest.mark.parametrize("release", ["0.23", "0.27"])
def test_a_real_recording_of_another_release_is_whole(release: str, mode: str) -> None:
    recording = open_recording(str(LINUX / f"bpftrace-{release}" / f"{mode}.pvprof.tar.gz"))
    parsed = read_recording(recording, ReadOptions())
    assert "loss" not in {one.severity for one in parsed.problems}
    profiles = list(parsed.profiles.values())
    if parsed.events is not None:
        profiles.append(parsed.events.profile())
    total = sum(profile.total for profile in profiles)
    assert total == printed_total(bytes(recording.data).decode()) > 0
    names = {key.execname for profile in profiles for key, _, _ in profile}
    # From 0.24 on a name in a key has lost its blanks; in events it is in no key.
    is_whole = release == "0.23" or mode == "events"
    assert mode == "locks" or (NAME if is_whole else NAME.replace(" ", "")) in names


def printed_total(text: str) -> int:
    """Return the sum of all values that a program printed, by its text alone."""
    maps = [line for line in text.splitlines() if re.match(r'{"type": "(map|stats)"', line)]
    waits = {
        (tid, int(began)): int(end) - int(began)
        for line in maps
        for began, tid, end in re.findall(r'"(\d+),(\d+)": \[\[[^]]*\],(\d+)', line)
    }
    sums = [int(total) for line in maps for total in re.findall(r'"total": (\d+)', line)]
    samples = [
        int(count)
        for line in maps
        if '"@on_cpu' in line
        for count in re.findall(r'": (\d+)[,}]', line)
    ]
    return sum(waits.values()) + sum(sums) + sum(samples)
