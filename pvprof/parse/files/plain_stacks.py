r"""Folded stacks of the plain form as columns, with numpy: no object for a stack or a frame.

Owns what is plain: lines of printable ASCII that hold a stack, one blank and digits, each stack
once. All else raises `FallBackError`, and ``folded_lines`` reads the text again.

How a piece of text becomes columns::

    text           main;read 5\nmain;write 7\n
    separators         ;    _ \n    ;     _ \n      every ; and every byte up to the blank
    frames         main read    main write          between those, but for the numbers
    numbers                 5             7         between a blank and the end of its line
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.model.profile import StackTable
from pvprof.parse.files.name_table import MAX_NAME_BYTES, WORD, NameTable
from pvprof.parse.line_cache import FallBackError
from pvprof.recording.limits import MAX_FRAMES

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints

    _Bytes = npt.NDArray[np.uint8]

_NEWLINE, _BLANK, _HASH, _SEMICOLON, _LAST = b"\n #;~"
_FACTOR = 0x9E3779B97F4A7C15  # odd, so it can be divided by
_MAX_DIGITS = 18  # fits into 64 bits
# A number inside a frame may be that of a line that lost its newline.
_MAY_BE_JOINED = re.compile(rb" [0-9]+[^\s0-9;.]")


class PlainStacks:
    """Reads plain folded lines, piece by piece."""

    def __init__(self) -> None:
        # Once an array of this size was freed, glibc keeps what is freed of up to this size.
        # Else each page of each new array costs a fault.
        np.empty(30_000_000, np.uint8)
        self._names = NameTable()
        self._frames: list[Ints] = []
        self._depths: list[Ints] = []
        self._sums: list[Ints] = []
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._total = 0
        self._powers = self._inverse = np.empty(0, np.uint64)

    def add(self, piece: bytes) -> int:
        """Add lines, each with its newline; return their number.

        Raises:
            FallBackError: a line is not plain.
        """
        text = np.frombuffer(piece + bytes(WORD), np.uint8)
        parts = _parts_of(text[:-WORD])
        sums = _numbers(text, parts.blanks, parts.newlines)
        self._total += int(sums.astype(np.float64).sum() * 1.01)
        if self._total > INT64_MAX:  # the sum in 64 bits may be wrong
            raise FallBackError
        depths = np.diff(parts.last_frames, prepend=-1)
        if (
            int((parts.ends - parts.begins).max()) > MAX_NAME_BYTES
            or int(depths.max()) > MAX_FRAMES
        ):
            raise FallBackError
        frames, hashes = self._names.numbers_of(text, parts.begins, parts.ends - parts.begins)
        self._frames.append(frames.astype(np.int32))
        self._depths.append(depths)
        self._sums.append(sums)
        self._hashes.append(self._hash(hashes, parts.last_frames - depths + 1))
        return len(sums)

    def _hash(self, hashes: npt.NDArray[np.uint64], firsts: Ints) -> npt.NDArray[np.uint64]:
        """Return a hash of each stack: the sum of the hashes of its frames, each times a power.

        The power is that of the place in the piece; so divide by that of the first frame.
        """
        if len(self._powers) < len(hashes):
            self._powers = _powers(_FACTOR, len(hashes))
            self._inverse = _powers(pow(_FACTOR, -1, 1 << 64), len(hashes))
        sums = np.add.reduceat(hashes * self._powers[: len(hashes)], firsts)
        return sums * self._inverse[firsts]

    def finish(self) -> StackTable:
        """Return the stacks.

        Raises:
            FallBackError: a stack may be there twice.
        """
        hashes = np.sort(np.concatenate(self._hashes))
        # Equal stacks have equal hashes; so if all hashes differ, all stacks do.
        if bool((hashes[1:] == hashes[:-1]).any()):
            raise FallBackError
        frames, ends = np.concatenate(self._frames), np.cumsum(np.concatenate(self._depths))
        return StackTable(self._names.packed(), frames, ends, np.concatenate(self._sums))


class _LineParts(NamedTuple):
    """Where the parts of some lines are, as offsets in the text.

    Attributes:
        begins, ends: of each frame.
        last_frames: for each line, the index of its last frame.
        blanks: of each line, in front of its number.
        newlines: of each line.
    """

    begins: Ints
    ends: Ints
    last_frames: Ints
    blanks: Ints
    newlines: Ints


def _parts_of(text: _Bytes) -> _LineParts:
    """Return the parts of whole lines.

    Raises:
        FallBackError: a line has no number, an empty frame, a blank beside a separator, or a
            character that is not printable ASCII.
    """
    separators = np.flatnonzero((text <= _BLANK) | (text == _SEMICOLON))
    kinds = text[separators]
    at_newline = np.flatnonzero(kinds == _NEWLINE)
    is_end = kinds == _SEMICOLON
    blanks = np.count_nonzero(kinds == _BLANK)
    is_odd = (
        text.max() > _LAST
        or np.count_nonzero(is_end) + blanks + len(at_newline) < len(kinds)
        or not len(at_newline)
        or separators[0] == 0
        or bool((np.diff(separators) == 1).any())
        or kinds[-1] != _NEWLINE
        or at_newline[0] == 0
        or bool((kinds[at_newline - 1] != _BLANK).any())
        or bool((text[separators[at_newline[:-1]] + 1] == _HASH).any())
        or text[0] == _HASH
    )
    if is_odd:
        raise FallBackError
    is_end[at_newline - 1] = True
    if blanks > len(at_newline) and _MAY_BE_JOINED.search(text.tobytes()):
        raise FallBackError
    ends = separators[is_end]
    # A frame begins behind the end of the one before it, or behind a newline.
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1] + 1
    last_frames = (
        at_newline - 1 - np.arange(len(at_newline))  # all else ends a frame
        if blanks == len(at_newline)
        else np.cumsum(is_end)[at_newline] - 1
    )
    newlines = separators[at_newline]
    begins[last_frames[:-1] + 1] = newlines[:-1] + 1
    return _LineParts(begins, ends, last_frames, separators[at_newline - 1], newlines)


def _numbers(text: _Bytes, blanks: Ints, newlines: Ints) -> Ints:
    """Return the number at the end of each line.

    Raises:
        FallBackError: one has other characters than digits, or too many.
    """
    sizes = newlines - blanks - 1
    longest = int(sizes.max())
    if longest > _MAX_DIGITS:
        raise FallBackError
    numbers = np.zeros(len(sizes), np.int64)
    for place in range(longest):
        has_digit = sizes > place
        digits = text[newlines - 1 - place].astype(np.int64) - ord("0")
        digits *= has_digit
        if int(digits.min()) < 0 or int(digits.max()) > 9:
            raise FallBackError
        numbers += digits * 10**place
    return numbers


def _powers(factor: int, count: int) -> npt.NDArray[np.uint64]:
    """Return the powers of a factor from 0 on, in 64 bits."""
    factors = np.full(count, factor, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)
