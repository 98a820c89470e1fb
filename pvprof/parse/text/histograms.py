r"""The bodies of histograms that ``quantize`` and ``lquantize`` print.

::

               value  ------------- Distribution ------------- count
                 512 |                                         0
                1024 |@@@@@@@@@@                               17
             >= 2048 |                                         3

With ``-x agghist`` the heading is ``key``, and the rows are those of a count by key::

                 key  ------------- Distribution ------------- count
                idle |@@@@@@@@@@@@@@@                          157

A body never ends in a plain number, so a reader that waits for one would take it for frames.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from pvprof.parse.text.frames import decode
from pvprof.parse.text.values import read_int

_HEAD = re.compile(rb"\s*(?:value|key)\s+-+ Distribution -+\s*(?:count\s*)?$")
# No two repeats that match the same blanks: a row may be millions of them.
_ROW = re.compile(rb"\s*+(<|>=)?\s*+(-?\d++)\s*+\|[@\s]*+(-?\d++)\s*$")


_PACKED_HEAD = re.compile(rb"\s*(?:key\s+)?min \.-+\. max\s+\| count\s*$")
_COUNT_ROW = re.compile(rb"\s*(\S.*?) \|[@ ]*?\s(\d{1,40})\s*$")


def is_histogram_head(line: bytes) -> bool:
    """Tell whether a line is the heading of a histogram's body."""
    return b" Distribution " in line and _HEAD.match(line) is not None


def is_packed_head(line: bytes) -> bool:
    """Tell whether a line is the heading of histograms of ``-x aggpack``: one line for each."""
    return b" | count" in line and _PACKED_HEAD.match(line) is not None


def read_histogram_row(line: bytes) -> tuple[int, int] | None:
    """Return (lower bound, count) of a row, or None for any other line.

    The underflow row ``< N`` of ``lquantize`` has no lower bound: it is given as ``N - 1``.
    """
    match = _ROW.match(line)
    if match is None:
        return None
    sign, bound, count = match.groups()
    return read_int(bound) - (sign == b"<"), read_int(count)


def lacks_rows(buckets: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a row is missing between others: ``quantize`` prints each power of two.

    Rows of ``lquantize`` are a step apart. Two rows that lost the newline between them are none. A
    row with a count has others beside it, and a histogram without any count has three rows.
    """
    if len(buckets) < 3 and not any(count for _, count in buckets):
        return True
    bounds = [bound for bound, _ in buckets]
    steps = [after - before for before, after in pairwise(bounds)]
    powers = [abs(bound) for bound in bounds if bound]
    if len(powers) > 2 and all(power & (power - 1) == 0 for power in powers):
        pairs = pairwise(bounds)
        return any(_next_power(before) != after for before, after in pairs)
    inner = steps[1:-1]  # the first and the last row of lquantize have no lower or upper bound
    common = max(set(inner), key=inner.count, default=0)
    others = [step for step in inner if step != common]
    return len(inner) > 2 and len(others) == 1 and others[0] == 2 * common


def _next_power(bound: int) -> int:
    """Return the bound of the row behind one: ..., -2, -1, 0, 1, 2, 4, ..."""
    if bound < 0:
        return -(-bound // 2)
    return max(2 * bound, 1)


def read_count_row(line: bytes) -> tuple[str, int] | None:
    """Return the key and the count of a row of ``-x agghist``, or None for any other line."""
    match = _COUNT_ROW.match(line)
    return None if match is None else (decode(match[1]), read_int(match[2]))
