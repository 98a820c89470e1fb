"""``events`` and ``path``: D programs that print a record for each event.

Decisions:

* **Going to sleep and running again are two records**, joined offline, not variables.
* **``path`` records every time off the CPU**: where a thread waits, is preempted, or is suspended
  with its process (``sched:::sleep`` does not fire then). What is left is time on a CPU.
* **A thread is woken when it is put on a run queue** (``sched:::enqueue``): on wake-ups of all
  kinds, also of suspended and of new threads. ``sched:::wakeup`` is for sleep queues and turnstiles
  only. The 4BSD scheduler also puts the preempted thread itself there: that is no wake-up. Nor is
  a move to another queue, since the priority has changed: the reader leaves that out.
* **A thread that is put on a run queue before its first switch is new**: its counter of switches
  (``td_generation``) is 0. No probe fires for a new thread of a process that is there.
* **A thread ends at ``proc:::lwp-exit``**, after its last wake-up; ``proc:::exit`` is earlier.
"""

from __future__ import annotations

from pvprof.collect.dtrace.clause_parts import (
    BLOCKED_ON,
    CALLER,
    CHANNEL,
    CHANNEL_IS_LOCK,
    RUNNING_AGAIN,
    DFilter,
    Parts,
    class_of,
    set_names,
)
from pvprof.collect.dtrace.syntax import INNER_FRAME, Clause, inner_values
from pvprof.collect.options import ProgramOptions
from pvprof.model.mechanisms import NEW_THREAD

_DOT = r'printf(".\n")'  # the end of a record
_IS_PREEMPTED = "curthread->td_state == 3"  # TDS_RUNQ
# TDS_INHIBITED, and none of TDI_SLEEPING, TDI_LOCK, TDI_IWAIT: those fire sched:::sleep, or idle.
_IS_SUSPENDED = "curthread->td_state == 1 && (curthread->td_inhibitors & 0x1a) == 0"
_IS_NEW = "args[0]->td_generation == 0"
_IS_WOKEN = "args[0]->td_generation != 0 && args[0]->td_tid != tid"


def path(threads: DFilter, options: ProgramOptions) -> Parts:
    """Return the clauses of the program ``path``."""
    return [
        *_sleep_records(threads),
        _switch_record("runq-preempted 0 0", _IS_PREEMPTED, threads),
        _switch_record("sleepq 0 0 name=9:suspended", _IS_SUSPENDED, threads),
        _birth_record(threads, options),
        _waker_record("sched:::enqueue", threads.argument(), (_IS_WOKEN,)),
        _return_record(threads),
        Clause(
            ("proc:::lwp-exit",),
            (
                _printed_line(
                    "X %d %d %d %d exec=%d:%s", ("timestamp", "tid", "pid", "cpu"), "execname"
                ),
                _DOT,
            ),
            threads.current(),
        ),
    ], []


def events(threads: DFilter, options: ProgramOptions) -> Parts:
    """Return the clauses of the program ``events``."""
    return [
        *_sleep_records(threads),
        *_waker_records(threads, options),
        _return_record(threads),
    ], []


def events_sdt(threads: DFilter, options: ProgramOptions) -> Parts:
    """Return the clauses of ``events`` for a kernel with the kernel:profile probes."""
    clauses: list[Clause] = []
    for mechanism, details, name in (
        (
            "turnstile",
            ("(uintptr_t)args[0]", "args[1] != NULL ? args[1]->td_tid : 0"),
            "stringof(args[0]->lo_name)",
        ),
        ("sleepq", ("(uintptr_t)args[0]", "0"), "stringof(args[1])"),
    ):
        probe = f"kernel:profile:{mechanism}"
        clauses += [
            _sleep_record(
                (f"{probe}:block",),
                mechanism,
                details,
                name,
                "stringof(args[2])",
                threads.current(),
            ),
            Clause(
                (f"{probe}:wakeup",),
                (r'printf("R %d %d %d %d\n", timestamp, tid, cpu, args[2])',),
                threads.current(),
            ),
        ]
    return [*clauses, *_waker_records(threads, options)], []


def _sleep_records(threads: DFilter) -> list[Clause]:
    """Return the clauses of threads that go to sleep: on a turnstile, or on a sleep queue."""
    blocked = "curthread->td_blocked"
    owner = f"{blocked}->ts_owner"
    return [
        _sleep_record(
            ("sched:::sleep",),
            "turnstile",
            (f"(uintptr_t){BLOCKED_ON}", f"{owner} != NULL ? {owner}->td_tid : 0"),
            "stringof(curthread->td_lockname)",
            class_of(f"{BLOCKED_ON}->lo_flags"),
            threads.current(f"{blocked} != NULL"),
        ),
        _sleep_record(
            ("sched:::sleep",),
            "sleepq",
            ("(uintptr_t)curthread->td_wchan", "0"),
            "stringof(curthread->td_wmesg)",
            f'({CHANNEL_IS_LOCK}) ? {class_of(f"{CHANNEL}->lo_flags")} : ""',
            threads.current(f"{blocked} == NULL"),
        ),
    ]


def _sleep_record(
    probes: tuple[str, ...],
    mechanism: str,
    details: tuple[str, str],
    name: str,
    lock_class: str,
    predicate: tuple[str, ...],
) -> Clause:
    """Return the clause that prints the record of a thread that begins to wait.

    `details` are D expressions of the object that it waits for and of its owner's thread id; `name`
    and `lock_class` are D strings.
    """
    strings = _printed("this->name", "this->class", "execname")
    values = ", ".join(
        ["timestamp", "tid", "pid", "cpu", *details, *strings, *inner_values(CALLER)]
    )
    line = f"S %d %d %d %d {mechanism} %x %d name=%d:%s class=%d:%s exec=%d:%s{INNER_FRAME}"
    body = (
        *set_names(name, lock_class),
        f'printf("{line}\\n", {values})',
        "stack()",
        _DOT,
    )
    return Clause(probes, body, predicate)


def _switch_record(what: str, condition: str, threads: DFilter) -> Clause:
    """Return the clause of a thread that leaves the CPU and waits for no lock and no event."""
    line = f"S %d %d %d %d {what} exec=%d:%s"
    head = _printed_line(line, ("timestamp", "tid", "pid", "cpu"), "execname")
    return Clause(("sched:::off-cpu",), (head, "stack()", _DOT), threads.current(condition))


def _birth_record(threads: DFilter, options: ProgramOptions) -> Clause:
    """Return the clause of a new thread, which its creator has just made runnable."""
    has_starter = options.scope == "tree" or options.ends_with_workload
    process = "args[0]->td_proc"
    numbers = ("timestamp", "args[0]->td_tid", f"{process}->p_pid", "cpu")
    creator = "pid == $1 ? 0 : tid" if has_starter else "tid"
    line = f"S %d %d %d %d {NEW_THREAD} 0 %d exec=%d:%s"
    head = _printed_line(line, (*numbers, creator), f"stringof({process}->p_comm)")
    comment = (
        "A new thread, which has never left a CPU. Its creator: 0 is the process that",
        "starts the workload.",
    )
    return Clause(
        ("sched:::enqueue",),
        (head, _DOT, *_waker()),
        threads.creator(_IS_NEW),
        comment if has_starter else ("A new thread, which has never left a CPU.",),
    )


def _return_record(threads: DFilter) -> Clause:
    return Clause(
        RUNNING_AGAIN,
        (r'printf("R %d %d %d\n", timestamp, tid, cpu)',),
        threads.current(),
        ("A thread runs again: the reader joins it with what it waited for.",),
    )


def _waker_records(threads: DFilter, options: ProgramOptions) -> list[Clause]:
    if not options.wakers:
        return []
    return [_waker_record("sched:::wakeup", threads.argument())]


def _waker_record(probe: str, *predicates: tuple[str, ...]) -> Clause:
    """Return the clause that prints who wakes a thread, ``args[0]``."""
    predicate = tuple(condition for conditions in predicates for condition in conditions)
    return Clause((probe,), _waker(), predicate)


def _waker() -> tuple[str, ...]:
    """Return the statements that print who wakes a thread, ``args[0]``."""
    strings = (*_printed("execname"), *inner_values(CALLER))
    values = ", ".join(["timestamp", "args[0]->td_tid", "tid", "cpu", *strings])
    line = f"W %d %d %d %d exec=%d:%s{INNER_FRAME}"
    return f'printf("{line}\\n", {values})', "stack()", _DOT


def _printed_line(line: str, numbers: tuple[str, ...], name: str) -> str:
    """Return the statement that prints a line of these numbers, which ends in a name."""
    return f'printf("{line}\\n", {", ".join([*numbers, *_printed(name)])})'


def _printed(*strings: str) -> list[str]:
    return [part for text in strings for part in (f"strlen({text})", text)]
