"""Two sides compared, for machines: CSV and JSON, unscaled; what is missing is empty, never 0."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pvprof.analysis.compare.code_changes import CallPath
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import Measured, RowChange
from pvprof.dataset.sides import Side
from pvprof.render.data.stats import COMPARISON_FACTS, comparison_facts
from pvprof.stats.comparison import SeriesComparison

SCHEMA = 1
CSV_COLUMNS = (
    *("mode", "unit", "level", "kind", "class", "name", "presence", "measure"),
    *("base_n", "base_total", "base_mean", "base_stddev"),
    *("new_n", "new_total", "new_mean", "new_stddev"),
    *COMPARISON_FACTS,
)


def render_csv(changes: Comparison) -> str:
    """Return one line for each measure of each row; totals are as recorded, means per the basis."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for one in changes.times:
        cells = [one.metric.condition, one.metric.unit, "time", "", "", one.metric.name, "both"]
        totals = (None, None)
        writer.writerow([*cells, one.metric.name, *_numbers(one, totals)])
    for section in changes.sections:
        writer.writerows(_csv_rows(section))
    return out.getvalue()


def _csv_rows(section: SectionChange) -> Iterator[list[Any]]:
    for row in section.rows:
        for one in row.measures:
            cells = [section.mode, section.unit, row.level, row.kind, row.lock_class, row.name]
            if one.comparison is None:
                empty = [""] * (len(CSV_COLUMNS) - len(cells) - 2)
                yield [*cells, row.presence, one.name, *empty]
                continue
            yield [*cells, row.presence, one.name, *_numbers(one.comparison, _totals(one))]


def _totals(one: Measured) -> tuple[float | None, float | None]:
    """Return the sums of both sides as recorded; averages have none."""
    if one.name in ("mean", "p99"):
        return None, None
    return sum(value or 0 for value in one.base), sum(value or 0 for value in one.new)


def _numbers(one: SeriesComparison, totals: tuple[float | None, float | None]) -> list[Any]:
    facts = comparison_facts(one)
    cells: list[Any] = []
    for side, total in zip((one.base, one.new), totals, strict=True):
        cells += [side.n, total, side.mean, side.stddev]
    return [*cells, *(facts[name] for name in COMPARISON_FACTS)]


def render_json(changes: Comparison) -> str:
    """Return the whole comparison as one JSON object, indented, with a final newline."""
    options = changes.options
    document = {
        "schema": SCHEMA,
        "pvprof": changes.version,
        "base": _side(changes.base),
        "new": _side(changes.new),
        "per": options.basis.name,
        "basis": options.basis.sentence,
        "method": options.stats.method.name,
        "confidence": options.stats.confidence,
        "holm": options.has_holm,
        "caveats": [asdict(problem) for problem in changes.caveats],
        "problems": [asdict(problem) for problem in changes.problems],
        "times": [
            {**asdict(one.metric), "base": asdict(one.base), "new": asdict(one.new)}
            | {"comparison": comparison_facts(one)}
            for one in changes.times
        ],
        "sections": [_section(one) for one in changes.sections],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "recordings": [run.name for run in side.runs]}


def _section(section: SectionChange) -> dict[str, Any]:
    towers = section.paths
    return {
        "mode": section.mode,
        "unit": section.unit,
        "base_amounts": [float(amount) for amount in section.base_amounts],
        "new_amounts": [float(amount) for amount in section.new_amounts],
        "set_aside": [asdict(one) for one in section.aside],
        "rows": [_row(row) for row in section.rows],
        "changed": _towers(towers.changed),
        "appeared": _towers(towers.appeared),
        "appeared_count": towers.appeared_count,
        "vanished": _towers(towers.vanished),
        "vanished_count": towers.vanished_count,
    }


def _row(row: RowChange) -> dict[str, Any]:
    return {
        "level": row.level,
        "kind": row.kind,
        "class": row.lock_class,
        "name": row.name,
        "alike": list(row.alike),
        "presence": row.presence,
        "measures": [
            {
                "measure": one.name,
                "base_values": list(one.base),
                "new_values": list(one.new),
                "base": asdict(one.comparison.base) if one.comparison else None,
                "new": asdict(one.comparison.new) if one.comparison else None,
                "comparison": comparison_facts(one.comparison) if one.comparison else None,
            }
            for one in row.measures
        ],
    }


def _towers(towers: Sequence[CallPath]) -> list[dict[str, Any]]:
    return [
        {
            "frames": list(one.frames),
            "base": one.base,
            "new": one.new,
            "base_mean": one.base_mean,
            "new_mean": one.new_mean,
        }
        for one in towers
    ]
