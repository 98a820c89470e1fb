"""``path``: a program that keeps every time off the CPU, who ended it, and the lives of threads.

It keeps them as ``events`` does, in maps that take turns (``wait_log``). An entry is a span of time
of one thread; its kind is in the lowest bits of the number of its stack::

    0, 1    a wait; 1: it cannot be interrupted (D)
    2       the thread was preempted: it waits for a CPU
    3       the thread ended; its span has no length
    4, 5    the thread was created, and waits for its first CPU; 5: by the process $1

The waker of a new thread is its creator. A thread that executes a program in the place of the first
thread of its process gets that one's number: such rare events are printed.

A thread ends where it leaves its CPU for the last time: it wakes others until then.
"""

from __future__ import annotations

from pvprof.collect.bpftrace.parts import (
    STATES,
    STAYS_RUNNABLE,
    SWITCH,
    BpftraceFilter,
    Map,
    Parts,
    all_of,
    forget_missed,
)
from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.bpftrace.wait_log import (
    by_turn,
    forget_waker,
    names_of_turns,
    number_of_stack,
    print_by_turn,
    set_turn,
)
from pvprof.collect.options import ProgramOptions

_D, _PREEMPTED, _ENDED, _NEW, _FIRST = range(1, 6)
_KIND_BITS = 3
_NAMES = names_of_turns("spans")
_OPEN = "open_spans"
_IS_GONE = "args->prev_state & 0x30"
_PLACE = "(uint64)cpu << 32 |"
_COMMENT = (
    STATES,
    f"@{_OPEN}: began; number of the stack << {_KIND_BITS} | kind of the span;",
    "CPU << 32 | pid; name.",
)
_WAKER_COMMENT = ("@waker: when; number of its stack; CPU << 32 | tid; name.",)


def path_log(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    """Return the parts of the program ``path``."""
    probes = (
        _switch(threads, options),
        _waking(options),
        _birth(threads, options),
        _exec_in_thread(threads),
        print_by_turn(_NAMES),
    )
    results = (
        Map("stack_of", ("number",)),
        *(Map(name, ("began", "tid")) for name in _NAMES),
        Map(_OPEN, ("tid",)),
        Map("begun", ()),
        Map("missed", ()),
    )
    return Parts(probes, results, ("number_of", "numbers", "printed", "waker"))


def _record(key: str, value: str) -> Lines:
    """Return lines that keep a span under this key of time and thread."""
    return set_turn("$now"), *by_turn("$turn", _NAMES, lambda name: (f"@{name}[{key}] = {value};",))


def _switch(threads: BpftraceFilter, options: ProgramOptions) -> Probe:
    ended = f"($now, (uint64){_ENDED}, {_PLACE} pid, args->prev_comm)"
    kind = f"{STAYS_RUNNABLE} ? {_PREEMPTED} : (args->prev_state & 2 ? {_D} : 0)"
    leave = block(
        all_of(*threads.current()),
        *forget_missed(*forget_waker("tid"), name=_OPEN),
        "@begun = count();",
        f"if ({_IS_GONE}) {{",
        # No waker has the number -1; a tuple of zeros needs the type of the map's values.
        *_record("$now, tid", f"({ended}, $now, @waker[0xffffffff])"),
        "} else {",
        *number_of_stack(options),
        f"$kind = {kind};",
        f"@{_OPEN}[tid] = ($now, (uint64)$number << {_KIND_BITS} | $kind,"
        f" {_PLACE} pid, args->prev_comm);",
        "}",
    )
    come = (
        "$next = args->next_pid;",
        f"$span = @{_OPEN}[$next];",
        *block(
            "$span.0 != 0",
            *_record("$span.0, $next", "($span, $now, @waker[$next])"),
            f"delete(@{_OPEN}[args->next_pid]);",
            *forget_waker("args->next_pid"),
        ),
    )
    return Probe((SWITCH,), ("$now = nsecs;", *leave, *come), (), _COMMENT)


def _waking(options: ProgramOptions) -> Probe:
    body = (
        f"$span = @{_OPEN}[args->pid];",
        *block(
            f"$span.0 != 0 && ($span.1 & {(1 << _KIND_BITS) - 1}) <= {_D}",
            *number_of_stack(options),
            f"@waker[args->pid] = (nsecs, (uint64)$number, {_PLACE} tid, comm);",
        ),
    )
    return Probe(("tracepoint:sched:sched_waking",), body, (), _WAKER_COMMENT)


def _birth(threads: BpftraceFilter, options: ProgramOptions) -> Probe:
    has_starter = options.scope == "tree" or options.ends_with_workload
    kind = f"(pid == $1 ? {_FIRST} : {_NEW})" if has_starter else str(_NEW)
    body = (
        "$now = nsecs;",
        *number_of_stack(options),
        "@begun = count();",
        "$process = (uint64)args->pid;",
        *block("args->clone_flags & 0x10000", "$process = (uint64)pid;"),
        f"@{_OPEN}[args->pid] = ($now, (uint64){kind}, {_PLACE} $process, args->comm);",
        f"@waker[args->pid] = ($now, (uint64)$number, {_PLACE} tid, comm);",
    )
    return Probe(
        ("tracepoint:task:task_newtask",),
        body,
        threads.creator(),
        ("A new thread. CLONE_THREAD: of the same process.",),
    )


def _exec_in_thread(threads: BpftraceFilter) -> Probe:
    line = r'printf("E %llu %d %d %d %s", nsecs, args->old_pid, args->pid, cpu, comm);'
    conditions = tuple(
        "(@tree[args->old_pid] || @tree[tid])" if condition == "@tree[tid]" else condition
        for condition in threads.current()
    )
    return Probe(
        ("tracepoint:sched:sched_process_exec",),
        (line,),
        ("args->old_pid != args->pid", *conditions),
        ("Not the first thread of its process: it has that one's number from now on.",),
    )
