"""``pvprof store trend``: a lock class over kernels, commits or days."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import FileName
from pvprof.cli.option_groups import option, option_group, takes
from pvprof.cli.output import check_output, write
from pvprof.cli.stores.labels import rules_hash
from pvprof.cli.stores.rows import RowsGroup, print_rows
from pvprof.cli.stores.store_options import PlaceGroup, engine_option, wanted
from pvprof.cli.terminal import print_line, tell
from pvprof.errors import UsageError
from pvprof.render.svg.trend import render_view
from pvprof.store.engines.named import engine_named
from pvprof.store.load import StoreInput
from pvprof.store.trend import GROUPINGS, Trend, trend_of
from pvprof.units import format_value
from pvprof.views.stores.trend_view import (
    build,
    changes_in_words,
    left_out_in_words,
    other_rules_in_words,
)

if TYPE_CHECKING:
    from pvprof.render.data.encoding import Cell


@option_group
class TrendGroup(PlaceGroup):
    """Which trend is wanted."""

    lock_class: str = option(
        "--class", metavar="REGEX", required=True, help="The lock classes to add up: '^pv list'."
    )
    by: str = option(
        "--by",
        type=click.Choice(GROUPINGS),
        default="day",
        show_default=True,
        help="What is one point of the trend.",
    )
    per: str = option(
        "--per",
        type=click.Choice(["run", "second"]),
        default="run",
        show_default=True,
        help="Take the sum of a recording, or divide it by its length.",
    )
    where: str | None = option(
        "--where", metavar="EXPRESSION", help="Take recordings for which this is true."
    )
    output: str = option(
        "-o",
        "--output",
        default="",
        metavar="FILE",
        type=FileName(),
        heading=HelpHeading.OUTPUT,
        help="Draw it into this SVG file instead; - is stdout.",
    )
    force: bool = option(
        "-f", "--force", heading=HelpHeading.OUTPUT, is_flag=True, help="Overwrite FILE."
    )
    engine: str = engine_option()


@click.command(
    "trend",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof store trend fleet --class '^pv list' --by kernel
  pvprof store trend fleet --class '^pv list' --by commit -o pv-list.svg
  pvprof store trend fleet --class vnode --per second --format csv""",
)
@takes(TrendGroup, "group")
@takes(RowsGroup, "rows")
def trend(group: TrendGroup, rows: RowsGroup) -> None:
    """Show how a lock class changes over days, kernels or commits, and where it changed.

    A change is where the mean of the runs differs before and after, by a permutation test at 1 %
    (docs/store.md), with at least three runs on each side.
    """
    from pvprof.classify.user_patterns import PatternError, read_pattern  # noqa: PLC0415

    if group.output:
        check_output(group.output, group.force)
    try:
        pattern = read_pattern(group.lock_class, re.IGNORECASE)
    except PatternError as error:
        raise UsageError(f"--class: {error}") from error
    stored = StoreInput(group.store, engine_named(group.engine), wanted(group.where))
    found = trend_of(stored, group.by, pattern.search, rules_hash(), group.per == "second")
    _say(found, group)
    if group.output:
        view = build(found, group.lock_class, group.by, group.per, group.where or "")
        write(group.output, render_view(view).text, group.force)
        return
    if rows.is_for_programs:
        print_rows("points", *_for_programs(found), rows)
        return
    for sentence in changes_in_words(found):
        print_line(sentence)
    print_line("")
    print_rows("points", *_for_people(found, group), rows)


def _say(found: Trend, group: TrendGroup) -> None:
    if found.left_out:
        tell(f"note: {left_out_in_words(found, group.by, group.per)} are left out")
    if found.other_rules:
        add = "add them to a new store to have their classes anew"
        tell(f"warning: {other_rules_in_words(found)}: {add}")


def _for_people(found: Trend, group: TrendGroup) -> tuple[list[str], list[list[Cell]]]:
    starts = {change.point for change in found.changes}
    rows: list[list[Cell]] = []
    for number, point in enumerate(found.points):
        numbers = (point.mean, point.half_width, min(point.values), max(point.values))
        shown = ["" if one is None else format_value(round(one), found.unit) for one in numbers]
        mark = "changed" if number in starts else ""
        mean, half_width, *range_ = shown
        runs = len(point.values)
        rows.append([point.name, mean, half_width, mark, runs, *range_, point.day])
    columns = [group.by, "mean", "+/- 95 %", "change", "runs", "min", "max", "first run"]
    if group.by == "day":
        return columns[:-1], [row[:-1] for row in rows]
    return columns, rows


def _for_programs(found: Trend) -> tuple[list[str], list[list[Cell]]]:
    """Return the points with their values in the unit, and the changes."""
    changes = {change.point: change for change in found.changes}
    rows: list[list[Cell]] = []
    for number, point in enumerate(found.points):
        change = changes.get(number)
        known: list[Cell] = [point.name, point.day, found.mode, found.unit, len(point.values)]
        values: list[Cell] = [point.mean, point.half_width, min(point.values), max(point.values)]
        p = None if change is None else change.p
        rows.append([*known, *values, change is not None, p])
    names = ["point", "day", "mode", "unit", "runs", "mean", "half_width", "min", "max"]
    return [*names, "is_change", "p"], rows
