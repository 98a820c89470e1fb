"""Joined stacks: who waited, and behind that who ended the wait.

Owns the stacks of ``--chain wakers``. Root first::

    sleeper's process; its frames, root to leaf; what it waited for;
    --; waker's frames, leaf to root; waker's process;
    [what the waker had waited for; --; frames and process of the waker of that wait; ...]

That is the order of Brendan Gregg's chain graphs and of bcc's offwaketime: the waker's stack is
upside down, so that the function that woke touches the one that waited. In front of each ``--`` is
what was waited for, unless names are at the root or left out.

A chain goes on if the waker's own last wait ended before it woke the other thread, but after the
first wait of the chain began: only then did that wait hold up the first one. It ends if that wait
has no known wake-up, at a thread that is in the chain already, at an interrupt, whose thread woke
no one (``analysis.wakers``), and at the depth asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.stacks.chains import Joined, leaf_first
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.analysis.waits.groups import NO_GROUP, distinct_rows, group_sums
from pvprof.analysis.waits.thread_index import (
    NO_WAIT,
    UNKNOWN_THREAD,
    ThreadIndex,
    ThreadNumbers,
    run_of_waits,
)
from pvprof.analysis.waits.wakeups import NO_WAKEUP, wakeup_of_waits
from pvprof.classify.interrupts import is_interrupt
from pvprof.model.arrays import INT64_MAX
from pvprof.model.column_table import order_by
from pvprof.model.profile import Weight
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import WAKER_DELIMITER, clean_frame
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.model.wakeup_sums import WakeupSums

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints


@dataclass(frozen=True, slots=True)
class EndedWaits:
    """Single waits, and the wake-ups that ended them."""

    events: WaitTable
    wakeups: WakeupTable
    runs: Sequence[RunSpan]


def chains_of_sums(sums: WakeupSums, options: FoldOptions) -> Joined:
    """Return the stacks behind waits: of the one waker that ended each."""
    joined: Joined = {}
    for wakeup_key, split in sums.items():
        weight = Weight(split.wait_ns, split.count, split.count)
        frames = leaf_first(wakeup_key.execname, wakeup_key.waker, options)
        joined.setdefault((wakeup_key.key, wakeup_key.stack), []).append((frames, weight))
    return joined


def chains_of_waits(ended: EndedWaits, options: FoldOptions) -> Joined:
    """Return the stacks behind single waits: of wakers, and the wakers of these, and so on.

    Chains that are equal in all columns are one joined stack::

        sleeper's key and stack    waker's       key of its wait    waker's      ...
        key * stacks + stack       key, stack    or NO_GROUP        key, stack
    """
    events, wakeups = ended.events, ended.wakeups
    links = follow_wakers(ended, options.chain_depth)
    head = links[0].wait
    waker_width, width = max(len(wakeups.stacks), 1), events.code_width
    waker = wakeups.key_id * waker_width + wakeups.stack_id
    columns = [events.codes(head), waker[links[0].wakeup]]
    for link in links[1:]:
        is_on = link.wait != NO_WAIT
        columns.append(np.where(is_on, events.key_id[link.wait], NO_GROUP))
        columns.append(np.where(is_on, waker[link.wakeup], NO_GROUP))
    distinct, group = distinct_rows(columns)
    waits = group_sums(events.wait_ns[head], group, len(distinct))
    counts = np.bincount(group, minlength=len(distinct)).tolist()

    @cache  # there are few wakers, among many keys and stacks
    def frames_of_waker(code: int) -> str:
        key_id, stack_id = divmod(code, waker_width)
        return leaf_first(wakeups.keys[key_id].execname, wakeups.stacks[stack_id], options)

    joined: Joined = {}
    for (code, first, *others), wait_ns, count in zip(distinct, waits, counts, strict=True):
        frames = [frames_of_waker(first)]
        for key_id, waker_code in zip(others[::2], others[1::2], strict=True):
            if waker_code == NO_GROUP:
                break
            name = events.keys[key_id].name
            frames += [clean_frame(name)] if name and options.by != "none" else []
            frames += [WAKER_DELIMITER, frames_of_waker(waker_code)]
        key_id, stack_id = divmod(code, width)
        chains = joined.setdefault((events.keys[key_id], events.stacks[stack_id]), [])
        chains.append((";".join(frames), Weight(wait_ns, count, count)))
    return joined


@dataclass(frozen=True, slots=True, eq=False)
class WakerLink:
    """One link of each chain: a wait and the wake-up that ended it; -1 behind a chain's end."""

    wait: Ints
    wakeup: Ints


def follow_wakers(ended: EndedWaits, max_depth: int) -> list[WakerLink]:
    """Return the links of the chains: one chain for each wait with a known wake-up.

    Thread A is woken by B, which had been woken by C after A's wait began::

                      time ->
        links[0]   A  [===================)             A's wait, ended by B
                                          ^
        links[1]   B         [======)-----+             B's last wait until then, ended by C
                                    ^
                   C  --------------+                   C did not wait since A's wait began
    """
    events, wakeups = ended.events, ended.wakeups
    wakeup_of = wakeup_of_waits(events, wakeups)
    head = np.flatnonzero(wakeup_of != NO_WAKEUP)
    links = [WakerLink(head, wakeup_of[head])]
    if max_depth < 2 or not len(head):
        return links
    waits = _WaitsByEnd.of(ended)
    is_by_interrupt = np.asarray([is_interrupt(stack) for stack in wakeups.stacks], dtype=np.bool_)
    chain_threads = [waits.thread[head]]
    growing = np.arange(len(head))  # the chains that have not ended yet
    for _ in range(max_depth - 1):
        wakeup = links[-1].wakeup[growing]
        waker = waits.numbers.find(wakeups.waker_tid[wakeup], waits.run[head[growing]])
        is_in_chain = np.any([thread[growing] == waker for thread in chain_threads], axis=0)
        wait = waits.index.last_until(waker, wakeups.time_ns[wakeup])
        goes_on = (wait != NO_WAIT) & (wakeup_of[wait] != NO_WAKEUP)
        goes_on &= waits.end[wait] > events.start_ns[head[growing]]
        goes_on &= ~is_in_chain & ~is_by_interrupt[wakeups.stack_id[wakeup]]
        if not goes_on.any():
            break
        chain_threads.append(_scatter(waker, growing, len(head), UNKNOWN_THREAD))
        growing, wait = growing[goes_on], wait[goes_on]
        links.append(
            WakerLink(
                _scatter(wait, growing, len(head), NO_WAIT),
                _scatter(wakeup_of[wait], growing, len(head), NO_WAKEUP),
            )
        )
    return links


def _scatter(values: Ints, rows: Ints, size: int, missing: int) -> Ints:
    """Return a column of this size with the values in these rows, and `missing` elsewhere."""
    column = np.full(size, missing, dtype=np.int64)
    column[rows] = values
    return column


@dataclass(frozen=True, slots=True, eq=False)
class _WaitsByEnd:
    """All waits, and an index of them by thread and end.

    Attributes:
        run, thread, end: of each wait; `thread` is a number in `numbers`.
        numbers: of all threads.
        index: of all waits.
    """

    run: Ints
    thread: Ints
    end: Ints
    numbers: ThreadNumbers
    index: ThreadIndex

    @classmethod
    def of(cls, ended: EndedWaits) -> _WaitsByEnd:
        events = ended.events
        numbers, thread = ThreadNumbers.of_waits(events, ended.runs)
        # A damaged record may have any length: its end is at most the largest number.
        end = np.minimum(events.start_ns, INT64_MAX - events.wait_ns) + events.wait_ns
        order = order_by(thread, end, events.start_ns)
        index = ThreadIndex.of_sorted(order, thread[order], end[order])
        return cls(run_of_waits(events, ended.runs), thread, end, numbers, index)
