"""The fast path for plain folded lines gives the same as reading line by line."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pvprof.parse.detect import detect
from pvprof.parse.files import folded
from pvprof.parse.files.folded import FoldedReader
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


def _read(text: bytes) -> ParseResult:
    reader = FoldedReader(TextSource(text, "law", ReadOptions()))
    for piece in text.splitlines(keepends=True) if len(text) > 40 else [text]:
        reader.feed(piece, 0)
    return reader.finish()


@given(st.lists(_LINES, min_size=1, max_size=5), st.booleans())
@example(["a 1", "b"], False)
@example(["a 1 b", "2"], True)
@example(["a;b 5", "# the total is 5"], True)
@example(["a 1", "", "b 2"], True)
@example([" a 1"], True)
@example(["a; 1"], True)
@example(["a ;b 1"], True)
@example(["a 9\u0662"], True)
def test_plain_lines_are_read_as_line_by_line(lines: list[str], ends: bool) -> None:
    text = "\n".join(lines).encode() + (b"\n" if ends else b"")
    quick = _read(text)
    with patch.object(folded, "_split_plain", return_value=None):
        slow = _read(text)
    assert quick.profiles == slow.profiles
    assert quick.problems == slow.problems
    assert quick.records == slow.records


def test_plain_lines_take_the_fast_path() -> None:
    for text in (b"a;b 1\nc 2", b"main;operator new 3\nmain 4"):
        assert folded._split_plain(text) is not None, text


def test_a_process_whose_name_begins_with_a_hash_is_no_comment() -> None:
    parsed = _read(b"#worker;b 5\na;b 3\n#a comment without a number\n")
    assert parsed.records == 2
    assert not parsed.problems


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
