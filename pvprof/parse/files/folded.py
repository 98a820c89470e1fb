r"""Folded stacks, of pvprof and of other tools.

::

    # pvprof folded, unit: ns           the unit of the values, if pvprof wrote the file
    # a comment, with a blank after its #; empty lines are skipped, too
    sh;kernel`fork1;proctree 221141
    main;operator new 3 17              two numbers: the two sides of a differential file

The number is read from the right, so frames may hold blanks and digits.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import repeat
from typing import cast

from pvprof.errors import quote
from pvprof.model.problems import Problem
from pvprof.model.profile import Key, Profile, Weight, weights_of
from pvprof.model.stacks import UNIT_COMMENT, Stack, clean_frame, stack_of
from pvprof.parse.layout import Layout, Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.units import UNITS, Unit

_MAX_DIGITS = 30  # far above any weight, far below what int() refuses
_FRACTION = re.compile(r"(.*\S)\s+(\d{1,30})\.(\d*)\s*$")
_PADDED = re.compile(r"(.*\S)\s+(\d{1,30})\s*$")
# A process may be called #1: without a blank after it, # begins a comment only if the line does not
# end in a number.
_COMMENT = re.compile(r"#(?:[\s#!]|$)")
_JOINED = re.compile(rb"\s*\S.*;.*\s\d+(?:\.\d*)?\s*$")
_NUMBERED = re.compile(rb"\s*\S.*\s\d+(?:\.\d*)?\s*$")
_FIRST_COLUMN = re.compile(r"(.*\S) +\d+(?:\.\d*)?$")
_VISIBLE = bytes(range(ord(" ") + 1, 127))
# Turns blanks and newlines into separators of frames, so that one search finds any empty frame and
# any blank beside a separator.
_GAPS_TO_FRAMES = bytes.maketrans(b" \n", b";;")
_MAX_LOCATED = 20
# A key of their own keeps the rules from classifying stacks that another tool folded.
_KEY = Key("folded")


def _split_plain(text: bytes) -> tuple[list[str], list[str]] | None:
    """Split each line at its last blank, with few calls to C for the whole text.

    Returns:
        The stacks and the digits; None if a line is a comment or empty, or `clean_frame` would
        change one of its frames.
    """
    gaps = text.translate(None, _VISIBLE)
    if gaps.translate(None, b" \n") or text.startswith((b";", b" ")):
        return None
    if b";;" in text.translate(_GAPS_TO_FRAMES) or text.endswith((b";", b" ", b"\n")):
        return None
    if b"#" in text and (text.startswith(b"#") or b"\n#" in text):
        return None
    if gaps == b" \n" * (len(gaps) // 2) + b" ":
        words = text.decode("ascii").split()
        return words[::2], words[1::2]
    parts = [line.rpartition(" ") for line in text.decode("ascii").split("\n")]
    return [stack for stack, _, _ in parts], [digits for _, _, digits in parts]


class FoldedReader:
    """Reads folded lines, piece by piece, into a `ParseResult`.

    Args:
        source: the whole text.
        is_differential: each line has two numbers; the second, the new side, is read.
    """

    def __init__(self, source: TextSource, is_differential: bool = False) -> None:
        self._file = source.name
        self._is_differential = is_differential
        self._given_unit = source.options.unit
        self._profile = Profile(self._given_unit or "samples", False)
        self._lines_before = 0
        self._unreadable = 0
        self._rounded = 0
        self._parsed = ParseResult("folded")

    def feed(self, piece: bytes, _offset: int) -> None:
        """Read the next lines."""
        text = piece.removesuffix(b"\n")
        count = 0 if self._is_differential else self._add_plain(text)
        if not count:
            lines = decode(text).split("\n")
            count = len(lines)
            for number, line in enumerate(lines, self._lines_before + 1):
                self._read_line(line, number)
        self._lines_before += count

    def _add_plain(self, text: bytes) -> int:
        """Add lines if all are a stack, one blank and digits; return their number, or 0 if not.

        Nearly every file is like that. Each step is a call to C for all lines, many times as fast
        as a loop.
        """
        plain = _split_plain(text)
        if plain is None:
            return 0
        stacks, digits = plain
        if not (all(stacks) and all(digits) and "".join(digits).isdecimal()):
            return 0
        if len(max(digits, key=len)) > _MAX_DIGITS:
            return 0
        weights = weights_of(zip(map(int, digits), repeat(0), repeat(1), strict=False))
        group = dict(zip(cast("list[Stack]", stacks), weights, strict=True))
        if len(group) < len(stacks):
            return 0
        self._profile.add_group(_KEY, group)
        self._parsed.records += len(stacks)
        return len(group)

    def _read_line(self, line: str, number: int) -> None:
        split = self._split(line, number)
        if split is None:
            return
        frames, value = split
        if self._is_differential:
            match = _FIRST_COLUMN.match(frames)
            frames = match.group(1) if match else frames
        self._parsed.records += 1
        self._profile.add(_KEY, stack_of(map(clean_frame, frames.split(";"))), Weight(value, 0, 1))

    def finish(self) -> ParseResult:
        """Return the result."""
        if self._parsed.records:
            self._parsed.profiles[self._profile.unit, False] = self._profile
        if self._rounded:
            text = "weights had a fraction: rounded to integers"
            self._problem("rounded", text, 0, self._rounded)
        if self._unreadable > _MAX_LOCATED:
            more = self._unreadable - _MAX_LOCATED
            self._problem("bad-line", "more lines that are not folded stacks; left out", 0, more)
        if self._is_differential:
            self._problem("two-columns", "a differential file: its second column was read", 0, 1)
        return self._parsed

    def _split(self, line: str, number: int) -> tuple[str, int] | None:
        """Return the frames and the value of a line, or None if it has none."""
        if not line.strip():
            return None
        if _COMMENT.match(line):
            self._read_unit(line)
            return None
        padded = _PADDED.match(line)
        if padded:
            return padded.group(1), int(padded.group(2))
        match = _FRACTION.match(line)
        if match is None:
            if line.startswith("#"):
                return None
            self._unreadable += 1
            if self._unreadable <= _MAX_LOCATED:
                self._problem("bad-line", f"not a folded stack: {quote(line)}; left out", number, 1)
            return None
        frames, whole, fraction = match.groups()
        exact = Decimal(f"{whole}.{fraction or 0}")
        value = int(exact.to_integral_value())
        self._rounded += value != exact
        return frames, value

    def _read_unit(self, comment: str) -> None:
        """Take the unit from pvprof's own comment, unless the user gives another."""
        unit = comment.removeprefix(UNIT_COMMENT).strip()
        is_known = comment.startswith(UNIT_COMMENT) and unit in UNITS
        if is_known and self._given_unit is None and not self._parsed.records:
            self._profile = Profile(cast("Unit", unit), False)

    def _problem(self, kind: str, text: str, line: int, count: int) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, line, count))


def _read_lines(source: TextSource, is_differential: bool) -> ParseResult:
    reader = FoldedReader(source, is_differential)
    parsed = source.read_pieces(re.compile(rb"\n"), (0, len(source)), reader)
    parsed.problems.extend(source.tail_problems(len(source)))
    return parsed


def read_folded(source: TextSource) -> ParseResult:
    """Read folded stacks."""
    return _read_lines(source, is_differential=False)


def read_differential(source: TextSource) -> ParseResult:
    """Read folded stacks with two numbers."""
    return _read_lines(source, is_differential=True)


def _is_folded(sample: Sample) -> bool:
    """Tell whether most lines have a ``;`` and a number, or all a number and any a ``;``.

    In a text of few stacks, most may have one frame only; rows of names have no ``;`` in them.
    """
    lines = [line for line in sample.lines if not line.startswith(b"#")]
    joined = sum(1 for line in lines if _JOINED.match(line))
    return joined * 2 > len(lines) or (joined > 0 and all(map(_NUMBERED.match, lines)))


LAYOUT = Layout(
    name="folded",
    summary="folded stacks of pvprof, FlameGraph, inferno, bcc, ...",
    read=read_folded,
    shape=_is_folded,
)
# Never detected, since a frame may end in a number.
DIFFERENTIAL = Layout(
    name="differential",
    summary="folded stacks with two numbers",
    read=read_differential,
)
