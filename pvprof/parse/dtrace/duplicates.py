"""Single waits of one thread at the same time: records that stand twice, and damage.

Owns what is left out and what is told, with the line of the first such record: the text is searched
for it only where there is one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pvprof.model.problems import Problem
from pvprof.parse.result import ParseResult
from pvprof.parse.text.line_numbers import LineNumbers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.model.waits import WaitTable

_INT64_MAX = (1 << 63) - 1


def without_doubles(parsed: ParseResult, events: WaitTable, data: Any, file: str) -> WaitTable:
    """Return the events without records that stand there again; note waits at the same time."""
    import numpy as np  # noqa: PLC0415

    order = np.lexsort((events.wait_ns, events.start_ns, events.tid))
    tid, start, wait = (column[order] for column in (events.tid, events.start_ns, events.wait_ns))
    if not ((tid[1:] == tid[:-1]) & (start[1:] - start[:-1] < wait[:-1])).any():
        return events  # where no wait reaches into the next of its thread, none reaches further
    is_inside = _begin_inside(tid, start, wait)
    ordered = [getattr(events, name)[order] for name in events.columns()]
    is_again = np.logical_and.reduce([column[1:] == column[:-1] for column in ordered])
    lines = LineNumbers(data)
    for kind, is_such, text in (
        ("duplicate-events", is_again, "records stand in the text again: left out"),
        ("double-waits", is_inside & ~is_again, "waits of threads that were waiting already"),
    ):
        some = np.flatnonzero(is_such) + 1
        if len(some):
            first = some[np.argmin(order[some])]
            head = b"E %d %d " % (start[first], wait[first])
            place = _place_of(data, head, again=kind == "duplicate-events")
            line = lines.line_of(place) if place >= 0 else 0
            what = f"{text}, {sum(wait[some].tolist())} ns together"
            parsed.problems.append(Problem(kind, what, file, line, len(some)))
    again = np.flatnonzero(is_again) + 1
    parsed.records -= len(again)
    return events.take(np.sort(np.delete(order, again)))


def _begin_inside(
    tid: npt.NDArray[np.int64], start: npt.NDArray[np.int64], wait: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Tell of each wait but the first whether an earlier one of its thread still goes on then.

    They are in the order of threads and time.
    """
    import numpy as np  # noqa: PLC0415

    end = np.minimum(start, _INT64_MAX - wait) + wait  # what fits, at most
    bounds = [0, *(np.flatnonzero(tid[1:] != tid[:-1]) + 1).tolist(), len(tid)]
    for first, last in pairwise(bounds):
        end[first:last] = np.maximum.accumulate(end[first:last])
    is_inside: npt.NDArray[np.bool_] = (tid[1:] == tid[:-1]) & (start[1:] < end[:-1])
    return is_inside


def _place_of(data: Any, head: bytes, again: bool) -> int:
    """Return where a record stands that begins so, or where it stands again; -1: nowhere."""
    place = -1
    for _ in range(2 if again else 1):
        place = data.find(head, place + 1)
        while place > 0 and data[place - 1 : place] != b"\n":
            place = data.find(head, place + 1)
        if place < 0:
            break
    return place
