"""Waits of one thread that cannot be: two at the same time."""

from __future__ import annotations

from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

INT64_MAX = (1 << 63) - 1


def read_waits(*waits: tuple[int, int]) -> ParseResult:
    """Return the result of reading waits (start, length) of one thread."""
    records = "".join(
        f"E {start} {wait} 20 100159 0 sh t fffff8004309a880 0 a\n\n              kernel`f+0x3\n"
        for start, wait in waits
    )
    text = f"B 100 1795372027596348298\n{records}Z 9000 1795372027596357198\n"
    return read(text.encode(), "made up", ReadOptions())


def test_a_wait_that_begins_inside_another_of_its_thread_is_a_problem() -> None:
    parsed = read_waits((110, 100), (150, 10))
    (problem,) = [problem for problem in parsed.problems if problem.kind == "double-waits"]
    assert problem.count == 1
    assert "10 ns" in problem.text


def test_a_wait_that_begins_when_another_ends_is_no_problem() -> None:
    assert read_waits((110, 40), (150, 10)).problems == []


def test_a_wait_whose_end_does_not_fit_into_64_bits_is_left_out() -> None:
    parsed = read_waits((110, INT64_MAX - 109), (150, 10))
    assert [problem.kind for problem in parsed.problems] == ["bad-event"]
    assert parsed.records == 1
