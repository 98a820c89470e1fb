"""Single waits as a Chrome trace, for https://ui.perfetto.dev, chrome://tracing, and speedscope.

Owns what is in the file; ``render.viewers.chrome_trace`` writes it.

There is one track for each thread; each wait that was kept is an event of it, so that the lengths
of all events add up to the report. If wake-ups were recorded, each is on the waker's track, with an
arrow to the wait that it ended. Time begins where ``--from`` counts from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.analysis.waits.timelines import Tracks, describe_waits, sums_without_times, tracks_of
from pvprof.analysis.waits.wakeups import blocked_ns, wakeup_of_waits
from pvprof.analysis.wakers import INTERRUPT
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part
from pvprof.classify.interrupts import is_interrupt
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import OTHER
from pvprof.dataset.dataset import Measurement
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.views.folded import StackOptions
from pvprof.views.viewers.speedscope import NOTHING_KEPT, name_of_thread

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

_UNKNOWN = -1


class Track(NamedTuple):
    """One thread: its numbers, the names of its process and of itself, and its rank."""

    pid: int
    tid: int
    process: str
    thread: str
    rank: int


class Reason(NamedTuple):
    """What many waits have in common: name, kind, class, mechanism and stack."""

    name: str
    kind: str
    lock_class: str
    mechanism: str
    stack: Stack


class Slice(NamedTuple):
    """One wait of a thread; times in ns from the beginning of the file.

    What is not known is 0 (`object_address`) or empty (texts). `runnable_ns` is the part after the
    wake-up, -1 if no wake-up was recorded.
    """

    pid: int
    tid: int
    start_ns: int
    wait_ns: int
    reason: Reason
    execname: str
    object_address: int
    owner: str
    waker: str
    runnable_ns: int


class Wake(NamedTuple):
    """One wake-up: its time, the waking thread and its code, and the thread that was woken.

    `ended_ns` is the moment in the wait at which the arrow to it ends; `verb` says what the one
    thread does to the other.
    """

    pid: int
    tid: int
    time_ns: int
    execname: str
    stack: Stack
    sleeper: str
    sleeper_pid: int
    sleeper_tid: int
    ended_ns: int
    verb: str = "wakes"


@dataclass(frozen=True, slots=True)
class ChromeTraceView:
    """The events of a file.

    Attributes:
        facts: about the recording, by label.
        tracks: the threads, in the order of their ranks.
        slices: the waits.
        wakes: the wake-ups.
        problems: what could not be shown as it was measured.
    """

    facts: Mapping[str, str]
    tracks: Sequence[Track]
    slices: Sequence[Slice]
    wakes: Sequence[Wake]
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether no wait was kept."""
        return not self.slices


def build(classified: Classified, options: StackOptions) -> ChromeTraceView:
    """Return the single waits of one recording that the filters keep, as events of a trace.

    Raises:
        UsageError: there are no single waits, those of several recordings, or the options ask for
            something else.
    """
    if options.fold.counts or not options.timeline or options.measure == "samples":
        raise UsageError(
            "a Chrome trace has single waits in time: not --counts, --no-timeline or --measure"
        )
    dataset, rules = classified.dataset, classified.rules
    measured = classified.single_waits(options.measure)
    measurement = measured.measurement
    events = measurement.events
    if events is None:
        raise UsageError(
            "a Chrome trace is made of single waits, and none were recorded",
            "pvprof record events records them; -o X.speedscope.json takes sums",
        )
    if len(measurement.runs) > 1:
        raise UsageError(
            "a Chrome trace of several recordings: they have no common clock", "one file for each"
        )
    parts = measured.kept
    reasons, reason_of = describe_waits(
        events, parts, lambda part, stack: _reason(part, stack, rules)
    )
    kept = np.flatnonzero(reason_of >= 0)
    facts = {label: text for label, text in dataset.provenance if text}
    problems = list(sums_without_times(events, parts, kept))
    if not len(kept):
        text = "the filters left no wait: the file holds none"
        problems.append(Problem(NOTHING_KEPT, text, severity="note"))
        return ChromeTraceView(facts, (), (), (), tuple(problems))
    tracks = tracks_of(events, kept)
    trace = _Trace(measurement, events, tracks, _origin(events, measurement.runs))
    slices, wakes = trace.slices(reasons, reason_of), trace.wakes()
    return ChromeTraceView(
        facts, trace.tracks(slices, wakes), slices, wakes, (*problems, *tracks.problems)
    )


def _reason(part: Part, stack: Stack, rules: Matcher) -> Reason:
    """Return the reason of a wait; without a name it gets that of its caller."""
    verdict, key = part.verdict, part.key
    lock_class = "" if verdict.lock_class == OTHER else verdict.lock_class
    return Reason(
        key.name or rules.caller_of(stack), verdict.kind, lock_class, key.mechanism, stack
    )


def _origin(events: WaitTable, runs: Sequence[RunSpan]) -> int:
    """Return the origin of time: where ``--from`` counts from, or the first wait if earlier."""
    first = int(events.start_ns.min())
    marks = [mark for run in runs for mark in (run.origin_ns, run.begin_ns) if mark is not None]
    return min([first, *marks[:1]])


class _Threads:
    """The process of a thread number at a time: kernels use a number again for another thread."""

    def __init__(self, events: WaitTable) -> None:
        self._events = events
        order = np.lexsort((events.start_ns, events.tid))
        tids, firsts = np.unique(events.tid[order], return_index=True)
        bounds = pairwise([*firsts.tolist(), len(order)])
        self._rows = {
            tid: order[first:last].tolist()
            for tid, (first, last) in zip(tids.tolist(), bounds, strict=True)
        }
        self._starts = {tid: events.start_ns[rows].tolist() for tid, rows in self._rows.items()}

    def around(self, tid: int, moment: int) -> list[int]:
        """Return a thread's last wait that begins no later than a moment, and its next one."""
        rows = self._rows.get(tid, [])
        index = bisect_right(self._starts.get(tid, []), moment)
        return [*rows[max(index - 1, 0) : index], *rows[index : index + 1]]

    def owner(self, tid: int, moment: int) -> str:
        """Return the name and number of a thread at that time, taken from its waits."""
        name = next((self.execname(row) for row in self.around(tid, moment)), "")
        return _in_words(name, tid)

    def pid(self, tid: int, moment: int, execname: str) -> int:
        """Return the process of a thread of that name at that time; else the thread's number."""
        rows = self.around(tid, moment)
        row = next((row for row in rows if self.execname(row) == execname), None)
        return tid if row is None else self.process(row)

    def process(self, row: int) -> int:
        """Return the process of a wait; the thread's number if the process is not known."""
        pid = int(self._events.pid[row])
        return int(self._events.tid[row]) if pid == _UNKNOWN else pid

    def execname(self, row: int) -> str:
        """Return the name of the process that waited."""
        return self._events.keys[int(self._events.key_id[row])].execname


def _in_words(execname: str, tid: int) -> str:
    return f"{execname} (tid {tid})" if execname else f"tid {tid}"


class _Trace:
    """The events of a file, from those of a recording."""

    def __init__(
        self, measurement: Measurement, events: WaitTable, tracks: Tracks, origin_ns: int
    ) -> None:
        self._events = events
        self._drawn = tracks
        self._origin_ns = origin_ns
        self._offset = tracks.origin_ns - origin_ns
        self._wakeups = measurement.wakeups
        self._wakeup = None if self._wakeups is None else wakeup_of_waits(events, self._wakeups)
        self._threads = _Threads(events)

    def tracks(self, slices: Iterable[Slice], wakes: Iterable[Wake]) -> list[Track]:
        """Return the threads that wait, the longest waiting first, then those that only wake."""
        sums: dict[tuple[int, int], int] = {}
        of_thread: dict[tuple[int, int], dict[str, None]] = {}
        of_process: dict[int, dict[str, None]] = {}
        names = [(wait.pid, wait.tid, wait.wait_ns, wait.execname) for wait in slices]
        for pid, tid, wait_ns, name in (*names, *((w.pid, w.tid, 0, w.execname) for w in wakes)):
            sums[pid, tid] = sums.get((pid, tid), 0) + wait_ns
            of_thread.setdefault((pid, tid), {})[name] = None
            of_process.setdefault(pid, {})[name] = None
        ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return [
            Track(
                pid,
                tid,
                name_of_thread(of_process[pid]) or "process",
                name_of_thread(of_thread[pid, tid]) or "thread",
                rank,
            )
            for rank, ((pid, tid), _) in enumerate(ranked)
        ]

    def slices(self, reasons: Sequence[Reason], reason_of: Ints) -> list[Slice]:
        """Return the waits, thread by thread."""
        events, drawn = self._events, self._drawn
        columns = (events.tid, reason_of, events.object_address, events.owner_tid, events.start_ns)
        rows = zip(
            drawn.row.tolist(),
            *(column[drawn.row].tolist() for column in columns),
            *(moment.tolist() for moment in (drawn.begin, drawn.end)),
            self._wakers(),
            strict=True,
        )
        return [
            Slice(
                self._threads.process(row),
                tid,
                begin + self._offset,
                end - begin,
                reasons[reason],
                self._threads.execname(row),
                address,
                self._threads.owner(owner, start_ns) if owner > 0 else "",
                *ending,
            )
            for row, tid, reason, address, owner, start_ns, begin, end, ending in rows
        ]

    def _wakers(self) -> list[tuple[str, int]]:
        """Return the waker of each wait that is drawn, and its runnable time in ns, -1: unknown."""
        wakeups, row = self._wakeups, self._drawn.row
        if wakeups is None or self._wakeup is None:
            return [("", -1)] * len(row)
        wakeup = self._wakeup[row]
        known = wakeup >= 0
        runnable = self._events.wait_ns[row].copy()
        runnable[known] -= blocked_ns(self._events, wakeups, row[known], wakeup[known])
        return [
            (_waker(wakeups, number), rest) if number >= 0 else ("", -1)
            for number, rest in zip(wakeup.tolist(), runnable.tolist(), strict=True)
        ]

    def wakes(self) -> list[Wake]:
        """Return the wake-ups of the waits that are drawn."""
        wakeups, drawn = self._wakeups, self._drawn
        if wakeups is None or self._wakeup is None:
            return []
        wakeup = self._wakeup[drawn.row]
        known = wakeup >= 0
        rows = zip(
            wakeup[known].tolist(),
            drawn.row[known].tolist(),
            *(moment[known].tolist() for moment in (drawn.begin, drawn.end)),
            strict=True,
        )
        return [
            self._wake(wakeups, number, row, (begin + self._offset, end + self._offset))
            for number, row, begin, end in rows
        ]

    def _wake(self, wakeups: WakeupTable, number: int, row: int, span: tuple[int, int]) -> Wake:
        moment, tid = int(wakeups.time_ns[number]), int(wakeups.waker_tid[number])
        execname = wakeups.keys[int(wakeups.key_id[number])].execname
        time_ns = max(moment - self._origin_ns, 0)
        sleeper = int(self._events.tid[row])
        return Wake(
            pid=self._threads.pid(tid, moment, execname),
            tid=tid,
            time_ns=time_ns,
            execname=execname,
            stack=wakeups.stacks[int(wakeups.stack_id[number])],
            sleeper=_in_words(self._threads.execname(row), sleeper),
            sleeper_pid=self._threads.process(row),
            sleeper_tid=sleeper,
            ended_ns=min(max(time_ns, span[0]), span[1]),
        )


def _waker(wakeups: WakeupTable, number: int) -> str:
    tid = int(wakeups.waker_tid[number])
    if is_interrupt(wakeups.stacks[int(wakeups.stack_id[number])]):
        return f"{INTERRUPT} on tid {tid}"
    return _in_words(wakeups.keys[int(wakeups.key_id[number])].execname, tid)
