r"""The output of ``perf script``: ``sched:sched_switch`` (off-CPU) and samples (on-CPU).

::

    dash  9545/9545  [001] 48783.113365492:  1 sched:sched_switch: prev_comm=dash prev_pid=9545
            prev_prio=120 prev_state=S ==> next_comm=sleep next_pid=9546 next_prio=120 (one line)
        ffffffff821f94c3 schedule+0x23 ([kernel.kallsyms])
                  ee137 read+0x7 (/usr/lib/x86_64-linux-gnu/libc.so.6)

    dash  9545 [001] 48783.114000000:    2004008 cpu-clock:ppp:

Process, thread, CPU, seconds, period, event, the event's arguments; then the stack, leaf first. The
process id, CPU and period may be missing, as may the last three digits of the time (``--ns`` prints
them). Without ``-g`` the first line ends in the only frame; with ``-F ...,ip,sym`` frames have
no modules. Older versions print switches as ``dash:9545 [120] S ==> sleep:9546
[120]``.

A thread that is switched out waits until it is switched in: off-CPU, or, if it was preempted, for a
CPU. ``sched:sched_waking`` tells which thread ended that. ``sched:sched_wakeup`` counts only if
there is none of it: the kernel sends the same wake-up twice, as the waker decides (waking) and when
the other thread is queued, which another CPU may do in an interrupt (wakeup). Switches go to the
recorder of waits that pvprof's own grammar fills, so the same code joins and judges them. All other
events but tracepoints are samples of the code that ran. A name of a process may hold anything but a
newline.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pvprof.errors import quote
from pvprof.model.clocks import Clocks
from pvprof.model.mechanisms import off_cpu
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Stack, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.tracing_frames import without_tracing_frames
from pvprof.parse.native.settle import join_waits
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.native.wait_rows import Sleep, WakeRecord
from pvprof.parse.problem_counts import Tally
from pvprof.parse.recognition.explanation import records_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode

_HEAD = re.compile(
    rb"[ ]*(\S.*?)\s+(-?[0-9]+)(?:/(-?[0-9]+))?\s+(?:\[([0-9]+)\]\s+)?"
    rb"([0-9]{1,10})\.([0-9]{6,9}):\s+(?:([0-9]+)\s+)?"
    rb"([A-Za-z_][\w.,=/-]*(?::[\w.,=/-]+)*):(?:[ \t]|$)"
)
# A frame behind the arguments of an event that was recorded without stacks.
_LEAF = rb"(?:\s+([0-9a-f]{4,16} \S.*))?\s*"
_SWITCH = re.compile(
    rb"\s*prev_comm=(.*) prev_pid=(-?[0-9]+) prev_prio=-?[0-9]+ prev_state=(\S+)"
    rb" ==> next_comm=.* next_pid=(-?[0-9]+) next_prio=-?[0-9]+" + _LEAF
)
_OLD_SWITCH = re.compile(
    rb"\s*(.*):([0-9]+) \[-?[0-9]+\] (\S+) ==> .*:([0-9]+) \[-?[0-9]+\]" + _LEAF
)
_WAKEUP = re.compile(
    rb"\s*(?:comm=)?.*(?: pid=|:)(-?[0-9]+) (?:prio=-?[0-9]+|\[-?[0-9]+\])"
    rb"(?: success=[01])?(?: (?:target_cpu=|CPU:)[0-9]+)?" + _LEAF
)
_SAMPLE = re.compile(rb"\s*([0-9a-f]{4,16} \S.*)?\s*")
_FRAME = re.compile(rb"\s+([0-9a-f]+) (.*?) \((.*)\)\s*")
_BARE_FRAME = re.compile(rb"\s+([0-9a-f]+) (\S.*?)\s*")
_KERNEL_ADDRESS = re.compile(rb"ffff[0-9a-f]{12}")
_LOST = re.compile(
    rb".*PERF_RECORD_LOST(?:_SAMPLES)?\s+lost\s+([0-9]+).*|.*LOST ([0-9]+) events!.*"
)
_MODULE = re.compile(rb"\[([\w-]+)\]")
_MODULE_FILE = re.compile(rb"(?:.*/)?([^/]+)\.ko(?:\.[a-z0-9]+)?")
_VMLINUX = b"vmlinux"
_DELIMITER = DELIMITER.encode()
_MAX_FRAME_LINES = 1 << 17  # lines that are no frames are looked up, too, and hardly repeat
_NO_MODULES = (b"[vdso]", b"[vsyscall]", b"[unknown]", b"[heap]", b"[stack]", b"//anon")
_SWITCH_EVENT = b"sched:sched_switch"
_WAKING_EVENT, _WAKEUP_EVENT = b"sched:sched_waking", b"sched:sched_wakeup"
_MODIFIED = re.compile(rb"[^:]+:[ukhGHpPSDIeW]+")  # an event of samples with its modifiers
_EXITED = (b"X", b"Z", b"x")


@dataclass(slots=True)
class _Record:
    """A head, and the frames below it, leaf first."""

    execname: bytes
    tid: int
    pid: int
    cpu: int
    time_ns: int
    event: bytes
    arguments: bytes
    line: int
    frames: list[bytes] = field(default_factory=list)
    kernel_count: int = 0  # number of frames of the kernel, which come first


class PerfReader:
    """Reads a whole text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._frames = LineCache(_frames_of, _MAX_FRAME_LINES)
        self._keys = LineCache(_parse_key)
        self._stacks: dict[tuple[bool, bytes], Stack] = {}
        self._recorder = WaitRecorder(source.frame_names)
        self._tally = Tally(source.name)
        self._samples: list[tuple[bytes, bytes, Stack]] = []
        self._tracepoints: Counter[str] = Counter()
        self._wakeups: list[tuple[WakeRecord, Key, Stack, int]] = []
        self._has_waking = False
        self._repeated: list[Problem] = []
        self._damage: dict[str, Problem] = {}
        self._first_ns = self._last_ns = -1
        self._seen = 0

    def read(self) -> ParseResult:
        """Return the result."""
        data = self._source.text()
        record: _Record | None = None
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            is_frame = record is not None and self._read_frame(record, line)
            if is_frame or line.startswith(b"#"):
                continue
            if record is not None:
                self._add(record)
            is_last = number == len(lines)
            record = self._read_head(line, number, is_last) if line.strip() else None
        if record is not None:
            has_stack = bool(record.frames)
            self._add(record)
            if has_stack or b"" in lines:  # records with stacks end in an empty line
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
        head = _HEAD.match(line)
        if head is None:
            kind = "cut-off" if is_last else "bad-line"
            text = f"neither an event nor a frame: {quote(decode(line.strip()))}; left out"
            self._note(kind, text, number)
            return None
        execname, pid, tid, cpu, seconds, fraction, _, event = head.groups()
        time_ns = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0"))
        arguments = line[head.end() :]
        cpu_number = -1 if cpu is None else int(cpu)
        thread = int(tid if tid is not None else pid)
        return _Record(
            execname, thread, int(pid), cpu_number, time_ns, event.rstrip(b":"), arguments, number
        )

    def _read_frame(self, record: _Record, line: bytes) -> bool:
        """Add a line of a stack to its record; return False for any other line."""
        parsed = self._frames[line]
        if parsed is None:
            return False
        frames, is_kernel = parsed
        record.frames += frames
        if is_kernel:
            record.kernel_count = len(record.frames)
        return True

    def _add(self, record: _Record) -> None:
        self._seen += 1
        self._last_ns = max(self._last_ns, record.time_ns)
        first = self._first_ns
        self._first_ns = record.time_ns if first < 0 else min(first, record.time_ns)
        if record.event == _SWITCH_EVENT:
            self._add_switch(record)
        elif record.event in (_WAKING_EVENT, _WAKEUP_EVENT):
            self._add_wakeup(record)
        elif b":" in record.event and not _MODIFIED.fullmatch(record.event):
            self._tracepoints[decode(record.event)] += 1
        else:
            match = _SAMPLE.fullmatch(record.arguments)
            self._add_leaf(record, match[1] if match else b"")
            stack = self._stack(record, is_sample=True)
            self._samples.append((record.execname, record.event, stack))

    def _add_switch(self, record: _Record) -> None:
        match = _SWITCH.fullmatch(record.arguments) or _OLD_SWITCH.fullmatch(record.arguments)
        if match is None:
            self._note("bad-line", _without_arguments("switch", record), record.line)
            return
        execname, prev, state, following, leaf = match.groups()
        self._add_leaf(record, leaf)
        prev_tid, next_tid, cpu = int(prev), int(following), max(record.cpu, 0)
        if prev_tid > 0 and not state.startswith(_EXITED):
            mechanism = off_cpu(state.startswith(b"D"))
            mechanism = "runq-preempted" if state.startswith(b"R") else mechanism
            sleep = Sleep(record.time_ns, prev_tid, max(record.pid, 0), cpu)
            key = self._keys[mechanism, execname]
            self._check(self._recorder.add_sleep(sleep, key, self._stack(record)), record.line)
        if next_tid > 0:
            self._check(self._recorder.add_return(record.time_ns, next_tid), record.line)

    def _add_wakeup(self, record: _Record) -> None:
        match = _WAKEUP.fullmatch(record.arguments)
        if match is None:
            self._note("bad-line", _without_arguments("wake-up", record), record.line)
            return
        self._add_leaf(record, match[2])
        sleeper, waker = int(match[1]), max(record.tid, 0)
        wake = WakeRecord(record.time_ns, sleeper, waker, max(record.cpu, 0))
        key = self._keys["wakeup", record.execname]
        if record.event == _WAKEUP_EVENT:
            self._wakeups.append((wake, key, self._stack(record), record.line))
            return
        self._has_waking = True
        self._check(self._recorder.add_wake(wake, key, self._stack(record)), record.line)

    def _add_leaf(self, record: _Record, leaf: bytes | None) -> None:
        """Add the frame in the first line of a record, unless frames follow."""
        if leaf and not record.frames:
            self._read_frame(record, b"\t" + leaf)

    def _settle_wakeups(self) -> None:
        """Add the wake-ups of ``sched_wakeup``, unless ``sched_waking`` has told them already."""
        if not self._has_waking:
            for wake, key, stack, line in self._wakeups:
                self._check(self._recorder.add_wake(wake, key, stack), line)
        elif self._wakeups:
            text = "records of sched:sched_wakeup: sched:sched_waking tells the same wake-ups"
            count = len(self._wakeups)
            self._repeated.append(
                Problem("other-events", text, self._file, count=count, severity="note")
            )

    def _check(self, is_added: bool, line: int) -> None:
        if not is_added:
            text = "events were left out: a number is too large"
            self._tally.add("damaged", text, "loss", lambda: line)

    def _stack(self, record: _Record, is_sample: bool = False) -> Stack:
        """Return the stack of a record, root first, user frames set off from the kernel's."""
        kernel, user = record.frames[: record.kernel_count], record.frames[record.kernel_count :]
        between = [_DELIMITER] if kernel and user else []
        raw = b"\n".join([*kernel, *between, *user])
        stack = self._stacks.get((is_sample, raw))
        if stack is None:
            own = kernel if is_sample else without_tracing_frames(kernel)
            frames = [*own, *between, *user]
            names = [name for frame in frames for name in self._names[frame]]
            stack = self._stacks[is_sample, raw] = stack_of(reversed(names))
        return stack

    def _note(self, kind: str, text: str, line: int, count: int = 1) -> None:
        known = self._damage.get(kind)
        if known is None:
            self._damage[kind] = Problem(kind, text, self._file, line, count, "loss")
        else:
            total = known.count + count
            self._damage[kind] = Problem(kind, known.text, self._file, known.line, total, "loss")

    def _finish(self) -> ParseResult:
        parsed = ParseResult()
        self._settle_wakeups()
        parsed.problems.extend(self._tally.problems())
        switches = self._recorder.finish()
        if switches is not None:
            join_waits(parsed, switches, self._file)
        events = {event for _, event, _ in self._samples}
        for execname, event, stack in self._samples:
            name = decode(event) if len(events) > 1 else ""
            parsed.add("samples", Key("on-cpu", name, decode(execname)), stack, (1,), 1)
        parsed.problems.extend(self._damage.values())
        for name, count in sorted(self._tracepoints.items()):
            text = f"records of the tracepoint {name}: nothing is made of them"
            parsed.problems.append(
                Problem("other-events", text, self._file, count=count, severity="note")
            )
        parsed.problems.extend(self._repeated)
        if self._seen:
            parsed.begin = Clocks(self._first_ns, None)
            parsed.end = Clocks(self._last_ns, None)
        parsed.hex_frames |= self._names.hex_frames
        return parsed


def _without_arguments(what: str, record: _Record) -> str:
    """Return the text of a problem: the arguments of a switch or wake-up cannot be read."""
    if not record.arguments.strip() or _SAMPLE.fullmatch(record.arguments):
        return f"a {what} without its arguments: print them with perf script -F +trace; left out"
    return f"a {what} with arguments of no known form: {quote(decode(record.arguments))}; left out"


def _parse_key(spelled: tuple[str, bytes]) -> Key:
    mechanism, execname = spelled
    return Key(mechanism, execname=decode(execname))


def _frames_of(line: bytes) -> tuple[list[bytes], bool] | None:
    """Return the frames of a line, as the D programs print them, and whether they are the kernel's.

    Returns:
        None for a line that is no frame.
    """
    match = _FRAME.fullmatch(line)
    if match is None:
        return _bare_frame_of(line)
    address, symbol, origin = match.groups()
    if origin == b"inlined":
        return [symbol + b"_[i]"], False
    kernel = _kernel_module(origin)
    if kernel:
        return [b"%b`%b" % (kernel, symbol)], True
    image = origin.rpartition(b"/")[2]
    if symbol.startswith(b"[unknown]"):  # then the address is an offset in the file
        return [b"0x" + address if origin == b"[unknown]" else b"%b`0x%b" % (image, address)], False
    return [b"%b`%b" % (image, symbol)], False


def _bare_frame_of(line: bytes) -> tuple[list[bytes], bool] | None:
    """Return the frame of a line that does not say where it is from; None if it is no frame."""
    match = None if _HEAD.match(line) else _BARE_FRAME.fullmatch(line)
    if match is None:
        return None
    address, symbol = match.groups()
    is_kernel = _KERNEL_ADDRESS.fullmatch(address) is not None
    name = b"0x" + address if symbol == b"[unknown]" else symbol
    return [b"kernel`" + name if is_kernel else name], is_kernel


def _kernel_module(origin: bytes) -> bytes:
    """Return the kernel module of a frame, as the D programs name it, or an empty text."""
    is_vmlinux = origin.rpartition(b"/")[2].startswith(_VMLINUX)
    if origin.startswith((b"[kernel", b"[guest")) or is_vmlinux:
        return b"kernel"
    module = _MODULE.fullmatch(origin)
    if module and origin not in _NO_MODULES:
        return module.group(1) + b".ko"
    file = _MODULE_FILE.fullmatch(origin)
    return file.group(1) + b".ko" if file else b""


LAYOUT = Layout(
    name="perf",
    summary="`perf script` of Linux",
    mode="perf",
    read=lambda source: PerfReader(source).read(),
    explain=records_of(head=_HEAD, body=_BARE_FRAME, anywhere=re.compile(rb"#|" + _LOST.pattern)),
    has_other_output=True,
    states_units="perf script",
)
