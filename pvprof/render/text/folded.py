r"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value.

The first line is a comment with the unit of the values. It does not end in a number, so other tools
do not count it: speedscope skips it, flamegraph.pl and inferno also warn of one line ignored. A
stack that begins with a number sign would be a comment, too: the sign is spelled out, ``\x23``.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVarTuple

from pvprof.analysis.stacks.fold import Folded, TableRows
from pvprof.model.core import core_module
from pvprof.model.profile import StackTable
from pvprof.model.stacks import DIFFERENTIAL_COMMENT, UNIT_COMMENT
from pvprof.render.rendered import Rendered

if TYPE_CHECKING:
    from pvprof.views.comparison import DifferentialView

_Values = TypeVarTuple("_Values")
_ROWS_AT_ONCE = 1 << 12


def render(folded: Folded) -> Rendered:
    """Return the unit, and one line for each stack, in ascending order of their text."""
    if isinstance(folded.rows, TableRows) and (lines := _lines_of(folded.rows.table)):
        return Rendered(f"{UNIT_COMMENT}{folded.unit}\n{lines}")
    rows: list[tuple[str, int]] = sorted(folded.rows, key=itemgetter(0))
    first = bisect_left(rows, "#", key=itemgetter(0))
    while first < len(rows) and rows[first][0].startswith("#"):
        rows[first] = _no_comment(rows[first])
        first += 1
    parts = [f"{UNIT_COMMENT}{folded.unit}\n"]
    # The lines of a large file are not all in memory twice.
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        parts.append("".join([f"{stack} {value}\n" for stack, value in some]))
    return Rendered("".join(parts) if rows else "")


def _lines_of(table: StackTable) -> str:
    """Return the lines of a table, written by the compiled core; empty if it cannot do that."""
    core = core_module()
    names = list(table.names)
    if core is None or any(name.startswith("#") for name in names):
        return ""
    import numpy as np  # noqa: PLC0415 (a table has it loaded)

    frames = np.ascontiguousarray(table.frames, np.int32)
    ends, sums = (np.ascontiguousarray(one, np.int64) for one in (table.ends, table.sums))
    lines: str = core.folded_lines(names, frames, ends, sums)
    return lines


def render_differential(view: DifferentialView) -> Rendered:
    """Return the unit, and one line for each stack with two numbers: of base and new side."""
    lines = "".join(map("%s %d %d\n".__mod__, map(_no_comment, view.rows)))
    return Rendered(f"{DIFFERENTIAL_COMMENT}{view.unit}\n{lines}" if lines else "")


def _no_comment(row: tuple[str, *_Values]) -> tuple[str, *_Values]:
    """Return a row whose stack begins no comment."""
    return (f"\\x23{row[0][1:]}", *row[1:]) if row[0].startswith("#") else row
