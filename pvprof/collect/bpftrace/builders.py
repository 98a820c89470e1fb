"""What each bpftrace program measures: its probes between BEGIN and END, and the maps END prints.

Decisions:

* **A wait is measured in ``sched_switch``**, once for the thread that leaves the CPU and once for
  the one that gets it: one probe for both halves, the stack taken where the thread waits.
* **A thread's open wait is one value in one map** (``@open``): an update costs more than a shift or
  a copy. Times lose nothing: 2^58 ns are nine years of uptime.
* **Two maps of waits instead of one more key**: a name in a key is 16 bytes for every entry.
* **A process name comes last**, in a key and in a record. It may hold any byte but NUL, so that
  nothing could mark its end.
* **A lock is known by its address if that is in the kernel's image**: such locks are few, and
  symbols name them. The others are known by who waits for them.
* **Spinning for a mutex and then blocking on it are two waits**: contention begins twice then.
* **``wakeup`` keeps the sleeper's stack in a map**, which D cannot: so it also records what the
  waits were for.
* **Tracepoints only, no kprobes**: the arguments of a kernel function may change in any release.

``events``, which keeps every wait, is in ``wait_log``; ``path`` is in ``path_log``.

The tracepoints are those of ``include/trace/events/{sched,lock,task}.h`` of Linux 6.18. Not in all
kernels: ``sched_waking`` came with 4.3, ``contention_begin`` and ``contention_end`` with 5.19.
Whether a target has them is found out there: the recorder compiles a program before it runs it.
"""

from __future__ import annotations

from collections.abc import Callable

from pvprof.collect.bpftrace.parts import (
    GOES_TO_WAIT,
    STATES,
    STAYS_RUNNABLE,
    SWITCH,
    BpftraceFilter,
    Map,
    Parts,
    all_of,
    forget_missed,
)
from pvprof.collect.bpftrace.path_log import path_log
from pvprof.collect.bpftrace.samples import oncpu, oncpu_amd64
from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.bpftrace.user_code import announce, user_stack, with_announcements
from pvprof.collect.bpftrace.wait_log import wait_log
from pvprof.collect.options import ProgramOptions

_WAIT_COMMENT = (
    STATES,
    "@open: began << 1, its lowest bit: it cannot be interrupted (D); where.",
)


def _process(options: ProgramOptions) -> tuple[tuple[str, str], ...]:
    """Return (name, expression) of a key's last part in a switch, if processes are kept apart."""
    return (("exec", "args->next_comm"),) if options.by_process else ()


def _begin_of_wait(options: ProgramOptions) -> str:
    """Return the line that keeps when a thread began to wait, how, and where."""
    user = f", {user_stack(options)}, pid" if options.user_stack else ""
    began = "nsecs << 1 | (args->prev_state & 2 ? 1 : 0)"
    return f"@open[tid] = ({began}, kstack({options.stack_frames}){user});"


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
    user = (("user_stack", "$wait.2"), ("pid", "$wait.3")) if options.user_stack else ()
    announcing = announce() if options.user_stack else ()
    key = (("stack", "$wait.1"), *user, *_process(options))
    leave = block(
        all_of(*threads.current()),
        *forget_missed(),
        *block(GOES_TO_WAIT, _begin_of_wait(options), *announcing),
    )
    come = (
        "$wait = @open[args->next_pid];",
        *block(
            "$wait.0 != 0",
            "$ns = nsecs - ($wait.0 >> 1);",
            "if ($wait.0 & 1) {",
            *weights.add("off_cpu_d", key, ("stack",)),
            "} else {",
            *weights.add("off_cpu", key, ("stack",)),
            "}",
            "delete(@open[args->next_pid]);",
        ),
    )
    results = (*weights.results, Map("open", ("tid",)), Map("missed", ()))
    parts = Parts((Probe((SWITCH,), (*leave, *come), (), _WAIT_COMMENT),), results)
    return with_announcements(parts) if options.user_stack else parts


def _locks(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    weights = _Weights(options)
    address = "(uint64)args->lock_addr"
    key = (
        ("stack", f"kstack({options.stack_frames})"),
        *((("user_stack", user_stack(options)), ("pid", "pid")) if options.user_stack else ()),
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
        *(announce() if options.user_stack else ()),
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
    parts = Parts((begin, end), (*weights.results,), ("since",))
    return with_announcements(parts) if options.user_stack else parts


def _wakeup(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    leave = block(
        all_of(GOES_TO_WAIT, *threads.current()),
        _begin_of_wait(options),
    )
    parts = ("waker_stack", "stack", "exec", "waker")
    key = f"kstack({options.stack_frames}), $wait.1, args->comm, comm"
    wake = (
        "$wait = @open[args->pid];",
        *block(
            "$wait.0 != 0",
            "$ns = nsecs - ($wait.0 >> 1);",
            "if ($wait.0 & 1) {",
            f"@woken_d[{key}] = stats($ns);",
            "} else {",
            f"@woken[{key}] = stats($ns);",
            "}",
            "delete(@open[args->pid]);",
        ),
    )
    probes = (
        Probe((SWITCH,), leave, (), _WAIT_COMMENT),
        Probe(("tracepoint:sched:sched_waking",), wake),
    )
    return Parts(probes, (Map("woken", parts), Map("woken_d", parts), Map("open", ("tid",))))


def _runq(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    weights = _Weights(options)
    key = (("stack", "@stack[args->next_pid]"), ("exec", "args->next_comm"))
    leave = block(
        all_of(*threads.current()),
        f"@stack[tid] = kstack({options.stack_frames});",
        f"@ready[tid] = {STAYS_RUNNABLE} ? nsecs << 1 | 1 : 1;",
    )
    come = (
        "$since = @ready[args->next_pid];",
        *block(
            "$since > 1",
            "$ns = nsecs - ($since >> 1);",
            "if ($since & 1) {",
            *weights.add("runq_preempted", key),
            "} else {",
            *weights.add("runq_woken", key),
            "}",
            "@ready[args->next_pid] = 1;",
        ),
    )
    gone = block(
        "args->prev_state & 0x30",
        *block("@ready[tid]", "delete(@ready[tid]);", "delete(@stack[tid]);"),
    )
    woken = Probe(
        ("tracepoint:sched:sched_wakeup",),
        ("@ready[args->pid] = nsecs << 1;",),
        ("@ready[args->pid]",),
    )
    born: tuple[Probe, ...] = ()
    is_wanted = ("@tree[args->pid]",) if threads.is_tree else threads.current()
    if options.pid and not threads.is_tree:
        # The thread that makes a process is not of that process; only a new thread counts.
        is_wanted = ("@ready[args->pid]",)
        born = (
            Probe(
                ("tracepoint:task:task_newtask",),
                ("@ready[args->pid] = 1;",),
                (*threads.current(), "(args->clone_flags & 0x10000) != 0"),
                ("CLONE_THREAD: a new thread of the same process.",),
            ),
        )
    new = Probe(
        ("tracepoint:sched:sched_wakeup_new",), ("@ready[args->pid] = nsecs << 1;",), is_wanted
    )
    comment = (
        "@ready: since when, times two; its lowest bit: preempted; 1: known, but not waiting.",
    )
    switch = Probe((SWITCH,), (*leave, *come, *gone), (), comment)
    return Parts((woken, *born, new, switch), (*weights.results,), ("ready", "stack"))


BUILDERS: dict[str, Callable[[BpftraceFilter, ProgramOptions], Parts]] = {
    "offcpu": _offcpu,
    "events": wait_log,
    "oncpu": oncpu,
    "oncpu-amd64": oncpu_amd64,
    "locks": _locks,
    "wakeup": _wakeup,
    "runq": _runq,
    "path": path_log,
}
"""By program: the function that builds its parts."""
