"""A report as a document: headline, tables, what was set aside, problems."""

from __future__ import annotations

from pvprof.analysis.report import Report
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Line,
    Points,
    document,
    paragraph,
    points,
)
from pvprof.views.tables.details import detail_tables, sentences
from pvprof.views.tables.problems import problem_lines
from pvprof.views.tables.report import aside_table, heading, histogram_table, lock_tables, summary
from pvprof.views.tables.table import TableOptions


def build(report: Report, options: TableOptions) -> Document:
    """Return a report as a document."""
    blocks: list[Block | None] = [
        Heading(heading(report), 1),
        points(*(f"{label}: {text}" for label, text in report.provenance[1:]), tone="dim"),
        _problems(report),
    ]
    for section in report.sections:
        blocks += [Heading(summary(section, report), 2)]
        blocks += [paragraph(*sentences(section))]
        blocks += lock_tables(section, report, options)
        blocks += detail_tables(section, report, options)
        blocks += [] if options.only_locks else [aside_table(section)]
    blocks += [] if options.only_locks else [histogram_table(report.histograms, options)]
    return document(*blocks)


def _problems(report: Report) -> Points:
    lines = problem_lines(report.problems)
    return Points(
        tuple(
            Line(line, problem.severity)
            for line, problem in zip(lines, report.problems, strict=True)
        )
    )
