"""Single waits thread by thread: what each thread waited for, one thing after the other.

Owns their order in time. A thread waits for one thing at a time, so overlapping waits of one thread
are damage (a record twice, a clock that stepped), and no picture of threads over time can show
them: what an earlier wait covers is cut off the later one, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pvprof.analysis.waits.groups import NO_GROUP, numbered, ranks, segment_sums
from pvprof.analysis.waits.overlap import times_from_earliest
from pvprof.classify.filters import Part
from pvprof.model.arrays import UINT64_MAX
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable
from pvprof.units import format_ns

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints, Times


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Waits of one run by process and thread, then in order of time, none over another.

    One thread; the second wait is cut, the third is left out::

        recorded    [==========)   [=====)          drawn    [==========)   [=====)
                          [======)                                      [==)
                           [==)

    Attributes:
        row: of each wait that is drawn.
        begin, end: in ns since the earliest beginning of all waits.
        origin_ns: this beginning, on the clock of the waits.
        overlaps: the number of waits that are cut or left out.
        lost_ns: the sum of what is not drawn.
    """

    row: Ints
    begin: Times
    end: Times
    origin_ns: int
    overlaps: int
    lost_ns: int

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problem of waits that are not drawn whole, if there are any."""
        if not self.overlaps:
            return ()
        lost = f"{format_ns(self.lost_ns)} left out of the file"
        text = f"waits that overlap another of their thread: {lost}"
        return (Problem("overlap", text, count=self.overlaps, severity="loss"),)


def tracks_of(events: WaitTable, rows: Ints) -> Tracks:
    """Return these waits, at least one, thread by thread.

    Of two waits that begin together, the shorter is first, so that both are visible. A wait of 0 ns
    is kept.

    Raises:
        InputError: their times are further apart than 64 bits hold.
    """
    columns = (
        ranks(events.stacks)[events.stack_id[rows]],
        ranks(events.keys)[events.key_id[rows]],
        events.wait_ns[rows],
        events.start_ns[rows],
        events.tid[rows],
        events.pid[rows],
    )
    order = rows[np.lexsort(columns)]
    start, end = times_from_earliest(events, order)
    pid, tid = events.pid[order], events.tid[order]
    is_new_thread = (pid[1:] != pid[:-1]) | (tid[1:] != tid[:-1])
    bounds = [0, *(np.flatnonzero(is_new_thread) + 1).tolist(), len(order)]
    free_from = np.zeros(len(order), dtype=np.uint64)  # the end of all earlier waits of the thread
    for first, last in pairwise(bounds):
        free_from[first + 1 : last] = np.maximum.accumulate(end[first : last - 1])
    begin = np.maximum(start, free_from)
    lost = np.minimum(begin, end) - start
    is_drawn = (begin < end) | (start == end)
    return Tracks(
        row=order[is_drawn],
        begin=np.minimum(begin, end)[is_drawn],
        end=end[is_drawn],
        origin_ns=int(events.start_ns[rows].min()),
        overlaps=int((lost > 0).sum()),
        lost_ns=segment_sums(lost, np.zeros(1, np.int64), UINT64_MAX)[0],
    )


def describe_waits(
    events: WaitTable, parts: Iterable[Part], describe: Callable[[Part, Stack], _T]
) -> tuple[list[_T], Ints]:
    """Return a description of each key and stack in a part, and for each wait its number there.

    `describe` is called once for each key and stack. The number is `NO_GROUP` for a wait that is in
    no part.
    """
    part_of = {(part.key, stack): part for part in parts for stack in part.stacks}
    width = events.code_width
    codes, index = numbered(events.codes())
    descriptions: list[_T] = []
    numbers = []
    for code in codes.tolist():
        key, stack = events.keys[code // width], events.stacks[code % width]
        part = part_of.get((key, stack))
        numbers.append(NO_GROUP if part is None else len(descriptions))
        if part is not None:
            descriptions.append(describe(part, stack))
    return descriptions, np.asarray(numbers, dtype=np.int64)[index]


def sums_without_times(events: WaitTable, parts: Iterable[Part], kept: Ints) -> Iterator[Problem]:
    """Yield the problem that sums, recorded beside the single waits, have no times.

    Args:
        events: all single waits.
        parts: what was kept, sums and single waits.
        kept: the rows of the single waits that were kept.
    """
    in_rows = sum(events.wait_ns[kept].tolist())
    rest = sum(part.weight.value for part in parts) - in_rows
    if rest:
        yield Problem(
            "without-time", f"sums have no times: {format_ns(rest)} left out", severity="loss"
        )
