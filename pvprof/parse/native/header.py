r"""The ``#`` lines of pvprof's own grammar: the header and the marks.

Owns which texts have such a header, and the problems with marks that are only known when all of a
text has been read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pvprof.errors import InputError, quote
from pvprof.model.clocks import Clocks, drift_problems
from pvprof.model.problems import Problem
from pvprof.parse.recognition.explanation import OWN, Explanation
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode
from pvprof.recording.layout import GRAMMAR
from pvprof.units import Unit, format_ns

if TYPE_CHECKING:
    from pvprof.parse.native.halves import Switches

_MAX_LINES_BEFORE = 100
_HEADER_BYTES = 1 << 16
_ANY_HEADER = re.compile(rb"^#pvprof [^\n]*", re.M)
_HEADER = re.compile(
    rb"#pvprof [0-9]+ ([a-z]+) ([a-z0-9]+) (ns|samples|events) (\S+)(?: frames=([0-9]{1,4}))?"
)
_VERSION = re.compile(rb"#pvprof ([0-9]{1,9})(?: |$)")
_CLOCKS = re.compile(rb"#(begin|snapshot|end) ([0-9]{1,19}) ([0-9]{1,19})")
_SET_ASIDE = re.compile(rb"#set-aside ([a-z-]+) ([a-z][a-z0-9-]*) ([0-9]{1,20}) ([0-9]{1,20})")
# What may follow the end mark: dtrace reports losses after everything else.
_TRAILER = re.compile(
    rb"(?:[ \t]*\n|(?:dtrace|lockstat): [^\n]*\n)*(?:(?:dtrace|lockstat): [^\n]*|[ \t]*)"
)


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a recording.

    Attributes:
        grammar: the version of the grammar.
        unit: of all values.
        mode, variant, version: what the D program measured, on which kernel, and the pvprof that
            made the program.
        frames: maximum number of frames in a stack, or 0 if not stated.
        end: offset of the next line.
        problems: with the lines before it.
    """

    grammar: int
    unit: Unit
    mode: str
    variant: str
    version: str
    frames: int
    end: int
    problems: tuple[Problem, ...]

    @property
    def lacks_frames(self) -> bool:
        """Whether stacks may lack the function that waited.

        Grammar 1 has no ``caller``, and dtrace leaves out one frame more on some kernels. ``locks``
        of FreeBSD then lacks the function that wanted the lock; so do the sums of the patch of that
        time, whose last probe was a tail call. In the other programs only lock functions are lost.
        """
        kind = self.mode, self.variant
        return self.grammar == 1 and kind in {("offcpu", "sdt"), ("locks", "stock")}


@dataclass(slots=True)
class Marks:
    """The marks between records, and whatever can only be judged when all was read.

    Attributes:
        begin, end: the clocks when tracing began and ended; None if the mark is missing.
        after_end: offset of the line after the first end mark.
        left_out: ns and number of the waits that the D program left out, by (reason, mechanism).
        switches: the halves of waits, not yet joined.
    """

    begin: Clocks | None = None
    end: Clocks | None = None
    after_end: int = 0
    left_out: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    switches: Switches | None = None

    def merge(self, other: Marks) -> None:
        """Add the marks of a later part of the same text."""
        self.begin = self.begin or other.begin
        if self.end is None:
            self.end, self.after_end = other.end, other.after_end
        for group, (wait_ns, count) in other.left_out.items():
            self.add_left_out(group, wait_ns, count)
        if self.switches is None:
            self.switches = other.switches
        elif other.switches is not None:
            self.switches = self.switches.plus(other.switches)

    def add_left_out(self, group: tuple[str, str], wait_ns: int, count: int) -> None:
        """Add waits that the D program left out, of one reason and mechanism."""
        known = self.left_out.get(group, (0, 0))
        self.left_out[group] = (known[0] + wait_ns, known[1] + count)


def find_header(data: Any) -> re.Match[bytes] | None:
    """Return the first line that looks like a header, or None if the first lines have none."""
    sample = bytes(data[:_HEADER_BYTES])
    match = _ANY_HEADER.search(sample)
    if match is None or sample.count(b"\n", 0, match.start()) > _MAX_LINES_BEFORE:
        return None
    return match


def read_header(data: Any, file: str) -> Header:
    """Return the header of a text.

    Raises:
        InputError: it is missing, damaged, or of a newer version of the grammar.
    """
    match = find_header(data)
    if match is None:
        raise InputError("no #pvprof header in the first lines", "it is made by pvprof's programs")
    line = match.group()
    version = _VERSION.match(line)
    if version and int(version.group(1)) > GRAMMAR:
        number = int(version.group(1))
        raise InputError(
            f"grammar {number} of pvprof's recordings is not known; {GRAMMAR} is", "update pvprof"
        )
    words = _HEADER.fullmatch(line)
    if words is None or not version or data[match.end() : match.end() + 1] != b"\n":
        raise InputError(f"the header is damaged: {quote(decode(line))}")
    mode, variant, unit, creator = (decode(word) for word in words.groups()[:4])
    frames = int(words.group(5) or 0)
    before = [decode(text) for text in bytes(data[: match.start()]).split(b"\n")]
    problems = list(parse_diagnostics(filter(is_diagnostic, before), file))
    foreign = sum(1 for text in before if text.strip() and not is_diagnostic(text))
    if foreign:
        text = "lines before the header were skipped"
        problems.append(Problem("banner", text, file, 1, foreign, "note"))
    return Header(
        grammar=int(version.group(1)),
        unit=unit,
        mode=mode,
        variant=variant,
        version=creator,
        frames=frames,
        end=match.end() + 1,
        problems=tuple(problems),
    )


def read_mark(line: bytes, end: int, marks: Marks) -> bool:
    """Add a ``#`` line that ends before `end` to the marks; return False if its word is unknown."""
    clocks = _CLOCKS.fullmatch(line)
    if clocks:
        both = Clocks(int(clocks.group(2)), int(clocks.group(3)))
        if clocks.group(1) == b"begin":
            marks.begin = marks.begin or both
        elif clocks.group(1) == b"end" and marks.end is None:
            marks.end, marks.after_end = both, end
        return True
    set_aside = _SET_ASIDE.fullmatch(line)
    if set_aside is None:
        return False
    reason, mechanism, wait_ns, count = set_aside.groups()
    marks.add_left_out((decode(reason), decode(mechanism)), int(wait_ns), int(count))
    return True


def left_out_problems(marks: Marks, file: str) -> Iterator[Problem]:
    """Yield a note on the waits of each mechanism that the D program left out."""
    for (reason, mechanism), (wait_ns, count) in sorted(marks.left_out.items()):
        if count:
            why = "shorter than the minimum" if reason == "short" else f"set aside ({reason})"
            together = f"{format_ns(wait_ns)} together"
            text = f"{mechanism} waits {why}, {together}, were left out by the recorder"
            yield Problem("set-aside", text, file, count=count, severity="note")


def end_problems(marks: Marks, data: Any, file: str) -> Iterator[Problem]:
    """Yield problems with the text after the end mark, and with the clocks."""
    if marks.end is None:
        return
    trailer = _TRAILER.match(data, marks.after_end)
    if trailer is None or trailer.end() < len(data):
        yield Problem("after-end", "text after the end mark was read, too", file)
    yield from drift_problems(marks.begin, marks.end, file)


def before_marks(piece: bytes) -> int:
    """Return the offset of the first of the lines with ``#`` that a piece ends with."""
    end = len(piece)
    while True:
        line = piece.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if line == end or not piece.startswith(b"#", line):
            return end
        end = line


def has_header(sample: Sample) -> bool:
    """Tell whether a text begins with a header, or has one in its first lines."""
    header = find_header(sample.start)
    # A name in bpftrace's JSON lines may look like a header.
    return header is not None and b"\n{" not in b"\n" + sample.start[: header.start()]


def explain(sample: Sample) -> Explanation | None:
    """Return that everything from a header on is pvprof's, wherever the header is."""
    before = next(
        (index for index, line in enumerate(sample.all_lines) if line.startswith(b"#pvprof ")), -1
    )
    if before < 0:
        return None
    marks = bytes(map(bool, map(bytes.strip, sample.all_lines[before:])))
    return Explanation(bytes(before) + marks.replace(b"\1", bytes((OWN,))))
