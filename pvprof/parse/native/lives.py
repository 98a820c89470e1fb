"""The lives of threads, from the records of their births, waits and ends.

Import it only if there are single waits: it imports numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pvprof.model.mechanisms import NEW_THREAD
from pvprof.model.threads import UNKNOWN, ThreadTable
from pvprof.parse.native.halves import Switches

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools


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
    of its process has left its number to that one, which was ending.
    """
    births = is_of(NEW_THREAD, switches)
    if not births.any() and not len(switches.exit_ns):
        return None
    sleeps = switches.is_sleep
    time = np.concatenate([switches.time_ns[sleeps], switches.exit_ns])
    tid = np.concatenate([switches.tid[sleeps], switches.exit_tid]).astype(np.int64)
    is_end = np.arange(len(time)) >= len(births)
    order = np.lexsort((is_end, time, tid))
    is_repeated = is_end[order[1:]] & is_end[order[:-1]] & (tid[order[1:]] == tid[order[:-1]])
    order = order[np.concatenate([[True], ~is_repeated])]

    tids, ends = tid[order], is_end[order]
    born = np.concatenate([births, np.zeros(len(switches.exit_ns), dtype=np.bool_)])[order]
    is_first = born.copy()
    is_first[0] = True
    is_first[1:] |= (tids[1:] != tids[:-1]) | ends[:-1]
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(order)) - 1

    owner = np.concatenate([switches.owner_tid, np.zeros(len(switches.exit_ns), dtype=np.int64)])
    pid = np.concatenate([switches.pid, switches.exit_pid])
    key_id = np.concatenate([switches.key_id, switches.exit_key_id])
    return ThreadTable(
        tid=tids[first],
        pid=pid[order[last]].astype(np.int64),
        parent_tid=np.where(born[first], owner[order[first]], UNKNOWN),
        born_ns=np.where(born[first], time[order[first]], UNKNOWN),
        died_ns=np.where(ends[last], time[order[last]], UNKNOWN),
        key_id=key_id[order[last]].astype(np.int64),
        keys=switches.keys,
        stacks=(),
    )
