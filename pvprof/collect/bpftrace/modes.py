"""What each mode measures on Linux: the probes between BEGIN and END, and the maps that END prints.

What was decided, and why:

* **A wait is measured in ``sched_switch``**, once for the thread that leaves the CPU and once for
  the one that gets it: one program for both halves, the stack taken where the thread waits.
* **Values are packed into one map where two would do**: an update costs more than a shift. Times
  lose nothing: 2^58 ns are nine years of uptime.
* **Two maps of waits, not a key more**: a name in a key is 16 bytes for every entry.
* **A name of a process stands last**, in a key and in a record. It may hold any byte but NUL; the
  frames before it cannot be taken for it, nor it for them.
* **A lock is known by its address if it stands in the kernel's image**: there are few of those,
  and symbols name them. The others are known by who waits for them.
* **Spinning for a mutex that ends in blocking is told apart**: contention begins twice then.
* **``wakeup`` keeps the sleeper's stack in a map**, which D cannot: so it says what the waits were
  for, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.options import ProgramOptions

_WHOLE_SYSTEM_MODES = ("oncpu", "locks", "runq")
"""Modes to which kernel threads belong: they run, spin and wait for CPUs like others."""

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
        parts: what its keys are made of, in order, as ``parse.bpftrace`` knows them.
    """

    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a mode adds to the frame that all programs share.

    Attributes:
        probes: in order.
        results: the maps that END prints.
        helpers: the names of the other maps, which END clears.
    """

    probes: tuple[Probe, ...]
    results: tuple[Map, ...] = ()
    helpers: tuple[str, ...] = ()


class Filter:
    """The conditions under which a thread counts, cheapest first."""

    def __init__(self, mode: str, options: ProgramOptions) -> None:
        self._options = options
        wanted = options.kernel_processes
        self.has_kernel = mode in _WHOLE_SYSTEM_MODES if wanted is None else wanted

    @property
    def is_tree(self) -> bool:
        """Tell whether only the workload's threads count; they are in the map ``@tree``."""
        return self._options.scope == "tree"

    def current(self) -> tuple[str, ...]:
        """Return them for the thread in which a probe fires; in a switch the one that goes."""
        options = self._options
        conditions = [f"pid == {options.pid}"] if options.pid else []
        if options.execname:
            conditions.append(f'comm == "{short_name(options.execname)}"')
        if self.is_tree:
            return (*conditions, "@tree[tid]")
        if not options.pid:
            conditions.append("pid != @self")
        if not self.has_kernel:
            conditions.append(f"({_KERNEL_THREAD}) == 0")
        return tuple(conditions)


def short_name(name: str) -> str:
    """Return as much of a process's name as the kernel keeps."""
    return name.encode()[:_NAME_BYTES].decode("utf-8", "ignore")


def _all(*conditions: str) -> str:
    return " && ".join(conditions)


def _process(options: ProgramOptions) -> tuple[tuple[str, str], ...]:
    """Return the last part of a key in a switch, where it is wanted, and its name."""
    return (("exec", "args->next_comm"),) if options.by_process else ()


def _stacks(options: ProgramOptions, of: str) -> tuple[tuple[str, str], ...]:
    """Return the stacks that were kept of a thread, as parts of a key."""
    user = (("user_stack", f"@user[{of}]"),) if options.user_stack else ()
    return (("stack", f"@stack[{of}]"), *user)


def _keep_stacks(options: ProgramOptions) -> Lines:
    user = (f"@user[tid] = ustack({options.stack_frames});",) if options.user_stack else ()
    return (f"@stack[tid] = kstack({options.stack_frames});", *user)


def _begin_of_wait(options: ProgramOptions) -> Lines:
    return (
        "@since[tid] = nsecs << 1 | (args->prev_state & 2 ? 1 : 0);",
        *_keep_stacks(options),
    )


def _forget(options: ProgramOptions, of: str, *maps: str) -> Lines:
    user = ("user",) if options.user_stack else ()
    return tuple(f"delete(@{name}[{of}]);" for name in (*maps, "stack", *user))


class _Weights:
    """Maps of values and counts, with what goes with them: histograms, short waits left out."""

    def __init__(self, options: ProgramOptions) -> None:
        self._options = options
        self.results: list[Map] = []

    def add(self, name: str, key: tuple[tuple[str, str], ...], by: tuple[str, ...] = ()) -> Lines:
        """Return the lines that add ``$ns`` to the map `name`.

        `key` is made of (name of a part, expression); `by` names those that histograms keep.
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
        # A map each: names of different lengths as keys of one stand unaligned, which the kernel
        # refuses.
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


def _offcpu(who: Filter, options: ProgramOptions) -> Parts:
    weights = _Weights(options)
    key = (*_stacks(options, "args->next_pid"), *_process(options))
    # Where it has not been seen that the thread ran again, its wait is lost, not long.
    stands = block("@since[tid] != 0", "@missed = count();", *_forget(options, "tid", "since"))
    leave = block(
        _all(*who.current()),
        *stands,
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


def _events(who: Filter, options: ProgramOptions) -> Parts:
    depth = options.stack_frames
    leave = block(
        _all(_GOES_TO_WAIT, *who.current()),
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


def _oncpu(who: Filter, options: ProgramOptions) -> Parts:
    depth = options.stack_frames
    has_user = options.user_stack is not False
    user = (f"ustack({depth})",) if has_user else ()
    key = ", ".join([f"kstack({depth})", *user, "comm"])
    parts = ("stack", *(("user_stack",) if has_user else ()), "exec")
    probe = Probe(
        (f"profile:hz:{options.rate_hz}",), (f"@on_cpu[{key}] = count();",), who.current()
    )
    return Parts((probe,), (Map("on_cpu", parts),))


def _locks(who: Filter, options: ProgramOptions) -> Parts:
    options = replace(options, histogram=options.histogram is not False)
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
        if who.is_tree
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
        who.current(),
        ("A second beginning: the thread that was spinning blocks now, or the other way round.",),
    )
    end = Probe(
        ("tracepoint:lock:contention_end",),
        (*head, *charge, *block("$packed != 0", f"delete(@since[$who, {address}]);")),
        who.current(),
    )
    return Parts((begin, end), (*weights.results,), ("since",))


def _wakeup(who: Filter, options: ProgramOptions) -> Parts:
    leave = block(
        _all(_GOES_TO_WAIT, *who.current()),
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


def _runq(who: Filter, options: ProgramOptions) -> Parts:
    options = replace(options, histogram=options.histogram is not False)
    weights = _Weights(options)
    key = (("stack", "@stack[args->next_pid]"), ("exec", "args->next_comm"))
    leave = (
        *block(
            _all(*who.current()),
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
    is_wanted = ("@tree[args->pid]",) if who.is_tree else who.current()
    if options.pid and not who.is_tree:
        # Who makes a process is not who waits for a CPU then: only a new thread is of the same.
        is_wanted = ("@seen[args->pid]",)
        born = (
            Probe(
                ("tracepoint:task:task_newtask",),
                ("@seen[args->pid] = 1;",),
                (*who.current(), "(args->clone_flags & 0x10000) != 0"),
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


BUILDERS: dict[str, Callable[[Filter, ProgramOptions], Parts]] = {
    "offcpu": _offcpu,
    "events": _events,
    "oncpu": _oncpu,
    "locks": _locks,
    "wakeup": _wakeup,
    "runq": _runq,
}
"""The builder of each mode's parts."""
