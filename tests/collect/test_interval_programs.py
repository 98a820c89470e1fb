"""Programs that print their sums at intervals, and only if that is asked for."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from helpers.programs import bpftrace_program, d_program

from pvprof.collect.modes import MODES
from pvprof.collect.options import ProgramOptions
from pvprof.errors import UsageError

EVERY = ProgramOptions(every_ns=2_000_000_000)
SUMMING = [name for name, mode in MODES.items() if mode.has_intervals]


@pytest.mark.parametrize("mode", [*SUMMING, "oncpu-amd64", "offcpu-sdt"])
def test_a_d_program_prints_and_removes_all_its_sums_at_each_tick(mode: str) -> None:
    program = d_program(mode, EVERY)
    (tick,) = [one for one in program.clauses if one.probes == ("profile:::tick-2s",)]
    (end,) = [one for one in program.clauses if one.probes == ("dtrace:::END",)]
    sums = set(re.findall(r"@(\w+)(?:\[.*\])? = ", program.text()))
    removed = {match[1] for line in tick.body if (match := re.fullmatch(r"trunc\(@(\w+)\)", line))}
    assert removed == sums
    assert [line for line in tick.body if line.startswith("printa")] == [
        line for line in end.body if line.startswith("printa")
    ]
    assert (
        program.text()
        .replace(tick.text() + "\n\n", "")
        .replace("#pragma D option aggrate=20hz\n", "")
        == d_program(mode, replace(EVERY, every_ns=0)).text()
    )


@pytest.mark.parametrize("mode", [*SUMMING, "oncpu-amd64"])
def test_a_bpftrace_program_has_two_maps_for_each_sum(mode: str) -> None:
    text = bpftrace_program(mode, EVERY).text()
    once = bpftrace_program(mode, replace(EVERY, every_ns=0)).text()
    adds = re.compile(r"@(\w+)(?:\[.*\])? = (?:stats|hist|count)\(")
    sums = set(adds.findall(once))
    assert set(adds.findall(text)) == sums | {f"{name}_twin" for name in sums}
    for name in sums:
        for action in ("print", "clear"):
            for one in (name, f"{name}_twin"):
                # at the end of an interval, if END finds an unfinished one, and in END itself
                assert text.count(f"{action}(@{one});") == 3, (action, one)
    assert "_twin" not in once
    assert "@phase" not in once


@pytest.mark.parametrize("mode", ["events", "path", "wakeup"])
def test_modes_without_sums_of_intervals_are_refused(mode: str) -> None:
    with pytest.raises(UsageError, match="has no sums of intervals"):
        EVERY.resolved(MODES[mode], mode)


def test_an_interval_that_is_too_short_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 500"):
        replace(EVERY, every_ns=100_000_000).resolved(MODES["offcpu"], "offcpu")
