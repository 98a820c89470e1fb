"""Compare two operating systems: which results mean the same on both.

Owns that choice: kinds of waits do, and lock classes that both have, since the rules give them the
same name; locks, functions and stacks are different code. It concludes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.analysis.compare.measures import CLASS, KIND, RowChange
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.model.mechanisms import system_of
from pvprof.model.problems import Problem

_MAX_NAMED = 8


def systems_of(base: Side, new: Side) -> tuple[str, str] | None:
    """Return the systems of both sides if they differ, else None."""
    systems = []
    for side in (base, new):
        names = {_system(run) for run in side.runs} - {""}
        systems.append(", ".join(sorted(names)))
    base_system, new_system = systems
    if not base_system or not new_system or base_system == new_system:
        return None
    return base_system, new_system


def _system(run: RecordedRun) -> str:
    """Return the system of a run, from its manifest or else from the mechanisms of its waits."""
    if run.manifest.kernel.system:
        return run.manifest.kernel.system
    keys = (key for measurement in run.dataset.measurements for key in measurement.profile.groups)
    return system_of(frozenset(key.mechanism for key in keys))


def common_rows(rows: Sequence[RowChange]) -> list[RowChange]:
    """Return the rows that mean the same on both systems: all kinds, the classes that both have."""
    return [
        row for row in rows if row.level == KIND or (row.level == CLASS and row.presence == "both")
    ]


def system_caveats(systems: tuple[str, str], rows: Sequence[RowChange]) -> tuple[Problem, ...]:
    """Return a warning that parts cannot be compared, and the classes that only one side has."""
    text = (
        f"{systems[0]} against {systems[1]}: kinds of waits and the lock classes that both have are"
        " compared; locks, functions and stacks are other code there, and are not. What one kernel"
        " counts as one wait may be several of the other's"
    )
    classes = [row for row in rows if row.level == CLASS]
    common = {row.name for row in classes if row.presence == "both"}
    alone = [name for name in dict.fromkeys(row.name for row in classes) if name not in common]
    caveats = [Problem("different-systems", text)]
    if alone:
        more = f" and {len(alone) - _MAX_NAMED} more" if len(alone) > _MAX_NAMED else ""
        named = ", ".join(alone[:_MAX_NAMED])
        text = f"lock classes of one system only, not compared: {named}{more}"
        caveats.append(Problem("classes-alone", text, severity="note"))
    return tuple(caveats)
