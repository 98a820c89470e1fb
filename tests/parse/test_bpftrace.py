"""The output of pvprof's bpftrace programs: JSON, names of any bytes, losses, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.programs import BPFTRACE_PROGRAMS
from helpers.readings import kinds_of
from hypothesis import example, given
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.model.stacks import NO_STACK
from pvprof.parse.read import ReadOptions, read, read_recording
from pvprof.parse.result import ParseResult
from pvprof.parse.text.symbols import Symbols, parse_nm
from pvprof.recording.open import open_recording

ROOT = Path(__file__).parent.parent.parent
LIVE = FIXTURES / "linux" / "bpftrace"
STACK = "\n    __schedule+1560\n    pipe_read+300\n"
FOLDED = "kernel`pipe_read;kernel`__schedule"


def printed(text: str) -> str:
    return json.dumps({"type": "printf", "data": text})


HEADER = printed("#pvprof 1 offcpu linux ns 0.1.0 frames=32\n")
BEGIN = printed("#begin 1000 5000000000000000000\n")
END = printed("#end 9000 5000000000000008000\n")


def text_of(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (HEADER, BEGIN, *lines, END)).encode()


def parsed_from(data: bytes, **options: object) -> ParseResult:
    return read(data, "test", ReadOptions(jobs=1, **options))  # type: ignore[arg-type]


def weights(parsed: ParseResult) -> dict[tuple[str, str, str, str], tuple[int, int]]:
    """Return value and count of sums and single waits by mechanism, name, process and stack."""
    profiles = list(parsed.profiles.values())
    if parsed.events is not None:
        profiles.append(parsed.events.profile())
    return {
        (key.mechanism, key.name, key.execname, stack): weight[:2]
        for profile in profiles
        for key, stack, weight in profile
    }


# ---- real recordings ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", BPFTRACE_PROGRAMS)
def test_a_real_recording_is_complete(mode: str, run: RunCommand) -> None:
    place = LIVE / f"{mode}.pvprof.tar.gz"
    report = json.loads(run("report", place, "-k", "all", "-o", "-", "--format", "json").stdout)
    assert [one["kind"] for one in report["problems"] if one["severity"] != "note"] == []
    (section,) = report["sections"]
    assert section["total"]["value"] == sum(row["value"] for row in section["rows"]) > 0
    assert {row["kind"] for row in section["rows"]} <= KINDS_OF_MODE[mode]
    for made in ("folded", "svg", "html", "speedscope"):
        assert run("report", place, "-k", "all", "-o", "-", "--format", made).exit_code == 0


WAITS = {"kernel", "io", "child", "timer", "ipc", "user"}
KINDS_OF_MODE = {
    "offcpu": WAITS,
    "events": WAITS,
    "path": WAITS | {"runq"},
    "wakeup": WAITS,
    "locks": {"kernel"},
    "runq": {"runq"},
    "oncpu": {"oncpu", "idle"},
    "oncpu-amd64": {"oncpu", "idle"},
}


def test_single_waits_match_an_independent_join() -> None:
    recording = open_recording(str(LIVE / "events.pvprof.tar.gz"))
    since: dict[str, int] = {}
    expected = []
    moments = []
    for line in bytes(recording.data).decode().splitlines():
        record = json.loads(line)
        words = str(record["data"]).split("\n")[0].split()
        if record["type"] == "printf" and words[0] in ("S", "R"):
            moments.append((int(words[1]), words))
    for time, words in sorted(moments):
        if words[0] == "S":
            since[words[2]] = time
        elif words[2] in since:
            expected.append(time - since.pop(words[2]))
    events = read_recording(recording, ReadOptions()).events
    assert events is not None
    assert sorted(events.wait_ns.tolist()) == sorted(expected)
    assert len(expected) > 20


# ---- sums ---------------------------------------------------------------------------------------


def sums(
    mapping: dict[str, object], parts: str, name: str = "off_cpu", more: tuple[str, ...] = ()
) -> bytes:
    return text_of(
        printed(f"#map {' '.join([name, *parts.split()])}\n"),
        json.dumps({"type": "stats", "data": {f"@{name}": mapping}}),
        *more,
    )


def test_values_and_counts_are_read_by_key() -> None:
    both = {"count": 2, "average": 9, "total": 18}
    parsed = parsed_from(sums({f"{STACK},sh": both}, "stack exec"))
    assert weights(parsed) == {("off-cpu", "", "sh", FOLDED): (18, 2)}
    assert parsed.problems == []
    assert parsed.duration_ns == 8000


def test_a_key_that_occurs_twice_counts_twice() -> None:
    """The user stacks of two processes may be printed as the same text."""
    entry = '"\\n    f+1\\n": {"count": 1, "average": 5, "total": 5}'
    line = f'{{"type": "stats", "data": {{"@off_cpu": {{{entry}, {entry}}}}}}}'
    parsed = parsed_from(text_of(printed("#map off_cpu stack\n"), line))
    assert weights(parsed) == {("off-cpu", "", "", "kernel`f"): (10, 2)}


def test_user_frames_are_delimited_and_alone_are_a_user_stack() -> None:
    key = "\n    f+1\n,\n    main+3\n    0x7f00\n,a b"
    line = json.dumps({"type": "map", "data": {"@on_cpu": {key: 3, ",\n    main+3\n,x": 4}}})
    parsed = parsed_from(text_of(printed("#map on_cpu stack user_stack exec\n"), line))
    assert weights(parsed) == {
        ("on-cpu", "", "a b", "[unknown];main;-;kernel`f"): (3, 0),
        ("user", "", "x", "main"): (4, 0),
    }


@pytest.mark.parametrize(
    ("flags", "event", "lock_class"),
    [
        (1, "spinlock-spin", "spinlock"),
        (3, "rwlock-spin", "rwlock read"),
        (5, "rwlock-spin", "rwlock write"),
        (2, "rwsem-block", "rwsem read"),
        (4, "rwsem-block", "rwsem write"),
        (32, "mutex-block", "mutex"),
        (33, "mutex-spin", "mutex"),
        (18, "percpu-rwsem-block", "percpu-rwsem read"),
        (20, "percpu-rwsem-block", "percpu-rwsem write"),
        (8, "rtmutex-block", "rtmutex"),
        (0, "semaphore-block", "semaphore"),
    ],
)
def test_flags_tell_the_lock_and_whether_it_spins(flags: int, event: str, lock_class: str) -> None:
    both = {"count": 1, "average": 7, "total": 7}
    parsed = parsed_from(sums({f"{STACK},{flags},0": both}, "stack flags address", "lock"))
    (profile,) = parsed.profiles.values()
    ((key, _, weight),) = profile
    assert (key.mechanism, key.lock_class, key.name, weight[:2]) == (event, lock_class, "", (7, 1))


def test_a_lock_in_the_kernels_image_has_its_variables_name() -> None:
    table = parse_nm(b"ffffffff81000000 T start\nffffffff82000000 D tasklist_lock\n", "nm")
    both = {"count": 1, "average": 7, "total": 7}
    entries = {f"{STACK},5,{0xFFFFFFFF82000004}": both, f"{STACK},5,{0xFFFFFFFF82100000}": both}
    data = sums(dict(entries), "stack flags address", "lock")
    parsed = parsed_from(data, symbols=Symbols({"kernel": table}))
    assert {name for _, name, _, _ in weights(parsed)} == {"tasklist_lock", ""}


def test_histograms_keep_their_buckets() -> None:
    rows = [{"max": -1, "count": 1}, {"min": 1024, "max": 2047, "count": 2}]
    lines = (
        printed("#map lock_hist flags address\n"),
        printed("#map off_cpu_hist\n"),
        json.dumps({"type": "hist", "data": {"@lock_hist": {"1,0": rows}}}),
        json.dumps({"type": "hist", "data": {"@off_cpu_hist": rows}}),
    )
    found = {one.key.mechanism: one.buckets for one in parsed_from(text_of(*lines)).histograms}
    assert found == dict.fromkeys(("spinlock-spin", "off-cpu"), ((-1, 1), (1024, 2), (2048, 0)))


def test_histograms_by_stack_have_the_names_of_their_waits(run: RunCommand) -> None:
    def stack(*frames: str) -> str:
        return "".join(f"\n    {frame}+16" for frame in ("schedule", *frames)) + "\n"

    rows = [{"min": 1024, "max": 2047, "count": 2}]
    sleeping, of_others = stack("do_nanosleep", "x"), stack("do_nanosleep", "y")
    reading = stack("pipe_read", "vfs_read")
    value = {"count": 2, "average": 1, "total": 4000}
    text = text_of(
        printed("#map off_cpu stack\n"),
        printed("#map off_cpu_hist stack\n"),
        json.dumps({"type": "stats", "data": {"@off_cpu": {sleeping: value, reading: value}}}),
        json.dumps(
            {
                "type": "hist",
                "data": {"@off_cpu_hist": dict.fromkeys((sleeping, of_others, reading), rows)},
            }
        ),
    )
    report = json.loads(run("report", "-", "-k", "all", "--format", "json", stdin=text).stdout)
    found = {
        row["name"]: (row["kind"], row["count"], row["max_below"]) for row in report["histograms"]
    }
    assert found == {"nanosleep": ("timer", 4, 2048), "pipe read": ("ipc", 2, 2048)}
    kept = json.loads(run("report", "-", "-k", "ipc", "--format", "json", stdin=text).stdout)
    assert [row["name"] for row in kept["histograms"]] == ["pipe read"]
    framed = run("report", "-", "-k", "all", "--frame", "^x$|`x$", "--format", "json", stdin=text)
    assert [row["count"] for row in json.loads(framed.stdout)["histograms"]] == [2]


SHORT: dict[str, object] = {"count": 3, "average": 2, "total": 6}


@pytest.mark.parametrize(
    ("mapping", "parts", "name"),
    [(SHORT, "", "short_off_cpu_d"), ({"off_cpu_d": SHORT}, "event", "short")],
    ids=["now", "older recordings"],
)
def test_summed_short_waits_are_a_note(mapping: dict[str, object], parts: str, name: str) -> None:
    parsed = parsed_from(sums(mapping, parts, name))
    (told,) = (one for one in parsed.problems if one.kind == "set-aside")
    assert (told.count, "off-cpu-d waits shorter than the minimum, 6 ns" in told.text) == (3, True)


@pytest.mark.parametrize("missed", [0, 3])
def test_waits_without_an_end_are_a_loss(missed: int) -> None:
    wait = (sleep(2000, 7), printed("R 3000 7 0"))
    counted = json.dumps({"type": "map", "data": {"@missed": missed}})
    parsed = parsed_from(text_of(printed("#map missed\n"), *wait, counted))
    assert kinds_of(parsed) == ({"missed-ends": missed} if missed else {})


def test_waits_with_their_wakers_are_added_up_by_both_stacks() -> None:
    both = {"count": 2, "average": 9, "total": 18}
    key = f"\n    wake+1\n,{STACK},cat,sh"
    parsed = parsed_from(sums({key: both}, "waker_stack stack exec waker", "woken"))
    assert weights(parsed) == {("off-cpu", "", "cat", FOLDED): (18, 2)}
    assert parsed.endings is not None
    ((ending, division),) = parsed.endings.items()
    assert (ending.execname, ending.waker, ending.key.execname) == ("sh", "kernel`wake", "cat")
    assert tuple(division) == (18, 0, 2)


def test_a_comma_in_one_of_two_names_is_a_warning() -> None:
    both = {"count": 2, "average": 9, "total": 18}
    data = sums({f"\n    w+1\n,{STACK},a,b,c": both}, "waker_stack stack exec waker", "woken")
    assert kinds_of(parsed_from(data)) == {"ambiguous-names": 1}


# ---- single waits -------------------------------------------------------------------------------


def sleep(time: int, tid: int, name: str = "sh", state: int = 0, stack: str = STACK) -> str:
    frames = stack.replace("    ", "        ")
    return printed(f"S {time} {tid} {tid} 0 {state}{frames}.{name}")


def test_waits_are_joined_with_their_ends_and_wakers() -> None:
    lines = (
        sleep(2000, 7, state=2),
        printed("W 2500 7 9 1\n        wake+1\n.cc"),
        printed("R 3000 7 0"),
    )
    parsed = parsed_from(text_of(*lines))
    assert weights(parsed) == {("off-cpu-d", "", "sh", FOLDED): (1000, 1)}
    assert parsed.wakeups is not None
    (waker,) = (parsed.wakeups.keys[number] for number in parsed.wakeups.key_id.tolist())
    assert (parsed.wakeups.row.tolist(), waker.execname) == ([0], "cc")
    assert (parsed.has_begin, parsed.has_end, parsed.problems) == (True, True, [])


def test_a_wait_without_frames_is_kept() -> None:
    parsed = parsed_from(text_of(sleep(2000, 7, stack=""), printed("R 3000 7 0")))
    assert weights(parsed) == {("off-cpu", "", "sh", NO_STACK): (1000, 1)}


ANY_NAME = st.binary(min_size=0, max_size=15).filter(lambda name: b"\0" not in name)


def spelled(name: bytes, is_old: bool) -> str:
    """Return a name as bpftrace puts it into JSON; old versions spell bytes differently."""
    out = b""
    for byte in name:
        short = {0x22: b'\\"', 0x5C: b"\\\\", 0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t"}.get(byte)
        if short is None and byte < 32:
            short = b"\\u%04x" % byte
        if short is None and byte >= 128 and is_old:
            short = b"\\uffffff%02x" % byte
        out += short or bytes([byte])
    return out.decode("latin-1")


@given(ANY_NAME, ANY_NAME, st.booleans())
def test_a_name_of_any_bytes_is_read_back(first: bytes, second: bytes, is_old: bool) -> None:
    lines = [
        HEADER,
        BEGIN,
        printed("#map off_cpu stack exec\n"),
        f'{{"type": "printf", "data": "S 2000 7 7 0 0\\n        f+1\\n.{spelled(first, is_old)}"}}',
        printed("R 3000 7 0"),
        f'{{"type": "stats", "data": {{"@off_cpu": {{"\\n    g+1\\n,{spelled(second, is_old)}":'
        ' {"count": 1, "average": 5, "total": 5}}}}',
        END,
    ]
    data = "".join(f"{line}\n" for line in lines).encode("latin-1")
    if data.count(b"\r\n"):
        return  # a terminal's line ends
    found = {
        stack: key.execname
        for key, stack, _ in [
            *(row for one in parsed_from(data).profiles.values() for row in one),
            *(parsed_from(data).events.profile() if parsed_from(data).events else ()),  # type: ignore[union-attr]
        ]
    }
    assert found == {
        "kernel`f": first.decode("utf-8", "backslashreplace"),
        "kernel`g": second.decode("utf-8", "backslashreplace"),
    }


# ---- losses and damage --------------------------------------------------------------------------


def test_losses_are_counted_by_kind() -> None:
    full = (
        '{"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 2}'
    )
    taken = '{"type": "helper_error", "helper": "get_stackid", "retcode": -17, "line": 1, "col": 2}'
    none = '{"type": "helper_error", "helper": "get_stackid", "retcode": -14, "line": 1, "col": 2}'
    lost = '{"type": "lost_events", "data": {"events": 31}}'
    wait = (sleep(2000, 7), printed("R 3000 7 0"))
    parsed = parsed_from(text_of(full, full, taken, none, lost, lost, *wait))
    assert kinds_of(parsed) == {"drops": 62, "map-full": 2, "lost-stacks": 1}
    assert {one.severity for one in parsed.problems} == {"loss"}
    assert parsed.problems[0].line == 7


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        '{"type": "stats", "data": 5}',
        '{"type": "time", "data": "10:00"}',
        printed("S 1 2 3"),
        printed("S 99999999999999999999 2 3 4 5.sh"),
        printed("something else"),
        '{"type": "printf", "data": "S 1 2 3 4 5.\\ud800"}',
    ],
)
def test_a_damaged_line_is_left_out_and_its_number_reported(line: str) -> None:
    parsed = parsed_from(text_of(sleep(2000, 7), line, printed("R 3000 7 0")))
    assert weights(parsed) == {("off-cpu", "", "sh", FOLDED): (1000, 1)}
    (problem,) = parsed.problems
    assert (problem.kind, problem.line, problem.severity) == ("damaged", 4, "loss")


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        (STACK, "stack exec"),
        (f"{STACK},x", "stack flags"),
        (f"{STACK},5,6", "stack flags"),
        (f"{STACK},sh", "stack exec waker"),
        ("sh", "stack"),
    ],
)
def test_a_key_of_other_parts_is_damaged(key: str, parts: str) -> None:
    wait = (sleep(2000, 7), printed("R 3000 7 0"))
    parsed = parsed_from(sums({key: {"count": 1, "average": 1, "total": 1}}, parts, more=wait))
    assert kinds_of(parsed) == {"damaged": 1}
    assert len(weights(parsed)) == 1


def test_a_value_that_is_no_number_is_damaged() -> None:
    wait = (sleep(2000, 7), printed("R 3000 7 0"))
    for value in (None, "x", {"count": 1}, [1]):
        assert kinds_of(parsed_from(sums({STACK: value}, "stack", more=wait))) == {"damaged": 1}


def test_a_text_that_ends_early_is_a_loss() -> None:
    data = text_of(sleep(2000, 7), printed("R 3000 7 0"), printed("R 4000 8 0"))
    cut = data[: data.index(b"R 4000")]
    assert kinds_of(parsed_from(cut)) == {"cut-off": 1, "no-end-marker": 1}


def test_whole_recordings_of_nothing_open() -> None:
    parsed = parsed_from(text_of(printed("#map off_cpu stack\n")))
    assert kinds_of(parsed) == {"nothing-recorded": 1}


def test_json_of_other_programs_is_another_layout() -> None:
    data = b'{"type": "map", "data": {"@": {"sh": 3}}}\n'
    assert parsed_from(data).layout == "bpftrace-json"
    with pytest.raises(InputError, match="no #pvprof header") as error:
        read(data, "test", ReadOptions(layout="bpftrace"))
    assert "bpftrace-json" in (error.value.hint or "")


def test_a_recording_without_its_header_is_refused() -> None:
    data = sums({STACK: 3}, "stack")
    with pytest.raises(InputError, match="no #pvprof header"):
        parsed_from(data[data.index(b"\n") + 1 :])


def test_maps_that_were_not_announced_are_skipped() -> None:
    line = json.dumps({"type": "map", "data": {"@other": {"sh": 3}}})
    assert kinds_of(parsed_from(text_of(sleep(2000, 7), printed("R 3000 7 0"), line))) == {
        "other-maps": 1
    }


@example(b"#pvprof 1 offcpu stock ns 0.1.0 frames=32\n")
@example(b"#pvprof \n")
@given(st.binary(max_size=300))
def test_any_bytes_behind_the_header_give_records_or_problems(junk: bytes) -> None:
    parsed = parsed_from(f"{HEADER}\n{BEGIN}\n{sleep(2000, 7)}\n".encode() + junk)
    assert "no-end-marker" in kinds_of(parsed)


def test_unusual_messages_of_bpftrace_on_stderr_are_problems(
    tmp_path: Path, run: RunCommand
) -> None:
    place = tmp_path / "x.out"
    place.write_bytes(text_of(sleep(2000, 7), printed("R 3000 7 0")))
    usual = "ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. If ...\n"
    lost = "ERROR: failed to look up stack id -17 (pid -1): -2\n"
    (tmp_path / "x.err").write_text(usual + lost + "WARNING: something is odd\n\n")
    report = json.loads(run("report", place, "-o", "-", "--format", "json").stdout)
    (told,) = report["problems"]
    assert (told["kind"], told["text"]) == ("bpftrace-message", "bpftrace: something is odd")


WAIT = (printed("S 1 1 1 0 0\n        f+16\n.sh"), printed("R 5 1 0"))


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "lost_events", "data": {"events": "x"}}',
        '{"type": "lost_events", "data": 5}',
        '{"type": "stats", "data": [1, 2]}',
        '{"type": "stats", "data": {"@off_cpu": {"\\n,sh": {"count": Infinity, "total": 1}}}}',
    ],
)
def test_a_line_with_values_of_another_type_is_damaged(line: str) -> None:
    announced = printed("#map off_cpu stack exec\n")
    (problem,) = parsed_from(text_of(announced, *WAIT, line)).problems
    assert (problem.kind, problem.line) == ("damaged", 6)


def test_a_time_beyond_64_bits_is_a_loss_with_its_line() -> None:
    late = printed(f"S {10**19 - 1} 1 1 0 2\n        f+16\n.sh")
    (problem,) = parsed_from(text_of(*WAIT, late)).problems
    assert (problem.kind, problem.line, problem.count) == ("damaged", 5, 1)
