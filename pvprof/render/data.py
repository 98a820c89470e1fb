"""A report for machines: CSV and JSON, unscaled, complete; what is missing is empty, never 0."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from pvprof.attribute import Row
from pvprof.report import Report, Section
from pvprof.singles.wakers import Wakers

SCHEMA = 1

CSV_COLUMNS = (
    "unit",
    "set_aside",
    "kind",
    "class",
    "name",
    "value",
    "spin",
    "count",
    "mean",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "max_ns",
    "stacks",
    "records",
    "top_caller",
    "blocked",
    "runnable",
    "top_waker",
)


def render_csv(report: Report, only_locks: bool) -> str:
    """Return every row of every section, one line each; also those set aside, or `only_locks`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for section in report.sections:
        writer.writerows(_csv_row(row, section, False) for row in section.rows)
        if not only_locks:
            writer.writerows(_csv_row(row, section, True) for row in section.aside_rows)
    return out.getvalue()


def _csv_row(row: Row, section: Section, is_aside: bool) -> list[Any]:
    quantiles = row.quantiles
    four = (
        ["", "", "", ""]
        if quantiles is None
        else [quantiles.p50_ns, quantiles.p90_ns, quantiles.p99_ns, quantiles.max_ns]
    )
    caller = row.callers[0][0] if row.callers else ""
    return [
        section.unit,
        "yes" if is_aside else "no",
        row.kind,
        row.lock_class,
        row.name,
        row.value,
        row.spin if _tells_spin(section) else "",
        "" if row.count is None else row.count,
        "" if row.mean is None else row.mean,
        *four,
        row.stacks,
        row.records,
        caller,
        "" if row.blocked is None else row.blocked,
        "" if row.runnable is None else row.runnable,
        _top_waker(row, section.aside_wakers if is_aside else section.wakers),
    ]


def _top_waker(row: Row, wakers: Wakers | None) -> str:
    found = None if wakers is None else wakers.rows.get(row.id)
    return " ".join(filter(None, found.wakers[0][0])) if found and found.wakers else ""


def render_json(report: Report) -> str:
    """Return the whole report as one JSON object, indented, with a final newline."""
    document = {
        "schema": SCHEMA,
        "pvprof": report.version,
        "recordings": list(report.names),
        "provenance": [{"label": label, "text": text} for label, text in report.provenance],
        "problems": [asdict(problem) for problem in report.problems],
        "sections": [_section(section) for section in report.sections],
        "histograms": [_with_class(asdict(row)) for row in report.histograms],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _section(section: Section) -> dict[str, Any]:
    return {
        "unit": section.unit,
        "total": _weight(section.total, section),
        "kept": _weight(section.kept, section),
        "set_aside": [
            {"reason": one.reason, "title": one.title, **_weight(one.weight, section)}
            for one in section.set_aside
        ],
        "rows": [_row(row, section, section.wakers) for row in section.rows],
        "set_aside_rows": [_row(row, section, section.aside_wakers) for row in section.aside_rows],
        **_asleep(section),
    }


def _asleep(section: Section) -> dict[str, Any]:
    """Return who ended the waits that were kept; nothing where that was not recorded."""
    if section.wakers is None:
        return {}
    split = section.wakers.split
    return {
        "wakers": {
            "blocked": split.blocked_ns,
            "runnable": split.runnable_ns,
            "not_told_apart": section.kept.value - split.wait_ns,
            "count": split.number,
            "rows": [_row(row, section, None) for row in section.asleep_rows],
        }
    }


def _weight(weight: Any, section: Section) -> dict[str, int | None]:
    count = weight.count if section.has_counts else None
    return {"value": weight.value, "count": count, "records": weight.records}


def _with_class(fields: dict[str, Any]) -> dict[str, Any]:
    """Name the lock class as the other formats do."""
    return {"class" if name == "lock_class" else name: value for name, value in fields.items()}


def _tells_spin(section: Section) -> bool:
    """Tell whether the recording told spinning from blocking."""
    return any(row.spin for row in (*section.rows, *section.aside_rows))


def _row(row: Row, section: Section, wakers: Wakers | None) -> dict[str, Any]:
    fields = _with_class(asdict(row))
    if wakers is None:
        del fields["blocked"], fields["runnable"]
    else:
        found = wakers.rows.get(row.id)
        fields["wakers"] = [
            {**waker._asdict(), "value": ended.wait_ns, "count": ended.number}
            for waker, ended in (found.wakers if found else ())
        ]
    fields["spin"] = row.spin if _tells_spin(section) else None
    fields["mean"] = row.mean
    fields["callers"] = [{"function": name, "value": value} for name, value in row.callers]
    return fields
