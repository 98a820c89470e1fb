"""A critical path as CSV and JSON: unscaled, complete; what is missing is empty, never 0."""

from __future__ import annotations

from typing import Any

from pvprof import __version__
from pvprof.analysis.critical_path.answer import PathReport, RunPath
from pvprof.analysis.critical_path.cause_rows import CauseRow
from pvprof.analysis.critical_path.walk import State
from pvprof.render.data.encoding import Cell, DataTable, csv_of, json_of
from pvprof.render.rendered import Rendered
from pvprof.views.critical_path.path_view import PathView

SCHEMA = 1
CSV_COLUMNS = (
    *("kind", "cause", "path_ns", "running_ns", "runnable_ns", "waiting_ns", "unknown_ns"),
    *("wait_ns", "count", "union_ns", "saved_ns", "at_most_ns"),
)


def render_csv(view: PathView) -> Rendered:
    """Return one line for each cause; the column ``path_ns`` adds up to the length of the path."""
    return csv_of(table_of(view))


def table_of(view: PathView) -> DataTable:
    """Return each cause."""
    return DataTable("critical path", CSV_COLUMNS, [_cells(row) for row in view.report.rows])


def _cells(row: CauseRow) -> list[Cell]:
    is_wait = bool(row.cause.kind)
    of_waits: list[Cell] = [row.wait_ns, row.count, row.union_ns]
    what_if = row.what_if
    return [
        *(row.cause.kind, row.cause.name, row.path_ns, *row.state_ns),
        *(of_waits if is_wait else [None, None, None]),
        *((what_if.saved_ns, what_if.at_most_ns) if what_if else (None, None)),
    ]


def render_json(view: PathView) -> Rendered:
    """Return the paths of all runs as one JSON object, indented, with a final newline."""
    report = view.report
    document = {
        "schema": SCHEMA,
        "pvprof": __version__,
        "recordings": list(report.names),
        "length_ns": report.length_ns,
        "unknown_ns": report.unknown_ns,
        "unseen_ns": report.unseen_ns,
        "outside_ns": report.outside_ns,
        "interrupt_ns": report.interrupt_ns,
        "saved_ns": report.everything.saved_ns,
        "at_most_ns": report.everything.at_most_ns,
        "causes": causes_of(report),
        "runs": [_run(run, report) for run in report.runs],
        "problems": [
            {"severity": one.severity, "kind": one.kind, "text": one.text, "count": one.count}
            for one in report.problems
        ],
    }
    return json_of(document)


def causes_of(report: PathReport) -> list[dict[str, Cell]]:
    """Return each cause with the names of the columns of CSV."""
    return [dict(zip(CSV_COLUMNS, _cells(row), strict=True)) for row in report.rows]


def _run(run: RunPath, report: PathReport) -> dict[str, Any]:
    """Return the path of one run: its threads, and its segments as columns."""
    segments = list(report.segments(run))
    return {
        "name": run.run.name,
        "tid": int(run.graph.lives.tid[run.target.life]),
        "is_guess": run.target.is_guess,
        "begin_ns": run.path.begin + run.graph.begin_ns,
        "length_ns": run.path.length_ns,
        "threads": [
            {"execname": one.execname, "pid": one.pid, "tid": one.tid, "path_ns": one.path_ns}
            for one in run.threads
        ],
        "segments": {
            "tid": [one.tid for one in segments],
            "begin_ns": [one.begin_ns for one in segments],
            "end_ns": [one.end_ns for one in segments],
            "state": [State(one.state).name.lower() for one in segments],
            "kind": [one.cause.kind for one in segments],
            "cause": [one.cause.name for one in segments],
        },
    }
