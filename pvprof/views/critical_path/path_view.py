"""A critical path, and how much of it programs get."""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.analysis.critical_path.answer import PathReport
from pvprof.views.tables.table import TableOptions


@dataclass(frozen=True, slots=True)
class PathView:
    """A critical path, and how much of it tables show."""

    report: PathReport
    options: TableOptions


def build(report: PathReport, options: TableOptions) -> PathView:
    """Return the critical path as it is."""
    return PathView(report, options)
