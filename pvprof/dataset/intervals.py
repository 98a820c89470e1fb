"""The dataset of one interval of a live recorder."""

from __future__ import annotations

from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import combine
from pvprof.errors import InputError
from pvprof.model.problems import Problem
from pvprof.parse.intervals.divide import IntervalText
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording

_OF_WHOLE_RECORDINGS = ("clock-drift", "nothing-recorded", "open-waits")
"""Kinds of problems that say nothing of an interval: it is short, and may be empty."""


def interval_dataset(interval: IntervalText, name: str, options: ReadOptions) -> Dataset:
    """Return the dataset of an interval; it may have no measurement.

    Args:
        interval: its output.
        name: of the target, for problems.
        options: how to read it.
    """
    try:
        parsed = read(interval.text, name, options)
    except InputError as error:  # nothing but losses
        parsed = ParseResult(problems=[Problem("empty-interval", error.message, name)])
    parsed.problems = [one for one in parsed.problems if one.kind not in _OF_WHOLE_RECORDINGS]
    return combine([(Recording(name, name, b""), parsed)])
