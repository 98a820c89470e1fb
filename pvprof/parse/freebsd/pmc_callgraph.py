r"""Call graphs of pmcstat(8): ``pmcstat -R LOG -G -``.

::

    @ cpu_clk_unhalted.thread_p [20 samples]

    60.00%  [12]       lock_delay @ /boot/kernel/kernel
     75.00%  [9]        __rw_wlock_hard
      100.0%  [9]        pmap_enter
     25.00%  [3]        __mtx_lock_sleep

There is a section for each counted event. A line is a function, indented one blank more than the
function that it called: the first of a tree is the innermost one. The number in brackets is its
number of samples at this position. The image is printed if it differs from the line before
(``usr.sbin/pmcstat/pmcpl_callgraph.c``).

A stack is the path from a line up to the first line of its tree. Samples of a line that are in none
of its callers ended there, or their callers were cut (``-z``, or no map of the code): if the line
has any callers, such samples get `PRUNED` as caller, so that samples add up.

A part of a graph may lack its first line, ``@``: of a first-level line the percentage then shows
whether others are missing.

Other text of pmcstat, such as statistics of samples that it could not convert, may come between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.errors import quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Frame, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.explanation import lines_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode

_SECTION = re.compile(rb"@ (\S.*?) \[(\d{1,20}) samples\]\s*$")
_FIRST_LINE = re.compile(_SECTION.pattern + rb"| *\d+\.\d+%\s+\[\d{1,20}\]\s+\S+(?: @ \S.*)?$")

PRUNED: Frame = "[pruned]"
"""In place of the callers of samples whose callers are not known."""

_MAX_ROUNDING = 0.005
"""Error of a percentage as printed; in percent."""

_LINE = re.compile(r"( *)(\d{1,9}\.\d+)%\s+\[(\d{1,20})\]\s+(\S+)(?: @ (\S(?:.*\S)?))?\s*$")
_STATISTIC = re.compile(r" #(samples|callchain)/(\S+)\s+(\d{1,20})\s*$")
_LOST = ("unclaimed", "unknown-object", "dubious-frames")
_KERNEL = "/boot/"
_UNKNOWN_EVENT = "[unknown event]"


@dataclass(frozen=True, slots=True)
class _Node:
    """A line of a graph."""

    line: int
    depth: int
    samples: int
    frame: Frame
    is_kernel: bool


class CallGraphReader:
    """Reads the call graphs of a whole text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._image = ""
        self._path: list[_Node] = []
        self._has_events = False
        self._covered: list[int] = []  # for each line of the path: samples of its callers
        self._section: tuple[str, int, int] | None = None  # event, samples, line
        self._seen = 0
        self._headless: list[float] = []  # percentages of first-level lines without a section
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        lines = self._source.text().split(b"\n")
        first = next(filter(_FIRST_LINE.match, lines), b"")
        is_headless = bool(first) and not _SECTION.match(first)
        self._has_events = is_headless + sum(map(bool, map(_SECTION.match, lines))) > 1
        for number, raw in enumerate(lines, 1):
            section = _SECTION.match(raw)
            text = decode(raw)
            if section:
                self._end_section()
                self._section = (decode(section.group(1)), int(section.group(2)), number)
            elif is_diagnostic(text):
                self._parsed.problems.extend(parse_diagnostics([text], self._file))
            elif text.strip() and (self._section or self._headless or _LINE.match(text)):
                self._read_line(text, number, is_last=number == len(lines))
        if lines[-1].strip():
            text = "the last line may have been cut short"
            self._parsed.problems.append(Problem("no-final-newline", text, self._file, len(lines)))
        self._end_section()
        self._parsed.hex_frames |= self._names.hex_frames
        return self._parsed

    def _read_line(self, text: str, number: int, is_last: bool) -> None:
        match = _LINE.match(text)
        if match is None:
            self._read_other(text, number, is_last)
            return
        depth = len(match.group(1))
        if depth > len(self._path):  # the line of the function that it called was damaged
            text = f"a line without the one that it called: {quote(text.strip())}; left out"
            self._problem("bad-line", text, number)
            return
        self._unwind(depth)
        if self._section is None and not depth:
            self._headless.append(float(match.group(2)))
        image = match.group(5)
        self._image = image if image else "" if depth == 0 else self._image
        is_kernel = self._image.startswith(_KERNEL)
        raw = f"{self._image.rpartition('/')[2]}`{match.group(4)}" if self._image else match[4]
        (frame, *_) = self._names[raw.encode()]
        samples = int(match.group(3))
        if depth:
            self._covered[-1] += samples
        else:
            self._seen += samples
        self._path.append(_Node(number, depth, samples, frame, is_kernel))
        self._covered.append(0)

    def _unwind(self, depth: int) -> None:
        """Remove the lines from `depth` on from the path; add the samples that ended in them."""
        while len(self._path) > depth:
            node, covered = self._path[-1], self._covered[-1]
            if covered > node.samples:
                text = f"{node.frame}: its callers hold {covered - node.samples} samples more"
                self._problem("bad-count", text, node.line, "warning")
            elif covered < node.samples:
                self._add(node.samples - covered, is_pruned=covered > 0)
            self._path.pop()
            self._covered.pop()

    def _add(self, samples: int, is_pruned: bool) -> None:
        event = self._section[0] if self._section is not None else _UNKNOWN_EVENT
        key = Key(mechanism="on-cpu", name=event if self._has_events else "")
        stack = stack_of(reversed([*self._frames(), *([PRUNED] if is_pruned else [])]))
        self._parsed.add("samples", key, stack, (samples,), 1)

    def _frames(self) -> Iterator[Frame]:
        """Yield the frames of the path, leaf first, user frames set off from the kernel's."""
        was_kernel = False
        for node in self._path:
            if was_kernel and not node.is_kernel:
                yield DELIMITER
            was_kernel = node.is_kernel
            yield node.frame

    def _end_section(self) -> None:
        self._unwind(0)
        if self._headless:
            self._note_headless()
        if self._section is not None and self._seen != self._section[1]:
            event, samples, line = self._section
            text = f"{event}: the graph holds {self._seen:,} of {samples:,} samples"
            self._problem("cut-off", text, line)
        self._section, self._seen = None, 0

    def _note_headless(self) -> None:
        """Report what is known of a graph without its section's line."""
        share, self._headless = self._headless, []
        if sum(share) + len(share) * _MAX_ROUNDING < 100:
            text = (
                f"no line '@ EVENT [N samples]': the graph holds {sum(share):.2f}% of its samples"
            )
            self._problem("cut-off", text, 1)
        else:
            text = "no line '@ EVENT [N samples]': the event is not known"
            self._problem("no-heading", text, 1, "warning")

    def _read_other(self, text: str, number: int, is_last: bool) -> None:
        """Read a statistic of pmcstat; note any other line."""
        match = _STATISTIC.match(text)
        if match and match.group(2) in _LOST and int(match.group(3)):
            statistic = f"pmcstat: {match.group(1)}: {match.group(2)}"
            self._parsed.problems.append(
                Problem("unconverted", statistic, self._file, number, int(match.group(3)), "loss")
            )
        elif not match and "%" in text:
            reason = "the text ends within a line" if is_last else "no line of a call graph"
            kind = "cut-off" if is_last else "bad-line"
            self._unwind(len(text) - len(text.lstrip(" ")))  # its callers are no other line's
            self._problem(kind, f"{reason}: {quote(text.strip())}; left out", number)

    def _problem(self, kind: str, text: str, line: int, severity: Severity = "loss") -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, line, severity=severity))


LAYOUT = Layout(
    name="pmcstat",
    summary="call graphs of pmcstat(8), `pmcstat -R LOG -G -`",
    mode="pmcstat",
    read=lambda source: CallGraphReader(source).read(),
    explain=lines_of(
        own=_FIRST_LINE,
        fits=re.compile(_LINE.pattern.encode() + rb"| #\S+/|(?:dtrace|lockstat|pmcstat): "),
    ),
    has_other_output=True,
    states_units="a call graph of pmcstat(8)",
)
