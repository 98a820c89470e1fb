"""The heat map in a real Chromium: pointed at, dragged over, moved by keys, shown as an image."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers.browser import show, watched_page
from helpers.command_line import RunCommand
from playwright.sync_api import Browser, Page, expect

EVENTS = RECORDINGS / "events.out.gz"
LEFT, CELL_HEIGHT = 64, 6


@pytest.fixture
def svg(run: RunCommand) -> str:
    return run("heatmap", EVENTS, "--column", "1s", "--width", 1000).stdout


@pytest.fixture
def drawn(page: Page, tmp_path: Path, svg: str) -> Page:
    return show(page, tmp_path, svg)


def point(page: Page, column: int, row: int) -> tuple[float, float]:
    """Return the position of a cell's middle on the screen."""
    data = json.loads(page.locator("metadata").text_content() or "")["maps"][0]
    x = data["x"] + (column + 0.5) * data["columnWidth"]
    y = data["y"] + (data["rows"] - 1 - row + 0.5) * data["cellHeight"]
    where = page.locator(".map").evaluate(
        "(map, at) => { const p = new DOMPoint(...at).matrixTransform(map.getScreenCTM());"
        " return [p.x, p.y]; }",
        [x, y],
    )
    return where[0], where[1]


def drag(page: Page, begin: tuple[int, int], end: tuple[int, int]) -> None:
    page.mouse.move(*point(page, *begin))
    page.mouse.down()
    page.mouse.move(*point(page, *end))
    page.mouse.up()


def command(page: Page) -> str:
    return page.locator(".command").text_content() or ""


def test_a_part_that_is_dragged_over_is_told_as_options(drawn: Page) -> None:
    drag(drawn, (11, 28), (11, 29))
    assert command(drawn) == "pvprof flamegraph REC --from 11.56 --to 11.6 -o spike.svg"
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
    assert words[:3] == ["pvprof", "flamegraph", "REC"]
    made = run("flamegraph", EVENTS, *words[3 : words.index("-o")])
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
    heat = page.locator(".heat .map")
    heat.focus()
    page.keyboard.press("n")
    text = page.locator(".heat .command").text_content() or ""
    assert text == "pvprof flamegraph REC --from 11.572 --to 11.596 -k kernel -o spike.svg"
    page.locator("#theme").click()
    fill = page.locator(".heat .cells .l8").evaluate("cell => getComputedStyle(cell).fill")
    assert fill == "rgb(255, 243, 214)"


def test_several_maps_have_one_choice(page: Page, tmp_path: Path, run: RunCommand) -> None:
    svg = run("heatmap", EVENTS, RECORDINGS / "events-wakeups.out.gz").stdout
    show(page, tmp_path, svg)
    first, second = page.locator(".map").all()
    first.focus()
    page.keyboard.press("n")
    assert (page.locator(".what").text_content() or "").startswith("events: ")
    second.focus()
    page.keyboard.press("n")
    assert (page.locator(".what").text_content() or "").startswith("events-wakeups: ")
    assert first.locator(".chosen").get_attribute("d") == ""
