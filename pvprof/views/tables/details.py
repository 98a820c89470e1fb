"""What a report has beside its lock tables: sentences always, further tables on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from pvprof.analysis.holds import HoldRow
from pvprof.analysis.report import Report, Section
from pvprof.classify.rules import OTHER
from pvprof.units import format_ns, format_share
from pvprof.views.tables.open_waits import open_table
from pvprof.views.tables.report import same_waits_sentence, waker_table
from pvprof.views.tables.spin import has_spins, spin_sentence, spin_table
from pvprof.views.tables.table import Column, Table, TableOptions, count_rows
from pvprof.views.tables.waits import (
    chains_table,
    objects_table,
    overlap_sentence,
    overlap_table,
    owners_table,
    stacks_table,
)
from pvprof.views.tables.wakers import waker_sentence

OF_SINGLE_WAITS = ("overlap", "objects", "owners", "stacks")
"""Tables of single waits, shown on request."""

_HOLD_NOTE = (
    "Contended: the share of the acquisitions that had to wait; - where rows are missing."
    " Holding is no waiting, and in no total above."
)
DETAILS = ("wakers", "spin", *OF_SINGLE_WAITS)
"""All that can be requested: columns of wakers, then tables in the order of a report."""

NEEDS = {
    "wakers": (
        "no wake-ups of single waits were recorded",
        "pvprof record events --wakers records them",
    ),
    "spin": ("no spinning was recorded", "pvprof record locks, or lockstat(1), records it"),
    **dict.fromkeys(
        OF_SINGLE_WAITS,
        ("no single waits were recorded", "pvprof record events records them; sums do not tell"),
    ),
}
"""For each of `DETAILS`: the error if the recording cannot give it, and a hint."""


def sentences(section: Section, report: Report) -> list[str]:
    """Return the sentences below the summary of a section."""
    texts = (
        same_waits_sentence(section, report),
        spin_sentence(section),
        overlap_sentence(section),
        waker_sentence(section),
    )
    return [text for text in (*texts, *_path_sentences(section)) if text]


def _path_sentences(section: Section) -> Sequence[str]:
    """Return the sentences on the critical path, if threads were recorded."""
    if section.path is None:
        return ()
    from pvprof.views.critical_path import path_tables  # noqa: PLC0415 (imports numpy)

    return path_tables.answer(section.path), path_tables.cost_sentence(section.path)


def has_detail(section: Section, name: str) -> bool:
    """Tell whether a section has what one of `DETAILS` needs."""
    if name == "spin":
        return has_spins(section)
    return (section.wakers if name == "wakers" else section.single_waits) is not None


def detail_tables(section: Section, report: Report, options: TableOptions) -> list[Table]:
    """Return the tables that were requested (`TableOptions.details`), without empty ones.

    The tables of wakers and of open waits are in every whole report.
    """
    rows = section.rows[: options.top] if options.top else section.rows
    always = (waker_table(section, report, options), open_table(section, options))
    tables = [table for table in always if table is not None]
    if "spin" in options.details and has_spins(section):
        tables.append(spin_table(section, rows))
    single_waits = section.single_waits
    if single_waits is not None:
        if "overlap" in options.details:
            tables.append(overlap_table(single_waits, rows, report))
        if "objects" in options.details:
            tables.append(objects_table(single_waits, rows))
        if "owners" in options.details:
            tables += [owners_table(single_waits, rows), chains_table(single_waits)]
        if "stacks" in options.details:
            tables.append(stacks_table(single_waits, rows))
    if section.path is not None and not options.only_locks:
        from pvprof.views.critical_path import path_tables  # noqa: PLC0415 (imports numpy)

        path_table = path_tables.cause_table(section.path, options)
        tables.append(replace(path_table, title="Critical path of the run"))
    holds = _holds_of(section, report)
    if holds:
        tables.append(hold_table(holds, options))
    return [table for table in tables if table.rows]


def _holds_of(section: Section, report: Report) -> list[HoldRow]:
    """Return the hold times of a section's mode; the first one has those of modes without waits."""
    modes = [one.mode for one in report.sections if one.unit == "ns"]
    if section.unit != "ns":
        return []
    is_first = section.mode == modes[0]
    return [
        row
        for row in report.holds
        if row.mode == section.mode or (is_first and row.mode not in modes)
    ]


class _HoldColumn(NamedTuple):
    """A column of the table of hold times; the rest row has what `total` makes of its rows."""

    heading: Column
    cell: Callable[[HoldRow], str]
    total: Callable[[Sequence[HoldRow]], str] = lambda _rows: ""


_MAX_HOLD = _HoldColumn(
    Column("Max hold", True, 5),
    lambda row: "-" if row.max_hold_ns is None else format_ns(row.max_hold_ns),
)
_HOLD_COLUMNS = (
    _HoldColumn(
        Column("Lock", is_name=True),
        lambda row: row.name,
        lambda rows: f"({count_rows(len(rows))})",
    ),
    _HoldColumn(
        Column("Class", rank=4, is_words=True),
        lambda row: "" if row.lock_class == OTHER else row.lock_class,
    ),
    _HoldColumn(
        Column("Hold", True),
        lambda row: format_ns(row.hold_ns),
        lambda rows: format_ns(sum(row.hold_ns for row in rows)),
    ),
    _HoldColumn(
        Column("Acquired", True),
        lambda row: f"{row.acquisitions:,}",
        lambda rows: f"{sum(row.acquisitions for row in rows):,}",
    ),
    _HoldColumn(Column("Mean hold", True, 2), lambda row: format_ns(row.mean_hold_ns)),
    _MAX_HOLD,
    _HoldColumn(Column("Wait", True, 3), lambda row: format_ns(row.wait_ns) if row.waits else "-"),
    _HoldColumn(Column("Waits", True, 6), lambda row: f"{row.waits:,}" if row.waits else "-"),
    _HoldColumn(
        Column("Contended", True, 1),
        lambda row: format_share(row.waits, row.acquisitions) if row.has_contention else "-",
    ),
    _HoldColumn(Column("Top holder", rank=7, is_name=True), lambda row: row.caller or "-"),
)


def hold_table(holds: Sequence[HoldRow], options: TableOptions) -> Table:
    """Return the table of hold times, acquisitions and contention of locks, longest held first."""
    has_max = any(row.max_hold_ns is not None for row in holds)
    columns = [column for column in _HOLD_COLUMNS if has_max or column is not _MAX_HOLD]
    shown = holds[: options.top] if options.top else holds
    others = holds[len(shown) :]
    return Table(
        "Hold times of locks",
        tuple(column.heading for column in columns),
        tuple(tuple(column.cell(row) for column in columns) for row in shown),
        _HOLD_NOTE,
        tuple(column.total(others) for column in columns) if others else (),
    )
