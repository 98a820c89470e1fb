"""Messages on stderr beside the results: problems, and what was left out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pvprof.classify.classified import ClassifiedMeasurement
from pvprof.cli.terminal import tell
from pvprof.dataset.dataset import Dataset, Measurement, measure_words
from pvprof.errors import InputError
from pvprof.model.problems import Problem, merge_problems
from pvprof.units import count_stacks, format_value
from pvprof.views.tables.problems import problem_line


def say(problems: Sequence[Problem], is_quiet: bool) -> None:
    """Print problems on stderr: losses and warnings always, notes unless `is_quiet`."""
    for problem in merge_problems(problems):
        if problem.severity != "note" or not is_quiet:
            tell(problem_line(problem, place_first=True))


def say_others(dataset: Dataset, shown: Measurement, why: str = "") -> None:
    """Report on stderr the measurements that are not shown: of other modes, or in other units.

    Args:
        dataset: what was read.
        shown: the measurement that is shown.
        why: the reason that the others are not; empty if ``--measure`` shows them.
    """
    has_modes = len({one.mode for one in dataset.measurements}) > 1
    for other in dataset.measurements:
        if other is not shown:
            words = measure_words(other, dataset.measurements)
            what = f"{words}: " if has_modes else ""
            amount = f"{other.profile.total:,} {other.unit} in {count_stacks(len(other.profile))}"
            hint = why or f"--measure {shlex.quote(words)} takes them"
            tell(f"note: left out: {what}{amount}; {hint}")


def say_aside(measured: ClassifiedMeasurement, is_quiet: bool) -> None:
    """Report on stderr what the filters set aside, with the options that show it."""
    if is_quiet or measured.filters.keep_all or not measured.selection.set_aside:
        return
    texts = [
        f"{aside.title} {format_value(aside.weight.value, measured.unit)} ({aside.shown_by})"
        for aside in sorted(measured.selection.set_aside, key=lambda aside: -aside.weight.value)
    ]
    has_kinds = any(aside.reason.startswith("kind ") for aside in measured.selection.set_aside)
    hint = "; -k all keeps every kind" if has_kinds else ""
    tell(f"note: set aside: {', '.join(texts)}{hint}")


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
