r"""Single waits: one record for each, as the D programs of the bundled recordings print them.

::

    B 261815987980 1795372027596348298                       begin: monotonic and wall clock, ns
    E 261831093548 43041770 13373 100159 0 sh t fffff8004309a880 100107 vm object
                                                             start, wait, pid, tid, cpu,
                  kernel`turnstile_wait+0x332                execname, t(urnstile) or s(leepq),
                  kernel`__rw_wlock_hard+0x3f8               object, owner (0: none), name; then a
                                                             blank line and the stack
    W 881664019048 100060 100010 7 idle                      wake-up: time, sleeper, waker, cpu,
                                                             waker's execname; then a stack
    Z 274726812735 1795372041155037378                       end marker

There are two shorter forms of ``E``: ``start wait tid execname name`` and ``start wait tid cpu
execname|thread|arguments``. Names and process names may hold blanks. Records are in the order of
the per-CPU buffers, not of time. A wake-up ended the wait of its sleeper that contains its time.

``event_records`` reads the records; it needs numpy, and is only imported if a text has this layout.
"""

from __future__ import annotations

import re

from pvprof.errors import UsageError
from pvprof.parse.dtrace.aggregate_lines import explain_records
from pvprof.parse.freed_memory import keep_freed_memory
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.explanation import OWN, Explanation
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource

_RECORD = re.compile(rb"[EW] \d+ -?\d+ \d+ |[BZ] \d+ \d+$")
_RECORD_START = re.compile(rb"\n(?=E \d+ )")


def _explain(sample: Sample) -> Explanation | None:
    """Return which lines are single waits, wake-ups, marks, their stacks, or aggregations below."""
    own = {line for line in sample.distinct if _RECORD.match(line)}
    if not own:
        return None
    others = explain_records(sample, is_indented=True).marks
    lines = zip(sample.all_lines, others, strict=True)
    return Explanation(bytes([OWN if line in own else mark for line, mark in lines]))


def read_events(source: TextSource) -> ParseResult:
    """Read a text of single waits.

    Raises:
        UsageError: ``--unit`` is not ns, or there is a ``--factor``.
    """
    from pvprof.parse.dtrace.event_records import EventReader, settle  # noqa: PLC0415

    if source.options.unit not in (None, "ns") or source.options.scale != 1:
        raise UsageError("--unit, --factor: events are in ns")
    keep_freed_memory(source)
    end = _complete_end(source)
    parsed = source.read_shares(_RECORD_START, end, lambda: EventReader(source))
    settle(parsed, source.data, source.name)
    if parsed.has_begin and not parsed.has_end:
        text = "begin but no end marker: the recording was cut off, its last record may be too"
        parsed.problems.append(source.loss("no-end-marker", text))
    parsed.problems.extend(source.tail_problems(end))
    return parsed


def _complete_end(source: TextSource) -> int:
    """Return the offset up to which records are complete.

    If a last line without a newline is in a stack, the record of that stack is not complete either.
    """
    start = source.last_line_start()
    if bytes(source.data[start : start + 1]) == b" ":
        record: int = source.data.rfind(b"\nE ") + 1
        return record
    return start


LAYOUT = Layout(
    name="events",
    summary="`dscripts/events.d`: one record for each wait; wake-ups",
    read=read_events,
    explain=_explain,
    has_other_output=True,
)
