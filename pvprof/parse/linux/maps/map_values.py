r"""The values of maps as text: numbers, statistics, rows of histograms.

::

    ]: 39824                                                count(), sum(), min(), max(), avg()
    ]: count 4, average 9, total 37                         stats(), up to 0.23
    ]: { .count = 4, .average = 9, .total = 37 }            and from 0.24 on
    [4K, 8K)               3 |@@@@@@           |            hist(), lhist(): bounds are exact
    (..., 0)               1 |@@               |
    [1]                    1 |@@               |
"""

from __future__ import annotations

import re
from typing import NamedTuple

# More digits than any 64-bit number are no value; without a limit int() would refuse thousands.
_STATS = (
    rb"(?:\{ \.)?count (?:= )?([0-9]{1,20}), \.?average (?:= )?-?[0-9]{1,20},"
    rb" \.?total (?:= )?(-?[0-9]{1,20})(?: \})?"
)
_NUMBER = rb"(-?[0-9]{1,20})"
_CLOSE = re.compile(rb"(?s)(.*)\]: ?(?:" + _NUMBER + b"|" + _STATS + rb")\s*")
_ROW = re.compile(
    rb"(?:\[|\()(\.\.\.|-?[0-9]{1,19})([KMGTPE]?)(?:, (\.\.\.|-?[0-9]{1,19})([KMGTPE]?))?[\])]"
    rb"\s+([0-9]{1,20}) \|[@ ]*\|?"
)
_SUFFIXES = {suffix: 1 << 10 * power for power, suffix in enumerate([b"", *b"K M G T P E".split()])}


class MapValue(NamedTuple):
    """A value of a map: a number, and how often it was added up if the value says that."""

    number: int
    times: int | None


class BucketRow(NamedTuple):
    """A row of a histogram; a bound is None if the row has none."""

    lower: int | None
    upper: int | None
    size: int


def read_close(line: bytes) -> tuple[bytes, MapValue] | None:
    """Return the end of a key and the value behind it, or None: the line has no number."""
    match = _CLOSE.fullmatch(line)
    if match is None:
        return None
    return match[1], _value(*match.groups()[1:])


def _value(number: bytes | None, times: bytes | None, total: bytes | None) -> MapValue:
    if number is not None:
        return MapValue(int(number), None)
    assert times is not None
    assert total is not None
    return MapValue(int(total), int(times))


def read_row(line: bytes) -> BucketRow | None:
    """Return a row of a histogram, or None for any other line."""
    match = _ROW.fullmatch(line.rstrip())
    if match is None:
        return None
    lower, lower_suffix, upper, upper_suffix, size = match.groups()
    first = _bound(lower, lower_suffix)
    if upper is None:  # a bucket of one number
        return BucketRow(first, None if first is None else first + 1, int(size))
    return BucketRow(first, _bound(upper, upper_suffix), int(size))


def _bound(text: bytes, suffix: bytes) -> int | None:
    return None if text == b"..." else int(text) * _SUFFIXES[suffix]


def buckets_of_rows(rows: list[BucketRow]) -> tuple[tuple[int, int], ...]:
    """Return (lower bound, size) of each row; an empty one ends the last row."""
    buckets = [
        (row.lower if row.lower is not None else (row.upper or 0) - 1, row.size) for row in rows
    ]
    if rows and rows[-1].upper is not None:
        buckets.append((rows[-1].upper, 0))
    return tuple(buckets)
