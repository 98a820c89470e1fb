r"""pvprof's own grammar, as the D programs print it that pvprof generates.

::

    #pvprof 2 offcpu stock ns 0.1.0 frames=32        grammar, mode, variant, unit, version of pvprof
                                                     and the maximum number of frames in a stack
    #begin 261815987980 1795372027596348298          monotonic and wall clock, ns
    > turnstile name=9:vm object class=2:rw          a mechanism and fields: `fields`
    kernel`turnstile_wait+0x332                      frames, leaf first, kernel's
    -                                                only between kernel and user frames
    libc.so.7`_fork+0xa
    = 43041770 3                                     value, and count if there is one
    ? rw-spin name=9:vm object
               value  ------------- Distribution ------------- count
                 512 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 17
    .
    #set-aside short sleepq 12345 12                 mechanism, ns, count: left out by the program
    #end 274726812735 1795372041155037378

``S``, ``R``, ``W`` and ``X`` records are drawn in ``wait_records``. Records are read one after the
other, since a name may hold anything. There are three ways to read the next one, the fastest first:

1. the compiled core, if it is there: as many plain records as follow each other (`plain_sums`)
2. `_add_plain`: a record whose lines are all regular, by caches of lines
3. `_read_item`: any record, line by line; it finds damage and the messages of dtrace
"""

from __future__ import annotations

import re
from functools import partial

from pvprof.errors import InputError, UsageError, quote
from pvprof.model.core import core_module
from pvprof.model.core.stack_columns import Stacks, groups_with_cells
from pvprof.model.problems import Severity
from pvprof.model.profile import Cell, Histogram, Key, total_weight
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.parse.freed_memory import keep_freed_memory
from pvprof.parse.layout import Layout
from pvprof.parse.line_cache import FallBackError, LineCache
from pvprof.parse.native.fields import (
    BEGINNING,
    DELIMITER_LINE,
    INNER_MARK,
    CutOffError,
    DamagedError,
    Head,
    RecordBoundary,
    read_head,
    read_plain_head,
    record_key,
    with_inner_frames,
)
from pvprof.parse.native.header import (
    Header,
    Marks,
    before_marks,
    explain,
    has_header,
    read_header,
    read_mark,
)
from pvprof.parse.native.plain_sums import NativeSums, is_plain_frame
from pvprof.parse.native.settle import has_both_marks, note_end, settle
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.native.wait_rows import Exit, WakeRecord, read_return, sleep_of
from pvprof.parse.problem_counts import Tally
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import parse_diagnostics
from pvprof.parse.text.frames import FrameNames, decode
from pvprof.parse.text.histograms import is_histogram_head, read_histogram_row
from pvprof.parse.text.values import Values, why_not_measured

_VALUE = re.compile(rb"= (-?[0-9]{1,30})(?: (-?[0-9]{1,30}))?")
_PLAIN_VALUE = re.compile(rb"[0-9]{1,18}(?: [0-9]{1,18})?")
_DOT = re.compile(rb"\.")
_WAITS = (b"S ", b"R ", b"W ", b"X ")
_MESSAGE = (b"dtrace: ", b"lockstat: ")
_RESUMPTION = re.compile(BEGINNING.pattern + rb"|dtrace: |lockstat: ")
_STRAY = "lines that belong to no record were left out"

Body = tuple[list[bytes], bytes, int]
"""The lines of a record, the line that closes it, and the offset of the next record."""


def _parse_frames(frame_names: FrameNames, line: bytes) -> Frame:
    """Return the frames of a line, root first, joined by ``;``.

    Raises:
        FallBackError: the line may be no frame.
    """
    if not is_plain_frame(line):
        raise FallBackError
    return ";".join(reversed(frame_names[line]))


class NativeReader:
    """Reads the records of one text, piece by piece, into a `ParseResult`.

    Args:
        source: the whole text.
        header: of the text.
    """

    def __init__(self, source: TextSource, header: Header) -> None:
        self._source = source
        self._header = header
        self._names = source.frame_names
        self._groups: dict[tuple[Key, bool], dict[Stack, Cell]] = {}
        self._key_of = LineCache(read_plain_head)
        self._frames_of = LineCache(partial(_parse_frames, source.frame_names))
        core = core_module()
        self._sums = None if core is None else NativeSums(core, source.frame_names)
        self._recorder = WaitRecorder(source.frame_names)
        self._marks = Marks()
        self._tally = Tally(source.name)
        self._messages: list[str] = []
        self._parsed = ParseResult()
        self._text = b""
        self._offset = 0
        self._is_last = False

    def feed(self, piece: bytes, offset: int) -> None:
        """Read the next piece, which begins with a record, and ends with one or with the text."""
        self._text, self._offset = piece, offset
        self._is_last = offset + len(piece) == len(self._source)
        start = 0
        while piece.startswith(b"#", start):
            start = self._read_item(start)
        end = piece.rfind(b"\n", start, before_marks(piece)) + 1  # 0: it has no whole line
        if piece.startswith(_WAITS, start, end) and self._recorder.add_plain(piece[start:end]):
            start = end
        while start < len(piece):
            start = self._read_plain(start, end)
            if start < len(piece):
                start = self._read_item(start)

    def finish(self) -> ParseResult:
        """Return the result; waits are not joined yet."""
        parsed = self._parsed
        plain = () if self._sums is None else self._sums.groups()
        for group, stacks in groups_with_cells(plain, self._groups):
            self._add_group(group, stacks)
        parsed.problems.extend(parse_diagnostics(self._messages, self._source.name))
        parsed.problems.extend(self._tally.problems())
        self._marks.switches = self._recorder.finish()
        parsed.marks = self._marks
        parsed.has_begin = self._marks.begin is not None
        parsed.has_end = self._marks.end is not None
        parsed.hex_frames = self._names.hex_frames
        return parsed

    def _add_group(self, group: tuple[Key, bool], stacks: Stacks) -> None:
        key, has_counts = group
        self._parsed.profile(self._header.unit, has_counts).add_group(key, stacks)
        self._parsed.records += total_weight(stacks).records

    def _read_plain(self, start: int, end: int) -> int:
        """Read records as long as they are regular; return the offset of the next line."""
        piece = self._text
        while start < end and piece.startswith(b"> ", start):
            if self._sums is not None:
                start = self._sums.read(piece, start, end - 1)
            following = piece.find(b"\n> ", start, end)
            stop = end - 1 if following < 0 else following
            if start < stop and not self._add_plain(piece[start + 2 : stop]):
                return start
            start = stop + 1
        return start

    def _add_plain(self, record: bytes) -> bool:
        """Add a ``>`` record, without its mark, if it is regular; else return False."""
        text, _, last = record.rpartition(b"\n= ")
        head, _, frames = text.partition(b"\n")
        if not _PLAIN_VALUE.fullmatch(last):
            return False
        try:
            key, stack = self._key_of[head], self._plain_stack(frames)
        except FallBackError:
            return False
        self._add(key, stack, tuple(map(int, last.split(b" "))))
        return True

    def _plain_stack(self, text: bytes) -> Stack:
        if not text:
            return stack_of(())
        lines = with_inner_frames(text.split(b"\n"))[::-1]
        if DELIMITER_LINE in lines:
            index = lines.index(DELIMITER_LINE)
            user, kernel = lines[:index], lines[index + 1 :]
            if not user or not kernel:
                raise FallBackError
            both = (";".join(map(self._frames_of.__getitem__, part)) for part in (user, kernel))
            return Stack(f";{DELIMITER};".join(both))
        return stack_of(map(self._frames_of.__getitem__, lines))

    def _add(self, key: Key, stack: Stack, values: Values) -> None:
        stacks = self._groups.setdefault((key, len(values) > 1), {})
        cell = stacks.setdefault(stack, [0, 0, 0])
        cell[0] += values[0]
        cell[1] += values[1] if len(values) > 1 else 0
        cell[2] += 1

    def _read_item(self, start: int) -> int:
        """Read the record or line that begins at `start`; return the offset of the next one."""
        try:
            head = read_head(self._text, start)
        except CutOffError:
            return self._cut_off(start)
        except DamagedError:
            text = "records were damaged and left out: a length and the text disagree"
            return self._damaged(start, text)
        if head is None:
            return self._read_line(start)
        if head.letter == b">":
            return self._read_record(start, head)
        if head.letter == b"?":
            return self._read_histogram(start, head)
        return self._read_wait(start, head)

    def _read_line(self, start: int) -> int:
        """Read a line that is no head."""
        end = self._text.find(b"\n", start)
        line = self._text[start:] if end < 0 else self._text[start:end]
        if self._take_message(line) or not line.strip():
            return start + len(line) + 1
        if end < 0:
            return self._cut_off(start)
        if line.startswith(b"#"):
            self._read_mark(line, start)
        elif not self._read_return(line):
            self._note("stray-lines", _STRAY, start, "loss")
        return end + 1

    def _read_return(self, line: bytes) -> bool:
        """Add an ``R`` line; return False if it is damaged."""
        numbers = read_return(line)
        return numbers is not None and self._recorder.add_return(*numbers)

    def _read_record(self, start: int, head: Head) -> int:
        body = self._read_body(start, head.end, _VALUE)
        if not isinstance(body, tuple):
            return body
        lines, closing, following = body
        match = _VALUE.fullmatch(closing)
        assert match is not None
        values = tuple(int(group) for group in match.groups() if group is not None)
        key = record_key(head.words[0], head.fields)
        refusal = why_not_measured(values)
        if refusal is None:
            self._add(key, self._stack(lines), values)
        else:
            subject = quote(key.name or key.execname or "a stack")
            line = self._source.line_of(self._offset + start)
            problem = refusal.problem(values, subject, self._source.name, line)
            self._parsed.problems.append(problem)
        return following

    def _read_histogram(self, start: int, head: Head) -> int:
        body = self._read_body(start, head.end, _DOT)
        if not isinstance(body, tuple):
            return body
        lines, _, following = body
        rows = [read_histogram_row(line) for line in lines if not is_histogram_head(line)]
        buckets = tuple(row for row in rows if row is not None)
        if len(buckets) < len(rows):
            text = "histograms were damaged and left out"
            self._note("damaged", text, start, "loss")
            return following
        key = record_key(head.words[0], head.fields)
        self._parsed.histograms.append(Histogram(key, buckets))
        self._parsed.records += 1
        return following

    def _read_wait(self, start: int, head: Head) -> int:
        body = self._read_body(start, head.end, _DOT)
        if not isinstance(body, tuple):
            return body
        lines, _, following = body
        frames = [line for line in lines if line.startswith((b" ", INNER_MARK))]
        for _ in range(len(lines) - len(frames)):  # stack() prints no frame without blanks
            self._note("stray-lines", _STRAY, start, "loss")
        stack = self._stack(frames)
        if head.letter == b"S":
            key = record_key(head.words[4], head.fields)
            is_added = self._recorder.add_sleep(sleep_of(head.words), key, stack)
        elif head.letter == b"W":
            key = record_key(b"wakeup", head.fields)
            is_added = self._recorder.add_wake(WakeRecord(*map(int, head.words)), key, stack)
        else:
            key = record_key(b"exit", head.fields)
            is_added = self._recorder.add_exit(Exit(*map(int, head.words)), key)
        if not is_added:
            text = "events were left out: a number is too large"
            self._note("damaged", text, start, "loss")
        return following

    def _read_body(self, start: int, offset: int, closes: re.Pattern[bytes]) -> Body | int:
        """Return the body of a record, or, if it is damaged, the offset at which to read on.

        Args:
            start: offset of the record, for problems.
            offset: of the body.
            closes: matches the line that ends it.
        """
        lines: list[bytes] = []
        text = self._text
        while True:
            end = text.find(b"\n", offset)
            if end < 0 and self._is_last:
                return self._cut_off(start)
            if end < 0 or BEGINNING.match(text, offset):
                problem = "records without an end were left out"
                self._note("damaged", problem, start, "loss")
                return offset
            line = text[offset:end]
            if closes.fullmatch(line):
                return lines, line, end + 1
            is_odd = b"`" not in line and line.startswith((b"= ", b"#"))
            if is_odd and line.startswith(b"="):
                return self._damaged(start, "records with a damaged end were left out", offset)
            if is_odd:
                self._read_mark(line, offset)
            elif line.strip() and not self._take_message(line):
                lines.append(line)
            offset = end + 1

    def _stack(self, lines: list[bytes]) -> Stack:
        """Return the stack of these lines: frames and the delimiter, leaf first."""
        parts: list[list[Frame]] = [[]]
        for line in with_inner_frames(lines):
            if line == DELIMITER_LINE:
                parts.append([])
            else:
                parts[-1].extend(self._names[line])
        stacks = [stack_of(reversed(part)) for part in reversed(parts) if part]
        return Stack(f";{DELIMITER};".join(stacks)) if stacks else stack_of(())

    def _damaged(self, start: int, problem: str, offset: int | None = None) -> int:
        """Leave out a record; return the offset of the next line that may begin another."""
        self._note("damaged", problem, start, "loss")
        offset = self._text.find(b"\n", start if offset is None else offset)
        while offset >= 0:
            if _RESUMPTION.match(self._text, offset + 1):
                return offset + 1
            offset = self._text.find(b"\n", offset + 1)
        return len(self._text)

    def _cut_off(self, start: int) -> int:
        """Note that the text ends in the record that begins at `start`."""
        text = "the text ends inside a record, which is left out"
        self._note("cut-off", text, start, "loss")
        return len(self._text)

    def _take_message(self, line: bytes) -> bool:
        """Keep a message of dtrace apart from the data; return False for any other line."""
        if not line.startswith(_MESSAGE):
            return False
        self._messages.append(decode(line))
        return True

    def _read_mark(self, line: bytes, offset: int) -> None:
        end = self._offset + offset + len(line) + 1
        if line.startswith(b"#pvprof "):
            self._check_header(line, offset)
        elif not read_mark(line, end, self._marks):
            text = "lines with an unknown word after # were skipped: made by a newer pvprof?"
            self._note("unknown-mark", text, offset, "note")

    def _check_header(self, line: bytes, offset: int) -> None:
        """Note that another recording begins inside this one.

        Raises:
            InputError: it has another unit, so that nothing can be added up.
        """
        text = "another recording begins inside this one"
        if line.split(b" ")[2:5:2] != [self._header.mode.encode(), self._header.unit.encode()]:
            raise InputError(f"{text}, and it measured something else", "give them one by one")
        self._note("second-header", f"{text}: give them one by one", offset, "warning")

    def _note(self, kind: str, text: str, offset: int, severity: Severity) -> None:
        self._tally.add(kind, text, severity, lambda: self._source.line_of(self._offset + offset))


def read_native(source: TextSource) -> ParseResult:
    """Read a text in pvprof's own grammar.

    Raises:
        InputError: its header is damaged or of a newer version of the grammar.
        UsageError: ``--unit`` or ``--factor`` contradicts the header.
    """
    header = read_header(source.data, source.name)
    if source.options.unit not in (None, header.unit) or source.options.scale != 1:
        raise UsageError(f"--unit, --factor: the recording states its unit: {header.unit}")
    if header.mode in ("events", "path"):
        keep_freed_memory(source)
    parsed = source.read_shares(
        RecordBoundary(), len(source), lambda: NativeReader(source, header), start=header.end
    )
    settle(parsed, header, source.data, source.name)
    note_end(parsed, header, source.name, source.last_line)
    return parsed


LAYOUT = Layout(
    name="pvprof",
    summary="the D programs that pvprof generates",
    has_intervals=True,
    read=read_native,
    signature=has_header,
    explain=explain,
    is_complete=has_both_marks,
)
