"""``pvprof flamegraph``: recordings, or anybody's folded stacks, to one SVG file or a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.cli.flamediff import diff_options, draw_diff
from pvprof.cli.options import (
    filter_options,
    input_options,
    load_inputs,
    say_others,
    say_problems,
)
from pvprof.cli.output import check_output, deliver, force_option, output_option, write
from pvprof.cli.results import (
    SvgChoices,
    Towers,
    deliver_pool,
    empty_picture,
    nothing_kept,
    render_pool,
)
from pvprof.cli.terminal import plain_text, show
from pvprof.cli.towers import check_chain, fold_options, towers_options
from pvprof.errors import EmptyError, UsageError
from pvprof.render.registry import Format, Source, format_of
from pvprof.units import Unit
from pvprof.views.speedscope import SpeedscopeOptions

if TYPE_CHECKING:
    from rich.console import Console

_NAMES = ("svg", "speedscope", "chrome-trace")
_Command = TypeVar("_Command", bound=Callable[..., Any])
# As in render.palette, which --help need not import.
PALETTES = ("auto", "cause", "module", "name", "hot", "safe")


def _picture_options(command: _Command) -> _Command:
    """Add the options that say how the picture looks."""
    for option in (
        click.option(
            "--palette",
            type=click.Choice(PALETTES),
            default="auto",
            help="What colours mean: the cause of the wait, the module, the name; hot: the classic "
            "one; safe: for any colour vision.  [default: by what is there]",
        ),
        click.option("--by-weight", is_flag=True, help="Widest frames first, not by name."),
        click.option("--reverse", is_flag=True, help="Merge from the leaf."),
        click.option("--icicle", is_flag=True, help="Root on top."),
        click.option(
            "--min-width",
            type=click.FloatRange(0),
            default=0.1,
            show_default=True,
            help="Draw frames narrower than this many pixels together, as '...'.",
        ),
        click.option(
            "--width", type=click.IntRange(400), default=1200, show_default=True, help="Pixels."
        ),
        click.option(
            "--title", default="", help="Heading.  [default: what was measured, and where]"
        ),
    ):
        command = option(command)
    return command


def _tree_options(command: _Command) -> _Command:
    """Add the options of the printed tree."""
    for option in (
        click.option("--depth", type=click.IntRange(0), help="With --tree: so many forks deep."),
        click.option(
            "--min-percent",
            type=click.FloatRange(0, 100),
            default=1.0,
            show_default=True,
            help="With --tree: add up frames below this share.",
        ),
        click.option("--tree", is_flag=True, help="Print a tree of text instead of a picture."),
    ):
        command = option(command)
    return command


@click.command(
    "flamegraph",
    epilog="""\b
Examples:
  pvprof flamegraph offcpu.out -o offcpu.svg
  stackcollapse.pl any.out | pvprof flamegraph - > any.svg
  pvprof flamegraph --diff stock.out obm.out --per builds=3:5 -o diff.svg
  pvprof flamegraph offcpu.out -o offcpu.speedscope.json
  pvprof flamegraph --tree --min-percent 5 offcpu.out""",
)
@input_options
@filter_options
@towers_options
@_picture_options
@diff_options
@_tree_options
@click.option(
    "--format", "format_name", type=click.Choice(_NAMES), help="Format, not by the suffix."
)
@output_option
@force_option
def command(output: str, force: bool, tree: bool, diff: bool, **rest: Any) -> None:
    """Draw stacks as a flame graph: one SVG file that zooms and searches in any browser.

    In the browser it turns round too: root on top, merged from the leaf, widest first; and it shows
    or hides the towers that match a search. --diff colours what has changed between two. A file
    named .speedscope.json is written for www.speedscope.app instead, one named .trace.json (single
    waits, a track for each thread) for ui.perfetto.dev.
    """
    made = format_of(output, rest.pop("format_name"), "svg", _NAMES, any_suffix=True)
    if tree + diff + (made.source is Source.POOL) > 1:
        raise UsageError("--tree, --diff and a file for a viewer do not go together")
    if diff and rest["wall_clock"]:
        raise UsageError("--diff and --wall-clock do not go together")
    check_output(output, force)
    measure, options = fold_options(rest)
    check_chain(options, made)
    choices = _choices(rest)
    if made.source is Source.POOL:
        shown = SpeedscopeOptions(options, measure, not rest["no_timeline"])
        _write_for_viewer(made, rest, shown, output, force)
        return
    depth, min_percent = rest.pop("depth"), rest.pop("min_percent")
    is_alone = len(rest["recordings"]) == 1
    towers: Sequence[Towers]
    try:
        if diff:
            towers, text = draw_diff(rest, measure, options, choices)
        else:
            towers = (_fold(rest, measure, options),)
            text = "" if tree else towers[0].svg(choices)
    except EmptyError as error:
        if is_alone and not tree:
            deliver(output, empty_picture(choices, error.message), force, rest["quiet"])
        raise
    if tree:
        _print_tree(towers[0], output, force, min_percent, depth or 0)
    else:
        deliver(output, text, force, rest["quiet"])
    _finish(towers)


def _write_for_viewer(
    made: Format, rest: dict[str, Any], choices: SpeedscopeOptions, output: str, force: bool
) -> None:
    inputs = load_inputs(rest)
    result = render_pool(made, inputs, choices)
    if not deliver_pool(output, result, inputs, force, rest["quiet"]):
        raise nothing_kept("draw", [inputs.dataset])


def _choices(rest: dict[str, Any]) -> SvgChoices:
    """Take the options of the picture out of `rest`."""
    return SvgChoices(
        title=rest.pop("title"),
        width=rest.pop("width"),
        min_width_px=rest.pop("min_width"),
        icicle=rest.pop("icicle"),
        is_reversed=rest.pop("reverse"),
        order="weight" if rest.pop("by_weight") else "name",
        palette=rest.pop("palette"),
    )


def _fold(rest: dict[str, Any], measure: Unit | None, options: FoldOptions) -> Towers:
    return Towers.of(load_inputs(rest), measure, options)


def _print_tree(towers: Towers, output: str, force: bool, min_percent: float, depth: int) -> None:
    """Print a tree: in colour on a terminal, as plain text elsewhere."""
    from pvprof.render.text.flame_tree import (  # noqa: PLC0415 (imports rich)
        TreeOptions,
        print_tree,
    )

    options = TreeOptions(min_percent, depth)

    def draw(console: Console) -> None:
        print_tree(towers.folded, console, options)

    if output == "-":
        show(draw)
    else:
        write(output, plain_text(draw), force)


def _finish(towers: Sequence[Towers]) -> None:
    """Say on stderr what was lost or left out; fail where there was nothing to draw.

    Raises:
        InputError: no stack has any weight.
    """
    for one in towers:
        say_problems(one.inputs.dataset, is_quiet=True)
        say_others(one.inputs.dataset, one.measurement.profile.unit)
    if not any(one.folded.rows for one in towers):
        raise nothing_kept("draw", [one.inputs.dataset for one in towers])
