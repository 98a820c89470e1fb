"""A part of a recording between two times: which waits lie in it, and how much of each.

Owns ``--from`` and ``--to``. A wait that reaches over an edge is cut there: the part inside counts,
so that the waits of windows side by side add up to those of the whole, to the nanosecond. A part
counts as a wait, which is told. A wait lasts from its first nanosecond to the one before its
thread ran again, so one of no length is in the window that holds its moment.

A wake-up stays with the wait that it ended, wherever that was cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pvprof.errors import UsageError
from pvprof.model.arrays import INT64_MAX
from pvprof.model.clocks import Clocks, format_wall, moment_of, wall_time
from pvprof.model.problems import Problem
from pvprof.parse.result import ParseResult
from pvprof.units import NS_PER_S, format_ns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pvprof.model.waits import WaitTable, WakeupTable

    Rows = npt.NDArray[np.signedinteger[Any]]

_SECONDS = re.compile(r"([+-]?)(\d{1,10})(?:\.(\d{1,9}))?(s|ms|us|ns)?")
_UNITS = {"s": NS_PER_S, "ms": 1_000_000, "us": 1_000, "ns": 1}
_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?")
_FRACTION = re.compile(r"\.(\d{1,9})")
_HELP = "seconds from the beginning (12.5, 300ms; -5: from the end), or a time (10:00:00, UTC)"


@dataclass(frozen=True, slots=True)
class Bound:
    """A time as a user says it: one of the three is given.

    Attributes:
        text: as it was given.
        since_ns: from the beginning of the recording, or, if negative, from its end.
        wall_ns: a time of day, ns since 1970.
        of_day_ns: a time of the day on which the recording began, or of the next.
    """

    text: str
    since_ns: int | None = None
    wall_ns: int | None = None
    of_day_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when; None: from the beginning, to the end."""

    since: Bound | None
    until: Bound | None


def read_bound(text: str) -> Bound:
    """Read a time as a user says it.

    Raises:
        UsageError: it is none.
    """
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        sign, whole, fraction, unit = seconds.groups()
        scale = _UNITS[unit or "s"]
        value = int(whole) * scale + int((fraction or "").ljust(9, "0")) * scale // NS_PER_S
        # -0 is the end: no number of Python's tells it from 0
        return Bound(text, since_ns=-value if sign == "-" else value)
    fraction_ns = 0
    found = _FRACTION.search(text)
    if found:  # datetime knows microseconds only
        fraction_ns = int(found.group(1).ljust(9, "0"))
        text_s = text[: found.start()] + text[found.end() :]
    else:
        text_s = text
    try:
        if _CLOCK.fullmatch(text):
            time = datetime.fromisoformat(f"1970-01-01T{text_s.removesuffix('Z')}+00:00")
            return Bound(text, of_day_ns=int(time.timestamp()) * NS_PER_S + fraction_ns)
        day = datetime.fromisoformat(text_s)
        day = day if day.tzinfo else day.replace(tzinfo=UTC)
        since_1970 = (day - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        return Bound(text, wall_ns=since_1970 * NS_PER_S + fraction_ns)
    except ValueError as error:
        raise UsageError(f"no time: {text!r}", _HELP) from error


def cut(parsed: ParseResult, window: Window, source: str) -> ParseResult:
    """Return what lies in a window of what was read of one recording.

    Raises:
        UsageError: the recording has no single waits, or does not reach into the window.
    """
    events = parsed.events
    if events is None:
        raise UsageError(
            f"{source}: --from, --to: no single waits were recorded, and sums have no times",
            "pvprof record events records them",
        )
    begin, end = _extent(parsed, events)
    since = begin.monotonic_ns if window.since is None else _moment(window.since, begin, end)
    until = end.monotonic_ns if window.until is None else _moment(window.until, begin, end)
    if since >= until and window.since is not None and window.until is not None:
        raise UsageError(f"{source}: the window ends before it begins: {_words(window)}")
    if since >= end.monotonic_ns or until <= begin.monotonic_ns:
        lasted = format_ns(end.monotonic_ns - begin.monotonic_ns)
        raise UsageError(f"{source}: nothing was recorded then: it lasts {lasted}", _HELP)
    edges = (
        None if window.since is None else max(since, 0),
        None if window.until is None else min(until, INT64_MAX),
    )
    since, until = max(since, begin.monotonic_ns), min(until, end.monotonic_ns)
    problems = [*parsed.problems, *_left_out(parsed, source)]
    inside, rows, split = _cut_events(events, *edges)
    if split:
        text = "waits reach over the window's edges: the parts inside are counted as waits"
        problems.append(Problem("cut-waits", text, source, count=split, severity="note"))
    return replace(
        parsed,
        profiles={},
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
    """Return when the recording began and ended: by its marks, else by its waits."""
    first = int(events.start_ns.min()) if len(events) else 0
    last = 0
    if len(events):
        last = max(int(events.start_ns.max()), first)
        longest = (events.start_ns - first) + events.wait_ns  # from the first on: these fit
        last = first + int(longest.max())
    begin = parsed.begin or Clocks(first, None)
    return begin, parsed.end or Clocks(max(last, begin.monotonic_ns), None)


def _moment(bound: Bound, begin: Clocks, end: Clocks) -> int:
    """Return the moment on the monotonic clock that a user means."""
    if bound.since_ns is not None:
        is_from_end = bound.since_ns < 0 or bound.text.startswith("-")
        return (end if is_from_end else begin).monotonic_ns + bound.since_ns
    if begin.wall_ns is None:
        reason = "the recording does not say at which time of day it was made"
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
) -> tuple[WaitTable, Rows, int]:
    """Return the waits inside, which rows they were, and how many of them were cut."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    start, wait = events.start_ns, events.wait_ns
    early = np.zeros(len(events), dtype=np.int64)
    late = np.zeros(len(events), dtype=np.int64)
    is_inside = np.ones(len(events), dtype=np.bool_)
    if since is not None:
        early = np.clip(since - start, 0, wait)
        is_inside &= (start >= since) | (early < wait)
    if until is not None:
        # a wait's end may not fit into 64 bits, what is left of it at the edge always does
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
    wakeups: WakeupTable, rows: Rows, edges: tuple[int | None, int | None]
) -> WakeupTable:
    """Return the wake-ups of the waits inside, and of those that ended none the ones inside."""
    import numpy as np  # noqa: PLC0415

    since, until = edges
    ended = np.maximum(wakeups.row, 0)
    place = np.minimum(np.searchsorted(rows, ended), max(len(rows) - 1, 0))
    is_kept = (
        (wakeups.row >= 0) & (rows[place] == ended)
        if len(rows)
        else np.zeros(len(wakeups), dtype=np.bool_)
    )
    is_lone = wakeups.row < 0
    if since is not None:
        is_lone &= wakeups.time_ns >= since
    if until is not None:
        is_lone &= wakeups.time_ns < until
    kept = np.flatnonzero(is_kept | is_lone)
    return replace(wakeups.take(kept), row=np.where(is_kept, place, -1)[kept])


def _left_out(parsed: ParseResult, source: str) -> list[Problem]:
    """Return what is told of sums beside the single waits: they cannot be cut."""
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
    """Return the window in words, for results."""
    first = begin.monotonic_ns

    def seconds(moment: int) -> str:
        value = moment - first
        return f"{'-' if value < 0 else ''}{abs(value) // NS_PER_S}.{abs(value) % NS_PER_S:09}"

    whole = format_ns(end.monotonic_ns - first)
    text = f"{seconds(since)} s to {seconds(until)} s of {whole}"
    wall = [
        wall_time(moment, begin, end if end.wall_ns is not None else None)
        for moment in (since, until)
    ]
    if None not in wall:
        text += f" ({' to '.join(format_wall(one) for one in wall if one is not None)})"
    return text
