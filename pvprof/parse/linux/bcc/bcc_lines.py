"""Which lines of a sample are those of bcc's multi-line output, and its headings."""

from __future__ import annotations

import re

from pvprof.parse.linux.bcc.bcc_records import continues_name, is_whole_record, label_of
from pvprof.parse.recognition.explanation import FITS, NOTHING, OWN, Explanation, new_marks
from pvprof.parse.recognition.sample import Sample

OFF_CPU, SAMPLES, EVENTS = "off-cpu", "samples", "events"
"""What the records below a heading are."""

HEADINGS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"Tracing (?:off-CPU|blocked) time \(us\) (?:of|by) "), OFF_CPU),
    (re.compile(rb"Sampling (?:at [0-9]+ Hertz|every [0-9]+ events) of "), SAMPLES),
    (re.compile(rb"Tracing [0-9]+ functions for \".*\"\.\.\. Hit Ctrl-C to end\."), EVENTS),
)
"""The headings of the tools, and what follows."""

VALUE = re.compile(rb"\s+(-?[0-9]{1,20})\s*")
TALK = re.compile(rb"Detaching\.\.\.|[0-9]{2}:[0-9]{2}:[0-9]{2} *|\^C|WARN(?:ING)?: .*")
_COUNTED = re.compile(rb"    \S.* \[[0-9]{1,10}\]")


def heading_of(line: bytes) -> str:
    """Return the kind of the records below a heading, or an empty text for any other line."""
    return next((kind for pattern, kind in HEADINGS if pattern.match(line)), "")


def explain_bcc(sample: Sample) -> Explanation | None:
    """Return which lines are those of bcc: headings, and the lines of whole records."""
    return _explain(sample) if _has_own(sample) else None


def _explain(sample: Sample) -> Explanation | None:
    marks = new_marks(sample)
    is_counted = False
    pending: list[bytes] = []
    of_pending: list[int] = []  # the indices of its lines
    for index, line in enumerate(sample.all_lines):
        kind = heading_of(line)
        if kind or not line.strip():
            marks[index] = OWN if kind else NOTHING
            is_counted = kind == EVENTS if kind else is_counted
            pending, of_pending = [], []
        elif not line.startswith((b" ", b"\t")):
            marks[index] = FITS if TALK.fullmatch(line) else NOTHING
            if pending and not marks[index] and continues_name(pending[-1], is_counted):
                pending[-1] += b"\n" + line
                of_pending.append(index)
        elif not VALUE.fullmatch(line):
            pending.append(line)
            of_pending.append(index)
        else:
            if is_whole_record(pending, is_counted):
                for at in (*of_pending, index):
                    marks[at] = _mark_in_record(sample.all_lines[at])
            pending, of_pending = [], []
    if OWN not in marks:
        return None
    for index in of_pending:  # the text ends inside a record
        marks[index] = FITS
    return Explanation(bytes(marks))


def _has_own(sample: Sample) -> bool:
    """Tell whether any line may be one that only bcc prints."""
    return any(heading_of(line) or _mark_in_record(line) == OWN for line in sample.distinct)


def _mark_in_record(line: bytes) -> int:
    return OWN if label_of(line) or _COUNTED.fullmatch(line) else FITS
