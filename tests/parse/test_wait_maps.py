"""Single waits as the bpftrace program ``events`` prints them: maps that take turns."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.stacks import NO_STACK
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

FRAMES = "\n        __schedule+1560\n        pipe_read+300\n"
FOLDED = "kernel`pipe_read;kernel`__schedule"
SLEEPER, WAKER, CPU = 1001, 1002, 3
NUMBER = 65536 + CPU


def printed(text: str) -> str:
    return json.dumps({"type": "printf", "data": text})


def a_map(name: str, data: object) -> str:
    return json.dumps({"type": "map", "data": {f"@{name}": data}})


ANNOUNCED = ("stack_of number", *(f"waits_{turn} began tid" for turn in range(8)))
ANNOUNCED += ("open tid", "begun", "missed")
STACKS = a_map("stack_of", {str(NUMBER): FRAMES, str(NUMBER + 1): "\n        f+1\n"})


def parsed_from(*lines: str, stacks: str = STACKS) -> ParseResult:
    head = [printed("#pvprof 2 events linux ns 0.1.0 frames=32\n")]
    head += [printed(f"#map {words}\n") for words in ANNOUNCED]
    head.append(printed("#begin 1000 5000000000000000000\n"))
    end = printed("#end 9000 5000000000000008000\n")
    text = "".join(f"{line}\n" for line in (*head, *lines, stacks, end))
    return read(text.encode(), "test", ReadOptions(jobs=1))


def slept(
    began_ns: int, number: int = NUMBER, is_d: bool = False, name: str = "sh"
) -> list[object]:
    return [began_ns, number << 1 | is_d, CPU << 32 | 77, name]


def waits_of(parsed: ParseResult) -> list[tuple[int, int, int, int, int, str, str, str]]:
    """Return start, wait, pid, tid, CPU, mechanism, process and stack of each wait."""
    events = parsed.events
    assert events is not None
    return [
        (
            int(events.start_ns[row]),
            int(events.wait_ns[row]),
            int(events.pid[row]),
            int(events.tid[row]),
            int(events.cpu[row]),
            events.keys[events.key_id[row]].mechanism,
            events.keys[events.key_id[row]].execname,
            str(events.stacks[events.stack_id[row]]),
        )
        for row in range(len(events.wait_ns))
    ]


def kinds(parsed: ParseResult) -> dict[str, int]:
    return {problem.kind: problem.count for problem in parsed.problems}


def test_a_wait_has_all_that_was_recorded_of_it() -> None:
    line = a_map("waits_3", {"2000,1001": [slept(2000, is_d=True, name='a,"b'), 2750]})
    parsed = parsed_from(line, a_map("begun", 1))
    assert waits_of(parsed) == [(2000, 750, 77, SLEEPER, CPU, "off-cpu-d", 'a,"b', FOLDED)]
    assert parsed.problems == []


def test_a_stack_is_known_from_its_own_record_if_the_recording_was_cut_off() -> None:
    text = printed(f"K {NUMBER}{FRAMES}")
    parsed = parsed_from(text, a_map("waits_0", {"2000,1001": [slept(2000), 2750]}), stacks="")
    assert [wait[-1] for wait in waits_of(parsed)] == [FOLDED]


def test_a_map_that_is_printed_twice_counts_once() -> None:
    first = {"2000,1001": [slept(2000), 2750]}
    more = first | {"3000,1001": [slept(3000), 3001]}
    parsed = parsed_from(a_map("waits_0", first), a_map("waits_0", more), a_map("begun", 2))
    assert [wait[:2] for wait in waits_of(parsed)] == [(2000, 750), (3000, 1)]
    assert parsed.problems == []


def test_the_balance_tells_what_was_lost() -> None:
    lines = (
        a_map("waits_0", {"2000,1001": [slept(2000), 2750]}),
        a_map("open", {"1002": slept(5000)}),
        a_map("begun", 10),
        a_map("missed", 3),
        a_map("begun", 0),  # bpftrace prints it again, after the program has cleared it
        a_map("missed", 0),
    )
    parsed = parsed_from(*lines)
    assert kinds(parsed) == {"not-printed": 5, "missed-ends": 3, "open-waits": 1}
    assert "at least 4.000 µs together" in str(parsed.problems)


def test_messages_about_full_maps_are_not_counted_beside_the_balance() -> None:
    full = json.dumps({"type": "helper_error", "helper": "map_update_elem", "retcode": -7})
    line = a_map("waits_0", {"2000,1001": [slept(2000), 2750]})
    assert kinds(parsed_from(line, full, full, a_map("begun", 2))) == {"not-printed": 1}
    assert kinds(parsed_from(line, full, full)) == {"map-full": 2}


def test_a_wake_up_belongs_to_its_wait() -> None:
    woken = [2500, NUMBER + 1, 1 << 32 | WAKER, "waker"]
    never = [0, 0, 0, ""]
    entries = {"2000,1001": [slept(2000), 2750, woken], "2000,1005": [slept(2000), 2100, never]}
    parsed = parsed_from(a_map("waits_0", entries), a_map("begun", 2))
    wakeups = parsed.wakeups
    assert wakeups is not None
    (row,) = wakeups.row.tolist()
    assert waits_of(parsed)[row][:2] == (2000, 750)
    assert (wakeups.time_ns[0], wakeups.waker_tid[0], wakeups.cpu[0]) == (2500, WAKER, 1)
    assert wakeups.keys[wakeups.key_id[0]].execname == "waker"
    assert str(wakeups.stacks[wakeups.stack_id[0]]) == "kernel`f"
    assert parsed.problems == []


def test_a_lost_stack_is_counted_and_its_wait_kept() -> None:
    entries = {"2000,1001": [slept(2000, NUMBER + 9), 2750], "3000,1001": [slept(3000), 3500]}
    parsed = parsed_from(a_map("waits_0", entries), a_map("begun", 2))
    assert [wait[-1] for wait in waits_of(parsed)] == [NO_STACK, FOLDED]
    assert kinds(parsed) == {"lost-stacks": 1}


@pytest.mark.parametrize(
    "entry",
    [
        [],
        [[], 3],
        [slept(2000)],
        [slept(2000), "x"],
        [slept(2000), -3],
        [slept(-5), 20],
        [slept(1 << 70), 20],
        [[2000, 1, 2], 3],
        [[2000, 1, 2, 3], 3],
        [["a", 1, 2, "sh"], 3],
        7,
        "text",
        None,
        [slept(2000), 2100, [1, 2, 3]],
    ],
)
def test_a_damaged_entry_is_left_out_and_counted(entry: object) -> None:
    parsed = parsed_from(a_map("waits_0", {"2000,1001": entry, "4000,1": [slept(4000), 4002]}))
    assert (4000, 2) in [wait[:2] for wait in waits_of(parsed)]
    assert kinds(parsed)["damaged"] == 1


@pytest.mark.parametrize("key", ["", ",", "2000", "a,b", "2000,", "2000,-1", "2000,1e3"])
def test_a_damaged_key_is_left_out_and_counted(key: str) -> None:
    entries = {key: [slept(2000), 2100], "4000,1": [slept(4000), 4002]}
    parsed = parsed_from(a_map("waits_0", entries))
    assert [wait[:2] for wait in waits_of(parsed)] == [(4000, 2)]
    assert kinds(parsed)["damaged"] == 1


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=30),
    st.data(),
)
def test_the_turn_in_which_a_wait_is_printed_changes_nothing(
    lengths: list[tuple[int, int]], data: st.DataObject
) -> None:
    now, waits = 1000, []
    for gap_ns, wait_ns in lengths:  # one after the other, of one thread
        waits.append((now + gap_ns, now + gap_ns + wait_ns))
        now += gap_ns + wait_ns
    turns: list[dict[str, object]] = [{} for _ in range(8)]
    for began_ns, end_ns in waits:
        turn = data.draw(st.integers(0, 7))
        turns[turn][f"{began_ns},{SLEEPER}"] = [slept(began_ns), end_ns]
    lines = [a_map(f"waits_{turn}", entries) for turn, entries in enumerate(turns)]
    again = data.draw(st.lists(st.sampled_from(lines), max_size=3, unique=True))
    parsed = parsed_from(*lines, *again, a_map("begun", len(waits)))
    expected = sorted((began_ns, end_ns - began_ns) for began_ns, end_ns in waits)
    assert sorted(wait[:2] for wait in waits_of(parsed)) == expected
    assert parsed.problems == []
