"""Two profiles as one tree: both values of every frame, and what has become of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.boxes import SHAPES, Shape
from pvprof.analysis.stacks.diff_layout import (
    NEW,
    VANISHED,
    DiffLayout,
    Threshold,
    WorkScale,
    diff_profiles,
    lay_out_diff,
)
from pvprof.analysis.stacks.fold import Folded
from pvprof.analysis.stacks.layout import lay_out
from pvprof.errors import UsageError
from pvprof.model.stacks import Stack

frames = st.sampled_from(["a", "b", "foo", "foo1", "lock"])
stacks = st.lists(frames, min_size=1, max_size=5).map(lambda names: Stack(";".join(names)))
profiles = st.dictionaries(stacks, st.integers(1, 50) | st.integers(1, 10**17))


def folded(weights: dict[Stack, int] | dict[str, int]) -> Folded:
    return Folded(tuple((Stack(stack), value) for stack, value in weights.items()), "ns")


BASE = folded({"a;b;lock": 40, "a;c": 10, "gone;x": 50})
AFTER = folded({"a;b;lock": 80, "a;c": 10, "born": 30})


def both(layout: DiffLayout) -> dict[str, tuple[int, int]]:
    return {box.name: (box.base, box.new) for box in layout.boxes}


def test_every_frame_has_the_inclusive_value_of_both_profiles() -> None:
    layout = lay_out_diff(diff_profiles(BASE, AFTER), 1)
    assert both(layout) == {
        "all": (100, 120),
        "a": (50, 90),
        "b": (40, 80),
        "lock": (40, 80),
        "c": (10, 10),
        "gone": (50, 0),
        "x": (50, 0),
        "born": (0, 30),
    }


@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ("base", {"all": 100, "a": 50, "gone": 50, "born": 0}),
        ("new", {"all": 120, "a": 90, "gone": 0, "born": 30}),
        ("union", {"all": 170, "a": 90, "gone": 50, "born": 30}),
    ],
)
def test_widths_are_those_of_one_profile_or_of_the_larger_values(
    shape: Shape, widths: dict[str, int]
) -> None:
    layout = lay_out_diff(diff_profiles(BASE, AFTER), 1, shape)
    assert {box.name: box.width for box in layout.boxes if box.name in widths} == widths


def test_nothing_is_scaled_unless_a_unit_is_given() -> None:
    assert diff_profiles(BASE, AFTER).base == (40, 10, 50, 0)
    scale = WorkScale("builds", Fraction(3), Fraction(5))
    assert diff_profiles(BASE, AFTER, scale).base == (67, 17, 83, 0)
    assert diff_profiles(BASE, AFTER, scale).new == (80, 10, 0, 30)


def test_scaling_keeps_each_value_above_0() -> None:
    scale = WorkScale("seconds", Fraction(1000), Fraction(1))
    layout = lay_out_diff(diff_profiles(folded({"a": 3}), folded({"a": 3}), scale), 1)
    assert both(layout)["a"] == (1, 3)


@pytest.mark.parametrize("amounts", [(0, 1), (1, 0), (-1, 1)])
def test_a_scale_without_work_is_refused(amounts: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="covers"):
        WorkScale("builds", Fraction(amounts[0]), Fraction(amounts[1]))


def test_profiles_in_different_units_are_refused() -> None:
    with pytest.raises(UsageError, match="samples"):
        diff_profiles(BASE, Folded(((Stack("a"), 1),), "samples"))


@pytest.mark.parametrize(
    ("base", "new", "total", "change"),
    [
        (100, 100, 200, 0),
        (100, 104, 200, 0),
        (100, 106, 200, 1),
        (100, 94, 200, -1),
        (100, 125, 200, 2),
        (100, 80, 200, -2),
        (100, 200, 200, 3),
        (100, 50, 200, -3),
        (100, 399, 400, 3),
        (100, 400, 400, 4),
        (100, 25, 200, -4),
        (100, 999, 1000, 4),
        (100, 1000, 1000, 5),
        (100, 10, 200, -5),
        (0, 100, 200, NEW),
        (100, 0, 200, VANISHED),
        (0, 1, 1000, NEW),
        (0, 1, 1001, 0),  # less than a thousandth of all: there by chance
        (1, 0, 1001, 0),
        (0, 0, 0, 0),
    ],
)
def test_the_step_of_a_change(base: int, new: int, total: int, change: int) -> None:
    assert Threshold().change(base, new, total) == change


def test_the_thresholds_can_be_switched_off() -> None:
    exact = Threshold(Fraction(0), Fraction(0))
    assert exact.change(1_000_000, 1_000_001, 10**9) == 1
    assert exact.change(7, 7, 7) == 0


@given(base=st.integers(0, 10**18), new=st.integers(0, 10**18), share=st.integers(0, 100))
def test_swapping_the_sides_swaps_the_change(base: int, new: int, share: int) -> None:
    threshold = Threshold(Fraction(share), Fraction(0))
    total = max(base, new, 1)
    assert threshold.change(base, new, total) == -threshold.change(new, base, total)


@given(base=profiles, new=profiles)
def test_each_side_equals_the_layout_of_its_profile_alone(
    base: dict[Stack, int], new: dict[Stack, int]
) -> None:
    layout = lay_out_diff(diff_profiles(folded(base), folded(new)), 1)
    for side, profile in enumerate((base, new)):
        alone = [
            (box.depth, box.name, box.width, box.self_value)
            for box in lay_out(folded(profile), 1).boxes
        ]
        mine = [
            (box.depth, box.name, (box.base, box.new)[side], box.own[side])
            for box in layout.boxes
            if (box.base, box.new)[side]
        ]
        assert mine == alone
    assert layout.base == sum(base.values())
    assert layout.new == sum(new.values())


@given(
    base=profiles,
    new=profiles,
    shape=st.sampled_from(SHAPES),
    min_width=st.integers(0, 60),
    is_reversed=st.booleans(),
)
def test_children_self_value_and_rest_fill_each_box(
    base: dict[Stack, int], new: dict[Stack, int], shape: Shape, min_width: int, is_reversed: bool
) -> None:
    profile = diff_profiles(folded(base), folded(new))
    layout = lay_out_diff(profile, min_width, shape, is_reversed=is_reversed)
    path: list[list[int]] = []  # for each open box: what is still to be filled
    for box in layout.boxes:
        while len(path) > box.depth:
            assert path.pop() == [0, 0, 0]
        if path:
            path[-1] = [
                left - mine
                for left, mine in zip(path[-1], (box.base, box.new, box.width), strict=True)
            ]
        path.append(
            [
                box.base - box.own[0] - box.rests[0],
                box.new - box.own[1] - box.rests[1],
                box.width - box.self_value - box.rest,
            ]
        )
    while path:
        assert path.pop() == [0, 0, 0]


@given(profile=profiles)
def test_a_profile_compared_with_itself_has_no_change(profile: dict[Stack, int]) -> None:
    layout = lay_out_diff(diff_profiles(folded(profile), folded(profile)), 1)
    assert all(box.base == box.new == box.width for box in layout.boxes)


def test_siblings_keep_their_order_in_each_shape() -> None:
    profile = diff_profiles(folded({"a": 50, "b": 10, "c": 1}), folded({"a": 1, "b": 20, "c": 60}))
    orders = [
        [box.name for box in lay_out_diff(profile, 1, shape, "weight").boxes] for shape in SHAPES
    ]
    assert orders[0] == ["all", "c", "a", "b"]
    assert all(one == other for one, other in pairwise(orders))


def test_two_empty_profiles_have_no_boxes() -> None:
    assert lay_out_diff(diff_profiles(folded({}), folded({})), 1).boxes == ()
