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
_MAX_LINE_BYTES = 400  # some patterns take time with the square of it
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
    lines = [line[:_MAX_LINE_BYTES] for line in start.splitlines() if line.strip()][:_MAX_LINES]
    return next((other for other in OTHER_FILES if other.is_it(start, lines)), None)


def _begins(*magic: bytes) -> Callable[[bytes, list[bytes]], bool]:
    return lambda start, _lines: start.startswith(magic)


def _has_line(pattern: bytes) -> Callable[[bytes, list[bytes]], bool]:
    compiled = re.compile(pattern)
    return lambda _start, lines: any(compiled.match(line) for line in lines)


def _most_lines(pattern: bytes) -> Callable[[bytes, list[bytes]], bool]:
    compiled = re.compile(pattern)
    return lambda _start, lines: sum(map(bool, map(compiled.match, lines))) * 2 > len(lines)


def _begins_like(pattern: bytes) -> Callable[[bytes, list[bytes]], bool]:
    compiled = re.compile(pattern, re.S)
    return lambda start, _lines: compiled.match(start) is not None


def _is_core_dump(start: bytes, _lines: list[bytes]) -> bool:
    """Tell whether a file is the memory of a program or a kernel, by the type of an ELF file."""
    return start.startswith(b"\x7fELF") and start[16:18] in (b"\4\0", b"\0\4")


def _is_document(start: bytes) -> bool:
    """Tell whether a text is JSON that pvprof wrote beside a recording."""
    return start.lstrip().startswith(b"{") and b'"schema"' in start


def _is_prose(_start: bytes, lines: list[bytes]) -> bool:
    """Tell whether a third of the lines are sentences: rows of words in small letters."""
    sentences = [line for line in lines if len(_PROSE_WORDS.findall(line)) >= _MIN_PROSE_WORDS]
    return bool(sentences) and len(sentences) * 3 >= len(lines)


_JSON = rb"\s*+(?:\xef\xbb\xbf\s*+)?"

OTHER_FILES: tuple[OtherFile, ...] = (
    OtherFile(
        "a core dump",
        _is_core_dump,
        "a debugger reads it; pvprof reads what a tracer printed",
    ),
    OtherFile(
        "a dump of a FreeBSD kernel (vmcore)",
        _begins(b"minidump FreeBSD", b"FreeBSD Kernel Dump"),
        "kgdb reads it; pvprof reads what a tracer printed",
    ),
    OtherFile(
        "trace.dat of trace-cmd",
        _begins(b"\x17\x08\x44tracing"),
        "perf sched record -a -g -- COMMAND, then perf script",
    ),
    OtherFile(
        "gmon.out of gprof",
        _begins(b"gmon\1\0\0\0", b"gmon\0\0\0\1"),
        "it has no whole stacks: pvprof record oncpu -- COMMAND",
    ),
    OtherFile(
        "a profile of gperftools",
        _begins(bytes(8) + b"\3" + bytes(7)),
        "google-pprof --collapsed PROGRAM FILE > x.folded",
    ),
    OtherFile(
        "a trace of events (Chrome's format)",
        _begins_like(
            _JSON + rb'(?:\{.{0,4000}"traceEvents"\s*:|\[\s*\{.{0,400}"ph"\s*:\s*"[A-Za-z]")'
        ),
        "ui.perfetto.dev shows it; of its tool, take folded stacks (py-spy record -f raw)",
    ),
    OtherFile(
        "a CPU profile of V8 (node, Chrome)",
        _begins_like(_JSON + rb'\{.{0,4000}"callFrame"\s*:'),
        "speedscope shows it; node --perf-basic-prof and perf script print the same samples",
    ),
    OtherFile(
        "a profile of pyinstrument",
        _begins_like(
            rb"\s+_ +\._ +__/__ +_ |"  # the first line of its name, in letters of strokes
            + _JSON
            + rb'\{"start_time":.{0,4000}"root_frame":'
        ),
        "pyinstrument -r speedscope -o x.speedscope.json PROGRAM",
    ),
    OtherFile(
        "a picture (SVG)",
        _begins_like(rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!DOCTYPE svg[^>]{0,300}>\s*)?<svg\b"),
        "a browser shows it; give the folded stacks that it was drawn from",
    ),
    OtherFile(
        "a profile of the Firefox profiler",
        _begins_like(
            _JSON + rb'\{\s*"meta"\s*:.{0,20000}"(?:preprocessedProfileVersion|stackwalk)"'
        ),
        "profiler.firefox.com shows it; if perf made the samples, perf script prints them",
    ),
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
            rb"|.*[\d.]u(?:ser)? [\d.]+s(?:ystem)? \S+|\s*Elapsed \(wall clock\) time"
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
