"""Which probes the D programs use, and what they need on the target.

The one table of capabilities. Nothing is concluded from a version: whether a target has what a
program needs is found there, by compiling the program with ``dtrace -e``.

Where the facts are from: FreeBSD's sources as of 12.1-STABLE, 13.2-RELEASE and 15.1 (``sys/kern``:
sched_ule.c, subr_sleepqueue.c, subr_turnstile.c, kern_lockstat.c), and ``dtrace -l`` of a 13.2.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe.

    Attributes:
        name: its full name as D programs write it.
        fires: when, and in which thread.
        arguments: the C types of ``args[]``.
    """

    name: str
    fires: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that a target may lack.

    Attributes:
        name: short, for tables.
        probes: whose presence shows it.
        remedy: what to do where it is missing.
    """

    name: str
    probes: tuple[Probe, ...]
    remedy: str


_TRACING = (
    Probe("dtrace:::BEGIN", "when tracing begins"),
    Probe("dtrace:::END", "when tracing ends, by exit() or SIGTERM"),
    Probe("proc:::exit", "in a process that exits", ("int",)),
)

_SCHEDULER = (
    Probe("sched:::sleep", "in a thread about to leave the CPU for a turnstile or sleep queue"),
    Probe("sched:::on-cpu", "in a thread that was switched to"),
    Probe("sched:::remain-cpu", "in a thread that was to leave the CPU and was chosen again"),
    Probe(
        "sched:::off-cpu", "in a thread being switched from", ("struct thread *", "struct proc *")
    ),
    Probe(
        "sched:::wakeup",
        "in the waker, before the sleeper's wait message or lock is forgotten",
        ("struct thread *", "struct proc *"),
    ),
    Probe(
        "sched:::enqueue",
        "in whoever makes a thread runnable; ULE does not fire it for a preempted one",
        ("struct thread *", "struct proc *", "void *", "int"),
    ),
)


def _lockstat(name: str, lock: str) -> Probe:
    text = "in a thread that got a lock, with the ns that it had waited for it"
    return Probe(f"lockstat:::{name}", text, (lock, "uint64_t"))


_LOCKSTAT = (
    *(
        _lockstat(name, "struct mtx *")
        for name in ("adaptive-block", "adaptive-spin", "spin-spin", "thread-spin")
    ),
    *(_lockstat(name, "struct rwlock *") for name in ("rw-block", "rw-spin")),
    *(_lockstat(name, "struct sx *") for name in ("sx-block", "sx-spin")),
    _lockstat("lockmgr-block", "struct lock *"),
)

_PROFILE = (
    Probe("profile:::profile-RATE", "RATE times a second on every CPU"),
    Probe("profile:::tick-TIME", "once every TIME, on one CPU"),
)

_PATCH = (
    Probe(
        "kernel:profile:turnstile:block",
        "in a thread about to block on a lock",
        ("struct lock_object *", "struct thread *"),
    ),
    Probe(
        "kernel:profile:turnstile:wakeup",
        "in a thread that runs again, with the ns off the CPU",
        ("struct lock_object *", "struct thread *", "uint64_t"),
    ),
    Probe(
        "kernel:profile:sleepq:block",
        "in a thread about to sleep",
        ("void *", "const char *"),
    ),
    Probe(
        "kernel:profile:sleepq:wakeup",
        "in a thread that runs again, with the ns off the CPU",
        ("void *", "const char *", "uint64_t"),
    ),
)

_STOCK = "kldload dtraceall; a kernel without these was built without KDTRACE_HOOKS"

CAPABILITIES = (
    Capability("dtrace", _TRACING, _STOCK),
    Capability("sched", _SCHEDULER, _STOCK),
    Capability("lockstat", _LOCKSTAT, _STOCK),
    Capability("profile", _PROFILE, _STOCK),
    Capability("kernel:profile", _PATCH, "apply the kernel patch: pvprof patch apply --help"),
)

PROBES = {probe.name: probe for capability in CAPABILITIES for probe in capability.probes}
