"""What bcc's tools print gives what it means, or a loss that says what is missing."""

from __future__ import annotations

from collections import Counter

from helpers.foreign.bcc import bcc_texts
from helpers.foreign.bcc_tables import MeantHistograms, histogram_texts, klockstat_texts
from helpers.foreign.meant import Meant
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

MIN_CELLS = 5
"""Of a row of klockstat: a name and four numbers."""


def stacks_of(parsed: ParseResult) -> dict[str, dict[str, int]]:
    """Return the values by unit and stack, with its process; of wakers by process."""
    found: dict[str, Counter[str]] = {}
    for profile in parsed.profiles.values():
        sums = found.setdefault(profile.unit, Counter())
        for key, stack, weight in profile:
            is_waker = key.mechanism == "wakeup"
            frames = [key.execname] if is_waker else [key.execname, stack]
            sums[";".join(frame for frame in frames if frame)] += weight.value
    return {unit: dict(sums) for unit, sums in found.items()}


@given(bcc_texts())
def test_a_text_gives_what_it_means(meant: Meant) -> None:
    parsed = read(meant.text, "law", ReadOptions(jobs=1))
    assert parsed.layout == meant.layout
    assert stacks_of(parsed) == meant.stacks
    assert {one.severity for one in parsed.problems} <= {"note"}


def value_of_whole_records(lines: list[bytes], dropped: set[int]) -> int:
    """Return the sum of the records of which every line was dropped."""
    total, is_whole = 0, True
    for number, line in enumerate(lines[2:], 2):
        if not line.strip():
            is_whole = True
            continue
        is_whole = is_whole and number in dropped
        if is_whole and line.strip().isdigit():
            total += int(line)
    return total


@given(bcc_texts(), st.sets(st.integers(0, 40), min_size=1, max_size=2))
def test_a_missing_line_is_a_loss_or_a_whole_record(meant: Meant, numbers: set[int]) -> None:
    """A frame may be missing, or the last three lines of a record: no number says how many."""
    lines = meant.text.splitlines(keepends=True)
    dropped = {number % len(lines) for number in numbers} - {0}  # the heading states the unit
    rest = b"".join(line for number, line in enumerate(lines) if number not in dropped)
    try:
        parsed = read(rest, "law", ReadOptions(layout="bcc", jobs=1))
    except PvprofError:
        return
    total = sum(sum(values.values()) for values in stacks_of(parsed).values())
    lost = sum(meant.totals.values()) - total
    factor = 1000 if "ns" in meant.totals else 1
    if not any(one.severity == "loss" for one in parsed.problems):
        assert lost == factor * value_of_whole_records(lines, dropped)
    assert lost >= 0


@given(klockstat_texts())
def test_a_table_gives_what_it_means(meant: Meant) -> None:
    parsed = read(meant.text, "law", ReadOptions(jobs=1))
    assert parsed.layout == meant.layout
    found: Counter[str] = Counter()
    for key, stack, weight in parsed.profiles["ns", True]:
        found[f"{stack};{key.name}"] += weight.value
    assert dict(found) == meant.stacks["ns"]
    assert len(parsed.holds) == 1


@given(klockstat_texts(), st.integers(0, 40))
def test_a_missing_line_of_a_table_leaves_the_exact_rest(meant: Meant, number: int) -> None:
    lines = meant.text.splitlines(keepends=True)
    dropped = lines.pop(number % len(lines))
    try:
        parsed = read(b"".join(lines), "law", ReadOptions(layout="klockstat", jobs=1))
    except PvprofError:
        return
    total = sum(profile.total for profile in parsed.profiles.values())
    lost = meant.totals["ns"] - total
    is_row = len(dropped.split()) >= MIN_CELLS
    assert lost >= 0
    assert not lost or is_row or any(one.severity == "loss" for one in parsed.problems)


@given(histogram_texts())
def test_a_histogram_gives_what_it_means(meant: MeantHistograms) -> None:
    parsed = read(meant.text, "law", ReadOptions(jobs=1))
    assert parsed.layout == "bcc-histogram"
    found = {
        one.key.execname: {bound: size for bound, size in one.buckets if size}
        for one in parsed.histograms
    }
    wanted = {
        name: {bound: size for bound, size in sizes.items() if size}
        for name, sizes in meant.sizes.items()
    }
    assert found == wanted
    assert parsed.problems == []
