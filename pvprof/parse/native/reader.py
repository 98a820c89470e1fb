r"""pvprof's own grammar: what the D programs print that pvprof makes.

::

    #pvprof 1 offcpu stock ns 0.1.0 frames=32        grammar, mode, variant, unit, version of pvprof
                                                     and how many frames of a stack are kept
    #begin 261815987980 1795372027596348298          monotonic and wall clock, ns
    > turnstile name=9:vm object class=2:rw          an event and fields: `fields`
    kernel`turnstile_wait+0x332                      frames, leaf first, kernel's
    -                                                only between kernel and user frames
    libc.so.7`_fork+0xa
    = 43041770 3                                     value, and count, where there is one
    ? rw-spin name=9:vm object
               value  ------------- Distribution ------------- count
                 512 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 17
    .
    #set-aside short sleepq 12345 12                 event, ns, count: left out by the D program
    #end 274726812735 1795372041155037378

``S``, ``R`` and ``W`` records are drawn in ``sleeps``. Records are read one behind the other, since
a name may hold anything; pieces without any oddity are read at once (`_feed_plain`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pvprof.errors import InputError, quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Histogram, Key
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.parse.dtrace.records import Values, why_not_measured
from pvprof.parse.native.fields import (
    BEGINNING,
    CutOffError,
    DamagedError,
    Head,
    read_fields,
    read_head,
)
from pvprof.parse.native.header import Header, Marks, Tally, end_problems, read_mark, short_problems
from pvprof.parse.native.join import Joined, join, wakeup_problems
from pvprof.parse.native.wait_records import SleepReader, event_key, read_return
from pvprof.parse.result import ParseResult
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import FrameNames, decode
from pvprof.parse.text.histograms import is_histogram_head, read_histogram_row

_VALUE = re.compile(rb"= (-?[0-9]{1,30})(?: (-?[0-9]{1,30}))?")
_PLAIN_VALUE = re.compile(rb"[0-9]{1,18}(?: [0-9]{1,18})?")
_DOT = re.compile(rb"\.")
_PLAIN_FRAME = re.compile(rb"[A-Za-z_][^`\n]*`[^\n]*|0x[0-9a-f]+")
_PLAIN_EVENT = re.compile(rb"[a-z][a-z0-9-]*")
_MESSAGE = (b"dtrace: ", b"lockstat: ")
_RESUMPTION = re.compile(BEGINNING.pattern + rb"|dtrace: |lockstat: ")
_STRAY = "lines that belong to no record were left out"
_DELIMITER = DELIMITER.encode()

LineOf = Callable[[int], int]
"""Returns the number of the line in which a byte of the whole text stands."""

Body = tuple[list[bytes], bytes, int]
"""The lines of a record, the one that closes it, and where the next begins."""

Cell = list[int]
"""Value, count, records."""


class _NotPlainError(LookupError):
    """A line may be something else than it mostly is."""


class _Keys(dict[bytes, Key]):
    """The key of the head of a ``>`` record, without ``> ``, if all of it stands on one line."""

    def __missing__(self, line: bytes) -> Key:
        event, _, _ = line.partition(b" ")
        try:
            fields, end = read_fields(line + b"\n", len(event))
        except (DamagedError, CutOffError) as error:
            raise _NotPlainError from error
        if not _PLAIN_EVENT.fullmatch(event) or end <= len(line):
            raise _NotPlainError
        key = self[line] = event_key(event, fields)
        return key


class _PlainFrames(dict[bytes, Frame]):
    """The frames of a raw line that is certainly a frame, root first."""

    def __init__(self, names: FrameNames) -> None:
        self._names = names

    def __missing__(self, line: bytes) -> Frame:
        if not _PLAIN_FRAME.fullmatch(line) or is_diagnostic(decode(line)):
            raise _NotPlainError
        frame = self[line] = ";".join(reversed(self._names[line]))
        return frame


class NativeReader:
    """Reads the records of one text, piece by piece, into a `ParseResult`.

    Args:
        header: what the text's header said.
        names: of frames.
        file: the text's name, for problems.
        line_of: tells the line of a place in the whole text.
    """

    def __init__(self, header: Header, names: FrameNames, file: str, line_of: LineOf) -> None:
        self._header = header
        self._names = names
        self._file = file
        self._line_of = line_of
        self._groups: dict[tuple[Key, bool], dict[Stack, Cell]] = {}
        self._keys = _Keys()
        self._plain = _PlainFrames(names)
        self._sleeps = SleepReader(names)
        self._marks = Marks()
        self._tally = Tally(file)
        self._messages: list[str] = []
        self._parsed = ParseResult("pvprof")
        self._text = b""
        self._offset = 0
        self._is_last = False

    def feed(self, piece: bytes, offset: int, is_last: bool) -> None:
        """Take in the next piece, which begins where a record does.

        Args:
            piece: ends where a record or the text ends.
            offset: of the piece in the whole text.
            is_last: the text ends with it.
        """
        if piece.endswith(b"\n"):
            if piece.startswith(b"> ") and self._feed_plain(piece):
                return
            if piece.startswith((b"S ", b"R ", b"W ")) and self._sleeps.feed(piece):
                return
        self._text, self._offset, self._is_last = piece, offset, is_last
        place = 0
        while place < len(piece):
            place = self._read_item(place)

    def finish(self) -> ParseResult:
        """Return what was read; waits are not joined yet."""
        parsed = self._parsed
        for (key, has_counts), stacks in self._groups.items():
            for stack, (value, count, records) in stacks.items():
                values = (value, count) if has_counts else (value,)
                parsed.add(self._header.unit, key, stack, values, records)
        parsed.problems.extend(parse_diagnostics(self._messages, self._file))
        parsed.problems.extend(self._tally.problems())
        self._marks.switches = self._sleeps.finish()
        parsed.marks = self._marks
        parsed.has_begin = self._marks.begin is not None
        parsed.has_end = self._marks.end is not None
        parsed.hex_frames = self._names.hex_frames
        return parsed

    def _feed_plain(self, piece: bytes) -> bool:
        """Add a piece of ``>`` records if all of it is plain; else add nothing: return False."""
        found: list[tuple[Key, Stack, bytes]] = []
        try:
            for record in piece[2:].removesuffix(b"\n").split(b"\n> "):
                text, _, last = record.rpartition(b"\n= ")
                head, _, frames = text.partition(b"\n")
                if not _PLAIN_VALUE.fullmatch(last):
                    return False
                found.append((self._keys[head], self._plain_stack(frames), last))
        except _NotPlainError:
            return False
        for key, stack, last in found:
            self._add(key, stack, tuple(map(int, last.split(b" "))))
        return True

    def _plain_stack(self, text: bytes) -> Stack:
        if not text:
            return stack_of(())
        lines = text.split(b"\n")
        lines.reverse()
        if _DELIMITER in lines:
            place = lines.index(_DELIMITER)
            user, kernel = lines[:place], lines[place + 1 :]
            if not user or not kernel:
                raise _NotPlainError
            both = (";".join(map(self._plain.__getitem__, part)) for part in (user, kernel))
            return Stack(f";{DELIMITER};".join(both))
        return Stack(";".join(map(self._plain.__getitem__, lines)))

    def _add(self, key: Key, stack: Stack, values: Values) -> None:
        stacks = self._groups.setdefault((key, len(values) > 1), {})
        cell = stacks.setdefault(stack, [0, 0, 0])
        cell[0] += values[0]
        cell[1] += values[1] if len(values) > 1 else 0
        cell[2] += 1

    def _read_item(self, place: int) -> int:
        """Read what begins at `place`, the beginning of a line; return where the next begins."""
        try:
            head = read_head(self._text, place)
        except CutOffError:
            return self._cut_off(place)
        except DamagedError:
            text = "records were damaged and left out: a length and the text disagree"
            return self._damaged(place, text)
        if head is None:
            return self._read_line(place)
        if head.letter == b">":
            return self._read_record(place, head)
        if head.letter == b"?":
            return self._read_histogram(place, head)
        return self._read_event(place, head)

    def _read_line(self, place: int) -> int:
        """Read a line that is no head."""
        end = self._text.find(b"\n", place)
        line = self._text[place:] if end < 0 else self._text[place:end]
        if self._lift(line) or not line.strip():
            return place + len(line) + 1
        if end < 0:
            return self._cut_off(place)
        if line.startswith(b"#"):
            self._read_mark(line, place)
            return end + 1
        found = read_return(line)
        if found is None or not self._sleeps.add_return(*found):
            self._note("stray-lines", _STRAY, place, "loss")
        return end + 1

    def _read_record(self, place: int, head: Head) -> int:
        body = self._read_body(place, head.end, _VALUE)
        if not isinstance(body, tuple):
            return body
        lines, closing, following = body
        match = _VALUE.fullmatch(closing)
        assert match is not None
        values = tuple(int(group) for group in match.groups() if group is not None)
        key = event_key(head.words[0], dict(head.fields))
        refusal = why_not_measured(values)
        if refusal is None:
            self._add(key, self._stack(lines), values)
        else:
            what = quote(key.name or key.execname or "a stack")
            line = self._line_of(self._offset + place)
            self._parsed.problems.append(refusal.problem(values, what, self._file, line))
        return following

    def _read_histogram(self, place: int, head: Head) -> int:
        body = self._read_body(place, head.end, _DOT)
        if not isinstance(body, tuple):
            return body
        lines, _, following = body
        rows = [read_histogram_row(line) for line in lines if not is_histogram_head(line)]
        buckets = tuple(row for row in rows if row is not None)
        if len(buckets) < len(rows):
            text = "histograms were damaged and left out"
            self._note("damaged", text, place, "loss")
            return following
        self._parsed.histograms.append(
            Histogram(event_key(head.words[0], dict(head.fields)), buckets)
        )
        self._parsed.records += 1
        return following

    def _read_event(self, place: int, head: Head) -> int:
        body = self._read_body(place, head.end, _DOT)
        if not isinstance(body, tuple):
            return body
        lines, _, following = body
        frames = [line for line in lines if line.startswith(b" ")]
        for _ in range(len(lines) - len(frames)):  # stack() prints no frame without blanks
            self._note("stray-lines", _STRAY, place, "loss")
        add = self._sleeps.add_sleep if head.letter == b"S" else self._sleeps.add_wake
        if not add(head.words, dict(head.fields), self._stack(frames)):
            text = "events were left out: a number is too large"
            self._note("damaged", text, place, "loss")
        return following

    def _read_body(self, start: int, place: int, closes: re.Pattern[bytes]) -> Body | int:
        """Return the body behind the head that begins at `start`, or where to read on without it.

        Args:
            start: of the record, for problems.
            place: where the body begins.
            closes: matches the line that ends it.
        """
        lines: list[bytes] = []
        text = self._text
        while True:
            end = text.find(b"\n", place)
            if end < 0 and self._is_last:
                return self._cut_off(start)
            if end < 0 or BEGINNING.match(text, place):
                problem = "records without an end were left out"
                self._note("damaged", problem, start, "loss")
                return place
            line = text[place:end]
            if closes.fullmatch(line):
                return lines, line, end + 1
            is_odd = b"`" not in line and line.startswith((b"= ", b"#"))
            if is_odd and line.startswith(b"="):
                return self._damaged(start, "records with a damaged end were left out", place)
            if is_odd:
                self._read_mark(line, place)
            elif line.strip() and not self._lift(line):
                lines.append(line)
            place = end + 1

    def _stack(self, lines: list[bytes]) -> Stack:
        """Return the stack of lines that are frames or the delimiter, leaf first."""
        parts: list[list[Frame]] = [[]]
        for line in lines:
            if line == _DELIMITER:
                parts.append([])
            else:
                parts[-1].extend(self._names[line])
        stacks = [stack_of(reversed(part)) for part in reversed(parts) if part]
        return Stack(f";{DELIMITER};".join(stacks)) if stacks else stack_of(())

    def _damaged(self, start: int, problem: str, place: int | None = None) -> int:
        """Leave out a record; return the beginning of the next line that may begin another."""
        self._note("damaged", problem, start, "loss")
        place = self._text.find(b"\n", start if place is None else place)
        while place >= 0:
            if _RESUMPTION.match(self._text, place + 1):
                return place + 1
            place = self._text.find(b"\n", place + 1)
        return len(self._text)

    def _cut_off(self, start: int) -> int:
        """Note that the text ends in the record that begins at `start`."""
        text = "the text ends inside a record, which is left out"
        self._note("cut-off", text, start, "loss")
        return len(self._text)

    def _lift(self, line: bytes) -> bool:
        """Take a message of dtrace's out of the data; tell whether the line was one."""
        if not line.startswith(_MESSAGE):
            return False
        self._messages.append(decode(line))
        return True

    def _read_mark(self, line: bytes, place: int) -> None:
        end = self._offset + place + len(line) + 1
        if line.startswith(b"#pvprof "):
            self._check_header(line, place)
        elif not read_mark(line, end, self._marks):
            text = "lines of an unknown word behind # were skipped: made by a newer pvprof?"
            self._note("unknown-mark", text, place, "note")

    def _check_header(self, line: bytes, place: int) -> None:
        """Note that another recording begins inside this one.

        Raises:
            InputError: it is of another unit, so that nothing can be added up.
        """
        text = "another recording begins inside this one"
        if line.split(b" ")[2:5:2] != [self._header.mode.encode(), self._header.unit.encode()]:
            raise InputError(f"{text}, and it measured something else", "give them one by one")
        self._note("second-header", f"{text}: give them one by one", place, "warning")

    def _note(self, kind: str, text: str, place: int, severity: Severity) -> None:
        self._tally.add(kind, text, severity, lambda: self._line_of(self._offset + place))


def settle(parsed: ParseResult, header: Header, data: Any, file: str) -> None:
    """Finish what was read of all of a text: join its events, judge its marks."""
    marks = parsed.marks or Marks()
    parsed.marks = None
    parsed.begin, parsed.end = marks.begin, marks.end
    parsed.problems[:0] = header.problems
    if marks.switches is not None:
        end_ns = None if marks.end is None else marks.end.monotonic_ns
        joined = join(marks.switches, end_ns)
        parsed.events, parsed.wakeups = joined.events, joined.wakeups
        parsed.records += int(marks.switches.is_sleep.sum()) + len(marks.switches.wake_ns)
        parsed.problems.extend(_join_problems(joined, file))
    parsed.problems.extend(_full_stacks(parsed, header.frames, file))
    parsed.problems.extend(short_problems(marks, file))
    parsed.problems.extend(end_problems(marks, data, file))


def end_notes(parsed: ParseResult, header: Header, file: str, last_line: int) -> None:
    """Note that the end is missing, or that nothing is; to be called when all problems are known.

    Args:
        parsed: what was read.
        header: of the text.
        file: its name.
        last_line: the number of its last line.
    """
    if not parsed.has_end:
        text = "no end mark: the recording was cut off, its last record may be too"
        problem = Problem("no-end-marker", text, file, last_line, severity="loss")
        parsed.problems.append(problem)
    if not parsed.records and parsed.is_whole:
        parsed.profile(header.unit, header.unit == "ns")  # so that there is one, of nothing
        text = "nothing was recorded between begin and end"
        parsed.problems.append(Problem("nothing-recorded", text, file, severity="note"))


def _full_stacks(parsed: ParseResult, most: int, file: str) -> Iterator[Problem]:
    """Yield a note on stacks with as many frames as were kept: DTrace cuts them without a mark."""
    stacks = {stack for profile in parsed.profiles.values() for _, stack, _ in profile}
    stacks.update(parsed.events.stacks if parsed.events is not None else ())
    count = sum(
        f";{DELIMITER};" not in stack and stack.count(";") + 1 >= most for stack in stacks if most
    )
    if count:
        text = f"stacks have all {most} frames that were kept, and may lack their root"
        yield Problem("full-stacks", f"{text}: record with more --stack-frames", file, count=count)


def _join_problems(joined: Joined, file: str) -> Iterator[Problem]:
    if joined.lost:
        text = "waits whose end was not recorded: their thread waited again; left out"
        yield Problem("lost-waits", text, file, count=joined.lost, severity="loss")
    if joined.open:
        text = f"waits still open at the end, at least {joined.open_ns} ns together, are left out"
        yield Problem("open-waits", text, file, count=joined.open, severity="note")
    yield from wakeup_problems(joined.lone_wakeups, joined.more_wakeups, file)
