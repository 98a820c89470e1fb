"""Switches and wake-ups of ``perf script``: single waits.

A thread that is switched out waits until it is switched in: off-CPU, or, if it was preempted, for a
CPU. ``sched:sched_waking`` tells which thread ended that. ``sched:sched_wakeup`` counts only if
there is none of it: the kernel sends the same wake-up twice, as the waker decides (waking) and when
the other thread is queued, which another CPU may do in an interrupt (wakeup). Switches go to the
recorder of waits that pvprof's own grammar fills, so the same code joins and judges them.

``perf inject -s`` leaves only switches that began a sleep, moves each to the end of the sleep, and
writes its length in ns as the period. A period is 1 otherwise, or some number of switches if
``perf record -F`` recorded only a part of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pvprof.errors import quote
from pvprof.model.mechanisms import off_cpu
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.perf.frame_lines import sample_leaf
from pvprof.parse.linux.perf.heads import NO_NUMBER
from pvprof.parse.linux.perf.perf_records import EventKind, PerfRecord, Stacks, kind_of_event
from pvprof.parse.native.settle import join_waits
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.native.wait_rows import Sleep, WakeRecord
from pvprof.parse.problem_counts import Tally
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode

# A frame behind the arguments of an event that was recorded without stacks.
_LEAF = rb"(?:\s+([0-9a-f]{4,16} \S.*))?\s*"
_SWITCH = re.compile(
    rb"\s*prev_comm=(.*) prev_pid=(-?[0-9]{1,10}) prev_prio=-?[0-9]+ prev_state=(\S+)"
    rb" ==> next_comm=.* next_pid=(-?[0-9]{1,10}) next_prio=-?[0-9]+" + _LEAF
)
# Linux 2.6.32 has "task sh:5 [120] (S)".
_OLD_SWITCH = re.compile(
    rb"\s*+(?:task )?(.*):([0-9]{1,10}) \[-?[0-9]+\] \(?([^\s()]+)\)? ==>"
    rb" .*:([0-9]{1,10}) \[-?[0-9]+\]" + _LEAF
)
_WAKEUP = re.compile(
    rb"\s*+(?:comm=|task )?.*(?: pid=|:)(-?[0-9]{1,19}) (?:prio=-?[0-9]+|\[-?[0-9]+\])"
    rb"(?: success=[01])?(?: \[?(?:target_cpu=|CPU:)?[0-9]+\]?)?" + _LEAF
)
# Names of threads have 15 characters, those of kernel functions 511. The expressions above would
# take minutes for a line that is made to be long.
_MAX_ARGUMENTS = 1_024
_EXITED = (b"X", b"Z", b"x")
_MIN_SLEEP_NS = 1000  # a switch and a wake-up alone take longer


class SwitchReader:
    """Collects the switches and wake-ups of one text."""

    def __init__(self, source: TextSource, stacks: Stacks) -> None:
        self._file = source.name
        self._stacks = stacks
        self._keys = LineCache(_parse_key)
        self._tally = Tally(source.name)
        self._recorder = WaitRecorder(source.frame_names)
        self._wakeups: list[tuple[WakeRecord, Key, Stack, int]] = []
        self._sums: list[tuple[Key, Stack, int]] = []
        self._has_waking = False
        self._is_injected: bool | None = None
        self._slept: set[int] = set()
        self._returned: set[int] = set()
        self._sleeps = 0
        self._lone: Counter[tuple[bytes, bytes, Stack]] = Counter()
        self.has_switches = False

    def add(self, record: PerfRecord, kind: EventKind) -> bool:
        """Add a switch or a wake-up; return False if its arguments cannot be read."""
        if len(record.head.rest) > _MAX_ARGUMENTS:
            return False
        if kind is EventKind.SWITCH:
            return self._add_switch(record)
        return self._add_wakeup(record, is_waking=kind is EventKind.WAKING)

    def _add_switch(self, record: PerfRecord) -> bool:
        head = record.head
        match = _SWITCH.fullmatch(head.rest) or _OLD_SWITCH.fullmatch(head.rest)
        if match is None:
            return False
        self.has_switches = True
        if self._is_injected is None:
            self._is_injected = head.period >= _MIN_SLEEP_NS
        execname, prev, state, following, leaf = match.groups()
        _take_leaf(record, leaf)
        mechanism = off_cpu(state.startswith(b"D"))
        if self._is_injected:
            self._add_sleep(record, self._keys[mechanism, execname], int(prev))
            return True
        if head.time_ns == NO_NUMBER:
            text = "switches without a time make no waits: print it with perf script -F +time"
            self._tally.add("without-time", text, "loss", lambda: record.line)
            return True
        if head.period > 1:
            text = "switches of which each represents several: record every one (perf record -c 1)"
            self._tally.add("part-of-switches", text, "loss", lambda: record.line)
        prev_tid, next_tid = int(prev), int(following)
        if prev_tid > 0 and not state.startswith(_EXITED):
            mechanism = "runq-preempted" if state.startswith(b"R") else mechanism
            sleep = Sleep(head.time_ns, prev_tid, head.pid, max(head.cpu, 0))
            key, stack = self._keys[mechanism, execname], self._stacks.stack_of(record, False)
            self._check(self._recorder.add_sleep(sleep, key, stack), record.line)
            self._slept.add(prev_tid)
            self._sleeps += 1
        if next_tid > 0:
            self._check(self._recorder.add_return(head.time_ns, next_tid), record.line)
            self._returned.add(next_tid)
        return True

    def _add_sleep(self, record: PerfRecord, key: Key, tid: int) -> None:
        """Add a whole sleep, as ``perf inject -s`` writes it: it ends at the time of the record."""
        head, stack = record.head, self._stacks.stack_of(record, False)
        if head.time_ns == NO_NUMBER:
            self._sums.append((key, stack, max(head.period, 0)))
            return
        begin_ns = head.time_ns - max(head.period, 0)
        sleep = Sleep(begin_ns, tid, head.pid, max(head.cpu, 0))
        is_added = self._recorder.add_sleep(sleep, key, stack)
        self._check(is_added and self._recorder.add_return(head.time_ns, tid), record.line)

    def _add_wakeup(self, record: PerfRecord, is_waking: bool) -> bool:
        head = record.head
        match = _WAKEUP.fullmatch(head.rest)
        if match is None:
            return False
        _take_leaf(record, match[2])
        sleeper, waker = int(match[1]), max(head.tid, 0)
        wake = WakeRecord(max(head.time_ns, 0), sleeper, waker, max(head.cpu, 0))
        key, stack = self._keys["wakeup", head.execname], self._stacks.stack_of(record, False)
        if not self.has_switches:
            self._lone[head.event, head.execname, stack] += 1
        if is_waking:
            self._has_waking = True
            self._check(self._recorder.add_wake(wake, key, stack), record.line)
        else:
            self._wakeups.append((wake, key, stack, record.line))
        return True

    def lone_wakeups(self) -> Iterator[tuple[bytes, bytes, Stack, int]]:
        """Yield event, process, stack and number of wake-ups that end no waits."""
        for (event, execname, stack), count in self._lone.items():
            if not self.has_switches:
                yield event, execname, stack, count

    def finish(self, parsed: ParseResult) -> None:
        """Add the waits, and problems with them, to a result."""
        repeated = list(self._settle_wakeups())
        parsed.problems.extend(self._tally.problems())
        switches = self._recorder.finish() if self.has_switches else None
        if switches is not None:
            join_waits(parsed, switches, self._file)
        for key, stack, wait_ns in self._sums:
            parsed.add("ns", key, stack, (wait_ns, 1), 1)
        if self._sleeps and not self._slept & self._returned:
            text = (
                "switches from threads, and none to them: perf recorded these threads only;"
                " record all CPUs (perf record -a)"
            )
            parsed.problems.append(
                Problem("one-sided", text, self._file, count=self._sleeps, severity="loss")
            )
        parsed.problems.extend(repeated)

    def _settle_wakeups(self) -> Iterator[Problem]:
        """Add the wake-ups of ``sched_wakeup``, unless ``sched_waking`` has told them already."""
        if not self._has_waking:
            for wake, key, stack, line in self._wakeups:
                self._check(self._recorder.add_wake(wake, key, stack), line)
        elif self._wakeups:
            text = "records of sched:sched_wakeup: sched:sched_waking tells the same wake-ups"
            count = len(self._wakeups)
            yield Problem("other-events", text, self._file, count=count, severity="note")

    def _check(self, is_added: bool, line: int) -> None:
        if not is_added:
            text = "events were left out: a number is too large"
            self._tally.add("damaged", text, "loss", lambda: line)


def _take_leaf(record: PerfRecord, leaf: bytes | None) -> None:
    """Add the frame behind the arguments of a record, unless it has frames."""
    frame = None if leaf is None or record.frames else sample_leaf(leaf)
    if frame is not None:
        record.add_frame(frame)


def without_arguments(record: PerfRecord) -> str:
    """Return the text of a problem: the arguments of a switch or wake-up cannot be read."""
    what = "switch" if kind_of_event(record.head.event) is EventKind.SWITCH else "wake-up"
    arguments = record.head.rest
    if not arguments.strip() or sample_leaf(arguments) is not None:
        return f"a {what} without its arguments: print them with perf script -F +trace; left out"
    return f"a {what} with arguments of no known form: {quote(decode(arguments))}; left out"


def _parse_key(spelled: tuple[str, bytes]) -> Key:
    mechanism, execname = spelled
    return Key(mechanism, execname=decode(execname))
