"""``pvprof path``: the critical path of runs, and what waits cost of it."""

from __future__ import annotations

from typing import ClassVar

import click

from pvprof.analysis.critical_path.answer import path_report
from pvprof.cli.destinations import OutputsGroup, Result, formats_epilog, outputs_group
from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import say, say_others
from pvprof.cli.option_groups import option, option_group, takes
from pvprof.cli.stack_options import RowGroup, row_group
from pvprof.render.registry import Subject

SUBJECTS = (Subject.PATH,)
_EXAMPLES = """\
Examples:
  pvprof path build.tar.gz
  pvprof path build.tar.gz --of 4711 -o path.md -o path.svg
  pvprof path build.tar.gz -k all"""


@option_group
class ThreadGroup:
    """Whose path is shown."""

    heading: ClassVar[HelpHeading] = HelpHeading.TABLES

    of: int | None = option(
        "--of",
        metavar="PID|TID",
        type=click.IntRange(0),
        help="Show the path of this thread, or of the last thread of this process.  [default: the"
        " first thread of the workload]",
    )


@click.command("path", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@takes(ThreadGroup, "thread")
@takes(row_group(20), "rows")
@takes(outputs_group(*SUBJECTS), "outputs")
def command(inputs: InputGroup, thread: ThreadGroup, rows: RowGroup, outputs: OutputsGroup) -> None:
    """Show which waits made a run as long as it was: its critical path.

    The path goes back from the end of the workload to its beginning. Where a thread waited, it goes
    on in the thread that ended the wait. Each moment of the run is in exactly one row. Waits of the
    kinds that a report sets aside (-k) do not count as a cost: while a process waits for its child,
    the path is in the child.

    A recording must have single waits, and wake-ups: pvprof record path, or events --wakers.
    """
    destinations = outputs.destinations()
    classified = inputs.load()
    report = path_report(classified, thread.of)
    tables = rows.table_options(inputs.quiet, inputs.verbose)
    results = [Result.of(destination, report, tables) for destination in destinations]
    for result in results:
        result.write(outputs.force, inputs.quiet)
    if not any(destination.is_shown for destination in destinations):
        say(classified.dataset.problems, inputs.quiet)
    say_others(classified.dataset, report.measured.measurement)
    say([problem for result in results for problem in result.problems], inputs.quiet)
