"""Tables in Remarkup, read by the rule for tables that Phabricator documents and its parser has.

A line that begins with a bar is a row; bars divide its cells. A row of cells that are empty or only
dashes, two at least, makes the row above it the heading. There are no escapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class RemarkupTable:
    """One table; `headings` is empty if no row is one."""

    headings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def remarkup_tables(text: str) -> list[RemarkupTable]:
    """Return the tables of a text; there must be one."""
    found = re.findall(r"(?:^[ ]*\|.*\n)+", text, re.M)
    assert found
    return [_table(block.splitlines()) for block in found]


def _table(lines: list[str]) -> RemarkupTable:
    table = RemarkupTable()
    for line in lines:
        cells = [cell.strip() for cell in line.strip().rstrip("|").split("|")[1:]]
        filled = [cell for cell in cells if cell]
        if filled and all(re.fullmatch("--+", cell) for cell in filled):
            table.headings = table.rows.pop()
        else:
            table.rows.append(cells)
    return table
