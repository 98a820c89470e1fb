"""In which line of a text a byte stands: counted only when a problem asks for it."""

from __future__ import annotations

from typing import Any

_PIECE_BYTES = 2_000_000


class LineNumbers:
    """Counts on from where it was asked last, in pieces, as the text may be large and mapped."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._place = 0
        self._line = 1

    def line_of(self, place: int) -> int:
        """Return the 1-based number of the line that holds the byte at `place`."""
        if place < self._place:
            self._place, self._line = 0, 1
        while self._place < place:
            following = min(place, self._place + _PIECE_BYTES)
            self._line += self._data[self._place : following].count(b"\n")
            self._place = following
        return self._line
