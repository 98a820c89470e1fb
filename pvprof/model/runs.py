"""The recordings whose single waits are in one table, one after the other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunSpan:
    """One recording in a table of the waits of several, and the marks between which it was made.

    Attributes:
        events: the number of its rows; the rows of the first recording come first.
        begin_ns, end_ns: when tracing began and ended, on the clock of the waits; with ``--from``
            and ``--to``, the first and the last moment that was kept. None if not recorded.
        origin_ns: the moment from which ``--from`` and ``--to`` count, if they cut the waits;
            otherwise None, and they count from `begin_ns`, or from the first wait.
        name: of the recording; may be empty.
        path: of the recording, as the user named it; empty if there is none.
        threads: the number of its rows in the `ThreadTable`, in the same order.
    """

    events: int
    begin_ns: int | None = None
    end_ns: int | None = None
    origin_ns: int | None = None
    name: str = ""
    path: str = ""
    threads: int = 0
