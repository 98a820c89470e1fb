"""``pvprof compare``: two sides of recordings, and whether they differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import click

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.caveats import is_refused
from pvprof.analysis.compare.code_changes import differential_rows, scale_of
from pvprof.analysis.compare.compare import CompareOptions, Comparison, SectionChange, compare
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.cli.options import filter_options, input_options, say, take_settings
from pvprof.cli.output import check_outputs, deliver, force_option
from pvprof.cli.progress import Progress
from pvprof.cli.terminal import Draw, plain_text, show
from pvprof.dataset.load_sides import read_sides
from pvprof.dataset.sides import Side
from pvprof.errors import InputError, UsageError
from pvprof.recording.provenance import provenance_rows
from pvprof.render.registry import Format, Source, format_of
from pvprof.stats.comparison import SeriesOptions
from pvprof.stats.methods import METHODS, STUDENT
from pvprof.units import UNITS

_NAMES = ("terminal", "markdown", "csv", "json", "folded", "svg")
_FORMATS = {name: name for name in _NAMES if name != "folded"} | {"differential": "folded"}
_VS = "--vs"
# Stands for --vs among the arguments: no path can hold it.
_DIVIDER = "\0vs"
_CONFIDENCE = 95.0


class _CompareCommand(click.Command):
    """A command whose ``--vs`` divides the recordings, however many stand on either side."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        divided = []
        for place, word in enumerate(args):
            is_divider = place < end and (word == _VS or word.startswith(f"{_VS}="))
            divided += [_DIVIDER] if is_divider else []
            rest = word.removeprefix(_VS).removeprefix("=") if is_divider else word
            divided += [rest] if rest or not is_divider else []
        return super().parse_args(ctx, divided)


@click.command(
    "compare",
    cls=_CompareCommand,
    epilog="""\b
Examples:
  pvprof compare stock/ --vs patched/
  pvprof compare s1.pvprof s2.pvprof s3.pvprof --vs p1.pvprof p2.pvprof p3.pvprof
  pvprof compare runs/*.pvprof --base stock -o review.md -o review.svg
  pvprof compare stock/ --vs patched/ --work builds=3:5 -o change.folded""",
)
@input_options
@filter_options
@click.option(_VS, metavar="NEW...", expose_value=False, help="What stands behind is the new side.")
@click.option("--base", metavar="LABEL", default="", help="Without --vs: which label is the base.")
@click.option(
    "--per",
    type=click.Choice(["run", "second"]),
    default="run",
    show_default=True,
    help="What values are taken per; a second of the time that was recorded.",
)
@click.option(
    "--work",
    metavar="[UNIT=]BASE:NEW",
    help="Take values per unit of work: how much each run of a side did.",
)
@click.option("--method", type=click.Choice(list(METHODS)), default=STUDENT.name)
@click.option("-c", "--confidence", metavar="PERCENT", type=float, default=_CONFIDENCE)
@click.option("--no-holm", is_flag=True, help="No correction for the number of rows.")
@click.option("--strict", is_flag=True, help="Refuse to compare what differs in more than kernels.")
@click.option("--measure", type=click.Choice(UNITS), help="Pictures and stacks: of which unit.")
@click.option("--mode", metavar="MODE", help="Pictures and stacks: of which mode.")
@click.option("--no-execname", is_flag=True, help="No process at the root of stacks.")
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    help="Write this file, in the format of its suffix (.txt .md .csv .json .svg .folded); "
    "repeatable; - is stdout. Without -o: tables on stdout.",
)
@click.option(
    "--format", "format_name", type=click.Choice(list(_FORMATS)), help="Format of every -o."
)
@click.option("--top", type=click.IntRange(0), default=20, help="Rows of a table; 0: all.")
@force_option
def command(
    outputs: tuple[str, ...], format_name: str | None, top: int, force: bool, **rest: Any
) -> None:
    """Compare recordings of two sides, best of repeated runs, and say what is proven.

    Times of the runs, waits by kind, lock class and lock, and code. Recordings before --vs are the
    base, those behind it the new side; without --vs the two labels in the manifests make the sides.
    A directory made by pvprof record --repeat stands for its runs. Nothing is called different
    with fewer than three runs a side.
    """
    name = None if format_name is None else _FORMATS[format_name]
    wanted = [(path, format_of(path, name, "terminal", _NAMES)) for path in outputs or ("-",)]
    check_outputs([path for path, _ in wanted], force)
    choices = _Choices(top, rest.pop("measure"), rest.pop("mode"))
    changes = _compare(rest)
    results = [(path, made, _render(made, path, changes, choices, wanted)) for path, made in wanted]
    for path, made, text in results:
        if _is_terminal(path, made):
            show(_drawing(changes, top))
        else:
            deliver(path, text, force, rest["quiet"])
    if not any(_is_terminal(path, made) for path, made in wanted):
        say((*changes.caveats, *changes.problems), rest["quiet"])
    if not any(section.rows for section in changes.sections):
        raise InputError(
            "no waits to compare: the filters left nothing", "--kind all keeps every kind of wait"
        )


@dataclass(frozen=True, slots=True)
class _Choices:
    """What is shown of a comparison."""

    top: int
    unit: str | None
    mode: str | None


def _compare(rest: dict[str, Any]) -> Comparison:
    options = CompareOptions(
        stats=SeriesOptions(METHODS[rest.pop("method")], rest.pop("confidence")),
        basis=_basis(rest.pop("work"), rest.pop("per")),
        has_holm=not rest.pop("no_holm"),
        fold=FoldOptions(execname=not rest.pop("no_execname")),
    )
    settings = take_settings(rest)
    base, new = _divide(rest.pop("recordings"))
    with Progress((*base, *(new or ())), rest["quiet"]) as progress:
        read = replace(settings.read, progress=progress)
        sides = read_sides(base, new, rest.pop("base"), read)
    changes = compare(*sides, settings.rules, settings.filters, options)
    if rest.pop("strict"):
        _refuse(changes)
    return changes


def _divide(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str] | None]:
    """Return what stands before ``--vs`` and behind it, or None where it does not stand there."""
    if _DIVIDER not in words:
        return words, None
    if list(words).count(_DIVIDER) > 1:
        raise UsageError(f"{_VS} stands there twice", "two sides are compared, not three")
    place = list(words).index(_DIVIDER)
    return words[:place], words[place + 1 :]


def _basis(work: str | None, per: str) -> Basis:
    if work is None:
        return Basis("second") if per == "second" else Basis()
    if per == "second":
        raise UsageError("--work and --per second: give one of them")
    unit, _, amounts = work.rpartition("=")
    base, colon, new = amounts.partition(":")
    try:
        if not colon or (not unit.strip() and "=" in work):
            raise ValueError
        both = Fraction(base.strip()), Fraction(new.strip())
    except (ValueError, ZeroDivisionError) as error:
        hint = "e.g. --work builds=3:5, or 3:5"
        raise UsageError(f"--work {work}: cannot be understood", hint) from error
    return Basis("work", unit.strip(), both) if unit else Basis("work", work=both)


def _refuse(changes: Comparison) -> None:
    refused = [one for one in changes.caveats if is_refused(one)]
    if refused:
        say(refused, is_quiet=True)
        raise InputError(
            f"--strict: not compared, for {len(refused)} reason{'s' if len(refused) > 1 else ''}",
            "without --strict they are listed above the result",
        )


def _is_terminal(path: str, made: Format) -> bool:
    return path == "-" and made.name == "terminal"


def _drawing(changes: Comparison, top: int) -> Draw:
    from pvprof.render.text.terminal import print_changes  # noqa: PLC0415 (imports rich)

    return lambda console: print_changes(changes, console, top)


def _render(
    made: Format,
    path: str,
    changes: Comparison,
    choices: _Choices,
    wanted: Sequence[tuple[str, Format]],
) -> str:
    """Return the text of a result; none for a terminal, which is drawn later."""
    if made.source is Source.FOLDED:
        section = _section(changes, choices)
        return _differential(section) if made.name == "folded" else _picture(section, changes)
    if made.name == "terminal":
        return "" if path == "-" else plain_text(_drawing(changes, choices.top))
    if made.name == "markdown":
        from pvprof.render.text.markdown import render_changes  # noqa: PLC0415

        return render_changes(changes, choices.top, _pictures(path, wanted))
    from pvprof.render.data import compare as comparison_data  # noqa: PLC0415

    if made.name == "csv":
        return comparison_data.render_csv(changes)
    return comparison_data.render_json(changes)


def _pictures(path: str, wanted: Sequence[tuple[str, Format]]) -> list[str]:
    """Return the pictures that are written too, as seen from the directory of `path`."""
    start = os.path.dirname(path) if path != "-" else ""
    return [
        os.path.relpath(other, start or ".")
        for other, made in wanted
        if made.name == "svg" and other != "-"
    ]


def _section(changes: Comparison, choices: _Choices) -> SectionChange:
    """Return the section that a picture is of: the first, or the one that was asked for."""
    for one in changes.sections:
        if choices.unit in (None, one.unit) and choices.mode in (None, one.mode):
            return one
    known = ", ".join(f"{one.mode or 'no mode'} in {one.unit}" for one in changes.sections)
    raise UsageError("nothing was measured in that unit and mode", f"measured here: {known}")


def _differential(section: SectionChange) -> str:
    from pvprof.render.text.folded import render_differential  # noqa: PLC0415

    rows = differential_rows(section.base_folded, section.new_folded, section.amounts)
    return render_differential(rows)


def _picture(section: SectionChange, changes: Comparison) -> str:
    from pvprof.render.svg.diff_flamegraph import (  # noqa: PLC0415
        DiffOptions,
        render_diff,
    )
    from pvprof.render.svg.flamegraph import FlamegraphOptions  # noqa: PLC0415
    from pvprof.views.tables.compare import (  # noqa: PLC0415
        heading,
        section_title,
    )
    from pvprof.views.tables.problems import problem_lines  # noqa: PLC0415

    notes = [
        (title, _facts(side)) for title, side in (("Base", changes.base), ("New", changes.new))
    ]
    if changes.caveats:
        notes.append(("Caveats", "\n".join(problem_lines(changes.caveats))))
    title = heading(changes).partition(": ")[2]
    graph = FlamegraphOptions(title=f"{section_title(section)}: {title}", notes=tuple(notes))
    diff = DiffOptions(
        graph=graph,
        scale=scale_of(changes.options.basis.names, section.amounts),
        base_name=changes.base.name,
        new_name=changes.new.name,
    )
    subtitle = _sums(section, changes.options.basis)
    if any(one.severity == "loss" for one in changes.caveats):
        subtitle += ". Data are missing: totals are too low"
    graph = replace(graph, subtitle=subtitle)
    return render_diff(section.base_folded, section.new_folded, replace(diff, graph=graph))


def _sums(section: SectionChange, basis: Basis) -> str:
    """Return what the values of a picture are: not one run's, as those of the tables."""
    base, new = len(section.base_amounts), len(section.new_amounts)
    if base == new == 1:
        parts = ["One run a side"]
    else:
        runs = f"{base} {'run' if base == 1 else 'runs'}"
        parts = [f"Sums of all runs: {runs} of the base, {new} of the new side"]
    if basis.kind == "work":
        parts.append(basis.sentence.partition(": ")[2])
    return "; ".join(parts)


def _facts(side: Side) -> str:
    names = ", ".join(run.name for run in side.runs)
    rows = [("Recordings", names), *provenance_rows(run.manifest for run in side.runs)]
    return "\n".join(f"{label}: {text}" for label, text in rows)
