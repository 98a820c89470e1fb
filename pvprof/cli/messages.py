"""Messages on stderr beside the results: problems, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pvprof.classify.classified import ClassifiedMeasurement
from pvprof.dataset.dataset import Dataset
from pvprof.errors import InputError
from pvprof.model.problems import Problem, merge_problems
from pvprof.units import Unit, count_stacks, format_value
from pvprof.views.tables.problems import problem_line
from pvprof.views.tables.report import shown_by


def say(problems: Sequence[Problem], is_quiet: bool) -> None:
    """Print problems on stderr: losses and warnings always, notes unless `is_quiet`."""
    for problem in merge_problems(problems):
        if problem.severity != "note" or not is_quiet:
            click.echo(f"pvprof: {problem_line(problem, place_first=True)}", err=True)


def say_others(dataset: Dataset, unit: Unit) -> None:
    """Report on stderr the measurements in other units than `unit`."""
    for measurement in dataset.measurements:
        profile = measurement.profile
        if profile.unit != unit:
            amount = f"{profile.total:,} {profile.unit} in {count_stacks(len(profile))}"
            hint = f"--measure {profile.unit} takes them"
            click.echo(f"pvprof: note: left out: {amount}; {hint}", err=True)


def say_aside(measured: ClassifiedMeasurement, is_quiet: bool) -> None:
    """Report on stderr what the filters set aside, with the options that show it."""
    if is_quiet or measured.filters.keep_all or not measured.selection.set_aside:
        return
    texts = [
        f"{aside.title} {format_value(aside.weight.value, measured.unit)} ({shown_by(aside)})"
        for aside in sorted(measured.selection.set_aside, key=lambda aside: -aside.weight.value)
    ]
    click.echo(f"pvprof: note: set aside: {', '.join(texts)}; -k all keeps everything", err=True)


def nothing_kept(verb: str, datasets: Sequence[Dataset]) -> InputError:
    """Return the error for an empty result: nothing was recorded, or the filters kept nothing."""
    if not any(dataset.records for dataset in datasets):
        return InputError(
            f"nothing to {verb}: nothing was recorded", "pvprof report says how it was recorded"
        )
    measurements = [measurement for dataset in datasets for measurement in dataset.measurements]
    if not any(measurement.profile.total for measurement in measurements):
        return InputError(f"nothing to {verb}: every weight is 0")
    left = "no stack" if verb == "draw" else "nothing"
    return InputError(
        f"nothing to {verb}: the filters left {left}", "--kind all keeps every kind of wait"
    )
