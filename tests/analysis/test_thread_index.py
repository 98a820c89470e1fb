"""The waits of each thread in order of time: the search against a scan of all waits."""

from __future__ import annotations

import numpy as np
from helpers.single_waits import Wait, events_of, runs_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.waits.thread_index import (
    NO_WAIT,
    UNKNOWN_THREAD,
    ThreadIndex,
    ThreadNumbers,
)

TIMES = st.integers(0, 20)
THREADS = st.integers(0, 4)
WAITS = st.lists(st.tuples(THREADS, TIMES))


@given(
    WAITS,
    st.lists(st.tuples(st.integers(-2, 5), TIMES), min_size=1),
    st.sampled_from([1, 1 << 57]),
)
def test_the_nearest_waits_equal_a_scan(
    waits: list[tuple[int, int]], wanted: list[tuple[int, int]], scale: int
) -> None:
    """Times far apart are ranked first, since they do not fit beside a thread."""
    waits = [(thread, time * scale) for thread, time in waits]
    wanted = [(thread, time * scale) for thread, time in wanted]
    rows = sorted(range(len(waits)), key=lambda row: (waits[row], row))
    sorted_waits = np.asarray([waits[row] for row in rows], np.int64).reshape(-1, 2)
    index = ThreadIndex.of_sorted(
        np.asarray(rows, np.int64), sorted_waits[:, 0], sorted_waits[:, 1]
    )
    threads, times = np.asarray(wanted, np.int64).T
    before, after = index.around(threads, times)
    assert before.tolist() == index.last_until(threads, times).tolist()
    for position, (thread, time) in enumerate(wanted):
        own = [row for row in rows if waits[row][0] == thread]
        until = [row for row in own if waits[row][1] <= time]
        later = [row for row in own if waits[row][1] > time]
        assert before[position] == (until[-1] if until else NO_WAIT)
        assert after[position] == (later[0] if later else NO_WAIT)


def test_equal_tids_of_two_runs_are_two_threads() -> None:
    waits = [Wait(0, 1, tid=205), Wait(5, 1, tid=100), Wait(0, 1, tid=205, run=1)]
    numbers, thread = ThreadNumbers.of_waits(events_of(waits), runs_of(waits))
    assert thread.tolist() == [2, 0, 3]
    assert len(numbers) == 4
    tids, runs = np.asarray([205, 205, 7]), np.asarray([0, 1, 0])
    assert numbers.find(tids, runs).tolist() == [2, 3, UNKNOWN_THREAD]
