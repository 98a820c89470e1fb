"""A small simulator of threads: it makes recordings whose critical path is known tick by tick.

Threads run programs of operations, each of which takes at least one tick of a CPU. A lock goes to
the thread that waited longest; a semaphore, an exit and a timer wake threads, too. The simulator
keeps what each thread did in each tick, so that a path can be found without any of pvprof's code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.model.threads import UNKNOWN, WORKLOAD, ThreadTable
from pvprof.model.waits import WaitTable, WakeupTable

TIMER = -1
"""In place of a waker: a timer."""

FIRST_TID = 100
BEGIN_NS = 5_000
_TIMER_STACK = Stack("kernel`sched_idletd;kernel`lapic_handle_timer;kernel`handleevents")
MAX_TICKS = 20_000


class Op(NamedTuple):
    """One operation: `run`, `sleep`, `lock`, `unlock`, `post`, `wait`, `fork`, `join`.

    `number` is a number of ticks, of a lock, a semaphore or a thread.
    """

    what: str
    number: int


class Blocking(NamedTuple):
    """One wait: `op` is the index of the operation in the program, `waker` a thread or `TIMER`."""

    thread: int
    start: int
    woken: int
    end: int
    waker: int | None
    name: str
    op: int


@dataclass
class Schedule:
    """What a simulation did.

    Attributes:
        doing: for each thread, what it did in each tick: `running`, `runnable`, `blocked`, or
            nothing before its birth and after its death.
        born, died, parent: of each thread.
        blockings: all waits, also those for a CPU alone.
    """

    doing: list[dict[int, str]]
    born: list[int]
    died: list[int]
    parent: list[int]
    blockings: list[Blocking] = field(default_factory=list)

    @property
    def length(self) -> int:
        return self.died[0]

    @property
    def has_contention(self) -> bool:
        """Tell whether any thread had to wait for a CPU."""
        return any(what == "runnable" for doing in self.doing for what in doing.values())

    def true_path(self) -> list[tuple[int, str]]:
        """Return for each tick the thread on the critical path, and what it did, tick by tick."""
        wakers = {(one.thread, one.woken): one.waker for one in self.blockings}
        path: list[tuple[int, str]] = []
        thread, tick = 0, self.length
        while tick > self.born[0]:
            what = self.doing[thread].get(tick - 1, "")
            waker = wakers.get((thread, tick))
            if not what:
                assert tick == self.born[thread]
                thread = self.parent[thread]
            elif what == "blocked" and waker is not None and waker != TIMER:
                thread = waker
            else:
                # A timer's wait has no other end within it: it is passed tick by tick.
                path.append((thread, "waiting" if what == "blocked" else what))
                tick -= 1
        return path[::-1]


@dataclass
class _Thread:
    program: Sequence[Op]
    at: int = 0
    ticks: int = 0
    has_waited: bool = False
    since: int = 0
    state: str = "absent"
    slice: int = 0


class Simulator:
    """Runs programs; thread 0 is the first one."""

    def __init__(
        self,
        programs: Sequence[Sequence[Op]],
        cpus: int = 1000,
        quantum: int = 1000,
        free_locks: frozenset[int] = frozenset(),
    ) -> None:
        self._threads = [_Thread(program) for program in programs]
        self._cpus, self._quantum, self._free = cpus, quantum, free_locks
        self._ready: deque[int] = deque()
        self._owner: dict[int, int] = {}
        self._lock_queue: dict[int, deque[int]] = {}
        self._posts: dict[int, int] = {}
        self._sem_queue: dict[int, deque[int]] = {}
        self._joiner: dict[int, int] = {}
        self._timers: dict[int, list[int]] = {}
        self._wakes: list[tuple[int, int]] = []
        self._open: dict[int, tuple[int, str, int, int | None, int | None]] = {}
        count = len(programs)
        self.schedule = Schedule(
            [{} for _ in range(count)], [-1] * count, [-1] * count, [-1] * count
        )

    def run(self) -> Schedule:
        """Return the schedule, when all threads have ended."""
        self._bear(0, 0, -1)
        tick = 0
        running: list[int] = []
        while any(one.state not in ("absent", "dead") for one in self._threads):
            assert tick < MAX_TICKS, "a deadlock"
            for sleeper in self._timers.pop(tick, ()):
                self._wake(sleeper, TIMER, tick)
            running = self._preempted(running, tick)
            executed: list[int] = []
            waiting_for_cpu = deque(running)
            while len(executed) < self._cpus and (waiting_for_cpu or self._ready):
                number = (waiting_for_cpu or self._ready).popleft()
                self._dispatch(number, tick)
                if self._execute(number, tick):
                    executed.append(number)
            self._account(executed, tick)
            tick += 1
            for sleeper, waker in self._wakes:
                self._wake(sleeper, waker, tick)
            self._wakes.clear()
            running = [number for number in executed if not self._finished(number, tick)]
        return self.schedule

    def _bear(self, number: int, tick: int, parent: int) -> None:
        thread = self._threads[number]
        thread.state, thread.since = "runnable", tick
        self.schedule.born[number], self.schedule.parent[number] = tick, parent
        self._open[number] = (tick, "", thread.at, tick, None)
        self._ready.append(number)

    def _preempted(self, running: list[int], tick: int) -> list[int]:
        """Send threads whose quantum is over behind those that are ready."""
        kept = []
        for number in running:
            thread = self._threads[number]
            if thread.slice >= self._quantum and self._ready:
                thread.state = "runnable"
                self._open[number] = (tick, "", thread.at, tick, None)
                self._ready.append(number)
            else:
                kept.append(number)
        return kept

    def _dispatch(self, number: int, tick: int) -> None:
        thread = self._threads[number]
        thread.state = "running"
        if number in self._open:
            start, name, op, woken, waker = self._open.pop(number)
            assert woken is not None
            thread.slice = 0
            if tick > start:
                blocking = Blocking(number, start, woken, tick, waker, name, op)
                self.schedule.blockings.append(blocking)

    def _execute(self, number: int, tick: int) -> bool:
        """Begin or go on with an operation; return False if the thread blocks instead."""
        thread = self._threads[number]
        op = thread.program[thread.at]
        if thread.ticks == 0 and not thread.has_waited and self._blocks(number, op, tick):
            thread.state, thread.has_waited = "blocked", True
            self._open[number] = (tick, f"{op.what} {op.number}", thread.at, None, None)
            return False
        return True

    def _blocks(self, number: int, op: Op, tick: int) -> bool:
        what, which = op
        if what == "sleep":
            self._timers.setdefault(tick + which, []).append(number)
            return True
        if what == "lock" and which not in self._free:
            if which in self._owner:
                self._lock_queue.setdefault(which, deque()).append(number)
                return True
            self._owner[which] = number
        if what == "wait":
            if not self._posts.get(which):
                self._sem_queue.setdefault(which, deque()).append(number)
                return True
            self._posts[which] -= 1
        if what == "join" and self._threads[which].state != "dead":
            self._joiner[which] = number
            return True
        return False

    def _account(self, executed: list[int], tick: int) -> None:
        for number, thread in enumerate(self._threads):
            if number in executed:
                thread.slice += 1
                self.schedule.doing[number][tick] = "running"
            elif thread.state in ("runnable", "blocked"):
                self.schedule.doing[number][tick] = thread.state
        for number in executed:
            thread = self._threads[number]
            what, which = thread.program[thread.at]
            thread.ticks += 1
            if what != "run" or thread.ticks == which:
                self._complete(number, what, which, tick)

    def _complete(self, number: int, what: str, which: int, tick: int) -> None:
        """Finish an operation: what it wakes is woken when the tick is over."""
        thread = self._threads[number]
        thread.at, thread.ticks, thread.has_waited = thread.at + 1, 0, False
        if what == "unlock" and which not in self._free:
            queue = self._lock_queue.get(which)
            if queue:
                self._owner[which] = queue.popleft()
                self._wakes.append((self._owner[which], number))
            else:
                del self._owner[which]
        if what == "post":
            queue = self._sem_queue.get(which)
            if queue:
                self._wakes.append((queue.popleft(), number))
            else:
                self._posts[which] = self._posts.get(which, 0) + 1
        if what == "fork":
            self._bear(which, tick + 1, number)

    def _wake(self, sleeper: int, waker: int, tick: int) -> None:
        thread = self._threads[sleeper]
        assert thread.state == "blocked"
        start, name, op, _, _ = self._open[sleeper]
        self._open[sleeper] = (start, name, op, tick, waker)
        thread.state = "runnable"
        self._ready.append(sleeper)

    def _finished(self, number: int, tick: int) -> bool:
        thread = self._threads[number]
        if thread.at < len(thread.program):
            return False
        thread.state = "dead"
        self.schedule.died[number] = tick
        if number in self._joiner:
            self._wake(self._joiner.pop(number), number, tick)
        return True


class Recorded(NamedTuple):
    """The tables of a recording of a schedule."""

    events: WaitTable
    wakeups: WakeupTable
    threads: ThreadTable


def _ints(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.asarray(values, np.int64)


def recorded(schedule: Schedule, order: Sequence[int] = ()) -> Recorded:
    """Return the tables that a recorder would have written, the waits in this order."""
    rows = [schedule.blockings[number] for number in order] or schedule.blockings
    woken = [(number, row) for number, row in enumerate(rows) if row.waker is not None]
    names = sorted({row.name for row in rows})
    keys = [
        Key("sleepq" if name else "runq-preempted", f"lock {name}" if "lock" in name else name)
        for name in names
    ]
    events = WaitTable(
        start_ns=_ints([row.start + BEGIN_NS for row in rows]),
        wait_ns=_ints([row.end - row.start for row in rows]),
        pid=_ints([row.thread + FIRST_TID for row in rows]),
        tid=_ints([row.thread + FIRST_TID for row in rows]),
        cpu=_ints([0 for _ in rows]),
        owner_tid=_ints([0 for _ in rows]),
        object_address=np.zeros(len(rows), np.uint64),
        key_id=_ints([names.index(row.name) for row in rows]),
        stack_id=_ints([0 for _ in rows]),
        keys=tuple(keys),
        stacks=(Stack("kernel`trap;kernel`wait"),),
    )
    wakeups = WakeupTable(
        time_ns=_ints([row.woken + BEGIN_NS for _, row in woken]),
        sleeper_tid=_ints([row.thread + FIRST_TID for _, row in woken]),
        waker_tid=_ints([max(row.waker or 0, 0) + FIRST_TID for _, row in woken]),
        cpu=_ints([0 for _ in woken]),
        row=_ints([number for number, _ in woken]),
        key_id=_ints([0 for _ in woken]),
        stack_id=_ints([int(row.waker == TIMER) for _, row in woken]),
        keys=(Key("wakeup", execname="made"),),
        stacks=(Stack("kernel`syscall;kernel`wakeup"), _TIMER_STACK),
    )
    lives = [number for number, born in enumerate(schedule.born) if born >= 0]
    parents = [schedule.parent[number] for number in lives]
    threads = ThreadTable(
        tid=_ints([number + FIRST_TID for number in lives]),
        pid=_ints([number + FIRST_TID for number in lives]),
        parent_tid=_ints([WORKLOAD if one < 0 else one + FIRST_TID for one in parents]),
        born_ns=_ints([schedule.born[number] + BEGIN_NS for number in lives]),
        died_ns=_ints([max(schedule.died[number] + BEGIN_NS, UNKNOWN) for number in lives]),
        key_id=_ints([0 for _ in lives]),
        keys=(Key(execname="made"),),
    )
    return Recorded(events, wakeups, threads)


@st.composite
def programs(draw: st.DrawFn, locks: int = 2, max_threads: int = 6) -> tuple[tuple[Op, ...], ...]:
    """Draw programs that always end: no thread waits for one that may wait for it.

    A thread waits for semaphores of earlier threads only, and joins its children at its end, when
    it has posted all of its own. It holds one lock at a time, and does not wait for threads then.
    """
    count = draw(st.integers(1, max_threads))
    bodies: list[list[list[Op]]] = [[] for _ in range(count)]
    ticks = st.integers(1, 6)
    for number in range(count):
        for _ in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(["run", "sleep", "lock", "lock"] if locks else ["run"]))
            if kind == "lock":
                lock = draw(st.integers(0, locks - 1))
                inside = Op(draw(st.sampled_from(["run", "run", "sleep"])), draw(ticks))
                bodies[number].append([Op("lock", lock), inside, Op("unlock", lock)])
            else:
                bodies[number].append([Op(kind, draw(ticks))])

    def insert(number: int, op: Op) -> None:
        bodies[number].insert(draw(st.integers(0, len(bodies[number]))), [op])

    ends: list[list[Op]] = [[] for _ in range(count)]
    for number in range(1, count):
        parent = draw(st.integers(0, number - 1))
        insert(parent, Op("fork", number))
        ends[parent].append(Op("join", number))
    for semaphore in range(draw(st.integers(0, count - 1)) if count > 1 else 0):
        waiter = draw(st.integers(1, count - 1))
        insert(draw(st.integers(0, waiter - 1)), Op("post", semaphore))
        insert(waiter, Op("wait", semaphore))
    return tuple(
        tuple(op for group in (*bodies[number], ends[number]) for op in group)
        for number in range(count)
    )
