"""``pvprof report``: the main job, from recordings to tables and pictures."""

from __future__ import annotations

import click

from pvprof.analysis.report import build_report
from pvprof.cli.destinations import OutputsGroup, Result, formats_epilog, outputs_group
from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import nothing_kept, say, say_aside, say_others
from pvprof.cli.option_groups import takes
from pvprof.cli.stack_options import EditGroup, RowGroup, edit_group, row_group
from pvprof.render.registry import Subject
from pvprof.views.flamegraph import PictureOptions
from pvprof.views.folded import StackOptions
from pvprof.views.report_view import PageSubject

SUBJECTS = (Subject.TABLES, Subject.PAGE, Subject.STACKS, Subject.PICTURE, Subject.VIEWER)
_EXAMPLES = """\
Examples:
  pvprof report build.out
  pvprof report run1.tar.gz run2.tar.gz -o locks.md -o offcpu.svg
  dtrace -s offcpu.d | pvprof report - --symbols nm.txt"""


@click.command("report", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@takes(row_group(20), "rows")
@takes(edit_group(), "edits")
@takes(outputs_group(*SUBJECTS), "outputs")
def command(inputs: InputGroup, rows: RowGroup, edits: EditGroup, outputs: OutputsGroup) -> None:
    """Show what the kernel waited for: by kind, lock class, and lock, with stacks on request.

    Recordings of one mode are added up. Several modes measure the same waits in different ways, so
    each mode has tables of its own. What is set aside (waits for children, timers, idle threads) is
    listed with its total.
    """
    destinations = outputs.destinations()
    classified = inputs.load(edits=edits.edits())
    report = build_report(classified)
    tables = rows.table_options(inputs.quiet, inputs.verbose)
    subjects: dict[Subject, tuple[object, object]] = {
        Subject.TABLES: (report, tables),
        Subject.PAGE: (PageSubject(classified, report), tables),
        Subject.STACKS: (classified, StackOptions()),
        Subject.PICTURE: (classified, PictureOptions()),
        Subject.VIEWER: (classified, StackOptions()),
    }
    # Everything is made before anything is written: all of the files, or none.
    results = [
        Result.of(destination, *subjects[destination.subject]) for destination in destinations
    ]
    for result in results:
        result.write(outputs.force, inputs.quiet)
    if not any(destination.is_shown for destination in destinations):
        say(classified.dataset.problems, inputs.quiet)
    say([problem for result in results for problem in result.problems], inputs.quiet)
    written = {destination.subject for destination in destinations}
    if written & {Subject.STACKS, Subject.PICTURE}:
        say_others(classified.dataset, classified.measurement(None).measurement)
    if Subject.STACKS in written and not any(destination.is_shown for destination in destinations):
        say_aside(classified.measurement(None), inputs.quiet)
    if report.is_empty and Subject.PAGE in written:
        raise nothing_kept("show", [classified.dataset])
