r"""Folded stacks, pvprof's own and other tools'.

::

    # a comment; blank lines are passed over too
    sh;kernel`fork1;proctree 221141
    main;operator new 3 17              two numbers: the two sides of a differential file

The number is read from the right, so frames may hold blanks and digits.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import repeat

from pvprof.errors import quote
from pvprof.model import (
    Key,
    Problem,
    Profile,
    Stack,
    Unit,
    Weight,
    clean_frame,
    stack_of,
    weights_of,
)
from pvprof.parse.frames import decode
from pvprof.parse.parsed import Parsed

_MOST_DIGITS = 30  # far above any weight, far below what int() refuses
_FRACTION = re.compile(r"(.*\S)\s+(\d{1,30})\.(\d*)\s*$")
_PADDED = re.compile(r"(.*\S)\s+(\d{1,30})\s*$")
_FIRST_COLUMN = re.compile(r"(.*\S) +\d+(?:\.\d*)?$")
_CONTROLS = bytes(code for code in (*range(32), 127) if code != ord("\n"))
# Makes lines' ends separators of frames, so that one search finds an empty frame wherever it is.
_LINES_TO_FRAMES = bytes.maketrans(b"\n", b";")
# Where frames have blanks around them, in a text of which only that is wrong.
_LOOSE_BLANKS = (b"; ", b" ;", b"\n ", b"  ")
_MOST_LOCATED = 20
# What another tool folded is not the rules' to sort: a key of its own says so.
_KEY = Key("folded")


def _is_clean(piece: bytes) -> bool:
    """Tell whether `clean_frame` would change no frame of a text; quick where the answer is yes."""
    if not piece.isascii() or piece.startswith((b";", b" ")):
        return False
    frames = piece.translate(_LINES_TO_FRAMES, _CONTROLS)
    if len(frames) != len(piece) or b";;" in frames:
        return False
    # One blank a line, before the number, is the common case, and quicker to count than to search.
    return piece.count(b" ") == piece.count(b"\n") or not any(
        map(piece.__contains__, _LOOSE_BLANKS)
    )


class FoldedReader:
    """Reads folded lines, piece by piece, into a `Parsed`.

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
        self.parsed = Parsed("folded")

    def feed(self, piece: bytes) -> None:
        """Take in the next whole lines."""
        lines = decode(piece.removesuffix(b"\n")).split("\n")
        if self._differential or not _is_clean(piece) or not self._add_plain(lines):
            for number, line in enumerate(lines, self._lines_before + 1):
                self._read_line(line, number)
        self._lines_before += len(lines)

    def _add_plain(self, lines: list[str]) -> bool:
        """Add lines that are all a stack, one blank and digits; tell whether they were.

        That is nearly every file. Each step runs over all lines in C, four times as fast as a loop.
        """
        towers, _, digits = zip(*[line.rpartition(" ") for line in lines], strict=True)
        together = "".join(digits)
        if not (all(digits) and all(towers) and together.isascii() and together.isdecimal()):
            return False
        if len(max(digits, key=len)) > _MOST_DIGITS:
            return False
        weights = weights_of(zip(map(int, digits), repeat(0), repeat(1), strict=False))
        group: dict[Stack, Weight] = dict(zip(towers, weights, strict=True))
        if len(group) < len(towers):
            return False
        self._profile.add_group(_KEY, group)
        return True

    def _read_line(self, line: str, number: int) -> None:
        found = self._split(line, number)
        if found is None:
            return
        tower, value = found
        if self._differential:
            match = _FIRST_COLUMN.match(tower)
            tower = match.group(1) if match else tower
        self._profile.add(_KEY, stack_of(map(clean_frame, tower.split(";"))), Weight(value, 0, 1))

    def finish(self) -> Parsed:
        """Return what was read."""
        self.parsed.records = sum([weight.records for _, _, weight in self._profile])
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
        if not line.strip() or line.startswith("#"):
            return None
        padded = _PADDED.match(line)
        if padded:
            return padded.group(1), int(padded.group(2))
        match = _FRACTION.match(line)
        if match is None:
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
