"""Shorten names to a number of cells, so that what distinguishes them stays.

``kernel` `` goes first: most frames have it. Then the middle goes: names differ at both ends.
"""

from __future__ import annotations

from rich.cells import cell_len

_KERNEL = "kernel`"


def shorten(name: str, cells: int, ellipsis: str) -> str:
    """Return a name in at most `cells` cells; `ellipsis` marks what was left out."""
    if cell_len(name) <= cells:
        return name
    bare = name.removeprefix(_KERNEL)
    if cell_len(bare) <= cells:
        return bare
    room = cells - cell_len(ellipsis)
    if room < 1:
        return _head(bare, cells)
    head = (room + 1) // 2
    return _head(bare, head) + ellipsis + _tail(bare, room - head)


def cut(words: str, cells: int, ellipsis: str) -> str:
    """Return words in at most `cells` cells: their beginning says most."""
    if cell_len(words) <= cells:
        return words
    return _head(words, max(cells - cell_len(ellipsis), 0)).rstrip() + ellipsis


def _head(text: str, cells: int) -> str:
    while cell_len(text) > cells:
        text = text[:-1]
    return text


def _tail(text: str, cells: int) -> str:
    while cell_len(text) > cells:
        text = text[1:]
    return text
