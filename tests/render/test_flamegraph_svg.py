"""The flame graph's file: what a viewer without script shows, and what the script reads.

To accept a changed picture, run ``PVPROF_BLESS=1 pytest tests/render`` and read
the difference before you commit it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from conftest import assert_golden
from helpers.flamegraph_file import (
    HOSTILE,
    NAMESPACES,
    data_of,
    digests_by_hash_seed,
    frames_in,
    parse,
    texts_of,
    title_of,
)
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.boxes import Box
from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.errors import UsageError
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack, show_controls
from pvprof.render.svg.flamegraph import render, render_inline
from pvprof.render.svg.labels import fit, format_percent, format_value, split_annotation
from pvprof.render.svg.script_data import Names, base36, embed, encode_tree
from pvprof.units import Unit
from pvprof.views.flamegraph import FlamegraphOptions, PictureOptions, build

FIXTURES = Path(__file__).parent.parent / "fixtures" / "flamegraph"


def folded(weights: dict[str, int], unit: Unit = "ns") -> Folded:
    rows = ((Stack(stack), value) for stack, value in weights.items())
    return Folded(tuple(sorted(rows)), unit)


def rect_of(frame: ET.Element) -> tuple[float, float]:
    return float(frame[1].attrib["x"]), float(frame[1].attrib["width"])


SMALL = folded(
    {
        "make;kernel`trap;kernel`vm_fault;kernel`pmap_enter;pmap pv list": 12_345_678,
        "make;kernel`trap;kernel`vm_fault": 1_000_000,
        'make;kernel`syscall;zfs.ko`zfs_read;-;buf<hash> & "co"': 25_000_000,
        "make;kernel`syscall;zfs.ko`zfs_read1": 4_000_000,
        "cc;[no stack]": 800,
        "cc;kernel`fork_exit": 2_999_200,
    }
)
SMALL_OPTIONS = FlamegraphOptions(
    title="Off-CPU time <stock>",
    subtitle="make -j8; idle threads set aside",
    notes=(("host", "FreeBSD 13.2, 4 CPUs"), ("script", "dtrace -x aggsize=4m\n  -s offcpu.d")),
    width=600,
)


def without_code(text: str) -> str:
    """Return a picture without style and script, which may change while the picture does not."""
    return re.sub(r"(<(style|script)><!\[CDATA\[).*?(\]\]></\2>)", r"\1...\3", text, flags=re.S)


# ---- the whole file ------------------------------------------------------------------------------


@pytest.mark.parametrize("icicle", [False, True], ids=["flame", "icicle"])
def test_a_small_picture_equals_its_golden_file(icicle: bool) -> None:
    options = replace(SMALL_OPTIONS, icicle=icicle)
    name = "icicle.svg" if icicle else "flame.svg"
    assert_golden(without_code(render(SMALL, options)), FIXTURES / name)


def test_a_missing_golden_file_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PVPROF_BLESS", raising=False)
    with pytest.raises(pytest.fail.Exception, match="is missing"):
        assert_golden("x", tmp_path / "new.svg")
    assert not (tmp_path / "new.svg").exists()


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_in_every_process() -> None:
    program = f"from {Path(__file__).stem} import *;picture = render(SMALL, SMALL_OPTIONS)"
    assert len(digests_by_hash_seed(program)) == 1


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = render(SMALL, SMALL_OPTIONS)
    addresses = set(re.findall(r"""https?://[^"'\s<]+""", text))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
    assert not re.search(r"\b(fetch|XMLHttpRequest|importScripts|eval|WebSocket)\(", text)
    assert not re.search(r"@import|url\(|<image|<use|href=", text)


def test_no_ids_are_used_and_every_style_is_confined_to_the_picture() -> None:
    text = render(SMALL, SMALL_OPTIONS)
    assert not re.search(r"\sid=", text)
    css = re.search(r"<style><!\[CDATA\[(.*?)\]\]>", text, re.S)
    assert css is not None
    rules = re.sub(r"/\*.*?\*/", "", css[1], flags=re.S)
    for selectors in re.findall(r"([^{};]+)\{", rules):
        if selectors.strip().startswith("@media"):
            continue
        for selector in selectors.split(","):
            assert selector.strip().startswith((".pvprof-flame", ".pvprof-shortcuts")), selector


def test_nothing_to_draw_is_a_valid_picture_that_says_so() -> None:
    root = parse(render(folded({}), SMALL_OPTIONS))
    assert frames_in(root) == []
    assert "nothing to draw" in texts_of(root, "account")[0]
    assert texts_of(root, "title") == ["Off-CPU time <stock>"]
    assert "host" in texts_of(root, "label")
    assert root.findall(".//svg:script", NAMESPACES) == []
    assert len(render(folded({}), FlamegraphOptions())) < 10_000


@pytest.mark.parametrize(
    "options",
    [
        FlamegraphOptions(width=399),
        FlamegraphOptions(font_size=16),
        FlamegraphOptions(font_size=0),
        FlamegraphOptions(min_width_px=-0.1),
        FlamegraphOptions(min_width_px=float("nan")),
        FlamegraphOptions(min_width_px=float("inf")),
        FlamegraphOptions(palette="rainbow"),  # type: ignore[arg-type]
    ],
)
def test_impossible_sizes_are_refused(options: FlamegraphOptions) -> None:
    with pytest.raises(UsageError):
        render(SMALL, options)


# ---- frames --------------------------------------------------------------------------------------


def test_every_frame_has_title_rectangle_and_text_and_its_exact_weights() -> None:
    root = parse(render(SMALL, SMALL_OPTIONS))
    frames = frames_in(root)
    assert title_of(frames[0]) == ("all", "45.35 ms (45,345,678 ns), 100.00% of all")
    for frame in frames:
        assert [child.tag.rpartition("}")[2] for child in frame][:2] == ["title", "rect"]
    by_name = {title_of(frame)[0]: frame for frame in frames}
    assert title_of(by_name["kernel`vm_fault"])[1] == "13.35 ms (13,345,678 ns), 29.43% of all"


def test_narrow_frames_are_one_path_for_each_colour() -> None:
    root = parse(render(folded({"wide": 10_000, "b": 9, "c": 9}), FlamegraphOptions()))
    assert [title_of(frame)[0] for frame in frames_in(root)] == ["all", "wide"]
    pieces = [path.attrib["d"] for path in root.findall(".//svg:path", NAMESPACES)]
    assert sorted(re.findall(r"M([\d.]+) \d+h([\d.]+)v15", "".join(pieces))) == [
        ("10", "1.06"),
        ("11.06", "1.06"),
    ]


def test_the_number_of_frames_with_elements_is_limited() -> None:
    weights = {";".join(f"f{row}_{level}" for level in range(100)): 100 + row for row in range(100)}
    root = parse(render(folded(weights), FlamegraphOptions()))
    assert 2000 < len(frames_in(root)) <= 3000
    assert root.findall(".//svg:path", NAMESPACES)


def test_rows_go_up_from_the_root_and_down_in_an_icicle() -> None:
    def heights(icicle: bool) -> list[int]:
        root = parse(render(SMALL, FlamegraphOptions(icicle=icicle)))
        rows = root.findall(".//svg:g[@class='row']", NAMESPACES)
        return [int(re.findall(r"\d+", row.attrib["transform"])[1]) for row in rows]

    up, down = heights(icicle=False), heights(icicle=True)
    assert up == sorted(up, reverse=True)
    assert down == sorted(down)
    assert sorted(up) == down


def test_neighbours_leave_the_same_gap_at_any_weight() -> None:
    for scale in (1, 7, 10**9 + 7, 24 * 10**15 + 1):
        root = parse(render(folded(dict.fromkeys("abcdefg", scale * 3)), FlamegraphOptions()))
        edges = [rect_of(frame) for frame in frames_in(root)[1:]]
        assert edges[0][0] == 0
        assert round(sum(edges[-1]) + 0.5, 2) == 1180
        for (left, width), (following, _) in pairwise(edges):
            assert round(left + width + 0.5, 2) == following


def test_weights_beyond_what_a_double_can_hold_are_drawn_and_written_exactly() -> None:
    half = 12 * 10**16 + 1
    text = render(folded({"a": half, "b": half}), FlamegraphOptions())
    _, first, second = frames_in(parse(text))
    assert rect_of(first) == (0, 589.5)
    assert rect_of(second) == (590, 589.5)
    assert f"({half:,} ns)" in title_of(first)[1]
    assert data_of(text)["trees"]["normal"] == f"0 1.{half:x} 2.{half:x}^1"


def test_stacks_of_five_thousand_frames_are_drawn() -> None:
    deep = ";".join(f"f{level}" for level in range(5000))
    root = parse(render(folded({deep: 5}), FlamegraphOptions()))
    assert len(frames_in(root)) == 5001
    assert int(root.attrib["height"]) > 5001 * 16


def test_narrow_frames_are_drawn_as_one_and_counted() -> None:
    weights = {"wide": 1_000_000, "b;narrow": 60_000, "b;n1": 80, "b;n2": 9_000, "c": 1, "d;e;f": 7}
    options = FlamegraphOptions(min_width_px=10)
    text = render(folded(weights, "samples"), options)
    rests = [title_of(frame)[1] for frame in frames_in(parse(text)) if title_of(frame)[0] == "..."]
    assert rests == ["9,080 samples, 0.85% of all, 2 stacks"]
    assert " ".join(texts_of(parse(text), "account")) == (
        'Total: 1,069,088 samples. Drawn as "...": 4 stacks through frames narrower than 10 px,'
        " 0.85% of the total."
    )
    normal = data_of(text)["trees"]["normal"]
    assert normal == f"0~8*2 1~{9080:x}*2 2.{60_000:x} 3.{1_000_000:x}^2"
    text = render(folded(weights, "samples"), FlamegraphOptions(min_width_px=0))
    assert "~" not in data_of(text)["trees"]["normal"]
    assert texts_of(parse(text), "account") == ["Total: 1,069,088 samples."]


def test_a_tenth_of_a_pixel_means_a_tenth() -> None:
    # 11,800 tenths of a pixel in all: a frame of 1 in 11,800 has a box, one of 1 in 11,801 has none
    at = folded({"a": 11_799, "b": 1})
    below = folded({"a": 11_800, "b": 1})
    assert data_of(render(at, FlamegraphOptions()))["names"] == ["all", "a", "b"]
    assert data_of(render(below, FlamegraphOptions()))["names"] == ["all", "a"]


# ---- what the script is given --------------------------------------------------------------------


def test_a_tree_is_written_without_implied_numbers() -> None:
    boxes = (
        Box(0, 0, 40, "all", 0),
        Box(1, 0, 30, "a", 3),
        Box(2, 3, 20, "b", 20),
        Box(2, 23, 7, "a", 2, 5, 40),
        Box(1, 30, 10, "b", 10),
    )
    names = Names()
    text = encode_tree(boxes, [0, 1, 2, 3, 2], names, lambda box: ((box.self_value,), (box.rest,)))
    assert text == "0 1.3 2.14 1.2~5*14!3^1 2.a^2"
    assert (names.texts, names.colours) == (["all", "a", "b"], [0, 1, 2])


@pytest.mark.parametrize("number", [0, 1, 35, 36, 1295, 1296, 10**9])
def test_numbers_to_the_base_36_are_read_back(number: int) -> None:
    assert int(base36(number), 36) == number


@given(text=st.text())
def test_embedded_data_can_stand_between_tags_and_are_read_back(text: str) -> None:
    embedded = embed({"key": text})
    assert not re.search("[<>&]", embedded)
    assert json.loads(embedded) == {"key": text}


def test_both_trees_hold_the_whole_total() -> None:
    data = data_of(render(SMALL, SMALL_OPTIONS))
    for tree in data["trees"].values():
        own = [int(hexes, 16) for hexes in re.findall(r"\.([0-9a-f]+)", tree)]
        rest = [int(hexes, 16) for hexes in re.findall(r"~([0-9a-f]+)", tree)]
        assert sum(own) + sum(rest) == SMALL.total


def test_an_inlined_picture_has_a_prefix_and_no_xml_declaration() -> None:
    text = render_inline(SMALL, SMALL_OPTIONS, "locks-1")
    assert text.startswith("<svg ")
    assert parse(text).attrib["data-prefix"] == "locks-1"
    assert "data-prefix" not in render(SMALL, SMALL_OPTIONS).partition("<metadata>")[0]


@pytest.mark.parametrize("prefix", ["1", "a b", "a.b", 'a"', "-"])
def test_a_prefix_that_would_break_the_address_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError):
        render_inline(SMALL, SMALL_OPTIONS, prefix)


# ---- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text_everywhere(text: str) -> None:
    options = FlamegraphOptions(
        title=text, subtitle=text, notes=((text, text),), count_name=text, width=800
    )
    stack = text.replace(";", ":").replace("\0", "\1")
    root = parse(render(folded({f"main;{stack}": 5}, "events"), options))
    visible = show_controls(stack)
    assert title_of(frames_in(root)[2])[0] == visible
    assert visible in data_of(ET.tostring(root, encoding="unicode"))["names"]
    assert len(root.findall(".//svg:script", NAMESPACES)) == 1
    assert len(root.findall(".//svg:style", NAMESPACES)) == 1


@examples(1)
@given(
    names=st.lists(st.text(st.characters(exclude_characters=";\0"), min_size=1), min_size=1),
    note=st.text(),
)
def test_any_text_gives_well_formed_xml(names: list[str], note: str) -> None:
    options = FlamegraphOptions(title=note, subtitle=note, notes=((note, note),), width=400)
    root = parse(render(folded({";".join(names): 1}), options))
    assert len(frames_in(root)) == len(names) + 1


def test_labels_are_cut_to_what_fits_and_left_out_below_three_characters() -> None:
    assert fit("kernel", 6) == "kernel"
    assert fit("kernel", 5) == "kern…"
    assert fit("kernel", 3) == "ke…"
    assert fit("kernel", 2) == ""
    assert fit("ab", 2) == ""
    assert fit("ab", 3) == "ab"
    # a character outside ASCII may be two cells wide
    assert fit("漢字", 4) == "漢字"
    assert fit("漢字", 3) == "漢…"
    assert fit("漢字漢字", 6) == "漢字…"


def test_a_label_is_the_function_whether_the_module_fits_or_not() -> None:
    assert fit("kernel`vm_fault", 15) == fit("kernel`vm_fault", 8) == "vm_fault"
    assert fit("kernel`vm_fault", 7) == "vm_fau…"
    assert fit("kernel`", 7) == "kernel`"


def test_of_a_stack_all_labels_are_of_one_form() -> None:
    stack = "kernel`a;kernel`a_function_with_a_long_name;kernel`b"
    narrow = folded({f"sh;{stack};vmpfw": 90, f"sh;{stack};other": 10})
    labels = [frame[2].text for frame in frames_in(parse(render(narrow, FlamegraphOptions())))]
    assert not [label for label in labels if label and "`" in label]
    titles = [title_of(frame)[0] for frame in frames_in(parse(render(narrow, FlamegraphOptions())))]
    assert "kernel`a_function_with_a_long_name" in titles


@given(name=st.text(min_size=1), cells=st.integers(0, 40))
def test_a_label_fits_into_its_cells(name: str, cells: int) -> None:
    label = fit(name, cells)
    is_whole = label in (name, name.partition("`")[2])
    kept = label if is_whole else label.removesuffix("…")
    assert name.startswith(kept) or name.partition("`")[2].startswith(kept)
    taken = sum(1 if character.isascii() else 2 for character in kept) + (not is_whole)
    assert label == "" or taken <= cells


def test_long_headings_and_notes_are_wrapped_not_cut() -> None:
    words = " ".join(f"word{number}" for number in range(100))
    options = FlamegraphOptions(subtitle=words, notes=(("command", words),), width=600)
    root = parse(render(SMALL, options))
    assert " ".join(texts_of(root, "subtitle")) == words
    assert " ".join(texts_of(root, "text")) == words


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1, "ns", "1 ns"),
        (999, "ns", "999 ns"),
        (1000, "ns", "1.000 µs (1,000 ns)"),
        (12_345_678, "ns", "12.35 ms (12,345,678 ns)"),
        (240_000_000_000_000_000, "ns", "240,000,000 s (240,000,000,000,000,000 ns)"),
        (1, "samples", "1 sample"),
        (12_345, "samples", "12,345 samples"),
        (2, "events", "2 events"),
    ],
)
def test_values_are_scaled_for_people_and_given_in_full(value: int, unit: Unit, text: str) -> None:
    assert format_value(value, unit) == text


def test_the_name_of_the_counted_thing_can_be_given() -> None:
    assert format_value(3, "events", "waits") == "3 waits"
    assert format_value(3, "ns", "waits") == "3 ns"


def test_a_share_that_is_not_zero_never_reads_as_zero() -> None:
    assert format_percent(0, 7) == "0.00%"
    assert format_percent(1, 10**9) == "<0.01%"
    assert format_percent(1, 3) == "33.33%"
    assert format_percent(2, 3) == "66.67%"
    assert format_percent(10**17, 10**17) == "100.00%"


def test_annotations_of_other_tools_are_understood_at_the_end_of_a_name_only() -> None:
    assert split_annotation("vm_fault_[k]") == ("vm_fault", "k")
    assert split_annotation("vm_fault_[x]") == ("vm_fault_[x]", "")
    assert split_annotation("_[k]") == ("_[k]", "")
    assert split_annotation("a_[k]b") == ("a_[k]b", "")
    root = parse(render(folded({"main;vm_fault_[k]": 5}, "samples"), FlamegraphOptions()))
    labels = [frame[2].text for frame in frames_in(root)]
    assert labels == ["all", "main", "vm_fault"]


def test_fifty_thousand_stacks_make_a_file_below_a_megabyte() -> None:
    weights = {
        ";".join(f"f{(row * 31 + level * level) % (5 + level * 40)}" for level in range(17))
        + f";leaf{row}": 1 + row % 7
        for row in range(50_000)
    }
    assert len(render(folded(weights), FlamegraphOptions())) < 1_000_000


def legend_of(*keys: Key) -> dict[str, str]:
    """Return the colour of each cause in the picture of one wait for each key."""
    profile = Profile("ns", True)
    for number, key in enumerate(keys):
        profile.add(key, Stack(f"kernel`caller{number}"), Weight(1000 - number, 1, 1))
    dataset = Dataset(("made",), (Measurement(profile, None),), (), (), ())
    view = build(Classified.of(dataset, load_rules(), Filters((ALL_KINDS,))), PictureOptions())
    legend = data_of(render(view.folded, view.options))["legend"]
    return {text: fill for fill, text in legend if not text.startswith(("pale", "code"))}


def test_waits_without_a_lock_class_are_called_so_in_the_legend() -> None:
    of_class, without = Key("turnstile", "pmap pv list"), Key("turnstile", "my own lock")
    timer = Key("sleepq", "nanslp")
    legend = legend_of(of_class, without, timer)
    assert list(legend) == ["pv list", "no lock class", "Timers"]
    assert legend_of(without) == {"no lock class": legend["no lock class"]}
    assert legend["no lock class"] == "#d87989"  # the colour of the kind, fixed
