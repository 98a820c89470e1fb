"""The time line of a critical path in a real Chromium: zoomed and moved."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from conftest import RECORDINGS
from helpers.browser import show
from helpers.command_line import RunCommand
from playwright.sync_api import Page


def test_wheel_drag_and_keys_zoom_and_move_the_bars(
    page: Page, tmp_path: Path, run: RunCommand
) -> None:
    svg = run("path", "-q", RECORDINGS / "events-wakeups.out.gz", "--format", "svg").stdout
    drawn = show(page, tmp_path, svg)
    bars, first = drawn.locator(".bars"), drawn.locator(".times .at .axis").first
    whole = bars.bounding_box()
    clip = drawn.locator("clipPath rect").first
    assert whole is not None
    middle = whole["x"] + whole["width"] / 2, whole["y"] + 5
    still = drawn.locator(".times .at .axis").all_text_contents()
    assert still[0].startswith("0")
    drawn.mouse.move(*middle)
    for _ in range(3):
        drawn.mouse.wheel(0, -100)
    drawn.wait_for_function("document.querySelector('.bars').getAttribute('transform')")
    drawn.wait_for_timeout(100)
    wide = bars.bounding_box()
    assert wide is not None
    assert clip.count() == 1
    begin = first.text_content()
    assert begin not in (still[0], None)
    drawn.mouse.down()
    drawn.mouse.move(middle[0] + 100, middle[1])
    drawn.mouse.up()
    moved = first.text_content()
    assert moved != begin
    drawn.keyboard.press("0")
    assert sorted(drawn.locator(".times .at .axis").all_text_contents()) == sorted(still)
    drawn.keyboard.press("+")
    zoomed = drawn.locator(".times .at .axis").all_text_contents()
    assert zoomed[0] != still[0]
    assert 3 < len(zoomed) < 10
    steps = {
        round(float(after.split()[0]) - float(before.split()[0]), 6)
        for before, after in pairwise(zoomed)
    }
    assert len(steps) == 1
    assert str(steps.pop()).strip("0.")[:1] in "125"
