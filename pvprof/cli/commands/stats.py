"""``pvprof stats``: repeated runs, and whether they differ."""

from __future__ import annotations

from typing import ClassVar

import click

from pvprof.cli.destinations import OutputGroup, Result, formats_epilog, output_group
from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.messages import say
from pvprof.cli.option_groups import option, option_group, takes
from pvprof.cli.statistics_options import MethodGroup, RunsGroup
from pvprof.render.registry import Subject
from pvprof.stats.study import build_study
from pvprof.views.study import StudyViewOptions

SUBJECTS = (Subject.STUDY,)
_EXAMPLES = """\
Examples:
  pvprof stats stock.times patched.times
  pvprof stats stock/ patched/ --method welch -o times.md
  paste stock.txt patched.txt | pvprof stats -C 2 -"""


@option_group
class ShowGroup:
    """What is shown beside the tables."""

    heading: ClassVar[HelpHeading] = HelpHeading.OUTPUT

    no_plot: bool = option(
        "-A", "--no-plot", is_flag=True, help="Print the tables without the plot."
    )
    quiet: bool = option(
        "-q",
        "--quiet",
        is_flag=True,
        help="Print no notes on stderr; losses and warnings are always printed.",
    )


@click.command("stats", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(RunsGroup, "runs")
@takes(MethodGroup, "method")
@takes(ShowGroup, "shown")
@takes(output_group(*SUBJECTS), "output")
def command(runs: RunsGroup, method: MethodGroup, shown: ShowGroup, output: OutputGroup) -> None:
    """Describe repeated runs, and compare each set with the first.

    A FILE is a set: output of time(1), of a shell's time or of perf stat, numbers in columns as
    ministat takes them, or a directory of recordings; single recordings with the same label are one
    set. A heading in a text (stock:) begins a set; runs below the heading warmup: are set aside.
    Each command in an export of hyperfine (--export-json) is a set. - is stdin.

    The numbers are ministat's. A set of fewer than three runs gets no verdict; outliers and drift
    are reported, never removed.
    """
    destination = output.destination("terminal")
    output.check(destination)
    options = method.study(runs.metrics)
    study = build_study(runs.read(), options)
    Result.of(destination, study, StudyViewOptions(not shown.no_plot)).write(
        output.force, shown.quiet
    )
    if destination.format.name != "terminal":
        say(study.problems, shown.quiet)
