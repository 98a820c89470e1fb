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
from pvprof.model.arrays import INT64_MAX
from pvprof.model.clocks import Clocks, format_wall, moment_of, wall_time
from pvprof.model.problems import Problem
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.parse.result import ParseResult
from pvprof.parse.window import TIME_HELP, Bound, Window
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
    if events is None:
        recorded = f" ({mode})" if mode else ""
        raise UsageError(
            f"{source}: --from, --to: needs recordings of mode events; these are sums{recorded}",
            "pvprof record events makes one",
        )
    begin, end = _extent(parsed, events)
    since = begin.monotonic_ns if window.since is None else _moment(window.since, begin, end)
    until = end.monotonic_ns if window.until is None else _moment(window.until, begin, end)
    if since >= until and window.since is not None and window.until is not None:
        raise UsageError(f"{source}: the window ends before it begins: {_words(window)}")
    if since >= end.monotonic_ns or until <= begin.monotonic_ns:
        lasted = format_ns(end.monotonic_ns - begin.monotonic_ns)
        raise UsageError(
            f"{source}: nothing was recorded in this window: the recording lasts {lasted}",
            TIME_HELP,
        )
    edges = (
        None if window.since is None else max(since, 0),
        None if window.until is None else min(until, INT64_MAX),
    )
    since, until = max(since, begin.monotonic_ns), min(until, end.monotonic_ns)
    problems = [*parsed.problems, *_left_out(parsed, source)]
    inside, rows, split = _cut_events(events, *edges)
    if split:
        text = "waits cross the edges of the window: their parts inside count as waits"
        problems.append(Problem("cut-waits", text, source, count=split, severity="note"))
    return replace(
        parsed,
        profiles={},
        open_waits=None,
        histograms=[],
        events=inside,
        wakeups=None if parsed.wakeups is None else _cut_wakeups(parsed.wakeups, rows, edges),
        problems=problems,
        begin=Clocks(since, wall_time(since, begin, end)),
        end=Clocks(until, wall_time(until, begin, end)),
        origin=begin,
        window=_describe(since, until, begin, end),
    )


def _extent(parsed: ParseResult, events: WaitTable) -> tuple[Clocks, Clocks]:
    """Return the clocks at the recording's begin and end: by its marks, else by its waits."""
    first = int(events.start_ns.min()) if len(events) else 0
    last = 0
    if len(events):
        last = max(int(events.start_ns.max()), first)
        longest = (events.start_ns - first) + events.wait_ns  # since `first`: no overflow
        last = first + int(longest.max())
    begin = parsed.begin or Clocks(first, None)
    return begin, parsed.end or Clocks(max(last, begin.monotonic_ns), None)


def _moment(bound: Bound, begin: Clocks, end: Clocks) -> int:
    """Return the monotonic time of a bound, ns."""
    if bound.since_ns is not None:
        is_from_end = bound.since_ns < 0 or bound.text.startswith("-")
        return (end if is_from_end else begin).monotonic_ns + bound.since_ns
    if begin.wall_ns is None:
        reason = "the recording has no wall-clock time"
        raise UsageError(f"{bound.text}: {reason}", "give seconds from its beginning")
    wall = bound.wall_ns
    if wall is None:
        day = 24 * 3600 * NS_PER_S
        wall = begin.wall_ns // day * day + (bound.of_day_ns or 0)
        last = begin.wall_ns if end.wall_ns is None else end.wall_ns
        if wall < begin.wall_ns and wall + day <= last:  # it ran over midnight
            wall += day
    moment = moment_of(wall, begin, end if end.wall_ns is not None else None)
    assert moment is not None
    return moment


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


def _cut_wakeups(
    wakeups: WakeupTable, rows: Ints, edges: tuple[int | None, int | None]
) -> WakeupTable:
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


def _words(window: Window) -> str:
    bounds = (("--from", window.since), ("--to", window.until))
    return " ".join(f"{name} {bound.text}" for name, bound in bounds if bound is not None)


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
