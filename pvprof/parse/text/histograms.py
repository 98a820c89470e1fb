r"""The bodies of histograms that ``quantize`` and ``lquantize`` print.

::

               value  ------------- Distribution ------------- count
                 512 |                                         0
                1024 |@@@@@@@@@@                               17
             >= 2048 |                                         3

A body never ends in a plain number, so a reader that waits for one would take it for frames.
"""

from __future__ import annotations

import re

_HEAD = re.compile(rb"\s*(?:value|key)\s+-+ Distribution -+\s*(?:count\s*)?$")
_ROW = re.compile(rb"\s*(<|>=)?\s*(-?\d+)\s*\|[@ ]*?\s*(-?\d+)\s*$")


def is_histogram_head(line: bytes) -> bool:
    """Tell whether a line is the heading of a histogram's body."""
    return b" Distribution " in line and _HEAD.match(line) is not None


def read_histogram_row(line: bytes) -> tuple[int, int] | None:
    """Return (lower bound, count) of a row, or None for any other line.

    The underflow row ``< N`` of ``lquantize`` has no lower bound: it is given as ``N - 1``.
    """
    match = _ROW.match(line)
    if match is None:
        return None
    sign, bound, count = match.groups()
    return int(bound) - (sign == b"<"), int(count)
