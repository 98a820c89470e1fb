r"""The first line of a record of ``perf script``: which fields it may have, and their order.

::

    java  4711/4712  [003] U     2026-11-27 18:01:07.123456 48783.113365:  250000 cycles:u: ...
    comm  pid/tid    cpu   misc  tod                        time           period event     rest

``-F`` selects fields, for each type of event by itself, so any may be missing; what is printed has
this order (``process_event`` and ``perf_sample__fprintf_start`` in tools/perf/builtin-script.c).
``VM:  812 VCPU:001`` comes first for guests. perf of Linux 2.6 prints a process and its id as
``java-4711``. The name of a process may hold anything but a newline. So a head is searched for what
no name has: a time, else a process id and an event, else an event. Which of these forms a text has
is decided once, by its beginning (`find_forms`): a line of another form is damaged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from pvprof.parse.linux.perf.frame_lines import is_certain_frame, leaf_start, sample_leaf
from pvprof.parse.linux.perf.other_lines import is_passed_over

NO_NUMBER = -1
"""In place of a number that a head does not have."""

_GUEST = rb"(?:VM: *[0-9]+ )?(?:VCPU:[0-9]+ )?[ \t]*"
_COMM = rb"(\S(?:.*?\S)??)"  # ends in no blank: linear in a run of blanks
_IDS = rb"(-?[0-9]{1,10})(?:/(-?[0-9]{1,10}))?"
_CPU = rb"(?:\s+\[([0-9]{1,9})\])?"
_MISC = rb"(?:\s+[KUHGgMESp]{1,7}(?=\s))?"
# Without a number before it, only its six columns tell it from the name of a process.
_PADDED_MISC = rb"(?=[KUHGgMESp]{1,5} )(?=.{5} )[KUHGgMESp]+ {2,}"
_TIME_OF_DAY = rb"(?:\s+[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{6,9})?"
_TIME = rb"([0-9]{1,10})\.([0-9]{6,9}):"
_PERIOD = rb"(?:\s+([0-9]{1,20})(?=\s))?"
_EVENT = rb"\s*((?:raw 0x)?(?:\w|\[unknown)[^\s]*?):{1,2}(?=[ \t]|$)"

# The usual fields; all others are read more slowly.
_USUAL = re.compile(
    rb"[ ]*(?!VM:|VCPU:)%b[ ]+%b%b\s+%b(?:\s+([0-9]{1,20}))?\s+([^\s:]\S*?):(?=[ \t]|$)"
    % (_COMM, _IDS, _CPU, _TIME)
)
# The same with "-L": eight columns of the name, and the CPU in three without brackets.
_LATENCY = re.compile(
    rb"(.{8}) {1,7}([0-9]{1,10})(?:/([0-9]{1,10}) *)? (?=[ 0-9]{2}[0-9] ) *([0-9]{1,3}) +"
    rb"[0-9]{1,10}\.[0-9]{6,9}:"
)
_TIMED = re.compile(
    rb"%b%b(?:\s+|-)%b%b%b%b\s+%b" % (_GUEST, _COMM, _IDS, _CPU, _MISC, _TIME_OF_DAY, _TIME)
)
_TIMED_WITHOUT_ID = re.compile(
    rb"%b(?:%b\s+)??(?:\[([0-9]{1,9})\]%b\s+|%b)?%b"
    % (_GUEST, _COMM, _MISC + _TIME_OF_DAY, _PADDED_MISC, _TIME)
)
_PERIOD_AND_EVENT = re.compile(_PERIOD + _EVENT)
_PERIOD_ALONE = re.compile(rb"\s+([0-9]{1,20})(?=\s)")
_UNTIMED = re.compile(rb"%b%b(\s+)%b%b%b%b" % (_GUEST, _COMM, _IDS, _CPU + _MISC, _PERIOD, _EVENT))
_UNTIMED_WITHOUT_ID = re.compile(
    rb"%b(?:%b\s+)??(?:\[([0-9]{1,9})\]%b\s+)?(?:([0-9]{1,20})\s+)?([A-Za-z_][^\s]*?):(?=[ \t]|$)"
    % (_GUEST, _COMM, _MISC)
)
_BARE = re.compile(
    rb"%b(?:%b)??(?:(\s*)%b)?%b%b%b\s*" % (_GUEST, _COMM, _IDS, _CPU, _MISC, _PERIOD)
)

# What ftrace prints before the time: "sh-4711  [001] d..2.", with letters for its flags.
_FTRACE = re.compile(rb"\S.*-[0-9]+ .*\[[0-9]+\] [\w.]{4,6}")
_TRACEPOINT = re.compile(rb"[a-z0-9]\w*:[a-z]\w+")
_CPU_AT_END = re.compile(rb"(?:^|\s)\[[0-9]+\]$")  # then the number behind it is no id
_ONLY_IDS = re.compile(_IDS)
# Every head with a time has this, and every head with an event that: a search for it takes a
# hundredth of the time in which the expressions above fail on a long line.
_ANY_TIME = re.compile(rb"[0-9]\.[0-9]{6,9}:")
_ANY_EVENT = re.compile(rb":(?=[ \t]|$)")

_MAX_PID = 1 << 22  # PID_MAX_LIMIT of the kernel
_PERIOD_COLUMNS = 10
_ADDRESS_COLUMNS = 16
_MIN_SHARE = 0.9
_MAX_SAMPLE_LINES = 5000


class PerfHead(NamedTuple):
    """The fields of the first line of a record; numbers that it lacks are `NO_NUMBER`.

    Attributes:
        execname, event: empty if the line lacks them.
        pid: unknown if a single number is printed, as perf does by default (``comm,tid``).
        rest: the text after the event: arguments, or a frame.
    """

    execname: bytes
    pid: int
    tid: int
    cpu: int
    time_ns: int
    period: int
    event: bytes
    rest: bytes

    @property
    def is_of_event(self) -> bool:
        """Tell whether it names an event: perf's own records and metrics have heads, too."""
        return bool(self.event) and not self.event.startswith((b"PERF_RECORD_", b"metric"))


NO_HEAD = PerfHead(b"", NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER, b"", b"")
"""The head of a record of which only the stack is printed (``-F ip,sym``)."""


class HeadForm(Enum):
    """What the heads of a text have that tells them from other lines."""

    TIME_AND_EVENT = auto()
    TIME = auto()
    EVENT = auto()
    NOTHING = auto()


def _number(digits: bytes | None) -> int:
    return NO_NUMBER if digits is None else int(digits)


def _is_period(blanks: bytes, digits: bytes) -> bool:
    """Tell whether a single number is a period: it takes ten columns, and ids are smaller."""
    return len(blanks) + len(digits) >= _PERIOD_COLUMNS or int(digits) > _MAX_PID


def _ids_without_name(execname: bytes | None) -> tuple[bytes, bytes | None, bytes | None]:
    """Return name, process and thread of what comes first: ids without a name (``-F tid,time``)."""
    match = _ONLY_IDS.fullmatch(execname or b"")
    if match is None:
        return execname or b"", None, None
    return b"", match[1], match[2]


def _process_and_thread(first: bytes | None, second: bytes | None) -> tuple[int, int]:
    """Return the ids that a head has: of one number that of the thread, which perf prints alone."""
    return (NO_NUMBER, _number(first)) if second is None else (_number(first), int(second))


def _timed_head(line: bytes) -> PerfHead | None:
    """Return the head of a line with a time."""
    if _ANY_TIME.search(line) is None:
        return None
    match = _USUAL.match(line)
    if match is not None:
        execname, pid, tid, cpu, seconds, fraction, period, event = match.groups()
        if cpu is None and b" " in execname:
            latency = _LATENCY.match(line)
            if latency is not None:
                execname, pid, tid, cpu = latency.groups()
                execname = execname.strip()
        return PerfHead(
            execname,
            NO_NUMBER if tid is None else int(pid),
            int(pid if tid is None else tid),
            NO_NUMBER if cpu is None else int(cpu),
            int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0")),
            NO_NUMBER if period is None else int(period),
            event,
            line[match.end() :],
        )
    return _other_timed_head(line)


def _other_timed_head(line: bytes) -> PerfHead | None:
    """Return the head of a line with a time, and any fields."""
    match = _TIMED.match(line)
    if match is not None:
        execname, pid, tid, cpu, seconds, fraction = match.groups()
    else:
        match = _TIMED_WITHOUT_ID.match(line)
        if match is None:
            return None
        execname, cpu, seconds, fraction = match.groups()
        if _FTRACE.fullmatch(execname or b""):
            return None
        execname, pid, tid = _ids_without_name(execname)
    time_ns = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0"))
    end, period, event = match.end(), None, b""
    named = _PERIOD_AND_EVENT.match(line, end)
    if named is not None:
        end, (period, event) = named.end(), named.groups()
    elif len(line[end:].rstrip()) < _ADDRESS_COLUMNS or sample_leaf(line[end:]) is None:
        # an address may have decimal digits only
        alone = _PERIOD_ALONE.match(line, end)
        end, period = (end, None) if alone is None else (alone.end(), alone[1])
    return PerfHead(
        execname,
        *_process_and_thread(pid, tid),
        _number(cpu),
        time_ns,
        _number(period),
        event,
        line[end:],
    )


def _untimed_head(line: bytes) -> PerfHead | None:
    """Return the head of a line with an event, but without a time."""
    if _ANY_EVENT.search(line) is None or is_passed_over(line):  # "insn: 89 c2" looks like one
        return None
    match = _UNTIMED.match(line)
    if match is not None and not _CPU_AT_END.search(match[1]):
        execname, blanks, pid, tid, cpu, period, event = match.groups()
        if period is None and tid is None and cpu is None and _is_period(blanks[1:], pid):
            period = pid
            execname, pid, tid = _ids_without_name(execname)
    else:
        match = _UNTIMED_WITHOUT_ID.match(line)
        if match is None:
            return None
        execname, cpu, period, event = match.groups()
        execname, pid, tid = _ids_without_name(execname)
        is_first = period is not None and not line[: match.start(3)].strip()
        if is_first and not _is_period(line[: match.start(3)], period):
            pid, period = period, None
    ids = _process_and_thread(pid, tid)
    numbers = (*ids, _number(cpu), NO_NUMBER, _number(period))
    return PerfHead(execname, *numbers, event, line[match.end() :])


def bare_head(line: bytes) -> PerfHead:
    """Return the head of a line that has no time and no event: maybe a process, ids, a frame."""
    start = leaf_start(line)
    text, leaf = line[:start], line[start:]
    match = _BARE.fullmatch(text)
    if match is None:
        return NO_HEAD._replace(execname=text.strip(), rest=leaf)
    execname, blanks, pid, tid, cpu, period = match.groups()
    if pid is not None and tid is None and _is_period((blanks or b"")[1:], pid):
        period = pid
        execname, pid, tid = _ids_without_name(execname)
    ids = _process_and_thread(pid, tid)
    numbers = (*ids, _number(cpu), NO_NUMBER, _number(period))
    return PerfHead(execname or b"", *numbers, b"", leaf)


def head_reader(forms: Sequence[HeadForm]) -> Callable[[bytes], PerfHead | None]:
    """Return the function that reads heads of these forms; none reads bare heads."""
    readers = [reader for form, reader in _READERS.items() if form in forms]
    if len(readers) == 1:
        return readers[0]

    def read_any(line: bytes) -> PerfHead | None:
        heads = (reader(line) for reader in readers)
        return next((head for head in heads if head is not None), None)

    return read_any


def _timed_head_of_event(line: bytes) -> PerfHead | None:
    """Return the head of a line with a time and an event."""
    head = _timed_head(line)
    return head if head is not None and head.event else None


_READERS: dict[HeadForm, Callable[[bytes], PerfHead | None]] = {
    HeadForm.TIME_AND_EVENT: _timed_head_of_event,
    HeadForm.TIME: _timed_head,
    HeadForm.EVENT: _untimed_head,
}


def find_forms(lines: Sequence[bytes]) -> tuple[HeadForm, ...]:
    """Return the forms of the heads in the beginning of a text; empty if it has no record.

    A head with a time and an event is enough. Any other line is a head only if it has a frame, in
    itself or in the next line, or if nearly all lines are heads.
    """
    seen: Counter[HeadForm] = Counter()
    sure: set[HeadForm] = set()
    frames = count = 0
    is_frame, is_left_out, form_of = cache(is_certain_frame), cache(_is_left_out), cache(_form_of)
    for line, following in pairwise((*lines[:_MAX_SAMPLE_LINES], b"")):
        if is_left_out(line):
            continue
        count += 1
        if is_frame(line):
            frames += 1
            continue
        form, is_sure = form_of(line, is_frame(following))
        if form is not None:
            seen[form] += 1
            sure |= {form} if is_sure else set()
    if not sure and seen:
        form, number = seen.most_common(1)[0]
        sure = {form} if number >= _MIN_SHARE * count else set()
    if sure != {HeadForm.NOTHING} and HeadForm.NOTHING in sure:
        sure.remove(HeadForm.NOTHING)
    if sure == {HeadForm.NOTHING} and frames + seen[HeadForm.NOTHING] < count:
        return ()
    if not sure and frames == count > 0:
        sure = {HeadForm.NOTHING}
    return tuple(form for form in HeadForm if form in sure)


def _is_left_out(line: bytes) -> bool:
    return not line.strip() or line.startswith(b"#") or is_passed_over(line)


def _form_of(line: bytes, is_above_frame: bool) -> tuple[HeadForm | None, bool]:
    """Return the form that a line has, if it is a head, and whether it is one for sure."""
    has_frame = is_above_frame or leaf_start(line) < len(line.rstrip())
    head = _timed_head(line)
    if head is not None:
        form = HeadForm.TIME_AND_EVENT if head.event else HeadForm.TIME
        return form, bool(head.event) or has_frame
    head = _untimed_head(line)
    if head is not None:
        is_event = line.endswith(b": ") or _TRACEPOINT.fullmatch(head.event) is not None
        is_head = has_frame or (head.tid != NO_NUMBER and is_event)
        return (HeadForm.EVENT if is_head else None), has_frame
    return (HeadForm.NOTHING, True) if has_frame else (None, False)
