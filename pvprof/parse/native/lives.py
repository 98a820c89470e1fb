"""The lives of threads, from the records of their births, waits and ends.

Import it only if there are single waits: it imports numpy.
"""

from __future__ import annotations

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

    An end after an end is none: a thread that executed a program in the place of the first thread
    of its process has left its number to that one, which was ending. A thread that wakes another
    one after its end, as FreeBSD's do that let their process end, ends when it does that.
    """
    births = is_of(NEW_THREAD, switches)
    if not births.any() and not len(switches.exit_ns):
        return None
    sleeps = switches.is_sleep
    time = np.concatenate([switches.time_ns[sleeps], switches.exit_ns])
    tid = np.concatenate([switches.tid[sleeps], switches.exit_tid]).astype(np.int64)
    is_end = np.arange(len(time)) >= len(births)
    order = order_by(tid, time)  # an end is behind what was at the same time
    is_repeated = is_end[order[1:]] & is_end[order[:-1]] & (tid[order[1:]] == tid[order[:-1]])
    order = order[np.concatenate([[True], ~is_repeated])]

    tids, ends = tid[order], is_end[order]
    born = np.concatenate([births, np.zeros(len(switches.exit_ns), dtype=np.bool_)])[order]
    is_first = born.copy()
    is_first[0] = True
    is_first[1:] |= (tids[1:] != tids[:-1]) | ends[:-1]
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(order)) - 1

    has_next = np.append(tids[first[1:]] == tids[first[:-1]], False)
    until = np.where(has_next, np.append(time[order[first[1:]]], 0), INT64_MAX)
    died = np.maximum(time[order[last]], _last_wakes(switches, tids[first], until))
    owner = np.concatenate([switches.owner_tid, np.zeros(len(switches.exit_ns), dtype=np.int64)])
    pid = np.concatenate([switches.pid, switches.exit_pid])
    key_id = np.concatenate([switches.key_id, switches.exit_key_id])
    return ThreadTable(
        tid=tids[first],
        pid=pid[order[last]].astype(np.int64),
        parent_tid=np.where(born[first], owner[order[first]], UNKNOWN),
        born_ns=np.where(born[first], time[order[first]], UNKNOWN),
        died_ns=np.where(ends[last], died, UNKNOWN),
        key_id=key_id[order[last]].astype(np.int64),
        keys=switches.keys,
        stacks=(),
    )


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
