"""Pieces of single waits that are read at once: the same as record by record, odd bytes or not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.parse.dtrace.event_records import EventReader
from pvprof.parse.line_cache import FallBackError
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.text.line_fields import ROW_BYTES, LineFields

STACK = b"\n              kernel`trap+0x1\n              kernel`calltrap+0x8\n"
NAMES = (b"vm object", b"a", b"pmap pv list", b"x" * 9, b"x" * 140, b"", b"E 1 2 3 4")
TIMES = st.integers(0, 1 << 40) | st.sampled_from([0, 10**17, 10**18, (1 << 63) - 2, 1 << 63])
IDS = st.integers(0, 300_000) | st.just(-1)
ADDRESSES = st.integers(0, (1 << 64) - 1) | st.just(0)
EVENTS = st.builds(
    lambda start, wait, tid, owner, address, name, letter: (
        b"E %d %d 20 %d 3 sh %b %x %d %b\n" % (start, wait, tid, letter, address, owner, name)
        + STACK
    ),
    *(TIMES, st.integers(0, 1 << 50), IDS, IDS, ADDRESSES),
    *(st.sampled_from(NAMES), st.sampled_from([b"t", b"s"])),
)
HALVES = st.builds(
    lambda time, tid, address, name, kind: {
        "S": b"S %d %d 20 3 turnstile %x 7 name=%d:%b exec=2:sh\n%b\n.\n"
        % (time, tid, address, len(name), name, STACK),
        "W": b"W %d %d 7 3 exec=2:sh\n^kernel`a ff\n%b.\n" % (time, tid, STACK),
        "X": b"X %d %d 20 3 exec=2:sh\n\n.\n" % (time, tid),
        "R": b"R %d %d 3\n" % (time, tid),
        "measured": b"R %d %d 3 55\n" % (time, tid),
    }[kind],
    *(TIMES, st.integers(0, 9), ADDRESSES, st.sampled_from(NAMES)),
    st.sampled_from(["S", "W", "X", "R", "measured"]),
)
# What takes the place of some bytes, at a share of the text.
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 3),
        st.sampled_from([b"", b" ", b"\n", b"\0", b"-", b"x", b"\xff", b"9", b".", b"\n.\n", b"+"]),
    ),
    max_size=2,
)


def damaged(text: bytes, damage: list[tuple[float, int, bytes]]) -> bytes:
    for share, length, odd in damage:
        place = int(share * len(text))
        text = text[:place] + odd + text[place + length :]
    return text


def content(text: bytes, layout: str) -> Any:
    try:
        parsed = read(text, "x", ReadOptions(jobs=1, layout=layout))
    except InputError as error:
        return str(error)
    tables = []
    for table in (parsed.events, parsed.wakeups, parsed.threads):
        if table is not None:
            columns = {name: getattr(table, name).tolist() for name in table.columns()}
            for names, texts in ((table.KEY_IDS, table.keys), (table.STACK_IDS, table.stacks)):
                columns |= {name: [texts[one] for one in columns[name]] for name in names}
            tables.append(columns)
    profiles = {unit: list(profile) for unit, profile in parsed.profiles.items()}
    return tables, profiles, parsed.problems, parsed.records, parsed.open_waits


def assert_same_one_by_one(text: bytes, layout: str, reader: type, method: str) -> None:
    found = content(text, layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, method, lambda _self, _piece: False)
        assert found == content(text, layout)


@given(st.lists(EVENTS, min_size=1, max_size=6), DAMAGE)
def test_events_at_once_equal_those_read_one_by_one(
    events: list[bytes], damage: list[tuple[float, int, bytes]]
) -> None:
    text = b"".join([b"B 1 1000\n", *events, b"\nZ 900000 900999\n"])
    assert_same_one_by_one(damaged(text, damage), "events", EventReader, "_add_at_once")


@given(st.lists(HALVES, min_size=1, max_size=8), DAMAGE)
def test_halves_of_waits_at_once_equal_those_read_one_by_one(
    halves: list[bytes], damage: list[tuple[float, int, bytes]]
) -> None:
    body = damaged(b"".join(halves), damage)
    text = b"#pvprof 2 path stock ns 0.1.0 frames=32\n#begin 1 5\n" + body + b"#end 9 99\n"
    assert_same_one_by_one(text, "pvprof", WaitRecorder, "add_plain")


def fields_of(line: bytes, words: int) -> LineFields:
    return LineFields(line + b"\n" + bytes(ROW_BYTES), np.array([0]), np.array([len(line)]), words)


@given(st.from_regex(rb"[0-9a-fx+ :/`@\-]{1,20}", fullmatch=True))
def test_a_word_is_a_number_only_if_all_of_it_is(word: bytes) -> None:
    first = word.split(b" ")[0]
    fields = fields_of(b"S " + word + b" z", 1)
    for read_column, form, base in (
        (fields.decimals, rb"[0-9]{1,19}", 10),
        (fields.addresses, rb"[0-9a-f]{1,16}", 16),
    ):
        if re.fullmatch(form, first) and (base == 16 or int(first) < (1 << 63) - 1):
            assert read_column(0).tolist() == [int(first, base)]
        else:
            with pytest.raises(FallBackError):
                read_column(0)


@pytest.mark.parametrize("line", [b"S", b"S 1", b"SS 1 2", b"S " + b"1" * ROW_BYTES + b" 2"])
def test_a_line_without_its_words_is_refused(line: bytes) -> None:
    with pytest.raises(FallBackError):
        fields_of(line, 2)


@given(st.lists(st.from_regex(rb"[a-c]{0,20}", fullmatch=True), min_size=1, max_size=9))
def test_texts_are_numbered(texts: list[bytes]) -> None:
    lines = [b"S 1 " + text for text in texts]
    ends = np.cumsum([len(line) + 1 for line in lines]) - 1
    starts = np.append(0, ends[:-1] + 1)
    fields = LineFields(b"\n".join(lines) + b"\n" + bytes(ROW_BYTES), starts, ends, 2)
    first, number = fields.distinct([1])
    assert [fields.text(1, first[one]) for one in number] == texts
    assert [texts.index(texts[line]) for line in first] == sorted(first)
    assert len({texts[line] for line in first}) == len(first)


def test_regular_events_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventReader, "_read_one_by_one", None)
    record = b"E 5 7 20 1 0 sh t fffff8004309a880 0 vm object\n" + STACK
    text = b"B 1 1000\n" + record + record.replace(b"E 5", b"E 50") + b"\nZ 900000 900999\n"
    parsed = read(text, "x", ReadOptions(jobs=1))
    assert (parsed.records, parsed.has_begin, parsed.has_end) == (2, True, True)
