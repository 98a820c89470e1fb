r"""The first words of many lines at once: numbers and short texts, in columns.

Owns how a word becomes a number without an object for each word. It refuses to know what words
mean, and any word that is not written in the plainest way: then the caller reads line by line.

The first bytes of each line are a row of a table. Eight characters of one word are one integer of
64 bits, so a few operations on columns of such integers convert a whole column of words::

    row         R 815987980 100159 3\n                  R 99 100159 3\n
    the word      815987980                               99
    its end               ^                                ^
    8 bytes       15987980 (and 8 before it)          R 99        bytes before the word are masked
    bytes       1 5 9 8 7 9 8 0  ->  15 98 79 80  ->  1598 7980  ->  15987980
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.parse.line_cache import FallBackError

if TYPE_CHECKING:
    from pvprof.model.arrays import Addresses, Ints, Times

ROW_BYTES = 128
"""The words of a line have to be in that many bytes."""

_WORD_BYTES = 8
_MAX_DECIMALS, _MAX_HEX_DIGITS = 19, 16
_BLANK = ord(" ")


def _bytes_of(value: int) -> np.uint64:
    """Return an integer of eight equal bytes."""
    return np.uint64(value * 0x0101010101010101)


_ZEROS, _LOW, _HIGH = _bytes_of(ord("0")), _bytes_of(0x0F), _bytes_of(0xF0)
_TOP_BITS, _ABOVE_9, _ONES = _bytes_of(0x80), _bytes_of(0x80 - 10), _bytes_of(1)
_BIT_4 = _bytes_of(0x10)
_PAIRS, _QUADS, _HALF = (
    np.uint64(mask) for mask in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF)
)
_ODD_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_LAST = np.array([(1 << 64) - (1 << 64 - 8 * size) for size in range(_WORD_BYTES + 1)], np.uint64)
"""Masks of the last n of eight bytes, of which the first is the lowest."""


class LineFields:
    """The words of lines, from the second on; the first has one letter.

    Args:
        padded: the text, and behind it at least `ROW_BYTES` more.
        starts: the offset of each line.
        ends: the offset of the newline of each.
        words: how many words, at least, each line has to have behind the letter.

    Attributes:
        has_more: of each line, whether it has more words.

    Raises:
        FallBackError: a line has fewer, or they take too many bytes.
    """

    def __init__(self, padded: bytes, starts: Ints, ends: Ints, words: int) -> None:
        lines = len(starts)
        windows = np.ndarray(
            (len(padded) - ROW_BYTES + 1, ROW_BYTES), np.uint8, padded, strides=(1, 1)
        )
        # Words of eight bytes that end in the first row begin in the one before it.
        self._table = np.zeros((lines + 2, ROW_BYTES), dtype=np.uint8)
        self._table[1:-1] = windows[starts]
        self._rows = np.arange(1, lines + 1) * ROW_BYTES
        self._starts = starts
        blanks = np.flatnonzero(self._table == _BLANK)
        first = np.searchsorted(blanks, self._rows)
        self._line_end = line_end = self._rows + np.minimum(ends - starts, ROW_BYTES)
        blanks = np.append(blanks, np.full(words + 1, (lines + 2) * ROW_BYTES))
        self._bounds = [np.minimum(blanks[first + word], line_end) for word in range(words + 1)]
        if bool((self._bounds[words - 1] >= line_end).any()):
            raise FallBackError
        if bool((self._bounds[0] != self._rows + 1).any()):
            raise FallBackError
        self.has_more = self._bounds[words] < line_end
        self._words = np.ndarray(
            (self._table.size - _WORD_BYTES + 1,), np.dtype("<u8"), self._table.data, strides=(1,)
        )

    def offset(self, word: int) -> Ints:
        """Return the offset in the text at which the word of each line begins."""
        offset: Ints = self._bounds[word] + 1 - self._rows + self._starts
        return offset

    def decimals(self, word: int) -> Ints:
        """Return a column of decimal numbers.

        Raises:
            FallBackError: one of the words is no such number, or does not fit.
        """
        end, digits = self._extent(word, _MAX_DECIMALS)
        value = self._eight_decimals(end, digits)
        for power in range(_WORD_BYTES, int(digits.max(initial=0)), _WORD_BYTES):
            more = self._eight_decimals(end - power, digits - power)
            value += more * np.uint64(10**power)
        if bool((value >= np.uint64(INT64_MAX)).any()):
            raise FallBackError
        return value.view(np.int64)

    def addresses(self, word: int) -> Addresses:
        """Return a column of hex numbers, in lower case.

        Raises:
            FallBackError: one of the words is no such number.
        """
        end, digits = self._extent(word, _MAX_HEX_DIGITS)
        value = self._eight_hex_digits(end, digits)
        if int(digits.max(initial=0)) > _WORD_BYTES:
            upper = self._eight_hex_digits(end - _WORD_BYTES, digits - _WORD_BYTES)
            value |= upper << np.uint64(32)
        return value

    def distinct(self, words: Sequence[int], with_rest: bool = False) -> tuple[Ints, Ints]:
        """Return the first line of each combination of texts, and the combination of each line.

        Combinations are numbered in the order of their first lines. A number that depends on all
        bytes of the texts of a line stands for them; then each line is compared with the first one
        that has the same number.

        Args:
            words: the numbers of the words.
            with_rest: whether all that is behind the last one belongs to it.

        Raises:
            FallBackError: a text does not fit, or two have one number by chance.
        """
        columns = [column for word in words for column in self._eights(word, False)]
        columns += self._eights(words[-1], True) if with_rest else []
        code = np.zeros(len(self._rows), dtype=np.uint64)
        for column in columns:
            code = (code ^ column) * _ODD_FACTOR
            code ^= code >> np.uint64(32)
        codes = np.unique(code)
        number = np.searchsorted(codes, code)
        first = np.empty(len(codes), dtype=np.int64)
        first[number[::-1]] = np.arange(len(number))[::-1]  # of equal indices, the last one counts
        like = first[number]
        for column in columns:
            if bool((column != column[like]).any()):
                raise FallBackError
        by_first = np.argsort(first)
        rank = np.empty(len(codes), dtype=np.int64)
        rank[by_first] = np.arange(len(codes))
        return first[by_first], rank[number]

    def text(self, word: int, line: int, with_rest: bool = False) -> bytes:
        """Return the text of a word in a line, `with_rest` up to the end of the line."""
        end = self._line_end if with_rest else self._bounds[word + 1]
        return self._table.data.cast("B")[self._bounds[word][line] + 1 : end[line]].tobytes()

    def _eights(self, word: int, is_rest: bool) -> list[Times]:
        """Return columns that hold all bytes of a word, and its length; or of what is behind it.

        Raises:
            FallBackError: the rest does not fit.
        """
        begin, end = self._bounds[word] + 1, self._bounds[word + 1]
        if is_rest:
            begin, end = end, self._line_end
            if int(np.max(end - self._rows, initial=0)) >= ROW_BYTES:
                raise FallBackError
        size = end - begin
        columns = [size.view(np.uint64)]
        for done in range(0, int(size.max(initial=0)), _WORD_BYTES):
            taken = np.minimum(np.maximum(size - done, 0), _WORD_BYTES)
            columns.append(self._words[begin + (done + taken - _WORD_BYTES)] & _LAST.take(taken))
        return columns

    def _extent(self, word: int, max_digits: int) -> tuple[Ints, Ints]:
        """Return the end of a word in the table, and its length."""
        begin, end = self._bounds[word] + 1, self._bounds[word + 1]
        size = end - begin
        if bool((size < 1).any()) or int(size.max(initial=0)) > max_digits:
            raise FallBackError
        return end, size

    def _last_eight(self, end: Ints, digits: Ints) -> Times:
        """Return the last eight digits before each end, with zeros before fewer."""
        mask = _LAST.take(np.minimum(np.maximum(digits, 0), _WORD_BYTES))
        return (self._words[end - _WORD_BYTES] ^ _ZEROS) & mask

    def _eight_decimals(self, end: Ints, digits: Ints) -> Times:
        """Return the value of the last eight digits, or fewer, before each end."""
        word = self._last_eight(end, digits)
        if bool(((word | (word + _ABOVE_9)) & _TOP_BITS).any()):
            raise FallBackError
        word = word * np.uint64(10 * (1 << 8) + 1) >> np.uint64(8)
        word = (word & _PAIRS) * np.uint64(100 * (1 << 16) + 1) >> np.uint64(16)
        return (word & _QUADS) * np.uint64(10_000 * (1 << 32) + 1) >> np.uint64(32)

    def _eight_hex_digits(self, end: Ints, digits: Ints) -> Times:
        """Return the value of the last eight hex digits, or fewer, before each end."""
        word = self._last_eight(end, digits) ^ _ZEROS
        letter = word >> np.uint64(6) & _ONES
        low = word & _LOW
        # 0 to 9 are 0x30 to 0x39, a to f are 0x61 to 0x66.
        is_wrong = (word & _HIGH) != _ZEROS + letter * np.uint64(0x30)
        is_wrong |= (low + letter * np.uint64(3) + _bytes_of(6)) & _BIT_4 != 0
        is_wrong |= (low + letter * np.uint64(15)) >> np.uint64(4) & letter != letter
        if bool(is_wrong.any()):
            raise FallBackError
        word = low + letter * np.uint64(9)
        word = (word << np.uint64(4) | word >> np.uint64(8)) & _PAIRS
        word = (word << np.uint64(8) | word >> np.uint64(16)) & _QUADS
        return (word << np.uint64(16) | word >> np.uint64(32)) & _HALF
