"""Lines into runs, runs into sets: warm-ups apart, sets by their headings.

head:                           a heading begins a set, if times follow before other text
warmup:                         what follows is set aside, ...
      335.91 real     19242.15 user      2210.51 sys
run:                            ... until here
      337.94 real     19247.93 user      2231.28 sys
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pvprof.errors import quote
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.stats.runs.time_output import CPU, Failed, Times, Unclear, read_line
from pvprof.stats.series import MOST, Metric, Series
from pvprof.stats.study import RunSet

_WARMUP = ("warmup", "warm-up", "warm up", "warmups", "warm-ups")
_RUN = ("run", "runs")
_MOST_HEADING = 60
_WORD = re.compile(r"[\w.+-]{1,32}")
UNCLEAR = "unclear-times"
"""The kind of problem of a line in which a number has no beginning."""


@dataclass(slots=True)
class TimedRun:
    """One run: its metrics' values, and what becomes of it.

    Attributes:
        line: the 1-based line where it begins; 0 where it has none.
        is_warmup: set aside, as meant.
        fault: why it is set aside otherwise, or empty.
        label: a name in the text that it belongs to, or empty.
    """

    line: int = 0
    is_warmup: bool = False
    fault: str = ""
    label: str = ""
    values: dict[Metric, float] = field(default_factory=dict)


def run_sets(name: str, runs: Iterable[TimedRun], problems: Iterable[Problem]) -> list[RunSet]:
    """Return the sets that runs make: one for each label; what is set aside is told.

    Args:
        name: of the file.
        runs: in their order.
        problems: of the file; they go with the first set.
    """
    by_label: dict[str, list[TimedRun]] = {}
    for run in runs:
        by_label.setdefault(run.label, []).append(run)
    if not by_label:
        by_label[""] = []
    sets = []
    of_file = _merged(problems)
    for label, some in by_label.items():
        title = show_controls(label) if len(by_label) > 1 and label else name
        counted = [run for run in some if not run.is_warmup and not run.fault]
        told = [*of_file, *_told(title, name, some)]
        of_file = ()
        metrics = dict.fromkeys(metric for run in counted for metric in run.values)
        series = tuple(
            Series(
                metric,
                title,
                tuple(run.values[metric] for run in counted if metric in run.values),
                tuple(
                    run.values[metric]
                    for run in some
                    if run.is_warmup and not run.fault and metric in run.values
                ),
            )
            for metric in metrics
        )
        sets.append(RunSet(title, series, tuple(told)))
    return sets


def _merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the first problem of each kind, with the number of all of its kind."""
    first: dict[str, Problem] = {}
    for one in problems:
        known = first.setdefault(one.kind, replace(one, count=0))
        first[one.kind] = replace(known, count=known.count + one.count)
    return tuple(first.values())


def _told(title: str, name: str, runs: list[TimedRun]) -> list[Problem]:
    """Return what is to be said of the runs that do not count."""
    problems = []
    warmups = [run for run in runs if run.is_warmup]
    if warmups:
        times = "; ".join(
            ", ".join(
                f"{value:.8g} {metric.name}"
                for metric, value in run.values.items()
                if metric.unit == "s"
            )
            for run in warmups
        )
        many = f"{len(warmups)} warm-ups" if len(warmups) > 1 else "1 warm-up"
        text = f"{many} set aside: {times}" if times else f"{many} set aside"
        problems.append(Problem("warm-up", text, title, severity="note"))
    problems += [
        Problem("run-set-aside", f"a run is set aside: {run.fault}", name, run.line)
        for run in runs
        if run.fault
    ]
    return problems


class TimeReader:
    """Takes lines, makes runs of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.runs: list[TimedRun] = []
        self.problems: list[Problem] = []
        self._current: TimedRun | None = None
        self._heading = ""
        self._heading_line = 0
        self._is_bare = False
        self._label = ""
        self._labels: set[str] = set()
        self._is_warmup = False
        self._has_failed = False

    def feed(self, number: int, line: str) -> None:
        """Take a line with its number."""
        text = line.strip()
        if not text and self._is_bare:
            self._forget_heading()
        if not text or text.startswith("#"):
            return
        found = read_line(line)
        if found is None:
            self._other(number, text)
        elif isinstance(found, Failed):
            self._current, self._has_failed = None, True
        elif isinstance(found, Unclear):
            self._current = None
            why = f"cannot tell where its numbers begin: {quote(text)}"
            self.problems.append(Problem(UNCLEAR, why, self._name, number))
        else:
            self._times(number, found)

    def _other(self, number: int, text: str) -> None:
        """Take a line without times: a heading, or something else."""
        word = text.removesuffix(":").strip().lower()
        if word in _WARMUP or word in _RUN:
            self._begin_set()
            self._is_warmup = word in _WARMUP
            self._current = None
            return
        self._forget_heading()
        has_colon = text.endswith(":") and len(text) <= _MOST_HEADING
        if has_colon or _WORD.fullmatch(text):
            self._heading = text.removesuffix(":").strip()
            self._heading_line = number
            self._is_bare = not has_colon
            return
        self._say_other(number)

    def _times(self, number: int, found: Times) -> None:
        self._begin_set()
        run = self._current
        if run is None or any(metric in run.values for metric, _ in found.values):
            run = self._current = TimedRun(number, self._is_warmup, label=self._label)
            if found.label:
                run.label = f"{self._label}: {found.label}" if self._label else found.label
            if self._has_failed:
                run.fault = "its command failed"
            self._has_failed = False
            self.runs.append(run)
        for metric, value in found.values:
            if not abs(value) <= MOST:
                run.fault = f"{metric.name} is not a number"
            elif value < 0:
                run.fault = f"{metric.name} is negative ({value:g} s)"
            # A cpu percentage of a run that took no time says nothing.
            if metric is not CPU or abs(value) <= MOST:
                run.values[metric] = value

    def _begin_set(self) -> None:
        """Let a heading count: times, or what announces them, came after it."""
        if self._heading:
            self._label, self._heading = self._heading, ""
            if self._label in self._labels:
                text = f"the heading {quote(self._label)} again: its runs join those above"
                self.problems.append(Problem("heading-again", text, self._name, self._heading_line))
            self._labels.add(self._label)
            self._is_warmup = False
            self._current = None

    def finish(self) -> None:
        """Take the end of the text."""
        self._forget_heading()

    def _forget_heading(self) -> None:
        """Let a heading be other text, since no times came after it."""
        if self._heading:
            self._heading = ""
            self._say_other(self._heading_line)

    def _say_other(self, number: int) -> None:
        self._current = None
        text = "a line without times"
        self.problems.append(Problem("no-times", text, self._name, number, severity="note"))
