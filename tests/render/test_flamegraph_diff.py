"""The differential flame graph: its file, its command, and what is seen in Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import Result
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
    watched_page,
)
from playwright.sync_api import Browser, Page
from test_flamegraph_svg import HOSTILE, data_of, frames_in, parse, texts_of, title_of

from pvprof.analysis.stacks.diff_layout import NEW, VANISHED, Threshold, WorkScale
from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack
from pvprof.render.svg.diff_flamegraph import (
    CHANGE_COLOURS,
    DiffOptions,
    render_diff,
    render_diff_inline,
)
from pvprof.render.svg.flamegraph import FlamegraphOptions

MS = 1_000_000


def folded(weights: dict[str, int]) -> Folded:
    return Folded(tuple((Stack(stack), value * MS) for stack, value in weights.items()), "ns")


BASE = folded({"make;vm_fault;pv list": 400, "make;vm_fault;vm object": 100, "make;gone": 100})
AFTER = folded({"make;vm_fault;pv list": 100, "make;vm_fault;vm object": 104, "make;born": 200})
OPTIONS = DiffOptions(FlamegraphOptions(title="pv lists"), base_name="stock", new_name="obm")


def colour(change: int) -> str:
    return CHANGE_COLOURS[change - VANISHED]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    yield from watched_page(browser)


# ---- the file ------------------------------------------------------------------------------------


def test_both_values_of_a_frame_are_written() -> None:
    root = parse(render_diff(BASE, AFTER, OPTIONS))
    words = dict(map(title_of, frames_in(root)))
    assert words["pv list"] == "base 400.0 ms, new 100.0 ms: -300.0 ms (-75.00%)"
    assert words["vm object"] == "base 100.0 ms, new 104.0 ms: +4.000 ms (+4.00%)"
    assert words["gone"] == "vanished, in base: 100.0 ms (-100.00%)"
    assert words["born"] == "only in new: 200.0 ms"


def test_colours_are_those_of_everything_that_stands_on_a_frame() -> None:
    root = parse(render_diff(BASE, AFTER, OPTIONS))
    fills = {title_of(one)[0]: one[1].attrib["fill"] for one in frames_in(root)}
    assert fills["pv list"] == colour(-3)
    assert fills["vm_fault"] == colour(-3)  # 500 to 204, by its callee alone
    assert fills["vm object"] == colour(0)
    assert fills["gone"] == colour(VANISHED)
    assert fills["born"] == colour(NEW)


def test_what_only_one_profile_has_is_marked_in_the_label() -> None:
    labels = [one[2].text for one in frames_in(parse(render_diff(BASE, AFTER, OPTIONS)))]
    assert {"- gone", "+ born", "pv list"} <= set(labels)


def test_the_picture_says_how_values_were_scaled_or_that_they_were_not() -> None:
    plain = " ".join(texts_of(parse(render_diff(BASE, AFTER, OPTIONS)), "subtitle"))
    assert "base: stock; new: obm. values as recorded, not scaled." in plain
    scale = WorkScale("builds", Fraction(2), Fraction(3))
    text = render_diff(BASE, AFTER, replace(OPTIONS, scale=scale))
    words = " ".join(texts_of(parse(text), "subtitle"))
    assert "the base (2 builds) is scaled by 1.5 to the 3 builds of the new profile" in words
    assert "base 600.0 ms, new 100.0 ms" in dict(map(title_of, frames_in(parse(text))))["pv list"]


def test_the_same_profiles_give_the_same_bytes_in_every_process() -> None:
    program = (
        f"from {Path(__file__).stem} import *; import hashlib;"
        "print(hashlib.sha256(render_diff(BASE, AFTER, OPTIONS).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=Path(__file__).parent,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(digests) == 1


def test_a_larger_threshold_leaves_more_frames_without_colour() -> None:
    options = replace(OPTIONS, threshold=Threshold(Fraction(80)))
    root = parse(render_diff(BASE, AFTER, options))
    fills = {title_of(one)[0]: one[1].attrib["fill"] for one in frames_in(root)}
    assert fills["pv list"] == colour(0)
    assert fills["gone"] == colour(VANISHED)
    assert any("80% of the frame" in text for text in texts_of(root, "legend"))


def test_nothing_in_either_profile_is_a_picture_that_says_so() -> None:
    root = parse(render_diff(folded({}), folded({}), OPTIONS))
    assert "nothing to draw" in texts_of(root, "account")[0]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text: str) -> None:
    stack = text.replace(";", ":").replace("\0", "\1")
    graph = FlamegraphOptions(title=text, subtitle=text, notes=((text, text),))
    options = DiffOptions(graph, base_name=text, new_name=text)
    picture = render_diff(folded({stack: 1}), folded({f"{stack};x": 2}), options)
    assert len(data_of(picture)["names"]) == 3


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_compares_two_recordings(run: Callable[..., Result], tmp_path: Path) -> None:
    for name, lines in (("old", "a;b 10\na;c 5\n"), ("new", "a;b 20\na;d 5\n")):
        (tmp_path / f"{name}.folded").write_text(lines)
    both = tmp_path / "old.folded", tmp_path / "new.folded"
    result = run("flamegraph", "--diff", *both, "--unit", "ns", "--per", "builds=1:2")
    assert result.exit_code == 0, result.stderr
    root = parse(result.stdout)
    words = dict(map(title_of, frames_in(root)))
    assert words["b"] == "base 20 ns, new 20 ns: 0 ns (0.00%)"
    assert words["c"] == "vanished, in base: 10 ns (-100.00%)"
    assert texts_of(root, "title") == ["Off-CPU and lock time: old → new"]
    assert texts_of(root, "label") == ["Base", "New"]


def test_the_command_says_where_the_same_code_may_seem_another(run: Callable[..., Result]) -> None:
    both = RECORDINGS / "lockstat-provider.out", RECORDINGS / "build-lockstat-provider.out"
    result = run("flamegraph", "--diff", *both)
    words = "addresses without a name that only one side has"
    assert words in result.stderr
    assert words in " ".join(" ".join(parse(result.stdout).itertext()).split())
    assert words not in run("flamegraph", "--diff", both[0], both[0]).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["one.folded"],
        ["one.folded", "one.folded", "one.folded"],
        ["one.folded", "one.folded", "--per", "builds"],
        ["one.folded", "one.folded", "--per", "builds=1:x"],
        ["one.folded", "one.folded", "--per", "builds=0:1"],
        ["one.folded", "one.folded", "--per", "=1:1"],
        ["one.folded", "one.folded", "--per", "builds=1:1/0"],
        ["one.folded", "one.folded", "--tree"],
    ],
)
def test_wrong_use_is_refused(
    run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.folded").write_text("a 1\n")
    result = run("flamegraph", "--diff", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_two_empty_profiles_draw_a_picture_and_fail(
    run: Callable[..., Result],
) -> None:
    both = RECORDINGS / "stock-offcpu.out", RECORDINGS / "seed-offcpu.out"
    result = run("flamegraph", "--diff", *both, "--name", "no such lock")
    assert result.exit_code == 1
    assert "nothing to draw" in texts_of(parse(result.stdout), "account")[0]


# ---- in the browser ------------------------------------------------------------------------------


@pytest.fixture
def graph(page: Page, tmp_path: Path) -> Page:
    return show(page, tmp_path, render_diff(BASE, AFTER, OPTIONS))


def test_the_script_colours_like_the_still_picture(graph: Page) -> None:
    root = parse(render_diff(BASE, AFTER, OPTIONS))
    still = sorted((title_of(one)[0], one[1].attrib["fill"]) for one in frames_in(root))
    assert sorted((one["name"], one["fill"]) for one in frames(graph)) == still


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

    assert widths() == {
        "all": 1200, "make": 1200, "vm_fault": 751, "pv list": 597, "vm object": 154,
        "gone": 149, "born": 298,
    } or widths()["born"] == 2 * widths()["gone"]  # fmt: skip
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
        "Shown: only towers with pv list: 66.67% of base, 24.75% of new"
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
        "pv list": colour(-3),
        "vm object": colour(0),
    }


def test_recordings_of_two_kernels_are_drawn(
    page: Page, tmp_path: Path, run: Callable[..., Result]
) -> None:
    out = tmp_path / "diff.svg"
    both = RECORDINGS / "stock-offcpu.out", RECORDINGS / "sdt-offcpu.out"
    symbols = RECORDINGS / "kernel-symbols.nm.gz"
    result = run("flamegraph", "--diff", *both, "--symbols", symbols, "-o", out)
    assert result.exit_code == 0, result.stderr
    page.goto(out.as_uri())
    assert len(names(page)) > 10
    frame(page, "all").hover()
    assert re.match(r"base [\d.]+ m?s, new [\d.]+ m?s: [+-]", text_of(page, "numbers"))


def test_it_can_stand_in_a_page() -> None:
    text = render_diff_inline(BASE, AFTER, OPTIONS, "change")
    assert text.startswith("<svg ")
    assert 'data-prefix="change"' in text
