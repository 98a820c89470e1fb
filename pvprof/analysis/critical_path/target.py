"""Whose path is shown: the thread that the user asks for, or the first thread of the workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.critical_path.graph import PathGraph, WaitEnd
from pvprof.errors import UsageError
from pvprof.model.threads import UNKNOWN
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints


@dataclass(frozen=True, slots=True)
class PathThread:
    """The thread whose path is shown.

    Attributes:
        life: its number in the graph.
        is_guess: the recording does not say which thread was the first of the workload. It is taken
            to be the one that was last woken by another thread: as a shell or make, which waits for
            what it started.
    """

    life: int
    is_guess: bool


def target_of(graph: PathGraph, events: WaitTable, thread_id: int | None) -> PathThread | None:
    """Return the thread with this id, or the last one of the process with this id; else the first.

    None: the run has no such thread.

    Raises:
        UsageError: the recording does not tell threads apart.
    """
    if not (graph.lives.tid >= 0).any():
        raise UsageError("the recording does not tell which thread waited: it has no thread ids")
    if thread_id is None:
        return _first(graph)
    lives = np.flatnonzero(graph.lives.tid == thread_id)
    if not len(lives):
        lives = np.flatnonzero(pids_of(graph, events) == thread_id)
    if not len(lives):
        return None
    return PathThread(int(lives[np.argmax(_ends(graph)[lives])]), False)


def _first(graph: PathGraph) -> PathThread:
    firsts = np.flatnonzero(graph.lives.is_first)
    if len(firsts):
        return PathThread(int(firsts[np.argmin(graph.lives.born[firsts])]), False)
    by_thread = np.flatnonzero(graph.how == WaitEnd.THREAD)
    rows = by_thread if len(by_thread) else np.arange(len(graph))
    if not len(rows):
        return PathThread(int(np.argmax(_ends(graph))), True)
    return PathThread(int(graph.life[rows[np.argmax(graph.end[rows])]]), True)


def _ends(graph: PathGraph) -> Ints:
    """Return the last moment at which each thread was known to live."""
    ends = graph.lives.died.copy()
    alive = np.flatnonzero((ends == UNKNOWN) & (graph.first[1:] > graph.first[:-1]))
    ends[alive] = graph.end[graph.first[alive + 1] - 1]
    return ends


def pids_of(graph: PathGraph, events: WaitTable) -> Ints:
    """Return the process of each thread: as recorded of the thread, else as of its last wait."""
    pids = graph.lives.pid.copy()
    unknown = np.flatnonzero((pids == UNKNOWN) & (graph.first[1:] > graph.first[:-1]))
    pids[unknown] = events.pid[graph.row[graph.first[unknown + 1] - 1]]
    return pids


def name_of(graph: PathGraph, events: WaitTable, names: tuple[str, ...], life: int) -> str:
    """Return the name of the process of a thread; empty if it is not known.

    Args:
        graph: has the thread.
        events: the waits of all runs.
        names: of the processes, by the `key_id` of lives.
        life: the number of the thread.
    """
    key_id = int(graph.lives.key_id[life])
    if key_id != UNKNOWN and names[key_id]:
        return names[key_id]
    last = int(graph.first[life + 1]) - 1
    if last < graph.first[life]:
        return ""
    return events.keys[int(events.key_id[graph.row[last]])].execname
