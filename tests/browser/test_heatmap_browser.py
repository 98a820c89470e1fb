"""The heat map in a real Chromium: pointed at, dragged over, moved by keys, shown as an image."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers.browser import show, watched_page
from helpers.command_line import RunCommand
from playwright.sync_api import Browser, Page, expect

EVENTS = RECORDINGS / "events.out.gz"
FILE = str(EVENTS)


@pytest.fixture
def svg(run: RunCommand) -> str:
    return run("heatmap", EVENTS, "--by", "offset", "--column", "1s", "--width", 1000).stdout


@pytest.fixture
def drawn(page: Page, tmp_path: Path, svg: str) -> Page:
    return show(page, tmp_path, svg)


def point(page: Page, column: int, row: int) -> tuple[float, float]:
    """Return the position of a cell's middle on the screen."""
    data = json.loads(page.locator("metadata").text_content() or "")["maps"][0]
    box = page.locator(".map .columns rect").nth(column).bounding_box()
    assert box
    y = box["y"] + (data["rows"] - 1 - row + 0.5) * data["cellHeight"]
    return box["x"] + box["width"] / 2, y


def drag(page: Page, begin: tuple[int, int], end: tuple[int, int]) -> None:
    page.mouse.move(*point(page, *begin))
    page.mouse.down()
    page.mouse.move(*point(page, *end))
    page.mouse.up()


def command(page: Page) -> str:
    return page.locator(".command").text_content() or ""


def test_a_part_that_is_dragged_over_is_told_as_options(drawn: Page) -> None:
    drag(drawn, (11, 28), (11, 29))
    assert command(drawn) == f"pvprof flamegraph {FILE} --from 11.56 --to 11.6 -o part.svg"
    said = drawn.locator(".what").text_content() or ""
    assert said.startswith("11.56 s to 11.6 s: ")
    assert "most for vmpfw" in said


def test_dragging_backwards_and_out_of_the_map_marks_up_to_its_edge(drawn: Page) -> None:
    drag(drawn, (3, 10), (1, 40))
    assert "--from 1.8 --to 3.22 " in command(drawn)
    drawn.mouse.move(*point(drawn, 11, 0))
    drawn.mouse.down()
    drawn.mouse.move(2000, 5)
    drawn.mouse.up()
    assert "--from 11 --to 12.910824755 " in command(drawn)


def test_the_command_gives_what_the_map_says(drawn: Page, run: RunCommand) -> None:
    drag(drawn, (4, 0), (6, 20))
    words = command(drawn).split()
    assert words[:3] == ["pvprof", "flamegraph", FILE]
    made = run(*words[1 : words.index("-o")])
    assert made.exit_code == 0
    total = re.search(r"Total: (\S+ \w+) ", made.stdout)
    assert total
    assert f": {total[1]} waited" in (drawn.locator(".what").text_content() or "")


def test_pointing_says_the_cell_and_leaving_takes_it_back(drawn: Page) -> None:
    hint = drawn.locator(".what").text_content()
    drawn.mouse.move(*point(drawn, 11, 29))
    expect(drawn.locator(".what")).to_contain_text("11.58 s to 11.6 s: ")
    assert command(drawn) == ""
    drawn.mouse.move(5, 5)
    expect(drawn.locator(".what")).to_have_text(hint or "")


def test_keys_move_mark_jump_to_spikes_and_let_go(drawn: Page) -> None:
    for _ in ("colours", "keys", "map"):
        drawn.keyboard.press("Tab")
    assert "--from 0 --to 0.02 " in command(drawn)
    drawn.keyboard.press("ArrowRight")
    drawn.keyboard.press("ArrowUp")
    assert "--from 1.02 --to 1.04 " in command(drawn)
    drawn.keyboard.press("Shift+ArrowRight")
    assert "--from 1.02 --to 2.04 " in command(drawn)
    drawn.keyboard.press("n")
    assert "--from 11.56 --to 11.6 " in command(drawn)
    drawn.keyboard.press("End")
    assert "--to 12.910824755 " in command(drawn)
    drawn.keyboard.press("Escape")
    assert command(drawn) == ""
    assert drawn.locator(".chosen").get_attribute("d") == ""


def test_the_command_is_copied_by_button_and_by_key(drawn: Page) -> None:
    drag(drawn, (1, 0), (1, 0))
    drawn.locator(".copy").click()
    expect(drawn.locator(".said")).to_have_text(re.compile("Copied|Marked"))
    drawn.locator(".map").focus()
    drawn.keyboard.press("ArrowRight")
    drawn.keyboard.press("c")
    expect(drawn.locator(".said")).to_have_text(re.compile("Copied|Marked"))
    clipboard = drawn.evaluate("navigator.clipboard ? navigator.clipboard.readText() : ''")
    assert clipboard in ("", command(drawn))


def test_the_command_can_be_marked_with_the_mouse(drawn: Page) -> None:
    drag(drawn, (1, 0), (2, 0))
    drawn.locator(".command").click()
    assert drawn.evaluate("String(getSelection())") == command(drawn)


def test_a_screen_reader_finds_a_focusable_map_and_hears_what_changes(drawn: Page) -> None:
    place = drawn.locator(".map")
    assert place.get_attribute("tabindex") == "0"
    assert (place.get_attribute("aria-label") or "").startswith("Heat map of events: arrow keys")
    assert drawn.locator(".what").get_attribute("role") == "status"
    assert "Total: 1.386 s" in (drawn.locator("desc").text_content() or "")


def test_it_is_drawn_as_an_image_without_script(page: Page, tmp_path: Path, svg: str) -> None:
    data = base64.b64encode(svg.encode()).decode()
    html = f'<!doctype html><img id="x" src="data:image/svg+xml;base64,{data}">'
    path = tmp_path / "image.html"
    path.write_text(html)
    page.goto("about:blank")
    page.set_content(html)
    size = page.locator("#x").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size[0] == 1000
    assert size[1] > 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colours_of_the_system(
    browser: Browser, tmp_path: Path, svg: str, scheme: str
) -> None:
    for page in watched_page(browser, color_scheme=scheme):
        show(page, tmp_path, svg)
        fill = page.locator(".cells .l8").evaluate("cell => getComputedStyle(cell).fill")
        assert fill == {"light": "rgb(101, 16, 24)", "dark": "rgb(255, 243, 214)"}[scheme]


def test_the_map_of_a_report_works_there_and_follows_its_theme(
    page: Page, tmp_path: Path, run: RunCommand
) -> None:
    place = tmp_path / "x.html"
    assert run("report", EVENTS, "-q", "-k", "kernel", "-o", place).exit_code == 0
    page.goto(place.as_uri())
    latency, threads = page.locator(".heat .pvprof-heat").all()
    for heat, times in ((latency, "11.6 --to 11.8"), (threads, "11.572 --to 11.596")):
        heat.locator(".map").focus()
        page.keyboard.press("n")
        text = heat.locator(".command").text_content() or ""
        assert text == f"pvprof flamegraph {FILE} --from {times} -k kernel -o part.svg"
    page.locator("#theme").click()
    for heat in (latency, threads):
        fill = heat.locator(".cells .l8").evaluate("cell => getComputedStyle(cell).fill")
        assert fill == "rgb(255, 243, 214)"
        assert not heat.locator(".theme").is_visible(), "the page has one"


def test_several_maps_have_one_choice(page: Page, tmp_path: Path, run: RunCommand) -> None:
    svg = run("heatmap", EVENTS, RECORDINGS / "events-wakeups.out.gz", "--by", "offset").stdout
    show(page, tmp_path, svg)
    first, second = page.locator(".map").all()
    first.focus()
    page.keyboard.press("n")
    assert (page.locator(".what").text_content() or "").startswith("events: ")
    second.focus()
    page.keyboard.press("n")
    assert (page.locator(".what").text_content() or "").startswith("events-wakeups: ")
    assert first.locator(".chosen").get_attribute("d") == ""


@pytest.mark.parametrize("width", [600, 1280, 1920])
@pytest.mark.parametrize("form", ["latency", "offset"])
def test_it_fills_windows_of_any_width_and_its_text_keeps_its_size(
    browser: Browser, tmp_path: Path, run: RunCommand, width: int, form: str
) -> None:
    text = run("heatmap", EVENTS, "--by", form).stdout
    for page in watched_page(browser, viewport={"width": width, "height": 900}):
        show(page, tmp_path, text)
        cells = page.locator(".map .columns").bounding_box()
        assert cells
        assert cells["x"] < 90
        assert cells["x"] + cells["width"] == pytest.approx(width - 10, abs=2)
        shown = [one for one in page.locator(".at text").all() if one.is_visible()]
        boxes = [box for one in shown if (box := one.bounding_box())]
        assert len(boxes) >= 4
        assert all(a["x"] + a["width"] < b["x"] for a, b in pairwise(boxes)), "labels apart"
        assert {round(one["height"]) for one in boxes} <= {12, 13, 14}
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.set_viewport_size({"width": 800, "height": 900})
        page.wait_for_function(
            "() => document.querySelector('.columns').getBoundingClientRect().right < 800"
        )


def test_pointing_at_a_cell_gives_its_latency_and_number_of_waits(
    page: Page, tmp_path: Path, run: RunCommand
) -> None:
    show(page, tmp_path, run("heatmap", EVENTS).stdout)
    (one,) = json.loads(page.locator("metadata").text_content() or "")["maps"]
    cell = one["values"].index(max(one["values"]))
    page.mouse.move(*point(page, cell // one["rows"], cell % one["rows"]))
    words = page.locator(".what").text_content() or ""
    assert f": {max(one['values'])} waits, " in words
    assert re.search(r"s, \S+ ms to \S+ ms: ", words)
    drag(page, (11 * 5, 3), (12 * 5 - 1, 20))
    assert "--from 11 --to 12 " in command(page)
    assert " ended here, " in (page.locator(".what").text_content() or "")


def test_a_question_mark_and_a_button_list_the_keys(drawn: Page) -> None:
    drawn.keyboard.press("?")
    dialog = drawn.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert "Drag" in dialog.inner_text()
    drawn.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    drawn.locator(".keys").click()
    expect(dialog).to_be_visible()


def test_it_is_light_or_dark_on_request(drawn: Page) -> None:
    paper = "one => getComputedStyle(one).fill"
    themes = []
    for _ in range(3):
        drawn.locator(".theme").click()
        themes.append(drawn.locator(".paper").evaluate(paper))
    assert themes == ["rgb(27, 26, 24)", "rgb(255, 255, 255)", "rgb(255, 255, 255)"]


def test_on_paper_it_is_light_whole_and_without_controls(
    browser: Browser, tmp_path: Path, svg: str
) -> None:
    for page in watched_page(browser, color_scheme="dark"):
        show(page, tmp_path, svg)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 900})  # a sheet
        page.wait_for_function("() => document.querySelector('svg').hasAttribute('viewBox')")
        assert not page.locator(".theme").is_visible()
        assert page.locator(".paper").evaluate("one => getComputedStyle(one).fill") == (
            "rgb(255, 255, 255)"
        )
        cells = page.locator(".map .columns").bounding_box()
        assert cells
        assert cells["x"] + cells["width"] <= 700
        swatch = page.locator(".swatch").last
        assert swatch.evaluate("one => getComputedStyle(one).printColorAdjust") == "exact"
        assert swatch.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(101, 16, 24)"
