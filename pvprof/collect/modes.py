"""The modes: what can be recorded, and which programs record it.

Owns one row per mode and, inside it, one per program; everything that depends on a mode looks it up
here: the generators, the recorder, the options, `pvprof script --list`, the notes on overhead. It
knows no probes: the builders of the programs are in ``dtrace.builders`` and ``bpftrace.builders``.
"""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.errors import UsageError
from pvprof.model.mechanisms import NEW_THREAD, PREEMPTED
from pvprof.units import Unit


@dataclass(frozen=True, slots=True)
class Cost:
    """How much longer a workload ran while a program traced it (`COST_EXPERIMENTS` says where).

    Attributes:
        ratio: the run time divided by that without tracing, as text: ``1.6 to 1.76``.
        work: what the program does for each event.
    """

    ratio: str
    work: str


@dataclass(frozen=True, slots=True)
class TracerProgram:
    """A program of one tracer that records a mode.

    Attributes:
        name: in the manifest, in ``pvprof script NAME`` and among the checked-in programs.
        tracer: the name of the tracer that runs it.
        variant: the kernel it needs, as its header says: ``stock``, ``amd64``, ``sdt`` (with the
            kernel patch) or ``linux``.
        purpose: one sentence, at the top of the program and in ``pvprof script --list``.
        mechanisms: the names of the mechanisms it records (`model.mechanisms`).
        cost: as measured, or None.
        has_variables: whether a D program needs space for dynamic variables.
    """

    name: str
    tracer: str
    variant: str
    purpose: str
    mechanisms: tuple[str, ...]
    cost: Cost | None = None
    has_variables: bool = False


@dataclass(frozen=True, slots=True)
class Mode:
    """What a recording measures.

    Attributes:
        name: as ``pvprof record NAME`` and the manifest have it.
        unit: the unit of its values.
        programs: that record it; of each tracer, the best first.
        options: those of `options.RESTRICTED` that it takes.
        is_event_log: whether it records each event, instead of sums.
        has_kernel_processes: whether threads of kernel processes count unless the user says no:
            they run, spin and wait for CPUs like others, but sleep most of the time.
        has_user_stack: whether user stacks are recorded unless the user says no.
        has_histogram: whether histograms are kept unless the user says no.
    """

    name: str
    unit: Unit
    programs: tuple[TracerProgram, ...]
    options: tuple[str, ...] = ()
    is_event_log: bool = False
    has_kernel_processes: bool = False
    has_user_stack: bool = False
    has_histogram: bool = False

    @property
    def has_intervals(self) -> bool:
        """Tell whether its programs can print their sums at each interval, for a live view."""
        return not self.is_event_log and self.name != "wakeup"

    def programs_of(self, tracer: str) -> tuple[TracerProgram, ...]:
        """Return the programs of a tracer that record this mode, the best first."""
        return tuple(program for program in self.programs if program.tracer == tracer)


_FREEBSD_WAITS = ("turnstile", "sleepq")
_LINUX_WAITS = ("off-cpu", "off-cpu-d")
_RUN_QUEUES = ("runq-woken", PREEMPTED)
_LOCKS = "Time spent spinning on locks and blocked on them, with the callers' stacks."
_EACH_WAIT = "One record for every time a thread waited"
_EACH_STEP = "What the critical path is made of: each wait, its waker, lives of threads."
_ON_CPU = "Where the CPUs run: kernel and user stacks."
_RUN_QUEUE = "How long runnable threads wait for a CPU: preemption is not contention."

_OFFCPU = Mode(
    "offcpu",
    "ns",
    (
        TracerProgram(
            "offcpu-sdt",
            "dtrace",
            "sdt",
            "Off-CPU time of a kernel with the kernel:profile probes, aggregated.",
            _FREEBSD_WAITS,
            Cost("1.0", "aggregation on probes that carry the elapsed time"),
        ),
        TracerProgram(
            "offcpu",
            "dtrace",
            "stock",
            "Off-CPU time of a stock kernel, by what was waited for and stack, aggregated.",
            _FREEBSD_WAITS,
            Cost("1.1", "aggregation at sched:::sleep and on-cpu"),
            has_variables=True,
        ),
        TracerProgram(
            "offcpu",
            "bpftrace",
            "linux",
            "Off-CPU time of a Linux kernel, by stack, aggregated.",
            _LINUX_WAITS,
            Cost("1.1", "aggregation at sched_switch"),
        ),
    ),
    ("--min-wait", "--user-stack", "--histogram"),
)

_EVENTS = Mode(
    "events",
    "ns",
    (
        TracerProgram(
            "events-sdt",
            "dtrace",
            "sdt",
            f"{_EACH_WAIT}, by the kernel:profile probes.",
            _FREEBSD_WAITS,
            Cost("1.0 to 1.2", "two records for each wait"),
        ),
        TracerProgram(
            "events",
            "dtrace",
            "stock",
            f"{_EACH_WAIT}.",
            _FREEBSD_WAITS,
            Cost("1.0 to 1.2", "two records for each wait"),
        ),
        TracerProgram(
            "events",
            "bpftrace",
            "linux",
            f"{_EACH_WAIT}.",
            _LINUX_WAITS,
            Cost("1.2", "one entry of a map for each wait"),
        ),
    ),
    ("--wakers",),
    is_event_log=True,
)

_ONCPU = Mode(
    "oncpu",
    "samples",
    (
        TracerProgram(
            "oncpu-amd64",
            "dtrace",
            "amd64",
            _ON_CPU,
            ("on-cpu", "user"),
            Cost("1.2", "997 samples a second"),
        ),
        TracerProgram("oncpu", "dtrace", "stock", _ON_CPU, ("on-cpu", "user")),
        TracerProgram(
            "oncpu-amd64",
            "bpftrace",
            "linux",
            _ON_CPU,
            ("on-cpu", "user"),
            Cost("1.1", "997 samples a second"),
        ),
        TracerProgram("oncpu", "bpftrace", "linux", _ON_CPU, ("on-cpu", "user")),
    ),
    ("--user-stack",),
    has_kernel_processes=True,
    has_user_stack=True,
)

_LOCK_WAITS = Mode(
    "locks",
    "ns",
    (
        TracerProgram(
            "locks",
            "dtrace",
            "stock",
            _LOCKS,
            (
                *("adaptive-block", "adaptive-spin", "spin-spin", "thread-spin"),
                *("rw-block", "rw-spin", "sx-block", "sx-spin", "lockmgr-block"),
            ),
            Cost("1.1 to 1.2", "lockstat's block and spin probes with stacks"),
        ),
        TracerProgram(
            "locks",
            "bpftrace",
            "linux",
            _LOCKS,
            (
                *("spinlock-spin", "rwlock-spin", "mutex-spin", "mutex-block", "rwsem-block"),
                *("percpu-rwsem-block", "rtmutex-block", "semaphore-block"),
            ),
            Cost("1.0", "the tracepoints of lock contention"),
        ),
    ),
    ("--min-wait", "--user-stack", "--histogram"),
    has_kernel_processes=True,
    has_histogram=True,
)

_WAKEUP = Mode(
    "wakeup",
    "ns",
    (
        TracerProgram(
            "wakeup",
            "dtrace",
            "stock",
            "Who wakes sleeping threads: the waker's stack, and how long the other one slept.",
            ("wakeup",),
            Cost("1.1", "aggregation at sched:::wakeup"),
            has_variables=True,
        ),
        TracerProgram(
            "wakeup",
            "bpftrace",
            "linux",
            "Who wakes sleeping threads: both stacks, and how long the other one slept.",
            _LINUX_WAITS,
            Cost("1.3", "aggregation at sched_waking"),
        ),
    ),
)

_RUNQ = Mode(
    "runq",
    "ns",
    (
        TracerProgram(
            "runq",
            "dtrace",
            "stock",
            _RUN_QUEUE,
            _RUN_QUEUES,
            Cost("1.1", "aggregation at sched:::enqueue and on-cpu"),
            has_variables=True,
        ),
        TracerProgram(
            "runq",
            "bpftrace",
            "linux",
            _RUN_QUEUE,
            _RUN_QUEUES,
            Cost("1.2", "aggregation at sched_wakeup and sched_switch"),
        ),
    ),
    ("--histogram",),
    has_kernel_processes=True,
    has_histogram=True,
)

_PATH = Mode(
    "path",
    "ns",
    (
        TracerProgram(
            "path",
            "dtrace",
            "stock",
            _EACH_STEP,
            ("turnstile", "sleepq", PREEMPTED, NEW_THREAD),
            Cost("1.3", "three records for each wait, two for each preemption"),
        ),
        TracerProgram(
            "path",
            "bpftrace",
            "linux",
            _EACH_STEP,
            (*_LINUX_WAITS, PREEMPTED, NEW_THREAD),
            Cost("1.2 to 1.3", "one entry of a map for each time off a CPU"),
        ),
    ),
    is_event_log=True,
)

MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        _OFFCPU,
        _EVENTS,
        _ONCPU,
        _LOCK_WAITS,
        _WAKEUP,
        _RUNQ,
        _PATH,
    )
}


@dataclass(frozen=True, slots=True)
class CostExperiment:
    """The experiment that the costs of a tracer's programs are from.

    Attributes:
        conditions: in words.
        cost_range: the smallest and the largest ratio of all programs tried.
    """

    conditions: str
    cost_range: str


COST_EXPERIMENTS: dict[str, CostExperiment] = {
    "dtrace": CostExperiment(
        "measured elsewhere: FreeBSD 13.2, 4 emulated CPUs, two workloads, median ratio of 5 to 11"
        " pairs with and without tracing",
        "1.0 to 1.3",
    ),
    "bpftrace": CostExperiment(
        "measured elsewhere: Linux 6.18, 2 CPUs, bpftrace 0.17, 12 processes x 60 programs and"
        " 2,000 turns through pipes, median real time to that without tracing",
        "1.0 to 1.3",
    ),
}
"""By the name of the tracer (kernel-patches/README.md and docs/bench.md have the details)."""


def names() -> tuple[str, ...]:
    """Return the names that a user may give: of all modes, then of their other programs."""
    programs = [program.name for mode in MODES.values() for program in mode.programs]
    return tuple(dict.fromkeys([*MODES, *programs]))


def mode_of(name: str) -> Mode:
    """Return the mode of this name, or the one that the program of this name records.

    Raises:
        UsageError: there is neither.
    """
    for mode in MODES.values():
        if name == mode.name or any(name == program.name for program in mode.programs):
            return mode
    raise UsageError(f"no such mode: {name}", "modes: " + ", ".join(names()))


def programs_named(name: str) -> tuple[TracerProgram, ...]:
    """Return the programs of this name: at most one of each tracer."""
    programs = (program for mode in MODES.values() for program in mode.programs)
    return tuple(program for program in programs if program.name == name)
