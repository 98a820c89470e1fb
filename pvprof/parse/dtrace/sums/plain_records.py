"""Which records of aggregations are plain: a key, or none; frames; and a line of values.

What a line means does not depend on where it is, so each distinct line is asked about once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from pvprof.model.profile import Key, StackTable, Weight
from pvprof.model.stacks import Frame, Stack
from pvprof.parse.dtrace.keys import key_from_texts
from pvprof.parse.dtrace.records import AggregateLayout
from pvprof.parse.line_cache import LineCache
from pvprof.parse.text.frames import FrameNames, decode
from pvprof.parse.text.values import (
    Values,
    read_closing_values,
    read_values,
    split_row,
    why_not_measured,
)

_SINGLE_VALUE = re.compile(rb"[ \t]*(\d{1,18})[ \t\r]{0,20}$")
_MAX_VALUES = 1 << 16
"""Maximum number of value lines in the cache: times in nanoseconds hardly ever repeat."""

GroupKey = tuple[Key, bool]
"""What the records of a group have in common: their key, and whether they have a count."""


class PlainRecords:
    """What the lines of plain records mean in one layout.

    Attributes:
        values_of: the values of a line: None if it has none, ``()`` if they cannot be added up.
        pending: paragraphs that wait for the rest of their record. While there are any, the next
            paragraph is part of it, and not plain.
        width: number of values of a plain record: the first record's; 0 while that is unknown.
    """

    def __init__(self, layout: AggregateLayout, frame_names: FrameNames) -> None:
        self.values_of: LineCache[bytes, Values | None] = LineCache(_parse_values, _MAX_VALUES)
        self.pending: list[bytes] = []
        self.width = 0
        self.key_first = layout.key_first
        self._layout = layout
        self._frame_names = frame_names

    def is_plain(self, values: Values | None) -> bool:
        """Tell whether a paragraph with these values may be a plain record."""
        return bool(values) and not self.pending and len(values or ()) == self.width

    def frame_of(self, line: bytes) -> Frame | None:
        """Return the frame of a line, None if the line may be something else than one frame."""
        layout = self._layout
        if (
            not layout.is_frame(line)
            or split_row(line) is not None
            or read_values(line) is not None
        ):
            return None
        if b"|" in line:
            return None
        frames = self._frame_names[line]
        return frames[0] if len(frames) == 1 else None

    def group_of(self, line: bytes) -> GroupKey | None:
        """Return the group of the records that begin with this key; None if it may be a frame.

        The key is empty in layouts whose records begin with a frame.
        """
        if not line:
            return Key(), self.width > 1
        if self._layout.is_frame(line):
            return None
        return key_from_texts(decode(line), None, self._layout.text_after), self.width > 1


class PlainSums(Protocol):
    """Adds up the plain records of a text, and leaves the others to its caller."""

    def read(self, piece: bytes, /) -> Iterator[bytes]:
        """Yield the paragraphs of the next piece that are not plain records."""

    def groups(self) -> Iterator[tuple[GroupKey, dict[Stack, Weight] | StackTable]]:
        """Yield the sums of each group, and forget them."""


def _parse_values(line: bytes) -> Values | None:
    match = _SINGLE_VALUE.match(line)
    if match is not None:  # nearly always
        return (int(match[1]),)
    values = read_closing_values(line)
    return () if values is not None and why_not_measured(values) else values
