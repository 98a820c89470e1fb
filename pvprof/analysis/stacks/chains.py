"""Joined stacks: the stack of a waiting thread, and behind it that of another thread.

Owns how the stacks of ``--chain`` are put together. It refuses to know whose stack is the other one
(``waits.waker_chains`` and ``waits.owner_chains`` do). Each wait is in one joined stack with all of
its time, so that joined stacks add up to what was kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pvprof.analysis.stacks.fold import FoldOptions, frames_around
from pvprof.classify.filters import Part
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import NO_STACK, WAKER_DELIMITER, Frame, Stack, clean_frame, frames_of

MAX_DEPTH = 8
"""The largest number of wakers of wakers, or owners of owners, in a chain."""

Joined = dict[tuple[Key, Stack], list[tuple[str, Weight]]]
"""By key and stack of waits: the frames that belong behind ``--``, and the weight of each."""


def join_stacks(
    joined: Joined, parts: Sequence[Part], options: FoldOptions, no_other: Frame
) -> tuple[list[Mapping[Stack, Weight]], FoldOptions]:
    """Return the joined stacks of each part, and the options to fold them with.

    Args:
        joined: the stacks of the other threads.
        parts: which waits to use.
        options: the position of what was waited for.
        no_other: the frame of waits that are not in `joined`.
    """
    joined_parts: list[Mapping[Stack, Weight]] = []
    for part in parts:
        after = frames_around(part.key, options).leaf
        stacks: dict[Stack, Weight] = {}
        for stack, weight in part.stacks.items():
            body = f"{stack}{after};{WAKER_DELIMITER};"
            rest = weight
            for frames, share in joined.get((part.key, stack), ()):
                joined_stack = Stack(body + frames)
                known = stacks.get(joined_stack)
                stacks[joined_stack] = share if known is None else known.plus(share)
                rest = rest.minus(share)
            if rest.value or rest.count:
                stacks[Stack(body + no_other)] = rest
        joined_parts.append(stacks)
    return joined_parts, replace(options, by="none" if options.by == "leaf" else options.by)


def leaf_first(execname: str, stack: Stack, options: FoldOptions) -> str:
    """Return the frames of a thread from leaf to root, then its process."""
    frames = frames_of(stack)[::-1]
    if execname and options.execname:
        frames = [frame for frame in frames if frame != NO_STACK] + [clean_frame(execname)]
    return ";".join(frames)
