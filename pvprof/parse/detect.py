"""Which layout a text has, told from its first lines.

A layout is recognised by what only it can contain, in the order of the tests below; ``--format``
overrides the guess. The names are those of `LAYOUTS`.
"""

from __future__ import annotations

import re

from pvprof.errors import InputError
from pvprof.parse.dtrace.keys import TextAfter
from pvprof.parse.dtrace.records import AggregateLayout, read_values
from pvprof.parse.files.html_report import is_page
from pvprof.parse.freebsd import lock_profiling as lockprofiling
from pvprof.parse.freebsd import lockstat
from pvprof.parse.freebsd import pmc_callgraph as pmcgraph
from pvprof.parse.freebsd import pmc_log as pmclog
from pvprof.parse.linux import bpftrace
from pvprof.parse.linux import bpftrace_maps as bpftracemap
from pvprof.parse.linux import perf_script as perfscript
from pvprof.parse.native.header import find_header
from pvprof.parse.text.histograms import is_histogram_head

SAMPLE_BYTES = 1 << 18

_SPEEDSCOPE = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*\{.*(?:www\.speedscope\.app/file-format-schema\.json"
    rb'|"profiles"\s*:|"shared"\s*:\s*\{\s*"frames"\s*:)',
    re.S,
)

LAYOUTS = {
    "pvprof": "what pvprof's own D programs print: #pvprof ...",
    "classic": "dtrace's own print of stacks, indented, with or without header",
    "keyed": "printa: a key line, frames without indentation, value [count]",
    "thread": "printa of the D24217 thread: frames, a blank line, wait message, ns",
    "events": "one record for each blocking: E ... and a stack",
    "rows": "aggregations without stacks, running totals",
    "histogram": "quantize bodies",
    "folded": "frames joined by ;, then a number",
    "differential": "folded with two numbers, of which the second, the new side, is read",
    "lock-profiling": "sysctl debug.lock.prof.stats, of a kernel with LOCK_PROFILING",
    "lockstat": "the report of lockstat(1)",
    "pmcstat": "the call graphs of pmcstat(8): -R LOG -G -",
    "pmcstat-log": "the text of a log of pmcstat(8): -R LOG",
    "bpftrace": "the bpftrace programs that pvprof makes, -f json",
    "perf": "perf script of Linux, of sched:sched_switch and of samples",
    "bpftrace-map": "the maps that any bpftrace program prints",
    "speedscope": "JSON of www.speedscope.app",
    "html": "a report of pvprof's, which carries its data along",
}

_EVENT = re.compile(rb"^(?:[EW] \d+ -?\d+ \d+ |B \d+ \d+$)", re.M)
_INDENTED = re.compile(rb"^ {8,}\S*[^\s\d-]", re.M)
_FRAME = re.compile(rb"^ *(?:\S*`\S|0x[0-9a-fA-F]+$)", re.M)
_FOLDED = re.compile(rb"\s*\S.*;.*\s\d+(?:\.\d*)?\s*$")
_ANY_FOLDED = re.compile(rb"\s*\S.*\s\d+(?:\.\d*)?\s*$")
_ROW = re.compile(rb"(?:T )?\S.* -?\d+(?: -?\d+)?\s*$")
_PADDED_ROW = re.compile(rb" +[^\s|][^|]* +-?\d+\s*$")
_HEADER = re.compile(rb"^\s*CPU\s+ID\s+FUNCTION:NAME\s*$", re.M)
_KEY_LINE = re.compile(rb"@?[a-z-]+\|")
_HINT = "layouts: " + ", ".join(LAYOUTS) + "; --input-format NAME overrides the guess"


def sniff(data: bytes) -> str:
    """Return the name of the layout of a text, told from its first `SAMPLE_BYTES`.

    Raises:
        InputError: it has none that pvprof reads; says what it looks like instead.
    """
    if _SPEEDSCOPE.match(data[:SAMPLE_BYTES]):
        return "speedscope"
    sample = _whole_lines(data[:SAMPLE_BYTES])
    lines = [line for line in sample.split(b"\n") if line.strip()]
    if not lines:
        raise InputError("the file is empty")
    if is_page(sample):
        return "html"
    if find_header(data):
        return "pvprof"
    return _sniff_table(lines) or _sniff_records(sample, lines)


_FIRST_LINES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("lock-profiling", re.compile(re.escape(lockprofiling.TITLE))),
    ("lock-profiling", lockprofiling.HEADING),
    ("lockstat", re.compile(re.escape(lockstat.HEADING))),
    ("pmcstat", pmcgraph.SECTION),
    ("pmcstat-log", pmclog.FIRST),
    ("perf", perfscript.HEAD),
    ("bpftrace", bpftrace.FIRST),
    ("bpftrace-map", bpftracemap.ENTRY),
)
"""What only one tool begins a line with."""


def _sniff_table(lines: list[bytes]) -> str:
    """Return which other tool printed it, or an empty text."""
    for line in lines:
        for layout, pattern in _FIRST_LINES:
            if pattern.match(line):
                return layout
    return ""


def _sniff_records(sample: bytes, lines: list[bytes]) -> str:
    if _EVENT.search(sample):
        return "events"
    texts = [line for line in lines if not line.startswith(b"#")]
    # Of a few stacks, most may have one frame only; rows of names have no ; in them.
    if _is_mostly(_FOLDED, texts) or (
        any(map(_FOLDED.match, texts)) and all(map(_ANY_FOLDED.match, texts))
    ):
        return "folded"
    return _sniff_aggregations(sample, lines)


def _sniff_aggregations(sample: bytes, lines: list[bytes]) -> str:
    layout = _sniff_stacks(sample, lines)
    if layout:
        return layout
    texts = [line for line in lines if not line.startswith(b" ")]
    if _is_mostly(_ROW, texts) or _is_mostly(_PADDED_ROW, lines):
        return "rows"
    if any(map(is_histogram_head, lines)):
        return "histogram"
    _refuse(sample, lines)
    return "keyed"


def aggregate_layout(name: str, data: bytes) -> AggregateLayout:
    """Return how the records of an aggregation file of the layout `name` are laid out."""
    if name in ("classic", "histogram"):
        return AggregateLayout(name, indented=True)
    if name == "thread":
        return AggregateLayout(name, text_after=TextAfter.NAME, unit="ns")
    return AggregateLayout(name, key_first=_has_key_first(data[:SAMPLE_BYTES]))


def _whole_lines(sample: bytes) -> bytes:
    """Return a sample without a last line that was cut off, unless it is the only one."""
    end = sample.rfind(b"\n")
    last = sample[end + 1 :]
    if end < 0 or _ANY_FOLDED.match(last) or read_values(last) is not None:
        return sample
    return sample[: end + 1]


def _sniff_stacks(sample: bytes, lines: list[bytes]) -> str | None:
    if _INDENTED.search(sample) and not _only_histograms(lines):
        return "classic"
    if _FRAME.search(sample):
        return "thread" if _is_thread_layout(sample) else "keyed"
    if _HEADER.search(sample):
        return "classic"
    return None


def _only_histograms(lines: list[bytes]) -> bool:
    """Tell whether the only indented lines are those of histograms."""
    indented = [line for line in lines if line.startswith(b" " * 8) and b"|" not in line]
    return all(is_histogram_head(line) or read_values(line) for line in indented)


def _is_thread_layout(sample: bytes) -> bool:
    """Tell whether most values stand below a text in a paragraph of their own."""
    paragraphs = [part.strip(b"\n").split(b"\n") for part in sample.split(b"\n\n")]
    valued = [part for part in paragraphs if read_values(part[-1]) is not None]
    own = [part for part in valued if len(part) == 2 and not _FRAME.match(part[0])]
    keyed = [part for part in own if _KEY_LINE.match(part[0])]
    return bool(valued) and len(own) - len(keyed) > len(valued) / 2


def _has_key_first(sample: bytes) -> bool:
    """Tell whether most records begin with a line that is no frame."""
    with_key = without = 0
    is_first, is_key = True, False
    lines = sample.split(b"\n")
    for line, following in zip(lines, [*lines[1:], b""], strict=True):
        if not line.strip():
            continue
        if is_first:
            is_key = read_values(line) is None or _FRAME.match(following) is not None
            if _FRAME.match(line):
                without += 1
            elif is_key:
                with_key += 1
        is_first = read_values(line) is not None and not (is_first and is_key)
    return with_key > without


def _is_mostly(pattern: re.Pattern[bytes], lines: list[bytes]) -> bool:
    """Tell whether more than half of the lines match; the last may be cut off by the sample."""
    return sum(1 for line in lines if pattern.match(line)) * 2 > len(lines)


def _refuse(sample: bytes, lines: list[bytes]) -> None:
    """Raise the error that says best why a text is nothing that pvprof reads."""
    if b"\0" in sample:
        raise InputError("binary data, not dtrace output", _HINT)
    if not any(read_values(line) is not None for line in lines):
        raise InputError("no stack, event or aggregation in it", _HINT)
