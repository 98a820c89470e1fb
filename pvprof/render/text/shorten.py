"""Shorten names to a number of cells, so that what distinguishes them stays.

``kernel` `` goes first: most frames have it. Of a line of a source file the directories go next.
Then the middle goes: names differ at both ends. Of the name of a class, what is in brackets stays:
``pv list (rwlock)`` and ``pv list (OBM)`` differ only there.
"""

from __future__ import annotations

import re

from rich.cells import cell_len

_KERNEL = "kernel`"
_MIN_BEGINNING = 2
_SOURCE_LINE = re.compile(r".*/([^/]+:\d+)", re.DOTALL)
_BRACKETS = re.compile(r"(.*?) ?(\([^()]+\))", re.DOTALL)


def shorten(name: str, cells: int, ellipsis: str) -> str:
    """Return a name in at most `cells` cells; `ellipsis` marks what was left out."""
    if cell_len(name) <= cells:
        return name
    bare = without_kernel(name)
    source_line = _SOURCE_LINE.fullmatch(bare)
    bare = source_line[1] if source_line else bare
    if cell_len(bare) <= cells:
        return bare
    room = cells - cell_len(ellipsis)
    if room < 1:
        return _head(bare, cells)
    head = (room + 1) // 2
    return _head(bare, head) + ellipsis + _tail(bare, room - head)


def without_kernel(name: str) -> str:
    """Return a name without ``kernel` ``."""
    return name.removeprefix(_KERNEL)


def cut(words: str, cells: int, ellipsis: str) -> str:
    """Return words in at most `cells` cells: their beginning, and brackets at their end."""
    if cell_len(words) <= cells:
        return words
    brackets = _BRACKETS.fullmatch(words)
    end = f"{ellipsis} {brackets[2]}" if brackets else ellipsis
    if brackets and cells - cell_len(end) < _MIN_BEGINNING:
        end = ellipsis
    return _head(words, max(cells - cell_len(end), 0)).rstrip() + end


def _head(text: str, cells: int) -> str:
    return text[: _fitting(text, cells)]


def _tail(text: str, cells: int) -> str:
    return text[len(text) - _fitting(text[::-1], cells) :]


def _fitting(characters: str, cells: int) -> int:
    """Return the number of first characters that have at most `cells` cells together."""
    width = 0
    for count, character in enumerate(characters):
        width += cell_len(character)
        if width > cells:
            return count
    return len(characters)
