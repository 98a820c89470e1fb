"""Samples and tracepoints of ``perf script``: one measurement for each event.

A sum of two events has no meaning, so with several of them each is a mode of its own, named as the
event. Samples count the code that ran. A tracepoint counts what happened: its name is the leaf.

perf takes a sample each time an event has occurred a number of times: the period. So the periods
of all samples together are the number of cycles, page faults, ... of the run, and that is what a
sample weighs, if periods are printed. What ``cpu-clock`` and ``task-clock`` count is ns: their
samples are counted, as those of other profilers. A period of ``sched:sched_stat_sleep`` and its
kind is the time of a wait in ns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.parse.linux.perf.heads import NO_NUMBER
from pvprof.parse.linux.perf.perf_records import EventKind, PerfRecord, Stacks
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.parse.window import edges_of
from pvprof.units import Unit, is_unit

_SCHEDULER = b"sched:"
_CLOCKS = ("cpu-clock", "task-clock")
_TIMED_TRACEPOINT = re.compile(rb"(?:sched:)?sched_stat_\w+")
_MODIFIERS = re.compile(r":[a-zA-Z]+$")
_OF_PMU = re.compile(r"([^/]+)/(.*)/[a-zA-Z]*")
_NAME_TERM = re.compile(r"(?:.*,)?name=([^,]+)(?:,.*)?")
_RECORDING_TERMS = re.compile(r"(?:,?(?:freq|period|call-graph|stack-size|time|no-inherit)=[^,]*)*")

_Who = tuple[bytes, int, int, Stack]
"""Process, its ids (-1 unless threads are to be kept apart), and stack: one tuple, to be fast."""

_Row = tuple[int, _Who, int]
"""A record: time, thread and stack, period."""


def unit_of_event(event: bytes) -> Unit:
    """Return the unit that an event counts: its name without PMU, terms and modifiers."""
    name = _MODIFIERS.sub("", decode(event)).replace(" ", "-")
    of_pmu = _OF_PMU.fullmatch(name)
    if of_pmu is not None:
        pmu, terms = of_pmu.groups()
        named = _NAME_TERM.fullmatch(terms)
        name = pmu if _RECORDING_TERMS.fullmatch(terms) else terms
        name = named[1] if named is not None else name
    if name.startswith("mem:"):  # a breakpoint at an address
        name = "accesses"
    return name if is_unit(name) else "events"


@dataclass(slots=True)
class _Event:
    """The records of one event.

    Attributes:
        name: as perf prints it.
        is_sample: whether it is no tracepoint.
        sums: number of records, and sum of periods, by thread and stack.
        rows: single records, if only those of a window are wanted.
        has_periods: whether all of them have one.
    """

    name: bytes
    is_sample: bool
    sums: dict[_Who, tuple[int, int]] = field(default_factory=dict)
    rows: list[_Row] = field(default_factory=list)
    has_periods: bool = True

    def add(self, who: _Who, count: int, period: int) -> None:
        known = self.sums.get(who)
        if known is None:
            self.sums[who] = count, period
        else:
            self.sums[who] = known[0] + count, known[1] + period

    @property
    def count(self) -> int:
        return sum(count for count, _ in self.sums.values())

    @property
    def periods(self) -> int:
        return sum(period for _, period in self.sums.values())

    def unit(self, weight: str) -> tuple[Unit, bool]:
        """Return the unit of its values, and whether they are periods."""
        own = unit_of_event(self.name) if self.is_sample else "events"
        if weight == "period":
            is_time = own in _CLOCKS or _TIMED_TRACEPOINT.fullmatch(self.name) is not None
            return "ns" if is_time else own, True
        if weight:
            return weight, False
        if self.is_sample and self.name and self.has_periods and own not in _CLOCKS:
            return own, True
        return "samples" if self.is_sample else "events", False

    def add_to(self, parsed: ParseResult, weight: str) -> None:
        """Add the records to a result."""
        name = "" if self.is_sample else decode(self.name)
        mechanism = "on-cpu" if self.is_sample else ""
        unit, is_period = self.unit(weight)
        parsed.profile(unit, has_counts=False)  # a window may have no record: a total of 0
        for (execname, pid, tid, stack), (count, period) in self.sums.items():
            key = Key(mechanism, name, decode(execname), pid=pid, tid=tid)
            parsed.add(unit, key, stack, (period if is_period else count,), count)


class EventSums:
    """Collects the samples and tracepoints of one text."""

    def __init__(self, source: TextSource, stacks: Stacks) -> None:
        self._file = source.name
        self._weight = source.options.weight
        self._window = source.options.window
        self._ids = source.options.ids
        self._stacks = stacks
        self._events: dict[bytes, _Event] = {}

    def add(self, record: PerfRecord, kind: EventKind) -> None:
        """Add one record."""
        is_sample = kind is EventKind.SAMPLE
        record.take_leaf(is_sample)
        head = record.head
        event = self._event(head.event, is_sample)
        period = head.period
        if period == NO_NUMBER:
            event.has_periods, period = False, 0
        pid = head.pid if self._ids else NO_NUMBER
        tid = head.tid if self._ids == "tid" else NO_NUMBER
        who = head.execname, pid, tid, self._stacks.stack_of(record, is_sample)
        if self._window is None:
            event.add(who, 1, period)
        else:
            event.rows.append((head.time_ns, who, period))

    def add_count(self, name: bytes, execname: bytes, stack: Stack, count: int) -> None:
        """Add a number of equal records of a tracepoint."""
        event = self._event(name, is_sample=False)
        event.has_periods = False
        event.add((execname, NO_NUMBER, NO_NUMBER, stack), count, 0)

    def _event(self, name: bytes, is_sample: bool) -> _Event:
        event = self._events.get(name)
        if event is None:
            event = self._events[name] = _Event(name, is_sample)
        return event

    def keep_window(self, parsed: ParseResult) -> None:
        """Keep the records of the wanted window only, if one is wanted.

        Raises:
            UsageError: the text has no times, or nothing of it is in the window.
        """
        if self._window is None or not self._events:
            return
        if parsed.begin is None or parsed.end is None:
            reason = "perf script printed no times"
            raise UsageError(f"{self._file}: --from, --to: {reason}", "perf script -F +time")
        edges = edges_of(self._window, parsed.begin, parsed.end, self._file)
        for event in self._events.values():
            for time_ns, who, period in event.rows:
                if edges.hold(time_ns):
                    event.add(who, 1, period)
        parsed.is_cut = True

    def finish(self, parsed: ParseResult, has_switches: bool) -> None:
        """Add a measurement for each event to a result.

        Args:
            parsed: the result; it may have single waits.
            has_switches: whether switches were recorded. Then other events of the scheduler only
                describe the waits in more detail, and are noted.

        Raises:
            UsageError: periods are wanted, and not printed.
        """
        shown = []
        for event in self._events.values():
            if has_switches and event.name.startswith(_SCHEDULER):
                parsed.problems.append(self._unused(event))
            else:
                self._check_periods(event, parsed)
                shown.append(event)
        if len(shown) == 1:
            shown[0].add_to(parsed, self._weight)
            return
        for event in shown:
            is_first = not parsed.profiles and parsed.events is None
            part = parsed if is_first else ParseResult(begin=parsed.begin, end=parsed.end)
            part.mode = decode(event.name)
            event.add_to(part, self._weight)
            if not is_first:
                parsed.further.append(part)
                parsed.records += part.records

    def _check_periods(self, event: _Event, parsed: ParseResult) -> None:
        """Check that there are periods if they are wanted; note those that are left out."""
        if self._weight == "period" and not event.has_periods:
            raise UsageError(
                f"{self._file}: --weight period: {decode(event.name)} has no periods",
                "perf script -F +period prints them",
            )
        is_left_out = not event.is_sample and not event.unit(self._weight)[1]
        if is_left_out and event.has_periods and event.periods > event.count:
            name = decode(event.name)
            text = f"records of {name} have periods above 1: --weight period adds them up"
            parsed.problems.append(
                Problem("periods", text, self._file, count=event.count, severity="note")
            )

    def _unused(self, event: _Event) -> Problem:
        text = f"records of the tracepoint {decode(event.name)}: nothing is made of them"
        count = event.count or len(event.rows)
        return Problem("other-events", text, self._file, count=count, severity="note")
