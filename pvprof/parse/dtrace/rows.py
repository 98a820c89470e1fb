r"""Aggregations without stacks: one line per key.

::

    pvload 7030032995 1339              key, time, count
    sh 1339                             key, count
      sh                    1339        dtrace's own print of the same, with or without header
      kernel`lock_delay       17        a function (func(), sym(), %a): a stack of one frame

    tick 871397549923                   running totals: every snapshot includes the ones before,
    T rw|vm object 17                   so only the last complete one counts
    END

Histograms may follow (``histograms`` reads their bodies).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial

from pvprof.errors import quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Histogram, Key
from pvprof.model.stacks import NO_STACK, Stack
from pvprof.parse.dtrace.keys import TextAfter, histogram_key, key_from_texts, split_padded
from pvprof.parse.dtrace.records import FramesOf, Record
from pvprof.parse.dtrace.shapes import explain_rows
from pvprof.parse.layout import Layout
from pvprof.parse.line_cache import LineCache
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode
from pvprof.parse.text.histograms import is_histogram_head, lacks_rows, read_histogram_row
from pvprof.parse.text.probe_rows import HEADER_ROW, is_header
from pvprof.parse.text.values import read_int, why_not_measured

_ROW = re.compile(r"(.*?) (-?\d+)(?: (-?\d+))?\s*$")
_TOTAL = re.compile(r"T (.*) (-?\d+)\s*$")
# The end of a row and the beginning of the next one: the newline between them is missing.
_JOINED = re.compile(r" \d+(?:T \S|[A-Za-z_][^\s`]*`\S)")
_TICK = re.compile(r"tick (\d+)\s*$")
_END = "END"
_RUN_QUEUE_PROBE = "sched:::enqueue"


@dataclass(slots=True)
class _Snapshot:
    rows: list[tuple[Key, Stack, tuple[int, ...]]] = field(default_factory=list)
    is_complete: bool = False


class RowReader:
    """Reads a whole text into a `ParseResult`; a last line without a newline is left out."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._file = source.name
        self._keys = LineCache(partial(_key_and_stack, source.frame_names.__getitem__))
        self._snapshots = [_Snapshot()]
        self._ticks = 0
        self._text: str | None = None
        self._buckets: list[tuple[int, int]] | None = None
        self._line = 0
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        end = self._source.last_line_start()
        lines = bytes(self._source.data[:end]).split(b"\n")
        lines.pop()  # the empty text after the last newline is no line
        for line in lines:
            self._line += 1
            self._read_line(line)
        if self._buckets is not None:
            self._problem("cut-off", "the text ends inside a histogram")
        self._end_histogram()
        self._forget_text()
        self._add_rows()
        self._parsed.hex_frames |= self._source.frame_names.hex_frames
        self._parsed.problems.extend(self._source.tail_problems(end))
        return self._parsed

    def _add_rows(self) -> None:
        """Add the rows of the last snapshot that is complete."""
        complete = [snapshot for snapshot in self._snapshots if snapshot.is_complete]
        last = complete[-1] if self._ticks and complete else self._snapshots[-1]
        for key, stack, values in last.rows:
            refusal = why_not_measured(values)
            if refusal:
                subject = quote(key.name or key.execname)
                self._parsed.problems.append(refusal.problem(values, subject, self._file))
            else:
                unit = self._source.options.unit or ("ns" if len(values) > 1 else "events")
                self._parsed.add(unit, key, stack, values, 1)
        if self._ticks > 1:
            text = f"running totals: {self._ticks} snapshots, of which the last whole one is used"
            self._parsed.problems.append(
                Problem("running-totals", text, self._file, severity="note")
            )

    def _read_line(self, line: bytes) -> None:
        if is_histogram_head(line):
            self._end_histogram()
            self._buckets = []
            return
        bucket = read_histogram_row(line) if self._buckets is not None else None
        if bucket is not None and self._buckets is not None:
            self._buckets.append(bucket)
            return
        self._end_histogram()
        header = HEADER_ROW.match(line)
        is_of_printa = header is not None and header[1].startswith(b":")
        text = decode(header[2] if header and is_of_printa else line)
        if text.strip() and not is_header(line):
            self._read_text(text, may_be_row=header is None or is_of_printa)

    def _read_text(self, text: str, may_be_row: bool) -> None:
        row = _ROW.match(text) if may_be_row else None
        if _TICK.match(text):
            self._snapshots[-1].is_complete = True
            self._snapshots.append(_Snapshot())
            self._ticks += 1
        elif text.strip() == _END:
            self._snapshots[-1].is_complete = True
        elif is_diagnostic(text):
            self._parsed.problems.extend(parse_diagnostics([text], self._file))
        elif row is None:
            self._forget_text()
            self._text = text.strip()
        else:
            self._forget_text()
            self._add_row(text, row)

    def _add_row(self, text: str, row: re.Match[str]) -> None:
        total = _TOTAL.match(text)
        if _JOINED.search(row.group(1)):
            self._problem("bad-line", f"two rows in one line: {quote(text)}; left out", "loss")
            return
        if total:
            text = total.group(1)
            values: tuple[int, ...] = (read_int(total.group(2)),)
        else:
            text = row.group(1)
            values = tuple(read_int(number) for number in row.groups()[1:] if number is not None)
        self._snapshots[-1].rows.append((*self._keys[text], values))

    def _end_histogram(self) -> None:
        if self._buckets is None:
            return
        if lacks_rows(self._buckets):
            self._problem("damaged", "the histogram above lacks a row", "loss")
        key = histogram_key(self._text, None)
        self._parsed.histograms.append(Histogram(key, tuple(self._buckets)))
        self._parsed.records += 1
        self._buckets = self._text = None

    def _forget_text(self) -> None:
        """Note a text that is no key, since neither a histogram nor a value followed it."""
        if self._text is not None:
            self._problem("bad-line", f"no row and no key: {quote(self._text)}; left out")
            self._text = None

    def _problem(self, kind: str, text: str, severity: Severity = "warning") -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, self._line, 1, severity))


def _key_and_stack(frames_of: FramesOf, text: str) -> tuple[Key, Stack]:
    """Return the key that a row's text spells, and the stack of the functions in it."""
    record = Record(frames_of)
    record.add_key(split_padded(text))
    key = key_from_texts(record.before, None, TextAfter.NAME)
    return key, record.stack() if record.segments else NO_STACK


def _mechanism_of(program: str) -> str:
    """Return the mechanism that a D program measured: time on the run queue, or unknown."""
    return "runq" if _RUN_QUEUE_PROBE in program else ""


LAYOUT = Layout(
    name="rows",
    summary="aggregations without stacks, also running totals (`tick`, `T class|name count`)",
    read=lambda source: RowReader(source).read(),
    explain=explain_rows,
    mechanism_of=_mechanism_of,
)
