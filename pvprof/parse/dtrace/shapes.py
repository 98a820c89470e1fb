"""Detect the layouts of aggregations, which have no signature, by the shape of their lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pvprof.parse.dtrace.aggregate_lines import explain_records, is_message
from pvprof.parse.recognition.explanation import ANY_TEXT, FITS, OWN, Explanation, new_marks
from pvprof.parse.recognition.sample import FRAME, Sample
from pvprof.parse.text.histograms import is_histogram_head, read_histogram_row
from pvprof.parse.text.probe_rows import HEADER, HEADER_ROW
from pvprof.parse.text.values import read_values, split_row

_INDENTED = re.compile(rb"^ {8,}\S*[^\s\d-]", re.M)
_ROW = re.compile(rb"(?!#[a-z])(?:T )?\S.* -?\d{1,30}(?: -?\d{1,30})?\s*$")
_PADDED_ROW = re.compile(rb" +[^\s|][^|]*(?<= )-?\d{1,30}\s*$")
_VALUES = re.compile(rb"[ \t]*-?\d{1,30}(?: -?\d{1,30})?[ \t\r]{0,20}$")
_ONLY_NUMBERS = re.compile(rb"\s*[\d.,-]+[KMGT]?(?:\s+[\d.,-]+[KMGT]?){4,}\s*$")
_FLOW = re.compile(rb"\s*\d+ +(?:=>|->|<-|<=) ")
_EVENT = re.compile(rb"[A-Z] -?\d")  # of the layout events
_KEY_LINE = re.compile(rb"@?[a-z-]+\|")


def _is_classic(sample: Sample) -> bool:
    """Tell whether stacks are indented, or follow dtrace's header."""
    frames = [line for line in sample.lines if FRAME.match(line)] if sample.has_frames else []
    if sum(1 for line in frames if line[:1] != b" ") * 2 > len(frames):
        return False  # then an indented text is a padded key: printa("%20s%k%@d\n", ...)
    if _INDENTED.search(sample.text) and not _has_only_histograms(sample.lines):
        return True
    return not sample.has_frames and any(map(HEADER.match, sample.distinct))


def _is_actions(sample: Sample) -> bool:
    """Tell whether most stacks follow a row of dtrace's header and have no value."""
    if not sample.has_frames:
        return False
    single_stacks = sums = 0
    for probe, lines in _blocks(sample.lines):
        if not any(map(is_frame_alone, lines)):
            continue
        values = sum(number for line, number in Counter(lines).items() if has_value(line))
        # After its stack, an event of a function's probe may print a number.
        if not values or (values == 1 and not probe.startswith(b":")):
            single_stacks += 1
        else:
            sums += 1
    return single_stacks > max(sums, 1)  # a single one may be a record that was cut off


def _blocks(lines: Sequence[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield the probe of each row of dtrace's header, and the lines below it."""
    probe = b""
    block: list[bytes] = []
    for line in lines:
        row = HEADER_ROW.match(line)
        if row or HEADER.match(line):
            if probe:
                yield probe, block
            probe, block = (row[1] if row else b""), []
        else:
            block.append(line)
    if probe:
        yield probe, block


def is_frame_alone(line: bytes) -> bool:
    """Tell whether a line is a frame, and no row with a value or of a histogram."""
    is_like_frame = FRAME.match(line) or (line.startswith(b" " * 8) and b"|" not in line)
    return bool(is_like_frame) and not has_value(line) and not is_histogram_head(line)


def has_value(line: bytes) -> bool:
    """Tell whether a line ends in a value: it has nothing else, or a key before it."""
    row = split_row(line)
    return read_values(line) is not None or (row is not None and row[2])


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


def explain_actions(sample: Sample) -> Explanation | None:
    """Explain stacks without values, below rows of dtrace's header."""
    if not _is_actions(sample):
        return None
    marks = new_marks(sample)
    is_in_event = False
    for index, line in enumerate(sample.all_lines):
        if HEADER_ROW.match(line) or HEADER.match(line):
            is_in_event = True
            marks[index] = OWN
        elif line.strip() and is_in_event:
            is_fit = read_values(line) is not None or is_message(line)
            marks[index] = OWN if is_frame_alone(line) else FITS if is_fit else ANY_TEXT
    return Explanation(bytes(marks))


def explain_thread(sample: Sample) -> Explanation | None:
    """Explain stacks whose key is in a paragraph of its own, with the value."""
    return explain_records(sample, is_indented=False) if _is_thread(sample) else None


def explain_keyed(sample: Sample) -> Explanation | None:
    """Explain stacks without indentation, and values of a key without a stack."""
    has_values = b"\0" not in sample.text and any(map(_VALUES.match, sample.distinct))
    if not (sample.has_frames or has_values):
        return None
    return explain_records(
        sample, is_indented=False, values_after_text=has_values_after_text(sample.start)
    )


def explain_histogram(sample: Sample) -> Explanation | None:
    """Explain histograms, if there is no stack."""
    if sample.has_frames or not any(map(is_histogram_head, sample.distinct)):
        return None
    return explain_records(sample, is_indented=False)


def explain_rows(sample: Sample) -> Explanation | None:
    """Explain lines of a key and a number, if most lines are such and there is no stack.

    A key may be a function.
    """
    frames = [line for line in sample.distinct if FRAME.match(line)] if sample.has_frames else []
    if not all(_ROW.match(line.lstrip()) for line in frames) or any(
        map(_FLOW.match, sample.distinct)
    ):
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


def has_values_after_text(start: bytes) -> bool:
    """Tell whether values are in one line with the text below a stack, not in their own."""
    lines = [line for line in start.split(b"\n") if line.strip()]
    distinct = set(lines)
    known_rows = {line for line in distinct if split_row(line) is not None}
    known_frames = {line for line in distinct - known_rows if FRAME.match(line)}
    known_values = {line for line in distinct if read_values(line) is not None}
    pairs = zip(lines[1:], lines, strict=False)
    rows = sum(
        1
        for line, before in pairs
        if before in known_frames and line in known_rows and not _EVENT.match(line)
    )
    values = sum(1 for line in lines if line in known_values)
    frames = sum(1 for line in lines if line in known_frames)
    return rows > values and (rows + frames) * 2 > len(lines)


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
