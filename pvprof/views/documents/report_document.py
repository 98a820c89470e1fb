"""A report as a document: the answer first, then what was set aside, notes and facts last."""

from __future__ import annotations

from pvprof.analysis.losses import Losses
from pvprof.analysis.report import Report
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Line,
    Points,
    document,
    paragraph,
)
from pvprof.views.tables.details import detail_tables, sentences
from pvprof.views.tables.problems import loss_sentence, losses_in, notes_of, problem_line
from pvprof.views.tables.report import aside_table, heading, histogram_table, lock_tables, summary
from pvprof.views.tables.table import TableOptions


def build(report: Report, options: TableOptions) -> Document:
    """Return a report as a document."""
    losses = losses_in(report)
    blocks: list[Block | None] = [Heading(heading(report), 1)]
    loss = paragraph(loss_sentence(report, losses), tone="loss")
    for number, section in enumerate(report.sections):
        blocks += [Heading(summary(section, report), 2)]
        blocks += [None if number else loss, paragraph(*sentences(section, report))]
        blocks += lock_tables(section, report, options)
        blocks += detail_tables(section, report, options)
        blocks += [] if options.only_locks else [aside_table(section)]
    if not report.sections:
        blocks += [loss]
    blocks += [] if options.only_locks else [histogram_table(report.histograms, options)]
    return document(*blocks, _notes(report, losses, options))


def _notes(report: Report, losses: Losses, options: TableOptions) -> Points:
    problems, left_out = notes_of(report, losses, options.notes)
    lines = [Line(problem_line(problem), problem.severity) for problem in problems]
    if options.notes != "none":
        lines += [Line(f"{left_out:,} more notes: -v lists them", "dim")] if left_out else []
        lines += [Line(f"{label}: {text}", "dim") for label, text in report.provenance[1:]]
    return Points(tuple(lines))
