"""Lines of folded stacks, with the compiled core and without it."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from helpers.stack_tables import table_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import Folded, TableRows
from pvprof.model.core import WITHOUT_CORE, core_module
from pvprof.model.profile import Weight
from pvprof.model.stacks import Stack
from pvprof.render.text.folded import render

# Some of these are before the semicolon in the order of texts, some after it.
names = st.text("+ :<aé\u20ac\U0001f600#", min_size=1, max_size=3)
weights_by_stack = st.dictionaries(
    st.lists(names, min_size=1, max_size=4).map(lambda one: Stack(";".join(one))),
    st.builds(Weight, st.integers(1, 1 << 40), st.just(0), st.just(1)),
    min_size=1,
    max_size=12,
)


@given(weights_by_stack)
def test_lines_of_a_table_are_those_of_its_stacks(weights: dict[Stack, Weight]) -> None:
    one_by_one = Folded(tuple((stack, weight.value) for stack, weight in weights.items()), "ns")
    folded = Folded(TableRows(table_of(weights)), "ns")
    assert render(folded) == render(one_by_one)
    with patch.dict("os.environ", {WITHOUT_CORE: "1"}):
        assert render(folded) == render(one_by_one)


def test_the_core_writes_the_lines_of_a_table() -> None:
    if core_module() is None:
        pytest.skip("built without a compiler: no core")
    folded = Folded(TableRows(table_of({Stack("a;b"): Weight(7, 0, 1)})), "ns")
    with patch("pvprof.render.text.folded.sorted", side_effect=AssertionError, create=True):
        assert render(folded).content == "# pvprof folded, unit: ns\na;b 7\n"


def test_columns_that_do_not_fit_are_refused() -> None:
    core = core_module()
    if core is None:
        pytest.skip("built without a compiler: no core")
    frames, ends, sums = np.array([0], np.int32), np.array([1]), np.array([5])
    assert core.folded_lines(["a"], frames, ends, sums) == "a 5\n"
    assert core.folded_lines([], frames[:0], ends[:0], sums[:0]) == ""
    for bad in (
        (["a"], frames + 1, ends, sums),
        (["a"], frames - 1, ends, sums),
        (["a"], frames, ends + 1, sums),
        (["a"], frames, ends - 1, sums),
        (["a"], frames, ends - 9, sums),
        (["a"], frames, ends[:0], sums),
    ):
        with pytest.raises(ValueError, match=r"bounds|fit"):
            core.folded_lines(*bad)
    with pytest.raises(TypeError):
        core.folded_lines([b"a"], frames, ends, sums)
