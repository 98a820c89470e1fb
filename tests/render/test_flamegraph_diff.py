"""The differential flame graph: its file and its command."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import NOTHING_WAITED, RunCommand
from helpers.flamegraph_file import (
    HOSTILE,
    data_of,
    digests_by_hash_seed,
    frames_in,
    parse,
    texts_of,
    title_of,
)
from helpers.two_profiles import AFTER, BASE, OPTIONS, colour, folded

from pvprof.analysis.stacks.diff_layout import NEW, VANISHED, Threshold, WorkScale
from pvprof.render.svg.diff_flamegraph import (
    render_diff,
    render_diff_inline,
)
from pvprof.views.diff_flamegraph import DiffOptions
from pvprof.views.flamegraph import FlamegraphOptions

# ---- the file ------------------------------------------------------------------------------------


def test_both_values_of_a_frame_are_written() -> None:
    root = parse(render_diff(BASE, AFTER, OPTIONS))
    words = dict(map(title_of, frames_in(root)))
    assert words["pv list"] == "base 400.0 ms, new 100.0 ms: -300.0 ms (-75.00%)"
    assert words["vm object"] == "base 100.0 ms, new 104.0 ms: +4.000 ms (+4.00%)"
    assert words["gone"] == "vanished, in base: 100.0 ms (-100.00%)"
    assert words["born"] == "only in new: 200.0 ms"


def test_a_colour_shows_the_change_of_a_frame_with_its_callees() -> None:
    root = parse(render_diff(BASE, AFTER, OPTIONS))
    fills = {title_of(frame)[0]: frame[1].attrib["fill"] for frame in frames_in(root)}
    assert fills["pv list"] == colour(-4)
    assert fills["vm_fault"] == colour(-3)  # 500 to 204 ms, all of it in its callee
    assert fills["vm object"] == colour(0)
    assert fills["gone"] == colour(VANISHED)
    assert fills["born"] == colour(NEW)


def test_labels_mark_frames_of_one_profile_only() -> None:
    labels = [frame[2].text for frame in frames_in(parse(render_diff(BASE, AFTER, OPTIONS)))]
    assert {"- gone", "+ born", "pv list"} <= set(labels)


def test_the_picture_states_the_scale() -> None:
    plain = " ".join(texts_of(parse(render_diff(BASE, AFTER, OPTIONS)), "subtitle"))
    assert "Base: stock; new: obm. Values as recorded, not scaled." in plain
    scale = WorkScale("builds", Fraction(2), Fraction(3))
    text = render_diff(BASE, AFTER, replace(OPTIONS, scale=scale))
    words = " ".join(texts_of(parse(text), "subtitle"))
    assert "The base (2 builds) is scaled by 1.5 to the 3 builds of the new profile" in words
    assert "base 600.0 ms, new 100.0 ms" in dict(map(title_of, frames_in(parse(text))))["pv list"]


@pytest.mark.slow
def test_the_same_profiles_give_the_same_bytes_in_every_process() -> None:
    program = (
        "from helpers.two_profiles import *;"
        "from pvprof.render.svg.diff_flamegraph import render_diff;"
        "picture = render_diff(BASE, AFTER, OPTIONS)"
    )
    assert len(digests_by_hash_seed(program)) == 1


def test_a_larger_threshold_leaves_more_frames_without_colour() -> None:
    options = replace(OPTIONS, threshold=Threshold(Fraction(80)))
    root = parse(render_diff(BASE, AFTER, options))
    fills = {title_of(frame)[0]: frame[1].attrib["fill"] for frame in frames_in(root)}
    assert fills["pv list"] == colour(0)
    assert fills["gone"] == colour(VANISHED)
    assert "unchanged (within 80%)" in texts_of(root, "legend")


def test_the_legend_is_one_scale_in_percent() -> None:
    assert texts_of(parse(render_diff(BASE, AFTER, OPTIONS)), "legend") == [
        "- vanished",
        "-90% to -100%",
        "-75% to -90%",
        "-50% to -75%",
        "-20% to -50%",
        "-5% to -20%",
        "unchanged (within 5%)",
        "+5% to +25%",
        "+25% to +100%",
        "+100% to +300%",
        "+300% to +900%",
        "+900% or more",
        "+ new",
    ]


@pytest.mark.parametrize("percent", [0, 5, 20, 30, 50, 80, 100])
def test_the_legend_has_the_colours_of_the_steps_that_the_threshold_leaves(percent: int) -> None:
    threshold = Threshold(Fraction(percent), Fraction(0))
    text = render_diff(BASE, AFTER, replace(OPTIONS, threshold=threshold))
    wanted = {
        colour(threshold.change(base, new, 10_000))
        for base in range(0, 1001, 5)
        for new in (10, 500, 1000, 0)
        if base or new
    }
    assert wanted <= {fill for fill, _ in data_of(text)["legend"]}


def test_two_empty_profiles_make_a_picture_that_says_so() -> None:
    root = parse(render_diff(folded({}), folded({}), OPTIONS))
    assert "nothing to draw" in texts_of(root, "account")[0]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text: str) -> None:
    stack = text.replace(";", ":").replace("\0", "\1")
    graph = FlamegraphOptions(title=text, subtitle=text, notes=((text, text),))
    options = DiffOptions(graph, base_name=text, new_name=text)
    picture = render_diff(folded({stack: 1}), folded({f"{stack};x": 2}), options)
    assert len(data_of(picture)["names"]) == 3


def test_it_can_be_inlined_into_a_page() -> None:
    text = render_diff_inline(BASE, AFTER, OPTIONS, "change")
    assert text.startswith("<svg ")
    assert 'data-prefix="change"' in text


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_compares_two_recordings(run: RunCommand, tmp_path: Path) -> None:
    for name, lines in (("old", "a;b 10\na;c 5\n"), ("new", "a;b 20\na;d 5\n")):
        (tmp_path / f"{name}.folded").write_text(lines)
    both = tmp_path / "old.folded", tmp_path / "new.folded"
    result = run("flamegraph", "--diff", *both, "--unit", "ns", "--per", "builds=1:2")
    assert result.exit_code == 0, result.stderr
    root = parse(result.stdout)
    words = dict(map(title_of, frames_in(root)))
    assert words["b"] == "base 20 ns, new 20 ns: 0 ns (0.00%)"
    assert words["c"] == "vanished, in base: 10 ns (-100.00%)"
    assert texts_of(root, "title") == ["Time: old → new"]
    assert texts_of(root, "label") == ["Base", "New"]


def test_the_command_warns_of_addresses_that_only_one_side_has(run: RunCommand) -> None:
    both = RECORDINGS / "lockstat-provider.out", RECORDINGS / "build-lockstat-provider.out"
    result = run("flamegraph", "--diff", *both)
    words = "addresses without a name that only one side has"
    assert words in result.stderr
    assert words in " ".join(" ".join(parse(result.stdout).itertext()).split())
    assert words not in run("flamegraph", "--diff", both[0], both[0]).stderr


def test_recordings_of_one_name_are_told_apart_by_their_labels(run: RunCommand) -> None:
    both = [
        FIXTURES / "example-lock-patch" / side / "offcpu-5.pvprof" for side in ("rwlock", "obm")
    ]
    root = parse(run("flamegraph", "--diff", *both).stdout)
    assert texts_of(root, "title") == ["Off-CPU and lock time: rwlock offcpu-5 → obm offcpu-5"]
    same = parse(run("flamegraph", "--diff", both[0], both[0]).stdout)
    assert texts_of(same, "title") == ["Off-CPU and lock time: offcpu-5 → offcpu-5"]


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
def test_wrong_arguments_are_a_usage_error(
    run: RunCommand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.folded").write_text("a 1\n")
    result = run("flamegraph", "--diff", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_two_empty_profiles_draw_a_picture_and_fail(run: RunCommand, tmp_path: Path) -> None:
    sides = tmp_path / "base.out", tmp_path / "new.out"
    for side in sides:
        side.write_text(NOTHING_WAITED)
    result = run("flamegraph", "--diff", *sides)
    assert result.exit_code == 1
    assert "nothing to draw" in texts_of(parse(result.stdout), "account")[0]
