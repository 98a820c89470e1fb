"""The integers that a record ends in: a value, and a count if there is a second."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvprof.errors import quote
from pvprof.model.arrays import INT64_MAX
from pvprof.model.problems import Problem

# More blanks at the end are the padding of a key in dtrace's own print: a process named 123.
_VALUES = re.compile(rb"[ \t]*(-?\d{1,40})(?: (-?\d{1,40}))?[ \t\r]{0,20}$")
_LONG_VALUES = re.compile(rb"[ \t]*(-?\d+)(?: (-?\d+))?[ \t\r]{0,20}$")
_NUMBERS = re.compile(rb"(?:[ \t]*-?\d+)(?:[ \t]+-?\d+)+[ \t\r]{0,20}$")
_COLUMN = re.compile(rb"[ \t]*(-?\d+)")
# The end of a row: "  sh                    1339", "sh 1339", "sh 7030032995 1339"
_ROW_END = re.compile(rb" +(-?\d+)(?: (-?\d+))?$")
_MAX_ROW_END = 200
_KEY_PADDING = b" " * 21
_HISTOGRAM_ROW = re.compile(rb"(?:<|>=)?\s*-?\d+\s*\|")
_VALUE_WIDTH = 17
"""Width of a value in dtrace's own print, with the blank before it; an ``int`` key is narrower."""
_MAX_DIGITS = 40

Values = tuple[int, ...]


class PaddedValues(tuple[int, ...]):
    """Values in columns: without a stack, the first of two is a key, not a value."""

    __slots__ = ()


def read_int(digits: bytes | str) -> int:
    """Return an integer of any number of digits; one of too many is larger than any value."""
    if len(digits) > _MAX_DIGITS:
        return -INT64_MAX if digits[:1] in (b"-", "-") else INT64_MAX
    return int(digits)


def read_values(line: bytes) -> Values | None:
    """Return the one or two integers of a line that ends a record, or None for any other line."""
    match = _VALUES.match(line)
    if match is not None:
        first, second = match.groups()
        if second is None:
            return (int(first),)
        # Only then does dtrace's own print have one blank between a key and a value.
        is_key = len(second) >= _VALUE_WIDTH - 1 and 0 < match.start(1) < _VALUE_WIDTH - len(first)
        return None if is_key else (int(first), int(second))
    match = _LONG_VALUES.match(line)
    return None if match is None else tuple(map(read_int, filter(None, match.groups())))


def read_columns(line: bytes) -> tuple[list[str], PaddedValues] | None:
    """Return the keys and the values of a line of two or more integers in columns, else None.

    dtrace itself prints ``@[stack(), pid]`` and ``printa(@a, @b)`` in this way.
    """
    if not _NUMBERS.match(line):
        return None
    columns = list(_COLUMN.finditer(line))
    first = len(columns) - 1
    while first and _is_value(columns[first - 1]):
        first -= 1
    keys = [column[1].decode() for column in columns[:first]]
    return keys, PaddedValues(read_int(column[1]) for column in columns[first:])


def read_closing_values(line: bytes) -> Values | None:
    """Return the values of a line that has nothing else, single or in columns, else None."""
    values = read_values(line)
    if values is None:
        columns = read_columns(line)
        values = columns[1] if columns is not None and not columns[0] else None
    return values


def split_row(line: bytes) -> tuple[bytes, Values, bool] | None:
    """Return the key and the values of a row, and whether blanks pad it; None for other lines."""
    stripped = line.strip()
    if line.endswith(_KEY_PADDING) or not stripped[-1:].isdigit() or _HISTOGRAM_ROW.match(stripped):
        return None
    match = _ROW_END.search(stripped, max(0, len(stripped) - _MAX_ROW_END))
    if match is None or not match.start():
        return None
    is_padded = stripped[match.start() : match.start() + 2] == b"  "
    values = tuple(read_int(number) for number in match.groups() if number is not None)
    return stripped[: match.start()], values, is_padded


def _is_value(column: re.Match[bytes]) -> bool:
    return len(column[0]) >= _VALUE_WIDTH and not column[1].startswith(b"-")


def why_not_measured(values: Values) -> Refusal | None:
    """Return the reason why values cannot be added up, or None if they can."""
    if len(values) > 2:
        return Refusal("too-many-values", "more than a value and a count")
    if max(map(abs, values)) >= INT64_MAX:
        return Refusal("unset-value", "min() or max() of nothing")
    if min(values) < 0:
        return Refusal("negative-value", "overflowed or negative")
    return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why values cannot be added up.

    Attributes:
        kind: of the problem.
        reason: in words.
    """

    kind: str
    reason: str

    def problem(self, values: Values, subject: str, file: str, line: int = 0) -> Problem:
        """Return the problem with the record of a subject: a lock, a process."""
        text = f"{subject}: {self.reason}: {quote(' '.join(map(str, values)))}; left out"
        return Problem(self.kind, text, file, line, severity="loss")
