"""Samples of bpftrace's maps: what ran, which stacks were lost, whether all of them are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.model.problems import Problem
from pvprof.parse.linux.bpftrace_json import TraceKey

_MAP = re.compile(r"on_cpu(_[0-9]+)?")
_USER_PRIVILEGE = 3  # the lowest bits of the code segment on amd64; the kernel's are 0
# A thread that came from user code has a user stack, until it exits. Kernel threads, idle CPUs, and
# threads that have never been in user code have other roots.
_CAME_FROM_USER_CODE = re.compile(rb"kernel`(?:entry_|asm_)")
_EXITS = re.compile(rb"kernel`do_exit\b")


def is_map_of_samples(name: str) -> bool:
    """Tell whether a map holds samples: there may be several, each with its own user stacks."""
    return _MAP.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class LostStacks:
    """Which stacks of a key should be there, and are not."""

    user: bool = False
    kernel: bool = False


def lost_stacks(key: TraceKey) -> LostStacks:
    """Return which stacks of a sample were lost: another stack had their place in the table.

    Only keys with a privilege can tell: a sample of user code has no kernel stack.
    """
    privilege = key.numbers.get("privilege")
    if privilege is None:
        return LostStacks()
    kernel, user = key.stacks["stack"], key.stacks.get("user_stack")
    if privilege == _USER_PRIVILEGE:
        return LostStacks(user=user == [])
    if not kernel:
        return LostStacks(kernel=True)
    has_user_code = _CAME_FROM_USER_CODE.match(kernel[-1]) and not any(map(_EXITS.match, kernel))
    return LostStacks(user=user == [] and bool(has_user_code))


def is_user_code(key: TraceKey) -> bool:
    """Tell whether a sample was taken in user code."""
    if "privilege" in key.numbers:
        return key.numbers["privilege"] == _USER_PRIVILEGE
    return not key.stacks["stack"] and bool(key.stacks.get("user_stack"))


@dataclass(slots=True)
class SampleCount:
    """How many samples there are in the maps, and how many the program has taken.

    Attributes:
        kept: in the maps.
        taken: as the program has counted; None if it has not.
    """

    kept: int = 0
    taken: int | None = None

    def problems(self, file: str) -> Iterator[Problem]:
        """Yield a loss if samples are missing."""
        if self.taken is not None and self.taken != self.kept:
            missing = self.taken - self.kept
            text = "samples not kept: a map was full; record with more --variable-mb"
            if missing < 0:
                text = "more samples were kept than taken: the counts are wrong"
            yield Problem("lost-samples", text, file, count=abs(missing), severity="loss")
