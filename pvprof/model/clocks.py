"""Two clocks of one machine: convert between the monotonic clock and the time of day.

Owns the conversion. A recording has a mark with both clocks when tracing begins and when it
ends; waits have times on the monotonic clock. Between the marks the conversion is linear. The slope
is not exactly 1, because clocks drift and daemons slew the time of day::

    time of day
        ^                      * end mark
        |              .  '
        |      .  '
        * begin mark
        +----------------------------> monotonic
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from pvprof.model.problems import Problem
from pvprof.units import NS_PER_S, format_ns

_MAX_DRIFT_PERCENT = 1


class Clocks(NamedTuple):
    """One moment on both clocks of the recorded machine, in ns.

    Attributes:
        monotonic_ns: on the monotonic clock.
        wall_ns: since 1970 (UTC), or None if not known.
    """

    monotonic_ns: int
    wall_ns: int | None


def wall_time(moment_ns: int, begin: Clocks, end: Clocks | None) -> int | None:
    """Return the time of day of a moment, in ns since 1970, rounded down; None if not known.

    Args:
        moment_ns: on the monotonic clock.
        begin: the mark when tracing began.
        end: the mark when it ended; without one, the slope is 1.
    """
    if begin.wall_ns is None:
        return None
    since_begin = moment_ns - begin.monotonic_ns
    if end is None or end.wall_ns is None or end.monotonic_ns <= begin.monotonic_ns:
        return begin.wall_ns + since_begin
    wall_length = end.wall_ns - begin.wall_ns
    return begin.wall_ns + since_begin * wall_length // (end.monotonic_ns - begin.monotonic_ns)


def moment_of(wall_ns: int, begin: Clocks, end: Clocks | None) -> int | None:
    """Return the moment on the monotonic clock at a time of day, rounded down; see `wall_time`."""
    if begin.wall_ns is None:
        return None
    since_begin = wall_ns - begin.wall_ns
    if end is None or end.wall_ns is None or end.wall_ns <= begin.wall_ns:
        return begin.monotonic_ns + since_begin
    length = end.monotonic_ns - begin.monotonic_ns
    return begin.monotonic_ns + since_begin * length // (end.wall_ns - begin.wall_ns)


def drift_problems(begin: Clocks | None, end: Clocks | None, file: str) -> Iterator[Problem]:
    """Yield a warning if the clocks disagree about the length of the recording by more than 1 %."""
    if begin is None or end is None or begin.wall_ns is None or end.wall_ns is None:
        return
    monotonic = end.monotonic_ns - begin.monotonic_ns
    wall = end.wall_ns - begin.wall_ns
    if abs(wall - monotonic) * 100 > abs(monotonic) * _MAX_DRIFT_PERCENT:
        percent = 100 * (wall - monotonic) / monotonic if monotonic else 0.0
        text = (
            f"the clocks disagree: {format_ns(monotonic)} passed on the monotonic clock, by which"
            f" waits are measured, and {format_ns(wall)} on the time of day, {abs(percent):.1f} %"
            f" {'more' if percent > 0 else 'less'}: times may be wrong by that much"
        )
        yield Problem("clock-drift", text, file)


def format_wall(wall_ns: int) -> str:
    """Return a time of day in UTC to the millisecond: ``2026-11-22T10:00:00.123Z``.

    A time outside of the calendar is written in ns.
    """
    try:
        whole_s = datetime.fromtimestamp(wall_ns // NS_PER_S, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{wall_ns} ns"
    return f"{whole_s:%Y-%m-%dT%H:%M:%S}.{wall_ns % NS_PER_S // 1_000_000:03}Z"
