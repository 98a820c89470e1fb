"""The picture of a trend: each point once, levels that meet at the changes, any names."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.render.svg import trend
from pvprof.render.svg.time_line import WIDTH
from pvprof.render.svg.trend import LEFT, PLOT_HEIGHT, render_view
from pvprof.stats.change_points import change_points
from pvprof.store.trend import Trend, TrendPoint
from pvprof.views.stores.trend_view import build

SVG = "{http://www.w3.org/2000/svg}"
JUMP = [[5e8, 5.2e8, 4.9e8]] * 4 + [[9e8, 9.1e8, 8.8e8]] * 3


def trend_of(runs: list[list[float]], unit: str = "ns", name: str = "day {}") -> Trend:
    points = tuple(
        TrendPoint(name.format(number), "2026-11-27", tuple(values))
        for number, values in enumerate(runs)
    )
    return Trend(unit, "offcpu", points, change_points(runs), 2, 3)


def drawn(found: Trend) -> ElementTree.Element:
    view = build(found, "^pv <list>", "day", "run", "host = 'x'")
    return ElementTree.fromstring(render_view(view).text)


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if one.get("class") == name]


def test_a_change_is_a_line_between_two_levels() -> None:
    root = drawn(trend_of(JUMP))
    assert len(of_class(root, "point")) == 7
    assert len(of_class(root, "run")) == 21
    (change,) = of_class(root, "change")
    first, second = (
        [float(n) for n in re.findall(r"[\d.]+", one.get("d") or "")]
        for one in of_class(root, "level")
    )
    assert first[2] == second[0] == float(re.findall(r"M([\d.]+)", change.get("d") or "")[0])
    assert first[1] > second[1]  # the second level is higher, so its y is smaller
    texts = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert any(
        text.startswith("Changed at day 4 (2026-11-27): 503.3 ms -> 896.7") for text in texts
    )
    assert "pv <list>: wait per run, by day" in "".join(texts)


def test_the_tooltip_of_a_point_has_its_mean_interval_and_runs() -> None:
    root = drawn(trend_of([[1e9, 3e9], [2e9]]))
    titles = [one.findtext(f"{SVG}title") for one in of_class(root, "point")]
    assert titles == [
        "day 0\n2.000 s \u00b1 12.71 s, 2 runs, 2026-11-27",
        "day 1\n2.000 s, 1 run, 2026-11-27",
    ]


@given(
    st.lists(
        st.lists(st.floats(0, 1e15, allow_nan=False), min_size=1, max_size=4),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["ns", "samples", "bytes", "cycles"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_all_is_inside_the_picture_whatever_the_values(
    runs: list[list[float]], unit: str, name: str
) -> None:
    root = drawn(trend_of(runs, unit, name.replace("{", "").replace("}", "")))
    height = float(root.get("height") or 0)
    circles = list(root.iter(f"{SVG}circle"))
    assert len(circles) == len(runs) + sum(map(len, runs))
    for one in circles:
        assert LEFT <= float(one.get("cx") or 0) <= WIDTH
        assert 0 < float(one.get("cy") or 0) <= height
    for level in of_class(root, "level"):
        x, y, end = (float(n) for n in re.findall(r"[\d.]+", level.get("d") or ""))
        assert LEFT <= x < end <= WIDTH
        assert 0 < y < height
    assert height > PLOT_HEIGHT


def test_of_very_many_runs_the_dots_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trend, "MAX_DOTS", 20)
    root = drawn(trend_of(JUMP))
    assert of_class(root, "run") == []
    text = "".join("".join(one.itertext()) for one in of_class(root, "notes"))
    assert "the dots of the 21 single runs" in text
    assert "2 recordings without a day" in text
    assert "3 recordings were classified by other rules" in text
