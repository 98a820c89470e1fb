"""Announce the processes whose user stacks are recorded: the recorder saves their memory maps."""

from __future__ import annotations

from dataclasses import replace

from pvprof.collect.bpftrace.parts import Parts
from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.options import MAX_FRAMES, ProgramOptions

_PARENT = "((struct task_struct *)curtask)->real_parent->tgid"

_NEW_CODE = Probe(
    ("tracepoint:sched:sched_process_exec",),
    ("@seen[pid] = 0;",),
    ("@seen[pid] != 0",),
    ("Its memory maps are others now.",),
)


def user_stack(options: ProgramOptions) -> str:
    """Return the user stack of this thread.

    It has one frame more than the kernel's: bpftrace makes a table of stacks for each depth.
    """
    return f"ustack({min(options.stack_frames + 1, MAX_FRAMES)})"


def with_announcements(parts: Parts) -> Parts:
    """Return the parts of a program whose probes announce processes."""
    return replace(parts, probes=(*parts.probes, _NEW_CODE), helpers=(*parts.helpers, "seen"))


def announce() -> Lines:
    """Return lines that announce this process the first time, the second, fourth, eighth, ...

    The recorder then saves its memory maps, which grow as libraries are loaded.
    """
    return (
        "@seen[pid] += 1;",
        "$seen = @seen[pid];",
        *block(
            "($seen & ($seen - 1)) == 0",
            rf'printf("#process %d %d %s\n", pid, {_PARENT}, comm);',
        ),
    )
