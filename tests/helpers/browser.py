"""Pages in a real Chromium, and what a flame graph shows there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

_LOOK = """elements => elements.map(g => {
    const spoken = g.getAttribute("aria-label").split(", ");
    const box = g.getBoundingClientRect();
    const frames = g.closest(".frames").getBoundingClientRect();
    return {
        name: spoken[0], level: Number(g.getAttribute("aria-level")) - 1,
        left: Math.round(box.left - frames.left), width: Math.round(box.width),
        top: Math.round(box.top), label: g.querySelector("text").textContent,
        fill: g.querySelector("rect").getAttribute("fill"),
        dimmed: getComputedStyle(g).opacity !== "1",
    };
})"""


def watched_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """Yield a page; at the end, its console must be empty and it must have loaded only files."""
    context = browser.new_context(
        **{"viewport": {"width": 1220, "height": 700}, **options},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith("file:")] == []


def show(page: Page, folder: Path, text: str, name: str = "picture.svg") -> Page:
    """Write a text to a file and open it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    page.goto(path.as_uri())
    return page


def inlined(*pictures: str) -> str:
    """Return an HTML page with several pictures between paragraphs."""
    body = "\n<p>and</p>\n".join(pictures)
    return f'<!doctype html><meta charset="utf-8"><title>two</title><body>\n{body}\n</body>'


def frames(where: Page | Locator) -> list[dict[str, Any]]:
    """Return position and look of every visible frame, in the order of the tree."""
    return list(where.locator(".boxes g:not([display])").evaluate_all(_LOOK))


def look(where: Page | Locator, name: str, nth: int = 0) -> dict[str, Any]:
    """Return position and look of a visible frame: the nth with this name."""
    return [one for one in frames(where) if one["name"] == name][nth]


def names(where: Page | Locator) -> list[str]:
    """Return the names of the visible frames."""
    return [one["name"] for one in frames(where)]


def frame(where: Page | Locator, name: str, nth: int = 0) -> Locator:
    """Return the locator of a visible frame: the nth with this name."""
    wanted = [index for index, one in enumerate(frames(where)) if one["name"] == name][nth]
    return where.locator(".boxes g:not([display])").nth(wanted)


def text_of(where: Page | Locator, kind: str) -> str:
    """Return the text of one part of the controls."""
    return where.locator(f".bar .{kind}, .foot .{kind}, .head .{kind}").first.text_content() or ""


def button(where: Page | Locator, kind: str) -> Locator:
    """Return a button of the controls."""
    return where.locator(f".bar button.{kind}")


def search_for(page: Page, pattern: str) -> str:
    """Search for a pattern; return the text about its matches."""
    page.keyboard.press("Control+f")
    page.keyboard.type(pattern)
    return text_of(page, "matched")
