"""``pvprof report``: the main job, from recordings to tables and pictures."""

from __future__ import annotations

from typing import Any

import click

from pvprof.analysis.report import Report, build_report
from pvprof.classify.classified import Classified
from pvprof.cli.options import (
    filter_options,
    input_options,
    load_inputs,
    say,
    say_others,
    say_problems,
)
from pvprof.cli.output import check_outputs, deliver, force_option
from pvprof.cli.results import nothing_kept, print_terminal, render_pool, render_result
from pvprof.render.registry import FORMATS, Format, Source, format_of
from pvprof.render.viewers.speedscope import Rendered
from pvprof.views.speedscope import SpeedscopeOptions
from pvprof.views.tables.table import TableOptions

_NAMES = tuple(one.name for one in FORMATS)


@click.command(
    "report",
    epilog="""\b
Examples:
  pvprof report build.out
  pvprof report run1.tar.gz run2.tar.gz -o locks.md -o offcpu.svg -o stacks.folded
  dtrace -s offcpu.d | pvprof report - --symbols nm.txt""",
)
@input_options
@filter_options
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    help="Write this file, in the format of its suffix (.html .md .csv .json .folded .svg .txt "
    ".speedscope.json .trace.json); "
    "repeatable; - is stdout. Without -o: tables on stdout.",
)
@click.option("--format", "format_name", type=click.Choice(_NAMES), help="Format of every -o.")
@click.option("--top", type=click.IntRange(0), default=20, help="Rows a kind; 0: all.")
@force_option
def command(
    outputs: tuple[str, ...], format_name: str | None, top: int, force: bool, **rest: Any
) -> None:
    """Say what the kernel waited for: by kind, lock class, and lock, with stacks on request.

    Several recordings are added up. What is set aside (waits for children, timers, idle threads)
    is listed with its total.
    """
    wanted = [
        (path, format_of(path, format_name, "terminal", _NAMES)) for path in outputs or ("-",)
    ]
    check_outputs([path for path, _ in wanted], force)
    inputs = load_inputs(rest)
    report = build_report(inputs)
    options = TableOptions(top)
    # Everything is made before anything is written: all of the files, or none.
    results = [
        None if _is_terminal(path, made) else _render(made, inputs, report, options)
        for path, made in wanted
    ]
    for (path, _), result in zip(wanted, results, strict=True):
        if result is None:
            print_terminal(report, options)
            continue
        deliver(path, result.text, force, rest["quiet"])
    if not any(_is_terminal(path, made) for path, made in wanted):
        say_problems(inputs.dataset, rest["quiet"])
    say([one for result in results if result for one in result.problems], rest["quiet"])
    if any(made.source is Source.FOLDED for _, made in wanted):
        say_others(inputs.dataset, inputs.dataset.measurement(None).profile.unit)
    if report.is_empty and any(made.source is Source.BOTH for _, made in wanted):
        raise nothing_kept("show", [inputs.dataset])


def _render(made: Format, inputs: Classified, report: Report, options: TableOptions) -> Rendered:
    if made.source is Source.POOL:
        return render_pool(made, inputs, SpeedscopeOptions())
    return Rendered(render_result(made, inputs, report, options), ())


def _is_terminal(path: str, made: Format) -> bool:
    return path == "-" and made.name == "terminal"
