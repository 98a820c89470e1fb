"""Joined stacks: who waited, and on top of that what the lock's owner was waiting for meanwhile.

Owns the towers of ``--chain owners``. Root first::

    waiter's process; its frames, root to leaf; the lock;
    --; owner's frames, leaf to root; owner's process; what it waited for;
    [--; that one's owner's frames, process and wait; ...]

The owner is who held the lock when the wait began, and what it waited for is what it was in at that
moment (``owners``). Where a chain ends that has not reached the depth asked for, a frame says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.analysis.waits.chains import Joined, upside_down
from pvprof.analysis.waits.groups import distinct_rows, group_sums
from pvprof.analysis.waits.threads import (
    CYCLE,
    NEVER_SEEN,
    NO_THREAD,
    NOT_WAITING,
    Followed,
    Threads,
    follow,
    threads_of,
)
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import WAKER_DELIMITER, Frame, clean_frame
from pvprof.model.waits import RunSpan, WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

NO_OWNER: Frame = "[no owner recorded]"
"""Stands for the owner of a lock that has none that is known."""

_ENDS: dict[int, Frame] = {
    NEVER_SEEN: "[owner of whom no wait was recorded]",
    NOT_WAITING: "[owner was not waiting]",
    CYCLE: "[owner is in the chain already]",
}


def chains_of_owners(events: WaitTable, runs: Sequence[RunSpan], options: FoldOptions) -> Joined:
    """Return what held up single waits: their locks' owners, and what those were waiting for.

    Args:
        events: all single waits; owners are looked up among all of them.
        runs: of which runs they are.
        options: how deep, and where names and processes stand.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    threads = threads_of(events, runs)
    head = np.flatnonzero(threads.owner != NO_THREAD)
    followed = follow(threads, head, options.chain_depth)
    stacks = max(len(events.stacks), 1)
    code = events.key_id * stacks + events.stack_id
    links = [np.where(link >= 0, code[link], -1) for link in followed.links]
    columns = [*links, followed.end, _last_owner(events, threads, followed)]
    distinct, group = distinct_rows(columns)
    waits = group_sums(events.wait_ns[head], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    joined: Joined = {}
    for (first, *others, end, last), value, count in zip(distinct, waits, counts, strict=True):
        frames: list[str] = []
        for one in others:
            if one >= 0:
                key, stack = divmod(one, stacks)
                frames += _owner_frames(events.keys[key], events.stacks[stack], options)
        if end in _ENDS:
            process = events.keys[last].execname if last >= 0 and options.execname else ""
            frames += [WAKER_DELIMITER, _ENDS[end], *([clean_frame(process)] if process else [])]
        key, stack = divmod(first, stacks)
        some = joined.setdefault((events.keys[key], events.stacks[stack]), [])
        some.append((";".join(frames[1:]), Weight(value, count, count)))
    return joined


def _owner_frames(key: Key, stack: Any, options: FoldOptions) -> list[str]:
    name = [clean_frame(key.name)] if key.name and options.by != "none" else []
    return [WAKER_DELIMITER, upside_down(key.execname, stack, options), *name]


def _last_owner(events: WaitTable, threads: Threads, followed: Followed) -> Ints:
    """Return the key of some wait of the owner at whom a chain ends, not waiting; -1 for others.

    It tells the process: of the last wait before that moment, else of the next.
    """
    import numpy as np  # noqa: PLC0415

    head = followed.links[0]
    last = head
    for link in followed.links[1:]:
        last = np.where(link >= 0, link, last)
    owner = np.where(followed.end == NOT_WAITING, threads.owner[last], -1)
    before, after = threads.around(np.maximum(owner, 0), threads.start[head])
    told = np.where(before >= 0, before, after)
    return np.where((owner >= 0) & (told >= 0), events.key_id[told], -1)
