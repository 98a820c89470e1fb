"""Reading speedscope files: of any tool, in any unit, and damaged ones."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import RunCommand, assert_is_error, assert_is_result
from helpers.readings import kinds_of, read_or_refuse
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def sampled(**changes: Any) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": "sums",
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": 7,
        "samples": [[0], [0, 1]],
        "weights": [3, 4],
        **changes,
    }


def evented(*events: tuple[str, int, Any], **changes: Any) -> dict[str, Any]:
    return {
        "type": "evented",
        "name": "thread",
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": 100,
        "events": [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events],
        **changes,
    }


def document(*profiles: Any, names: tuple[str, ...] = ("main", "read", "lock")) -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "shared": {"frames": [{"name": name} for name in names]},
        "profiles": list(profiles),
    }


def text_of(*profiles: Any) -> bytes:
    return json.dumps(document(*profiles)).encode()


def parse(*profiles: Any, **options: Any) -> ParseResult:
    return read(text_of(*profiles), "made up", ReadOptions(**options))


def sums_of(parsed: ParseResult) -> dict[str, dict[str, int]]:
    """Map each unit to the value of each stack."""
    return {
        unit: {str(stack): weight.value for _, stack, weight in profile}
        for (unit, _), profile in parsed.profiles.items()
    }


# ---- what a file says ----------------------------------------------------------------------------


def test_samples_are_root_first_and_equal_ones_are_added_up() -> None:
    parsed = parse(sampled(samples=[[0], [0, 1], [0]], weights=[3, 4, 5]))
    assert sums_of(parsed) == {"ns": {"main": 8, "main;read": 4}}
    assert (parsed.records, parsed.problems, parsed.layout) == (3, [], "speedscope")


def test_events_count_for_the_frames_that_are_open() -> None:
    events = (("O", 0, 10), ("O", 1, 12), ("C", 1, 15), ("O", 2, 15), ("C", 2, 21), ("C", 0, 22))
    parsed = parse(evented(*events, startValue=10))
    assert sums_of(parsed) == {"ns": {"main": 3, "main;read": 3, "main;lock": 6}}
    assert parsed.problems == []


def test_the_time_in_which_nothing_is_open_is_no_stack() -> None:
    parsed = parse(evented(("O", 0, 10), ("C", 0, 12), ("O", 0, 50), ("C", 0, 51)))
    assert sums_of(parsed) == {"ns": {"main": 3}}


@pytest.mark.parametrize(
    ("unit", "weight", "wanted"),
    [
        ("nanoseconds", 3, {"ns": 3}),
        ("microseconds", 3, {"ns": 3_000}),
        ("milliseconds", 1.5, {"ns": 1_500_000}),
        ("milliseconds", 0.000001, {"ns": 1}),
        ("seconds", 123_456_789.123_456_7, {"ns": 123_456_789_123_456_700}),
        ("none", 3, {"samples": 3}),
        ("bytes", 4096, {"bytes": 4096}),
    ],
)
def test_every_unit_is_read_exactly(unit: str, weight: Any, wanted: dict[str, int]) -> None:
    parsed = parse(sampled(unit=unit, samples=[[0]], weights=[weight]))
    assert sums_of(parsed) == {one: {"main": value} for one, value in wanted.items()}
    assert kinds_of(parsed) == {}


def test_seconds_since_1970_lose_no_nanosecond() -> None:
    text = text_of(evented(("O", 0, "BEGIN"), ("C", 0, "END"), unit="seconds"))
    text = text.replace(b'"BEGIN"', b"1795372027.596348298").replace(
        b'"END"', b"1795372027.596348299"
    )
    assert sums_of(read(text, "made up", ReadOptions())) == {"ns": {"main": 1}}


def test_values_without_a_unit_have_the_unit_of_the_option() -> None:
    parsed = parse(sampled(unit="none"), sampled(), unit="events")
    assert sums_of(parsed) == {
        "events": {"main": 3, "main;read": 4},
        "ns": {"main": 3, "main;read": 4},
    }


@pytest.mark.parametrize(
    ("stated", "unit"),
    [("fortnights", "fortnights"), ("two words", "samples"), (7, "samples"), (None, "samples")],
)
def test_a_unit_that_the_viewer_does_not_know_is_a_warning(stated: Any, unit: str) -> None:
    parsed = parse(sampled(unit=stated))
    assert list(sums_of(parsed)) == [unit]
    assert kinds_of(parsed) == {"bad-unit": 1}


def test_profiles_of_one_unit_are_added_up_whatever_their_scale() -> None:
    parsed = parse(sampled(), sampled(unit="microseconds"), evented(("O", 0, 1), ("C", 0, 6)))
    assert sums_of(parsed) == {"ns": {"main": 3 + 3_000 + 5, "main;read": 4 + 4_000}}


def test_bytes_and_what_has_no_unit_are_not_added_up(run: RunCommand) -> None:
    text = text_of(sampled(unit="bytes", weights=[4096, 0]), sampled(unit="none", weights=[30, 40]))
    report = run("report", "-", stdin=text).stdout
    assert "CPU samples: 70 (Not classified)" in report
    assert "Bytes: 4.000 KiB (Not classified)" in report


def test_fractions_of_several_profiles_are_added_up_before_they_are_rounded() -> None:
    parsed = parse(*[sampled(unit="none", samples=[[0]], weights=[0.4])] * 3)
    assert sums_of(parsed) == {"samples": {"main": 1}}


@pytest.mark.parametrize(
    ("exporter", "mode"),
    [("py-spy@0.4.1", "py-spy"), ("pyinstrument", "pyinstrument"), ("Some Tool 1.2", "some")],
)
def test_a_profiler_is_named_and_its_time_is_no_off_cpu_time(
    run: RunCommand, exporter: str, mode: str
) -> None:
    text = json.dumps({**document(sampled()), "exporter": exporter}).encode()
    assert read(text, "test", ReadOptions()).mode == mode
    report = run("report", "-", stdin=text).stdout
    assert "Time: 7 ns (Not classified)" in report
    assert "Function  Time" in report
    assert "Off-CPU" not in report
    assert "<title>Time: stdin</title>" in run("flamegraph", "-", stdin=text).stdout
    page = run("report", "-", "--format", "html", "-o", "-", stdin=text).stdout
    assert "Where time was spent" in page
    assert "Off-CPU" not in page.partition("<script")[0]


def test_the_unit_of_a_file_of_our_own_is_read_back(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "x.speedscope.json"
    for unit in ("cycles", "bytes", "page-faults:u"):
        run("fold", "-", "--unit", unit, "-o", path, "-f", stdin=b"a;b 3\n")
        assert run("fold", path).stdout == f"# pvprof folded, unit: {unit}\na;b 3\n"


def test_profiles_of_two_units_are_separate(run: RunCommand) -> None:
    text = text_of(sampled(), sampled(unit="none", weights=[30, 40]))
    assert run("fold", "-k", "all", "-", stdin=text).stdout == "main 3\nmain;read 4\n"
    counted = run("fold", "-k", "all", "-", "--measure", "samples", stdin=text)
    assert counted.stdout == "main 30\nmain;read 40\n"
    assert "--measure ns takes them" in counted.stderr


def test_a_fraction_of_a_sample_is_rounded_once_for_each_stack() -> None:
    parsed = parse(sampled(unit="none", samples=[[0]] * 4 + [[1]], weights=[0.5] * 4 + [0.75]))
    assert sums_of(parsed) == {"samples": {"main": 2, "read": 1}}
    assert kinds_of(parsed) == {"rounded": 1}


def test_frames_of_one_name_are_one_frame() -> None:
    parsed = read(
        json.dumps(document(sampled(), names=("main", "main"))).encode(), "x", ReadOptions()
    )
    assert sums_of(parsed) == {"ns": {"main": 3, "main;main": 4}}


def test_names_are_cleaned_as_everywhere() -> None:
    names = ("a;b", "\x1b[1m\ud800")
    parsed = read(json.dumps(document(sampled(), names=names)).encode(), "x", ReadOptions())
    assert sums_of(parsed) == {"ns": {"a:b": 3, "a:b;\\x1b[1m\\ud800": 4}}


# ---- which file it is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: b"\xef\xbb\xbf \n" + text,
        lambda text: json.dumps(json.loads(text), indent=2).encode(),
        lambda text: json.dumps(json.loads(text), indent=2).replace("\n", "\r\n").encode(),
        lambda text: json.dumps(dict(reversed(json.loads(text).items()))).encode(),
        lambda text: text.replace(b'"$schema"', b'"no-schema"'),
        lambda text: b"{\n" + text[1:] + b"\n\n",
    ],
)
def test_the_layout_is_detected_in_any_json_style(
    change: Callable[[bytes], bytes],
) -> None:
    parsed = read(change(text_of(sampled())), "made up", ReadOptions())
    assert (parsed.layout, sums_of(parsed)) == ("speedscope", {"ns": {"main": 3, "main;read": 4}})


def test_a_large_file_is_recognised_by_its_beginning() -> None:
    names = ("main", "read", *(f"function {number}" for number in range(50_000)))
    made = document(sampled(), names=names)
    for order in (("$schema", "shared", "profiles"), ("shared", "profiles", "$schema")):
        text = json.dumps({name: made[name] for name in order}).encode()
        assert len(text) > 1 << 20
        assert read(text, "made up", ReadOptions()).layout == "speedscope"


def test_a_packed_file_is_read_and_named_without_its_suffixes(
    run: RunCommand, tmp_path: Path
) -> None:
    file = tmp_path / "run.speedscope.json.gz"
    file.write_bytes(gzip.compress(text_of(sampled())))
    report = json.loads(run("report", file, "--format", "json").stdout)
    assert report["recordings"] == ["run"]
    assert report["sections"][0]["total"]["value"] == 7


def test_flamegraph_and_report_read_it_too(run: RunCommand) -> None:
    for command in ("flamegraph", "report", "locks"):
        assert_is_result(run(command, "-", stdin=text_of(sampled(), evented(("O", 0, 1)))))


# ---- which profiles ------------------------------------------------------------------------------


def test_profiles_are_chosen_by_their_names(run: RunCommand) -> None:
    text = text_of(sampled(name="sh (tid 1)"), sampled(name="cc (tid 2)", weights=[30, 40]))
    assert (
        run("fold", "-k", "all", "-", "--profile", "tid 2", stdin=text).stdout
        == "main 30\nmain;read 40\n"
    )
    assert run("fold", "-k", "all", "-", "--profile", "^(sh|cc) ", stdin=text).stdout == (
        "main 33\nmain;read 44\n"
    )


def test_a_name_that_no_profile_has_is_an_error_that_lists_the_names(run: RunCommand) -> None:
    text = text_of(*(sampled(name=f"thread {number}") for number in range(7)))
    result = run("fold", "-k", "all", "-", "--profile", "missing", stdin=text)
    assert "no profile matches --profile missing" in assert_is_error(result, 2)
    assert "'thread 0', " in result.stderr
    assert "2 more" in result.stderr


def test_folded_stacks_have_no_profiles_to_choose(run: RunCommand) -> None:
    result = run("fold", "-k", "all", "-", "--profile", "x", stdin=b"a;b 3\n")
    assert "only files of speedscope and pprof have profiles" in assert_is_error(result, 2)


# ---- damage --------------------------------------------------------------------------------------

WHOLE = text_of(sampled(), evented(("O", 0, 1), ("C", 0, 2)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        WHOLE + b"}",
        WHOLE.replace(b"3", b"NaN", 1),
        WHOLE.replace(b"3", b"Infinity", 1),
        WHOLE.replace(b"[3,", b"[%s," % (b"9" * 5_000), 1),
        WHOLE.replace(b"[3,", b"[1e%s," % (b"9" * 30), 1),
        b'{"profiles":' + b"[" * 200_000,
        b'{"profiles": []}',
        b'{"profiles": 3, "shared": {"frames": []}}',
        b'{"profiles": [], "shared": []}',
        b'{"profiles": [], "shared": {"frames": {}}}',
        json.dumps(document()).encode(),
        text_of(3),
        text_of(sampled(samples=[], weights=[])),
        text_of(sampled(weights=[0, 0])),
    ],
)
def test_a_file_without_values_is_a_one_line_error(run: RunCommand, text: bytes) -> None:
    for command in ("fold", "flamegraph", "report"):
        assert_is_error(run(command, "-", stdin=text))
    with pytest.raises(InputError):
        read(text, "made up", ReadOptions(layout="speedscope"))


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        (3, "bad-profile"),
        (None, "bad-profile"),
        ({}, "bad-profile"),
        (sampled(type="flame"), "bad-profile"),
        (sampled(type=["sampled"]), "bad-profile"),
        (sampled(weights=[3]), "bad-profile"),
        (sampled(samples=None), "bad-profile"),
        (sampled(weights="34"), "bad-profile"),
        (evented(events={}), "bad-profile"),
        (sampled(samples=[[0], [7]], weights=[0, 4]), "bad-sample"),
        (sampled(samples=[[0], [-1]], weights=[0, 4]), "bad-sample"),
        (sampled(samples=[[0], ["main"]], weights=[0, 4]), "bad-sample"),
        (sampled(samples=[[0], [[0]]], weights=[0, 4]), "bad-sample"),
        (sampled(samples=[[0], 5], weights=[0, 4]), "bad-sample"),
        (sampled(weights=[-3, 0]), "bad-sample"),
        (sampled(weights=[None, 0]), "bad-sample"),
        (sampled(weights=[True, 0]), "bad-sample"),
        (sampled(weights=["3", 0]), "bad-sample"),
        (sampled(weights=[10**100, 0]), "bad-sample"),
        (sampled(samples=[[0], []], weights=[0, 4]), "idle"),
        (evented(events=[3, "x", None, {}, []]), "bad-event"),
        (evented(("O", 9, 1), ("C", 9, 2)), "bad-event"),
        (evented(("X", 0, 1)), "bad-event"),
        (evented(("O", 0, "1"), ("C", 0, None)), "bad-event"),
        (evented(("C", 0, 3)), "bad-event"),
    ],
)
def test_wrong_parts_are_counted_and_the_rest_is_kept(profile: Any, problem: str) -> None:
    parsed = parse(sampled(), profile, sampled(weights=[30, 40]))
    assert sums_of(parsed) == {"ns": {"main": 33, "main;read": 44}}
    assert list(kinds_of(parsed)) == [problem]


def test_a_problem_names_its_profile_and_counts_every_sample() -> None:
    parsed = parse(sampled(name="sh", samples=[[0], [7], [8]], weights=[1, 1, 1]))
    (problem,) = parsed.problems
    assert (problem.file, problem.count, problem.severity) == ("made up", 2, "loss")
    assert "profile 'sh'" in problem.text


def test_an_event_out_of_order_is_moved() -> None:
    parsed = parse(evented(("O", 0, 10), ("O", 1, 20), ("C", 1, 19), ("C", 0, 25)))
    assert sums_of(parsed) == {"ns": {"main": 10 + 5}}
    assert kinds_of(parsed) == {"bad-event": 1}


def test_a_frame_closed_below_others_closes_them_too() -> None:
    parsed = parse(
        evented(("O", 0, 0), ("O", 1, 0), ("O", 2, 0), ("C", 1, 5), ("C", 2, 7), ("C", 0, 9))
    )
    assert sums_of(parsed) == {"ns": {"main;read;lock": 5, "main": 4}}
    assert [problem.kind for problem in parsed.problems] == ["bad-event", "bad-event"]


def test_frames_that_stay_open_end_with_the_profile() -> None:
    parsed = parse(evented(("O", 0, 10), ("O", 1, 20), endValue=27))
    assert sums_of(parsed) == {"ns": {"main": 10, "main;read": 7}}
    assert kinds_of(parsed) == {"cut-off": 2}
    unsaid = parse(evented(("O", 0, 10), ("O", 1, 20), endValue="late"))
    assert sums_of(unsaid) == {"ns": {"main": 10}}


def test_frames_without_a_name_are_shown_by_their_index() -> None:
    made = document(sampled())
    made["shared"]["frames"] = [{"file": "x.c"}, 7]
    parsed = read(json.dumps(made).encode(), "x", ReadOptions())
    assert sums_of(parsed) == {"ns": {"[frame 0]": 3, "[frame 0];[frame 1]": 4}}
    assert kinds_of(parsed) == {"bad-frame": 2}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "O", "C", "sampled", "evented", "none", "seconds", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "frame", "at", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places_in(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a JSON document."""
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [above, *(path for key, child in children for path in places_in(child, (*above, key)))]


BASE = document(sampled(), evented(("O", 0, 1), ("O", 1, 2), ("C", 1, 3), ("C", 0, 4)))


@pytest.mark.slow
@examples(3)
@given(st.lists(st.tuples(st.sampled_from(places_in(BASE)[1:]), json_values), max_size=3))
def test_any_damage_gives_records_or_problems_or_one_clear_error(
    damages: list[tuple[tuple[Any, ...], Any]],
) -> None:
    made = copy.deepcopy(BASE)
    for path, value in damages:
        place: Any = made
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier damage took the place away
    text = json.dumps(made).encode()
    parsed = read_or_refuse(text, "speedscope")
    if parsed is None:
        return
    for profile in parsed.profiles.values():
        for _, stack, _ in profile:
            assert all(stack.split(";"))
    if not damages:
        assert parsed.problems == []


def test_a_unit_of_a_tool_can_be_chosen_among_several_tools(
    run: RunCommand, tmp_path: Path
) -> None:
    paths = []
    for tool, units in (("one", ("none", "bytes")), ("two", ("none",))):
        paths.append(tmp_path / f"{tool}.json")
        profiles = [sampled(unit=unit, samples=[[0]], weights=[3]) for unit in units]
        paths[-1].write_text(json.dumps({**document(*profiles), "exporter": tool}))
    note = run("fold", *paths).stderr
    assert "--measure 'one in bytes' takes them" in note
    chosen = run("fold", *paths, "--measure", "one in bytes").stdout
    assert chosen == "# pvprof folded, unit: bytes\nmain 3\n"
