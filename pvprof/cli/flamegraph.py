"""``pvprof flamegraph``: recordings, or anybody's folded stacks, to one SVG file."""

from __future__ import annotations

from typing import Any

import click

from pvprof.cli.options import (
    filter_options,
    input_options,
    load_inputs,
    say_others,
    say_problems,
)
from pvprof.cli.output import check_output, deliver, force_option, output_option
from pvprof.cli.results import SvgChoices, Towers, deliver_speedscope
from pvprof.cli.towers import fold_options, towers_options
from pvprof.errors import InputError
from pvprof.render.formats import Source, format_of
from pvprof.speedscope import SpeedscopeOptions

_NAMES = ("svg", "speedscope")


@click.command(
    "flamegraph",
    epilog="""\b
Examples:
  pvprof flamegraph offcpu.out -o offcpu.svg
  stackcollapse.pl any.out | pvprof flamegraph - > any.svg
  pvprof flamegraph offcpu.out -o offcpu.speedscope.json""",
)
@input_options
@filter_options
@towers_options
@click.option("--title", default="", help="Heading.  [default: what was measured, and where]")
@click.option("--width", type=click.IntRange(400), default=1200, show_default=True, help="Pixels.")
@click.option(
    "--min-width",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    help="Leave out frames narrower than this many pixels (they are counted in the picture).",
)
@click.option("--icicle", is_flag=True, help="Root on top.")
@click.option(
    "--format", "format_name", type=click.Choice(_NAMES), help="Format, not by the suffix."
)
@output_option
@force_option
def command(
    title: str, width: int, min_width: float, icicle: bool, output: str, force: bool, **rest: Any
) -> None:
    """Draw stacks as a flame graph: one SVG file that zooms and searches in any browser.

    A file named .speedscope.json is written for www.speedscope.app instead.
    """
    made = format_of(output, rest.pop("format_name"), "svg", _NAMES, any_suffix=True)
    check_output(output, force)
    measure, options = fold_options(rest)
    inputs = load_inputs(rest)
    if made.source is Source.POOL:
        choices = SpeedscopeOptions(options, measure, not rest["no_timeline"])
        is_drawn = deliver_speedscope(output, inputs, choices, force, rest["quiet"])
    else:
        towers = Towers.of(inputs, measure, options)
        is_drawn = bool(towers.folded.rows)
        text = towers.svg(SvgChoices(title, width, min_width, icicle))
        deliver(output, text, force, rest["quiet"])
        say_problems(inputs.pool, is_quiet=True)
        say_others(inputs.pool, towers.measurement.profile.unit)
    if not is_drawn:
        raise InputError(
            "nothing to draw: the filters left no stack", "--kind all keeps every kind of wait"
        )
