"""A text of two tools is refused, or the loss is reported."""

from __future__ import annotations

import random

import pytest
from helpers.mixing import (
    foreign_strategies,
    is_nothing_lost_untold,
    other_texts,
    outcome_of,
    texts_by_layout,
)
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.parse.layouts import LAYOUTS

SAMPLE_BYTES = 1 << 13
"""Size of the samples for texts that are longer: in all other respects it does not matter."""

WITHOUT_TEXT = {
    "speedscope": "one JSON document: more behind it is an error",
    "pprof": "no text: tests/parse/test_pprof_read.py",
    "html": "one page: tests/parse/test_recognition.py",
    "bpftrace": "JSON lines of pvprof's own programs, told from others by the header",
    "differential": "a folded file with two numbers is one, whatever was meant",
}
"""Layouts whose texts are not mixed here, and why."""


def test_each_layout_has_a_text() -> None:
    assert set(texts_by_layout()) | set(WITHOUT_TEXT) >= set(LAYOUTS)
    for layout, text in texts_by_layout().items():
        assert not outcome_of(text).is_refused, layout


@pytest.mark.slow
@pytest.mark.parametrize("layout", texts_by_layout())
def test_two_texts_behind_each_other(layout: str) -> None:
    first = texts_by_layout()[layout]
    alone = outcome_of(first)
    for name, second in other_texts(layout):
        mixed = outcome_of(first + b"\n" + second)
        assert is_nothing_lost_untold(mixed, alone, outcome_of(second)), name


@pytest.mark.slow
@pytest.mark.parametrize("layout", texts_by_layout())
def test_a_second_text_behind_the_sample(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pvprof.parse.detect.SAMPLE_BYTES", SAMPLE_BYTES)
    text = texts_by_layout()[layout]
    first = text * (SAMPLE_BYTES // len(text) + 1)
    alone = outcome_of(first)
    for name, second in other_texts(layout):
        mixed = outcome_of(first + b"\n" + second)
        assert is_nothing_lost_untold(mixed, alone, outcome_of(second)), name


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["keyed", "classic", "pmcstat"])
def test_a_second_text_in_the_middle_of_a_long_one(
    layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 4 * SAMPLE_BYTES
    monkeypatch.setattr("pvprof.parse.detect.SAMPLE_BYTES", size)
    text = texts_by_layout()[layout]
    half = text * (size // len(text) + 1)
    alone = outcome_of(half * 2)
    for name, other in other_texts(layout):
        second = other * (size // len(other) + 1)
        mixed = outcome_of(half + b"\n" + second + b"\n" + half)
        assert is_nothing_lost_untold(mixed, alone, outcome_of(second)), name


@pytest.mark.slow
@pytest.mark.parametrize("layout", texts_by_layout())
def test_lines_of_one_text_inside_another(layout: str) -> None:
    dice = random.Random(layout)
    lines = texts_by_layout()[layout].splitlines(keepends=True)
    alone = outcome_of(b"".join(lines))
    for name, second in other_texts(layout):
        others = second.splitlines(keepends=True)
        place, first = dice.randrange(len(lines) + 1), dice.randrange(len(others))
        inside = others[first : first + dice.choice((1, 3, 9, 40))]
        mixed = outcome_of(b"".join([*lines[:place], *inside, *lines[place:]]))
        assert is_nothing_lost_untold(mixed, alone), (name, place, inside[:3])


@pytest.mark.slow
@examples(1)
@given(st.data())
def test_generated_texts_behind_each_other(data: st.DataObject) -> None:
    strategies = foreign_strategies()
    names = data.draw(st.tuples(*[st.sampled_from(sorted(strategies))] * 2))
    first, second = (data.draw(strategies[name]()) for name in names)
    if first.layout == second.layout or "differential" in (first.layout, second.layout):
        return
    mixed = outcome_of(first.text + b"\n" + second.text)
    assert is_nothing_lost_untold(mixed, outcome_of(first.text), outcome_of(second.text))


@pytest.mark.slow
@examples(1)
@given(st.data())
def test_a_recording_before_or_behind_a_generated_text(data: st.DataObject) -> None:
    strategies = foreign_strategies()
    meant = data.draw(strategies[data.draw(st.sampled_from(sorted(strategies)))]())
    layout = data.draw(st.sampled_from(sorted(texts_by_layout())))
    if meant.layout in (layout, "differential"):
        return
    parts = [meant.text, texts_by_layout()[layout]]
    if data.draw(st.booleans()):
        parts.reverse()
    assert is_nothing_lost_untold(outcome_of(b"\n".join(parts)), *map(outcome_of, parts))
