from collections.abc import Callable
from typing import Any as Buffer

from pvprof.model.stacks import Frame

class StackSums:
    """Sums by group and stack.

    Args:
        frame_of: returns the frame of a line, None if the line is not plain.
        group_of: returns the number of the group of a key's records, None if it is not plain; of
            an empty key if records begin with frames.
        key_first: whether each record begins with a key.
        is_marked: whether marks divide records and values, ``> `` and ``= ``, in place of blank
            lines.
        seed: two secret numbers of 64 bits.
    """

    def __new__(
        cls,
        frame_of: Callable[[bytes], str | None],
        group_of: Callable[[bytes], int | None],
        key_first: bool,
        is_marked: bool,
        seed: tuple[int, int],
        /,
    ) -> StackSums: ...
    def read(self, text: bytes, start: int, end: int, width: int, /) -> tuple[int, bool]:
        """Add plain records of `width` values, from the paragraph, or mark, at `start` on.

        Returns:
            The offset of the first record that is not plain, or `end`; and whether only its head
            is to blame.
        """

    def add(self, head: bytes, value: int, count: int, /) -> bool:
        """Add a record; return whether its head is plain."""

    def take(self) -> tuple[list[Frame], bytes, bytes, bytes]:
        """Return the names of frames and all sums, and forget them.

        For each stack the number of its frames and 1; the number of its group, then those of its
        frames, root first; its value, count and number of records. The first two are unsigned
        numbers of 32 bits, the last of 64.
        """

def folded_lines(names: list[Frame], frames: Buffer, ends: Buffer, sums: Buffer, /) -> str:
    """Return folded stacks as sorted lines; arguments as in `StackTable`, of 32, 64 and 64 bits."""
