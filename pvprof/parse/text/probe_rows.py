"""The heading ``CPU ID FUNCTION:NAME`` of dtrace's output, and the rows below it.

::

    CPU     ID                    FUNCTION:NAME
      0  28241                         :tick-8s turnstile|vm object

A row has the probe that printed the lines below it, and what the program printed first.
"""

from __future__ import annotations

import re

HEADER = re.compile(rb"\s*CPU\s+ID\s+FUNCTION:NAME\s*$")
HEADER_ROW = re.compile(rb"\s*\d{1,30}\s+\d{1,30}\s+(\S*:\S+) ?(.*)$")
"""Matches a row; the probe, and what the program printed on the same line."""


def is_header(line: bytes) -> bool:
    """Tell whether a line is the heading, or a row of it without text after the probe."""
    row = HEADER_ROW.match(line)
    return HEADER.match(line) is not None or (row is not None and not row.group(2).strip())
