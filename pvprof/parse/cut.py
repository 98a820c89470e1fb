"""Keep the waits of a part of a recording, between two times.

A wait that crosses an edge is cut there: the part inside counts, so that the waits of adjacent
windows add up to those of the whole, to the nanosecond. A part counts as a wait, and a note reports
how many waits were cut. A wait lasts from its first nanosecond to the one before its thread ran
again, so a wait of no length is in the window that holds its moment.

A wake-up stays with the wait that it ended, wherever that was cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pvprof.errors import UsageError
from pvprof.model.clocks import Clocks, format_wall, wall_time
from pvprof.model.problems import Problem
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.parse.result import ParseResult
from pvprof.parse.window import Edges, Window, edges_of
from pvprof.units import NS_PER_S, format_ns

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints


def cut(parsed: ParseResult, window: Window, source: str, mode: str = "") -> ParseResult:
    """Return the part of one recording that lies in a window.

    Args:
        parsed: the whole recording.
        window: the part.
        source: the name of the recording.
        mode: in which it was recorded; empty if unknown.

    Raises:
        UsageError: the recording has no single waits, or none of it lies in the window.
    """
    events = parsed.events
    if events is None and not parsed.is_cut:
        recorded = f" ({mode})" if mode else ""
        raise UsageError(
            f"{source}: --from, --to: needs recordings of mode events; these are sums{recorded}",
            "pvprof record events makes one",
        )
    begin, end = _extent(parsed, events)
    edges = edges_of(window, begin, end, source)
    since = begin.monotonic_ns if edges.since is None else max(edges.since, begin.monotonic_ns)
    until = end.monotonic_ns if edges.until is None else min(edges.until, end.monotonic_ns)
    first = Clocks(since, wall_time(since, begin, end))
    last = Clocks(until, wall_time(until, begin, end))
    whole = replace(
        parsed,
        further=[replace(part, begin=first, end=last) for part in parsed.further],
        begin=first,
        end=last,
        origin=begin,
        window=_describe(since, until, begin, end),
    )
    return whole if events is None else _with_cut_events(whole, events, edges, source)


def _with_cut_events(
    parsed: ParseResult, events: WaitTable, edges: Edges, source: str
) -> ParseResult:
    """Return a result with the waits inside the edges, and without sums that have no times."""
    problems = list(parsed.problems)
    if not parsed.is_cut:
        problems += _left_out(parsed, source)
    inside, rows, split = _cut_events(events, *edges)
    if split:
        text = "waits cross the edges of the window: their parts inside count as waits"
        problems.append(Problem("cut-waits", text, source, count=split, severity="note"))
    return replace(
        parsed,
        profiles=parsed.profiles if parsed.is_cut else {},
        open_waits=None,
        histograms=[],
        events=inside,
        wakeups=None if parsed.wakeups is None else _cut_wakeups(parsed.wakeups, rows, edges),
        problems=problems,
    )


def _extent(parsed: ParseResult, events: WaitTable | None) -> tuple[Clocks, Clocks]:
    """Return the clocks at the recording's begin and end: by its marks, else by its waits."""
    first = last = 0
    if events is not None and len(events):
        first = int(events.start_ns.min())
        last = max(int(events.start_ns.max()), first)
        longest = (events.start_ns - first) + events.wait_ns  # since `first`: no overflow
        last = first + int(longest.max())
    begin = parsed.begin or Clocks(first, None)
    return begin, parsed.end or Clocks(max(last, begin.monotonic_ns), None)


def _cut_events(
    events: WaitTable, since: int | None, until: int | None
) -> tuple[WaitTable, Ints, int]:
    """Cut waits at the edges of a window.

    ::

             since            until
        --A----|                |          dropped: ends before the window
           --B-|===             |          start moved to `since`, wait shortened by `early`
               |    ==C==       |          kept as it is
               |           =D===|---       wait shortened by `late`

    Returns:
        The waits inside, their rows in `events`, and the number of waits that were cut.
    """
    start, wait = events.start_ns, events.wait_ns
    early = np.zeros(len(events), dtype=np.int64)
    late = np.zeros(len(events), dtype=np.int64)
    is_inside = np.ones(len(events), dtype=np.bool_)
    if since is not None:
        early = np.clip(since - start, 0, wait)
        is_inside &= (start >= since) | (early < wait)
    if until is not None:
        # start + wait may exceed 64 bits, the distance from `until` to the end cannot
        late = np.clip(wait - np.maximum(until - start, 0), 0, wait)
        is_inside &= start < until
    rows = np.flatnonzero(is_inside)
    early, late = early[rows], late[rows]
    inside = events.take(rows)
    inside = replace(
        inside, start_ns=inside.start_ns + early, wait_ns=inside.wait_ns - early - late
    )
    return inside, rows, int(((early > 0) | (late > 0)).sum())


def _cut_wakeups(wakeups: WakeupTable, rows: Ints, edges: Edges) -> WakeupTable:
    """Return the wake-ups of the waits in `rows`, and those inside that ended no wait."""
    since, until = edges
    ended = np.maximum(wakeups.row, 0)
    index = np.minimum(np.searchsorted(rows, ended), max(len(rows) - 1, 0))
    is_kept = (
        (wakeups.row >= 0) & (rows[index] == ended)
        if len(rows)
        else np.zeros(len(wakeups), dtype=np.bool_)
    )
    is_lone = wakeups.row < 0
    if since is not None:
        is_lone &= wakeups.time_ns >= since
    if until is not None:
        is_lone &= wakeups.time_ns < until
    kept = np.flatnonzero(is_kept | is_lone)
    return replace(wakeups.take(kept), row=np.where(is_kept, index, -1)[kept])


def _left_out(parsed: ParseResult, source: str) -> list[Problem]:
    """Return a loss if there are sums beside the single waits: they cannot be cut."""
    records = sum(
        weight.records for profile in parsed.profiles.values() for _, _, weight in profile
    )
    if not records and not parsed.histograms:
        return []
    text = "sums and histograms have no times: outside of every window, left out"
    count = records + len(parsed.histograms)
    return [Problem("without-time", text, source, count=count, severity="loss")]


def _describe(since: int, until: int, begin: Clocks, end: Clocks) -> str:
    """Return the description of a window that results show."""
    first = begin.monotonic_ns

    def seconds(moment: int) -> str:
        value = moment - first
        return f"{'-' if value < 0 else ''}{abs(value) // NS_PER_S}.{abs(value) % NS_PER_S:09}"

    length = format_ns(end.monotonic_ns - first)
    text = f"{seconds(since)} s to {seconds(until)} s of {length}"
    wall = [
        wall_time(moment, begin, end if end.wall_ns is not None else None)
        for moment in (since, until)
    ]
    if None not in wall:
        text += f" ({' to '.join(format_wall(moment) for moment in wall if moment is not None)})"
    return text
