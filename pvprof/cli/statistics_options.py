"""The options of statistics: of repeated runs, and of two sides of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar, Literal

import click

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.compare import CompareOptions
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import FileName, KnownWord
from pvprof.cli.input_options import MAX_SIZE_HELP
from pvprof.cli.option_groups import argument, option, option_group
from pvprof.errors import UsageError
from pvprof.recording.limits import limits_of
from pvprof.stats import study as library
from pvprof.stats.comparison import SeriesOptions
from pvprof.stats.methods import METHODS, STUDENT
from pvprof.stats.runs.columns import ColumnOptions
from pvprof.stats.runs.read import KINDS, TimesOptions, read_run_sets
from pvprof.stats.study import RunSet
from pvprof.units import UNITS, Unit

_CONFIDENCE = 95.0
_MIN_CONFIDENCE = 50.0
_METHOD_HELP = (
    "Test with Student's t as ministat does, with Welch's t, which allows different spreads, or by"
    f" ranks with Mann and Whitney's U.  [default: {STUDENT.name}]"
)


@option_group
class SidesGroup:
    """What is compared, and how."""

    heading: ClassVar[HelpHeading] = HelpHeading.SIDES

    base: str = option(
        "--base",
        metavar="LABEL",
        default="",
        help="Without --vs: take the recordings with this label as the base.",
    )
    per: Literal["run", "second", "total"] = option(
        "--per",
        type=click.Choice(["run", "second", "total"]),
        default="run",
        show_default=True,
        help="Compare values per run, or per second of recorded time, or as if all runs had the"
        " same total: that compares shares.",
    )
    work: str | None = option(
        "--work",
        metavar="[UNIT=]BASE:NEW",
        help="Compare values per unit of work, given how much each run of a side did (builds=3:5).",
    )
    method: str = option(
        "--method",
        type=click.Choice(list(METHODS)),
        default=STUDENT.name,
        help=_METHOD_HELP,
        heading=HelpHeading.STATISTICS,
    )
    confidence: float = option(
        "-c",
        "--confidence",
        metavar="PERCENT",
        type=float,
        default=_CONFIDENCE,
        help="Call a difference proven at this confidence.  [default: 95]",
        heading=HelpHeading.STATISTICS,
    )
    no_holm: bool = option(
        "--no-holm",
        is_flag=True,
        help="Do not correct for the number of rows: each row is then tested as if it were alone.",
        heading=HelpHeading.STATISTICS,
    )
    strict: bool = option(
        "--strict", is_flag=True, help="Refuse to compare if more than the kernels differ."
    )
    measure: Unit | None = option(
        "--measure",
        metavar="UNIT",
        type=KnownWord(lambda: UNITS),
        help=f"Draw pictures and stacks of this unit ({', '.join(UNITS)}, ...).",
        heading=HelpHeading.OUTPUT,
    )
    mode: str | None = option(
        "--mode",
        metavar="MODE",
        help="Draw pictures and stacks of this mode.",
        heading=HelpHeading.OUTPUT,
    )
    no_execname: bool = option(
        "--no-execname",
        is_flag=True,
        help="Leave out the process at the root of stacks.",
        heading=HelpHeading.OUTPUT,
    )
    top: int = option(
        "--top",
        type=click.IntRange(0),
        default=20,
        metavar="N",
        help="Show at most N rows of a table; 0 shows all.  [default: 20]",
        heading=HelpHeading.TABLES,
    )

    def compare_options(self) -> CompareOptions:
        """Return the options as a value of the library.

        Raises:
            UsageError: ``--work`` cannot be understood, or does not go with ``--per``; or the
                confidence is too low to be a percentage.
        """
        _check_confidence(self.confidence)
        return CompareOptions(
            stats=SeriesOptions(METHODS[self.method], self.confidence),
            basis=_basis(self.work, self.per),
            has_holm=not self.no_holm,
            fold=FoldOptions(execname=not self.no_execname),
        )


@option_group
class RunsGroup:
    """Which runs are read, and how."""

    heading: ClassVar[HelpHeading] = HelpHeading.RUNS

    files: tuple[str, ...] = argument(metavar="FILE...", nargs=-1, required=True, type=FileName())
    input_format: str | None = option(
        "--input-format",
        type=click.Choice(KINDS),
        help="Read the text as output of time(1) or as columns of numbers.  [default: as detected]",
    )
    column: int = option(
        "-C",
        "--column",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Read the plain numbers in this column.  [default: 1]",
    )
    delimiters: str = option(
        "-d",
        "--delimiters",
        default=" \t",
        help="Divide the columns at these characters.  [default: blank and tab]",
    )
    metrics: tuple[str, ...] = option(
        "--metric",
        metavar="NAME",
        multiple=True,
        help="Show only this metric: real, user, sys, ... (repeatable).",
    )
    base: str | None = option(
        "--base", metavar="NAME", help="Compare the others with this set, not with the first."
    )
    max_size: str | None = option("--max-size", metavar="SIZE", help=MAX_SIZE_HELP)

    def read(self) -> list[RunSet]:
        """Return the sets of runs, the base first.

        Raises:
            InputError: a file cannot be read.
            UsageError: no set has the name of the base, or the size is none.
        """
        options = TimesOptions(
            kind=self.input_format or "",
            columns=ColumnOptions(self.column, self.delimiters),
            limits=limits_of(self.max_size),
        )
        sets = read_run_sets(self.files, options)
        return _with_base(sets, self.base)


@option_group
class MethodGroup:
    """How sets of runs are compared."""

    heading: ClassVar[HelpHeading] = HelpHeading.STATISTICS

    method: str = option(
        "--method", type=click.Choice(list(METHODS)), default=STUDENT.name, help=_METHOD_HELP
    )
    confidence: float | None = option(
        "-c",
        "--confidence",
        metavar="PERCENT",
        type=float,
        help="Call a difference proven at this confidence.  [default: 95]",
    )
    alpha: float | None = option(
        "--alpha",
        metavar="RATE",
        type=float,
        help="Give the confidence as a rate of errors: 0.05 is 95%.",
    )
    has_holm: bool = option(
        "--holm", is_flag=True, help="Correct for the number of comparisons, by Holm's method."
    )
    has_ratio: bool = option(
        "--ratio", is_flag=True, help="Show the ratio, with an interval by bootstrap."
    )
    detect: float | None = option(
        "--detect",
        metavar="PERCENT",
        type=float,
        help="Show how many runs would prove a difference of this size.",
    )
    better: Literal["lower", "higher"] | None = option(
        "--better",
        type=click.Choice(("lower", "higher")),
        help="Take lower or higher numbers for better.  [default: lower times are better]",
    )

    def study(self, metrics: tuple[str, ...]) -> library.StudyOptions:
        """Return the options of a study of these metrics.

        Raises:
            UsageError: both the confidence and the error rate are given, or the confidence is too
                low to be a percentage.
        """
        confidence = self.confidence
        if confidence is not None:
            _check_confidence(confidence)
        if confidence is not None and self.alpha is not None:
            raise UsageError("--confidence and --alpha: give one of them")
        if self.alpha is not None:
            confidence = round(100 * (1 - self.alpha), 10)
        compare = SeriesOptions(
            method=METHODS[self.method],
            confidence=_CONFIDENCE if confidence is None else confidence,
            has_ratio=self.has_ratio,
            detect_percent=self.detect,
        )
        return library.StudyOptions(
            compare=compare, has_holm=self.has_holm, metrics=metrics, better=self.better or ""
        )


def _check_confidence(percent: float) -> None:
    """Refuse a rate (0.95) and other numbers that are no confidence of anything.

    Raises:
        UsageError: it is above 0 and below 50.
    """
    if not 0 < percent < _MIN_CONFIDENCE:
        return  # what is out of 0 to 100 is refused with the other options
    message = f"--confidence {percent:g}: is a percentage"
    meant = round(100 * percent, 10)
    if _MIN_CONFIDENCE <= meant < 100:
        raise UsageError(f"{message}; did you mean {meant:g}?")
    raise UsageError(f"{message}, at least {_MIN_CONFIDENCE:g}", "95 is the usual one")


def _basis(work: str | None, per: Literal["run", "second", "total"]) -> Basis:
    if work is None:
        return Basis(per)
    if per != "run":
        raise UsageError(f"--work and --per {per}: give one of them")
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


def _with_base(sets: Sequence[RunSet], name: str | None) -> list[RunSet]:
    """Return the sets, the one of that name first."""
    matches = [run_set for run_set in sets if name in (None, run_set.name)]
    if not matches:
        known = ", ".join(run_set.name for run_set in sets)
        raise UsageError(f"--base {name}: no set of that name", f"sets: {known}")
    return [matches[0], *(run_set for run_set in sets if run_set is not matches[0])]
