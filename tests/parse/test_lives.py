"""The lives of threads: births and ends, in the text of D programs and in bpftrace's maps."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.threads import UNKNOWN, WORKLOAD
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

BEGIN_NS, END_NS = 1000, 9000
FRAMES = "\n              kernel`fork1+0xf6\n              kernel`sys_fork+0x54\n\n"
Life = tuple[int, int, int, int, int, str]


def field(key: str, text: str) -> str:
    return f"{key}={len(text.encode())}:{text}"


def born(time_ns: int, tid: int, creator: int, name: str = "sh", pid: int = 70) -> str:
    return f"S {time_ns} {tid} {pid} 1 runq-new 0 {creator} {field('exec', name)}\n.\n"


def slept(time_ns: int, tid: int, name: str = "sh", pid: int = 70) -> str:
    names = f"{field('name', 'pipe')} {field('class', '')} {field('exec', name)}"
    return f"S {time_ns} {tid} {pid} 1 sleepq ff10 0 {names}\n{FRAMES}.\n"


def ran(time_ns: int, tid: int) -> str:
    return f"R {time_ns} {tid} 1\n"


def woken(time_ns: int, tid: int, waker: int) -> str:
    return f"W {time_ns} {tid} {waker} 0 {field('exec', 'sh')}\n{FRAMES}.\n"


def ended(time_ns: int, tid: int, name: str = "sh", pid: int = 70) -> str:
    return f"X {time_ns} {tid} {pid} 1 {field('exec', name)}\n.\n"


def parsed_from(*records: str) -> ParseResult:
    text = f"#pvprof 2 path stock ns 0.1.0 frames=32\n#begin {BEGIN_NS} 5000000000000001000\n"
    text += "".join(records) + f"#end {END_NS} 5000000000000009000\n"
    return read(text.encode(), "test", ReadOptions(jobs=1))


def lives_of(parsed: ParseResult) -> list[Life]:
    """Return tid, pid, parent, birth, death and process of each life, by thread and time."""
    threads = parsed.threads
    assert threads is not None
    columns = (
        threads.tid,
        threads.pid,
        threads.parent_tid,
        threads.born_ns,
        threads.died_ns,
        threads.key_id,
    )
    return sorted(
        (tid, pid, parent, birth, death, threads.keys[key_id].execname)
        for tid, pid, parent, birth, death, key_id in zip(
            *(column.tolist() for column in columns), strict=True
        )
    )


def kinds(parsed: ParseResult) -> dict[str, int]:
    return {problem.kind: problem.count for problem in parsed.problems}


def test_a_thread_lives_from_its_birth_to_its_end_and_has_a_parent() -> None:
    parsed = parsed_from(
        *(born(2000, 11, 0), ran(2100, 11)),
        *(born(3000, 12, 11), woken(3001, 12, 11), ran(3100, 12)),
        *(ended(4000, 12, "cc", pid=71), ended(5000, 11, "make")),
    )
    assert lives_of(parsed) == [
        (11, 70, WORKLOAD, 2000, 5000, "make"),
        (12, 71, 11, 3000, 4000, "cc"),
    ]
    assert parsed.problems == []
    assert parsed.events is not None
    waits = [
        (start, wait, parsed.events.keys[key_id].mechanism)
        for start, wait, key_id in zip(
            parsed.events.start_ns.tolist(),
            parsed.events.wait_ns.tolist(),
            parsed.events.key_id.tolist(),
            strict=True,
        )
    ]
    assert waits == [(2000, 100, "runq-new"), (3000, 100, "runq-new")]
    assert parsed.events.owner_tid.tolist() == [0, 0]  # the creator owns no lock
    assert parsed.wakeups is not None
    assert parsed.wakeups.row.tolist() == [1]


def test_an_id_is_used_again_after_a_death() -> None:
    parsed = parsed_from(
        *(born(2000, 11, 10), ran(2100, 11), slept(2200, 11), ran(2300, 11), ended(2500, 11, "ls")),
        *(born(3000, 11, 12), ran(3100, 11), ended(4000, 11, "cc")),
        *(born(5000, 11, 13), ran(5100, 11), slept(5200, 11, "last"), ran(5300, 11)),
    )
    assert lives_of(parsed) == [
        (11, 70, 10, 2000, 2500, "ls"),
        (11, 70, 12, 3000, 4000, "cc"),
        (11, 70, 13, 5000, UNKNOWN, "last"),
    ]


def test_threads_that_were_there_before_or_are_there_afterwards() -> None:
    parsed = parsed_from(
        *(slept(2000, 11), ran(2100, 11), ended(3000, 11)),
        *(slept(2000, 12), ran(2200, 12)),
        ended(3000, 13, "unseen"),
        born(4000, 14, 12),
    )
    assert lives_of(parsed) == [
        (11, 70, UNKNOWN, UNKNOWN, 3000, "sh"),
        (12, 70, UNKNOWN, UNKNOWN, UNKNOWN, "sh"),
        (13, 70, UNKNOWN, UNKNOWN, 3000, "unseen"),
        (14, 70, 12, 4000, UNKNOWN, "sh"),
    ]
    assert kinds(parsed) == {"open-waits": 1}


def test_a_birth_after_a_birth_begins_another_life() -> None:
    parsed = parsed_from(born(2000, 11, 10), ran(2100, 11), born(3000, 11, 12), ran(3100, 11))
    assert [life[2:5] for life in lives_of(parsed)] == [(10, 2000, UNKNOWN), (12, 3000, UNKNOWN)]


def test_an_end_after_an_end_is_none() -> None:
    parsed = parsed_from(born(2000, 11, 10), ran(2100, 11), ended(3000, 11), ended(3005, 11, "no"))
    assert lives_of(parsed) == [(11, 70, 10, 2000, 3000, "sh")]


def test_a_thread_ends_no_earlier_than_its_last_wake_up() -> None:
    parsed = parsed_from(
        *(born(2000, 11, 10), ran(2100, 11), slept(2000, 12), woken(2500, 12, 11), ran(2600, 12)),
        *(ended(3000, 11), slept(2900, 12), woken(3050, 12, 11), ran(3100, 12)),
        *(born(4000, 11, 10), ran(4100, 11), ended(5000, 11)),
        *(slept(4200, 12), woken(4300, 12, 11), ran(4400, 12)),
    )
    lives = [life[3:5] for life in lives_of(parsed) if life[0] == 11]
    assert lives == [(2000, 3050), (4000, 5000)]


def test_recordings_of_waits_alone_have_no_lives() -> None:
    assert parsed_from(slept(2000, 11), ran(2100, 11)).threads is None


def preempted(time_ns: int, tid: int) -> str:
    return f"S {time_ns} {tid} 70 1 runq-preempted 0 0 {field('exec', 'sh')}\n{FRAMES}.\n"


def test_a_move_to_another_run_queue_is_no_wake_up() -> None:
    parsed = parsed_from(
        *(slept(2000, 11), woken(2100, 11, 21), woken(2200, 11, 22), ran(2300, 11)),
        *(preempted(3000, 11), woken(3100, 11, 23), ran(3200, 11)),
        *(preempted(4000, 11), woken(4200, 11, 24), ran(4201, 11)),
        *(slept(4202, 11), woken(4300, 11, 25), ran(4400, 11)),
    )
    assert parsed.wakeups is not None
    rows = dict(zip(parsed.wakeups.waker_tid.tolist(), parsed.wakeups.row.tolist(), strict=True))
    assert rows == {21: 0, 22: -1, 23: -1, 24: -1, 25: 3}
    assert kinds(parsed) == {"repeated-wakeups": 1, "lone-wakeups": 2}


@pytest.mark.parametrize(
    "name", ["", "a\nX 1 2 3 4 exec=1:b\n.\n", "= 5 5", "\n.\n", "X 3000 11 70 1", "naïve"]
)
def test_a_process_may_have_any_name(name: str) -> None:
    parsed = parsed_from(born(2000, 11, 10, name), ran(2100, 11), ended(3000, 11, name))
    assert lives_of(parsed) == [(11, 70, 10, 2000, 3000, name)]
    assert kinds(parsed) == {}


@pytest.mark.parametrize(
    ("damaged", "kind"),
    [
        ("X 3000 11 70 1 exec=9:sh\n.\n", "damaged"),
        ("X 3000 11 70 1 exec=2:sh\n", "damaged"),
        ("X 3000 11 70 exec=2:sh\n.\n", "stray-lines"),
        (f"X {1 << 63} 11 70 1 exec=2:sh\n.\n", "damaged"),
        (f"X 3000 11 {'9' * 5000} 1 exec=2:sh\n.\n", "stray-lines"),
    ],
)
def test_a_damaged_end_is_counted_and_the_rest_is_read(damaged: str, kind: str) -> None:
    parsed = parsed_from(
        born(2000, 11, 10), ran(2100, 11), damaged, born(4000, 12, 10), ran(4100, 12)
    )
    assert [(life[0], life[4]) for life in lives_of(parsed)] == [(11, UNKNOWN), (12, UNKNOWN)]
    problems = {problem.kind: problem.severity for problem in parsed.problems}
    assert problems[kind] == "loss"


@st.composite
def records(draw: st.DrawFn) -> list[str]:
    """Return records of all kinds, in any order, of a few threads."""
    made = []
    for _ in range(draw(st.integers(1, 30))):
        time_ns, tid = draw(st.integers(BEGIN_NS, END_NS)), draw(st.integers(1, 4))
        name = draw(st.sampled_from(["sh", "cc", "two words", "X 1 2 3 4"]))
        kind = draw(st.sampled_from([born, slept, ended, ran, woken]))
        if kind is ran:
            made.append(ran(time_ns, tid))
        elif kind is born:
            made.append(born(time_ns, tid, draw(st.integers(0, 4)), name))
        elif kind is woken:
            made.append(woken(time_ns, tid, draw(st.integers(0, 4))))
        else:
            made.append((slept if kind is slept else ended)(time_ns, tid, name))
    return made


@given(records())
def test_whole_pieces_are_read_like_single_records(made: list[str]) -> None:
    whole = parsed_from(*made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WaitRecorder, "add_plain", lambda _self, _piece: False)
        single = parsed_from(*made)
    assert (whole.threads is None) == (single.threads is None)
    if whole.threads is not None:
        assert lives_of(whole) == lives_of(single)
    assert kinds(whole) == kinds(single)
    assert whole.records == single.records


@given(records())
def test_every_birth_and_every_first_end_is_in_one_life(made: list[str]) -> None:
    parsed = parsed_from(*made)
    births = [line for line in made if " runq-new " in line]
    if parsed.threads is None:
        assert not births
        return
    assert (parsed.threads.born_ns != UNKNOWN).sum() == len(births)
    for life in lives_of(parsed):
        assert UNKNOWN in life[3:5] or life[3] <= life[4]


# --- bpftrace ------------------------------------------------------------------------------------

NUMBER, PLACE = 65536 + 1, 1 << 32 | 70
NEVER = [0, 0, 0, ""]


def line(kind: str, data: object) -> str:
    return json.dumps({"type": kind, "data": data}) + "\n"


def a_span(time_ns: int, kind: int, number: int = NUMBER, name: str = "sh") -> list[object]:
    return [time_ns, number << 3 | kind, PLACE, name]


def spans_from(
    spans: dict[str, object], *more: str, begun: int, alive: object = None
) -> ParseResult:
    head = ["#pvprof 2 path linux ns 0.1.0 frames=32\n", "#map stack_of number\n"]
    head += ["#map spans_0 began tid\n", "#map open_spans tid\n", "#map begun\n", "#map missed\n"]
    head.append(f"#begin {BEGIN_NS} 5000000000000001000\n")
    lines = [line("printf", text) for text in head] + list(more)
    lines.append(line("map", {"@stack_of": {str(NUMBER): "\n        __schedule+1\n        f+2\n"}}))
    lines.append(line("map", {"@spans_0": spans}))
    lines.append(line("map", {"@open_spans": alive or {}}))
    lines.append(line("map", {"@begun": begun}))
    lines.append(line("printf", f"#end {END_NS} 5000000000000009000\n"))
    return read("".join(lines).encode(), "test", ReadOptions(jobs=1))


SPANS: dict[str, object] = {
    "2000,11": [a_span(2000, 5, 0), 2100, [2000, NUMBER, 1 << 32 | 9, "starter"]],
    "2200,12": [a_span(2200, 4, 0), 2300, [2200, NUMBER, 11, "sh"]],
    "2400,12": [a_span(2400, 2), 2500, NEVER],
    "2600,12": [a_span(2600, 0), 2800, [2700, NUMBER, 11, "sh"]],
    "2900,12": [a_span(2900, 1), 2950, NEVER],
    "3000,12": [a_span(3000, 3, 0, "cc"), 3000, NEVER],
}


def test_spans_are_waits_and_lives() -> None:
    parsed = spans_from(SPANS, begun=7, alive={"11": a_span(4000, 0)})
    assert lives_of(parsed) == [
        (11, 70, WORKLOAD, 2000, UNKNOWN, "sh"),
        (12, 70, 11, 2200, 3000, "cc"),
    ]
    events = parsed.events
    assert events is not None
    mechanisms = [events.keys[key_id].mechanism for key_id in events.key_id.tolist()]
    assert mechanisms == ["runq-new", "runq-new", "runq-preempted", "off-cpu", "off-cpu-d"]
    assert events.wait_ns.tolist() == [100, 100, 100, 200, 50]
    assert parsed.wakeups is not None
    assert parsed.wakeups.waker_tid.tolist() == [9, 11, 11]
    assert parsed.wakeups.row.tolist() == [0, 1, 3]
    assert kinds(parsed) == {"open-waits": 1}


def test_a_span_that_is_missing_is_a_loss() -> None:
    assert kinds(spans_from(SPANS, begun=9))["not-printed"] == 3
    for key in SPANS:
        rest = {name: span for name, span in SPANS.items() if name != key}
        assert kinds(spans_from(rest, begun=6)) == {"not-printed": 1}, key


def test_the_creator_of_a_thread_that_never_ran_is_unknown() -> None:
    parsed = spans_from({}, begun=2, alive={"11": a_span(2000, 4, 0), "12": a_span(2000, 5, 0)})
    assert [life[2] for life in lives_of(parsed)] == [UNKNOWN, WORKLOAD]


@pytest.mark.parametrize("name", ["sh", "a b\n", 'x"y, [z]'])
@pytest.mark.parametrize(
    ("last_switch", "died_ns"),
    [("2500,11", 2500), ("2600,12", 2600), ("3010,12", 2999)],
    ids=["before the swap", "before the program", "late"],
)
def test_a_thread_that_becomes_the_first_of_its_process_has_another_id(
    name: str, last_switch: str, died_ns: int
) -> None:
    # Thread 12 executes a program. Thread 11, the first of the process, ends; they swap their ids,
    # maybe before its last switch, which cannot be later than the new life of its id.
    time_ns = int(last_switch.partition(",")[0])
    spans: dict[str, object] = {
        "2000,11": [a_span(2000, 5, 0), 2100, [2000, NUMBER, 9, "starter"]],
        "2200,12": [a_span(2200, 4, 0), 2300, [2200, NUMBER, 11, "sh"]],
        last_switch: [a_span(time_ns, 3, 0), time_ns, NEVER],
        "4000,11": [a_span(4000, 3, 0, name), 4000, NEVER],
    }
    parsed = spans_from(spans, line("printf", f"E 3000 12 11 1 {name}"), begun=4)
    assert lives_of(parsed) == [
        (11, 70, WORKLOAD, 2000, died_ns, "sh"),
        (11, 70, 12, 3000, 4000, name),
        (12, 11, 11, 2200, 3000, name),
    ]
    assert kinds(parsed) == {}


@pytest.mark.parametrize("last_switch", ["2500,11", "2600,12"])
def test_a_thread_that_waits_under_its_new_id_has_it_from_then_on(last_switch: str) -> None:
    # As above, but thread 12 waits between the swap and the program: that is no wait of the old 11.
    time_ns = int(last_switch.partition(",")[0])
    spans: dict[str, object] = {
        "2000,11": [a_span(2000, 5, 0), 2100, [2000, NUMBER, 9, "starter"]],
        "2200,12": [a_span(2200, 4, 0), 2300, [2200, NUMBER, 11, "sh"]],
        last_switch: [a_span(time_ns, 3, 0), time_ns, NEVER],
        "2700,11": [a_span(2700, 1), 2720, NEVER],
        "2800,11": [a_span(2800, 2), 2900, NEVER],
        "4000,11": [a_span(4000, 3, 0, "make"), 4000, NEVER],
    }
    parsed = spans_from(spans, line("printf", "E 3000 12 11 1 make"), begun=6)
    assert lives_of(parsed) == [
        (11, 70, WORKLOAD, 2000, time_ns, "sh"),
        (11, 70, 12, 2700, 4000, "make"),
        (12, 11, 11, 2200, 2700, "make"),
    ]
    assert kinds(parsed) == {}


@pytest.mark.parametrize(
    "span",
    [
        [a_span(2000, 7), 2100, NEVER],
        [a_span(2000, 3), 2000],
        [a_span(2000, 0), 1999, NEVER],
        [[1 << 63, 3, PLACE, "sh"], 2000, NEVER],
        [[2000, 3, PLACE, 5], 2000, NEVER],
        ["x", 2000, NEVER],
        {},
    ],
)
def test_a_damaged_span_is_counted_and_the_rest_is_read(span: object) -> None:
    parsed = spans_from(SPANS | {"5000,13": span}, begun=6)
    assert kinds(parsed)["damaged"] == 1
    assert [life[0] for life in lives_of(parsed)] == [11, 12]
