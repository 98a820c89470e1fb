"""``pvprof fold``: recordings to folded stacks."""

from __future__ import annotations

import click

from pvprof.cli.destinations import OutputGroup, Result, formats_epilog, output_group
from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import say, say_aside, say_others
from pvprof.cli.option_groups import takes
from pvprof.cli.stack_options import StackGroup
from pvprof.render.registry import Subject
from pvprof.views.folded import shown_measurement

SUBJECTS = (Subject.STACKS, Subject.VIEWER)
_EXAMPLES = """\
Examples:
  pvprof fold offcpu.out -o offcpu.folded
  pvprof fold --kind kernel --by root build.tar.gz | grep 'vm object'
  pvprof fold --chain wakers --chain-depth 3 events.tar.gz
  pvprof fold any.folded -o any.speedscope.json"""


@click.command("fold", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@takes(StackGroup, "stacks")
@takes(output_group(*SUBJECTS), "output")
def command(inputs: InputGroup, stacks: StackGroup, output: OutputGroup) -> None:
    """Write folded stacks: frames root first joined by ';', a blank, the value.

    The same kinds of wait are kept as in a report; what is set aside is listed on stderr, and -k
    all folds everything. Recordings of one mode are added up; of several modes, --measure chooses.
    The first line is a comment with the unit of the values, which other tools skip. A file named
    .speedscope.json is written for www.speedscope.app, one named .trace.json (single waits, a track
    for each thread) for ui.perfetto.dev.
    """
    destination = output.destination("folded", any_suffix=True)
    output.check(destination)
    stacks.check(destination.subject, destination.format)
    classified = stacks.load(inputs)
    result = Result.of(destination, classified, stacks.stacks())
    result.write(output.force, inputs.quiet)
    say(classified.dataset.problems, inputs.quiet)
    say(result.problems, inputs.quiet)
    if destination.subject is Subject.STACKS:
        measured = shown_measurement(classified, stacks.stacks())
        say_others(classified.dataset, measured.measurement)
        say_aside(measured, inputs.quiet)
