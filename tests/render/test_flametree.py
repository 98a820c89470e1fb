"""The printed tree: heaviest first, consistent sums, readable at any width."""

from __future__ import annotations

import io
import re

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import NOTHING_WAITED, RunCommand
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pvprof.analysis.stacks.fold import Folded
from pvprof.errors import UsageError
from pvprof.model.stacks import Stack
from pvprof.render.text.flame_tree import print_tree, tree_lines
from pvprof.views.folded import TreeOptions

EVENTS = RECORDINGS / "events.out.gz"
SYMBOLS = RECORDINGS / "kernel-symbols.nm.gz"
EVERYTHING = TreeOptions(min_percent=0)

names = st.sampled_from(["a", "b", "foo", "foo1", "lock"])
stacks = st.lists(names, min_size=1, max_size=6).map(lambda frames: Stack(";".join(frames)))
profiles = st.dictionaries(stacks, st.integers(1, 1000), min_size=1)


def folded(weights: dict[Stack, int] | dict[str, int]) -> Folded:
    return Folded(tuple((Stack(stack), value) for stack, value in weights.items()), "samples")


def shown(weights: dict[str, int], options: TreeOptions = EVERYTHING, width: int = 80) -> list[str]:
    out = io.StringIO()
    print_tree(folded(weights), Console(file=out, width=width, color_system=None), options)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_heaviest_callee_comes_first_and_a_chain_takes_no_numbers() -> None:
    assert shown({"m;f;g;x": 60, "m;f;g;y": 30, "n;z": 9, "n": 1}) == [
        " of all    samples  frame",
        " 100.0%        100  all",
        "  90.0%         90  ├─ m",
        "                    │  f",
        "                    │  g",
        "  60.0%         60  │  ├─ x",
        "  30.0%         30  │  └─ y",
        "  10.0%         10  └─ n",
        "   9.0%          9     ├─ z",
        "   1.0%          1     └─ [itself]",
    ]


def test_small_callees_are_summed_and_counted() -> None:
    weights = {"a": 90, **{f"b{number};c": 1 for number in range(10)}}
    assert shown(weights, TreeOptions(min_percent=5))[2:] == [
        "  90.0%         90  ├─ a",
        "  10.0%         10  └─ ... 10 stacks",
    ]


def test_a_depth_limits_the_forks_not_the_chains() -> None:
    weights = {"m;f;g;x": 60, "m;f;g;y;w": 20, "m;f;g;y;v": 10, "n": 10}
    assert shown(weights, TreeOptions(min_percent=0, depth=1))[2:] == [
        "  90.0%         90  ├─ m",
        "                    │  f",
        "                    │  g",
        "  90.0%         90  │  └─ ... deeper",
        "  10.0%         10  └─ n",
    ]


@given(profile=profiles, min_percent=st.integers(0, 40), depth=st.integers(0, 3))
def test_the_numbers_below_a_frame_add_up_to_its_own(
    profile: dict[Stack, int], min_percent: int, depth: int
) -> None:
    lines = list(tree_lines(folded(profile), TreeOptions(min_percent, depth)))
    open_forks: list[list[int]] = []  # (indentation, value not yet printed)
    for line in lines:
        if line.value is None:
            continue
        indent = len(line.guide)
        while open_forks and open_forks[-1][0] >= indent:
            assert open_forks.pop()[1] in (0, -1)
        if open_forks:
            left = open_forks[-1]
            left[1] = (left[2] if left[1] < 0 else left[1]) - line.value
        open_forks.append([indent, -1, line.value])
    assert all(left in (0, -1) for _, left, _ in open_forks)


def test_nothing_folded_prints_the_heading_only() -> None:
    assert shown({}) == [" of all    samples  frame"]


@pytest.mark.slow
def test_stacks_may_be_far_deeper_than_the_recursion_limit() -> None:
    deep = ";".join(f"f{level}" for level in range(5000))
    assert len(shown({deep: 1})) == 5002


def test_control_characters_cannot_reach_the_terminal() -> None:
    assert "\x1b" not in "".join(shown({"a\x1b[31m": 1}))


@pytest.mark.parametrize("bad", [(-1, 0), (101, 0), (1, -1)])
def test_impossible_shares_and_depths_are_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        TreeOptions(*bad)


# ---- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 200])
def test_the_tree_of_a_real_recording_is_as_reviewed(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run("flamegraph", "--tree", "--min-percent", 5, EVENTS, "--symbols", SYMBOLS)
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert_golden(result.stdout, FIXTURES / "golden" / f"flamegraph-tree-{columns}.txt")


def test_names_are_cut_to_the_width(run: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = "sh;kernel`a_function_with_a_long_name 3\nsh;kernel`another_function 1\n"
    result = run("flamegraph", "--tree", "-", stdin=text.encode())
    assert max(map(len, result.stdout.splitlines())) <= 40
    assert "  ├─ a_function_with_…" in result.stdout


def test_pipes_get_no_colour_and_terminals_do() -> None:
    weights = {"a": 5, "b": 1}
    assert "\x1b" not in "".join(shown(weights))
    out = io.StringIO()
    terminal = Console(
        file=out, force_terminal=True, width=80, color_system="standard", _environ={}
    )
    print_tree(folded(weights), terminal, EVERYTHING)
    assert "\x1b[" in out.getvalue()
    out = io.StringIO()
    print_tree(
        Folded(((Stack("a;lock"), 1),), "ns", {}, frozenset({"lock"})),
        Console(
            file=out, force_terminal=True, width=80, _environ={"NO_COLOR": "1", "TERM": "xterm"}
        ),
        EVERYTHING,
    )
    assert not re.search(r"\x1b\[[\d;]*3\dm", out.getvalue())


def test_an_empty_tree_fails(run: RunCommand) -> None:
    result = run("flamegraph", "--tree", "-", stdin=NOTHING_WAITED.encode())
    assert result.exit_code == 1
    assert "nothing to draw" in result.stderr
