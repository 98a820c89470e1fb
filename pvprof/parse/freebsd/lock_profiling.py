r"""The counters of a kernel with ``options LOCK_PROFILING``: ``sysctl debug.lock.prof.stats``.

::

    debug.lock.prof.stats:
      max wait_max total wait_total count avg wait_avg cnt_hold cnt_lock name
     2722     6404 20183      31845  2312   8       13        0       16 FILE:LINE (CLASS:NAME)

One row for each line of code that acquires a lock. `total` is the time for which it was held, in
`count` acquisitions; `wait_total` is the time that `cnt_lock` acquisitions took, in which another
thread held the lock (``sys/kern/subr_lock.c``; LOCK_PROFILING(9)). Times are microseconds, rounded
down in each row. Spinning and blocking are one sum. `max` is the longest time held.

Waits become weights; a row without waits has none. Hold times are no waits, and in no total.

Rows without the heading, as ``sort | head`` leaves them, are read with a warning: no row states how
many there were.
"""

from __future__ import annotations

import re

from pvprof.errors import quote
from pvprof.model.problems import Problem
from pvprof.model.profile import Key, LockHold
from pvprof.model.stacks import Frame, clean_frame, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.explanation import lines_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode

_HEADING = re.compile(rb"debug\.lock\.prof\.stats|\s*max\s+wait_max\s+total\s+wait_total\s+count\s")

_NS_IN_US = 1000
_MAX_DIGITS = 20  # of an uintmax_t
_ROW = re.compile(
    r"\s*((?:\d+\s+){9})(\S.*:\d+) \((sleep mutex|spin mutex|[a-z][a-z ]*?):(.*)\)\s*$"
)
_SECOND_ROW = re.compile(r"\)\S?\s*(?:\d+\s+){9}\S")  # two lines whose newline is lost, or damaged
_SOURCES = re.compile(r"/sys/(?=[a-z0-9_]+/)")


class LockProfilingReader:
    """Reads the whole table into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._file = source.name
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        idle_rows = 0
        has_heading = False
        lines = self._source.text().split(b"\n")
        for number, raw in enumerate(lines, 1):
            is_heading = _HEADING.match(raw) is not None
            has_heading |= is_heading
            if is_heading or not raw.strip():
                continue
            text = decode(raw)
            if is_diagnostic(text):
                self._parsed.problems.extend(parse_diagnostics([text], self._file))
                continue
            # Without its last character, a row would be tried at each ":12 (rw:" that is in it.
            row = _ROW.match(text) if text.rstrip().endswith(")") else None
            is_row = row is not None and _SECOND_ROW.search(text) is None
            if row is None or not is_row or max(map(len, row.group(1).split())) > _MAX_DIGITS:
                kind, reason = "bad-line", "no row of the table"
                if number == len(lines):  # without a newline
                    kind, reason = "cut-off", "the text ends within a row"
                self._problem(kind, f"{reason}: {quote(text)}; left out", number)
                continue
            max_us, _, total_us, wait_us, count, *_, contested = map(int, row.group(1).split())
            if count:
                key, caller = _lock_and_caller(row)
                held_ns, longest_ns = total_us * _NS_IN_US, max_us * _NS_IN_US
                self._parsed.holds.append(LockHold(key, caller, held_ns, count, longest_ns))
            if wait_us or contested:
                self._add(row, wait_us, contested)
            else:
                idle_rows += 1
                self._parsed.records += 1
        if idle_rows:
            text = "places that acquire a lock never waited for it"
            self._note("never-waited", text, idle_rows)
        if not has_heading and self._parsed.records:
            text = "no heading (after sort | head?): rows may be missing, too"
            self._parsed.problems.append(Problem("no-heading", text, self._file))
        return self._parsed

    def _add(self, row: re.Match[str], wait_us: int, contested: int) -> None:
        key, caller = _lock_and_caller(row)
        self._parsed.add("ns", key, stack_of([caller]), (wait_us * _NS_IN_US, contested), 1)

    def _problem(self, kind: str, text: str, line: int) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, line, severity="loss"))

    def _note(self, kind: str, text: str, count: int) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, count=count, severity="note"))


def _lock_and_caller(row: re.Match[str]) -> tuple[Key, Frame]:
    lock_class, name = row.group(3), row.group(4)
    place = row.group(2)
    sources = _SOURCES.search(place)
    caller = clean_frame(place[sources.end() :] if sources else place)
    return Key(mechanism=lock_class, name=name, lock_class=lock_class), caller


LAYOUT = Layout(
    name="lock-profiling",
    summary="`sysctl debug.lock.prof.stats` of a kernel with LOCK_PROFILING",
    mode="lock-profiling",
    read=lambda source: LockProfilingReader(source).read(),
    explain=lines_of(
        own=re.compile(
            _HEADING.pattern + rb"|\s*(?:\d{1,20}\s+){9}\S[^(]*:\d+ \([a-z][a-z ]*:.*\)\s*$"
        ),
        fits=re.compile(rb"(?:dtrace|lockstat): "),
    ),
    has_other_output=True,
    states_units="LOCK_PROFILING",
)
