"""Statistics of repeated runs as a document: for each metric a plot, the sets, the differences."""

from __future__ import annotations

from pvprof.stats.study import Study
from pvprof.views.documents.blocks import (
    Block,
    Document,
    Heading,
    Line,
    Plot,
    Points,
    document,
    paragraph,
    points,
)
from pvprof.views.study import StudyViewOptions
from pvprof.views.tables import plot
from pvprof.views.tables import stats as statistics
from pvprof.views.tables.problems import problem_lines


def build(study: Study, options: StudyViewOptions) -> Document:
    """Return a study as a document."""
    problems = zip(problem_lines(study.problems), study.problems, strict=True)
    blocks: list[Block | None] = [
        Heading(statistics.heading(study), 1),
        Points(tuple(Line(line, problem.severity) for line, problem in problems)),
    ]
    series_of = {section.metric: [row.series for row in section.rows] for section in study.sections}
    drawn = [metric for metric, series in series_of.items() if plot.varies(series)]
    for section in study.sections:
        is_drawn = options.has_plot and section.metric in drawn
        series = tuple(series_of[section.metric])
        blocks += [
            Heading(statistics.section_title(section), 2),
            Plot(series, section.metric == drawn[-1]) if is_drawn else None,
            statistics.summary_table(section),
            statistics.comparison_table(section, study),
            points(*statistics.remarks(section), tone="dim"),
        ]
    if statistics.has_power(study):
        blocks += [paragraph(statistics.POWER_LEGEND, tone="dim")]
    return document(*blocks)
