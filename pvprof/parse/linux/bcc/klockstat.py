r"""The tables of bcc's klockstat: how long kernel locks were waited for, and held, by caller.

::

    Tracing lock events... Hit Ctrl-C to end.

                                      Caller   Avg Spin  Count   Max spin Total spin
                            tty_write+0x114       4120      3       9000      12360
                            vfs_write+0x9a                           its caller, with -s

                                      Caller   Avg Hold  Count   Max hold Total hold
                            tty_write+0x114      20000      3      31000      60000

libbpf-tools, and its tables with -P::

                                   Caller  Avg Wait    Count   Max Wait   Total Wait
                         tty_write+0x114    4.1 us        3     9.0 us      12.4 us
                                  Max PID 77, COMM cat, Lock tty_mutex (0xffff8881)

                    Tid              Comm  Avg Wait    Count   Max Wait   Total Wait

Times are nanoseconds; libbpf-tools rounds them to one decimal of a larger unit. How long locks were
held is in no total.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from pvprof.errors import quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key, LockHold
from pvprof.model.stacks import NO_STACK, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.linux.bcc.bcc_frames import bcc_frame, is_missed
from pvprof.parse.recognition.explanation import FITS, OWN, Explanation, new_marks
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.parse.text.values import why_not_measured

_HEADING = re.compile(
    rb"\s*(?:Caller|(Tid) +Comm) +Avg (Spin|Wait|Hold) +Count +Max (?:[Ss]pin|[Ww]ait|[Hh]old)"
    rb" +Total (?:[Ss]pin|[Ww]ait|[Hh]old)\s*"
)
_TIME = re.compile(rb"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_COUNT = re.compile(rb"[0-9]{1,20}")
_LOCK = re.compile(rb" +Max PID [0-9]{1,10}, COMM ")
_COLUMNS = 4  # average, count, maximum, total
_THREAD = re.compile(rb"[0-9]+ +(\S.*)")
_TALK = re.compile(rb"Tracing .*lock events.*|Exiting trace of .*|[0-9:]{8} *|\^C\s*|WARNING: .*")
_NS_PER = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_NO_LOCKS = ("", "no-ksym", "(unknown)")


@dataclass(slots=True)
class _CallerRow:
    """A row of a table, and the lines below it."""

    is_held: bool
    is_thread: bool
    print_number: int
    name: bytes
    count: int
    max_ns: Fraction
    total_ns: Fraction
    callers: list[bytes] = field(default_factory=list)
    lock: str = ""

    @property
    def identity(self) -> tuple[bytes, ...]:
        """Return the frames of the row: no two rows of one print have the same."""
        return (self.name, *self.callers)


class KlockstatReader:
    """Reads all tables of a text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._file = source.name
        self._rows: list[_CallerRow] = []
        self._has_units = False
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        heading: re.Match[bytes] | None = None
        last_kind = b"Hold"
        prints = 0
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            found = _HEADING.fullmatch(line)
            if found is not None:
                prints += prints == 0 or (last_kind == b"Hold" and found[2] != b"Hold")
                heading, last_kind = found, found[2]
            elif not line.strip():
                heading = None  # a table ends here: the next one has a heading
            elif not _TALK.fullmatch(line):
                is_cut = number == len(lines) and not data.endswith(b"\n")
                self._read_line(line, heading, prints, number if not is_cut else -number)
        for row in self._rows_that_count(prints):
            self._add(row)
        if self._has_units:
            text = "klockstat of libbpf-tools rounds times to one decimal"
            self._problem("rounded", text, 0, "note")
        if self._rows:
            text = "klockstat counts every acquisition as a wait, also those without contention"
            self._problem("acquisitions", text, 0, "note")
        self._parsed.problems.extend(self._source.tail_problems(len(data)))
        self._parsed.hex_frames |= self._source.frame_names.hex_frames
        return self._parsed

    def _read_line(
        self, line: bytes, heading: re.Match[bytes] | None, print_number: int, number: int
    ) -> None:
        row = _read_cells(line)
        if number < 0:
            self._problem("cut-off", "the text ends within a row, which is left out", -number)
        elif _LOCK.match(line) and self._rows:
            self._rows[-1].lock = _lock_of(line)
        elif row and heading:
            self._has_units = self._has_units or row.has_units
            kind = (heading[2] == b"Hold", heading[1] is not None, print_number)
            self._rows.append(
                _CallerRow(*kind, row.name, row.acquisitions, row.max_ns, row.total_ns)
            )
        elif heading and self._rows and line.startswith(b"    "):
            self._rows[-1].callers.append(line.strip())
        else:
            text = f"neither a row nor a caller: {quote(decode(line.strip()))}; left out"
            self._problem("bad-line", text, number)

    def _rows_that_count(self, prints: int) -> list[_CallerRow]:
        """Return the rows of the last print if each has all of the one before it, else all."""
        counts = [Counter[tuple[bytes, ...]]() for _ in range(prints)]
        for row in self._rows:
            if not row.is_held:
                counts[row.print_number - 1][row.identity] += row.count
        if prints < 2:
            return self._rows
        if all(after[key] >= n for before, after in pairwise(counts) for key, n in before.items()):
            what = "each with all of the one before: the last is read"
            rows = [row for row in self._rows if row.print_number == prints]
        else:
            what, rows = "and added up", self._rows
        self._problem(
            "several-prints", f"the tables were printed {prints} times, {what}", 0, "note"
        )
        return rows

    def _add(self, row: _CallerRow) -> None:
        frames = [] if row.is_thread else list(self._frames([row.name, *row.callers]))
        thread = _THREAD.fullmatch(row.name) if row.is_thread else None
        lock = "" if row.lock in _NO_LOCKS else row.lock
        key = Key("", lock or "".join(frames[:1]), decode(thread[1]) if thread else "")
        if row.is_held:
            caller = frames[0] if frames else key.execname
            held = LockHold(key, caller, round(row.total_ns), row.count, round(row.max_ns))
            self._parsed.holds.append(held)
            return
        values = (round(row.total_ns), row.count)
        refusal = why_not_measured(values)
        if refusal is None:
            self._parsed.add("ns", key, stack_of(reversed(frames)) or NO_STACK, values, 1)
        else:
            self._parsed.problems.append(refusal.problem(values, decode(row.name), self._file))

    def _frames(self, lines: list[bytes]) -> Iterator[str]:
        for line in lines:
            frame = bcc_frame(line)
            if is_missed(frame):
                text = "stacks that bcc lost: their values have none"
                self._problem("lost-stacks", text, 0)
            yield from self._source.frame_names[frame]

    def _problem(self, kind: str, text: str, line: int, severity: Severity = "loss") -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, line, severity=severity))


class _Cells(NamedTuple):
    name: bytes
    acquisitions: int
    max_ns: Fraction
    total_ns: Fraction
    has_units: bool


def _read_cells(line: bytes) -> _Cells | None:
    """Return the cells of a row, read from the right, or None for any other line."""
    words = line.split()
    cells: list[Fraction] = []
    used = 0
    while len(cells) < _COLUMNS and used < len(words):
        unit = words[-1 - used].decode("ascii", "replace")
        has_unit = unit in _NS_PER
        number = words[-1 - used - has_unit] if used + has_unit < len(words) else b""
        is_count = len(cells) == _COLUMNS - 2
        if not (_COUNT if is_count else _TIME).fullmatch(number) or (is_count and has_unit):
            return None
        cells.append(Fraction(number.decode()) * _NS_PER[unit if has_unit else "ns"])
        used += 1 + has_unit
    if len(cells) < _COLUMNS or used == len(words):
        return None
    total_ns, max_ns, count, _ = cells
    name = line.strip().rsplit(None, used)[0]
    return _Cells(name, int(count), max_ns, total_ns, used > _COLUMNS)


def _lock_of(line: bytes) -> str:
    """Return the name of the lock in a line below a row."""
    before_address = line[: line.rfind(b" (0x")]
    return decode(before_address.rpartition(b", Lock ")[2])


def _explain(sample: Sample) -> Explanation | None:
    """Return which lines are those of the tables."""
    if not any(map(_HEADING.fullmatch, sample.distinct)):
        return None
    marks = new_marks(sample)
    for index, line in enumerate(sample.all_lines):
        if _HEADING.fullmatch(line) or _read_cells(line) or _LOCK.match(line):
            marks[index] = OWN
        elif _TALK.fullmatch(line) or (line.startswith(b"    ") and len(line.split()) == 1):
            marks[index] = FITS
    return Explanation(bytes(marks))


LAYOUT = Layout(
    name="klockstat",
    summary="klockstat of bcc, in Python and of libbpf-tools",
    read=lambda source: KlockstatReader(source).read(),
    explain=_explain,
    has_other_output=True,
    states_units="klockstat",
)
