r"""The lines of folded stacks, of pvprof and of other tools.

::

    # pvprof folded, unit: ns           the unit of the values, if pvprof wrote the file
    # a comment, with a blank after its #; empty lines are skipped, too
    sh;kernel`fork1;proctree 221141
    main;operator new 3 17              two numbers in every line: the sides of a differential file
    main;work 0.25                      a fraction; values are added up exactly, then rounded
    3                                   samples without a stack

The number is read from the right, so frames may hold blanks and digits.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from itertools import repeat
from typing import TYPE_CHECKING, cast

from pvprof.errors import InputError, quote
from pvprof.model.mechanisms import FOLDED
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key, Profile, Weight, add_weights, weights_of
from pvprof.model.stacks import (
    DIFFERENTIAL_COMMENT,
    NO_STACK,
    UNIT_COMMENT,
    Stack,
    clean_frame,
    stack_of,
)
from pvprof.parse.line_cache import FallBackError, LineCache
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.parse.text.scale import Rounding
from pvprof.units import Unit, named_unit

if TYPE_CHECKING:
    from pvprof.parse.files.plain_stacks import PlainStacks

_MAX_DIGITS = 30  # far above any weight, far below what int() refuses
_TOO_LARGE = 10**_MAX_DIGITS
# As programs print a double: 0.25, 3., .5, 1e-05. Its digits are bounded, so that any sum is exact.
_NUMBER = re.compile(r"-?(?:[0-9]{1,30}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,2})?")
_EXACT = Context(prec=1000, traps=[Inexact])
_MAX_KNOWN_STACKS = 1 << 16
# A process may be called #1: without a blank after it, # begins a comment only if the line does not
# end in a number.
_COMMENT = re.compile(r"#(?:[\s#!]|$)")
_VISIBLE = bytes(range(ord(" ") + 1, 127))
# Turns blanks and newlines into separators of frames, so that one search finds any empty frame and
# any blank beside a separator.
_GAPS_TO_FRAMES = bytes.maketrans(b" \n", b";;")
# The end of a line and the root of the next one, as a frame: the newline between them is missing.
_JOINED = re.compile(r" [0-9]+([^\s0-9;.][^;]*);")
_MAX_LOCATED = 20
_REFUSALS: dict[str, tuple[str, Severity]] = {
    "bad-line": ("not a folded stack", "warning"),
    "negative-value": ("the value is below 0", "loss"),
}
# A key of their own keeps the rules from classifying stacks that another tool folded.
_KEY = Key(FOLDED)


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


def has_unit_comment(start: bytes) -> bool:
    """Tell whether pvprof wrote the text: its first line then names the unit and the columns."""
    return start.startswith((UNIT_COMMENT.encode(), DIFFERENTIAL_COMMENT.encode()))


def is_comment(line: bytes) -> bool:
    """Tell whether a line is a comment, not a stack whose first frame begins with ``#``."""
    if not line.startswith(b"#"):
        return False
    return _COMMENT.match(decode(line)) is not None or not is_number(line.split()[-1])


def is_number(word: bytes) -> bool:
    """Tell whether a word looks like the value of a line."""
    return _NUMBER.fullmatch(decode(word)) is not None


def _are_digits(words: list[str]) -> bool:
    """Tell whether each of these ASCII words is a number of a possible length."""
    return all(words) and "".join(words).isdecimal() and len(max(words, key=len)) <= _MAX_DIGITS


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


@dataclass(slots=True)
class _ColumnSums:
    """The values of one column by stack; fractions apart, until all were added up."""

    group: dict[Stack, Weight] = field(default_factory=dict)
    fractions: dict[Stack, Decimal] = field(default_factory=dict)

    def add(self, stack: Stack, value: int | Decimal) -> None:
        """Add the value of one line."""
        if isinstance(value, Decimal):
            self.fractions[stack] = _EXACT.add(self.fractions.get(stack, Decimal()), value)
            value = 0
        known = self.group.get(stack)
        weight = Weight(value, 0, 1)
        self.group[stack] = weight if known is None else known.plus(weight)

    def round(self, multiplier: Fraction, rounding: Rounding) -> None:
        """Multiply all values, and round them."""
        for stack in self.group if multiplier != 1 else self.fractions:
            weight = self.group[stack]
            exact = weight.value + Fraction(self.fractions.get(stack, 0))
            self.group[stack] = weight._replace(value=rounding.whole(exact * multiplier))


class FoldedReader:
    """Reads folded lines, piece by piece, into a `ParseResult`.

    A second file behind the first is refused if pvprof's comment says that it differs.

    Args:
        source: the whole text.
        is_differential: each line has two numbers: of the base and of the new side.
        plain: reads the lines into columns; then a line that is not plain raises `FallBackError`.
    """

    def __init__(
        self, source: TextSource, is_differential: bool = False, plain: PlainStacks | None = None
    ) -> None:
        self._file = source.name
        self._options = source.options
        self._unit: Unit = self._options.unit or "samples"
        self._stated = ""
        self._multiplier = self._options.scale_of(self._unit)
        self._columns = [_ColumnSums(), _ColumnSums()] if is_differential else [_ColumnSums()]
        self._stack_of = LineCache(_stack, _MAX_KNOWN_STACKS)
        self._lines_before = 0
        self._refused: Counter[str] = Counter()
        self._records = 0
        self._problems: list[Problem] = []
        self._plain = plain

    def feed(self, piece: bytes, _offset: int) -> None:
        """Read the next lines."""
        text = piece.removesuffix(b"\n")
        if not self._lines_before:
            text = text.removeprefix(BOM_UTF8)
        if self._plain is not None:
            self._lines_before += self._add_to_table(self._plain, text)
            return
        count = self._add_plain(text)
        if not count:
            lines = decode(text).split("\n")
            count = len(lines)
            for number, line in enumerate(lines, self._lines_before + 1):
                self._read_line(line, number)
        self._lines_before += count

    def _add_to_table(self, plain: PlainStacks, text: bytes) -> int:
        """Add lines to a table; only the text may begin with comments. Return their number.

        Raises:
            FallBackError: a line is neither a comment there nor plain.
        """
        comments = 0
        while text.startswith(b"#") and not self._lines_before:
            comment, _, text = text.partition(b"\n")
            comments += 1
            self._read_line(decode(comment), comments)
        if self._columns[0].group or self._refused:
            raise FallBackError
        count = plain.add(text + b"\n") if text else 0
        self._records += count
        return comments + count

    def _add_plain(self, text: bytes) -> int:
        """Add lines if all are a stack, one blank and digits; return their number, or 0 if not.

        Nearly every file is like that. Each step is a call to C for all lines, many times as fast
        as a loop.
        """
        plain = _split_plain(text)
        if plain is None:
            return 0
        stacks, numbers = plain
        columns = [numbers]
        for _ in self._columns[1:]:
            parts = [stack.rpartition(" ") for stack in stacks]
            stacks = [before for before, _, _ in parts]
            columns.insert(0, [digits for _, _, digits in parts])
        if not (all(stacks) and all(map(_are_digits, columns))) or len(set(stacks)) < len(stacks):
            return 0
        for column, numbers in zip(self._columns, columns, strict=True):
            weights = weights_of(zip(map(int, numbers), repeat(0), repeat(1), strict=False))
            group = dict(zip(cast("list[Stack]", stacks), weights, strict=True))
            if len(columns) > 1:
                group = {stack: weight for stack, weight in group.items() if weight.value}
            add_weights(column.group, group)
        self._records += len(stacks)
        return len(stacks)

    def _read_line(self, line: str, number: int) -> None:
        count = len(self._columns)
        words = line.rsplit(None, count)
        if not words:
            return
        if _COMMENT.match(line):
            self._read_unit(line, number)
            return
        values = [_number(word) for word in words[-count:]]
        if len(values) < count or None in values:
            if not line.startswith("#"):
                self._refuse("bad-line", line, number)
            return
        if min(cast("list[int | Decimal]", values)) < 0:
            self._refuse("negative-value", line, number)
            return
        stack = self._stack_of[words[0] if len(words) > count else ""]
        self._records += 1
        for column, value in zip(self._columns, values, strict=True):
            if value or count == 1:  # a stack that only the other side has
                column.add(stack, cast("int | Decimal", value))

    def finish(self) -> ParseResult:
        """Return the result: of two columns the new side, and the base as a further one.

        Raises:
            FallBackError: stacks of a table may be equal.
        """
        table = self._plain.finish() if self._plain is not None and self._records else None
        if table is not None and self._multiplier != 1:
            self._columns[0].group, table = dict(table), None
        rounding = Rounding()
        for column in self._columns:
            column.round(self._multiplier, rounding)
        self._problems.extend(rounding.problems(self._unit, self._file))
        for kind, count in self._refused.items():
            if count > _MAX_LOCATED:
                why, severity = _REFUSALS[kind]
                text = f"more lines: {why}; left out"
                more = count - _MAX_LOCATED
                self._problems.append(Problem(kind, text, self._file, 0, more, severity))
        self._problems.extend(self._joined_lines())
        parsed = ParseResult("folded", records=self._records, problems=self._problems)
        if table is not None:
            parsed.profiles = {(self._unit, False): Profile(self._unit, False, {_KEY: table})}
        elif self._records:
            *base, new = (Profile(self._unit, False, {_KEY: one.group}) for one in self._columns)
            parsed.profiles = {(self._unit, False): new}
            parsed.further = [ParseResult(profiles={(self._unit, False): one}) for one in base]
        return parsed

    def _joined_lines(self) -> Iterator[Problem]:
        """Yield a problem if lines lost the newline between them."""
        stacks = self._columns[-1].group
        # Up to the last separator: behind it, each place would be searched to the end in vain.
        found = [_JOINED.search(stack, 0, stack.rfind(";") + 1) for stack in stacks if " " in stack]
        roots = {match[1] for match in found if match}
        if roots:
            roots &= {stack.partition(";")[0] for stack in stacks}
        count = sum(match is not None and match[1] in roots for match in found)
        if count:
            text = "lines with a number and the root of other stacks inside: a newline is missing"
            yield Problem("damaged", text, self._file, count=count, severity="loss")

    def _read_unit(self, comment: str, number: int) -> None:
        """Take the unit from pvprof's own comment, unless the user gives another.

        Raises:
            InputError: lines above it have another unit, or another number of columns.
        """
        if not has_unit_comment(comment.encode()):
            return
        comment = comment.rstrip()
        if self._records:
            self._note_second_file(comment, number)
            return
        self._stated = comment
        stated = comment.rpartition(": ")[2].strip()
        unit = named_unit(stated)
        if unit is None:
            text = f"a comment of pvprof with no known unit: {quote(stated)}; a newline is missing?"
            self._problems.append(Problem("bad-line", text, self._file, number, severity="loss"))
        elif self._options.unit is None:
            self._unit = unit[0]
            self._multiplier = self._options.scale_of(unit[0]) * unit[1]

    def _note_second_file(self, comment: str, number: int) -> None:
        """Report the first line of another file, if it states what this one does not.

        Raises:
            InputError: this one states another unit, or another number of columns.
        """
        text = f"two files in one text: line {number:,} begins another ({comment[2:]})"
        if self._stated and comment != self._stated:
            raise InputError(text, "make a file of each")
        if not self._stated:
            text = f"{text}: all is read in {self._unit}; make a file of each"
            self._problems.append(Problem("two-files", text, self._file, number))

    def _refuse(self, kind: str, line: str, number: int) -> None:
        self._refused[kind] += 1
        if self._refused[kind] <= _MAX_LOCATED:
            why, severity = _REFUSALS[kind]
            text = f"{why}: {quote(line)}; left out"
            self._problems.append(Problem(kind, text, self._file, number, 1, severity))
