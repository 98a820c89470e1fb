"""The options of statistics: of repeated runs, and of two sides of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import click

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.compare import CompareOptions
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.cli.option_groups import argument, option, option_group
from pvprof.errors import UsageError
from pvprof.stats import study as library
from pvprof.stats.comparison import SeriesOptions
from pvprof.stats.methods import METHODS, STUDENT
from pvprof.stats.runs.columns import ColumnOptions
from pvprof.stats.runs.read import KINDS, TimesOptions, read_run_sets
from pvprof.stats.study import RunSet
from pvprof.units import UNITS, Unit

_CONFIDENCE = 95.0


@option_group
class SidesGroup:
    """What is compared, and how."""

    base: str = option(
        "--base", metavar="LABEL", default="", help="Without --vs: which label is the base."
    )
    per: str = option(
        "--per",
        type=click.Choice(["run", "second"]),
        default="run",
        show_default=True,
        help="Take values per run, or per second of recorded time.",
    )
    work: str | None = option(
        "--work",
        metavar="[UNIT=]BASE:NEW",
        help="Take values per unit of work: how much each run of a side did.",
    )
    method: str = option("--method", type=click.Choice(list(METHODS)), default=STUDENT.name)
    confidence: float = option(
        "-c", "--confidence", metavar="PERCENT", type=float, default=_CONFIDENCE
    )
    no_holm: bool = option("--no-holm", is_flag=True, help="No correction for the number of rows.")
    strict: bool = option(
        "--strict", is_flag=True, help="Refuse to compare if more than the kernels differ."
    )
    measure: Unit | None = option(
        "--measure", type=click.Choice(UNITS), help="Pictures and stacks: of which unit."
    )
    mode: str | None = option("--mode", metavar="MODE", help="Pictures and stacks: of which mode.")
    no_execname: bool = option(
        "--no-execname", is_flag=True, help="No process at the root of stacks."
    )
    top: int = option(
        "--top",
        type=click.IntRange(0),
        default=20,
        help="Maximum rows of a table (0: no limit).  [default: 20]",
    )

    def compare_options(self) -> CompareOptions:
        """Return the options as a value of the library.

        Raises:
            UsageError: ``--work`` cannot be understood, or does not go with ``--per``.
        """
        return CompareOptions(
            stats=SeriesOptions(METHODS[self.method], self.confidence),
            basis=_basis(self.work, self.per),
            has_holm=not self.no_holm,
            fold=FoldOptions(execname=not self.no_execname),
        )


@option_group
class RunsGroup:
    """Which runs are read, and how."""

    files: tuple[str, ...] = argument(metavar="FILE...", nargs=-1, required=True)
    input_format: str | None = option(
        "--input-format",
        type=click.Choice(KINDS),
        help="Contents of a text, if they are not recognised.",
    )
    column: int = option(
        "-C", "--column", type=click.IntRange(1), default=1, help="Column of plain numbers."
    )
    delimiters: str = option(
        "-d", "--delimiters", default=" \t", help="Characters that divide the columns."
    )
    metrics: tuple[str, ...] = option(
        "--metric", metavar="NAME", multiple=True, help="Show these (repeatable)."
    )
    base: str | None = option(
        "--base", metavar="NAME", help="Compare with this set, not with the first."
    )

    def read(self) -> list[RunSet]:
        """Return the sets of runs, the base first.

        Raises:
            InputError: a file cannot be read.
            UsageError: no set has the name of the base.
        """
        columns = ColumnOptions(self.column, self.delimiters)
        sets = read_run_sets(self.files, TimesOptions(self.input_format or "", columns))
        return _with_base(sets, self.base)


@option_group
class MethodGroup:
    """How sets of runs are compared."""

    method: str = option("--method", type=click.Choice(list(METHODS)), default=STUDENT.name)
    confidence: float | None = option(
        "-c", "--confidence", metavar="PERCENT", type=float, help="[default: 95]"
    )
    alpha: float | None = option(
        "--alpha", type=float, help="The same as an error rate: 0.05 is 95 %."
    )
    has_holm: bool = option("--holm", is_flag=True, help="Correct for the number of comparisons.")
    has_ratio: bool = option("--ratio", is_flag=True, help="Bootstrap interval of the ratio.")
    detect: float | None = option(
        "--detect", metavar="PERCENT", type=float, help="Number of runs that would show this much."
    )
    better: Literal["lower", "higher"] | None = option(
        "--better", type=click.Choice(("lower", "higher")), help="For numbers that are not times."
    )

    def study(self, metrics: tuple[str, ...]) -> library.StudyOptions:
        """Return the options of a study of these metrics.

        Raises:
            UsageError: both the confidence and the error rate are given.
        """
        confidence = self.confidence
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


def _with_base(sets: Sequence[RunSet], name: str | None) -> list[RunSet]:
    """Return the sets, the one of that name first."""
    matches = [run_set for run_set in sets if name in (None, run_set.name)]
    if not matches:
        known = ", ".join(run_set.name for run_set in sets)
        raise UsageError(f"--base {name}: no set of that name", f"sets: {known}")
    return [matches[0], *(run_set for run_set in sets if run_set is not matches[0])]
