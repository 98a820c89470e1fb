"""The traps of collapsing DTrace's output, each with the reason why collapsers fall into it.

``D1`` to ``D20`` number the traps; each test would fail for the behaviour that its comment names.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import SYMBOLS, read_recording_bytes
from helpers.command_line import RunCommand
from helpers.readings import RECORDED

from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

Fold = Callable[..., list[str]]
Problems = Callable[..., list[dict[str, Any]]]

HEADER = (
    "CPU     ID                    FUNCTION:NAME\n  2  28241                         :tick-8s \n\n"
)
HISTOGRAM = (
    "           value  ------------- Distribution ------------- count    \n"
    "             512 |                                         0        \n"
    "            1024 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@          3        \n"
    "            2048 |@@@@@@@@@@                               1        \n"
    "            4096 |                                         0        \n"
)
LINEAR_HISTOGRAM = (
    "           value  ------------- Distribution ------------- count    \n"
    "             < 0 |                                         0        \n"
    "               0 |@@@@@@@@@@@@@@@@@@@@                     2        \n"
    "             100 |@@@@@@@@@@                               1        \n"
    "          >= 200 |@@@@@@@@@@                               1        \n"
)
UNSET_MIN = 2**63 - 1
UNSET_MAX = -(2**63)


def classic(*frames: str, value: object = 1) -> str:
    """One record as dtrace prints it by itself."""
    return f"\n{indented(*frames)}{value:>17}\n"


def indented(*frames: str) -> str:
    return "".join(f"{'':14}{frame}\n" for frame in frames)


def keyed(key: str, *frames: str, value: object = 1) -> str:
    """One record as printa prints it: the key, the frames, the value."""
    return "\n" + "".join(f"{line}\n" for line in (key, *frames, value))


def event(name: str, *frames: str, wait: object = 500, execname: str = "sh") -> str:
    head = f"E 1000 {wait} 10 100 0 {execname} t fffff8004309a880 7 {name}\n"
    return head + "\n" + indented(*frames)


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@pytest.fixture(name="fold")
def _fold(run: RunCommand) -> Fold:
    """Give a function that folds a text and returns the lines."""

    def fold(text: str | bytes, *options: object) -> list[str]:
        result = run("fold", "-k", "all", "-", "--quiet", *options, stdin=as_bytes(text))
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    return fold


@pytest.fixture(name="report")
def _report(run: RunCommand) -> Callable[..., dict[str, Any]]:
    """Give a function that reports on a text or a file, as JSON."""

    def report(source: str | bytes | Path) -> dict[str, Any]:
        text = None if isinstance(source, Path) else as_bytes(source)
        path = source if isinstance(source, Path) else "-"
        result = run("report", path, "-o", "-", "--format", "json", stdin=text)
        assert result.exit_code == 0, result.output
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    return report


@pytest.fixture(name="problems")
def _problems(report: Callable[..., dict[str, Any]]) -> Problems:
    return lambda source: report(source)["problems"]


def kinds(problems: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(problem["kind"] for problem in problems)


def frame_of(fold: Fold, text: str, *options: str) -> str:
    """Fold one frame in a record of its own and return what became of it."""
    (line,) = fold(classic(text), *options)
    return line.removesuffix(" 1")


# D1: a collapser that skips a fixed number of lines, or all up to the first blank one, eats frames
# of a text without header and takes a second header for data.


def test_an_output_that_begins_with_a_blank_line_loses_no_frame(fold: Fold) -> None:
    assert fold(classic("kernel`a", "kernel`b", "kernel`c")) == ["kernel`c;kernel`b;kernel`a 1"]


def test_an_output_that_begins_with_a_frame_loses_no_frame(fold: Fold) -> None:
    text = classic("kernel`a", "kernel`b", "kernel`c").lstrip("\n")
    assert fold(text) == ["kernel`c;kernel`b;kernel`a 1"]


@pytest.mark.parametrize("before", ["", HEADER, HEADER + "\n", HEADER * 3, "\n" + HEADER])
@pytest.mark.parametrize("between", ["", "\n" + HEADER, "\n" + HEADER * 2, "\n\n\n"])
def test_any_number_of_headers_may_come_before_and_between_records(
    fold: Fold, before: str, between: str
) -> None:
    text = before + classic("kernel`a", value=3) + between + classic("kernel`b", value=4)
    assert fold(text) == ["kernel`a 3", "kernel`b 4"]


def test_a_header_may_be_followed_by_output_of_printa(fold: Fold) -> None:
    text = HEADER.rstrip("\n") + "sh\n" + indented("kernel`a") + "   3\n"
    assert fold(text) == ["sh;kernel`a 3"]


# D2: a header alone is an empty recording: an error, and no result.


@pytest.mark.parametrize("text", [HEADER, HEADER * 2, HEADER.split("\n", maxsplit=1)[0] + "\n"])
def test_a_header_alone_is_one_error_and_no_result(run: RunCommand, text: str) -> None:
    result = run("fold", "-k", "all", "-", stdin=text.encode())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("pvprof: error: ") == 1


# D3: a count is a line of blanks, digits and blanks, and nothing else is.


@pytest.mark.parametrize("line", ["7", "  7", "7  ", "\t7\t", " " * 16 + "7 \t "])
def test_a_count_may_have_blanks_around_it(fold: Fold, line: str) -> None:
    text = f"\n{indented('kernel`a')}{line}\n\n{indented('kernel`b')}{line}\n"
    assert fold(text) == ["kernel`a 7", "kernel`b 7"]


@pytest.mark.parametrize("frame", ["5424 f", "5function_name", "f 5424", "12`f", "-3f"])
def test_a_frame_with_a_number_in_it_is_no_count(fold: Fold, frame: str) -> None:
    assert fold(classic("kernel`a", frame, "kernel`c")) == [f"kernel`c;{frame};kernel`a 1"]


def test_a_last_line_without_newline_is_a_count_but_may_be_short(
    fold: Fold, problems: Problems
) -> None:
    text = keyed("sh", "kernel`a", value=12) + keyed("sh", "kernel`b", value=34).rstrip("\n")
    assert fold(text) == ["sh;kernel`a 12", "sh;kernel`b 34"]
    assert kinds(problems(text)) == ["no-final-newline"]


def test_a_process_with_a_number_for_a_name_is_a_key_of_printa(fold: Fold) -> None:
    text = keyed("sh", "kernel`a") + keyed("123", "kernel`a", value=5) + keyed("sh", "kernel`b")
    assert fold(text) == ["123;kernel`a 5", "sh;kernel`a 1", "sh;kernel`b 1"]


def test_a_number_for_a_name_is_a_key_if_it_is_the_only_process(fold: Fold) -> None:
    text = keyed("123", "kernel`a", value=5) + keyed("124", "kernel`a", value=6)
    assert fold(text) == ["123;kernel`a 5", "124;kernel`a 6"]


@pytest.mark.parametrize("key", [f"  {'123':50}", "     123", "              123"])
def test_a_number_for_a_name_is_a_key_of_dtrace_s_own_print(fold: Fold, key: str) -> None:
    own_print = f"\n{key}\n{indented('kernel`a', 'kernel`b')}{5:>17}\n"
    text = own_print + classic("kernel`c", value=6)
    assert fold(text) == ["123;kernel`b;kernel`a 5", "kernel`c 6"]


# D4: stack() and ustack() of one record are parted by a blank line only. Skipping it joins both
# without a mark, and upside down where the program names ustack() first.

USER = ("libc.so.7`_fork+0xa", "sh`main+0x3")
KERNEL = ("kernel`fork1+0x4fa", "kernel`sys_fork")
BOTH = "sh`main;libc.so.7`_fork;-;kernel`sys_fork;kernel`fork1"


@pytest.mark.parametrize("parts", [(KERNEL, USER), (USER, KERNEL)])
def test_user_frames_are_towards_the_root_in_any_order_of_printing(
    fold: Fold, parts: Sequence[Sequence[str]]
) -> None:
    first, second = parts
    assert fold(f"\n{indented(*first)}\n{indented(*second)}   9\n") == [f"{BOTH} 9"]


def test_bare_addresses_separate_user_from_kernel(fold: Fold) -> None:
    text = f"\n{indented('0x200123')}\n{indented('0xffffffff80001234', 'kernel`b')}   9\n"
    assert fold(text) == ["[unknown];-;kernel`b;0xffffffff80001234 9"]


@pytest.mark.parametrize("blank_lines", [1, 2, 3])
def test_an_empty_user_part_adds_no_delimiter(fold: Fold, blank_lines: int) -> None:
    text = f"\n{indented(*KERNEL)}" + "\n" * blank_lines + "   9\n"
    assert fold(text) == ["kernel`sys_fork;kernel`fork1 9"]


def test_an_empty_kernel_part_adds_no_delimiter(fold: Fold) -> None:
    assert fold(f"\n\n\n{indented(*USER)}   9\n") == ["sh`main;libc.so.7`_fork 9"]


def test_a_delimiter_that_the_program_printed_is_the_only_one(fold: Fold) -> None:
    text = keyed("sh", *USER, "-", *KERNEL) + keyed("sh", "-", *KERNEL) + keyed("sh", *USER, "-")
    assert fold(text) == [
        "sh;kernel`sys_fork;kernel`fork1 1",
        "sh;sh`main;libc.so.7`_fork 1",
        f"sh;{BOTH} 1",
    ]


# D5: cutting at the last plus, whatever follows it, takes the plus of operator+.


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("kernel`fork1+0x4fa", "kernel`fork1"),
        ("kernel`fork1+0xFFFFFFFF", "kernel`fork1"),
        ("kernel`fork_exit", "kernel`fork_exit"),
        ("a.out`operator+", "a.out`operator+"),
        ("a.out`operator++0x1f", "a.out`operator+"),
        ("a.out`operator+=", "a.out`operator+="),
        ("a.out`A<1+2>+0x3", "a.out`A<1+2>"),
        ("a.out`f+12", "a.out`f+12"),
        ("a.out`f+0x", "a.out`f+0x"),
        ("a.out`f+0x1g", "a.out`f+0x1g"),
        ("a.out`f+0x1+0x2", "a.out`f+0x1"),
    ],
)
def test_only_a_hex_offset_at_the_end_is_stripped(fold: Fold, text: str, frame: str) -> None:
    assert frame_of(fold, text) == frame


# D6: where offsets are kept, trimming the leaf's after the frames were joined cuts at another
# frame's plus if the leaf has none.


def test_kept_offsets_are_kept_on_every_frame_and_none_is_invented(fold: Fold) -> None:
    text = classic("kernel`vm_fault", "kernel`trap+0x440", "zfs.ko`arc_read+0x1f")
    assert fold(text, "--offsets") == ["zfs.ko`arc_read+0x1f;kernel`trap+0x440;kernel`vm_fault 1"]
    text = classic("kernel`vm_fault+0x3", "kernel`trap", "zfs.ko`arc_read+0x1f")
    assert fold(text, "--offsets") == ["zfs.ko`arc_read+0x1f;kernel`trap;kernel`vm_fault+0x3 1"]


def test_equal_frames_at_other_offsets_are_one_frame_unless_offsets_are_kept(fold: Fold) -> None:
    text = classic("kernel`a+0x1") + classic("kernel`a+0x2") + classic("kernel`a")
    assert fold(text) == ["kernel`a 3"]
    assert fold(text, "--offsets") == ["kernel`a 1", "kernel`a+0x1 1", "kernel`a+0x2 1"]


# D7: hex frames are different places, and a layout guess that wants a backtick in every line fails
# at them, at a process name and at a delimiter.


def test_hex_frames_of_the_kernel_stay_distinct_and_those_of_programs_are_one(fold: Fold) -> None:
    text = classic("0x104d08831", "kernel`0xffffffff8068e64b") + classic("0x104d08832")
    assert fold(text) == ["[unknown] 1", "kernel`0xffffffff8068e64b;[unknown] 1"]
    assert fold(text, "--offsets") == ["0x104d08832 1", "kernel`0xffffffff8068e64b;0x104d08831 1"]


def test_a_record_of_hex_frames_process_and_delimiter_is_recognised(fold: Fold) -> None:
    text = keyed("a process", "0xffffffff8068e64b", "-", "0x104d08831", value=3)
    assert fold(text) == ["a process;[unknown];-;0xffffffff8068e64b 3"]


def test_symbols_name_the_place_before_a_return_address(fold: Fold) -> None:
    # The frame is the address behind the call: where the call is a function's last instruction,
    # the address itself lies in the next function.
    text = classic("kernel`0xffffffff8068e64b", "0x104d08831")
    assert fold(text, "--symbols", SYMBOLS) == ["[unknown];kernel`fast_syscall_common 1"]


# D8: cutting from the last parenthesis or angle bracket breaks names with nested argument lists,
# operator() and template arguments at the end.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("A::B<x>(const char*)", "A::B<x>"),
        ("A::B<x>(const char*) const", "A::B<x>"),
        ("A::B<x>(const char*) const [mangled]", "A::B<x>"),
        ("std::vector<int>::push_back(int const&)+0x4", "std::vector<int>::push_back"),
        ("A::f(void (*)(int), B<c()>)+0x1", "A::f"),
        ("A::f(std::function<int (char)>)", "A::f"),
        ("A<int (char)>::f(int)", "A<int (char)>::f"),
        ("A::f()", "A::f"),
        ("X::operator()", "X::operator()"),
        ("X::operator()(int)+0x3", "X::operator()"),
        ("X::operator()() const", "X::operator()"),
        ("X::operator<(X const&)", "X::operator<"),
        ("f::g<T>", "f::g<T>"),
        ("f::g<T>+0x12", "f::g<T>"),
        ("(anonymous namespace)::f", "(anonymous namespace)::f"),
        ("(anonymous namespace)::f(int)", "(anonymous namespace)::f"),
        ("java_start(Thread*)+0x1", "java_start"),
        ("JavaCalls::call_helper+0x6ae", "JavaCalls::call_helper"),
        ("A::f(int) &", "A::f"),
        ("A::f(int) const &&", "A::f"),
    ],
)
@pytest.mark.parametrize("module", ["", "libapp.so`"])
def test_an_argument_list_is_removed_and_nothing_else(
    fold: Fold, module: str, text: str, frame: str
) -> None:
    assert frame_of(fold, module + text) == module + frame


# D9: splitting at every arrow splits operator->, and removing a leading L (of a virtual machine's
# type names) renames processes and functions.


def test_an_inlined_call_becomes_a_frame_of_its_own(fold: Fold) -> None:
    assert fold(classic("baz", "foo->bar", "main")) == ["main;foo;bar_[i];baz 1"]
    assert fold(classic("a->b->c", "main")) == ["main;a;b_[i];c_[i] 1"]


def test_an_inlined_call_is_split_in_printa_s_layout_too(fold: Fold) -> None:
    text = keyed("java", "libjvm.so`x", "foo->bar", "libc.so.7`main")
    assert fold(text) == ["java;libc.so.7`main;foo;bar_[i];libjvm.so`x 1"]


@pytest.mark.parametrize("frame", ["A::operator->", "libc++.so.1`A::operator->", "kernel`a->b"])
def test_an_arrow_that_is_no_inlined_call_stays(fold: Fold, frame: str) -> None:
    assert frame_of(fold, frame) == frame


@pytest.mark.parametrize("frame", ["LLVMRun", "libLLVM.so`LLVMRun", "LL", "L"])
def test_a_leading_l_stays(fold: Fold, frame: str) -> None:
    assert frame_of(fold, frame) == frame
    assert fold(keyed("LLVM", "kernel`a")) == ["LLVM;kernel`a 1"]


# D10: a semicolon in a frame makes two of it, a line break two lines; a control character makes the
# picture unreadable for every viewer.


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("Lfoo;bar()", "Lfoo:bar"),
        ("kernel`x;y;", "kernel`x:y:"),
        ("kernel`a\x1b[31m", "kernel`a\\x1b[31m"),
        ("kernel`a\tb", "kernel`a\\x09b"),
        ("kernel`a\x7fb", "kernel`a\\x7fb"),
        ("kernel`a\0b", "kernel`a\\x00b"),
        ("+0x12", "-"),
        ("kernel`größe", "kernel`größe"),
    ],
)
def test_a_frame_cannot_break_a_folded_line(fold: Fold, text: str, frame: str) -> None:
    assert frame_of(fold, text) == frame


def test_bytes_that_are_not_utf_8_are_shown_and_stay_distinct(fold: Fold) -> None:
    text = classic("kernel`a@").encode().replace(b"@", b"\xff")
    text += classic("kernel`a@").encode().replace(b"@", b"\xf0\x28\x8c\xbc")
    assert fold(text) == ["kernel`a\\xf0(\\x8c\\xbc 1", "kernel`a\\xff 1"]


def test_names_are_cleaned_like_frames(fold: Fold) -> None:
    text = keyed("turnstile|a;b\x07", "kernel`f") + keyed("sleepq|c\x1b", "kernel`f")
    assert fold(text) == ["kernel`f;a:b\\x07 1", "kernel`f;c\\x1b 1"]
    assert fold(keyed("s;h\x07", "kernel`f")) == ["s:h\\x07;kernel`f 1"]


def test_any_byte_in_a_name_leaves_a_picture_that_is_xml(run: RunCommand) -> None:
    every = bytes(code for code in range(256) if code != ord("\n"))
    text = b"\nsh" + every + b"\nkernel`a" + every + b"\n7\n"
    result = run("flamegraph", "-", stdin=text)
    assert result.exit_code == 0, result.output
    assert ET.fromstring(result.stdout_bytes).tag.endswith("svg")


# D11: half-demangled Rust names keep their escapes, and a hash that differs in every build.


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("core::fmt::write::h0123456789abcdef", "core::fmt::write"),
        ("core::fmt::write::h0123456789abcdef+0x3", "core::fmt::write"),
        ("core::fmt::write::h0123456789abcdef (.llvm.123456)", "core::fmt::write"),
        ("core::fmt::write::h01234567", "core::fmt::write::h01234567"),
        (
            "_$LT$alloc..vec..Vec$LT$T$GT$$GT$::push::h0123456789abcdef",
            "<alloc::vec::Vec<T>>::push",
        ),
        ("core::f$u7b$$u7b$shim$u7d$$u7d$::h0123456789abcdef", "core::f{{shim}}"),
        ("f::_$u5b$T$u5d$$u20$as$C$::h0123456789abcdef", "f::_[T] as,"),
        ("a$b$c", "a$b$c"),
        ("a..b", "a..b"),
    ],
)
def test_a_rust_name_reads_as_in_the_source(fold: Fold, text: str, frame: str) -> None:
    assert frame_of(fold, f"app`{text}") == f"app`{frame}"


# D12: equal stacks sum, lines are sorted, and neither the number of processes, nor how the text was
# cut between them, nor the order of the records changes the result.


def test_equal_stacks_sum(fold: Fold) -> None:
    text = classic("kernel`a", value=5) + classic("kernel`b") + classic("kernel`a+0x7", value=2)
    assert fold(text) == ["kernel`a 7", "kernel`b 1"]


def test_lines_are_sorted_by_the_bytes_of_their_stacks(fold: Fold) -> None:
    frames = ["kernel`a", "kernel`B", "kernel`_", "kernel`a1", "kernel`é", "kernel`\U0001f600"]
    frames += ["kernel`\uffee", "kernel`~", "[unknown]"]
    stacks = [line.rpartition(" ")[0] for line in fold("".join(map(classic, frames)))]
    assert stacks == sorted(frames, key=str.encode)


@pytest.mark.parametrize(
    "record", [classic, lambda *frames, value: keyed("rw-spin|x", *frames, value=value)]
)
def test_the_order_of_records_does_not_matter(fold: Fold, record: Callable[..., str]) -> None:
    records = [
        record(f"kernel`{leaf}", f"kernel`{root}", value=1 + 10 * number)
        for number, (leaf, root) in enumerate(zip("abcabcabc", "xxxyyyxyz", strict=True))
    ]
    expected = fold("".join(records))
    for seed in range(5):
        random.Random(seed).shuffle(records)
        assert fold("".join(records)) == expected


def content(parsed: ParseResult) -> object:
    """The content of a text, in a form that does not depend on its order."""
    profiles = {
        (unit, key, stack): weight
        for (unit, _), profile in parsed.profiles.items()
        for key, stack, weight in profile
    }
    waits = sorted(parsed.events.profile()) if parsed.events is not None else []
    problems = Counter[tuple[str, str]]()
    for one in parsed.problems:
        problems[one.kind, one.text] += one.count
    return profiles, waits, Counter(parsed.histograms), problems, parsed.records


MIXED = (
    "dtrace: 3 drops on CPU 1\n"
    + HEADER
    + f"\n{indented(*KERNEL)}\n{indented(*USER)}   9\n"
    + "".join(classic(f"kernel`f{n % 3}+0x{n:x}", "kernel`trap", value=n) for n in range(20))
    + "dtrace: 4 drops on CPU 2\n"
    + "\n   17\n"
    + classic("kernel`f", value=-3)
    + f"\n{indented('kernel`q')}{HISTOGRAM}"
    + classic("kernel`f", value=UNSET_MIN)
    + f"\n{indented('kernel`cut')}"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed", *RECORDED])
@pytest.mark.parametrize(("jobs", "share_bytes"), [(1, 1), (2, 100), (3, 1), (4, 1)])
@pytest.mark.parametrize("piece_bytes", [1, 333])
def test_the_result_does_not_depend_on_processes_and_pieces(
    name: str, jobs: int, share_bytes: int, piece_bytes: int
) -> None:
    data = MIXED.encode() if name == "mixed" else read_recording_bytes(name)[:20_000]
    whole = read(data, name, ReadOptions(jobs=1))
    options = ReadOptions(jobs=jobs, piece_bytes=piece_bytes, min_share_bytes=share_bytes)
    assert content(read(data, name, options)) == content(whole)


# D13: a text that ends inside a stack is an interrupted recording: not an error, and not silence.


@pytest.mark.parametrize(
    ("whole", "rest"),
    [
        (classic("kernel`a", value=5), "\n" + indented("kernel`b", "kernel`c")),
        (keyed("sh", "kernel`a", value=5), "\nsh\nkernel`b\n"),
        (keyed("turnstile|x", "kernel`a", value="5 1"), "\nturnstile|y\n"),
        ("\n\nkernel`a\n\nx\n5\n\n", "\n\nkernel`b\nkernel`c\n\nproctree\n"),
    ],
)
def test_complete_records_are_kept_if_the_text_ends_inside_one(
    fold: Fold, problems: Problems, whole: str, rest: str
) -> None:
    assert fold(whole + rest) == fold(whole)
    assert kinds(problems(whole + rest)) == ["cut-off"]
    assert kinds(problems(whole)) == []


def test_an_event_that_was_cut_off_is_left_out(fold: Fold, problems: Problems) -> None:
    text = "B 1 2\n" + event("x", "kernel`a") + event("y", "kernel`b") + "              kern"
    assert fold(text) == ["sh;kernel`a;x 500"]
    assert {"cut-off", "no-end-marker"} <= set(kinds(problems(text)))


def test_an_event_recording_without_its_end_marker_is_a_loss(problems: Problems) -> None:
    text = "B 1 2\n" + event("x", "kernel`a")
    assert kinds(problems(text)) == ["no-end-marker"]
    assert kinds(problems(text + "Z 3 4\n")) == []


# D14: a count without frames goes nowhere, or under the name of nothing.


def test_a_count_without_frames_has_a_name(fold: Fold) -> None:
    text = "\n\n   17\n" + classic("kernel`a", value=5)
    assert fold(text) == ["[no stack] 17", "kernel`a 5"]
    text = keyed("sh", value=17) + keyed("sh", "kernel`a", value=5)
    assert fold(text) == ["sh;[no stack] 17", "sh;kernel`a 5"]
    text = keyed("turnstile|x", value="17 1") + keyed("turnstile|x", "kernel`a", value="5 1")
    assert fold(text) == ["[no stack];x 17", "kernel`a;x 5"]


# D15: a number with a minus is taken for a frame, which glues two stacks together; min() and max()
# of nothing drown every other value.


@pytest.mark.slow
@pytest.mark.parametrize("value", [-3, UNSET_MIN, UNSET_MAX])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_value_that_was_not_measured_is_left_out_alone(
    fold: Fold, problems: Problems, value: int, position: int
) -> None:
    records = [classic("kernel`a", value=5), classic("kernel`b", value=6)]
    records.insert(position, classic("kernel`bad", value=value))
    assert fold("".join(records)) == ["kernel`a 5", "kernel`b 6"]
    assert kinds(problems("".join(records))) == ["negative-value" if value == -3 else "unset-value"]


def test_an_unmeasured_value_leaves_the_other_records_of_its_stack(fold: Fold) -> None:
    text = classic("kernel`a", value=5) + classic("kernel`a", value=-3)
    assert fold(text + classic("kernel`a", value=7)) == ["kernel`a 12"]


@pytest.mark.parametrize("count", [-1, UNSET_MIN, UNSET_MAX])
def test_a_second_number_that_was_not_measured_is_not_added_up(
    fold: Fold, problems: Problems, count: int
) -> None:
    text = keyed("turnstile|x", "kernel`a", value=f"3 {count}")
    text += keyed("turnstile|x", "kernel`b", value="4 2")
    assert fold(text, "--counts") == ["kernel`b;x 2"]
    assert len(problems(text)) == 1


@pytest.mark.parametrize("value", [-3, UNSET_MIN, UNSET_MAX])
@pytest.mark.parametrize("rest", ["", " 1"])
def test_rows_without_stacks_leave_out_unmeasured_values(
    fold: Fold, problems: Problems, value: int, rest: str
) -> None:
    text = f"sh 5{rest}\nbad {value}{rest}\ncsh 6{rest}\n"
    assert fold(text) == ["csh;[no stack] 6", "sh;[no stack] 5"]
    assert len(problems(text)) == 1


# D16: the key of @[execname, stack()] comes before the frames, at the leaf.


def test_the_process_that_dtrace_prints_before_the_frames_is_the_root(fold: Fold) -> None:
    text = f"\n  {'a process':50}\n{indented('kernel`a', 'kernel`b')}{5:>17}\n"
    assert fold(text) == ["a process;kernel`b;kernel`a 5"]
    assert fold(HEADER + "\n" + text) == ["a process;kernel`b;kernel`a 5"]


def test_the_process_that_dtrace_prints_after_the_frames_is_the_root(fold: Fold) -> None:
    text = f"\n\n{indented('kernel`a', 'kernel`b')}  {'a process':50}{5:>17}\n"
    assert fold(text) == ["a process;kernel`b;kernel`a 5"]


def test_a_lock_name_is_the_leaf_unless_asked_otherwise(fold: Fold) -> None:
    text = keyed("turnstile|pmap pv list", "kernel`a", "kernel`b", value=5)
    assert fold(text) == ["kernel`b;kernel`a;pmap pv list 5"]
    assert fold(text, "--by", "root") == ["pmap pv list;kernel`b;kernel`a 5"]
    assert fold(text, "--by", "none") == ["kernel`b;kernel`a 5"]


def test_a_lockstat_probe_is_a_frame_below_the_lock(fold: Fold) -> None:
    text = keyed("rw-spin|x", "kernel`a", value="5 1") + keyed(
        "rw-block|x", "kernel`a", value="6 1"
    )
    assert fold(text) == ["kernel`a;x;rw-block 6", "kernel`a;x;rw-spin 5"]


# D17: a quantize body does not end in a plain number, so that a reader that waits for one takes it
# for frames and gives it the next record's count.


@pytest.mark.parametrize("body", [HISTOGRAM, LINEAR_HISTOGRAM])
def test_a_histogram_among_stacks_is_no_stack(
    fold: Fold, report: Callable[..., dict[str, Any]], body: str
) -> None:
    text = classic("kernel`a", value=5) + "\n  name\n" + body + classic("kernel`b", value=6)
    assert fold(text) == ["kernel`a 5", "kernel`b 6"]
    (histogram,) = report(text)["histograms"]
    assert (histogram["name"], histogram["count"]) == ("name", 4)


@pytest.mark.parametrize("body", [HISTOGRAM, LINEAR_HISTOGRAM])
def test_a_histogram_below_a_stack_counts_the_events_of_that_stack(fold: Fold, body: str) -> None:
    text = classic("kernel`a", value=5) + "\n" + indented("kernel`q") + body
    text += classic("kernel`b", value=6)
    assert fold(text) == ["kernel`a 5", "kernel`b 6"]
    assert fold(text, "--measure", "events") == ["kernel`q 4"]


def test_the_process_of_a_histogram_below_a_stack_is_the_root(fold: Fold) -> None:
    text = f"\n  {'a process':50}\n{indented('kernel`a', 'kernel`b')}{HISTOGRAM}"
    assert fold(text) == ["a process;kernel`b;kernel`a 4"]


def test_the_wait_of_a_histogram_below_a_stack_is_the_leaf(fold: Fold) -> None:
    text = keyed("turnstile|vm object", "kernel`a", "kernel`b", value=HISTOGRAM.rstrip("\n"))
    assert fold(text) == ["kernel`b;kernel`a;vm object 4"]


# D18: dtrace's messages land in the output under 2>&1 and ssh -t, where they are taken for frames;
# else they are on stderr only, and the output looks complete.

MESSAGES = ("dtrace: 13 drops on CPU 5\n", "dtrace: 4 drops on CPU 2\n")


THREAD_RECORD = "\n\nkernel`c\n\nwait\n7\n\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("\n" + indented("kernel`a"), indented("kernel`b"), "  5\n"), ["kernel`b;kernel`a 5"]),
        (("\nsh\nkernel`a\n", "kernel`b\n", "5\n"), ["sh;kernel`b;kernel`a 5"]),
        (
            (THREAD_RECORD, THREAD_RECORD + "\n\nkernel`a\n", "\nproctree\n5\n\n"),
            ["kernel`a;proctree 5", "kernel`c;wait 14"],
        ),
        (
            (event("x", "kernel`a"), indented("kernel`b"), "Z 1 2\n"),
            ["sh;kernel`b;kernel`a;x 500"],
        ),
        (("B 1 2\n", event("x", "kernel`a"), "Z 1 2\n"), ["sh;kernel`a;x 500"]),
    ],
)
def test_messages_inside_the_output_are_problems_and_no_data(
    fold: Fold, problems: Problems, texts: Sequence[str], expected: list[str]
) -> None:
    greeting = "dtrace: script 'x.d' matched 4 probes\n"
    text = greeting + MESSAGES[0].join(texts) + MESSAGES[1]
    assert fold(text) == expected
    found = problems(text)
    assert set(kinds(found)) == {"drops"}
    assert sum(problem["count"] for problem in found) == 2 * 13 + 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("message", "kind", "count"),
    [
        ("dtrace: 13 drops on CPU 5", "drops", 13),
        ("dtrace: 7 aggregation drops on CPU 1", "aggregation-drops", 7),
        ("dtrace: 8 dynamic variable drops", "dynamic-variable-drops", 8),
        (
            "dtrace: 8 dynamic variable drops with non-empty dirty list",
            "dynamic-variable-drops",
            8,
        ),
        (
            "dtrace: error on enabled probe ID 2 (ID 52: sched:kernel:none:on-cpu): "
            "invalid address (0x0) in action #5",
            "probe-errors",
            1,
        ),
        (
            "dtrace: processing aborted: Abort due to systemic unresponsiveness",
            "aborted",
            1,
        ),
    ],
)
@pytest.mark.parametrize("place", ["inside", "NAME.err", "NAME.err.gz"])
def test_losses_of_dtrace_are_in_the_result(
    problems: Problems, tmp_path: Path, place: str, message: str, kind: str, count: int
) -> None:
    text = classic("kernel`a")
    if place == "inside":
        text = message + "\n" + text
    elif place == "NAME.err":
        (tmp_path / "run.err").write_text(message + "\n")
    else:
        (tmp_path / "run.err.gz").write_bytes(gzip.compress(message.encode() + b"\n"))
    recording = tmp_path / "run.out"
    recording.write_text(text)
    (problem,) = problems(recording)
    assert (problem["kind"], problem["count"], problem["severity"]) == (kind, count, "loss")


def test_drops_of_several_processors_are_one_problem_on_stderr(run: RunCommand) -> None:
    text = "".join(MESSAGES) + classic("kernel`a")
    result = run("fold", "-k", "all", "-", stdin=text.encode())
    assert result.stdout == "kernel`a 1\n"
    (line,) = result.stderr.splitlines()
    assert re.match(r"pvprof: loss: stdin: 17 x ", line)


# D19: filtering idle stacks by a hidden rule removes real ones; filtering nothing hides the rest.

IDLE = ("kernel`cpu_idle+0x9f", "kernel`sched_idletd+0x4e1", "kernel`fork_exit")


def test_folding_leaves_nothing_out_by_default(fold: Fold) -> None:
    text = keyed("idle", *IDLE, value=90) + keyed("sh", "kernel`a", value=10)
    assert fold(text) == [
        "idle;kernel`fork_exit;kernel`sched_idletd;kernel`cpu_idle 90",
        "sh;kernel`a 10",
    ]


def test_a_report_lists_and_counts_what_it_sets_aside(
    report: Callable[..., dict[str, Any]],
) -> None:
    text = keyed("sleepq|nanslp", "kernel`a", value="90 1")
    text += keyed("turnstile|vm object", "kernel`a", value="10 1")
    (section,) = report(text)["sections"]
    aside = section["set_aside"]
    assert (section["total"]["value"], section["kept"]["value"]) == (100, 10)
    assert [one["value"] for one in aside] == [90]
    assert all(one["title"] for one in aside)


# D20: what could not be measured is a frame or a problem that says how much, never silence.


def test_a_blocking_without_stack_is_a_visible_frame(fold: Fold) -> None:
    text = event("x") + event("x", "kernel`a") + "Z 1 2\n"
    assert fold(text) == ["sh;[no stack];x 500", "sh;kernel`a;x 500"]


def test_a_negative_wait_is_reported_and_not_summed(fold: Fold, problems: Problems) -> None:
    text = event("x", "kernel`a") + event("x", "kernel`a", wait=-5)
    assert fold(text) == ["sh;kernel`a;x 500"]
    (problem,) = problems(text)
    assert problem["kind"] == "negative-wait"


def test_a_process_name_with_blanks_is_the_root_of_its_events(fold: Fold) -> None:
    text = event("vm object", "kernel`a", execname="a b") + event(
        "x ", "kernel`b", execname="s t h"
    )
    assert fold(text) == ["a b;kernel`a;vm object 500", "s t h;kernel`b;x 500"]


def test_a_lock_name_may_end_in_a_number(fold: Fold) -> None:
    # "sched lock 3" is the name of a real spin mutex: neither a second column nor a time.
    folded = "a;sched lock 3 100\na;sched lock 4 200\n"
    assert fold(folded) == folded.splitlines()
    assert fold("tick 1\nT spin mutex|sched lock 3 17\nEND\n") == [
        "[no stack];sched lock 3;spin mutex 17"
    ]


def test_a_record_without_its_key_keeps_its_leaf(fold: Fold) -> None:
    text = "\nsh\nkernel`a\nkernel`b\n5\n\nkernel`leaf\nkernel`mid\nkernel`root\n7\n"
    assert fold(text) == ["kernel`root;kernel`mid;kernel`leaf 7", "sh;kernel`b;kernel`a 5"]


def test_a_dash_without_a_stack_is_a_wait_message(fold: Fold) -> None:
    thread = "\nkernel`a\n\n-\n100\n\n\nkernel`b\n\nwait\n200\n\n"
    assert fold(thread) == ["kernel`a;- 100", "kernel`b;wait 200"]


def test_two_columns_are_read_when_asked_for(fold: Fold) -> None:
    assert fold("a;b 3 17\na;c 4 18\n", "--input-format", "differential") == ["a;b 17", "a;c 18"]
