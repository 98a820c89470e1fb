"""Who ended waits, as a sentence and as columns of a table of locks."""

from __future__ import annotations

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section
from pvprof.analysis.wakers import Waker, Wakers
from pvprof.model.wakeup_sums import WaitSplit
from pvprof.units import format_share, format_value
from pvprof.views.tables.table import Column, LockColumn


def waker_sentence(section: Section) -> str:
    """Return the sentence that divides what was kept by the wake-ups; empty where none is known."""
    if section.wakers is None:
        return ""
    split, kept = section.wakers.split, section.kept
    text = (
        f"Of it blocked {format_value(split.blocked_ns, 'ns')}, then runnable and waiting for a CPU"
        f" {format_value(split.runnable_ns, 'ns')}"
    )
    if kept.count > split.count:
        rest = format_value(kept.value - split.wait_ns, "ns")
        text += f"; {rest} in {kept.count - split.count:,} waits without a wake-up not told apart"
    return text


def waker_columns(wakers: Wakers) -> list[LockColumn]:
    """Return the columns of who ended most of a row's wait, and how much of it."""

    def most(row: Row) -> tuple[Waker, WaitSplit] | None:
        found = wakers.rows.get(row.id)
        return found.wakers[0] if found and found.wakers else None

    def name(row: Row) -> str | None:
        found = most(row)
        return None if found is None else " ".join(filter(None, found[0]))

    def ended(row: Row) -> int | None:
        found = most(row)
        return None if found is None else found[1].wait_ns

    def share(row: Row) -> str:
        value = ended(row)
        return "-" if value is None else format_share(value, row.value)

    return [
        LockColumn(Column("Top waker"), lambda row: name(row) or "-", name),
        LockColumn(Column("Ended", True), share, ended),
    ]
