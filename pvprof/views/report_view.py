"""A report: what pages are made from, and how much of it tables show.

``views.tables`` words the tables; ``analysis.report`` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.analysis.report import Report
from pvprof.classify.classified import Classified
from pvprof.views.tables.table import TableOptions


@dataclass(frozen=True, slots=True)
class PageSubject:
    """What a page is made from: the report, and the dataset that it reports on."""

    classified: Classified
    report: Report


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report, and how much of it is shown."""

    report: Report
    options: TableOptions


def build(report: Report, options: TableOptions) -> ReportView:
    """Return the report as tables and sentences."""
    return ReportView(report, options)
