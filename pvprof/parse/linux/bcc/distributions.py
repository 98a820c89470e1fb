r"""Histograms of times, as runqlat, biolatency, funclatency, cpudist and others of bcc print them.

::

    Tracing run queue latency... Hit Ctrl-C to end.

    pid = 1234 sshd                                 a section: of a process, a disk, an operation
         usecs               : count    distribution
             0 -> 1          : 220      |*****      |
             2 -> 3          : 108      |**         |
         msecs         : count     distribution     a linear one
            10         : 7        |*****      |

Bounds are inclusive. Prints of one histogram are added up, since bcc's tools clear it after each.
Histograms of anything but times are not read.
"""

from __future__ import annotations

import re

from pvprof.errors import quote
from pvprof.model.problems import Severity
from pvprof.model.profile import Histogram, Key
from pvprof.parse.layout import Layout
from pvprof.parse.linux.bcc.bcc_frames import unquoted
from pvprof.parse.problem_counts import KindCounts
from pvprof.parse.recognition.explanation import records_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.units import named_unit

_HEADING = re.compile(rb" {5,15}([^: ][^:]{0,60}): count +distribution *")
_UNIT = re.compile(r".*?\(?(\w+)\)?")
_RANGE = re.compile(rb" *([0-9]{1,19}) -> ([0-9]{1,19}) *: ([0-9]{1,19}) *\|[* ]*\+?\|")
_NUMBER = re.compile(rb" *([0-9]{1,19}) *: ([0-9]{1,19}) *\|[* ]*\+?\|")
_SECTION = re.compile(rb"(\w[\w ]{0,30}?) = (.*)")
_PROCESS = re.compile(r"(?<![0-9])[0-9]+ (?=\S)")
_TITLE = re.compile(rb"Tracing (.*?)(?:\.\.\.| for )")
_TALK = re.compile(
    rb"Tracing .*|avg = .*|Detaching\.\.\.|[0-9:]{8} *|\^C *|[0-9/]{8,10} [0-9:]{8} *"
)

_PROBLEMS: dict[str, tuple[str, Severity]] = {
    "damaged": ("histograms without rows, and rows without a heading, are left out", "loss"),
    "cut-off": ("the text ends within a histogram, the rest of which is missing", "loss"),
    "other-units": ("histograms of other units than times are not read", "note"),
    "bad-line": ("lines that belong to no histogram were skipped", "note"),
}


class DistributionReader:
    """Reads all histograms of a text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._counts = KindCounts(source.name, _PROBLEMS)
        self._title = ""
        self._section = ("", "")
        self._scale_ns = 0  # of the current histogram; 0: its unit is no time
        self._rows: list[tuple[int, int, int]] | None = None
        self._histograms: dict[Key, dict[int, int]] = {}

    def read(self) -> ParseResult:
        """Return the result."""
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            is_cut = number == len(lines) and not data.endswith(b"\n")
            self._read_line(line, number, is_cut)
        self._end_histogram()
        if self._section != ("", ""):
            self._counts.add("cut-off", len(lines))
        parsed = ParseResult()
        for key, buckets in self._histograms.items():
            parsed.histograms.append(Histogram(key, tuple(sorted(buckets.items()))))
            parsed.records += 1
        parsed.problems.extend(self._counts.problems())
        return parsed

    def _read_line(self, line: bytes, number: int, is_cut: bool) -> None:
        heading = _HEADING.fullmatch(line)
        found = _RANGE.fullmatch(line) or _NUMBER.fullmatch(line)
        if heading is not None:
            self._end_histogram()
            self._begin_histogram(decode(heading[1].strip()), number)
        elif found is not None:
            numbers = [int(group) for group in found.groups()]
            if self._rows is None:
                self._counts.add("damaged", number)
            else:
                self._rows.append((numbers[0], numbers[-2], numbers[-1]))
        elif is_cut and line.strip():
            self._counts.add("cut-off", number)
        elif line.strip():
            self._end_histogram()
            self._read_other(line, number)

    def _begin_histogram(self, label: str, number: int) -> None:
        match = _UNIT.fullmatch(label)
        unit = None if match is None else named_unit(match[1].lower())
        self._scale_ns = unit[1] if unit is not None and unit[0] == "ns" else 0
        self._rows = []
        if not self._scale_ns:
            self._counts.add("other-units", number)

    def _end_histogram(self) -> None:
        rows, self._rows = self._rows, None
        if rows == []:
            self._counts.add("damaged", 0)
        if not rows or not self._scale_ns:
            return
        name, execname = self._section
        title = ": ".join(part for part in (self._title, name or execname) if part)
        buckets = self._histograms.setdefault(Key("", title, execname), {})
        for low, high, size in rows:
            buckets[low * self._scale_ns] = buckets.get(low * self._scale_ns, 0) + size
            buckets.setdefault((high + 1) * self._scale_ns, 0)
        self._section = ("", "")

    def _read_other(self, line: bytes, number: int) -> None:
        title = _TITLE.match(line)
        section = None if _TALK.fullmatch(line) else _SECTION.fullmatch(line)
        if title is not None:
            self._title = decode(title[1])
        elif section is not None:
            self._section = _section_of(decode(section[1]), decode(section[2]))
        elif not _TALK.fullmatch(line):
            self._counts.add("bad-line", number)


def _section_of(kind: str, text: str) -> tuple[str, str]:
    """Return the name of a section, and the process that it is of, if it is of one."""
    text = decode(unquoted(text.strip().encode())).strip("'\"")
    if kind.lower() in ("pid", "tid", "process name"):
        name = _PROCESS.sub("", text, count=1)
        return ("", name) if not name.isdigit() else (f"{kind} {name}", "")
    return f"{kind} {text}" if text else quote(kind), ""


LAYOUT = Layout(
    name="bcc-histogram",
    summary="histograms of times of bcc: runqlat, biolatency, funclatency, cpudist, ...",
    read=lambda source: DistributionReader(source).read(),
    explain=records_of(
        head=_HEADING,
        body=re.compile(rb" *[0-9]+(?: -> [0-9]+)? *: [0-9]+ *\|"),
        anywhere=re.compile(b"%b|%b" % (_TALK.pattern, _SECTION.pattern)),
    ),
    has_other_output=True,
    states_units="bcc",
)
