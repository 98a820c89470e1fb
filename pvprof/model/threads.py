"""The threads of a recording: who created each, when it was born and when it died.

Import it only if there are single waits: it imports numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pvprof.model.column_table import ColumnTable
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints

UNKNOWN = -1
"""In place of a parent, a birth or a death: it was not recorded."""

WORKLOAD = 0
"""In place of a parent: the thread is the first one of the workload."""


@dataclass(frozen=True, slots=True, eq=False)
class ThreadTable(ColumnTable):
    """One row for each life of a thread, in any order; an id may be used again after a death.

    All arrays are one-dimensional and of equal length.

    Attributes:
        tid, pid: int64; of the thread, and of its process (`UNKNOWN` if not recorded).
        parent_tid: int64; the thread that created it; `WORKLOAD` for the first thread of the
            workload, `UNKNOWN` if not recorded.
        born_ns, died_ns: int64; on the clock of the waits of the same recording. `UNKNOWN` if the
            thread was there before the recording began, or still there when it ended.
        key_id: int64 indices into `keys`.
        keys: the distinct keys; only `Key.execname` counts, the name of the process when the thread
            died, or the last one known.
        stacks: always empty.
    """

    STACK_IDS: ClassVar[tuple[str, ...]] = ()

    tid: Ints
    pid: Ints
    parent_tid: Ints
    born_ns: Ints
    died_ns: Ints
    key_id: Ints
    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...] = ()

    def __len__(self) -> int:
        return len(self.tid)
