"""Statistics of repeated runs as a document: the conclusion, one table, then metric by metric."""

from __future__ import annotations

from pvprof.stats.study import Study
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Plot,
    document,
    paragraph,
    points,
)
from pvprof.views.documents.notes import doubt, note_points
from pvprof.views.study import StudyViewOptions
from pvprof.views.tables import plot
from pvprof.views.verdicts import study_tables as tables
from pvprof.views.verdicts.conclusion import study_conclusion
from pvprof.views.verdicts.summary import study_table


def build(study: Study, options: StudyViewOptions) -> Document:
    """Return a study as a document."""
    blocks: list[Block | None] = [
        Heading(tables.heading(study), 1),
        paragraph(*study_conclusion(study)),
        doubt(study.problems),
        study_table(study),
    ]
    series_of = {section.metric: [row.series for row in section.rows] for section in study.sections}
    drawn = [metric for metric, series in series_of.items() if plot.varies(series)]
    for section in study.sections:
        is_drawn = options.has_plot and section.metric in drawn
        series = tuple(series_of[section.metric])
        blocks += [
            Heading(tables.section_title(section), 2),
            Plot(series, section.metric == drawn[-1]) if is_drawn else None,
            tables.summary_table(section),
            tables.comparison_table(section, study),
            points(*tables.remarks(section), tone="dim"),
        ]
    blocks += [paragraph(tables.POWER_LEGEND, tone="dim")] if tables.has_power(study) else []
    notes = note_points(study.problems)
    blocks += [Heading("Notes", 2), notes] if notes.lines else []
    return document(*blocks)
