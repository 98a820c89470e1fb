"""The maps that any bpftrace program prints."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.readings import kinds_of, parsed_from

from pvprof.parse.result import ParseResult

MAP = FIXTURES / "linux" / "bpftrace-map.txt"


def rows_of(parsed: ParseResult) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for profile in parsed.profiles.values():
        for key, stack, weight in profile:
            found[key.execname, key.name, stack] += weight.value
    return found


def test_a_real_map_adds_up_process_by_process(run: RunCommand) -> None:
    wanted: Counter[str] = Counter()
    for name, value in re.findall(r"(?m)^, (\w+)\]: (\d+)$", MAP.read_text()):
        wanted[name] += int(value)
    folded = run("fold", "-k", "all", MAP, "-q").stdout.splitlines()
    found: Counter[str] = Counter()
    for line in folded:
        found[line.split(";")[0]] += int(line.rpartition(" ")[2])
    assert found == wanted
    assert 200_000_000 < found["sleep"] < 210_000_000, "0.1 s, 0.05 s and 0.05 s were slept"
    assert all(";-;" in line for line in folded)


def test_lines_that_are_not_read_are_counted(run: RunCommand) -> None:
    result = run("report", MAP, "--format", "json")
    told = {one["kind"]: one["count"] for one in json.loads(result.stdout)["problems"]}
    histograms = len(re.findall(r"(?m)^@lengths:", MAP.read_text()))
    other_entries = len(re.findall(r"(?m)^@waits\[", MAP.read_text()))
    unnamed = set(re.findall(r"(?m)^\s+(0x[0-9a-f]+)$", MAP.read_text()))
    assert told == {
        "unit": 1,
        "other-maps": histograms + other_entries,
        "hex-user-frames": len(unnamed),
    }


STACK = "\n    f+1\n    g+22\n"
KEYS = {
    f"@[{STACK}]: 5": ("", "", "g;f"),
    f"@[{STACK}, sh]: 5": ("sh", "", "g;f"),
    f"@[sh, {STACK}]: 5": ("sh", "", "g;f"),
    f"@[sh, 123, {STACK}]: 5": ("sh", "", "g;f"),
    f"@[{STACK}, {STACK}, sh]: 5": ("sh", "", "g;f;-;g;f"),
    f"@[{STACK}, , sh]: 5": ("sh", "", "g;f"),
    f"@[, {STACK}, sh]: 5": ("sh", "", "g;f"),
    f"@[{STACK}, a b, futex]: 5": ("a b", "futex", "g;f"),
    f"@[{STACK}, x]: 7, sh]: 5": ("x]: 7", "sh", "g;f"),
    "@[\n    0x7f00\n, sh]: 5": ("sh", "", "[unknown]"),
    "@[\n\t7f00 read+13 (/lib/libc.so.6)\n]: 5": ("", "", "libc.so.6`read"),
    "@[sh, 12]: 5": ("sh", "", "[no stack]"),
}


@pytest.mark.parametrize(("text", "row"), KEYS.items(), ids=map(str, range(len(KEYS))))
def test_a_key_may_have_any_parts(text: str, row: tuple[str, str, str]) -> None:
    assert rows_of(parsed_from(text + "\n")) == {row: 5}


def test_of_several_maps_the_one_with_stacks_is_read() -> None:
    text = f"@n[sh]: 3\n@x[{STACK}, sh]: 5\n@y: 77\n@z:\n[4K, 8K)  3 |@@@|\n"
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("sh", "", "g;f"): 5}
    assert {one.kind: one.count for one in parsed.problems} == {"unit": 1, "other-maps": 3}


def test_several_maps_with_stacks_must_be_chosen_from(run: RunCommand) -> None:
    text = f"@a[{STACK}]: 5\n@ns[{STACK}]: 7\n".encode()
    done = run("fold", "-k", "all", "-", stdin=text)
    assert (done.exit_code, "@a, @ns" in done.stderr, "--profile" in done.stderr) == (2, True, True)
    chosen = run("fold", "-k", "all", "-", "--profile", "^@ns$", stdin=text)
    assert chosen.stdout == "g;f;f 7\n"
    assert run("fold", "-k", "all", "-", "--profile", "zzz", stdin=text).exit_code == 2


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("ns", "ns"), ("wait_ns", "ns"), ("nsecs", "ns"), ("nsecs_by_lock", "ns")),
        *(("", "samples"), ("instances", "samples"), ("us_count", "samples"), ("s", "samples")),
    ],
)
def test_the_name_of_a_map_may_give_its_unit(name: str, unit: str) -> None:
    parsed = parsed_from(f"@{name}[{STACK}, sh]: 5\n")
    assert [profile.unit for profile in parsed.profiles.values()] == [unit]
    (problem,) = parsed.problems
    assert f"taken for {unit}; --unit overrides" in problem.text


@pytest.mark.parametrize(
    ("name", "value_ns", "unit"),
    [
        ("us", 5_000, "microseconds"),
        ("wait_us", 5_000, "microseconds"),
        ("usecs_by_lock", 5_000, "microseconds"),
        ("off_cpu_ms", 5_000_000, "milliseconds"),
        ("Msecs", 5_000_000, "milliseconds"),
        ("seconds", 5_000_000_000, "seconds"),
    ],
)
def test_a_map_of_another_unit_of_time_is_read_in_nanoseconds(
    name: str, value_ns: int, unit: str
) -> None:
    parsed = parsed_from(f"@{name}[{STACK}, sh]: 5\n@n[sh]: 7\n")
    ((_, _, weight),) = parsed.profiles["ns", False]
    assert weight.value == value_ns
    assert any(f"taken for {unit}" in one.text for one in parsed.problems)


@pytest.mark.parametrize("name", ["bytes", "alloc_bytes", "bytes_by_stack"])
def test_a_map_of_bytes_is_read_in_bytes(name: str) -> None:
    parsed = parsed_from(f"@{name}[{STACK}, sh]: 5\n@n[sh]: 7\n")
    ((_, _, weight),) = parsed.profiles["bytes", False]
    assert weight.value == 5


def test_a_unit_that_is_given_overrides_the_name(run: RunCommand) -> None:
    text = f"@ns[{STACK}, sh]: 5\n@n[sh]: 7\n".encode()
    for options, value in ((["--unit", "us"], 5000), (["--unit", "ns", "--factor", "3"], 15)):
        done = run("fold", "-k", "all", "-", *options, stdin=text)
        assert done.stdout.splitlines()[-1] == f"sh;g;f;f {value}"


def test_statistics_in_microseconds_keep_their_counts() -> None:
    parsed = parsed_from(f"@us[{STACK}, sh]: count 4, average 9, total 37\n")
    ((_, _, weight),) = parsed.profiles["ns", True]
    assert (weight.value, weight.count) == (37_000, 4)


@pytest.mark.parametrize(
    "value",
    ["count 4, average 9, total 37", "{ .count = 4, .average = 9, .total = 37 }"],
    ids=["0.17", "0.27"],
)
def test_stats_have_counts(value: str) -> None:
    text = f"Attached 3 probes\n@ns[{STACK}, sh]: {value}\n"
    assert [one.kind for one in parsed_from(text).problems] == ["unit"]
    (profile,) = parsed_from(text).profiles.values()
    assert profile.has_counts
    ((_, _, weight),) = profile
    assert (weight.value, weight.count) == (37, 4)


def test_lost_events_and_stacks_are_losses() -> None:
    text = f"Lost 12 events\nERROR: failed to look up stack id 0 (pid 1): -1\n@[{STACK}]: 5\n"
    told = {one.kind: (one.count, one.severity) for one in parsed_from(text).problems}
    assert told["drops"] == (12, "loss")
    assert told["lost-stacks"] == (1, "loss")


def test_an_entry_interrupted_by_another_is_a_loss() -> None:
    text = f"@[\n    f+1\n@[{STACK}, sh]: 5\n"
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("sh", "", "g;f"): 5}
    (problem,) = [one for one in parsed.problems if one.severity == "loss"]
    assert (problem.kind, problem.line) == ("damaged", 1)


# ---- stacks as each release and mode prints them ------------------------------------------------

RAW = "0xffffffff81e0fafd"
FRAMES = {
    # before 0.9 without indentation
    "@[\nvfs_read+142\nsys_read+85\n]: 5": "sys_read;vfs_read",
    "@[sh, \nvfs_read+142\nsys_read+85\n, \nread+7\n]: 5": "sh;read;-;sys_read;vfs_read",
    "@[sh, 7, \nvfs_read+142\nsys_read+85\n]: 5": "sh;sys_read;vfs_read",
    # 4 blanks up to 0.21, 8 from then on
    "@[\n        vfs_read+142\n        sys_read+85\n, sh]: 5": "sh;sys_read;vfs_read",
    # mode perf
    "@[\n\tffffffffc0026132 vfs_read+142\n, sh]: 5": "sh;vfs_read",
    f"@[\n\tffffffff81e0fafd {RAW}\n]: 5": RAW,
    "@[\n\t7f00 a::f(int (*)(int))+13 (/opt/My App (1)/b)\n]: 5": "b`a::f",
    "@[\n\t7f00 f+13 (/opt/lib.so (deleted))\n]: 5": "lib.so`f",
    "@[\n\t7f00 0x7f00 ([unknown])\n]: 5": "[unknown]",
    "@[\n\t7f00 g (inlined)\n\t7f00 f+13 (/a/b)\n]: 5": "b`f;g_[i]",
    # mode raw
    "@[\nffffffff81e0fafd\n, sh]: 5": f"sh;{RAW}",
    "@[\nffffffff81e0fafd\n, \n7f00\n, sh]: 5": f"sh;[unknown];-;{RAW}",
    # mode build_id
    f"@[\n{'0123456789' * 4} 0xfb6f7\n, sh]: 5": f"sh;{'0123456789' * 4}`0xfb6f7",
    # debug information
    "@[\n        main+25@/src/x.c:41\n]: 5": "main",
    "@[\n        main+25@x.c:41\n]: 5": "main",
    "@[\n        main+25@/src/@x/y:1/z.c:3\n]: 5": "main",
    "@[\n        [inlined] f@/src/x.c:3\n        main+25@/src/x.c:41\n]: 5": "main;f_[i]",
    "@[\n        [inlined] f\n        main+25\n]: 5": "main;f_[i]",
    "@[\n        memcpy@@GLIBC_2.14+5\n]: 5": "memcpy@@GLIBC_2.14",
    # a stack that bpftrace could not follow
    "@[\n        f+1\n        <unwind failure>\n]: 5": "[unwind failure];f",
}


@pytest.mark.parametrize(("text", "folded"), FRAMES.items(), ids=map(str, range(len(FRAMES))))
def test_a_frame_is_read_in_each_mode(run: RunCommand, text: str, folded: str) -> None:
    assert run("fold", "-k", "all", "-", stdin=f"{text}\n".encode()).stdout == f"{folded} 5\n"


def test_equal_stacks_of_other_addresses_are_one(run: RunCommand) -> None:
    text = (
        b"@[\n\tffffffffc0026132 vfs_read+142\n, cat]: 4\n"
        b"@[\n\tffffffffc0026136 vfs_read+146\n, cat]: 1\n"
    )
    assert run("fold", "-k", "all", "-", stdin=text).stdout == "cat;vfs_read 5\n"
    offsets = run("fold", "-k", "all", "-", "--offsets", stdin=text).stdout
    assert offsets == "cat;vfs_read+0x8e 4\ncat;vfs_read+0x92 1\n"


@pytest.mark.parametrize(
    ("first", "second", "folded"),
    [
        ("    main+3\n    0x7f01\n", "    vfs_read+1\n", "[unknown];main;-;vfs_read"),
        (
            "    main+3\n",
            "    vfs_read+1\n    entry_SYSCALL_64+1\n",
            "main;-;entry_SYSCALL_64;vfs_read",
        ),
        ("\t7f00 main+3 (/a/b)\n", "\tffffffff81 vfs_read+1\n", "b`main;-;vfs_read"),
        ("7f0012345678\n", "ffffffff81e0fafd\n", f"[unknown];-;{RAW}"),
        ("    f+3\n", "    main+1\n", "main;-;f"),  # nothing tells: the first is the kernel's
        (
            "    vfs_read+1\n    kthread+3\n",
            "    f+1\n    0xffffffff81e0fafd\n",
            f"{RAW};f;-;kthread;vfs_read",
        ),
    ],
)
def test_frames_tell_which_stack_is_the_kernels(
    run: RunCommand, first: str, second: str, folded: str
) -> None:
    text = f"@[\n{first}, \n{second}, cat]: 4\n".encode()
    assert run("fold", "-k", "all", "-", stdin=text).stdout == f"cat;{folded} 4\n"


# ---- keys of any parts --------------------------------------------------------------------------

F = "\n    f+1\n"
NESTED = {
    f"@[{F}, (cat, 4711)]: 5": ("cat", "", "f"),
    f"@[({F}, cat), 1]: 5": ("cat", "", "f"),
    f"@[cat, (1, ({F}, 7)), {F}, x]: 5": ("cat", "x", "f;-;f"),
    f"@[cat, (1, (\n, 7)), {F}, a]: 5": ("cat", "a", "f"),
    f"@[((cat, 1), (2, {F}))]: 5": ("cat", "", "f"),
    f"@[{F}, ((sd-pam), 7)]: 5": ("(sd-pam)", "", "f"),
    f"@[{F}, (sd-pam)]: 5": ("(sd-pam)", "", "f"),
    f"@[{F}, :-), 7]: 5": (":-)", "", "f"),
    f"@[{F}, :-(, 7]: 5": (":-(", "", "f"),
    f"@[{F}, a\nb, 7]: 5": ("a\nb", "", "f"),
    f"@[a\nb, {F}]: 5": ("a\nb", "", "f"),
    f"@[{F},{F}, sh]: 5": ("sh", "", "f;-;f"),  # an editor took the blanks at line ends
    f"@[{F}, 0xffff8880, -3, sh]: 5": ("sh", "", "f"),
    "@[]: 5": ("", "", "[no stack]"),
    "@[\n]: 5": ("", "", "[no stack]"),
    "@[\n, \n, sh]: 5": ("sh", "", "[no stack]"),
}


@pytest.mark.parametrize(("text", "row"), NESTED.items(), ids=map(str, range(len(NESTED))))
def test_a_key_may_hold_tuples_and_odd_names(text: str, row: tuple[str, str, str]) -> None:
    assert rows_of(parsed_from(f"{text}\n@zz: 1\n")) == {row: 5}


def test_a_key_of_very_many_brackets_is_read() -> None:
    name = "(" * 20_000 + "[" * 20_000
    assert rows_of(parsed_from(f"@[{F}, {name}, {name[::-1]}]: 5\n")).total() == 5


# ---- values of all kinds ------------------------------------------------------------------------

VALUES = {
    "@h[cat]: \n[1, 2)   3 |@@@|\n\n": 1,
    "@h[cat]:\n[1]      3 |@@@|\n[2, 4)   1 |@  |\n\n": 1,
    "@lengths: \n(..., 0)   3 |@@@|\n[0, 10)   1 |@  |\n[10, ...)   1 |@  |\n\n": 1,
    "@comm[7]: swapper/0\n@comm[8]: ]: x\n": 2,
    "@t[7]: (1, swapper/0)\n": 1,
    "@r[7]: { .a = 3, .b = x }\n": 1,
    "@bytes[7]: [1,2,3]\n": 1,
    "@stacks[0]: \n        f+11\n        g+5\n\n@n: 3\n": 2,
    "@v[85]: @v[10]: @v[9]: \n        f+249\n\n": 1,
    "@n: 2\n@st: count 3, average 2, total 6\n@tuple: (1, 2)\n": 3,
    "@when:\n          0                                 100\nhh:mm:ss |___|\n\n": 1,
}


@pytest.mark.parametrize(("text", "others"), VALUES.items(), ids=map(str, range(len(VALUES))))
def test_values_of_other_kinds_are_other_maps(text: str, others: int) -> None:
    wanted = f"@[{F}, cat]: 4\n"
    for whole in (text + wanted, wanted + text):
        parsed = parsed_from(whole)
        assert rows_of(parsed) == {("cat", "", "f"): 4}
        assert kinds_of(parsed) == {"unit": 1, "other-maps": others}


def test_a_histogram_of_times_is_read_in_nanoseconds() -> None:
    rows = "(..., 0)  1 |@|\n[0]   2 |@@|\n[512, 1K)   3 |@@@|\n[1M, ...)   1 |@|\n"
    parsed = parsed_from(f"Attaching 2 probes...\n^C\n\n@usecs[sh]: \n{rows}\n@n: 3\n")
    (histogram,) = parsed.histograms
    assert histogram.key.execname == "sh"
    assert histogram.buckets == (
        (-1000, 1),
        (0, 2),
        (512_000, 3),
        (1_048_576_000, 1),
    )


def test_the_last_row_of_a_histogram_has_an_end() -> None:
    (histogram,) = parsed_from("@ns:\n[4K, 8K)   3 |@@@|\n").histograms
    assert histogram.buckets == ((4096, 3), (8192, 0))


def test_averages_and_extremes_are_named() -> None:
    for name in ("avg_ns", "max_us", "p99"):
        assert kinds_of(parsed_from(f"@{name}[{F}]: 5\n"))["no-sums"] == 1


@pytest.mark.parametrize("value", ["-3", "18446744073709551604", "9223372036854775807"])
def test_a_value_that_cannot_be_added_up_is_a_loss(value: str) -> None:
    parsed = parsed_from(f"@[{F}, a]: {value}\n@[{F}, b]: 5\n")
    assert rows_of(parsed) == {("b", "", "f"): 5}
    assert [one.severity for one in parsed.problems] == ["note", "loss"]


def test_an_entry_without_a_number_in_a_map_of_numbers_is_a_loss() -> None:
    for value in ("9" * 5000, "x", "", "(1, 2)"):
        parsed = parsed_from(f"@[{F}, a]: {value}\n@[{F}, b]: 5\n")
        assert rows_of(parsed) == {("b", "", "f"): 5}
        assert kinds_of(parsed) == {"unit": 1, "damaged": 1}


# ---- the copy of a terminal ---------------------------------------------------------------------

ENTRY = f"@[{F}, cat]: 4\n@[\n    vfs_write+1\n, cat]: 1\n"


@pytest.mark.parametrize(
    "text",
    [
        f"^C{ENTRY}",
        f"^C^C{ENTRY}",
        f"^C\n\n{ENTRY}",
        ENTRY.replace("    f", "^C    f"),
        ENTRY.replace("    f", "^C\n    f"),
        ENTRY.replace("@[\n    vfs", "^C@[\n    vfs"),
        ENTRY.replace(", cat]: 1", "^C, cat]: 1"),
        f"Attaching 1 probe...\n^Z{ENTRY}",
    ],
)
def test_the_echo_of_a_key_is_no_part_of_the_text(text: str) -> None:
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("cat", "", "f"): 4, ("cat", "", "vfs_write"): 1}
    assert kinds_of(parsed) == {"unit": 1}


# ---- several prints of one map ------------------------------------------------------------------


def test_of_a_map_that_grows_the_last_print_counts() -> None:
    prints = [(("a", 1), ("b", 3)), (("b", 3), ("a", 4)), (("b", 5), ("a", 6), ("c", 9))]
    text = "".join(f"@[{F}, {name}]: {value}\n" for one in prints for name, value in one)
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("a", "", "f"): 6, ("b", "", "f"): 5, ("c", "", "f"): 9}
    (problem,) = [one for one in parsed.problems if one.kind == "several-prints"]
    assert problem.severity == "warning"
    assert "printed 3 times, each with all of the one before: the last is read" in problem.text


@pytest.mark.parametrize("between", ["", "\n", "12:00:01\n", "@other: 3\n"])
def test_a_map_that_is_cleared_is_added_up(between: str) -> None:
    prints = [(("a", 1), ("b", 3)), (("b", 3),), (("a", 2), ("c", 9))]
    text = between.join("".join(f"@[{F}, {n}]: {v}\n" for n, v in one) for one in prints)
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("a", "", "f"): 3, ("b", "", "f"): 6, ("c", "", "f"): 9}
    assert kinds_of(parsed)["several-prints"] == 1


def test_stacks_of_two_processes_that_look_the_same_are_added_up() -> None:
    text = f"@[{F}, a]: 1\n@[{F}, b]: 2\n@[{F}, b]: 2\n@[{F}, c]: 9\n"
    parsed = parsed_from(text)
    assert rows_of(parsed)["b", "", "f"] == 4
    assert kinds_of(parsed) == {"unit": 1}


# ---- losses -------------------------------------------------------------------------------------


def test_an_entry_without_its_beginning_is_a_loss() -> None:
    parsed = parsed_from(f"    f+1\n, sh]: 7\n@[{F}, sh]: 5\n")
    assert rows_of(parsed) == {("sh", "", "f"): 5}
    assert [one.kind for one in parsed.problems if one.severity == "loss"] == ["damaged"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (
            "x.bt:3:5-20: WARNING: Failed to map_update_elem: Argument list too long (-7)",
            "map-full",
        ),
        ("WARNING: Map full; can't update element. Try increasing max_map_keys", "map-full"),
        ("Error looking up stack id 3 (pid -1): -1", "lost-stacks"),
        ("Lost 12 events", "drops"),
    ],
)
def test_what_bpftrace_lost_is_told(line: str, kind: str) -> None:
    told = [one.kind for one in parsed_from(f"{line}\n{ENTRY}").problems if one.severity == "loss"]
    assert told == [kind]
