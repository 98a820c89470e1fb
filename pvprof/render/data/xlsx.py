"""Spreadsheets (``.xlsx``): one sheet, one row of headings, unscaled values.

Spreadsheets calculate with doubles: a column with larger whole numbers than these can hold is text.
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.render.data import comparison, critical_path, report, study
from pvprof.render.data.encoding import DataTable
from pvprof.render.data.frames import MAX_EXACT_FLOAT, frame_of
from pvprof.render.data.stacks import folded_table
from pvprof.render.rendered import Rendered

if TYPE_CHECKING:
    from pvprof.analysis.stacks.fold import Folded
    from pvprof.views.comparison import ComparisonView
    from pvprof.views.critical_path.path_view import PathView
    from pvprof.views.report_view import ReportView
    from pvprof.views.study import StudyView

MAX_ROWS = 2**20 - 1
"""Rows of a sheet, below the headings."""
MAX_CHARACTERS = 32767
"""Characters of a cell."""
# Text is text, whatever it begins with: "=" would be a formula, "http:" a link.
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
# Files hold the time of their creation; the same input gives the same bytes.
_CREATED = datetime(2000, 1, 1)


def render_report(view: ReportView) -> Rendered:
    """Return the lock tables of a report."""
    return _sheet(report.table_of(view))


def render_comparison(view: ComparisonView) -> Rendered:
    """Return each measure of each row of a comparison."""
    return _sheet(comparison.table_of(view))


def render_study(view: StudyView) -> Rendered:
    """Return each set of each metric of a study."""
    return _sheet(study.table_of(view))


def render_critical_path(view: PathView) -> Rendered:
    """Return each cause on a critical path."""
    return _sheet(critical_path.table_of(view))


def render_stacks(view: Folded) -> Rendered:
    """Return folded stacks."""
    return _sheet(folded_table(view))


def _sheet(table: DataTable) -> Rendered:
    """Return a workbook with the table as its one sheet.

    Raises:
        UsageError: the table has more rows than a sheet can have.
    """
    if len(table.rows) > MAX_ROWS:
        raise UsageError(
            f"{len(table.rows):,} rows: a sheet has at most {MAX_ROWS:,}", "-o X.parquet holds all"
        )
    frame = frame_of(table)
    problems: list[Problem] = []
    for name in frame.columns:
        column = frame[name]
        if column.dtype == "Int64" and column.abs().max() > MAX_EXACT_FLOAT:
            frame[name] = column.astype("string")
        if column.dtype == "string" and column.str.len().max() > MAX_CHARACTERS:
            frame[name] = column.str.slice(0, MAX_CHARACTERS)
            number = int((column.str.len() > MAX_CHARACTERS).sum())
            text = f"column {name}: {number:,} texts cut: a cell has at most {MAX_CHARACTERS:,}"
            problems.append(Problem("cut-cells", f"{text} characters", severity="loss"))
    out = io.BytesIO()
    arguments = {"options": _OPTIONS}
    with pd.ExcelWriter(out, engine="xlsxwriter", engine_kwargs=arguments) as writer:
        writer.book.set_properties({"created": _CREATED})
        frame.to_excel(writer, sheet_name=table.name, index=False, freeze_panes=(1, 0))
    return Rendered("", tuple(problems), out.getvalue())
