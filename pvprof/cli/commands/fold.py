"""``pvprof fold``: recordings to folded stacks."""

from __future__ import annotations

from typing import Any

import click

from pvprof.analysis.stacks.fold import Folded, FoldOptions, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS
from pvprof.cli.options import (
    filter_options,
    input_options,
    load_inputs,
    say_others,
    say_problems,
)
from pvprof.cli.output import check_output, deliver, force_option, output_option
from pvprof.cli.results import Towers, check_counts, deliver_pool, render_pool
from pvprof.cli.towers import check_chain, fold_options, towers_options
from pvprof.render.registry import Source, format_of
from pvprof.render.text.folded import render
from pvprof.units import Unit
from pvprof.views.speedscope import SpeedscopeOptions

_NAMES = ("folded", "speedscope", "chrome-trace")


@click.command(
    "fold",
    epilog="""\b
Examples:
  pvprof fold offcpu.out -o offcpu.folded
  pvprof fold --kind kernel --by root build.tar.gz | grep 'vm object'
  pvprof fold --chain wakers --chain-depth 3 events.tar.gz
  pvprof fold any.folded -o any.speedscope.json""",
)
@input_options
@filter_options
@towers_options
@click.option(
    "--format", "format_name", type=click.Choice(_NAMES), help="Format, not by the suffix."
)
@output_option
@force_option
def command(format_name: str | None, output: str, force: bool, **rest: Any) -> None:
    """Write folded stacks: frames root first joined by ';', a blank, the value.

    Everything recorded is folded; --kind and the other filters leave out what is not wanted.
    Several recordings are added up. A file named .speedscope.json is written for
    www.speedscope.app, one named .trace.json (single waits, a track for each thread) for
    ui.perfetto.dev.
    """
    made = format_of(output, format_name, "folded", _NAMES, any_suffix=True)
    check_output(output, force)
    measure, options = fold_options(rest)
    check_chain(options, made)
    inputs = load_inputs(rest, default_kinds=(ALL_KINDS,))
    if made.source is Source.POOL:
        choices = SpeedscopeOptions(options, measure, not rest["no_timeline"])
        deliver_pool(output, render_pool(made, inputs, choices), inputs, force, rest["quiet"])
        return
    folded = _fold(inputs, measure, options)
    deliver(output, render(folded), force, rest["quiet"])
    say_problems(inputs.dataset, rest["quiet"])
    say_others(inputs.dataset, inputs.dataset.measurement(measure).profile.unit)


def _fold(inputs: Classified, measure: Unit | None, options: FoldOptions) -> Folded:
    if options.chain or not inputs.filters.keep_all:
        return Towers.of(inputs, measure, options).folded
    measurement = inputs.dataset.measurement(measure)
    check_counts(measurement, options)
    profile = measurement.profile
    return fold(profile.groups.items(), profile.unit, options)
