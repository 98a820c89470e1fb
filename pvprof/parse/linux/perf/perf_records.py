"""A record of ``perf script``, its event, and the stack that it has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto

from pvprof.model.stacks import DELIMITER, Stack, stack_of
from pvprof.parse.linux.perf.frame_lines import FrameLine, sample_leaf, tracepoint_leaf
from pvprof.parse.linux.perf.heads import PerfHead
from pvprof.parse.linux.tracing_frames import without_tracing_frames
from pvprof.parse.text.frames import FrameNames

_DELIMITER = DELIMITER.encode()
# An event of samples with its modifiers, and a breakpoint, have colons as tracepoints have.
_SAMPLED = re.compile(rb"[^:]+:[ukhGHpPSDIeWb]+|mem:0x.*|[^:]*/[^:]*/.*")
# perf of Linux 2.6 prints tracepoints without their systems.
_WITHOUT_SYSTEM = re.compile(
    rb"(?:sched|block|irq|softirq|timer|hrtimer|itimer|mm|kmem|sys|syscall|skb|net|netif|napi|signal"
    rb"|module|workqueue|power|lock|ext4|jbd2|kvm|scsi)_\w+|kmalloc\w*|kfree\w*|consume_skb"
)
_MODIFIERS = re.compile(rb":[ukhGHpPSDIeWb]*$|/[^/]*$")


class EventKind(Enum):
    """What the records of an event are about."""

    SWITCH = auto()
    WAKING = auto()
    WAKEUP = auto()
    TRACEPOINT = auto()
    SAMPLE = auto()


_KINDS = {
    b"sched_switch": EventKind.SWITCH,
    b"sched_waking": EventKind.WAKING,
    b"sched_wakeup": EventKind.WAKEUP,
}


def kind_of_event(event: bytes) -> EventKind:
    """Return the kind of an event by its name."""
    system, colon, name = event.rpartition(b":")
    if system in (b"sched", b"") and name in _KINDS:
        return _KINDS[name]
    if colon:
        return EventKind.SAMPLE if _SAMPLED.fullmatch(event) else EventKind.TRACEPOINT
    return EventKind.TRACEPOINT if _WITHOUT_SYSTEM.fullmatch(event) else EventKind.SAMPLE


@dataclass(slots=True)
class PerfRecord:
    """A head, and the frames below it.

    Attributes:
        head: its first line.
        line: the number of that line.
        frames: raw, leaf first.
        kernel_count: number of frames of the kernel, which come first.
    """

    head: PerfHead
    line: int
    frames: list[bytes] = field(default_factory=list)
    kernel_count: int = 0

    def add_frame(self, frame: FrameLine) -> None:
        """Add the next frame towards the root."""
        self.frames.append(frame[0])
        if frame[1]:
            self.kernel_count = len(self.frames)

    def mark_inlined(self) -> None:
        """Mark the last frame as inlined."""
        if self.frames and not self.frames[-1].endswith(b"_[i]"):
            self.frames[-1] += b"_[i]"

    def take_leaf(self, is_sample: bool) -> None:
        """Add the frame in the first line, if the record has no other."""
        if self.frames or not self.head.rest:
            return
        leaf = sample_leaf(self.head.rest) if is_sample else tracepoint_leaf(self.head.rest)
        if leaf is not None:
            self.add_frame(leaf)


class Stacks:
    """Makes stacks of records; equal ones are made once."""

    def __init__(self, names: FrameNames) -> None:
        self._names = names
        self._stacks: dict[tuple[bool, bytes], Stack] = {}

    def stack_of(self, record: PerfRecord, is_sample: bool) -> Stack:
        """Return the stack of a record, root first, user frames set off from the kernel's.

        Args:
            record: the record.
            is_sample: keep the tracer's own frames: the sample may be of them.
        """
        kernel, user = record.frames[: record.kernel_count], record.frames[record.kernel_count :]
        between = [_DELIMITER] if kernel and user else []
        raw = b"\n".join([*kernel, *between, *user])
        stack = self._stacks.get((is_sample, raw))
        if stack is None:
            own = kernel if is_sample else without_tracing_frames(kernel)
            frames = [*own, *between, *user]
            names = [name for frame in frames for name in self._names[frame]]
            stack = self._stacks[is_sample, raw] = stack_of(reversed(names))
        return stack
