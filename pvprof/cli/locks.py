"""``pvprof locks``: the lock table alone."""

from __future__ import annotations

from typing import Any

import click

from pvprof.cli.options import filter_options, input_options, load_inputs, say_problems
from pvprof.cli.output import check_output, deliver, force_option, output_option
from pvprof.cli.results import print_terminal, render_tables
from pvprof.cli.towers import WITHOUT_WAKERS
from pvprof.errors import UsageError
from pvprof.render.formats import FORMATS, Source, format_of
from pvprof.render.tables import TableOptions
from pvprof.report import build_report

_NAMES = tuple(one.name for one in FORMATS if one.source is Source.REPORT)


@click.command(
    "locks",
    epilog="""\b
Examples:
  pvprof locks build.out --top 5
  pvprof locks build.out --class 'pv list' -o locks.csv
  pvprof locks events.tar.gz --wakers""",
)
@input_options
@filter_options
@click.option(
    "--format", "format_name", type=click.Choice(_NAMES), help="Format, not by the suffix."
)
@click.option("--wakers", is_flag=True, help="Who ended most of each wait, and how much of it.")
@click.option("--top", type=click.IntRange(0), default=0, help="Rows a kind; 0: all.")
@output_option
@force_option
def command(
    format_name: str | None, top: int, wakers: bool, output: str, force: bool, **rest: Any
) -> None:
    """Print one row for each lock and wait message, by kind of wait, largest first."""
    made = format_of(output, format_name, "terminal", _NAMES)
    check_output(output, force)
    inputs = load_inputs(rest)
    report = build_report(inputs.pool, inputs.rules, inputs.filters)
    options = TableOptions(top, only_locks=True, wakers=wakers)
    if wakers and inputs.pool.records and not any(one.wakers for one in report.sections):
        raise UsageError("--wakers: no wake-ups of single waits were recorded", WITHOUT_WAKERS)
    if output == "-" and made.name == "terminal":
        print_terminal(report, options)
        return
    deliver(output, render_tables(made, report, options), force, rest["quiet"])
    say_problems(inputs.pool, rest["quiet"])
