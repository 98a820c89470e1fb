"""The critical path as a document: the answer, what is uncertain, the tables, the notes."""

from __future__ import annotations

from pvprof.analysis.critical_path.answer import PathReport
from pvprof.views.critical_path import path_tables as tables
from pvprof.views.documents.blocks import Document, Heading, document, paragraph, points
from pvprof.views.documents.notes import doubt, note_points
from pvprof.views.tables.table import TableOptions


def build(report: PathReport, options: TableOptions) -> Document:
    """Return the critical path as a document."""
    problems = report.problems
    if options.notes == "none":
        problems = tuple(one for one in problems if one.severity != "note")
    return document(
        Heading(tables.title(report), 1),
        paragraph(tables.answer(report), tone="strong"),
        paragraph(tables.cost_sentence(report)),
        doubt(problems),
        points(*tables.doubts(report), tone="warning"),
        tables.cause_table(report, options),
        tables.thread_table(report),
        points(*tables.facts(report), tone="dim"),
        note_points(problems),
    )
