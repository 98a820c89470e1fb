"""``pvprof locks``: the lock table alone."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import click

from pvprof.analysis.report import Detail, Report, build_report
from pvprof.cli.destinations import OutputGroup, Result, formats_epilog, output_group
from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import say
from pvprof.cli.option_groups import option, option_group, takes
from pvprof.cli.stack_options import RowGroup, row_group
from pvprof.errors import UsageError
from pvprof.render.registry import Subject
from pvprof.views.tables.details import DETAILS, NEEDS, has_detail

SUBJECTS = (Subject.TABLES,)
_EXAMPLES = """\
Examples:
  pvprof locks build.out --top 5
  pvprof locks build.out --class 'pv list' -o locks.csv
  pvprof locks events.tar.gz --name 'pmap pv list' --overlap --owners
  pvprof locks events.tar.gz --wakers"""


@option_group
class DetailGroup:
    """Which tables are added to the lock table."""

    heading: ClassVar[HelpHeading] = HelpHeading.TABLES

    spin: bool = option(
        "--spin", is_flag=True, help="Show spinning and blocking, and what blocking alone misses."
    )
    overlap: bool = option(
        "--overlap", is_flag=True, help="Show how single waits overlap in time, by class and lock."
    )
    objects: bool = option(
        "--objects", is_flag=True, help="Show the lock objects of each name: is one hot, or all?"
    )
    owners: bool = option(
        "--owners",
        is_flag=True,
        help="Show the owners of the locks, and what the owners waited for.",
    )
    wakers: bool = option(
        "--wakers", is_flag=True, help="Show the waker that ended most of each wait, and its share."
    )
    stacks: bool = option(
        "--stacks", is_flag=True, help="Show how the stacks with the longest waits overlap."
    )
    most: int = option(
        "--most",
        metavar="N",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        help="Name at most N objects, owners, chains and stacks.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the tables that were asked for, of `DETAILS`."""
        return tuple(name for name in DETAILS if getattr(self, name))

    def detail(self) -> Detail:
        """Return the details of single waits that the report computes."""
        stacks = self.most if self.stacks else 0
        return Detail(stacks=stacks, objects=self.most, owners=self.most, wakers=self.most)

    def check(self, report: Report) -> None:
        """Refuse a table for which the recording has no data.

        Raises:
            UsageError: the user asks for one.
        """
        for name in self.names:
            if not any(has_detail(section, name) for section in report.sections):
                reason, hint = NEEDS[name]
                raise UsageError(f"--{name}: {reason}", hint)


@click.command("locks", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@takes(row_group(0), "rows")
@takes(DetailGroup, "details")
@takes(output_group(*SUBJECTS), "output")
def command(inputs: InputGroup, rows: RowGroup, details: DetailGroup, output: OutputGroup) -> None:
    """Print one row for each lock and wait message, by kind of wait, largest first."""
    destination = output.destination("terminal")
    output.check(destination)
    classified = inputs.load()
    report = build_report(classified, details.detail())
    if classified.dataset.records:
        details.check(report)
    tables = rows.table_options(inputs.quiet, inputs.verbose)
    options = replace(tables, only_locks=True, details=details.names)
    Result.of(destination, report, options).write(output.force, inputs.quiet)
    if not destination.is_shown:
        say(classified.dataset.problems, inputs.quiet)
