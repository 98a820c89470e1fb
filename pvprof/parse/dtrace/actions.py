r"""Stacks without values: ``stack()`` and ``ustack()`` as actions print one for each event.

::

    CPU     ID                    FUNCTION:NAME
      0  10441                     malloc:entry size 608        printf("size %d", arg0)
                  kernel`strdup+0x2c                            stack()
                  kernel`fork1+0x516

                  libc.so.7`vfork+0x6                           ustack()

      3  29891                         :tick-3s

Each row of dtrace's header begins an event, which counts once. What the program printed besides is
left out. With ``-q`` there is no header, and nothing tells such events apart (``aggregates``
refuses them).
"""

from __future__ import annotations

from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.parse.dtrace.records import Record
from pvprof.parse.dtrace.shapes import explain_actions, is_frame_alone
from pvprof.parse.layout import Layout
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode
from pvprof.parse.text.probe_rows import HEADER_ROW, is_header
from pvprof.parse.text.values import read_values

_NO_KEY = Key()


class ActionReader:
    """Reads a whole text into a `ParseResult`; a last line without a newline is left out."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._frames_of = source.frame_names.__getitem__
        self._event: Record | None = None  # None above the first row of the header
        self._has_value = False  # a number followed its stack
        self._is_closed = True  # a blank line, or nothing, is above
        self._sums = 0
        self._printed = 0
        self._above = 0  # number of frames above the first row
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        end = self._source.last_line_start()
        for line in bytes(self._source.data[:end]).split(b"\n")[:-1]:
            self._read_line(line)
            self._is_closed = not line.strip()
        if self._is_closed:
            self._end_event()
        elif self._event is not None and self._event.segments:
            self._loss("cut-off", "the text ends inside a stack, which is left out", 1)
        self._note("single-stacks", "stacks of single events: each counts once", 1)
        self._note("printed", "lines that the program printed are left out", self._printed)
        self._loss("sums", "stacks with a value among single events are left out", self._sums)
        self._loss("bad-line", "frames above the first event are left out", self._above)
        self._parsed.hex_frames |= self._source.frame_names.hex_frames
        self._parsed.problems.extend(self._source.tail_problems(end))
        return self._parsed

    def _read_line(self, line: bytes) -> None:
        event = self._event
        row = HEADER_ROW.match(line)
        if row or is_header(line):
            self._end_event()
            self._event = Record(self._frames_of)
            self._printed += bool(row and row[2].strip())
        elif not line.strip():
            if event is not None:
                event.split()
        elif is_diagnostic(decode(line)):
            messages = parse_diagnostics([decode(line)], self._source.name)
            self._parsed.problems.extend(messages)
        elif is_frame_alone(line):
            if self._has_value:  # another stack after a number: these are sums
                self._forget_sum()
            if self._event is None:
                self._above += 1
            else:
                self._event.add_frames(self._frames_of(line))
        else:
            self._printed += 1
            is_value = read_values(line) is not None
            self._has_value = is_value and event is not None and bool(event.segments)

    def _forget_sum(self) -> None:
        self._sums += 1
        self._event, self._has_value = Record(self._frames_of), False

    def _end_event(self) -> None:
        """Count the event above a row of the header."""
        event, self._event = self._event, None
        self._has_value = False
        if event is not None and event.segments:
            self._parsed.add("events", _NO_KEY, event.stack(), (1,), 1)

    def _loss(self, kind: str, text: str, count: int) -> None:
        if count:
            loss = Problem(kind, text, self._source.name, count=count, severity="loss")
            self._parsed.problems.append(loss)

    def _note(self, kind: str, text: str, count: int) -> None:
        if count:
            note = Problem(kind, text, self._source.name, count=count, severity="note")
            self._parsed.problems.append(note)


LAYOUT = Layout(
    name="single-stacks",
    summary="`stack()` and `ustack()` as actions, with dtrace's header",
    read=lambda source: ActionReader(source).read(),
    explain=explain_actions,
    has_other_output=True,
    states_units="stack() as an action",
)
