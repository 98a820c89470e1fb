"""The part of a text by which its layout is recognised: its beginning, or its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SAMPLE_BYTES = 1 << 18
"""Size of the beginning of a text by which its layout is recognised."""

MAX_LINE_BYTES = 2_000
"""Maximum length of a line by which a layout is recognised."""

FRAME = re.compile(rb"^ *(?:\S*`\S|0x[0-9a-fA-F]+$)", re.M)
"""Matches the beginning of a line that looks like a frame of DTrace's."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The part of a text by which its layout is recognised.

    Attributes:
        start: the first bytes.
        text: the same without a last line that was cut off.
    """

    start: bytes
    text: bytes

    @cached_property
    def all_lines(self) -> Sequence[bytes]:
        """Return the lines of `text`, blank ones too.

        Of a line that is longer than `MAX_LINE_BYTES` only its beginning and its end are kept:
        patterns of many tools are tried on it, and some take time with the square of its length.
        """
        lines = self.text.split(b"\n")
        return lines if max(map(len, lines)) <= MAX_LINE_BYTES else [*map(_shortened, lines)]

    @cached_property
    def lines(self) -> Sequence[bytes]:
        """Return the lines of `text` that are not blank."""
        return [line for line in self.all_lines if line.strip()]

    @cached_property
    def distinct(self) -> frozenset[bytes]:
        """Return the lines that are not blank, each once."""
        return frozenset(self.lines)

    @cached_property
    def has_frames(self) -> bool:
        """Tell whether any line begins like DTrace's frames: ``kernel`f``, ``0xffffff``."""
        return FRAME.search(self.text) is not None


_WINDOWS = 16


def later_sample(data: Any, size: int) -> Sample:
    """Return lines of a long text after its first `size` bytes: of its middle, and its end.

    The middle is seen through windows that are the same distance apart, so what fills a sixteenth
    of it is always seen.

    Args:
        data: the text, ``bytes`` or an ``mmap``.
        size: maximum number of bytes.
    """
    end = max(len(data) - size // 2, size)
    step, length = (end - size) // _WINDOWS, size // 2 // _WINDOWS
    if step <= length:
        return Sample(b"", _from_line(bytes(data[size:])))
    starts = [size + number * step for number in range(_WINDOWS)]
    windows = [bytes(data[start : start + length]) for start in starts]
    windows = [window[: window.rfind(b"\n") + 1] for window in windows]
    return Sample(b"", b"\n".join(map(_from_line, [*windows, bytes(data[end:])])))


def _from_line(text: bytes) -> bytes:
    """Return a text from the beginning of a paragraph on, or of a line if there is no other."""
    blank = text.find(b"\n\n")
    return text[blank + 1 :] if blank >= 0 else text[text.find(b"\n") + 1 :]


def _shortened(line: bytes) -> bytes:
    if len(line) <= MAX_LINE_BYTES:
        return line
    return line[: MAX_LINE_BYTES // 2] + line[-MAX_LINE_BYTES // 2 :]
