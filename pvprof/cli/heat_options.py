"""The options that say how a heat map is computed and drawn."""

from __future__ import annotations

from typing import ClassVar

import click

from pvprof.analysis.waits.heat_map import MAX_ROWS, ROWS, GridOptions
from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.option_groups import option, option_group
from pvprof.cli.picture_options import (
    notes_option,
    own_notes,
    subtitle_option,
    title_option,
    width_option,
)
from pvprof.errors import UsageError
from pvprof.parse.window import read_bound
from pvprof.views.heat_map import FORMS, Form, HeatMapOptions, HeatOptions


@option_group
class HeatGroup:
    """How a heat map is computed and drawn."""

    heading: ClassVar[HelpHeading] = HelpHeading.PICTURE

    by: Form = option(
        "--by",
        type=click.Choice(FORMS),
        default=FORMS[0],
        show_default=True,
        help="Let the vertical axis say how long waits took, or when in its column a thread"
        " waited: that shows when threads waited at the same time.",
    )
    column: str | None = option(
        "--column",
        metavar="TIME",
        help="Let a column cover this time (1s, 500ms).  [default: by the length of the run]",
    )
    rows: int | None = option(
        "--rows",
        type=click.IntRange(1, MAX_ROWS),
        help=f"With --by offset: divide each column into this many cells.  [default: {ROWS}]",
    )
    top: float = option(
        "--top",
        type=click.FloatRange(0),
        default=0.0,
        help="End the colour scale at this number of waits, or with --by offset of threads, to"
        " compare pictures.  [default: the highest number]",
    )
    width: int = width_option()
    title: str = title_option()
    subtitle: str = subtitle_option()
    notes: str = notes_option()

    def heat_map(self) -> HeatMapOptions:
        """Return the options as a value of the library.

        Raises:
            UsageError: ``--column`` is no length of time, or the options make no grid.
        """
        if self.rows and self.by != "offset":
            raise UsageError("--rows divides a column by time: it needs --by offset")
        grid = GridOptions(self.rows or ROWS, self._column_ns())
        if self.by == "offset":
            grid.check()
        look = HeatOptions(
            title=self.title,
            subtitle=self.subtitle,
            notes=own_notes(self.notes),
            width=self.width,
            top=self.top,
        )
        return HeatMapOptions(self.by, grid, look)

    def _column_ns(self) -> int:
        """Return the length of a column; 0 if none is given."""
        if self.column is None:
            return 0
        length_ns = read_bound(self.column).since_ns
        if length_ns is None or length_ns <= 0:
            hint = "a length of time: 1s, 500ms, 2.5s"
            raise UsageError(f"--column {self.column}: no length of time", hint)
        return length_ns
