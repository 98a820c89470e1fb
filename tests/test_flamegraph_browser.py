"""The flame graph's script in a real Chromium: zoom, search, keyboard, two pictures in a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from pvprof.fold import Folded
from pvprof.model import Stack
from pvprof.render.flamegraph import FlamegraphOptions, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOK = """elements => elements.map(g => ({
    left: g.querySelector("rect").getAttribute("x"),
    width: g.querySelector("rect").getAttribute("width"),
    label: g.querySelector("text").textContent,
    shown: getComputedStyle(g).display !== "none",
    dimmed: getComputedStyle(g).opacity !== "1",
}))"""

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


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1250, "height": 700})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith("file:")] == []


def picture(options: FlamegraphOptions | None = None, weights: dict[str, int] | None = None) -> str:
    rows = ((Stack(stack), value * UNIT) for stack, value in (weights or WEIGHTS).items())
    return render(Folded(tuple(sorted(rows)), "ns"), options or FlamegraphOptions())


@pytest.fixture
def graph(page: Page, tmp_path: Path) -> Page:
    return show(page, tmp_path, picture())


def show(page: Page, tmp_path: Path, text: str, name: str = "picture.svg") -> Page:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    page.goto(path.as_uri())
    return page


def frame(where: Page | Locator, *path: str) -> Locator:
    """Return a frame by its names from the root, by the x of its place."""
    chosen = where.locator(".row").nth(len(path)).locator("> g")
    start = _start_of(path)
    return chosen.and_(where.locator(f'[data-x="{start * UNIT}"]'))


def _start_of(path: tuple[str, ...]) -> int:
    start = 0
    for stack in sorted(WEIGHTS, key=lambda text: text.split(";")):
        if tuple(stack.split(";"))[: len(path)] == path:
            return start
        start += WEIGHTS[stack]
    raise KeyError(path)


def look(element: Locator) -> dict[str, Any]:
    (result,) = element.evaluate_all(LOOK)
    return dict(result)


def text_of(where: Page | Locator, kind: str) -> str:
    return where.locator(f".toolbar .{kind}").text_content() or ""


def shape(where: Page | Locator) -> list[dict[str, Any]]:
    return list(where.locator(".row > g").evaluate_all(LOOK))


def search_for(page: Page, pattern: str) -> str:
    page.keyboard.press("Control+f")
    page.keyboard.type(pattern)
    return text_of(page, "matched")


# ---- zoom ----------------------------------------------------------------------------------------


def test_the_static_picture_is_what_the_script_would_draw(graph: Page) -> None:
    before = shape(graph)
    frame(graph, "d").click()
    assert shape(graph) != before
    graph.keyboard.press("Escape")
    assert shape(graph) == before


def test_a_click_gives_a_frame_the_full_width_and_rescales_what_it_calls(graph: Page) -> None:
    frame(graph, "a", "b").click()
    b = look(frame(graph, "a", "b"))
    assert (b["left"], b["width"], b["label"]) == ("0", "1180", "b")
    # b holds 150 for lock, after 50 for c
    c, lock = look(frame(graph, "a", "b", "c")), look(frame(graph, "a", "b", "lock"))
    assert (c["left"], c["width"]) == ("0", "295")
    assert (lock["left"], lock["width"], lock["label"]) == ("295", "885", "lock")


def test_callers_of_the_zoomed_frame_are_stretched_and_dimmed_and_all_else_hidden(
    graph: Page,
) -> None:
    frame(graph, "a", "b").click()
    for above in (look(frame(graph)), look(frame(graph, "a"))):
        assert (above["left"], above["width"]) == ("0", "1180")
        assert above["shown"]
        assert above["dimmed"]
    for path in (("a", "Big"), ("a", "lock"), ("d",), ("d", "lock"), ("g",)):
        assert not look(frame(graph, *path))["shown"]
    assert not look(frame(graph, "a", "b"))["dimmed"]


def test_zooming_further_in_and_out_to_a_caller_works(graph: Page) -> None:
    frame(graph, "a", "b").click()
    once = shape(graph)
    frame(graph, "a", "b", "lock").click()
    assert look(frame(graph, "a", "b", "lock"))["width"] == "1180"
    assert not look(frame(graph, "a", "b", "c"))["shown"]
    frame(graph, "a", "b").click()
    assert shape(graph) == once


@pytest.mark.parametrize("way", ["root", "button", "Escape"])
def test_the_zoom_is_undone(graph: Page, way: str) -> None:
    before = shape(graph)
    reset = graph.locator(".toolbar .reset")
    assert not reset.is_visible()
    frame(graph, "d").click()
    assert reset.is_visible()
    if way == "root":
        frame(graph).click()
    elif way == "button":
        reset.click()
    else:
        graph.keyboard.press("Escape")
    assert shape(graph) == before
    assert not reset.is_visible()


def test_labels_follow_the_width(page: Page, tmp_path: Path) -> None:
    name = "a_function_with_quite_a_long_name"
    weights = {f"tiny;{name}": 20, "large": 980}
    show(page, tmp_path, picture(weights=weights))
    label = page.locator(".row").nth(2).locator("> g")
    assert look(label)["label"] == ""
    label.click()
    assert look(label)["label"] == name


# ---- details -------------------------------------------------------------------------------------


def test_the_details_line_names_the_hovered_frame(graph: Page) -> None:
    frame(graph, "d", "e (x)").hover()
    assert text_of(graph, "details") == ("e (x)  50,000,000 s (50,000,000,000,000,050 ns), 5.00%")
    graph.mouse.move(600, 690)
    assert text_of(graph, "details") == ""


def test_when_zoomed_it_gives_the_share_of_the_zoomed_frame_too(graph: Page) -> None:
    frame(graph, "d").click()
    frame(graph, "d", "lock").hover()
    assert text_of(graph, "details").endswith(" 25.00% of all, 83.33% of the zoomed frame")


def test_the_toolbar_stays_in_the_window(page: Page, tmp_path: Path) -> None:
    deep = ";".join(f"f{level}" for level in range(100))
    show(page, tmp_path, picture(weights={deep: 1}))
    page.mouse.move(600, 600)
    page.mouse.wheel(0, 5000)
    page.wait_for_function("window.scrollY > 500")
    page.locator(".row").first.locator("> g").hover()
    box = page.locator(".toolbar").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 50


# ---- search --------------------------------------------------------------------------------------


def test_matched_time_is_a_union_without_double_counting(graph: Page) -> None:
    # lock in a: 100, lock in b and the lock in that lock: 150 once, lock in d: 250
    assert search_for(graph, "lock") == "Matched: 50.00% (4 frames)"
    assert graph.locator(".match").count() == 4


def test_a_match_inside_a_match_is_not_counted_again(graph: Page) -> None:
    assert search_for(graph, "^(a|lock|b)$") == "Matched: 75.00% (6 frames)"


def test_hidden_frames_and_callers_are_not_counted_while_zoomed(graph: Page) -> None:
    frame(graph, "a", "b").click()
    assert search_for(graph, "lock|^a$") == ("Matched: 75.00% of the zoomed frame (2 frames)")
    graph.locator(".toolbar .reset").click()
    assert text_of(graph, "matched") == "Matched: 75.00% (5 frames)"


def test_a_zoom_recomputes_the_match(graph: Page) -> None:
    search_for(graph, "lock")
    frame(graph, "d").click()
    assert text_of(graph, "matched") == "Matched: 83.33% of the zoomed frame (1 frame)"


def test_matches_stand_out(graph: Page) -> None:
    fill = "g => getComputedStyle(g.querySelector('rect')).fill"
    before = frame(graph, "d", "lock").evaluate(fill)
    search_for(graph, "lock")
    assert frame(graph, "d", "lock").evaluate(fill) != before
    assert frame(graph, "a", "lock").evaluate(fill) == frame(graph, "d", "lock").evaluate(fill)


def test_small_letters_find_both_cases_and_capitals_only_capitals(graph: Page) -> None:
    assert search_for(graph, "big") == "Matched: 20.00% (1 frame)"
    graph.keyboard.press("Escape")
    assert search_for(graph, "B") == "Matched: 20.00% (1 frame)"
    graph.keyboard.press("Escape")
    assert search_for(graph, r"^\Sig") == "Matched: 20.00% (1 frame)"


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "*", "\\"])
def test_an_invalid_pattern_is_shown_as_text(graph: Page, pattern: str) -> None:
    assert search_for(graph, pattern) == "not a regular expression"
    assert graph.locator(".match").count() == 0
    graph.keyboard.press("Control+a")
    graph.keyboard.type("g")
    assert text_of(graph, "matched") == "Matched: 40.00% (2 frames)"


def test_nothing_found_is_zero(graph: Page) -> None:
    assert search_for(graph, "nowhere") == "Matched: 0.00% (0 frames)"


@pytest.mark.parametrize("way", ["key", "link", "Escape"])
def test_a_second_activation_clears_the_search(graph: Page, way: str) -> None:
    before = shape(graph)
    search_for(graph, "lock")
    if way == "key":
        graph.keyboard.press("Control+f")
    elif way == "link":
        graph.locator(".toolbar .search").click()
    else:
        graph.keyboard.press("Escape")
    assert graph.locator(".match").count() == 0
    assert text_of(graph, "matched") == ""
    assert not graph.locator(".toolbar input").is_visible()
    assert shape(graph) == before


def test_the_link_opens_the_search(graph: Page) -> None:
    graph.locator(".toolbar .search").click()
    graph.keyboard.type("g$")
    assert text_of(graph, "matched") == "Matched: 40.00% (2 frames)"


# ---- keyboard ------------------------------------------------------------------------------------


def test_frames_are_reached_with_tab_and_zoomed_with_enter(graph: Page) -> None:
    graph.keyboard.press("Tab")
    graph.keyboard.press("Tab")
    assert text_of(graph, "details").startswith("a  ")
    graph.keyboard.press("Enter")
    assert look(frame(graph, "a"))["width"] == "1180"
    graph.keyboard.press("Tab")
    assert text_of(graph, "details").startswith("Big  ")
    graph.keyboard.press("Escape")
    assert look(frame(graph, "a"))["width"] == "590"


def test_links_of_the_toolbar_work_with_enter(graph: Page) -> None:
    frame(graph, "d").click()
    graph.locator(".toolbar .reset").focus()
    graph.keyboard.press("Enter")
    assert look(frame(graph, "d"))["width"] == "354"


# ---- where it stands -----------------------------------------------------------------------------


def inlined(*pictures: str) -> str:
    body = "\n".join(pictures)
    return f'<!doctype html><meta charset="utf-8"><title>two</title><body>\n{body}\n</body>'


def test_two_pictures_in_one_page_do_not_disturb_each_other(page: Page, tmp_path: Path) -> None:
    icicle = picture(FlamegraphOptions(icicle=True, title="second", width=800))
    show(page, tmp_path, inlined(picture(), icicle), "page.html")
    first, second = page.locator("svg.pvprof-flame").nth(0), page.locator("svg.pvprof-flame").nth(1)
    before_first, before_second = shape(first), shape(second)

    frame(second, "a", "b").click()
    assert look(frame(second, "a", "b"))["width"] == "780"
    assert shape(first) == before_first

    frame(first, "d").click()
    page.keyboard.press("Control+f")
    page.keyboard.type("lock")
    assert text_of(first, "matched") == "Matched: 83.33% of the zoomed frame (1 frame)"
    assert text_of(second, "matched") == ""
    page.keyboard.press("Escape")

    page.keyboard.press("Escape")  # the pointer is over the first one
    assert shape(first) == before_first
    assert look(frame(second, "a", "b"))["width"] == "780"
    second.locator(".reset").click()
    assert shape(second) == before_second


def test_keys_elsewhere_in_a_page_are_left_to_the_page(page: Page, tmp_path: Path) -> None:
    text = inlined("<p style='height:300px'><input id='mine'></p>", picture())
    show(page, tmp_path, text, "page.html")
    page.locator("#mine").click()
    page.keyboard.press("Control+f")
    assert not page.locator(".toolbar input").is_visible()


def test_an_inlined_picture_looks_like_the_file(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, picture())
    alone = shape(page)
    show(page, tmp_path, inlined(picture()), "page.html")
    assert shape(page) == alone


def test_without_script_there_are_boxes_and_labels_but_no_links(
    browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = show(context.new_page(), tmp_path, picture())
    assert frame(page, "a", "b").is_visible()
    assert not page.locator(".toolbar").is_visible()
    context.close()


def test_labels_stay_inside_their_boxes(page: Page, tmp_path: Path) -> None:
    names = ["W" * 40, "i" * 40, "m_" * 20, "漢字" * 20, "é" * 40]
    show(page, tmp_path, picture(weights={f"{name}{n}": 3 + n for n, name in enumerate(names)}))
    spare = page.evaluate(
        """() => Array.from(document.querySelectorAll(".row > g"), g =>
            g.querySelector("rect").getBBox().width + g.querySelector("rect").getBBox().x
            - g.querySelector("text").getBBox().width - g.querySelector("text").getBBox().x)"""
    )
    assert min(spare) >= 0
