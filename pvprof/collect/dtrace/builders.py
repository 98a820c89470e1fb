"""What each D program measures: its clauses between BEGIN and END, and what END prints.

Decisions:

* **No variable if a probe or ``curthread`` has the value.** A variable of a thread is an entry of a
  hash table shared by all CPUs: measured, they were the cost of tracing and the source of drops.
  ``offcpu-sdt``, ``events`` and ``locks`` have none.
* **A variable is never set back to 0**, but to 1, which stands for none. 0 frees the entry, and
  each wait allocates it again: with that, a workload took 1.36 times as long under ``offcpu`` as
  without tracing, without it 1.09 times (docs/bench.md). So entries stay, and their number must be
  bounded: their key is the thread's structure, which the kernel reuses. The key of ``self->`` is
  the thread's id, and the kernel may use a million ids before the first again (tid_alloc).
* **``offcpu`` times every wait with one pair of sched probes** and two variables. lockstat's block
  probes carry the time and need no variable; but they know only locks that report to lockstat: a
  kernel with a new kind of lock (one-byte mutexes) would seem to wait for nothing.
* **``sched:::remain-cpu`` ends a wait as well**: a thread that is woken before it has left the CPU
  is chosen again without ``on-cpu``. Without this probe its running time would count as waiting.
* **The stack of an SDT probe begins with ``caller``.** dtrace leaves the frame of the function with
  the probe out of the stack, and one more where its own compiler inlined dtrace_getpcstack():
  on a real 13.2 that was the function that wanted the lock. ``caller`` is right on both; the
  reader drops it if the stack begins with it. ``offcpu`` does without: what it loses is mi_switch.
* **Samples begin with frames that the program walks itself.** The provider skips a number of frames
  that is fixed when it is compiled: those of the timer interrupt, it assumes, but in a real 13.2
  also four of the function that was interrupted, so ``lock_delay`` seemed to be called by
  ``trap_pfault``. ``oncpu-amd64`` follows the frame pointers from the interrupted registers; a
  frame pointer outside the thread's kernel stack, as in system call entries, ends that.
* **The class of the lock is recorded**, not guessed from frames. A sleep queue does not say whether
  its channel is a lock. It is one if the wait message is the lock's name: sx and lockmgr pass on
  the pointer.
* **A variable is read once**: each read searches the table.
* **Cheap conditions first**: most threads that switch are filtered out.

``events`` and ``path``, which record each event, are in ``event_log``.

The probes are stable ones, never ``fbt``: FreeBSD's sources of 12.1-STABLE, 13.2-RELEASE and 15.1
have them (``sys/kern``: sched_ule.c, subr_sleepqueue.c, subr_turnstile.c, kern_lockstat.c). Whether
a target has them is found out there: the recorder compiles a program before it runs it.
"""

from __future__ import annotations

from collections.abc import Callable

from pvprof.collect.dtrace.clause_parts import (
    BLOCKED_ON,
    CALLER,
    CHANNEL_IS_LOCK,
    LOCK_KEY,
    RUNNING_AGAIN,
    DFilter,
    Parts,
    class_of,
    set_names,
)
from pvprof.collect.dtrace.event_log import events, events_sdt, path
from pvprof.collect.dtrace.syntax import Aggregation, Clause, KeyParts
from pvprof.collect.options import ProgramOptions

_WHY = "curthread->td_blocked != NULL ? curthread->td_lockname : curthread->td_wmesg"
# What a thread waits for, in the low bits of the time when it began to wait.
_MESSAGE, _SLEEP_LOCK, _TURNSTILE = 0, 1, 2
_NONE = 1  # in a variable that holds a time: none
_INNER_FRAMES = 6  # 13.2 loses four


def _offcpu(threads: DFilter, options: ProgramOptions) -> Parts:
    waits = Aggregation(
        "wait",
        "%s",
        (("", "this->how"), *LOCK_KEY, *_process(options)),
        _stacks(options),
    )
    sleep = Clause(
        ("sched:::sleep",),
        (
            f"this->kind = curthread->td_blocked != NULL ? {_TURNSTILE} :"
            f" ({CHANNEL_IS_LOCK} ? {_SLEEP_LOCK} : {_MESSAGE})",
            "start[curthread] = (timestamp << 2) | this->kind",
            f"what[curthread] = this->kind == {_TURNSTILE} ? (uintptr_t){BLOCKED_ON} :"
            f" this->kind == {_SLEEP_LOCK} ? (uintptr_t)curthread->td_wchan :"
            " (uintptr_t)curthread->td_wmesg",
        ),
        threads.current(),
        (
            "The lock, or the wait message, which the waker clears. Which of them, and on",
            "what queue, is in the low bits of the time: each variable costs. They are",
            "never set to 0: that frees them, and to allocate them again costs more.",
        ),
    )
    lock = "((struct lock_object *)this->what)"
    how = f'{{}} == {_TURNSTILE} ? "turnstile" : "sleepq"'
    elapsed = "timestamp - (start[curthread] >> 2)"
    copy = ("this->start = start[curthread]", "this->what = what[curthread]")
    # The time is reset before a lock is read: a fault would end the clause.
    take = (
        "this->ns = timestamp - (this->start >> 2)",
        "this->kind = this->start & 3",
        f"this->how = {how.format('this->kind')}",
        *set_names(
            f"this->kind == {_MESSAGE} ? stringof((char *)this->what) : stringof({lock}->lo_name)",
            f'this->kind == {_MESSAGE} ? "" : {class_of(f"{lock}->lo_flags")}',
        ),
    )
    clear = (f"start[curthread] = {_NONE}",)
    record = [*waits.update("this->ns"), *_quantize(options, waits, "this->ns")]
    results = [waits.printing(True), *_print_histograms(options, waits)]
    waited = (*threads.cheap(), f"start[curthread] > {_NONE}")
    if not options.min_wait_ns:
        return [sleep, Clause(RUNNING_AGAIN, (*copy, *clear, *take, *record), waited)], results
    short = Clause(
        RUNNING_AGAIN,
        _set_aside(how.format("(start[curthread] & 3)"), elapsed),
        (*waited, f"{elapsed} < {options.min_wait_ns}"),
    )
    long = Clause(
        RUNNING_AGAIN, (*copy, *take, *record), (*waited, f"{elapsed} >= {options.min_wait_ns}")
    )
    cleared = Clause(RUNNING_AGAIN, clear, waited)
    return [sleep, short, long, cleared], [*results, _PRINT_SET_ASIDE]


def _offcpu_sdt(threads: DFilter, options: ProgramOptions) -> Parts:
    clauses: list[Clause] = []
    results: list[str] = []
    for mechanism, name in (("turnstile", "args[0]->lo_name"), ("sleepq", "args[1]")):
        waits = Aggregation(
            mechanism,
            mechanism,
            (*LOCK_KEY, *_process(options)),
            _stacks(options),
            inner_frames=CALLER,
        )
        names = set_names(f"stringof({name})", "stringof(args[3])")
        body = (*names, *waits.update("args[2]"), *_quantize(options, waits, "args[2]"))
        clauses += _by_length(
            (f"kernel:profile:{mechanism}:wakeup",),
            body,
            threads,
            options,
            ("probefunc", "args[2]"),
        )
        results += [waits.printing(True), *_print_histograms(options, waits)]
    return clauses, [*results, *([_PRINT_SET_ASIDE] if options.min_wait_ns else [])]


def _locks(threads: DFilter, options: ProgramOptions) -> Parts:
    waits = Aggregation(
        "wait",
        "%s",
        (("", "probename"), *LOCK_KEY, *_process(options)),
        _stacks(options),
        inner_frames=CALLER,
    )
    lock = "args[0]->lock_object"
    names = set_names(f"stringof({lock}.lo_name)", class_of(f"{lock}.lo_flags"))
    body = (*names, *waits.update("args[1]"), *_quantize(options, waits, "args[1]"))
    clauses: list[Clause] = []
    for probe_names in (  # one clause for each type of args[0]
        ("adaptive-block", "adaptive-spin", "spin-spin", "thread-spin"),
        ("rw-block", "rw-spin"),
        ("sx-block", "sx-spin"),
        ("lockmgr-block",),
    ):
        probes = tuple(f"lockstat:::{name}" for name in probe_names)
        clauses += _by_length(probes, body, threads, options, ("probename", "args[1]"))
    results = [waits.printing(True), *_print_histograms(options, waits)]
    return clauses, [*results, *([_PRINT_SET_ASIDE] if options.min_wait_ns else [])]


def _by_length(
    probes: tuple[str, ...],
    body: tuple[str, ...],
    threads: DFilter,
    options: ProgramOptions,
    wait: tuple[str, str],
) -> list[Clause]:
    """Return the clause of a wait and that of a short one; `wait`: D of its mechanism and ns."""
    if not options.min_wait_ns:
        return [Clause(probes, body, threads.current())]
    mechanism, elapsed = wait
    floor = options.min_wait_ns
    return [
        Clause(probes, body, threads.current(f"{elapsed} >= {floor}")),
        Clause(probes, _set_aside(mechanism, elapsed), threads.current(f"{elapsed} < {floor}")),
    ]


def _oncpu(threads: DFilter, options: ProgramOptions) -> Parts:
    return _samples(threads, options, (), ())


def _oncpu_amd64(threads: DFilter, options: ProgramOptions) -> Parts:
    numbers = range(1, _INNER_FRAMES + 1)
    walk = [
        "this->frame = (uintptr_t)curthread->td_intr_frame->tf_rbp",
        "this->top = curthread->td_kstack + curthread->td_kstack_pages * 4096",
    ]
    for number in numbers:
        walk += [
            "this->frame = this->frame > curthread->td_kstack && this->frame < this->top"
            " ? this->frame : 0",
            f"this->frame{number} = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0",
            "this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0",
        ]
    frames = ("arg0", *(f"this->frame{number}" for number in numbers))
    return _samples(threads, options, tuple(walk), frames)


def _samples(
    threads: DFilter, options: ProgramOptions, walk: tuple[str, ...], frames: tuple[str, ...]
) -> Parts:
    """Return the clauses of samples; `walk` are the statements that set the inner `frames`."""
    probe = (f"profile:::profile-{options.rate_hz}",)
    kernel = Aggregation("kernel", "on-cpu", (("exec", "execname"),), ("stack()",), frames)
    user = Aggregation("user", "user", (("exec", "execname"),), ("ustack()",))
    clauses = [Clause(probe, (*walk, *kernel.update(None)), threads.current("arg0 != 0"))]
    results = [kernel.printing(False)]
    if options.user_stack:
        clauses.append(Clause(probe, tuple(user.update(None)), threads.current("arg1 != 0")))
        results.append(user.printing(False))
    return clauses, results


def _wakeup(threads: DFilter, options: ProgramOptions) -> Parts:
    wakes = Aggregation(
        "wake",
        "wakeup",
        (
            ("name", "stringof(this->why)"),
            ("sleeper", "stringof(args[1]->p_comm)"),
            ("exec", "execname"),
        ),
        ("stack()",),
        inner_frames=CALLER,
    )
    return [
        Clause(("sched:::sleep",), ("since[curthread] = timestamp",), threads.current()),
        Clause(
            ("sched:::wakeup",),
            (
                "this->ns = timestamp - since[args[0]]",
                f"this->why = {_WHY.replace('curthread', 'args[0]')}",
                f"since[args[0]] = {_NONE}",
                *wakes.update("this->ns"),
            ),
            (f"since[args[0]] > {_NONE}",),
        ),
    ], [wakes.printing(True)]


def _runq(threads: DFilter, options: ProgramOptions) -> Parts:
    kinds = {
        "woken": ("ready[curthread]", (f"ready[curthread] = {_NONE}",)),
        # The 4BSD scheduler fires enqueue for a preempted thread too: it is counted once.
        "preempted": (
            "preempted[curthread]",
            (f"preempted[curthread] = {_NONE}", f"ready[curthread] = {_NONE}"),
        ),
    }
    clauses = [
        Clause(("sched:::enqueue",), ("ready[args[0]] = timestamp",), threads.argument()),
        Clause(
            ("sched:::off-cpu",),
            ("preempted[curthread] = timestamp",),
            threads.current("curthread->td_state == 3"),
            ("A thread leaves the CPU, still runnable (TDS_RUNQ).",),
        ),
    ]
    results: list[str] = []
    for kind in ("preempted", "woken"):  # in this order: the first clears what the second tests
        since, clear = kinds[kind]
        waits = Aggregation(kind, f"runq-{kind}", (("exec", "execname"),), ("stack()",))
        body = (
            f"this->ns = timestamp - {since}",
            *clear,
            *waits.update("this->ns"),
            *_quantize(options, waits, "this->ns"),
        )
        clauses.append(Clause(("sched:::on-cpu",), body, threads.current(f"{since} > {_NONE}")))
        results += [waits.printing(True), *_print_histograms(options, waits)]
    if options.scope == "tree":  # enqueue cannot test that for another thread
        clear_rest = (f"ready[curthread] = {_NONE}",)
        clauses.append(Clause(("sched:::on-cpu",), clear_rest, (f"ready[curthread] > {_NONE}",)))
    return clauses, results


def _process(options: ProgramOptions) -> KeyParts:
    return (("exec", "execname"),) if options.by_process else ()


def _stacks(options: ProgramOptions) -> tuple[str, ...]:
    return ("stack()", "ustack()") if options.user_stack else ("stack()",)


def _quantize(options: ProgramOptions, waits: Aggregation, value: str) -> list[str]:
    return [waits.update_histogram(value)] if options.histogram else []


def _print_histograms(options: ProgramOptions, waits: Aggregation) -> list[str]:
    return [waits.printing_histogram()] if options.histogram else []


def _set_aside(mechanism: str, elapsed: str) -> tuple[str, ...]:
    return (f"@short_ns[{mechanism}] = sum({elapsed})", f"@short_n[{mechanism}] = count()")


_PRINT_SET_ASIDE = r'printa("#set-aside short %s %@d %@d\n", @short_ns, @short_n)'


BUILDERS: dict[str, Callable[[DFilter, ProgramOptions], Parts]] = {
    "offcpu": _offcpu,
    "offcpu-sdt": _offcpu_sdt,
    "events": events,
    "events-sdt": events_sdt,
    "oncpu": _oncpu,
    "oncpu-amd64": _oncpu_amd64,
    "locks": _locks,
    "wakeup": _wakeup,
    "runq": _runq,
    "path": path,
}
"""By program: the function that builds its clauses and printing statements."""
