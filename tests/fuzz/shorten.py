"""Make an input that fails shorter, so that it shows what is wrong."""

from __future__ import annotations

from collections.abc import Callable

MAX_TRIES = 150


def shortened(data: bytes, still_fails: Callable[[bytes], bool]) -> bytes:
    """Return a part of an input that fails as well, found with at most `MAX_TRIES` tries.

    Pieces are left out, halves at first, then ever smaller ones, down to single bytes.
    """
    size, tries = len(data) // 2, 0
    while size and tries < MAX_TRIES:
        at = 0
        while at < len(data) and tries < MAX_TRIES:
            shorter = data[:at] + data[at + size :]
            tries += 1
            if still_fails(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data
