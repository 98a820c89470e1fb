r"""What pvprof's own bpftrace programs print: a JSON object a line, ``bpftrace -f json``.

::

    {"type": "printf", "data": "#pvprof 1 offcpu linux ns 0.1.0 frames=32\n"}   the header and
                                                                the marks of pvprof's own grammar
    {"type": "printf", "data": "#map off_cpu stack exec\n"}     what the keys of a map are made of
    {"type": "printf", "data": "S 26181 1001 1001 0 2\n        __schedule+1560\n.sh"}
            a thread goes to wait: time, tid, pid, CPU, 2 if it cannot be interrupted; stack; name
    {"type": "printf", "data": "R 26185 1001 0"}                it runs again: time, tid, CPU
    {"type": "printf", "data": "W 26184 1001 7 1\n        try_to_wake_up+932\n.cc"}
                                                        it is woken: time, sleeper, waker, CPU; ...
    {"type": "stats", "data": {"@off_cpu": {"\n    __schedule+1560\n,sh": {"count": 2, ...,
        "total": 43041770}}}}                                   (one line) values and counts by key
    {"type": "hist", "data": {"@lock_hist": {"1,0": [{"min": 1024, "max": 2047, "count": 2}]}}}
    {"type": "lost_events", "data": {"events": 31}}             what was lost
    {"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 59, "col": 2}

A name of a process stands last, so that it may hold anything; before a name in a record stands a
dot, which no frame begins with. Everything becomes records of pvprof's own grammar, which
``native`` reads; how bpftrace spells things is for ``tracejson``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pvprof.errors import InputError
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Stack, stack_of
from pvprof.model.wakeup_sums import WaitSplit, WakeupKey, add_wakeup_sums
from pvprof.parse.linux.bpftrace_json import (
    FRAMES,
    DamagedLineError,
    TraceKey,
    frames_in,
    load_line,
    lock_kind,
    raw_bytes,
    read_key,
)
from pvprof.parse.native.header import Header, read_header
from pvprof.parse.native.reader import NativeReader, end_notes, settle
from pvprof.parse.result import ParseResult
from pvprof.parse.text.frames import FrameNames, decode

FIRST = re.compile(rb'\{"type": ?"(?:printf|attached_probes|map|stats|hist)", ?"data": ?')
_MOST_LINES_BEFORE = 100
_PIECE_RECORDS = 4096
_SLEEP = re.compile(
    rb"(?s)S ([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,9}) ([0-9]{1,9})"
    + FRAMES
    + rb"\.(.*)"
)
_RETURN = re.compile(rb"R [0-9]{1,19} [0-9]{1,19} [0-9]{1,9}")
_WAKE = re.compile(rb"(?s)W ([0-9]{1,19} [0-9]{1,19} [0-9]{1,19} [0-9]{1,9})" + FRAMES + rb"\.(.*)")
_KEY_STACK = re.compile(FRAMES)
_KEY_NUMBER = re.compile(rb"-?[0-9]{1,20}")
_MARK = re.compile(rb"#(?:begin|end) [0-9]{1,19} [0-9]{1,19}")
_INDENT = b"              "
_TAKEN_STACK = -17  # EEXIST: another stack has the place of this one
_MISSING_STACK = re.compile(r"ERROR: failed to look up stack id (-?\d+).*")
_USUAL_STDERR = re.compile(r".*RLIMIT_MEMLOCK.*|ERROR: failed to look up stack id .*")


class TraceReader:
    """Reads a whole text into a `ParseResult`."""

    def __init__(self, names: FrameNames, file: str) -> None:
        self._names = names
        self._file = file
        self._maps: dict[str, tuple[str, ...]] = {}
        self._header: Header | None = None
        self._reader: NativeReader | None = None
        self._pending: list[bytes] = []
        self._fed = 0
        self._endings: list[tuple[WakeupKey, WaitSplit]] = []
        self._told: Counter[str] = Counter()
        self._first: dict[str, int] = {}
        self._frames: dict[bytes, bytes] = {}

    def read(self, data: bytes) -> ParseResult:
        """Return what a text holds.

        Raises:
            InputError: it is of another program: there is no header in it.
        """
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            is_cut = number == len(lines) and not data.endswith(b"\n")
            try:
                self._read_line(line, number)
            except DamagedLineError:
                self._note("cut-off" if is_cut else "damaged", number)
            if self._reader is None and number > _MOST_LINES_BEFORE:
                break
        return self._finish(len(lines))

    def _read_line(self, line: bytes, number: int) -> None:
        document = load_line(line)
        kind, data = document.get("type"), document.get("data")
        if kind == "printf" and isinstance(data, str):
            self._read_printed(raw_bytes(data), number)
        elif kind == "lost_events":
            self._note("drops", number, int(dict(data or ()).get("events", 0)))
        elif kind == "helper_error":
            self._read_helper(document, number)
        elif kind in ("stats", "map", "hist") and isinstance(data, list):
            for name, entries in data:
                self._read_map(name.removeprefix("@"), entries, number)
        elif kind != "attached_probes":
            raise DamagedLineError

    def _read_printed(self, text: bytes, number: int) -> None:
        if text.startswith(b"#"):
            self._read_mark(text.rstrip(b"\n"), number)
        elif _RETURN.fullmatch(text):
            self._put(text + b"\n")
        elif found := _SLEEP.fullmatch(text):
            time, tid, pid, cpu, state, frames, name = found.groups()
            event = b"off-cpu-d" if state != b"0" else b"off-cpu"
            head = b"S %b %b %b %b %b 0 0" % (time, tid, pid, cpu, event)
            self._put(self._moment(head, frames, name))
        elif found := _WAKE.fullmatch(text):
            words, frames, name = found.groups()
            self._put(self._moment(b"W " + words, frames, name))
        else:
            raise DamagedLineError

    def _read_mark(self, text: bytes, number: int) -> None:
        if text.startswith(b"#pvprof ") and self._reader is None:
            header = self._header = read_header(text + b"\n", self._file)
            self._reader = NativeReader(header, self._names, self._file, lambda _place: 0)
        elif text.startswith(b"#map "):
            name, *parts = decode(text).split(" ")[1:]
            self._maps[name] = tuple(parts)
        elif _MARK.fullmatch(text):
            self._put(text + b"\n")
        elif not text.startswith(b"#workload-exit "):
            self._note("unknown-mark", number)

    def _read_helper(self, document: dict[str, Any], number: int) -> None:
        helper, code = document.get("helper"), document.get("retcode")
        if helper == "map_update_elem":
            self._note("map-full", number)
        elif helper == "get_stackid" and code == _TAKEN_STACK:
            self._note("lost-stacks", number)

    def _read_map(self, name: str, entries: Any, number: int) -> None:
        if name not in self._maps:  # what the program did not say it would print
            self._note("other-maps", number)
            return
        parts = self._maps[name]
        if not parts:  # a histogram without keys stands there itself
            entries = [("", entries)]
        for spelled, value in entries:
            try:
                key = read_key(raw_bytes(spelled), parts)
                self._read_entry(name, key, value)
                if key.is_ambiguous:
                    self._note("ambiguous-names", number)
            except (DamagedLineError, ValueError, TypeError, KeyError, AttributeError):
                self._note("damaged", number)

    def _read_entry(self, name: str, key: TraceKey, value: Any) -> None:
        if name == "missed":
            self._told["missed-ends"] += int(value)
        elif name == "short" or name.startswith("short_"):
            # Programs of older versions have one map, with the event as its key.
            event = key.names.get("event", name.removeprefix("short_").encode())
            event = event.replace(b"_", b"-")
            total = dict(value)
            self._put(b"#set-aside short %b %d %d\n" % (event, total["total"], total["count"]))
        elif name.endswith("_hist"):
            head = self._head(b"?", name.removesuffix("_hist"), key)
            self._put(head + b"\n" + _buckets(value) + b".\n")
        elif "waker_stack" in key.stacks:
            self._add_ending(name, key, dict(value))
        else:
            end = b"= %d\n" % value if isinstance(value, int) else _values(dict(value))
            self._put(self._head(b">", name, key) + b"\n" + _body(key) + end)

    def _head(self, mark: bytes, name: str, key: TraceKey) -> bytes:
        event, lock_class, lock = name.replace("_", "-").encode(), b"", b""
        if "flags" in key.numbers:
            event, lock_class = lock_kind(key.numbers["flags"])
            lock = self._names.symbols.variable(key.numbers["address"]).encode()
            if mark == b"?":  # kept for each sort of lock: no stack will tell a name
                lock = lock or lock_class
        if name == "on_cpu" and not key.stacks["stack"] and key.stacks.get("user_stack"):
            event = b"user"
        fields = ((b"name", lock), (b"class", lock_class), (b"exec", key.names.get("exec", b"")))
        shown = [b"%b=%d:%b" % (part, len(text), text) for part, text in fields if text]
        return b" ".join([mark, event, *shown])

    def _add_ending(self, name: str, key: TraceKey, value: dict[str, int]) -> None:
        """Keep waits that somebody ended, added up: the stack is the sleeper's."""
        event = "off-cpu-d" if name.endswith("_d") else "off-cpu"
        stack, waker = (self._stack(key.stacks[part]) for part in ("stack", "waker_stack"))
        waits = Key(event, execname=decode(key.names["exec"]))
        ending = WakeupKey(waits, stack, decode(key.names["waker"]), waker)
        division = WaitSplit(value["total"], 0, value["count"])
        self._endings.append((ending, division))

    def _stack(self, frames: list[bytes]) -> Stack:
        return stack_of(reversed([one for frame in frames for one in self._names[frame]]))

    def _moment(self, head: bytes, frames: bytes, name: bytes) -> bytes:
        if frames not in self._frames:
            found = frames_in(frames, is_kernel=True)
            self._frames[frames] = b"".join(_INDENT + frame + b"\n" for frame in found)
        return b"%b exec=%d:%b\n%b.\n" % (head, len(name), name, self._frames[frames])

    def _put(self, record: bytes) -> None:
        """Hand over a record, many at a time: pieces of one sort of record are read faster."""
        if self._reader is None:
            self._note("before-header", 0)
            return
        self._pending.append(record)
        if len(self._pending) >= _PIECE_RECORDS:
            self._feed(is_last=False)

    def _feed(self, is_last: bool) -> None:
        piece = b"".join(self._pending)
        self._pending.clear()
        assert self._reader is not None
        self._reader.feed(piece, self._fed, is_last)
        self._fed += len(piece)

    def _finish(self, last_line: int) -> ParseResult:
        if self._header is None or self._reader is None:
            raise InputError(
                "bpftrace's JSON, but no #pvprof header in the first lines",
                "what other programs print is read as text: run them without -f json",
            )
        self._feed(is_last=True)
        parsed = self._reader.finish()
        parsed.layout = "bpftrace"
        settle(parsed, self._header, b"", self._file)
        for ending, division in self._endings:
            parsed.add("ns", ending.key, ending.stack, (division.blocked_ns, division.count), 1)
            parsed.endings = {} if parsed.endings is None else parsed.endings
            add_wakeup_sums(parsed.endings, {ending: division})
        parsed.problems.extend(self._problems())
        end_notes(parsed, self._header, self._file, last_line)
        parsed.hex_frames |= self._names.hex_frames
        return parsed

    def _note(self, kind: str, line: int, count: int = 1) -> None:
        self._told[kind] += count
        self._first.setdefault(kind, line)

    def _problems(self) -> Iterator[Problem]:
        for kind, (text, severity) in _PROBLEMS.items():
            if self._told[kind]:
                line = self._first.get(kind, 0)
                yield Problem(kind, text, self._file, line, self._told[kind], severity)


_PROBLEMS: dict[str, tuple[str, Severity]] = {
    "drops": ("records dropped: bpftrace's buffer was full; record with --buffer-mb", "loss"),
    "map-full": ("values not kept: a map was full; record with more --variable-mb", "loss"),
    "lost-stacks": ("stacks lost: their place was taken; their waits have none", "loss"),
    "missed-ends": (
        "waits whose end was not seen: their thread left the CPU again; left out",
        "loss",
    ),
    "damaged": ("lines or keys were damaged and left out", "loss"),
    "cut-off": ("the text ends inside a line, which is left out", "loss"),
    "before-header": ("records before the header were left out", "loss"),
    "ambiguous-names": ("names of processes with commas: where one ends is guessed", "warning"),
    "unknown-mark": ("lines of an unknown word behind # were skipped", "note"),
    "other-maps": ("maps that the program did not announce were skipped", "note"),
}


def parse_bpftrace_stderr(lines: list[str], file: str) -> Iterator[Problem]:
    """Yield what bpftrace said on stderr besides what it always says.

    Stacks that were lost while it ran are in its output, and counted there.
    """
    said = Counter(line.strip() for line in lines if line.strip())
    for line, count in said.items():
        if not _USUAL_STDERR.fullmatch(line):
            text = f"bpftrace: {line.removeprefix('ERROR: ').removeprefix('WARNING: ')}"
            yield Problem("bpftrace-message", text, file, count=count)


def _body(key: TraceKey) -> bytes:
    kernel, user = key.stacks["stack"], key.stacks.get("user_stack", [])
    between = [DELIMITER.encode()] if kernel and user else []
    return b"".join(line + b"\n" for line in (*kernel, *between, *user))


def _values(value: dict[str, int]) -> bytes:
    return b"= %d %d\n" % (value["total"], value["count"])


def _buckets(rows: Any) -> bytes:
    head = b"           value  ------------- Distribution ------------- count\n"
    found = [dict(row) for row in rows]
    return head + b"".join(
        b"%16d |%40s %d\n" % (row.get("min", 0), b"", row["count"]) for row in found
    )
