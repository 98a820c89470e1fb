"""Detect the layouts of aggregations, which have no signature, by the shape of their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvprof.parse.layout import FRAME, Sample
from pvprof.parse.text.histograms import is_histogram_head
from pvprof.parse.text.values import read_values

_INDENTED = re.compile(rb"^ {8,}\S*[^\s\d-]", re.M)
_ROW = re.compile(rb"(?:T )?\S.* -?\d+(?: -?\d+)?\s*$")
_PADDED_ROW = re.compile(rb" +[^\s|][^|]* +-?\d+\s*$")
_HEADER = re.compile(rb"^\s*CPU\s+ID\s+FUNCTION:NAME\s*$", re.M)
_KEY_LINE = re.compile(rb"@?[a-z-]+\|")


def is_classic(sample: Sample) -> bool:
    """Tell whether stacks are indented, or follow dtrace's header."""
    if _INDENTED.search(sample.text) and not _has_only_histograms(sample.lines):
        return True
    return not sample.has_frames and _HEADER.search(sample.text) is not None


def is_thread(sample: Sample) -> bool:
    """Tell whether most values follow a text in a paragraph of their own."""
    if not sample.has_frames:
        return False
    paragraphs = [part.strip(b"\n").split(b"\n") for part in sample.text.split(b"\n\n")]
    valued = [part for part in paragraphs if read_values(part[-1]) is not None]
    own = [part for part in valued if len(part) == 2 and not FRAME.match(part[0])]
    keyed = [part for part in own if _KEY_LINE.match(part[0])]
    return bool(valued) and len(own) - len(keyed) > len(valued) / 2


def is_rows(sample: Sample) -> bool:
    """Tell whether most lines are a key and a number, and there is no stack."""
    if sample.has_frames:
        return False
    texts = [line for line in sample.lines if not line.startswith(b" ")]
    return is_mostly(_ROW, texts) or is_mostly(_PADDED_ROW, sample.lines)


def is_histogram(sample: Sample) -> bool:
    """Tell whether there is a histogram, and no stack."""
    return not sample.has_frames and any(map(is_histogram_head, sample.lines))


def is_keyed(sample: Sample) -> bool:
    """Tell whether there are frames, or any value in a text that is not binary."""
    if sample.has_frames:
        return True
    has_values = any(read_values(line) is not None for line in sample.lines)
    return b"\0" not in sample.text and has_values


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


def _has_only_histograms(lines: Sequence[bytes]) -> bool:
    """Tell whether all indented lines are those of histograms."""
    indented = [line for line in lines if line.startswith(b" " * 8) and b"|" not in line]
    return all(is_histogram_head(line) or read_values(line) for line in indented)
