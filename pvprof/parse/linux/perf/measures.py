"""Samples and tracepoints of ``perf script``: one measurement for each event.

A sum of two events has no meaning, so with several of them each is a mode of its own, named as the
event. Samples count the code that ran. A tracepoint counts what happened: its name is the leaf.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.parse.linux.perf.perf_records import EventKind, PerfRecord, Stacks
from pvprof.parse.result import ParseResult
from pvprof.parse.text.frames import decode
from pvprof.units import Unit

_SCHEDULER = b"sched:"
SAMPLES: Unit = "samples"
EVENTS: Unit = "events"


@dataclass(slots=True)
class _Event:
    """The records of one event: how many there are of each process and stack."""

    name: bytes
    is_sample: bool
    records: dict[tuple[bytes, Stack], int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.records.values())

    def add_to(self, parsed: ParseResult) -> None:
        """Add the records to a result."""
        name = "" if self.is_sample else decode(self.name)
        mechanism, unit = ("on-cpu", SAMPLES) if self.is_sample else ("", EVENTS)
        for (execname, stack), count in self.records.items():
            parsed.add(unit, Key(mechanism, name, decode(execname)), stack, (count,), count)


class EventSums:
    """Collects the samples and tracepoints of one text."""

    def __init__(self, file: str, stacks: Stacks) -> None:
        self._file = file
        self._stacks = stacks
        self._events: dict[bytes, _Event] = {}

    def add(self, record: PerfRecord, kind: EventKind) -> None:
        """Add one record."""
        is_sample = kind is EventKind.SAMPLE
        record.take_leaf(is_sample)
        event = self._event(record.head.event, is_sample)
        key = record.head.execname, self._stacks.stack_of(record, is_sample)
        event.records[key] = event.records.get(key, 0) + 1

    def add_count(self, event: bytes, execname: bytes, stack: Stack, count: int) -> None:
        """Add a number of equal records of a tracepoint."""
        self._event(event, is_sample=False).records[execname, stack] = count

    def _event(self, name: bytes, is_sample: bool) -> _Event:
        event = self._events.get(name)
        if event is None:
            event = self._events[name] = _Event(name, is_sample)
        return event

    def finish(self, parsed: ParseResult, has_switches: bool) -> None:
        """Add a measurement for each event to a result.

        Args:
            parsed: the result; it may have single waits.
            has_switches: whether switches were recorded. Then other events of the scheduler only
                describe the waits in more detail, and are noted.
        """
        shown = []
        for event in self._events.values():
            if has_switches and event.name.startswith(_SCHEDULER):
                parsed.problems.append(self._unused(event))
            else:
                shown.append(event)
        if len(shown) == 1:
            shown[0].add_to(parsed)
            return
        for event in shown:
            is_first = not parsed.profiles and parsed.events is None
            part = parsed if is_first else ParseResult()
            part.mode = decode(event.name)
            event.add_to(part)
            if not is_first:
                parsed.further.append(part)

    def _unused(self, event: _Event) -> Problem:
        text = f"records of the tracepoint {decode(event.name)}: nothing is made of them"
        return Problem("other-events", text, self._file, count=event.count, severity="note")
