"""Reading in several processes: faults of a child, and no process left running."""

from __future__ import annotations

import itertools
import os
import re
import signal

import pytest

from pvprof.errors import InputError, PvprofError
from pvprof.model.problems import Problem
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import Stack
from pvprof.parse.parallel import Share, pack, run_shares, shares, unpack
from pvprof.parse.result import ParseResult
from pvprof.parse.source import ReadOptions, TextSource

PARTS: list[Share] = [(0, 1), (1, 2), (2, 3)]


def no_child_is_left() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return True


def one_record(share: Share) -> ParseResult:
    parsed = ParseResult("law")
    parsed.add("ns", Key("turnstile", "x "), Stack(f"a;b{share[0]}"), (7, 1), 1)
    parsed.add("samples", Key(), Stack("c"), (2,), 1)
    parsed.problems.append(Problem("law", f"share {share[0]}"))
    return parsed


def test_shares_are_merged_in_their_order() -> None:
    merged = run_shares(PARTS, one_record)
    assert merged.records == 6
    assert [problem.text for problem in merged.problems] == ["share 0", "share 1", "share 2"]
    assert merged.profiles["samples", False].groups == {Key(): {Stack("c"): Weight(6, 0, 3)}}
    assert len(merged.profiles["ns", True]) == 3
    assert no_child_is_left()


def test_a_packed_result_is_unpacked_unchanged() -> None:
    parsed = one_record((0, 1))
    again = unpack(pack(parsed))
    assert again == parsed


def test_a_killed_child_is_an_error_and_no_hang() -> None:
    def killed(share: Share) -> ParseResult:
        if share == PARTS[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return one_record(share)

    with pytest.raises(PvprofError, match="a worker process ended unexpectedly"):
        run_shares(PARTS, killed)
    assert no_child_is_left()


def test_an_error_in_a_child_is_the_same_error_here() -> None:
    def refuses(share: Share) -> ParseResult:
        if share == PARTS[0]:
            raise InputError("no such thing", "try another")
        return one_record(share)

    with pytest.raises(InputError, match="no such thing") as caught:
        run_shares(PARTS, refuses)
    assert caught.value.hint == "try another"
    assert no_child_is_left()


def test_an_error_here_leaves_no_child_behind() -> None:
    def refuses(share: Share) -> ParseResult:
        if share == PARTS[-1]:
            raise InputError("no")
        return one_record(share)

    with pytest.raises(InputError):
        run_shares(PARTS, refuses)
    assert no_child_is_left()


def test_shares_cover_the_text_and_begin_where_records_do() -> None:
    data = b"aaaa\n" * 40
    found = shares(data, re.compile(rb"\n"), len(data), 4, 10)
    assert len(found) == 4
    assert found[0][0] == 0
    assert found[-1][1] == len(data)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    assert all(data[start - 1 : start] in (b"", b"\n") for start, _ in found)


def test_a_small_text_is_one_share() -> None:
    assert shares(b"x" * 1000, re.compile(rb"x"), 1000, 8, 1001) == [(0, 1000)]


def test_the_end_of_a_piece_is_looked_for_when_it_is_read() -> None:
    searches: list[int] = []
    known: list[int] = []

    class Lines:
        def search(self, data: bytes, start: int, end: int, /) -> re.Match[bytes] | None:
            searches.append(start)
            return re.compile(rb"\n").search(data, start, end)

    class Reader:
        def __init__(self) -> None:
            self.read = b""

        def feed(self, piece: bytes, offset: int, /) -> None:
            assert offset == len(self.read)
            self.read += piece
            known.append(len(searches))

        def finish(self) -> ParseResult:
            assert self.read == text
            return ParseResult()

    text = b"0123456789\n" * 7
    source = TextSource(text, "x", ReadOptions(piece_bytes=20))
    source.read_pieces(Lines(), (0, len(text)), Reader())
    assert known == [1, 2, 3, 3]
