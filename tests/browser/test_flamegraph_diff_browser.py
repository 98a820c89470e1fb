"""The differential flame graph in Chromium: its widths, its details, its search."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers.browser import (
    button,
    frame,
    frames,
    look,
    names,
    search_for,
    show,
    text_of,
)
from helpers.command_line import RunCommand
from helpers.flamegraph_file import frames_in, parse, title_of
from helpers.two_profiles import AFTER, BASE, OPTIONS, colour, folded
from playwright.sync_api import Page

from pvprof.analysis.stacks.diff_layout import NEW, VANISHED, Threshold
from pvprof.render.svg.diff_flamegraph import CHANGE_COLOURS, render_diff


@pytest.fixture
def graph(page: Page, tmp_path: Path) -> Page:
    return show(page, tmp_path, render_diff(BASE, AFTER, OPTIONS))


def test_the_script_colours_like_the_still_picture(graph: Page) -> None:
    root = parse(render_diff(BASE, AFTER, OPTIONS))
    still = sorted((title_of(one)[0], one[1].attrib["fill"]) for one in frames_in(root))
    assert sorted((one["name"], one["fill"]) for one in frames(graph)) == still


def test_the_script_takes_the_same_steps_as_the_still_picture(page: Page, tmp_path: Path) -> None:
    values = [1, 10, 25, 26, 50, 51, 80, 95, 100, 106, 125, 199, 200, 399, 400, 999, 1000, 5000]
    base = folded({f"rises;{value}": 100 for value in values} | {"falls;gone": 100})
    new = folded({f"rises;{value}": value for value in values} | {"rises;new": 100})
    options = replace(OPTIONS, threshold=Threshold(of_total_percent=Fraction(0)))
    picture = render_diff(base, new, options)
    show(page, tmp_path, picture)
    still = {title_of(one)[0]: one[1].attrib["fill"] for one in frames_in(parse(picture))}
    assert {one["name"]: one["fill"] for one in frames(page)} == still
    assert set(still.values()) == set(CHANGE_COLOURS)


def test_the_whole_has_the_colour_and_mark_of_its_own_change(page: Page, tmp_path: Path) -> None:
    less = folded({"make;vm_fault;pv list": 250})
    for new, change, label in [(less, -3, "all"), (folded({}), VANISHED, "- all")]:
        root = parse(render_diff(BASE, new, OPTIONS))
        assert frames_in(root)[0][1].attrib["fill"] == colour(change)
        show(page, tmp_path, render_diff(BASE, new, OPTIONS))
        assert look(page, "all")["fill"] == colour(change)
        assert look(page, "all")["label"] == label


def test_widths_are_switched_between_base_new_and_both(graph: Page) -> None:
    def widths() -> dict[str, int]:
        return {one["name"]: one["width"] for one in frames(graph)}

    # Each frame as wide as its larger side: of 1200 for 804 ms in all.
    assert widths() == {
        "all": 1200, "make": 1200, "vm_fault": 752, "pv list": 597, "vm object": 155,
        "gone": 149, "born": 298,
    }  # fmt: skip
    button(graph, "shape-base").click()
    assert "born" not in names(graph)
    assert (widths()["pv list"], widths()["gone"]) == (800, 200)
    button(graph, "shape-new").click()
    assert "gone" not in names(graph)
    assert look(graph, "pv list")["width"] == round(1200 * 100 / 404)
    assert button(graph, "shape-new").get_attribute("aria-pressed") == "true"
    graph.reload()
    assert "gone" not in names(graph)
    button(graph, "shape-union").click()
    assert {"gone", "born"} <= set(names(graph))


def test_the_details_give_both_values_and_shares(graph: Page) -> None:
    frame(graph, "pv list").hover()
    assert text_of(graph, "numbers").startswith(
        "base 400.0 ms, new 100.0 ms: -300.0 ms (-75.00%) · 66.67% of base, 24.75% of new"
    )
    frame(graph, "born").hover()
    assert text_of(graph, "numbers").startswith("only in new: 200.0 ms")


def test_a_screen_reader_is_told_the_change(graph: Page) -> None:
    spoken = frame(graph, "gone").get_attribute("aria-label")
    assert spoken == "gone, vanished, in base: 100.0 ms (-100.00%), 16.67% of base, 0.00% of new"


def test_with_both_widths_shares_are_those_of_each_profile(graph: Page) -> None:
    # base 600 ms: pv list 400, gone 100; new 404 ms: pv list 100, born 200
    assert search_for(graph, "pv list|gone|born") == (
        "Matched: 83.33% of base, 74.26% of new (3 frames)"
    )
    graph.locator(".bar input").fill("vm_fault|pv list")  # one in the other: counted once
    assert "Matched: 83.33% of base, 50.50% of new" in text_of(graph, "matched")
    frame(graph, "vm_fault").click()
    graph.locator(".bar input").fill("pv list")
    assert text_of(graph, "matched").startswith(
        "Matched: 80.00% of the zoomed frame in base, 49.02% in new"
    )
    button(graph, "reset").click()
    button(graph, "keep").click()
    assert text_of(graph, "filtered") == (
        "Shown: only stacks with pv list: 66.67% of base, 24.75% of new"
    )
    button(graph, "undo").click()
    search_for(graph, "pv list")
    button(graph, "shape-base").click()
    assert text_of(graph, "matched") == "Matched: 66.67% (1 frame)"
    button(graph, "shape-new").click()
    assert text_of(graph, "matched") == "Matched: 24.75% (1 frame)"


def test_with_both_widths_a_function_in_all_places_has_both_sides(
    page: Page, tmp_path: Path
) -> None:
    base = folded({"a;lock": 100, "b;lock": 200, "c": 100})
    new = folded({"a;lock": 300, "b;lock": 50, "c": 150})
    show(page, tmp_path, render_diff(base, new, OPTIONS))
    frame(page, "lock").hover()
    assert text_of(page, "numbers").endswith(
        "in all places base 300.0 ms, new 350.0 ms: 75.00% of base, 70.00% of new"
    )
    button(page, "shape-new").click()
    frame(page, "lock").hover()
    assert text_of(page, "numbers").endswith("in all places 350.0 ms, 70.00%")


def test_filters_change_what_has_become_of_callers(graph: Page) -> None:
    assert look(graph, "vm_fault")["fill"] == colour(-3)
    search_for(graph, "pv list")
    button(graph, "hide").click()
    assert look(graph, "vm_fault")["fill"] == colour(0)


def test_reversing_shows_both_sides_too(graph: Page) -> None:
    button(graph, "reversed").click()
    level = {one["name"]: one["fill"] for one in frames(graph) if one["level"] == 1}
    assert level == {
        "born": colour(NEW),
        "gone": colour(VANISHED),
        "pv list": colour(-4),
        "vm object": colour(0),
    }


def test_recordings_of_two_kernels_are_drawn(page: Page, tmp_path: Path, run: RunCommand) -> None:
    out = tmp_path / "diff.svg"
    both = RECORDINGS / "stock-offcpu.out", RECORDINGS / "sdt-offcpu.out"
    symbols = RECORDINGS / "kernel-symbols.nm.gz"
    result = run("flamegraph", "--diff", *both, "--symbols", symbols, "-o", out)
    assert result.exit_code == 0, result.stderr
    page.goto(out.as_uri())
    assert len(names(page)) > 10
    frame(page, "all").hover()
    assert re.match(r"base [\d.]+ m?s, new [\d.]+ m?s: [+-]", text_of(page, "numbers"))
