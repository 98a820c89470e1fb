"""The three ways to read records of pvprof's own grammar: the same result for any text."""

from __future__ import annotations

import gzip
from pathlib import Path
from unittest.mock import patch

import pytest
from helpers import native_writer as writer
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.model.core import WITHOUT_CORE, core_module, stack_columns
from pvprof.model.profile import StackTable
from pvprof.parse.native.plain_sums import NativeSums
from pvprof.parse.native.reader import NativeReader
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.text.frames import FrameNames

FIXTURES = Path(__file__).parent.parent / "fixtures"
needs_core = pytest.mark.skipif(core_module() is None, reason="built without a compiler: no core")

FRAMES = st.lists(
    st.sampled_from(
        [
            b"kernel`trap+0x1f3",
            b"kernel`trap+0x1f4",
            b"kernel`vm_fault",
            b"a.out`outer->inner",
            b"0xffffffff80abcdef",
            b"kernel`caf\xc3\xa9",
            b"kernel`\xff\xfe",
            b"kernel`x;y",
            b"^kernel`trap 0x12",
            b"-",
            b"",
            b"= 5",
            b"= 5 5",
            b"> sleepq",
            b"dtrace: 3 drops on CPU 0",
        ]
    ),
    max_size=4,
)
FIELDS = st.dictionaries(
    st.sampled_from(["name", "exec"]), st.sampled_from(writer.ADVERSARIAL), max_size=2
)
NUMBERS = st.one_of(
    st.integers(0, 99), st.sampled_from([10**15, 10**18 - 1, 10**18, 2**63, 2**64, 10**29, -1])
)
RECORDS = st.builds(
    lambda event, fields, frames, values: b"".join(writer.record(event, fields, frames, values)),
    st.sampled_from(["turnstile", "sleepq"]),
    FIELDS,
    FRAMES,
    st.lists(NUMBERS, min_size=1, max_size=2),
)
PLAIN = st.builds(
    lambda name, frames, values: b"> sleepq name=1:%c\n%b= %d %d\n" % (name, frames, *values),
    st.sampled_from(b"ab"),
    st.sampled_from([b"kernel`f\n", b"kernel`g\nkernel`f\n", b"a.out`main+0x1\n"]),
    st.tuples(st.integers(0, 10**15), st.integers(0, 99)),
)
OTHERS = st.sampled_from(
    [
        b"".join(writer.histogram("rw-spin", {}, [(512, 3)])),
        writer.END + writer.BEGIN,
        b"#set-aside short sleepq 12345 12\n",
        b"a line that belongs to nothing\n",
        b"\n",
        b"> \n",
        b"> sleepq\n= 1 1\n",
        b"> sleepq\nkernel`f\n",
        b"> sleepq\nkernel`f\n= 7 1",
    ]
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Return a text of some records, perhaps cut, perhaps with odd bytes."""
    some = draw(st.lists(st.one_of(PLAIN, PLAIN, RECORDS, OTHERS), min_size=1, max_size=12))
    body = b"".join(some)
    if draw(st.booleans()):
        body = body[: draw(st.integers(0, len(body)))]
    if draw(st.booleans()) and body:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at + 1 :]
    end = draw(st.sampled_from([b"", writer.END]))
    return writer.header() + writer.BEGIN + body + end


def result_of(text: bytes, options: ReadOptions) -> object:
    """Return all that is read of a text, or the error."""
    try:
        parsed = read(text, "x", options)
    except PvprofError as error:
        return type(error), str(error)
    profiles = {
        kind: {key: dict(stacks.items()) for key, stacks in profile.groups.items()}
        for kind, profile in parsed.profiles.items()
    }
    # Not its hex frames: those of a damaged record are among them if they were looked up.
    others = (parsed.histograms, parsed.problems, parsed.records)
    return profiles, others, parsed.begin, parsed.end


def three_ways(text: bytes, options: ReadOptions) -> list[object]:
    """Return the result of the core, of records that are read at once, and line by line."""
    results = [result_of(text, options)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(WITHOUT_CORE, "1")
        results.append(result_of(text, options))
        patched.setattr(NativeReader, "_read_plain", lambda _, start, __: start)
        results.append(result_of(text, options))
    return results


@pytest.mark.parametrize("min_table", [stack_columns.MIN_TABLE, 1])
@examples(2)
@given(texts(), st.sampled_from([1, 100, 2_000_000]))
def test_any_text_has_one_result(min_table: int, text: bytes, piece_bytes: int) -> None:
    options = ReadOptions(jobs=1, piece_bytes=piece_bytes)
    with patch.object(stack_columns, "MIN_TABLE", min_table):
        core, at_once, line_by_line = three_ways(text, options)
    assert core == at_once == line_by_line


@pytest.mark.slow
def test_each_bundled_recording_has_one_result() -> None:
    paths = sorted(FIXTURES.glob("freebsd*/*/raw.out.gz"))
    assert len(paths) > 20
    for path in paths:
        text = gzip.decompress(path.read_bytes())
        core, at_once, line_by_line = three_ways(text, ReadOptions(jobs=1, piece_bytes=20_000))
        assert core == at_once == line_by_line, path


def text_of(count: int) -> bytes:
    """Return a recording of plain records: 90 stacks, and values from 1 on."""
    records = [
        b"> sleepq name=4:wait\nkernel`f%d\nkernel`trap\n= %d 1\n" % (number % 90, number)
        for number in range(1, count + 1)
    ]
    return writer.header() + writer.BEGIN + b"".join(records) + writer.END


@needs_core
def test_plain_records_are_added_up_by_the_core_alone() -> None:
    def refuse(*_: object) -> int:
        raise AssertionError("Python read a plain record")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(NativeReader, "_add_plain", refuse)
        parsed = read(text_of(1000), "x", ReadOptions(jobs=1))
    assert (parsed.profiles["ns", True].total, parsed.records) == (500_500, 1000)


@needs_core
def test_the_core_goes_on_behind_an_odd_record(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(1000).replace(b"kernel`f7\n", b"kernel`f7\n\n")
    read_by_python = []
    add_plain = NativeReader._add_plain

    def spied(reader: NativeReader, record: bytes) -> bool:
        read_by_python.append(record)
        return add_plain(reader, record)

    monkeypatch.setattr(NativeReader, "_add_plain", spied)
    parsed = read(text, "x", ReadOptions(jobs=1))
    assert (parsed.profiles["ns", True].total, parsed.records) == (500_500, 1000)
    assert len(read_by_python) == 12  # 7, 97, 187, ...


@needs_core
def test_very_many_stacks_stay_columns_if_no_record_is_odd() -> None:
    with patch.object(stack_columns, "MIN_TABLE", 90):
        parsed = read(text_of(1000), "x", ReadOptions(jobs=1))
    (stacks,) = parsed.profiles["ns", True].groups.values()
    assert isinstance(stacks, StackTable)


@needs_core
def test_a_text_that_begins_with_no_mark_is_left_to_python() -> None:
    core = core_module()
    assert core is not None
    sums = NativeSums(core, FrameNames())
    text = b"> sleepq\nkernel`f\n= 1 1\n"
    assert sums.read(text, 0, len(text) - 1) == len(text) - 1
    for start in range(1, len(text)):
        assert sums.read(text, start, len(text) - 1) == start
    ((_, stacks),) = sums.groups()
    assert [weight.records for weight in stacks.values()] == [1]
