"""Boxes of a flame graph: examples, laws, and a slow tree that must agree."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from helpers.work import lines_run
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.boxes import MIXED, ROOT, Box, Layout, Order
from pvprof.analysis.stacks.fold import Folded
from pvprof.analysis.stacks.layout import lay_out
from pvprof.model.stacks import Stack, stack_of

Weights = dict[tuple[str, ...], int]
"""Value by list of frames."""


def folded(weights: Weights) -> Folded:
    rows = ((stack_of(frames), value) for frames, value in weights.items())
    return Folded(rows=tuple(sorted(rows)), unit="ns")


def from_text(text: str) -> Folded:
    lines = (line.rpartition(" ") for line in text.splitlines())
    return folded({tuple(stack.split(";")): int(value) for stack, _, value in lines})


def as_rows(layout: Layout) -> list[tuple[int, int, int, str]]:
    return [(box.depth, box.start, box.width, box.name) for box in layout.boxes]


@dataclass
class Node:
    """The obvious tree, as slow as it likes."""

    value: int = 0
    self_value: int = 0
    children: dict[str, Node] = field(default_factory=dict)


def tree_of(weights: Weights) -> Node:
    root = Node()
    for stack, value in weights.items():
        node = root
        node.value += value
        for frame in stack:
            node = node.children.setdefault(frame, Node())
            node.value += value
        node.self_value += value
    return root


def stacks_in(node: Node) -> int:
    return (node.self_value > 0) + sum(map(stacks_in, node.children.values()))


def boxes_of(
    name: str, node: Node, place: tuple[int, int], min_width: int, order: str
) -> list[Box]:
    depth, start = place
    children = sorted(node.children.items())
    if order == "weight":
        children.sort(key=lambda item: -item[1].value)
    wide = [item for item in children if item[1].value >= min_width]
    narrow = [child for _, child in children if child.value < min_width]
    rest = sum(child.value for child in narrow)
    rest_stacks = sum(map(stacks_in, narrow))
    boxes = [Box(depth, start, node.value, name, node.self_value, rest, rest_stacks, MIXED)]
    left = start + (node.self_value if order == "name" else 0)
    for child_name, child in wide:
        boxes += boxes_of(child_name, child, (depth + 1, left), min_width, order)
        left += child.value
    return boxes


# Few names, so that stacks share prefixes; some that sort around the separator of folded text.
frames = st.sampled_from(["a", "b", "foo", "foo1", "foo.cold", "foo bar", "é", "\U0001f600"])
stacks = st.lists(frames, min_size=1, max_size=6).map(tuple)
weight_sets = st.dictionaries(stacks, st.integers(1, 50) | st.integers(1, 3 * 10**17), min_size=1)
orders: st.SearchStrategy[Order] = st.sampled_from(["name", "weight"])
thresholds = st.integers(0, 60) | st.integers(0, 10**17)


def test_equal_frames_over_the_same_callers_share_one_box() -> None:
    layout = lay_out(from_text("a;b 2\na;c 3\nd;b 4"), 1)
    assert as_rows(layout) == [
        (0, 0, 9, ROOT),
        (1, 0, 5, "a"),
        (2, 0, 2, "b"),
        (2, 2, 3, "c"),
        (1, 5, 4, "d"),
        (2, 5, 4, "b"),
    ]
    assert (layout.depth, layout.total, layout.rest, layout.rest_stacks) == (3, 9, 0, 0)


@pytest.mark.parametrize("sibling", ["foo1", "foo.cold", "foo-x", "foo bar", "foo+"])
def test_a_sibling_with_a_common_prefix_does_not_split_a_box(sibling: str) -> None:
    # As whole lines "a;foo1;x" sorts between "a;foo" and "a;foo;y", since ";" is after "1".
    layout = lay_out(from_text(f"a;foo 50\na;{sibling};x 30\na;foo;y 20"), 1)
    assert as_rows(layout) == [
        (0, 0, 100, ROOT),
        (1, 0, 100, "a"),
        (2, 0, 70, "foo"),
        (3, 50, 20, "y"),
        (2, 70, 30, sibling),
        (3, 70, 30, "x"),
    ]


def test_the_self_value_comes_before_the_callees() -> None:
    layout = lay_out(from_text("a 5\na;b 7"), 1)
    assert layout.boxes[1] == Box(depth=1, start=0, width=12, name="a", self_value=5)
    assert layout.boxes[2] == Box(depth=2, start=5, width=7, name="b", self_value=7)


def test_a_recursive_function_gets_a_box_on_every_level() -> None:
    layout = lay_out(from_text("f 1\nf;f 2\nf;f;f 4"), 1)
    assert as_rows(layout)[1:] == [(1, 0, 7, "f"), (2, 1, 6, "f"), (3, 3, 4, "f")]


def test_a_box_exactly_at_the_threshold_is_drawn_and_one_below_joins_the_rest() -> None:
    layout = lay_out(from_text("a;x 10\na;y 9\nb;z;z 4\nb;y 4\nc 100"), 10)
    assert [(box.name, box.rest, box.rest_stacks) for box in layout.boxes] == [
        (ROOT, 8, 2),
        ("a", 9, 1),
        ("x", 0, 0),
        ("c", 0, 0),
    ]
    assert (layout.rest, layout.rest_stacks, layout.depth) == (17, 3, 3)


def test_the_rest_counts_as_a_level() -> None:
    assert lay_out(from_text("a;b 100\na;b;c 1"), 10).depth == 4


def test_siblings_by_weight_are_widest_first_before_the_self_value() -> None:
    layout = lay_out(from_text("a 1\na;x 2\na;y 4\na;z 4"), 1, "weight")
    assert as_rows(layout)[2:] == [(2, 0, 4, "y"), (2, 4, 4, "z"), (2, 8, 2, "x")]


def test_reversed_stacks_are_merged_from_the_leaf() -> None:
    layout = lay_out(from_text("a;b;lock 1\nc;b;lock 2\nc;lock 4\nc 8"), 1, is_reversed=True)
    assert as_rows(layout)[1:] == [
        (1, 0, 8, "c"),
        (1, 8, 7, "lock"),
        (2, 8, 3, "b"),
        (3, 8, 1, "a"),
        (3, 9, 2, "c"),
        (2, 11, 4, "c"),
    ]


def test_a_box_has_the_cause_of_nearly_all_of_its_value() -> None:
    rows = {"m;a;x": 95, "m;a;y": 5, "m;b;x": 50, "m;b;y": 50}
    causes = {Stack(stack): f"waits for {stack[-1]}" for stack in rows}
    profile = Folded(tuple((Stack(stack), value) for stack, value in rows.items()), "ns", causes)
    found = {(box.depth, box.name, box.start): box.cause for box in lay_out(profile, 1).boxes}
    assert found[2, "a", 0] == "waits for x"
    assert found[2, "b", 100] == MIXED
    assert found[3, "y", 95] == "waits for y"
    # what is too narrow to be drawn counts too
    assert lay_out(profile, 6).boxes[2].cause == "waits for x"


def test_the_root_is_drawn_even_below_the_threshold() -> None:
    layout = lay_out(from_text("a 1"), 1000)
    assert as_rows(layout) == [(0, 0, 1, ROOT)]
    assert (layout.rest, layout.rest_stacks) == (1, 1)


def test_nothing_folded_gives_no_boxes() -> None:
    assert lay_out(Folded(rows=(), unit="ns"), 1) == Layout((), 0, 0, 0, 0)


def test_stacks_may_be_far_deeper_than_the_recursion_limit() -> None:
    deep = tuple(f"f{level}" for level in range(20_000))
    layout = lay_out(folded({deep: 1, deep[:10_000]: 1}), 1)
    assert layout.depth == 20_001
    assert layout.boxes[-1] == Box(20_000, 1, 1, "f19999", 1)


def test_sums_beyond_what_a_double_can_hold_stay_exact() -> None:
    big = 2**53
    layout = lay_out(folded({("a",): big, ("b",): 1, ("c",): big}), 1)
    assert [box.start for box in layout.boxes] == [0, 0, big, big + 1]
    assert layout.total == 2 * big + 1


def test_narrow_ranges_are_skipped() -> None:
    wide: Weights = {(f"w{i:06}", *("deep",) * 100): 1 for i in range(50_000)}
    rows = folded(wide)
    assert lay_out(rows, 2).rest_stacks == 50_000
    # Ten lines a stack; each of its hundred frames would take fifty more.
    assert lines_run(lambda: lay_out(rows, 2)) < 50_000 * 20


@given(weights=weight_sets, min_width=thresholds, order=orders, is_reversed=st.booleans())
def test_boxes_equal_those_of_a_tree_of_dictionaries(
    weights: Weights, min_width: int, order: Order, is_reversed: bool
) -> None:
    layout = lay_out(folded(weights), min_width, order, is_reversed=is_reversed)
    turned = {stack[::-1]: value for stack, value in weights.items()} if is_reversed else weights
    assert list(layout.boxes) == boxes_of(ROOT, tree_of(turned), (0, 0), min_width, order)


@given(weights=weight_sets)
def test_the_width_of_the_root_is_the_total(weights: Weights) -> None:
    layout = lay_out(folded(weights), 0)
    assert layout.boxes[0].width == layout.total == sum(weights.values())


@given(weights=weight_sets)
def test_children_and_self_fill_their_parent_without_overlap(weights: Weights) -> None:
    layout = lay_out(folded(weights), 0)
    path: list[Box] = []  # boxes from the root to the latest one
    filled: list[int] = []  # how far each of them is filled from its left end
    for box in layout.boxes:
        while len(path) > box.depth:
            assert filled.pop() == path.pop().end
        if path:
            assert box.start == filled[-1]
            filled[-1] = box.end
        path.append(box)
        filled.append(box.start + box.self_value)
    assert filled == [box.end for box in path]


@given(weights=weight_sets)
def test_siblings_are_in_order_of_their_distinct_names(weights: Weights) -> None:
    names: dict[tuple[str, ...], list[str]] = {}
    path: list[str] = []
    for box in lay_out(folded(weights), 0).boxes:
        del path[box.depth :]
        names.setdefault(tuple(path), []).append(box.name)
        path.append(box.name)
    for siblings in names.values():
        assert siblings == sorted(set(siblings))


@given(weights=weight_sets, min_width=thresholds)
def test_boxes_and_rests_add_up_to_the_total(weights: Weights, min_width: int) -> None:
    layout = lay_out(folded(weights), min_width)
    drawn = sum(box.self_value + box.rest for box in layout.boxes)
    assert drawn == layout.total == sum(weights.values())


@given(weights=weight_sets, min_width=thresholds)
def test_a_threshold_only_removes_boxes(weights: Weights, min_width: int) -> None:
    everything = [(box.depth, box.width, box.name) for box in lay_out(folded(weights), 0).boxes]
    kept = [box for box in everything if box[1] >= min_width or box[0] == 0]
    layout = lay_out(folded(weights), min_width)
    assert [(box.depth, box.width, box.name) for box in layout.boxes] == kept


@given(weights=weight_sets, min_width=thresholds, data=st.data())
def test_the_order_of_the_rows_has_no_effect(
    weights: Weights, min_width: int, data: st.DataObject
) -> None:
    in_order = folded(weights)
    shuffled = Folded(tuple(data.draw(st.permutations(in_order.rows))), in_order.unit)
    assert lay_out(shuffled, min_width) == lay_out(in_order, min_width)
