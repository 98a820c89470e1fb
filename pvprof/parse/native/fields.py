r"""The head of a record in pvprof's own grammar: a mechanism, and fields that state their length.

::

    > turnstile name=9:vm object exec=2:sh
    S 261831093548 100159 13373 0 turnstile fffff8004309a880 100107 name=9:vm object exec=2:sh

The number of bytes that a field states follow its colon, whatever they are: a name may hold blanks,
newlines and whole records. So the beginnings of lines are known only by reading from the beginning
of the text, or by `RecordBoundary`, which finds offsets that no field can reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER
from pvprof.parse.line_cache import FallBackError
from pvprof.parse.text.frames import UNKNOWN_FRAME, decode

_FIELD = re.compile(rb"([a-z]+)=([0-9]{1,5}):")
# Long fields are rare, so few of the lengths that are far away have to be checked.
_LENGTHS = (
    (re.compile(rb"=([0-9]{1,3}):"), 999 + len(b"=999:")),
    (re.compile(rb"=([0-9]{4,5}):"), 99_999 + len(b"=99999:")),
)

_MECHANISM = re.compile(rb"[a-z][a-z0-9-]*")
_HEAD = re.compile(
    rb"(?:([>?]) ([a-z][a-z0-9-]*)"
    rb"|(S) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20})"
    rb" ([a-z][a-z0-9-]*) ([0-9a-f]{1,16}) ([0-9]{1,20})"
    rb"|([WX]) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}))(?=[ \n])"
)
BEGINNING = re.compile(
    rb"[>?] [a-z][a-z0-9-]*(?: [a-z]+=[0-9]|\n)"
    rb"|S [0-9]+ [0-9]+ [0-9]+ [0-9]+ [a-z][a-z0-9-]* [0-9a-f]+ [0-9]+[ \n]"
    rb"|[RWX] [0-9]+ [0-9]+ [0-9]+[ \n]"
    rb"|#(?:begin|end) [0-9]+ [0-9]+\n|#set-aside [^`\n]*\n|#pvprof [0-9][^`\n]*\n"
)
"""Matches at the beginning of a line that begins a record or is a mark."""

_SAFE = re.compile(
    rb"\n(?=(?:[>?] [a-z][a-z0-9-]*"
    rb"|S [0-9]+ [0-9]+ [0-9]+ [0-9]+ [a-z][a-z0-9-]* [0-9a-f]+ [0-9]+)(?: [a-z]+=[0-9]{1,5}:|\n))"
)


INNER_MARK = b"^"
_NO_ADDRESS = b"0x0"
_MAX_INNER_LINES = 1 << 13  # a kernel has some thousand places that call a function which waits
DELIMITER_LINE = DELIMITER.encode()
_MAX_ADDRESS_LENGTH = 19  # of libdtrace's buffer for an address without a name


class DamagedError(ValueError):
    """A stated length and the text disagree."""


class CutOffError(ValueError):
    """The text ends inside a head."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a record.

    Attributes:
        letter: the first of its line: ``>``, ``?``, ``S``, ``W`` or ``X``.
        words: the words between that and the fields.
        fields: the bytes of each field by its key.
        end: offset of the next line.
    """

    letter: bytes
    words: tuple[bytes, ...]
    fields: Mapping[bytes, bytes]
    end: int


def read_head(text: bytes, start: int) -> Head | None:
    """Return the head that begins at `start`, or None if no record with fields begins there.

    Raises:
        DamagedError: a length and the text disagree.
        CutOffError: the text ends before the head does.
    """
    match = _HEAD.match(text, start)
    if match is None:
        return None
    letter, *words = [group for group in match.groups() if group is not None]
    fields, end = read_fields(text, match.end())
    return Head(letter, tuple(words), fields, end)


def read_fields(text: bytes, offset: int) -> tuple[dict[bytes, bytes], int]:
    """Return the fields at `offset`, a blank or the newline, and the offset of the next line.

    Raises:
        DamagedError: a length and the text disagree.
        CutOffError: the text ends before the fields do.
    """
    fields: dict[bytes, bytes] = {}
    while text[offset : offset + 1] == b" ":
        match = _FIELD.match(text, offset + 1)
        if match is None:
            if text.find(b"\n", offset) < 0:
                raise CutOffError
            raise DamagedError
        offset = match.end() + int(match.group(2))
        fields[match.group(1)] = text[match.end() : offset]
    if offset >= len(text):
        raise CutOffError
    if text[offset : offset + 1] != b"\n":
        raise DamagedError
    return fields, offset + 1


def record_key(mechanism: bytes, fields: Mapping[bytes, bytes]) -> Key:
    """Return the key of a record with this mechanism and these fields."""
    name, execname, sleeper, lock_class = (
        decode(fields.get(key, b"")) for key in (b"name", b"exec", b"sleeper", b"class")
    )
    return Key(decode(mechanism), name, execname, sleeper, lock_class)


def read_plain_head(line: bytes) -> Key:
    """Return the key of the head of a ``>`` record, without ``> ``.

    Raises:
        FallBackError: the head may be longer than this line.
    """
    mechanism, _, _ = line.partition(b" ")
    try:
        fields, end = read_fields(line + b"\n", len(mechanism))
    except (DamagedError, CutOffError) as error:
        raise FallBackError from error
    if not _MECHANISM.fullmatch(mechanism) or end <= len(line):
        raise FallBackError
    return record_key(mechanism, fields)


class RecordBoundary:
    """Finds beginnings of records that no field before them can reach.

    It is searched like a compiled pattern; each match ends at the beginning of a line.
    """

    def search(self, data: Any, start: int, end: int) -> re.Match[bytes] | None:
        """Return the first boundary from `start` on, or None if there is none before `end`."""
        match = _SAFE.search(data, start, end)
        while match is not None and _may_be_in_a_field(data, match.end()):
            match = _SAFE.search(data, match.end(), end)
        return match


def _may_be_in_a_field(data: Any, offset: int) -> bool:
    """Tell whether the line at `offset` may be in a field, or in text that looks like one."""
    for pattern, reach in _LENGTHS:
        first = max(0, offset - reach)
        for match in pattern.finditer(bytes(data[first:offset])):
            if first + match.end() + int(match.group(1)) >= offset:
                return True
    return False


def with_inner_frames(lines: list[bytes]) -> list[bytes]:
    """Return the frames of a stack, leaf first, from lines that may begin with ``^FRAME`` lines.

    These are the innermost frames. The stack lacks none, some or all of them. That of a sample has
    the first in any case. It may also end before they do, if its length is limited::

        ^a ^b ^c    c d e      a b c d e
        ^a ^b ^c    a c d e    a b c d e
        ^a ^b ^c    a b        a b c
        ^a          b c        a b c

    Frames of the program, which follow a ``-``, stay as they are.
    """
    count = 0
    while count < len(lines) and lines[count].startswith(INNER_MARK):
        count += 1
    if not count:
        return lines
    inner = [_inner_frame(line) for line in lines[:count]]
    inner = [frame for frame in inner if frame != _NO_ADDRESS]
    end = lines.index(DELIMITER_LINE, count) if DELIMITER_LINE in lines else len(lines)
    stack, rest = lines[count:end], lines[end:]
    leaf: list[bytes] = []
    if inner and stack and _is_same(inner[0], stack[0].strip()):
        leaf, inner, stack = stack[:1], inner[1:], stack[1:]
    outer = stack[0].strip() if stack else b""
    for index, first in enumerate(inner if stack else ()):
        if not _is_same(first, outer):  # nearly always
            continue
        pairs = [(one, two.strip()) for one, two in zip(inner[index:], stack, strict=False)]
        is_whole = len(pairs) == len(stack)  # then there is nothing else to tell them apart by
        is_certain = is_whole or not all(_is_cut(one) for one, _ in pairs)
        if is_certain and all(_is_same(*pair) for pair in pairs):
            beyond = inner[index + len(pairs) :]
            return [*leaf, *map(_whole, inner[:index]), *stack, *map(_whole, beyond), *rest]
    return [*leaf, *map(_whole, inner), *stack, *rest]


@lru_cache(_MAX_INNER_LINES)
def _inner_frame(line: bytes) -> bytes:
    """Return the frame of a ``^FRAME ADDRESS`` line; ``%a`` cuts an address without a name off."""
    frame, _, address = line.removeprefix(INNER_MARK).rpartition(b" ")
    if not frame:  # recordings of before have no number
        return address
    return frame.partition(b"`")[0] + b"`0x" + address if _is_cut(frame) else frame


def _is_same(inner: bytes, frame: bytes) -> bool:
    """Tell whether two lines are one frame, or the first is the beginning of the other."""
    return inner == frame or (_is_cut(inner) and frame.startswith(inner))


def _is_cut(inner: bytes) -> bool:
    return len(inner) == _MAX_ADDRESS_LENGTH and b"`0x" in inner


def _whole(inner: bytes) -> bytes:
    if not _is_cut(inner):
        return inner
    return inner.partition(b"`")[0] + f"`{UNKNOWN_FRAME}".encode()
