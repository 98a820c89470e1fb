"""Sums of plain records in Python: what the compiled sums are compared with, and used without them.

The fast path hardly looks into a paragraph: it splits off the last line and adds its value to the
cell of the head before it. Only a head that is seen for the first time is read, through caches of
distinct lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from pvprof.model.profile import Cell, Weight, weights_of_cells
from pvprof.model.stacks import Frame, Stack
from pvprof.parse.dtrace.sums.plain_records import GroupKey, PlainRecords
from pvprof.parse.line_cache import FallBackError, LineCache

_MAX_HEADS = 1 << 15
"""Maximum number of heads in the cache. Snapshots repeat a few thousand; keeping all 300,000
distinct stacks of a text would only cost memory, and so time."""


class PythonSums:
    """Adds up plain records; a `PlainSums`."""

    def __init__(self, records: PlainRecords) -> None:
        self._records = records
        self._cells: dict[bytes, Cell] = {}
        self._groups: defaultdict[GroupKey, dict[Stack, Cell]] = defaultdict(dict)
        self._frame_of = LineCache(partial(_parse_frame, records))
        self._group_of = LineCache(partial(_parse_key, records, self._groups))

    def read(self, piece: bytes) -> Iterator[bytes]:
        """Yield the paragraphs of the next piece that are not plain records."""
        records, cells = self._records, self._cells
        values_of, pending = records.values_of, records.pending
        for paragraph in piece.rstrip(b"\n").split(b"\n\n"):
            head, _, last = paragraph.rpartition(b"\n")
            values = values_of[last]
            if not values or pending or len(values) != records.width:
                yield paragraph
                continue
            cell = cells.get(head)
            if cell is None:
                try:
                    cell = self._cell(head)
                except FallBackError:
                    yield paragraph
                    continue
            cell[0] += values[0]
            if len(values) > 1:
                cell[1] += values[1]
            cell[2] += 1

    def groups(self) -> Iterator[tuple[GroupKey, dict[Stack, Weight]]]:
        """Yield the sums of each group."""
        for group, stacks in self._groups.items():
            yield group, weights_of_cells(stacks)

    def _cell(self, head: bytes) -> Cell:
        """Return the cell of a head that is not in the cache.

        Raises:
            FallBackError: the head has more than a key line and frames.
        """
        records = self._records
        lines = head.split(b"\n")
        if not lines[0]:
            del lines[0]
        key = lines.pop(0) if records.key_first and lines else b""
        if not lines:
            raise FallBackError
        group = self._group_of[key]
        lines.reverse()
        stack = Stack(";".join(map(self._frame_of.__getitem__, lines)))
        cell = group.get(stack)
        if cell is None:
            cell = group[stack] = [0, 0, 0]
        if len(self._cells) < _MAX_HEADS:
            self._cells[head] = cell
        return cell


def _parse_frame(records: PlainRecords, line: bytes) -> Frame:
    frame = records.frame_of(line)
    if frame is None:
        raise FallBackError
    return frame


def _parse_key(
    records: PlainRecords, groups: defaultdict[GroupKey, dict[Stack, Cell]], line: bytes
) -> dict[Stack, Cell]:
    group = records.group_of(line)
    if group is None:
        raise FallBackError
    return groups[group]
