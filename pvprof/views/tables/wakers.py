"""The wakers of waits, as a sentence and as columns of a lock table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section
from pvprof.model.wakeup_sums import WaitSplit
from pvprof.units import count_waits, format_share, format_value
from pvprof.views.tables.table import Column, LockColumn

if TYPE_CHECKING:
    from pvprof.analysis.wakers import Waker, Wakers


def waker_sentence(section: Section) -> str:
    """Return the sentence on the time before and after the wake-ups; empty if none is known."""
    if section.wakers is None:
        return ""
    split, kept = section.wakers.split, section.kept
    text = (
        f"Of it blocked {format_value(split.blocked_ns, 'ns')}, then runnable and waiting for a CPU"
        f" {format_value(split.runnable_ns, 'ns')}"
    )
    if kept.count > split.count:
        rest = format_value(kept.value - split.wait_ns, "ns")
        text += (
            f"; {rest} in {count_waits(kept.count - split.count)} without a wake-up not told apart"
        )
    return text


def waker_columns(wakers: Wakers) -> list[LockColumn]:
    """Return two columns: the waker that ended most of a row's wait, and its share."""

    def largest_of(row: Row) -> tuple[Waker, WaitSplit] | None:
        ended = wakers.rows.get(row.id)
        return ended.wakers[0] if ended and ended.wakers else None

    def name(row: Row) -> str | None:
        largest = largest_of(row)
        return None if largest is None else " ".join(filter(None, largest[0]))

    def ended(row: Row) -> int | None:
        largest = largest_of(row)
        return None if largest is None else largest[1].wait_ns

    def share(row: Row) -> str:
        value = ended(row)
        return "-" if value is None else format_share(value, row.value)

    return [
        LockColumn(Column("Top waker", is_name=True), lambda row: name(row) or "-", name),
        LockColumn(Column("Ended", True), share, ended),
    ]
