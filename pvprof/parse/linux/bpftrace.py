r"""The output of pvprof's own bpftrace programs: one JSON object per line, ``bpftrace -f json``.

::

    {"type": "printf", "data": "#pvprof 2 offcpu linux ns 0.1.0 frames=32\n"}   the header and
                                                                the marks of pvprof's own grammar
    {"type": "printf", "data": "#map off_cpu stack exec\n"}     the parts of a map's keys
    {"type": "printf", "data": "S 26181 1001 1001 0 2\n        __schedule+1560\n.sh"}
            single waits of older programs, one record for each half: ``printed_waits``
    {"type": "printf", "data": "K 65536\n        __schedule+1560\n"}     a stack and its number,
    {"type": "map", "data": {"@waits_3": {...}}}                and single waits: ``wait_maps``
    {"type": "stats", "data": {"@off_cpu": {"\n    __schedule+1560\n,sh": {"count": 2, ...,
        "total": 43041770}}}}                                   (one line) values and counts by key
    {"type": "hist", "data": {"@lock_hist": {"1,0": [{"min": 1024, "max": 2047, "count": 2}]}}}
    {"type": "lost_events", "data": {"events": 31}}             a loss
    {"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 59, "col": 2}

The name of a process comes last, so that it may hold anything. ``bpftrace_json`` owns how bpftrace
spells things.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from typing import Any

from pvprof.errors import InputError, quote
from pvprof.model.mechanisms import off_cpu
from pvprof.model.profile import Histogram, Key, Profile, Weight
from pvprof.model.stacks import NO_STACK, Stack, stack_of
from pvprof.model.wakeup_sums import WaitSplit, WakeupKey, add_wakeup_sums
from pvprof.parse.intervals.turns import repeated_lines
from pvprof.parse.layout import Layout
from pvprof.parse.linux.both_stacks import BothStacks
from pvprof.parse.linux.bpftrace_json import (
    DamagedLineError,
    LineLoader,
    TraceKey,
    buckets_of,
    frames_in,
    lock_kind,
    pairs_of,
    raw_bytes,
    read_key,
    whole_number,
)
from pvprof.parse.linux.bpftrace_problems import PROBLEMS, closed_output, messages_of_bpftrace
from pvprof.parse.linux.printed_waits import PrintedWaits
from pvprof.parse.linux.samples import is_map_of_samples, is_user_code
from pvprof.parse.linux.tracing_frames import TracedStacks
from pvprof.parse.linux.user_frames import PROCESS_MARK
from pvprof.parse.linux.wait_maps import STACKS_LINE, WaitMaps
from pvprof.parse.native.fields import record_key
from pvprof.parse.native.header import Header, Marks, read_header, read_mark
from pvprof.parse.native.settle import has_both_marks, note_end, open_problems, settle
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.problem_counts import KindCounts, Tally
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.parse.text.values import Values, why_not_measured
from pvprof.recording.layout import TWIN

_MAX_LINES_BEFORE = 100
_HEADER = re.compile(rb'^\{"type": ?"printf", ?"data": ?"#pvprof ', re.M)
_CLOCKS = re.compile(rb"#(?:begin|snapshot|end) [0-9]{1,19} [0-9]{1,19}")
_MECHANISM = re.compile(rb"[a-z][a-z0-9-]*")
_STACK_COLLISION = -17  # EEXIST: another stack has its place in the map


class TraceReader:
    """Reads a whole text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._maps: dict[str, tuple[str, ...]] = {}
        self._header: Header | None = None
        self._recorder = WaitRecorder(source.frame_names)
        self._marks = Marks()
        self._lines = LineLoader()
        self._tally = Tally(source.name)
        self._traced = TracedStacks(source.frame_names)
        self._both = BothStacks(source, self._traced)
        self._wait_maps = WaitMaps(self._recorder, self._traced.stack_of)
        self._printed_waits = PrintedWaits(self._recorder, self._traced)
        self._missed = 0
        self._open: list[tuple[int, Key, Stack]] = []
        self._helper_errors: Counter[str] = Counter()
        self._wakeup_sums: list[tuple[WakeupKey, WaitSplit]] = []
        self._problem_counts = KindCounts(source.name, PROBLEMS)
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result.

        Raises:
            InputError: the text is another program's: it has no header.
        """
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        self._read_stacks(lines)
        repeated = repeated_lines(lines)
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith(STACKS_LINE) or number - 1 in repeated:
                continue
            is_cut = number == len(lines) and not data.endswith(b"\n")
            try:
                self._read_line(line, number)
            except DamagedLineError:
                self._problem_counts.add("cut-off" if is_cut else "damaged", number)
            if self._header is None and number > _MAX_LINES_BEFORE:
                break
        return self._finish(len(lines))

    def _read_stacks(self, lines: list[bytes]) -> None:
        """Read all stacks first: waits refer to them by number."""
        for line in lines:
            if line.startswith(STACKS_LINE):
                with suppress(DamagedLineError):  # the stacks were printed one by one, too
                    for name, entries in pairs_of(LineLoader().load(line)["data"]):
                        self._wait_maps.read_map(name.removeprefix("@"), entries)

    def _read_line(self, line: bytes, number: int) -> None:
        document = self._lines.load(line)
        kind, data = document.get("type"), document.get("data")
        if kind == "printf" and isinstance(data, str):
            self._read_printed(raw_bytes(data), number)
        elif kind == "lost_events":
            self._problem_counts.add(
                "drops", number, whole_number(dict(pairs_of(data)).get("events", 0))
            )
        elif kind == "helper_error":
            self._read_helper_error(document)
        elif kind in ("stats", "map", "hist"):
            for name, entries in pairs_of(data):
                self._read_map(name.removeprefix("@"), entries, number)
        elif kind != "attached_probes":
            raise DamagedLineError

    def _read_printed(self, text: bytes, number: int) -> None:
        if text.startswith(b"#"):
            self._read_mark(text.rstrip(b"\n"), number)
        elif self._wait_maps.read_stack(text) or self._wait_maps.read_exec(text):
            pass
        elif self._header is None:
            self._problem_counts.add("before-header", number)
        else:
            is_added = self._printed_waits.read(text)
            if is_added is None:
                raise DamagedLineError
            if not is_added:
                reason = "events were left out: a number is too large"
                self._tally.add("damaged", reason, "loss", lambda: number)

    def _read_mark(self, text: bytes, number: int) -> None:
        if text.startswith(b"#pvprof ") and self._header is None:
            self._header = read_header(text + b"\n", self._source.name)
        elif text.startswith(b"#map "):
            name, *parts = decode(text).split(" ")[1:]
            self._maps[name] = tuple(parts)
        elif _CLOCKS.fullmatch(text):
            if self._has_header():
                read_mark(text, 0, self._marks)
        elif match := PROCESS_MARK.fullmatch(text):
            self._both.user.add_process(match)
        elif not text.startswith(
            (b"#workload-exit ", b"#processes-end", b"#unfinished ", b"#rest")
        ):
            self._problem_counts.add("unknown-mark", number)

    def _is_of_single_waits(self) -> bool:
        return self._header is not None and self._header.mode in ("events", "path")

    def _has_header(self) -> bool:
        """Tell whether the header was seen; note that a record before it is left out."""
        if self._header is None:
            self._problem_counts.add("before-header", 0)
        return self._header is not None

    def _read_helper_error(self, document: dict[str, Any]) -> None:
        helper, code = document.get("helper"), document.get("retcode")
        if helper == "map_update_elem":
            self._helper_errors["map-full"] += 1
        elif helper == "get_stackid" and code == _STACK_COLLISION:
            self._helper_errors["lost-stacks"] += 1

    def _read_map(self, name: str, entries: Any, number: int) -> None:
        if name not in self._maps:  # the program did not announce it
            self._problem_counts.add("other-maps", number)
            return
        twin, name = name, name.removesuffix(TWIN)
        if self._is_of_single_waits() and self._wait_maps.read_map(name, entries):
            return
        parts = self._maps[twin]
        if not parts:  # a map without keys; from bpftrace 0.24 on {} if nothing was counted
            entries = [("", entries)] if entries else []
        for spelled, value in entries:
            try:
                key = read_key(raw_bytes(spelled), parts)
                self._read_entry(name, key, value)
                if key.is_ambiguous:
                    self._problem_counts.add("ambiguous-names", number)
            except (DamagedLineError, ValueError, TypeError, KeyError, AttributeError):
                self._problem_counts.add("damaged", number)

    def _read_entry(self, name: str, key: TraceKey, value: Any) -> None:
        if name == "samples":
            # A sum: of intervals. bpftrace prints it once more, as 0, after it was cleared.
            self._both.samples.taken = (self._both.samples.taken or 0) + whole_number(value)
        elif name == "missed":
            self._missed += whole_number(value)
        elif name == "open":
            self._add_open(value)
        elif name == "short" or name.startswith("short_"):
            self._add_left_out(name, key, dict(value))
        elif name.endswith("_hist"):
            self._add_histogram(name.removesuffix("_hist"), key, value)
        elif "waker_stack" in key.stacks:
            self._add_wakeup_sum(name, key, dict(value))
        elif not isinstance(value, list):
            self._both.samples.kept += whole_number(value)
            self._add_values(name, key, (whole_number(value),))
        else:
            sums = dict(value)
            self._add_values(name, key, (whole_number(sums["total"]), whole_number(sums["count"])))

    def _add_open(self, value: Any) -> None:
        """Keep when a wait began that had no end yet: time << 1, its lowest bit: D; stacks."""
        began, stack, *_ = value
        began_ns, is_uninterruptible = divmod(whole_number(began), 2)
        key = Key(off_cpu(bool(is_uninterruptible)))
        frames = frames_in(raw_bytes(stack), is_kernel=True)
        self._open.append((began_ns, key, self._traced.stack_of(frames)))

    def _add_left_out(self, name: str, key: TraceKey, sums: dict[str, Any]) -> None:
        # Programs of older versions have one map, with the mechanism in its key.
        mechanism = key.names.get("event", name.removeprefix("short_").encode())
        mechanism = mechanism.replace(b"_", b"-")
        wait_ns, count = whole_number(sums["total"]), whole_number(sums["count"])
        if not _MECHANISM.fullmatch(mechanism) or min(wait_ns, count) < 0:
            raise DamagedLineError
        if self._has_header():
            self._marks.add_left_out(("short", decode(mechanism)), wait_ns, count)

    def _add_histogram(self, name: str, key: TraceKey, rows: list[Any]) -> None:
        # The kernel keeps those of locks for each sort: without a stack, its class is its name.
        named = self._key(name, key, names_class=True)
        stack = self._both.joined(name, key, 0) if key.stacks else NO_STACK
        if self._has_header():
            self._parsed.histograms.append(Histogram(named, buckets_of(rows), stack=stack))
            self._parsed.records += 1

    def _add_values(self, name: str, trace_key: TraceKey, values: Values) -> None:
        key = self._key(name, trace_key, names_class=False)
        stack = self._both.joined(name, trace_key, values[0])
        if not self._has_header():
            return
        assert self._header is not None
        refusal = why_not_measured(values)
        if refusal is None:
            self._parsed.add(self._header.unit, key, stack or stack_of(()), values, 1)
        else:
            subject = quote(key.name or key.execname or "a stack")
            self._parsed.problems.append(refusal.problem(values, subject, self._source.name))

    def _key(self, name: str, key: TraceKey, names_class: bool) -> Key:
        """Return the key of a map's entry.

        Args:
            name: of the map: the mechanism, unless the entry is of a lock.
            key: of the entry.
            names_class: give a lock without a name its class as name.
        """
        mechanism, lock_class, lock = name.replace("_", "-").encode(), b"", b""
        if "flags" in key.numbers:
            mechanism, lock_class = lock_kind(key.numbers["flags"])
            lock = self._names.symbols.variable(key.numbers["address"]).encode()
            if names_class:
                lock = lock or lock_class
        if is_map_of_samples(name):
            mechanism = b"user" if is_user_code(key) else b"on-cpu"
        execname = key.names.get("exec", b"")
        return record_key(mechanism, {b"name": lock, b"class": lock_class, b"exec": execname})

    def _add_wakeup_sum(self, name: str, key: TraceKey, sums: dict[str, int]) -> None:
        """Keep a sum of waits that one process ended; the stack is the sleeper's."""
        mechanism = off_cpu(name.endswith("_d"))
        stack, waker = (
            self._traced.stack_of(key.stacks[part]) for part in ("stack", "waker_stack")
        )
        waits = Key(mechanism, execname=decode(key.names["exec"]))
        wakeup_key = WakeupKey(waits, stack, decode(key.names["waker"]), waker)
        split = WaitSplit(whole_number(sums["total"]), 0, whole_number(sums["count"]))
        self._wakeup_sums.append((wakeup_key, split))

    def _finish(self, last_line: int) -> ParseResult:
        if self._header is None:
            raise InputError(
                "bpftrace's JSON, but no #pvprof header in the first lines",
                "what other programs print is another layout: --input-format bpftrace-json",
            )
        parsed, file = self._parsed, self._source.name
        parsed.problems.extend(self._tally.problems())
        self._count_losses()
        self._marks.switches = self._recorder.finish()
        parsed.marks = self._marks
        parsed.kept_frames = self._traced.kept_frames
        parsed.has_begin = self._marks.begin is not None
        parsed.has_end = self._marks.end is not None
        settle(parsed, self._header, b"", file)
        self._settle_open()
        for key, split in self._wakeup_sums:
            parsed.add("ns", key.key, key.stack, (split.blocked_ns, split.count), 1)
            parsed.endings = {} if parsed.endings is None else parsed.endings
            add_wakeup_sums(parsed.endings, {key: split})
        parsed.problems.extend(self._problem_counts.problems())
        parsed.problems.extend(self._both.problems(file))
        note_end(parsed, self._header, file, lambda: last_line)
        if not parsed.has_end:
            parsed.problems.extend(closed_output(self._maps.values(), file))
        parsed.hex_frames |= self._names.hex_frames | self._both.user.unnamed_frames()
        return parsed

    def _settle_open(self) -> None:
        """Add the open waits of a program that sums up: their length is known at the end only."""
        parsed = self._parsed
        if parsed.end is None or not self._open:
            return
        parsed.open_waits = Profile("ns", True)
        parsed.profile("ns", True)  # there may be no other wait
        parsed.records += len(self._open)
        for began_ns, key, stack in self._open:
            so_far = Weight(max(parsed.end.monotonic_ns - began_ns, 0), 1, 1)
            parsed.open_waits.add(key, stack, so_far)
        parsed.problems.extend(open_problems(parsed.open_waits, self._source.name))

    def _count_losses(self) -> None:
        """Count what is missing: by the balance of the waits if there is one, else by messages."""
        counts, maps = self._problem_counts, self._wait_maps
        counts.add("missed-ends", 0, self._missed)
        counts.add("damaged", 0, maps.damaged)
        if maps.begun is None:
            counts.add("map-full", 0, self._helper_errors["map-full"])
            counts.add("lost-stacks", 0, self._helper_errors["lost-stacks"])
        else:
            counts.add("not-printed", 0, maps.lost(self._missed))
            counts.add("lost-stacks", 0, maps.lost_stacks)


LAYOUT = Layout(
    name="bpftrace",
    summary="the bpftrace programs that pvprof generates, `bpftrace -q -k -f json`",
    read=lambda source: TraceReader(source).read(),
    has_documents=True,
    has_intervals=True,
    signature=lambda sample: _HEADER.search(sample.text) is not None,
    states_units="a program of pvprof's",
    is_complete=has_both_marks,
    read_stderr=messages_of_bpftrace,
)
