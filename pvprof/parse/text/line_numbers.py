"""Line numbers of bytes in a text, counted only when a problem needs one."""

from __future__ import annotations

from typing import Any

from pvprof.parse.parallel import release_pages

_PIECE_BYTES = 2_000_000


class LineNumbers:
    """Counts from the last line number on, in pieces, since the text may be large and mapped."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._offset = 0
        self._line = 1

    def line_of(self, offset: int) -> int:
        """Return the 1-based number of the line that holds the byte at `offset`."""
        if offset < self._offset:
            self._offset, self._line = 0, 1
        while self._offset < offset:
            following = min(offset, self._offset + _PIECE_BYTES)
            self._line += self._data[self._offset : following].count(b"\n")
            release_pages(self._data, (self._offset, following))
            self._offset = following
        return self._line
