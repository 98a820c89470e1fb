"""Folded stacks as columns are the same as line by line."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.model.profile import StackTable, Weight
from pvprof.model.stacks import Stack
from pvprof.parse.files import name_table
from pvprof.parse.files.name_table import WORD, NameTable
from pvprof.parse.files.plain_stacks import PlainStacks
from pvprof.parse.line_cache import FallBackError
from pvprof.parse.read import read
from pvprof.parse.result import ParseResult
from pvprof.parse.source import ReadOptions

_NAMES = ("a", "b", "vm_fault", "vm_map_lookup", "kernel`trap", "a" * 17, "operator new", "#x", "1")
_STACKS = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4).map(";".join)
_PLAIN = st.dictionaries(_STACKS, st.integers(0, 10**12), min_size=1, max_size=8)
_ODD = st.sampled_from(
    [
        "",
        "# a comment",
        "# pvprof folded, unit: ns",
        "a 0.5",
        "a;é 1",
        "a  1",
        "a;;b 1",
        " a 1",
        "a;b ",
        "a",
        "7",
        "a\t1",
        "a;b;1 2",
        "x 9;y 1",
        "a -1",
        f"{'n' * 2001} 1",
        "a 1\r",
        "a \x001",
        f"a {10**18}",
        f"a {9 * 10**17}",
        "a;b 1 2",
        ";a 1",
        "a; 1",
        "a ;b 1",
        "a 000000000000000000012",
    ]
)


def _read(text: bytes, min_table_bytes: int, piece_bytes: int = 2_000_000) -> ParseResult | str:
    options = ReadOptions(layout="folded", min_table_bytes=min_table_bytes, piece_bytes=piece_bytes)
    try:
        return read(text, "law", options)
    except InputError as error:
        return error.message


def _assert_same(text: bytes, piece_bytes: int) -> ParseResult | str:
    table, lines = _read(text, 0, piece_bytes), _read(text, 1 << 40, piece_bytes)
    if isinstance(table, str) or isinstance(lines, str):
        assert table == lines
        return table
    assert table.records == lines.records
    assert table.problems == lines.problems
    assert table.profiles.keys() == lines.profiles.keys()
    for one, other in zip(table.profiles.values(), lines.profiles.values(), strict=True):
        assert [(key, list(group.items())) for key, group in one.groups.items()] == [
            (key, list(group.items())) for key, group in other.groups.items()
        ]
        assert one.total == other.total
    return table


def _has_table(parsed: ParseResult | str) -> bool:
    assert isinstance(parsed, ParseResult)
    return any(
        isinstance(group, StackTable)
        for profile in parsed.profiles.values()
        for group in profile.groups.values()
    )


@given(_PLAIN, st.booleans(), st.sampled_from([8, 40, 2_000_000]))
def test_plain_stacks_become_a_table_of_the_same_weights(
    stacks: dict[str, int], has_end: bool, piece_bytes: int
) -> None:
    lines = [f"{stack} {value}" for stack, value in stacks.items() if stack[0] != "#"] or ["a 1"]
    text = "\n".join(lines).encode() + b"\n" * has_end
    assert _has_table(_assert_same(text, piece_bytes))


@given(
    st.lists(
        st.builds("{} {}".format, _STACKS, st.integers(0, 120)) | _ODD, min_size=1, max_size=6
    ),
    st.booleans(),
    st.sampled_from([8, 40, 2_000_000]),
)
@example(["# pvprof folded, unit: ns", "# more", "a;b 1"], True, 8)
@example(["a 1", "# pvprof folded, unit: ns", "b 2"], True, 2_000_000)
@example(["a;b 1", "a;b 2"], True, 2_000_000)
@example(["main 3x;main 4", "main;b 1"], True, 2_000_000)
def test_any_lines_are_read_as_line_by_line(
    lines: list[str], has_end: bool, piece_bytes: int
) -> None:
    _assert_same("\n".join(lines).encode() + b"\n" * has_end, piece_bytes)


@given(st.binary(max_size=60), st.sampled_from([8, 2_000_000]))
def test_any_bytes_are_read_as_line_by_line(text: bytes, piece_bytes: int) -> None:
    _assert_same(b"a;b 1\n" + text, piece_bytes)


@pytest.mark.parametrize("line", ["a;b 1", "# pvprof folded, unit: us", "main;operator new 1"])
def test_usual_lines_are_plain(line: str) -> None:
    text = f"{line}\nmain;c 2\n".encode()
    assert _has_table(_assert_same(text, 2_000_000)) is (": us" not in line)


def test_values_whose_sum_needs_more_than_64_bits_are_no_table() -> None:
    lines = "".join(f"f{number} {9 * 10**17}\n" for number in range(12))
    parsed = _assert_same(lines.encode(), 2_000_000)
    assert not _has_table(parsed)
    assert isinstance(parsed, ParseResult)
    assert parsed.profiles["samples", False].total == 12 * 9 * 10**17


def test_a_table_is_changed_by_nothing_that_is_added_to_its_profile() -> None:
    first, second = (_read(b"a;b 1\nc 2\n", 0) for _ in range(2))
    assert isinstance(first, ParseResult)
    assert isinstance(second, ParseResult)
    merged = ParseResult()
    merged.merge(first)
    merged.merge(second)
    ((_, weights),) = merged.profiles["samples", False].groups.items()
    assert dict(weights) == {"a;b": Weight(2, 0, 2), "c": Weight(4, 0, 2)}
    assert first.profiles["samples", False].total == 3


def _numbers(table: NameTable, names: list[str]) -> list[int]:
    text = np.frombuffer("".join(names).encode() + bytes(WORD), np.uint8)
    sizes = np.array([len(name) for name in names])
    numbers, _ = table.numbers_of(text, np.cumsum(sizes) - sizes, sizes)
    return [int(number) for number in numbers]


def test_a_table_of_100_000_names_numbers_each_once() -> None:
    table = NameTable()
    names = [f"function_{number}" for number in range(100_000)]
    numbers = _numbers(table, names)
    assert sorted(numbers) == list(range(100_000))
    assert _numbers(table, names[::-7]) == numbers[::-7]
    packed = table.packed()
    assert [packed[number] for number in numbers[:50]] == names[:50]
    assert len(packed) == 100_000


def test_names_that_differ_in_their_last_byte_or_size_are_distinct() -> None:
    names = ["a" * size for size in range(1, 40)] + ["a" * size + "b" for size in range(40)]
    table = NameTable()
    numbers = _numbers(table, names)
    assert len(set(numbers)) == len(names)
    packed = table.packed()
    assert [packed[number] for number in numbers] == names


def test_names_of_one_hash_are_no_table() -> None:
    def constant(_self: NameTable, _words: object, sizes: np.ndarray) -> np.ndarray:
        return np.zeros(len(sizes), np.uint64)

    with patch.object(name_table.NameTable, "_hash", constant):
        assert _numbers(NameTable(), ["same", "same"]) == [0, 0]
        with pytest.raises(FallBackError):
            _numbers(NameTable(), ["one", "two"])


def test_names_that_want_one_place_are_found_or_refused() -> None:
    def few_places(_self: NameTable, hashes: np.ndarray) -> np.ndarray:
        return np.zeros(len(hashes), np.int64)

    with patch.object(name_table.NameTable, "_place", few_places):
        names = [f"f{number}" for number in range(40)]
        table = NameTable()
        assert len(set(_numbers(table, names))) == 40
        assert _numbers(table, names) == _numbers(table, names)
        with pytest.raises(FallBackError):
            _numbers(table, [f"g{number}" for number in range(200)])


def test_a_table_reads_as_a_dict() -> None:
    plain = PlainStacks()
    assert plain.add(b"a;b 1\na 2\n") == 2
    table = plain.finish()
    assert len(table) == 2
    assert table[Stack("a;b")] == Weight(1, 0, 1)
    assert list(table) == ["a;b", "a"]
    assert dict(table) == {"a;b": Weight(1, 0, 1), "a": Weight(2, 0, 1)}
    assert table.total == Weight(3, 0, 2)
