"""The heat map: cells hold exactly what was waited in them, and say how to cut it out."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand
from helpers.single_waits import RULES, Wait, events_of, parts_of
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.waits.heat_grid import heat_maps, latency_maps
from pvprof.analysis.waits.heat_map import (
    GridOptions,
    HeatMap,
    LatencyMap,
    column_for,
    latency_bounds,
    round_lengths,
)
from pvprof.classify.classified import ClassifiedMeasurement
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.dataset.load import load_dataset
from pvprof.errors import UsageError
from pvprof.model.runs import RunSpan
from pvprof.parse.read import ReadOptions
from pvprof.render.svg.heat_canvas import COLOURS, row_height
from pvprof.render.svg.heat_forms import Scale, seconds
from pvprof.render.svg.heat_forms import scale_of as scale_with
from pvprof.render.svg.heat_map import element, render
from pvprof.views.heat_map import HeatOptions

EVENTS = RECORDINGS / "events.out.gz"
SVG = "{http://www.w3.org/2000/svg}"
NASTY = (
    """</script><script>alert("1")</script>""",
    "]]></style><!-- -->",
    "a\x00b\x08\x1b[31m\x7f\x85\r\n",
    "lone \ud800 surrogate",
    "é漢🔬 & < > ' \"",
)


def scale_of(maps: list[HeatMap], top: float = 0.0) -> Scale:
    return scale_with(maps, top)


def latencies_of(waits: list[Wait], run: RunSpan | None = None, column_ns: int = 0) -> LatencyMap:
    events = events_of(waits)
    (found,) = latency_maps(events, () if run is None else (run,), parts_of(events), column_ns)
    return found


def map_of(
    waits: list[Wait], run: RunSpan | None = None, options: GridOptions | None = None
) -> HeatMap:
    events = events_of(waits)
    runs = () if run is None else (run,)
    (found,) = heat_maps(events, runs, parts_of(events), options or GridOptions(5, 50))
    return found


def real_maps(name: str, *kinds: str) -> tuple[HeatMap, ...]:
    measurement = load_dataset([str(RECORDINGS / name)], ReadOptions()).measurement("ns")
    assert measurement.events is not None
    kept = ClassifiedMeasurement(measurement, RULES, Filters(kinds)).kept
    return heat_maps(measurement.events, measurement.runs, kept, GridOptions())


def metadata(svg: str) -> dict[str, Any]:
    found = ET.fromstring(svg.encode()).find(f"{SVG}metadata")
    assert found is not None
    document: dict[str, Any] = json.loads(found.text or "")
    return document


# ---- values --------------------------------------------------------------------------------------


def test_a_wait_is_cut_at_the_edges_of_cells_to_the_nanosecond() -> None:
    found = map_of([Wait(7, 26, tid=1), Wait(30, 1, tid=2)], RunSpan(2, 0, 100))
    assert found.values == (3, 10, 10, 4, 0, 0, 0, 0, 0, 0)
    assert found.grid.columns == 2


WAITS = st.lists(
    st.tuples(
        st.integers(-30, 300).map(lambda number: number * 3),
        st.one_of(st.just(0), st.integers(0, 400)),
        st.sampled_from(["vm object", "pmap pv list", "other"]),
        st.integers(1, 9),
    ).map(lambda one: Wait(*one)),
    min_size=1,
    max_size=20,
)


@pytest.mark.slow
@examples(3)
@given(
    WAITS,
    st.one_of(st.none(), st.tuples(st.integers(0, 300), st.integers(0, 700))),
    st.sampled_from([(1, 1), (1, 13), (5, 5), (5, 35), (10, 400)]),
)
def test_cells_equal_a_count_of_each_nanosecond(
    waits: list[Wait], marks: tuple[int, int] | None, sizes: tuple[int, int]
) -> None:
    rows, column = sizes
    begin, end = min(one.start for one in waits), max(one.end for one in waits)
    run = RunSpan(len(waits))
    if marks:
        begin, end = marks[0], sum(marks)
        run = RunSpan(len(waits), begin, end)
    found = map_of(waits, run, GridOptions(rows, column))
    ticks = [(tick, one.name) for one in waits for tick in range(one.start, one.end)]
    cells: dict[int, Counter[str]] = {}
    for tick, name in ticks:
        if begin <= tick < end:
            cells.setdefault((tick - begin) // (column // rows), Counter())[name] += 1
    wanted = [cells.get(number, Counter()).total() for number in range(found.grid.cells)]
    assert list(found.values) == wanted
    assert found.before_ns == sum(tick < begin for tick, _ in ticks)
    assert found.after_ns == sum(tick >= end for tick, _ in ticks)
    assert found.total_ns == sum(one.wait for one in waits)
    for number, top in enumerate(found.tops):
        if number not in cells:
            assert top == -1
        else:
            assert cells[number][found.row_ids[top][2]] == max(cells[number].values())


def test_sums_beyond_64_bits_are_exact() -> None:
    year = 31_536_000_000_000_000
    waits = [Wait(0, 290 * year, tid=number) for number in range(9)]
    found = map_of(waits, None, GridOptions(1, 145 * year))
    assert found.values == (9 * 145 * year,) * 2
    assert found.total_ns == 9 * 290 * year > 1 << 64


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [(), (ALL_KINDS,)])
@pytest.mark.parametrize("name", ["events.out.gz", "events-wakeups.out.gz", "build-events.out.gz"])
def test_the_cells_of_a_real_recording_add_up_to_its_report(
    run: RunCommand, name: str, kinds: tuple[str, ...]
) -> None:
    (found,) = real_maps(name, *kinds)
    options = [word for kind in kinds for word in ("-k", kind)]
    report = json.loads(run("report", RECORDINGS / name, *options, "--format", "json").stdout)
    assert found.inside_ns == found.total_ns == report["sections"][0]["kept"]["value"]


def test_a_window_has_the_same_cells_as_the_whole_run(run: RunCommand) -> None:
    whole = run("heatmap", EVENTS, "--by", "offset", "--column", "1s").stdout
    part = run(
        "heatmap", EVENTS, "--by", "offset", "--column", "1s", "--from", "4", "--to", "6.5"
    ).stdout
    (first,), (second,) = metadata(whole)["maps"], metadata(part)["maps"]
    assert second["left"] == 4_000_000_000
    assert second["values"] == [*first["values"][4 * 50 : 6 * 50 + 25], *[0] * 25]


@pytest.mark.slow
def test_the_options_of_a_spike_select_its_waits(run: RunCommand) -> None:
    (found,) = real_maps("events.out.gz")
    assert len(found.spikes) == 5
    for spike in found.spikes:
        begin, end = found.grid.edges(spike.first, spike.last)
        folded = run("fold", EVENTS, "--from", seconds(begin), "--to", seconds(end), "-k", "kernel")
        total = sum(int(line.rpartition(" ")[2]) for line in folded.stdout.splitlines())
        assert total == spike.value == sum(found.values[spike.first : spike.last])


def test_spikes_are_neighbours_of_at_least_half_the_largest_cell() -> None:
    waits = [Wait(100, 10, tid=number) for number in range(10)]
    waits += [Wait(110, 10, tid=number) for number in range(5)]
    waits += [Wait(200, 10, tid=number) for number in range(6)]
    waits += [Wait(120, 10, tid=number) for number in range(4)]
    found = map_of(waits, RunSpan(len(waits), 0, 300))
    assert [(one.first, one.last, one.value, one.hottest) for one in found.spikes] == [
        (10, 12, 150, 10),
        (20, 21, 60, 20),
    ]


def test_each_recording_has_its_own_map_with_columns_of_one_length() -> None:
    waits = [Wait(1_000_000, 10, run=0), Wait(7, 20, tid=2, run=1)]
    events = events_of(waits)
    runs = (RunSpan(1, 1_000_000, 1_000_100, name="a"), RunSpan(1, 0, 1000, name="b"))
    first, second = heat_maps(events, runs, parts_of(events), GridOptions())
    assert (first.name, second.name) == ("a", "b")
    assert first.grid.column_ns == second.grid.column_ns == 100
    assert (first.total_ns, second.total_ns) == (10, 20)


# ---- the grid ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "column"),
    [
        (0, 100),
        (12_910_824_755, 200_000_000),
        (60_000_000_000, 500_000_000),
        (120_000_000_000, 1_000_000_000),
        (120_000_000_001, 2_000_000_000),
        (1_800_000_000_000, 30_000_000_000),
        (10**18, 8_333_333_333_333_350),
    ],
)
def test_columns_have_the_shortest_round_length_that_fits(duration: int, column: int) -> None:
    assert column_for(duration, 50) == column


def test_round_lengths_ascend_and_any_number_of_rows_gives_whole_nanoseconds() -> None:
    lengths = list(round_lengths())
    assert lengths == sorted(set(lengths))
    assert all(column_for(length * 120, 7) % 7 == 0 for length in lengths)


def test_unequal_cells_and_too_many_columns_are_errors() -> None:
    with pytest.raises(UsageError, match="no 7 equal cells"):
        map_of([Wait(0, 1)], None, GridOptions(7, 100))
    with pytest.raises(UsageError, match="are too many"):
        map_of([Wait(0, 1_000_000)], None, GridOptions(1, 10))


# ---- the picture ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_picture_is_well_formed_and_loads_nothing(run: RunCommand) -> None:
    svg = run("heatmap", EVENTS, "--symbols", SYMBOLS).stdout
    root = ET.fromstring(svg.encode())
    assert root.tag == f"{SVG}svg"
    assert not re.findall(r"(?:href|src)\s*=|url\(|@import", svg)
    assert svg == run("heatmap", EVENTS, "--symbols", SYMBOLS).stdout


def test_each_column_has_a_tooltip_with_its_time_and_hottest_cell(run: RunCommand) -> None:
    svg = run("heatmap", EVENTS, "--by", "offset", "--column", "1s").stdout
    titles = re.findall(r"<g><title>(.*?)</title>", svg, re.S)
    assert len(titles) == 13
    assert titles[11] == (
        "11 s to 12 s: 390.6 ms waited, 0.39 threads on average\n"
        "highest at 11.58 s: 4.51 threads, most for vmpfw"
    )
    assert titles[0] == "0 s to 1 s: 0 ns waited, 0 threads on average"


def test_cells_cover_exactly_the_recorded_time() -> None:
    found = map_of([Wait(10, 25), Wait(30, 5, tid=2)], RunSpan(2, 0, 130), GridOptions(5, 50))
    svg = render([found], HeatOptions())
    pieces = re.findall(r'<path class="l(\d)" fill="(#\w+)" d="([^"]*)"', svg)
    area: dict[str, int] = {}
    for level, colour, path in pieces:
        assert colour == COLOURS[int(level)]
        heights = map(int, re.findall(r"v(\d+)", path))
        area[level] = sum(heights) // row_height(5)
    levels = [scale_of([found]).shade(value) for value in found.values[:13]]
    wanted = {str(level): len(list(some)) for level, some in groupby(sorted(levels))}
    assert area == wanted


def test_a_fixed_scale_makes_pictures_comparable(run: RunCommand) -> None:
    few = map_of([Wait(0, 10)], RunSpan(1, 0, 100))
    many = map_of([Wait(0, 10, tid=number) for number in range(8)], RunSpan(8, 0, 100))
    assert scale_of([few]).shade(10) == scale_of([many]).shade(80) == 8
    assert scale_of([few], 8.0).shade(10) == 3
    assert scale_of([many], 2.0).shade(80) == 8
    assert "3.06 or more" in run("heatmap", EVENTS, "--by", "offset", "--top", "4").stdout


def test_levels_are_squares_with_a_spike_and_equal_steps_under_steady_load() -> None:
    spike = [Wait(0, 10, tid=number) for number in range(64)]
    quiet = [Wait(100, 800, tid=70)]
    found = map_of([*spike, *quiet], RunSpan(65, 0, 1000))
    assert scale_of([found]).bounds == tuple(10 * level**2 for level in range(1, 8))
    steady = [Wait(0, 900, tid=number) for number in range(48)]
    found = map_of([*spike[:16], *steady])
    assert scale_of([found]).bounds == tuple(80 * level for level in range(1, 8))


def test_waits_outside_of_the_recorded_time_are_listed_separately() -> None:
    found = map_of([Wait(-5_000, 6_000), Wait(900, 200, tid=2)], RunSpan(2, 0, 1000), GridOptions())
    assert (found.before_ns, found.inside_ns, found.after_ns) == (5_000, 1_100, 100)
    svg = render([found], HeatOptions())
    assert "5.000 µs (5,000 ns) of waits, before the beginning" in svg
    assert "100 ns (100 ns) of waits, after the end" in svg


@pytest.mark.parametrize("name", NASTY)
def test_any_name_gives_a_valid_picture(name: str) -> None:
    found = map_of([Wait(0, 10, name=name)], RunSpan(1, 0, 100, name=name))
    svg = render([found, found], HeatOptions(name, name, ((name, name),), selection=name))
    data = metadata(svg.encode("utf-8", "strict").decode())
    assert len(data["maps"]) == 2
    assert "<script>alert" not in svg


def test_the_command_in_a_picture_repeats_the_filters_quoted_for_a_shell(run: RunCommand) -> None:
    args = ("-k", "kernel", "--class", "vm page|o'x", "--frame", "vm_fault")
    svg = run("heatmap", EVENTS, "--symbols", SYMBOLS, *args).stdout
    assert metadata(svg)["selection"] == (
        """ -k kernel --class 'vm page|o'"'"'x' --frame vm_fault"""
    )


def test_recordings_are_drawn_below_each_other(run: RunCommand) -> None:
    svg = run("heatmap", EVENTS, RECORDINGS / "events-wakeups.out.gz").stdout
    assert [one["name"] for one in metadata(svg)["maps"]] == ["events", "events-wakeups"]


# ---- how long waits took -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shortest", "longest"),
    [
        (0, 0),
        (0, 1),
        (1, 1),
        (999, 1_000),
        (1_000, 1_000),
        (7, 10**9),
        (10**5, 9 * 10**5),
        (0, 2**64),
    ],
)
def test_bins_hold_every_latency_and_no_bin_at_an_end_is_spare(shortest: int, longest: int) -> None:
    bounds = latency_bounds(shortest, longest)
    assert list(bounds) == sorted(set(bounds))
    assert bounds[0] <= shortest < bounds[1]
    assert bounds[-2] <= longest < bounds[-1]


def test_bins_are_equal_steps_on_a_logarithmic_scale() -> None:
    bounds = latency_bounds(10_000, 900_000)
    assert bounds[:3] == (10_000, 12_590, 15_850)
    assert {round(b / a, 2) for a, b in pairwise(bounds)} == {1.26}
    assert len(latency_bounds(1_000, 10**9)) == 5 * 6 + 2


@pytest.mark.slow
@examples(60)
@given(
    st.lists(
        st.tuples(st.integers(-50, 900), st.integers(0, 400), st.sampled_from("ab")),
        min_size=1,
        max_size=30,
    )
)
def test_each_wait_is_in_the_bin_of_its_length_and_the_column_of_its_end(
    some: list[tuple[int, int, str]],
) -> None:
    waits = [Wait(at, wait, tid=tid, name=name) for tid, (at, wait, name) in enumerate(some)]
    found = latencies_of(waits, RunSpan(len(waits), 0, 1000), 100)
    wanted: Counter[int] = Counter()
    sums: Counter[int] = Counter()
    for at, wait, _ in some:
        column = min(max(at + wait, 0), 1000) // 100
        row = max(number for number, bound in enumerate(found.bounds) if bound <= wait)
        cell = min(column, found.grid.columns - 1) * found.rows + row
        wanted[cell] += 1
        sums[cell] += wait
    assert dict(wanted) == {cell: count for cell, count in enumerate(found.counts) if count}
    assert +sums == {cell: value for cell, value in enumerate(found.sums_ns) if value}
    assert [top >= 0 for top in found.tops] == [count > 0 for count in found.counts]


def test_the_lock_of_a_cell_is_that_with_the_longest_waits_in_it() -> None:
    waits = [Wait(0, 10, name="a"), Wait(0, 10, tid=2, name="a"), Wait(0, 11, tid=3, name="b")]
    found = latencies_of(waits, RunSpan(3, 0, 100), 100)
    tops = {found.row_ids[top][2] for top in found.tops if top >= 0}
    assert tops == {"a", "b"} if found.bounds[1] == 11 else {"a"}


@pytest.mark.slow
def test_latencies_of_a_real_recording_add_up_to_its_report(run: RunCommand) -> None:
    svg = run("heatmap", EVENTS).stdout
    (one,) = metadata(svg)["maps"]
    report = json.loads(run("report", EVENTS, "--format", "json").stdout)
    (section,) = report["sections"]
    assert sum(one["sums"]) == section["kept"]["value"] == 1_386_252_727
    assert sum(one["values"]) == section["kept"]["count"] == 132
    assert "Total: 132 waits, 1.386 s (1,386,252,727 ns)." in svg


def test_sums_of_latencies_beyond_64_bits_are_exact() -> None:
    waits = [Wait(0, 2**62, tid=number) for number in range(9)]
    assert latencies_of(waits).total_ns == 9 * 2**62


def test_the_longest_waits_are_listed_with_their_times(run: RunCommand) -> None:
    root = ET.fromstring(run("heatmap", EVENTS).stdout.encode())
    words = " ".join(root.itertext())
    assert "86.20 ms for vmpfw: --from 11.582569693 --to 11.668768253" in words
    cut = run(
        "report", EVENTS, "--from", "11.582569693", "--to", "11.668768253", "--format", "json"
    )
    assert '"max_ns": 86198560' in cut.stdout


def test_numbers_of_waits_in_the_legend_are_whole_and_follow_each_other() -> None:
    for top in (1, 2, 5, 8, 9, 100, 12_345):
        waits = [Wait(0, 10, tid=number) for number in range(top)]
        scale = scale_with([latencies_of(waits, RunSpan(top, 0, 100))], 0.0)
        ends = [text.replace(",", "").split(" to ") for _, text in scale.words[1:]]
        numbers = [(int(one[0]), int(one[-1])) for one in ends]
        assert numbers[0][0] == 1
        assert numbers[-1][1] == top
        assert all(one[1] + 1 == two[0] for one, two in pairwise(numbers))
        assert [scale.shade(high) for _, high in numbers] == [shade for shade, _ in scale.words[1:]]
        assert [scale.shade(low) for low, _ in numbers] == [shade for shade, _ in scale.words[1:]]


@pytest.mark.parametrize(
    ("form", "title"),
    [("latency", "how long the wait took (log scale)"), ("offset", "time within the column")],
)
def test_the_vertical_axis_has_a_title(run: RunCommand, form: str, title: str) -> None:
    root = ET.fromstring(run("heatmap", EVENTS, "--by", form).stdout.encode())
    titles = [one.text for one in root.iter(f"{SVG}text") if "title-y" in one.get("class", "")]
    assert titles == [title]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["latency", "offset"])
def test_the_command_of_a_picture_names_the_recording(
    run: RunCommand, tmp_path: Path, form: str
) -> None:
    copy = tmp_path / "two words.out.gz"
    copy.write_bytes(EVENTS.read_bytes())
    (one,) = metadata(run("heatmap", copy, "--by", form).stdout)["maps"]
    assert one["file"] == f"'{copy}'"
    piped = run("heatmap", "-", "--by", form, stdin=copy.read_bytes())
    assert metadata(piped.stdout)["maps"][0]["file"] == "REC"


def test_rows_divide_time_only(run: RunCommand) -> None:
    result = run("heatmap", EVENTS, "--rows", 10)
    assert result.exit_code == 2
    assert "--by offset" in result.stderr


# ---- the command ---------------------------------------------------------------------------------


def test_a_recording_without_times_is_an_error_with_a_hint(run: RunCommand) -> None:
    result = run("heatmap", RECORDINGS / "stock-offcpu.out")
    assert result.exit_code == 2
    assert "no single waits were recorded" in result.stderr
    assert "pvprof record events" in result.stderr
    assert run("heatmap", RECORDINGS / "oncpu-default.out").exit_code == 2


def test_a_page_has_the_map_but_no_map_can_be_made_from_it(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    assert run("report", EVENTS, "-q", "-o", page).exit_code == 0
    assert page.read_text().count('class="pvprof-heat"') == 2  # one of each form
    result = run("heatmap", page)
    assert result.exit_code == 2
    assert "no single waits" in result.stderr
    again = tmp_path / "y.html"
    assert run("report", page, "-q", "-o", again).exit_code == 0
    assert 'class="pvprof-heat"' not in again.read_text()


def test_a_page_of_sums_has_no_map(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    assert run("report", RECORDINGS / "stock-offcpu.out", "-q", "-o", page).exit_code == 0
    assert "Waits in time" not in page.read_text()


def test_a_recording_of_waits_that_are_set_aside_draws_a_note_and_fails(
    run: RunCommand, tmp_path: Path
) -> None:
    place = tmp_path / "x.svg"
    linux = RECORDINGS.parent / "linux" / "bpftrace" / "events.pvprof.tar.gz"
    result = run("heatmap", linux, "-o", place)
    assert result.exit_code == 1
    assert "the filters left no stack" in result.stderr
    assert "There is nothing to draw" in place.read_text()
    assert "<script>" not in place.read_text()
    ET.fromstring(place.read_bytes())


def test_a_file_is_overwritten_only_with_force(run: RunCommand, tmp_path: Path) -> None:
    place = tmp_path / "x.svg"
    place.write_text("mine")
    assert run("heatmap", EVENTS, "-o", place).exit_code == 1
    assert place.read_text() == "mine"
    assert run("heatmap", EVENTS, "-o", place, "--force").exit_code == 0
    assert place.read_text().startswith("<?xml")


@pytest.mark.parametrize("column", ["0", "-1", "soon", "10:00:00"])
def test_a_bad_column_length_is_an_error(run: RunCommand, column: str) -> None:
    result = run("heatmap", EVENTS, f"--column={column}")
    assert result.exit_code == 2
    assert column in result.stderr


def test_sums_beside_single_waits_are_reported_as_missing(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "sums.html"
    assert run("report", EVENTS, "-o", page).exit_code == 0
    result = run("heatmap", EVENTS, page, "-o", tmp_path / "x.svg")
    assert result.exit_code == 0
    assert re.search(r"sums have no times: [0-9,]+ ns are in no map", result.stderr)


def test_recordings_of_another_mode_are_named_as_left_out(run: RunCommand, tmp_path: Path) -> None:
    alone, both = tmp_path / "alone.svg", tmp_path / "both.svg"
    assert run("heatmap", EVENTS, "-o", alone, "--title", "x").exit_code == 0
    result = run("heatmap", EVENTS, RECORDINGS / "stock-offcpu.out", "-o", both, "--title", "x")
    assert re.search(r"left out: offcpu: [0-9,]+ ns in \d+ stacks", result.stderr)
    cells = [re.findall(r"<rect [^>]*/>", path.read_text())[1:-1] for path in (alone, both)]
    assert cells[0] == cells[1]
    assert ">offcpu: 145.3 s<" in both.read_text()


def test_two_pictures_fit_into_one_page() -> None:
    found = map_of([Wait(0, 10)], RunSpan(1, 0, 100))
    drawn = element([found], HeatOptions())
    assert "<?xml" not in drawn.text
    assert " id=" not in drawn.text
    assert "<script>" not in drawn.markup
