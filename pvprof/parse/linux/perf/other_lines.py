r"""Lines of ``perf script`` that are neither heads nor frames.

::

      x.c:3                                                    the source line of the frame above
      libc.so.6[27b25]                                         the same, unknown
      |3        return 1;                                      source code (``srccode``)
     ABI:2    AX:0x7f00 ...                                    registers
     ilen: 2 insn: 89 c2                                       the instruction
     0x55d0/0x55e0/P/-/-/0//-                                  branches
            000055d0<tab>insn: 89 c2                           code between branches
    sh  5 [000] 1.5: PERF_RECORD_COMM exec: sh:5/5             --show-task-events and its kind
    sh  5 [000] 1.5: PERF_RECORD_LOST lost 23                  samples are missing

Tells those that state a loss. After tools/perf/builtin-script.c and tools/perf/util/event.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvprof.model.problems import Severity

_SOURCE_LINE = re.compile(
    rb"\s+|  (?:\S.*)?:(?:[0-9]+|\?)(?: \(discriminator [0-9]+\))?(?: \(inlined\))?"
    rb"|  \S.*\[[0-9a-f]+\](?: \(inlined\))?|\|[0-9]+ .*"
)
_OTHER_FIELDS = re.compile(
    rb"  ?ABI:[0-9].*"
    rb"| (?:ilen: |insn: ).*"
    rb"|(?!.*: ).*/[MP-]N?/[X-]/[A-]/[0-9]+.*"  # branches
    rb"|\t[0-9a-f]{16}\t.*|\t\S.*:(?:\t.*)?|\t\.\.\. not reaching sample \.\.\."
    rb"|\tmismatch of LBR data and executable"
    rb"| +BPF (?:output|string): .*| {10,}[0-9a-f]{4}:(?: .*)?"
    rb"|(?:(?=.{16}(?: |$)) *+[0-9a-f]++)?(?: (?:[0-9]+[KMGB]|N/A)){0,2} *"  # address, page sizes
    rb"|\s*+IPC: .*"
)
_INLINED_SOURCE_LINE = re.compile(rb"  .*(?::[0-9?]+|\]|\)) \(inlined\)")
_RECORD = re.compile(rb"PERF_RECORD_([A-Z0-9_]+)")
_LOST = re.compile(
    rb".*PERF_RECORD_LOST(?:_SAMPLES)?:?\s+lost:?\s+([0-9]{1,18}).*|.*LOST ([0-9]{1,18}) events!.*"
    rb"|Processed [0-9]+ events and lost ([0-9]{1,18}) chunks!.*"
)
_THROTTLED = frozenset((b"THROTTLE",))
_MESSAGE = re.compile(
    rb".*\tmetric: "
    rb"|Warning:|Check IO/CPU overload!|.*, continuing without symbols|addr2line: .*|BFD: .*"
    rb"|.*not valid for .* events\. Ignoring\.|Samples for .* do not have .*"
    rb"|Overriding previous field request for .*|\[ perf record: .*|Couldn't read the cpu.*"
    rb"|corrupted callchain\. skipping\.\.\.|failed to process sample.*|Failed to open .*"
)
_CORRUPTED = re.compile(rb"corrupted callchain\..*")


@dataclass(frozen=True, slots=True)
class OtherLine:
    """A line that is no part of a record.

    Attributes:
        kind, text, severity: of the problem that it states; `text` is empty if it states none.
        count: how many events the problem is about.
    """

    kind: str = ""
    text: str = ""
    severity: Severity = "note"
    count: int = 1


def is_passed_over(line: bytes) -> bool:
    """Tell whether a line belongs to a record but says nothing about its stack."""
    return is_source_line(line) or _OTHER_FIELDS.fullmatch(line) is not None


def is_source_line(line: bytes) -> bool:
    """Tell whether a line is the source of the frame above it: more frames may follow."""
    return _SOURCE_LINE.fullmatch(line) is not None


def is_inlined(line: bytes) -> bool:
    """Tell whether a source line states that the frame above it was inlined."""
    return _INLINED_SOURCE_LINE.fullmatch(line) is not None


def read_other(line: bytes) -> OtherLine | None:
    """Return the meaning of a line of another kind (perf's own records, messages), or None."""
    lost = _LOST.fullmatch(line)
    if lost is not None:
        count = int(next(group for group in lost.groups() if group))
        text = "perf lost events: record with larger buffers (-m)"
        return OtherLine("drops", text, "loss", count)
    record = _RECORD.search(line)
    if record is not None:
        if record[1] in _THROTTLED:
            text = "the kernel took fewer samples than it was asked for: it limits their time"
            return OtherLine("throttled", text, "warning")
        return OtherLine()
    if _CORRUPTED.match(line):
        return OtherLine("bad-stack", "perf left out stacks that are damaged", "warning")
    return OtherLine() if _MESSAGE.match(line) else None
