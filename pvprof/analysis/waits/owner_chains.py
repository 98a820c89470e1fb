"""Joined stacks: who waited, and behind that what the lock's owner was waiting for.

Owns the stacks of ``--chain owners``. Root first::

    waiter's process; its frames, root to leaf; the lock;
    --; owner's frames, leaf to root; owner's process; what it waited for;
    [--; the frames, process and wait of the owner of that; ...]

The owner held the lock when the wait began; its frames are those of the wait that it was in at that
moment (``owners``). A chain that ends before the depth asked for has a frame that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.stacks.chains import Joined, leaf_first
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.analysis.waits.groups import NO_GROUP, distinct_rows, group_sums
from pvprof.analysis.waits.thread_index import NO_WAIT
from pvprof.analysis.waits.threads import (
    NO_THREAD,
    ChainEnd,
    Followed,
    ThreadWaits,
    follow,
    threads_of,
)
from pvprof.model.profile import Key, Weight
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import WAKER_DELIMITER, Frame, Stack, clean_frame
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

NO_OWNER: Frame = "[no owner recorded]"
"""In place of an owner: the lock has no known owner."""

_END_FRAMES: dict[int, Frame] = {
    ChainEnd.NEVER_SEEN: "[owner of whom no wait was recorded]",
    ChainEnd.NOT_WAITING: "[owner was not waiting]",
    ChainEnd.CYCLE: "[owner is in the chain already]",
}


def chains_of_owners(events: WaitTable, runs: Sequence[RunSpan], options: FoldOptions) -> Joined:
    """Return the stacks behind single waits: of their locks' owners, and what these waited for.

    Args:
        events: all single waits; owners are looked up among all of them.
        runs: the runs that they are of.
        options: the depth of chains, and the position of names and processes.
    """
    threads = threads_of(events, runs)
    head = np.flatnonzero(threads.owner != NO_THREAD)
    followed = follow(threads, head, options.chain_depth)
    width, code = events.code_width, events.codes()
    columns = [
        *(np.where(link == NO_WAIT, NO_GROUP, code[link]) for link in followed.links),
        followed.end,
        _key_of_last_owner(events, threads, followed),
    ]
    distinct, group = distinct_rows(columns)
    waits = group_sums(events.wait_ns[head], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()
    joined: Joined = {}
    for (first, *others, end, last_key_id), wait_ns, count in zip(
        distinct, waits, counts, strict=True
    ):
        frames: list[Frame] = []
        for owner in others:
            if owner != NO_GROUP:
                key_id, stack_id = divmod(owner, width)
                frames += _owner_frames(events.keys[key_id], events.stacks[stack_id], options)
        if end in _END_FRAMES:
            process = "" if last_key_id == NO_GROUP else events.keys[last_key_id].execname
            frames += [WAKER_DELIMITER, _END_FRAMES[end]]
            frames += [clean_frame(process)] if process and options.execname else []
        key_id, stack_id = divmod(first, width)
        chains = joined.setdefault((events.keys[key_id], events.stacks[stack_id]), [])
        # Without the first delimiter: `join_stacks` puts it in front.
        chains.append((";".join(frames[1:]), Weight(wait_ns, count, count)))
    return joined


def _owner_frames(key: Key, stack: Stack, options: FoldOptions) -> list[Frame]:
    name = [clean_frame(key.name)] if key.name and options.by != "none" else []
    return [WAKER_DELIMITER, leaf_first(key.execname, stack, options), *name]


def _key_of_last_owner(events: WaitTable, threads: ThreadWaits, followed: Followed) -> Ints:
    """Return a key id of the owner that was not waiting, at the end of each chain; or `NO_GROUP`.

    The key is of a wait near that moment, and names the owner's process.
    """
    head = followed.links[0]
    last = head
    for link in followed.links[1:]:
        last = np.where(link == NO_WAIT, last, link)
    is_running = followed.end == ChainEnd.NOT_WAITING
    owner = np.where(is_running, threads.owner[last], NO_THREAD)
    wait = threads.nearest_waits(owner, threads.start[head])
    return np.where(wait == NO_WAIT, NO_GROUP, events.key_id[wait])
