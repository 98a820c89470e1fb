"""Laws of the readers of dtrace's output, on texts that generators make."""

from __future__ import annotations

from helpers.foreign.dtrace import own_print, printa, rows, single_stacks
from helpers.foreign.folding import folded, read_text
from helpers.foreign.meant import Meant
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError


@given(meant=own_print())
def test_dtraces_own_print_gives_what_was_meant(meant: Meant) -> None:
    check(meant)


@given(meant=printa())
def test_formats_of_printa_give_what_was_meant(meant: Meant) -> None:
    check(meant)


@given(meant=st.one_of(rows(), single_stacks()))
def test_rows_and_single_stacks_give_what_was_meant(meant: Meant) -> None:
    check(meant)


def check(meant: Meant) -> None:
    parsed = read_text(meant.text)
    assert folded(parsed) == meant.stacks
    assert parsed.layout == meant.layout
    assert {problem.severity for problem in parsed.problems} <= {"note"}


@given(meant=st.one_of(own_print(), printa(), rows(), single_stacks()), data=st.data())
def test_lost_lines_add_no_weight(meant: Meant, data: st.DataObject) -> None:
    lines = meant.text.splitlines(keepends=True)
    kept = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    try:
        parsed = read_text(b"".join(line for line, keep in zip(lines, kept, strict=True) if keep))
    except PvprofError:
        return
    (total,) = meant.totals.values()
    assert sum(sum(stacks.values()) for stacks in folded(parsed).values()) <= total
