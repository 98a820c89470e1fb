"""The maps that any bpftrace program prints as JSON, as each release spells them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from helpers.command_line import RunCommand
from helpers.readings import kinds_of, parsed_from

from pvprof.errors import InputError
from pvprof.parse.result import ParseResult


def rows_of(parsed: ParseResult) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for profile in parsed.profiles.values():
        for key, stack, weight in profile:
            found[key.execname, key.name, stack] += weight.value
    return found


def line(kind: str, data: object) -> str:
    return json.dumps({"type": kind, "data": data}) + "\n"


SPELLED = {
    # up to 0.21
    r'"\n    f+1\n    g+22\n,sh"': ("sh", "", "g;f"),
    r'"\n    f+1\n    g+22\n,\n    0x7f00\n,Web Content,7"': ("Web Content", "", "[unknown];-;g;f"),
    r'",\n\t7f86 f+93 (/usr/lib/b.so)\n\tffff 0xffff ([unknown])\n,a"': (
        "a",
        "",
        "[unknown];b.so`f",
    ),
    r'"\n    f+1\n,,mypy"': ("mypy", "", "f"),
    # 0.22 and 0.23
    r'"\\n        f+1\\n        g+22\\n,sh"': ("sh", "", "g;f"),
    r'"\\n        f+1\\n,x\\\"y\\\\z\\n"': ('x"y\\z', "", "f"),
    r'"\\n,\\n        main+3\\n,sh"': ("sh", "", "main"),
    r'"\\n        f+1\\n,[\"sh\",13]"': ("sh", "", "f"),
    r'"[\"\\n        f+1\\n\",\"sh\"],1"': ("sh", "", "f"),
    r'"sh,[1,[\"\\n        f+1\\n\",73]],\\nffffffff8162fb75\\n,a"': (
        *("sh", "a", "f;-;0xffffffff8162fb75"),
    ),
    r'"\\n\\tffffffff81442983 f+51\\n,\\n\\t7f00 main+3 (/a/b)\\n"': ("", "", "b`main;-;f"),
    # from 0.24 on
    r'"\nf+1\ng+22\n,sh"': ("sh", "", "g;f"),
    r'"\nf+1\n,WebContent"': ("WebContent", "", "f"),
    r'"\n,\nmain+3\n,sh"': ("sh", "", "main"),
    r'"\nf+1\n,(sh,13)"': ("sh", "", "f"),
    r'"(\nf+1\n,sh),1"': ("sh", "", "f"),
    r'"sh,(1,(\nf+1\n,77)),\nffffffff815fa39c\n,a"': ("sh", "a", "f;-;0xffffffff815fa39c"),
    r'"\n49daf84ed369fe589b73ea876f2591cd4c3588bb0xfb6f7\n"': (
        *("", "", "49daf84ed369fe589b73ea876f2591cd4c3588bb`0xfb6f7"),
    ),
    # names and numbers only
    r'"sh,12"': ("sh", "", "[no stack]"),
    r'"\uffffffe9"': ("\\xe9", "", "[no stack]"),
}


@pytest.mark.parametrize(("key", "row"), SPELLED.items(), ids=map(str, range(len(SPELLED))))
def test_a_key_is_read_as_each_release_spells_it(key: str, row: tuple[str, str, str]) -> None:
    parsed = parsed_from(f'{{"type": "map", "data": {{"@": {{{key}: 5}}}}}}\n')
    assert parsed.layout == "bpftrace-json"
    assert rows_of(parsed) == {row: 5}
    assert kinds_of(parsed) == {"unit": 1}


def test_the_joined_frames_of_mode_perf_are_split_and_named_a_guess() -> None:
    key = r"\n\tffffffff8171c66fmark_buffer_dirty+15\n,\n\t7ffbfa42075bmain+3(/a/b)\n,sh"
    parsed = parsed_from(f'{{"type": "map", "data": {{"@": {{"{key}": 5}}}}}}\n')
    assert rows_of(parsed) == {("sh", "", "b`main;-;mark_buffer_dirty"): 5}
    assert kinds_of(parsed) == {"unit": 1, "ambiguous-frames": 1}


STACK = "\n    f+1\n,sh"


@pytest.mark.parametrize(
    ("kind", "value", "weight"),
    [
        ("map", 5, (5, 0)),
        ("map", "9007199254740993", (9007199254740993, 0)),
        ("stats", {"count": 3, "average": 2, "total": 6}, (6, 3)),
        ("stats", {"count": 3, "average": 2, "total": "9007199254740993"}, (9007199254740993, 3)),
    ],
)
def test_values_are_numbers_or_statistics(
    kind: str, value: object, weight: tuple[int, int]
) -> None:
    (profile,) = parsed_from(line(kind, {"@ns": {STACK: value}})).profiles.values()
    ((_, _, found),) = profile
    assert found[:2] == weight


def test_averages_are_named() -> None:
    assert kinds_of(parsed_from(line("stats", {"@x": {STACK: 5}})))["no-sums"] == 1


def test_a_histogram_of_times_is_read() -> None:
    rows = [{"max": -1, "count": 1}, {"min": 0, "max": 0, "count": 2}, {"min": 1, "count": 3}]
    for data in ({"@us": rows}, {"@us": {"sh": rows}}):
        (histogram,) = parsed_from(line("hist", data)).histograms
        assert histogram.buckets == ((-1000, 1), (0, 2), (1000, 3))


def test_what_is_no_number_is_another_map() -> None:
    others: dict[str, object] = {
        "@name": {"1": "swapper/0"},
        "@tuple": {"1": [1, "sh"]},
        "@struct": {"1": {"a": 3}},
        "@stack": {"1": "\n        f+1\n"},
        "@text": "x",
    }
    talk = [line("attached_probes", {"probes": 3}), line("printf", "hello\n"), "\n"]
    text = "".join([*talk, *(line("map", {name: one}) for name, one in others.items())])
    parsed = parsed_from(text + line("map", {"@": {STACK: 5}}))
    assert rows_of(parsed) == {("sh", "", "f"): 5}
    assert kinds_of(parsed) == {"unit": 1, "other-maps": len(others)}


def test_a_map_without_keys_is_one_row() -> None:
    assert rows_of(parsed_from(line("map", {"@n": 3}))) == {("", "", "[no stack]"): 3}
    stats = {"count": 3, "average": 2, "total": 6}
    assert rows_of(parsed_from(line("stats", {"@n": stats}))) == {("", "", "[no stack]"): 6}


def test_of_a_map_that_grows_the_last_line_counts() -> None:
    lines = [line("map", {"@": {STACK: value}}) for value in (1, 4, 4)]
    parsed = parsed_from("".join(lines))
    assert rows_of(parsed) == {("sh", "", "f"): 4}
    assert kinds_of(parsed)["several-prints"] == 1


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (line("lost_events", {"events": 12}), "drops"),
        ('{"type": "helper_error", "helper": "map_update_elem", "retcode": -7}\n', "map-full"),
        ('{"type": "helper_error", "helper": "get_stackid", "retcode": -17}\n', "lost-stacks"),
        ('{"type": "map", "data": {"@": {"x": 5\n', "damaged"),
        (line("unheard-of", 3), "damaged"),
        (line("map", {"@": {"x": None}})[:-5] + "\n", "damaged"),
    ],
)
def test_what_is_lost_is_told(bad: str, kind: str) -> None:
    parsed = parsed_from(bad + line("map", {"@": {STACK: 5}}))
    assert rows_of(parsed) == {("sh", "", "f"): 5}
    assert kind in {one.kind for one in parsed.problems if one.severity == "loss"}


def test_a_line_that_is_cut_off_is_a_loss() -> None:
    text = line("map", {"@": {STACK: 5}}) + line("map", {"@": {"x": 3}})[:-9]
    assert kinds_of(parsed_from(text)) == {"unit": 1, "cut-off": 1}


def test_another_line_is_a_note() -> None:
    assert kinds_of(parsed_from(line("map", {"@": {STACK: 5}}) + "done\n"))["bad-line"] == 1


def test_a_program_of_pvprof_without_its_header_is_refused() -> None:
    with pytest.raises(InputError, match="no #pvprof header"):
        parsed_from(line("printf", "#map off_cpu stack\n") + line("map", {"@off_cpu": {STACK: 5}}))


def test_maps_are_chosen_by_name(run: RunCommand) -> None:
    text = line("map", {"@a": {STACK: 5}}) + line("map", {"@ns": {STACK: 7}})
    assert run("fold", "-k", "all", "-", stdin=text.encode()).exit_code == 2
    done = run("fold", "-k", "all", "-", "--profile", "ns", stdin=text.encode())
    assert done.stdout == "sh;f;f 7\n"  # the last is what it waited for
