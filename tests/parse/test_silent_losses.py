"""Lines that are missing, or that lost the newline between them: a result that is too low says it.

Where a format says nothing twice, no reader can know: docs/reliability.md lists these cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import pytest
from conftest import read_recording_bytes
from helpers.mixing import FIXTURES, Outcome, outcome_of, texts_by_layout

KEYED = b"""
turnstile|first
kernel`turnstile_wait+0x332
kernel`trap+0x440
1001 3

sleepq|second
kernel`sleepq_switch+0x115
kernel`trap+0x440
52 1

lockmgr-block|third
kernel`lockmgr_lock_fast_path+0x1
kernel`trap+0x440
7 1
"""
LINEAR = b"""
  sh
           value  ------------- Distribution ------------- count
             < 0 |                                         1
               0 |@@@@@@@@                                 3
              10 |@@@@@@@@                                 4
              20 |@@@@@@@@                                 5
              30 |@@@@@@@@                                 6
              40 |@@@@@@@@                                 2
           >= 50 |                                         1

"""


def is_told(damaged: Outcome, whole: Outcome) -> bool:
    return damaged.is_refused or damaged.total == whole.total or bool(damaged.told - whole.told)


def lines_dropped(text: bytes, of: str = ".") -> Iterator[bytes]:
    """Yield a text without one of its lines that match, for each of them."""
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        if re.search(of.encode(), line):
            yield b"".join(lines[:at] + lines[at + 1 :])


def lines_joined(text: bytes, byte: bytes = b"") -> Iterator[bytes]:
    """Yield a text with another byte, or none, in the place of a newline, for each of them."""
    lines = text.splitlines(keepends=True)
    for at in range(len(lines) - 1):
        joined = lines[at].rstrip(b"\n") + byte + lines[at + 1]
        yield b"".join([*lines[:at], joined, *lines[at + 2 :]])


def silent(texts: Iterator[bytes], whole: bytes) -> list[bytes]:
    outcome = outcome_of(whole)
    assert not outcome.is_refused
    return [text for text in texts if not is_told(outcome_of(text), outcome)]


HISTOGRAMS = {
    "quantize": (FIXTURES / "freebsd-13.2" / "histogram.out").read_bytes(),
    "lquantize": LINEAR,
}


@pytest.mark.parametrize("name", ["quantize", "lquantize"])
def test_a_row_that_is_missing_in_a_histogram_is_a_loss(name: str) -> None:
    whole = HISTOGRAMS[name]
    # The rows at both ends have no neighbour that shows where they were.
    rows = rb"^ +(?!< |>=)\d+ \|@+ +[1-9]"
    dropped = list(lines_dropped(whole, rows.decode()))
    assert len(dropped) > 3
    assert len(silent(iter(dropped), whole)) <= 2 * whole.count(b"Distribution")


@pytest.mark.parametrize(
    "place", sorted(FIXTURES.glob("freebsd-13.2*/*.out")), ids=lambda p: p.name
)
def test_no_real_histogram_lacks_a_row(place: object) -> None:
    text = place.read_bytes()  # type: ignore[attr-defined]
    if b" Distribution " in text:
        told = {text for kind, text, _ in outcome_of(text).told if kind in ("cut-off", "damaged")}
        assert not any("histogram" in one or "distribution" in one for one in told)


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_a_histogram_that_lost_its_only_count_is_told(name: str) -> None:
    heading = b"  sx  \n           value  ------------- Distribution ------------- count    \n"
    rows = [b"%16d |%-40s %d\n" % (2**n, b"@" * (40 * (n == 21)), n == 21) for n in (20, 21, 22)]
    dropped = heading + rows[0] + rows[2] + b"\n"
    whole = HISTOGRAMS[name] + heading + b"".join(rows) + b"\n"
    assert silent(iter([HISTOGRAMS[name] + dropped]), whole) == []


@pytest.mark.parametrize("name", ["lockstat-1.out"])
def test_a_distribution_of_lockstat_has_the_events_of_its_row(name: str) -> None:
    text = texts_by_layout()["lockstat"]
    assert silent(islice(lines_dropped(text, r"^ +\d+ \|"), 0, None, 4), text) == []
    assert silent(islice(lines_joined(text), 0, None, 4), text) == []
    whole = read_recording_bytes(name)
    assert not any(kind == "damaged" for kind, _, _ in outcome_of(whole).told)


@pytest.mark.parametrize(
    "text",
    [KEYED, texts_by_layout()["keyed"], texts_by_layout()["thread"]],
    ids=["own", "keyed", "thread"],
)
def test_a_record_without_its_value_is_told(text: bytes) -> None:
    values = list(lines_dropped(text, r"^\d+(?: \d+)?$"))
    assert len(values) > 2
    assert silent(iter(values[:-1]), text) == []


@pytest.mark.parametrize("byte", [b"\x02", b"\x08", b"\x0b", b"\x0e", b"\x1a", b"*", b"J", b"\x8a"])
def test_a_newline_behind_a_value_that_is_another_byte_is_told(byte: bytes) -> None:
    record = b"\n    kernel`f+0x1\n    kernel`g+0x2\n                3\n"
    whole = record + b"\n    kernel`_fdrop+0x25\n                5\n" + record
    damaged = whole.replace(b"3\n\n", b"3" + byte + b"\n", 1)
    assert silent(iter([damaged]), whole) == []


def test_two_records_of_perf_in_one_line_are_a_loss() -> None:
    rest = b"sched:sched_stat_runtime: comm=sh pid=7 ffffffff813ad60a update_se\n"
    lines = [b"  sh 7/7 [00%d] 10.%09d: %b" % (n % 2, n, rest) for n in range(1, 9)]
    assert silent(lines_joined(b"".join(lines)), b"".join(lines)) == []


def test_a_unit_comment_that_lost_its_newline_is_a_loss() -> None:
    for comment in (b"# pvprof folded, unit: ns\n", b"# pvprof folded, unit: samples\n"):
        whole = comment + b"sh;f 7\nsh;g 5\n"
        assert silent(lines_joined(whole), whole) == []
    whole = b"# pvprof differential, unit: samples\nsh;f 7 1\nsh;g 5 2\n"
    assert silent(lines_joined(whole), whole) == []


def test_two_rows_of_lock_profiling_in_one_line_are_a_loss() -> None:
    lines = texts_by_layout()["lock-profiling"].splitlines(keepends=True)
    text = b"".join(line for line in lines if b"(" not in line or b"(rw:" in line)
    assert text.count(b"\n") > 10
    for byte in (b"", b"\x0e", b"*"):
        assert silent(lines_joined(text, byte), text) == []


FOLDED = {
    "folded": texts_by_layout()["folded"],
    "blanks": b"Web Content;operator new 7\nWeb Content;operator delete 3\nsh;f 5\nsh;g 7\n",
    "differential": b"sh;f 1 2\nsh;g 3 4\nsh;h 5 6\nmake;f 7 8\nmake;g 9 10\n",
}


@pytest.mark.parametrize("name", FOLDED)
def test_folded_lines_that_lost_a_newline_are_a_loss(name: str) -> None:
    text = FOLDED[name]
    whole = outcome_of(text)
    for joined in lines_joined(text):
        told = {kind for kind, _, _ in outcome_of(joined).told - whole.told}
        assert told & {"damaged", "refused"}, joined


@pytest.mark.parametrize(
    "line",
    [
        "a;b 3rd party 5",
        "a;operator() 2x;c 7",
        "a;sched lock 3;f 7",
        "a;f 4 b;g 7",
        "a;v1 2.5b;c 3",
    ],
)
def test_a_number_in_a_frame_is_no_damage(line: str) -> None:
    text = f"a;b 1\nb;c 2\n{line}\n".encode()
    assert not any(kind == "damaged" for kind, _, _ in outcome_of(text).told)


@pytest.mark.parametrize(
    "text",
    [
        b"T rw|vm object 191\nT rw|pmap pv list 1956\nT sx|proctree 64\nT rw|x 5\nEND\n",
        b"kernel`vm_fault+0x5 3\nkernel`trap+0x1 4\nzfs.ko`arc_read+0x7 5\nkernel`f 6\n",
    ],
    ids=["totals", "functions"],
)
def test_rows_that_lost_a_newline_are_a_loss(text: bytes) -> None:
    assert silent(lines_joined(text), text) == []


def test_marks_without_their_header_are_no_rows() -> None:
    for marks in (
        b"#begin 781855036402 1795747014736635624\n\n#end 9 9\n",
        b"#begin 1 2\n#end 3 4\n",
    ):
        assert outcome_of(marks).is_refused


def test_a_recording_without_its_first_line_is_refused_by_name() -> None:
    text = texts_by_layout()["pvprof"]
    first, rest = text.split(b"\n", 1)
    assert first.startswith(b"#pvprof ")
    for damaged in (rest, first[:3] + b"`" + first[4:] + b"\n" + rest, b"\n" + rest):
        (told,) = outcome_of(damaged).told
        assert told[0] == "refused"
        assert "its first line (#pvprof ...) is missing or damaged" in told[1]
