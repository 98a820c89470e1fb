from collections.abc import Callable

from pvprof.model.stacks import Stack

class StackSums:
    """Sums by group and stack.

    Args:
        frame_of: returns the frame of a line, None if the line is not plain.
        group_of: returns the number of the group of a key's records, None if it is not plain; of
            an empty key if records begin with frames.
        key_first: whether each record begins with a key.
        seed: two secret numbers of 64 bits.
    """

    def __new__(
        cls,
        frame_of: Callable[[bytes], str | None],
        group_of: Callable[[bytes], int | None],
        key_first: bool,
        seed: tuple[int, int],
        /,
    ) -> StackSums: ...
    def read(self, text: bytes, start: int, end: int, width: int, /) -> tuple[int, bool]:
        """Add plain records of `width` values, from the paragraph at `start` on.

        Returns:
            The offset of the first paragraph that is not plain, or `end`; and whether only its
            head is to blame.
        """

    def add(self, head: bytes, value: int, count: int, /) -> bool:
        """Add a record; return whether its head is plain."""

    def take(self) -> tuple[list[int], list[Stack], list[int], list[int], list[int]]:
        """Return the group, text, value, count and records of each stack, and forget them."""
