"""The texts and scales of pictures that a user chooses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand, assert_is_error
from helpers.flamegraph_file import HOSTILE, data_of, parse, texts_of

GRAMMAR = FIXTURES / "freebsd-13.2-grammar-2"
STOCK, PATCHED = GRAMMAR / "stock-offcpu.pvprof", GRAMMAR / "patched-offcpu.pvprof"
EVENTS = GRAMMAR / "stock-events.pvprof"
PICTURES = [
    ("flamegraph", STOCK),
    ("flamegraph", "--diff", STOCK, PATCHED),
    ("heatmap", EVENTS),
]


@pytest.mark.parametrize("words", PICTURES, ids=["flame graph", "difference", "heat map"])
def test_own_texts_come_before_what_pvprof_says_of_the_data(
    run: RunCommand, words: Sequence[object]
) -> None:
    plain = run(*words, "-q").stdout
    own = run(
        *(*words, "-q", "--title", "Mine", "--subtitle", "after r1234."),
        *("--notes", "first line\nsecond line"),
    ).stdout
    before, after = (" ".join(texts_of(parse(text), "subtitle")) for text in (plain, own))
    assert after.replace("after r1234. ", "", 1) == before
    assert after.startswith("after r1234. ")
    assert " ".join(texts_of(parse(own), "title")) == "Mine"
    labels, others = (texts_of(parse(text), "label") for text in (own, plain))
    first = "Base" if "--diff" in words else "Recording"
    others.insert(others.index(first), "Notes")
    assert labels == others
    texts = texts_of(parse(own), "text")
    assert texts.index("second line") == texts.index("first line") + 1
    if words[0] == "flamegraph":
        data = data_of(own)
        assert data["notes"][0] == ["Notes", "first line\nsecond line"]
        assert data["subtitle"].startswith("after r1234. ")


@pytest.mark.parametrize("words", PICTURES, ids=["flame graph", "difference", "heat map"])
def test_hostile_texts_are_only_text(run: RunCommand, words: Sequence[object]) -> None:
    text = "\n".join(one for one in HOSTILE if "\0" not in one and "\ud800" not in one)
    made = run(*words, "-q", "--title", text, "--subtitle", text, "--notes", text).stdout
    root = parse(made)
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("script") == tags.count("style") == 1
    assert "漢字カーネル" in texts_of(root, "text")


def test_a_picture_of_an_empty_input_has_own_texts(run: RunCommand) -> None:
    made = run("flamegraph", "-", "--subtitle", "mine", "--notes", "why", stdin=b"").stdout
    assert texts_of(parse(made), "subtitle") == ["mine"]
    assert texts_of(parse(made), "label")[0] == "Notes"


def test_a_difference_per_total_scales_the_base_to_the_total_of_the_new_profile(
    run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "a.folded").write_text("x;a 1000\nx;b 3000\n")
    (tmp_path / "b.folded").write_text("x;a 100\nx;b 300\n")
    words = ("flamegraph", "--diff", tmp_path / "a.folded", tmp_path / "b.folded", "-q")
    plain = " ".join(texts_of(parse(run(*words).stdout), "subtitle"))
    assert "not scaled" in plain
    equal = run(*words, "--per", "total").stdout
    said = " ".join(texts_of(parse(equal), "subtitle"))
    assert "The base is scaled by 0.1 to the total of the new profile" in said
    assert "All: base 400, new 400: 0 (0.00%)" in said
    assert data_of(equal)["diff"]["totals"] == ["400", "400"] or "400" in said


def test_a_scale_that_is_none_is_refused_with_both_forms(run: RunCommand) -> None:
    error = run("flamegraph", "--diff", STOCK, PATCHED, "--per", "totals")
    assert "--per totals: cannot be understood" in assert_is_error(error, 2)
    assert "--per builds=3:5, or --per total" in error.stderr
