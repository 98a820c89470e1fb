"""Folded stacks and speedscope files give what they mean, or a problem tells what is missing."""

from __future__ import annotations

from helpers.foreign.folded import TwoSides, differential_files, folded_files
from helpers.foreign.meant import Meant
from helpers.foreign.speedscope import speedscope_files
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

_OPTIONS = ReadOptions(jobs=1)


def stacks_of(parsed: ParseResult) -> dict[str, dict[str, int]]:
    """Map each unit to its stacks and values, as ``pvprof fold`` prints them."""
    found = {
        unit: {str(stack): weight.value for _, stack, weight in profile if weight.value}
        for (unit, _), profile in parsed.profiles.items()
    }
    return {unit: stacks for unit, stacks in found.items() if stacks}


def _wanted(meant: Meant) -> dict[str, dict[str, int]]:
    return {unit: dict(stacks) for unit, stacks in meant.stacks.items() if stacks}


@given(folded_files())
def test_folded_stacks_give_what_they_mean(meant: Meant) -> None:
    parsed = read(meant.text, "law", _OPTIONS)
    assert parsed.layout == meant.layout
    assert stacks_of(parsed) == _wanted(meant)
    assert {problem.kind for problem in parsed.problems} <= {"rounded", "vanished", "two-columns"}


@examples(0.5)
@given(folded_files(), st.integers(0, 20))
def test_without_a_line_folded_stacks_are_the_exact_rest(meant: Meant, number: int) -> None:
    lines = meant.text.splitlines(keepends=True)
    del lines[number % len(lines)]
    rest = b"".join(lines)
    apart: dict[str, int] = {}
    for line in lines:  # each line is a record of its own: no reader can miss another
        for unit, values in stacks_of(_read_alone(line)).items():
            apart[unit] = apart.get(unit, 0) + sum(values.values())
    together = {unit: sum(values.values()) for unit, values in stacks_of(_read_alone(rest)).items()}
    fractions = sum(b"." in line or b"e" in line for line in lines)
    for unit in apart.keys() | together.keys():
        assert abs(apart.get(unit, 0) - together.get(unit, 0)) <= fractions


def _read_alone(text: bytes) -> ParseResult:
    """Read a text as folded stacks; one without a record gives an empty result."""
    try:
        return read(text, "law", ReadOptions(layout="folded", jobs=1))
    except PvprofError:
        return ParseResult()


@given(differential_files())
def test_differential_files_give_both_sides(meant: TwoSides) -> None:
    parsed = read(meant.text, "law", _OPTIONS)
    assert parsed.layout == "differential"
    (base,) = parsed.further
    sides = [stacks_of(one).get("samples", {}) for one in (base, parsed)]
    assert sides == [meant.base, meant.new]
    assert "two-columns" in {problem.kind for problem in parsed.problems}


@given(speedscope_files())
def test_speedscope_files_give_what_they_mean(meant: Meant) -> None:
    try:
        parsed = read(meant.text, "law", _OPTIONS)
    except PvprofError:
        assert not meant.stacks
        return
    assert parsed.layout == meant.layout
    assert stacks_of(parsed) == _wanted(meant)
    assert {problem.kind for problem in parsed.problems} <= {"rounded", "vanished", "idle"}


@examples(0.5)
@given(speedscope_files(), st.integers(0, 300))
def test_without_a_line_a_speedscope_file_is_refused_or_says_so(meant: Meant, number: int) -> None:
    lines = meant.text.splitlines(keepends=True)
    del lines[number % len(lines)]
    try:
        parsed = read(b"".join(lines), "law", _OPTIONS)
    except PvprofError:
        return
    totals = {unit: sum(stacks.values()) for unit, stacks in stacks_of(parsed).items()}
    if totals != {unit: total for unit, total in meant.totals.items() if total}:
        assert {problem.severity for problem in parsed.problems} & {"loss", "warning"}
