"""What ``perf script`` prints, with any fields, gives what it means, or says what is missing."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.foreign.meant import Meant
from helpers.foreign.perf import perf_texts
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.parse.linux.perf.frame_lines import frame_of
from pvprof.parse.linux.perf.heads import find_forms
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult


def stacks_of(parsed: ParseResult) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for part in (parsed, *parsed.further):
        for profile in part.profiles.values():
            for key, stack, weight in profile:
                frames = [frame for frame in (key.execname, stack, key.name) if frame]
                sums = found.setdefault(profile.unit, Counter())
                sums[";".join(frames)] += weight.value
    return {unit: dict(sums) for unit, sums in found.items()}


@pytest.mark.slow
@given(perf_texts())
def test_a_text_gives_what_it_means(meant: Meant) -> None:
    parsed = read(meant.text, "law", ReadOptions(jobs=1))
    assert parsed.layout == meant.layout
    assert stacks_of(parsed) == meant.stacks
    assert [one.text for one in parsed.problems if one.severity == "loss"] == []


@examples(0.5)
@given(perf_texts(), st.integers(0, 40))
def test_a_missing_line_is_a_loss_or_a_whole_record(meant: Meant, number: int) -> None:
    lines = meant.text.split(b"\n")[:-1]
    number %= len(lines)
    dropped = lines.pop(number)
    if find_forms(lines) != find_forms(meant.text.split(b"\n")):
        return  # the only head: stacks alone are a text of their own
    below = frame_of(lines[number]) if number < len(lines) and lines[number] else None
    try:
        parsed = read(b"\n".join([*lines, b""]), "law", ReadOptions(layout="perf", jobs=1))
    except PvprofError:
        return
    rest = {unit: sum(sums.values()) for unit, sums in stacks_of(parsed).items()}
    if rest == meant.totals:
        return  # of a frame, or of another field
    # a record without a stack below is one line: nothing shows that it is missing
    is_head = dropped[:1] not in (b"", b"\t") and frame_of(dropped) is None
    assert any(one.severity == "loss" for one in parsed.problems) or (is_head and below is None)
    assert sum(rest.values()) < sum(meant.totals.values())
