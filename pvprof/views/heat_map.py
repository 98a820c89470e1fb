"""A heat map: how long single waits took, or when threads waited, and what a picture says of them.

Owns title, subtitle, notes, and the options that a reader repeats to draw a part of the run. It
refuses to compute values (``analysis.waits.heat_grid`` does) and to draw (``render.svg`` does).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from pvprof.analysis.waits.heat_map import GridOptions, HeatMap, LatencyMap
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters, Number
from pvprof.dataset.stack_edits import NamedFrames
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.units import format_exact
from pvprof.views.flamegraph import MIN_WIDTH, Notes, account_of, joined
from pvprof.views.folded import StackOptions, fold_with_causes

Form = Literal["latency", "offset"]
"""What the vertical axis is: how long waits took, or the time within a column."""
FORMS: tuple[Form, ...] = get_args(Form)

TITLES: dict[Form, str] = {"latency": "How long waits took", "offset": "Threads waiting"}

Maps = Sequence[LatencyMap] | Sequence[HeatMap]
"""The maps of a picture, one for each recording."""


@dataclass(frozen=True, slots=True)
class HeatOptions:
    """What the caller may choose about a heat map.

    Attributes:
        title, subtitle: the heading (empty: none), and a line below it.
        notes: shown in a panel at the bottom.
        width: in pixels; at least 400.
        top: the value at the top of the colour scale, threads or waits; 0: the largest value.
        selection: the options that selected the waits, to be repeated in commands that are shown.
    """

    title: str = ""
    subtitle: str = ""
    notes: Notes = ()
    width: int = 1200
    top: float = 0.0
    selection: str = ""

    def check(self) -> None:
        """Raise `UsageError` if no picture can be drawn with these options."""
        if self.width < MIN_WIDTH:
            raise UsageError(f"a heat map of {self.width} pixels is narrower than {MIN_WIDTH}")


@dataclass(frozen=True, slots=True)
class HeatMapOptions:
    """How a heat map is computed and drawn.

    Attributes:
        form: what the vertical axis is.
        grid: rows (of the form ``offset`` only) and columns.
        look: size and colours; an empty title is replaced by what was measured, and where.
    """

    form: Form = "latency"
    grid: GridOptions = field(default_factory=GridOptions)
    look: HeatOptions = field(default_factory=HeatOptions)


@dataclass(frozen=True, slots=True)
class HeatMapView:
    """A heat map, ready to be drawn.

    Attributes:
        maps: one for each recording.
        options: title, subtitle, notes and look.
        problems: what the picture cannot show.
    """

    maps: Maps
    options: HeatOptions
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether no wait was kept."""
        return not any(heat_map.waits for heat_map in self.maps)


def build(classified: Classified, options: HeatMapOptions) -> HeatMapView:
    """Return the heat map of the single waits that the filters keep.

    Raises:
        UsageError: no single waits were recorded, or the options make no grid.
    """
    maps = maps_of(classified, options.grid, options.form)
    mode = classified.single_waits().mode
    stacks = StackOptions(measure=mode or "ns")
    account = account_of(classified, fold_with_causes(classified, stacks), stacks)
    look = replace(
        options.look,
        title=options.look.title or f"{TITLES[options.form]}: {account.name}",
        subtitle=joined(options.look.subtitle, account.subtitle),
        notes=(*options.look.notes, *account.notes),
        selection=words_of(classified.filters),
    )
    return HeatMapView(maps, look, _left_out(classified, maps))


def maps_of(classified: Classified, options: GridOptions, form: Form) -> Maps:
    """Return a map for each recording, of the waits that the filters keep.

    Raises:
        UsageError: no single waits were recorded, or the options make no grid.
    """
    from pvprof.analysis.waits.heat_grid import (  # noqa: PLC0415 (numpy)
        heat_maps,
        latency_maps,
    )

    measured = classified.single_waits()
    waits, runs = measured.measurement.events, measured.measurement.runs
    if waits is None:
        raise UsageError(
            "no single waits were recorded, and sums (those of a page, too) have no times",
            "pvprof record events records them",
        )
    if form == "latency":
        return latency_maps(waits, runs, measured.kept, options.column_ns)
    return heat_maps(waits, runs, measured.kept, options)


def _left_out(classified: Classified, maps: Maps) -> tuple[Problem, ...]:
    """Return the problem that sums, recorded beside the single waits, have no times."""
    kept = classified.single_waits().selection.weight.value
    rest = kept - sum(heat_map.total_ns for heat_map in maps)
    if not rest:
        return ()
    text = f"sums have no times: {format_exact(rest, 'ns')} are in no map"
    return (Problem("without-time", text, severity="loss"),)


def words_of(filters: Filters) -> str:
    """Return the options of these filters and edits as a shell reads them, each after a blank."""
    words = [word for kind in filters.kinds for word in ("-k", kind)]
    for option, wanted in filters.patterns.items():
        texts = wanted.names if isinstance(wanted, (Number, NamedFrames)) else (wanted.pattern,)
        words += [word for text in texts for word in (option, text)]
    words += filters.edits.words
    return "".join(f" {shlex.quote(word)}" for word in words)
