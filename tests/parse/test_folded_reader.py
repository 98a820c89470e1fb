"""The fast path for plain folded lines gives the same as reading line by line."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from helpers.readings import kinds_of
from hypothesis import example, given
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.parse.detect import detect
from pvprof.parse.files import folded_lines
from pvprof.parse.files.folded_lines import FoldedReader
from pvprof.parse.read import read
from pvprof.parse.result import ParseResult
from pvprof.parse.source import ReadOptions, TextSource

# Every character that the fast path must not take for a plain one, and some plain ones.
_CHARACTERS = st.sampled_from("ab19;# \t\r\x1c\x7f\u00e9.-")
_STACKS = st.text(_CHARACTERS, max_size=6)
_LINES = st.one_of(
    st.builds("{} {}".format, _STACKS, st.integers(0, 120)),
    st.builds("{} {}".format, st.sampled_from(["a", "a;b", "a;new b", "b"]), st.integers(0, 120)),
    _STACKS,
)


def _read(text: bytes, *, is_differential: bool = False) -> ParseResult:
    reader = FoldedReader(TextSource(text, "law", ReadOptions()), is_differential)
    for piece in text.splitlines(keepends=True) if len(text) > 40 else [text]:
        reader.feed(piece, 0)
    return reader.finish()


@given(st.lists(_LINES, min_size=1, max_size=5), st.booleans(), st.booleans())
@example(["a 1", "b"], False, False)
@example(["a 1 b", "2"], True, False)
@example(["a;b 5", "# the total is 5"], True, False)
@example(["a 1", "", "b 2"], True, False)
@example([" a 1"], True, False)
@example(["a; 1"], True, False)
@example(["a ;b 1"], True, False)
@example(["a 9\u0662"], True, False)
@example(["a;b 1 2", "c 0 3"], True, True)
@example(["1 2"], True, True)
@example(["a b 2"], True, True)
def test_plain_lines_are_read_as_line_by_line(
    lines: list[str], ends: bool, is_differential: bool
) -> None:
    text = "\n".join(lines).encode() + (b"\n" if ends else b"")
    quick = _read(text, is_differential=is_differential)
    with patch.object(folded_lines, "_split_plain", return_value=None):
        slow = _read(text, is_differential=is_differential)
    assert quick.profiles == slow.profiles
    assert [one.profiles for one in quick.further] == [one.profiles for one in slow.further]
    assert quick.problems == slow.problems
    assert quick.records == slow.records


def test_plain_lines_take_the_fast_path() -> None:
    for text in (b"a;b 1\nc 2", b"main;operator new 3\nmain 4"):
        assert folded_lines._split_plain(text) is not None, text


def test_a_process_whose_name_begins_with_a_hash_is_no_comment() -> None:
    parsed = _read(b"#worker;b 5\na;b 3\n#a comment without a number\n")
    assert parsed.records == 2
    assert not parsed.problems


def test_numbers_alone_are_not_taken_for_folded() -> None:
    for text in (b" 3\n 4\n", b"# a comment\n 3\n 4\n"):
        assert detect(text).name != "folded"


@pytest.mark.parametrize(
    "text",
    [b"idle 90\nmain;work 10\n", b" a;b;c 5\n", b"# made by hand\nidle 9\nidle 8\na;b 1\n"],
)
def test_a_few_short_stacks_are_taken_for_folded(text: bytes) -> None:
    assert detect(text).name == "folded"


@pytest.mark.parametrize("text", [b"a;b 5\n# 17 stacks in 30\n", b"# 17 stacks in 30\na;b 5\n"])
def test_a_comment_that_ends_in_a_number_is_no_stack(text: bytes) -> None:
    parsed = _read(text)
    assert [stack for profile in parsed.profiles.values() for _, stack, _ in profile] == ["a;b"]
    assert parsed.records == 1


def _values(text: bytes) -> dict[str, int]:
    ((_, profile),) = read(text, "test", ReadOptions(jobs=1)).profiles.items()
    return {stack: weight.value for _, stack, weight in profile}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"a;b 0.4\na;b 0.4\na;b 0.4\na;c 2\n", {"a;b": 1, "a;c": 2}),
        (b"a;b 0.1\n" * 1000, {"a;b": 100}),
        (b"a;b 1e-05\n" * 20_000 + b"a;c 1\n", {"a;b": 0, "a;c": 1}),
        (b"a;b 1.5e+3\na;c 2.5E3\na;b .5\na;b 3.\n", {"a;b": 1504, "a;c": 2500}),
        (b"a;b 9007199254740993\na;b 0.25\na;b 0.25\n", {"a;b": 9007199254740994}),
    ],
)
def test_fractions_are_added_up_before_they_are_rounded(
    text: bytes, values: dict[str, int]
) -> None:
    assert _values(text) == values


def test_what_rounds_to_0_is_a_loss_with_its_sum() -> None:
    parsed = read(b"a;b 0.25\na;c 0.125\na;d 7\n", "test", ReadOptions())
    (loss,) = [problem for problem in parsed.problems if problem.severity == "loss"]
    assert (loss.kind, loss.count) == ("vanished", 2)
    assert "0.375 together" in loss.text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            b"main (app.py:1);work (app.py:8) 30\n 3\n",
            {"main (app.py:1);work (app.py:8)": 30, "[no stack]": 3},
        ),
        (b"3\na;b 4\n5\n", {"a;b": 4, "[no stack]": 8}),
        (b"a;b 4\n\t 2.5\n0.5\n", {"a;b": 4, "[no stack]": 3}),
        (b"<module> (work.py:15) 9\n 3\n", {"<module> (work.py:15)": 9, "[no stack]": 3}),
        (b" 3\nidle 9\nwork 4\n 1\n", {"idle": 9, "work": 4, "[no stack]": 4}),
        (b"\xef\xbb\xbfmain;f 30\nmain;g 4\n", {"main;f": 30, "main;g": 4}),
        (b"#1;f 30\n#1;g 4\n", {"#1;f": 30, "#1;g": 4}),
    ],
)
def test_a_number_without_a_stack_counts(text: bytes, values: dict[str, int]) -> None:
    assert _values(text) == values


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"a;b 3\nsome words\n", "bad-line"),
        (b"a;b 3\na;c nan\n", "bad-line"),
        (b"a;b 3\na;c " + b"9" * 5000 + b"\n", "bad-line"),
        (b"a;b 3\na;c 1e99\n", "bad-line"),
        (b"a;b 3\na;c -4\n", "negative-value"),
        (b"a;b 3\na;c -0.5\n", "negative-value"),
    ],
)
def test_one_bad_line_of_two_is_named(text: bytes, kind: str) -> None:
    parsed = read(text, "test", ReadOptions())
    (problem,) = parsed.problems
    assert (problem.kind, problem.line, parsed.records) == (kind, 2, 1)


def test_negative_values_are_a_loss_that_is_counted() -> None:
    parsed = read(b"a;b 3\n" + b"a;c -4\n" * 50, "test", ReadOptions())
    assert {problem.severity for problem in parsed.problems} == {"loss"}
    assert sum(problem.count for problem in parsed.problems) == 50


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"a;b 3\na;c 4\n\na;b 3 5\na;c 1 0\n", "last 2"),
        (b"a;b 3 5\na;c 1 0\na;d 1 0\nmain;work 4\nmain;f 2\n", "first 3"),
        (b"a;f 3\n" * 60_000 + b"a;b 3 5\na;c 1 0\n", "last 2"),
    ],
)
def test_a_differential_file_in_a_folded_one_is_told(text: bytes, place: str) -> None:
    (problem,) = read(text, "test", ReadOptions()).problems
    assert problem.kind == "two-columns"
    assert place in problem.text


@pytest.mark.parametrize(
    "text",
    [
        b"a;b 3\na;operator new 3 17\n",
        b"a;b 3\na;sched lock 3 100\na;sched lock 4 200\n",
        b"a;b 3\na;sched lock 3 100\na;f 17\n",
    ],
)
def test_frames_that_end_in_a_number_are_no_second_file(text: bytes) -> None:
    assert not read(text, "test", ReadOptions()).problems


@pytest.mark.parametrize(
    "second", [b"# pvprof folded, unit: samples\n", b"# pvprof differential, unit: ns\n"]
)
def test_two_files_of_pvprof_that_differ_are_refused(second: bytes) -> None:
    text = b"# pvprof folded, unit: ns\na;b 3\n"
    with pytest.raises(InputError, match="two files in one text: line 3 begins another"):
        read(text + second + b"a;c 4\n", "test", ReadOptions())
    assert read(text + text, "test", ReadOptions()).records == 2


def test_a_file_of_pvprof_behind_one_without_a_unit_is_told() -> None:
    parsed = read(b"a;b 3\n# pvprof folded, unit: ns\na;c 4\n", "test", ReadOptions())
    assert kinds_of(parsed) == {"two-files": 1}


def test_two_numbers_that_are_no_sides_are_told() -> None:
    for text in (b"main;operator new 3 17\n", b"sh;sched lock 3 100\nsh;sched lock 4 200\n"):
        assert kinds_of(read(text, "test", ReadOptions())) == {"two-columns": 1}
    assert not read(b"# pvprof folded, unit: ns\na;b 3 5\n", "test", ReadOptions()).problems
    assert not read(b"a;b 3 5\n", "test", ReadOptions(layout="folded")).problems


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (b"a;b 3 5\na;c 1 0\n", "differential"),
        (b"a;b 0 5\na;c 0 1.5\n", "differential"),
        (b"# pvprof differential, unit: ns\na;b 3 5\n", "differential"),
        (b"# pvprof folded, unit: ns\na;b 3 5\na;c 0 1\n", "folded"),
        (b"sh;sched lock 3 100\nsh;sched lock 4 200\n", "folded"),
        (b"sh;f;sched lock 3 100\nsh;g;sched lock 3 200\n", "folded"),
        (b"main;operator new 3 17\nmain;f 1 2\n 4 5\n", "differential"),
        (b"main;operator new 3 17\n", "folded"),
        (b"a;b 3 5\na;c 1\n", "folded"),
        (b"a;b 3 5\na;c 1 0\nsome words\na;d", "differential"),
        (b"thread 1 5\nthread 2 7\n", "rows"),
        (b"idle 5\nwork 7\n", "rows"),
    ],
)
def test_two_numbers_in_every_line_of_several_are_two_sides(text: bytes, layout: str) -> None:
    assert detect(text).name == layout


def test_both_columns_are_read_and_the_guess_is_told() -> None:
    parsed = read(b"a;b 3 5\na;c 1 0\na;d 0 0.75\n", "test", ReadOptions())
    (base,) = parsed.further
    sides = [
        {stack: weight.value for _, stack, weight in side.profiles["samples", False]}
        for side in (parsed, base)
    ]
    assert sides == [{"a;b": 5, "a;d": 1}, {"a;b": 3, "a;c": 1}]
    assert [problem.kind for problem in parsed.problems] == ["rounded", "two-columns"]
    chosen = read(b"a;b 3 5\na;c 1 0\n", "test", ReadOptions(layout="differential"))
    assert not chosen.problems


def test_a_later_line_with_one_number_is_named() -> None:
    parsed = read(b"a;b 3 5\na;c 1\n", "test", ReadOptions(layout="differential"))
    (problem,) = parsed.problems
    assert (problem.kind, problem.line) == ("bad-line", 2)
