"""A report for a terminal, by rich: colour where a person looks, plain text into pipes."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pvprof.model import Severity
from pvprof.render.tables import (
    Table,
    TableOptions,
    aside_table,
    heading,
    histogram_table,
    lock_tables,
    problem_lines,
    summary,
)
from pvprof.report import Report

_GAP = 2
_STYLES: dict[Severity, str] = {"loss": "bold red", "warning": "yellow", "note": "dim"}


def print_report(report: Report, console: Console, options: TableOptions) -> None:
    """Print a report on a console; columns that do not fit are left out and named."""
    console.print(Text(heading(report), style="bold"))
    for label, text in report.provenance[1:]:
        console.print(Text(f"  {label}: {text}", style="dim"))
    for line, one in zip(problem_lines(report.problems), report.problems, strict=True):
        console.print(Text(f"  {line}", style=_STYLES[one.severity]))
    for section in report.sections:
        console.print()
        console.print(Text(summary(section, report), style="bold"))
        for table in lock_tables(section, report, options):
            _print_table(table, console)
        aside = None if options.only_locks else aside_table(section)
        if aside:
            _print_table(aside, console)
    histograms = None if options.only_locks else histogram_table(report.histograms, options)
    if histograms:
        _print_table(histograms, console)


def _print_table(table: Table, console: Console) -> None:
    shown = fitting_columns(table, console.width)
    drawn = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, title_justify="left"
    )
    for index in shown:
        column = table.columns[index]
        drawn.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(Text(row[index]) for index in shown))
    console.print()
    console.print(Text(table.title, style="bold cyan"))
    console.print(drawn)
    hidden = [c.name for i, c in enumerate(table.columns) if i not in shown]
    if hidden:
        console.print(Text(f"not shown at this width: {', '.join(hidden)}", style="dim"))


def fitting_columns(table: Table, width: int) -> Sequence[int]:
    """Return the indices of the columns that fit into `width` cells, those of rank 0 always."""
    needed = [
        max(cell_len(text) for text in (column.name, *(row[index] for row in table.rows)))
        for index, column in enumerate(table.columns)
    ]
    shown = list(range(len(table.columns)))
    while sum(needed[index] + _GAP for index in shown) - _GAP > width:
        droppable = [index for index in shown if table.columns[index].rank]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda index: (table.columns[index].rank, index)))
    return shown
