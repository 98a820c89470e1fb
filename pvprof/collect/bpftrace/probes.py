"""Which tracepoints the bpftrace programs use, and what they need on the target.

The one table of capabilities. Nothing is concluded from a version: whether a target has what a
program needs is found there, by ``bpftrace -d``.

Where the facts are from: Linux's ``include/trace/events/{sched,lock}.h`` and
``kernel/sched/core.c`` as of 6.18, and ``bpftrace -lv`` there. None is a kprobe: what a function's
arguments are is nobody's promise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that a target may lack.

    Attributes:
        name: of the tracepoint or probe.
        fires: when, and in which thread.
        since: the release of Linux that brought it, for people.
    """

    name: str
    fires: str
    since: str = ""


CAPABILITIES = (
    Capability("BEGIN", "when tracing is prepared: other probes are not attached yet"),
    Capability("END", "when tracing is over: other probes are detached"),
    Capability("interval", "once every so long, on one CPU"),
    Capability("profile:hz", "so often a second on every CPU"),
    Capability(
        "tracepoint:sched:sched_switch",
        "in a thread that leaves a CPU, on behalf of the next one too",
    ),
    Capability(
        "tracepoint:sched:sched_waking",
        "in the waker, before the sleeper is runnable; sched_wakeup may fire on another CPU, in an"
        " interrupt that says nothing of who woke",
        "4.3",
    ),
    Capability("tracepoint:sched:sched_wakeup", "when a woken thread is on a run queue"),
    Capability("tracepoint:sched:sched_wakeup_new", "when a new thread is on a run queue"),
    Capability("tracepoint:task:task_newtask", "in the thread that made the new one"),
    Capability("tracepoint:sched:sched_process_fork", "in the parent"),
    Capability("tracepoint:sched:sched_process_exec", "in a thread that runs another program now"),
    Capability("tracepoint:sched:sched_process_exit", "in a thread that ends"),
    Capability(
        "tracepoint:lock:contention_begin",
        "in a thread that has to wait for a lock: it begins to spin, or to block",
        "5.19",
    ),
    Capability("tracepoint:lock:contention_end", "in a thread that got it, or gave up", "5.19"),
)

PROBES = {one.name for one in CAPABILITIES}
