"""Single waits thread by thread: what each waited for, one thing after the other.

Owns their order in time. A thread waits for one thing at a time, so waits of one that overlap are
damage (a record twice, a clock that stepped), and nothing that draws threads in time can show them:
what an earlier wait covers is left out of the later one, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from pvprof.analysis.waits.groups import ranks, sums_from
from pvprof.analysis.waits.overlap import moments
from pvprof.classify.filters import Part
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]
    Times = npt.NDArray[np.uint64]


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Waits of one run by process and thread, then in order of time; none over another.

    Attributes:
        row: which wait each is.
        begin, end: from when to when it is drawn, from the earliest of all of them on.
        origin_ns: when that was, on the clock of the events.
        overlaps: how many waits are not drawn whole.
        lost_ns: how much of them is not drawn.
    """

    row: Ints
    begin: Times
    end: Times
    origin_ns: int
    overlaps: int
    lost_ns: int

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what is told of waits that are not drawn whole."""
        if not self.overlaps:
            return ()
        lost = f"{self.lost_ns:,} ns left out of the file"
        text = f"waits that overlap another of their thread: {lost}"
        return (Problem("overlap", text, count=self.overlaps, severity="loss"),)


def tracks_of(events: WaitTable, rows: Ints) -> Tracks:
    """Return some waits, not none, thread by thread.

    Of two that begin together the shorter is first, so that both are seen. One of 0 ns is kept.

    Raises:
        InputError: their times are further apart than 64 bits hold.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    columns = (
        *(ranks(events.stacks)[events.stack_id[rows]], ranks(events.keys)[events.key_id[rows]]),
        *(events.wait_ns[rows], events.start_ns[rows], events.tid[rows], events.pid[rows]),
    )
    order = rows[np.lexsort(columns)]
    start, end = moments(events, order)
    pid, tid = events.pid[order], events.tid[order]
    is_new = (pid[1:] != pid[:-1]) | (tid[1:] != tid[:-1])
    bounds = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(order)]
    free = np.zeros(len(order), dtype=np.uint64)
    for first, last in pairwise(bounds):
        free[first + 1 : last] = np.maximum.accumulate(end[first : last - 1])
    begin = np.maximum(start, free)
    lost = np.minimum(begin, end) - start
    is_drawn = (begin < end) | (start == end)
    return Tracks(
        row=order[is_drawn],
        begin=np.minimum(begin, end)[is_drawn],
        end=end[is_drawn],
        origin_ns=int(events.start_ns[rows].min()),
        overlaps=int((lost > 0).sum()),
        lost_ns=sums_from(lost, np.zeros(1, np.int64), 1 << 64)[0],
    )


def described(
    events: WaitTable, parts: Iterable[Part], describe: Callable[[Part, Stack], _T]
) -> tuple[list[_T], Ints]:
    """Return what is said of each key and stack that is in a part, called once for each.

    Also for each event the number of its own, -1 for one that is in no part.
    """
    import numpy as np  # noqa: PLC0415

    part_of = {(part.key, stack): part for part in parts for stack in part.stacks}
    width = max(len(events.stacks), 1)
    codes, places = np.unique(events.key_id * width + events.stack_id, return_inverse=True)
    said: list[_T] = []
    numbers = []
    for code in codes.tolist():
        key, stack = events.keys[code // width], events.stacks[code % width]
        part = part_of.get((key, stack))
        numbers.append(-1 if part is None else len(said))
        if part is not None:
            said.append(describe(part, stack))
    return said, np.asarray(numbers, dtype=np.int64)[places]


def name_of_thread(names: Iterable[str], most: int = 3) -> str:
    """Return what a thread or a process is called that had these names, one after the other."""
    known = [name for name in dict.fromkeys(names) if name]
    more = [f"{len(known) - most} more"] if len(known) > most else []
    return ", ".join([*known[:most], *more])
