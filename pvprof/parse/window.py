"""``--from`` and ``--to``: the times between which single waits and samples are kept.

Owns how a user writes a time, and the moments that it names. ``cut`` applies a window to what was
read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pvprof.errors import UsageError
from pvprof.model.arrays import INT64_MAX
from pvprof.model.clocks import Clocks, moment_of
from pvprof.units import NS_PER_S, format_ns

TIME_HELP = "seconds from the beginning (12.5, 300ms; -5: from the end), or a time (10:00:00, UTC)"

_SECONDS = re.compile(r"([+-]?)(\d{1,10})(?:\.(\d{1,9}))?(s|ms|us|ns)?")
_UNITS = {"s": NS_PER_S, "ms": 1_000_000, "us": 1_000, "ns": 1}
_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?")
_FRACTION = re.compile(r"\.(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Bound:
    """A time as the user gave it: exactly one of the three numbers is set.

    Attributes:
        text: as it was given.
        since_ns: from the beginning of the recording, or, if negative, from its end.
        wall_ns: a wall-clock time, ns since 1970.
        of_day_ns: a time of the day on which the recording began, or of the next day.
    """

    text: str
    since_ns: int | None = None
    wall_ns: int | None = None
    of_day_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a recording; None: from its beginning, to its end."""

    since: Bound | None
    until: Bound | None


def read_bound(text: str) -> Bound:
    """Return the bound that a text of the command line names.

    Raises:
        UsageError: the text is no time.
    """
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        sign, whole, decimals, unit = seconds.groups()
        scale = _UNITS[unit or "s"]
        value = int(whole) * scale + int((decimals or "").ljust(9, "0")) * scale // NS_PER_S
        # -0 is the end, which an int cannot tell from 0: hence `text`
        return Bound(text, since_ns=-value if sign == "-" else value)
    fraction_ns = 0
    fraction = _FRACTION.search(text)
    if fraction:  # datetime has no nanoseconds
        fraction_ns = int(fraction.group(1).ljust(9, "0"))
        text_s = text[: fraction.start()] + text[fraction.end() :]
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
        raise UsageError(f"no time: {text!r}", TIME_HELP) from error


class Edges(NamedTuple):
    """The moments that a window begins and ends at, monotonic ns; None: it is open there."""

    since: int | None
    until: int | None

    def hold(self, moment_ns: int) -> bool:
        """Tell whether a moment is inside."""
        is_after = self.since is None or moment_ns >= self.since
        return is_after and (self.until is None or moment_ns < self.until)


def edges_of(window: Window, begin: Clocks, end: Clocks, source: str) -> Edges:
    """Return the edges of a window of a recording.

    Args:
        window: the part.
        begin: of the whole recording.
        end: of the whole recording.
        source: its name.

    Raises:
        UsageError: none of the recording lies in the window.
    """
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
    return Edges(
        None if window.since is None else max(since, 0),
        None if window.until is None else min(until, INT64_MAX),
    )


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


def _words(window: Window) -> str:
    bounds = (("--from", window.since), ("--to", window.until))
    return " ".join(f"{name} {bound.text}" for name, bound in bounds if bound is not None)
