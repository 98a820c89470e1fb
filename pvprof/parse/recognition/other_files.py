"""What a file is that is no recording, and where it belongs.

Owns `OTHER_FILES`, the registry of such files. ``read`` asks it only after no layout was found or
no record could be read: a recording may have any text of its workload in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pvprof.errors import InputError

_MAX_LINES = 200
_PROSE_WORDS = re.compile(rb"(?:^|[\s(])[A-Za-z][a-z]*(?=[\s,.;:)]|$)")
_MIN_PROSE_WORDS = 5


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A kind of file that users mistake for a recording.

    Attributes:
        name: for the error, e.g. "a D program".
        is_it: tells whether a text is one, by its first bytes and its first lines that are not
            blank.
        hint: what to do with it.
    """

    name: str
    is_it: Callable[[bytes, list[bytes]], bool]
    hint: str

    def refusal(self) -> InputError:
        """Return the error for such a file."""
        return InputError(f"{self.name}, not a recording", self.hint)


def what_else(start: bytes) -> OtherFile | None:
    """Return the kind of other file that a text is, by its first bytes, or None."""
    lines = [line for line in start.splitlines() if line.strip()][:_MAX_LINES]
    return next((other for other in OTHER_FILES if other.is_it(start, lines)), None)


def _begins(*magic: bytes) -> Callable[[bytes, list[bytes]], bool]:
    return lambda start, _lines: start.startswith(magic)


def _has_line(pattern: bytes) -> Callable[[bytes, list[bytes]], bool]:
    compiled = re.compile(pattern)
    return lambda _start, lines: any(compiled.match(line) for line in lines)


def _most_lines(pattern: bytes) -> Callable[[bytes, list[bytes]], bool]:
    compiled = re.compile(pattern)
    return lambda _start, lines: sum(map(bool, map(compiled.match, lines))) * 2 > len(lines)


def _is_document(start: bytes) -> bool:
    """Tell whether a text is JSON that pvprof wrote beside a recording."""
    return start.lstrip().startswith(b"{") and b'"schema"' in start


def _is_prose(_start: bytes, lines: list[bytes]) -> bool:
    """Tell whether a third of the lines are sentences: rows of words in small letters."""
    sentences = [line for line in lines if len(_PROSE_WORDS.findall(line)) >= _MIN_PROSE_WORDS]
    return bool(sentences) and len(sentences) * 3 >= len(lines)


OTHER_FILES: tuple[OtherFile, ...] = (
    OtherFile(
        "an ELF file (a program, a library or a kernel)",
        _begins(b"\x7fELF"),
        "for the kernel's symbols: nm -n FILE > kernel.nm, then --symbols kernel.nm",
    ),
    OtherFile(
        "perf.data",
        _begins(b"PERFILE2", b"2ELIFREP"),
        "perf script > perf.txt, then give perf.txt",
    ),
    OtherFile(
        "the symbols of a kernel",
        _most_lines(rb"\s*(?:[0-9a-fA-F]{8,16}|U) [A-Za-z?-] \S+\s*$"),
        "give it with the recording: pvprof report REC --symbols FILE",
    ),
    OtherFile(
        "a bpftrace program",
        _has_line(
            rb"#!.*\bbpftrace\b|\s*(?:kprobe|kretprobe|kfunc|fentry|tracepoint|rawtracepoint|uprobe"
            rb"|usdt|profile|interval|software|hardware):[\w*.]+(?::[\w*.]+)*\s*(?:[,/{]|$)"
        ),
        "give what it prints: bpftrace FILE -o x.out, then pvprof report x.out",
    ),
    OtherFile(
        "a D program",
        _has_line(
            rb"#!.*\bdtrace\b|\s*#pragma D option"
            rb"|\s*[\w*$.-]*:[\w*.-]*:[\w*.-]*:[\w*:-]*\s*(?:[,/{]|$)"
        ),
        "give what it prints: dtrace -s FILE -o x.out, then pvprof report x.out",
    ),
    OtherFile(
        "the output of time(1)",
        _has_line(
            rb"\s*[\d.,]+ real\s+[\d.,]+ user\s+[\d.,]+ sys|real\s+[\d.,ms]+\s*$"
            rb"|.*[\d.]+u(?:ser)? [\d.]+s(?:ystem)? \S+|\s*Elapsed \(wall clock\) time"
        ),
        "pvprof stats reads it",
    ),
    OtherFile(
        "the list of a run set (set.json)",
        lambda start, _lines: _is_document(start) and b'"recordings"' in start,
        "give the directory that it is in",
    ),
    OtherFile(
        "the manifest of a recording",
        lambda start, _lines: _is_document(start),
        "give the directory that it is in",
    ),
    OtherFile(
        "a script",
        _begins(b"#!"),
        "give what it records",
    ),
    OtherFile(
        "a text of sentences",
        _is_prose,
        "a recording is a directory made by pvprof record, or the output of a tracer"
        " (docs/layouts.md)",
    ),
)
"""Every known kind, the most certain first."""
