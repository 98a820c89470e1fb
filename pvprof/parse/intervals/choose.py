"""``--from`` and ``--to`` for a recording of intervals: keep those that lie in the window.

An interval counts if its middle is inside. So intervals are never divided, and those of adjacent
windows add up to the whole.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from pvprof.errors import UsageError
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem
from pvprof.parse.intervals.marks import is_json, marks_in
from pvprof.parse.result import ParseResult
from pvprof.parse.window import Window, edges_of
from pvprof.units import NS_PER_S, format_ns


class Chosen(NamedTuple):
    """A part of a recording.

    Attributes:
        text: its head, the intervals inside the window, and all marks.
        end: the clocks at the last mark.
        note: says which intervals these are.
    """

    text: bytes
    end: Clocks
    note: Problem

    def note_in(self, parsed: ParseResult) -> None:
        """Add to a result of this part that it is one."""
        parsed.is_cut, parsed.end = True, parsed.end or self.end
        parsed.problems.append(self.note)


def choose(data: Any, window: Window, source: str) -> Chosen | None:
    """Return the part of a text that lies in a window; None if the text has no intervals.

    Raises:
        UsageError: none of them lies in the window.
    """
    if data.find(b"#snapshot ") < 0:
        return None
    is_json_text = is_json(bytes(data[:64]))
    marks = list(marks_in(data, is_json_text))
    if len(marks) < 2 or marks[0].word != "begin" or marks[1].word == "begin":
        return None
    begin, end = marks[0].clocks, marks[-1].clocks
    edges = edges_of(window, begin, end, source)
    pieces = [bytes(data[: marks[0].end])]
    inside: list[int] = []
    for before, after in pairwise(marks):
        moments = (before.clocks.monotonic_ns, after.clocks.monotonic_ns)
        is_inside = edges.hold(sum(moments) // 2)
        pieces.append(bytes(data[before.end if is_inside else after.start : after.end]))
        inside += moments if is_inside else ()
    if not inside:
        length = format_ns(end.monotonic_ns - begin.monotonic_ns)
        raise UsageError(
            f"{source}: no interval has its middle in this window",
            f"it has {len(marks) - 1} intervals in {length}",
        )
    if marks[-1].word == "end":
        pieces.append(bytes(data[marks[-1].end :]))
    first, last = ((moment - begin.monotonic_ns) / NS_PER_S for moment in (inside[0], inside[-1]))
    text = f"whole intervals were kept, {first:.3f} s to {last:.3f} s: sums cannot be divided"
    note = Problem("whole-intervals", text, source, count=len(inside) // 2, severity="note")
    return Chosen(b"".join(pieces), end, note)
