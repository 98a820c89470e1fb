"""``pvprof compare``: two sides of recordings, and whether they differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import click

from pvprof.analysis.compare.caveats import is_refused
from pvprof.analysis.compare.compare import Comparison, compare
from pvprof.classify.classified import Classified
from pvprof.classify.no_match import no_match
from pvprof.cli.destinations import (
    Destination,
    OutputsGroup,
    Result,
    formats_epilog,
    outputs_group,
)
from pvprof.cli.guidance.headings import HeadedOption, HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import FileName
from pvprof.cli.input_options import InputGroup
from pvprof.cli.messages import say
from pvprof.cli.option_groups import takes
from pvprof.cli.output import check_folder, deliver_folder, is_folder
from pvprof.cli.stack_options import EditGroup, edit_group
from pvprof.cli.statistics_options import SidesGroup
from pvprof.cli.terminal import Progress
from pvprof.dataset.load_sides import read_sides
from pvprof.dataset.sides import Side
from pvprof.dataset.stack_edits import StackEdits
from pvprof.errors import InputError, UsageError
from pvprof.parse.source import ReadOptions
from pvprof.render.registry import Subject
from pvprof.render.review import files_of, purpose_of, usual_names
from pvprof.views.comparison import ComparisonOptions

SUBJECTS = (Subject.COMPARISON,)
_VS = "--vs"
# Replaces --vs among the arguments: no path can contain it.
_DIVIDER = "\0vs"
_MAX_REASONS = 4
_EXAMPLES = """\
Examples:
  pvprof compare stock/ --vs patched/
  pvprof compare s1.pvprof s2.pvprof --vs p1.pvprof p2.pvprof
  pvprof compare stock/ --vs patched/ -o review/
  pvprof compare runs/*.pvprof --base stock -o review.md -o review.svg
  pvprof compare stock/ --vs patched/ --work builds=3:5 -o change.folded
  pvprof compare --store fleet --where label=stock --vs-where label=patched"""


class _CompareCommand(PvprofCommand):
    """A command whose ``--vs`` divides the recordings, with any number on either side."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        divided = []
        for index, word in enumerate(args):
            is_divider = index < end and (word == _VS or word.startswith(f"{_VS}="))
            divided += [_DIVIDER] if is_divider else []
            rest = word.removeprefix(_VS).removeprefix("=") if is_divider else word
            divided += [rest] if rest or not is_divider else []
        return super().parse_args(ctx, divided)


@click.command("compare", cls=_CompareCommand, epilog=formats_epilog(_EXAMPLES, *SUBJECTS))
@takes(InputGroup, "inputs")
@click.option(
    _VS,
    cls=HeadedOption,
    heading=HelpHeading.SIDES,
    metavar="NEW...",
    type=FileName(),
    expose_value=False,
    help="Compare with these recordings, the new side.",
)
@click.option(
    "--vs-where",
    cls=HeadedOption,
    heading=HelpHeading.STORE,
    metavar="EXPRESSION",
    help="The recordings of --store that are the new side; --where gives the base.",
)
@takes(SidesGroup, "sides")
@takes(edit_group(has_base=False), "edits")
@takes(outputs_group(*SUBJECTS), "outputs")
def command(
    inputs: InputGroup,
    sides: SidesGroup,
    edits: EditGroup,
    outputs: OutputsGroup,
    vs_where: str | None,
) -> None:
    """Compare recordings of two sides, preferably several runs per side, and show what is proven.

    Times of the runs, waits by kind, lock class and lock, and code. Recordings before --vs are the
    base, those after it the new side; without --vs the two labels in the manifests make the sides.
    A directory that holds recordings stands for all of them. Nothing is called different with fewer
    than three runs a side.

    -o DIRECTORY/ writes everything that a review needs: the summary for Phabricator, for GitHub and
    for mail, flame graphs of the difference, and a page with all of it.
    """
    folders, destinations = _outputs(outputs)
    comparison = _compare(inputs, sides, edits.edits(), vs_where)
    options = ComparisonOptions(sides.top, sides.measure, sides.mode)
    results = [
        Result.of(target, comparison, replace(options, pictures=_pictures(target, destinations)))
        for target in destinations
    ]
    reviews = {folder: files_of(comparison, options) for folder in folders}
    for result in results:
        result.write(outputs.force, inputs.quiet)
    for folder, files in reviews.items():
        deliver_folder(folder, files, outputs.force, inputs.quiet, purpose_of)
    if not any(destination.is_shown for destination in destinations):
        say((*comparison.caveats, *comparison.problems), inputs.quiet)


def _outputs(outputs: OutputsGroup) -> tuple[list[str], list[Destination]]:
    """Return the folders and the files to write.

    Raises:
        UsageError: as `OutputsGroup.destinations`, or a format is given for a folder.
        OutputError: something exists, or cannot be written.
    """
    folders = [path for path in outputs.outputs if is_folder(path)]
    if folders and outputs.format_name:
        raise UsageError(
            f"{folders[0]}: a folder has the summary in every format", "leave --format out"
        )
    files = tuple(path for path in outputs.outputs if not is_folder(path))
    destinations: list[Destination] = []
    if files or not folders:
        destinations = replace(outputs, outputs=files).destinations(folder_hint=True)
    for folder in folders:
        check_folder(folder, usual_names(), outputs.force)
    return folders, destinations


def _compare(
    inputs: InputGroup, sides: SidesGroup, edits: StackEdits, vs_where: str | None
) -> Comparison:
    options = sides.compare_options()
    settings = inputs.settings(edits)
    if inputs.stored:
        both = inputs.stored.sides(sides.base, settings.read, vs_where)
    else:
        if vs_where is not None:
            raise UsageError("--vs-where without --store", "--vs NEW... names files")
        both = _read_files(inputs, sides, settings.read)
    comparison = compare(*both, settings.rules, settings.filters, options)
    if sides.strict:
        _refuse(comparison)
    if not any(section.rows for section in comparison.sections):
        runs = [run for side in both for run in side.runs]
        raise no_match(
            [Classified.of(run.dataset, settings.rules, settings.filters) for run in runs]
        ) or InputError("no waits to compare", "-k all compares waits of every kind")
    return comparison


def _read_files(inputs: InputGroup, sides: SidesGroup, options: ReadOptions) -> tuple[Side, Side]:
    base, new = _divide(inputs.recordings)
    with Progress((*base, *(new or ())), inputs.quiet) as progress:
        return read_sides(base, new, sides.base, replace(options, progress=progress))


def _divide(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str] | None]:
    """Return the words before ``--vs`` and those after it, or None if it is not given."""
    if _DIVIDER not in words:
        return words, None
    if list(words).count(_DIVIDER) > 1:
        raise UsageError(f"{_VS} given more than once", "two sides are compared, not three")
    index = list(words).index(_DIVIDER)
    return words[:index], words[index + 1 :]


def _refuse(comparison: Comparison) -> None:
    """Refuse a comparison if more than the kernels differ.

    Raises:
        InputError: more than the kernels differ.
    """
    refused = [caveat for caveat in comparison.caveats if is_refused(caveat)]
    if refused:
        texts = [caveat.text for caveat in refused[:_MAX_REASONS]]
        more = len(refused) - len(texts)
        texts += [f"and {more} more"] if more else []
        raise InputError(f"--strict: {'; '.join(texts)}")


def _pictures(text: Destination, destinations: Sequence[Destination]) -> tuple[str, ...]:
    """Return the pictures that are written too, as seen from the directory of the text."""
    start = os.path.dirname(text.path) if text.path != "-" else ""
    return tuple(
        os.path.relpath(other.path, start or ".")
        for other in destinations
        if other.format.name == "svg" and other.path != "-"
    )
