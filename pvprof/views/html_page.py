"""An HTML page: a report, its flame graphs, histograms and heat map, and the data of all.

Owns which flame graphs the page has, what they are called, and which data it carries along. It
refuses to know tags and colours (``render.html`` does).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pvprof.analysis.histograms import Distribution, distributions
from pvprof.analysis.report import Report
from pvprof.analysis.stacks.fold import Folded, FoldOptions
from pvprof.analysis.waits.heat_map import GridOptions
from pvprof.analysis.wakers import wakeup_sums_of
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import ALL_KINDS, Part, Selection, select
from pvprof.classify.rules import UNCLASSIFIED
from pvprof.dataset.dataset import Dataset, Measurement, measure_words
from pvprof.model.mechanisms import mechanism_of
from pvprof.recording.manifest import Manifest
from pvprof.recording.snapshot import ModeData, Snapshot, encode
from pvprof.units import count_waits, format_share, format_value
from pvprof.views.chains import chained
from pvprof.views.folded import fold_parts
from pvprof.views.heat_map import FORMS, Form, Maps, maps_of, words_of
from pvprof.views.report_view import PageSubject
from pvprof.views.tables.table import TableOptions

_UNSAFE_IN_ID = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Graph:
    """One flame graph of a page.

    Attributes:
        id: unique in the page: letters, digits, ``-`` and ``_``, a letter first.
        title: what is drawn.
        about: a sentence with the total.
        measure: the id of the measurement that it is of.
        kinds: the wait kinds of which it has all the waits that the tables have; empty for every
            kind.
        folded: what is drawn; not empty.
    """

    id: str
    title: str
    about: str
    measure: str
    kinds: tuple[str, ...]
    folded: Folded


@dataclass(frozen=True, slots=True)
class HtmlPageView:
    """All that a page is made from.

    Attributes:
        report: tables, problems, facts.
        graphs: in the order of their tabs.
        distributions: histograms of waits.
        recordings: (name, manifest) of each.
        data: everything that was read, as ``recording.snapshot.encode`` writes it.
        maps: heat maps of the waits that were kept, by form, if single waits were recorded.
        selection: the options that kept them, for commands that are shown.
        top: rows of a table that are shown until the reader asks for more; 0 for all.
    """

    report: Report
    graphs: tuple[Graph, ...]
    distributions: tuple[Distribution, ...]
    recordings: tuple[tuple[str, Manifest], ...]
    data: str
    maps: tuple[tuple[Form, Maps], ...] = ()
    selection: str = ""
    top: int = 20


def build(subject: PageSubject, options: TableOptions) -> HtmlPageView:
    """Return the page of a report; the data in it are all that was read, not what was kept."""
    classified = subject.classified
    dataset = classified.dataset
    manifests = dataset.manifests or (Manifest(),) * len(dataset.names)
    recordings = tuple(zip(dataset.names, manifests, strict=True))
    snapshot = Snapshot(recordings, dataset.records, _modes(dataset), dataset.problems)
    has_several = len(dataset.measurements) > 1
    graphs = [
        replace(graph, title=f"{graph.title} ({measure})") if has_several else graph
        for measured in classified.measurements
        for measure in [measure_words(measured, classified.measurements)]
        for graph in _graphs(measured, classified, id_of(measure))
    ]
    return HtmlPageView(
        report=subject.report,
        graphs=tuple(graphs),
        distributions=distributions(classified),
        recordings=recordings,
        data=encode(snapshot),
        maps=_maps(classified),
        selection=words_of(classified.filters),
        top=options.top,
    )


def _modes(dataset: Dataset) -> tuple[ModeData, ...]:
    """Return all that was read of each mode, but for single waits."""
    modes = [one.mode for one in dataset.measurements]
    modes += [one.mode for one in dataset.histograms] + [one.mode for one in dataset.holds]
    return tuple(_mode(dataset, mode) for mode in dict.fromkeys(modes))


def _mode(dataset: Dataset, mode: str) -> ModeData:
    measurements = [one for one in dataset.measurements if one.mode == mode]
    return ModeData(
        mode,
        max((one.recordings for one in measurements), default=0),
        tuple(one.profile for one in measurements),
        tuple(replace(one, mode="") for one in dataset.histograms if one.mode == mode),
        next((wakeup_sums_of(one) for one in measurements if one.has_wakers), None),
        tuple(replace(one, mode="") for one in dataset.holds if one.mode == mode),
        next((one.open_waits for one in measurements if one.open_waits is not None), None),
    )


def _maps(classified: Classified) -> tuple[tuple[Form, Maps], ...]:
    """Return the heat maps of the waits that were kept; none if no single waits were recorded."""
    tables = [measurement.events for measurement in classified.dataset.measurements]
    if not any(waits is not None and len(waits) for waits in tables):
        return ()
    return tuple((form, maps_of(classified, GridOptions(), form)) for form in FORMS)


def _graphs(
    measured: ClassifiedMeasurement, classified: Classified, measure: str
) -> Iterator[Graph]:
    """Yield a graph for each kind that was kept, spinning and blocking apart, then everything."""
    rules, filters = classified.rules, classified.filters
    measurement, parts, kept = measured.measurement, measured.parts, measured.kept
    everything = select(parts, rules, replace(filters, kinds=(ALL_KINDS,))).kept
    total = sum(part.weight.value for part in parts)
    unit = measured.unit
    folding = FoldOptions(edits=filters.edits)

    def graph(
        name: str, title: str, kinds: Sequence[str], shown: Sequence[Part]
    ) -> Iterator[Graph]:
        groups = ((part.key, part.stacks) for part in shown)
        folded = fold_parts(groups, unit, folding, shown, rules)
        if folded.rows:
            about = _about(measurement, shown, total)
            yield Graph(f"{measure}-{id_of(name)}", title, about, measure, tuple(kinds), folded)

    is_unclassified = {part.verdict.kind for part in everything} == {UNCLASSIFIED}
    drawn = 0
    for kind in rules.kinds:
        shown = [part for part in kept if part.verdict.kind == kind.id]
        if not shown or is_unclassified or (kind.set_aside and kind.id not in filters.kinds):
            continue
        drawn = max(drawn, len(shown))
        yield from graph(kind.id, kind.title, [kind.id], shown)
        spins = [part for part in shown if _is_spinning(part)]
        blocks = [part for part in shown if not _is_spinning(part)]
        if spins and blocks:
            yield from graph(f"{kind.id}-spin", "Spinning", [kind.id], spins)
            yield from graph(f"{kind.id}-block", "Blocking", [kind.id], blocks)
    if len(everything) > drawn:
        words = measured.words
        title = words.measured if is_unclassified else words.everything
        yield from graph("all", title, [], everything)
    if kept and measurement.has_wakers:
        yield _waker_graph(measured, classified, measure, total)


def _is_spinning(part: Part) -> bool:
    return mechanism_of(part.key.mechanism).state == "spinning"


def _waker_graph(
    measured: ClassifiedMeasurement, classified: Classified, measure: str, total: int
) -> Graph:
    """Return the graph of what was kept, each wait joined with its waker."""
    unit, kept = measured.unit, measured.kept
    folding = FoldOptions(chain="wakers", edits=classified.filters.edits)
    stacks, options = chained(measured.measurement, kept, folding)
    groups = zip((part.key for part in kept), stacks, strict=True)
    folded = fold_parts(groups, unit, options, kept, classified.rules)
    kinds = tuple(dict.fromkeys(part.verdict.kind for part in kept))
    about = _about(measured.measurement, kept, total)
    return Graph(f"{measure}-wakers", "With their wakers", about, measure, kinds, folded)


def id_of(name: str) -> str:
    """Return a name that is allowed in an id and in the address of a page."""
    safe = _UNSAFE_IN_ID.sub("-", name)  # an id begins with a letter
    return safe if safe[:1].isalpha() else f"x{safe}"


def _about(measurement: Measurement, shown: Iterable[Part], total: int) -> str:
    weight = Selection(tuple(shown), ()).weight
    unit = measurement.profile.unit
    waits = (
        f" in {count_waits(weight.count)}"
        if measurement.profile.has_counts and unit == "ns"
        else ""
    )
    return (
        f"{format_value(weight.value, unit)}{waits},"
        f" {format_share(weight.value, total)} of {format_value(total, unit)} recorded"
    )
