"""Recordings of grammar 1, made on a real FreeBSD 13.2: they are still read, and honestly."""

from __future__ import annotations

import pytest
from conftest import FIXTURES

from pvprof.parse.read import ReadOptions, read_recording
from pvprof.parse.result import ParseResult
from pvprof.recording.open import open_recording

OLD = FIXTURES / "freebsd-13.2-grammar-1"


def parsed(name: str) -> ParseResult:
    return read_recording(open_recording(str(OLD / f"{name}.pvprof")), ReadOptions())


def leaves(result: ParseResult, name: str) -> set[str]:
    """Return the innermost frames of the waits with a name, without module and offset."""
    return {
        stack.rpartition(";")[2].rpartition("`")[2].partition("+")[0]
        for profile in result.profiles.values()
        for key, stack, _ in profile
        if key.name == name
    }


def test_stacks_of_the_old_patch_that_may_lack_the_caller_say_so() -> None:
    result = parsed("patched-offcpu")
    # `offcpu` of the same workload on the stock kernel shows pmap_remove_pages, below vmspace_exit.
    assert leaves(result, "pmap pv list") == {"[frames lost]"}
    assert leaves(result, "vmpfw") == {"[frames lost]"}
    problem = next(problem for problem in result.problems if problem.kind == "lost-frames")
    assert "older pvprof" in problem.text
    assert problem.count == sum(
        weight.records
        for profile in result.profiles.values()
        for _, stack, weight in profile
        if stack.endswith("[frames lost]")
    )


def test_locks_of_that_time_may_lack_the_caller_too() -> None:
    result = parsed("stock-locks")
    assert leaves(result, "pmap pv list") == {"[frames lost]"}
    assert any(problem.kind == "lost-frames" for problem in result.problems)


def test_stacks_that_begin_with_a_function_that_sleeps_lack_no_caller() -> None:
    assert leaves(parsed("patched-offcpu"), "pipelk") == {"_sleep"}


def test_marked_stacks_keep_all_time() -> None:
    raw = (OLD / "patched-offcpu.pvprof" / "raw.out").read_text()
    values = [line.split()[1] for line in raw.splitlines() if line.startswith("= ")]
    result = parsed("patched-offcpu")
    assert result.profiles["ns", True].total == sum(map(int, values)) > 0


@pytest.mark.parametrize("name", ["stock-offcpu", "stock-events", "patched-events"])
def test_other_recordings_are_read_as_before(name: str) -> None:
    result = parsed(name)
    assert not any(problem.kind == "lost-frames" for problem in result.problems)
    raw = (OLD / f"{name}.pvprof" / "raw.out").read_text()
    records = [line for line in raw.splitlines() if line.startswith(("= ", "S "))]
    assert result.records == len(records) > 0
