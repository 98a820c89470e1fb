"""``pvprof heatmap``: how long waits took over the run, as one SVG file."""

from __future__ import annotations

import click

from pvprof.cli.destinations import OutputGroup, Result, formats_epilog, output_group
from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.heat_options import HeatGroup
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import nothing_kept, say, say_others
from pvprof.cli.option_groups import takes
from pvprof.render.registry import Subject

SUBJECTS = (Subject.HEAT_MAP,)
_EXAMPLES = """\
Examples:
  pvprof heatmap events.out -o waits.svg
  pvprof heatmap events.tar.gz --class 'pv list' --column 1s -o pv.svg
  pvprof heatmap events.out --from 11 --to 12 -o second.svg
  pvprof heatmap events.out --by offset -o threads.svg"""


@click.command("heatmap", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@takes(HeatGroup, "heat")
@takes(output_group(*SUBJECTS), "output")
def command(inputs: InputGroup, heat: HeatGroup, output: OutputGroup) -> None:
    """Draw single waits over the run as a heat map: one SVG file.

    Each column is a stretch of the run; the height of a cell is how long waits took, its colour how
    many ended there. With --by offset, a column is divided by time from bottom to top, and the
    colour is the mean number of threads that waited: it shows spikes. In the browser, drag over a
    part to get its --from and --to, for a flame graph of that part.
    """
    destination = output.destination("svg", any_suffix=True)
    output.check(destination)
    options = heat.heat_map()
    classified = inputs.load()
    result = Result.of(destination, classified, options)
    result.write(output.force, inputs.quiet)
    say(classified.dataset.problems, is_quiet=True)
    shown = classified.single_waits().measurement
    say_others(classified.dataset, shown, "a heat map shows single waits of one mode")
    say(result.problems, is_quiet=True)
    if result.view.is_empty:
        raise nothing_kept("draw", [classified.dataset])
