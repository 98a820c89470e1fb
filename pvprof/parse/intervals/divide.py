"""Divide the output of a program that prints its sums at intervals, while it comes.

Each interval becomes a whole text of its own, which every reader of such output reads as it is: the
head of the output, the marks of the interval, and its sums. So the results of all intervals add up
to that of the whole output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.errors import InputError
from pvprof.model.clocks import Clocks
from pvprof.parse.intervals.marks import Mark, is_json, marks_in
from pvprof.parse.intervals.turns import has_maps
from pvprof.recording.limits import USUAL

_MAX_HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class IntervalText:
    """The output of one interval.

    Attributes:
        begin, end: the clocks at its ends.
        text: a whole text, with its own head and marks.
        is_last: whether tracing ended with it.
    """

    begin: Clocks
    end: Clocks
    text: bytes
    is_last: bool

    @property
    def length_ns(self) -> int:
        """Return the length of the interval."""
        return self.end.monotonic_ns - self.begin.monotonic_ns


class Divider:
    """Cuts output into intervals, as it comes in pieces of any size."""

    def __init__(self) -> None:
        self._head = b""
        self._rest = bytearray()
        self._searched = 0
        self._is_json = False
        self._begin: Clocks | None = None
        self._had_maps = False
        self.has_ended = False

    def feed(self, piece: bytes) -> Iterator[IntervalText]:
        """Add a piece; yield each interval that it completes.

        Raises:
            InputError: an interval, or what comes before the first, is larger than any real one.
        """
        self._rest += piece
        while mark := self._next_mark():
            before = bytes(self._rest[: mark.start])
            del self._rest[: mark.end]
            self._searched = 0
            interval = self._take(before, mark)
            if interval is not None:
                yield interval
        limit = USUAL.unpacked_bytes if self._begin else _MAX_HEAD_BYTES
        if len(self._rest) > limit:
            raise InputError(f"the target sent more than {limit >> 20} MiB without a mark")

    def _next_mark(self) -> Mark | None:
        if self._begin is None:
            self._is_json = is_json(bytes(self._rest[:64]))
        end = self._rest.rfind(b"\n") + 1
        found = next(marks_in(self._rest, self._is_json, self._searched), None)
        self._searched = end  # a line that is not complete yet is searched again
        return found

    def _take(self, before: bytes, mark: Mark) -> IntervalText | None:
        """Return the interval that a mark ends; None for the first mark, and an odd one."""
        if self._begin is None:
            self._head = before
            self._begin = mark.clocks if mark.word == "begin" else None
            return None
        is_last = mark.word == "end"
        if self.has_ended or mark.clocks.monotonic_ns <= self._begin.monotonic_ns:
            self._rest[:0] = before  # it belongs to the interval that goes on
            self._searched = len(before)
            return None
        begin, self._begin, self.has_ended = self._begin, mark.clocks, is_last
        marks = [_mark_line("begin", begin, self._is_json)]
        if self._had_maps:  # what END repeats depends on what was printed before
            marks.append(_mark_line("snapshot", begin, self._is_json))
        self._had_maps = self._is_json and has_maps(before.split(b"\n"))
        end = _mark_line("end", mark.clocks, self._is_json)
        return IntervalText(
            begin, mark.clocks, b"".join((self._head, *marks, before, end)), is_last
        )


def _mark_line(word: str, clocks: Clocks, is_json_text: bool) -> bytes:
    """Return the line of a mark."""
    line = f"#{word} {clocks.monotonic_ns} {clocks.wall_ns}"
    if is_json_text:
        return f'{{"type": "printf", "data": "{line}\\n"}}\n'.encode()
    return f"{line}\n".encode()
