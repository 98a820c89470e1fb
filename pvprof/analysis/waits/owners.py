"""Who held the lock, and what held the holder up.

Owns owners and chains: thread A waits for a lock that B holds, and B itself waits for another lock.
The owner is the thread that held the lock when the wait began. If it was waiting itself at that
moment, it held the lock at least until it ran again: chains are made of such waits. Waits of the
owner that began later prove nothing, since it may have released the lock first (recordings have
owners that wait for a child by then, which no thread does with a lock held).

Nothing is guessed. Sleep queues have no owner, and turnstiles know none of a lock that is
read-locked or an OBM: that is "no owner". A thread that never waits has no name in the recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from pvprof.analysis.lock_table import RowId, row_name
from pvprof.analysis.waits.groups import NO_GROUP, distinct_rows, group_sums, rows_of_waits
from pvprof.analysis.waits.thread_index import NO_WAIT
from pvprof.analysis.waits.threads import (
    NO_THREAD,
    ChainEnd,
    Followed,
    ThreadWaits,
    follow,
    threads_of,
)
from pvprof.classify.filters import Part
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

DEPTH = 4
"""The default number of owners of owners in a chain."""

End = Literal["no owner", "never seen", "not waiting", "cycle", "deeper"]
"""Why a chain ends; see `ChainEnd`."""

_ENDS: tuple[End, ...] = ("no owner", "never seen", "not waiting", "cycle", "deeper")
"""In the order of `ChainEnd`."""


class OwnerWait(NamedTuple):
    """What an owner waited for while it held a lock: a name, and the stack that came to wait."""

    name: str
    stack: Stack


@dataclass(frozen=True, slots=True)
class Owner:
    """A thread that held a lock while others waited for it.

    Attributes:
        tid: its number.
        execname: its process, according to its last wait before; empty if none was recorded.
        wait_ns, count: of the waits for the lock that it held.
        blocked_ns, blocked_count: of the waits that began while it was waiting itself: for how
            long both went on, and their number.
        waited_for: what it waited for then, and how long both went on, longest first.
    """

    tid: int
    execname: str
    wait_ns: int
    count: int
    blocked_ns: int
    blocked_count: int
    waited_for: tuple[tuple[OwnerWait, int], ...]


@dataclass(frozen=True, slots=True)
class RowOwners:
    """The owners of the locks of one row.

    Attributes:
        owners: those that were waited for longest, longest first, at most as many as asked for;
            `owner_number` counts all.
        wait_ns, count: the waits with an owner.
        unknown_ns, unknown_count: the waits without one.
        blocked_ns: the part of `wait_ns` in which the owner was waiting itself.
    """

    owners: tuple[Owner, ...]
    owner_number: int
    wait_ns: int
    count: int
    unknown_ns: int
    unknown_count: int
    blocked_ns: int


class Link(NamedTuple):
    """A thread of a chain: its process, and what it waited for."""

    execname: str
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Waits with equal chains of owners.

    Attributes:
        links: who waited for what; each link but the first held what the one before waited for.
        end: what is known of the owner of what the last link waited for.
        wait_ns, count: of the first thread's waits. No wait is in two chains.
        together_ns: the part of `wait_ns` in which all threads of the chain waited.
    """

    links: tuple[Link, ...]
    end: End
    wait_ns: int
    count: int
    together_ns: int


@dataclass(frozen=True, slots=True)
class Owners:
    """Who held locks.

    Attributes:
        rows: by row.
        chains: of all rows, longest first, at most as many as asked for; `chain_number` counts all.
    """

    rows: dict[RowId, RowOwners]
    chains: tuple[Chain, ...]
    chain_number: int


def owners_of(
    events: WaitTable,
    runs: Sequence[RunSpan],
    parts: Sequence[Part],
    max_owners: int,
    depth: int = DEPTH,
    threads: ThreadWaits | None = None,
) -> Owners:
    """Return the owners of the locks of the parts, and the chains that begin with their waits.

    Args:
        events: all single waits; owners are looked up among all of them.
        runs: the runs that they are of.
        parts: the waits to use.
        max_owners: the number of owners to list for each row, and of chains in all.
        depth: the number of owners of owners in a chain.
        threads: what `threads_of` returns for these waits, if it is known.
    """
    row_ids, row = rows_of_waits(events, parts)
    threads = threads_of(events, runs) if threads is None else threads
    has_owner = threads.owner != NO_THREAD
    head = np.flatnonzero((row != NO_GROUP) & has_owner)
    followed = follow(threads, head, depth)
    shares = _owner_shares(events, threads, followed, row)
    row_without_owner = np.where(has_owner, NO_GROUP, row)
    unknown_ns = group_sums(events.wait_ns, row_without_owner, len(row_ids))
    unknown_count = np.bincount(
        row_without_owner[row_without_owner != NO_GROUP], minlength=len(row_ids)
    ).tolist()
    rows = {}
    for number, row_id in enumerate(row_ids):
        if number in shares or unknown_count[number]:
            owners = _owners(shares.get(number, []), max_owners)
            rows[row_id] = _row_owners(
                owners, max_owners, unknown_ns[number], unknown_count[number]
            )
    chains = sorted(
        _chains(events, followed),
        key=lambda chain: (-chain.wait_ns, chain.links, _ENDS.index(chain.end)),
    )
    return Owners(rows, tuple(chains[:max_owners]), len(chains))


@dataclass(frozen=True, slots=True)
class _OwnerShare:
    """The waits for the locks of one row that one owner held during one wait of its own, or none.

    Attributes:
        tid, execname: of the owner.
        owner_wait: what the owner waited for, or None.
        wait_ns, count: of the waits.
        blocked_ns: how long both went on.
    """

    tid: int
    execname: str
    owner_wait: OwnerWait | None
    wait_ns: int
    count: int
    blocked_ns: int


def _owner_shares(
    events: WaitTable, threads: ThreadWaits, followed: Followed, row: Ints
) -> dict[int, list[_OwnerShare]]:
    """Map the number of each row to its waits by owner and what the owner waited for.

    Waits that are equal in all columns are one share::

        row   owner's tid   its process   what it waits for   its stack      wait   count
        0     100205        make          pmap pv list        17             ...    3
        0     100205        make          NO_GROUP            NO_GROUP       ...    9     (running)
    """
    head = followed.links[0]
    has_links = len(followed.links) > 1
    owner_wait = followed.links[1] if has_links else np.full(len(head), NO_WAIT)
    is_blocked = owner_wait != NO_WAIT
    near = threads.nearest_waits(threads.owner[head], threads.start[head])
    names = _WaitNames(events)
    columns = [
        row[head],
        events.owner_tid[head],
        names.execname(near),
        names.name(owner_wait),
        np.where(is_blocked, events.stack_id[owner_wait], NO_GROUP),
    ]
    distinct, group = distinct_rows(columns)
    # Both are waiting when the wait begins, so their common time begins there.
    common = np.minimum(threads.end[head], threads.end[owner_wait]) - threads.start[head]
    blocked = group_sums(np.where(is_blocked, common.view(np.int64), 0), group, len(distinct))
    waits = group_sums(events.wait_ns[head], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    shares: dict[int, list[_OwnerShare]] = {}
    for (row_number, tid, execname, name, stack_id), wait_ns, count, blocked_ns in zip(
        distinct, waits, counts, blocked, strict=True
    ):
        waited_for = None
        if name != NO_GROUP:
            waited_for = OwnerWait(names.names[name], events.stacks[stack_id])
        process = "" if execname == NO_GROUP else names.execnames[execname]
        share = _OwnerShare(tid, process, waited_for, wait_ns, count, blocked_ns)
        shares.setdefault(row_number, []).append(share)
    return shares


def _owners(shares: Sequence[_OwnerShare], max_waits: int) -> list[Owner]:
    """Return the owners, longest waited for first, each with `max_waits` things it waited for."""
    by_owner: dict[tuple[int, str], list[_OwnerShare]] = {}
    for share in shares:
        by_owner.setdefault((share.tid, share.execname), []).append(share)
    owners = []
    for (tid, execname), own in by_owner.items():
        waited = Counter({s.owner_wait: s.blocked_ns for s in own if s.owner_wait is not None})
        longest = sorted(waited.items(), key=lambda item: (-item[1], item[0]))
        owners.append(
            Owner(
                tid=tid,
                execname=execname,
                wait_ns=sum(share.wait_ns for share in own),
                count=sum(share.count for share in own),
                blocked_ns=waited.total(),
                blocked_count=sum(share.count for share in own if share.owner_wait is not None),
                waited_for=tuple(longest[:max_waits]),
            )
        )
    return sorted(owners, key=lambda owner: (-owner.wait_ns, owner.tid, owner.execname))


def _row_owners(
    owners: Sequence[Owner], max_owners: int, unknown_ns: int, unknown_count: int
) -> RowOwners:
    return RowOwners(
        owners=tuple(owners[:max_owners]),
        owner_number=len(owners),
        wait_ns=sum(owner.wait_ns for owner in owners),
        count=sum(owner.count for owner in owners),
        unknown_ns=unknown_ns,
        unknown_count=unknown_count,
        blocked_ns=sum(owner.blocked_ns for owner in owners),
    )


def _chains(events: WaitTable, followed: Followed) -> Iterator[Chain]:
    """Yield the chains of at least two threads, and cycles."""
    is_chain = followed.end == ChainEnd.CYCLE
    if len(followed.links) > 1:
        is_chain |= followed.links[1] != NO_WAIT
    chain = np.flatnonzero(is_chain)
    names = _WaitNames(events)
    columns = [followed.end[chain]]
    for link in followed.links:
        columns += [names.execname(link[chain]), names.name(link[chain])]
    distinct, group = distinct_rows(columns)
    waits = group_sums(events.wait_ns[followed.links[0][chain]], group, len(distinct))
    together = group_sums(followed.together_ns[chain], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    for (end, *ids), wait_ns, count, together_ns in zip(
        distinct, waits, counts, together, strict=True
    ):
        links = tuple(
            Link(names.execnames[execname], names.names[name])
            for execname, name in zip(ids[::2], ids[1::2], strict=True)
            if name != NO_GROUP
        )
        yield Chain(links, _ENDS[end], wait_ns, count, together_ns)


class _WaitNames:
    """The distinct processes and names of waits, each with a number."""

    def __init__(self, events: WaitTable) -> None:
        self._events = events
        execnames: dict[str, int] = {}
        names: dict[str, int] = {}
        self._execname_of_key = [
            execnames.setdefault(key.execname, len(execnames)) for key in events.keys
        ]
        self._name_of_key = [names.setdefault(row_name(key), len(names)) for key in events.keys]
        self.execnames, self.names = tuple(execnames), tuple(names)

    def execname(self, wait: Ints) -> Ints:
        """Return the number of each wait's process; `NO_GROUP` for `NO_WAIT`."""
        return self._look_up(self._execname_of_key, wait)

    def name(self, wait: Ints) -> Ints:
        """Return the number of what each wait was for; `NO_GROUP` for `NO_WAIT`."""
        return self._look_up(self._name_of_key, wait)

    def _look_up(self, number_of_key: Sequence[int], wait: Ints) -> Ints:
        numbers = np.asarray(number_of_key, np.int64)
        return np.where(wait == NO_WAIT, NO_GROUP, numbers[self._events.key_id[wait]])
