"""Joined stacks: who waited, and on top of that another thread's stack.

Owns how towers of ``--chain`` are put together; ``waker_chains`` and ``owner_chains`` say whose
stack stands on top. Every wait is in one tower, with all of its time; so towers add up to what was
kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pvprof.analysis.stacks.fold import FoldOptions, frames_around
from pvprof.classify.filters import Part
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import NO_STACK, WAKER_DELIMITER, Frame, Stack, clean_frame, frames_of

MOST_DEPTH = 8
"""How many wakers of wakers, or owners of owners, a chain may have."""

Joined = dict[tuple[Key, Stack], list[tuple[str, Weight]]]
"""By what was waited for and the sleeper's stack: the frames behind ``--``, and their weights."""


def join_stacks(
    joined: Joined, parts: Sequence[Part], options: FoldOptions, nobody: Frame
) -> tuple[list[Mapping[Stack, Weight]], FoldOptions]:
    """Return the joined stacks of each part, and the options to fold them with.

    Args:
        joined: all that is known of the others.
        parts: which waits are wanted.
        options: where what was waited for stands.
        nobody: the frame of what is not in `joined`.
    """
    found: list[Mapping[Stack, Weight]] = []
    for part in parts:
        _, after = frames_around(part.key, options)
        stacks: dict[Stack, Weight] = {}
        for stack, weight in part.stacks.items():
            body = f"{stack}{after};{WAKER_DELIMITER};"
            rest = weight
            for others, one in joined.get((part.key, stack), ()):
                tower = Stack(body + others)
                stacks[tower] = stacks[tower].plus(one) if tower in stacks else one
                rest = Weight(*(all_of - some for all_of, some in zip(rest, one, strict=True)))
            if rest.value or rest.count:
                stacks[Stack(body + nobody)] = rest
        found.append(stacks)
    return found, replace(options, by="none" if options.by == "leaf" else options.by)


def upside_down(execname: str, stack: Stack, options: FoldOptions) -> str:
    """Return the frames of a thread, leaf to root, and its process."""
    frames = frames_of(stack)[::-1]
    if execname and options.execname:
        frames = [one for one in frames if one != NO_STACK] + [clean_frame(execname)]
    return ";".join(frames)
