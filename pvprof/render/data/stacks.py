"""Stacks as tables for programs."""

from __future__ import annotations

from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.classified import ClassifiedMeasurement
from pvprof.render.data.encoding import DataTable

COLUMNS = (
    *("unit", "kind", "class", "name", "mechanism", "process", "caller"),
    *("value", "count", "records", "stack", "mode"),
)


def folded_table(folded: Folded) -> DataTable:
    """Return folded stacks, root first: the cause of each, its value in `unit`, the stack."""
    rows = [(folded.unit, folded.causes.get(stack), value, stack) for stack, value in folded.rows]
    return DataTable("stacks", ("unit", "cause", "value", "stack"), rows)


def recorded_table(measured: ClassifiedMeasurement) -> DataTable:
    """Return the recorded stacks that the filters keep, with all that is known of each."""
    has_counts, rules = measured.measurement.profile.has_counts, measured.rules
    rows = [
        (
            *(measured.unit, part.verdict.kind, part.verdict.lock_class),
            *(part.key.name, part.key.mechanism, part.key.execname),
            rules.top_caller(part.key, stack),
            *(weight.value, weight.count if has_counts else None, weight.records, stack),
            measured.mode,
        )
        for part in measured.kept
        for stack, weight in part.stacks.items()
    ]
    return DataTable("stacks", COLUMNS, rows)
