"""How single waits lie in time: against a sweep of its own, awk, and waits made up."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden, read_recording_bytes
from helpers.command_line import RunCommand
from helpers.single_waits import RULES, Wait, events_of, parts_of, runs_of
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.report import Detail, build_report
from pvprof.analysis.waits.overlap import Overlaps, overlaps, timeline_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.dataset.load import load_dataset
from pvprof.errors import InputError
from pvprof.model.runs import RunSpan
from pvprof.model.waits import WaitTable
from pvprof.parse.read import ReadOptions

EVERYTHING = Filters(kinds=(ALL_KINDS,))
NAMES = ("vm object", "pmap pv list", "tmpfs")


def union_and_peak(waits: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the union and the peak, by a scan of all intervals of time.

    Nothing of the sweep in `overlap`: between two neighbouring moments at which any wait begins or
    ends nothing changes, so each such stretch is asked for who covers it.
    """
    moments = sorted({moment for wait in waits for moment in wait})
    union = peak = 0
    for first, last in pairwise(moments):
        covering = sum(start <= first and last <= end for start, end in waits)
        if covering:
            union += last - first
            peak = max(peak, covering)
    return union, peak


def by_run_and_name(waits: Sequence[Wait]) -> dict[str, dict[int, list[tuple[int, int]]]]:
    found: dict[str, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for one in waits:
        found[one.name][one.run].append((one.start, one.end))
    return found


def found_in(waits: Sequence[Wait], stacks: int = 0) -> Overlaps:
    events = events_of(waits)
    return overlaps(timeline_of(events, runs_of(waits)), parts_of(events), stacks)


def by_name(found: Overlaps) -> dict[str, tuple[int, int]]:
    return {name: (one.union_ns, one.peak) for (_, _, name), one in found.rows.items()}


# Few distinct times, so that most sets have ties, nesting and waits that touch.
times = st.integers(0, 12)
lengths = st.integers(0, 12)
names = st.sampled_from(NAMES)
waits = st.tuples(times, lengths, names, st.integers(1, 4)).map(lambda row: Wait(*row))
# The same, far from 0, where a double holds no nanosecond.
late_waits = st.tuples(
    st.integers(0, 40).map(lambda value: value * 7 + (1 << 62)), st.integers(0, 300), names
).map(lambda row: Wait(*row))


@pytest.mark.slow
@examples(20)
@given(st.lists(waits, min_size=1, max_size=25))
def test_union_and_peak_equal_a_scan_of_all_intervals(some: list[Wait]) -> None:
    expected = {name: union_and_peak(runs[0]) for name, runs in by_run_and_name(some).items()}
    assert by_name(found_in(some)) == expected


@pytest.mark.slow
@examples(10)
@given(
    st.lists(late_waits, min_size=1, max_size=20),
    st.lists(late_waits.map(lambda one: one._replace(run=1)), min_size=1, max_size=20),
)
def test_several_recordings_add_unions_and_take_the_highest_peak(
    first: list[Wait], second: list[Wait]
) -> None:
    expected = {}
    for name, runs in by_run_and_name([*first, *second]).items():
        each = [union_and_peak(one) for one in runs.values()]
        expected[name] = (sum(union for union, _ in each), max(peak for _, peak in each))
    assert by_name(found_in([*first, *second])) == expected


@given(st.lists(waits, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_the_order_of_the_records_has_no_effect(some: list[Wait], chance: object) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = found_in(some, stacks=3), found_in(shuffled, stacks=3)
    assert one.rows == other.rows
    assert one.classes == other.classes
    assert one.total == other.total


@given(st.lists(waits, min_size=1, max_size=25))
def test_a_union_is_at_most_the_sum_and_the_recorded_time(some: list[Wait]) -> None:
    events = events_of(some)
    timeline = timeline_of(events, runs_of(some))
    found = overlaps(timeline, parts_of(events))
    assert found.total is not None
    assert found.total.wait_ns == sum(one.wait for one in some)
    assert found.total.union_ns <= min(found.total.wait_ns, timeline.wall.wall_ns)
    assert found.total.count == len(some)
    for overlap in (*found.rows.values(), *found.classes.values()):
        assert overlap.union_ns <= overlap.wait_ns
        assert overlap.union_ns <= found.total.union_ns
        assert overlap.peak <= found.total.peak
        if overlap.union_ns:
            mean = overlap.mean_waiters
            assert mean == Fraction(overlap.wait_ns, overlap.union_ns)
            assert 1 <= mean <= overlap.peak
    assert sum(one.wait_ns for one in found.rows.values()) == found.total.wait_ns


@given(st.lists(waits, min_size=1, max_size=40))
def test_quantiles_use_the_nearest_rank(some: list[Wait]) -> None:
    for (_, _, name), one in found_in(some).rows.items():
        lengths = sorted(wait.wait for wait in some if wait.name == name)
        ranks = [-(-len(lengths) * percent // 100) - 1 for percent in (50, 90, 99, 100)]
        quantiles = one.quantiles
        got = (quantiles.p50_ns, quantiles.p90_ns, quantiles.p99_ns, quantiles.max_ns)
        assert got == tuple(lengths[rank] for rank in ranks)


@given(st.lists(st.integers(0, (1 << 62)), min_size=1, max_size=20))
def test_each_wait_is_in_the_bucket_of_its_power_of_two(lengths: list[int]) -> None:
    (row,) = found_in([Wait(0, one) for one in lengths]).rows.values()
    expected: dict[int, int] = defaultdict(int)
    for one in lengths:
        expected[1 << (one.bit_length() - 1) if one else 0] += 1
    assert dict(row.buckets) == expected


@pytest.mark.parametrize(
    ("spans", "union", "peak"),
    [
        ([(0, 10), (10, 20)], 20, 1),
        ([(0, 10), (9, 20)], 20, 2),
        ([(0, 100), (10, 20), (12, 15)], 100, 3),
        ([(5, 5)], 0, 0),
        ([(0, 10), (5, 5)], 10, 1),
        ([(0, 10), (0, 10), (0, 10)], 10, 3),
        ([(0, 1), (100, 101)], 2, 1),
    ],
    ids=["touching", "overlapping", "nested", "of 0 ns", "0 ns inside", "equal", "far apart"],
)
def test_overlap_of(spans: list[tuple[int, int]], union: int, peak: int) -> None:
    found = found_in([Wait(start, end - start) for start, end in spans])
    assert by_name(found) == {"vm object": (union, peak)}


@examples(0.5)
@given(st.lists(waits, min_size=1, max_size=30))
def test_stacks_have_their_own_overlap_the_longest_first(some: list[Wait]) -> None:
    marked = [one._replace(stack=f"kernel`f{one.tid}") for one in some]
    found = found_in(marked, stacks=2)
    for (_, _, name), stacks in found.stacks.items():
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for one in marked:
            if one.name == name:
                spans[one.stack].append((one.start, one.end))
        longest = sorted(
            spans, key=lambda stack: (-sum(end - start for start, end in spans[stack]), stack)
        )
        assert [stack for stack, _ in stacks] == longest[:2]
        for stack, overlap in stacks:
            assert (overlap.union_ns, overlap.peak) == union_and_peak(spans[stack])


# ---- the length of the recording -----------------------------------------------------------------


def wall_of(some: list[Wait], **marks: int) -> tuple[int, bool, int, int]:
    wall = timeline_of(events_of(some), runs_of(some, **marks)).wall
    return wall.wall_ns, wall.is_marked, wall.early, wall.late


def test_marks_give_the_length_of_a_recording() -> None:
    assert wall_of([Wait(20, 10)], begin_ns=5, end_ns=105) == (100, True, 0, 0)


def test_without_marks_the_waits_give_the_length() -> None:
    assert wall_of([Wait(20, 10), Wait(50, 1)]) == (31, False, 0, 0)


def test_waits_across_the_marks_extend_the_length() -> None:
    some = [Wait(0, 10), Wait(3, 1), Wait(90, 30), Wait(20, 10)]
    assert wall_of(some, begin_ns=5, end_ns=105) == (120, True, 2, 1)


def test_a_wait_that_ends_with_the_recording_is_not_late() -> None:
    assert wall_of([Wait(5, 100)], begin_ns=5, end_ns=105) == (100, True, 0, 0)


def test_lengths_of_recordings_are_added_up() -> None:
    some = [Wait(20, 10), Wait(1020, 10, run=1)]
    runs = (RunSpan(1, 10, 40), RunSpan(1, 1000, 1100))
    assert timeline_of(events_of(some), runs).wall.wall_ns == 130


def test_a_recording_without_waits_counts_with_its_marks() -> None:
    runs = (RunSpan(1, 10, 40), RunSpan(0, 1000, 1100))
    assert timeline_of(events_of([Wait(20, 10)]), runs).wall.wall_ns == 130


def test_times_too_far_apart_are_an_error() -> None:
    events = events_of([Wait(-(1 << 63), 1), Wait((1 << 63) - 1, (1 << 63) - 1)])
    with pytest.raises(InputError, match="is a clock damaged"):
        timeline_of(events)


def test_sums_beyond_64_bits_are_exact() -> None:
    longest = (1 << 63) - 1
    found = found_in([Wait(0, longest), Wait(0, longest), Wait(0, longest)])
    assert found.total is not None
    assert (found.total.wait_ns, found.total.union_ns, found.total.peak) == (
        3 * longest,
        longest,
        3,
    )


# ---- a real recording ----------------------------------------------------------------------------

_AWK_SUM = '/^E / { sum += $3; n++ } END { printf "%.0f %.0f\\n", sum, n }'


def real_events() -> tuple[WaitTable, tuple[RunSpan, ...]]:
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    measurement = pool.measurement("ns")
    assert measurement.events is not None
    return measurement.events, measurement.runs


@pytest.mark.slow
def test_a_real_recording_equals_awk_and_a_scan_of_all_intervals() -> None:
    events, runs = real_events()
    found = overlaps(timeline_of(events, runs), parts_of(events))
    data = read_recording_bytes("events.out.gz")
    done = subprocess.run(["awk", _AWK_SUM], input=data, capture_output=True, check=True)
    total = found.total
    assert total is not None
    assert done.stdout.decode().split() == [str(total.wait_ns), str(total.count)]
    spans = list(
        zip(events.start_ns.tolist(), (events.start_ns + events.wait_ns).tolist(), strict=True)
    )
    names = np.asarray([key.name for key in events.keys])[events.key_id].tolist()
    by_lock: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for name, span in zip(names, spans, strict=True):
        by_lock[name].append(span)
    locks: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for (_, _, name), one in found.rows.items():
        locks[name].append((one.union_ns, one.peak))
    compared = 0
    for name, some in by_lock.items():
        if len(locks[name]) == 1:
            assert locks[name] == [union_and_peak(some)]
            compared += 1
    assert compared >= 8
    assert (total.union_ns, total.peak) == union_and_peak(spans)


def test_a_report_on_a_real_recording_has_the_same_rows_with_and_without_overlap() -> None:
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    (section,) = build_report(Classified.of(pool, RULES, EVERYTHING), Detail(stacks=3)).sections
    assert section.single_waits is not None
    assert set(section.single_waits.overlaps.rows) == {row.id for row in section.rows}
    for row in section.rows:
        one = section.single_waits.overlaps.rows[row.id]
        assert (one.wait_ns, one.count) == (row.value, row.count)
        assert sum(count for _, count in one.buckets) == row.count


# ---- on the terminal and elsewhere ---------------------------------------------------------------


def test_the_tables_of_single_waits(run: RunCommand) -> None:
    result = run(
        "locks",
        RECORDINGS / "events.out.gz",
        *("--kind", "kernel", "--overlap", "--objects", "--owners", "--stacks", "--most", "2"),
        *("--format", "markdown"),
    )
    assert result.exit_code == 0, result.stderr
    assert_golden(result.stdout, FIXTURES / "golden" / "locks-single-waits.md")


def test_tables_of_single_waits_need_single_waits(run: RunCommand) -> None:
    for option in ("--overlap", "--objects", "--owners", "--stacks"):
        result = run("locks", RECORDINGS / "stock-offcpu.out", option)
        assert result.exit_code == 2
        assert f"{option}: no single waits were recorded" in result.stderr
        assert "pvprof record events" in result.stderr
