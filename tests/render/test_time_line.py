"""The time line of a critical path: an SVG file that shows each part of the path once."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand

from pvprof.render.svg.time_line import (
    LEFT,
    MAX_TOOLTIPS,
    ROW_HEIGHT,
    WIDTH,
    render_view,
    round_label,
    round_step,
)
from pvprof.views.critical_path.time_line import PathBar, TimeLineView

SVG = "{http://www.w3.org/2000/svg}"
ROOM = WIDTH - 10 - LEFT


def view_of(bars: list[PathBar], rows: int, name: str = "vm object") -> TimeLineView:
    return TimeLineView(
        title=name,
        subtitle=name,
        length_ns=bars[-1].end_ns,
        rows=tuple(f"{name} {number}" for number in range(rows)),
        bars=tuple(bars),
        causes=(f"{name}: 1 s", "Running: 2 s"),
        states={"running": 1},
        hues={},
        account=(name,),
        notes=(("Notes", name),),
    )


def shapes_of(svg: str) -> list[tuple[float, float, float]]:
    """Return left edge, upper edge and width of each bar, in order of the left edge."""
    root = ElementTree.fromstring(svg)
    (bars,) = (one for one in root.iter(f"{SVG}g") if one.get("class") == "bars")
    return sorted(
        (float(x), float(y), float(width))
        for path in bars.iter(f"{SVG}path")
        for x, y, width in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v", path.get("d") or "")
    )


@pytest.mark.parametrize(
    "recording",
    [RECORDINGS / "events-wakeups.out.gz", FIXTURES / "linux" / "perf-waking.txt.gz"],
)
def test_bars_tile_the_width_of_the_picture(run: RunCommand, recording: object) -> None:
    result = run("path", "-q", recording, "--format", "svg")
    assert result.exit_code == 0, result.stderr
    shapes = shapes_of(result.stdout)
    assert shapes[0][0] == LEFT
    assert abs(shapes[-1][0] + shapes[-1][2] - LEFT - ROOM) <= 0.1
    for (x, _, width), (following, _, _) in pairwise(shapes):
        assert x + width >= following - 0.011
    assert "http" not in result.stdout.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("count", [10, MAX_TOOLTIPS, 3 * MAX_TOOLTIPS])
def test_every_bar_is_drawn_once_and_the_longest_have_a_tooltip(count: int) -> None:
    bars = [
        PathBar(number % 7, 10 * number, 10 * number + 10, number % 2) for number in range(count)
    ]
    svg = render_view(view_of(bars, 7)).content
    assert isinstance(svg, str)
    shapes = shapes_of(svg)
    assert len(shapes) == count
    tops = {y for _, y, _ in shapes}
    assert len(tops) == 7
    assert max(tops) - min(tops) == 6 * ROW_HEIGHT
    assert svg.count("from ") <= MAX_TOOLTIPS


@pytest.mark.parametrize(
    "name", ["</svg><script>alert(1)</script>", '"&<>', "\x1b[2J\x00\ud800", "]]>", "a\u202eb"]
)
def test_names_with_any_character_are_text(name: str) -> None:
    svg = render_view(view_of([PathBar(0, 0, 5, 0), PathBar(1, 5, 10, 1)], 2, name)).content
    assert isinstance(svg, str)
    root = ElementTree.fromstring(svg.encode())
    assert len(list(root.iter(f"{SVG}script"))) == 1
    assert len(shapes_of(svg)) == 2


@pytest.mark.parametrize(
    ("length_ns", "labels"),
    [
        (4_110_000_000, ["0 s", "1 s", "2 s", "3 s", "4 s"]),
        (1_026_000_000, ["0.0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"]),
        (900_000_000, ["0 ms", "200 ms", "400 ms", "600 ms", "800 ms"]),
        (231_400_000_000, ["0 s", "50 s", "100 s", "150 s", "200 s"]),
        (7, ["0 ns", "1 ns", "2 ns", "3 ns", "4 ns", "5 ns", "6 ns", "7 ns"]),
    ],
)
def test_times_below_the_bars_are_round(length_ns: int, labels: list[str]) -> None:
    view = view_of([PathBar(0, 0, length_ns, 0)], 1)
    shown = re.findall(r'class="axis" y="17"[^>]*>([^<]*)<', render_view(view).text)
    wanted = [label for label in labels if label in shown]
    assert wanted == labels
    assert len(shown) <= 9
    step_ns = round_step(length_ns)
    assert shown == [round_label(at, step_ns, length_ns) for at in range(0, length_ns + 1, step_ns)]
