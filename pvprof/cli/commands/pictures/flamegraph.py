"""``pvprof flamegraph``: recordings, or folded stacks of any tool, to one SVG file or a tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from pvprof.classify.classified import Classified
from pvprof.classify.no_match import no_match
from pvprof.cli.destinations import Destination, OutputGroup, Result, formats_epilog, output_group
from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import nothing_kept, say, say_others
from pvprof.cli.option_groups import takes
from pvprof.cli.output import deliver
from pvprof.cli.picture_options import DiffGroup, PictureGroup, TreeGroup
from pvprof.cli.stack_options import StackGroup
from pvprof.dataset.differential import sides_of
from pvprof.errors import EmptyError, UsageError
from pvprof.render.registry import Subject, format_named
from pvprof.views.flamegraph import PictureOptions, build_empty
from pvprof.views.folded import shown_measurement

SUBJECTS = (Subject.PICTURE, Subject.VIEWER)
_EXAMPLES = """\
Examples:
  pvprof flamegraph offcpu.out -o offcpu.svg
  stackcollapse.pl any.out | pvprof flamegraph - > any.svg
  pvprof flamegraph --diff stock.out obm.out --per builds=3:5 -o diff.svg
  pvprof flamegraph offcpu.out -o offcpu.speedscope.json
  pvprof flamegraph --tree --min-percent 5 offcpu.out"""


@click.command("flamegraph", cls=PvprofCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@takes(StackGroup, "stacks")
@takes(PictureGroup, "picture")
@takes(DiffGroup, "diff")
@takes(TreeGroup, "tree")
@takes(output_group(*SUBJECTS), "output")
def command(
    inputs: InputGroup,
    stacks: StackGroup,
    picture: PictureGroup,
    diff: DiffGroup,
    tree: TreeGroup,
    output: OutputGroup,
) -> None:
    """Draw stacks as a flame graph: one SVG file that zooms and searches in any browser.

    In the browser it can also be turned: root on top, merged from the leaf, widest first; and it
    shows or hides the stacks that match a search. The same kinds of wait are kept as in a report;
    the picture states what was set aside, and -k all draws everything. --diff colours what has
    changed between two; a differential file (folded stacks with two numbers) is drawn like that by
    itself. A file named .speedscope.json is written for www.speedscope.app instead, one named
    .trace.json (single waits, a track for each thread) for ui.perfetto.dev.
    """
    destination = _destination(output, diff, tree)
    if diff.diff and stacks.wall_clock:
        raise UsageError("--diff and --wall-clock do not go together")
    output.check(destination)
    stacks.check(destination.subject, destination.format)
    wanted, look = stacks.stacks(), picture.look()
    options: dict[Subject, Callable[[], object]] = {
        Subject.PICTURE: lambda: PictureOptions(wanted, look),
        Subject.VIEWER: lambda: wanted,
        Subject.DIFFERENCE: lambda: diff.difference(wanted, look),
        Subject.TREE: lambda: tree.tree_options(wanted),
    }
    say(look.attributes.problems, inputs.quiet)
    try:
        sides, result = _load(destination, inputs, stacks, options)
    except EmptyError as error:
        if len(inputs.recordings) == 1 and destination.subject is Subject.PICTURE:
            view = build_empty(error.message, look)
            deliver(
                output.output, destination.output.render(view).content, output.force, inputs.quiet
            )
        raise
    _write(result, sides, inputs, stacks, output)


def _destination(output: OutputGroup, diff: DiffGroup, tree: TreeGroup) -> Destination:
    """Return the destination; ``--diff`` and ``--tree`` write other subjects than the picture.

    Raises:
        UsageError: the options ask for several subjects.
    """
    destination = output.destination("svg", any_suffix=True)
    if tree.tree + diff.diff + (destination.subject is Subject.VIEWER) > 1:
        raise UsageError("--tree, --diff and a file for a viewer do not go together")
    if diff.diff:
        return Destination(output.output, destination.format, Subject.DIFFERENCE)
    if tree.tree:
        return Destination(output.output, format_named("terminal"), Subject.TREE)
    return destination


def _load(
    destination: Destination,
    inputs: InputGroup,
    stacks: StackGroup,
    options: Mapping[Subject, Callable[[], object]],
) -> tuple[Sequence[Classified], Result]:
    """Return the recordings, added up unless they are compared, and the result.

    A picture of differential files is that of the difference, unless a measurement is chosen.
    """
    wanted = options[destination.subject]()
    is_difference = destination.subject is Subject.DIFFERENCE
    if is_difference and len(inputs.recordings) == 2:
        base, new = (stacks.load(inputs, (path,)) for path in inputs.recordings)
        error = no_match((base, new))
        if error:
            raise error
        return (base, new), Result.of(destination, (base, new), wanted)
    classified = stacks.load(inputs)
    sides = None if stacks.measure else sides_of(classified.dataset)
    if sides and destination.subject in (Subject.PICTURE, Subject.DIFFERENCE):
        base, new = (Classified.of(side, classified.rules, classified.filters) for side in sides)
        drawn = Destination(destination.path, destination.format, Subject.DIFFERENCE)
        return (base, new), Result.of(drawn, (base, new), options[drawn.subject]())
    if is_difference:
        number = len(inputs.recordings)
        raise UsageError(f"--diff compares two recordings, not {number}", "base first, then new")
    return [classified], Result.of(destination, classified, wanted)


def _write(
    result: Result,
    sides: Sequence[Classified],
    inputs: InputGroup,
    stacks: StackGroup,
    output: OutputGroup,
) -> None:
    """Write the result, and report on stderr what was lost or left out.

    Raises:
        InputError: there was nothing to draw.
    """
    is_viewer = result.destination.subject is Subject.VIEWER
    if not is_viewer:
        say(result.problems, inputs.quiet)
    result.write(output.force, inputs.quiet)
    for side in sides:
        # Pictures list the notes themselves.
        say(side.dataset.problems, inputs.quiet or not is_viewer)
        if not is_viewer:
            say_others(side.dataset, shown_measurement(side, stacks.stacks()).measurement)
    if is_viewer:
        say(result.problems, inputs.quiet)
    if result.view.is_empty:
        raise nothing_kept("draw", [side.dataset for side in sides])
