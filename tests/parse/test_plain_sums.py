"""The compiled sums of plain records, against those in Python: the same for any text."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from helpers.stack_tables import table_of
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import PvprofError
from pvprof.model.core import WITHOUT_CORE, core_module, stack_columns
from pvprof.model.profile import StackTable, Weight, add_weights
from pvprof.model.stacks import Stack
from pvprof.parse.dtrace.records import AggregateLayout
from pvprof.parse.dtrace.sums import plain_sums
from pvprof.parse.dtrace.sums.core_sums import CoreSums
from pvprof.parse.dtrace.sums.plain_records import PlainRecords
from pvprof.parse.dtrace.sums.python_sums import PythonSums
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.text.frames import FrameNames

FIXTURES = Path(__file__).parent.parent / "fixtures"
if core_module() is None:
    pytest.skip("built without a compiler: no core", allow_module_level=True)

LAYOUTS = ("classic", "keyed", "thread", "histogram")
frames = st.sampled_from(
    [
        b"kernel`trap+0x1f3",
        b"kernel`trap+0x1f4",
        b"kernel`vm_fault",
        b"zfs.ko`arc_read",
        b"libc.so.7`_fork+0xa",
        b"a.out`std::sort<int>(int*, int*) const",
        b"a.out`outer->inner",
        b"0xffffffff80abcdef",
        b"0x4012",
        b"kernel`a|b",
        b"kernel`caf\xc3\xa9",
        b"kernel`\xff\xfe",
        b"kernel`\xed\xa0\x80",
        b"kernel`x;y",
        b"kernel`\x00\x1b[31m",
        b"main",
    ]
)
indents = st.sampled_from([b"", b" " * 8, b" " * 14, b"\t"])
frame_lines = st.builds(bytes.__add__, indents, frames)
numbers = st.one_of(
    st.integers(0, 99).map(lambda number: b"%d" % number),
    st.sampled_from([b"9" * 15, b"9" * 16, b"9" * 18, b"1" + b"0" * 18, b"9" * 19, b"7" * 45]),
    st.sampled_from([b"-1", b"0x1f", b"007", b"9223372036854775807", b"", b"18446744073709551615"]),
)
blanks = st.sampled_from([b"", b" ", b"\t", b" " * 13, b"\r", b" " * 21, b"  \t"])
value_lines = st.one_of(
    st.builds(bytes.__add__, blanks, numbers),
    st.builds(lambda *parts: b"".join(parts), blanks, numbers, blanks, numbers, blanks),
)
other_lines = st.one_of(
    st.sampled_from(
        [
            b"turnstile|vm object",
            b"sleepq|",
            b"sh",
            b"123",
            b"-> sh",
            b"dtrace: 3 drops on CPU 0",
            b"CPU     ID                    FUNCTION:NAME",
            b"  0  28241                         :tick-8s ",
            b"           value  ------------- Distribution ------------- count",
            b"             512 |@@@@                                     3",
            b"tick 3",
        ]
    ),
    st.binary(max_size=12),
)
plain_records = st.builds(
    lambda key, lines, values: b"\n".join([*key, *lines, values]),
    st.lists(st.sampled_from([b"turnstile|vm object", b"sh", b"rw-spin|pv list"]), max_size=1),
    st.lists(frame_lines, min_size=1, max_size=4),
    st.builds(bytes.__add__, st.just(b" " * 14), numbers),
)
odd_records = st.lists(st.one_of(frame_lines, value_lines, other_lines), max_size=5).map(b"\n".join)
paragraphs = st.one_of(plain_records, plain_records, odd_records)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Return a text of some paragraphs that come again, perhaps cut, perhaps with odd bytes."""
    known = draw(st.lists(paragraphs, min_size=1, max_size=4))
    chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=12))
    gaps = draw(st.sampled_from([b"\n\n", b"\n\n\n", b"\n", b"\n\n\n\n\n"]))
    text = gaps.join(chosen) + draw(st.sampled_from([b"", b"\n", b"\n\n", b"\n\n\n"]))
    if draw(st.booleans()):
        text = text[: draw(st.integers(0, len(text)))]
    if draw(st.booleans()) and text:
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + draw(st.binary(max_size=3)) + text[at + 1 :]
    return text


def result_of(text: bytes, options: ReadOptions) -> object:
    """Return all that is read of a text, in its order, or the error."""
    try:
        parsed = read(text, "x", options)
    except PvprofError as error:
        return type(error), str(error)
    profiles = [
        (kind, [(key, list(stacks.items())) for key, stacks in profile.groups.items()])
        for kind, profile in parsed.profiles.items()
    ]
    others = (parsed.histograms, parsed.problems, parsed.records, parsed.hex_frames, parsed.layout)
    return profiles, others


def both_ways(text: bytes, options: ReadOptions) -> tuple[object, object]:
    """Return the result with the core, and without it."""
    compiled = result_of(text, options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WITHOUT_CORE, "1")
        return compiled, result_of(text, options)


def sums_of(layout: AggregateLayout, width: int) -> tuple[PlainRecords, object]:
    """Return records of this number of values, and the sums that read them."""
    records = PlainRecords(layout, FrameNames())
    records.width = width
    return records, plain_sums(records)


def test_the_core_is_used_unless_it_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(sums_of(AggregateLayout(), 1)[1], CoreSums)
    monkeypatch.setenv(WITHOUT_CORE, "1")
    assert isinstance(sums_of(AggregateLayout(), 1)[1], PythonSums)


@pytest.mark.parametrize("min_table", [stack_columns.MIN_TABLE, 1])
@examples(1)
@given(texts(), st.sampled_from(LAYOUTS), st.sampled_from([1, 40, 2_000_000]))
def test_any_text_is_read_as_without_the_core(
    min_table: int, text: bytes, layout: str, piece_bytes: int
) -> None:
    options = ReadOptions(layout=layout, jobs=1, piece_bytes=piece_bytes)
    with patch.object(stack_columns, "MIN_TABLE", min_table):
        compiled, python = both_ways(text, options)
    assert compiled == python


def aggregations() -> list[Path]:
    """Return the bundled files that are aggregations of stacks, packed ones too."""
    return [
        path
        for path in sorted(FIXTURES.glob("freebsd*/**/*"))
        if path.suffix in (".out", ".txt", ".gz")
        and "events" not in path.name
        and b"`" in unpacked(path)
    ]


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    return gzip.decompress(data)


@pytest.mark.slow
def test_each_bundled_file_is_read_as_without_the_core() -> None:
    read_layouts = set()
    for path in aggregations():
        text = unpacked(path)
        if b"#pvprof" in text[:4096] or text.startswith(b"{"):
            continue  # of another layout, which has sums of its own
        compiled, python = both_ways(text, ReadOptions(jobs=1, piece_bytes=20_000))
        assert compiled == python, path
        if isinstance(compiled, tuple) and isinstance(compiled[1], tuple):
            read_layouts.add(compiled[1][-1])
    assert {"classic", "keyed", "thread"} <= read_layouts


def test_a_sum_beyond_64_bits_is_exact() -> None:
    record = b"kernel`trap\n999999999999999999\n\n"
    compiled, python = both_ways(record * 50, ReadOptions(layout="classic", jobs=1))
    assert compiled == python
    assert str(50 * (10**18 - 1)) in str(compiled)


def test_a_stack_of_very_many_frames_is_left_to_python() -> None:
    text = b"kernel`trap\n" * 25_000 + b"1\n\n" + b"kernel`trap\n2\n\n"
    compiled, python = both_ways(text * 2, ReadOptions(layout="classic", jobs=1))
    assert compiled == python


def test_nearly_all_records_of_a_text_are_added_up_by_the_core() -> None:
    records, sums = sums_of(AggregateLayout(indented=True), 1)
    text = b"".join(b"kernel`f%d\nkernel`trap\n    %d\n\n" % (n % 90, n) for n in range(1, 1000))
    assert isinstance(sums, CoreSums)
    assert list(sums.read(text)) == []
    ((_, stacks),) = sums.groups()
    assert sum(weight.value for weight in stacks.values()) == sum(range(1000))
    assert len(records.values_of) == 0  # Python has seen none of the values


def test_a_line_is_asked_about_once() -> None:
    from pvprof.model.core.stack_sums import StackSums  # noqa: PLC0415 (may be absent)

    asked = []

    def frame_of(line: bytes) -> str:
        asked.append(line)
        return line.decode()

    sums = StackSums(frame_of, lambda _: 0, False, False, (1, 2))
    text = b"b\na\n1\n\nc\na\n2\n\nb\na\n3"
    assert sums.read(text, 0, len(text), 1) == (len(text), False)
    assert asked == [b"a", b"b", b"c"]
    names, sizes, numbers, cells = sums.take()
    assert names == ["a", "b", "c"]
    assert memoryview(sizes).cast("I").tolist() == [3, 3]
    assert memoryview(numbers).cast("I").tolist() == [0, 0, 1, 0, 0, 2]
    assert memoryview(cells).cast("Q").tolist() == [4, 0, 2, 2, 0, 1]
    assert sums.take() == ([], b"", b"", b"")


def test_an_error_in_python_passes_through_the_core() -> None:
    from pvprof.model.core.stack_sums import StackSums  # noqa: PLC0415 (may be absent)

    def fail(line: bytes) -> str:
        raise KeyError(line)

    def reenter(_: bytes) -> str:
        return str(sums.take())

    sums = StackSums(fail, lambda _: 0, False, False, (1, 2))
    with pytest.raises(KeyError, match="a"):
        sums.read(b"a\n1", 0, 3, 1)
    sums = StackSums(reenter, lambda _: 0, False, False, (1, 2))
    with pytest.raises(RuntimeError, match="in use"):
        sums.add(b"a", 1, 0)
    sums = StackSums(lambda _: "\ud800", lambda _: 0, False, False, (1, 2))
    with pytest.raises(UnicodeEncodeError):
        sums.read(b"a\n1", 0, 3, 1)
    sums = StackSums(lambda _: "a", lambda _: -1, False, False, (1, 2))
    with pytest.raises(OverflowError):
        sums.read(b"a\n1", 0, 3, 1)
    for bounds in ((-1, 2, 1), (2, 1, 1), (0, 4, 1), (0, 3, 0), (0, 3, 3)):
        with pytest.raises(ValueError, match="outside"):
            sums.read(b"a\n1", *bounds)


def test_very_many_stacks_stay_columns() -> None:
    text = b"".join(b"kernel`f%d\nkernel`trap\n    %d\n\n" % (n % 90, n) for n in range(1000))
    with patch.object(stack_columns, "MIN_TABLE", 90):
        parsed = read(b"CPU     ID   FUNCTION:NAME\n\n" + text, "x", ReadOptions(layout="classic"))
    (stacks,) = parsed.profiles["samples", False].groups.values()
    assert isinstance(stacks, StackTable)
    assert stacks.total == Weight(sum(range(1000)), 0, 1000)


@given(
    st.dictionaries(
        st.sampled_from(["a", "a;b", "b", "a;b;c", "c;b"]), st.integers(0, 9), min_size=1
    ),
    st.dictionaries(st.sampled_from(["a", "a;b", "d", "b;a;b", "c;b"]), st.integers(0, 9)),
    st.sampled_from([0, stack_columns.MAX_ADDED]),
)
def test_stacks_are_added_to_a_table_as_to_a_dict(
    first: dict[str, int], second: dict[str, int], max_added: int
) -> None:
    weights = {Stack(stack): Weight(value, 1, 2) for stack, value in first.items()}
    others = {Stack(stack): Weight(value, 3, 4) for stack, value in second.items()}
    with patch.object(stack_columns, "MAX_ADDED", max_added):
        both = stack_columns.added(table_of(weights), others)
    add_weights(weights, others)
    assert list(both.items()) == list(weights.items())


def test_the_core_has_at_most_600_lines_of_code() -> None:
    source = FIXTURES.parent.parent / "core" / "stack_sums.c"
    lines = source.read_text().splitlines()
    assert len([line for line in lines if not re.match(r"\s*(?:/?\*|$)", line)]) <= 600
