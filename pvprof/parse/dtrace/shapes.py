"""Detect the layouts of aggregations, which have no signature, by the shape of their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvprof.parse.dtrace.aggregate_lines import explain_records, is_message
from pvprof.parse.recognition.explanation import ANY_TEXT, FITS, OWN, Explanation, new_marks
from pvprof.parse.recognition.sample import FRAME, Sample
from pvprof.parse.text.histograms import is_histogram_head, read_histogram_row
from pvprof.parse.text.values import read_values

_INDENTED = re.compile(rb"^ {8,}\S*[^\s\d-]", re.M)
_ROW = re.compile(rb"(?:T )?\S.* -?\d{1,30}(?: -?\d{1,30})?\s*$")
_PADDED_ROW = re.compile(rb" +[^\s|][^|]* +-?\d{1,30}\s*$")
_VALUES = re.compile(rb"[ \t]*-?\d{1,30}(?: -?\d{1,30})?[ \t\r]*$")
_ONLY_NUMBERS = re.compile(rb"\s*[\d.,-]+[KMGT]?(?:\s+[\d.,-]+[KMGT]?){4,}\s*$")
_HEADER = re.compile(rb"^\s*CPU\s+ID\s+FUNCTION:NAME\s*$", re.M)
_KEY_LINE = re.compile(rb"@?[a-z-]+\|")


def _is_classic(sample: Sample) -> bool:
    """Tell whether stacks are indented, or follow dtrace's header."""
    if _INDENTED.search(sample.text) and not _has_only_histograms(sample.lines):
        return True
    return not sample.has_frames and _HEADER.search(sample.text) is not None


def _is_thread(sample: Sample) -> bool:
    """Tell whether most values follow a text in a paragraph of their own."""
    if not sample.has_frames:
        return False
    paragraphs = [part.strip(b"\n").split(b"\n") for part in sample.text.split(b"\n\n")]
    valued = [part for part in paragraphs if read_values(part[-1]) is not None]
    own = [part for part in valued if len(part) == 2 and not FRAME.match(part[0])]
    keyed = [part for part in own if _KEY_LINE.match(part[0])]
    return bool(valued) and len(own) - len(keyed) > len(valued) / 2


def explain_classic(sample: Sample) -> Explanation | None:
    """Explain stacks as dtrace itself prints them."""
    return explain_records(sample, is_indented=True) if _is_classic(sample) else None


def explain_thread(sample: Sample) -> Explanation | None:
    """Explain stacks whose key is in a paragraph of its own, with the value."""
    return explain_records(sample, is_indented=False) if _is_thread(sample) else None


def explain_keyed(sample: Sample) -> Explanation | None:
    """Explain stacks without indentation, and values of a key without a stack."""
    has_values = b"\0" not in sample.text and any(map(_VALUES.match, sample.distinct))
    if not (sample.has_frames or has_values):
        return None
    return explain_records(sample, is_indented=False)


def explain_histogram(sample: Sample) -> Explanation | None:
    """Explain histograms, if there is no stack."""
    if sample.has_frames or not any(map(is_histogram_head, sample.distinct)):
        return None
    return explain_records(sample, is_indented=False)


def explain_rows(sample: Sample) -> Explanation | None:
    """Explain lines of a key and a number, if most lines are such and there is no stack."""
    if sample.has_frames:
        return None
    texts = [line for line in sample.lines if not line.startswith(b" ")]
    if not (is_mostly(_ROW, texts) or is_mostly(_PADDED_ROW, sample.lines)):
        return None
    marks = new_marks(sample)
    is_in_histogram, text = False, -1
    for index, line in enumerate(sample.all_lines):
        is_row = is_in_histogram and read_histogram_row(line) is not None
        is_in_histogram = is_row or is_histogram_head(line)
        if is_in_histogram:
            marks[index] = FITS if is_row else OWN
            if text >= 0 and not is_row:
                marks[text] = ANY_TEXT
            text = -1
        elif _is_row(line) or is_message(line):
            marks[index] = FITS
        elif line.strip():
            text = index
    return Explanation(bytes(marks))


def has_key_first(start: bytes) -> bool:
    """Tell whether most records begin with a line that is no frame."""
    with_key = without = 0
    is_first, is_key = True, False
    lines = start.split(b"\n")
    for line, following in zip(lines, [*lines[1:], b""], strict=True):
        if not line.strip():
            continue
        if is_first:
            is_key = read_values(line) is None or FRAME.match(following) is not None
            if FRAME.match(line):
                without += 1
            elif is_key:
                with_key += 1
        is_first = read_values(line) is not None and not (is_first and is_key)
    return with_key > without


def is_mostly(pattern: re.Pattern[bytes], lines: Sequence[bytes]) -> bool:
    """Tell whether more than half of the lines match."""
    return sum(1 for line in lines if pattern.match(line)) * 2 > len(lines)


def _is_row(line: bytes) -> bool:
    """Tell whether a line is a key and a number; many numbers are a row of some other table."""
    if _ONLY_NUMBERS.match(line):
        return False
    return (_ROW.match(line) or _PADDED_ROW.match(line)) is not None


def _has_only_histograms(lines: Sequence[bytes]) -> bool:
    """Tell whether all indented lines are those of histograms."""
    indented = [line for line in lines if line.startswith(b" " * 8) and b"|" not in line]
    return all(is_histogram_head(line) or read_values(line) for line in indented)
