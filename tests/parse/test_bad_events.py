"""Impossible single waits: those left out, and problems with their lines and totals."""

from __future__ import annotations

import json

import pytest
from conftest import RECORDINGS, read_recording_bytes
from helpers.command_line import RunCommand
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

STACK = "\n              kernel`trap+0x1\n              kernel`calltrap+0x8\n"


def event(start: int, wait: int, tid: int = 1, owner: int = 0, name: str = "vm object") -> str:
    return f"E {start} {wait} 20 {tid} 0 sh t fffff8004309a880 {owner} {name}\n{STACK}"


def text_of(*records: str) -> str:
    return "".join(["B 1 1000\n", *records, "Z 900000 900999\n"])


def parsed_from(text: str, jobs: int = 1) -> ParseResult:
    return read(text.encode(), "test", ReadOptions(jobs=jobs))


def total(parsed: ParseResult) -> int:
    assert parsed.events is not None
    return sum(parsed.events.wait_ns.tolist())


GOOD = [event(100, 50), event(200, 60), event(300, 7, tid=2)]


def test_successive_waits_have_no_problem() -> None:
    parsed = parsed_from(text_of(*GOOD))
    assert (total(parsed), parsed.problems) == (117, [])


def test_a_wait_may_begin_when_the_last_one_ended() -> None:
    assert parsed_from(text_of(event(100, 50), event(150, 5), event(155, 0))).problems == []


def test_a_row_of_counts_behind_a_record_without_a_stack_is_no_frame() -> None:
    row = "\n  kernel`vm_fault                                            30\n"
    parsed = parsed_from("B 1 1000\nE 100 50 20 1 0 sh t ffff 0 -\n\n" + row)
    assert total(parsed) == 50
    assert [profile.total for profile in parsed.profiles.values()] == [30]


def test_a_repeated_record_counts_once() -> None:
    parsed = parsed_from(text_of(*GOOD, GOOD[1], GOOD[1]))
    assert total(parsed) == 117
    assert parsed.problems == [
        Problem(
            "duplicate-events",
            "records are repeated in the text: left out, 120 ns together",
            "test",
            14,
            count=2,
        )
    ]


def test_overlapping_waits_are_kept_and_their_sum_is_reported() -> None:
    parsed = parsed_from(text_of(*GOOD, event(120, 100)))
    assert total(parsed) == 217
    (problem,) = parsed.problems
    assert (problem.kind, problem.count, problem.severity) == ("double-waits", 2, "warning")
    assert "160 ns together" in problem.text


def test_the_problem_has_the_line_of_the_first_overlapping_wait() -> None:
    (problem,) = parsed_from(text_of(*GOOD, event(100, 7, tid=5), event(102, 7, tid=5))).problems
    assert (problem.kind, problem.line, problem.count) == ("double-waits", 18, 1)


def test_a_wait_inside_an_earlier_one_is_reported() -> None:
    parsed = parsed_from(text_of(event(100, 500), event(110, 5), event(300, 20), event(650, 1)))
    (problem,) = parsed.problems
    assert (problem.kind, problem.count) == ("double-waits", 2)
    assert "25 ns together" in problem.text


def test_a_wait_that_ends_beyond_64_bits_contains_later_ones() -> None:
    late = 2**63 - 100
    records = (event(late, 1000), event(late + 50, 7))
    (problem,) = parsed_from(text_of(*records)).problems
    assert (problem.kind, problem.count) == ("double-waits", 1)
    assert "7 ns together" in problem.text


def test_a_wait_that_ends_beyond_64_bits_contains_its_wake_up() -> None:
    late = 2**63 - 100
    wake = f"W {late + 50} 1 2 0 idle\n{STACK}"
    wakeups = parsed_from(text_of(event(late, 1000), wake)).wakeups
    assert wakeups is not None
    assert wakeups.row.tolist() == [0]


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(100, 140), st.integers(0, 20)),
        min_size=1,
        max_size=12,
        unique=True,
    )
)
def test_waits_that_begin_while_their_thread_waits_are_counted(
    some: list[tuple[int, int, int]],
) -> None:
    ordered = sorted(some)
    inside = [
        wait
        for number, (tid, start, wait) in enumerate(ordered)
        if any(other == tid and begin + length > start for other, begin, length in ordered[:number])
    ]
    problems = parsed_from(text_of(*(event(s, w, tid=t) for t, s, w in some))).problems
    told = [(one.count, one.text.split(", ")[1]) for one in problems]
    assert told == ([(len(inside), f"{sum(inside)} ns together")] if inside else [])


def test_a_text_with_a_recording_twice_counts_it_once(run: RunCommand) -> None:
    data = read_recording_bytes("events.out.gz")
    once = run("fold", "-k", "all", RECORDINGS / "events.out.gz", "-q").stdout
    twice = run("fold", "-k", "all", "-", "-q", stdin=data + data)
    assert twice.stdout == once
    assert "2,659 x records are repeated in the text" in twice.stderr


@pytest.mark.parametrize(
    ("line", "kind", "what"),
    [
        ("E 200 -60 20 1 0 sh t 0 0 x", "negative-wait", "negative wait"),
        ("E 200 6e3 20 1 0 sh t 0 0 x", "bad-event", "not an event"),
        ("E 200", "bad-event", "not an event"),
        (f"E 200 {'9' * 30} 20 1 0 sh t 0 0 x", "bad-event", "number too large"),
        (f"E {-(1 << 63) - 1} 6 20 20 1 sh t 0 0 x", "bad-event", "not an event"),
    ],
)
def test_damaged_records_are_one_problem_with_line_and_count(
    line: str, kind: str, what: str
) -> None:
    bad = f"{line}\n{STACK}"
    parsed = parsed_from(text_of(GOOD[0], bad, bad, GOOD[1], bad, GOOD[2]))
    assert total(parsed) == 117
    (problem,) = parsed.problems
    assert (problem.kind, problem.line, problem.count) == (kind, 6, 3)
    assert what in problem.text
    assert problem.severity == "loss"


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 3))
def test_damaged_records_cost_only_themselves_in_any_shares(goods: list[bool], jobs: int) -> None:
    records = [event(100 * n, 50) if good else f"E x{STACK}" for n, good in enumerate(goods, 1)]
    records.append(event(1, 1, tid=9))
    parsed = parsed_from(text_of(*records), jobs)
    assert total(parsed) == 50 * sum(goods) + 1
    assert sum(one.count for one in parsed.problems) == goods.count(False)


def test_an_owner_that_never_appears_is_an_owner_without_a_name(run: RunCommand) -> None:
    text = text_of(event(100, 50, owner=4711), event(200, 60))
    result = run("report", "-", "--format", "json", "-k", "all", stdin=text.encode())
    (row,) = json.loads(result.stdout)["sections"][0]["rows"]
    owners = row["singles"]["owners"]
    (owner,) = owners["owners"]
    expected = {"tid": 4711, "execname": "", "wait_ns": 50, "count": 1}
    assert owner == {**expected, "blocked_ns": 0, "blocked_count": 0, "waited_for": []}
    assert (owners["unknown_ns"], owners["unknown_count"]) == (60, 1)


@pytest.mark.parametrize("name", ["a\x85b", "a\u2028b", "a\x0bb", "a\rb", "a\x1b[31mb"])
def test_a_name_with_bytes_like_newlines_is_one_name(run: RunCommand, name: str) -> None:
    text = text_of(event(100, 50, name=name))
    result = run("locks", "-", "--format", "json", "-k", "all", stdin=text.encode())
    (row,) = json.loads(result.stdout)["sections"][0]["rows"]
    assert (row["name"], row["value"]) == (name, 50)
    folded = run("fold", "-k", "all", "-", stdin=text.encode()).stdout
    assert len(folded.splitlines()) == 1
    shown = run("locks", "-", "-k", "all", stdin=text.encode()).stdout
    assert show_controls(name) in shown


def test_records_of_several_cpus_may_be_interleaved_in_any_order() -> None:
    records = [event(start, 40, tid=start % 7) for start in range(100, 9000, 50)]
    forward, backward = parsed_from(text_of(*records)), parsed_from(text_of(*records[::-1]))
    assert total(forward) == total(backward) == 40 * len(records)
    assert forward.problems == backward.problems == []


def test_a_record_interrupted_by_another_is_a_problem() -> None:
    half = event(200, 60)[:8]
    parsed = parsed_from(text_of(GOOD[0], half, GOOD[2]))
    assert total(parsed) == 50
    (problem,) = parsed.problems
    assert (problem.kind, problem.line, problem.severity) == ("bad-event", 6, "loss")
