"""When a comparison warns that code without a name may seem to vanish and to appear."""

from __future__ import annotations

import pytest

from pvprof.analysis.compare.caveats import unnamed_addresses
from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack

ADDRESS = "kernel`0xffffffff8068dd38"
NAMED = Folded(((Stack("sh;kernel`trap"), 100),), "ns")


def side(unnamed: int, total: int) -> Folded:
    rows = ((Stack(f"sh;{ADDRESS};kernel`trap"), unnamed), (Stack("sh;kernel`b"), total - unnamed))
    return Folded(rows, "ns")


@pytest.mark.parametrize(("unnamed", "total"), [(1, 100), (10, 1000), (100, 100)])
def test_a_hundredth_of_a_side_without_names_is_a_note(unnamed: int, total: int) -> None:
    for base, new in ((side(unnamed, total), NAMED), (NAMED, side(unnamed, total))):
        (problem,) = unnamed_addresses(base, new)
        assert (problem.kind, problem.severity) == ("unnamed-addresses", "note")


@pytest.mark.parametrize(("unnamed", "total"), [(1, 101), (99, 10_000), (0, 100)])
def test_less_than_a_hundredth_of_a_side_is_no_note(unnamed: int, total: int) -> None:
    assert unnamed_addresses(side(unnamed, total), NAMED) == ()
    assert unnamed_addresses(NAMED, side(unnamed, total)) == ()


def test_an_address_that_both_sides_have_is_no_note() -> None:
    assert unnamed_addresses(side(50, 100), side(80, 100)) == ()


def test_a_side_without_any_value_is_no_note() -> None:
    assert unnamed_addresses(Folded((), "ns"), NAMED) == ()
