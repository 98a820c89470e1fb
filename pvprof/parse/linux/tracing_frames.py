"""Which innermost frames of a stack are the tracer's own.

::

    bpf_prog_6deef7357e7b4530_prog+0x2a      a BPF program, of this tracer or another one
    bpf_trace_run4+0x96
    __bpf_trace_sched_switch+0x10
    __traceiter_sched_switch+0x3f            calls all tracers of one tracepoint in turn
    __schedule+0x618                         the function that was traced
    schedule+0x27

A tracepoint with one tracer calls it directly; with a second one, of whatever tool, it goes through
``__traceiter_NAME`` (``include/linux/tracepoint.h``, since Linux 5.10). So these frames depend on
what else traces the machine. Without them, the stacks of two recordings are equal. A sample of
running code may well be taken inside a tracer: its frames stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pvprof.model.stacks import Stack, stack_of
from pvprof.parse.text.frames import FrameNames

_TRACER = re.compile(
    rb"(?:[^`]*`)?(?:"
    rb"__traceiter_\w+|__probestub_\w+|_*do_trace_\w+"
    rb"|(?:__)?bpf_trace_\w+|bpf_prog_\w+|bpf_trampoline_\w+|bpf_dispatcher_\w+"
    rb"|trace_call_bpf|(?:do_)?perf_trace_(?!(?:init|destroy|add|del)\b)\w+|(?:do_)?trace_event_raw_event_\w+"
    rb")(?:\.\w+)*(?:\+(?:0x)?[0-9a-fA-F]+)?"
)
# The program of another tracer has a name only if the kernel gives its JIT code one.
_NAMELESS = re.compile(rb"(?:[^`]*`)?(?:0x[0-9a-fA-F]+|\[unknown\])")


@dataclass(slots=True, eq=False)
class TracedStacks:
    """Stacks taken where a tracepoint is, without the tracer's own frames.

    Attributes:
        names: clean frames by raw frame.
        kept_frames: how many frames the tracer kept of each stack that lost some here.
    """

    names: FrameNames
    kept_frames: dict[Stack, int] = field(default_factory=dict)

    def stack_of(self, leaf_first: list[bytes]) -> Stack:
        """Return the stack of raw kernel frames, root first."""
        traced = without_tracing_frames(leaf_first)
        stack = stack_of(reversed([name for frame in traced for name in self.names[frame]]))
        if len(traced) < len(leaf_first):
            self.kept_frames[stack] = max(self.kept_frames.get(stack, 0), len(leaf_first))
        return stack


def without_tracing_frames(leaf_first: list[bytes]) -> list[bytes]:
    """Return a stack of raw kernel frames without the tracer's own at its leaf.

    Addresses without a name go with the tracer's frames that called them. A stack that has no other
    frames stays as it is.
    """
    outermost = 0
    for number, frame in enumerate(leaf_first, 1):
        if _TRACER.fullmatch(frame):
            outermost = number
        elif not _NAMELESS.fullmatch(frame):
            return leaf_first[outermost:]
    return leaf_first
