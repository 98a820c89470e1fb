"""Layouts of folded stacks: one number in each line, or the two of a differential file.

Owns the decision between them. ``folded_lines`` reads the lines, and shows their form.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import takewhile

from pvprof.model.problems import Problem
from pvprof.model.stacks import DIFFERENTIAL_COMMENT
from pvprof.parse.files.folded_lines import FoldedReader, has_unit_comment, is_comment, is_number
from pvprof.parse.layout import Layout
from pvprof.parse.line_cache import FallBackError
from pvprof.parse.recognition.explanation import FITS, NOTHING, OWN, Explanation
from pvprof.parse.recognition.sample import SAMPLE_BYTES, Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource

DIFFERENTIAL_NEW, DIFFERENTIAL_BASE = "differential", "differential-base"
"""The modes of the two columns of a differential file."""

TWO_COLUMNS = "two-columns"
"""The kind of the problem that every line of a text ends in two numbers."""

# The usual line, of which nothing else need be asked.
_PLAIN = re.compile(rb"(?!#)[!-:<-~]*;[!-~]* [0-9]{1,30}")
_STACKLESS = re.compile(rb" [0-9]+")


def _read_pieces(source: TextSource, reader: FoldedReader) -> ParseResult:
    return source.read_pieces(re.compile(rb"\n"), (0, len(source)), reader)


def _read_lines(source: TextSource, is_differential: bool) -> ParseResult:
    parsed = None
    if not is_differential and len(source) >= source.options.min_table_bytes:
        from pvprof.parse.files.plain_stacks import PlainStacks  # noqa: PLC0415 (numpy)

        with suppress(FallBackError):
            parsed = _read_pieces(source, FoldedReader(source, plain=PlainStacks()))
    parsed = parsed or _read_pieces(source, FoldedReader(source, is_differential))
    parsed.problems.extend(source.tail_problems(len(source)))
    return parsed


def read_folded(source: TextSource) -> ParseResult:
    """Read folded stacks."""
    parsed = _read_lines(source, is_differential=False)
    if not source.options.layout:
        start, end = bytes(source.data[:SAMPLE_BYTES]), bytes(source.data[-SAMPLE_BYTES:])
        doubt = _doubt_of_first_number(start, end if len(source) > SAMPLE_BYTES else start)
        parsed.problems.extend([Problem(TWO_COLUMNS, doubt, source.name)] if doubt else [])
    return parsed


def _doubt_of_first_number(start: bytes, end: bytes) -> str:
    """Return why a line's first number may be no part of its frame, or an empty text.

    Args:
        start: the first bytes of a text.
        end: its last bytes; of a short text both are all of it.
    """
    if has_unit_comment(start):
        return ""
    if _two_columns(start):
        return (
            "every line ends in two numbers, and the first counts as a part of the frame;"
            " --input-format differential reads them as base and new side"
        )
    for lines, place in ((start.split(b"\n"), "first"), (end.split(b"\n")[::-1], "last")):
        size = _differential_block(lines)
        if size:
            return (
                f"the {place} {size:,} lines end in two numbers, and the first of them counts as a"
                " part of the frame; if they are of a differential file, make a file of each"
            )
    return ""


def _differential_block(lines: list[bytes]) -> int:
    """Count the lines at the start that end in two numbers; 0 if any stack is there twice."""
    splits = takewhile(
        lambda split: len(split[1]) != 1, (_split(line) for line in lines if not is_comment(line))
    )
    stacks = [frames for frames, numbers in splits if numbers]
    return len(stacks) if 1 < len(set(stacks)) == len(stacks) else 0


def read_differential(source: TextSource) -> ParseResult:
    """Read folded stacks with two numbers: the result is the new side, its further one the base."""
    parsed = _read_lines(source, is_differential=True)
    parsed.layout = parsed.mode = DIFFERENTIAL_NEW
    for base in parsed.further:
        base.layout, base.mode = parsed.layout, DIFFERENTIAL_BASE
    if not source.options.layout and not has_unit_comment(bytes(source.data[:99])):
        text = (
            "every line ends in two numbers: read as base and new side; --input-format folded takes"
            " the first number for a part of the frame"
        )
        parsed.problems.append(Problem(TWO_COLUMNS, text, source.name))
    return parsed


def _split(line: bytes) -> tuple[bytes, list[bytes]]:
    """Return a line without the one or two numbers at its end, and these numbers."""
    before = line
    numbers: list[bytes] = []
    while len(numbers) < 2:
        *rest, word = before.rsplit(None, 1) or [b""]
        if not is_number(word):
            break
        numbers.insert(0, word)
        before = rest[0] if rest else b""
    return before, numbers


def _two_columns(start: bytes) -> list[tuple[bytes, bytes]]:
    """Return frames and first number of each line that has two; nothing if any has only one.

    Lines without a number are no stacks in any case, and the last one may be cut off.
    """
    *lines, last = start.split(b"\n")
    pairs = []
    for line in lines:
        if is_comment(line):
            continue
        frames, numbers = _split(line)
        if len(numbers) == 1:
            return []
        if numbers:
            pairs.append((frames, numbers[0]))
    frames, numbers = _split(last)
    return [*pairs, (frames, numbers[0])] if len(numbers) > 1 else pairs


def _explain(sample: Sample) -> Explanation | None:
    """Return which lines are stacks: they end in a number; any of them must have a ``;``.

    In a text of few stacks, most may have one frame only; rows of names have no ``;`` in them, but
    none is a blank and a number either, as py-spy writes samples without a stack.
    """
    marks = {line: _mark_of(line) for line in sample.distinct}
    stackless = [line for line in marks if _STACKLESS.fullmatch(line)]
    others = [line for line in marks if line not in stackless and not is_comment(line)]
    if others and NOTHING not in marks.values():
        marks |= dict.fromkeys(stackless, OWN)
    if OWN not in marks.values():
        return None
    found = bytes([marks.get(line, NOTHING) for line in sample.all_lines])
    if (len(found) - found.count(NOTHING)) * 2 <= len(sample.lines):
        found = found.replace(bytes([FITS]), bytes([NOTHING]))  # any text has lines with a number
    return Explanation(found)


def _mark_of(line: bytes) -> int:
    if _PLAIN.fullmatch(line):
        return OWN
    if is_comment(line):
        return FITS
    frames, numbers = _split(line)
    return NOTHING if not numbers else OWN if b";" in frames else FITS


def _explain_differential(sample: Sample) -> Explanation | None:
    """Return which lines are stacks, if their two numbers are the sides of a difference.

    A differential file has each stack once. Of stacks that end in a lock named ``sched lock 3``,
    some are equal but for its number, or all have the same one.
    """
    if has_unit_comment(sample.start):
        is_stated = sample.start.startswith(DIFFERENTIAL_COMMENT.encode())
        return _explain(sample) if is_stated else None
    pairs = _two_columns(sample.start)
    stacks, bases = {frames for frames, _ in pairs}, {base for _, base in pairs}
    has_sides = 1 < len(stacks) == len(pairs) and (len(bases) > 1 or bases == {b"0"})
    return _explain(sample) if has_sides else None


LAYOUT = Layout(
    name="folded",
    summary="folded stacks of pvprof, FlameGraph, inferno, bcc, ...",
    read=read_folded,
    has_fractions=True,
    explain=_explain,
)
DIFFERENTIAL = Layout(
    name=DIFFERENTIAL_NEW,
    summary="folded stacks with two numbers, of difffolded.pl, inferno and `pvprof compare`",
    read=read_differential,
    explain=_explain_differential,
    has_fractions=True,
)
