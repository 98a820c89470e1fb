"""Shorten stacks of very many frames: no tracer records such, and a picture of one is huge.

::

    f1;f2;f3; ... ;f99998;f99999        f1; ... ;f10000;[79,999 frames left out];f90000; ... ;f99999

Weights are not changed; stacks that are then equal are added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pvprof.model.problems import Problem
from pvprof.model.profile import Profile
from pvprof.model.stacks import Stack
from pvprof.parse.result import ParseResult
from pvprof.recording.limits import MAX_FRAMES

_MIN_LENGTH = 2 * MAX_FRAMES  # of a stack of more frames: a character and a semicolon each


def shorten_deep_stacks(parsed: ParseResult, source: str) -> None:
    """Shorten the stacks of a result that have more than `MAX_FRAMES` frames; report how many."""
    count = sum(_shorten_in(part) for part in (parsed, *parsed.further))
    if count:
        text = f"stacks of more than {MAX_FRAMES:,} frames: those in their middle are left out"
        parsed.problems.append(Problem("deep-stacks", text, source, count=count))


def _shorten_in(part: ParseResult) -> int:
    profiles = [*part.profiles.values(), *filter(None, [part.open_waits])]
    count = sum(map(_shorten_profile, profiles))
    part.histograms = [replace(one, stack=_shortened(one.stack)) for one in part.histograms]
    if part.events is not None and _has_deep(part.events.stacks):
        count += sum(map(_is_deep, part.events.stacks))
        part.events = replace(part.events, stacks=tuple(map(_shortened, part.events.stacks)))
    if part.wakeups is not None and _has_deep(part.wakeups.stacks):
        part.wakeups = replace(part.wakeups, stacks=tuple(map(_shortened, part.wakeups.stacks)))
    return count


def _shorten_profile(profile: Profile) -> int:
    """Shorten the stacks of a profile; return how many were too deep."""
    count = 0
    for key, stacks in list(profile.groups.items()):
        # No stack of a table is deep.
        if isinstance(stacks, dict) and _has_deep(stacks):
            count += sum(map(_is_deep, stacks))
            del profile.groups[key]
            for stack, weight in stacks.items():
                profile.add(key, _shortened(stack), weight)
    return count


def _has_deep(stacks: Iterable[Stack]) -> bool:
    return max(map(len, stacks), default=0) >= _MIN_LENGTH and any(map(_is_deep, stacks))


def _is_deep(stack: Stack) -> bool:
    return len(stack) >= _MIN_LENGTH and stack.count(";") >= MAX_FRAMES


def _shortened(stack: Stack) -> Stack:
    if not _is_deep(stack):
        return stack
    frames = stack.split(";")
    half = MAX_FRAMES // 2
    gap = f"[{len(frames) - MAX_FRAMES:,} frames left out]"
    return Stack(";".join([*frames[:half], gap, *frames[-half:]]))
