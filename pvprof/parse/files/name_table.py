r"""Numbers for the names in a text: one for each distinct name, found for many names at a time.

Owns a hash table in numpy. A name is cut into words of 8 bytes, its last word filled up with zeros;
a hash of the words finds the name, and all of its words are compared before its number is given::

    name            words                    pool (all distinct names)         number   begin
    vm_fault        vm_fault                 vm_fault|vm_map_l|ookup...        0        0
    vm_map_lookup   vm_map_l ookup\0\0\0     .                                 1        8

The hash has a factor that differs in each process: no file can be made so that its names collide.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.parse.line_cache import FallBackError

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints

    _Words = npt.NDArray[np.uint64]

WORD = 8
MAX_NAME_BYTES = 2_000
"""Of a name in a table: each further word of the longest one costs a pass over all."""

_MAX_PROBES = 64
_MIN_SLOTS = 1 << 12
_FIRST_NAMES = 4_000
_LAST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(WORD)] + [(1 << 64) - 1], "<u8")
_SHIFT = np.uint64(32)


class PackedNames(Sequence[str]):
    """The distinct names, as one text; none is an object of its own before it is asked for."""

    def __init__(self, pool: bytes, begins: Ints, sizes: Ints) -> None:
        self._text = pool.decode("ascii")
        self._begins = begins
        self._sizes = sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        begin = int(self._begins[number])
        return self._text[begin : begin + int(self._sizes[number])]


class NameTable:
    """Numbers for names."""

    def __init__(self) -> None:
        self._factor = np.uint64(int.from_bytes(os.urandom(WORD), "little") | 1)
        self._slots = np.full(_MIN_SLOTS, -1, np.int32)
        self._count = 0
        self._hashes = np.zeros(_MIN_SLOTS, np.uint64)
        self._sizes = np.zeros(_MIN_SLOTS, np.int32)
        self._begins = np.zeros(_MIN_SLOTS, np.int64)
        self._pool = np.zeros(1 << 16, np.uint8)
        self._used = 0

    def packed(self) -> PackedNames:
        """Return all names by number."""
        known = slice(0, self._count)
        return PackedNames(
            self._pool[: self._used].tobytes(),
            self._begins[known].copy(),
            self._sizes[known].copy(),
        )

    def numbers_of(
        self, text: npt.NDArray[np.uint8], begins: Ints, sizes: Ints
    ) -> tuple[Ints, _Words]:
        """Return the number of each name, and its hash.

        Args:
            text: has the names, and at least `WORD` more bytes behind the last one.
            begins: where each name begins.
            sizes: bytes of each name, 1 to `MAX_NAME_BYTES`.

        Raises:
            FallBackError: two names have the same hash, or too many of the table's places are
                taken by chance.
        """
        words = _words_of(text, begins, sizes)
        hashes = self._hash(words, sizes)
        numbers = self._find(hashes)
        some = _FIRST_NAMES
        while len(new := np.flatnonzero(numbers < 0)):  # few texts have many names
            distinct, first = np.unique(hashes[new[:some]], return_index=True)
            self._add(text, begins[new[first]], sizes[new[first]], distinct)
            numbers[new] = self._find(hashes[new])
            some *= 4
        self._check(words, sizes, numbers)
        return numbers, hashes

    def _hash(self, words: list[tuple[Ints | None, _Words]], sizes: Ints) -> _Words:
        """Return a hash of each name."""
        hashes = sizes.astype(np.uint64)
        for rows, word in words:
            before = hashes if rows is None else hashes[rows]
            mixed = (before ^ word) * self._factor
            mixed ^= mixed >> _SHIFT
            mixed *= self._factor
            if rows is None:
                hashes = mixed
            else:
                hashes[rows] = mixed
        return hashes

    def _place(self, hashes: _Words) -> Ints:
        """Return the place of each hash in the table: its first bits."""
        bits = len(self._slots).bit_length() - 1
        return (hashes >> np.uint64(64 - bits)).astype(np.int64)

    def _find(self, hashes: _Words) -> Ints:
        """Return the numbers of names by their hashes; -1 for new ones."""
        places = self._place(hashes)
        numbers = self._slots[places].astype(np.int64)
        rows = np.flatnonzero(self._hashes[numbers] != hashes)
        rows = rows[numbers[rows] >= 0]
        for probe in range(1, _MAX_PROBES):
            if not len(rows):
                return numbers
            found = self._slots[(places[rows] + probe) & (len(self._slots) - 1)].astype(np.int64)
            numbers[rows] = found
            rows = rows[(found >= 0) & (self._hashes[found] != hashes[rows])]
        raise FallBackError

    def _add(self, text: npt.NDArray[np.uint8], begins: Ints, sizes: Ints, hashes: _Words) -> None:
        """Add new names, numbered in the order given."""
        first, self._count = self._count, self._count + len(hashes)
        padded = -(-sizes.astype(np.int64) // WORD) * WORD
        starts = self._used + np.cumsum(padded) - padded
        self._used += int(padded.sum())
        self._pool = _grown(self._pool, self._used + WORD)
        self._hashes = _grown(self._hashes, self._count)
        self._sizes = _grown(self._sizes, self._count)
        self._begins = _grown(self._begins, self._count)
        self._hashes[first : self._count] = hashes
        self._sizes[first : self._count] = sizes
        self._begins[first : self._count] = starts
        for offset in range(0, int(padded.max()), WORD):
            rows = np.flatnonzero(padded > offset)
            word = (
                _load(text, begins[rows] + offset)
                & _LAST_BYTES[np.minimum(sizes[rows] - offset, WORD)]
            )
            self._pool.view("<u8")[(starts[rows] + offset) // WORD] = word
        if 4 * self._count > len(self._slots):
            self._slots = np.full(1 << (8 * self._count).bit_length(), -1, np.int32)
            first = 0
        self._enter(first)

    def _enter(self, first: int) -> None:
        """Enter the names from a number on into the slots.

        Of several that want a place, one gets it; the others try the next one.
        """
        numbers = np.arange(first, self._count, dtype=np.int32)
        places = self._place(self._hashes[first : self._count])
        for _ in range(_MAX_PROBES):
            if not len(numbers):
                return
            is_free = self._slots[places] < 0
            self._slots[places[is_free]] = numbers[is_free]
            waits = self._slots[places] != numbers
            numbers, places = numbers[waits], (places[waits] + 1) & (len(self._slots) - 1)
        raise FallBackError

    def _check(self, words: list[tuple[Ints | None, _Words]], sizes: Ints, numbers: Ints) -> None:
        """Raise `FallBackError` unless each name is the one that its number stands for."""
        pool = self._pool.view("<u8")
        is_same = bool((self._sizes[numbers] == sizes).all())
        starts = self._begins[numbers] // WORD
        for offset, (rows, word) in enumerate(words):
            known = pool[(starts if rows is None else starts[rows]) + offset]
            is_same = is_same and bool((known == word).all())
        if not is_same:
            raise FallBackError


def _words_of(
    text: npt.NDArray[np.uint8], begins: Ints, sizes: Ints
) -> list[tuple[Ints | None, _Words]]:
    """Return for each word of the longest name the names that have it (None: all), and it."""
    words: list[tuple[Ints | None, _Words]] = []
    rows, begin, left = None, begins, sizes
    while True:
        words.append((rows, _load(text, begin) & _LAST_BYTES[np.minimum(left, WORD)]))
        more = np.flatnonzero(left > WORD)
        if not len(more):
            return words
        rows = more if rows is None else rows[more]
        begin, left = begin[more] + WORD, left[more] - WORD


def _load(text: npt.NDArray[np.uint8], begins: Ints) -> _Words:
    """Return the 8 bytes of a text from each of these bytes on, which may be at any address."""
    words: _Words = np.ndarray((len(text) - WORD + 1,), "<u8", text.data, strides=(1,))
    return words[begins]


def _grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return an array that is at least that long; it doubles."""
    if len(array) >= size:
        return array
    larger = np.zeros(1 << (size - 1).bit_length(), array.dtype)
    larger[: len(array)] = array
    return larger
