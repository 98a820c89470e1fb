r"""The output of ``perf script``: switches (off-CPU), samples (on-CPU) and other tracepoints.

::

    dash  9545/9545  [001] 48783.113365492:  1 sched:sched_switch: prev_comm=dash prev_pid=9545
            prev_prio=120 prev_state=S ==> next_comm=sleep next_pid=9546 next_prio=120 (one line)
        ffffffff821f94c3 schedule+0x23 ([kernel.kallsyms])
                  ee137 read+0x7 (/usr/lib/x86_64-linux-gnu/libc.so.6)

    dash  9545 [001] 48783.114000000:    2004008 cpu-clock:ppp:

A head (`heads`), then the stack, leaf first, a frame a line (`frame_lines`), then an empty line, or
a line of other fields (`other_lines`). Without ``-g`` the head ends in the only frame. A record
ends at an empty line, at the next head, or at a line of perf's own records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pvprof.errors import quote
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem, Severity
from pvprof.parse.layout import Layout
from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.perf.frame_lines import (
    frame_in_column_0,
    frame_of,
    is_single,
    leaf_start,
)
from pvprof.parse.linux.perf.heads import (
    NO_HEAD,
    NO_NUMBER,
    HeadForm,
    bare_head,
    find_forms,
    head_reader,
)
from pvprof.parse.linux.perf.measures import EventSums
from pvprof.parse.linux.perf.other_lines import (
    is_inlined,
    is_passed_over,
    is_source_line,
    read_other,
)
from pvprof.parse.linux.perf.perf_lines import explain
from pvprof.parse.linux.perf.perf_records import EventKind, PerfRecord, Stacks, kind_of_event
from pvprof.parse.linux.perf.switches import SwitchReader, without_arguments
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode

_MAX_FRAME_LINES = 1 << 17  # lines that are no frames are looked up, too, and hardly repeat
_INDENTS, _COMMENT = b" \t", b"#"
_TAB = _INDENTS[1]
_MIN_FALLS = 8
_HEAD_INSIDE = re.compile(
    rb"\[[0-9]{3,}\] +[0-9]+\.[0-9]{6,9}: +\S+:"
)  # the CPU, the time, the event


class PerfReader:
    """Reads a whole text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._file = source.name
        self._frames = LineCache(frame_of, _MAX_FRAME_LINES)
        self._kinds = LineCache(kind_of_event)
        stacks = Stacks(source.frame_names)
        self._switches = SwitchReader(source, stacks)
        self._events = EventSums(source, stacks)
        self._problems: dict[str, Problem] = {}
        self._forms: Sequence[HeadForm] = ()
        self._read_head = head_reader(())
        self._first_ns = self._last_ns = self._previous_ns = NO_NUMBER
        self._falls = self._seen = 0
        self._is_in_orphan = self._is_after_other = False

    def read(self) -> ParseResult:
        """Return the result."""
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        self._forms = find_forms(lines)
        self._read_head = head_reader(self._forms)
        frames = self._frames
        is_bare = HeadForm.NOTHING in self._forms
        record: PerfRecord | None = None
        for number, line in enumerate(lines, 1):
            if not line:
                self._end_record(record)
                record = None
                continue
            frame = frames[line] if line[0] in _INDENTS else None
            if frame is None:
                record = self._read_line(record, line, number, lines)
                continue
            if record is None:
                record = self._record_without_head(number)
            elif is_bare and is_single(line):
                self._end_record(record)
                record = PerfRecord(NO_HEAD, number)
            if record is not None:
                record.frames.append(frame[0])
                if frame[1]:
                    record.kernel_count = len(record.frames)
        self._end_text(record, data, lines)
        return self._finish()

    def _read_line(
        self, record: PerfRecord | None, line: bytes, number: int, lines: Sequence[bytes]
    ) -> PerfRecord | None:
        """Read a line that is no indented frame; return the record that is now open."""
        if line[0] in _COMMENT:
            return record
        head = self._read_head(line)
        if head is not None and head.is_of_event:
            if record is not None:
                self._end_record(record)
            self._is_after_other = False
            if _HEAD_INSIDE.search(head.rest):
                text = "two records in one line, of which the second is left out"
                self._note("damaged", text, number)
            return PerfRecord(head, number)
        other = read_other(line)
        if other is not None:
            self._end_record(record)
            self._is_after_other = True
            if other.text:
                self._note(other.kind, other.text, number, other.count, other.severity)
            return None
        if head is None and HeadForm.NOTHING in self._forms and not is_passed_over(line):
            following = lines[number : number + 1]
            head = bare_head(line) if _is_bare_head(line, following) else None
        if head is not None:
            self._end_record(record)
            return PerfRecord(head, number)
        return self._pass_over(record, line, number, is_last=number == len(lines))

    def _pass_over(
        self, record: PerfRecord | None, line: bytes, number: int, *, is_last: bool
    ) -> PerfRecord | None:
        """Read a line that is no head, and no indented frame; return the record that is open."""
        if record is not None and (frame := frame_in_column_0(line)) is not None:
            record.add_frame(frame)
        elif is_source_line(line):
            if record is not None and is_inlined(line):
                record.mark_inlined()
        elif is_passed_over(line):  # nothing of the record follows
            self._end_record(record)
            return None
        elif not self._is_after_other or line[0] != _TAB:
            kind = "cut-off" if is_last else "bad-line"
            text = f"neither an event nor a frame: {quote(decode(line.strip()))}; left out"
            self._note(kind, text, number)
        return record

    def _record_without_head(self, number: int) -> PerfRecord | None:
        """Return the record of a frame that comes after no head; None if it should have one."""
        if HeadForm.NOTHING in self._forms:
            return PerfRecord(NO_HEAD, number)
        if not self._is_in_orphan:
            self._is_in_orphan = True
            text = "stacks without the first line of their record; left out"
            self._note("without-head", text, number)
        return None

    def _end_record(self, record: PerfRecord | None) -> None:
        """Add the record that has just ended, if there is one."""
        self._is_in_orphan = self._is_after_other = False
        if record is None:
            return
        self._seen += 1
        time_ns = record.head.time_ns
        if time_ns != NO_NUMBER:
            if time_ns < self._last_ns:
                self._falls += time_ns < self._previous_ns
                self._first_ns = min(self._first_ns, time_ns)
            else:
                self._last_ns = time_ns
                self._first_ns = time_ns if self._first_ns < 0 else self._first_ns
            self._previous_ns = time_ns
        kind = self._kinds[record.head.event]
        if kind is EventKind.SAMPLE or kind is EventKind.TRACEPOINT:
            self._events.add(record, kind)
        elif not self._switches.add(record, kind):
            self._note("bad-line", without_arguments(record), record.line)

    def _note(
        self, kind: str, text: str, line: int, count: int = 1, severity: Severity = "loss"
    ) -> None:
        """Count a problem; the text of the first of its kind is kept."""
        known = self._problems.get(kind)
        if known is None:
            self._problems[kind] = Problem(kind, text, self._file, line, count, severity)
        else:
            self._problems[kind] = replace(known, count=known.count + count)

    def _end_text(self, record: PerfRecord | None, data: bytes, lines: Sequence[bytes]) -> None:
        """Add the last record, and a problem if the text may have been cut."""
        # Records with stacks end in an empty line.
        is_open = record is not None and not is_single(lines[-1])
        if record is not None and is_open and (record.frames or b"" in lines):
            text = "the last record is not closed: its stack may have been cut short"
            self._problems["open"] = Problem("cut-off", text, self._file, len(lines))
        if not data.endswith(b"\n"):
            text = "the last line may have been cut short"
            problem = Problem("no-final-newline", text, self._file, len(lines))
            self._problems["end"] = problem
        self._end_record(record)

    def _finish(self) -> ParseResult:
        parsed = ParseResult()
        if self._first_ns != NO_NUMBER:
            parsed.begin = Clocks(self._first_ns, None)
            parsed.end = Clocks(self._last_ns, None)
        self._events.keep_window(parsed)
        self._switches.finish(parsed)
        for event, execname, stack, count in self._switches.lone_wakeups():
            self._events.add_count(event, execname, stack, count)
        self._events.finish(parsed, self._switches.has_switches)
        parsed.problems.extend(self._problems.values())
        needs_times = self._switches.has_switches or self._source.options.window is not None
        if needs_times and self._falls * 4 > self._seen > _MIN_FALLS:
            text = "times fall from line to line: print perf script without --deltatime"
            parsed.problems.append(
                Problem("unordered", text, self._file, count=self._falls, severity="loss")
            )
        parsed.hex_frames |= self._source.frame_names.hex_frames
        return parsed


def _is_bare_head(line: bytes, following: Sequence[bytes]) -> bool:
    """Tell whether a line can be a head without time and event: perf ends it in a blank."""
    has_frame_below = any(frame_of(one) is not None for one in following)
    return has_frame_below or line.endswith(b" ") or leaf_start(line) < len(line.rstrip())


LAYOUT = Layout(
    name="perf",
    summary="`perf script` of Linux",
    mode="perf",
    read=lambda source: PerfReader(source).read(),
    explain=explain,
    has_other_output=True,
    states_units="perf script",
    has_weights=True,
    is_complete=lambda parsed: parsed.is_cut,
)
