"""The flame graph's script in a real Chromium: what a person sees and does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import RECORDINGS
from helpers.browser import (
    button,
    frame,
    frames,
    inlined,
    look,
    names,
    search_for,
    show,
    text_of,
    watched_page,
)
from helpers.command_line import RunCommand
from playwright.sync_api import Browser, Locator, Page

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack, show_controls
from pvprof.parse.files.name_attributes import read_attributes
from pvprof.render.svg.flamegraph import render, render_inline
from pvprof.render.svg.labels import format_value
from pvprof.views.flamegraph import FlamegraphOptions

# Beyond 2^53, so that any detour over doubles would show: 1000 units are 100 %.
UNIT = 10**15 + 1
WEIGHTS = {
    "a;lock": 100,
    "a;b;lock;lock": 150,
    "a;b;c": 50,
    "a;Big": 200,
    "d;lock": 250,
    "d;e (x);f": 50,
    "g": 200,
}
OPTIONS = FlamegraphOptions(notes=(("Host", "beastie\nsecond line"),))


def profile(weights: dict[str, int] | None = None) -> Folded:
    rows = ((Stack(stack), value * UNIT) for stack, value in (weights or WEIGHTS).items())
    return Folded(tuple(sorted(rows)), "ns")


def picture(options: FlamegraphOptions = OPTIONS, weights: dict[str, int] | None = None) -> str:
    return render(profile(weights), options)


@pytest.fixture
def graph(page: Page, tmp_path: Path) -> Page:
    return show(page, tmp_path, picture())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a real recording by the command line."""
    from click.testing import CliRunner  # noqa: PLC0415

    from pvprof.cli import cli  # noqa: PLC0415

    path = tmp_path_factory.mktemp("real") / "build.svg"
    source = str(RECORDINGS / "build-events.out.gz")
    symbols = str(RECORDINGS / "kernel-symbols.nm.gz")
    arguments = ["flamegraph", source, "--symbols", symbols, "-q", "-o", str(path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.stderr
    return path


def typed(page: Page) -> str:
    """Return the text of the search field."""
    return str(page.locator(".bar input").evaluate("one => one.value"))


# ---- zoom ----------------------------------------------------------------------------------------


def test_the_still_picture_is_what_the_script_draws(
    browser: Browser, page: Page, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    text = picture(replace(OPTIONS, width=1220))
    still = show(context.new_page(), tmp_path, text)
    placed = """rows => rows.flatMap(row => Array.from(row.children, g => [
        g.querySelector("title").textContent.split("\\n")[0],
        Math.round(g.querySelector("rect").getBoundingClientRect().left - 10),
        Math.round(g.querySelector("rect").getBoundingClientRect().width),
        (g.querySelector("text") || {textContent: ""}).textContent,
        g.querySelector("rect").getAttribute("fill")]))"""
    before = still.locator(".still .row").evaluate_all(placed)
    assert not still.locator(".bar").is_visible()
    context.close()
    show(page, tmp_path, text)
    after = [
        [one["name"], one["left"], one["width"], one["label"], one["fill"]] for one in frames(page)
    ]
    assert sorted(after) == sorted(before)
    assert page.locator(".still").count() == 0


def test_a_click_gives_a_frame_the_full_width_and_rescales_what_it_calls(graph: Page) -> None:
    frame(graph, "b").click()
    assert (look(graph, "b")["left"], look(graph, "b")["width"]) == (0, 1200)
    # b holds 150 for lock, after 50 for c
    assert (look(graph, "c")["left"], look(graph, "c")["width"]) == (0, 300)
    assert (look(graph, "lock")["left"], look(graph, "lock")["width"]) == (300, 900)


def test_callers_of_the_zoomed_frame_are_stretched_and_dimmed_and_all_else_is_gone(
    graph: Page,
) -> None:
    frame(graph, "b").click()
    assert names(graph) == ["all", "a", "b", "c", "lock", "lock"]
    for above in ("all", "a"):
        assert look(graph, above)["width"] == 1200
        assert look(graph, above)["dimmed"]
    assert not look(graph, "b")["dimmed"]


def test_zooming_further_in_and_out_to_a_caller_works(graph: Page) -> None:
    frame(graph, "b").click()
    once = frames(graph)
    frame(graph, "lock").click()
    assert look(graph, "lock")["width"] == 1200
    assert "c" not in names(graph)
    frame(graph, "b").click()
    assert frames(graph) == once


@pytest.mark.parametrize("way", ["root", "reset", "Escape"])
def test_the_zoom_is_undone(graph: Page, way: str) -> None:
    before = frames(graph)
    assert button(graph, "reset").is_disabled()
    frame(graph, "d").click()
    if way == "root":
        frame(graph, "all").click()
    elif way == "reset":
        button(graph, "reset").click()
    else:
        graph.keyboard.press("Escape")
    assert frames(graph) == before
    assert button(graph, "reset").is_disabled()


def test_labels_follow_the_width(page: Page, tmp_path: Path) -> None:
    name = "a_function_with_quite_a_long_name"
    show(page, tmp_path, picture(weights={f"tiny;{name}": 20, "large": 980}))
    assert look(page, name)["label"] == ""
    frame(page, name).click()
    assert look(page, name)["label"] == name


def test_a_frame_too_narrow_for_an_element_answers_to_a_click(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, picture(weights={"a;b": 1, "large": 999}))
    assert "b" not in names(page)
    left = page.locator(".frames").bounding_box()
    assert left is not None
    page.mouse.move(left["x"] + 0.6, left["y"] + 8)
    assert text_of(page, "name") == "b"
    page.mouse.click(left["x"] + 0.6, left["y"] + 8)
    assert look(page, "b")["width"] == 1200


def test_what_is_too_narrow_to_draw_can_be_zoomed_and_says_how_much_it_is(
    page: Page, tmp_path: Path
) -> None:
    weights = {"a;wide": 900, **{f"a;f{number}": 1 for number in range(100)}}
    show(page, tmp_path, picture(replace(OPTIONS, min_width_px=5), weights))
    assert (look(page, "...")["left"], look(page, "...")["width"]) == (1080, 120)
    frame(page, "...").hover()
    assert "10.00% of all" in text_of(page, "numbers")
    assert "100 stacks too narrow to draw" in text_of(page, "numbers")
    frame(page, "...").click()
    assert look(page, "...")["width"] == 1200


# ---- details -------------------------------------------------------------------------------------


def test_the_details_name_the_hovered_frame_with_its_value_and_share(graph: Page) -> None:
    frame(graph, "e (x)").hover()
    assert text_of(graph, "name") == "e (x)"
    assert text_of(graph, "numbers") == ("50,000,000 s (50,000,000,000,000,050 ns) · 5.00% of all")
    graph.mouse.move(600, 690)
    assert text_of(graph, "name") == ""


def test_the_whole_is_described_while_zoomed_too(graph: Page) -> None:
    frame(graph, "d").click()
    frame(graph, "all").hover()
    assert text_of(graph, "name") == "all"
    assert "100.00% of all" in text_of(graph, "numbers")
    graph.mouse.move(600, 690)
    assert text_of(graph, "name") == "d"
    frame(graph, "all").focus()
    assert text_of(graph, "name") == "all"


def test_when_zoomed_they_give_the_share_of_the_zoomed_frame_too(graph: Page) -> None:
    frame(graph, "d").click()
    frame(graph, "lock").hover()
    assert "25.00% of all · 83.33% of the zoomed frame" in text_of(graph, "numbers")


def test_they_give_a_function_in_all_places_without_counting_recursion_twice(graph: Page) -> None:
    frame(graph, "lock", 1).hover()  # 100 in a, 150 in b with one inside, 250 in d
    assert "in all places 500,000,000 s, 50.00%" in text_of(graph, "numbers")


def test_they_give_what_a_frame_takes_itself(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, picture(weights={"a": 3, "a;b": 7}))
    frame(page, "a").hover()
    assert "self 3,000,000 s" in text_of(page, "numbers")


def show_scrolled(page: Page, tmp_path: Path) -> None:
    """Show a picture that is higher than the window, scrolled to where its controls float."""
    deep = ";".join(f"f{level}" for level in range(100))
    show(page, tmp_path, picture(weights={deep: 1}))
    page.mouse.move(600, 600)
    page.mouse.wheel(0, 900)
    page.wait_for_function("window.scrollY > 500")


def test_controls_and_details_stay_in_the_window(page: Page, tmp_path: Path) -> None:
    show_scrolled(page, tmp_path)
    page.wait_for_function(
        "Math.abs(document.querySelector('.bar').getBoundingClientRect().top) < 2"
    )
    page.mouse.move(600, 400)
    assert text_of(page, "name").startswith("f")


def test_frames_do_not_show_through_the_controls_when_scrolled(page: Page, tmp_path: Path) -> None:
    show_scrolled(page, tmp_path)
    page.wait_for_function("document.querySelector('.bar.floating')")
    box = page.locator(".bar").bounding_box()
    assert box is not None
    for y in range(2, int(box["height"]) - 1, 5):
        there = page.evaluate(f"document.elementFromPoint(400, {y}).closest('.bar') !== null")
        assert there, y
    below = box["y"] + box["height"] + 6
    page.mouse.move(600, below)
    assert page.evaluate(f"document.elementFromPoint(600, {below}).closest('.frames') !== null")


@pytest.mark.parametrize(("width", "lines"), [(600, 3), (660, 2), (900, 2), (1220, 1)])
def test_details_have_the_lines_that_the_width_of_the_picture_asks_for(
    page: Page, tmp_path: Path, width: int, lines: int
) -> None:
    # the window is wide: only the picture is not
    inner = render_inline(profile(), OPTIONS, "x")
    show(page, tmp_path, inlined(f"<div style='width:{width}px'>{inner}</div>"), "page.html")
    page.set_viewport_size({"width": 1300, "height": 700})
    frame(page, "b").click()
    before = look(page, "b")["top"]
    frame(page, "lock").hover()
    numbers = page.locator(".bar .numbers")
    height = numbers.evaluate("one => one.getBoundingClientRect().height")
    assert round(height / 17) == lines
    assert numbers.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert numbers.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    assert look(page, "b")["top"] == before


def test_provenance_is_shown_and_folds_away(graph: Page) -> None:
    notes = graph.locator(".notes")
    assert "second line" in (notes.text_content() or "")
    before = graph.evaluate("document.documentElement.getBoundingClientRect().height")
    graph.locator(".notes summary").click()
    assert not graph.locator(".notes dd").is_visible()
    graph.wait_for_function(
        f"document.documentElement.getBoundingClientRect().height < {before} - 20"
    )


def test_the_legend_says_what_the_colours_mean(page: Page, recording: Path) -> None:
    page.goto(recording.as_uri())
    legend = page.locator(".legend .item").all_text_contents()
    assert {"vm page busy", "vnode/namecache", "pv list (rwlock)"} <= set(legend)
    swatch = page.locator(".legend .item", has_text="buffer cache").locator(".swatch")
    colour = swatch.evaluate("one => getComputedStyle(one).backgroundColor")
    getblk = frame(page, "getblk").locator("rect")
    assert getblk.evaluate("one => getComputedStyle(one).fill") == colour


# ---- search --------------------------------------------------------------------------------------


def test_matched_time_is_a_union_without_double_counting(graph: Page) -> None:
    # lock in a: 100, lock in b and the lock in that lock: 150 once, lock in d: 250
    assert search_for(graph, "lock") == "Matched: 50.00% (4 frames)"


def test_a_match_inside_a_match_is_not_counted_again(graph: Page) -> None:
    assert search_for(graph, "^(a|lock|b)$") == "Matched: 75.00% (6 frames)"


def test_hidden_frames_and_callers_are_not_counted_while_zoomed(graph: Page) -> None:
    frame(graph, "b").click()
    assert search_for(graph, "lock|^a$") == "Matched: 75.00% of the zoomed frame (2 frames)"
    button(graph, "reset").click()
    assert text_of(graph, "matched") == "Matched: 75.00% (5 frames)"


def test_a_zoom_recomputes_the_match(graph: Page) -> None:
    search_for(graph, "lock")
    frame(graph, "d").click()
    assert text_of(graph, "matched") == "Matched: 83.33% of the zoomed frame (1 frame)"


def test_matches_stand_out(graph: Page) -> None:
    before = look(graph, "g")["fill"]
    search_for(graph, "lock")
    fills = {one["fill"] for one in frames(graph) if one["name"] == "lock"}
    others = {one["fill"] for one in frames(graph) if one["name"] != "lock"}
    assert len(fills) == 1
    assert not fills & others
    assert look(graph, "g")["fill"] == before


def test_case_matters_only_when_asked_for(graph: Page) -> None:
    assert search_for(graph, "big") == "Matched: 20.00% (1 frame)"
    button(graph, "case").click()
    assert text_of(graph, "matched") == "Matched: 0.00% (0 frames)"
    assert button(graph, "case").get_attribute("aria-pressed") == "true"
    button(graph, "case").click()
    assert text_of(graph, "matched") == "Matched: 20.00% (1 frame)"


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "*", "\\"])
def test_an_invalid_pattern_is_shown_as_text(graph: Page, pattern: str) -> None:
    assert search_for(graph, pattern) == "not a regular expression"
    graph.keyboard.press("Control+a")
    graph.keyboard.type("g$")
    assert text_of(graph, "matched") == "Matched: 40.00% (2 frames)"


def test_the_next_and_previous_match_are_walked_to(graph: Page) -> None:
    search_for(graph, "lock")
    seen = []
    for key in ("Enter", "Enter", "Enter", "Enter", "Enter", "Shift+Enter"):
        graph.keyboard.press(key)
        place = re.search(r"\((\d) of 4 frames\)", text_of(graph, "matched"))
        assert place is not None
        assert text_of(graph, "name") == "lock"
        seen.append(place[1])
    assert seen == ["1", "2", "3", "4", "1", "4"]
    marked = graph.locator(".cursor rect").bounding_box()
    last = frame(graph, "lock", 3).bounding_box()
    assert marked is not None
    assert last is not None
    assert abs(marked["x"] - last["x"]) < 2
    button(graph, "next").click()
    assert "(1 of 4 frames)" in text_of(graph, "matched")


def test_the_place_among_the_matches_is_kept_unless_something_else_is_searched(
    graph: Page,
) -> None:
    search_for(graph, "lock")
    graph.keyboard.press("Enter")
    graph.keyboard.press("Enter")
    assert "(2 of 4 frames)" in text_of(graph, "matched")
    graph.set_viewport_size({"width": 800, "height": 700})
    graph.wait_for_function("document.querySelector('.ground').getAttribute('width') === '780'")
    button(graph, "icicle").click()
    assert "(2 of 4 frames)" in text_of(graph, "matched")
    button(graph, "weight").click()  # the lock in d is wider than those in a: it may move
    place = re.search(r"\((\d) of 4 frames\)", text_of(graph, "matched"))
    assert place is not None
    button(graph, "next").click()
    assert f"({int(place[1]) % 4 + 1} of 4 frames)" in text_of(graph, "matched")
    button(graph, "case").click()
    assert "(4 frames)" in text_of(graph, "matched")


def test_escape_clears_the_search_and_leaves_the_field(graph: Page) -> None:
    before = frames(graph)
    search_for(graph, "lock")
    graph.keyboard.press("Escape")
    assert text_of(graph, "matched") == ""
    assert frames(graph) == before
    assert typed(graph) == ""
    assert not graph.locator(".bar input").evaluate("one => one === document.activeElement")


# ---- hide and keep stacks ------------------------------------------------------------------------


def test_only_the_stacks_that_match_are_kept_and_shares_stay_those_of_all(graph: Page) -> None:
    search_for(graph, "lock")
    button(graph, "keep").click()
    assert names(graph) == ["all", "a", "b", "lock", "lock", "lock", "d", "lock"]
    assert look(graph, "d")["width"] == 600
    assert text_of(graph, "filtered") == "Shown: only stacks with lock: 50.00% of all"
    frame(graph, "d").hover()
    assert "25.00% of all · 50.00% of what is shown" in text_of(graph, "numbers")


def test_the_stacks_that_match_are_hidden_and_come_back(graph: Page) -> None:
    before = frames(graph)
    search_for(graph, "lock")
    button(graph, "hide").click()
    assert names(graph) == ["all", "a", "Big", "b", "c", "d", "e (x)", "f", "g"]
    search_for(graph, "^g$")
    button(graph, "hide").click()
    assert "g" not in names(graph)
    button(graph, "undo").click()
    assert "g" in names(graph)
    button(graph, "undo").click()
    assert frames(graph) == before


def test_hiding_everything_leaves_a_page_that_can_be_undone(graph: Page) -> None:
    before = frames(graph)
    search_for(graph, ".")
    button(graph, "hide").click()
    assert names(graph) == []
    graph.keyboard.press("Escape")
    assert frames(graph) == before


def test_one_lock_is_one_click_from_the_root_when_stacks_begin_with_locks(
    page: Page, tmp_path: Path, run: RunCommand
) -> None:
    out = tmp_path / "by-lock.svg"
    source = RECORDINGS / "build-events.out.gz"
    result = run("flamegraph", source, "--by", "lock", "-q", "-o", out)
    assert result.exit_code == 0, result.stderr
    page.goto(out.as_uri())
    assert look(page, "pmap pv list")["level"] == 1
    frame(page, "pmap pv list").click()
    assert look(page, "pmap pv list")["width"] == 1200
    assert "807.7 ms" in text_of(page, "numbers")


# ---- views ---------------------------------------------------------------------------------------


def test_the_picture_is_turned_over(graph: Page) -> None:
    tops = [look(graph, name)["top"] for name in ("all", "a", "b", "c")]
    assert tops == sorted(tops, reverse=True)
    button(graph, "icicle").click()
    tops = [look(graph, name)["top"] for name in ("all", "a", "b", "c")]
    assert tops == sorted(tops)


def test_reversing_merges_from_the_leaf(graph: Page) -> None:
    button(graph, "reversed").click()
    first_level = [(one["name"], one["width"]) for one in frames(graph) if one["level"] == 1]
    assert first_level == [("Big", 240), ("c", 60), ("f", 60), ("g", 240), ("lock", 600)]
    button(graph, "reversed").click()
    assert [one["name"] for one in frames(graph) if one["level"] == 1] == ["a", "d", "g"]


def test_a_zoomed_function_stays_zoomed_when_reversed_and_back(graph: Page) -> None:
    frame(graph, "lock", 3).click()
    button(graph, "reversed").click()
    assert look(graph, "lock")["width"] == 1200
    assert {one["name"] for one in frames(graph) if one["level"] == 2} == {"a", "d", "lock"}
    button(graph, "reversed").click()
    assert names(graph) == ["all", "d", "lock"]


def test_siblings_stand_by_name_or_by_weight(graph: Page) -> None:
    button(graph, "weight").click()
    by_weight = [one["name"] for one in frames(graph) if one["level"] == 2]
    assert by_weight == ["Big", "b", "lock", "lock", "e (x)"]
    button(graph, "weight").click()
    by_name = [one["name"] for one in frames(graph) if one["level"] == 2]
    assert by_name == ["Big", "b", "lock", "e (x)", "lock"]


@pytest.mark.parametrize("change", [{"icicle": True}, {"is_reversed": True}, {"order": "weight"}])
def test_a_picture_begins_as_it_was_asked_for(
    page: Page, tmp_path: Path, change: dict[str, Any]
) -> None:
    show(page, tmp_path, picture(replace(OPTIONS, **change)))
    begun = frames(page)
    show(page, tmp_path, picture())
    button(page, {"icicle": "icicle", "is_reversed": "reversed", "order": "weight"}[next(iter(change))]).click()  # fmt: skip # noqa: E501
    assert [{**one, "top": 0} for one in frames(page)] == [{**one, "top": 0} for one in begun]


# ---- the address ---------------------------------------------------------------------------------


def test_what_is_shown_is_in_the_address_and_comes_back_with_it(
    page: Page, recording: Path
) -> None:
    page.goto(recording.as_uri())
    frame(page, "kernel`vm_fault").click()
    search_for(page, "PV list|sleep")
    button(page, "icicle").click()
    button(page, "weight").click()
    seen, said = frames(page), text_of(page, "matched")
    address = page.url
    assert "zoom=" in address
    page.goto("about:blank")
    page.goto(address)
    assert frames(page) == seen
    assert text_of(page, "matched") == said
    assert typed(page) == "PV list|sleep"


def test_filters_views_and_odd_names_come_back_too(page: Page, tmp_path: Path) -> None:
    odd = 'a&b=c %41#"<x>\u00e9\U0001f600'
    show(page, tmp_path, picture(weights={f"{odd};x": 3, f"{odd};y;z": 4, "q": 2}))
    search_for(page, "^x$")
    button(page, "hide").click()
    button(page, "reversed").click()
    assert names(page) == ["all", "q", "z", "y", odd]
    frame(page, odd).click()
    seen, address = frames(page), page.url
    page.goto("about:blank")
    page.goto(address)
    assert frames(page) == seen
    assert look(page, odd)["width"] == 1200


def test_an_address_without_settings_is_left_clean(graph: Page) -> None:
    frame(graph, "d").click()
    assert graph.url.endswith("#zoom=d")
    graph.keyboard.press("Escape")
    assert "#" not in graph.url


def test_a_path_that_is_not_there_zooms_nowhere(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, picture())
    before = frames(page)
    page.goto((tmp_path / "picture.svg").as_uri() + "#zoom=a;nowhere&keep=(&%zz&search=%E0%A4%A")
    page.reload()
    assert [one["name"] for one in frames(page)] == [one["name"] for one in before]


def test_an_edited_address_is_followed(graph: Page) -> None:
    graph.evaluate("location.hash = 'zoom=d&search=lock'")
    graph.wait_for_function("document.querySelectorAll('.boxes g:not([display])').length === 5")
    assert text_of(graph, "matched") == "Matched: 83.33% of the zoomed frame (1 frame)"


def test_zoom_and_search_survive_a_resize(graph: Page) -> None:
    frame(graph, "a").click()
    search_for(graph, "lock")
    said = text_of(graph, "matched")
    graph.set_viewport_size({"width": 520, "height": 700})
    graph.wait_for_function("document.querySelector('.ground').getAttribute('width') === '500'")
    assert (look(graph, "a")["width"], look(graph, "b")["width"]) == (500, 200)
    assert text_of(graph, "matched") == said
    assert graph.evaluate("document.documentElement.scrollWidth") <= 520
    graph.set_viewport_size({"width": 1920, "height": 700})
    graph.wait_for_function("document.querySelector('.ground').getAttribute('width') === '1900'")
    assert look(graph, "b")["width"] == 760


# ---- copying -------------------------------------------------------------------------------------


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_the_function_or_the_whole_stack_is_copied(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, picture(weights={"make;kernel`trap;kernel`vm_fault_[k]": 1}))
    fault = frame(page, "kernel`vm_fault")
    fault.click(modifiers=["Control"])
    page.wait_for_function("document.querySelector('.bar .name').textContent === 'Copied:'")
    assert clipboard(page) == "vm_fault"
    assert look(page, "all")["dimmed"] is False  # copied, not zoomed
    fault.click(modifiers=["Shift"])
    page.wait_for_function("document.querySelector('.bar .numbers').textContent.includes(';')")
    assert clipboard(page) == "make;kernel`trap;kernel`vm_fault_[k]"
    button(page, "reversed").click()
    frame(page, "kernel`trap").click()
    button(page, "copy-stack").click()
    page.wait_for_function("!document.querySelector('.bar .numbers').textContent.includes('make')")
    assert clipboard(page) == "kernel`trap;kernel`vm_fault_[k]"


def test_nothing_can_be_copied_before_a_frame_is_chosen(graph: Page) -> None:
    assert button(graph, "copy-name").is_disabled()
    frame(graph, "d").click()
    button(graph, "copy-name").click()
    graph.wait_for_function("document.querySelector('.bar .name').textContent === 'Copied:'")
    assert clipboard(graph) == "d"


# ---- keyboard ------------------------------------------------------------------------------------


def focused(page: Page) -> str:
    return str(
        page.evaluate("(document.activeElement.getAttribute('aria-label') || '').split(',')[0]")
    )


def test_frames_are_reached_with_tab_and_zoomed_with_enter(graph: Page) -> None:
    frame(graph, "all").focus()
    graph.keyboard.press("Tab")
    assert focused(graph) == "a"
    assert text_of(graph, "name") == "a"
    graph.keyboard.press("Enter")
    assert look(graph, "a")["width"] == 1200
    assert focused(graph) == "a"
    graph.keyboard.press("Tab")
    assert text_of(graph, "name") == "Big"
    graph.keyboard.press("Escape")
    assert look(graph, "a")["width"] == 600


def test_after_a_zoom_is_left_the_keyboard_is_where_the_zoom_was(graph: Page) -> None:
    frame(graph, "e (x)").focus()
    graph.keyboard.press("Enter")
    assert focused(graph) == "e (x)"
    graph.keyboard.press("Escape")
    assert look(graph, "e (x)")["width"] == 60
    assert focused(graph) == "e (x)"
    assert text_of(graph, "name") == "e (x)"
    graph.keyboard.press("ArrowDown")
    assert focused(graph) == "d"
    graph.keyboard.press("Enter")
    frame(graph, "all").focus()
    graph.keyboard.press("Enter")
    assert focused(graph) == "all"


def test_tab_comes_to_the_controls_before_the_frames(graph: Page) -> None:
    graph.keyboard.press("Tab")
    assert graph.locator(".bar input").evaluate("one => one === document.activeElement")
    for _ in range(30):
        if focused(graph) == "all":
            break
        graph.keyboard.press("Tab")
    assert focused(graph) == "all"
    graph.keyboard.press("Tab")
    assert focused(graph) == "a"
    graph.locator(".notes summary").focus()
    graph.keyboard.press("Shift+Tab")
    assert focused(graph) == "g"


def test_arrows_walk_along_the_tree_as_it_is_seen(graph: Page) -> None:
    frame(graph, "all").focus()
    walked = []
    for key in ("Up", "Right", "Up", "Left", "Down", "Down", "Down"):
        graph.keyboard.press(f"Arrow{key}")
        walked.append(focused(graph))
    assert walked == ["a", "d", "lock", "e (x)", "d", "all", "all"]
    button(graph, "icicle").click()
    frame(graph, "d").focus()
    graph.keyboard.press("ArrowDown")
    assert focused(graph) == "lock"


def test_arrows_reach_frames_too_narrow_for_an_element(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, picture(weights={"a": 1, "b;c": 999, "b;d": 1}))
    frame(page, "b").focus()
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "a"
    page.keyboard.press("Enter")
    assert look(page, "a")["width"] == 1200


def test_a_screen_reader_is_told_roles_names_values_and_levels(graph: Page) -> None:
    assert graph.locator(".frames").get_attribute("role") == "tree"
    lock = frame(graph, "lock", 3)
    assert lock.get_attribute("role") == "treeitem"
    assert lock.get_attribute("aria-level") == "3"
    assert lock.get_attribute("aria-label") == "lock, 250,000,000 s, 25.00% of all"
    unnamed = """all => all.filter(one => !(one.textContent || one.getAttribute("aria-label")))"""
    assert graph.locator("button, input").evaluate_all(unnamed) == []


def test_copying_by_key(graph: Page) -> None:
    frame(graph, "c").focus()
    graph.keyboard.press("Shift+C")
    graph.wait_for_function("document.querySelector('.bar .name').textContent === 'Copied:'")
    assert clipboard(graph) == "a;b;c"


# ---- light and dark ------------------------------------------------------------------------------


def paper(where: Page | Locator) -> str:
    return str(where.locator(".paper").first.evaluate("one => getComputedStyle(one).fill"))


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(27, 26, 24)"


def test_the_page_follows_the_system_until_told_otherwise(browser: Browser, tmp_path: Path) -> None:
    for page in watched_page(browser, color_scheme="dark"):
        show(page, tmp_path, picture())
        assert paper(page) == DARK
        page.emulate_media(color_scheme="light")
        assert paper(page) == LIGHT
        button(page, "theme").click()
        assert (paper(page), text_of(page, "theme")) == (DARK, "● Dark")
        page.emulate_media(color_scheme="dark")
        button(page, "theme").click()
        assert (paper(page), text_of(page, "theme")) == (LIGHT, "○ Light")
        button(page, "theme").click()
        assert paper(page) == DARK


# ---- where it stands -----------------------------------------------------------------------------


@pytest.fixture
def two(page: Page, tmp_path: Path) -> tuple[Locator, Locator]:
    pictures = (
        render_inline(profile(), replace(OPTIONS, title="first"), "one"),
        render_inline(profile(), replace(OPTIONS, title="second", icicle=True), "two"),
    )
    show(page, tmp_path, inlined(*pictures), "page.html")
    return page.locator("svg.pvprof-flame").nth(0), page.locator("svg.pvprof-flame").nth(1)


def placed(where: Locator) -> list[Any]:
    return [(one["name"], one["left"], one["width"], one["fill"]) for one in frames(where)]


def test_two_pictures_in_one_page_do_not_disturb_each_other(
    page: Page, two: tuple[Locator, Locator]
) -> None:
    first, second = two
    before_first, before_second = placed(first), placed(second)
    frame(second, "b").click()
    assert look(second, "b")["width"] > 1000
    assert placed(first) == before_first

    frame(first, "d").click()
    page.keyboard.press("Control+f")
    page.keyboard.type("lock")
    assert text_of(first, "matched") == "Matched: 83.33% of the zoomed frame (1 frame)"
    assert text_of(second, "matched") == ""
    assert page.url.endswith("#two.zoom=a%3Bb&one.zoom=d&one.search=lock")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")  # the pointer is over the first one
    assert placed(first) == before_first
    button(second, "reset").click()
    assert placed(second) == before_second
    assert page.url.endswith("page.html")


def test_escape_belongs_to_the_picture_that_is_typed_into(
    page: Page, two: tuple[Locator, Locator]
) -> None:
    first, second = two
    first.locator(".bar input").click()
    page.keyboard.type("lock")
    frame(second, "d").hover()
    page.keyboard.press("Escape")
    assert text_of(first, "matched") == ""
    assert not first.locator(".bar input").evaluate("one => one === document.activeElement")


def test_each_of_two_pictures_takes_its_own_part_of_the_address(
    page: Page, two: tuple[Locator, Locator]
) -> None:
    first, second = two
    page.goto(page.url + "#section&one.zoom=d&two.search=lock&zoom=a")
    page.reload()
    assert names(first) == ["all", "d", "e (x)", "f", "lock"]
    assert text_of(second, "matched") == "Matched: 50.00% (4 frames)"
    frame(first, "all").click()
    assert page.url.endswith("#section&zoom=a&two.search=lock")


def test_pictures_without_a_prefix_leave_the_address_of_a_page_alone(
    page: Page, tmp_path: Path
) -> None:
    show(page, tmp_path, inlined(picture().partition("\n")[2]), "page.html")
    frame(page, "d").click()
    assert look(page, "d")["width"] > 1000
    assert "#" not in page.url


def test_the_style_of_the_page_does_not_reach_into_the_picture(page: Page, tmp_path: Path) -> None:
    plain = inlined(render_inline(profile(), OPTIONS, "x"))
    show(page, tmp_path, plain, "page.html")

    def sizes() -> list[list[float]]:
        measured = """parts => parts.map(one => {
            const {width, height} = one.getBoundingClientRect();
            return [Math.round(width), Math.round(height)];
        })"""
        parts = ".head *, .bar *, .boxes text, .account, .notes dt"
        return list(page.locator(parts).evaluate_all(measured))

    before = sizes()
    style = (
        "<style>div, dt { line-height: 3 } button { font-size: 30px; margin: 9px }"
        " input { border: 5px solid red } p, svg { letter-spacing: 3px; font-weight: bold }"
        " span { letter-spacing: 2px; padding: 4px }</style>"
    )
    show(page, tmp_path, plain.replace("<body>", f"{style}<body>"), "page.html")
    assert sizes() == before


def test_nothing_is_left_in_the_page(page: Page, tmp_path: Path) -> None:
    every = "Object.getOwnPropertyNames(window)"
    show(page, tmp_path, inlined("nothing"), "empty.html")
    there = set(page.evaluate(every))
    show(page, tmp_path, inlined(render_inline(profile(), OPTIONS, "x")), "page.html")
    assert names(page)[0] == "all"
    assert set(page.evaluate(every)) - there == set()
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0


def test_keys_elsewhere_in_a_page_are_left_to_the_page(page: Page, tmp_path: Path) -> None:
    text = inlined("<p style='height:300px'><input id='mine'></p>", picture().partition("\n")[2])
    show(page, tmp_path, text, "page.html")
    page.locator("#mine").click()
    page.keyboard.press("Control+f")
    assert page.locator("#mine").evaluate("one => one === document.activeElement")


def test_a_page_can_show_a_lock_and_hears_of_changes(
    page: Page, two: tuple[Locator, Locator]
) -> None:
    first, second = two
    before = placed(second)
    first.evaluate(
        """svg => {
            window.heard = [];
            const hear = event => window.heard.push(event.detail.settings);
            svg.addEventListener("pvprof:change", hear);
            svg.dispatchEvent(new CustomEvent("pvprof:show", {detail: {lock: "e (x)"}}));
        }"""
    )
    assert names(first) == ["all", "d", "e (x)", "f"]
    assert json.loads(json.dumps(page.evaluate("window.heard")))[-1] == [
        ["keep-case", "^e \\(x\\)$"]
    ]

    def tell(detail: dict[str, Any]) -> None:
        first.evaluate(
            "(svg, detail) => svg.dispatchEvent(new CustomEvent('pvprof:show', {detail}))", detail
        )

    tell({"lock": "lock"})
    assert names(first) == ["all", "a", "b", "lock", "lock", "lock", "d", "lock"]
    tell({"zoom": ["d"]})
    assert names(first) == ["all", "d", "lock"]
    tell({"reset": True, "search": "lock", "view": "reversed"})
    assert text_of(first, "matched") == "Matched: 50.00% (2 frames)"
    tell({"reset": True})
    assert names(first)[:3] == ["all", "a", "Big"]
    assert placed(second) == before


def test_a_picture_in_a_closed_part_of_a_page_is_right_when_it_is_opened(
    page: Page, tmp_path: Path
) -> None:
    text = f"<details><summary>more</summary>{render_inline(profile(), OPTIONS, 'x')}</details>"
    show(page, tmp_path, inlined(text), "page.html")
    page.locator("summary").first.click()
    page.wait_for_function(
        "document.querySelector('.pvprof-flame').getBoundingClientRect().height > 300"
    )
    assert look(page, "all")["width"] > 1150
    box = page.locator(".frames").bounding_box()
    bar = page.locator(".bar").last.bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] >= bar["y"] + bar["height"]


def test_labels_stay_inside_their_boxes(page: Page, tmp_path: Path) -> None:
    odd = ["W" * 40, "i" * 40, "m_" * 20, "漢字" * 20, "é" * 40]
    show(page, tmp_path, picture(weights={f"{name}{n}": 3 + n for n, name in enumerate(odd)}))
    spare = page.evaluate(
        """() => Array.from(document.querySelectorAll(".boxes g:not([display])"), g =>
            g.querySelector("rect").getBBox().width + g.querySelector("rect").getBBox().x
            - g.querySelector("text").getBBox().width - g.querySelector("text").getBBox().x)"""
    )
    assert min(spare) >= 0


def test_nasty_names_are_shown_as_text(page: Page, tmp_path: Path) -> None:
    nasty = [
        "</metadata></svg><script>throw 1</script>",
        "]]></script><!-- --",
        "&amp\x01\x0b\ud800\ufffe",
        "--x",
        "y" * 10_000,
        "constructor",
        "__proto__",
    ]
    show(page, tmp_path, picture(weights=dict.fromkeys(nasty, 1)))
    expected = set(map(show_controls, nasty))
    assert set(names(page)[1:]) == expected
    assert search_for(page, "script>throw") == "Matched: 14.29% (1 frame)"
    show(page, tmp_path, inlined(render_inline(profile(dict.fromkeys(nasty, 1)), OPTIONS, "x")), "page.html")  # fmt: skip # noqa: E501
    assert set(names(page)[1:]) == expected


def test_counts_are_drawn_like_times(page: Page, tmp_path: Path, run: RunCommand) -> None:
    out = tmp_path / "oncpu.svg"
    result = run("flamegraph", RECORDINGS / "oncpu.out.gz", "-q", "-o", out)
    assert result.exit_code == 0, result.stderr
    page.goto(out.as_uri())
    frame(page, "all").hover()
    assert re.match(r"[\d,]+ samples · 100.00% of all", text_of(page, "numbers"))


@pytest.mark.parametrize("unit", ["bytes", "cycles"])
def test_values_of_every_unit_read_as_in_the_still_picture(
    page: Page, tmp_path: Path, unit: str
) -> None:
    values = (1, 1023, 1_048_525, 987_654_321_012_345)
    for number, value in enumerate(values):
        folded = Folded(((Stack("a"), value),), unit)
        show(page, tmp_path, render(folded, OPTIONS), f"{number}.svg")
        frame(page, "all").hover()
        assert text_of(page, "numbers").startswith(f"{format_value(value, unit)} ·")


# ---- keys, and paper -----------------------------------------------------------------------------


def test_a_question_mark_and_a_button_list_the_keys(graph: Page) -> None:
    graph.locator(".bar input").focus()
    graph.keyboard.press("?")
    assert graph.get_by_role("dialog").count() == 0, "in the field it is text"
    graph.keyboard.press("Escape")
    graph.keyboard.press("?")
    dialog = graph.get_by_role("dialog")
    assert dialog.is_visible()
    words = dialog.inner_text()
    for key in ("Enter", "Escape", "Ctrl+F", "n, N", "Arrows", "c, Ctrl+click", "C, Shift+click"):
        assert key in words
    assert dialog.evaluate("one => one.contains(document.activeElement)")
    graph.keyboard.press("Escape")
    assert graph.get_by_role("dialog").count() == 0
    button(graph, "keys").click()
    assert graph.get_by_role("dialog").is_visible()
    graph.keyboard.press("?")
    assert graph.get_by_role("dialog").count() == 0


def test_escape_closes_the_list_of_keys_and_leaves_the_zoom(graph: Page) -> None:
    frame(graph, names(graph)[3]).click()
    shown = names(graph)
    graph.keyboard.press("?")
    graph.keyboard.press("Escape")
    assert names(graph) == shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_all_of_a_picture_is_seen_without_controls(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    for page in watched_page(browser, color_scheme=scheme):
        show(page, tmp_path, picture())
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 900})  # a sheet
        page.wait_for_function("() => document.querySelector('svg').hasAttribute('viewBox')")
        assert not page.locator(".controls").is_visible()
        for box in page.locator(".boxes g:not([display]) rect").all():
            edges = box.bounding_box()
            assert edges
            assert edges["x"] >= 0
            assert edges["x"] + edges["width"] <= 700
        swatch = page.locator(".swatch").first
        assert swatch.evaluate("one => getComputedStyle(one).printColorAdjust") == "exact"
        assert paper(page) == LIGHT
        page.emulate_media(media="screen")
        page.wait_for_function("() => !document.querySelector('svg').hasAttribute('viewBox')")
        assert page.locator(".controls").is_visible()
        assert paper(page) == (DARK if scheme == "dark" else LIGHT)


# ---- links --------------------------------------------------------------------------------------

LINKED = replace(
    OPTIONS,
    attributes=read_attributes(
        b"lock\thref=lock.html\ttitle=a lock\nBig\thref=https://example.org/big\n", "x"
    ),
)


@pytest.fixture
def linked(page: Page, tmp_path: Path) -> Page:
    (tmp_path / "lock.html").write_text("<title>of the lock</title>")
    return show(page, tmp_path, picture(LINKED))


def opened(page: Page, action: Callable[[], None]) -> str:
    """Return the title of the page that an action opens."""
    with page.context.expect_page() as other:
        action()
    other.value.wait_for_load_state()
    assert other.value.evaluate("window.opener === null")
    title = other.value.title()
    other.value.close()
    return title


def test_a_link_is_underlined_and_written_out_for_the_frame_that_is_described(
    linked: Page,
) -> None:
    line = "one => getComputedStyle(one.querySelector('text')).textDecorationLine"
    assert frame(linked, "lock").evaluate(line) == "underline"
    assert frame(linked, "b").evaluate(line) == "none"
    frame(linked, "lock").hover()
    link = linked.locator(".status .link")
    assert (link.text_content(), link.get_attribute("href")) == ("lock.html", "lock.html")
    assert text_of(linked, "numbers").startswith("a lock \u00b7 ")
    frame(linked, "b").hover()
    assert (link.text_content(), link.get_attribute("href")) == ("", None)
    frame(linked, "Big").hover()
    assert link.get_attribute("href") == "https://example.org/big"
    assert link.get_attribute("rel") == "noopener noreferrer"


def test_a_link_opens_by_the_middle_button_by_key_and_by_the_written_link(linked: Page) -> None:
    box = frame(linked, "lock")
    assert opened(linked, lambda: box.click(button="middle")) == "of the lock"
    assert "zoom" not in linked.url
    box.focus()
    assert opened(linked, lambda: linked.keyboard.press("o")) == "of the lock"
    box.click()
    linked.mouse.move(600, 5)
    assert opened(linked, linked.locator(".status .link").click) == "of the lock"
    # Without a link nothing opens.
    pages = len(linked.context.pages)
    frame(linked, "a").click(button="middle")
    frame(linked, "a").focus()
    linked.keyboard.press("o")
    assert len(linked.context.pages) == pages


def test_the_keys_of_links_are_listed_only_if_there_are_links(linked: Page, tmp_path: Path) -> None:
    def listed() -> str:
        linked.keyboard.press("?")
        return linked.locator("dialog").text_content() or ""

    assert "open the frame's link" in listed()
    show(linked, tmp_path, picture())
    assert "link" not in listed()


def test_zoom_search_and_reversal_keep_links(linked: Page) -> None:
    assert search_for(linked, "^lock$").startswith("Matched: 50.00%")
    button(linked, "reversed").click()
    frame(linked, "lock").hover()
    assert linked.locator(".status .link").text_content() == "lock.html"
    assert "has a link" in (frame(linked, "lock").get_attribute("aria-label") or "")
