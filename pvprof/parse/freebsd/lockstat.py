r"""Reports of lockstat(1).

::

    R/W writer blocked by writer: 14 events in 4.519 seconds (3 events/sec)

    Count indv cuml rcnt     nsec Lock                   Caller
        8  57%  57% 0.00 32513140 pmap pv list           pmap_enter+0xce4

          nsec ------ Time Distribution ------ count     Stack       (with -h or -s)
       2097152 |@@@                            1         vm_fault_trap+0x6d
       4194304 |                               0         trap_pfault+0x1f3

Without a histogram a section has one heading for all rows. ``nsec`` is the mean, rounded down, so
the total of a row is too low by less than one ns per event. Bounds of the histogram are upper ones:
the row 2097152 counts events that took less, and at least half of it
(``cddl/contrib/opensolaris/cmd/lockstat/lockstat.c``: the bucket of quantize from 1 to 2 is printed
as 2). ``-D N`` prints N rows per section: events of the title that are in no row are a loss.

Rows without their section's title, as ``sort | head`` leaves them, are refused: nothing in a row
tells waiting from holding, or spinning from blocking.

The caller is the innermost frame; the stack has its callers. Output of the workload, which lockstat
starts, may come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pvprof.errors import InputError, quote
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Key, LockHold
from pvprof.model.stacks import Frame, Stack, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.explanation import lines_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode

_TITLE = re.compile(r"(\S.*?): (\d{1,18}) events in [\d.]+ seconds \(\d+ events/sec\)\s*$")
_HEADING = re.compile(
    r"\s*(Count|ops/s)\s+(indv|genr)\s+cuml\s+rcnt\s+(?:(nsec|units)\s+)?(?:Hottest )?Lock\s"
)
_FOREIGN_HEADING = re.compile(r"\s*(?:Count|ops/s)\s+(?:indv|genr)\s+cuml\s+rcnt\s")
_COUNTED = r"\s*(\d{1,20})\s+\d+%\s+(?:\d+%|----)\s+\d+\.\d+\s+"
# What -I prints names a CPU in place of a lock.
_TIMED_ROW = re.compile(_COUNTED + r"(\d{1,20})\s+(?!cpu\[\d+\]\+)(\S(?:.*\S)?)\s+(\S+)\s*$")
_ROW = re.compile(_COUNTED + r"()(\S(?:.*\S)?)\s+(\S+)\s*$")
_BODY = re.compile(r"\s*nsec\s+-+ Time Distribution -+\s+(?:count|ops/s)")
_BUCKET = re.compile(r"\s*(\d{1,20}) \|[@ ]*?(\d{1,20})(?:\s+(\S(?:.*\S)?))?\s*$")
_STACK_ONLY = re.compile(r"\s{40,}(\S(?:.*\S)?)\s*$")
_RULE = re.compile(r"-{40,}\s*$")

# By the beginning of a section's title (g_event_info in lockstat.c): the mechanism, and the class
# that the kernel gives to such locks.
_MECHANISMS = {
    "Adaptive mutex spin": ("adaptive-spin", "sleep mutex"),
    "Adaptive mutex block": ("adaptive-block", "sleep mutex"),
    "Spin lock spin": ("spin-spin", "spin mutex"),
    "Thread lock spin": ("thread-spin", "spin mutex"),
    "R/W writer blocked": ("rw-block", "rw"),
    "R/W reader blocked": ("rw-block", "rw"),
    "R/W writer spin": ("rw-spin", "rw"),
    "R/W reader spin": ("rw-spin", "rw"),
    "SX exclusive block": ("sx-block", "sx"),
    "SX shared block": ("sx-block", "sx"),
    "SX exclusive spin": ("sx-spin", "sx"),
    "SX shared spin": ("sx-spin", "sx"),
    "lockmgr writer blocked": ("lockmgr-block", "lockmgr"),
    "lockmgr reader blocked": ("lockmgr-block", "lockmgr"),
}
# The same for sections of hold times.
_HOLDS = {
    "Adaptive mutex hold": ("adaptive-spin", "sleep mutex"),
    "Spin lock hold": ("spin-spin", "spin mutex"),
    "Thread lock hold": ("thread-spin", "spin mutex"),
    "R/W writer hold": ("rw-block", "rw"),
    "R/W reader hold": ("rw-block", "rw"),
    "SX shared hold": ("sx-block", "sx"),
    "SX exclusive hold": ("sx-block", "sx"),
    "lockmgr shared hold": ("lockmgr-block", "lockmgr"),
    "lockmgr exclusive hold": ("lockmgr-block", "lockmgr"),
}
_NOT_A_WAIT = "not a wait"
_WITHOUT_TITLE = "rows of lockstat(1) without the title of their section"
_REPORT_HINT = "give the whole report, as lockstat -o FILE writes it"
_INCLUSIVE = "lockstat -g counts an event for each of its callers: no sum of that means anything"
_RATES = "lockstat -R prints rates, not how often"


@dataclass(slots=True)
class _Section:
    """One kind of event.

    Attributes:
        title: names the events.
        events: number of events, by the title.
        line: number of the title's line.
        seen: number of events in the rows.
        rows: number of rows.
        refusal: reason why the rows cannot be added up, or empty.
        has_times: whether rows have a mean time.
    """

    title: str
    events: int
    line: int
    seen: int = 0
    rows: int = 0
    refusal: str = ""
    has_times: bool = True


@dataclass(slots=True)
class _Row:
    name: str
    count: int
    mean_ns: int | None
    line: int
    frames: list[Frame] = field(default_factory=list)
    buckets: list[tuple[int, int]] = field(default_factory=list)


class LockstatReader:
    """Reads a whole report into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._section: _Section | None = None
        self._row: _Row | None = None
        self._in_body = False
        self._is_ruled = False  # a horizontal rule follows the last row: it is complete
        self._foreign = 0
        self._foreign_line = 0
        self._untitled = 0
        self._untitled_line = 0
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        data = self._source.text()
        for number, raw in enumerate(data.split(b"\n"), 1):
            text = decode(raw)
            if _RULE.match(text):
                self._is_ruled = True
            elif text.strip():
                self._read_line(text, number)
        if self._untitled and not self._parsed.records and self._section is None:
            raise InputError(f"{_WITHOUT_TITLE}: they may be waits or times held", _REPORT_HINT)
        self._note_cut(data.count(b"\n") + 1)
        self._end_section()
        if self._untitled:
            text = f"{_WITHOUT_TITLE}; left out"
            problem = Problem(
                "bad-section", text, self._file, self._untitled_line, self._untitled, "loss"
            )
            self._parsed.problems.append(problem)
        if self._foreign:
            text = "lines that are not lockstat's (what the workload printed?) were skipped"
            problem = Problem(
                "foreign", text, self._file, self._foreign_line, self._foreign, "note"
            )
            self._parsed.problems.append(problem)
        self._parsed.hex_frames |= self._names.hex_frames
        return self._parsed

    def _read_line(self, text: str, number: int) -> None:
        title = _TITLE.match(text)
        if title:
            self._end_section()
            self._section = _Section(title.group(1), int(title.group(2)), number)
            self._is_ruled = False
        elif is_diagnostic(text):
            self._parsed.problems.extend(parse_diagnostics([text], self._file))
        elif self._section is None:
            if _ROW.match(text):
                self._untitled += 1
                self._untitled_line = self._untitled_line or number
            else:
                self._skip(number)
        elif _FOREIGN_HEADING.match(text):
            self._end_row()
            self._read_heading(text)
        elif _BODY.match(text):
            self._in_body = True
        elif not (self._in_body and self._read_body(text)):
            self._read_row(text, number)

    def _note_cut(self, number: int) -> None:
        if self._section is not None and not self._is_ruled:
            text = "no rule below the last row: the text was cut off there"
            self._parsed.problems.append(
                Problem("cut-off", text, self._file, number, severity="loss")
            )

    def _read_heading(self, text: str) -> None:
        """Check whether the rows below have the expected columns."""
        assert self._section is not None
        heading = _HEADING.match(text)
        if heading is None:
            self._section.refusal = f"unknown columns: {quote(text.strip())}"
        elif heading.group(2) == "genr":
            self._section.refusal = _INCLUSIVE
        elif heading.group(1) == "ops/s":
            self._section.refusal = _RATES
        elif not heading.group(3):
            self._section.has_times = False

    def _read_body(self, text: str) -> bool:
        """Read a line of a histogram and a stack; return False for any other line."""
        if self._row is None:
            return False
        bucket = _BUCKET.match(text)
        frame = bucket.group(3) if bucket else None
        if bucket:
            self._row.buckets.append((int(bucket.group(1)) // 2, int(bucket.group(2))))
        else:
            only = _STACK_ONLY.match(text)
            if only is None:
                return False
            frame = only.group(1)
        self._is_ruled = False
        if frame:
            self._row.frames.extend(self._names[frame.encode()])
        return True

    def _read_row(self, text: str, number: int) -> None:
        assert self._section is not None
        row = (_TIMED_ROW if self._section.has_times else _ROW).match(text)
        if row is None:
            self._skip(number)
            return
        self._end_row()
        self._is_ruled = False
        count, nsec, name, caller = row.groups()
        frames = list(self._names[caller.encode()])
        self._row = _Row(name, int(count), int(nsec) if nsec else None, number, frames)

    def _skip(self, number: int) -> None:
        self._foreign += 1
        self._foreign_line = self._foreign_line or number

    def _end_row(self) -> None:
        """Add the last row, with its stack and histogram, to the result."""
        row, section = self._row, self._section
        self._row, self._in_body = None, False
        if row is None or section is None:
            return
        section.rows += 1
        if section.refusal:
            return
        section.seen += row.count
        if section.title in _HOLDS and row.mean_ns is not None:
            mechanism, lock_class = _HOLDS[section.title]
            key = Key(mechanism, row.name, lock_class=lock_class)
            caller = row.frames[0] if row.frames else ""
            held_ns = row.mean_ns * row.count
            self._parsed.holds.append(LockHold(key, caller, held_ns, row.count))
            return
        mechanism, lock_class = next(
            (names for start, names in _MECHANISMS.items() if section.title.startswith(start)),
            ("", ""),
        )
        if not mechanism:
            section.refusal = _NOT_A_WAIT
            return
        key = Key(mechanism=mechanism, name=row.name, lock_class=lock_class)
        stack: Stack = stack_of(reversed(row.frames))
        if row.mean_ns is None:
            self._parsed.add("events", key, stack, (row.count,), 1)
        else:
            self._parsed.add("ns", key, stack, (row.mean_ns * row.count, row.count), 1)
        if row.buckets:
            self._check_buckets(row)
            end = max(2 * row.buckets[-1][0], 1)
            self._parsed.histograms.append(Histogram(key, (*row.buckets, (end, 0))))

    def _check_buckets(self, row: _Row) -> None:
        """Report a distribution whose counts are not those of its row."""
        counted = sum(count for _, count in row.buckets)
        if counted != row.count:
            text = f"the distribution of {quote(row.name)} has {counted:,} events of {row.count:,}"
            text += ": rows of it are damaged"
            problem = Problem("damaged", text, self._file, row.line, severity="loss")
            self._parsed.problems.append(problem)

    def _end_section(self) -> None:
        self._end_row()
        section = self._section
        self._section = None
        if section is not None:
            self._parsed.problems.extend(self._section_problems(section))

    def _section_problems(self, section: _Section) -> Iterator[Problem]:
        if section.refusal:
            is_hold = section.refusal == _NOT_A_WAIT
            text = (
                f"{section.title}: no waiting, and in no total"
                if is_hold
                else f"{section.title}: {section.refusal}; its rows are left out"
            )
            yield Problem(
                "held" if is_hold else "bad-section",
                text,
                self._file,
                section.line,
                max(section.rows, 1),
                "note" if is_hold else "loss",
            )
            return
        missing = section.events - section.seen
        if missing > 0 and section.title in _HOLDS:
            text = f"{section.title}: lockstat printed no row for some (-D): hold times lack them"
            yield Problem("holds-not-printed", text, self._file, section.line, missing, "note")
        elif missing > 0:
            text = f"{section.title}: events that lockstat counted but printed no row for (-D)"
            yield Problem("rows-not-printed", text, self._file, section.line, missing, "loss")
        elif missing < 0:
            text = f"{section.title}: rows hold more events than the section's title says"
            yield Problem("bad-section", text, self._file, section.line, -missing)


LAYOUT = Layout(
    name="lockstat",
    summary="lockstat(1), also `-h`, `-s`, `-C`",
    mode="lockstat",
    read=lambda source: LockstatReader(source).read(),
    explain=lines_of(
        own=re.compile(
            _FOREIGN_HEADING.pattern.encode()
            + rb"(?!.*CPU\+P)|"
            + b"|".join(one.pattern.encode() for one in (_TITLE, _TIMED_ROW))
        ),
        fits=re.compile(
            b"|".join(
                pattern.pattern.encode()
                for pattern in (_ROW, _BODY, _BUCKET, _STACK_ONLY, _RULE, re.compile(r"lockstat: "))
            )
        ),
    ),
    has_other_output=True,
    states_units="lockstat(1)",
)
