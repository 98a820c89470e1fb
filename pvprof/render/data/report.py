"""A report for machines: CSV and JSON, unscaled, complete; what is missing is empty, never 0."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Report, Section, Singles
from pvprof.analysis.wakers import Wakers

if TYPE_CHECKING:
    from pvprof.analysis.waits.objects import Objects
    from pvprof.analysis.waits.overlap import Overlap
    from pvprof.analysis.waits.owners import RowOwners

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
    "union_ns",
    "peak",
    "objects",
    "hottest_object_ns",
    "owned_ns",
    "owner_blocked_ns",
    "spin_count",
    "block",
    "block_count",
    "blocked",
    "runnable",
    "top_waker",
)
_SPLIT = ("spin", "spin_count", "block", "block_count")


def render_csv(report: Report, only_locks: bool) -> str:
    """Return every row of every section, one line each; also those set aside, or `only_locks`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for section in report.sections:
        told = _told(section)
        writer.writerows(_csv_row(row, section, False, told) for row in section.rows)
        if not only_locks:
            writer.writerows(_csv_row(row, section, True, told) for row in section.aside_rows)
    return out.getvalue()


def _csv_row(row: Row, section: Section, is_aside: bool, told: frozenset[str]) -> list[Any]:
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
        row.spin if "spin" in told else None,
        "" if row.count is None else row.count,
        "" if row.mean is None else row.mean,
        *four,
        row.stacks,
        row.records,
        caller,
        *_singles_cells(row, section.aside_singles if is_aside else section.singles),
        *(getattr(row, name) if name in told else None for name in _SPLIT[1:]),
        "" if row.blocked is None else row.blocked,
        "" if row.runnable is None else row.runnable,
        _top_waker(row, section.aside_wakers if is_aside else section.wakers),
    ]


def _singles_cells(row: Row, singles: Singles | None) -> list[Any]:
    overlap = singles and singles.overlaps.rows.get(row.id)
    objects = singles and singles.objects.get(row.id)
    owners = singles and singles.owners.rows.get(row.id)
    return [
        *((overlap.union_ns, overlap.peak) if overlap else ("", "")),
        *((objects.number, objects.hottest[0].wait_ns) if objects else ("", "")),
        *((owners.wait_ns, owners.blocked_ns) if owners else ("", "")),
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
    told = _told(section)
    return {
        "unit": section.unit,
        "total": _weight(section.total, section),
        "kept": _weight(section.kept, section),
        "set_aside": [
            {"reason": one.reason, "title": one.title, **_weight(one.weight, section)}
            for one in section.set_aside
        ],
        "singles": _singles(section.singles),
        "rows": [_row(row, section.singles, section.wakers, told) for row in section.rows],
        "set_aside_rows": [
            _row(row, section.aside_singles, section.aside_wakers, told)
            for row in section.aside_rows
        ],
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
            "count": split.count,
            "rows": [_row(row, None, None, _told(section)) for row in section.asleep_rows],
        }
    }


def _singles(singles: Singles | None) -> dict[str, Any] | None:
    """Return what single waits tell of all rows together."""
    if singles is None:
        return None
    found = singles.overlaps
    return {
        "wall_ns": singles.wall.wall_ns,
        "wall_is_marked": singles.wall.is_marked,
        "began_before": singles.wall.early,
        "ended_after": singles.wall.late,
        "overlap": _overlap(found.total),
        "classes": [
            {"kind": one.kind, "class": one.lock_class or None, **(_overlap(overlap) or {})}
            for one, overlap in sorted(found.classes.items())
        ],
        "chains": [asdict(chain) for chain in singles.owners.chains],
        "chain_number": singles.owners.chain_number,
    }


def _overlap(overlap: Overlap | None) -> dict[str, Any] | None:
    if overlap is None:
        return None
    mean = overlap.mean_waiters
    return {
        "wait_ns": overlap.wait_ns,
        "union_ns": overlap.union_ns,
        "peak": overlap.peak,
        "mean_waiters": None if mean is None else float(mean),
        **asdict(overlap.quantiles),
        "log2_buckets": [list(pair) for pair in overlap.buckets],
    }


def _of_row(row: Row, singles: Singles) -> dict[str, Any]:
    """Return what single waits tell of one row; None for what they do not."""
    objects = singles.objects.get(row.id)
    owners = singles.owners.rows.get(row.id)
    return {
        "overlap": _overlap(singles.overlaps.rows.get(row.id)),
        "stacks_overlap": [
            {"stack": stack, **(_overlap(overlap) or {})}
            for stack, overlap in singles.overlaps.stacks.get(row.id, ())
        ],
        "objects": objects and _objects(objects),
        "owners": owners and _owners(owners),
    }


def _objects(objects: Objects) -> dict[str, Any]:
    """Return what is known of objects; addresses in hex, since no double holds them."""
    fields = asdict(objects)
    fields["gini"] = None if objects.gini is None else float(objects.gini)
    for one in fields["hottest"]:
        one["address"] = f"{one['address']:#x}"
    for one in fields["ranges"]:
        one |= {"first": f"{one['first']:#x}", "last": f"{one['last']:#x}"}
    return fields


def _owners(owners: RowOwners) -> dict[str, Any]:
    fields = asdict(owners)
    for one, owner in zip(fields["owners"], owners.owners, strict=True):
        one["waited_for"] = [
            {"name": hold.name, "stack": hold.stack, "blocked_ns": value}
            for hold, value in owner.waited_for
        ]
    return fields


def _weight(weight: Any, section: Section) -> dict[str, int | None]:
    count = weight.count if section.has_counts else None
    return {"value": weight.value, "count": count, "records": weight.records}


def _with_class(fields: dict[str, Any]) -> dict[str, Any]:
    """Name the lock class as the other formats do."""
    return {"class" if name == "lock_class" else name: value for name, value in fields.items()}


def _told(section: Section) -> frozenset[str]:
    """Return which of the fields of spinning and blocking the recording tells."""
    rows = (*section.rows, *section.aside_rows)
    names: tuple[str, ...] = ()
    if any(one.spin or one.spin_count for one in rows):
        names = _SPLIT
    elif any(one.block or one.block_count for one in rows):
        names = _SPLIT[2:]
    return frozenset(name for name in names if section.has_counts or "count" not in name)


def _row(
    row: Row, singles: Singles | None, wakers: Wakers | None, told: frozenset[str]
) -> dict[str, Any]:
    fields = _with_class(asdict(row))
    fields |= {name: None for name in _SPLIT if name not in told}
    if wakers is None:
        del fields["blocked"], fields["runnable"]
    else:
        found = wakers.rows.get(row.id)
        fields["wakers"] = [
            {**waker._asdict(), "value": ended.wait_ns, "count": ended.count}
            for waker, ended in (found.wakers if found else ())
        ]
    fields["mean"] = row.mean
    fields["callers"] = [{"function": name, "value": value} for name, value in row.callers]
    if singles is not None:
        fields["singles"] = _of_row(row, singles)
    return fields
