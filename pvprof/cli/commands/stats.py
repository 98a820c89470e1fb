"""``pvprof stats``: repeated runs, and whether they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pvprof.cli.options import say
from pvprof.cli.output import check_output, deliver, force_option, output_option
from pvprof.cli.terminal import Draw, plain_text, show
from pvprof.errors import UsageError
from pvprof.render.registry import FORMATS, Format, Source, format_of
from pvprof.stats.comparison import SeriesOptions
from pvprof.stats.methods import METHODS, STUDENT
from pvprof.stats.runs.columns import ColumnOptions
from pvprof.stats.runs.read import KINDS, TimesOptions, read_run_sets
from pvprof.stats.study import RunSet, Study, StudyOptions, build_study

_NAMES = tuple(one.name for one in FORMATS if one.source is Source.REPORT)
_CONFIDENCE = 95.0


@click.command(
    "stats",
    epilog="""\b
Examples:
  pvprof stats stock.times patched.times
  pvprof stats stock/ patched/ --method welch -o times.md
  paste stock.txt patched.txt | pvprof stats -C 2 -""",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--input-format", type=click.Choice(KINDS), help="What text holds, where it is not recognised."
)
@click.option("-C", "--column", type=click.IntRange(1), default=1, help="Column of plain numbers.")
@click.option("-d", "--delimiters", default=" \t", help="Characters that divide the columns.")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Show these (repeatable).")
@click.option("--base", metavar="NAME", help="Compare with this set, not with the first.")
@click.option("--method", type=click.Choice(list(METHODS)), default=STUDENT.name)
@click.option("-c", "--confidence", metavar="PERCENT", type=float, help="[default: 95]")
@click.option("--alpha", type=float, help="The same as an error rate: 0.05 is 95 %.")
@click.option("--holm", "has_holm", is_flag=True, help="Correct for the number of comparisons.")
@click.option("--ratio", "has_ratio", is_flag=True, help="Bootstrap interval of the ratio.")
@click.option("--detect", metavar="PERCENT", type=float, help="Say how many runs show that much.")
@click.option(
    "--better", type=click.Choice(("lower", "higher")), help="Of numbers that are no times."
)
@click.option("-A", "--no-plot", is_flag=True, help="Tables only.")
@click.option(
    "--format", "format_name", type=click.Choice(_NAMES), help="Format, not by the suffix."
)
@output_option
@force_option
@click.option("-q", "--quiet", is_flag=True, help="No notes on stderr.")
def command(files: tuple[str, ...], format_name: str | None, output: str, **rest: Any) -> None:
    """Describe repeated runs, and compare each set of them with the first.

    A FILE is a set: output of time(1) or of a shell's time, numbers in columns as ministat takes
    them, a directory of recordings; single recordings of one label are a set. Headings in a text
    (stock:) begin a set, runs below warmup: are set aside. - is stdin.

    The numbers are ministat's. A set of fewer than three runs gets no verdict; outliers and drift
    are told, never removed.
    """
    made = format_of(output, format_name, "terminal", _NAMES)
    check_output(output, rest["force"])
    options = _options(rest)
    columns = ColumnOptions(rest["column"], rest["delimiters"])
    sets = read_run_sets(files, TimesOptions(rest["input_format"] or "", columns))
    study = build_study(_with_base(sets, rest["base"]), options)
    if output == "-" and made.name == "terminal":
        show(_drawing(study, not rest["no_plot"]))
        return
    deliver(output, _render(made, study, not rest["no_plot"]), rest["force"], rest["quiet"])
    if made.name != "terminal":
        say(study.problems, rest["quiet"])


def _options(params: dict[str, Any]) -> StudyOptions:
    confidence, alpha = params["confidence"], params["alpha"]
    if confidence is not None and alpha is not None:
        raise UsageError("--confidence and --alpha: give one of them")
    if alpha is not None:
        confidence = round(100 * (1 - alpha), 10)
    return StudyOptions(
        compare=SeriesOptions(
            method=METHODS[params["method"]],
            confidence=_CONFIDENCE if confidence is None else confidence,
            has_ratio=params["has_ratio"],
            detect_percent=params["detect"],
        ),
        has_holm=params["has_holm"],
        metrics=params["metrics"],
        better=params["better"] or "",
    )


def _with_base(sets: Sequence[RunSet], name: str | None) -> list[RunSet]:
    """Return the sets, that of the name first."""
    found = [one for one in sets if name in (None, one.name)]
    if not found:
        known = ", ".join(one.name for one in sets)
        raise UsageError(f"--base {name}: no set of that name", f"sets: {known}")
    return [found[0], *(one for one in sets if one is not found[0])]


def _drawing(study: Study, has_plot: bool) -> Draw:
    from pvprof.render.text.terminal import print_study  # noqa: PLC0415 (imports rich)

    return lambda console: print_study(study, console, has_plot)


def _render(made: Format, study: Study, has_plot: bool) -> str:
    if made.name == "terminal":
        return plain_text(_drawing(study, has_plot))
    if made.name == "markdown":
        from pvprof.render.text.markdown import render_study  # noqa: PLC0415

        return render_study(study, has_plot)
    from pvprof.render.data import stats as statistics_data  # noqa: PLC0415

    if made.name == "csv":
        return statistics_data.render_csv(study)
    return statistics_data.render_json(study)
