"""Rows of a store on stdout: a table for people, CSV or JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import click

from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.option_groups import option, option_group
from pvprof.cli.output import write
from pvprof.render.data.encoding import Cell, DataTable, csv_of, json_of
from pvprof.render.rendered import Rendered
from pvprof.render.text import terminal
from pvprof.views.documents.blocks import document
from pvprof.views.tables.table import Column, Table


def _text(table: DataTable) -> Rendered:
    return terminal.render(document(text_table(table)))


def _json(table: DataTable) -> Rendered:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return json_of({table.name: rows})


_RENDERERS: Mapping[str, Callable[[DataTable], Rendered]] = {
    "text": _text,
    "csv": csv_of,
    "json": _json,
}


@option_group
class RowsGroup:
    """How rows are printed."""

    heading: ClassVar[HelpHeading] = HelpHeading.OUTPUT

    format_name: str = option(
        "--format",
        type=click.Choice(list(_RENDERERS)),
        default="text",
        show_default=True,
        help="Print a table, or rows for programs.",
    )

    @property
    def is_for_programs(self) -> bool:
        """Tell whether the rows are for programs."""
        return self.format_name != "text"


def print_rows(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], how: RowsGroup
) -> None:
    """Print rows on stdout, for people as wide as the terminal is.

    Args:
        name: of what is in the rows.
        columns: the headings.
        rows: a cell for each column.
        how: the options.
    """
    table = DataTable(name, tuple(columns), rows)
    if how.is_for_programs or not sys.stdout.isatty():
        write("-", _RENDERERS[how.format_name](table).content, force=False)
        return
    from rich.console import Console  # noqa: PLC0415 (0.1 s to import: only a terminal needs it)

    terminal.draw(document(text_table(table)), Console(highlight=False, emoji=False, markup=False))


def text_table(table: DataTable) -> Table:
    """Return rows as a table of text; the first columns are dropped last."""
    columns = tuple(
        Column(name, is_number=is_number, rank=place, is_name=not is_number)
        for place, name in enumerate(table.columns)
        for is_number in [all(isinstance(row[place], int | float | None) for row in table.rows)]
    )
    return Table("", columns, tuple(tuple(map(_cell, row)) for row in table.rows))


def _cell(value: Cell) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)
