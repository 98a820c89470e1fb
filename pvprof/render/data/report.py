"""A report as CSV and JSON: unscaled, complete; what is missing is empty, never 0."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Section, SingleWaits
from pvprof.analysis.wakers import Wakers
from pvprof.render.data.encoding import DataTable, csv_of, json_of
from pvprof.render.rendered import Rendered
from pvprof.views.report_view import ReportView

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
    "spin_ns",
    "count",
    "mean_ns",
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
    "block_ns",
    "block_count",
    "blocked_ns",
    "runnable_ns",
    "top_waker",
    "mode",
)
_SPLIT = ("spin", "spin_count", "block", "block_count")


def render_csv(view: ReportView) -> Rendered:
    """Return each row of each section as one line; with `only_locks` no rows set aside."""
    return csv_of(table_of(view))


def table_of(view: ReportView) -> DataTable:
    """Return each row of each section; with `only_locks` no rows set aside."""
    report, only_locks = view.report, view.options.only_locks
    rows = []
    for section in report.sections:
        known = _known_split(section)
        rows += [_csv_row(row, section, False, known) for row in section.rows]
        if not only_locks:
            rows += [_csv_row(row, section, True, known) for row in section.aside_rows]
    return DataTable("locks", CSV_COLUMNS, rows)


def _csv_row(row: Row, section: Section, is_aside: bool, known: frozenset[str]) -> list[Any]:
    quantiles = row.quantiles
    quantile_cells = (
        ["", "", "", ""]
        if quantiles is None
        else [quantiles.p50_ns, quantiles.p90_ns, quantiles.p99_ns, quantiles.max_ns]
    )
    caller = row.callers[0][0] if row.callers else ""
    return [
        section.unit,
        is_aside,
        row.kind,
        row.lock_class,
        row.name,
        row.value,
        row.spin if "spin" in known else None,
        "" if row.count is None else row.count,
        "" if row.mean is None else row.mean,
        *quantile_cells,
        row.stacks,
        row.records,
        caller,
        *_single_wait_cells(row, section.aside_single_waits if is_aside else section.single_waits),
        *(getattr(row, name) if name in known else None for name in _SPLIT[1:]),
        "" if row.blocked is None else row.blocked,
        "" if row.runnable is None else row.runnable,
        _top_waker(row, section.aside_wakers if is_aside else section.wakers),
        section.mode,
    ]


def _single_wait_cells(row: Row, single_waits: SingleWaits | None) -> list[Any]:
    overlap = single_waits and single_waits.overlaps.rows.get(row.id)
    objects = single_waits and single_waits.objects.get(row.id)
    owners = single_waits and single_waits.owners.rows.get(row.id)
    return [
        *((overlap.union_ns, overlap.peak) if overlap else ("", "")),
        *((objects.number, objects.hottest[0].wait_ns) if objects else ("", "")),
        *((owners.wait_ns, owners.blocked_ns) if owners else ("", "")),
    ]


def _top_waker(row: Row, wakers: Wakers | None) -> str:
    row_wakers = None if wakers is None else wakers.rows.get(row.id)
    return (
        " ".join(filter(None, row_wakers.wakers[0][0])) if row_wakers and row_wakers.wakers else ""
    )


def render_json(view: ReportView) -> Rendered:
    """Return the whole report as one JSON object, indented, with a final newline."""
    report = view.report
    document = {
        "schema": SCHEMA,
        "pvprof": report.version,
        "recordings": list(report.names),
        "records": report.facts.records,
        "durations_ns": list(report.facts.durations_ns),
        "cpus": list(report.facts.cpus),
        "provenance": [{"label": label, "text": text} for label, text in report.provenance],
        "problems": [asdict(problem) for problem in report.problems],
        "sections": [_section(section) for section in report.sections],
        "holds": [
            _with_class(asdict(row)) | {"mean_hold_ns": row.mean_hold_ns} for row in report.holds
        ],
        "histograms": [_with_class(asdict(row)) for row in report.histograms],
    }
    return json_of(document)


def _section(section: Section) -> dict[str, Any]:
    known = _known_split(section)
    return {
        "mode": section.mode,
        "unit": section.unit,
        "recordings": section.recordings,
        "total": _weight(section.total, section),
        "kept": _weight(section.kept, section),
        "set_aside": [
            {"reason": aside.reason, "title": aside.title, **_weight(aside.weight, section)}
            for aside in section.set_aside
        ],
        "singles": _single_waits(section.single_waits),
        "rows": [_row(row, section.single_waits, section.wakers, known) for row in section.rows],
        "set_aside_rows": [
            _row(row, section.aside_single_waits, section.aside_wakers, known)
            for row in section.aside_rows
        ],
        **_asleep(section),
        "open_rows": [_row(row, None, None, known) for row in section.open_rows],
        **_path(section),
    }


def _path(section: Section) -> dict[str, Any]:
    """Return the causes on the critical path; nothing if threads were not recorded."""
    if section.path is None:
        return {}
    from pvprof.render.data.critical_path import causes_of  # noqa: PLC0415 (imports numpy)

    return {"critical_path": causes_of(section.path)}


def _asleep(section: Section) -> dict[str, Any]:
    """Return the wakers of the waits that were kept; nothing if they were not recorded."""
    if section.wakers is None:
        return {}
    split = section.wakers.split
    return {
        "wakers": {
            "blocked": split.blocked_ns,
            "runnable": split.runnable_ns,
            "not_told_apart": section.kept.value - split.wait_ns,
            "count": split.count,
            "rows": [_row(row, None, None, _known_split(section)) for row in section.asleep_rows],
        }
    }


def _single_waits(single_waits: SingleWaits | None) -> dict[str, Any] | None:
    """Return the results of single waits for all rows together."""
    if single_waits is None:
        return None
    overlaps = single_waits.overlaps
    return {
        "wall_ns": single_waits.wall.wall_ns,
        "wall_is_marked": single_waits.wall.is_marked,
        "began_before": single_waits.wall.early,
        "ended_after": single_waits.wall.late,
        "overlap": _overlap(overlaps.total),
        "classes": [
            {
                "kind": class_id.kind,
                "class": class_id.lock_class or None,
                **(_overlap(overlap) or {}),
            }
            for class_id, overlap in sorted(overlaps.classes.items())
        ],
        "chains": [asdict(chain) for chain in single_waits.owners.chains],
        "chain_number": single_waits.owners.chain_number,
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


def _of_row(row: Row, single_waits: SingleWaits) -> dict[str, Any]:
    """Return the cells of single waits for one row; None if unknown."""
    objects = single_waits.objects.get(row.id)
    owners = single_waits.owners.rows.get(row.id)
    return {
        "overlap": _overlap(single_waits.overlaps.rows.get(row.id)),
        "stacks_overlap": [
            {"stack": stack, **(_overlap(overlap) or {})}
            for stack, overlap in single_waits.overlaps.stacks.get(row.id, ())
        ],
        "objects": objects and _objects(objects),
        "owners": owners and _owners(owners),
    }


def _objects(objects: Objects) -> dict[str, Any]:
    """Return the fields of objects; addresses in hex, since doubles cannot hold them."""
    fields = asdict(objects)
    fields["gini"] = None if objects.gini is None else float(objects.gini)
    for entry in fields["hottest"]:
        entry["address"] = f"{entry['address']:#x}"
    for entry in fields["ranges"]:
        entry |= {"first": f"{entry['first']:#x}", "last": f"{entry['last']:#x}"}
    return fields


def _owners(owners: RowOwners) -> dict[str, Any]:
    fields = asdict(owners)
    for entry, owner in zip(fields["owners"], owners.owners, strict=True):
        entry["waited_for"] = [
            {"name": hold.name, "stack": hold.stack, "blocked_ns": value}
            for hold, value in owner.waited_for
        ]
    return fields


def _weight(weight: Any, section: Section) -> dict[str, int | None]:
    count = weight.count if section.has_counts else None
    return {"value": weight.value, "count": count, "records": weight.records}


def _with_class(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with the lock class named as in other formats."""
    return {"class" if name == "lock_class" else name: value for name, value in fields.items()}


def _known_split(section: Section) -> frozenset[str]:
    """Return the names of the fields of spinning and blocking that were recorded."""
    rows = (*section.rows, *section.aside_rows)
    names: tuple[str, ...] = ()
    if any(row.spin or row.spin_count for row in rows):
        names = _SPLIT
    elif any(row.block or row.block_count for row in rows):
        names = _SPLIT[2:]
    return frozenset(name for name in names if section.has_counts or "count" not in name)


def _row(
    row: Row, single_waits: SingleWaits | None, wakers: Wakers | None, known: frozenset[str]
) -> dict[str, Any]:
    fields = _with_class(asdict(row))
    del fields["is_named"], fields["is_function"]
    fields |= {name: None for name in _SPLIT if name not in known}
    if wakers is None:
        del fields["blocked"], fields["runnable"]
    else:
        row_wakers = wakers.rows.get(row.id)
        fields["wakers"] = [
            {**waker._asdict(), "value": ended.wait_ns, "count": ended.count}
            for waker, ended in (row_wakers.wakers if row_wakers else ())
        ]
    fields["mean"] = row.mean
    fields["callers"] = [{"function": name, "value": value} for name, value in row.callers]
    if single_waits is not None:
        fields["singles"] = _of_row(row, single_waits)
    return fields
