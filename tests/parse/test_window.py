"""``--from`` and ``--to``: adjacent windows add up to the whole."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise

import pytest
from conftest import FIXTURES, RECORDINGS, read_recording_bytes
from helpers.command_line import RunCommand, assert_is_error
from helpers.readings import parsed_from
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.waits.wakeups import sum_wakeups
from pvprof.errors import UsageError
from pvprof.parse.cut import cut
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult
from pvprof.parse.window import Bound, Window, read_bound

EVENTS = RECORDINGS / "events.out.gz"
WAKEUPS = RECORDINGS / "events-wakeups.out.gz"
STACK = "\n              kernel`trap+0x1\n"
BEGIN_NS, END_NS, WALL_NS = 1000, 3000, 1_795_372_027_000_000_000


def text_of(*waits: tuple[int, int], marks: bool = True) -> str:
    """Write waits, (start, wait) from the begin mark on, each of its own thread."""
    records = [
        f"E {BEGIN_NS + start} {wait} 1 {tid} 0 sh t 0 0 lock{tid}\n{STACK}"
        for tid, (start, wait) in enumerate(waits, 1)
    ]
    begin = [f"B {BEGIN_NS} {WALL_NS}\n"] if marks else []
    end = [f"Z {END_NS} {WALL_NS + END_NS - BEGIN_NS}\n"] if marks else []
    return "".join([*begin, *records, *end])


def window(since: str | None, until: str | None) -> Window:
    return Window(read_bound(since) if since else None, read_bound(until) if until else None)


def inside(text: str, since: str | None, until: str | None) -> list[tuple[int, int]]:
    """Return (start, wait) of the waits in a window, from the begin mark on."""
    events = cut(parsed_from(text), window(since, until), "test").events
    assert events is not None
    starts = (events.start_ns - BEGIN_NS).tolist()
    return list(zip(starts, events.wait_ns.tolist(), strict=True))


# ---- what is cut --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "left"),
    [
        ((0, 100), []),
        ((0, 101), [(100, 1)]),
        ((0, 900), [(100, 100)]),
        ((100, 100), [(100, 100)]),
        ((150, 10), [(150, 10)]),
        ((199, 10), [(199, 1)]),
        ((200, 10), []),
        ((100, 0), [(100, 0)]),
        ((200, 0), []),
        ((99, 0), []),
    ],
)
def test_a_wait_is_cut_to_the_nanosecond(
    wait: tuple[int, int], left: list[tuple[int, int]]
) -> None:
    assert inside(text_of(wait, (900, 1)), "100ns", "200ns") == left


WAITS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda one: (one[0] * 30, one[1] * 7)),
    min_size=1,
    max_size=12,
)


@given(WAITS, st.lists(st.integers(1, 1999), min_size=1, max_size=5, unique=True))
def test_adjacent_windows_add_up_to_the_whole(
    waits: list[tuple[int, int]], edges: list[int]
) -> None:
    text = text_of(*waits)
    bounds = [None, *(f"{edge}ns" for edge in sorted(edges)), None]
    parts = [inside(text, *pair) for pair in pairwise(bounds)]
    assert sum(wait for part in parts for _, wait in part) == sum(wait for _, wait in waits)
    crossings = sum(start < edge < start + wait for start, wait in waits for edge in edges)
    assert sum(map(len, parts)) == len(waits) + crossings
    whole = Counter(waits)
    assert not Counter(one for part in parts for one in part) - whole or crossings


@pytest.mark.slow
@pytest.mark.parametrize("path", [EVENTS, WAKEUPS])
def test_windows_of_a_real_recording_add_up_name_by_name(run: RunCommand, path: object) -> None:
    def totals(*options: object) -> Counter[str]:
        document = json.loads(
            run("report", path, *options, "--format", "json", "-k", "all", "-q").stdout
        )
        return Counter({row["name"]: row["value"] for row in document["sections"][0]["rows"]})

    edges = ("0.5", "1", "1.0000001", "2.25")
    windows: list[tuple[str, ...]] = [("--to", edges[0])]
    windows += [("--from", a, "--to", b) for a, b in pairwise(edges)]
    windows += [("--from", edges[-1])]
    found: Counter[str] = Counter()
    for one in windows:
        found.update(totals(*one))
    assert found == totals()


def test_blocked_and_runnable_of_windows_add_up_too() -> None:
    parsed = read(read_recording_bytes(WAKEUPS.name), "test", ReadOptions(jobs=1))

    def divided(one: ParseResult) -> Counter[object]:
        assert one.events is not None
        assert one.wakeups is not None
        found: Counter[object] = Counter()
        for ending, division in sum_wakeups(one.events, one.wakeups).items():
            found[ending, "blocked"] += division.blocked_ns
            found[ending, "runnable"] += division.runnable_ns
        return found

    bounds = [None, "0.3", "0.9", "1.7", None]
    parts = [cut(parsed, window(*pair), "test") for pair in pairwise(bounds)]
    total: Counter[object] = Counter()
    for part in parts:
        total.update(divided(part))
    assert +total == +divided(parsed)


def test_the_number_of_cut_waits_is_a_note(run: RunCommand) -> None:
    text = text_of((0, 150), (120, 10), (190, 100), (50, 500))
    result = run("fold", "-k", "all", "-", "--from", "100ns", "--to", "200ns", stdin=text.encode())
    assert "note: stdin: 3 x waits cross the edges of the window" in result.stderr
    assert result.stdout.count("\n") == 4


@pytest.mark.slow
def test_the_report_shows_the_window_and_its_length(run: RunCommand) -> None:
    args = ("report", EVENTS, "--from", "2", "--to", "3.5", "-k", "all")
    shown = run(*args).stdout
    assert "Window: 2.000000000 s to 3.500000000 s of 12.91 s (2026-11-22T" in shown
    assert "Duration: 1.500 s" in shown
    assert "of 1.500 s" in shown
    drawn = run("flamegraph", *args[1:]).stdout
    assert "2.000000000 s to 3.500000000 s of 12.91 s" in drawn


@pytest.mark.slow
def test_a_comparison_takes_windows_and_their_lengths(run: RunCommand) -> None:
    args = ("compare", EVENTS, "--vs", WAKEUPS, "--from", "0.5", "--to", "2", "-k", "all")
    each, per_second = (run(*args, *more).stdout for more in ((), ("--per", "second")))
    assert re.search("User-space synchronisation +1.40 s", each)
    assert re.search("User-space synchronisation +932 ms", per_second)  # of 1.5 s


# ---- how a time is written ----------------------------------------------------------------------

S = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("12", Bound("12", 12 * S)),
        ("12.5", Bound("12.5", 12 * S + S // 2)),
        ("0.000000001", Bound("0.000000001", 1)),
        ("12.5s", Bound("12.5s", 12 * S + S // 2)),
        ("300ms", Bound("300ms", 300_000_000)),
        ("1.5us", Bound("1.5us", 1500)),
        ("7ns", Bound("7ns", 7)),
        ("-5", Bound("-5", -5 * S)),
        ("10:00", Bound("10:00", of_day_ns=36_000 * S)),
        ("10:00:00.25", Bound("10:00:00.25", of_day_ns=36_000 * S + S // 4)),
        ("1970-01-02", Bound("1970-01-02", wall_ns=86_400 * S)),
        ("1970-01-01T00:00:01Z", Bound("1970-01-01T00:00:01Z", wall_ns=S)),
        ("1970-01-01T01:00:00+01:00", Bound("1970-01-01T01:00:00+01:00", wall_ns=0)),
        (
            "1970-01-01T00:00:00.123456789Z",
            Bound("1970-01-01T00:00:00.123456789Z", wall_ns=123_456_789),
        ),
    ],
)
def test_a_time_may_be_written_in_many_ways(text: str, bound: Bound) -> None:
    assert read_bound(text) == bound


@pytest.mark.parametrize(
    "text", ["", "x", "1h", "--1", "1e3", "25:00", "2026-13-01", "9" * 30, "ⅷ"]
)
def test_a_text_that_is_no_time_is_refused_with_examples(run: RunCommand, text: str) -> None:
    with pytest.raises(UsageError, match="no time"):
        read_bound(text)
    done = run("fold", "-k", "all", EVENTS, "--from", text)
    assert (done.exit_code, "10:00:00" in done.stderr) == (2, True)


def test_times_of_day_are_those_of_the_recording() -> None:
    text = text_of((0, 100), (500, 100), (1500, 100))
    day = "2026-11-22T18:27:07.0000005Z"
    assert read_bound("2026-11-22T18:27:07Z").wall_ns == WALL_NS
    for since in (day, day.split("T")[1]):
        assert inside(text, since, None) == [(500, 100), (1500, 100)]


def test_a_recording_may_run_over_midnight() -> None:
    midnight = read_bound("2026-11-23").wall_ns
    assert midnight is not None
    text = text_of((0, 100), (1500, 100))
    text = text.replace(str(WALL_NS + END_NS - BEGIN_NS), str(midnight + 1000))
    text = text.replace(str(WALL_NS), str(midnight - 1000))
    assert inside(text, "00:00", None) == [(1500, 100)]


@pytest.mark.parametrize(
    ("since", "until", "left"),
    [("-1500ns", None, 2), ("-0", None, 0), (None, "-1500ns", 1), ("-600ns", "-1ns", 1)],
)
def test_negative_times_are_from_the_end(since: str, until: str, left: int) -> None:
    text = text_of((0, 100), (500, 100), (1500, 100))
    if left:
        assert len(inside(text, since, until)) == left
    else:
        with pytest.raises(UsageError, match="nothing was recorded in this window"):
            inside(text, since, until)


def test_without_marks_the_first_wait_is_the_beginning() -> None:
    text = text_of((300, 100), (500, 100), marks=False)
    assert inside(text, "150ns", None) == [(500, 100)]
    with pytest.raises(UsageError, match="no wall-clock time"):
        inside(text, "10:00", None)


# ---- what has no window -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        ("5", "3", "ends before it begins"),
        ("3", "3", "ends before it begins"),
        ("100", None, "nothing was recorded in this window"),
        (None, "2026-01-01", "nothing was recorded in this window"),
    ],
)
def test_a_window_without_anything_in_it_is_an_error(
    run: RunCommand, since: str | None, until: str | None, reason: str
) -> None:
    options = (("--from", since), ("--to", until))
    done = run("report", EVENTS, *(word for pair in options if pair[1] for word in pair))
    assert (done.exit_code, reason in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "locks", "fold", "flamegraph"])
@pytest.mark.parametrize("name", ["stock-offcpu.out", "oncpu-default.out", "lockstat-1.out"])
def test_sums_have_no_times(run: RunCommand, command: str, name: str) -> None:
    done = run(command, RECORDINGS / name, "--from", "1")
    assert done.exit_code == 2
    assert "--from, --to: needs recordings of mode events; these are sums\n" in done.stderr
    assert "pvprof record events" in done.stderr


def test_sums_without_times_are_named_by_their_mode(run: RunCommand) -> None:
    recording = FIXTURES / "example-lock-patch" / "rwlock" / "offcpu-1.pvprof"
    done = run("report", recording, "--from", "10:00")
    assert assert_is_error(done, code=2).endswith(
        "--from, --to: needs recordings of mode events; these are sums (offcpu)"
    )


def test_sums_beside_single_waits_are_left_out_as_a_loss() -> None:
    text = text_of((0, 100)) + "\nturnstile|x\nkernel`a\n5 1\n"
    parsed = parsed_from(text)
    assert parsed.profiles
    (problem,) = cut(parsed, window("0", None), "test").problems[-1:]
    assert (problem.kind, problem.severity) == ("without-time", "loss")
