"""Stacks of a table get the boxes that the same stacks get one by one."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pvprof.analysis.stacks import table_layout
from pvprof.analysis.stacks.boxes import Order
from pvprof.analysis.stacks.fold import Folded, FoldOptions, TableRows, fold
from pvprof.analysis.stacks.layout import lay_out
from pvprof.model.profile import Key, StackTable, Weight
from pvprof.model.stacks import Stack

_NAMES = ("a", "b", "c", "ab", "a`b")
_STACKS = st.lists(st.sampled_from(range(len(_NAMES))), min_size=1, max_size=5).map(tuple)
_VALUES = st.integers(1, 50) | st.sampled_from([(1 << 53) + 1, (1 << 60) - 1])


def _table(stacks: dict[tuple[int, ...], int]) -> StackTable:
    frames = np.array([frame for stack in stacks for frame in stack], np.int32)
    ends = np.cumsum([len(stack) for stack in stacks])
    return StackTable(_NAMES, frames, ends, np.array(list(stacks.values()), np.int64))


@pytest.mark.parametrize("order", ["name", "weight"])
@pytest.mark.parametrize("is_reversed", [False, True])
@given(
    stacks=st.dictionaries(_STACKS, _VALUES, min_size=1, max_size=6),
    min_width=st.sampled_from([0, 1, 3, 20, 60, 1 << 53]),
)
@example(stacks={(0, 1): 3, (0, 1, 2): 4, (0,): 5, (1,): 1}, min_width=2)
@example(stacks={(0,): (1 << 60) - 1, (0, 1): 1, (1,): (1 << 60) + 1}, min_width=1 << 53)
def test_a_table_has_the_boxes_of_its_stacks(
    stacks: dict[tuple[int, ...], int], min_width: int, order: Order, is_reversed: bool
) -> None:
    table = _table(stacks)
    one_by_one = Folded(tuple((stack, weight.value) for stack, weight in table.items()), "ns")
    expected = lay_out(one_by_one, min_width, order, is_reversed=is_reversed)
    folded = Folded(TableRows(table), "ns")
    assert lay_out(folded, min_width, order, is_reversed=is_reversed) == expected
    with patch.object(table_layout, "_MAX_CELLS", 0):
        assert lay_out(folded, min_width, order, is_reversed=is_reversed) == expected
    assert folded.total == one_by_one.total
    assert tuple(folded.rows) == one_by_one.rows
    assert len(folded.rows) == len(one_by_one.rows)


def _fold(options: FoldOptions, cause: str = "", key: Key | None = None, zero: int = 1) -> Folded:
    table = _table({(0, 1): zero, (2,): 4})
    return fold([(key or Key("folded"), table)], "ns", options, [cause])


def test_folding_keeps_a_table_only_if_its_stacks_stay_as_they_are() -> None:
    assert isinstance(_fold(FoldOptions()).rows, TableRows)
    changed = _fold(FoldOptions(), key=Key("folded", execname="sh"))
    assert changed.rows == (("sh;a;b", 1), ("sh;c", 4))


def test_a_table_loses_its_stacks_without_value() -> None:
    folded = _fold(FoldOptions(), zero=0)
    assert isinstance(folded.rows, TableRows)
    assert tuple(folded.rows) == (("c", 4),)


def test_all_stacks_of_a_table_have_its_cause() -> None:
    folded = _fold(FoldOptions(), cause="pv list")
    assert isinstance(folded.rows, TableRows)
    assert dict(folded.causes) == {"a;b": "pv list", "c": "pv list"}
    assert folded.causes.get(Stack("b"), "none") == "none"
    one_by_one = Folded(tuple(folded.rows), "ns", dict(folded.causes))
    assert lay_out(folded, 1) == lay_out(one_by_one, 1)


def test_several_groups_are_added_up() -> None:
    table = _table({(0, 1): 1, (2,): 4})
    groups = [(Key("folded"), table), (Key("folded"), {Stack("c"): Weight(5, 0, 1)})]
    assert dict(fold(groups, "ns", FoldOptions()).rows) == {"a;b": 1, "c": 9}
