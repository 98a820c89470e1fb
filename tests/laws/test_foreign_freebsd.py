"""Laws of the readers of FreeBSD's profilers, on tables that generators make."""

from __future__ import annotations

from helpers.foreign.folding import folded, is_exact_rest, read_text
from helpers.foreign.freebsd import call_graphs, lock_profiling
from helpers.foreign.meant import Meant
from helpers.strategies import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.parse.result import ParseResult


def kinds(parsed: ParseResult) -> set[str]:
    return {problem.kind for problem in parsed.problems}


@examples(0.5)
@given(meant=st.one_of(lock_profiling(), call_graphs()))
def test_a_table_gives_what_was_meant(meant: Meant) -> None:
    parsed = read_text(meant.text)
    assert parsed.layout == meant.layout
    assert folded(parsed) == meant.stacks
    assert kinds(parsed) <= {"never-waited"}


@examples(0.5)
@given(meant=st.one_of(lock_profiling(has_heading=False), call_graphs(has_heading=False)))
def test_a_table_without_its_heading_gives_the_same_and_a_warning(meant: Meant) -> None:
    parsed = read_text(meant.text)
    assert parsed.layout == meant.layout
    assert folded(parsed) == meant.stacks
    assert "no-heading" in kinds(parsed)


@examples(0.5)
@given(meant=lock_profiling(has_heading=False), data=st.data())
def test_rows_of_lock_profiling_may_be_sorted_and_cut(meant: Meant, data: st.DataObject) -> None:
    lines = meant.text.splitlines(keepends=True)
    shuffled = data.draw(st.permutations(lines))
    assert folded(read_text(b"".join(shuffled))) == meant.stacks
    parsed = read_text(b"".join(shuffled[: data.draw(st.integers(1, len(lines)))]))
    assert is_exact_rest(parsed, meant)
    assert "no-heading" in kinds(parsed)


@examples(0.5)
@given(meant=call_graphs(), data=st.data())
def test_lost_lines_of_a_call_graph_are_reported(meant: Meant, data: st.DataObject) -> None:
    lines = meant.text.splitlines(keepends=True)
    keep = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    assume(not all(kept for kept, line in zip(keep, lines, strict=True) if line.strip()))
    try:
        parsed = read_text(b"".join(line for line, kept in zip(lines, keep, strict=True) if kept))
    except PvprofError:
        return
    rest = folded(parsed).get("samples", {})
    assert sum(rest.values()) <= meant.totals["samples"] or "bad-count" in kinds(parsed)
    is_whole = sum(rest.values()) == meant.totals["samples"]
    # A lost line between two others is seen only by its callers' sum: [pruned] has the rest then.
    assert is_whole or kinds(parsed) & {"cut-off", "bad-line", "bad-count", "no-heading"}
