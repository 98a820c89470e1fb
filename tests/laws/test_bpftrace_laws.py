"""What any bpftrace program prints gives what it means, or a loss that says what is missing."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.foreign.bpftrace import bpftrace_maps
from helpers.foreign.meant import Meant
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.model.profile import Key
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult


def folded_name(key: Key, stack: str, unit: str) -> str:
    """Return a stack as ``pvprof fold -k all`` prints it, of waits that no rule knows."""
    frames = [key.execname, stack, key.name or (stack.rpartition(";")[2] if unit == "ns" else "")]
    return ";".join(frame for frame in frames if frame)


def stacks_of(parsed: ParseResult) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for profile in parsed.profiles.values():
        for key, stack, weight in profile:
            sums = found.setdefault(profile.unit, Counter())
            sums[folded_name(key, stack, profile.unit)] += weight.value
    return {unit: dict(sums) for unit, sums in found.items()}


@pytest.mark.slow
@given(bpftrace_maps())
def test_a_text_gives_what_it_means(meant: Meant) -> None:
    parsed = read(meant.text, "law", ReadOptions(jobs=1))
    assert parsed.layout == meant.layout
    assert stacks_of(parsed) == meant.stacks
    assert [one.kind for one in parsed.problems if one.severity == "loss"] == []


@examples(0.5)
@given(bpftrace_maps(), st.integers(0, 40))
def test_a_missing_line_is_a_loss_or_a_whole_record(meant: Meant, number: int) -> None:
    lines = meant.text.splitlines(keepends=True)
    dropped = lines.pop(number % len(lines))
    try:
        parsed = read(b"".join(lines), "law", ReadOptions(layout=meant.layout, jobs=1))
    except PvprofError:
        return
    rest = {unit: sum(values.values()) for unit, values in stacks_of(parsed).items()}
    if rest == meant.totals:
        return  # of a frame, or of another map
    is_record = dropped.startswith(b"{") or (b"@" in dropped and b"]: " in dropped)
    assert is_record or any(one.severity == "loss" for one in parsed.problems)
    assert sum(rest.values()) < sum(meant.totals.values())
