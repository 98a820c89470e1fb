r"""The multi-line output of bcc's offcputime, profile, offwaketime, wakeuptime and stackcount.

::

    Tracing off-CPU time (us) of all threads by user + kernel stack for 2 secs.
                                                the heading: the tool, and its unit
        schedule                                a record: ``bcc_records``
        do_syscall_64
        -                sshd (1234)
            56789

    WARNING: 3 stack traces could not be displayed.

The Python tools and those of libbpf-tools are read. Only headings state the unit, and only a text
of offcputime or profile can be without one: it is taken for times in microseconds if its threads
were leaving their CPU, otherwise for samples. (``-f`` prints folded stacks, without a unit.)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction

from pvprof.errors import quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.model.wakeup_sums import NO_WAKER, WaitSplit, WakeupKey, add_wakeup_sums
from pvprof.parse.layout import Layout
from pvprof.parse.linux.bcc.bcc_frames import is_missed
from pvprof.parse.linux.bcc.bcc_lines import (
    EVENTS,
    OFF_CPU,
    SAMPLES,
    TALK,
    VALUE,
    explain_bcc,
    heading_of,
)
from pvprof.parse.linux.bcc.bcc_records import BccRecord, continues_name, label_of, read_record
from pvprof.parse.linux.kernel_roots import is_kernel_root
from pvprof.parse.linux.tracing_frames import without_tracing_frames
from pvprof.parse.problem_counts import KindCounts
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.parse.text.scale import Rounding
from pvprof.parse.text.values import why_not_measured
from pvprof.units import Unit

_UNITS: dict[str, tuple[Unit, int]] = {
    OFF_CPU: ("ns", 1_000),
    SAMPLES: ("samples", 1),
    EVENTS: ("events", 1),
}
_MECHANISMS: dict[Unit, str] = {"ns": "off-cpu", "samples": "on-cpu"}
_LOST = re.compile(rb"WARNING: ([0-9]{1,18}) stack traces .*could not be displayed")
_TABLE_FULL = b"WARNING: hash table full"
_NEGATIVE = b"WARN: Skipped an event with negative duration"
_USUAL = re.compile(
    r"WARNING: \d+ stack traces |failed to get syms|Could not open |missed kernel stack"
)
_LEAVING = (b"schedule", b"__schedule", b"finish_task_switch")

_PROBLEMS: dict[str, tuple[str, Severity]] = {
    "lost-stacks": ("stacks that bcc lost: their values have none", "loss"),
    "map-full": ("bcc's table was full: values are missing; --hash-storage-size", "loss"),
    "negative-time": ("waits that bcc left out: they seemed to end before they began", "loss"),
    "damaged": ("records are damaged; left out", "loss"),
    "cut-off": ("the text ends inside a record, which is left out", "loss"),
    "no-final-newline": ("the last line may have been cut short", "warning"),
    "guessed-order": (
        "stacks of wakers: their order depends on bcc's release, and their frames do not show it",
        "warning",
    ),
    "bad-line": ("lines that belong to no record were skipped", "note"),
}


class BccReader:
    """Reads a whole text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._counts = KindCounts(source.name, _PROBLEMS)
        self._pending: list[bytes] = []
        self._start = 0
        self._heading = ""
        self._records: Counter[tuple[BccRecord, str]] = Counter()
        self._times: Counter[tuple[BccRecord, str]] = Counter()
        self._reported = 0  # lost stacks, by bcc's own count
        self._missed = 0
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            if line.startswith((b" ", b"\t")) and line.strip():
                self._read_indented(line, number)
            else:
                self._read_other(line, number)
        if self._pending:
            self._counts.add("cut-off", self._start)
        elif not data.endswith(b"\n"):
            self._counts.add("no-final-newline", len(lines))
        return self._finish()

    def _read_indented(self, line: bytes, number: int) -> None:
        value = VALUE.fullmatch(line) if line.rstrip()[-1:].isdigit() else None
        if value is None:
            self._start = self._start if self._pending else number
            self._pending.append(line)
        else:
            self._end_record(int(value[1]), number)

    def _read_other(self, line: bytes, number: int) -> None:
        """Read an empty line, or one that does not begin with a blank."""
        heading = heading_of(line)
        if heading or not line.strip():
            self._drop_pending()
            self._heading = heading or self._heading
            return
        lost = _LOST.match(line)
        is_counted = self._heading == EVENTS
        if lost:
            self._reported += int(lost[1])
        elif line.startswith(_TABLE_FULL):
            self._counts.add("map-full", number)
        elif line.startswith(_NEGATIVE):
            self._counts.add("negative-time", number)
        elif self._pending and continues_name(self._pending[-1], is_counted):
            self._pending[-1] += b"\n" + line
        elif not TALK.fullmatch(line):
            self._counts.add("bad-line", number)

    def _drop_pending(self) -> None:
        """Count the lines of a record that has no value."""
        # libbpf-tools report lost stacks on stderr, which may come before all records.
        if self._pending and all(is_missed(line.strip()) for line in self._pending):
            self._missed += len(self._pending)
        elif self._pending:
            self._counts.add("damaged", self._start)
        self._pending = []

    def _end_record(self, value: int, number: int) -> None:
        record = read_record(self._pending, self._heading == EVENTS)
        if record is None:
            record = self._second_record()
        if record is None:
            self._counts.add("damaged", self._start or number)
        elif (refusal := why_not_measured((value,))) is not None:
            text = f"a value: {refusal.reason}: {quote(str(value))}; left out"
            self._problem(refusal.kind, text, "loss")
        else:
            frames = (*record.kernel, *record.user, *record.waker_frames)
            self._missed += sum(map(is_missed, frames))
            self._records[record, self._heading] += value
            self._times[record, self._heading] += 1
        self._pending, self._start = [], 0

    def _second_record(self) -> BccRecord | None:
        """Return the record behind another one whose value is missing, or None."""
        ends = [at for at, line in enumerate(self._pending[:-1]) if _is_process(line)]
        if not ends:
            return None
        self._counts.add("damaged", self._start)
        return read_record(self._pending[ends[-1] + 1 :], self._heading == EVENTS)

    def _problem(self, kind: str, text: str, severity: Severity) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, severity=severity))

    def _finish(self) -> ParseResult:
        rounding: dict[Unit, Rounding] = {}
        guess = self._guess()
        is_root_first = self._is_root_first()
        for (record, heading), value in self._records.items():
            tool = _tool_of(record, heading) or guess
            unit, scale = self._unit_of(tool)
            exact = value * scale
            whole = rounding.setdefault(unit, Rounding()).whole(exact)
            self._add(record, unit, Weight(whole, 0, self._times[record, heading]), is_root_first)
        for unit, rounded in rounding.items():
            self._parsed.problems.extend(rounded.problems(unit, self._file))
        self._counts.add("lost-stacks", 0, max(self._missed, self._reported))
        if self._parsed.endings:
            text = "offwaketime has no times of wake-ups: all of a wait counts as blocked"
            self._problem("no-split", text, "note")
        self._parsed.problems.extend(self._counts.problems())
        self._parsed.hex_frames |= self._names.hex_frames
        return self._parsed

    def _unit_of(self, tool: str) -> tuple[Unit, Fraction]:
        """Return the unit of a tool's values, and their multiplier; what was given overrides it."""
        options = self._source.options
        if options.unit is not None:
            return options.unit, options.scale
        unit, scale = _UNITS[tool]
        return unit, scale * (options.factor or Fraction(1))

    def _guess(self) -> str:
        """Return the kind of records that have no heading; note what was guessed."""
        unknown = [record for record, heading in self._records if not _tool_of(record, heading)]
        if not unknown:
            return SAMPLES
        is_leaving = [any(_bare(f).startswith(_LEAVING) for f in one.kernel) for one in unknown]
        leaving = sum(is_leaving)
        tool = OFF_CPU if leaving * 10 >= len(unknown) * 9 else SAMPLES
        if self._source.options.unit is None:
            name = {OFF_CPU: "microseconds of offcputime"}.get(tool, "samples of profile")
            text = f"no heading states the unit: taken for {name}; --unit overrides that"
            self._problem("unit", text, "note")
        return tool

    def _is_root_first(self) -> bool:
        """Tell whether wakeuptime's stacks are root first, as from 0.5 to 0.27."""
        stacks = [one.waker_frames for one, _ in self._records if one.tool == "wakeuptime"]
        first = sum(is_kernel_root(_bare(frames[0])) for frames in stacks if frames)
        last = sum(is_kernel_root(_bare(frames[-1])) for frames in stacks if frames)
        if first == last and any(len(frames) > 1 for frames in stacks):
            self._counts.add("guessed-order", 0, len(stacks))
        return first > last

    def _add(self, record: BccRecord, unit: Unit, weight: Weight, is_root_first: bool) -> None:
        name, waker = decode(record.process), decode(record.waker)
        parsed = self._parsed
        if record.tool == "wakeuptime":
            frames = record.waker_frames[:: -1 if is_root_first else 1]
            stack = self._stack(without_tracing_frames(list(frames)))
            key = Key("wakeup", execname=waker, sleeper=name)
        else:
            kernel = list(record.kernel)
            is_wait = unit == "ns"
            kernel = without_tracing_frames(kernel) if is_wait else kernel
            between = [DELIMITER.encode()] if record.user and kernel else []
            stack = self._stack([*kernel, *between, *record.user])
            key = self._with_ids(Key(_MECHANISMS.get(unit, ""), execname=name), record, unit)
        parsed.profile(unit, has_counts=False).add(key, stack, weight)
        parsed.records += weight.records
        if record.tool == "offwaketime":
            waker_stack = self._stack(without_tracing_frames(list(record.waker_frames[::-1])))
            if not waker and not record.waker_frames:  # nothing was seen to wake it
                waker = NO_WAKER
            ending = WakeupKey(key, stack, waker, waker_stack)
            parsed.endings = {} if parsed.endings is None else parsed.endings
            add_wakeup_sums(parsed.endings, {ending: WaitSplit(weight.value, 0, 0)})

    def _with_ids(self, key: Key, record: BccRecord, unit: Unit) -> Key:
        """Return the key with the id of its thread or process, if these are to be kept apart."""
        ids = self._source.options.ids
        if not ids:
            return key
        if unit != "ns":
            return key._replace(pid=record.number)
        return key._replace(tid=record.number) if ids == "tid" else key

    def _stack(self, leaf_first: list[bytes]) -> Stack:
        names: list[Frame] = [name for frame in leaf_first for name in self._names[frame]]
        return stack_of(reversed(names))


def _bare(frame: bytes) -> bytes:
    return frame.removeprefix(b"kernel`")


def _is_process(line: bytes) -> bool:
    label = label_of(line)
    return label is not None and label[0] in (b"-", b"target:")


def _tool_of(record: BccRecord, heading: str) -> str:
    """Return the kind of a record: by the record itself, or by the heading before it."""
    if record.tool in ("offwaketime", "wakeuptime"):
        return OFF_CPU
    return EVENTS if record.tool == "stackcount" else heading


def messages_of_bcc(lines: Iterable[str], file: str) -> Iterator[Problem]:
    """Yield the problems in what a tool of bcc printed on stderr.

    The Python tools print lost stacks in their records, too, where they are counted.
    """
    counts = KindCounts(file, _PROBLEMS)
    others: Counter[str] = Counter()
    for line in map(str.strip, lines):
        if is_missed(line.encode()):
            counts.add("lost-stacks", 0)
        elif line.startswith(_TABLE_FULL.decode()):
            counts.add("map-full", 0)
        elif line.startswith(_NEGATIVE.decode()):
            counts.add("negative-time", 0)
        elif line and not _USUAL.match(line):
            others[line] += 1
    yield from counts.problems()
    for line, count in others.items():
        yield Problem("bcc-message", f"bcc: {line}", file, count=count)


LAYOUT = Layout(
    name="bcc",
    summary="offcputime, profile, offwaketime, wakeuptime and stackcount of bcc, without `-f`",
    read=lambda source: BccReader(source).read(),
    explain=explain_bcc,
    has_other_output=True,
    has_fractions=True,
    read_stderr=messages_of_bcc,
)
