"""The HTML report in a real Chromium, of real recordings: what a reader sees, clicks and types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from conftest import FIXTURES, RECORDINGS, SYMBOLS
from helpers.browser import names, search_for, show, text_of, watched_page
from helpers.command_line import RunCommand
from helpers.pages import page_from, recording
from playwright.sync_api import Browser, Locator, Page, expect

from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import stack_of

ROWS = [
    "vmpfw",
    "vm object",
    "tmpfs",
    "pmap pv list",
    "vm page free queue",
    "vm inactive pagequeue",
    "proctree",
]
HEADS = [
    *(
        "Lock or wait",
        "Class",
        "Wait",
        "Share",
        "Count",
        "Mean",
        "Top caller",
        "p50",
        "p90",
        "p99",
        "max",
    ),
    *("Union", "Peak", "Objects", "Top owner", "Stacks"),
]
PAPER = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    yield from watched_page(browser, reduced_motion="reduce")


@pytest.fixture
def open_page(run: RunCommand, page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Make the page of some recordings and open it."""

    def make_and_open(*args: object) -> Page:
        path = tmp_path / "page.html"
        result = run("report", *args, "-q", "-f", "-o", path)
        assert result.exit_code == 0, result.stderr
        page.goto(path.as_uri())
        return page

    return make_and_open


@pytest.fixture
def events(open_page: Callable[..., Page]) -> Page:
    return open_page(RECORDINGS / "events.out.gz", "--symbols", SYMBOLS)


@pytest.fixture
def spin(open_page: Callable[..., Page]) -> Page:
    return open_page(RECORDINGS / "lockstat-provider.out")


def graph(page: Page, name: str) -> Locator:
    """Return the flame graph of that name."""
    return page.locator(f"#graph-{name} .pvprof-flame")


def rows(page: Page) -> list[str]:
    """Return the names of the rows that are seen of the first table."""
    return [
        text.strip()
        for text in page.locator(".locks").first.locator("tbody tr:visible .lock").all_inner_texts()
    ]


def column(page: Page, number: int) -> list[str]:
    cells = page.locator(f".locks >> nth=0 >> tbody tr:visible > :nth-child({number})")
    return cells.all_inner_texts()


def head(page: Page, name: str) -> Locator:
    return page.locator(".locks").first.locator("thead th", has_text=re.compile(f"^{name}$"))


def lock(page: Page, name: str) -> Locator:
    return page.locator(".locks").first.get_by_role("button", name=name, exact=True)


def sorted_heads(page: Page) -> dict[str, str]:
    heads = page.locator(".locks").first.locator("th[aria-sort]")
    return {one.inner_text(): one.get_attribute("aria-sort") or "" for one in heads.all()}


# ---- sort ----------------------------------------------------------------------------------------


def test_rows_begin_with_the_largest_and_the_head_says_so(events: Page) -> None:
    assert rows(events) == ROWS
    assert sorted_heads(events) == {"Wait": "descending"}


def test_a_click_on_a_head_sorts_by_it_and_a_second_one_the_other_way(events: Page) -> None:
    head(events, "Count").get_by_role("button").click()
    assert sorted_heads(events) == {"Count": "descending"}
    assert column(events, 5) == ["65", "31", "21", "5", "5", "4", "1"]
    head(events, "Count").get_by_role("button").click()
    assert sorted_heads(events) == {"Count": "ascending"}
    assert column(events, 5) == ["1", "4", "5", "5", "21", "31", "65"]


def test_texts_are_sorted_from_a_on_and_numbers_by_value_not_by_how_they_read(
    events: Page,
) -> None:
    head(events, "Lock or wait").get_by_role("button").click()
    assert rows(events) == sorted(ROWS)
    head(events, "Mean").get_by_role("button").click()
    assert column(events, 6)[:3] == ["17.97 ms", "17.15 ms", "14.44 ms"]


def test_every_column_can_be_sorted_by_keyboard(events: Page) -> None:
    buttons = events.locator(".locks").first.locator("thead button")
    assert buttons.all_inner_texts() == HEADS
    for place in range(buttons.count()):
        buttons.nth(place).focus()
        events.keyboard.press("Enter")
        assert list(sorted_heads(events)) == [buttons.nth(place).inner_text()]
        assert sorted(rows(events)) == sorted(ROWS)


def test_values_beyond_the_precision_of_doubles_are_sorted_right(
    page: Page, tmp_path: Path
) -> None:
    profile = Profile("ns", True)
    for number in (2, 0, 3, 1):
        weight = Weight((1 << 60) + number, 1, 1)
        profile.add(Key("turnstile", f"lock {number}"), stack_of(["kernel`a"]), weight)
    show(page, tmp_path, page_from(profile), "page.html")
    head(page, "Wait").get_by_role("button").click()
    assert rows(page) == [f"lock {number}" for number in range(4)]


def test_objects_are_sorted_by_how_many_they_are(events: Page) -> None:
    place = HEADS.index("Objects") + 1
    for expected in (-1, 1):
        head(events, "Objects").get_by_role("button").click()
        told = [text for text in column(events, place) if text[:1].isdigit()]
        numbers = [int(text.split()[0].replace(",", "")) for text in told]
        assert len(set(numbers)) > 1
        assert numbers == sorted(numbers, reverse=expected < 0)
        assert all(not text[:1].isdigit() for text in column(events, place)[len(told) :])


def test_the_caller_is_seen_at_1280_pixels_without_scrolling(events: Page) -> None:
    events.set_viewport_size({"width": 1280, "height": 800})
    for cell in (head(events, "Top caller"), events.locator(".locks").first.locator(".code").first):
        box = cell.bounding_box()
        assert box is not None
        assert 0 < box["x"] < box["x"] + box["width"] <= 1280
    around = events.locator(".table").first
    assert around.evaluate("box => box.scrollLeft") == 0


def test_tables_with_quantiles_fit_into_1400_pixels(
    run: RunCommand, tmp_path: Path, browser: Browser
) -> None:
    place = tmp_path / "page.html"
    wakers = FIXTURES / "linux/bpftrace/events.pvprof.tar.gz"
    assert run("report", "-k", "all", wakers, "-o", place, "-q").exit_code == 0
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(place.as_uri())
    table = page.locator(".table:has(.locks)").first
    assert {"Runnable", "p99", "Stacks"} <= set(table.locator("th").all_inner_texts())
    assert table.evaluate("box => box.scrollWidth - box.clientWidth") == 0
    page.close()


# ---- filter --------------------------------------------------------------------------------------


def test_the_filter_keeps_rows_whose_name_class_or_caller_matches(events: Page) -> None:
    box = events.get_by_label("Filter").first
    box.fill("^vm .*que")
    assert rows(events) == ["vm page free queue", "vm inactive pagequeue"]
    assert "2 matching rows (7 in all)" in events.locator("form .count").first.inner_text()
    box.fill("PV LIST")
    assert rows(events) == ["pmap pv list"]
    box.fill("exit1")
    assert rows(events) == ["proctree"]
    box.press("Escape")
    assert box.input_value() == ""
    assert rows(events) == ROWS


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "*"])
def test_a_bad_filter_is_told_and_hides_nothing(events: Page, pattern: str) -> None:
    box = events.get_by_label("Filter").first
    box.fill(pattern)
    assert "not a regular expression" in events.locator("form .problem").first.inner_text()
    assert box.get_attribute("aria-invalid") == "true"
    assert rows(events) == ROWS
    box.fill("tmpfs")
    assert events.locator("form .problem").first.inner_text() == ""


def test_numbers_are_not_searched(events: Page) -> None:
    events.get_by_label("Filter").first.fill("619")
    assert rows(events) == []


def test_a_filter_stays_while_rows_are_sorted(events: Page) -> None:
    events.get_by_label("Filter").first.fill("vm")
    head(events, "Wait").get_by_role("button").click()
    assert rows(events) == [
        "vm inactive pagequeue",
        "vm page free queue",
        "vm object",
        "vmpfw",
    ]


def test_of_many_rows_some_are_shown_until_all_are_asked_for(
    open_page: Callable[..., Page],
) -> None:
    page = open_page(RECORDINGS / "oncpu.out.gz", "--top", 5)
    assert len(rows(page)) == 5
    first = rows(page)
    page.get_by_label("Filter").first.fill("erms$")
    assert all(name.endswith("erms") for name in rows(page)), "also rows that were not shown"
    page.get_by_label("Filter").first.fill("")
    page.get_by_role("button", name="Show all rows").click()
    assert len(rows(page)) > 100
    assert rows(page)[:5] == first


# ---- from a lock to the graph --------------------------------------------------------------------


def test_a_click_on_a_lock_shows_only_its_stacks(events: Page) -> None:
    before = names(graph(events, "ns-kernel"))
    lock(events, "pmap pv list").click()
    shown = names(graph(events, "ns-kernel"))
    assert "pmap pv list" in shown
    assert not {"vmpfw", "tmpfs", "vm object"} & set(shown)
    assert events.locator("tr.chosen .lock").inner_text() == "pmap pv list"
    assert lock(events, "pmap pv list").get_attribute("aria-pressed") == "true"
    assert "Only stacks of “pmap pv list” are shown." in events.locator("p.chosen").inner_text()
    assert "6.48% of all" in text_of(graph(events, "ns-kernel"), "filtered")
    lock(events, "pmap pv list").click()
    assert names(graph(events, "ns-kernel")) == before
    assert not events.locator("p.chosen").is_visible()


@pytest.mark.parametrize("way", ["Escape", "button", "graph"])
def test_all_stacks_come_back(events: Page, way: str) -> None:
    before = names(graph(events, "ns-kernel"))
    lock(events, "tmpfs").click()
    events.mouse.move(5, 5)
    if way == "Escape":
        lock(events, "tmpfs").focus()
        events.keyboard.press("Escape")
    elif way == "button":
        events.locator("p.chosen button").click()
    else:
        graph(events, "ns-kernel").get_by_role("button", name="Undo filter").click()
    assert names(graph(events, "ns-kernel")) == before
    assert events.locator("tr.chosen").count() == 0
    assert lock(events, "tmpfs").get_attribute("aria-pressed") == "false"


def test_locks_are_chosen_by_keyboard(events: Page) -> None:
    lock(events, "vmpfw").focus()
    events.keyboard.press("Enter")
    assert "tmpfs" not in names(graph(events, "ns-kernel"))
    lock(events, "tmpfs").focus()
    events.keyboard.press("Space")
    shown = names(graph(events, "ns-kernel"))
    assert "tmpfs" in shown
    assert "vmpfw" not in shown


def test_the_graph_comes_into_view_where_it_was_not(events: Page) -> None:
    events.set_viewport_size({"width": 1220, "height": 420})
    lock(events, "vmpfw").click()
    expect(events.locator("p.chosen")).to_be_in_viewport()


def test_every_graph_with_the_kind_follows_and_those_without_do_not(spin: Page) -> None:
    lock(spin, "vm object").click()
    for name, share in (
        ("kernel", "20.62%"),
        ("kernel-spin", "15.10%"),
        ("kernel-block", "87.11%"),
    ):
        assert share in text_of(graph(spin, f"ns-{name}"), "filtered")


def test_the_narrowest_lock_has_its_stacks_too(spin: Page) -> None:
    lock(spin, "cred").click()
    assert "cred" in names(graph(spin, "ns-kernel"))


def test_a_lock_that_another_graph_has_not_is_told_there(spin: Page) -> None:
    lock(spin, "cred").click()
    spin.get_by_role("tab", name="Blocking").click()
    assert "none that is wide enough" in spin.locator("p.chosen").inner_text()


def test_a_row_of_what_was_set_aside_opens_the_graph_of_everything(events: Page) -> None:
    events.locator("details.aside summary").first.click()
    events.locator("details.aside").get_by_role("button", name="uwait", exact=True).click()
    assert events.get_by_role("tab", name="All waits").get_attribute("aria-selected") == "true"
    shown = names(graph(events, "ns-all"))
    assert "uwait" in shown
    assert "vmpfw" not in shown


def test_a_wake_up_is_known_by_both_its_sides(open_page: Callable[..., Page]) -> None:
    page = open_page(RECORDINGS / "wakeup.out")
    lock(page, "pvload -> dtrace").click()
    shown = names(graph(page, "ns-wakeup"))
    assert "pvload" in shown
    assert "-> dtrace" in shown
    assert not {"-> sh", "-> time", "idle", "sh"} & set(shown)
    assert "4.90% of all" in text_of(graph(page, "ns-wakeup"), "filtered")


def test_the_choice_is_kept_in_the_address(events: Page) -> None:
    lock(events, "vm object").click()
    address = events.url
    assert "^vm object$" in unquote(address)
    events.goto("about:blank")
    events.goto(address)
    assert events.locator("tr.chosen .lock").inner_text() == "vm object"
    assert "tmpfs" not in names(graph(events, "ns-kernel"))


# ---- tabs, two graphs in one page ----------------------------------------------------------------


def selected(page: Page) -> list[str]:
    return page.locator("[role=tab][aria-selected=true]").all_inner_texts()


def test_tabs_show_one_graph_at_a_time(events: Page) -> None:
    assert selected(events) == ["Kernel waiting on itself"]
    assert graph(events, "ns-kernel").is_visible()
    assert not graph(events, "ns-all").is_visible()
    events.get_by_role("tab", name="All waits").click()
    assert selected(events) == ["All waits"]
    assert not graph(events, "ns-kernel").is_visible()
    assert "uwait" in names(graph(events, "ns-all"))
    box = graph(events, "ns-all").bounding_box()
    assert box is not None
    assert box["width"] > 1100


def test_tabs_work_by_keyboard(spin: Page) -> None:
    spin.get_by_role("tab", name="Kernel waiting on itself").focus()
    for key, name in (
        ("ArrowRight", "Spinning"),
        ("ArrowRight", "Blocking"),
        ("ArrowRight", "Kernel waiting on itself"),
        ("ArrowLeft", "Blocking"),
        ("Home", "Kernel waiting on itself"),
        ("End", "Blocking"),
    ):
        spin.keyboard.press(key)
        assert selected(spin) == [name]
        assert spin.evaluate("document.activeElement.textContent") == name


def test_the_open_tab_is_kept_in_the_address_beside_what_the_graphs_keep(events: Page) -> None:
    events.get_by_role("tab", name="All waits").click()
    graph(events, "ns-all").get_by_role("button", name="Icicle").click()
    address = events.url
    events.goto("about:blank")
    events.goto(address)
    assert selected(events) == ["All waits"]
    icicle = graph(events, "ns-all").get_by_role("button", name="Icicle")
    assert icicle.get_attribute("aria-pressed") == "true"
    events.get_by_role("tab", name="Kernel waiting on itself").click()
    icicle = graph(events, "ns-kernel").get_by_role("button", name="Icicle")
    assert icicle.get_attribute("aria-pressed") == "false"


def test_graphs_of_a_page_do_not_disturb_each_other(events: Page) -> None:
    other = names(graph(events, "ns-all"))
    graph(events, "ns-kernel").hover()
    assert search_for(events, "vm_fault$") == "Matched: 50.20% (1 frame)"
    assert text_of(graph(events, "ns-all"), "matched") == ""
    assert names(graph(events, "ns-all")) == other
    events.keyboard.press("Escape")
    lock(events, "tmpfs").click()
    assert text_of(graph(events, "ns-kernel"), "filtered") != ""
    graph(events, "ns-kernel").get_by_role("button", name="Undo filter").click()
    assert names(graph(events, "ns-all")) == other


def test_several_measurements_have_their_own_tables_and_tabs(
    run: RunCommand, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    run("report", RECORDINGS / "drops.out", "-q", "-o", path)
    page.goto(path.as_uri())
    second = page.locator(".locks:visible").nth(1)
    second.get_by_role("button", name="pagedaemon", exact=True).click()
    assert selected(page) == ["Not classified (events)"]
    assert "pagedaemon" in names(graph(page, "events-unclassified"))
    assert text_of(graph(page, "ns-kernel"), "filtered") == ""


# ---- light, dark, narrow, printed, without script ------------------------------------------------


def test_the_page_follows_the_system_until_the_button_says_otherwise(
    browser: Browser, run: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    run("report", RECORDINGS / "stock-offcpu.out", "-q", "-o", path)
    for page in watched_page(browser, color_scheme="dark"):
        page.goto(path.as_uri())
        assert page.evaluate(PAPER) == "rgb(27, 26, 24)"
        button = page.locator("#theme")
        button.click()
        assert "Dark" in button.inner_text()
        button.click()
        assert "Light" in button.inner_text()
        assert page.evaluate(PAPER) == "rgb(255, 255, 255)"
        for one in page.locator(".pvprof-flame").all():
            assert "light" in (one.get_attribute("class") or "").split()
        button.click()
        assert page.evaluate(PAPER) == "rgb(27, 26, 24)"


def contrasts(page: Page) -> list[Any]:
    """Return every text with too little contrast to its background."""
    return list(
        page.evaluate(
            """() => {
                const luminance = (rgb) => {
                    const [r, g, b] = rgb.map((v) => v / 255)
                        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const parse = (text) => text.match(/[\\d.]+/g).map(Number);
                const ground = (element) => {
                    for (let at = element; at; at = at.parentElement) {
                        const colour = parse(getComputedStyle(at).backgroundColor);
                        if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
                    }
                    return [255, 255, 255];
                };
                const bad = [];
                for (const element of document.querySelectorAll("body *")) {
                    if (element.closest("svg, script") || !element.checkVisibility()) continue;
                    const texts = [...element.childNodes].filter((one) => one.nodeType === 3);
                    if (!texts.some((one) => one.data.trim())) continue;
                    const ink = parse(getComputedStyle(element).color).slice(0, 3);
                    const [a, b] = [ink, ground(element)].map(luminance).sort((x, y) => y - x);
                    const ratio = (a + 0.05) / (b + 0.05);
                    if (ratio < 4.5) bad.push([element.textContent.slice(0, 40), ratio]);
                }
                return bad;
            }"""
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    browser: Browser, run: RunCommand, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "page.html"
    run("report", RECORDINGS / "drops.out", recording(tmp_path, "one"), "-q", "-o", path)
    for page in watched_page(browser, color_scheme=scheme):
        page.goto(path.as_uri())
        lock(page, "vm object").click()
        page.mouse.move(0, 0)
        assert contrasts(page) == []


@pytest.mark.parametrize("width", [360, 500, 800, 1200, 2400])
def test_no_width_makes_the_page_scroll_sideways(events: Page, width: int) -> None:
    events.set_viewport_size({"width": width, "height": 900})
    assert events.evaluate("document.documentElement.scrollWidth") <= width
    assert text_of(graph(events, "ns-kernel"), "account").startswith("Total: 1.386 s")


def test_no_class_of_the_table_is_broken_within_a_word(events: Page) -> None:
    cells = events.locator(".locks").first.locator("td .plain")
    broken = cells.evaluate_all(
        """spans => spans.flatMap(span => span.textContent.split(" ").filter((word, i, all) => {
            const start = all.slice(0, i).join(" ").length + (i ? 1 : 0);
            const range = document.createRange();
            range.setStart(span.firstChild, start);
            range.setEnd(span.firstChild, start + word.length);
            return range.getClientRects().length > 1;
        }))"""
    )
    assert broken == []
    assert "vnode/namecache" in cells.all_inner_texts()


def test_names_of_any_length_keep_the_page_in_shape(page: Page, tmp_path: Path) -> None:
    profile = Profile("ns", True)
    for name in ("W" * 10_000, "</script><script>alert(1)</script>", "a\nb\x1b", "\u202eright"):
        key = Key("turnstile", name, name)
        profile.add(key, stack_of(["kernel`a"]), Weight(len(name), 1, 1))
    show(page, tmp_path, page_from(profile, names=("x" * 3000,)), "page.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1220
    heights = [
        box["height"]
        for one in page.locator(".locks tbody tr").all()
        if (box := one.bounding_box())
    ]
    assert max(heights) < 90
    assert rows(page)[1:] == ["</script><script>alert(1)</script>", "\\u202eright", "a\\x0ab\\x1b"]
    page.locator(".locks tbody button").first.click()
    assert ": 99.56%" in text_of(page.locator(".pvprof-flame").first, "filtered")


def test_on_paper_there_is_every_graph_and_no_control(
    browser: Browser, run: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    run("report", RECORDINGS / "lockstat-provider.out", "-q", "-o", path)
    for page in watched_page(browser, color_scheme="dark"):
        page.goto(path.as_uri())
        page.emulate_media(media="print")
        assert page.evaluate(PAPER) == "rgb(255, 255, 255)"
        for name in ("ns-kernel", "ns-kernel-spin", "ns-kernel-block"):
            box = graph(page, name).bounding_box()
            assert box is not None
            assert box["width"] <= 1220
            assert box["height"] > 150
            assert graph(page, name).get_attribute("viewBox")
        for control in page.locator(".control:not(.chosen), .pvprof-flame .controls").all():
            assert not control.is_visible()
        page.emulate_media(media="screen")
        assert page.evaluate(PAPER) == "rgb(27, 26, 24)"
        assert graph(page, "ns-kernel").get_attribute("viewBox") is None
        assert len(page.pdf(format="A4")) > 10_000


def test_on_paper_the_fields_of_the_legends_keep_their_colours(events: Page) -> None:
    events.emulate_media(media="print")
    for swatch in events.locator(".pvprof-flame .swatch").all():
        assert swatch.evaluate("one => getComputedStyle(one).printColorAdjust") == "exact"


def test_on_paper_every_column_of_the_table_is_on_the_sheet(
    browser: Browser, run: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    run("report", RECORDINGS / "events.out.gz", "--symbols", SYMBOLS, "-q", "-o", path)
    # A4 without margins of 10 mm
    for page in watched_page(browser, viewport={"width": 718, "height": 1000}):
        page.goto(path.as_uri())
        page.emulate_media(media="print")
        for head in page.locator(".locks").first.locator("thead th").all():
            box = head.bounding_box()
            assert box
            assert box["x"] + box["width"] <= 718


def test_a_question_mark_lists_the_keys_of_page_and_pictures(events: Page) -> None:
    events.keyboard.press("?")
    dialog = events.get_by_role("dialog")
    expect(dialog).to_be_visible()
    heads = dialog.locator("h3").all_inner_texts()
    assert heads[:2] == ["Tables", "Flame graphs"]
    assert events.locator("dialog[open]").count() == 1
    events.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    events.locator("#keys").click()
    expect(dialog).to_be_visible()
    events.keyboard.press("?")
    expect(dialog).to_be_hidden()


def test_a_question_mark_in_a_field_is_text(events: Page) -> None:
    events.locator("form.filter input").first.click()
    events.keyboard.press("?")
    assert events.locator("dialog[open]").count() == 0
    assert events.locator("form.filter input").first.input_value() == "?"


def printed(page: Page, name: str) -> str:
    """Return the controls of a graph that are visible on paper."""
    return graph(page, name).locator(".bar .on-paper").inner_text()


def test_on_paper_a_graph_says_that_it_is_filtered_searched_and_zoomed(events: Page) -> None:
    kernel = graph(events, "ns-kernel")
    kernel.hover()
    search_for(events, "vm_fault$")
    kernel.get_by_role("button", name="Keep").click()
    kernel.locator(".boxes g[aria-label*='vm_fault,']").first.click()
    kernel.hover()
    search_for(events, "lock")
    events.mouse.wheel(0, 150)  # the controls do not stay in the window of a sheet of paper
    events.emulate_media(media="print")
    said = printed(events, "ns-kernel").split("\n")
    assert said[0] == "Zoomed into: kernel`vm_fault, 50.20% of all"
    assert said[1] == "Shown: only stacks with vm_fault$: 50.20% of all"
    assert re.match(r"Search: lock\. Matched: [\d.]+% of the zoomed frame", said[2])
    assert printed(events, "ns-all") == ""
    line = kernel.locator(".on-paper").bounding_box()
    boxes = kernel.locator(".frames").bounding_box()
    assert line is not None
    assert boxes is not None
    assert line["y"] + line["height"] <= boxes["y"]
    assert kernel.locator(".frames").evaluate("one => getComputedStyle(one).clipPath") == "none"
    events.emulate_media(media="screen")
    assert not kernel.locator(".on-paper").is_visible()


def test_on_paper_the_chosen_lock_is_told_only_where_it_is_the_only_one(events: Page) -> None:
    events.locator("details.aside summary").first.click()
    events.locator("details.aside").get_by_role("button", name="uwait", exact=True).click()
    assert events.locator(".graph > .only:visible").count() == 0
    events.emulate_media(media="print")
    assert events.locator(".graph > .only:visible").all_inner_texts() == [
        "Only stacks of “uwait” are shown."
    ]
    assert events.locator("#graph-ns-all > .only").is_visible()
    assert not events.locator("p.control.chosen").is_visible()
    events.emulate_media(media="screen")
    lock(events, "pmap pv list").click()
    events.emulate_media(media="print")
    assert (
        events.locator(".graph > .only:visible").all_inner_texts()
        == ["Only stacks of “pmap pv list” are shown."] * 2
    )


def test_without_script_everything_is_there_to_read_and_no_control(
    browser: Browser, run: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    run("report", RECORDINGS / "lockstat-provider.out", "-q", "-o", path)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 900, "height": 700})
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator(".locks tbody tr:visible").count() == 15
    for name in ("ns-kernel", "ns-kernel-spin", "ns-kernel-block"):
        box = graph(page, name).bounding_box()
        assert box is not None
        assert 700 < box["width"] <= 900
        assert page.locator(f"#graph-{name} .still .row").first.is_visible()
    for control in page.locator(".control, button, input").all():
        assert not control.is_visible()
    context.close()


# ---- what a screen reader hears ------------------------------------------------------------------


def test_headings_make_an_outline_and_everything_has_a_name(events: Page) -> None:
    levels = events.locator("main h1, main h2, main h3, header h1").evaluate_all(
        "all => all.map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert events.get_by_role("main").count() == 1
    assert events.get_by_role("region", name="Flame graphs").count() == 1
    assert events.get_by_role("table", name=re.compile("^Kernel waiting on itself")).count() >= 1
    assert events.get_by_role("tabpanel", name="Kernel waiting on itself").is_visible()
    unnamed = events.locator("button:visible, input:visible, [role=region], section").evaluate_all(
        """all => all.filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label")
            || one.labels?.length || one.getAttribute("aria-labelledby"))).length"""
    )
    assert unnamed == 0
