"""A comparison as a document: in full for a terminal, and as a summary to paste into a review."""

from __future__ import annotations

from pvprof.analysis.compare.compare import Comparison
from pvprof.views.comparison import ComparisonOptions
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Line,
    Pictures,
    Points,
    document,
    paragraph,
    points,
)
from pvprof.views.tables import compare as comparison
from pvprof.views.tables import verdicts
from pvprof.views.tables.problems import problem_lines


def build(changes: Comparison, options: ComparisonOptions) -> Document:
    """Return the whole comparison: caveats, times, rows, code, verdicts."""
    blocks: list[Block | None] = [
        Heading(comparison.heading(changes), 1),
        points(comparison.method(changes), tone="dim"),
        _problems(changes),
        comparison.times_table(changes),
    ]
    for section in changes.sections:
        functions = comparison.functions_table(changes, section)
        blocks += [Heading(comparison.section_title(section), 2)]
        blocks += comparison.row_tables(changes, section, options.top)
        blocks += [functions, *comparison.path_tables(section)]
        blocks += [paragraph(comparison.aside_line(section), tone="dim")]
    blocks += [points(*verdicts.sentences(changes), verdicts.missing_line(changes))]
    return document(*blocks)


def build_summary(changes: Comparison, options: ComparisonOptions) -> Document:
    """Return the comparison for a review: one table, a line for each verdict, the pictures."""
    return document(
        Heading(comparison.heading(changes), 1),
        paragraph(comparison.method(changes)),
        _problems(changes),
        comparison.verdict_table(changes, options.top),
        points(
            *verdicts.sentences(changes),
            verdicts.missing_line(changes),
            *comparison.path_lines(changes),
            *comparison.aside_lines(changes),
        ),
        Pictures(options.pictures),
        paragraph(f"pvprof {changes.version}"),
    )


def _problems(changes: Comparison) -> Points:
    problems = (*changes.caveats, *changes.problems)
    lines = zip(problem_lines(problems), problems, strict=True)
    return Points(tuple(Line(line, problem.severity) for line, problem in lines))
