"""``pvprof flamegraph --diff``: options of a differential flame graph, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

import click

from pvprof.analysis.stacks.diff_layout import SHAPES, Shape, Threshold, WorkScale
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.cli.options import load_inputs, say
from pvprof.cli.results import SvgChoices, Towers
from pvprof.errors import UsageError
from pvprof.units import Unit
from pvprof.views.tables.problems import problem_lines

_Command = TypeVar("_Command", bound=Callable[..., Any])


def diff_options(command: _Command) -> _Command:
    """Add the options of a differential flame graph."""
    for option in (
        click.option(
            "--per",
            metavar="UNIT=BASE:NEW",
            help="With --diff: how much work each covers (builds=3:5); scales the base to it.",
        ),
        click.option(
            "--threshold",
            type=click.FloatRange(0, 100),
            default=5.0,
            show_default=True,
            help="With --diff: no colour for changes below this % of the frame.",
        ),
        click.option(
            "--widths",
            type=click.Choice(SHAPES),
            default="union",
            help="With --diff: as wide as in which profile, to begin with.  [default: union]",
        ),
        click.option("--diff", is_flag=True, help="Compare two: REC... is the base, then the new."),
    ):
        command = option(command)
    return command


def draw_diff(
    rest: dict[str, Any], measure: Unit | None, options: FoldOptions, choices: SvgChoices
) -> tuple[tuple[Towers, Towers], str]:
    """Read two recordings; return them and the picture of what has changed.

    Raises:
        UsageError: there are not two, ``--per`` cannot be understood, or they do not compare.
    """
    from pvprof.analysis.compare.caveats import unnamed_addresses  # noqa: PLC0415
    from pvprof.render.svg.diff_flamegraph import (  # noqa: PLC0415
        DiffOptions,
        render_diff,
    )

    if len(rest["recordings"]) != 2:
        number = len(rest["recordings"])
        raise UsageError(f"--diff compares two recordings, not {number}", "base first, then new")
    shape: Shape = rest["widths"]
    threshold = Threshold(Fraction(str(rest["threshold"])))
    scale = _scale(rest["per"])
    base, new = (
        Towers.of(load_inputs({**rest, "recordings": (one,)}), measure, options)
        for one in rest["recordings"]
    )
    title = choices.title or f"{new.measured}: {base.name} → {new.name}"
    notes = tuple(
        (side, "\n".join([f"{label}: {text}".replace("\n", "\n  ") for label, text in one.notes]))
        for side, one in (("Base", base), ("New", new))
    )
    caveats = unnamed_addresses(base.folded, new.folded)
    say(caveats, rest["quiet"])
    if caveats:
        notes += (("Caveats", "\n".join(problem_lines(caveats))),)
    diff = DiffOptions(
        graph=replace(
            new.graph_options(choices), title=title, subtitle=_subtitle(base, new), notes=notes
        ),
        shape=shape,
        threshold=threshold,
        scale=scale,
        base_name=base.name,
        new_name=new.name,
    )
    return (base, new), render_diff(base.folded, new.folded, diff)


def _subtitle(base: Towers, new: Towers) -> str:
    """Return what is compared, how much of either side that is, and where data are missing."""
    sides = [side for side, one in (("base", base), ("new", new)) if one.has_loss]
    loss = f"Data are missing ({' and '.join(sides)}): totals are too low" if sides else ""
    kinds = " or ".join(dict.fromkeys(one.kind_titles for one in (base, new) if one.kind_titles))
    if base.share or new.share:
        shares = [f"{side} {one.share or 'all'}" for side, one in (("base", base), ("new", new))]
        kinds = f"{kinds} ({', '.join(shares)} recorded)".lstrip()
    return ". ".join(part for part in (kinds, loss) if part)


def _scale(text: str | None) -> WorkScale | None:
    """Return what ``UNIT=BASE:NEW`` says."""
    if text is None:
        return None
    unit, equals, amounts = text.partition("=")
    base, colon, new = amounts.partition(":")
    try:
        if not (unit.strip() and equals and colon):
            raise ValueError
        return WorkScale(unit.strip(), Fraction(base.strip()), Fraction(new.strip()))
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"--per {text}: cannot be understood", "e.g. --per builds=3:5") from error
