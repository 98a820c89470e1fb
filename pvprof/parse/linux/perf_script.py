r"""What ``perf script`` prints, of ``sched:sched_switch`` (off-CPU) and of samples (on-CPU).

::

    dash  9545/9545  [001] 48783.113365492:  1 sched:sched_switch: prev_comm=dash prev_pid=9545
            prev_prio=120 prev_state=S ==> next_comm=sleep next_pid=9546 next_prio=120 (one line)
        ffffffff821f94c3 schedule+0x23 ([kernel.kallsyms])
                  ee137 read+0x7 (/usr/lib/x86_64-linux-gnu/libc.so.6)

    dash  9545 [001] 48783.114000000:    2004008 cpu-clock:ppp:

Process, thread, CPU, seconds, period, event, what the event tells; then the stack, leaf first. The
process id, CPU and period may lack; so may all but three digits of the nanoseconds (``--ns`` prints
them). Older versions print switches as ``dash:9545 [120] S ==> sleep:9546 [120]``.

A thread that is switched out (but by preemption, which is waiting for a CPU) waits until it is
switched in; ``sched:sched_wakeup`` says who ended that. Switches become moments of pvprof's own
grammar, which ``native`` reads: so they are joined and judged by the same code. Everything that is
no tracepoint is a sample of what ran. A name of a process may hold anything but a newline.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pvprof.errors import quote
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Frame, stack_of
from pvprof.parse.native.header import Header
from pvprof.parse.native.reader import NativeReader, settle
from pvprof.parse.result import ParseResult
from pvprof.parse.text.frames import FrameNames, decode

_HEAD = (
    rb"[ ]*(\S.*?)\s+(-?[0-9]+)(?:/(-?[0-9]+))?\s+(?:\[([0-9]+)\]\s+)?"
    rb"([0-9]{1,10})\.([0-9]{6,9}):\s+(?:([0-9]+)\s+)?"
    rb"([A-Za-z_][\w.,=/-]*(?::[\w.,=/-]+)*):(?:[ \t]|$)"
)
HEAD = re.compile(_HEAD)
_SWITCH = re.compile(
    rb"\s*prev_comm=(.*) prev_pid=(-?[0-9]+) prev_prio=-?[0-9]+ prev_state=(\S+)"
    rb" ==> next_comm=.* next_pid=(-?[0-9]+) next_prio=-?[0-9]+\s*"
)
_OLD_SWITCH = re.compile(rb"\s*(.*):([0-9]+) \[-?[0-9]+\] (\S+) ==> .*:([0-9]+) \[-?[0-9]+\]\s*")
_WAKEUP = re.compile(rb"\s*(?:comm=)?.*(?: pid=|:)(-?[0-9]+) (?:prio=-?[0-9]+|\[-?[0-9]+\]).*")
_FRAME = re.compile(rb"\s+([0-9a-f]+) (.*?) \((.*)\)\s*")
_LOST = re.compile(
    rb".*PERF_RECORD_LOST(?:_SAMPLES)?\s+lost\s+([0-9]+).*|.*LOST ([0-9]+) events!.*"
)
_MODULE = re.compile(rb"\[([\w-]+)\]")
_MODULE_FILE = re.compile(rb"(?:.*/)?([^/]+)\.ko(?:\.[a-z0-9]+)?")
_VMLINUX = b"vmlinux"
_NO_MODULES = (b"[vdso]", b"[vsyscall]", b"[unknown]", b"[heap]", b"[stack]", b"//anon")
_INDENT = b"              "
_SWITCHES = b"sched:sched_switch"
_WAKEUP_EVENT = b"sched:sched_wakeup"
_MODIFIED = re.compile(rb"[^:]+:[ukhGHpPSDIeW]+")  # a sample's event with modifiers, no tracepoint
_GONE = (b"X", b"Z", b"x")


@dataclass(slots=True)
class _Record:
    """A head, and the frames below it, leaf first."""

    execname: bytes
    tid: int
    pid: int
    cpu: int
    time_ns: int
    event: bytes
    told: bytes
    line: int
    frames: list[bytes] = field(default_factory=list)
    kernel: int = 0  # how many of the frames are the kernel's


class PerfReader:
    """Reads a whole text into a `ParseResult`."""

    def __init__(self, names: FrameNames, file: str) -> None:
        self._names = names
        self._file = file
        self._frames: dict[bytes, tuple[list[bytes], bool] | None] = {}
        self._moments: list[bytes] = []
        self._samples: list[tuple[bytes, bytes, tuple[Frame, ...]]] = []
        self._tracepoints: Counter[str] = Counter()
        self._damage: dict[str, Problem] = {}
        self._first_ns = self._last_ns = -1
        self._seen = 0

    def read(self, data: bytes) -> ParseResult:
        """Return what a text holds."""
        record: _Record | None = None
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            is_frame = record is not None and self._read_frame(record, line)
            if is_frame or line.startswith(b"#"):
                continue
            if record is not None:
                self._take(record)
            is_last = number == len(lines)
            record = self._read_head(line, number, is_last) if line.strip() else None
        if record is not None:
            self._take(record)
            if record.frames or b"" in lines:  # records with stacks end in an empty line
                text = "the last record is not closed: its stack may have been cut short"
                self._damage["open"] = Problem("cut-off", text, self._file, len(lines))
        if not data.endswith(b"\n"):
            text = "the last line may have been cut short"
            problem = Problem("no-final-newline", text, self._file, len(lines))
            self._damage["end"] = problem
        return self._finish()

    def _read_head(self, line: bytes, number: int, is_last: bool) -> _Record | None:
        lost = _LOST.match(line)
        if lost:
            count = int(lost.group(1) or lost.group(2))
            text = "perf lost events: record with larger buffers (-m)"
            self._note("drops", text, number, count)
            return None
        found = HEAD.match(line)
        if found is None:
            kind = "cut-off" if is_last else "bad-line"
            what = f"neither an event nor a frame: {quote(decode(line.strip()))}; left out"
            self._note(kind, what, number)
            return None
        execname, pid, tid, cpu, seconds, fraction, _, event = found.groups()
        time_ns = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0"))
        told = line[found.end() :]
        cpu_number = -1 if cpu is None else int(cpu)
        thread = int(tid if tid is not None else pid)
        return _Record(
            execname, thread, int(pid), cpu_number, time_ns, event.rstrip(b":"), told, number
        )

    def _read_frame(self, record: _Record, line: bytes) -> bool:
        """Take in a line of a stack; tell whether it is one."""
        if line not in self._frames:
            self._frames[line] = _frames_of(line)
        known = self._frames[line]
        if known is None:
            return False
        frames, is_kernel = known
        record.frames += frames
        if is_kernel:
            record.kernel = len(record.frames)
        return True

    def _take(self, record: _Record) -> None:
        self._seen += 1
        self._last_ns = max(self._last_ns, record.time_ns)
        first = self._first_ns
        self._first_ns = record.time_ns if first < 0 else min(first, record.time_ns)
        if record.event == _SWITCHES:
            self._switch(record)
        elif record.event == _WAKEUP_EVENT:
            self._wakeup(record)
        elif b":" in record.event and not _MODIFIED.fullmatch(record.event):
            self._tracepoints[decode(record.event)] += 1
        else:
            stack = tuple(one for raw in _with_delimiter(record) for one in self._names[raw])
            self._samples.append((record.execname, record.event, stack))

    def _switch(self, record: _Record) -> None:
        found = _SWITCH.fullmatch(record.told) or _OLD_SWITCH.fullmatch(record.told)
        if found is None:
            text = f"a switch that tells nothing: {quote(decode(record.told))}; left out"
            self._note("bad-line", text, record.line)
            return
        execname, prev, state, following = found.groups()
        cpu = max(record.cpu, 0)
        if int(prev) > 0 and not state.startswith(_GONE):
            event = b"off-cpu-d" if state.startswith(b"D") else b"off-cpu"
            event = b"runq-preempted" if state.startswith(b"R") else event
            head = b"S %d %d %d %d %b 0 0" % (
                *(record.time_ns, int(prev), max(record.pid, 0), cpu),
                event,
            )
            self._moments.append(_moment(head, execname, record))
        if int(following) > 0:
            self._moments.append(b"R %d %d %d\n" % (record.time_ns, int(following), cpu))

    def _wakeup(self, record: _Record) -> None:
        found = _WAKEUP.fullmatch(record.told)
        if found is None:
            return
        head = b"W %d %d %d %d" % (
            *(record.time_ns, int(found.group(1)), max(record.tid, 0)),
            max(record.cpu, 0),
        )
        self._moments.append(_moment(head, record.execname, record))

    def _note(self, kind: str, text: str, line: int, count: int = 1) -> None:
        known = self._damage.get(kind)
        if known is None:
            self._damage[kind] = Problem(kind, text, self._file, line, count, "loss")
        else:
            total = known.count + count
            self._damage[kind] = Problem(kind, known.text, self._file, known.line, total, "loss")

    def _finish(self) -> ParseResult:
        header = Header("ns", "events", "linux", "perf", 0, 0, ())
        reader = NativeReader(header, self._names, self._file, lambda _place: 0)
        text = b"".join(self._moments)
        reader.feed(text, 0, is_last=True)
        parsed = reader.finish()
        parsed.layout = "perf"
        settle(parsed, header, b"", self._file)
        if not self._moments:
            parsed.events = None
        events = {event for _, event, _ in self._samples}
        for execname, event, frames in self._samples:
            name = decode(event) if len(events) > 1 else ""
            key = Key("on-cpu", name, decode(execname))
            parsed.add("samples", key, stack_of(reversed(frames)), (1,), 1)
        for name, count in sorted(self._tracepoints.items()):
            what = f"records of the tracepoint {name}: nothing is made of them"
            parsed.problems.append(
                Problem("other-events", what, self._file, count=count, severity="note")
            )
        parsed.problems.extend(self._damage.values())
        if self._seen:
            parsed.begin = Clocks(self._first_ns, None)
            parsed.end = Clocks(self._last_ns, None)
        parsed.hex_frames |= self._names.hex_frames
        return parsed


def _moment(head: bytes, execname: bytes, record: _Record) -> bytes:
    frames = b"".join(_INDENT + frame + b"\n" for frame in _with_delimiter(record))
    return b"%b exec=%d:%b\n%b.\n" % (head, len(execname), execname, frames)


def _with_delimiter(record: _Record) -> list[bytes]:
    """Return the frames, leaf first, the user's set off from the kernel's."""
    kernel, user = record.frames[: record.kernel], record.frames[record.kernel :]
    between = [DELIMITER.encode()] if kernel and user else []
    return [*kernel, *between, *user]


def _frames_of(line: bytes) -> tuple[list[bytes], bool] | None:
    """Return a frame as the D programs print it, and whether it is the kernel's."""
    found = _FRAME.fullmatch(line)
    if found is None:
        return None
    address, symbol, place = found.groups()
    if place == b"inlined":
        return [symbol + b"_[i]"], False
    kernel = _kernel_module(place)
    if kernel:
        return [b"%b`%b" % (kernel, symbol)], True
    image = place.rpartition(b"/")[2]
    if symbol.startswith(b"[unknown]"):  # where the symbol lacks, perf prints the place in the file
        return [b"0x" + address if place == b"[unknown]" else b"%b`0x%b" % (image, address)], False
    return [b"%b`%b" % (image, symbol)], False


def _kernel_module(place: bytes) -> bytes:
    """Return the kernel's module that a frame's place is, as the D programs name it, or nothing."""
    if place.startswith((b"[kernel", b"[guest")) or place.rpartition(b"/")[2].startswith(_VMLINUX):
        return b"kernel"
    module = _MODULE.fullmatch(place)
    if module and place not in _NO_MODULES:
        return module.group(1) + b".ko"
    file = _MODULE_FILE.fullmatch(place)
    return file.group(1) + b".ko" if file else b""
