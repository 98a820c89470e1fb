"""Datasets as plain values, so that two can be compared whole."""

from __future__ import annotations

from typing import Any

from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.column_table import ColumnTable
from pvprof.model.profile import Profile


def plain(dataset: Dataset) -> dict[str, Any]:
    """Return all that a dataset holds; tables row by row, with the keys and stacks themselves."""
    return {
        "names": dataset.names,
        "measurements": [_measurement(one) for one in dataset.measurements],
        "histograms": dataset.histograms,
        "holds": dataset.holds,
        "problems": dataset.problems,
        "provenance": dataset.provenance,
        "manifests": [dict(manifest.raw) for manifest in dataset.manifests],
        "records": dataset.records,
        "durations": dataset.durations_ns,
    }


def _measurement(one: Measurement) -> dict[str, Any]:
    return {
        "what": (one.mode, one.unit, one.recordings, one.durations_ns, one.about),
        "profile": _profile(one.profile),
        "open": None if one.open_waits is None else _profile(one.open_waits),
        "runs": [(run.events, run.begin_ns, run.end_ns, run.threads) for run in one.runs],
        "events": _rows(one.events),
        "wakeups": _rows(one.wakeups),
        "threads": _rows(one.threads),
    }


def _profile(profile: Profile) -> tuple[bool, dict[Any, Any]]:
    return profile.has_counts, {(key, stack): tuple(weight) for key, stack, weight in profile}


def _rows(table: ColumnTable | None) -> list[tuple[Any, ...]] | None:
    if table is None:
        return None
    names = {"key_id": table.keys, "stack_id": table.stacks}
    columns = [
        [names[name][number] for number in getattr(table, name).tolist()]
        if name in names
        else getattr(table, name).tolist()
        for name in table.columns()
    ]
    return list(zip(*columns, strict=True))
