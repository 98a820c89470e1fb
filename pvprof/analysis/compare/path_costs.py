"""How much of the critical path each cause takes on two sides, and what would be saved without it.

Owns one row for each cause and for each figure, if the threads of all runs were recorded (mode
``path``): the figures of a path whose beginning is guessed would be compared as if they were known.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.analysis.compare.measures import PATH_TIME, SAVED_TIME, Measurer, RowChange
from pvprof.classify.classified import Classified


def path_rows(runs: Sequence[Classified], measurer: Measurer) -> list[RowChange]:
    """Return a row of each level for each cause that is on the path of any run, largest first.

    Args:
        runs: all of them, those of the base first; each is of one recording.
        measurer: makes measures.
    """
    if not all(any(one.threads is not None for one in run.dataset.measurements) for run in runs):
        return []
    from pvprof.analysis.critical_path.answer import path_report  # noqa: PLC0415 (numpy)
    from pvprof.analysis.critical_path.cause_rows import Cause  # noqa: PLC0415 (numpy)

    path: dict[Cause, list[int]] = {}
    saved: dict[Cause, list[int]] = {}
    for number, run in enumerate(runs):
        for row in path_report(run).rows:
            path.setdefault(row.cause, [0] * len(runs))[number] = row.path_ns
            if row.what_if is not None:
                saved.setdefault(row.cause, [0] * len(runs))[number] = row.what_if.saved_ns
    rows = [
        RowChange(level, cause.kind, "", cause.name, (measurer.measure(level, values),))
        for level, values_of in ((PATH_TIME, path), (SAVED_TIME, saved))
        for cause, values in values_of.items()
    ]
    return sorted(rows, key=lambda row: (row.level, -row.size, row.name, row.kind))
