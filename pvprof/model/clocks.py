"""Two clocks of one machine: which time of day a moment on the monotonic clock is.

Owns how both are told from each other: a recording has them side by side where tracing begins and
where it ends, and events carry the monotonic one. Between, one is taken for a line of the other.
Its slope is not 1: clocks drift, and daemons slew the time of day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from pvprof.model.problems import Problem
from pvprof.units import NS_PER_S

_MOST_DRIFT_PERCENT = 1


class Clocks(NamedTuple):
    """One moment on both clocks of the machine that was recorded, ns.

    `wall_ns` is ns since 1970 (UTC), or None where that is not known.
    """

    monotonic_ns: int
    wall_ns: int | None


def wall_time(moment_ns: int, begin: Clocks, end: Clocks | None) -> int | None:
    """Return the time of day of a moment on the monotonic clock, ns since 1970, rounded down.

    Args:
        moment_ns: on the monotonic clock.
        begin: the mark where tracing began.
        end: the mark where it ended. Without one both clocks run alike.
    """
    if begin.wall_ns is None:
        return None
    since = moment_ns - begin.monotonic_ns
    if end is None or end.wall_ns is None or end.monotonic_ns <= begin.monotonic_ns:
        return begin.wall_ns + since
    passed = end.wall_ns - begin.wall_ns
    return begin.wall_ns + since * passed // (end.monotonic_ns - begin.monotonic_ns)


def moment_of(wall_ns: int, begin: Clocks, end: Clocks | None) -> int | None:
    """Return the moment on the monotonic clock of a time of day, rounded down; see `wall_time`."""
    if begin.wall_ns is None:
        return None
    since = wall_ns - begin.wall_ns
    if end is None or end.wall_ns is None or end.wall_ns <= begin.wall_ns:
        return begin.monotonic_ns + since
    passed = end.monotonic_ns - begin.monotonic_ns
    return begin.monotonic_ns + since * passed // (end.wall_ns - begin.wall_ns)


def drift_problems(begin: Clocks | None, end: Clocks | None, file: str) -> Iterator[Problem]:
    """Yield a warning where the clocks disagree about how long was recorded, by more than 1 %."""
    if begin is None or end is None or begin.wall_ns is None or end.wall_ns is None:
        return
    monotonic = end.monotonic_ns - begin.monotonic_ns
    wall = end.wall_ns - begin.wall_ns
    if abs(wall - monotonic) * 100 > abs(monotonic) * _MOST_DRIFT_PERCENT:
        text = (
            f"the clocks disagree: {monotonic} ns passed on the monotonic, {wall} ns on the other"
        )
        yield Problem("clock-drift", text, file)


def format_wall(wall_ns: int) -> str:
    """Return a time of day in UTC to the millisecond: ``2026-11-22T10:00:00.123Z``.

    What no calendar holds is written as a number.
    """
    try:
        whole = datetime.fromtimestamp(wall_ns // NS_PER_S, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{wall_ns} ns"
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{wall_ns % NS_PER_S // 1_000_000:03}Z"
