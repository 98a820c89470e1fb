"""Sums of plain records by compiled code (``core/stack_sums.c``).

The compiled code decides for itself only what a few bytes decide: where a paragraph ends, and
whether its last line is numbers of few digits. `PlainRecords` says what all other lines mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from pvprof.model.core import secret_seed
from pvprof.model.core.stack_columns import stacks_by_group
from pvprof.model.profile import StackTable, Weight
from pvprof.model.stacks import Stack
from pvprof.parse.dtrace.sums.plain_records import GroupKey, PlainRecords
from pvprof.parse.line_cache import Numbering

if TYPE_CHECKING:
    from pvprof.model.core import stack_sums

_TAIL_BYTES = 64


class CoreSums:
    """Adds up plain records; a `PlainSums`."""

    def __init__(self, records: PlainRecords, core: ModuleType) -> None:
        numbers: Numbering[GroupKey] = Numbering()

        def number_of(line: bytes) -> int | None:
            group = records.group_of(line)
            return None if group is None else numbers[group]

        self._records = records
        self._numbers = numbers
        self._sums: stack_sums.StackSums = core.StackSums(
            records.frame_of, number_of, records.key_first, False, secret_seed()
        )

    def read(self, piece: bytes) -> Iterator[bytes]:
        """Yield the paragraphs of the next piece that are not plain records."""
        records = self._records
        at, end = 0, _end_of(piece)
        while at < end:
            has_plain_values = False
            if records.width in (1, 2) and not records.pending:
                at, has_plain_values = self._sums.read(piece, at, end, records.width)
                if at >= end:
                    return
            stop = piece.find(b"\n\n", at, end)
            paragraph = piece[at : end if stop < 0 else stop]
            at = end if stop < 0 else stop + 2
            if has_plain_values or not self._is_added(paragraph):
                yield paragraph

    def groups(self) -> Iterator[tuple[GroupKey, dict[Stack, Weight] | StackTable]]:
        """Yield the sums of each group, and forget them."""
        taken = self._sums.take()
        parts = stacks_by_group(*taken, len(self._numbers))
        yield from zip(self._numbers, parts, strict=True)

    def _is_added(self, paragraph: bytes) -> bool:
        """Add a paragraph whose values are spelled in an unusual way, if it is a plain record."""
        head, _, last = paragraph.rpartition(b"\n")
        values = self._records.values_of[last]
        if not values or not self._records.is_plain(values):
            return False
        return self._sums.add(head, values[0], values[1] if len(values) > 1 else 0)


def _end_of(piece: bytes) -> int:
    """Return the length of a text without the newlines at its end; most texts are not copied."""
    end = len(piece) - _TAIL_BYTES
    tail = piece[max(end, 0) :].rstrip(b"\n")
    return max(end, 0) + len(tail) if tail else len(piece.rstrip(b"\n"))
