"""Spinning beside blocking, as a sentence and a table: either alone misses the other."""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section
from pvprof.classify.rules import KERNEL, OTHER
from pvprof.units import count_waits, format_share, format_value
from pvprof.views.tables.table import Column, Table

_NOTE = (
    "Spin: waiting on a CPU for a lock whose owner runs. Block: off the CPU. Missed: the share that"
    " blocking alone would not have shown. -: the recording adds both up."
)


def has_spins(section: Section) -> bool:
    """Tell whether any wait that was kept was spent spinning, or may have been."""
    return section.unit == "ns" and any(
        row.spin_count or row.spin or (row.kind == KERNEL and not _is_separated(row))
        for row in section.rows
    )


def spin_sentence(section: Section) -> str:
    """Return the sentence on spinning and blocking; empty if no wait was spent spinning."""
    if not any(row.spin_count or row.spin for row in section.rows):
        return ""
    spin, block = (sum(getattr(row, name) for row in section.rows) for name in ("spin", "block"))
    text = f"Spinning {format_value(spin, section.unit)}{_times(section, 'spin_count')}, blocked"
    text += f" {format_value(block, section.unit)}{_times(section, 'block_count')}: blocking alone"
    text += f" would have missed {format_share(spin, spin + block)}"
    rest = section.kept.value - spin - block
    return f"{text}; {format_value(rest, section.unit)} not told apart" if rest else text


def _times(section: Section, field: str) -> str:
    if not section.has_counts:
        return ""
    return f" in {count_waits(sum(getattr(row, field) for row in section.rows))}"


def spin_table(section: Section, rows: Sequence[Row]) -> Table:
    """Return the table of spinning beside blocking, one row for each of `rows`."""
    return Table(
        "Spin and block",
        (
            Column("Lock or wait", is_name=True),
            Column("Class", rank=2, is_words=True),
            Column("Wait", True),
            Column("Spin", True),
            Column("Spins", True, 1),
            Column("Block", True),
            Column("Blocks", True, 1),
            Column("Missed", True),
        ),
        tuple(_cells(row, section) for row in rows),
        _NOTE,
    )


def _is_separated(row: Row) -> bool:
    """Tell whether the recording separates spinning from blocking in this row."""
    return bool(row.spin_count or row.block_count or row.spin or row.block)


def _cells(row: Row, section: Section) -> tuple[str, ...]:
    is_separated = _is_separated(row)

    def value(number: int) -> str:
        return format_value(number, section.unit) if is_separated else "-"

    def count(number: int) -> str:
        return f"{number:,}" if is_separated and section.has_counts else "-"

    return (
        row.name,
        "" if row.lock_class == OTHER else row.lock_class,
        format_value(row.value, section.unit),
        value(row.spin),
        count(row.spin_count),
        value(row.block),
        count(row.block_count),
        format_share(row.spin, row.spin + row.block) if is_separated else "-",
    )
