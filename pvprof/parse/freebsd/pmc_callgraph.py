r"""Call graphs that pmcstat(8) prints: ``pmcstat -R LOG -G -``.

::

    @ cpu_clk_unhalted.thread_p [20 samples]

    60.00%  [12]       lock_delay @ /boot/kernel/kernel
     75.00%  [9]        __rw_wlock_hard
      100.0%  [9]        pmap_enter
     25.00%  [3]        __mtx_lock_sleep

A section for each event that was counted. A line is a function, one blank deeper than the function
that it called: the first of a tree is the innermost one. Its number says in how many samples it
stood there. The image is printed where it is another than on the line before
(``usr.sbin/pmcstat/pmcpl_callgraph.c``).

A stack is each line's way up to its tree's first line. What a line counts beyond its callers ended
there, or the callers were cut (``-z``, or no map of the code): where a line has other callers it
stands under `PRUNED`, so that the samples add up.

Text of pmcstat's own, also its statistics of what it could not convert, may stand around.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.errors import quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Frame, stack_of
from pvprof.parse.result import ParseResult
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import FrameNames, decode

SECTION = re.compile(rb"@ (\S.*?) \[(\d{1,20}) samples\]\s*$")

PRUNED: Frame = "[pruned]"
"""Stands for the callers that are not known of some samples of a function."""

_LINE = re.compile(r"( *)(?:\d+\.\d+)%\s+\[(\d{1,20})\]\s+(\S+)(?: @ (\S.*?))?\s*$")
_STATISTIC = re.compile(r" #(samples|callchain)/(\S+)\s+(\d{1,20})\s*$")
_LOST = ("unclaimed", "unknown-object", "dubious-frames")
_KERNEL = "/boot/"


@dataclass(frozen=True, slots=True)
class _Node:
    """A line: where it is, and how many samples it counts."""

    line: int
    depth: int
    samples: int
    frame: Frame
    is_kernel: bool


class CallGraphReader:
    """Reads the call graphs of a whole text into a `ParseResult`."""

    def __init__(self, names: FrameNames, file: str) -> None:
        self._names = names
        self._file = file
        self._image = ""
        self._path: list[_Node] = []
        self._has_events = False
        self._covered: list[int] = []  # of each line of the path: samples of callers
        self._section: tuple[str, int, int] | None = None  # event, samples, line
        self._seen = 0
        self.parsed = ParseResult("pmcstat")

    def read(self, data: bytes) -> ParseResult:
        """Return what a text holds."""
        lines = data.split(b"\n")
        self._has_events = sum(1 for line in lines if SECTION.match(line)) > 1
        for number, raw in enumerate(lines, 1):
            section = SECTION.match(raw)
            text = decode(raw)
            if section:
                self._end_section()
                self._section = (decode(section.group(1)), int(section.group(2)), number)
            elif is_diagnostic(text):
                self.parsed.problems.extend(parse_diagnostics([text], self._file))
            elif self._section is not None and text.strip():
                self._read_line(text, number, is_last=number == len(lines))
        if lines[-1].strip():
            text = "the last line may have been cut short"
            self.parsed.problems.append(Problem("no-final-newline", text, self._file, len(lines)))
        self._end_section()
        self.parsed.hex_frames |= self._names.hex_frames
        return self.parsed

    def _read_line(self, text: str, number: int, is_last: bool) -> None:
        found = _LINE.match(text)
        if found is None:
            self._read_other(text, number, is_last)
            return
        depth = len(found.group(1))
        if depth > len(self._path):  # the line that it stands below was damaged
            text = f"a line stands below none: {quote(text.strip())}; left out"
            self._problem("bad-line", text, number)
            return
        self._unwind(depth)
        image = found.group(4)
        self._image = image if image else "" if depth == 0 else self._image
        is_kernel = self._image.startswith(_KERNEL)
        raw = f"{self._image.rpartition('/')[2]}`{found.group(3)}" if self._image else found[3]
        (frame, *_) = self._names[raw.encode()]
        samples = int(found.group(2))
        if depth:
            self._covered[-1] += samples
        else:
            self._seen += samples
        self._path.append(_Node(number, depth, samples, frame, is_kernel))
        self._covered.append(0)

    def _unwind(self, depth: int) -> None:
        """Leave all lines of the path that are as deep, or deeper; take in what is theirs alone."""
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
        assert self._section is not None
        key = Key(mechanism="on-cpu", name=self._section[0] if self._has_events else "")
        stack = stack_of(reversed([*self._frames(), *([PRUNED] if is_pruned else [])]))
        self.parsed.add("samples", key, stack, (samples,), 1)

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
        if self._section is not None and self._seen != self._section[1]:
            event, samples, line = self._section
            text = f"{event}: the graph holds {self._seen:,} of {samples:,} samples"
            self._problem("cut-off", text, line)
        self._section, self._seen = None, 0

    def _read_other(self, text: str, number: int, is_last: bool) -> None:
        """Take in pmcstat's statistics; whatever else it is, it is no line of a graph."""
        found = _STATISTIC.match(text)
        if found and found.group(2) in _LOST and int(found.group(3)):
            what = f"pmcstat: {found.group(1)}: {found.group(2)}"
            self.parsed.problems.append(
                Problem("unconverted", what, self._file, number, int(found.group(3)), "loss")
            )
        elif not found and "%" in text:
            what = "the text ends within a line" if is_last else "no line of a call graph"
            kind = "cut-off" if is_last else "bad-line"
            self._unwind(len(text) - len(text.lstrip(" ")))  # what it calls is not another's
            self._problem(kind, f"{what}: {quote(text.strip())}; left out", number)

    def _problem(self, kind: str, text: str, line: int, severity: Severity = "loss") -> None:
        self.parsed.problems.append(Problem(kind, text, self._file, line, severity=severity))
