"""The waits that had no end when the recording ended: what hangs, at first sight."""

from __future__ import annotations

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section
from pvprof.classify.rules import OTHER
from pvprof.units import count_waits, format_value
from pvprof.views.tables.table import Column, Table, TableOptions, count_rows

_MAX_ROWS = 10


def open_table(section: Section, options: TableOptions) -> Table | None:
    """Return the table of the waits that were still open; None if the filters keep none."""
    rows = sorted(section.open_rows, key=lambda row: (-row.value, row.id))
    if not rows or options.only_locks:
        return None
    has_class = any(row.lock_class != OTHER for row in rows)
    columns = (
        Column("Lock or wait", is_name=True),
        *((Column("Class", rank=2, is_words=True),) if has_class else ()),
        Column("So far", True),
        Column("Count", True),
        Column("Top caller", rank=1, is_name=True),
    )
    limit = options.top or _MAX_ROWS
    cells = tuple(_cells(row, has_class) for row in rows[:limit])
    others = rows[limit:]
    rest = ()
    if others:
        texts = (format_value(_ns(others), "ns"), f"{_count(others):,}", "")
        rest = (f"({count_rows(len(others))})", *(("",) if has_class else ()), *texts)
    amount = f"{format_value(_ns(rows), 'ns')} so far in {count_waits(_count(rows))}"
    title = f"Still waiting at the end, in no total: {amount}"
    return Table(title, columns, cells, rest=rest)


def _cells(row: Row, has_class: bool) -> tuple[str, ...]:
    caller = row.callers[0][0] if row.callers else "-"
    lock_class = (row.lock_class,) if has_class else ()
    return (row.name, *lock_class, format_value(row.value, "ns"), f"{row.count or 0:,}", caller)


def _ns(rows: list[Row]) -> int:
    return sum(row.value for row in rows)


def _count(rows: list[Row]) -> int:
    return sum(row.count or 0 for row in rows)
