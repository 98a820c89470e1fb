"""``pvprof heatmap``: when was how much waited, as one SVG file."""

from __future__ import annotations

from typing import Any

import click

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.analysis.waits.heat_map import MAX_ROWS, ROWS, GridOptions
from pvprof.cli.maps import column_ns, left_out, maps_of, words_of
from pvprof.cli.options import filter_options, input_options, load_inputs, say, say_problems
from pvprof.cli.output import check_output, deliver, force_option, output_option
from pvprof.cli.results import Towers, nothing_kept


@click.command(
    "heatmap",
    epilog="""\b
Examples:
  pvprof heatmap events.out -o waits.svg
  pvprof heatmap events.tar.gz -k kernel --class 'pv list' --column 1s -o pv.svg
  pvprof heatmap events.out --from 11 --to 12 -o second.svg""",
)
@input_options
@filter_options
@click.option(
    "--column",
    metavar="TIME",
    help="Length of a column (1s, 500ms).  [default: by the length of the run]",
)
@click.option(
    "--rows",
    type=click.IntRange(1, MAX_ROWS),
    default=ROWS,
    show_default=True,
    help="Cells of a column.",
)
@click.option(
    "--threads",
    type=click.FloatRange(0),
    default=0.0,
    help="The last colour stands for so many threads waiting, for pictures to be compared."
    "  [default: the highest]",
)
@click.option("--width", type=click.IntRange(400), default=1200, show_default=True, help="Pixels.")
@click.option("--title", default="", help="Heading.  [default: what was measured, and where]")
@output_option
@force_option
def command(output: str, force: bool, **rest: Any) -> None:
    """Draw single waits over the run as a heat map: one SVG file in which spikes show.

    Each column is a stretch of the run, such as a second, in cells from the bottom to the top; the
    colour of a cell says how many threads waited in it on average. In the browser, a part that is
    dragged over is told as --from and --to, for the flame graph of that part.
    """
    from pvprof.render.svg.heat_map import (  # noqa: PLC0415
        HeatOptions,
        render,
    )

    check_output(output, force)
    grid = GridOptions(rest.pop("rows"), column_ns(rest.pop("column")))
    grid.check()
    looks = {name: rest.pop(name) for name in ("width", "threads", "title")}
    inputs = load_inputs(rest)
    maps = maps_of(inputs, grid)
    towers = Towers.of(inputs, "ns", FoldOptions())
    options = HeatOptions(
        title=looks["title"] or f"Waits in time: {towers.name}",
        subtitle=towers.subtitle,
        notes=towers.notes,
        width=looks["width"],
        threads=looks["threads"],
        selection=words_of(inputs.filters),
    )
    deliver(output, render(maps, options), force, rest["quiet"])
    say_problems(inputs.dataset, is_quiet=True)
    say(left_out(inputs, maps), is_quiet=True)
    if not any(one.waits for one in maps):
        raise nothing_kept("draw", [inputs.dataset])
