"""What a live view remembers: rates of the last minute, sums of all, in bounded memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import FIXTURES

from pvprof.analysis.live import history as history_module
from pvprof.analysis.live.history import OTHER_STACKS, History
from pvprof.analysis.live.interval import Interval, interval_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.intervals import interval_dataset
from pvprof.model.clocks import Clocks
from pvprof.parse.intervals.divide import Divider
from pvprof.parse.read import ReadOptions, read
from pvprof.views.live import SORTS, LiveOptions, build, chosen_rows, spark_line

RULES = load_rules(None)
ALL = Filters(kinds=(ALL_KINDS,))


def intervals(name: str, filters: Filters = ALL) -> list[Interval]:
    text = (FIXTURES / "intervals" / f"{name}.out").read_bytes()
    found = []
    for part in Divider().feed(text):
        dataset = interval_dataset(part, "target", ReadOptions(jobs=1))
        classified = Classified.of(dataset, RULES, filters)
        found.append(interval_of(classified, part.begin, part.end, "ns"))
    return found


NAMES = ("freebsd-13.2-offcpu", "freebsd-13.2-locks", "linux-offcpu")


@pytest.mark.parametrize("name", NAMES)
def test_the_sums_of_all_intervals_are_those_of_the_text(name: str) -> None:
    history = History()
    for interval in intervals(name):
        history.add(interval)
    text = (FIXTURES / "intervals" / f"{name}.out").read_bytes()
    (profile,) = read(text, "x", ReadOptions()).profiles.values()
    assert history.total == profile.total
    whole = history.whole(RULES, ALL)
    assert whole is not None
    assert (whole.total, whole.kept) == (profile.total, profile.total)
    assert sum(row.value for row in whole.rows) == profile.total
    assert sum(row.count or 0 for row in whole.rows) == sum(one.count for _, _, one in profile)


def test_a_row_has_its_rate_and_an_upper_bound_of_its_longest_wait() -> None:
    interval = intervals("freebsd-13.2-locks")[1]
    (row,) = [one for one in interval.rows if one.name == "pmap pv list"]
    assert interval.rate(row.value) == row.value * 10**9 // interval.length_ns
    assert row.mean is not None
    assert row.mean < interval.max_below[row.id] <= 2 * row.value


def test_stacks_beyond_the_bound_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MAX_STACKS", 5)
    history = History()
    for interval in intervals("linux-offcpu"):
        history.add(interval)
    dataset = history.dataset()
    assert dataset is not None
    (measurement,) = dataset.measurements
    stacks = {stack for _, stack, _ in measurement.profile}
    assert OTHER_STACKS in stacks
    assert len(stacks) <= 6
    assert measurement.profile.total == history.total


def test_the_trend_is_of_the_last_minute_and_forgets_what_is_older() -> None:
    history = History()
    sample = intervals("freebsd-13.2-offcpu")[2]
    row = sample.rows[0]
    for number in range(300):
        begin = Clocks(number * 10**9, number * 10**9)
        end = Clocks((number + 1) * 10**9, (number + 1) * 10**9)
        empty = Classified.of(interval_dataset_of_nothing(), RULES, ALL)
        history.add(
            interval_of(empty, begin, end, "ns")
            if number < 290
            else Interval(begin, end, "ns", 0, 0, {}, (), sample.rows, {}, empty)
        )
    trend = history.trend(row.id, 20)
    assert len(trend) == 20
    assert trend[-3:] == (row.value,) * 3
    assert not any(trend[:16])
    assert len(history._recent) <= 130


def interval_dataset_of_nothing() -> Dataset:
    text = (FIXTURES / "intervals" / "freebsd-13.2-offcpu.out").read_bytes()
    first = next(iter(Divider().feed(text)))
    lines = [line for line in first.text.split(b"\n") if line.startswith(b"#")]
    return interval_dataset(replace(first, text=b"\n".join(lines) + b"\n"), "x", ReadOptions())


def test_rows_are_sorted_and_filtered_as_the_viewer_wants() -> None:
    interval = intervals("freebsd-13.2-locks")[3]
    for name in SORTS:
        rows = chosen_rows(interval, LiveOptions(sort=name))
        assert sorted(row.id for row in rows) == sorted(row.id for row in interval.rows)
    by_name = [row.name for row in chosen_rows(interval, LiveOptions(sort="name"))]
    assert by_name == sorted(by_name)
    counts = [row.count or 0 for row in chosen_rows(interval, LiveOptions(sort="count"))]
    assert counts == sorted(counts, reverse=True)
    found = chosen_rows(interval, LiveOptions(wanted="PV LIST"))
    assert [row.name for row in found] == ["pmap pv list"]


def test_the_stacks_of_a_row_have_its_value_and_begin_with_the_function_that_waited() -> None:
    history = History()
    interval = intervals("freebsd-13.2-locks")[3]
    history.add(interval)
    (row,) = chosen_rows(interval, LiveOptions(wanted="pmap pv list"))
    view = build(history, interval, LiveOptions(selected=row.id))
    assert view.rows[view.selected].id == row.id
    assert view.stacks.total == row.value
    assert {stack.split(";")[0] for stack, _ in view.stacks.rows} == {
        caller for caller, _ in row.callers
    }


def test_what_the_filters_leave_out_is_shown_as_a_rate() -> None:
    history = History()
    interval = intervals("freebsd-13.2-offcpu", Filters())[3]
    view = build(history, interval, LiveOptions())
    assert interval.kept < interval.total
    assert view.aside.startswith("not shown: ")
    assert view.headline.startswith("Kernel waiting on itself: 19.1 ms/s, 0.3% of 6.85 s/s; 0.02")


def test_a_spark_line_is_as_high_as_its_highest_value() -> None:
    assert spark_line((0, 1, 50, 100)) == " \u2581\u2584\u2588"
    assert spark_line((0, 0)) == "  "
    assert spark_line(()) == ""
