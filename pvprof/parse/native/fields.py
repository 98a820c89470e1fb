r"""The head of a record in pvprof's own grammar: an event and fields that say their length.

::

    > turnstile name=9:vm object exec=2:sh
    S 261831093548 100159 13373 0 turnstile fffff8004309a880 100107 name=9:vm object exec=2:sh

Exactly so many bytes as a field says follow its colon, whatever they are: a name may hold blanks,
newlines and whole records. So where a line begins can only be told from where the text begins, or
by `RecordBoundary`, which finds places that no field can reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FIELD = re.compile(rb"([a-z]+)=([0-9]{1,5}):")
# Lengths that reach far are rare, so that few of those far away need a look.
_LENGTHS = (
    (re.compile(rb"=([0-9]{1,3}):"), 999 + len(b"=999:")),
    (re.compile(rb"=([0-9]{4,5}):"), 99_999 + len(b"=99999:")),
)

_HEAD = re.compile(
    rb"(?:([>?]) ([a-z][a-z0-9-]*)"
    rb"|(S) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20})"
    rb" ([a-z][a-z0-9-]*) ([0-9a-f]{1,16}) ([0-9]{1,20})"
    rb"|(W) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}))(?=[ \n])"
)
BEGINNING = re.compile(
    rb"[>?] [a-z][a-z0-9-]*(?: [a-z]+=[0-9]|\n)"
    rb"|S [0-9]+ [0-9]+ [0-9]+ [0-9]+ [a-z][a-z0-9-]* [0-9a-f]+ [0-9]+[ \n]"
    rb"|[RW] [0-9]+ [0-9]+ [0-9]+[ \n]"
    rb"|#(?:begin|end) [0-9]+ [0-9]+\n|#set-aside [^`\n]*\n|#pvprof [0-9][^`\n]*\n"
)
"""Matches, at the beginning of a line, one that begins a record or is a mark."""

_SAFE = re.compile(
    rb"\n(?=(?:[>?] [a-z][a-z0-9-]*"
    rb"|S [0-9]+ [0-9]+ [0-9]+ [0-9]+ [a-z][a-z0-9-]* [0-9a-f]+ [0-9]+)(?: [a-z]+=[0-9]{1,5}:|\n))"
)


class DamagedError(ValueError):
    """The lengths of a head and its text disagree."""


class CutOffError(ValueError):
    """The text ends inside a head."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a record.

    Attributes:
        letter: what begins its line: ``>``, ``?``, ``S`` or ``W``.
        words: what stands between that and the fields.
        fields: the bytes of each field by its key.
        end: where the line behind it begins.
    """

    letter: bytes
    words: tuple[bytes, ...]
    fields: Mapping[bytes, bytes]
    end: int


def read_head(text: bytes, start: int) -> Head | None:
    """Return the head that begins at `start`, or None: the line there begins no record with fields.

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


def read_fields(text: bytes, place: int) -> tuple[dict[bytes, bytes], int]:
    """Return the fields behind `place`, where a blank or the newline stands, and the next line's.

    Raises:
        DamagedError: a length and the text disagree.
        CutOffError: the text ends before the fields do.
    """
    fields: dict[bytes, bytes] = {}
    while text[place : place + 1] == b" ":
        match = _FIELD.match(text, place + 1)
        if match is None:
            if text.find(b"\n", place) < 0:
                raise CutOffError
            raise DamagedError
        place = match.end() + int(match.group(2))
        fields[match.group(1)] = text[match.end() : place]
    if place >= len(text):
        raise CutOffError
    if text[place : place + 1] != b"\n":
        raise DamagedError
    return fields, place + 1


class RecordBoundary:
    """Finds where records begin for certain: no field that stands before may reach so far.

    It is searched like a compiled pattern; each match ends where a line begins.
    """

    def search(self, data: Any, start: int, end: int) -> re.Match[bytes] | None:
        """Return the first boundary at or behind `start`, or None if there is none before `end`."""
        match = _SAFE.search(data, start, end)
        while match is not None and _may_lie_in_a_field(data, match.end()):
            match = _SAFE.search(data, match.end(), end)
        return match


def _may_lie_in_a_field(data: Any, place: int) -> bool:
    """Tell whether the line at `place` may lie in a field, or in what looks like one."""
    for pattern, reach in _LENGTHS:
        first = max(0, place - reach)
        for match in pattern.finditer(bytes(data[first:place])):
            if first + match.end() + int(match.group(1)) >= place:
                return True
    return False
