"""Who held the lock, and what held the holder up.

Owns owners and chains: thread A waits for a lock that B holds, and B itself waits for another lock.
The owner is who held the lock when the wait began. If it was waiting itself at that moment, it held
the lock at least until it ran again: of that the chains are made. Waits of the owner that only
began later say nothing, since it may have released the lock before (real recordings have owners
that wait for a child by then, which nobody does with a lock held).

Nothing is guessed. Sleep queues have no owner, and turnstiles know none where a lock is read-locked
or is an OBM: that is "no owner". A thread that never waits itself has no name in the recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pvprof.analysis.lock_table import RowId, row_name, rows_of_events
from pvprof.analysis.waits.groups import distinct_rows, group_sums
from pvprof.analysis.waits.threads import CYCLE, NO_THREAD, Followed, Threads, follow, threads_of
from pvprof.classify.filters import Part
from pvprof.model.stacks import Stack
from pvprof.model.waits import RunSpan, WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

DEPTH = 4
"""How many owners of owners a chain is followed, unless told."""

End = Literal["no owner", "never seen", "not waiting", "cycle", "deeper"]
"""Where a chain ends: at a lock without a known owner; at a thread of which no wait was recorded;
at one that was not waiting then, but running or runnable; at one that is in the chain already; or
because it was followed no further."""

_ENDS: tuple[End, ...] = ("no owner", "never seen", "not waiting", "cycle", "deeper")


class Hold(NamedTuple):
    """What an owner waited for while it held a lock: a name and the stack that came to wait."""

    name: str
    stack: Stack


@dataclass(frozen=True, slots=True)
class Owner:
    """A thread that held a lock while others waited for it.

    Attributes:
        tid: its number.
        execname: its process, as told by its last wait before; empty where none was recorded.
        wait_ns, count: of the waits for the lock that it held.
        blocked_ns, blocked_count: how many of them began while it was waiting itself, and how long
            both went on.
        waited_for: what it waited for then, with how long both went on, longest first.
    """

    tid: int
    execname: str
    wait_ns: int
    count: int
    blocked_ns: int
    blocked_count: int
    waited_for: tuple[tuple[Hold, int], ...]


@dataclass(frozen=True, slots=True)
class RowOwners:
    """The owners of the locks of one row.

    Attributes:
        owners: those that were waited for longest, longest first, no more than asked for;
            `owner_number` is how many there are.
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
    """Waits that hung together in the same way.

    Attributes:
        links: who waited for what; each but the first held what the one before it waited for.
        end: what is known of the owner of what the last one waited for.
        wait_ns, count: of the first thread's waits. No wait is in two chains.
        together_ns: for how long of them all threads of the chain waited.
    """

    links: tuple[Link, ...]
    end: End
    wait_ns: int
    count: int
    together_ns: int


@dataclass(frozen=True, slots=True)
class Owners:
    """Who held locks, by row, and the chains of all rows, longest first, no more than asked for."""

    rows: dict[RowId, RowOwners]
    chains: tuple[Chain, ...]
    chain_number: int


def owners_of(
    events: WaitTable,
    runs: Sequence[RunSpan],
    parts: Sequence[Part],
    most: int,
    depth: int = DEPTH,
) -> Owners:
    """Return who held the locks of the parts, and the chains that their waits are the heads of.

    Args:
        events: all single waits; owners are looked up among all of them.
        runs: of which runs they are.
        parts: which waits are wanted.
        most: how many owners of a row, and how many chains.
        depth: how many owners of owners a chain is followed.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    row_ids, row = rows_of_events(events, parts)
    threads = threads_of(events, runs)
    head = np.flatnonzero((row >= 0) & (threads.owner != NO_THREAD))
    followed = follow(threads, head, depth)
    holds = _holds(events, threads, followed, row)
    without = np.where(threads.owner == NO_THREAD, row, -1)
    unknown_ns = group_sums(events.wait_ns, without, len(row_ids))
    unknown = np.bincount(without[without >= 0], minlength=len(row_ids)).tolist()
    rows = {}
    for number, row_id in enumerate(row_ids):
        if number in holds or unknown[number]:
            owners = _owners(holds.get(number, []), most)
            rows[row_id] = _row_owners(owners, most, unknown_ns[number], unknown[number])
    chains = sorted(
        _chains(events, followed), key=lambda one: (-one.wait_ns, one.links, _ENDS.index(one.end))
    )
    return Owners(rows, tuple(chains[:most]), len(chains))


@dataclass(frozen=True, slots=True)
class _Held:
    """Waits for the locks of one row that one owner held while it waited for one thing, or not."""

    tid: int
    execname: str
    hold: Hold | None
    wait_ns: int
    count: int
    blocked_ns: int


def _holds(
    events: WaitTable, threads: Threads, followed: Followed, row: Ints
) -> dict[int, list[_Held]]:
    """Return what is known of the owners, by the number of the row."""
    import numpy as np  # noqa: PLC0415

    head = followed.links[0]
    owned = followed.links[1] if len(followed.links) > 1 else np.full(len(head), -1)
    before, after = threads.around(np.maximum(threads.owner[head], 0), threads.start[head])
    told = np.where(before >= 0, before, after)
    told = np.where(threads.owner[head] >= 0, told, -1)
    names = _Names(events)
    columns = [
        row[head],
        events.owner_tid[head],
        names.execname(told),
        names.name(owned),
        np.where(owned >= 0, events.stack_id[owned], -1),
    ]
    distinct, group = distinct_rows(columns)
    # both were waiting when the wait began, so what they have in common begins there
    common = np.minimum(threads.end[head], threads.end[owned]) - threads.start[head]
    blocked = group_sums(np.where(owned >= 0, common.view(np.int64), 0), group, len(distinct))
    waits = group_sums(events.wait_ns[head], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    found: dict[int, list[_Held]] = {}
    for number, (place, tid, execname, name, stack) in enumerate(distinct):
        hold = None if name < 0 else Hold(names.names[name], events.stacks[stack])
        process = "" if execname < 0 else names.execnames[execname]
        one = _Held(tid, process, hold, waits[number], counts[number], blocked[number])
        found.setdefault(place, []).append(one)
    return found


def _owners(holds: Sequence[_Held], most: int) -> list[Owner]:
    """Return the owners, longest waited for first, each with `most` things it waited for."""
    by_owner: dict[tuple[int, str], list[_Held]] = {}
    for one in holds:
        by_owner.setdefault((one.tid, one.execname), []).append(one)
    owners = []
    for (tid, execname), some in by_owner.items():
        waited = Counter({one.hold: one.blocked_ns for one in some if one.hold is not None})
        longest = sorted(waited.items(), key=lambda item: (-item[1], item[0]))
        owners.append(
            Owner(
                tid=tid,
                execname=execname,
                wait_ns=sum(one.wait_ns for one in some),
                count=sum(one.count for one in some),
                blocked_ns=waited.total(),
                blocked_count=sum(one.count for one in some if one.hold is not None),
                waited_for=tuple(longest[:most]),
            )
        )
    return sorted(owners, key=lambda one: (-one.wait_ns, one.tid, one.execname))


def _row_owners(
    owners: Sequence[Owner], most: int, unknown_ns: int, unknown_count: int
) -> RowOwners:
    return RowOwners(
        owners=tuple(owners[:most]),
        owner_number=len(owners),
        wait_ns=sum(one.wait_ns for one in owners),
        count=sum(one.count for one in owners),
        unknown_ns=unknown_ns,
        unknown_count=unknown_count,
        blocked_ns=sum(one.blocked_ns for one in owners),
    )


def _chains(events: WaitTable, followed: Followed) -> Iterator[Chain]:
    """Yield the chains of at least two threads, and cycles."""
    import numpy as np  # noqa: PLC0415

    if len(followed.links) > 1:
        is_chain = (followed.links[1] >= 0) | (followed.end == CYCLE)
    else:
        is_chain = followed.end == CYCLE
    some = np.flatnonzero(is_chain)
    names = _Names(events)
    columns = [followed.end[some]]
    for link in followed.links:
        columns += [names.execname(link[some]), names.name(link[some])]
    distinct, group = distinct_rows(columns)
    waits = group_sums(events.wait_ns[followed.links[0][some]], group, len(distinct))
    together = group_sums(followed.together[some], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    for number, (end, *ids) in enumerate(distinct):
        links = tuple(
            Link(names.execnames[execname], names.names[name])
            for execname, name in zip(ids[::2], ids[1::2], strict=True)
            if name >= 0
        )
        yield Chain(links, _ENDS[end], waits[number], counts[number], together[number])


class _Names:
    """The processes and the names of waits, each with a number."""

    def __init__(self, events: WaitTable) -> None:
        self._events = events
        execnames: dict[str, int] = {}
        names: dict[str, int] = {}
        self._execname_of = [execnames.setdefault(k.execname, len(execnames)) for k in events.keys]
        self._name_of = [names.setdefault(row_name(key), len(names)) for key in events.keys]
        self.execnames, self.names = tuple(execnames), tuple(names)

    def execname(self, event: Ints) -> Ints:
        """Return the number of the process of each wait; -1 for -1."""
        return self._looked_up(self._execname_of, event)

    def name(self, event: Ints) -> Ints:
        """Return the number of what each waited for; -1 for -1."""
        return self._looked_up(self._name_of, event)

    def _looked_up(self, numbers: Sequence[int], event: Ints) -> Ints:
        import numpy as np  # noqa: PLC0415

        return np.where(event >= 0, np.asarray(numbers, np.int64)[self._events.key_id[event]], -1)
