"""Which lines of a sample are those of ``perf script``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto

from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.perf.frame_lines import frame_in_column_0, frame_of
from pvprof.parse.linux.perf.heads import HeadForm, find_forms, head_reader
from pvprof.parse.linux.perf.other_lines import is_passed_over, read_other
from pvprof.parse.recognition.explanation import FITS, NOTHING, OWN, Explanation
from pvprof.parse.recognition.sample import Sample


class _PerfLine(Enum):
    """What a line is, seen alone."""

    BLANK = auto()
    COMMENT = auto()
    HEAD = auto()
    OTHER_RECORD = auto()  # perf's own, or a message
    OF_RECORD = auto()  # a frame, a line of source: only below a head
    UNKNOWN = auto()


def explain(sample: Sample) -> Explanation | None:
    """Return which lines are heads of records, lines of their stacks, or perf's own messages.

    A stack explains nothing without a head before it, unless no record of the text has a head.
    """
    forms = find_forms(sample.all_lines)
    if not forms:
        return None
    is_bare = HeadForm.NOTHING in forms
    kinds = LineCache(_classifier(forms, is_bare))
    marks = bytes(_marks(map(kinds.__getitem__, sample.all_lines), sample, is_bare))
    if is_bare and OWN not in marks:
        marks = marks.replace(bytes([FITS]), bytes([OWN]))
    return Explanation(marks)


def _classifier(forms: tuple[HeadForm, ...], is_bare: bool) -> Callable[[bytes], _PerfLine]:
    read_head = head_reader(forms)

    def kind_of(line: bytes) -> _PerfLine:
        if not line.strip():
            return _PerfLine.BLANK
        if line.startswith(b"#"):
            return _PerfLine.COMMENT
        if line[:1] in b" \t" and frame_of(line) is not None:
            return _PerfLine.OF_RECORD
        head, other = read_head(line), read_other(line)
        if head is not None and (head.is_of_event or other is None):
            return _PerfLine.HEAD
        if other is not None:
            return _PerfLine.OTHER_RECORD
        is_of_record = is_passed_over(line) or frame_in_column_0(line) is not None or is_bare
        return _PerfLine.OF_RECORD if is_of_record else _PerfLine.UNKNOWN

    return kind_of


def _marks(kinds: Iterator[_PerfLine], sample: Sample, is_bare: bool) -> Iterator[int]:
    """Yield the mark of each line, by what came before it."""
    is_in_record, is_after_other = is_bare, False
    for line, kind in zip(sample.all_lines, kinds, strict=True):
        if kind is _PerfLine.HEAD:
            is_in_record, is_after_other = True, False
            yield OWN
        elif kind is _PerfLine.OTHER_RECORD:
            is_in_record, is_after_other = is_bare, True
            yield FITS
        elif kind is _PerfLine.BLANK:
            is_in_record, is_after_other = (is_in_record if line else is_bare), False
            yield NOTHING
        else:
            is_expected = is_in_record and kind is _PerfLine.OF_RECORD
            is_more = is_after_other and line.startswith(b"\t")
            yield FITS if kind is _PerfLine.COMMENT or is_expected or is_more else NOTHING
