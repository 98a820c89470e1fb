"""A comparison as a document: in full for a terminal, and as a summary to paste into a review.

Both begin with the answer: the conclusion in a paragraph, one line on what makes it doubtful, and
the table that sums it up. Details follow, and last how it was computed and what to know.
"""

from __future__ import annotations

from pvprof.analysis.compare.compare import Comparison
from pvprof.views.comparison import ComparisonOptions
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Pictures,
    Points,
    document,
    paragraph,
    points,
)
from pvprof.views.documents.notes import doubt, note_points
from pvprof.views.verdicts import comparison_tables as tables
from pvprof.views.verdicts.conclusion import conclusion
from pvprof.views.verdicts.summary import summary_table

_MAX_FUNCTIONS = 5


def build(changes: Comparison, options: ComparisonOptions) -> Document:
    """Return the whole comparison: conclusion, summary, locks, code, stacks, notes."""
    blocks = _answer(changes, options)
    for section in changes.sections:
        blocks += [Heading(tables.section_title(section), 2)]
        blocks += tables.critical_path_tables(changes, section, options.top)
        blocks += tables.lock_tables(changes, section, options.top)
        blocks += tables.caller_tables(changes, section)
        blocks += [tables.functions_table(changes, section)]
        blocks += tables.path_tables(changes, section)
        blocks += [paragraph(tables.aside_line(section), tone="dim")]
    return document(*blocks, *_notes(changes))


def build_summary(changes: Comparison, options: ComparisonOptions) -> Document:
    """Return the comparison for a review: conclusion, tables, stacks in words, pictures."""
    blocks = _answer(changes, options)
    for section in changes.sections:
        blocks += tables.critical_path_tables(changes, section, options.top)
        blocks += tables.lock_tables(changes, section, options.top)
        blocks += tables.caller_tables(changes, section)
        blocks += [tables.functions_table(changes, section, _MAX_FUNCTIONS)]
    return document(
        *blocks,
        points(*tables.path_lines(changes), *map(tables.aside_line, changes.sections)),
        *_notes(changes),
        Pictures(options.pictures),
        paragraph(f"pvprof {changes.version}"),
    )


def _answer(changes: Comparison, options: ComparisonOptions) -> list[Block | None]:
    about = points(tables.conditions_line(changes), tone="dim")
    worst = doubt((*changes.caveats, *changes.problems))
    return [
        Heading(tables.heading(changes), 1),
        paragraph(*conclusion(changes)),
        Points((*about.lines, *(worst.lines if worst else ()))),
        summary_table(changes, options.top),
    ]


def _notes(changes: Comparison) -> list[Block | None]:
    return [
        Heading("Method and notes", 2),
        Points(
            points(tables.method(changes), tables.power_legend(changes), tone="dim").lines
            + note_points((*changes.caveats, *changes.problems)).lines
        ),
    ]
