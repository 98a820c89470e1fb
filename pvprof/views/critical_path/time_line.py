"""A critical path in time: one row for each thread that it visits, coloured by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pvprof import __version__
from pvprof.analysis.critical_path.answer import PathReport, RunPath
from pvprof.analysis.critical_path.cause_rows import RUNNABLE, RUNNING, UNKNOWN_CAUSE, CauseRow
from pvprof.units import format_ns, format_share
from pvprof.views.critical_path import path_tables as tables
from pvprof.views.critical_path.path_trace import the_run
from pvprof.views.tables.problems import problem_lines
from pvprof.views.tables.table import TableOptions

MAX_ROWS = 40
"""Rows of threads; those with the least time share one more."""

MAX_CAUSES = 24
"""Causes with a colour each; the others share one more."""


class PathBar(NamedTuple):
    """A part of the path: its row, its times in ns since the path began, its cause."""

    row: int
    start_ns: int
    end_ns: int
    cause: int


@dataclass(frozen=True, slots=True)
class TimeLineView:
    """A time line, ready to be drawn.

    Attributes:
        title, subtitle: above it.
        length_ns: of the path.
        rows: the labels of the threads, those that the path visits first on top.
        bars: in order of time; each begins where the one before ends.
        causes: the name of each, the longest first; a `PathBar` has an index into them.
        states: the indices of the causes that are no waits: running, runnable, not known.
        hues: positions on the circle of hues, by the name of a class or a kind.
        account: sentences below the picture.
        notes: labelled lines below that.
    """

    title: str
    subtitle: str
    length_ns: int
    rows: tuple[str, ...]
    bars: tuple[PathBar, ...]
    causes: tuple[str, ...]
    states: dict[str, int]
    hues: dict[str, int]
    account: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]


def build(report: PathReport, _options: TableOptions) -> TimeLineView:
    """Return the time line of the path of one recording.

    Raises:
        UsageError: there are several recordings.
    """
    run = the_run(report)
    row_of, labels = _rows(run)
    named = _named_causes(report)
    causes = {row.cause: number for number, row in enumerate(named)}
    origin_ns = run.graph.begin_ns + run.path.begin
    bars = tuple(
        PathBar(
            row_of.get(one.life, len(row_of)),
            one.begin_ns - origin_ns,
            one.end_ns - origin_ns,
            causes.get(one.cause, len(causes)),
        )
        for one in report.segments(run)
    )
    notes = [(label, text) for label, text in report.provenance if text]
    problems = problem_lines(report.problems)
    notes += [("Problems", "\n".join(problems))] if problems else []
    return TimeLineView(
        title=f"Critical path: {', '.join(report.names)}",
        subtitle=tables.answer(report),
        length_ns=run.path.length_ns,
        rows=tuple(labels),
        bars=bars,
        causes=_legend(report, named),
        states={
            name: causes[cause]
            for name, cause in (
                ("running", RUNNING),
                ("runnable", RUNNABLE),
                ("unknown", UNKNOWN_CAUSE),
            )
            if cause in causes
        },
        hues={
            words: report.measured.rules.colours[row.cause.name]
            for row, words in zip(named, _legend(report, named), strict=False)
            if row.cause.name in report.measured.rules.colours
        },
        account=(tables.cost_sentence(report), *tables.doubts(report)),
        notes=(*notes, ("Drawn by", f"pvprof {__version__}")),
    )


def _rows(run: RunPath) -> tuple[dict[int, int], list[str]]:
    """Map the lives with a row of their own to it, and return the label of each row."""
    largest = {share.life for share in run.threads[:MAX_ROWS]}
    row_of: dict[int, int] = {}
    for life in run.path.lives.tolist():
        if life in largest:
            row_of.setdefault(life, len(row_of))
    shares = {share.life: share for share in run.threads}
    labels = [
        f"{shares[life].execname or 'thread'} {shares[life].tid}"
        f" {format_share(shares[life].path_ns, run.path.length_ns)}"
        for life in row_of
    ]
    others = len(run.threads) - len(largest)
    labels += [f"{others:,} other threads"] if others else []
    return row_of, labels


def _named_causes(report: PathReport) -> list[CauseRow]:
    """Return the causes with a colour of their own: those that are no waits, the longest waits."""
    states = [row for row in report.rows if not row.cause.kind]
    waits = [row for row in report.rows if row.cause.kind][: MAX_CAUSES - len(states)]
    return [row for row in report.rows if row in states or row in waits]


def _legend(report: PathReport, named: Sequence[CauseRow]) -> tuple[str, ...]:
    """Return the name and the time of each cause, and those of the others together."""
    words = [f"{tables.label(row.cause)}: {format_ns(row.path_ns)}" for row in named]
    others = len(report.rows) - len(named)
    if others:
        rest_ns = report.length_ns - sum(row.path_ns for row in named)
        words.append(f"{others:,} others: {format_ns(rest_ns)}")
    return tuple(words)
