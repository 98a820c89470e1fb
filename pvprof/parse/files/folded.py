r"""Folded stacks, of pvprof and of other tools.

::

    # pvprof folded, unit: ns           the unit of the values, if pvprof wrote the file
    # a comment, with a blank after its #; empty lines are skipped, too
    sh;kernel`fork1;proctree 221141
    main;operator new 3 17              two numbers: the two sides of a differential file
    main;work 0.25                      a fraction; values are added up exactly, then rounded
    3                                   samples without a stack

The number is read from the right, so frames may hold blanks and digits.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from itertools import repeat
from typing import cast

from pvprof.errors import quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key, Profile, Weight, weights_of
from pvprof.model.stacks import NO_STACK, UNIT_COMMENT, Stack, clean_frame, stack_of
from pvprof.parse.layout import Layout, Sample
from pvprof.parse.line_cache import LineCache
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.parse.text.scale import Rounding
from pvprof.units import named_unit

_MAX_DIGITS = 30  # far above any weight, far below what int() refuses
_TOO_LARGE = 10**_MAX_DIGITS
# As programs print a double: 0.25, 3., .5, 1e-05. Its digits are bounded, so that any sum is exact.
_NUMBER = re.compile(r"-?(?:[0-9]{1,30}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,2})?")
_EXACT = Context(prec=1000, traps=[Inexact])
_MAX_KNOWN_STACKS = 1 << 16
# A process may be called #1: without a blank after it, # begins a comment only if the line does not
# end in a number.
_COMMENT = re.compile(r"#(?:[\s#!]|$)")
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


def _number(word: str) -> int | Decimal | None:
    """Return the value of a line's last word, exactly; None if it is no number of a weight."""
    if word.isdecimal() and word.isascii():
        return int(word) if len(word) <= _MAX_DIGITS else None
    if _NUMBER.fullmatch(word) is None:
        return None
    value = Decimal(word)
    if abs(value) >= _TOO_LARGE:
        return None
    return int(value) if value == value.to_integral_value() else value


def _stack(text: str) -> Stack:
    """Return the stack that the frames of a line spell; a number alone has none."""
    return stack_of(map(clean_frame, text.split(";"))) if text.strip() else NO_STACK


class FoldedReader:
    """Reads folded lines, piece by piece, into a `ParseResult`.

    Args:
        source: the whole text.
        is_differential: each line has two numbers; the second, the new side, is read.
    """

    def __init__(self, source: TextSource, is_differential: bool = False) -> None:
        self._file = source.name
        self._is_differential = is_differential
        self._options = source.options
        self._multiplier = self._options.scale
        self._profile = Profile(self._options.unit or "samples", False)
        self._fractions: dict[Stack, Decimal] = {}
        self._stack_of = LineCache(_stack, _MAX_KNOWN_STACKS)
        self._lines_before = 0
        self._refused: Counter[tuple[str, str]] = Counter()
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
        words = line.rsplit(None, 1)
        if not words:
            return
        if _COMMENT.match(line):
            self._read_unit(line)
            return
        value = _number(words.pop())
        if value is None:
            if not line.startswith("#"):
                self._refuse("bad-line", "not a folded stack", line, number)
            return
        if value < 0:
            self._refuse("negative-value", "the value is below 0", line, number)
            return
        frames = words[0] if words else ""
        if self._is_differential:
            match = _FIRST_COLUMN.match(frames)
            frames = match.group(1) if match else frames
        self._add(self._stack_of[frames], value)

    def _add(self, stack: Stack, value: int | Decimal) -> None:
        """Add a value; one with a fraction is kept apart until all were added up."""
        self._parsed.records += 1
        if isinstance(value, Decimal):
            self._fractions[stack] = _EXACT.add(self._fractions.get(stack, Decimal()), value)
            value = 0
        self._profile.add(_KEY, stack, Weight(value, 0, 1))

    def finish(self) -> ParseResult:
        """Return the result."""
        if self._parsed.records:
            self._round()
            self._parsed.profiles[self._profile.unit, False] = self._profile
        for (kind, text), count in self._refused.items():
            if count > _MAX_LOCATED:
                more = count - _MAX_LOCATED
                self._problem(kind, f"more lines: {text}; left out", 0, more)
        if self._is_differential:
            self._problem("two-columns", "a differential file: its second column was read", 0, 1)
        return self._parsed

    def _round(self) -> None:
        """Multiply all values by the scale, and round them, now that they were added up."""
        stacks, rounding = self._profile.groups[_KEY], Rounding()
        for stack in stacks if self._multiplier != 1 else self._fractions:
            exact = stacks[stack].value + Fraction(self._fractions.get(stack, 0))
            value = rounding.whole(exact * self._multiplier)
            stacks[stack] = stacks[stack]._replace(value=value)
        self._parsed.problems.extend(rounding.problems(self._profile.unit, self._file))

    def _read_unit(self, comment: str) -> None:
        """Take the unit from pvprof's own comment, unless the user gives another."""
        if not comment.startswith(UNIT_COMMENT) or self._parsed.records:
            return
        unit = named_unit(comment.removeprefix(UNIT_COMMENT).strip())
        if unit is not None and self._options.unit is None:
            self._profile = Profile(unit[0], False)
            self._multiplier = self._options.scale_of(unit[0]) * unit[1]

    def _refuse(self, kind: str, why: str, line: str, number: int) -> None:
        self._refused[kind, why] += 1
        if self._refused[kind, why] <= _MAX_LOCATED:
            self._problem(kind, f"{why}: {quote(line)}; left out", number, 1)

    def _problem(self, kind: str, text: str, line: int, count: int) -> None:
        severity: Severity = "loss" if kind == "negative-value" else "warning"
        self._parsed.problems.append(Problem(kind, text, self._file, line, count, severity))


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


def _frames_before_number(line: bytes) -> bytes | None:
    """Return the text of a line before the number at its end, or None if it ends in no number."""
    *before, word = line.rsplit(None, 1)
    if _NUMBER.fullmatch(decode(word)) is None:
        return None
    return before[0] if before else b""


def _is_folded(sample: Sample) -> bool:
    """Tell whether half of the lines have a ``;`` and a number, or all a number and any a ``;``.

    In a text of few stacks, most may have one frame only; rows of names have no ``;`` in them.
    """
    frames = [_frames_before_number(line) for line in sample.lines if not line.startswith(b"#")]
    joined = sum(1 for before in frames if before and b";" in before)
    return joined > 0 and (joined * 2 >= len(frames) or None not in frames)


LAYOUT = Layout(
    name="folded",
    summary="folded stacks of pvprof, FlameGraph, inferno, bcc, ...",
    read=read_folded,
    has_fractions=True,
    shape=_is_folded,
)
# Never detected, since a frame may end in a number.
DIFFERENTIAL = Layout(
    name="differential",
    summary="folded stacks with two numbers",
    read=read_differential,
    has_fractions=True,
)
