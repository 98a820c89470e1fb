"""Two sides compared, as CSV and JSON: unscaled; what is missing is empty, never 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pvprof.analysis.compare.code_changes import CallPath
from pvprof.analysis.compare.compare import SectionChange
from pvprof.analysis.compare.measures import Measured, RowChange
from pvprof.dataset.sides import Side
from pvprof.render.data.encoding import DataTable, csv_of, json_of
from pvprof.render.data.study import COMPARISON_FACTS, comparison_facts
from pvprof.render.rendered import Rendered
from pvprof.stats.comparison import SeriesComparison
from pvprof.views.comparison import ComparisonView

SCHEMA = 1
CSV_COLUMNS = (
    *("mode", "unit", "level", "kind", "class", "name", "presence", "identity_change", "measure"),
    *("base_n", "base_total", "base_mean", "base_stddev"),
    *("new_n", "new_total", "new_mean", "new_stddev"),
    *COMPARISON_FACTS,
)


def render_csv(view: ComparisonView) -> Rendered:
    """Return one line for each measure of each row; totals are as recorded, means per the basis."""
    return csv_of(table_of(view))


def table_of(view: ComparisonView) -> DataTable:
    """Return each measure of each row; totals are as recorded, means per the basis."""
    changes = view.comparison
    rows: list[list[Any]] = []
    for time in changes.times:
        cells = [time.metric.condition, time.metric.unit, "time", "", "", time.metric.name]
        cells += ["both", ""]
        totals = (None, None)
        rows.append([*cells, time.metric.name, *_numbers(time, totals)])
    for section in changes.sections:
        rows += _csv_rows(section)
    return DataTable("comparison", CSV_COLUMNS, rows)


def _csv_rows(section: SectionChange) -> Iterator[list[Any]]:
    for row in section.rows:
        for measured in row.measures:
            cells = [section.mode, section.unit, row.level, row.kind, row.lock_class, row.name]
            cells += [row.presence, row.identity_change, measured.name]
            if measured.comparison is None:
                yield [*cells, *[""] * (len(CSV_COLUMNS) - len(cells))]
            else:
                yield [*cells, *_numbers(measured.comparison, _totals(measured))]


def _totals(measured: Measured) -> tuple[float | None, float | None]:
    """Return the sums of both sides as recorded; averages have none."""
    if measured.name in ("mean", "p99"):
        return None, None
    return sum(value or 0 for value in measured.base), sum(value or 0 for value in measured.new)


def _numbers(comparison: SeriesComparison, totals: tuple[float | None, float | None]) -> list[Any]:
    facts = comparison_facts(comparison)
    cells: list[Any] = []
    for side, total in zip((comparison.base, comparison.new), totals, strict=True):
        cells += [side.n, total, side.mean, side.stddev]
    return [*cells, *(facts[name] for name in COMPARISON_FACTS)]


def render_json(view: ComparisonView) -> Rendered:
    """Return the whole comparison as one JSON object, indented, with a final newline."""
    changes = view.comparison
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
            {**asdict(entry.metric), "base": asdict(entry.base), "new": asdict(entry.new)}
            | {"comparison": comparison_facts(entry)}
            for entry in changes.times
        ],
        "sections": [_section(entry) for entry in changes.sections],
    }
    return json_of(document)


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "recordings": [run.name for run in side.runs]}


def _section(section: SectionChange) -> dict[str, Any]:
    paths = section.paths
    return {
        "mode": section.mode,
        "unit": section.unit,
        "base_amounts": [float(amount) for amount in section.base_amounts],
        "new_amounts": [float(amount) for amount in section.new_amounts],
        "set_aside": [asdict(aside) for aside in section.aside],
        "rows": [_row(row) for row in section.rows],
        "changed": _paths(paths.changed),
        "appeared": _paths(paths.appeared),
        "appeared_count": paths.appeared_count,
        "vanished": _paths(paths.vanished),
        "vanished_count": paths.vanished_count,
    }


def _row(row: RowChange) -> dict[str, Any]:
    return {
        "level": row.level,
        "kind": row.kind,
        "class": row.lock_class,
        "name": row.name,
        "alike": list(row.alike),
        "presence": row.presence,
        "base_classes": list(row.base.classes),
        "new_classes": list(row.new.classes),
        "base_primitives": list(row.base.primitives),
        "new_primitives": list(row.new.primitives),
        "identity_change": row.identity_change,
        "measures": [
            {
                "measure": measured.name,
                "base_values": list(measured.base),
                "new_values": list(measured.new),
                "base": asdict(measured.comparison.base) if measured.comparison else None,
                "new": asdict(measured.comparison.new) if measured.comparison else None,
                "comparison": comparison_facts(measured.comparison)
                if measured.comparison
                else None,
            }
            for measured in row.measures
        ],
    }


def _paths(paths: Sequence[CallPath]) -> list[dict[str, Any]]:
    return [
        {
            "frames": list(path.frames),
            "base": path.base,
            "new": path.new,
            "base_mean": path.base_mean,
            "new_mean": path.new_mean,
        }
        for path in paths
    ]
