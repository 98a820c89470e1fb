"""Group lines into runs, and runs into sets, without warm-ups.

head:                           a heading begins a set, if times follow before other text
warmup:                         the following runs are set aside, ...
      335.91 real     19242.15 user      2210.51 sys
run:                            ... until here
      337.94 real     19247.93 user      2231.28 sys
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pvprof.errors import InputError, quote
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.stats.runs.gnu_time import read_gnu_line
from pvprof.stats.runs.lines import CPU, MAX_LINE, Content, Failed, LeftOut, Times, Unclear
from pvprof.stats.runs.perf_stat import PerfStatReader
from pvprof.stats.runs.summaries import read_summary
from pvprof.stats.runs.time_output import read_line
from pvprof.stats.series import MAX_VALUE, Metric, Series
from pvprof.stats.study import RunSet

_WARMUP = ("warmup", "warm-up", "warm up", "warmups", "warm-ups")
_RUN = ("run", "runs")
_MAX_HEADING = 60
MAX_TITLES = 3  # of metrics in a message
_WORD = re.compile(r"[\w.+-]{1,32}")
UNCLEAR = "unclear-times"
"""The kind of the problem of a line in which the beginning of a number is ambiguous."""


@dataclass(slots=True)
class TimedRun:
    """One run: the values of its metrics, and whether it counts.

    Attributes:
        line: the 1-based line where it begins; 0 if it has none.
        is_warmup: whether it is set aside as a warm-up.
        fault: why it is set aside otherwise, or empty.
        label: the heading that it belongs to, or empty.
    """

    line: int = 0
    is_warmup: bool = False
    fault: str = ""
    label: str = ""
    values: dict[Metric, float] = field(default_factory=dict)


def run_sets(name: str, runs: Iterable[TimedRun], problems: Iterable[Problem]) -> list[RunSet]:
    """Return the sets of runs: one for each label, with notes on the runs that are set aside.

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
    file_problems = _merge_kinds(problems)
    for label, labelled in by_label.items():
        title = show_controls(label) if len(by_label) > 1 and label else name
        counted = [run for run in labelled if not run.is_warmup and not run.fault]
        problems_of_set = [*file_problems, *_problems_of_runs(title, name, labelled)]
        file_problems = ()
        metrics = dict.fromkeys(metric for run in counted for metric in run.values)
        problems_of_set += _metrics_of_some(name, metrics, counted)
        series = tuple(
            Series(
                metric,
                title,
                tuple(run.values[metric] for run in counted if metric in run.values),
                tuple(
                    run.values[metric]
                    for run in labelled
                    if run.is_warmup and not run.fault and metric in run.values
                ),
            )
            for metric in metrics
        )
        sets.append(RunSet(title, series, tuple(problems_of_set)))
    return sets


def _metrics_of_some(
    name: str, metrics: Iterable[Metric], runs: Sequence[TimedRun]
) -> Iterator[Problem]:
    """Yield a warning for the metrics that only some of the runs have."""
    lacking: dict[tuple[int, int, int], list[str]] = {}
    for metric in metrics:
        alike = [run for run in runs if any(m.condition == metric.condition for m in run.values)]
        without = [run for run in alike if metric not in run.values]
        if without and metric is not CPU:  # a run that took no time has no percentage
            place = (without[0].line, len(without), len(alike))
            lacking.setdefault(place, []).append(metric.title)
    for (line, count, total), titles in lacking.items():
        shown = ", ".join(titles[:MAX_TITLES])
        more = f" and {len(titles) - MAX_TITLES} more" if len(titles) > MAX_TITLES else ""
        text = f"{count} of {total} runs have no {shown}{more}"
        yield Problem("missing-value", text, name, line)


def _merge_kinds(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the first problem of each kind, with the number of all of its kind."""
    first: dict[str, Problem] = {}
    for problem in problems:
        known = first.setdefault(problem.kind, replace(problem, count=0))
        first[problem.kind] = replace(known, count=known.count + problem.count)
    return tuple(first.values())


def _problems_of_runs(title: str, name: str, runs: list[TimedRun]) -> list[Problem]:
    """Return a note on the warm-ups, and a warning for each run with a fault."""
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
        number = f"{len(warmups)} warm-ups" if len(warmups) > 1 else "1 warm-up"
        text = f"{number} set aside: {times}" if times else f"{number} set aside"
        problems.append(Problem("warm-up", text, title, severity="note"))
    problems += [
        Problem("run-set-aside", f"a run is set aside: {run.fault}", name, run.line)
        for run in runs
        if run.fault
    ]
    return problems


class TimeReader:
    """Groups lines into runs."""

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
        self._fault = ""  # of the next run
        self._command = ""  # of the next run, if its report began with it
        self._begun = 0  # the line of that report's beginning, as long as no time followed it
        self._left_out: LeftOut | None = None
        self._perf_stat = PerfStatReader()

    def feed(self, number: int, line: str) -> None:
        """Read a line; `number` is its line number."""
        text = line.strip()
        if not text and self._is_bare:
            self._forget_heading()
        content = self._content(line)
        if content is None:
            if text and not text.startswith("#"):
                self._read_other(number, text)
        elif isinstance(content, Times):
            self._add_times(number, content)
        elif isinstance(content, Failed):
            self._add_failure(content)
        elif isinstance(content, Unclear):
            self._current = None
            message = f"cannot tell where its numbers begin: {quote(text)}"
            self.problems.append(Problem(UNCLEAR, message, self._name, number))
        else:
            self._left_out = self._left_out or content
            message = f"{content.what}: left out"
            severity = content.severity
            self.problems.append(Problem("no-runs", message, self._name, number, severity=severity))

    def _content(self, line: str) -> Content | None:
        """Return the content of a line, or None for other text, comments and blank lines."""
        if len(line) > MAX_LINE:
            return None
        content = self._perf_stat.read(line)
        if content is not None or not line.strip() or line.lstrip().startswith("#"):
            return content
        return read_gnu_line(line) or read_line(line) or read_summary(line)

    def _read_other(self, number: int, text: str) -> None:
        """Read a line without times: a heading, or other text."""
        word = text.removesuffix(":").strip().lower()
        if word in _WARMUP or word in _RUN:
            self._begin_set()
            self._is_warmup = word in _WARMUP
            self._current = None
            return
        self._forget_heading()
        has_colon = text.endswith(":") and len(text) <= _MAX_HEADING
        if has_colon or _WORD.fullmatch(text):
            self._heading = text.removesuffix(":").strip()
            self._heading_line = number
            self._is_bare = not has_colon
            return
        self._report_other(number)

    def _add_failure(self, failure: Failed) -> None:
        if failure.is_next:
            self._current, self._fault = None, failure.fault
        elif self._current is not None:
            self._current.fault = self._current.fault or failure.fault

    def _add_times(self, number: int, times: Times) -> None:
        if times.begins:
            self._check_begun()
            self._current, self._command = None, times.label
            self._fault = times.fault or self._fault
            self._begun = number
        if not times.values:
            return
        self._begun = 0
        self._begin_set()
        run = self._current
        if run is None or any(metric in run.values for metric, _ in times.values):
            run = self._current = TimedRun(number, self._is_warmup, self._fault, self._label)
            label = times.label or self._command
            if label:
                run.label = f"{self._label}: {label}" if self._label else label
            self._fault = ""
            self.runs.append(run)
        for metric, value in times.values:
            if not abs(value) <= MAX_VALUE:
                run.fault = run.fault or (f"{metric.name} is not a number" if metric != CPU else "")
            elif value < 0:
                run.fault = f"{metric.name} is negative ({value:g} s)"
            # The cpu percentage of a run that took no time is not a number: leave it out.
            if metric is not CPU or abs(value) <= MAX_VALUE:
                run.values[metric] = value

    def _check_begun(self) -> None:
        """Report a run whose report has begun, but has no times."""
        if self._begun:
            text = "a run without times is left out"
            self.problems.append(Problem("run-without-times", text, self._name, self._begun))
        self._begun = 0

    def _begin_set(self) -> None:
        """Begin the set of the last heading: times, or a line that announces them, follow it."""
        if self._heading:
            self._label, self._heading = self._heading, ""
            if self._label in self._labels:
                text = f"the heading {quote(self._label)} again: its runs join those above"
                self.problems.append(Problem("heading-again", text, self._name, self._heading_line))
            self._labels.add(self._label)
            self._is_warmup = False
            self._current = None

    def finish(self) -> None:
        """End the text.

        Raises:
            InputError: it has results of a tool, but none of single runs.
        """
        self._forget_heading()
        self._check_begun()
        if self._left_out is not None and not self.runs:
            raise InputError(f"{self._name}: {self._left_out.what}", self._left_out.hint)

    def _forget_heading(self) -> None:
        """Report the last heading as other text: no times followed it."""
        if self._heading:
            self._heading = ""
            self._report_other(self._heading_line)

    def _report_other(self, number: int) -> None:
        self._current = None
        text = "a line without times"
        self.problems.append(Problem("no-times", text, self._name, number, severity="note"))
