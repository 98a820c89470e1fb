"""An interval of a live view as JSON: one object in one line, unscaled."""

from __future__ import annotations

from pvprof.analysis.live.interval import Interval
from pvprof.render.data.encoding import json_text
from pvprof.views.live import caller_of

SCHEMA = 1


def interval_line(interval: Interval, host: str, mode: str) -> str:
    """Return the line, with its newline.

    Args:
        interval: what was measured.
        host: where; empty: this machine.
        mode: in which.
    """
    document = {
        "schema": SCHEMA,
        "host": host or None,
        "mode": mode,
        "unit": interval.unit,
        "begin_ns": interval.begin.monotonic_ns,
        "end_ns": interval.end.monotonic_ns,
        "end_wall_ns": interval.end.wall_ns,
        "total": interval.total,
        "kept": interval.kept,
        "by_kind": dict(sorted(interval.by_kind.items())),
        "rows": [
            {
                "kind": row.kind,
                "class": row.lock_class,
                "name": row.name,
                "value": row.value,
                "count": row.count,
                "spin": row.spin,
                "max_below_ns": interval.max_below.get(row.id),
                "caller": caller_of(row) or None,
                "stacks": row.stacks,
            }
            for row in interval.rows
        ],
        "losses": [
            {"kind": loss.kind, "text": loss.text, "count": loss.count} for loss in interval.losses
        ],
    }
    return f"{json_text(document)}\n"
