"""Hold times: one row for each lock, with its acquisitions, beside its waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pvprof.analysis.lock_table import Row, row_name
from pvprof.classify.filters import Filters, rejected_by
from pvprof.classify.matcher import Matcher
from pvprof.model.profile import LockHold
from pvprof.model.stacks import NO_STACK, Frame


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One lock.

    Attributes:
        lock_class, name: as in the lock table.
        hold_ns: how long it was held, all together.
        acquisitions: how often it was acquired.
        max_hold_ns: the longest time; None if that was not recorded.
        caller: the code that held it longest, all together.
        wait_ns, waits: its row of the lock table of its mode; 0 if no one waited for it.
        mode: in which it was recorded; empty if unknown.
    """

    lock_class: str
    name: str
    hold_ns: int
    acquisitions: int
    max_hold_ns: int | None
    caller: Frame
    wait_ns: int
    waits: int
    mode: str = ""

    @property
    def mean_hold_ns(self) -> int:
        """Return the mean time of one acquisition, rounded down."""
        return self.hold_ns // self.acquisitions if self.acquisitions else 0

    @property
    def has_contention(self) -> bool:
        """Tell whether waits are a part of the acquisitions: not if rows of either are missing."""
        return 0 < self.acquisitions >= self.waits


_Lock = tuple[str, str, str]
"""Mode, lock class and name."""


@dataclass(slots=True)
class _Sums:
    hold_ns: int = 0
    acquisitions: int = 0
    longest: list[int] = field(default_factory=list)
    callers: Counter[Frame] = field(default_factory=Counter)


def hold_rows(
    holds: Iterable[LockHold],
    waits: Mapping[str, Sequence[Row]],
    rules: Matcher,
    filters: Filters,
) -> tuple[HoldRow, ...]:
    """Return one row for each mode, lock class and name that the filters keep, longest held first.

    Args:
        holds: what was recorded.
        waits: by mode, the lock table of its recordings.
        rules: give the lock classes.
        filters: those on names and classes count; a hold has no kind of wait.
    """
    sums: dict[_Lock, _Sums] = {}
    for hold in holds:
        verdict = rules.classify(hold.key, NO_STACK)
        if rejected_by(verdict, hold.key, filters):
            continue
        lock = hold.mode, verdict.lock_class, row_name(hold.key)
        total = sums.setdefault(lock, _Sums())
        total.hold_ns += hold.hold_ns
        total.acquisitions += hold.acquisitions
        total.callers[hold.caller] += hold.hold_ns
        if hold.max_hold_ns is not None:
            total.longest.append(hold.max_hold_ns)
    waited: Counter[_Lock] = Counter()
    counted: Counter[_Lock] = Counter()
    for mode, rows_of_mode in waits.items():
        for row in rows_of_mode:
            waited[mode, row.lock_class, row.name] += row.value
            counted[mode, row.lock_class, row.name] += row.count or 0
    rows = [
        HoldRow(
            *lock[1:],
            total.hold_ns,
            total.acquisitions,
            max(total.longest, default=None),
            min(total.callers, key=lambda caller: (-total.callers[caller], caller)),
            waited[lock],
            counted[lock],
            lock[0],
        )
        for lock, total in sums.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.hold_ns, row.name, row.lock_class)))
