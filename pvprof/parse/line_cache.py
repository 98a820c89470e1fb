"""Read each distinct line once: the fast path that all line readers share.

A recording of millions of lines has a few thousand distinct ones. So the value of a line is kept in
a dict by its raw bytes, and a reader may loop over lines with nothing but dict lookups, in C::

    frame_of = LineCache(parse_frame)
    try:
        stack = ";".join(map(frame_of.__getitem__, lines))
    except FallBackError:
        ...                     # read these lines one by one, with all their special cases

Only lines that certainly mean one thing are kept. For any other line the parse function raises
`FallBackError`, and the reader leaves the fast path for that record or piece of text. So parse
functions of the fast path may be strict and short: they need not understand unusual lines, only
refuse them. The error is not remembered, which makes unusual lines slow but costs usual ones
nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Raw = TypeVar("_Raw", bound=Hashable)
_Value = TypeVar("_Value")


class FallBackError(LookupError):
    """The text does not fit the fast path: it has to be read line by line."""


class LineCache(dict[_Raw, _Value], Generic[_Raw, _Value]):
    """Values by raw text; a text is parsed when it is first looked up.

    Args:
        parse: returns the value of a raw text; may raise `FallBackError`. It should not be a method
            of the reader that holds the cache: in such a cycle, both outlive their use.
        max_size: number of values to keep; others are parsed each time.
    """

    __slots__ = ("_max_size", "_parse")

    def __init__(self, parse: Callable[[_Raw], _Value], max_size: int = sys.maxsize) -> None:
        super().__init__()
        self._parse = parse
        self._max_size = max_size

    def __missing__(self, raw: _Raw) -> _Value:
        value = self._parse(raw)
        if len(self) < self._max_size:
            self[raw] = value
        return value


class Numbering(dict[_Raw, int], Generic[_Raw]):
    """A number for each distinct value, from 0 on, in the order of first lookup."""

    __slots__ = ()

    def __missing__(self, value: _Raw) -> int:
        number = self[value] = len(self)
        return number
