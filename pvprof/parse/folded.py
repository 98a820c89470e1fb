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

from pvprof.errors import quote
from pvprof.model import Key, Problem, Stack, Unit, Weight, clean_frame, stack_of
from pvprof.parse.frames import decode
from pvprof.parse.parsed import Parsed

_FRACTION = re.compile(r"(.*\S)\s+(\d+)\.(\d*)\s*$")
_PADDED = re.compile(r"(.*\S)\s+(\d+)\s*$")
_FIRST_COLUMN = re.compile(r"(.*\S) +\d+(?:\.\d*)?$")
_CONTROLS = bytes(code for code in (*range(32), 127) if code != ord("\n"))
# Where frames are empty or have blanks around them, in a text of which only that is wrong.
_LOOSE_FRAMES = (b"; ", b" ;", b";;", b"\n;", b"\n ")
_MOST_LOCATED = 20


def _clean_stack(tower: str) -> Stack:
    return stack_of(map(clean_frame, tower.split(";")))


def _is_clean(piece: bytes) -> bool:
    """Tell whether `clean_frame` would change no frame of a text; quick where the answer is yes."""
    if not piece.isascii() or len(piece.translate(None, _CONTROLS)) != len(piece):
        return False
    return not piece.startswith((b";", b" ")) and not any(map(piece.__contains__, _LOOSE_FRAMES))


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
        self._stacks: dict[Stack, Weight] = {}
        self._lines_before = 0
        self._unreadable = 0
        self._rounded = 0
        self.parsed = Parsed("folded")
        self._unit: Unit = unit or "samples"

    def feed(self, piece: bytes) -> None:
        """Take in the next whole lines."""
        stacks = self._stacks
        is_clean = _is_clean(piece)
        lines = decode(piece).split("\n")
        for number, line in enumerate(lines, self._lines_before + 1):
            tower, _, digits = line.rpartition(" ")
            if digits.isdecimal() and digits.isascii() and tower and not tower.endswith(" "):
                value = int(digits)
            else:
                odd = self._read_odd(line, number)
                if odd is None:
                    continue
                tower, value = odd
            if self._differential:
                match = _FIRST_COLUMN.match(tower)
                tower = match.group(1) if match else tower
            stack = Stack(tower) if is_clean else _clean_stack(tower)
            known = stacks.get(stack)
            if known is None:
                stacks[stack] = Weight(value, 0, 1)
            else:
                stacks[stack] = Weight(known.value + value, 0, known.records + 1)
        self._lines_before += len(lines) - 1

    def finish(self) -> Parsed:
        """Return what was read."""
        if self._stacks:
            self.parsed.profile(self._unit, False).groups[Key()] = self._stacks
            self.parsed.records = sum(weight.records for weight in self._stacks.values())
        if self._rounded:
            text = "weights had a fraction: rounded to integers"
            self._problem("rounded", text, 0, self._rounded)
        if self._unreadable > _MOST_LOCATED:
            more = self._unreadable - _MOST_LOCATED
            self._problem("bad-line", "more lines that are not folded stacks; left out", 0, more)
        if self._differential:
            self._problem("two-columns", "a differential file: its second column was read", 0, 1)
        return self.parsed

    def _read_odd(self, line: str, number: int) -> tuple[str, int] | None:
        """Read a line with padding or a fraction; None for one that has no stack and number."""
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
