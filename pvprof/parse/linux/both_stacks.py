"""The user stack and the kernel stack of an entry of a map, as one."""

from __future__ import annotations

from collections.abc import Iterator

from pvprof.model.problems import Problem
from pvprof.model.stacks import DELIMITER, NO_STACK, Stack, stack_of
from pvprof.parse.linux.bpftrace_json import TraceKey
from pvprof.parse.linux.samples import SampleCount, is_map_of_samples, lost_stacks
from pvprof.parse.linux.tracing_frames import TracedStacks
from pvprof.parse.linux.user_frames import UserFrames
from pvprof.parse.source import TextSource


class BothStacks:
    """Joins the stacks of entries, and counts those that were lost.

    Attributes:
        user: names the frames of user stacks.
        samples: counts the samples, if the map has any.
    """

    def __init__(self, source: TextSource, traced: TracedStacks) -> None:
        self.user = UserFrames(source.options.user_code, source.options.keep_offsets)
        self.samples = SampleCount()
        self._names = source.frame_names
        self._traced = traced
        self._lost = 0

    def joined(self, name: str, key: TraceKey, value: int) -> Stack:
        """Return the stacks of a key of the map `name`, the user's first.

        `NO_STACK` takes the place of one that was lost. The result is empty if there is none.
        """
        kernel, user = key.stacks["stack"], key.stacks.get("user_stack", [])
        if user and "pid" in key.numbers:
            user = self.user.name(key.numbers["pid"], user, value)
        lost = lost_stacks(key)
        self._lost += value if lost.user or lost.kernel else 0
        # A timer takes samples of running code, which may well be that of a tracer.
        of_kernel = self._stack if is_map_of_samples(name) else self._traced.stack_of
        parts = [NO_STACK] if lost.user else [self._stack(user)] if user else []
        parts += [NO_STACK] if lost.kernel else [of_kernel(kernel)] if kernel else []
        return Stack(f";{DELIMITER};".join(parts))

    def _stack(self, frames: list[bytes]) -> Stack:
        return stack_of(reversed([name for frame in frames for name in self._names[frame]]))

    def problems(self, file: str) -> Iterator[Problem]:
        """Yield what was lost, and what has no name."""
        if self._lost:
            text = f"samples lost a stack: its place was taken; it is {NO_STACK}"
            yield Problem("lost-sample-stacks", text, file, count=self._lost, severity="loss")
        yield from self.samples.problems(file)
        yield from self.user.problems(file)
