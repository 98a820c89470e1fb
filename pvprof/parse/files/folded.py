r"""Folded stacks, pvprof's own and other tools'.

::

    # a comment, with a blank behind its #; empty lines are passed over too
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
from pvprof.model.stacks import Stack, clean_frame, stack_of
from pvprof.parse.result import ParseResult
from pvprof.parse.text.frames import decode
from pvprof.units import Unit

_MOST_DIGITS = 30  # far above any weight, far below what int() refuses
_FRACTION = re.compile(r"(.*\S)\s+(\d{1,30})\.(\d*)\s*$")
_PADDED = re.compile(r"(.*\S)\s+(\d{1,30})\s*$")
# A process may be called #1: without a blank behind it, # begins a comment only of what ends in no
# number.
_COMMENT = re.compile(r"#(?:[\s#!]|$)")
_FIRST_COLUMN = re.compile(r"(.*\S) +\d+(?:\.\d*)?$")
_VISIBLE = bytes(range(ord(" ") + 1, 127))
# Makes blanks and lines' ends separators of frames, so that one search finds an empty frame, or a
# blank beside one, wherever it is.
_GAPS_TO_FRAMES = bytes.maketrans(b" \n", b";;")
_MOST_LOCATED = 20
# What another tool folded is not the rules' to sort: a key of its own says so.
_KEY = Key("folded")


def _split_plain(text: bytes) -> tuple[list[str], list[str]] | None:
    """Return what is before and after the last blank of each line; quick where that is all.

    Returns:
        None where a line is a comment or empty, or `clean_frame` would change one of its frames.
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
    return [tower for tower, _, _ in parts], [digits for _, _, digits in parts]


class FoldedReader:
    """Reads folded lines, piece by piece, into a `ParseResult`.

    Args:
        file: the name for problems.
        unit: what the numbers are; the text does not say.
        differential: each line has two numbers; the second, the new side, is read.
    """

    def __init__(self, file: str, unit: Unit | None, differential: bool) -> None:
        self._file = file
        self._differential = differential
        self._profile = Profile(unit or "samples", False)
        self._lines_before = 0
        self._unreadable = 0
        self._rounded = 0
        self.parsed = ParseResult("folded")

    def feed(self, piece: bytes) -> None:
        """Take in the next whole lines."""
        text = piece.removesuffix(b"\n")
        count = 0 if self._differential else self._add_plain(text)
        if not count:
            lines = decode(text).split("\n")
            count = len(lines)
            for number, line in enumerate(lines, self._lines_before + 1):
                self._read_line(line, number)
        self._lines_before += count

    def _add_plain(self, text: bytes) -> int:
        """Add lines that are all a stack, one blank and digits; return how many, or 0 if not.

        That is nearly every file. Each step runs over all lines in C, many times as fast as a loop.
        """
        plain = _split_plain(text)
        if plain is None:
            return 0
        towers, digits = plain
        together = "".join(digits)
        if not (all(towers) and all(digits) and together.isdecimal()):
            return 0
        if len(max(digits, key=len)) > _MOST_DIGITS:
            return 0
        weights = weights_of(zip(map(int, digits), repeat(0), repeat(1), strict=False))
        group = dict(zip(cast("list[Stack]", towers), weights, strict=True))
        if len(group) < len(towers):
            return 0
        self._profile.add_group(_KEY, group)
        self.parsed.records += len(towers)
        return len(group)

    def _read_line(self, line: str, number: int) -> None:
        found = self._split(line, number)
        if found is None:
            return
        tower, value = found
        if self._differential:
            match = _FIRST_COLUMN.match(tower)
            tower = match.group(1) if match else tower
        self.parsed.records += 1
        self._profile.add(_KEY, stack_of(map(clean_frame, tower.split(";"))), Weight(value, 0, 1))

    def finish(self) -> ParseResult:
        """Return what was read."""
        if self.parsed.records:
            self.parsed.profiles[self._profile.unit, False] = self._profile
        if self._rounded:
            text = "weights had a fraction: rounded to integers"
            self._problem("rounded", text, 0, self._rounded)
        if self._unreadable > _MOST_LOCATED:
            more = self._unreadable - _MOST_LOCATED
            self._problem("bad-line", "more lines that are not folded stacks; left out", 0, more)
        if self._differential:
            self._problem("two-columns", "a differential file: its second column was read", 0, 1)
        return self.parsed

    def _split(self, line: str, number: int) -> tuple[str, int] | None:
        """Return the tower and the value of a line, or None if it has none."""
        if not line.strip() or _COMMENT.match(line):
            return None
        padded = _PADDED.match(line)
        if padded:
            return padded.group(1), int(padded.group(2))
        match = _FRACTION.match(line)
        if match is None:
            if line.startswith("#"):
                return None
            self._unreadable += 1
            if self._unreadable <= _MOST_LOCATED:
                self._problem("bad-line", f"not a folded stack: {quote(line)}; left out", number, 1)
            return None
        tower, whole, fraction = match.groups()
        exact = Decimal(f"{whole}.{fraction or 0}")
        value = int(exact.to_integral_value())
        self._rounded += value != exact
        return tower, value

    def _problem(self, kind: str, text: str, line: int, count: int) -> None:
        self.parsed.problems.append(Problem(kind, text, self._file, line, count))
