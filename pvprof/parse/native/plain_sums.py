r"""The sums of plain records of pvprof's own grammar, by the compiled core.

::

    > turnstile name=9:vm object     a head of one line
    kernel`turnstile_wait+0x332      frames, at least one
    = 43041770 3                     as many numbers as the first record has

All other records, and all records if there is no core, are left to `NativeReader`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from pvprof.model.core import secret_seed
from pvprof.model.core.stack_columns import Stacks, stacks_by_group
from pvprof.model.profile import Key
from pvprof.model.stacks import Frame
from pvprof.parse.line_cache import FallBackError, Numbering
from pvprof.parse.native.fields import read_plain_head
from pvprof.parse.text.diagnostics import is_diagnostic
from pvprof.parse.text.frames import FrameNames, decode

if TYPE_CHECKING:
    from pvprof.model.core import stack_sums

_FRAME = re.compile(rb"[A-Za-z_][^`\n]*`[^\n]*|0x[0-9a-f]+")
_VALUES = re.compile(rb"\n= [0-9]+( [0-9]+)?\n")


def is_plain_frame(line: bytes) -> bool:
    """Tell whether a line is a frame and nothing else."""
    return _FRAME.fullmatch(line) is not None and not is_diagnostic(decode(line))


def _frame_of(frame_names: FrameNames) -> Callable[[bytes], Frame | None]:
    """Return a function that names a line, or returns None if it is not certainly one frame."""

    def frame_of(line: bytes) -> Frame | None:
        frames = frame_names[line] if is_plain_frame(line) else ()
        return frames[0] if len(frames) == 1 else None

    return frame_of


def _group_of(keys: Numbering[Key]) -> Callable[[bytes], int | None]:
    """Return a function that numbers the key of a head, or returns None if it is not plain."""

    def group_of(line: bytes) -> int | None:
        try:
            return keys[read_plain_head(line)]
        except FallBackError:
            return None

    return group_of


class NativeSums:
    """Adds up the plain records of one text.

    Args:
        core: the compiled core.
        frame_names: names its frames.
    """

    def __init__(self, core: ModuleType, frame_names: FrameNames) -> None:
        self._keys: Numbering[Key] = Numbering()
        self._width = 0
        self._sums: stack_sums.StackSums = core.StackSums(
            _frame_of(frame_names), _group_of(self._keys), True, True, secret_seed()
        )

    def read(self, piece: bytes, start: int, end: int) -> int:
        """Add the plain records at `start`.

        Args:
            piece: the text.
            start: the offset of a ``>`` record.
            end: the offset of the newline behind the last value.

        Returns:
            The offset of the first record that is not plain, or `end`.
        """
        if not self._width:
            following = piece.find(b"\n> ", start, end)
            values = _VALUES.search(piece, start, 1 + (end if following < 0 else following))
            if values is None:
                return start
            self._width = 1 if values[1] is None else 2
        return self._sums.read(piece, start, end, self._width)[0]

    def groups(self) -> Iterator[tuple[tuple[Key, bool], Stacks]]:
        """Yield the sums of each key, and whether they have counts; forget them."""
        taken = self._sums.take()
        parts = stacks_by_group(*taken, len(self._keys))
        for key, stacks in zip(self._keys, parts, strict=True):
            if stacks:  # the key may be of records that are not plain
                yield (key, self._width > 1), stacks
