"""A study as CSV and JSON: in full precision; what is missing is empty, never 0."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pvprof.render.data.encoding import DataTable, csv_of, json_of
from pvprof.render.rendered import Rendered
from pvprof.stats.comparison import SeriesComparison
from pvprof.stats.study import Study, StudyRow, StudySection
from pvprof.views.study import StudyView

SCHEMA = 1
_SUMMARY = ("n", "min", "max", "median", "mean", "stddev")
COMPARISON_FACTS = (
    *("verdict", "reason", "better", "difference", "low", "high"),
    *("percent", "percent_low", "percent_high", "p", "p_adjusted", "pooled_stddev"),
    *("ratio", "ratio_low", "ratio_high"),
    *("shown_percent", "needed_runs", "needed_percent"),
)
CSV_COLUMNS = (
    *("metric", "condition", "unit", "set", *_SUMMARY),
    *("base", "method", "confidence", *COMPARISON_FACTS),
)


def render_csv(view: StudyView) -> Rendered:
    """Return one line for each set and metric."""
    return csv_of(table_of(view))


def table_of(view: StudyView) -> DataTable:
    """Return each set of each metric."""
    study = view.study
    rows = [_csv_row(row, section, study) for section in study.sections for row in section.rows]
    return DataTable("statistics", CSV_COLUMNS, rows)


def _csv_row(row: StudyRow, section: StudySection, study: Study) -> list[Any]:
    metric, options = section.metric, study.options.compare
    summary = asdict(row.summary)
    cells: list[Any] = [metric.name, metric.condition, metric.unit, row.series.name]
    cells += [summary[name] for name in _SUMMARY]
    if row.comparison is None:
        return [*cells, *([""] * (len(CSV_COLUMNS) - len(cells)))]
    facts = comparison_facts(row.comparison)
    cells += [section.rows[0].series.name, options.method.name, options.confidence]
    return [*cells, *(facts[name] for name in COMPARISON_FACTS)]


def render_json(view: StudyView) -> Rendered:
    """Return the whole study as one JSON object, indented, with a final newline."""
    study = view.study
    options = study.options
    document = {
        "schema": SCHEMA,
        "pvprof": study.version,
        "sets": list(study.names),
        "method": options.compare.method.name,
        "confidence": options.compare.confidence,
        "holm": options.has_holm,
        "problems": [asdict(problem) for problem in study.problems],
        "metrics": [
            {**asdict(section.metric), "sets": [_row(row) for row in section.rows]}
            for section in study.sections
        ],
    }
    return json_of(document)


def _row(row: StudyRow) -> dict[str, Any]:
    return {
        "name": row.series.name,
        "values": list(row.series.values),
        "warmups": list(row.series.warmups),
        **asdict(row.summary),
        "comparison": comparison_facts(row.comparison) if row.comparison else None,
    }


def comparison_facts(comparison: SeriesComparison) -> dict[str, Any]:
    """Map the names `COMPARISON_FACTS` to the values of a comparison, unscaled."""
    estimate, ratio, needed = comparison.estimate, comparison.ratio, comparison.needed
    interval = comparison.percent_interval or (None, None)
    return {
        "verdict": comparison.verdict.value,
        "reason": comparison.reason or None,
        "better": comparison.is_better,
        "difference": comparison.difference,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "percent": comparison.percent,
        "percent_low": interval[0],
        "percent_high": interval[1],
        "p": estimate.p if estimate else None,
        "p_adjusted": comparison.p_adjusted,
        "pooled_stddev": comparison.pooled_stddev,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        "shown_percent": needed.shown_percent if needed else None,
        "needed_runs": needed.runs if needed else None,
        "needed_percent": needed.percent if needed else None,
    }
