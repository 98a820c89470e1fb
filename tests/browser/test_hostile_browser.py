"""Hostile names in every field, in a real Chromium: no script runs, nothing is requested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import show, watched_page
from helpers.command_line import RunCommand
from helpers.hostile import MARKUP, make_waits
from playwright.sync_api import Browser, Page

COUNTED = ("script", "style", "link", "base", "iframe", "object", "embed", "img", "form", "meta")
LOOK = """counted => ({
    counts: Object.fromEntries(counted.map(name => [name, document.querySelectorAll(name).length])
        .filter(entry => entry[1])),
    handlers: [...document.querySelectorAll("*")].flatMap(one =>
        [...one.attributes].map(a => a.name).filter(name => name.startsWith("on"))),
    links: [...document.querySelectorAll("[href], [src], [action]")].flatMap(one =>
        ["href", "xlink:href", "src", "action"].map(name => one.getAttribute(name))
        .filter(text => text && !text.startsWith("#"))),
    strangers: [...document.querySelectorAll("image, use, foreignObject, animate, set, a")]
        .filter(one => one.getAttribute("href") !== null
            && !one.getAttribute("href").startsWith("#")).length,
    hits: window.hits,
})"""


PICTURE = {"script": 1, "style": 1}
OUTPUTS = {
    "page.html": ("report A -k all", {"script": 7, "style": 3, "form": 1, "meta": 5}),
    "both.html": ("compare A --vs B -k all", {"script": 1, "style": 2, "meta": 5}),
    "picture.svg": ("flamegraph A -k all", PICTURE),
    "difference.svg": ("flamegraph --diff A B -k all", PICTURE),
    "heat.svg": ("heatmap A -k all", PICTURE),
    "threads.svg": ("heatmap A -k all --by offset", PICTURE),
    "path.svg": ("path A -k all", PICTURE),
}
"""For each file: the command that writes it, and the elements that are in it whatever the names."""


@pytest.fixture(name="page")
def _page(browser: Browser) -> Iterator[Page]:
    for page in watched_page(browser, reduced_motion="reduce"):
        page.add_init_script("window.hits = 0; window.hit = window.alert = () => { hits += 1; };")
        yield page


def look_at(page: Page, path: Path) -> dict[str, object]:
    """Open a file, use it as a reader does, and return what is in it then."""
    page.goto(path.as_uri())
    for selector in (".boxes g:not([display])", ".locks tbody tr", "summary", "td button"):
        for one in page.locator(selector).all()[:2]:
            if one.is_visible():
                one.hover(force=True)
                one.click(force=True)
    for key in ("?", "Escape", "Control+f", "h", "i", "t", "Escape"):
        page.keyboard.press(key)
    return dict(page.evaluate(LOOK, list(COUNTED)))


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_name_becomes_markup_or_a_request(
    name: str, page: Page, run: RunCommand, tmp_path: Path
) -> None:
    words, elements = OUTPUTS[name]
    places = {side: make_waits(tmp_path / side, MARKUP, MARKUP[1]) for side in "AB"}
    result = run(*[places.get(word, word) for word in words.split()], "-o", tmp_path / name)
    assert result.exit_code == 0, result.stderr
    assert "hit()" in (tmp_path / name).read_text()
    assert look_at(page, tmp_path / name) == {
        "counts": elements,
        "handlers": [],
        "links": [],
        "strangers": 0,
        "hits": 0,
    }


def test_the_look_finds_what_is_no_text(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("window.hits = 0; window.hit = () => { hits += 1; };")
    html = "<!doctype html><a href='javascript:hit()'>x</a><img src=x onerror=hit()>"
    show(page, tmp_path, f"{html}<script>hit()</script>", "x.html")
    page.wait_for_function("hits >= 2")
    found = dict(page.evaluate(LOOK, list(COUNTED)))
    context.close()
    assert found["handlers"] == ["onerror"]
    assert found["links"] == ["javascript:hit()", "x"]
    assert found["strangers"] == 1


@pytest.mark.parametrize("name", ["page.html", "both.html"])
def test_the_policy_of_a_page_stops_markup_that_is_put_into_it(
    name: str, browser: Browser, run: RunCommand, tmp_path: Path
) -> None:
    words, _ = OUTPUTS[name]
    places = {side: make_waits(tmp_path / f"{side}.pvprof", ("x",), side) for side in ("A", "B")}
    run(*[places.get(word, word) for word in words.split()], "-o", tmp_path / name)
    text = (tmp_path / name).read_text()
    put = "<script>hit()</script><img src=http://example.org/x.png onerror=hit()><svg onload=hit()>"
    refused: list[tuple[str, str | None]] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("requestfailed", lambda request: refused.append((request.url, request.failure)))
    page.add_init_script("window.hits = 0; window.hit = () => { hits += 1; };")
    show(page, tmp_path, re.sub("<body[^>]*>", lambda body: body[0] + put, text, count=1), name)
    assert page.evaluate("document.querySelectorAll('img').length") == 1
    assert page.evaluate("hits") == 0
    context.close()
    assert refused == [("http://example.org/x.png", "csp")]
