"""The stacks of a critical path: its time by code, to be drawn as a flame graph.

Owns which stack a part of a path has. A thread that runs has no stack in a recording of waits; its
part gets the stack with which the running ended: that of the wake-up that it sent, or that of its
next wait. If the part counts for a wait of another thread, the function that waited follows
behind ``--``, and the lock is at the leaf, as in every folded stack::

    make; main; job; write                            running
    cc; read; biowait; biord                          waiting, ended by an interrupt: its own stack
    cc; trap; unlock; --; vm_fault; pmap pv list      running, and another thread waits for its lock
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pvprof.analysis.critical_path.answer import PathReport, RunPath, Segment, path_report
from pvprof.analysis.critical_path.cause_rows import RUNNABLE, RUNNING
from pvprof.analysis.critical_path.walk import NO_WAIT, State
from pvprof.analysis.waits.wakeups import NO_WAKEUP
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import ALL_KINDS, Filters, Part
from pvprof.classify.rules import Classification
from pvprof.dataset.dataset import CRITICAL_PATH, Measurement
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import NO_STACK, WAKER_DELIMITER, Stack

RUNNABLE_FRAME = "[runnable]"
"""In place of what was waited for: the thread lacked a CPU."""

NOT_KNOWN = "[not known]"
"""In place of what was waited for: nothing was recorded of the thread."""


@dataclass(frozen=True)
class _PathMeasurement(ClassifiedMeasurement):
    """The path as a measurement: its parts have the class of the wait that each counts for."""

    path_parts: tuple[Part, ...] = ()

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return self.path_parts


def with_path(classified: Classified) -> Classified:
    """Return the same recordings with their critical path as the only measurement.

    Raises:
        UsageError: there are no single waits.
        InputError: the clock is damaged.
    """
    report = path_report(classified, has_rows=False)
    parts: dict[tuple[Classification, Key], dict[Stack, Weight]] = {}
    profile = Profile("ns", has_counts=False)
    for run in report.runs:
        folder = _Folder(report, run)
        for segment in report.segments(run):
            verdict, key, stack = folder.fold(segment)
            weight = Weight(segment.end_ns - segment.begin_ns, 0, 1)
            stacks = parts.setdefault((verdict, key), {})
            stacks[stack] = stacks[stack].plus(weight) if stack in stacks else weight
            profile.add(key, stack, weight)
    measurement = Measurement(profile, None, mode=CRITICAL_PATH, recordings=len(report.runs))
    filters = Filters(kinds=(ALL_KINDS,), edits=classified.filters.edits)
    measured = _PathMeasurement(
        measurement,
        classified.rules,
        filters,
        tuple(Part(verdict, key, stacks) for (verdict, key), stacks in parts.items()),
    )
    return replace(
        classified,
        dataset=replace(classified.dataset, measurements=(measurement,), histograms=()),
        filters=filters,
        measurements=(measured,),
    )


class _Folder:
    """Finds the class, the key and the stack of the parts of one path."""

    def __init__(self, report: PathReport, run: RunPath) -> None:
        self._report, self._run = report, run
        self._rules = report.measured.rules
        self._names = {share.life: share.execname for share in run.threads}
        self._wakes = dict(self._wake_stacks())
        self._verdicts: dict[tuple[Key, Stack], Classification] = {}

    def _wake_stacks(self) -> Iterator[tuple[tuple[int, int], Stack]]:
        """Yield (waker, time), and the stack of the waker at that time."""
        path, graph = self._run.path, self._run.graph
        wakeups = self._report.measured.measurement.wakeups
        columns = zip(path.hop_times.tolist(), path.hop_waits.tolist(), strict=True)
        for time_ns, wait in columns:
            row = NO_WAKEUP if wait == NO_WAIT else int(graph.wakeup[wait])
            if wakeups is not None and row != NO_WAKEUP:
                waker = int(graph.waker[wait])
                yield (waker, time_ns), wakeups.stacks[wakeups.stack_id[row]]

    def fold(self, segment: Segment) -> tuple[Classification, Key, Stack]:
        """Return the class, the key and the stack of a part."""
        execname = self._names[segment.life]
        if segment.row == NO_WAIT:
            return self._without_wait(segment, execname)
        events = self._report.events
        key = events.keys[int(events.key_id[segment.row])]
        waited = events.stacks[int(events.stack_id[segment.row])]
        verdict = self._classify(key, waited)
        if segment.state is State.WAITING and self._is_own(segment):
            return verdict, key._replace(execname=execname), waited
        caller = self._rules.caller_of(waited)
        behind = f"{self._stack_at(segment)};{WAKER_DELIMITER};{caller or NO_STACK}"
        return verdict, key._replace(execname=execname), Stack(behind)

    def _without_wait(self, segment: Segment, execname: str) -> tuple[Classification, Key, Stack]:
        """Return the same for a part that counts for no wait."""
        if segment.cause == RUNNING:
            key, stack = Key("on-cpu", execname=execname), self._stack_at(segment)
        elif segment.cause == RUNNABLE:
            key, stack = Key("runq", RUNNABLE_FRAME, execname), self._stack_at(segment)
        else:
            key, stack = Key(name=NOT_KNOWN, execname=execname), NO_STACK
        return self._classify(key, stack), key, stack

    def _classify(self, key: Key, stack: Stack) -> Classification:
        known = self._verdicts.get((key, stack))
        if known is None:
            known = self._verdicts[key, stack] = self._rules.classify(key, stack)
        return known

    def _is_own(self, segment: Segment) -> bool:
        """Tell whether the wait that a part counts for is one of its own thread."""
        events = self._report.events
        return int(events.tid[segment.row]) == segment.tid

    def _stack_at(self, segment: Segment) -> Stack:
        """Return the stack with which a part ended, or the next one that is known of its thread."""
        graph, end = self._run.graph, segment.end_ns - self._run.graph.begin_ns
        woke = self._wakes.get((segment.life, end))
        if woke is not None:
            return woke
        first, behind = int(graph.first[segment.life]), int(graph.first[segment.life + 1])
        wait = bisect_left(graph.start.data, end, first, behind)
        if segment.state in (State.RUNNABLE, State.WAITING) and wait > first:
            wait -= 1  # the wait that it is in
        if wait == behind:
            return NO_STACK
        events = self._report.events
        return events.stacks[int(events.stack_id[int(graph.row[wait])])]
