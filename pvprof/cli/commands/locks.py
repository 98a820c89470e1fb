"""``pvprof locks``: the lock table alone."""

from __future__ import annotations

from typing import Any

import click

from pvprof.analysis.report import Detail, build_report
from pvprof.cli.options import filter_options, input_options, load_inputs, say_problems
from pvprof.cli.output import check_output, deliver, force_option, output_option
from pvprof.cli.results import print_terminal, render_tables
from pvprof.errors import UsageError
from pvprof.render.registry import FORMATS, Source, format_of
from pvprof.views.tables.details import DETAILS, NEEDS, has_detail
from pvprof.views.tables.table import TableOptions

_NAMES = tuple(one.name for one in FORMATS if one.source is Source.REPORT)


@click.command(
    "locks",
    epilog="""\b
Examples:
  pvprof locks build.out --top 5
  pvprof locks build.out --class 'pv list' -o locks.csv
  pvprof locks events.tar.gz --name 'pmap pv list' --overlap --objects --owners
  pvprof locks events.tar.gz --wakers""",
)
@input_options
@filter_options
@click.option(
    "--format", "format_name", type=click.Choice(_NAMES), help="Format, not by the suffix."
)
@click.option("--top", type=click.IntRange(0), default=0, help="Rows a kind; 0: all.")
@click.option("--spin", is_flag=True, help="Spinning and blocking, and what blocking alone misses.")
@click.option("--overlap", is_flag=True, help="How single waits lie in time, by class and lock.")
@click.option("--objects", is_flag=True, help="Which lock objects bear a name: is one hot, or all?")
@click.option("--owners", is_flag=True, help="Who held the locks, and what held the holders up.")
@click.option("--wakers", is_flag=True, help="Who ended most of each wait, and how much of it.")
@click.option("--stacks", is_flag=True, help="Overlap of the stacks with the longest waits.")
@click.option(
    "--most",
    metavar="N",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Objects, owners, chains and stacks to name.",
)
@output_option
@force_option
def command(format_name: str | None, top: int, output: str, force: bool, **rest: Any) -> None:
    """Print one row for each lock and wait message, by kind of wait, largest first."""
    made = format_of(output, format_name, "terminal", _NAMES)
    check_output(output, force)
    details = tuple([name for name in DETAILS if rest.pop(name)])
    most = rest.pop("most")
    inputs = load_inputs(rest)
    detail = Detail(
        stacks=most if "stacks" in details else 0, objects=most, owners=most, wakers=most
    )
    report = build_report(inputs, detail)
    for name in details:
        if inputs.dataset.records and not any(has_detail(one, name) for one in report.sections):
            reason, hint = NEEDS[name]
            raise UsageError(f"--{name}: {reason}", hint)
    options = TableOptions(top, only_locks=True, details=details)
    if output == "-" and made.name == "terminal":
        print_terminal(report, options)
        return
    deliver(output, render_tables(made, report, options), force, rest["quiet"])
    say_problems(inputs.dataset, rest["quiet"])
