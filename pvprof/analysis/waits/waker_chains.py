"""Joined stacks: who waited, and on top of that who ended the wait.

Owns the towers of ``--chain wakers``. Root first::

    sleeper's process; its frames, root to leaf; what it waited for;
    --; waker's frames, leaf to root; waker's process;
    [what the waker had waited for; --; frames and process of whoever ended that; ...]

That is the order of Brendan Gregg's chain graphs and of bcc's offwaketime: the waker's stack is
upside down, so that the function that woke touches the one that waited. In front of every ``--``
stands what was waited for, unless names are at the root or left out.

A chain goes on where the waker's own last wait ended before it woke the other one, but after the
first wait of the chain began: only then that wait was held up by it. It ends where that wait has no
known wake-up, at a thread that is in the chain already, at an interrupt, whose thread woke nobody
(``wakers``), and at the depth asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.analysis.waits.chains import Joined, upside_down
from pvprof.analysis.waits.groups import distinct_rows, group_sums
from pvprof.analysis.waits.wakers import is_interrupt, wakeup_of
from pvprof.model.profile import Weight
from pvprof.model.stacks import WAKER_DELIMITER, Frame, clean_frame
from pvprof.model.waits import RunSpan, WaitTable, WakeupTable
from pvprof.model.wakeup_sums import WakeupSums

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

NO_WAKER: Frame = "[no waker recorded]"
"""Stands for the waker of a wait without a recorded wake-up."""

_INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class EndedWaits:
    """Single waits, and who ended them."""

    events: WaitTable
    wakeups: WakeupTable
    runs: Sequence[RunSpan]


def chains_of_endings(endings: WakeupSums, options: FoldOptions) -> Joined:
    """Return who ended waits, each by its one waker."""
    joined: Joined = {}
    for ending, division in endings.items():
        weight = Weight(division.wait_ns, division.count, division.count)
        frames = upside_down(ending.execname, ending.waker, options)
        joined.setdefault((ending.key, ending.stack), []).append((frames, weight))
    return joined


def chains_of_singles(singles: EndedWaits, options: FoldOptions) -> Joined:
    """Return who ended single waits, and who ended the waits of these, as far as is asked for."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    events, wakeups = singles.events, singles.wakeups
    links = follow_wakers(singles, options.chain_depth)
    head = links[0][0]
    width, stacks = max(len(wakeups.stacks), 1), max(len(events.stacks), 1)
    waker = wakeups.key_id * width + wakeups.stack_id
    columns = [events.key_id[head] * stacks + events.stack_id[head], waker[links[0][1]]]
    for wait, wakeup in links[1:]:
        is_on = wait >= 0
        columns += [np.where(is_on, events.key_id[wait], -1), np.where(is_on, waker[wakeup], -1)]
    distinct, group = distinct_rows(columns)
    waits = group_sums(events.wait_ns[head], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()

    @cache  # there are few wakers, among many keys and stacks
    def frames_of_waker(code: int) -> str:
        key, stack = divmod(code, width)
        return upside_down(wakeups.keys[key].execname, wakeups.stacks[stack], options)

    joined: Joined = {}
    for (code, first, *others), value, count in zip(distinct, waits, counts, strict=True):
        parts = [frames_of_waker(first)]
        for why, who in zip(others[::2], others[1::2], strict=True):
            if who < 0:
                break
            name = events.keys[why].name
            parts += [clean_frame(name)] if name and options.by != "none" else []
            parts += [WAKER_DELIMITER, frames_of_waker(who)]
        key, stack = divmod(code, stacks)
        some = joined.setdefault((events.keys[key], events.stacks[stack]), [])
        some.append((";".join(parts), Weight(value, count, count)))
    return joined


def follow_wakers(singles: EndedWaits, depth: int) -> list[tuple[Ints, Ints]]:
    """Return the waits with a known wake-up and these; then their wakers' last waits, and so on.

    Each further pair is as long as the first and has -1 where a chain has ended.
    """
    import numpy as np  # noqa: PLC0415

    events, wakeups = singles.events, singles.wakeups
    ended_by = wakeup_of(events, wakeups)
    head = np.flatnonzero(ended_by >= 0)
    links = [(head, ended_by[head])]
    if depth < 2 or not len(head):
        return links
    waits = _LastWaits.of(singles)
    borrowed = np.asarray([is_interrupt(stack) for stack in wakeups.stacks], dtype=np.bool_)
    threads = [waits.thread[head]]
    alive = np.arange(len(head))
    for _ in range(depth - 1):
        wakeup = links[-1][1][alive]
        thread = waits.thread_of_waker(wakeup, waits.run[head[alive]])
        is_known = np.any([one[alive] == thread for one in threads], axis=0)
        found = waits.before(thread, wakeups.time_ns[wakeup])
        is_on = ~is_known & ~borrowed[wakeups.stack_id[wakeup]] & (found >= 0)
        is_on &= (waits.end[found] > events.start_ns[head[alive]]) & (ended_by[found] >= 0)
        if not is_on.any():
            break
        threads.append(_spread(thread, alive, len(head)))
        alive, found = alive[is_on], found[is_on]
        links.append((_spread(found, alive, len(head)), _spread(ended_by[found], alive, len(head))))
    return links


def _spread(values: Ints, places: Ints, size: int) -> Ints:
    """Return a column of that size with the values at their places, and -1 elsewhere."""
    import numpy as np  # noqa: PLC0415

    column = np.full(size, -1, dtype=np.int64)
    column[places] = values
    return column


@dataclass(frozen=True, slots=True, eq=False)
class _LastWaits:
    """The waits by thread and end, to look up the last one that ended before some time.

    Attributes:
        run, thread, end: of every wait. A thread is one of one run.
        tids: of which thread ids there are waits.
        runs: how many.
        order: the waits by thread and end.
        code: where each of them stands: its thread, and the rank of its end among `ends`.
        ends: the distinct ends.
        waker_tid: of every wake-up.
    """

    run: Ints
    thread: Ints
    end: Ints
    tids: Ints
    runs: int
    order: Ints
    code: Ints
    ends: Ints
    waker_tid: Ints

    @classmethod
    def of(cls, singles: EndedWaits) -> _LastWaits:
        import numpy as np  # noqa: PLC0415

        events = singles.events
        sizes = [run.events for run in singles.runs] or [len(events)]
        run = np.repeat(np.arange(len(sizes)), sizes)
        tids, tid = np.unique(events.tid, return_inverse=True)
        thread = tid * len(sizes) + run
        # what fits, at most: a wait may be told to be as long as any number
        end = np.minimum(events.start_ns, _INT64_MAX - events.wait_ns) + events.wait_ns
        order = np.lexsort((events.start_ns, end, thread))
        ends, rank = np.unique(end, return_inverse=True)
        code = thread[order] * (len(ends) + 1) + rank[order] + 1
        waker_tid = singles.wakeups.waker_tid
        return cls(run, thread, end, tids, len(sizes), order, code, ends, waker_tid)

    def thread_of_waker(self, wakeup: Ints, run: Ints) -> Ints:
        """Return the thread of each waker; -1 for one of which no wait was recorded."""
        import numpy as np  # noqa: PLC0415

        tid = self.waker_tid[wakeup]
        place = np.minimum(np.searchsorted(self.tids, tid), len(self.tids) - 1)
        thread: Ints = np.where(self.tids[place] == tid, place * self.runs + run, -1)
        return thread

    def before(self, thread: Ints, time: Ints) -> Ints:
        """Return the last wait of each thread that ended no later than a time; -1 for none."""
        import numpy as np  # noqa: PLC0415

        rank = np.searchsorted(self.ends, time, "right")
        place = np.searchsorted(self.code, thread * (len(self.ends) + 1) + rank, "right") - 1
        found = self.order[np.maximum(place, 0)]
        return np.where((place >= 0) & (self.thread[found] == thread), found, -1)
