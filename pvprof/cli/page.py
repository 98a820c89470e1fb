"""From inputs to an HTML page: which flame graphs it has, and what it carries along."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pvprof.analysis.histograms import distributions
from pvprof.analysis.report import Report
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.analysis.waits.heat_map import GridOptions, HeatMap
from pvprof.analysis.wakers import wakeup_sums_of
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import ALL_KINDS, Part, Selection, select
from pvprof.classify.rules import UNCLASSIFIED
from pvprof.cli.maps import maps_of, words_of
from pvprof.cli.results import cause_of
from pvprof.cli.towers import chained
from pvprof.dataset.dataset import Measurement
from pvprof.model.mechanisms import mechanism_of
from pvprof.recording.manifest import Manifest
from pvprof.recording.snapshot import Snapshot, encode
from pvprof.render.html.page import Graph, Page
from pvprof.units import MEASURED, format_share, format_value

_EVERYTHING = {"ns": "All waits", "samples": "All samples", "events": "All events"}
_NO_NAME_PART = re.compile(r"[^A-Za-z0-9_-]+")


def page_of(inputs: Classified, report: Report) -> Page:
    """Return the page of a report; the data in it are all that was read, not what was kept."""
    pool = inputs.dataset
    manifests = pool.manifests or (Manifest(),) * len(pool.names)
    recordings = tuple(zip(pool.names, manifests, strict=True))
    snapshot = Snapshot(
        recordings=recordings,
        records=pool.records,
        profiles=tuple(one.profile for one in pool.measurements),
        histograms=pool.histograms,
        problems=pool.problems,
        endings=next((wakeup_sums_of(one) for one in pool.measurements if one.has_wakers), None),
    )
    has_several = len(pool.measurements) > 1
    graphs = [
        replace(graph, title=f"{graph.title} ({one.unit})") if has_several else graph
        for one in inputs.measurements
        for graph in _graphs(one, inputs)
    ]
    return Page(
        report=report,
        graphs=tuple(graphs),
        distributions=distributions(inputs),
        recordings=recordings,
        data=encode(snapshot),
        maps=_maps(inputs),
        selection=words_of(inputs.filters),
    )


def _maps(inputs: Classified) -> tuple[HeatMap, ...]:
    """Return the waits that were kept in time, where single ones were recorded."""
    if not any(one.events is not None and len(one.events) for one in inputs.dataset.measurements):
        return ()
    return maps_of(inputs, GridOptions())


def _graphs(classified: ClassifiedMeasurement, inputs: Classified) -> Iterator[Graph]:
    """Yield a graph for each kind that was kept, spinning and blocking apart, then everything."""
    rules, filters = inputs.rules, inputs.filters
    measurement, parts, kept = classified.measurement, classified.parts, classified.kept
    everything = select(parts, rules, replace(filters, kinds=(ALL_KINDS,))).kept
    total = sum(part.weight.value for part in parts)
    unit = measurement.profile.unit

    def graph(name: str, title: str, kinds: Sequence[str], some: Sequence[Part]) -> Iterator[Graph]:
        titles = {kind.id: kind.title for kind in rules.kinds}
        causes = (cause_of(part, titles) for part in some)
        folded = fold(((one.key, one.stacks) for one in some), unit, FoldOptions(), causes)
        if folded.rows:
            about = _about(measurement, some, total)
            yield Graph(_id(unit, name), title, about, tuple(kinds), folded)

    alone = {part.verdict.kind for part in everything} == {UNCLASSIFIED}
    drawn = 0
    for kind in rules.kinds:
        some = [part for part in kept if part.verdict.kind == kind.id]
        if not some or alone or (kind.set_aside and kind.id not in filters.kinds):
            continue
        drawn = max(drawn, len(some))
        yield from graph(kind.id, kind.title, [kind.id], some)
        spins = [part for part in some if mechanism_of(part.key.mechanism).state == "spinning"]
        blocks = [part for part in some if mechanism_of(part.key.mechanism).state != "spinning"]
        if spins and blocks:
            yield from graph(f"{kind.id}-spin", "Spinning", [kind.id], spins)
            yield from graph(f"{kind.id}-block", "Blocking", [kind.id], blocks)
    if len(everything) > drawn:
        title = MEASURED[unit] if alone else _EVERYTHING[unit]
        yield from graph("all", title, [], everything)
    if kept and measurement.has_wakers:
        yield _waker_graph(measurement, inputs, kept, total)


def _waker_graph(
    measurement: Measurement, inputs: Classified, kept: Sequence[Part], total: int
) -> Graph:
    """Return the graph of what was kept, each wait joined with who ended it."""
    unit = measurement.profile.unit
    titles = {kind.id: kind.title for kind in inputs.rules.kinds}
    stacks, how = chained(measurement, kept, FoldOptions(chain="wakers"))
    groups = zip((part.key for part in kept), stacks, strict=True)
    folded = fold(groups, unit, how, (cause_of(part, titles) for part in kept))
    kinds = tuple(dict.fromkeys(part.verdict.kind for part in kept))
    about = _about(measurement, kept, total)
    return Graph(_id(unit, "wakers"), "With their wakers", about, kinds, folded)


def _id(unit: str, name: str) -> str:
    """Return a name that may stand in an id and in the address of a page."""
    return f"{unit}-{_NO_NAME_PART.sub('-', name)}"


def _about(measurement: Measurement, some: Iterable[Part], total: int) -> str:
    weight = Selection(tuple(some), ()).weight
    unit = measurement.profile.unit
    waits = f" in {weight.count:,} waits" if measurement.profile.has_counts and unit == "ns" else ""
    return (
        f"{format_value(weight.value, unit)}{waits},"
        f" {format_share(weight.value, total)} of {format_value(total, unit)} recorded"
    )
