"""Two small profiles with every kind of change between them, for the differential flame graph."""

from __future__ import annotations

from pvprof.analysis.stacks.diff_layout import VANISHED
from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack
from pvprof.render.svg.diff_flamegraph import CHANGE_COLOURS
from pvprof.views.diff_flamegraph import DiffOptions
from pvprof.views.flamegraph import FlamegraphOptions

MS = 1_000_000


def folded(weights_ms: dict[str, int]) -> Folded:
    return Folded(tuple((Stack(stack), value * MS) for stack, value in weights_ms.items()), "ns")


BASE = folded({"make;vm_fault;pv list": 400, "make;vm_fault;vm object": 100, "make;gone": 100})
AFTER = folded({"make;vm_fault;pv list": 100, "make;vm_fault;vm object": 104, "make;born": 200})
OPTIONS = DiffOptions(FlamegraphOptions(title="pv lists"), base_name="stock", new_name="obm")


def colour(change: int) -> str:
    """Return the colour of a change, from `VANISHED` to `NEW`."""
    return CHANGE_COLOURS[change - VANISHED]
