"""Histograms of bcc's tools, in Python and of libbpf-tools."""

from __future__ import annotations

import pytest
from helpers.command_line import RunCommand
from helpers.readings import kinds_of, parsed_from

from pvprof.errors import InputError
from pvprof.model.profile import Histogram

TEXT = """Tracing run queue latency... Hit Ctrl-C to end.
^C
     usecs               : count    distribution
         0 -> 1          : 3        |**************************              |
         2 -> 3          : 5        |****************************************|
"""
HEADING = "     usecs               : count     distribution\n"
ROW = "         0 -> 1          : 3        |*********|\n"


def only(text: str) -> Histogram:
    (histogram,) = parsed_from(text).histograms
    return histogram


def test_a_histogram_is_read_in_nanoseconds() -> None:
    histogram = only(TEXT)
    assert histogram.key.name == "run queue latency"
    assert histogram.buckets == ((0, 3), (2000, 5), (4000, 0))
    assert kinds_of(parsed_from(TEXT)) == {}


@pytest.mark.parametrize(
    ("label", "scale"),
    [("usecs", 10**3), ("nsecs", 1), ("msecs", 10**6), ("age (ms)", 10**6), ("ms", 10**6)],
)
def test_the_heading_states_the_unit(label: str, scale: int) -> None:
    text = HEADING.replace("usecs", label) + ROW
    assert only(text).buckets == ((0, 3), (2 * scale, 0))


@pytest.mark.parametrize(
    ("section", "name", "execname"),
    [
        ("pid = 77 ssh d", "ssh d", "ssh d"),
        ("pid = 77", "pid 77", ""),
        ("disk = vda\t", "disk vda", ""),
        ("operation = 'read'", "operation read", ""),
        ("operation = b'read'", "operation read", ""),
    ],
)
def test_a_section_names_what_it_is_of(section: str, name: str, execname: str) -> None:
    key = only(f"Tracing x for 3\n\n{section}\n{HEADING}{ROW}").key
    assert (key.name, key.execname) == (f"x: {name}", execname)


def test_a_linear_histogram_is_read() -> None:
    text = "     msecs         : count     distribution\n        10         : 7        |****|\n"
    assert only(text).buckets == ((10**7, 7), (11 * 10**6, 0))


def test_prints_of_one_histogram_are_added_up() -> None:
    assert only(TEXT + "\n12:00:01\n" + TEXT).buckets == ((0, 6), (2000, 10), (4000, 0))


def test_a_histogram_of_another_unit_is_not_read() -> None:
    other = HEADING.replace("usecs", "Kbytes") + ROW
    parsed = parsed_from(TEXT + other)
    assert len(parsed.histograms) == 1
    assert kinds_of(parsed) == {"other-units": 1}
    with pytest.raises(InputError, match="other units than times"):
        parsed_from(other)


def test_what_is_missing_is_a_loss() -> None:
    lines = TEXT.splitlines(keepends=True)
    damaged = parsed_from("".join([*lines[:2], *lines[3:], *lines[2:]]))
    assert kinds_of(damaged) == {"damaged": 2}
    assert only("".join([*lines[:2], *lines[3:], *lines[2:]])).count == 8
    assert kinds_of(parsed_from(TEXT + "         4 -> 7"))["cut-off"] == 1


def test_another_line_is_a_note(run: RunCommand) -> None:
    text = TEXT + "\navg = 3 usecs, total: 24 usecs, count: 8\n\nhello\n"
    assert "lines that belong to no histogram" in run("report", "-", stdin=text.encode()).stdout
