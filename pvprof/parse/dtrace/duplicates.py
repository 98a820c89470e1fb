"""Waits of one thread at the same time: records that were repeated, or damaged.

Owns which waits are left out and which problems are noted, with the line of the first such record.
The text is searched for that line only if there is one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.model.column_table import order_by
from pvprof.model.problems import Problem
from pvprof.model.waits import WaitTable
from pvprof.parse.result import ParseResult
from pvprof.parse.text.line_numbers import LineNumbers
from pvprof.units import format_ns

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints


def without_duplicates(parsed: ParseResult, events: WaitTable, data: Any, file: str) -> WaitTable:
    """Return the waits without repeated records; note these, and waits at the same time.

    Waits are sorted by thread and start. A wait that begins before an earlier one of its thread has
    ended is inside that one, unless all columns are equal: then it is a repeated record::

        thread 1    |=====A=====|   |==C==|
                       |=B=|        |==C==|
                    is_inside: B    is_repeated: the second C
    """
    order = order_by(events.tid, events.start_ns, events.wait_ns)
    tid, start, wait = (column[order] for column in (events.tid, events.start_ns, events.wait_ns))
    if not ((tid[1:] == tid[:-1]) & (start[1:] - start[:-1] < wait[:-1])).any():
        return events  # no wait reaches into the next one of its thread, so none reaches further
    is_inside = _begin_inside(tid, start, wait)
    is_repeated = (tid[1:] == tid[:-1]) & (start[1:] == start[:-1]) & (wait[1:] == wait[:-1])
    for name in events.columns():  # few rows are left to compare
        second = np.flatnonzero(is_repeated) + 1
        column = getattr(events, name)
        is_repeated[second - 1] = column[order[second]] == column[order[second - 1]]
    lines = LineNumbers(data)
    for kind, is_affected, text in (
        ("duplicate-events", is_repeated, "records are repeated in the text: left out"),
        ("double-waits", is_inside & ~is_repeated, "waits of threads that were waiting already"),
    ):
        affected = np.flatnonzero(is_affected) + 1
        if len(affected):
            first = affected[np.argmin(order[affected])]
            head = b"E %d %d " % (start[first], wait[first])
            offset = _offset_of(data, head, 2 if kind == "duplicate-events" else 1)
            line = lines.line_of(offset) if offset >= 0 else 0
            total = f"{text}, {format_ns(sum(wait[affected].tolist()))} together"
            parsed.problems.append(Problem(kind, total, file, line, len(affected)))
    repeated = np.flatnonzero(is_repeated) + 1
    if not len(repeated):
        return events
    parsed.records -= len(repeated)
    return events.take(np.sort(np.delete(order, repeated)))


def _begin_inside(tid: Ints, start: Ints, wait: Ints) -> Bools:
    """Tell of each wait but the first whether it begins before an earlier one of its thread ends.

    Waits are in order of threads and starts.
    """
    end = np.minimum(start, INT64_MAX - wait) + wait  # saturates instead of overflowing
    bounds = [0, *(np.flatnonzero(tid[1:] != tid[:-1]) + 1).tolist(), len(tid)]
    for first, last in pairwise(bounds):
        end[first:last] = np.maximum.accumulate(end[first:last])
    is_inside: Bools = (tid[1:] == tid[:-1]) & (start[1:] < end[:-1])
    return is_inside


def _offset_of(data: Any, head: bytes, occurrence: int) -> int:
    """Return the offset of the nth line that begins with `head`, or -1 if there are fewer."""
    offset = -1
    for _ in range(occurrence):
        offset = data.find(head, offset + 1)
        while offset > 0 and data[offset - 1 : offset] != b"\n":
            offset = data.find(head, offset + 1)
        if offset < 0:
            break
    return offset
