"""What each mode measures: the clauses between BEGIN and END, and what END prints.

What was decided, and why:

* **No variable where a probe or ``curthread`` has the value.** Each thread-local variable is an
  entry in a hash table shared by all CPUs: measured, they were the cost, and the source of drops.
  ``offcpu-sdt``, ``events`` and ``locks`` have none at all.
* **``offcpu`` times every wait with one pair of sched probes** and two variables. lockstat's block
  probes carry their time and would need none for locks; but they know only the locks that report to
  lockstat, and a kernel with a new kind of lock (one-byte mutexes) would seem to wait for nothing.
* **``sched:::remain-cpu`` ends a wait as well**: a thread that was woken before it had left the CPU
  is chosen again without ``on-cpu``. Left out, its time running would count as waiting.
* **Sleeping and waking are two records of ``events``**, joined offline, not variables.
* **Cheap conditions first**: most threads that switch are not in question.
"""

from __future__ import annotations

from dataclasses import replace

from pvprof.collect.dtrace.syntax import Aggregation, Clause, Key
from pvprof.collect.options import ProgramOptions

_WHOLE_SYSTEM_MODES = ("oncpu", "locks", "runq")
"""Modes to which kernel processes belong: they run, spin and wait for CPUs like others."""

_LOCK_CLASS = (
    "stringof(`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf]->lc_name)"  # LO_CLASSMASK
)
_WHY = "curthread->td_blocked != NULL ? curthread->td_lockname : curthread->td_wmesg"
_NO_KERNEL = "({} & 0x4) == 0"  # P_KPROC
_RUNNING_AGAIN = ("sched:::on-cpu", "sched:::remain-cpu")


class Filter:
    """The conditions under which a thread counts, cheapest first."""

    def __init__(self, mode: str, options: ProgramOptions) -> None:
        self._options = options
        wanted = options.kernel_processes
        self._has_kernel = mode in _WHOLE_SYSTEM_MODES if wanted is None else wanted

    def cheap(self) -> tuple[str, ...]:
        """Return the cheapest of them: enough where a variable tells the rest."""
        return () if self._has_kernel else (_NO_KERNEL.format("curthread->td_proc->p_flag"),)

    def current(self, *more: str) -> tuple[str, ...]:
        """Return them for the thread in which the probe fires, `more` before the dear ones."""
        options = self._options
        conditions = [*self.cheap(), *more, *self._named("pid", "execname")]
        if options.scope == "tree":
            conditions += ["pid != $1", "progenyof($1)"]
        elif not options.pid:
            conditions.append("pid != $pid")  # dtrace waits too
        return tuple(conditions)

    def argument(self) -> tuple[str, ...]:
        """Return those that can be told of another thread, ``args[0]``."""
        process = "args[0]->td_proc"
        flags = () if self._has_kernel else (_NO_KERNEL.format(f"{process}->p_flag"),)
        return (*flags, *self._named(f"{process}->p_pid", f"stringof({process}->p_comm)"))

    def _named(self, pid: str, name: str) -> list[str]:
        options = self._options
        conditions = [f"{pid} == {options.pid}"] if options.pid else []
        return conditions + ([f'{name} == "{options.execname}"'] if options.execname else [])


_Parts = tuple[list[Clause], list[str]]
"""Clauses, and the statements that print the results in END."""


def _offcpu(who: Filter, options: ProgramOptions) -> _Parts:
    waits = Aggregation(
        "wait",
        "%s",
        (
            ("", 'this->start < 0 ? "turnstile" : "sleepq"'),
            ("name", "stringof(this->why)"),
            *_process(options),
        ),
        _stacks(options),
    )
    elapsed = "(self->start < 0 ? timestamp + self->start : timestamp - self->start)"
    sleep = Clause(
        ("sched:::sleep",),
        (
            "self->start = curthread->td_blocked != NULL ?"
            " -(int64_t)timestamp : (int64_t)timestamp",
            f"self->why = {_WHY}",
        ),
        who.current(),
        (
            "The sign tells a turnstile (negative) from a sleep queue: one variable less.",
            "The name must be kept, the waker clears it.",
        ),
    )
    take = (
        "this->start = self->start",
        "this->why = self->why",
        "this->ns = this->start < 0 ? timestamp + this->start : timestamp - this->start",
    )
    clear = ("self->start = 0", "self->why = 0")
    record = [*waits.update("this->ns"), *_quantize(options, waits, "this->ns")]
    results = [waits.printing(True), *_print_histograms(options, waits)]
    if not options.min_wait_ns:
        run = Clause(_RUNNING_AGAIN, (*take, *clear, *record), (*who.cheap(), "self->start != 0"))
        return [sleep, run], results
    short = Clause(
        _RUNNING_AGAIN,
        _set_aside('self->start < 0 ? "turnstile" : "sleepq"', elapsed),
        (*who.cheap(), "self->start != 0", f"{elapsed} < {options.min_wait_ns}"),
    )
    long = Clause(
        _RUNNING_AGAIN,
        (*take, *record),
        (*who.cheap(), "self->start != 0", f"{elapsed} >= {options.min_wait_ns}"),
    )
    cleared = Clause(_RUNNING_AGAIN, clear, (*who.cheap(), "self->start != 0"))
    return [sleep, short, long, cleared], [*results, _PRINT_SET_ASIDE]


def _offcpu_sdt(who: Filter, options: ProgramOptions) -> _Parts:
    clauses: list[Clause] = []
    results: list[str] = []
    for event, name in (("turnstile", "args[0]->lo_name"), ("sleepq", "args[1]")):
        waits = Aggregation(
            event, event, (("name", f"stringof({name})"), *_process(options)), _stacks(options)
        )
        body = (*waits.update("args[2]"), *_quantize(options, waits, "args[2]"))
        clauses += _by_length(
            (f"kernel:profile:{event}:wakeup",), body, who, options, ("probefunc", "args[2]")
        )
        results += [waits.printing(True), *_print_histograms(options, waits)]
    return clauses, [*results, *([_PRINT_SET_ASIDE] if options.min_wait_ns else [])]


def _locks(who: Filter, options: ProgramOptions) -> _Parts:
    waits = Aggregation(
        "wait",
        "%s",
        (
            ("", "probename"),
            ("name", "stringof(args[0]->lock_object.lo_name)"),
            ("class", _LOCK_CLASS),
            *_process(options),
        ),
        _stacks(options),
    )
    options = replace(options, histogram=options.histogram is not False)
    body = (*waits.update("args[1]"), *_quantize(options, waits, "args[1]"))
    clauses: list[Clause] = []
    for names in (  # one clause for each type of args[0]
        ("adaptive-block", "adaptive-spin", "spin-spin", "thread-spin"),
        ("rw-block", "rw-spin"),
        ("sx-block", "sx-spin"),
        ("lockmgr-block",),
    ):
        probes = tuple(f"lockstat:::{name}" for name in names)
        clauses += _by_length(probes, body, who, options, ("probename", "args[1]"))
    results = [waits.printing(True), *_print_histograms(options, waits)]
    return clauses, [*results, *([_PRINT_SET_ASIDE] if options.min_wait_ns else [])]


def _by_length(
    probes: tuple[str, ...],
    body: tuple[str, ...],
    who: Filter,
    options: ProgramOptions,
    wait: tuple[str, str],
) -> list[Clause]:
    """Return the clause of a wait whose (event, time) a probe carries, and that of a short one."""
    if not options.min_wait_ns:
        return [Clause(probes, body, who.current())]
    event, elapsed = wait
    floor = options.min_wait_ns
    return [
        Clause(probes, body, who.current(f"{elapsed} >= {floor}")),
        Clause(probes, _set_aside(event, elapsed), who.current(f"{elapsed} < {floor}")),
    ]


def _events(who: Filter, options: ProgramOptions) -> _Parts:
    blocked = "curthread->td_blocked"
    owner = f"{blocked}->ts_owner"
    return [
        _sleep_record(
            ("sched:::sleep",),
            "turnstile",
            (f"(uintptr_t){blocked}->ts_lockobj", f"{owner} != NULL ? {owner}->td_tid : 0"),
            "curthread->td_lockname",
            who.current(f"{blocked} != NULL"),
        ),
        _sleep_record(
            ("sched:::sleep",),
            "sleepq",
            ("(uintptr_t)curthread->td_wchan", "0"),
            "curthread->td_wmesg",
            who.current(f"{blocked} == NULL"),
        ),
        *_waker_records(who, options),
        Clause(
            _RUNNING_AGAIN,
            (r'printf("R %d %d %d\n", timestamp, tid, cpu)',),
            who.current(),
            ("A thread runs again: the reader joins it with what it waited for.",),
        ),
    ], []


def _events_sdt(who: Filter, options: ProgramOptions) -> _Parts:
    clauses: list[Clause] = []
    for event, details, name in (
        (
            "turnstile",
            ("(uintptr_t)args[0]", "args[1] != NULL ? args[1]->td_tid : 0"),
            "args[0]->lo_name",
        ),
        ("sleepq", ("(uintptr_t)args[0]", "0"), "args[1]"),
    ):
        probe = f"kernel:profile:{event}"
        clauses += [
            _sleep_record((f"{probe}:block",), event, details, name, who.current()),
            Clause(
                (f"{probe}:wakeup",),
                (r'printf("R %d %d %d %d\n", timestamp, tid, cpu, args[2])',),
                who.current(),
            ),
        ]
    return [*clauses, *_waker_records(who, options)], []


def _sleep_record(
    probes: tuple[str, ...],
    event: str,
    details: tuple[str, str],
    name: str,
    predicate: tuple[str, ...],
) -> Clause:
    """Return the clause that prints the record of a thread going to wait.

    `details` are the object that it waits for and the thread id of its owner.
    """
    values = ", ".join(
        ["timestamp", "tid", "pid", "cpu", *details, *_printed(f"stringof({name})", "execname")]
    )
    line = f"S %d %d %d %d {event} %x %d name=%d:%s exec=%d:%s"
    return Clause(
        probes, (f'printf("{line}\\n", {values})', "stack()", r'printf(".\n")'), predicate
    )


def _waker_records(who: Filter, options: ProgramOptions) -> list[Clause]:
    if not options.wakers:
        return []
    values = ", ".join(["timestamp", "args[0]->td_tid", "tid", "cpu", *_printed("execname")])
    return [
        Clause(
            ("sched:::wakeup",),
            (f'printf("W %d %d %d %d exec=%d:%s\\n", {values})', "stack()", r'printf(".\n")'),
            who.argument(),
        )
    ]


def _printed(*strings: str) -> list[str]:
    return [part for text in strings for part in (f"strlen({text})", text)]


def _oncpu(who: Filter, options: ProgramOptions) -> _Parts:
    probe = (f"profile:::profile-{options.rate_hz}",)
    kernel = Aggregation("kernel", "on-cpu", (("exec", "execname"),), ("stack()",))
    user = Aggregation("user", "user", (("exec", "execname"),), ("ustack()",))
    kinds = [("arg0", kernel)]
    if options.user_stack is not False:
        kinds.append(("arg1", user))
    clauses = [
        Clause(probe, tuple(kind.update(None)), who.current(f"{pc} != 0")) for pc, kind in kinds
    ]
    return clauses, [kind.printing(False) for _, kind in kinds]


def _wakeup(who: Filter, options: ProgramOptions) -> _Parts:
    wakes = Aggregation(
        "wake",
        "wakeup",
        (
            ("name", "stringof(this->why)"),
            ("sleeper", "stringof(args[1]->p_comm)"),
            ("exec", "execname"),
        ),
        ("stack()",),
    )
    return [
        Clause(("sched:::sleep",), ("since[curthread] = timestamp",), who.current()),
        Clause(
            ("sched:::wakeup",),
            (
                "this->ns = timestamp - since[args[0]]",
                f"this->why = {_WHY.replace('curthread', 'args[0]')}",
                "since[args[0]] = 0",
                *wakes.update("this->ns"),
            ),
            ("since[args[0]] != 0",),
        ),
    ], [wakes.printing(True)]


def _runq(who: Filter, options: ProgramOptions) -> _Parts:
    kinds = {
        "woken": ("ready[curthread]", ("ready[curthread] = 0",)),
        # The 4BSD scheduler fires enqueue for a preempted thread too: it is counted once.
        "preempted": ("self->preempted", ("self->preempted = 0", "ready[curthread] = 0")),
    }
    options = replace(options, histogram=options.histogram is not False)
    clauses = [
        Clause(("sched:::enqueue",), ("ready[args[0]] = timestamp",), who.argument()),
        Clause(
            ("sched:::off-cpu",),
            ("self->preempted = timestamp",),
            who.current("curthread->td_state == 3"),
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
        clauses.append(Clause(("sched:::on-cpu",), body, who.current(f"{since} != 0")))
        results += [waits.printing(True), *_print_histograms(options, waits)]
    if options.scope == "tree":  # which enqueue cannot tell of another thread
        clear_rest = ("ready[curthread] = 0",)
        clauses.append(Clause(("sched:::on-cpu",), clear_rest, ("ready[curthread] != 0",)))
    return clauses, results


def _process(options: ProgramOptions) -> Key:
    return (("exec", "execname"),) if options.by_process else ()


def _stacks(options: ProgramOptions) -> tuple[str, ...]:
    return ("stack()", "ustack()") if options.user_stack else ("stack()",)


def _quantize(options: ProgramOptions, waits: Aggregation, value: str) -> list[str]:
    return [waits.update_histogram(value)] if options.histogram else []


def _print_histograms(options: ProgramOptions, waits: Aggregation) -> list[str]:
    return [waits.printing_histogram()] if options.histogram else []


def _set_aside(event: str, elapsed: str) -> tuple[str, ...]:
    return (f"@short_ns[{event}] = sum({elapsed})", f"@short_n[{event}] = count()")


_PRINT_SET_ASIDE = r'printa("#set-aside short %s %@d %@d\n", @short_ns, @short_n)'


BUILDERS = {
    "offcpu": _offcpu,
    "offcpu-sdt": _offcpu_sdt,
    "events": _events,
    "events-sdt": _events_sdt,
    "oncpu": _oncpu,
    "locks": _locks,
    "wakeup": _wakeup,
    "runq": _runq,
}
"""The builder of each mode's clauses and printing statements."""
