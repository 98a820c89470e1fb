"""A report, a study or a comparison in Markdown, for pasting into a code review."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from pvprof.render.rendered import Rendered
from pvprof.views.comparison import ComparisonView
from pvprof.views.report_view import ReportView
from pvprof.views.study import StudyView
from pvprof.views.tables import compare as comparison
from pvprof.views.tables import plot, verdicts
from pvprof.views.tables import stats as statistics
from pvprof.views.tables.details import detail_tables, sentences
from pvprof.views.tables.problems import problem_lines
from pvprof.views.tables.report import aside_table, heading, histogram_table, lock_tables, summary
from pvprof.views.tables.table import Table

_PLOT_WIDTH = 80
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")


def render_report(view: ReportView) -> Rendered:
    """Return a report in Markdown."""
    report, options = view.report, view.options
    parts = [f"# {escape(heading(report))}"]
    facts = [f"- {escape(label)}: {escape(text)}" for label, text in report.provenance[1:]]
    facts += [f"- **{escape(line)}**" for line in problem_lines(report.problems)]
    parts.append("\n".join([*facts, f"- pvprof {report.version}"]))
    for section in report.sections:
        parts.append(f"## {escape(summary(section, report))}")
        parts += [escape(line) for line in sentences(section)]
        parts += [_table(table) for table in lock_tables(section, report, options)]
        parts += [_table(table) for table in detail_tables(section, report, options)]
        aside = None if options.only_locks else aside_table(section)
        if aside:
            parts.append(_table(aside))
    histograms = None if options.only_locks else histogram_table(report.histograms, options)
    if histograms:
        parts.append(_table(histograms))
    return _text(parts)


def render_study(view: StudyView) -> Rendered:
    """Return a study in Markdown; plots are code blocks."""
    study, has_plot = view.study, view.options.has_plot
    parts = [f"# {escape(statistics.heading(study))}"]
    facts = [f"- **{escape(line)}**" for line in problem_lines(study.problems)]
    parts.append("\n".join([*facts, f"- pvprof {study.version}"]))
    for section in study.sections:
        parts.append(f"## {escape(statistics.section_title(section))}")
        lines = plot.draw([row.series for row in section.rows], _PLOT_WIDTH) if has_plot else []
        if lines:
            parts.append("\n".join(["```", *lines, plot.LEGEND, "```"]))
        parts.append(_table(statistics.summary_table(section)))
        compared = statistics.comparison_table(section, study)
        parts += [_table(compared)] if compared else []
        remarks = [f"- {escape(line)}" for line in statistics.remarks(section)]
        parts += ["\n".join(remarks)] if remarks else []
    parts += [escape(statistics.POWER_LEGEND)] if statistics.has_power(study) else []
    return _text(parts)


def render_comparison(view: ComparisonView) -> Rendered:
    """Return a comparison for a code review: one table, a sentence for each verdict, links."""
    changes, options = view.comparison, view.options
    parts = [f"# {escape(comparison.heading(changes))}"]
    parts += [escape(comparison.method(changes))]
    problems = problem_lines((*changes.caveats, *changes.problems))
    parts += ["\n".join(f"- **{escape(line)}**" for line in problems)] if problems else []
    parts.append(_table(comparison.verdict_table(changes, options.top)))
    verdict_lines = [*verdicts.sentences(changes), verdicts.missing_line(changes)]
    lines = [f"- {escape(line)}" for line in verdict_lines if line]
    lines += [f"- {escape(line)}" for line in comparison.path_lines(changes)]
    lines += [f"- {escape(line)}" for line in comparison.aside_lines(changes)]
    parts += ["\n".join(lines)] if lines else []
    parts += [f"[{escape(name)}](<{quote(name)}>)" for name in options.pictures]
    parts += [f"pvprof {changes.version}"]
    return _text(parts)


def _text(parts: Sequence[str]) -> Rendered:
    return Rendered("\n\n".join(parts) + "\n")


def escape(text: str) -> str:
    """Return text in which Markdown sees no markup and no new cell or line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _table(table: Table) -> str:
    names = " | ".join(escape(column.name) for column in table.columns)
    rules = " | ".join("---:" if column.is_number else "---" for column in table.columns)
    rows = [" | ".join(map(escape, row)) for row in table.rows]
    lines = [f"| {row} |" for row in (names, rules, *rows)]
    title = f"### {escape(table.title)}\n\n" if table.title else ""
    note = f"\n\n{escape(table.note)}" if table.note else ""
    return title + "\n".join(lines) + note
