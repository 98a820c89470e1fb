r"""DTrace's aggregations of stacks, as ``printa`` or dtrace itself prints them.

A file is paragraphs between blank lines; a record is all paragraphs up to one that ends in a line
of one or two integers::

    CPU     ID                    FUNCTION:NAME      header, with or without, any number of times
      0  28241                         :tick-8s
                                                     kernel stack, leaf first (14 blanks, or none)
                  kernel`lock_delay+0x32
                  kernel`trap_pfault+0x1f3
                                                     user stack, if both were recorded
                  libc.so.7`_fork+0xa
                 1533                                value, or value and count

With ``printa`` a text line may come before the stack (``turnstile|vm object``), after it (a wait
message, ``-> sleeper``, a process) or between kernel and user stack (``-``). ``keys`` owns their
meaning.

Nearly all records are plain: ``sums`` adds them up. All others, counted by what is before their
values, are read at the end by ``records``, line by line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from pvprof.errors import quote
from pvprof.model.core import core_module
from pvprof.model.core.stack_columns import Stacks, groups_with_cells
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import (
    Cell,
    Histogram,
    Key,
    total_weight,
)
from pvprof.model.stacks import NO_STACK, Stack
from pvprof.parse.dtrace import shapes
from pvprof.parse.dtrace.keys import TextAfter, histogram_key, key_from_texts, unit_of
from pvprof.parse.dtrace.records import AggregateLayout, Record, RecordReader
from pvprof.parse.dtrace.sums import plain_sums
from pvprof.parse.dtrace.sums.plain_records import GroupKey, PlainRecords
from pvprof.parse.dtrace.without_values import refuse_stacks_only, refuse_values_first
from pvprof.parse.layout import Layout
from pvprof.parse.problem_counts import KindCounts
from pvprof.parse.recognition.sample import SAMPLE_BYTES
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import parse_diagnostics
from pvprof.parse.text.values import (
    PaddedValues,
    Refusal,
    Values,
    read_closing_values,
    read_values,
    why_not_measured,
)

_NO_KEY = Key()
_SINGLE_VALUE = re.compile(rb"[ \t]*(\d{1,18})[ \t\r]{0,20}$")
# Whatever came before, a record begins after a blank line that follows a line of values.
_RECORD_START = re.compile(rb"\n[ \t]*\d+(?: \d+)?\n\n")

_ODDITIES: dict[str, tuple[str, Severity]] = {
    "printed": ("lines that the program printed (printf) are no part of a stack", "note"),
    "value-missing": ("two stacks have one value: one may be missing", "warning"),
    "packed-histogram": ("histograms of -x aggpack: record without it", "loss"),
}


class AggregateReader:
    """Reads the text of one layout, piece by piece, into a `ParseResult`."""

    def __init__(self, source: TextSource, layout: AggregateLayout) -> None:
        self._layout = layout
        self._file = source.name
        self._names = source.frame_names
        self._records = RecordReader(layout, source.frame_names.__getitem__)
        self._plain = PlainRecords(layout, source.frame_names)
        self._sums = plain_sums(self._plain)
        self._irregular: defaultdict[bytes, list[Values]] = defaultdict(list)
        self._groups: defaultdict[GroupKey, dict[Stack, Cell]] = defaultdict(dict)
        self._ends_blank = False
        self._ticks = 0
        self._oddities = KindCounts(source.name, _ODDITIES)
        self._parsed = ParseResult()

    def feed(self, piece: bytes, _offset: int) -> None:
        """Read the next piece, which ends with a paragraph."""
        self._ends_blank = piece.endswith(b"\n\n")
        for paragraph in self._sums.read(piece):
            self._set_apart(paragraph)

    def finish(self) -> ParseResult:
        """Return the result."""
        for head, values in self._irregular.items():
            self._read_head(head, values)
        if self._plain.pending:
            self._read_rest(b"\n\n".join(self._plain.pending))
        for group, stacks in groups_with_cells(self._sums.groups(), self._groups):
            self._add_group(group, stacks)
        self._parsed.hex_frames = self._names.hex_frames
        if self._ticks > 1:
            text = "running totals: all snapshots were added up, so values are too high"
            self._parsed.problems.append(
                Problem("running-totals", text, self._file, count=self._ticks)
            )
        self._parsed.problems.extend(self._oddities.problems())
        return self._parsed

    def _set_apart(self, paragraph: bytes) -> None:
        """Keep a paragraph that is no plain record, to read it line by line at the end."""
        pending = self._plain.pending
        head, _, last = paragraph.rpartition(b"\n")
        values = self._plain.values_of[last]
        if values is None:
            if paragraph:
                pending.append(paragraph)
            return
        if pending:
            head = b"\n\n".join((*pending, head))
            pending.clear()
        values = values or read_closing_values(last) or ()
        self._irregular[head].append(values)
        self._plain.width = self._plain.width or len(values)

    def _stack_cell(self, key: Key, stack: Stack, width: int) -> Cell:
        """Return the cell of a key and stack for records of `width` values."""
        return self._groups[key, width > 1].setdefault(stack, [0, 0, 0])

    def _add_group(self, group: GroupKey, weights: Stacks) -> None:
        key, has_counts = group
        unit = self._layout.unit or unit_of(key, has_counts, self._layout.single)
        if unit == "samples" and not key.mechanism:
            key = key._replace(mechanism="on-cpu")
        self._parsed.records += total_weight(weights).records
        if weights:
            self._parsed.profile(unit, has_counts).add_group(key, weights)

    def _read_head(self, head: bytes, values: list[Values]) -> None:
        """Read a head line by line; `values` are the values that followed each occurrence."""
        *closed, last = self._records.read(head.split(b"\n"), after=b"0")
        for record in closed:
            self._add_closed(record, len(values))
        self._add_messages(last, len(values))
        if not (closed and closed[-1].is_cut):  # then the number is the rest of a row
            self._add_values(last, values)

    def _read_rest(self, rest: bytes) -> None:
        """Read text that no value line closes: histograms, headers, a record that was cut off."""
        lines = rest.split(b"\n")
        if self._ends_blank:
            lines.append(b"")  # it ends a histogram
        *closed, last = self._records.read(lines)
        for record in closed:
            self._add_closed(record, 1)
        self._add_messages(last, 1)
        if last.has_content:
            text = f"the text ends inside a record; left out: {last.describe()}"
            self._problem("cut-off", text)

    def _add_closed(self, record: Record, times: int) -> None:
        self._add_messages(record, times)
        if record.values is not None:
            self._add_values(record, [record.values] * times)
        elif record.counts is not None:
            self._add_counts(record, record.counts, times)
        elif record.buckets is not None:
            self._add_histogram(record, times)

    def _add_messages(self, record: Record, times: int) -> None:
        self._ticks += record.ticks * times
        self._oddities.add("printed", 0, record.printed * times)
        self._oddities.add("packed-histogram", 0, record.is_packed * times)
        messages = record.messages * times
        self._parsed.problems.extend(parse_diagnostics(messages, self._file))

    def _add_values(self, record: Record, values: list[Values]) -> None:
        if record.lacks_value:
            self._oddities.add("value-missing", 0, len(values))
        before, after, meaning = record.before, record.after, self._layout.text_after
        if meaning is TextAfter.NAME and after is None:
            before, after = None, before  # a record of the layout ``thread``, without a stack
        key = key_from_texts(before, after, meaning)
        for numbers in values:
            if isinstance(numbers, PaddedValues) and not record.segments and len(numbers) == 2:
                texts = [*([before] if before else []), str(numbers[0])]
                row_key = key_from_texts("|".join(texts), None, meaning)
                self._add_one(row_key, NO_STACK, numbers[1:])
            else:
                self._add_one(key, record.stack(), numbers)

    def _add_one(self, key: Key, stack: Stack, values: Values) -> None:
        """Add the values of one record, or note that they cannot be added up."""
        refusal = why_not_measured(values)
        if refusal:
            self._refuse(refusal, key, values)
            return
        cell = self._stack_cell(key, stack, len(values))
        cell[0] += values[0]
        cell[1] += values[1] if len(values) > 1 else 0
        cell[2] += 1

    def _add_counts(self, record: Record, counts: list[tuple[str, int]], times: int) -> None:
        """Add the counts that ``-x agghist`` prints, one for each key."""
        if record.is_cut:
            self._problem("cut-off", "the counts by key (-x agghist) are not whole")
        for text, count in counts:
            key = key_from_texts(text, None, self._layout.text_after)
            for _ in range(times):
                self._add_one(key, NO_STACK, (count,))

    def _add_histogram(self, record: Record, times: int) -> None:
        """Add a histogram; one below a stack also adds its count to that stack."""
        if record.lacks_value:
            self._oddities.add("value-missing", 0, times)
        key = histogram_key(record.before, record.after)
        if not record.is_whole:
            self._problem("cut-off", f"the histogram of {quote(key.name)} is not whole")
        histogram = Histogram(key, tuple(record.buckets or ()))
        self._parsed.histograms.extend([histogram] * times)
        if record.segments:
            count = histogram.count * times
            key = key_from_texts(record.before, record.after, self._layout.text_after)
            self._parsed.add("events", key, record.stack(), (count,), times)
        else:
            self._parsed.records += times

    def _refuse(self, refusal: Refusal, key: Key, values: Values) -> None:
        """Note a value that cannot be added up."""
        subject = quote(key.name or key.execname or "a stack")
        self._parsed.problems.append(refusal.problem(values, subject, self._file))

    def _problem(self, kind: str, text: str) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, severity="loss"))


def _read_aggregates(source: TextSource, layout: AggregateLayout) -> ParseResult:
    """Read a text of aggregations.

    A last line without a newline counts if it is a whole value, as in files that humans write.
    """
    refuse_values_first(source.data)
    if source.options.unit:
        layout = replace(layout, unit=source.options.unit)
    end = source.last_line_start()
    if read_values(bytes(source.data[end:])) is not None:
        end = len(source)
    # The compiled core reads faster than processes can send their stacks to each other.
    max_shares = 0 if core_module() is None else 1
    parsed = source.read_shares(
        _RECORD_START, end, lambda: AggregateReader(source, layout), max_shares=max_shares
    )
    if not parsed.records:
        refuse_stacks_only(source.data)
    # A record that was cut off is at the end of the text.
    parsed.problems = [
        replace(problem, line=source.last_line()) if problem.kind == "cut-off" else problem
        for problem in parsed.problems
    ]
    parsed.problems.extend(source.tail_problems(end))
    return parsed


def read_classic(source: TextSource) -> ParseResult:
    """Read dtrace's own print of stacks."""
    return _read_aggregates(source, AggregateLayout(indented=True))


def read_thread(source: TextSource) -> ParseResult:
    """Read the output of the script of the D24217 thread."""
    return _read_aggregates(source, AggregateLayout(text_after=TextAfter.NAME, unit="ns"))


def read_keyed(source: TextSource) -> ParseResult:
    """Read the output of ``printa`` with a key line."""
    start = bytes(source.data[:SAMPLE_BYTES])
    layout = AggregateLayout(
        values_after_text=shapes.has_values_after_text(start),
        key_first=shapes.has_key_first(start),
    )
    return _read_aggregates(source, layout)


CLASSIC = Layout(
    name="classic",
    summary="dtrace's own print of `@[stack()]`, `@[execname, stack()]`, ...",
    read=read_classic,
    explain=shapes.explain_classic,
    has_other_output=True,
)
THREAD = Layout(
    name="thread",
    summary='the script of the D24217 thread, `printa("%k\\n%s\\n%@d\\n\\n", @)`',
    read=read_thread,
    explain=shapes.explain_thread,
    has_other_output=True,
)
HISTOGRAM = Layout(
    name="histogram",
    summary="`quantize` and `lquantize`",
    read=read_classic,
    explain=shapes.explain_histogram,
    has_other_output=True,
)
KEYED = Layout(
    name="keyed",
    summary='`printa("\\n%s|%s%k%@d %@d\\n", ...)`',
    read=read_keyed,
    explain=shapes.explain_keyed,
    has_other_output=True,
)
