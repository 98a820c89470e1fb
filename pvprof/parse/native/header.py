r"""What a recording in pvprof's own grammar says of itself, in lines that begin with ``#``.

Owns the header and the marks, and the problems that can only be told once all of a text was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pvprof.errors import InputError, quote
from pvprof.model.clocks import Clocks, drift_problems
from pvprof.model.problems import Problem, Severity
from pvprof.parse.native.join import Switches
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode
from pvprof.units import Unit

GRAMMAR = 1
"""The version of the grammar that is read."""

_MOST_LINES_BEFORE = 100
_HEADER_BYTES = 1 << 16
_ANY_HEADER = re.compile(rb"^#pvprof [^\n]*", re.M)
_HEADER = re.compile(
    rb"#pvprof [0-9]+ ([a-z]+) ([a-z]+) (ns|samples|events) (\S+)(?: frames=([0-9]{1,4}))?"
)
_VERSION = re.compile(rb"#pvprof ([0-9]{1,9})(?: |$)")
_CLOCKS = re.compile(rb"#(begin|end) ([0-9]{1,19}) ([0-9]{1,19})")
_SET_ASIDE = re.compile(rb"#set-aside ([a-z-]+) ([a-z][a-z0-9-]*) ([0-9]{1,20}) ([0-9]{1,20})")
# What may stand behind the end mark: dtrace says what it lost when all is over.
_SILENCE = re.compile(rb"(?:[ \t]*(?:\n|\Z)|(?:dtrace|lockstat): [^\n]*(?:\n|\Z))*")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a recording.

    Attributes:
        unit: of all values.
        mode, variant, version: what the D program measured, on which kernel, and who made it.
        frames: how many frames it kept of a stack, or 0 where it does not say.
        end: where the line behind it begins.
        problems: of the lines before it.
    """

    unit: Unit
    mode: str
    variant: str
    version: str
    frames: int
    end: int
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class Marks:
    """What stands between the records, and what can only be judged when all was read.

    Attributes:
        begin, end: the clocks when tracing began and ended; None where that was not seen.
        end_place: where the line behind the first end mark begins.
        short: what the D program left out: nanoseconds and number of waits by event.
        switches: the events, not yet joined.
    """

    begin: Clocks | None = None
    end: Clocks | None = None
    end_place: int = 0
    short: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    switches: Switches | None = None

    def merge(self, other: Marks) -> None:
        """Add those of a later part of the same text."""
        self.begin = self.begin or other.begin
        if self.end is None:
            self.end, self.end_place = other.end, other.end_place
        for what, (ns, count) in other.short.items():
            self.add_short(what, ns, count)
        if self.switches is None:
            self.switches = other.switches
        elif other.switches is not None:
            self.switches = self.switches.plus(other.switches)

    def add_short(self, what: tuple[str, str], ns: int, count: int) -> None:
        """Add waits that the D program left out."""
        known = self.short.get(what, (0, 0))
        self.short[what] = (known[0] + ns, known[1] + count)


class Tally:
    """Problems of one kind and text, counted: a damaged text may have millions."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: dict[tuple[str, str, Severity], list[int]] = {}

    def add(self, kind: str, text: str, severity: Severity, line: Callable[[], int]) -> None:
        """Count a problem; `line` is asked only for the first one."""
        found = self._found.get((kind, text, severity))
        if found is None:
            self._found[kind, text, severity] = [line(), 1]
        else:
            found[1] += 1

    def problems(self) -> Iterator[Problem]:
        """Yield one problem for each kind and text."""
        for (kind, text, severity), (line, count) in self._found.items():
            yield Problem(kind, text, self._file, line, count, severity)


def find_header(data: Any) -> re.Match[bytes] | None:
    """Return the first line that looks like a header, if it is among the first lines."""
    sample = bytes(data[:_HEADER_BYTES])
    match = _ANY_HEADER.search(sample)
    if match is None or sample.count(b"\n", 0, match.start()) > _MOST_LINES_BEFORE:
        return None
    return match


def read_header(data: Any, file: str) -> Header:
    """Return what the header of a text says.

    Raises:
        InputError: there is none, it is damaged, or of a newer version of the grammar.
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
    mode, variant, unit, made_by = (decode(word) for word in words.groups()[:4])
    frames = int(words.group(5) or 0)
    before = [decode(text) for text in bytes(data[: match.start()]).split(b"\n")]
    problems = list(parse_diagnostics(filter(is_diagnostic, before), file))
    foreign = sum(1 for text in before if text.strip() and not is_diagnostic(text))
    if foreign:
        text = "lines before the header were skipped"
        problems.append(Problem("banner", text, file, 1, foreign, "note"))
    return Header(unit, mode, variant, made_by, frames, match.end() + 1, tuple(problems))  # type: ignore[arg-type]


def read_mark(line: bytes, end: int, marks: Marks) -> bool:
    """Take in a ``#`` line that ends before `end`; return False if its word is not known."""
    clocks = _CLOCKS.fullmatch(line)
    if clocks:
        both = Clocks(int(clocks.group(2)), int(clocks.group(3)))
        if clocks.group(1) == b"begin":
            marks.begin = marks.begin or both
        elif marks.end is None:
            marks.end, marks.end_place = both, end
        return True
    aside = _SET_ASIDE.fullmatch(line)
    if aside is None:
        return False
    what, event, ns, count = aside.groups()
    marks.add_short((decode(what), decode(event)), int(ns), int(count))
    return True


def short_problems(marks: Marks, file: str) -> Iterator[Problem]:
    """Yield a note on the waits of each event that the D program left out."""
    for (what, event), (ns, count) in sorted(marks.short.items()):
        if count:
            reason = "shorter than the minimum" if what == "short" else f"set aside ({what})"
            text = f"{event} waits {reason}, {ns} ns together, were left out by the recorder"
            yield Problem("set-aside", text, file, count=count, severity="note")


def end_problems(marks: Marks, data: Any, file: str) -> Iterator[Problem]:
    """Yield what is wrong with the end mark, except that it is missing, and with the clocks."""
    if marks.end is None:
        return
    silence = _SILENCE.match(data, marks.end_place)
    if silence is None or silence.end() < len(data):
        yield Problem("after-end", "there is something behind the end mark; it was read", file)
    yield from drift_problems(marks.begin, marks.end, file)
