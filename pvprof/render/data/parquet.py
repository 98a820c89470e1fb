"""Parquet files, for pandas, polars, DuckDB and others; pyarrow writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd

from pvprof.render.data import comparison, critical_path, report, study
from pvprof.render.data.encoding import DataTable
from pvprof.render.data.frames import frame_of, waits_frame
from pvprof.render.data.stacks import folded_table
from pvprof.render.rendered import Rendered

if TYPE_CHECKING:
    from pvprof.analysis.stacks.fold import Folded
    from pvprof.model.problems import Problem
    from pvprof.views.comparison import ComparisonView
    from pvprof.views.critical_path.path_view import PathView
    from pvprof.views.report_view import ReportView
    from pvprof.views.single_waits import SingleWaitsView
    from pvprof.views.study import StudyView


def render_report(view: ReportView) -> Rendered:
    """Return the lock tables of a report."""
    return _parquet(report.table_of(view))


def render_comparison(view: ComparisonView) -> Rendered:
    """Return each measure of each row of a comparison."""
    return _parquet(comparison.table_of(view))


def render_study(view: StudyView) -> Rendered:
    """Return each set of each metric of a study."""
    return _parquet(study.table_of(view))


def render_critical_path(view: PathView) -> Rendered:
    """Return each cause on a critical path."""
    return _parquet(critical_path.table_of(view))


def render_stacks(view: Folded) -> Rendered:
    """Return folded stacks."""
    return _parquet(folded_table(view))


def render_waits(view: SingleWaitsView) -> Rendered:
    """Return single waits, one row each."""
    return _file(waits_frame(view), view.problems)


def _parquet(table: DataTable) -> Rendered:
    return _file(frame_of(table))


def _file(frame: pd.DataFrame, problems: tuple[Problem, ...] = ()) -> Rendered:
    out = io.BytesIO()
    frame.to_parquet(out, engine="pyarrow", index=False)
    return Rendered("", problems, out.getvalue())
