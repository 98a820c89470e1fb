"""What each bpftrace program measures: its probes between BEGIN and END, and the maps END prints.

Decisions:

* **A wait is measured in ``sched_switch``**, once for the thread that leaves the CPU and once for
  the one that gets it: one probe for both halves, the stack taken where the thread waits.
* **Values are packed into one map instead of two**: an update costs more than a shift. Times lose
  nothing: 2^58 ns are nine years of uptime.
* **Two maps of waits instead of one more key**: a name in a key is 16 bytes for every entry.
* **A process name comes last**, in a key and in a record. It may hold any byte but NUL, so that
  nothing could mark its end.
* **A lock is known by its address if that is in the kernel's image**: such locks are few, and
  symbols name them. The others are known by who waits for them.
* **Spinning for a mutex and then blocking on it are two waits**: contention begins twice then.
* **``wakeup`` keeps the sleeper's stack in a map**, which D cannot: so it also records what the
  waits were for.
* **Tracepoints only, no kprobes**: the arguments of a kernel function may change in any release.

The tracepoints are those of ``include/trace/events/{sched,lock,task}.h`` of Linux 6.18. Not in all
kernels: ``sched_waking`` came with 4.3, ``contention_begin`` and ``contention_end`` with 5.19.
Whether a target has them is found out there: the recorder compiles a program before it runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.options import ProgramOptions

_SWITCH = "tracepoint:sched:sched_switch"
_KERNEL_THREAD = "((struct task_struct *)curtask)->flags & 0x200000"  # PF_KTHREAD
_GOES_TO_WAIT = "(args->prev_state & 0xff) != 0 && (args->prev_state & 0x30) == 0"
_STAYS_RUNNABLE = "(args->prev_state & 0xff) == 0"
_STATES = "States 0x01 to 0xff are those of a thread that waits, 0x10 and 0x20 of one that is gone."
_NAME_BYTES = 15


@dataclass(frozen=True, slots=True)
class Map:
    """A map that END prints.

    Attributes:
        name: as in the program, without ``@``.
        parts: names of the parts of its keys, in order, as the parser of maps knows them.
    """

    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a builder adds to the text that all programs share.

    Attributes:
        probes: in order.
        results: the maps that END prints.
        helpers: the names of the other maps, which END clears.
    """

    probes: tuple[Probe, ...]
    results: tuple[Map, ...] = ()
    helpers: tuple[str, ...] = ()


class BpftraceFilter:
    """The conditions under which a thread counts, cheapest first."""

    def __init__(self, options: ProgramOptions) -> None:
        self._options = options

    @property
    def is_tree(self) -> bool:
        """Tell whether only the workload's threads count; they are in the map ``@tree``."""
        return self._options.scope == "tree"

    def current(self) -> tuple[str, ...]:
        """Return them for the thread in which a probe fires; in a switch, the one that leaves."""
        options = self._options
        conditions = [f"pid == {options.pid}"] if options.pid else []
        if options.execname:
            conditions.append(f'comm == "{short_name(options.execname)}"')
        if self.is_tree:
            return (*conditions, "@tree[tid]")
        if not options.pid:
            conditions.append("pid != @self")
        if not options.kernel_processes:
            conditions.append(f"({_KERNEL_THREAD}) == 0")
        return tuple(conditions)


def short_name(name: str) -> str:
    """Return the part of a process's name that the kernel keeps."""
    return name.encode()[:_NAME_BYTES].decode("utf-8", "ignore")


def _all(*conditions: str) -> str:
    return " && ".join(conditions)


def _process(options: ProgramOptions) -> tuple[tuple[str, str], ...]:
    """Return (name, expression) of a key's last part in a switch, if processes are kept apart."""
    return (("exec", "args->next_comm"),) if options.by_process else ()


def _stacks(options: ProgramOptions, tid: str) -> tuple[tuple[str, str], ...]:
    """Return (name, expression) of the stacks kept for thread `tid`, as parts of a key."""
    user = (("user_stack", f"@user[{tid}]"),) if options.user_stack else ()
    return (("stack", f"@stack[{tid}]"), *user)


def _keep_stacks(options: ProgramOptions) -> Lines:
    user = (f"@user[tid] = ustack({options.stack_frames});",) if options.user_stack else ()
    return (f"@stack[tid] = kstack({options.stack_frames});", *user)


def _begin_of_wait(options: ProgramOptions) -> Lines:
    return (
        "@since[tid] = nsecs << 1 | (args->prev_state & 2 ? 1 : 0);",
        *_keep_stacks(options),
    )


def _forget(options: ProgramOptions, tid: str, *maps: str) -> Lines:
    user = ("user",) if options.user_stack else ()
    return tuple(f"delete(@{name}[{tid}]);" for name in (*maps, "stack", *user))


class _Weights:
    """Maps of sums, with their histograms and the sums of waits that are too short to record."""

    def __init__(self, options: ProgramOptions) -> None:
        self._options = options
        self.results: list[Map] = []

    def add(self, name: str, key: tuple[tuple[str, str], ...], by: tuple[str, ...] = ()) -> Lines:
        """Return the lines that add ``$ns`` to the map `name`.

        `key` holds (name of a part, expression); histograms are kept by the parts that `by` names.
        """
        options = self._options
        self._declare(name, tuple(part for part, _ in key))
        lines: Lines = (f"@{name}[{', '.join(value for _, value in key)}] = stats($ns);",)
        if options.histogram:
            values = dict(key)
            self._declare(f"{name}_hist", by)
            at = f"[{', '.join(values[part] for part in by)}]" if by else ""
            lines = (*lines, f"@{name}_hist{at} = hist($ns);")
        if not options.min_wait_ns:
            return lines
        # One map per name: in one map with the names as keys, keys of different lengths would be
        # unaligned, which the kernel refuses.
        self._declare(f"short_{name}", ())
        return (
            f"if ($ns < {options.min_wait_ns}) {{",
            f"@short_{name} = stats($ns);",
            "} else {",
            *lines,
            "}",
        )

    def _declare(self, name: str, parts: tuple[str, ...]) -> None:
        if all(known.name != name for known in self.results):
            self.results.append(Map(name, parts))


def _offcpu(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    weights = _Weights(options)
    key = (*_stacks(options, "args->next_pid"), *_process(options))
    # If the program missed that the thread ran again, its wait is lost, not long.
    unfinished = block("@since[tid] != 0", "@missed = count();", *_forget(options, "tid", "since"))
    leave = block(
        _all(*threads.current()),
        *unfinished,
        *block(
            _all(_GOES_TO_WAIT),
            *_begin_of_wait(options),
        ),
    )
    come = (
        "$since = @since[args->next_pid];",
        *block(
            "$since != 0",
            "$ns = nsecs - ($since >> 1);",
            "if ($since & 1) {",
            *weights.add("off_cpu_d", key),
            "} else {",
            *weights.add("off_cpu", key),
            "}",
            *_forget(options, "args->next_pid", "since"),
        ),
    )
    comment = (
        _STATES,
        "The lowest bit of @since: it cannot be interrupted (D).",
        "@missed: waits whose end was not seen.",
    )
    helpers = ("since", "stack", *(("user",) if options.user_stack else ()))
    results = (*weights.results, Map("missed", ()))
    return Parts((Probe((_SWITCH,), (*leave, *come), (), comment),), results, helpers)


def _events(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    depth = options.stack_frames
    leave = block(
        _all(_GOES_TO_WAIT, *threads.current()),
        "@waits[tid] = 1;",
        f'printf("S %llu %d %d %d %d%s.%s", nsecs, tid, pid, cpu, args->prev_state & 2,'
        f" kstack({depth}), comm);",
    )
    come = block(
        "@waits[args->next_pid]",
        r'printf("R %llu %d %d", nsecs, args->next_pid, cpu);',
        "delete(@waits[args->next_pid]);",
    )
    probes = [Probe((_SWITCH,), (*leave, *come), (), (_STATES,))]
    if options.wakers:
        record = (
            f'printf("W %llu %d %d %d%s.%s", nsecs, args->pid, tid, cpu, kstack({depth}), comm);'
        )
        probes.append(Probe(("tracepoint:sched:sched_waking",), (record,), ("@waits[args->pid]",)))
    return Parts(tuple(probes), (), ("waits",))


def _oncpu(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    depth = options.stack_frames
    user = (f"ustack({depth})",) if options.user_stack else ()
    key = ", ".join([f"kstack({depth})", *user, "comm"])
    parts = ("stack", *(("user_stack",) if options.user_stack else ()), "exec")
    probe = Probe(
        (f"profile:hz:{options.rate_hz}",), (f"@on_cpu[{key}] = count();",), threads.current()
    )
    return Parts((probe,), (Map("on_cpu", parts),))


def _locks(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    weights = _Weights(options)
    address = "(uint64)args->lock_addr"
    key = (
        ("stack", f"kstack({options.stack_frames})"),
        *((("user_stack", f"ustack({options.stack_frames})"),) if options.user_stack else ()),
        ("flags", "$packed & 63"),
        ("address", "$known"),
        *((("exec", "comm"),) if options.by_process else ()),
    )
    # Idle threads all have the number 0; an interrupt on one is on its CPU only.
    number = (
        "$who = (uint64)tid;"
        if threads.is_tree
        else "$who = tid == 0 ? (uint64)cpu << 32 : (uint64)tid;"
    )
    charge = block(
        "$packed != 0",
        "$ns = nsecs - ($packed >> 6);",
        f'$known = {address} - kaddr("_stext") < 0x40000000 ? {address} : 0;',
        *weights.add("lock", key, ("flags", "address")),
    )
    head = (number, f"$packed = @since[$who, {address}];")
    begin = Probe(
        ("tracepoint:lock:contention_begin",),
        (*head, *charge, f"@since[$who, {address}] = nsecs << 6 | (args->flags & 63);"),
        threads.current(),
        ("A second beginning: the thread that was spinning blocks now, or the other way round.",),
    )
    end = Probe(
        ("tracepoint:lock:contention_end",),
        (*head, *charge, *block("$packed != 0", f"delete(@since[$who, {address}]);")),
        threads.current(),
    )
    return Parts((begin, end), (*weights.results,), ("since",))


def _wakeup(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    leave = block(
        _all(_GOES_TO_WAIT, *threads.current()),
        *_begin_of_wait(options),
    )
    parts = ("waker_stack", "stack", "exec", "waker")
    key = f"kstack({options.stack_frames}), @stack[args->pid], args->comm, comm"
    wake = (
        "$since = @since[args->pid];",
        *block(
            "$since != 0",
            "$ns = nsecs - ($since >> 1);",
            "if ($since & 1) {",
            f"@woken_d[{key}] = stats($ns);",
            "} else {",
            f"@woken[{key}] = stats($ns);",
            "}",
            *_forget(options, "args->pid", "since"),
        ),
    )
    probes = (
        Probe((_SWITCH,), leave, (), (_STATES,)),
        Probe(("tracepoint:sched:sched_waking",), wake),
    )
    return Parts(probes, (Map("woken", parts), Map("woken_d", parts)), ("since", "stack"))


def _runq(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    weights = _Weights(options)
    key = (("stack", "@stack[args->next_pid]"), ("exec", "args->next_comm"))
    leave = (
        *block(
            _all(*threads.current()),
            "@seen[tid] = 1;",
            f"@stack[tid] = kstack({options.stack_frames});",
            *block(_STAYS_RUNNABLE, "@ready[tid] = nsecs << 1 | 1;"),
        ),
    )
    come = (
        "$since = @ready[args->next_pid];",
        *block(
            "$since != 0",
            "$ns = nsecs - ($since >> 1);",
            "if ($since & 1) {",
            *weights.add("runq_preempted", key),
            "} else {",
            *weights.add("runq_woken", key),
            "}",
            "delete(@ready[args->next_pid]);",
        ),
    )
    gone = block(
        "args->prev_state & 0x30",
        *block("@seen[tid]", "delete(@seen[tid]);", "delete(@stack[tid]);"),
    )
    woken = Probe(
        ("tracepoint:sched:sched_wakeup",),
        ("@ready[args->pid] = nsecs << 1;",),
        ("@seen[args->pid]",),
    )
    born: tuple[Probe, ...] = ()
    is_wanted = ("@tree[args->pid]",) if threads.is_tree else threads.current()
    if options.pid and not threads.is_tree:
        # The thread that makes a process is not of that process; only a new thread counts.
        is_wanted = ("@seen[args->pid]",)
        born = (
            Probe(
                ("tracepoint:task:task_newtask",),
                ("@seen[args->pid] = 1;",),
                (*threads.current(), "(args->clone_flags & 0x10000) != 0"),
                ("CLONE_THREAD: a new thread of the same process.",),
            ),
        )
    new = Probe(
        ("tracepoint:sched:sched_wakeup_new",), ("@ready[args->pid] = nsecs << 1;",), is_wanted
    )
    switch = Probe(
        (_SWITCH,), (*leave, *come, *gone), (), ("The lowest bit of @ready: preempted.",)
    )
    return Parts((woken, *born, new, switch), (*weights.results,), ("ready", "seen", "stack"))


BUILDERS: dict[str, Callable[[BpftraceFilter, ProgramOptions], Parts]] = {
    "offcpu": _offcpu,
    "events": _events,
    "oncpu": _oncpu,
    "locks": _locks,
    "wakeup": _wakeup,
    "runq": _runq,
}
"""By program: the function that builds its parts."""
