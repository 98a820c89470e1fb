"""Rows in order of ids and times: the same order as numpy's own sort by several columns."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.arrays import INT64_MAX
from pvprof.model.column_table import order_by, order_by_time

IDS = st.integers(-1, 3) | st.sampled_from([70_000, 1 << 33, INT64_MAX])
TIMES = st.integers(-2, 6) | st.just(INT64_MAX)
ROWS = st.lists(st.tuples(IDS, TIMES, st.integers(0, 2), st.integers(0, 1)))


@given(ROWS, st.booleans())
def test_rows_are_ordered_as_numpy_orders_them(
    rows: list[tuple[int, int, int, int]], is_by_time: bool
) -> None:
    if is_by_time:  # as most recordings are
        rows.sort(key=lambda row: row[1])
    ids, times, third, fourth = np.asarray(rows, np.int64).reshape(-1, 4).T
    assert order_by(ids, times).tolist() == np.lexsort((times, ids)).tolist()
    expected = np.lexsort((fourth, third, times, ids)).tolist()
    assert order_by(ids, times, third, fourth).tolist() == expected
    by_time = np.lexsort((third, times)).tolist()
    assert order_by_time(times, third).tolist() == by_time
