"""Conversion between the two clocks of a recording."""

from __future__ import annotations

import pytest
from conftest import RECORDINGS
from helpers.command_line import RunCommand
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.clocks import Clocks, drift_problems, format_wall, moment_of, wall_time

TIMES = st.integers(0, 1 << 62)


@given(TIMES, TIMES, st.integers(1, 1 << 50), st.integers(1, 1 << 50), st.integers(0, 1 << 50))
def test_conversion_there_and_back_is_exact_but_for_rounding(
    monotonic: int, wall: int, passed: int, passed_wall: int, since: int
) -> None:
    begin, end = Clocks(monotonic, wall), Clocks(monotonic + passed, wall + passed_wall)
    there = wall_time(monotonic + since, begin, end)
    assert there is not None
    back = moment_of(there, begin, end)
    assert back is not None
    slack = passed // passed_wall + 1  # one ns of the slower clock
    assert monotonic + since - slack <= back <= monotonic + since


def test_begin_and_end_are_converted_exactly() -> None:
    begin, end = Clocks(10, 1000), Clocks(110, 1105)
    assert (wall_time(10, begin, end), wall_time(110, begin, end)) == (1000, 1105)
    assert wall_time(60, begin, end) == 1052
    assert wall_time(60, begin, None) == 1050
    assert wall_time(60, Clocks(10, None), end) is None


@pytest.mark.parametrize(("wall", "drifts"), [(100_999, False), (101_001, True), (98_000, True)])
def test_a_drift_above_1_percent_gets_a_warning(wall: int, drifts: bool) -> None:
    found = list(drift_problems(Clocks(5, 7), Clocks(100_005, 7 + wall), "f"))
    assert [one.kind for one in found] == ["clock-drift"] * drifts


def test_the_drift_of_a_real_recording_gets_a_warning(run: RunCommand) -> None:
    result = run("fold", "-k", "all", RECORDINGS / "events.out.gz", "-q")
    assert (
        "warning: events: the clocks disagree: 12.91 s passed on the monotonic clock, by which"
        " waits are measured, and 13.56 s on the time of day, 5.0 % more"
    ) in result.stderr


def test_a_time_is_formatted_in_utc() -> None:
    assert format_wall(1_795_372_027_596_348_298) == "2026-11-22T18:27:07.596Z"
    assert format_wall(1 << 80) == f"{1 << 80} ns"
