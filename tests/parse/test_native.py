"""pvprof's own grammar: records are read back with any names and cut at any byte."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import RECORDINGS, read_recording_bytes
from helpers import native_writer as writer
from helpers.command_line import RunCommand, csv_rows
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError, PvprofError, UsageError
from pvprof.model.problems import Problem
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import NO_STACK, Stack, frames_of
from pvprof.parse.detect import detect
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult
from pvprof.parse.text.frames import FrameNames, decode
from pvprof.units import format_ns

Groups = dict[Key, dict[Stack, Weight]]

TEXTS = st.one_of(
    st.sampled_from(writer.ADVERSARIAL),
    st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"0")),
)
FUNCTIONS = st.sampled_from(["turnstile_wait", "__rw_wlock_hard", "pmap_enter", "vm_fault", "a->b"])
KERNEL = st.lists(FUNCTIONS.map(lambda name: f"kernel`{name}"), max_size=4)
USER = st.lists(FUNCTIONS.map(lambda name: f"libc.so.7`{name}"), max_size=3)
EVENTS = st.sampled_from(["turnstile", "sleepq", "rw-block", "on-cpu", "user", "runq-woken"])
FIELDS = st.dictionaries(st.sampled_from(["name", "exec", "class", "sleeper"]), TEXTS)


class Aggregated(NamedTuple):
    """One ``>`` record; frames leaf first and without offset."""

    event: str
    fields: dict[str, bytes]
    kernel: list[str]
    user: list[str]
    values: tuple[int, ...]

    def lines(self) -> writer.Lines:
        kernel, user = (
            [f"{frame}+0x1f".encode() for frame in frames] for frames in (self.kernel, self.user)
        )
        return writer.record(self.event, self.fields, kernel, self.values, user)

    def stack(self) -> Stack:
        kernel, user = self.kernel[::-1], self.user[::-1]
        frames = [*user, "-", *kernel] if user and kernel else user + kernel
        return Stack(";".join(frames)) if frames else NO_STACK

    def key(self) -> Key:
        texts = {key: decode(text) for key, text in self.fields.items()}
        return Key(
            self.event,
            texts.get("name", ""),
            texts.get("exec", ""),
            texts.get("sleeper", ""),
            texts.get("class", ""),
        )


AGGREGATED = st.builds(
    Aggregated,
    EVENTS,
    FIELDS,
    KERNEL,
    USER,
    st.one_of(
        st.tuples(st.integers(0, 1 << 62), st.integers(0, 1 << 40)), st.tuples(st.integers(0, 99))
    ),
)


def wanted_groups(some: list[Aggregated], width: int) -> Groups:
    """Add up records of `width` values, independently of pvprof."""
    groups: Groups = {}
    for one in some:
        if len(one.values) != width:
            continue
        stacks = groups.setdefault(one.key(), {})
        value, count, records = stacks.get(one.stack(), (0, 0, 0))
        count += one.values[1] if width > 1 else 0
        stacks[one.stack()] = Weight(value + one.values[0], count, records + 1)
    return groups


def groups_of(parsed: ParseResult, width: int) -> Groups:
    profile = parsed.profiles.get(("ns", width > 1))
    return {} if profile is None else {key: dict(profile.groups[key]) for key in profile.groups}


def parse(
    text: bytes, jobs: int = 1, piece: int = 2_000_000, share: int = 24_000_000
) -> ParseResult:
    """Return the result of a text; small pieces and shares stand for those of megabytes."""
    options = ReadOptions(jobs=jobs, piece_bytes=piece, min_share_bytes=share)
    return read(text, "law", options)


def kinds(parsed: ParseResult) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in parsed.problems:
        found[one.kind] += one.count
    return found


def problem(parsed: ParseResult, kind: str) -> Problem:
    (found,) = [one for one in parsed.problems if one.kind == kind]
    return found


# ------------------------------------------------------------------------------ aggregated records


@given(st.lists(AGGREGATED, min_size=1, max_size=8), st.sampled_from([1, 200, 2_000_000]))
def test_records_with_any_names_are_read_back(some: list[Aggregated], size: int) -> None:
    parsed = parse(writer.text_of([one.lines() for one in some]), piece=size)
    for width in (1, 2):
        assert groups_of(parsed, width) == wanted_groups(some, width)
    assert parsed.problems == []
    assert parsed.records == len(some)
    assert (parsed.has_begin, parsed.has_end) == (True, True)


@given(st.lists(AGGREGATED, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_records_is_irrelevant(some: list[Aggregated], rng) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(some)
    rng.shuffle(shuffled)
    first, second = (parse(writer.text_of([one.lines() for one in c])) for c in (some, shuffled))
    assert first.profiles == second.profiles


@examples(0.12)
@given(st.lists(AGGREGATED, min_size=2, max_size=12), st.integers(2, 4))
def test_the_number_of_processes_is_irrelevant(some: list[Aggregated], jobs: int) -> None:
    text = writer.text_of([one.lines() for one in some])
    many = parse(text, jobs, piece=30, share=40)
    assert many.profiles == parse(text).profiles
    assert many.problems == []


@given(st.lists(AGGREGATED, min_size=1, max_size=8))
def test_totals_are_the_sum_of_all_values_to_the_nanosecond(some: list[Aggregated]) -> None:
    parsed = parse(writer.text_of([one.lines() for one in some]))
    total = sum(profile.total for profile in parsed.profiles.values())
    assert total == sum(one.values[0] for one in some)


@pytest.mark.parametrize("name", writer.ADVERSARIAL)
def test_a_name_is_kept_exactly(name: bytes) -> None:
    parsed = parse(writer.text_of([writer.record("sleepq", {"name": name}, [b"kernel`f"], (7, 1))]))
    (key,) = parsed.profiles["ns", True].groups
    assert key == Key("sleepq", decode(name))


def test_frames_that_look_like_records_are_frames() -> None:
    # A program may be called anything, and the frames of its stacks begin with its name.
    odd = [b"> sleepq`main", b"= 5 5`main", b"#end 1 1`main", b". `x", b"-`main", b"0xffffffff80a"]
    parsed = parse(writer.text_of([writer.record("user", {}, odd, (3,))], "oncpu", "samples"))
    ((stack, weight),) = parsed.profiles["samples", False].groups[Key("user")].items()
    assert len(frames_of(stack)) == len(odd)
    assert weight == Weight(3, 0, 1)
    assert not parsed.problems


def test_a_record_of_kernel_and_user_frames_has_the_user_at_the_root() -> None:
    both = writer.record("on-cpu", {}, [b"kernel`leaf"], (3,), [b"a`leaf", b"a`root"])
    parsed = parse(writer.text_of([both], "oncpu", "samples"))
    assert list(parsed.profiles["samples", False].groups[Key("on-cpu")]) == [
        "a`root;a`leaf;-;kernel`leaf"
    ]


def test_histograms_are_read() -> None:
    rows = [(-1, 0), (512, 3), (1024, 4)]
    parsed = parse(writer.text_of([writer.histogram("rw-spin", {"name": b"vm object"}, rows)]))
    (one,) = parsed.histograms
    assert one.key == Key("rw-spin", "vm object")
    assert one.buckets == tuple(rows)
    assert not parsed.problems


# ------------------------------------------------------------------------ cuts, messages, damage


def losses(parsed: ParseResult) -> int:
    return sum(1 for one in parsed.problems if one.severity == "loss")


WAITS = [
    writer.sleep((1100, 77, 5, 0), "turnstile", (0xFF, 3), {"name": b"\n.\n"}, [b"k`f"]),
    writer.wake((1150, 77, 78, 1), {"exec": b"w"}, [b"k`g", b"k`h"]),
    writer.run_again(1200, 77, 0),
    writer.sleep((1300, 77, 5, 0), "sleepq", (0, 0), {"name": b"x", "exec": b"y"}, []),
    writer.run_again(1555, 77, 0, 250),
]
CUT = {
    "aggregates": writer.text_of(
        [
            writer.record("turnstile", {"name": b"a\n= 5 5\n", "class": b"rw"}, [b"k`f"], (17, 2)),
            writer.record("sleepq", {"name": b"", "exec": b"sh "}, [], (12345, 67)),
            writer.histogram("rw-spin", {"name": b"x"}, [(512, 3), (1024, 0)]),
            writer.record("on-cpu", {}, [b"k`f", b"k`g"], (8,), [b"a`b"]),
            [b"#set-aside short sleepq 12345 12\n"],
        ]
    ),
    "events": writer.text_of(WAITS, "events"),
}


def sums_of(parsed: ParseResult) -> dict[tuple[Key, Stack], int]:
    sums = {(k, s): w.value for p in parsed.profiles.values() for k, s, w in p}
    if parsed.events is not None:
        sums |= {(k, s): w.value for k, s, w in parsed.events.profile()}
    return sums


@pytest.mark.parametrize("size", [1, 2_000_000])
@pytest.mark.parametrize("name", CUT)
def test_a_cut_at_any_byte_is_a_loss_and_invents_nothing(name: str, size: int) -> None:
    text = CUT[name]
    whole = sums_of(parse(text))
    opened = 0
    for place in range(len(text)):
        try:
            parsed = parse(text[:place], piece=size)
        except PvprofError:
            continue
        opened += 1
        assert losses(parsed), place
        assert sums_of(parsed).items() <= whole.items(), place
    assert opened > len(text) / 2


@given(st.lists(AGGREGATED, min_size=1, max_size=4), st.data())
def test_a_cut_text_is_a_part_of_the_whole(some: list[Aggregated], data: st.DataObject) -> None:
    text = writer.text_of([one.lines() for one in some])
    place = data.draw(st.integers(0, len(text) - 1))
    whole = {width: wanted_groups(some, width) for width in (1, 2)}
    try:
        parsed = parse(text[:place])
    except PvprofError:
        return
    assert losses(parsed)
    for width in (1, 2):
        for key, stacks in groups_of(parsed, width).items():
            for stack, weight in stacks.items():
                assert weight.records <= whole[width][key][stack].records
                assert weight.value <= whole[width][key][stack].value


def test_a_cut_record_is_named_with_its_line() -> None:
    text = writer.text_of([writer.record("sleepq", {"name": b"x"}, [b"kernel`f"], (5, 5))] * 2)
    cut = problem(parse(text[: text.rindex(b"= 5 5")]), "cut-off")
    assert (cut.line, cut.severity, cut.count) == (6, "loss", 1)


@pytest.mark.slow
@given(st.lists(AGGREGATED, min_size=1, max_size=5), st.data())
def test_messages_between_any_lines_are_problems_and_lose_nothing(
    some: list[Aggregated], data: st.DataObject
) -> None:
    lines = [writer.header(), writer.BEGIN]
    lines += [line for one in some for line in one.lines()]
    lines.append(writer.END)
    drops = data.draw(st.dictionaries(st.integers(0, len(lines)), st.integers(1, 99)))
    merged = b"".join(
        (b"dtrace: %d drops on CPU 5\n" % drops[place] if place in drops else b"") + line
        for place, line in enumerate([*lines, b""])
    )
    parsed = parse(merged)
    for width in (1, 2):
        assert groups_of(parsed, width) == wanted_groups(some, width)
    assert kinds(parsed)["drops"] == sum(drops.values())
    assert {one.kind for one in parsed.problems} <= {"drops"}


def test_messages_in_events_and_histograms_lose_nothing() -> None:
    message = b"dtrace: 2 drops on CPU 0\n"
    lines = [line for chunk in WAITS for line in chunk]
    merged = writer.text_of([[message, line] for line in lines], "events")
    assert sums_of(parse(merged)) == sums_of(parse(CUT["events"]))
    assert kinds(parse(merged))["drops"] == 2 * len(lines)
    rows = [(1, 2), (2, 3)]
    merged = writer.text_of([[message, line] for line in writer.histogram("rw-spin", {}, rows)])
    assert parse(merged).histograms[0].buckets == ((1, 2), (2, 3))


GOOD = b"> sleepq name=1:x\nkernel`f\n= 5 5\n"


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (b"> sleepq name=3:x\nkernel`f\n= 7 7\n", "damaged"),
        (b"> sleepq name=1:xyz\nkernel`f\n= 7 7\n", "damaged"),
        (b"> sleepq name=123456:xyz\nkernel`f\n= 7 7\n", "damaged"),
        (b"> sleepq name=:xyz\nkernel`f\n= 7 7\n", "damaged"),
        (b"> sleepq name=1:x \n= 7 7\n", "damaged"),
        (b"> sleepq name=1:x\nkernel`f\n", "damaged"),
        (b"> sleepq name=1:x\nkernel`f\n= 7x\n", "damaged"),
        (b"> sleepq name=1:x\nkernel`f\n= " + b"7" * 5000 + b"\n", "damaged"),
        (b"S 1 2 3 4 sleepq 0 0 name=1:x\n\n   kernel`f\n\n", "damaged"),
        (b"S 99999999999999999999 2 3 4 sleepq 0 0 name=1:x\n\n.\n", "damaged"),
        (b"S 1 2 3 4 sleepq 0 99999999999999999999 name=1:x\n\n.\n", "damaged"),
        (b"W 99999999999999999999 2 3 4 exec=1:x\n\n.\n", "damaged"),
        (b"? sleepq name=1:x\nno row\n.\n", "damaged"),
        (b"? sleepq name=1:x\n   1 |@ 5\n", "damaged"),
        (b"R 1 2\n", "stray-lines"),
        (b"R 1 2 3 -4\n", "stray-lines"),
        (b"R 1 9223372036854775808 2\nR 9223372036854775808 2 3\n", "stray-lines"),
        (b"kernel`f\n= 7 7\n", "stray-lines"),
        (b">sleepq\n", "stray-lines"),
        (b"> sleepq name=1:x\nkernel`f\n= -7 7\n", "negative-value"),
        (b"> sleepq name=1:x\nkernel`f\n= 9223372036854775807 7\n", "unset-value"),
    ],
)
def test_damage_is_a_loss_and_costs_only_the_damaged_record(damage: bytes, kind: str) -> None:
    text = writer.header() + writer.BEGIN + GOOD + damage + GOOD + writer.END
    parsed = parse(text)
    assert sum(one.total for one in parsed.profiles.values()) == 10
    (loss,) = [one for one in parsed.problems if one.severity == "loss"]
    assert loss.kind == kind
    assert loss.line == 6
    assert not parsed.histograms


def test_a_million_damaged_records_are_one_problem() -> None:
    text = writer.header() + GOOD + b"> sleepq name=3:x\n= 1 1\n" * 1000 + writer.END
    damaged = problem(parse(text), "damaged")
    assert (damaged.count, damaged.line) == (1000, 5)


words = st.sampled_from(
    [
        *(b"> sleepq name=1:x", b"> turnstile", b"kernel`f", b"-", b"= 5 5", b"= 5", b"= x", b"."),
        *(b"? rw-spin", b"  16 |@@@  4", b"", b"  ", b"#begin 1 2", b"#end 3 4", b"#what", b"#end"),
        *(b"S 1 2 3 4 sleepq ff 0 name=1:x exec=1:y", b"R 5 3 4", b"R 6 3 4 5", b"\xff", b"\0"),
        *(b"W 2 3 4 5 exec=1:z", b"              kernel`g", b"dtrace: 3 drops on CPU 1", b"W 1 2"),
        *(
            b"#set-aside short sleepq 5 6",
            b"#pvprof 1 events stock ns 1",
            b"name=9:x",
            b"> x name=9:",
        ),
    ]
)


@examples(3)
@given(
    st.one_of(st.binary(max_size=200), st.lists(words, max_size=25).map(b"\n".join)),
    st.sampled_from([20, 2_000_000]),
)
def test_any_bytes_behind_a_header_give_records_or_one_clear_error(data: bytes, size: int) -> None:
    refusal = ""
    try:
        parsed = parse(writer.header("events") + data, piece=size)
    except PvprofError as error:
        refusal = error.message
    if refusal:
        assert len(refusal.splitlines()) == 1
        return
    assert parsed.records or kinds(parsed)["nothing-recorded"]  # a begin and an end mark
    for _, stack, weight in (row for one in parsed.profiles.values() for row in one):
        assert stack
        assert weight.value >= 0


# ----------------------------------------------------------------------------------- header, marks


@pytest.mark.parametrize(
    "before",
    [
        b"dtrace: script 'x.d' matched 4 probes\n",
        b"Last login: Mon\nFreeBSD 13.2-RELEASE\n\n`turnstile|x`\n",
        b"dtrace: 7 drops on CPU 1\n" * 90,
    ],
)
def test_a_recording_is_detected_after_a_banner(before: bytes) -> None:
    text = before + CUT["aggregates"]
    assert detect(text).name == "pvprof"
    parsed = parse(text)
    assert sums_of(parsed) == sums_of(parse(CUT["aggregates"]))
    assert kinds(parsed)["drops"] == 7 * before.count(b"drops")
    assert kinds(parsed)["banner"] == (3 if b"login" in before else 0)


def test_every_mode_of_another_layout_is_still_that_layout() -> None:
    for name in ("stock-offcpu.out", "events.out.gz", "histogram.out"):
        assert detect(read_recording_bytes(name)).name != "pvprof"


@pytest.mark.parametrize(
    ("header", "message", "hint"),
    [
        (b"#pvprof 3 offcpu stock ns 9.0\n", "grammar 3", "update pvprof"),
        (b"#pvprof 3 quite new words\n", "grammar 3", "update pvprof"),
        (b"#pvprof 1 offcpu stock days 0.1.0\n", "damaged", ""),
        (b"#pvprof 1 offcpu\n", "damaged", ""),
        (b"#pvprof x\n", "damaged", ""),
    ],
)
def test_a_header_of_another_version_is_an_error_with_a_hint(
    header: bytes, message: str, hint: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(header + GOOD)
    assert hint in caught.value.hint


def test_a_text_without_header_cannot_be_forced() -> None:
    with pytest.raises(InputError, match="no #pvprof header"):
        read(GOOD, "x", ReadOptions(layout="pvprof"))


def test_crlf_line_ends_are_undone_but_not_inside_names() -> None:
    text = writer.text_of([writer.record("sleepq", {"name": b"a\r\nb"}, [b"kernel`f"], (5, 5))])
    assert list(parse(text).profiles["ns", True].groups) == [Key("sleepq", "a\r\nb")]
    terminal = text.replace(b"\n", b"\r\n")
    assert parse(terminal).profiles == parse(text).profiles
    assert not parse(terminal).problems


def test_both_clocks_are_kept_and_a_drift_is_a_warning() -> None:
    parsed = parse(writer.text_of([[GOOD]]))
    assert parsed.duration_ns == 8000
    assert parsed.begin is not None
    assert parsed.begin.wall_ns == 1795372027596348298
    for wall, drifts in ((10_000, False), (10_101, True), (9_899, True), (9_900, False)):
        text = writer.header() + b"#begin 0 5\n" + GOOD + b"#end 10000 %d\n" % (wall + 5)
        assert ("clock-drift" in kinds(parse(text))) is drifts, wall


def test_a_missing_end_mark_is_a_loss() -> None:
    missing = problem(parse(writer.header() + writer.BEGIN + GOOD), "no-end-marker")
    assert (missing.severity, missing.line) == ("loss", 5)


def test_text_after_the_end_mark_is_a_warning_unless_it_is_a_message() -> None:
    text = writer.text_of([[GOOD]])
    assert not kinds(parse(text + b"\n"))
    assert kinds(parse(text + b"\ndtrace: 3 drops on CPU 1\n")) == {"drops": 3}
    late = parse(text + GOOD)
    assert kinds(late) == {"after-end": 1}
    assert late.profiles["ns", True].total == 10


def test_two_recordings_in_one_text_are_a_warning() -> None:
    text = writer.text_of([[GOOD]])
    both = parse(text + text)
    assert kinds(both)["second-header"] == 1
    assert both.profiles["ns", True].total == 10
    with pytest.raises(InputError, match="another recording begins"):
        parse(text + writer.text_of([[GOOD]], "oncpu", "samples"))


def test_waits_that_the_recorder_left_out_are_a_note() -> None:
    lines = [b"#set-aside short sleepq 12300 10\n", GOOD, b"#set-aside short sleepq 45 2\n"]
    lines += [b"#set-aside short turnstile 0 0\n"]
    parsed = parse(writer.text_of([lines, [GOOD]]), jobs=3, piece=10, share=20)
    aside = problem(parsed, "set-aside")
    assert (aside.count, aside.severity) == (12, "note")
    assert "12.35 µs" in aside.text
    assert "sleepq" in aside.text


@pytest.mark.parametrize(("kept", "told"), [(b" frames=2", 1), (b" frames=3", 0), (b"", 0)])
def test_stacks_as_deep_as_dtrace_keeps_them_may_lack_their_root(kept: bytes, told: int) -> None:
    frames = ["vm_fault", "trap"]
    records = [Aggregated("turnstile", {}, frames[:many], [], (1, 1)).lines() for many in (1, 2)]
    text = writer.text_of(records).replace(b" 0.1.0\n", b" 0.1.0" + kept + b"\n", 1)
    parsed = parse(text)
    assert kinds(parsed)["full-stacks"] == told
    assert parsed.records == 2


def test_an_unknown_word_is_a_note() -> None:
    unknown = problem(parse(writer.text_of([[GOOD, b"#new 5\n"]])), "unknown-mark")
    assert (unknown.severity, unknown.line) == ("note", 6)


def test_a_unit_cannot_be_given_to_a_recording_that_has_one() -> None:
    text = writer.text_of([[GOOD]])
    with pytest.raises(UsageError, match="--unit"):
        read(text, "x", ReadOptions(unit="samples"))
    assert read(text, "x", ReadOptions(unit="ns")).records == 1


# ------------------------------------------------------------------------------------------ events


class Moment(NamedTuple):
    """One wait record: its letter, time and thread, and the other words of that letter."""

    letter: str
    time: int
    tid: int
    wait: int | None
    name: bytes
    execname: bytes
    frames: tuple[str, ...]

    def lines(self) -> writer.Lines:
        frames = [f"{frame}+0x1".encode() for frame in self.frames]
        if self.letter == "R":
            return writer.run_again(self.time, self.tid, 3, self.wait)
        if self.letter == "W":
            return writer.wake((self.time, self.tid, 9, 1), {"exec": self.execname}, frames)
        some = {"name": self.name, "exec": self.execname}
        return writer.sleep((self.time, self.tid, 4, 2), "sleepq", (0xF0, 7), some, frames)

    def stack(self) -> str:
        return ";".join(self.frames[::-1]) or NO_STACK


PLAIN_NAMES = st.sampled_from([b"x", b"y "])


def moments(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[Moment]]:
    one = st.builds(
        Moment,
        st.sampled_from("SSRRW"),
        st.integers(1, 12),
        st.integers(1, 3),
        st.one_of(st.none(), st.integers(0, 9)),
        names,
        names,
        st.sampled_from([(), ("kernel`a",), ("kernel`b", "kernel`a")]),
    )
    return st.lists(one, min_size=1, max_size=25)


class Wait(NamedTuple):
    """A wait of the slow join: `back` is its R, `until` the latest time at which it may end."""

    place: int
    sleep: Moment
    back: Moment | None
    until: float
    is_lost: bool


def slow_waits(some: list[Moment]) -> list[Wait]:
    """Join thread by thread, record by record: simple enough to be obviously right."""
    found = []
    for tid in sorted({one.tid for one in some}):
        mine = [(one.time, place, one) for place, one in enumerate(some) if one.tid == tid]
        mine = sorted((m for m in mine if m[2].letter != "W"), key=lambda m: m[:2])
        for nth, (_, place, one) in enumerate(mine):
            if one.letter == "R":
                continue
            following = mine[nth + 1][2] if nth + 1 < len(mine) else None
            if following is None:
                found.append(Wait(place, one, None, float("inf"), False))
            elif following.letter == "S":
                found.append(Wait(place, one, None, following.time, True))
            else:
                found.append(Wait(place, one, following, following.time, False))
    return found


class Woken(NamedTuple):
    """Wake-ups of the slow join: the wait (of all) that each ended, and the number of others."""

    ended: list[Wait | None]
    lone: int
    more: int


def slow_wakeups(some: list[Moment], waits: list[Wait]) -> Woken:
    ended: list[Wait | None] = []
    last: dict[Wait, int] = {}
    lone = more = 0
    wakes = sorted((one for one in some if one.letter == "W"), key=lambda one: one.time)
    for nth, one in enumerate(wakes):
        within = [w for w in waits if w.sleep.tid == one.tid]
        within = [w for w in within if w.sleep.time <= one.time <= w.until]
        ended.append(min(within, key=lambda w: (w.sleep.time, w.place), default=None))
        lone += not within
        wait = ended[-1]
        if wait is not None and wait in last:
            ended[last[wait]] = None
            more += 1
        if wait is not None:
            last[wait] = nth
    in_file = [one for one in some if one.letter == "W"]
    order = sorted(range(len(in_file)), key=lambda place: in_file[place].time)
    return Woken([ended[order.index(place)] for place in range(len(in_file))], lone, more)


def check_join(some: list[Moment], parsed: ParseResult) -> None:
    waits = slow_waits(some)
    closed = [wait for wait in sorted(waits) if wait.back is not None]
    events = parsed.events
    assert events is not None
    found = [
        (int(start), int(waited), int(tid), events.keys[key], events.stacks[stack])
        for start, waited, tid, key, stack in zip(
            events.start_ns, events.wait_ns, events.tid, events.key_id, events.stack_id, strict=True
        )
    ]
    wanted = []
    for wait in closed:
        sleep, back = wait.sleep, wait.back
        assert back is not None
        waited = back.time - sleep.time if back.wait is None else back.wait
        key = Key("sleepq", decode(sleep.name), decode(sleep.execname))
        wanted.append((sleep.time, waited, sleep.tid, key, sleep.stack()))
    assert found == wanted
    others = [events.pid, events.cpu, events.owner_tid, events.object_address]
    assert [set(column.tolist()) for column in others] == [
        {value} if closed else set() for value in (4, 2, 7, 0xF0)
    ]
    woken = slow_wakeups(some, waits)
    wakes = [one for one in some if one.letter == "W"]
    assert (parsed.wakeups is None) == (not wakes)
    if parsed.wakeups is not None:
        table = parsed.wakeups
        assert [
            (int(time), int(sleeper), table.keys[key].execname, table.stacks[stack])
            for time, sleeper, key, stack in zip(
                table.time_ns, table.sleeper_tid, table.key_id, table.stack_id, strict=True
            )
        ] == [(one.time, one.tid, decode(one.execname), one.stack()) for one in wakes]
        assert table.row.tolist() == [
            closed.index(wait) if wait in closed else -1 for wait in woken.ended
        ]
        assert (set(table.waker_tid.tolist()), set(table.cpu.tolist())) == ({9}, {1})
    assert not any(map(len, parsed.profiles.values()))
    still = [wait for wait in waits if wait.until == float("inf")]
    counts = kinds(parsed)
    assert counts["lost-waits"] == sum(wait.is_lost for wait in waits)
    assert counts["open-waits"] == len(still)
    assert (counts["lone-wakeups"], counts["repeated-wakeups"]) == (woken.lone, woken.more)
    if still:
        lower = sum(9000 - wait.sleep.time for wait in still)
        assert f" {format_ns(lower)} " in problem(parsed, "open-waits").text


@given(st.one_of(moments(PLAIN_NAMES), moments(TEXTS)), st.sampled_from([1, 150, 2_000_000]))
def test_the_join_matches_a_slow_one(some: list[Moment], size: int) -> None:
    text = writer.text_of([one.lines() for one in some], "events")
    check_join(some, parse(text, piece=size))


@examples(0.12)
@given(moments(TEXTS).filter(lambda some: any(one.letter == "S" for one in some)))
def test_the_halves_of_waits_may_be_in_different_shares(some: list[Moment]) -> None:
    text = writer.text_of([one.lines() for one in some], "events")
    check_join(some, parse(text, jobs=4, piece=60, share=80))


def test_the_columns_of_an_event_are_those_of_the_documents() -> None:
    text = b"""#pvprof 1 events sdt ns 0.1.0
#begin 1 2
S 261831093548 100159 13373 6 turnstile fffff8004309a880 100107 name=10:vm object  exec=2:sh

              kernel`turnstile_wait+0x332
              kernel`__rw_wlock_hard+0x3f8

.
the workload prints something
R 261874135318 100159 2 43041769
#end 3 4
"""
    events = parse(text).events
    assert events is not None
    row = {column: getattr(events, column).tolist() for column in events.columns()[:-2]}
    assert row == {
        "start_ns": [261831093548],
        "wait_ns": [43041769],
        "pid": [13373],
        "tid": [100159],
        "cpu": [6],
        "owner_tid": [100107],
        "object_address": [0xFFFFF8004309A880],
    }
    assert events.keys == (Key("turnstile", "vm object ", "sh"),)
    assert events.stacks == ("kernel`__rw_wlock_hard;kernel`turnstile_wait",)
    assert kinds(parse(text)) == {"stray-lines": 1}
    within = text.replace(b"\n\n.", b"\n\nthe workload prints more\n.")
    assert kinds(parse(within)) == {"stray-lines": 2}
    assert sums_of(parse(within)) == sums_of(parse(text))


def test_times_are_exact_to_the_last_nanosecond() -> None:
    late = (1 << 63) - 2
    some = [
        writer.sleep((late - 7, 2, 1, 3), "sleepq", ((1 << 64) - 1, 0), {"name": b"x"}, []),
        writer.run_again(late, 2, 3),
    ]
    events = parse(writer.text_of(some, "events")).events
    assert events is not None
    assert (int(events.start_ns[0]), int(events.wait_ns[0])) == (late - 7, 7)
    assert int(events.object_address[0]) == (1 << 64) - 1


def test_waits_cut_off_at_the_end_last_at_least_until_the_last_moment_seen() -> None:
    some = [
        writer.sleep((100, 2, 1, 3), "sleepq", (0, 0), {"name": b"x"}, []),
        writer.run_again(450, 9, 3),
    ]
    text = writer.header("events") + b"".join(line for lines in some for line in lines)
    parsed = parse(text)
    assert " 350 ns" in problem(parsed, "open-waits").text
    assert parsed.records == 1


@pytest.mark.parametrize("name", ["plain", "patched", "mixed"])
def test_waits_on_the_fast_path_equal_those_read_one_by_one(name: str) -> None:
    records = []
    for n in range(300):
        some = {"name": b"x" * (n % 5), "exec": b"sh"}
        wait = {"plain": None, "patched": n, "mixed": n if n % 3 else None}[name]
        object_address = n if n % 2 else 0xFFFFF80004309A80 + n
        records += [
            writer.run_again(n * 10 - 1 if n else 0, n % 7, 0, wait),
            writer.sleep((n * 10, n % 7, 1, 0), "sleepq", (object_address, 0), some, [b"kernel`f"]),
            *([writer.wake((n * 10 + 3, n % 7, 8, 0), {"exec": b"w"}, [b"k`g"])] if n % 2 else []),
            writer.run_again(n * 10 + 5, n % 7, 0, wait),
        ]
    body = b"".join(line for lines in records for line in lines)
    assert WaitRecorder(FrameNames()).add_plain(body)
    text = writer.header("events") + body + writer.END
    quick = parse(text, piece=4000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WaitRecorder, "add_plain", lambda *_: False)
        careful = parse(text)
    assert quick.profiles == careful.profiles == {}
    assert quick.events is not None
    assert careful.events is not None
    assert quick.wakeups is not None
    assert careful.wakeups is not None
    for column in ("time_ns", "sleeper_tid", "waker_tid", "cpu", "row"):
        wanted = getattr(careful.wakeups, column)
        assert getattr(quick.wakeups, column).tolist() == wanted.tolist()
    for column in quick.events.columns():
        wanted = getattr(careful.events, column)
        if column == "key_id":  # numbers in the order of first sight, which may differ
            names = [careful.events.keys[key] for key in wanted]
            assert [quick.events.keys[key] for key in quick.events.key_id] == names
        elif column == "stack_id":
            stacks = [careful.events.stacks[stack] for stack in wanted]
            assert [quick.events.stacks[stack] for stack in quick.events.stack_id] == stacks
        else:
            assert getattr(quick.events, column).tolist() == wanted.tolist()


# -------------------------------------------------------------------------------- real recordings


def rewritten(name: str) -> bytes:
    """Return a real recording in the grammar: parsed, then printed by the writer."""
    original = read(read_recording_bytes(name), name, ReadOptions())
    records: list[writer.Lines] = []
    for profile in original.profiles.values():
        for key, stack, weight in profile:
            some = {"name": key.name.encode(), "exec": key.execname.encode()}
            frames = [] if stack == NO_STACK else [f.encode() for f in frames_of(stack)[::-1]]
            values = [weight.value, weight.count] if profile.has_counts else [weight.value]
            records.append(writer.record(key.mechanism, some, frames, values))
    events = original.events
    if events is not None:
        for n in range(len(events)):
            key = events.keys[events.key_id[n]]
            stack = events.stacks[events.stack_id[n]]
            start, tid, cpu = int(events.start_ns[n]), int(events.tid[n]), int(events.cpu[n])
            lock = int(events.object_address[n]), int(events.owner_tid[n])
            some = {"name": key.name.encode(), "exec": key.execname.encode()}
            frames = [frame.encode() for frame in frames_of(stack)[::-1]]
            numbers = (start, tid, int(events.pid[n]), cpu)
            records.append(writer.sleep(numbers, key.mechanism, lock, some, frames))
            records.append(writer.run_again(start + int(events.wait_ns[n]), tid, cpu))
    for one in original.histograms:
        some = {"name": one.key.name.encode()}
        records.append(writer.histogram(one.key.mechanism, some, one.buckets))
    units = {profile.unit for profile in original.profiles.values()} or {"ns"}
    mode = "events" if events is not None else "offcpu"
    return writer.text_of(records, mode, units.pop())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["stock-offcpu.out", "lockstat-provider.out", "events.out.gz", "oncpu.out.gz"]
)
def test_a_real_recording_has_the_same_content_in_the_grammar(name: str, run: RunCommand) -> None:
    original = csv_rows(run("report", RECORDINGS / name, "--format", "csv", "-q"))
    # --offsets: else addresses in programs are one frame in pvprof's own grammar.
    options = ("-", "-q", "--offsets")
    again = csv_rows(run("report", *options, "--format", "csv", stdin=rewritten(name)))
    for row in (*original, *again):
        del row["records"]  # equal stacks of several records were one when they were written
        del row["mode"]  # the header that was written states one
    assert again == original
    fold = run("fold", "-k", "all", RECORDINGS / name, "-q").stdout
    assert run("fold", "-k", "all", *options, stdin=rewritten(name)).stdout == fold


def test_real_events_add_up_to_the_sum_of_their_returns(run: RunCommand) -> None:
    text = rewritten("events.out.gz")
    sleeps = sum(int(n) for n in re.findall(rb"^S (\d+) ", text, re.M))
    returns = sum(int(n) for n in re.findall(rb"^R (\d+) ", text, re.M))
    folded = run("fold", "-", "-q", "-k", "all", stdin=text).stdout
    assert sum(int(line.rpartition(" ")[2]) for line in folded.splitlines()) == returns - sleeps


EXPECTED_OUTPUT = {
    "report": "Duration: 8.000 µs",
    "locks": "350 ns in 2 waits",
    "fold": "k`f;a\\x0a= 5 5\\x0a 17\n",
    "flamegraph": '"k`f","a',
}


@pytest.mark.parametrize("command", EXPECTED_OUTPUT)
@pytest.mark.parametrize("form", ["plain", "gz", "stdin", "directory"])
def test_every_command_opens_every_form(
    command: str, form: str, run: RunCommand, tmp_path: Path
) -> None:
    text = CUT["events"] if command == "locks" else CUT["aggregates"]
    place, stdin = tmp_path / "x.out", None
    if form == "plain":
        place.write_bytes(text)
    elif form == "gz":
        place = tmp_path / "x.out.gz"
        place.write_bytes(gzip.compress(text))
    elif form == "directory":
        place = tmp_path / "x"
        place.mkdir()
        (place / "raw.out").write_bytes(text)
        (place / "manifest.json").write_text('{"schema": 1, "host": "vm", "mode": "offcpu"}')
    else:
        stdin = text
    result = run(command, "-" if form == "stdin" else place, "-k", "all", stdin=stdin)
    assert result.exit_code == 0, result.stderr
    assert EXPECTED_OUTPUT[command] in result.stdout


def test_the_report_shows_the_duration_and_waits_left_out(run: RunCommand) -> None:
    report = run("report", "-", stdin=CUT["aggregates"]).stdout
    assert "sleepq waits shorter than the minimum, 12.35 µs together" in report
    assert "8.000 µs" in report


# ------------------------------------------------------------------------------- what rules make of


def test_the_class_of_a_pv_list_has_its_recorded_class(run: RunCommand) -> None:
    some = {"name": b"pmap pv list", "class": b"rw", "exec": b"sh"}
    text = writer.text_of([writer.record("turnstile", some, [b"kernel`vmspace_exit"], (5, 1))])
    (row,) = csv_rows(run("locks", "-", "--format", "csv", "-q", stdin=text))
    assert (row["kind"], row["class"]) == ("kernel", "pv list (rwlock)")


def test_woken_and_preempted_threads_are_separate_rows(run: RunCommand) -> None:
    some = {"exec": b"cc"}
    text = writer.text_of(
        [writer.record(event, some, [], (5, 1)) for event in ("runq-woken", "runq-preempted")],
        "runq",
    )
    rows = csv_rows(run("report", "-", "--format", "csv", "-q", stdin=text))
    assert [(row["kind"], row["class"], row["name"]) for row in rows] == [
        ("runq", "preempted", "cc"),
        ("runq", "woken", "cc"),
    ]


def test_a_wake_up_is_a_row_of_waker_sleeper_and_wait(run: RunCommand) -> None:
    some = {"name": b"piperd", "exec": b"sh", "sleeper": b"cat", "wait": b"sleepq"}
    text = writer.text_of([writer.record("wakeup", some, [b"kernel`wakeup"], (5, 1))], "wakeup")
    report = json.loads(run("report", "-", "--format", "json", "-q", stdin=text).stdout)
    (row,) = report["sections"][0]["rows"]
    assert (row["kind"], row["name"]) == ("wakeup", "sh -> cat: piperd")


def test_lines_are_counted_from_the_beginning_in_every_share() -> None:
    chunks = [GOOD] * 40 + [b"> sleepq name=3:x\n= 1 1\n"] + [GOOD] * 3
    text = writer.header() + writer.BEGIN + b"".join(chunks) + writer.END
    wanted = text[: text.index(b"name=3")].count(b"\n") + 1
    assert problem(parse(text, jobs=4, piece=100, share=200), "damaged").line == wanted
