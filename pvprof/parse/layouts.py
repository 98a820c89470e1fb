"""The registry of input layouts, the strictest first.

Recognition, reading, the choices of ``--input-format`` and the table in docs/layouts.md all derive
from `LAYOUTS`. To add a layout, write a reader module with a `Layout` in it and list that here.
"""

from __future__ import annotations

from pvprof.errors import UsageError
from pvprof.parse.dtrace import actions, aggregates, events, rows
from pvprof.parse.files import folded, html_report, speedscope
from pvprof.parse.freebsd import lock_profiling, lockstat, pmc_callgraph, pmc_log
from pvprof.parse.layout import Layout
from pvprof.parse.linux import bpftrace
from pvprof.parse.linux.bcc import bcc_text, distributions, klockstat
from pvprof.parse.linux.maps import map_json, map_text
from pvprof.parse.linux.perf import script as perf
from pvprof.parse.native import reader as native


def by_name(*layouts: Layout) -> dict[str, Layout]:
    """Return layouts by their names.

    Raises:
        ValueError: two of them have the same name.
    """
    named: dict[str, Layout] = {}
    for layout in layouts:
        other = named.setdefault(layout.name, layout)
        if other is not layout:
            modules = f"{other.read.__module__} and {layout.read.__module__}"
            raise ValueError(f"two layouts are named {layout.name}: those of {modules}; rename one")
    return named


LAYOUTS: dict[str, Layout] = by_name(
    # signatures
    speedscope.LAYOUT,
    html_report.LAYOUT,
    native.LAYOUT,
    bpftrace.LAYOUT,
    # lines that only one tool prints
    lock_profiling.LAYOUT,
    lockstat.LAYOUT,
    pmc_callgraph.LAYOUT,
    pmc_log.LAYOUT,
    bcc_text.LAYOUT,
    klockstat.LAYOUT,
    distributions.LAYOUT,
    perf.LAYOUT,
    map_json.LAYOUT,
    map_text.LAYOUT,
    # lines that other texts may have, too, from the strictest to the loosest
    events.LAYOUT,
    folded.DIFFERENTIAL,
    folded.LAYOUT,
    actions.LAYOUT,
    aggregates.CLASSIC,
    aggregates.THREAD,
    rows.LAYOUT,
    aggregates.HISTOGRAM,
    aggregates.KEYED,
)
"""Every layout by its name."""


def layout_names() -> str:
    """Return all names, for messages."""
    return ", ".join(LAYOUTS)


def layout_named(name: str) -> Layout:
    """Return the layout of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in LAYOUTS:
        raise UsageError(f"no such layout: {name}", f"layouts: {layout_names()}")
    return LAYOUTS[name]
