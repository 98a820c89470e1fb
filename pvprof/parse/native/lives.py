"""The lives of threads, from the records of their births, waits and ends.

Import it only if there are single waits: it imports numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.model.column_table import order_by
from pvprof.model.mechanisms import NEW_THREAD
from pvprof.model.threads import UNKNOWN, ThreadTable
from pvprof.parse.native.halves import Switches

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints


def is_of(mechanism: str, switches: Switches) -> Bools:
    """Tell of each sleep whether it has this mechanism."""
    has_it = np.array([key.mechanism == mechanism for key in switches.keys], dtype=np.bool_)
    return has_it[switches.key_id]


def lives_of(switches: Switches) -> ThreadTable | None:
    """Return the lives of all threads that waited or ended; None if no birth or end was recorded.

    Sleeps and ends are sorted by thread and time. A birth begins a life, an end ends it::

        tid       1  1  1  1  1  1  2  2
        record    S  X  B  S  X  X  S  S     B: a birth, S: another sleep, X: an end
        is_first  T  F  T  F  F  -  T  F
                  life  life        life     of the first only the end is known, of the last nothing

    Two threads may swap their numbers, see `_Records.with_swaps`. Any other end after an end is
    none. A thread that wakes another one after its end, as FreeBSD's do that let their process end,
    ends when it does that.
    """
    births = is_of(NEW_THREAD, switches)
    if not births.any() and not len(switches.exit_ns):
        return None
    records = _Records.of(switches, births).with_swaps()
    order = records.order
    is_repeated = records.is_end[order[1:]] & records.is_end[order[:-1]]
    is_repeated &= records.tid[order[1:]] == records.tid[order[:-1]]
    order = order[np.concatenate([[True], ~is_repeated])]

    tids, ends, time = records.tid[order], records.is_end[order], records.time_ns
    born = records.is_birth[order]
    is_first = born.copy()
    is_first[0] = True
    is_first[1:] |= (tids[1:] != tids[:-1]) | ends[:-1]
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(order)) - 1

    has_next = np.append(tids[first[1:]] == tids[first[:-1]], False)
    until = np.where(has_next, np.append(time[order[first[1:]]], 0), INT64_MAX)
    died = np.maximum(time[order[last]], _last_wakes(switches, tids[first], until))
    pid = np.concatenate([switches.pid, switches.exit_pid])
    key_id = np.concatenate([switches.key_id, switches.exit_key_id])
    return ThreadTable(
        tid=tids[first],
        pid=pid[order[last]].astype(np.int64),
        parent_tid=np.where(born[first], records.owner_tid[order[first]], UNKNOWN),
        born_ns=np.where(born[first], time[order[first]], UNKNOWN),
        died_ns=np.where(ends[last], died, UNKNOWN),
        key_id=key_id[order[last]].astype(np.int64),
        keys=switches.keys,
        stacks=(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """All sleeps, births among them, and behind them all ends.

    Attributes:
        time_ns, tid: when it was, and of which thread.
        owner_tid: of a birth, the thread's creator.
        is_birth, is_end: what it is.
    """

    time_ns: Ints
    tid: Ints
    owner_tid: Ints
    is_birth: Bools
    is_end: Bools

    @classmethod
    def of(cls, switches: Switches, births: Bools) -> _Records:
        """Return the records of `switches`; `births` tells which sleeps are births."""
        sleeps, exits = switches.is_sleep, len(switches.exit_ns)
        return cls(
            time_ns=np.concatenate([switches.time_ns[sleeps], switches.exit_ns]),
            tid=np.concatenate([switches.tid[sleeps], switches.exit_tid]).astype(np.int64),
            owner_tid=np.concatenate([switches.owner_tid, np.zeros(exits, dtype=np.int64)]),
            is_birth=np.concatenate([births, np.zeros(exits, dtype=np.bool_)]),
            is_end=np.arange(len(births) + exits) >= len(births),
        )

    @property
    def order(self) -> Ints:
        """The records by thread and time; an end is behind what was at the same time."""
        return order_by(self.tid, self.time_ns)

    def with_swaps(self) -> _Records:
        """Return the records with each end and birth under the number that it belongs to.

        On Linux a thread that executes a program (E) takes the number of its process's first
        thread, which ends. The record of E is an end of its old number (2) and a birth of its new
        one (1), at the same time. The kernel swaps the numbers some time before: at `|`. Where the
        old first thread leaves its CPU behind the swap, its end (x) has the other number; and waits
        (s) of the thread have its new number before E::

            recorded   1  B S S | s s E S X       means   1  B S S x|
                       2    B S | x   E                    1         E s s S X
                                                           2    B S  X

        So x becomes an end of 1, before E. If waits are between an end of 1 and E, then E was when
        the first of them began.
        """
        is_at_an_end = self.is_birth & np.isin(self.time_ns, self.time_ns[self.is_end])
        if not is_at_an_end.any():
            return self
        swaps = self._swaps(np.flatnonzero(is_at_an_end))
        tid, time_ns = self.tid.copy(), self.time_ns.copy()
        order = self.order
        place = np.argsort(order)
        for birth, end in swaps:
            for near in order[max(place[end] - 1, 0) : place[end] + 2].tolist():
                if near != end and self.is_end[near] and self.tid[near] == self.tid[end]:
                    tid[near] = tid[birth]
                    time_ns[near] = min(time_ns[near], time_ns[birth] - 1)
        return replace(self, tid=tid, time_ns=time_ns)._with_earlier_births(swaps)

    def _swaps(self, births: Ints) -> list[tuple[int, int]]:
        """Return these births and the ends of their creators at the same time, where there are."""
        ends = np.flatnonzero(self.is_end & np.isin(self.time_ns, self.time_ns[births]))
        moments = zip(self.tid[ends].tolist(), self.time_ns[ends].tolist(), strict=True)
        end_at = dict(zip(moments, ends.tolist(), strict=True))
        moments = zip(self.owner_tid[births].tolist(), self.time_ns[births].tolist(), strict=True)
        pairs = zip(births.tolist(), map(end_at.get, moments), strict=True)
        return [(birth, end) for birth, end in pairs if end is not None]

    def _with_earlier_births(self, swaps: list[tuple[int, int]]) -> _Records:
        """Return the records with these births at the first wait behind the end of the number."""
        owner_tid, is_birth = self.owner_tid.copy(), self.is_birth.copy()
        time_ns = self.time_ns.copy()
        order = self.order
        place = np.argsort(order)
        for birth, end in swaps:
            first = place[birth]
            while first and self._is_wait_of(order[first - 1], birth):
                first -= 1
            before = order[first - 1]
            if first and self.is_end[before] and self.tid[before] == self.tid[birth]:
                begin = order[first]
                owner_tid[begin] = owner_tid[birth]
                is_birth[birth], is_birth[begin] = False, True
                time_ns[end] = time_ns[begin]
        return replace(self, owner_tid=owner_tid, is_birth=is_birth, time_ns=time_ns)

    def _is_wait_of(self, row: int, birth: int) -> bool:
        is_wait = not (self.is_end[row] or self.is_birth[row])
        return bool(is_wait and self.tid[row] == self.tid[birth])


def _last_wakes(switches: Switches, tids: Ints, until: Ints) -> Ints:
    """Map each thread and time to the last wake-up by the thread before that time; -1: none.

    Wake-ups (w) and times (t) are sorted together, a time before a wake-up at the same time::

        waker    1  1  1  1  2  2  3
                 w  w  t  w  t  w  t
        latest   0  1  1  3  3  5  5     the last w until here
        answer         1     -     -     if it is of the same thread
    """
    wakes = len(switches.wake_ns)
    if not wakes:
        return np.full(len(tids), UNKNOWN, dtype=np.int64)
    tid = np.concatenate([switches.waker_tid, tids])
    time = np.concatenate([switches.wake_ns, until])
    order = order_by(tid, time, np.arange(len(tid)) < wakes)
    is_wake = order < wakes
    latest = np.maximum.accumulate(np.where(is_wake, np.arange(len(order)), 0))
    places = np.flatnonzero(~is_wake)
    found = order[latest[places]]
    asked = order[places] - wakes
    is_known = (found < wakes) & (tid[found] == tids[asked])
    answer = np.full(len(tids), UNKNOWN, dtype=np.int64)
    answer[asked[is_known]] = time[found[is_known]]
    return answer
