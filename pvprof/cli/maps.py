"""From inputs to heat maps: of which waits, and with which options they are cut out again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pvprof.analysis.waits.heat_map import GridOptions, HeatMap
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.parse.window import read_bound
from pvprof.units import format_exact

_COLUMN_HELP = "a length of time: 1s, 500ms, 2.5s"


def column_ns(text: str | None) -> int:
    """Return the length of a column that a user asks for; 0 if none.

    Raises:
        UsageError: it is no length.
    """
    if text is None:
        return 0
    length = read_bound(text).since_ns
    if length is None or length <= 0:
        raise UsageError(f"--column {text}: no length of time", _COLUMN_HELP)
    return length


def maps_of(inputs: Classified, options: GridOptions) -> tuple[HeatMap, ...]:
    """Return a map for each recording of the waits that the filters keep.

    Raises:
        UsageError: no single waits were recorded, or the options make no grid.
    """
    classified = inputs.measurement("ns")
    measurement = classified.measurement
    if measurement.events is None:
        raise UsageError(
            "no single waits were recorded, and sums (those of a page, too) have no times",
            "pvprof record events records them",
        )
    from pvprof.analysis.waits.heat_grid import heat_maps  # noqa: PLC0415 (numpy)

    return heat_maps(measurement.events, measurement.runs, classified.kept, options)


def left_out(inputs: Classified, maps: Sequence[HeatMap]) -> tuple[Problem, ...]:
    """Return what is told of sums beside the single waits: they have no times."""
    kept = inputs.measurement("ns").selection.weight.value
    rest = kept - sum(one.total_ns for one in maps)
    if not rest:
        return ()
    text = f"sums have no times: {format_exact(rest, 'ns')} are in no map"
    return (Problem("without-time", text, severity="loss"),)


def words_of(filters: Filters) -> str:
    """Return the options of these filters, as a shell takes them, each after a blank."""
    words = [word for kind in filters.kinds for word in ("-k", kind)]
    patterns = (
        ("--class", filters.lock_class),
        ("--name", filters.name),
        ("--execname", filters.execname),
        ("--frame", filters.frame),
    )
    for option, pattern in patterns:
        words += [] if pattern is None else [option, pattern.pattern]
    return "".join(f" {shlex.quote(word)}" for word in words)
