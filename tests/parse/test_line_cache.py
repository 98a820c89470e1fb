"""Values by raw line, parsed once each."""

from __future__ import annotations

import pytest

from pvprof.parse.line_cache import FallBackError, LineCache, Numbering


class Lengths:
    """Parses a line to its length, and lists the lines that it parsed."""

    def __init__(self) -> None:
        self.parsed: list[bytes] = []

    def __call__(self, line: bytes) -> int:
        self.parsed.append(line)
        return len(line)


def test_a_line_is_parsed_once() -> None:
    lengths = Lengths()
    cache = LineCache(lengths)
    assert [cache[line] for line in (b"aa", b"b", b"aa")] == [2, 1, 2]
    assert lengths.parsed == [b"aa", b"b"]


def test_a_full_cache_parses_other_lines_each_time() -> None:
    lengths = Lengths()
    cache = LineCache(lengths, max_size=1)
    assert [cache[line] for line in (b"aa", b"b", b"b", b"aa")] == [2, 1, 1, 2]
    assert lengths.parsed == [b"aa", b"b", b"b"]


def test_a_refused_line_is_not_kept() -> None:
    def refuse(line: bytes) -> int:
        raise FallBackError

    cache = LineCache(refuse)
    with pytest.raises(FallBackError):
        list(map(cache.__getitem__, [b"a"]))
    assert not cache


def test_values_are_numbered_in_order_of_lookup() -> None:
    numbers: Numbering[str] = Numbering()
    assert [numbers[name] for name in "abacb"] == [0, 1, 0, 2, 1]
    assert tuple(numbers) == ("a", "b", "c")
