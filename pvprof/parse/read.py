"""One text of any layout to a `ParseResult`: the way into the parsers.

Owns the choice of the parser and the pieces that it is fed. It refuses to open files
(``recording`` does) and to judge what was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from pvprof.errors import EmptyError, InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.parse.detect import LAYOUTS, SAMPLE_BYTES, aggregate_layout, sniff
from pvprof.parse.dtrace.aggregates import AggregateReader
from pvprof.parse.dtrace.events import EventReader
from pvprof.parse.dtrace.events import settle as settle_events
from pvprof.parse.dtrace.records import AggregateLayout, read_values
from pvprof.parse.dtrace.rows import RowReader
from pvprof.parse.files.folded import FoldedReader
from pvprof.parse.files.html_report import read_page
from pvprof.parse.files.speedscope import SpeedscopeReader
from pvprof.parse.freebsd.lock_profiling import LockProfilingReader
from pvprof.parse.freebsd.lockstat import LockstatReader
from pvprof.parse.freebsd.pmc_callgraph import CallGraphReader
from pvprof.parse.freebsd.pmc_log import PmcLogReader
from pvprof.parse.linux.bpftrace import TraceReader, parse_bpftrace_stderr
from pvprof.parse.linux.bpftrace_maps import MapReader
from pvprof.parse.linux.perf_script import PerfReader
from pvprof.parse.native.fields import RecordBoundary
from pvprof.parse.native.header import Header, find_header, read_header
from pvprof.parse.native.reader import NativeReader, end_notes, settle
from pvprof.parse.parallel import Boundary, Buffer, Share, core_count, let_go, run_shares, shares
from pvprof.parse.result import ParseResult
from pvprof.parse.text.diagnostics import parse_diagnostics
from pvprof.parse.text.frames import FrameNames, is_kernel_frame
from pvprof.parse.text.line_numbers import LineNumbers
from pvprof.parse.text.symbols import Symbols, parse_kldstat, parse_nm
from pvprof.parse.window import Window, cut
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest
from pvprof.units import UNITS, Unit


class ForeignReader(Protocol):
    """Reads all of what another tool printed."""

    def read(self, data: bytes) -> ParseResult:
        """Return what a text holds."""


PIECE_BYTES = 2_000_000
"""What is split at a time: bounds the memory that the pieces of a split take."""

_WHOLE = {
    "html": "a report in HTML",
    "speedscope": "a speedscope file",
    "lock-profiling": "LOCK_PROFILING",
    "lockstat": "lockstat(1)",
    "pmcstat": "a call graph of pmcstat(8)",
    "pmcstat-log": "a log of pmcstat(8)",
    "perf": "perf script",
    "bpftrace": "a program of pvprof's",
    "bpftrace-map": "",
}
_FOREIGN: dict[str, Callable[[FrameNames, str], ForeignReader]] = {
    "lockstat": LockstatReader,
    "pmcstat": CallGraphReader,
    "pmcstat-log": PmcLogReader,
    "perf": PerfReader,
    "bpftrace": TraceReader,
}
_FOLDED = ("folded", "differential")
_RUN_QUEUE_PROBE = "sched:::enqueue"

# Where a new record certainly begins, whatever came before.
_AFTER_VALUES = re.compile(rb"\n[ \t]*\d+(?: \d+)?\n\n")
_BEFORE_EVENT = re.compile(rb"\n(?=E \d+ )")
_AFTER_LINE = re.compile(rb"\n")
_NATIVE = RecordBoundary()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a text is to be read.

    Attributes:
        layout: one of `LAYOUTS`, or empty to recognise it.
        unit: what single values are, or None to go by the layout.
        profile: searched in the names of a speedscope file's profiles; None to read all.
        keep_offsets: leave ``+0x1f`` at the end of frames.
        symbols: names for hex frames.
        jobs: how many processes at most; 0 for one on each core.
        window: keep of single waits what lies in it; None for all.
        progress: told after each piece how much was read of a share, done and all, in bytes; in
            the process that reads it. The last share is read in the first process.
    """

    layout: str = ""
    unit: Unit | None = None
    profile: re.Pattern[str] | None = None
    keep_offsets: bool = False
    symbols: Symbols = field(default_factory=Symbols)
    jobs: int = 0
    window: Window | None = None
    progress: Callable[[int, int], None] | None = None


def read_recording(recording: Recording, options: ReadOptions) -> ParseResult:
    """Read an opened recording: its output, and what dtrace said on stderr beside it.

    The recording's own symbols serve where `options` has none.

    Raises:
        InputError: there is no record in it.
    """
    symbols = options.symbols
    unreadable: list[Problem] = []
    if "kernel" not in symbols.tables and recording.symbols:
        try:
            own = {"kernel": parse_nm(recording.symbols, recording.path)}
        except InputError as error:  # no reason to refuse what was recorded
            unreadable.append(Problem("unreadable-companion", error.message, recording.name))
        else:
            symbols = replace(symbols, tables={**own, **symbols.tables})
    if not symbols.modules and recording.kldstat:
        symbols = replace(symbols, modules=parse_kldstat(recording.kldstat))
    options = _with_facts(replace(options, symbols=symbols), recording.manifest)
    try:
        parsed = read(recording.data, recording.name, options)
    except InputError as error:
        raise type(error)(f"{recording.path}: {error.message}", error.hint) from error
    if options.window is not None:
        parsed = cut(parsed, options.window, recording.name)
    if parsed.layout == "rows" and _RUN_QUEUE_PROBE in recording.script:
        _name_event(parsed, "runq")
    listen = parse_bpftrace_stderr if parsed.layout == "bpftrace" else parse_diagnostics
    problems = listen(recording.stderr.splitlines(), f"{recording.name} (stderr)")
    parsed.problems.extend((*recording.problems, *unreadable, *problems))
    parsed.problems.extend(_hex_notes(parsed, recording.name))
    return parsed


def _with_facts(options: ReadOptions, manifest: Manifest) -> ReadOptions:
    """Return the options, completed by what whoever imported a text said of it."""
    if not options.layout and manifest.layout in LAYOUTS:
        options = replace(options, layout=manifest.layout)
    if options.unit is None:
        unit = next((unit for unit in UNITS if unit == manifest.unit), None)
        options = replace(options, unit=unit)
    return options


def _hex_notes(parsed: ParseResult, source: str) -> list[Problem]:
    """Return notes on frames that stayed hex, the kernel's and programs', if there are any."""
    kernel = sum([is_kernel_frame(frame) for frame in parsed.hex_frames])
    said = {
        "hex-frames": (
            kernel,
            "kernel addresses without a name: give --symbols, from nm -n of that kernel",
        ),
        "hex-user-frames": (
            len(parsed.hex_frames) - kernel,
            "addresses in programs without a name: no symbols, or the program had ended by the time"
            " they were looked up",
        ),
    }
    return [
        Problem(kind, text, source, count=count, severity="note")
        for kind, (count, text) in said.items()
        if count
    ]


def _name_event(parsed: ParseResult, event: str) -> None:
    """Give keys without an event the one that the D program measured."""
    for profile in parsed.profiles.values():
        profile.groups = {
            key if key.mechanism else key._replace(mechanism=event): stacks
            for key, stacks in profile.groups.items()
        }
    parsed.histograms = [
        one if one.key.mechanism else replace(one, key=one.key._replace(mechanism=event))
        for one in parsed.histograms
    ]


def read(data: Buffer, source: str, options: ReadOptions) -> ParseResult:
    """Read a whole text.

    Args:
        data: the text, not compressed.
        source: its name, for problems.
        options: how to read it.

    Raises:
        EmptyError: there is nothing in it but blanks.
        InputError: there is no record in it, unless it says itself that it is whole; or it is
            nothing that pvprof reads.
        UsageError: the layout asked for does not exist.
    """
    if options.layout and options.layout not in LAYOUTS:
        raise UsageError(f"no such format: {options.layout}", "formats: " + ", ".join(LAYOUTS))
    if len(data) <= SAMPLE_BYTES and not bytes(data).strip():
        raise EmptyError("the file is empty")
    if _ends_lines_in_cr(data):
        data = bytes(data).replace(b"\r\n", b"\n")
    layout = options.layout or sniff(bytes(data[:SAMPLE_BYTES]))
    if options.profile is not None and layout not in ("speedscope", "bpftrace-map"):
        what = "only speedscope files have profiles, and what bpftrace prints has maps"
        raise UsageError(f"--profile: {what}; {source} is {layout}")
    parsed = _Reading(data, source, layout, options).run()
    if not parsed.records and not parsed.is_whole:
        reason = parsed.problems[0].text if parsed.problems else "no record in it, header only?"
        raise InputError(reason, f"read as {layout}; --input-format NAME overrides that")
    return parsed


def _ends_lines_in_cr(data: Buffer) -> bool:
    """Tell whether lines end as a terminal ends them: ``ssh -t`` does that to a recording."""
    header = find_header(data)
    if header is not None:  # a name may hold any character, so only the header tells
        return header.group().endswith(b"\r")
    return b"\r\n" in data[:4096]


@dataclass(frozen=True, slots=True)
class _Reading:
    data: Buffer
    source: str
    layout: str
    options: ReadOptions

    def run(self) -> ParseResult:
        if self.layout in _WHOLE:
            return self._read_whole()
        end = self._whole_end()
        if self.options.unit not in (None, "ns") and self.layout == "events":
            raise UsageError("--unit: events are in ns")
        if self.layout == "pvprof":
            return self._run_native()
        if self.layout == "events":
            parsed = self._run_events(end)
        elif self.layout in _FOLDED:
            parsed = self._read_folded((0, end))
        elif self.layout == "rows":
            parsed = self._read_rows((0, end))
        else:
            parsed = self._spread(_AFTER_VALUES, self._read_aggregates, end)
            parsed.problems = [self._locate(problem) for problem in parsed.problems]
        if end < len(self.data):
            text = "the text ends inside a line, which is left out with the record it belongs to"
            parsed.problems.append(self._loss("cut-off", text))
        elif self.data[-1:] != b"\n":
            text = "the last line may have been cut short"
            parsed.problems.append(Problem("no-final-newline", text, self.source))
        return parsed

    def _read_whole(self) -> ParseResult:
        """Read a text of which no part means anything alone."""
        if self.layout == "speedscope":
            profiles = SpeedscopeReader(self.source, self.options.unit, self.options.profile)
            return profiles.read(bytes(self.data))
        if self.layout == "bpftrace-map":
            options = self.options
            maps = MapReader(self._names(), self.source, options.unit, options.profile)
            return maps.read(bytes(self.data))
        if self.options.unit is not None:
            raise UsageError(
                f"--unit: {_WHOLE[self.layout]} says itself in which units its data are"
            )
        if self.layout == "html":
            return read_page(self.data)
        data = bytes(self.data)
        if self.layout == "lock-profiling":
            return LockProfilingReader(self.source).read(data)
        reader = _FOREIGN[self.layout](self._names(), self.source)
        return reader.read(data)

    def _whole_end(self) -> int:
        """Return where the text ends that can be relied on.

        A last line without its newline may be half a line. Where it is a whole value all the same
        it counts, as in files that people write; else it is left out, and in a stack of an event
        its record too, since that stack is not whole.
        """
        data: bytes = self.data
        if data[-1:] == b"\n":
            return len(data)
        start = data.rfind(b"\n") + 1
        line = bytes(data[start:])
        if self.layout == "events":
            return data.rfind(b"\nE ") + 1 if line.startswith(b" ") else start
        if self.layout in _FOLDED:
            return len(data)
        if self.layout == "rows":
            return start
        return len(data) if read_values(line) is not None else start

    def _run_native(self) -> ParseResult:
        header = read_header(self.data, self.source)
        if self.options.unit not in (None, header.unit):
            raise UsageError(f"--unit: the recording says itself that it is in {header.unit}")
        parsed = self._spread(_NATIVE, partial(self._read_native, header), len(self.data))
        settle(parsed, header, self.data, self.source)
        end_notes(parsed, header, self.source, self._last_line())
        return parsed

    def _run_events(self, end: int) -> ParseResult:
        parsed = self._spread(_BEFORE_EVENT, self._read_events, end)
        settle_events(parsed, self.data, self.source)
        if parsed.has_begin and not parsed.has_end:
            text = "begin but no end marker: the recording was cut off, its last record may be too"
            parsed.problems.append(self._loss("no-end-marker", text))
        return parsed

    def _loss(self, kind: str, text: str) -> Problem:
        """Return a problem at the end of the text."""
        return Problem(kind, text, self.source, self._last_line(), severity="loss")

    def _spread(
        self, boundary: Boundary, work: Callable[[Share], ParseResult], end: int
    ) -> ParseResult:
        most = self.options.jobs or core_count()
        return run_shares(shares(self.data, boundary, end, most), work)

    def _pieces(self, share: Share, boundary: Boundary) -> Iterator[Share]:
        """Yield the pieces of a share, each cut where a record begins, and let go of each."""
        start, end = share
        cuts = [start]
        while cuts[-1] + PIECE_BYTES < end:
            match = boundary.search(self.data, cuts[-1] + PIECE_BYTES, end)
            if match is None:
                break
            cuts.append(match.end())
        for first, last in zip(cuts, [*cuts[1:], end], strict=True):
            yield first, last
            let_go(self.data, (first, last))
            if self.options.progress is not None:
                self.options.progress(last - start, end - start)

    def _names(self) -> FrameNames:
        return FrameNames(self.options.symbols, self.options.keep_offsets)

    def _read_aggregates(self, share: Share) -> ParseResult:
        layout = aggregate_layout(self.layout, bytes(self.data[:SAMPLE_BYTES]))
        if self.options.unit:
            layout = replace(layout, unit=self.options.unit)
        reader = AggregateReader(layout, self._names(), self.source)
        for start, end in self._pieces(share, _AFTER_VALUES):
            reader.feed(bytes(self.data[start:end]))
        return reader.finish()

    def _read_events(self, share: Share) -> ParseResult:
        names = self._names()
        reader = EventReader(names, self.source, LineNumbers(self.data).line_of)
        for start, end in self._pieces(share, _BEFORE_EVENT):
            reader.feed(bytes(self.data[start:end]), start)
        parsed = reader.finish()
        for text in reader.residue:
            layout = AggregateLayout("keyed", key_first=True, single="events")
            aggregates = AggregateReader(layout, names, self.source)
            aggregates.feed(text)
            parsed.merge(aggregates.finish())
        return parsed

    def _read_native(self, header: Header, share: Share) -> ParseResult:
        line_of = LineNumbers(self.data).line_of
        reader = NativeReader(header, self._names(), self.source, line_of)
        first = max(share[0], header.end)
        for start, end in self._pieces((first, max(share[1], first)), _NATIVE):
            reader.feed(bytes(self.data[start:end]), start, end == len(self.data))
        return reader.finish()

    def _read_folded(self, share: Share) -> ParseResult:
        reader = FoldedReader(self.source, self.options.unit, self.layout == "differential")
        for start, end in self._pieces(share, _AFTER_LINE):
            reader.feed(bytes(self.data[start:end]))
        return reader.finish()

    def _read_rows(self, share: Share) -> ParseResult:
        reader = RowReader(self.source, self.options.unit)
        start, end = share
        reader.feed(bytes(self.data[start:end]))
        return reader.finish()

    def _locate(self, problem: Problem) -> Problem:
        """Return a problem with its line: a record that was cut off stands at the end."""
        if problem.kind != "cut-off":
            return problem
        return replace(problem, line=self._last_line())

    def _last_line(self) -> int:
        """Return the number of the last whole line."""
        return LineNumbers(self.data).line_of(len(self.data)) - 1
