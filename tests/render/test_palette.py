"""Colours of frames: stable, readable and explained by the legend."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import Folded
from pvprof.analysis.stacks.layout import lay_out
from pvprof.classify.rules_file import MAX_COLOUR, load_rules
from pvprof.model.stacks import Stack
from pvprof.render.svg.diff_flamegraph import CHANGE_COLOURS
from pvprof.render.svg.palette import (
    _MODULE_HUES,
    MATCH_COLOUR,
    ROOT_COLOUR,
    Painting,
    _colour_at,
    _hue_of,
    group_of,
    name_colour,
    paint,
)
from pvprof.views.flamegraph import PALETTES, Palette

LOCKS = Folded(
    rows=(
        (Stack("make;kernel`trap;kernel`vm_fault;pmap pv list"), 60),
        (Stack("make;kernel`trap;kernel`vm_fault;vm object"), 30),
        (Stack("make;kernel`trap;kernel`pmap_enter;pmap pv list"), 10),
    ),
    unit="ns",
    causes={
        Stack("make;kernel`trap;kernel`vm_fault;pmap pv list"): "pv list",
        Stack("make;kernel`trap;kernel`vm_fault;vm object"): "vm object",
        Stack("make;kernel`trap;kernel`pmap_enter;pmap pv list"): "pv list",
    },
    reasons=frozenset({"pmap pv list", "vm object"}),
)
MODULES = Folded(
    tuple(
        (Stack(stack), 10)
        for stack in ("sh;libc.so.7`read;-;kernel`sys_read;zfs.ko`zfs_read", "sh;kernel`exit1")
    ),
    "samples",
)


def painted(folded: Folded, palette: Palette) -> tuple[Painting, dict[str, str]]:
    """Return the painting and the colour of each path, frames joined by ``;``."""
    boxes = lay_out(folded, 1).boxes
    painting = paint([boxes], folded, palette)
    colours: dict[str, str] = {}
    path: list[str] = []
    for box, colour in zip(boxes, painting.of_boxes[0], strict=True):
        del path[box.depth :]
        path.append(box.name)
        colours[";".join(path[1:])] = painting.colours[colour]
    return painting, colours


def contrast_with_black(colour: str) -> float:
    def linear(channel: str) -> float:
        share = int(channel, 16) / 255
        return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(channel) for channel in re.findall("..", colour[1:]))
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) / 0.05


def lab(colour: str) -> tuple[float, float, float]:
    """Return the coordinates of a colour in CIELAB, in which equal distances look alike."""

    def linear(channel: str) -> float:
        share = int(channel, 16) / 255
        return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(channel) for channel in re.findall("..", colour[1:]))
    x, y, z = (
        share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116
        for share in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_running_looks_like_no_wait() -> None:
    rules = load_rules()
    groups = {rule.lock_class for rule in rules.rules if rule.lock_class}
    groups |= {kind.title for kind in rules.kinds}
    colours = {group: lab(_colour_at(_hue_of(group, rules.colours))) for group in groups}
    running = colours.pop("Running")
    nearest = min(colours, key=lambda group: math.dist(running, colours[group]))
    # 2 is the least that can be seen side by side; of 80 colours some two must be near 3.
    assert math.dist(running, colours[nearest]) > 10, nearest


def test_a_lock_has_the_colour_of_its_class_and_its_callers_a_pale_one() -> None:
    painting, colours = painted(LOCKS, "cause")
    meanings = {text: colour for colour, text in painting.legend}
    assert colours["make;kernel`trap;kernel`vm_fault;pmap pv list"] == meanings["pv list"]
    assert colours["make;kernel`trap;kernel`vm_fault;vm object"] == meanings["vm object"]
    assert colours["make;kernel`trap;kernel`vm_fault"] == meanings["code that leads to several"]
    pale = colours["make;kernel`trap;kernel`pmap_enter"]
    assert pale not in {meanings["pv list"], meanings["code that leads to several"]}
    assert [text for _, text in painting.legend][:2] == ["pv list", "vm object"]  # largest first


def test_a_class_keeps_its_colour_without_others() -> None:
    alone = Folded(LOCKS.rows[1:2], "ns", LOCKS.causes, LOCKS.reasons)
    both = {text: colour for colour, text in painted(LOCKS, "cause")[0].legend}
    one = {text: colour for colour, text in painted(alone, "cause")[0].legend}
    assert one["vm object"] == both["vm object"]


CLASSES = [f"class {number}" for number in range(40)]


def by_cause(causes: list[str]) -> Folded:
    rows = tuple((Stack(f"sh;{cause}"), 100 - index) for index, cause in enumerate(causes))
    of_stacks = dict(zip(dict(rows), causes, strict=True))
    return Folded(rows, "ns", of_stacks, frozenset(causes), load_rules().colours)


def packaged_names() -> list[str]:
    """Return every lock class and every title of a kind in the packaged rules."""
    rules = load_rules()
    classes = {rule.lock_class for rule in rules.rules if rule.lock_class}
    return sorted(classes | {kind.title for kind in rules.kinds})


PACKAGED = packaged_names()
KNOWN = [*PACKAGED, "a class of my own"]


def free_number() -> int:
    """Return the first number that no rule, kind or module has."""
    taken = {*load_rules().colours.values(), *_MODULE_HUES.values()}
    return next(number for number in range(MAX_COLOUR) if number not in taken)


ADVICE = f"Give a rule of one of them a free number: colour = {free_number()} (docs/rules.md)"


def test_no_number_is_the_colour_of_two_classes_or_kinds() -> None:
    rules = load_rules()
    numbered = [(kind.colour, kind.title, f"kind {kind.id}") for kind in rules.kinds]
    numbered += [(rule.colour, str(rule.lock_class), rule.label) for rule in rules.rules]
    owners: dict[int, tuple[str, str]] = {}
    for number, name, label in numbered:
        if number is not None:
            owner, first = owners.setdefault(number, (name, label))
            assert owner == name, f"{first} and {label} have colour {number}. {ADVICE}"


def colours_of(causes: list[str]) -> dict[str, str]:
    """Return the colour that the legend gives for each cause."""
    legend = painted(by_cause(causes), "cause")[0].legend
    shared = [text for _, text in legend if text not in causes and text.split(", ")[0] in causes]
    assert not shared, f"{'; '.join(shared)}: one colour. {ADVICE}"
    return {text: colour for colour, text in legend if text in causes}


@given(st.sets(st.sampled_from(KNOWN), min_size=1))
def test_a_class_has_the_same_colour_whichever_others_are_drawn(causes: set[str]) -> None:
    everything = colours_of(KNOWN)
    assert colours_of(sorted(causes)) == {cause: everything[cause] for cause in causes}


def test_every_class_and_kind_of_the_rules_has_a_colour_of_its_own() -> None:
    colours = colours_of(PACKAGED)
    assert colours.keys() == set(PACKAGED)
    assert len(set(colours.values())) == len(PACKAGED)


def test_colours_are_the_same_in_every_release() -> None:
    # People know these from earlier pictures.
    assert colours_of(["pv list (rwlock)", "vm object", "proc tree", "mutex", "UMA"]) == {
        "pv list (rwlock)": "#79d8af",
        "vm object": "#cff075",
        "proc tree": "#d879ab",
        "mutex": "#b2e9a5",
        "UMA": "#84d879",
    }


@pytest.mark.parametrize("number", [7, 8, 9, 12])
def test_the_legend_lists_classes_that_share_a_safe_colour(number: int) -> None:
    causes = CLASSES[:number]
    painting, colours = painted(by_cause(causes), "safe")
    meanings = [colour for colour, text in painting.legend if text.startswith("class")]
    assert len(set(meanings)) == len(meanings) == min(number, 8)
    assert ", ".join(text for _, text in painting.legend[:8]).startswith(", ".join(causes))
    assert colours["sh;class 0"] == painting.legend[0][0]


def test_auto_chooses_a_palette_by_the_profile() -> None:
    assert painted(LOCKS, "auto") == painted(LOCKS, "cause")
    assert painted(MODULES, "auto") == painted(MODULES, "module")
    plain = Folded(((Stack("a;b"), 1),), "samples")
    assert painted(plain, "auto") == painted(plain, "name")
    no_reason = Folded(LOCKS.rows, "samples", LOCKS.causes)
    assert painted(no_reason, "auto") == painted(no_reason, "name")


def test_modules_differ_in_colour_and_the_kernels_is_fixed() -> None:
    painting, colours = painted(MODULES, "module")
    named = {text: colour for colour, text in painting.legend}
    assert {"kernel", "zfs.ko", "libc.so.7"} <= set(named)
    assert len(set(named.values())) == len(named)
    kernel_only = Folded(((Stack("sh;kernel`exit1"), 10),), "samples")
    assert painted(kernel_only, "module")[1]["sh;kernel`exit1"] == colours["sh;kernel`exit1"]


def test_annotations_count_as_modules() -> None:
    assert group_of("vm_fault_[k]") == "kernel"
    assert group_of("Interpreter_[j]") == "JIT"
    assert group_of("kernel`vm_fault") == "kernel"
    unresolved = {group_of(name) for name in ("`0x1234", "0x1234", "[unknown]")}
    assert unresolved == {"unresolved"}
    assert group_of("kernel`0x1234") == "kernel"
    assert group_of("-") == ""


def test_frames_above_a_waker_delimiter_belong_to_the_waker() -> None:
    text = "sh;sleepq_[k];--;sched_wakeup_[k];idle"
    folded = Folded(((Stack(text), 5), (Stack("sh;other_[k]"), 5)), "ns")
    painting, colours = painted(folded, "module")
    named = {meaning: colour for colour, meaning in painting.legend}
    assert "waker" in named
    assert colours[text.removesuffix(";idle")] != colours["sh;other_[k]"]
    assert named["-- between waker and sleeper"] == colours["sh;sleepq_[k];--"]


def test_a_function_has_one_colour_in_every_graph_and_module() -> None:
    assert name_colour("kernel`vm_fault") == name_colour("vm_fault") == name_colour("vm_fault_[k]")
    assert name_colour("vm_fault") != name_colour("vm_fault_trap")
    # fixed, so that people can compare pictures of different days
    assert (name_colour("vm_fault"), name_colour("vm_fault", is_hot=True)) == ("#e48ba9", "#f7e84a")


def test_separators_and_missing_stacks_are_grey_in_every_palette() -> None:
    folded = Folded(((Stack("a;-;b;--;c"), 5), (Stack("[no stack]"), 5)), "ns")
    for palette in PALETTES:
        _, colours = painted(folded, palette)
        greys = [colours["a;-"], colours["a;-;b;--"], colours["[no stack]"]]
        for grey in greys:
            red, green, blue = re.findall("..", grey[1:])
            assert red == green == blue
        assert len(set(greys)) == 3


@pytest.mark.parametrize("palette", PALETTES)
def test_every_palette_explains_itself(palette: Palette) -> None:
    for folded in (LOCKS, MODULES):
        painting, _ = painted(folded, palette)
        assert painting.legend
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour, _ in painting.legend)


names = st.text(st.characters(exclude_characters=";"), min_size=1)


@given(
    names=st.lists(names, min_size=1, max_size=30, unique=True), palette=st.sampled_from(PALETTES)
)
def test_black_text_is_readable_on_every_colour(names: list[str], palette: Palette) -> None:
    rows = tuple((Stack(f"m{index % 14}`{name}"), 1) for index, name in enumerate(names))
    causes = {stack: f"class {index % 14}" for index, (stack, _) in enumerate(rows)}
    profile = Folded(rows, "ns", causes, frozenset(stack for stack, _ in rows))
    painting, _ = painted(profile, palette)
    for colour in {*painting.colours, MATCH_COLOUR, ROOT_COLOUR, *CHANGE_COLOURS}:
        assert contrast_with_black(colour) >= 4.5  # WCAG level AA
