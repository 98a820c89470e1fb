"""``--from`` and ``--to``: the times between which single waits are kept.

Owns how a user writes a time. ``cut`` applies a window to what was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pvprof.errors import UsageError
from pvprof.units import NS_PER_S

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
