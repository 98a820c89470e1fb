"""A study for machines: CSV and JSON, in full precision; what is missing is empty, never 0."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from pvprof.stats.comparison import SeriesComparison
from pvprof.stats.study import Study, StudyRow, StudySection

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


def render_csv(study: Study) -> str:
    """Return one line for each set and metric."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for section in study.sections:
        writer.writerows(_csv_row(row, section, study) for row in section.rows)
    return out.getvalue()


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


def render_json(study: Study) -> str:
    """Return the whole study as one JSON object, indented, with a final newline."""
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
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _row(row: StudyRow) -> dict[str, Any]:
    return {
        "name": row.series.name,
        "values": list(row.series.values),
        "warmups": list(row.series.warmups),
        **asdict(row.summary),
        "comparison": comparison_facts(row.comparison) if row.comparison else None,
    }


def comparison_facts(one: SeriesComparison) -> dict[str, Any]:
    """Return what a comparison says, unscaled, under the names `COMPARISON_FACTS`."""
    estimate, ratio, needed = one.estimate, one.ratio, one.needed
    interval = one.percent_interval or (None, None)
    return {
        "verdict": one.verdict.value,
        "reason": one.reason or None,
        "better": one.is_better,
        "difference": one.difference,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "percent": one.percent,
        "percent_low": interval[0],
        "percent_high": interval[1],
        "p": estimate.p if estimate else None,
        "p_adjusted": one.p_adjusted,
        "pooled_stddev": one.pooled_stddev,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        "shown_percent": needed.shown_percent if needed else None,
        "needed_runs": needed.runs if needed else None,
        "needed_percent": needed.percent if needed else None,
    }
